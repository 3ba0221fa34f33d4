"""Histories judged by the real engine: what it does not confirm is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from repurchase.domain.errors import InputError
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact
from repurchase.evaluation.step import Decided, Step, step
from repurchase.intake.fields import event
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Fault, Trade, trade
from repurchase.market.feed import read_feed
from repurchase.proof.claims import window
from repurchase.rulebook.editions import Edition, Editions


class History(msgspec.Struct, frozen=True):
    """Events, the last of which is approved against the *claim*, and what is used after it.

    *cap* is what may be used, where the claim is of one.
    """

    claim: str
    events: tuple[dict[str, Any], ...]
    used_shares: Exact | None
    used_amount: Exact | None
    cap: Exact | None


def confirmed(
    events: Sequence[Mapping[str, Any]], editions: Editions, claim: str
) -> History | None:
    """Return *events* as a history against *claim* if the engine approves the last of them."""
    found = _judged(events, editions, live=True)
    if found is None:
        return None
    asked, taken, edition = found
    if taken.decision.outcome != "approved" or not isinstance(asked, Trade):
        return None
    if not _is_against(claim, asked, taken.position, edition):
        return None
    told = tuple(dict(one) for one in events)
    cap = {"shares": edition.max_shares, "amount": edition.max_amount}.get(claim)
    used = taken.position
    return History(claim, told, used.used_shares(), used.used_amount(), cap)


def answered(events: Sequence[Mapping[str, Any]], editions: Editions) -> Decided | None:
    """Return the answer to the last of *events* in a log, `None` where no sender can write them."""
    found = _judged(events, editions, live=False)
    return None if found is None else Decided(found[1].decision, found[2])


def _judged(
    events: Sequence[Mapping[str, Any]], editions: Editions, *, live: bool
) -> tuple[Trade | Fault, Step, Edition] | None:
    """Return the last of *events* as a trade, its step and the edition that made it."""
    try:
        asked = [event(_plain(one)) for one in events]
    except InputError:
        return None
    market = read_feed(()).of(editions.authorization)

    def judged(one: Event, position: Position) -> Step:
        return step(one, position, editions.of(one, position), live=live, market=market)

    position = Position()
    for one in asked[:-1]:
        position = judged(one, position).position
    last = asked[-1]
    edition = editions.of(last, position)
    return trade(last, edition.counting, position), judged(last, position), edition


def _plain(values: Mapping[str, Any]) -> dict[str, object]:
    return {
        name: value if isinstance(value, bool) else str(value) for name, value in values.items()
    }


def _is_against(claim: str, asked: Trade, position: Position, edition: Edition) -> bool:
    """Return whether the engine's own position and trade are against *claim*."""
    match claim:
        case "shares":
            return _is_past(position.used_shares(), edition.max_shares)
        case "amount":
            return _is_past(position.used_amount(), edition.max_amount)
        case "window":
            return _is_outside(asked.date, asked.last_date, edition)
        case "window-at-venue":
            return _is_outside(asked.venue_date, asked.venue_last_date, edition)
        case _:
            return asked.event.side != "buy"


def _is_past(used: Exact | None, cap: Exact | None) -> bool:
    return cap is not None and (used is None or used > cap)


def _is_outside(begin: date | None, end: date | None, edition: Edition) -> bool:
    first, last = window(edition)
    if begin is None or end is None:
        return True
    return (first is not None and begin.toordinal() < first) or (
        last is not None and end.toordinal() > last
    )
