"""Confirmation by the real engine: a counterexample counts only if the engine decides the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from repurchase.domain.errors import InputError
from repurchase.domain.events import Event
from repurchase.evaluation.step import Decided, Step, step
from repurchase.facts.fact import Situation
from repurchase.facts.table import TABLE
from repurchase.intake.fields import event
from repurchase.ledger.fold import counting
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Fault, Trade, trade
from repurchase.market.feed import read_feed
from repurchase.market.stated import StatedMarket
from repurchase.proof.claims import Bound, Sum, bounds, claims
from repurchase.proof.logic import COMPARED
from repurchase.rulebook.editions import Edition, Editions
from repurchase.rulebook.life import Life, life


class History(msgspec.Struct, frozen=True):
    """A counterexample: events whose last is approved although it breaks the property *claim*."""

    claim: str
    events: tuple[dict[str, Any], ...]


def confirmed(
    events: Sequence[Mapping[str, Any]], editions: Editions, claim: str
) -> History | None:
    """Return *events* as a counterexample to *claim*, if the engine approves the last of them.

    Return `None` otherwise.
    """

    def stated(edition: Edition) -> Iterator[Bound]:
        for one in claims(edition):
            if one.name == claim and one.when is None:
                yield from bounds(one, edition)

    return _broken(events, editions, claim, stated)


def approved_beyond(
    events: Sequence[Mapping[str, Any]], editions: Editions, of: Sum, limit: Bound
) -> History | None:
    """Return *events* if the engine approves the last of them beyond the *limit* of a sum *of*."""
    return _broken(events, editions, of, lambda _: [limit])


def _broken(
    events: Sequence[Mapping[str, Any]],
    editions: Editions,
    name: str,
    limits: Callable[[Edition], Iterable[Bound]],
) -> History | None:
    """Return *events* as a history of *name* if the last is approved beyond one of *limits*."""
    found = _decided(events, editions, live=True)
    if found is None:
        return None
    asked, taken, its = found
    if taken.decision.outcome != "approved" or not isinstance(asked, Trade):
        return None
    reached = Situation(asked, taken.position, taken.position)
    if all(_is_within(reached, bound) for bound in limits(its.edition)):
        return None
    return History(name, tuple(dict(values) for values in events))


def answered(
    events: Sequence[Mapping[str, Any]],
    editions: Editions,
    earlier: Editions | None = None,
    *,
    live: bool = False,
) -> Decided | None:
    """Return the decision on the last of *events*; `None` if one is not a valid event.

    If *earlier* is given, it evaluates the events before the last, as before an adoption. If
    *live*, the events arrive at a desk, where a fill can halt the program; otherwise in a log.
    """
    found = _decided(events, editions, earlier, live=live)
    return None if found is None else Decided(found[1].decision, found[2])


def _decided(
    events: Sequence[Mapping[str, Any]],
    editions: Editions,
    before: Editions | None = None,
    *,
    live: bool,
) -> tuple[Trade | Fault, Step, Life] | None:
    """Return the last of *events* as a trade, its step and edition; `None` if one is invalid.

    *before* evaluates the events before the last, if it is given.
    """
    try:
        read = [event(_as_text(values)) for values in events]
    except InputError:
        return None

    def next_step(now: Event, position: Position, by: Editions) -> Step:
        market = StatedMarket(read_feed(()).of(by.authorization))
        return step(now, position, life(by, now, position), live=live, market=market)

    position = counting(Position(), (before or editions).authorization.kept())
    for earlier in read[:-1]:
        position = next_step(earlier, position, before or editions).position
    position = counting(position, editions.authorization.kept())
    its = life(editions, read[-1], position)
    asked = trade(read[-1], its.edition.counting, position, its.counting)
    return asked, next_step(read[-1], position, editions), its


def _as_text(values: Mapping[str, Any]) -> dict[str, object]:
    return {
        name: value if isinstance(value, bool) else str(value) for name, value in values.items()
    }


def _is_within(reached: Situation, bound: Bound) -> bool:
    value = TABLE[bound.fact].of(reached)
    return value is not None and bool(COMPARED[bound.operator](value, bound.limit))
