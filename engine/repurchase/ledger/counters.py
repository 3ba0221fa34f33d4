"""What the counters of a position hold: what was executed in each period, and what is on order.

An open order counts with all that it may still use, in every period that it can touch. A trade
that does not say what the scope of a counter asks, such as its broker, counts in it.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar
from unicodedata import normalize

import msgspec
from msgspec.structs import replace
from rpds import HashTrieMap

from repurchase.domain.counters import Counter
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact
from repurchase.domain.terms import Listing
from repurchase.ledger.orders import Order, Terms, day_of

K = TypeVar("K", int, tuple[int, int])
Days = tuple[datetime.date, datetime.date]


class Sum(msgspec.Struct, frozen=True, gc=False):
    """Ordinary-share equivalents, and an amount in program currency."""

    shares: Exact = 0
    amount: Exact = 0

    def plus(self, other: Sum, sign: int = 1) -> Sum:
        """Return this sum and *other*, which is taken away if *sign* is -1."""
        return Sum(self.shares + sign * other.shares, self.amount + sign * other.amount)


NOTHING: Final = Sum()


class Uses(msgspec.Struct, frozen=True, gc=False):
    """What *counter* counts: *executed* by period, and *open* by the periods that orders touch.

    The keys of *open* are the first and the last such period. *always* is counted in each period:
    what was executed on a day that nobody knows.
    """

    counter: Counter
    executed: HashTrieMap[int, Sum] = HashTrieMap()
    open: HashTrieMap[tuple[int, int], Sum] = HashTrieMap()
    always: Sum = NOTHING

    def of(self, day: datetime.date) -> Sum:
        """Return what is executed and on order in the period of *day*.

        In a rolling window, every open order of the counter may still fill.
        """
        if self.counter.is_rolling:
            begin = self.counter.begin(day)
            past = [one for number, one in self.executed.items() if number >= begin]
            return _total((self.always, *past, *self.open.values()))
        return self._in(self.counter.period(day))

    def most(self, days: Days) -> Sum:
        """Return the most that is executed and on order in a period of *days*.

        Of the windows of a rolling counter, that is the first: later ones reach less far back.
        """
        first, last = days
        if self.counter.is_rolling:
            return self.of(first)
        begin, end = self.counter.period(first), self.counter.period(last)
        # The sum of a period is more than that before it only where something begins.
        begun = {number for number in self.executed if begin < number <= end}
        begun |= {number for number, _ in self.open if begin < number <= end}
        each = [self._in(number) for number in (begin, *begun)]
        return Sum(max(one.shares for one in each), max(one.amount for one in each))

    def with_executed(self, day: datetime.date, more: Sum, sign: int = 1) -> Uses:
        """Return these uses with *more* executed on *day*, or less if *sign* is -1."""
        period = self.counter.period(day)
        left = self.executed.get(period, NOTHING).plus(more, sign)
        return replace(self, executed=_kept(self.executed, period, left))

    def with_order(self, order: Order | None, sign: int = 1) -> Uses:
        """Return these uses with what *order* reserves, or without it if *sign* is -1."""
        days = None if order is None or not order.is_open else of_order(self.counter, order)
        if order is None or days is None:
            return self
        key = self.counter.period(days[0]), self.counter.period(days[1])
        reserved = Sum(order.reserved_shares, order.reserved_amount or 0)
        left = self.open.get(key, NOTHING).plus(reserved, sign)
        return replace(self, open=_kept(self.open, key, left))

    def _in(self, period: int) -> Sum:
        on_order = (one for (a, b), one in self.open.items() if a <= period <= b)
        return _total((self.always, self.executed.get(period, NOTHING), *on_order))


def _kept(sums: HashTrieMap[K, Sum], key: K, value: Sum) -> HashTrieMap[K, Sum]:
    if value == NOTHING:
        return sums.remove(key) if key in sums else sums
    return sums.insert(key, value)


def _total(sums: Iterable[Sum]) -> Sum:
    total = NOTHING
    for one in sums:
        total = total.plus(one)
    return total


# -- what a counter counts ------------------------------------------------------------------------


def is_in_scope(counter: Counter, event: Event, listings: Sequence[Listing]) -> bool | None:
    """Return whether a trade is in the scope of *counter*; `None` if it does not say.

    *event* has the fields of its order, and *listings* are the instrument at each of its venues:
    one of them is enough.
    """
    instruments = {one.instrument for one in listings}
    venues = {one.venue for one in listings}
    parts = [
        _is_among(counter.instruments, instruments),
        _is_among(counter.venues, venues),
        _is_among(counter.methods, _said(event.method)),
        _is_among(counter.brokers, _said(event.broker)),
    ]
    return False if False in parts else None if None in parts else True


def _said(word: str | None) -> set[str]:
    # As rules compare words: in Unicode's composed form.
    return set() if word is None else {normalize("NFC", word)}


def _is_among(wanted: Sequence[str], found: set[str]) -> bool | None:
    if not wanted:
        return True
    return not found.isdisjoint(wanted) if found else None


def of_order(counter: Counter, order: Order) -> Days | None:
    """Return the first and the last day on which *order* counts in *counter*; `None` if on none."""
    terms = order.in_play()
    in_scope = [one for one in terms if is_in_scope(counter, one.event, one.listings) is not False]
    if not in_scope:
        return None
    firsts, lasts = zip(*(days_of(counter, one) for one in in_scope), strict=True)
    return counter.within(min(firsts), max(lasts))


def days_of(counter: Counter, terms: Terms) -> Days:
    """Return the first and the last day of *terms* on the clock of *counter*."""
    event, zone = terms.event, counter.zone
    if zone is not None:
        return day_of(event, zone), max(terms.last_date, day_of(event, zone))
    firsts = [day_of(event, one.zone) for one in terms.listings] or [terms.last_date]
    return min(firsts), max(terms.venue_last or terms.last_date, *firsts)
