"""What a rule file makes of the fills of orders that are open when a desk adopts it.

Nothing asks for an open order again: its fills happen, and count. But the new file evaluates them,
and one that fails a `deny` rule halts the desk. So the whole rest of each open order is tried at
its limit, on each day on which another edition comes into force while the order can fill.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from math import floor

import msgspec

from repurchase.domain.decisions import Decision
from repurchase.domain.events import Event
from repurchase.evaluation.step import is_breach, step
from repurchase.facts.fact import Market
from repurchase.ledger.orders import Order
from repurchase.ledger.position import Position
from repurchase.rulebook.editions import Editions
from repurchase.rulebook.life import Life, life


class OpenFill(msgspec.Struct, frozen=True):
    """The *decision* on a fill of all that is open of *order*, at its limit, on *day*.

    *halts* says whether it would halt the desk. *life* has the words for the decision.
    """

    order: str
    day: date
    decision: Decision
    halts: bool
    life: Life

    @property
    def is_approved(self) -> bool:
        """Return whether the fill is approved."""
        return self.decision.outcome == "approved"


def fills_under(
    position: Position, editions: Editions, day: date, market: Market | None = None
) -> tuple[OpenFill, ...]:
    """Return what *editions* decide on a fill of each open order of *position*, by order ID.

    Each is tried from *day* on, at each of its venues; of these, the first that halts is returned,
    or else the first that is denied, or else the first. An order that can no longer fill is left
    out. *market* supplies facts that no event carries; without it, a rule that reads them is
    undecided.
    """
    orders = ((name, position.orders[name]) for name in sorted(position.orders))
    tried = (
        [
            _tried(name, venue, position, editions, on, market)
            for on, venue in _days(order, editions, day)
        ]
        for name, order in orders
        # What is prepaid without a quantity reserves nothing for its deliveries.
        if order.open_quantity >= 1
    )
    # Of equal ones, `max` returns the first.
    return tuple(max(of, key=_severity) for of in tried if of)


def _severity(one: OpenFill) -> tuple[bool, bool]:
    return one.halts, not one.is_approved


def _days(order: Order, editions: Editions, day: date) -> Iterator[tuple[date, str]]:
    """Yield *day* and each later day with another edition, with each venue where *order* lasts."""
    for on in (day, *(one for one in editions.change_days() if one > day)):
        for listing in order.terms.listings:
            if order.lasts(on, on, listing.venue):
                yield on, listing.venue


def _tried(
    name: str, venue: str, position: Position, editions: Editions, day: date, market: Market | None
) -> OpenFill:
    # After a split, a part of a unit may be open, which cannot fill.
    quantity = floor(position.orders[name].open_quantity)
    # The fill takes its price, its rate and its fees from the order.
    event = Event(kind="fill", id=name, order=name, venue=venue, date=day, quantity=quantity)
    its = life(editions, event, position)
    decision = step(event, position, its, live=True, market=market).decision
    return OpenFill(name, day, decision, is_breach(decision.findings), its)
