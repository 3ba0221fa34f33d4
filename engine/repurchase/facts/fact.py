"""What a fact is, and the situation from which facts are computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from repurchase.domain.quantities import Dimension, Exact
from repurchase.facts.domains import Domain
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade

# A date is a number of days counted from 0001-01-01, a time of day is in seconds from midnight.
Value = Exact | str | bool


class Market(Protocol):
    """A source of market and issuer facts beside the event; rules read its value, if it has one."""

    def fact(self, name: str, trade: Trade) -> Value | None:
        """Return the fact *name* at the moment of *trade*; `None` if it is unknown."""

    def owns(self, name: str) -> bool:
        """Return whether only this market may supply the fact *name*, so that no event may."""

    def outside_session(self, trade: Trade) -> tuple[str, str] | None:
        """Return when *trade* happened, and the sessions of that day, if it was in none of them."""


class Situation(msgspec.Struct, frozen=True, gc=False):
    """An order or a fill before its decision: the trade, and the position before and after it.

    *market*, if given, supplies facts beside the event. What the event carries counts only if the
    market neither supplies nor owns the fact.
    """

    trade: Trade
    before: Position
    after: Position
    market: Market | None = None

    @property
    def adds_known_shares(self) -> bool:
        """Return whether it is known how many shares a request adds, if the trade is one.

        That is unknown of an unlisted instrument, and of a prepayment that does not say it.
        """
        return self.trade.shares is not None or self.trade.is_fill


class Fact(msgspec.Struct, frozen=True):
    """A named quantity that a rule may read.

    *short* is what sentences call it before a value: its *meaning* is too long there. *of* computes
    its value; it returns `None` if no source supplies the fact. *given_by* names the event fields
    from which the fact is computed. *example* is a condition that reads it. *words* lists every
    word that the fact can be, if its vocabulary is closed; otherwise it is empty.
    """

    name: str
    dimension: Dimension
    domain: Domain
    meaning: str
    short: str
    of: Callable[[Situation], Value | None]
    given_by: tuple[str, ...]
    example: str
    words: tuple[str, ...] = ()
