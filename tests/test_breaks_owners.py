"""Tests of the property of owners: each deliberate break of who may supply a fact is caught."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from msgspec.structs import replace

from chance import run_check
from repurchase.domain.decisions import Finding
from repurchase.evaluation import judge, owners, step
from repurchase.facts.fact import Market, Situation, Value
from repurchase.facts.outside import FACTS
from repurchase.facts.table import TABLE
from repurchase.journal.outside import NotedMarket, RecordedMarket
from repurchase.ledger.trades import Trade
from test_owners import TOLDS, check_owners

Patch = pytest.MonkeyPatch
EXAMPLES: Final = 200


def event_wins(patch: Patch) -> None:
    """What the event states is read, as if no feed supplied it."""

    def first(whole: Callable[[Situation], Value | None], name: str) -> Any:
        def of(now: Situation) -> Value | None:
            carried = now.trade.event.outside.get(name)
            return whole(now) if carried is None else carried

        return of

    for fact in FACTS:
        patch.setitem(TABLE, fact.name, replace(fact, of=first(fact.of, fact.name)))


def contradiction_passes(patch: Patch) -> None:
    """Nobody says that an event and a feed differ."""
    patch.setattr(step, "owner_findings", lambda *_: iter(()))


def contradicting_fill_is_a_breach(patch: Patch) -> None:
    """A fill that contradicts a feed is denied for that alone, and halts."""
    whole = owners.owner_findings

    def found(proposed: Trade, market: Market | None, facts: Any) -> Iterator[Finding]:
        return (replace(one, effect="deny") for one in whole(proposed, market, facts))

    patch.setattr(step, "owner_findings", found)


def silent_feed_is_filled_in(patch: Patch) -> None:
    """If the feed has no value, the event's is used, although only the feed may supply it."""
    patch.setattr(NotedMarket, "owns", lambda *_: False)


def silence_is_not_recorded(patch: Patch) -> None:
    """A record does not say that a feed alone might have supplied a fact."""
    whole = NotedMarket.outside

    def outside(self: NotedMarket) -> dict[str, Any] | None:
        known = whole(self) or {}
        return {name: value for name, value in known.items() if value is not None} or None

    patch.setattr(NotedMarket, "outside", outside)


def recorded_silence_is_forgotten(patch: Patch) -> None:
    """Re-evaluated, a record takes from the event what only a feed might have supplied."""
    patch.setattr(RecordedMarket, "owns", lambda *_: False)


BREAKS: Final = (
    event_wins,
    contradiction_passes,
    contradicting_fill_is_a_breach,
    silent_feed_is_filled_in,
    silence_is_not_recorded,
    recorded_silence_is_forgotten,
)


@pytest.mark.parametrize("broken", BREAKS, ids=lambda one: one.__name__)
def test_break_is_caught(broken: Callable[[Patch], None], monkeypatch: Patch) -> None:
    """The property fails for one of its examples."""
    judge.forget()
    broken(monkeypatch)
    try:
        with pytest.raises(AssertionError):
            run_check(check_owners, TOLDS, EXAMPLES)
    finally:
        # The rule sets that were loaded read facts as the break did.
        judge.forget()


def test_what_is_not_broken_passes() -> None:
    """The same examples fail for the breaks alone."""
    run_check(check_owners, TOLDS, EXAMPLES)
