"""Confirmation by the real engine: a counterexample counts only if the engine decides the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from repurchase.domain.errors import InputError
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact
from repurchase.evaluation.step import Decided, Step, step
from repurchase.facts.fact import Situation
from repurchase.facts.table import TABLE
from repurchase.intake.fields import event
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Fault, Trade, trade
from repurchase.market.feed import read_feed
from repurchase.proof.claims import Bound, claims
from repurchase.proof.logic import COMPARED
from repurchase.rulebook.editions import Edition, Editions


class History(msgspec.Struct, frozen=True):
    """A counterexample: events whose last is approved although it breaks the property *claim*.

    *used_shares* and *used_amount* are executed plus reserved after it; `None` if unknown. *cap* is
    the cap exceeded, if the property is about one.
    """

    claim: str
    events: tuple[dict[str, Any], ...]
    used_shares: Exact | None
    used_amount: Exact | None
    cap: Exact | None


def confirmed(
    events: Sequence[Mapping[str, Any]], editions: Editions, claim: str
) -> History | None:
    """Return *events* as a counterexample to *claim*, if the engine approves the last of them.

    Return `None` otherwise.
    """
    found = _decided(events, editions, live=True)
    if found is None:
        return None
    asked, taken, edition = found
    if taken.decision.outcome != "approved" or not isinstance(asked, Trade):
        return None
    used = taken.position
    reached = Situation(asked, used, used)
    if all(_is_within(reached, bound) for bound in claims(edition).get(claim, ())):
        return None
    cap = {"shares": edition.max_shares, "amount": edition.max_amount}.get(claim)
    written = tuple(dict(values) for values in events)
    return History(claim, written, used.used_shares(), used.used_amount(), cap)


def answered(events: Sequence[Mapping[str, Any]], editions: Editions) -> Decided | None:
    """Return the decision on the last of *events* in a log; `None` if one is not a valid event."""
    found = _decided(events, editions, live=False)
    return None if found is None else Decided(found[1].decision, found[2])


def _decided(
    events: Sequence[Mapping[str, Any]], editions: Editions, *, live: bool
) -> tuple[Trade | Fault, Step, Edition] | None:
    """Return the last of *events* as a trade, its step and edition; `None` if one is invalid."""
    try:
        read = [event(_as_text(values)) for values in events]
    except InputError:
        return None
    market = read_feed(()).of(editions.authorization)

    def next_step(now: Event, position: Position) -> Step:
        return step(now, position, editions.of(now, position), live=live, market=market)

    position = Position()
    for earlier in read[:-1]:
        position = next_step(earlier, position).position
    edition = editions.of(read[-1], position)
    asked = trade(read[-1], edition.counting, position)
    return asked, next_step(read[-1], position), edition


def _as_text(values: Mapping[str, Any]) -> dict[str, object]:
    return {
        name: value if isinstance(value, bool) else str(value) for name, value in values.items()
    }


def _is_within(reached: Situation, bound: Bound) -> bool:
    value = TABLE[bound.fact].of(reached)
    return value is not None and bool(COMPARED[bound.operator](value, bound.limit))
