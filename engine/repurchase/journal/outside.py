"""The facts that feeds supply for an event: noted during its evaluation, and read from its record.

A record stores them separately from the event. A repetition of the event is therefore recognized
as the same event, whatever the feeds supply by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from repurchase.domain.errors import Problem, Tampering
from repurchase.domain.quantities import written
from repurchase.facts.fact import Market, Value
from repurchase.facts.table import TABLE
from repurchase.journal.records import number
from repurchase.ledger.trades import Trade

# Between the name of a fact and the venue at which it was read, if an order names several.
_AT: Final = "@"


class NotedMarket:
    """A market that answers from another market, and notes each fact that it supplied."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._known: dict[str, Value] = {}

    def fact(self, name: str, trade: Trade) -> Value | None:
        """Return the fact *name* at the moment of *trade*; `None` if it is unknown."""
        value = self._market.fact(name, trade)
        if value is not None:
            self._known[_key(name, trade)] = value
        return value

    def outside(self) -> dict[str, Any] | None:
        """Return the supplied facts as a record stores them; `None` if there are none."""
        return {name: _plain(self._known[name]) for name in sorted(self._known)} or None


class RecordedMarket:
    """A market that supplies only the facts of one record."""

    def __init__(self, outside: Mapping[str, Any] | None) -> None:
        """Take the facts of a record; raise Tampering if one has an impossible name or value."""
        try:
            self._known = {name: _value(name, value) for name, value in (outside or {}).items()}
        except (ValueError, TypeError, KeyError) as error:
            raise Tampering(Problem("the facts in its `outside` cannot be read")) from error

    def fact(self, name: str, trade: Trade) -> Value | None:
        """Return the fact *name* at the venue of *trade*; `None` if it was unknown."""
        return self._known.get(_key(name, trade))


def _key(name: str, trade: Trade) -> str:
    """Return the name of a fact in a record: at another venue than the first, with that venue."""
    venue = trade.other_venue
    return name if venue is None else f"{name}{_AT}{venue}"


def _plain(value: Value) -> str | bool:
    return value if isinstance(value, bool | str) else written(value)


def _value(key: str, plain: object) -> Value:
    name = key.partition(_AT)[0]
    is_flag = TABLE[name].dimension.kind == "flag"
    if is_flag != isinstance(plain, bool) or not isinstance(plain, bool | str):
        raise TypeError(f"`{name}` is {plain!r}")
    value = plain if isinstance(plain, bool) else number(plain)
    # The prover assumes that no fact is outside its domain.
    if value not in TABLE[name].domain:  # type: ignore[operator] # a number, as its domain is
        raise ValueError(f"`{name}` is {plain!r}")
    return value
