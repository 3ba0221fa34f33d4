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
    "cancel_requested",
    "cancel",
    "expire",
    "fill",
    "bust",
    "correct",
    "release",
    "halt",
    "resume",
    "confirm",
    "split",
    "prepaid",
)
# The kinds that rules evaluate; the others are only recorded.
JUDGED: Final = frozenset(("order", "replace", "release", "prepaid", "fill", "correct"))
# What only a venue can report; of that, what it executed or took back.
EXECUTIONS: Final = frozenset(("fill", "bust", "correct"))
REPORTS: Final = EXECUTIONS | {"replaced", "rejected", "cancel", "expire"}
# What a desk sends to a venue, or asks somebody to send.
MESSAGES: Final = frozenset(("order", "replace", "release", "cancel_requested"))
SIDES: Final = ("buy", "sell")
ORDER_TYPES: Final = ("limit", "market")
METHODS: Final = ("auction", "off_auction", "block", "tender", "prepaid")
# What the market is doing at the moment of an event.
PHASES: Final = (
    "continuous",
    "opening_auction",
    "closing_auction",
    "auction_only",
    "halt",
    "after_hours",
)

_NOTHING: Final[Mapping[str, Exact | bool]] = {}


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Something that happened or is requested. An absent field is `None`, never zero.

    Either *time* or *date* is given, but a brought_forward event may have neither. With a *date*,
    only the day is known. *quantity* is in the instrument's own units, *shares* in
    ordinary-share equivalents. *price* (per unit) and *amount* are in the instrument's currency,
    but the *amount* of a brought_forward event is in the program's, as are *fees*. An order that
    may fill at several venues names them in *venues*, and then states no *venue*. *fx* is the
    program currency paid for one unit of the instrument's. *person* is whose orders a halt stops,
    *causes* are the events whose halt a resume lifts, *of* is the proposal that is confirmed, and a
    *drill* stops nothing. From the *date* of a split on, *new* units stand for *old* ones.
    *outside* holds the `market.` and `issuer.` facts that the event carries.
    """

    kind: str
    id: str
    authorization: str | None = None
    time: datetime.datetime | None = None
    date: datetime.date | None = None
    symbol: str | None = None
    venue: str | None = None
    venues: tuple[str, ...] = ()
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
    phase: str | None = None
    solicited: bool | None = None
    counterparty: str | None = None
    by: str | None = None
    reason: str | None = None
    shares: Exact | None = None
    person: str | None = None
    causes: tuple[str, ...] | None = None
    of: str | None = None
    drill: bool | None = None
    new: int | None = None
    old: int | None = None
    outside: Mapping[str, Exact | bool] = _NOTHING

    @property
    def at_venues(self) -> tuple[str | None, ...]:
        """Return the venues that it names, the first one first; `None` alone if it names none."""
        return self.venues or (self.venue,)


def key_of(kind: str, id_: str) -> str:
    """Return the key of the event *id_*: what a venue reports has ids of its own."""
    return f"{'report' if kind in REPORTS else 'request'} {id_}"
