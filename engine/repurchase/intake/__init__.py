"""Trade logs and single events from text: what can be read exactly is, the rest is refused."""

from __future__ import annotations

from repurchase.intake.fields import Number, event
from repurchase.intake.ids import Ids, Seen
from repurchase.intake.log import Form, Log, open_log
from repurchase.intake.objects import event_from_json
from repurchase.intake.order import Order, sorted_rows
from repurchase.intake.rows import Row

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
