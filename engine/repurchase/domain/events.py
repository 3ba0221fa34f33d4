"""The data types of an event: its kinds, its fields, and the words that some fields allow."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Final

import msgspec

from repurchase.domain.quantities import Exact

KINDS: Final = (
    "brought_forward",
    "order",
    "replace",
    "replaced",
    "rejected",
    "cancel",
    "expire",
    "fill",
    "bust",
    "correct",
    "release",
    "halt",
    "resume",
)
# The kinds that rules evaluate; the others are only recorded.
JUDGED: Final = frozenset(("order", "replace", "release", "fill", "correct"))
SIDES: Final = ("buy", "sell")
ORDER_TYPES: Final = ("limit", "market")
METHODS: Final = ("auction", "off_auction", "block", "tender")

_NOTHING: Final[Mapping[str, Exact | bool]] = {}


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Something that happened or is requested. An absent field is `None`, never zero.

    Either *time* or *date* is given, but a brought_forward event may have neither. With a *date*,
    only the day is known. *quantity* is in the instrument's own units, *shares* in
    ordinary-share equivalents. *price* (per unit) and *amount* are in the instrument's currency,
    but the *amount* of a brought_forward event is in the program's, as are *fees*. *fx* is the
    program currency paid for one unit of the instrument's. *outside* holds the `market.` and
    `issuer.` facts that the event carries.
    """

    kind: str
    id: str
    authorization: str | None = None
    time: datetime.datetime | None = None
    date: datetime.date | None = None
    symbol: str | None = None
    venue: str | None = None
    side: str | None = None
    quantity: int | None = None
    price: Exact | None = None
    amount: Exact | None = None
    fees: Exact | None = None
    fx: Exact | None = None
    order: str | None = None
    fill: str | None = None
    expires: datetime.datetime | datetime.date | None = None
    order_type: str | None = None
    broker: str | None = None
    method: str | None = None
    by: str | None = None
    reason: str | None = None
    shares: Exact | None = None
    outside: Mapping[str, Exact | bool] = _NOTHING
