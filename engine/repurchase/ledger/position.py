"""What a program has used so far: sums, orders, days, and the fills that can still be busted."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from math import prod
from typing import Final

import msgspec
from msgspec.structs import replace
from rpds import HashTrieMap, Queue

from repurchase.domain.counters import When
from repurchase.domain.events import Event
from repurchase.domain.people import Identity
from repurchase.domain.quantities import Exact, quotient
from repurchase.domain.terms import Listing
from repurchase.ledger.counters import Uses
from repurchase.ledger.orders import Order

# A position remembers at least this many of the latest fills. A bust of an older fill is denied,
# and a correct of it counts in full, because the position no longer knows what to deduct.
FILLS_REMEMBERED: Final = 1 << 16


# A position remembers closed orders while it knows at most so many orders: that is what keeps it
# small. A report on a forgotten order counts as one on an unknown order does.
ORDERS_REMEMBERED: Final = 1 << 17
# A position remembers at most so many different requests. Each further one counts as if it were
# made with the latest that it has forgotten.
REQUESTS_REMEMBERED: Final = 1 << 16
MICROSECONDS: Final = 1_000_000
# More seconds than have passed since the first day of the calendar.
SINCE_NONE: Final = 10**12
# Beyond so many brokers on one day their number is unknown. No limit on it is that high.
BROKERS_MAX: Final = 1 << 10


class Day(msgspec.Struct, frozen=True, gc=False):
    """What one instrument used on one venue and day, in ordinary-share equivalents.

    Each field that depends on a trade's method or broker is `None` after a trade that states none.
    *brokers* are also `None` beyond `BROKERS_MAX`.
    """

    ordered_shares: Exact = 0
    executed_shares: Exact = 0
    brokers: frozenset[str] | None = frozenset()
    blocks: int | None = 0


DayKey = tuple[str, str, datetime.date]
NO_DAY: Final = Day()


class Counted(msgspec.Struct, frozen=True, gc=False):
    """A fill as it was counted: with the fields taken from its order, its listing and its days.

    *shares* are ordinary-share equivalents, *amount* is in program currency; `None` if unknown.
    *settled* says whether a bust or a correct has taken the fill back, and *corrected_by* is the
    correct that counts in its place.
    """

    event: Event
    listing: Listing | None
    shares: Exact | None
    amount: Exact | None
    date: datetime.date
    venue_date: datetime.date | None
    venue_time: Exact | None
    settled: bool = False
    corrected_by: str | None = None

    @property
    def leaves_unknown(self) -> bool:
        """Return whether a sum stays unknown until this fill is busted or corrected."""
        return not self.settled and (self.shares is None or self.amount is None)


class Opening(msgspec.Struct, frozen=True, gc=False):
    """What was brought forward, and *when*.

    If the event does not say that, it *is_before* the day of the first event that moves the program
    to a day, and *when* is `None` until then.
    """

    shares: Exact
    amount: Exact
    when: When | None
    is_before: bool


class Split(msgspec.Struct, frozen=True, gc=False):
    """That from *day* on, at the venue, *ratio* units of *instrument* stand for one before."""

    instrument: str
    day: datetime.date
    ratio: Exact


class Fills(msgspec.Struct, frozen=True, gc=False):
    """The latest fills by id, in two generations; if the newer is full, the older is dropped.

    A fill that leaves a sum unknown is never dropped, because only its bust or correct can make
    the sum known again.
    """

    newer: HashTrieMap[str, Counted] = HashTrieMap()
    older: HashTrieMap[str, Counted] = HashTrieMap()

    def get(self, name: str) -> Counted | None:
        """Return the fill with the id *name*; `None` if it is not remembered."""
        return self.newer.get(name) or self.older.get(name)

    def last(self, name: str) -> Counted | None:
        """Return what counts of the fill *name*: itself, or the last of its corrections."""
        found = self.get(name)
        while found is not None and found.corrected_by is not None:
            found = self.get(found.corrected_by)
        return found

    def every(self) -> Iterator[Counted]:
        """Yield the fills that are remembered, in no particular order."""
        yield from self.newer.values()
        # What became of an older fill since then is among the newer.
        yield from (fill for name, fill in self.older.items() if name not in self.newer)

    def counting(self) -> Iterator[Counted]:
        """Yield the fills that are remembered and count, in no particular order."""
        return (fill for fill in self.every() if not fill.settled)

    def each(self, change: Callable[[Counted], Counted]) -> Fills:
        """Return these fills, each as *change* makes it."""
        newer, older = (
            {name: change(fill) for name, fill in fills.items()}
            for fills in (self.newer, self.older)
        )
        return Fills(self.newer.update(newer), self.older.update(older))

    def with_fill(self, name: str, fill: Counted) -> Fills:
        """Return these fills with *fill* added under the id *name*."""
        newer = self.newer.insert(name, fill)
        if len(newer) < FILLS_REMEMBERED:
            return Fills(newer, self.older)
        kept = {
            old: fill
            for old, fill in self.older.items()
            if fill.leaves_unknown and newer.get(old) is None
        }
        return Fills(HashTrieMap(), newer.update(kept))


class Cause(msgspec.Struct, frozen=True, gc=False):
    """Why a program is halted: a `halt`, or an event that failed the `deny` *rules*.

    *name* is the id of the event, with a number if another cause has that id. *orders* were open
    then, and are to be cancelled.
    """

    name: str
    event: Event
    rules: frozenset[str]
    orders: frozenset[str]


class Proposal(msgspec.Struct, frozen=True, gc=False):
    """What one person proposed and another must confirm: to lift *causes*, or to adopt *rules*.

    *rules* is the hash of a rule file, with those of its *packs* by name. An adoption that
    *is_confirmed* waits only for its own record.
    """

    by: str | None
    reason: str | None
    causes: frozenset[str] = frozenset()
    rules: str | None = None
    packs: HashTrieMap[str, str] = HashTrieMap()
    is_confirmed: bool = False


class Requests(msgspec.Struct, frozen=True, gc=False):
    """When each request was last made, by what it asks for. Those before *since* are forgotten."""

    last: HashTrieMap[int, int] = HashTrieMap()
    since: int = 0

    def seconds_since(self, request: int, moment: int) -> Exact:
        """Return the seconds from the last such *request* to *moment*.

        If there was none, return SINCE_NONE; once some are forgotten, the seconds since the latest
        of those.
        """
        last = self.last.get(request, self.since)
        return SINCE_NONE if not last else quotient(max(moment - last, 0), MICROSECONDS)

    def with_one(self, request: int, moment: int) -> Requests:
        """Return these requests with *request* made at *moment*."""
        last = self.last.insert(request, max(moment, self.last.get(request, 0)))
        if len(last) < REQUESTS_REMEMBERED:
            return replace(self, last=last)
        since = sorted(last.values())[len(last) // 2]
        kept = {name: one for name, one in last.items() if one > since}
        return Requests(HashTrieMap(kept), since)


class Position(msgspec.Struct, frozen=True, gc=False):
    """What a program has used so far; an immutable value.

    Shares are ordinary-share equivalents, amounts are in program currency. The four sums hold
    what is known. *unknown_shares* and *unknown_amount* name the fills that the sums lack, and
    *unbounded* counts the open orders whose money cannot be computed. While there are any, the
    methods below return `None` for the sums concerned. *open_until* counts the open orders, and
    their pending replaces, by their last days; *counters* hold what each counter of the rule file
    counts, by its name; *requests* are `None` unless a rule asks for like ones; *ended* names the
    other orders by the day until which they are kept. *today* is the latest day of any event that
    was not denied. *settled_day* is that of what no bust takes back, and *fill_days* counts the
    fills of later days. *opening* is what was brought forward. *halts* says what halts the program,
    the oldest cause first. *proposals* wait for a second person, by their ids, if the
    program has *two_persons*; *identity* says what binds their names. *persons* are the names
    recorded, by what they look like. *splits* are those that events reported: sums, fills and open
    orders count in the new units.
    """

    executed_shares: Exact = 0
    executed_amount: Exact = 0
    reserved_shares: Exact = 0
    reserved_amount: Exact = 0
    unknown_shares: Queue[str] = Queue()
    unknown_amount: Queue[str] = Queue()
    unbounded: int = 0
    orders: HashTrieMap[str, Order] = HashTrieMap()
    open_until: HashTrieMap[datetime.date, int] = HashTrieMap()
    ended: HashTrieMap[datetime.date, Queue[str]] = HashTrieMap()
    fills: Fills = Fills()
    days: HashTrieMap[DayKey, Day] = HashTrieMap()
    counters: HashTrieMap[str, Uses] = HashTrieMap()
    requests: Requests | None = None
    today: datetime.date = datetime.date.min
    settled_day: datetime.date = datetime.date.min
    fill_days: HashTrieMap[datetime.date, int] = HashTrieMap()
    started: bool = False
    opening: Opening | None = None
    halts: Queue[Cause] = Queue()
    two_persons: bool = False
    identity: Identity | None = None
    proposals: HashTrieMap[str, Proposal] = HashTrieMap()
    persons: HashTrieMap[str, str] = HashTrieMap()
    splits: tuple[Split, ...] = ()

    @property
    def latest(self) -> datetime.date:
        """Return the latest day of what was approved or held, or happened and was not busted."""
        return max((self.settled_day, *self.fill_days))

    def split_since(self, instrument: str, day: datetime.date) -> Exact:
        """Return how many units of *instrument* stand for one of *day*, after all splits since."""
        since = (one for one in self.splits if one.instrument == instrument and one.day > day)
        return prod((one.ratio for one in since), start=1)

    @property
    def halted_by(self) -> tuple[str, ...]:
        """Return the names of the causes that halt the program, the oldest first."""
        return tuple(cause.name for cause in self.halts)

    @property
    def used(self) -> tuple[object, ...]:
        """Return the four sums and everything that makes them unknown."""
        return (
            self.executed_shares,
            self.executed_amount,
            self.reserved_shares,
            self.reserved_amount,
            self.unbounded,
            self.unknown_shares,
            self.unknown_amount,
        )

    def unknown_fills(self, *, money: bool) -> tuple[str, ...]:
        """Return the ids of the fills whose shares are unknown or, if *money*, whose amount is."""
        amounts = self.unknown_amount if money else ()
        return tuple(dict.fromkeys((*self.unknown_shares, *amounts)))

    def known_executed_shares(self) -> Exact | None:
        """Return the executed shares; `None` while the shares of a fill are unknown."""
        return None if self.unknown_shares else self.executed_shares

    def known_executed_amount(self) -> Exact | None:
        """Return the executed amount; `None` while the amount of a fill is unknown."""
        return None if self.unknown_amount else self.executed_amount

    def known_reserved_amount(self) -> Exact | None:
        """Return the reserved amount; `None` while the amount of an open order is unbounded."""
        return None if self.unbounded else self.reserved_amount

    def used_shares(self) -> Exact | None:
        """Return executed plus reserved shares; `None` while the shares of a fill are unknown."""
        return None if self.unknown_shares else self.executed_shares + self.reserved_shares

    def used_amount(self) -> Exact | None:
        """Return executed plus reserved amount; `None` while either is unknown."""
        if self.unknown_amount or self.unbounded:
            return None
        return self.executed_amount + self.reserved_amount
