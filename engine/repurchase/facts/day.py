"""Facts of the day: what was ordered and executed in one instrument, at one venue, on one day."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from repurchase.domain.counters import DAY_APART
from repurchase.domain.quantities import COUNT, SHARES, Dimension, Exact
from repurchase.facts.counters import figure_of
from repurchase.facts.domains import COUNTED, ZERO_OR_MORE
from repurchase.facts.fact import Fact, Situation
from repurchase.facts.trade import PROGRAM_MONEY
from repurchase.ledger.fold import day as day_of
from repurchase.ledger.position import Day, Position


def _brokers(day: Day) -> int | None:
    return None if day.brokers is None else len(day.brokers)


def _of(
    position: Callable[[Situation], Position], read: Callable[[Day], Exact | None]
) -> Callable[[Situation], Exact | None]:
    def of(now: Situation) -> Exact | None:
        day = day_of(position(now), now.trade)
        return None if day is None else read(day)

    return of


# Name, dimension, meaning, its short names before and after the event, what it reads, the event
# fields that give it, and the bound that the example sets.
_Quantity = tuple[
    str, Dimension, str, tuple[str, str], Callable[[Day], Exact | None], tuple[str, ...], str
]
_KEY: Final = ("symbol", "venue")
# The facts of the counter of the day.
OF_DAY: Final = frozenset(
    f"day.{of}{when}" for of in ("shares", "amount") for when in ("", "_after")
)
# What a limit on a day means: the counter of the day, which no file need declare.
_COUNTED: Final[tuple[tuple[str, Dimension, str, tuple[str, ...], str], ...]] = (
    (
        "shares",
        SHARES,
        "shares bought at that venue that day and on order for it",
        ("quantity",),
        "<= 25% * terms.max_shares",
    ),
    (
        "amount",
        PROGRAM_MONEY,
        "money spent at that venue that day and on order for it",
        ("quantity", "price", "amount", "fx", "fees"),
        "<= 25% * terms.max_amount",
    ),
)
_QUANTITIES: Final[tuple[_Quantity, ...]] = (
    (
        "ordered_shares",
        SHARES,
        "shares ordered that day, including cancelled ones, and shares filled without an order",
        ("shares ordered that day before this event", "shares ordered that day"),
        lambda day: day.ordered_shares,
        ("quantity",),
        "<= 1% * terms.max_shares",
    ),
    (
        "executed_shares",
        SHARES,
        "shares bought that day, without those that open orders may still buy",
        ("shares bought that day before this event", "shares bought that day"),
        lambda day: day.executed_shares,
        ("quantity",),
        "<= 1% * terms.max_shares",
    ),
    (
        "brokers",
        COUNT,
        "number of different brokers used that day",
        ("brokers used that day before this event", "brokers used that day"),
        _brokers,
        ("broker",),
        "<= 1",
    ),
    (
        "blocks",
        COUNT,
        "number of block trades that day",
        ("block trades that day before this event", "block trades that day"),
        lambda day: day.blocks,
        ("method",),
        "<= 1",
    ),
)

_MOMENTS: Final[tuple[tuple[str, str, Callable[[Situation], Position]], ...]] = (
    ("", "before this event", lambda now: now.before),
    ("_after", "if this event is accepted", lambda now: now.after),
)


def _counted(
    position: Callable[[Situation], Position], figure: str
) -> Callable[[Situation], Exact | None]:
    def of(now: Situation) -> Exact | None:
        at = position(now)
        if at is now.after and figure == "shares" and not now.adds_known_shares:
            return None
        return figure_of(at, now.trade, DAY_APART.name, figure)

    return of


FACTS: Final = (
    *(
        Fact(
            f"day.{name}{suffix}",
            dimension,
            ZERO_OR_MORE,
            f"{meaning}, {moment}",
            meaning if suffix else f"{meaning} before this event",
            _counted(position, name),
            (*_KEY, *given_by),
            f"day.{name}{suffix} {bound}",
        )
        for name, dimension, meaning, given_by, bound in _COUNTED
        for suffix, moment, position in _MOMENTS
    ),
    *(
        Fact(
            f"day.{name}{suffix}",
            dimension,
            COUNTED if dimension == COUNT else ZERO_OR_MORE,
            f"{meaning}, {moment}",
            short,
            _of(position, read),
            (*_KEY, *given_by),
            f"day.{name}{suffix} {bound}",
        )
        for name, dimension, meaning, shorts, read, given_by, bound in _QUANTITIES
        for (suffix, moment, position), short in zip(_MOMENTS, shorts, strict=True)
    ),
)
