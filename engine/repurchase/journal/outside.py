"""The facts that feeds supply for an event: noted during its evaluation, and read from its record.

A record stores them separately from the event. A repetition of the event is therefore recognized
as the same event, whatever the feeds supply by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from repurchase.domain.errors import Problem, Tampering
from repurchase.domain.quantities import written
from repurchase.facts.fact import Market, Value
from repurchase.facts.table import TABLE
from repurchase.journal.records import number
from repurchase.ledger.trades import Trade

# Between the name of a fact and the venue at which it was read, if an order names several.
_AT: Final = "@"


class Fed(Market, Protocol):
    """A market that knows which files it reads a fact from."""

    def files(self, name: str, trade: Trade) -> frozenset[str]:
        """Return the SHA-256 of each file that was asked for the fact *name* of *trade*."""


class NotedMarket:
    """A market that answers from another, and notes each fact that it supplied, and its files."""

    def __init__(self, market: Fed) -> None:
        self._market = market
        self._files: set[str] = set()
        self._known: dict[str, Value | None] = {}

    def fact(self, name: str, trade: Trade) -> Value | None:
        """Return the fact *name* at the moment of *trade*; `None` if it is unknown."""
        value = self._market.fact(name, trade)
        # That a feed was silent matters if it is why the event's value was not used.
        if value is not None or (name in trade.event.outside and self.owns(name)):
            self._known[_key(name, trade)] = value
        self._files |= self._market.files(name, trade)
        return value

    def outside_session(self, _: Trade) -> None:
        """Return `None`: no record holds the sessions, which a later table may have otherwise."""

    def feeds(self) -> tuple[str, ...]:
        """Return the SHA-256 of each file that was asked for a fact, in order."""
        return tuple(sorted(self._files))

    def owns(self, name: str) -> bool:
        """Return whether only the other market may supply the fact *name*."""
        return self._market.owns(name)

    def outside(self) -> dict[str, Any] | None:
        """Return the supplied facts as a record stores them; `None` if there are none.

        The value of a fact is `None` if the event states it, but only a feed may, and no feed did.
        """
        return {name: _plain(self._known[name]) for name in sorted(self._known)} or None


class RecordedMarket:
    """A market that supplies only the facts of one record, and owns what feeds owned then."""

    def __init__(self, outside: Mapping[str, Any] | None, feed_only: Iterable[str] = ()) -> None:
        """Take the facts *outside* of a record, and those that its rule file says are *feed_only*.

        Raise Tampering if a fact has an impossible name or value.
        """
        try:
            self._known = {name: _value(name, value) for name, value in (outside or {}).items()}
        except (ValueError, TypeError, KeyError) as error:
            raise Tampering(Problem("the facts in its `outside` cannot be read")) from error
        silent = {key.partition(_AT)[0] for key, value in self._known.items() if value is None}
        self._owned = silent.union(feed_only)

    def fact(self, name: str, trade: Trade) -> Value | None:
        """Return the fact *name* at the venue of *trade*; `None` if it was unknown."""
        return self._known.get(_key(name, trade))

    def notes(self, name: str, trade: Trade) -> bool:
        """Return whether the record says what a feed supplied for the fact, or that none did."""
        return _key(name, trade) in self._known

    def owns(self, name: str) -> bool:
        """Return whether only a feed might supply the fact *name*."""
        return name in self._owned

    def outside_session(self, _: Trade) -> None:
        """Return `None`: no record holds the sessions, which a later table may have otherwise."""

    def files(self, _: str, __: Trade) -> frozenset[str]:
        """Return nothing: a record stands for the files that it names."""
        return frozenset()


def _key(name: str, trade: Trade) -> str:
    """Return the name of a fact in a record: at another venue than the first, with that venue."""
    venue = trade.other_venue
    return name if venue is None else f"{name}{_AT}{venue}"


def _plain(value: Value | None) -> str | bool | None:
    return value if value is None or isinstance(value, bool | str) else written(value)


def _value(key: str, plain: object) -> Value | None:
    name = key.partition(_AT)[0]
    is_flag = TABLE[name].dimension.kind == "flag"
    if plain is None:
        return None
    if is_flag != isinstance(plain, bool) or not isinstance(plain, bool | str):
        raise TypeError(f"`{name}` is {plain!r}")
    value = plain if isinstance(plain, bool) else number(plain)
    # The prover assumes that no fact is outside its domain.
    if value not in TABLE[name].domain:  # type: ignore[operator] # a number, as its domain is
        raise ValueError(f"`{name}` is {plain!r}")
    return value
