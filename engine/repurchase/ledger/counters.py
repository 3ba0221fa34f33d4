"""What the counters of a position hold: what happened in each period, and what is on order.

An open order counts with all that it may still use, in every period that it can touch. A trade
that does not say what the scope of a counter asks, such as its broker, counts in it.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar
from unicodedata import normalize

import msgspec
from msgspec.structs import replace
from rpds import HashTrieMap

from repurchase.domain.counters import Counter, When, day_over
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact
from repurchase.domain.terms import Listing
from repurchase.ledger.orders import Order, Terms, day_of

K = TypeVar("K", int, tuple[int, int])
Span = tuple[When, When]
# Brokers in the order of their names, each with how often it was named.
Brokers = tuple[tuple[str, int], ...]
# The broker of a trade that names none.
UNNAMED: Final = ""
UNKNOWN: Final = ((UNNAMED, 1),)
# Of short periods, those of the last hour are remembered, or of the last window if that is longer.
_KEPT_AT_LEAST: Final = 3_600 * 1_000_000
# How many short periods pile up before older ones are forgotten.
_PILE: Final = 1 << 14


class Sum(msgspec.Struct, frozen=True, gc=False):
    """What happened or is on order.

    *shares* are ordinary-share equivalents, *amount* is in program currency. *ordered_shares* were
    approved, or filled without an order. *orders* were approved, *messages* and *cancels* were
    asked for, *open_orders* can still fill. *brokers* were named.
    """

    shares: Exact = 0
    amount: Exact = 0
    ordered_shares: Exact = 0
    orders: int = 0
    messages: int = 0
    cancels: int = 0
    open_orders: int = 0
    brokers: Brokers = ()

    def plus(self, other: Sum, sign: int = 1) -> Sum:
        """Return this sum and *other*, which is taken away if *sign* is -1."""
        return Sum(
            self.shares + sign * other.shares,
            self.amount + sign * other.amount,
            self.ordered_shares + sign * other.ordered_shares,
            self.orders + sign * other.orders,
            self.messages + sign * other.messages,
            self.cancels + sign * other.cancels,
            self.open_orders + sign * other.open_orders,
            _named_by_both(self.brokers, other.brokers, sign),
        )


NOTHING: Final = Sum()


def _named_by_both(one: Brokers, other: Brokers, sign: int) -> Brokers:
    if not other or (not one and sign == 1):
        return one or other
    times = dict(one)
    for broker, more in other:
        times[broker] = times.get(broker, 0) + sign * more
    return _sorted(times)


def _sorted(times: dict[str, int]) -> Brokers:
    return tuple(sorted((broker, left) for broker, left in times.items() if left))


class Part(msgspec.Struct, frozen=True, gc=False):
    """What was done in a part of rolling windows: the *total* of the sums at these *numbers*."""

    total: Sum = NOTHING
    numbers: HashTrieMap[int, bool] = HashTrieMap()


_NONE: Final = Part()


class Uses(msgspec.Struct, frozen=True, gc=False):
    """What *counter* counts: *done* by period, and *open* by the periods that orders touch.

    The keys of *open* are the first and the last such period. *always* is counted in each period:
    what was executed on a day, or at a moment, that nobody knows. Of short periods, those before
    *since* are forgotten. *newest* is the latest of *done*, so that none is sought beyond it.
    *parts* of rolling windows add up *done*, each by its number divided by the counter's width.
    What was ordered is unknown in periods before *ordered_since*.
    """

    counter: Counter
    done: HashTrieMap[int, Sum] = HashTrieMap()
    open: HashTrieMap[tuple[int, int], Sum] = HashTrieMap()
    always: Sum = NOTHING
    since: int = 0
    newest: int = 0
    parts: HashTrieMap[int, Part] = HashTrieMap()
    ordered_since: int = 0

    def knows_ordered(self, when: When) -> bool:
        """Return whether it is known what was ordered in the period of *when*."""
        counter = self.counter
        begin = counter.begin(when) if counter.is_rolling else counter.period(when)
        return begin is not None and begin >= self.ordered_since

    def of(self, when: When) -> Sum | None:
        """Return what was done and is on order in the period of *when*; `None` if it is forgotten.

        In a rolling window, every open order of the counter may still fill.
        """
        if self.counter.is_rolling:
            begin = self.counter.begin(when)
            if begin is None or begin < self.since:
                return None
            return _total((self.always, *self._since(begin), *self.open.values()))
        period = self.counter.period(when)
        return None if period is None or period < self.since else self._in(period)

    def latest(self, when: When) -> When:
        """Return *when*, or when the latest window ends that has more than the one of *when*."""
        if not self.counter.is_rolling or self.newest <= (self.counter.period(when) or 0):
            return when
        is_short, newest = self.counter.is_short, self.newest
        return When(when.day, newest) if is_short else When(datetime.date.fromordinal(newest))

    def most(self, span: Span) -> Sum | None:
        """Return the most that was done and is on order in a period of *span*; `None` if unknown.

        Of the windows of a rolling counter, that is the first: later ones reach less far back.
        """
        first, last = span
        if self.counter.is_rolling:
            return self.of(first)
        begin, end = self.counter.period(first), self.counter.period(last)
        if begin is None or end is None or begin < self.since:
            return None
        if begin == end:
            return self._in(begin)
        # The sum of a period is more than that before it only where something begins.
        later = range(begin + 1, min(end, self.newest) + 1)
        begun = {number for number in later if number in self.done}
        begun |= {number for number, _ in self.open if begin < number <= end}
        return _largest([self._in(number) for number in (begin, *begun)])

    def with_done(self, when: When, more: Sum, sign: int = 1) -> Uses:
        """Return these uses with *more* done at *when*, or less if *sign* is -1."""
        period = self.counter.period(when)
        if period is None:
            return replace(self, always=self.always.plus(more, sign))
        if period < self.since:
            return self
        left = self.done.get(period, NOTHING).plus(more, sign)
        done, newest, parts = _kept(self.done, period, left), max(self.newest, period), self.parts
        if self.counter.is_rolling:
            number = period // self.counter.width
            parts = parts.insert(number, _more(parts.get(number, _NONE), period, more, sign))
        return _without_old(replace(self, done=done, newest=newest, parts=parts), period)

    def with_all(self, done: Mapping[int, Sum]) -> Uses:
        """Return these uses with the sums *done* instead of all that was done."""
        parts: dict[int, Part] = {}
        if self.counter.is_rolling:
            for period, one in done.items():
                number = period // self.counter.width
                parts[number] = _more(parts.get(number, _NONE), period, one)
        return replace(self, done=HashTrieMap(done), parts=HashTrieMap(parts))

    def _since(self, begin: int) -> Iterator[Sum]:
        """Yield the sums of what was done since the day or moment *begin*."""
        first, width = begin // self.counter.width, self.counter.width
        numbers = self.parts.get(first, _NONE).numbers
        yield from (self.done.get(one, NOTHING) for one in numbers if one >= begin)
        last = self.newest // width
        if last - first > len(self.parts):
            yield from (part.total for number, part in self.parts.items() if number > first)
            return
        for number in range(first + 1, last + 1):
            part = self.parts.get(number)
            if part is not None:
                yield part.total

    def with_order(self, before: Order | None, order: Order | None) -> Uses:
        """Return these uses with what *order* reserves, instead of what it reserved *before*."""
        if before is None or order is None or not before.is_reserved_as(order):
            without = self if before is None else self.with_open(before, _reserved(before), -1)
            return without if order is None else without.with_open(order, _reserved(order))
        used = before.reserved_shares - order.reserved_shares
        paid = (before.reserved_amount or 0) - (order.reserved_amount or 0)
        return self.with_open(order, Sum(used, paid), -1)

    def with_open(self, order: Order, reserved: Sum, sign: int = 1) -> Uses:
        """Return these uses with *reserved* by *order* if it is open, or less if *sign* is -1."""
        span = of_order(self.counter, order) if order.is_open else None
        if span is None:
            return self
        begin, end = self.counter.period(span[0]), self.counter.period(span[1])
        if begin is None or end is None:
            return replace(self, always=self.always.plus(reserved, sign))
        left = self.open.get((begin, end), NOTHING).plus(reserved, sign)
        return replace(self, open=_kept(self.open, (begin, end), left))

    def _in(self, period: int) -> Sum:
        done = self.done.get(period, NOTHING)
        if not self.open and self.always is NOTHING:
            return done
        on_order = (one for (a, b), one in self.open.items() if a <= period <= b)
        return _total((self.always, done, *on_order))


def _more(part: Part, number: int, more: Sum, sign: int = 1) -> Part:
    """Return *part* with *more* at the day or moment *number*, or less if *sign* is -1."""
    return Part(part.total.plus(more, sign), part.numbers.insert(number, True))


def _reserved(order: Order) -> Sum:
    return Sum(
        order.reserved_shares,
        order.reserved_amount or 0,
        open_orders=1,
        brokers=named(order.terms.event),
    )


def _without_old(uses: Uses, now: int) -> Uses:
    """Return *uses* without the short periods long before *now*, once many have piled up."""
    counter, per = uses.counter, uses.counter.per
    if per is None or not per.is_short or len(uses.done) % _PILE:
        return uses
    length = per.length[0]
    kept = max(_KEPT_AT_LEAST, length)
    since = max(uses.since, now - (kept if counter.is_rolling else kept // length))
    done = {number: one for number, one in uses.done.items() if number >= since}
    return replace(uses.with_all(done), since=since)


def named(event: Event) -> Brokers:
    """Return the broker of *event*, named once."""
    return UNKNOWN if event.broker is None else ((normalize("NFC", event.broker), 1),)


def is_unknown(brokers: Brokers) -> bool:
    """Return whether one of *brokers* is unknown."""
    return any(broker == UNNAMED for broker, _ in brokers)


def _kept(sums: HashTrieMap[K, Sum], key: K, value: Sum) -> HashTrieMap[K, Sum]:
    if value == NOTHING:
        return sums.remove(key) if key in sums else sums
    return sums.insert(key, value)


def _total(sums: Iterable[Sum]) -> Sum:
    """Return the total of *sums*, in one pass for each figure: a window can hold hundreds."""
    each = [one for one in sums if one is not NOTHING]
    if len(each) < 2:
        return each[0] if each else NOTHING
    times: dict[str, int] = {}
    for one in each:
        for broker, more in one.brokers:
            times[broker] = times.get(broker, 0) + more
    return Sum(
        sum(one.shares for one in each),
        sum(one.amount for one in each),
        sum(one.ordered_shares for one in each),
        sum(one.orders for one in each),
        sum(one.messages for one in each),
        sum(one.cancels for one in each),
        sum(one.open_orders for one in each),
        _sorted(times),
    )


def _largest(sums: Sequence[Sum]) -> Sum:
    """Return the largest of each figure of *sums*."""
    if len(sums) == 1:
        return sums[0]
    return Sum(
        max(one.shares for one in sums),
        max(one.amount for one in sums),
        max(one.ordered_shares for one in sums),
        max(one.orders for one in sums),
        max(one.messages for one in sums),
        max(one.cancels for one in sums),
        max(one.open_orders for one in sums),
        # A trade without a broker leaves their number unknown.
        max((one.brokers for one in sums), key=lambda of: (is_unknown(of), len(of))),
    )


# -- what a counter counts ------------------------------------------------------------------------


def is_in_scope(counter: Counter, event: Event, listings: Sequence[Listing]) -> bool | None:
    """Return whether a trade is in the scope of *counter*; `None` if it does not say.

    *event* has the fields of its order, and *listings* are the instrument at each of its venues:
    one of them is enough.
    """
    is_sure = True
    for wanted, word in ((counter.methods, event.method), (counter.brokers, event.broker)):
        if wanted and word is None:
            is_sure = False
        # As rules compare words: in Unicode's composed form.
        elif wanted and word not in wanted and normalize("NFC", word or "") not in wanted:
            return False
    if listings:
        is_listed = bool(listings_of(counter, listings))
        return False if not is_listed else True if is_sure else None
    return True if is_sure and not counter.instruments and not counter.venues else None


def listings_of(counter: Counter, listings: Sequence[Listing]) -> Sequence[Listing]:
    """Return those of *listings* that *counter* counts."""
    instruments, venues = counter.instruments, counter.venues
    if not instruments and not venues:
        return listings
    return [
        one
        for one in listings
        if (not instruments or one.instrument in instruments)
        and (not venues or one.venue in venues)
    ]


def when_asked(
    counter: Counter, event: Event, listings: Sequence[Listing], day: datetime.date
) -> When | None:
    """Return when *counter* counts the request *event*; without *listings*, on *day*.

    Return `None` if it does not count it.
    """
    if is_in_scope(counter, event, listings) is False:
        return None
    first = first_day(counter, event, listings_of(counter, listings)) or day
    when = counter.when(first, event.time)
    return when if counter.within(when, when) is not None else None


def of_order(counter: Counter, order: Order) -> Span | None:
    """Return when *order* first and last counts in *counter*; `None` if it never does."""
    if order.asked is None:
        own = order.terms
        if is_in_scope(counter, own.event, own.listings) is False:
            return None
        first, last = _days_of(counter, own)
        return counter.within(counter.when(first, own.event.time), day_over(last))
    terms = order.in_play()
    in_scope = [one for one in terms if is_in_scope(counter, one.event, one.listings) is not False]
    if not in_scope:
        return None
    firsts, lasts = zip(*(_days_of(counter, one) for one in in_scope), strict=True)
    # The terms in play that were asked for first may apply: `in_play` begins with them.
    return counter.within(counter.when(min(firsts), in_scope[0].event.time), day_over(max(lasts)))


def _days_of(counter: Counter, terms: Terms) -> tuple[datetime.date, datetime.date]:
    """Return the first and the last day of *terms* on the clock of *counter*."""
    event, zone = terms.event, counter.zone
    if zone is not None:
        first = day_of(event, zone)
        return first, max(terms.last_date, first)
    listings = listings_of(counter, terms.listings)
    firsts = [day_of(event, one.zone) for one in listings] or [terms.last_date]
    return min(firsts), max(terms.venue_last or terms.last_date, *firsts)


def first_day(counter: Counter, event: Event, listings: Sequence[Listing]) -> datetime.date | None:
    """Return the earliest day of *event* on the clock of *counter*, at any of *listings*.

    Return `None` if that is a venue's clock and there is none.
    """
    if counter.zone is not None:
        return day_of(event, counter.zone)
    return min((day_of(event, one.zone) for one in listings), default=None)
