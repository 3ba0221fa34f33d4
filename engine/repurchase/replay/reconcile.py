"""Two lists of fills compared one to one: the desk's, and a broker's or a custodian's.

Fills are matched by their ids if both lists have them, and else by what they state. Of what is
left, fills that differ in one field are paired. Nothing is matched twice.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import replace

from repurchase.domain.errors import InputError, Problem
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact, written
from repurchase.domain.terms import Listing
from repurchase.ledger.trades import contract_of, price_of

# What must be equal, beside the time, for fills without common ids to be one trade.
_KEY: Final = ("instrument", "side", "venue", "quantity", "price")
# What is compared of two fills that are one trade, each if both state it.
_COMPARED: Final = (*_KEY, "amount", "fees", "fx", "broker")
# What counts as not compared even if both sides leave it out.
_NEEDED: Final = ("price", "amount")
# In this order one field is left out of the key, to pair fills that differ in it.
_LEFT_OUT: Final = ("venue", "price", "quantity", "side", "instrument")

_ROW: Final = re.compile(r"row-[0-9]+")
_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """A fill of one of the two lists; what it does not state is `None`.

    *amount* is what it cost in its instrument's currency, *quantity* is in the instrument's units.
    *day* is that of the venue. *line* is its line of a file, if it comes from one.
    """

    id: str
    instrument: str
    side: str
    venue: str | None
    quantity: int
    price: Exact | None
    amount: Exact | None
    time: datetime | None
    day: date
    fees: Exact | None = None
    fx: Exact | None = None
    broker: str | None = None
    line: int | None = None


class Field(msgspec.Struct, frozen=True):
    """A field in which two fills differ, with the value of the *journal* and that of the *file*."""

    name: str
    journal: str
    file: str


class Different(msgspec.Struct, frozen=True):
    """A fill of the journal and one of the file that are one trade, but differ in *fields*."""

    journal: Fill
    file: Fill
    fields: tuple[Field, ...]


class Total(msgspec.Struct, frozen=True):
    """The fills of one instrument in one list: their number, units, and cost in its currency.

    The *amount* is `None` if it is unknown of one fill.
    """

    fills: int
    quantity: int
    amount: Exact | None


class Reconciled(msgspec.Struct, frozen=True):
    """What the comparison of a journal with a file came to.

    *matched* counts the trades that both have alike. *totals* are those of the journal and of the
    file, by instrument. *not_compared* counts by field the trades of which one side, or both, did
    not state it; what may be absent on both sides is counted if one of them states it.
    """

    matched: int
    different: tuple[Different, ...]
    missing_in_journal: tuple[Fill, ...]
    missing_in_file: tuple[Fill, ...]
    totals: dict[str, tuple[Total, Total]]
    not_compared: dict[str, int]

    @property
    def differences(self) -> int:
        """Return how many fills are not alike in both lists."""
        lists = (self.different, self.missing_in_journal, self.missing_in_file)
        return sum(map(len, lists))


def fill_of(event: Event, day: date, listing: Listing | None, line: int | None = None) -> Fill:
    """Return the fill *event* of the venue's *day*, of an instrument with *listing* if it has one.

    A fill that states no side buys: a program does nothing else.
    """
    return Fill(
        id=event.id,
        instrument=(event.symbol or "") if listing is None else listing.instrument,
        side=event.side or "buy",
        venue=event.venue if listing is None else listing.venue,
        quantity=event.quantity or 0,
        price=price_of(event),
        amount=contract_of(event),
        time=event.time,
        day=day,
        fees=event.fees,
        fx=event.fx,
        broker=event.broker,
        line=line,
    )


def has_ids(fills: Iterable[Fill]) -> bool:
    """Return whether a file gave its *fills* their ids: without any, each is called `row-N`."""
    return not all(_ROW.fullmatch(fill.id) for fill in fills)


def netted(rows: Iterable[tuple[int, Event]], name: str) -> Iterator[tuple[int, Event]]:
    """Return the fills among the *rows* of the file *name*, each with its line, that count.

    A bust takes its fill back, and a correct puts another one in its place; other kinds of events
    are left out. Raise InputError for a bust or a correct of a fill that the file does not have.
    """
    # Who repeats a fill states it twice, so that ids alone do not tell fills apart.
    fills: list[tuple[int, Event] | None] = []
    places: dict[str, int] = {}
    for line, event in rows:
        if event.kind == "fill":
            places[event.id] = len(fills)
            fills.append((line, event))
        elif event.kind in ("bust", "correct"):
            at = places.get(event.fill or "")
            old = None if at is None else fills[at]
            if at is None or old is None:
                what = f"`{event.fill}` is not a fill of the rows before, or was taken back already"
                raise InputError(Problem(what, "give the file with all of its rows", name, line))
            fills[at] = None if event.kind == "bust" else (line, _corrected(old[1], event))
            if event.kind == "correct":
                places[event.id] = at
    return (one for one in fills if one is not None)


def _corrected(old: Event, event: Event) -> Event:
    """Return the fill that *event*, a correct of *old*, puts in its place, on the same day."""
    says_cost = event.price is not None or event.amount is not None
    is_same = event.quantity in (None, old.quantity)
    kept = {
        name: getattr(old, name)
        for name in ("symbol", "venue", "side", "quantity", "fees", "fx", "broker")
        if getattr(event, name) is None
    }
    if not says_cost:
        kept |= {"price": old.price, "amount": old.amount if is_same else None}
    return replace(event, kind="fill", time=old.time, date=old.date, **kept)


def reconciled(
    journal: Sequence[Fill], file: Sequence[Fill], within: timedelta, *, by_id: bool
) -> Reconciled:
    """Return how the fills of the *journal* and those of the *file* compare, one to one.

    Two times are the same if they are at most *within* apart; two days must be equal. With *by_id*,
    fills with one id are one trade.
    """
    pairing = _Pairing(journal, file, within)
    if by_id:
        pairing.pair(lambda fill: fill.id, _always)
    stated = [name for name in _KEY if any(getattr(one, name) is not None for one in file)]
    # What is alike in everything first, or it would be paired with a trade that was changed.
    pairing.pair(_key(_COMPARED), pairing.is_near)
    pairing.pair(_key(stated), pairing.is_near)
    for name in _LEFT_OUT:
        pairing.pair(_key([one for one in stated if one != name]), pairing.is_near)
    pairing.pair(_key([*stated, "day"]), _always)
    pairing.pair(_key(stated), _always)
    return pairing.reconciled()


def _key(names: Sequence[str]) -> Callable[[Fill], object]:
    return lambda fill: tuple(getattr(fill, name) for name in names)


def _always(_: Fill, __: Fill) -> bool:
    return True


class _Pairing:
    """The fills of both lists that have no partner yet, and the pairs so far."""

    def __init__(self, journal: Sequence[Fill], file: Sequence[Fill], within: timedelta) -> None:
        self._lists = (journal, file)
        self._left = ([*journal], [*file])
        self._within = within
        self._pairs: list[tuple[Fill, Fill]] = []

    def is_near(self, one: Fill, other: Fill) -> bool:
        """Return whether two fills can have happened at one time."""
        if one.time is None or other.time is None:
            return one.day == other.day
        # The difference of two times has no nanoseconds.
        is_near = bool(self._within) and abs(one.time - other.time) <= self._within
        return is_near or one.time == other.time

    def pair(self, key: Callable[[Fill], object], fits: Callable[[Fill, Fill], bool]) -> None:
        """Pair the fills left that have one *key* and that *fits* takes together, in time order."""
        ours: dict[object, deque[Fill]] = defaultdict(deque)
        for fill in sorted(self._left[0], key=_when):
            ours[key(fill)].append(fill)
        left, alone = [], []
        for fill in sorted(self._left[1], key=_when):
            queue = ours[key(fill)]
            # Both are in order of time: what is too early for this one is so for all that follow.
            while queue and _when(queue[0]) < _when(fill) and not fits(queue[0], fill):
                left.append(queue.popleft())
            if queue and fits(queue[0], fill):
                self._pairs.append((queue.popleft(), fill))
            else:
                alone.append(fill)
        left += (fill for queue in ours.values() for fill in queue)
        self._left = (left, alone)

    def reconciled(self) -> Reconciled:
        """Return what the pairs and the fills left come to."""
        different = []
        for one, other in self._pairs:
            fields = tuple(self._differing(one, other))
            if fields:
                different.append(Different(one, other, fields))
        ours, theirs = (tuple(sorted(left, key=_when)) for left in self._left)
        instruments = sorted({fill.instrument for fills in self._lists for fill in fills})
        return Reconciled(
            len(self._pairs) - len(different),
            tuple(sorted(different, key=lambda one: _when(one.journal))),
            missing_in_journal=theirs,
            missing_in_file=ours,
            totals={
                name: (_total(self._lists[0], name), _total(self._lists[1], name))
                for name in instruments
            },
            not_compared=self._not_compared(),
        )

    def _not_compared(self) -> dict[str, int]:
        """Return of how many pairs each field cannot be compared, if there are any."""
        counts: Counter[str] = Counter()
        for one, other in self._pairs:
            for name in (*_COMPARED, "time"):
                # A fill of the journal has no fees if nobody stated any.
                values = (getattr(one, name), getattr(other, name))
                absent = [each is None or (name == "fees" and not each) for each in values]
                counts[name] += any(absent) and (name in _NEEDED or not all(absent))
        return {name: counts[name] for name in (*_COMPARED, "time") if counts[name]}

    def _differing(self, one: Fill, other: Fill) -> Iterator[Field]:
        for name in _COMPARED:
            ours, theirs = getattr(one, name), getattr(other, name)
            if ours != theirs and None not in (ours, theirs):
                yield Field(name, _said(ours), _said(theirs))
        if not self.is_near(one, other):
            yield _when_differing(one, other)


def _when_differing(one: Fill, other: Fill) -> Field:
    if one.time is None or other.time is None:
        return Field("date", str(one.day), str(other.day))
    return Field("time", one.time.isoformat(), other.time.isoformat())


def _when(fill: Fill) -> tuple[date, bool, datetime]:
    return fill.day, fill.time is None, fill.time or _NO_TIME


def _total(fills: Iterable[Fill], instrument: str) -> Total:
    own = [fill for fill in fills if fill.instrument == instrument]
    amounts = [fill.amount for fill in own]
    known = [amount for amount in amounts if amount is not None]
    amount = sum(known) if len(known) == len(amounts) else None
    return Total(len(own), sum(fill.quantity for fill in own), amount)


def _said(value: Exact | str) -> str:
    return value if isinstance(value, str) else written(value)
