"""The nouns of what happens: an event, its kinds, and the closed words it may use."""

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
# Those that rules judge; the others are recorded.
JUDGED: Final = frozenset(("order", "replace", "release", "fill", "correct"))
SIDES: Final = ("buy", "sell")
ORDER_TYPES: Final = ("limit", "market")
METHODS: Final = ("auction", "off_auction", "block", "tender")

_NOTHING: Final[Mapping[str, Exact | bool]] = {}


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Something that happened or is asked for. What no source gave is `None`, never zero.

    Either *time* or *date* is given; with a *date* only the day is known. *price* and *amount* are
    in the instrument's currency, *fees* in the program's, and so is the *amount* that is brought
    forward; *fx* is program currency for one unit of the instrument's. *outside* holds the
    `market.` and `issuer.` facts that the event carries.
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
