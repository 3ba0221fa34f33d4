"""Findings on an event that states a fact which belongs to a feed."""

from __future__ import annotations

from collections.abc import Container, Iterator

from repurchase.domain.decisions import Effect, Finding
from repurchase.domain.quantities import value_written
from repurchase.facts.fact import Market, Value
from repurchase.facts.table import TABLE
from repurchase.ledger.trades import Trade


def owner_findings(
    proposed: Trade, market: Market | None, facts: Container[str]
) -> Iterator[Finding]:
    """Yield the findings on facts that the event of *proposed* states and that *market* owns.

    If the market supplies another value, the event contradicts it. That denies a request; what
    happened counts by the market's value, so the finding on a fill only flags it. If only the
    market may supply one of *facts*, which rules read, and it is silent, the event's value is not
    used. Each finding names every such fact with its values: `observed` are the event's, `limit`
    the market's.
    """
    if market is None or not proposed.event.outside:
        return
    stated, supplied, unused = [], [], []
    for name, value in sorted(proposed.event.outside.items()):
        known = market.fact(name, proposed)
        if known is None:
            is_unused = name in facts and market.owns(name)
            unused += [_with_value(name, value)] if is_unused else []
        elif known != value:
            stated.append(_with_value(name, value))
            supplied.append(_with_value(name, known))
    if stated:
        effect: Effect = "flag" if proposed.is_fill else "deny"
        sides = ", ".join(stated), ", ".join(supplied)
        yield Finding("engine.contradicted", "fail", effect, *sides)
    if unused:
        yield Finding("engine.feed-only", "fail", "flag", ", ".join(unused))


def _with_value(name: str, value: Value) -> str:
    return f"{name} {value_written(value, TABLE[name].dimension)}"
