"""What a fact is, and the situation that facts are read from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from repurchase.domain.quantities import Dimension, Exact
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade

# A day is a number counted from 0001-01-01, a time of day seconds from midnight.
Value = Exact | str | bool


class Market(Protocol):
    """What is known of the market beside what an event says itself."""

    def fact(self, name: str, trade: Trade) -> Value | None:
        """Return the fact *name* at the moment of *trade*, `None` where it is not known."""


class Situation(msgspec.Struct, frozen=True, gc=False):
    """An order or a fill before it is decided: the trade, and the position before and after it.

    *market* tells what the event does not, where there is one.
    """

    trade: Trade
    before: Position
    after: Position
    market: Market | None = None


class Fact(msgspec.Struct, frozen=True):
    """A named quantity that a rule may read; *of* returns `None` where no source gave it.

    *given_by* are the fields of an event that it comes from, *example* is a condition that reads
    it, and *words* are the only words that it can be, where its vocabulary is closed.
    """

    name: str
    dimension: Dimension
    meaning: str
    of: Callable[[Situation], Value | None]
    given_by: tuple[str, ...]
    example: str
    words: tuple[str, ...] = ()
