"""What a program has used so far: sums, orders, days, and the fills that can still be busted."""

from __future__ import annotations

import datetime
from typing import Final

import msgspec
from rpds import HashTrieMap, Queue

from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact
from repurchase.domain.terms import Listing
from repurchase.ledger.orders import Order

# At least so many of the last fills are remembered for a bust or a correct; older ones stand.
FILLS_REMEMBERED: Final = 1 << 16


class Day(msgspec.Struct, frozen=True, gc=False):
    """One instrument's use on one venue and day, in ordinary-share equivalents.

    *auction_ordered* are those of *ordered_shares* that were ordered in the auction;
    *off_auction* are bought off it, or may still be by an open order. What rests on how a trade
    was made is `None` once one did not say it, and so are the *brokers*.
    """

    ordered_shares: Exact = 0
    executed_shares: Exact = 0
    brokers: frozenset[str] | None = frozenset()
    blocks: int | None = 0
    auction_ordered: Exact | None = 0
    off_auction: Exact | None = 0


DayKey = tuple[str, str, datetime.date]
NO_DAY: Final = Day()


class Counted(msgspec.Struct, frozen=True, gc=False):
    """A fill as it was counted: with what it took from its order, its listing and its days.

    *settled* is whether a bust or a correct has taken it back.
    """

    event: Event
    listing: Listing | None
    shares: Exact | None
    amount: Exact | None
    date: datetime.date
    venue_date: datetime.date | None
    venue_time: datetime.time | None
    settled: bool = False

    @property
    def leaves_unknown(self) -> bool:
        """Return whether a figure is unknown until it is busted or corrected."""
        return not self.settled and (self.shares is None or self.amount is None)


class Fills(msgspec.Struct, frozen=True, gc=False):
    """The last fills by id, in two generations: the older one goes when the newer is full.

    What leaves a figure unknown stays: else nothing could ever settle it.
    """

    newer: HashTrieMap[str, Counted] = HashTrieMap()
    older: HashTrieMap[str, Counted] = HashTrieMap()

    def get(self, name: str) -> Counted | None:
        """Return the fill called *name*, `None` where it is not remembered."""
        return self.newer.get(name) or self.older.get(name)

    def with_fill(self, name: str, fill: Counted) -> Fills:
        """Return these fills and *fill*."""
        newer = self.newer.insert(name, fill)
        if len(newer) < FILLS_REMEMBERED:
            return Fills(newer, self.older)
        kept = {
            old: fill
            for old, fill in self.older.items()
            if fill.leaves_unknown and newer.get(old) is None
        }
        return Fills(HashTrieMap(), newer.update(kept))


class Position(msgspec.Struct, frozen=True, gc=False):
    """What a program has used so far; a value, never changed.

    The four sums hold what is known. *unknown_shares* and *unknown_amount* name the fills that
    they lack, and *unbounded* counts the open orders whose money cannot be computed; while there
    are any, the figure they feed is unknown and reads as `None`. *today* is the latest day that an
    event named; *latest* that of one which was not denied. *halted* is the id of the
    event that halted the program, until it is resumed.
    """

    executed_shares: Exact = 0
    executed_amount: Exact = 0
    reserved_shares: Exact = 0
    reserved_amount: Exact = 0
    unknown_shares: Queue[str] = Queue()
    unknown_amount: Queue[str] = Queue()
    unbounded: int = 0
    orders: HashTrieMap[str, Order] = HashTrieMap()
    fills: Fills = Fills()
    days: HashTrieMap[DayKey, Day] = HashTrieMap()
    today: datetime.date = datetime.date.min
    latest: datetime.date = datetime.date.min
    started: bool = False
    halted: str | None = None

    @property
    def used(self) -> tuple[object, ...]:
        """Return all that rests on figures: the four sums and what they lack."""
        return (
            self.executed_shares,
            self.executed_amount,
            self.reserved_shares,
            self.reserved_amount,
            self.unbounded,
            self.unknown_shares,
            self.unknown_amount,
        )

    def known_executed_shares(self) -> Exact | None:
        """Return the executed shares, `None` while a fill's are unknown."""
        return None if self.unknown_shares else self.executed_shares

    def known_executed_amount(self) -> Exact | None:
        """Return the executed amount, `None` while a fill's is unknown."""
        return None if self.unknown_amount else self.executed_amount

    def known_reserved_amount(self) -> Exact | None:
        """Return the reserved amount, `None` while an open order's is unbounded."""
        return None if self.unbounded else self.reserved_amount

    def used_shares(self) -> Exact | None:
        """Return executed plus reserved shares, `None` while they are unknown."""
        return None if self.unknown_shares else self.executed_shares + self.reserved_shares

    def used_amount(self) -> Exact | None:
        """Return executed plus reserved amount, `None` while it is unknown."""
        if self.unknown_amount or self.unbounded:
            return None
        return self.executed_amount + self.reserved_amount
