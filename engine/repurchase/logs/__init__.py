"""Trade logs and single events from text: what can be read exactly is, the rest is refused."""

from __future__ import annotations

from repurchase.logs.fields import Number, event
from repurchase.logs.ids import Ids, Seen
from repurchase.logs.log import Form, Log, open_log
from repurchase.logs.objects import event_from_json
from repurchase.logs.order import Order, sorted_rows
from repurchase.logs.rows import Row

__all__ = [
    "Form",
    "Ids",
    "Log",
    "Number",
    "Order",
    "Row",
    "Seen",
    "event",
    "event_from_json",
    "open_log",
    "sorted_rows",
]
