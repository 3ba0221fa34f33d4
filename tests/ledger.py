"""A second ledger of a program, in plain fractions: of the engine it knows what an event is alone.

It is told which orders were approved and works out for itself, by section 5 of the design, what
is executed and what each open order may still use. It keeps no sums: what is reserved is added
up anew from the open orders each time, where the engine moves four figures along.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from msgspec import structs

from repurchase.events import Event
from repurchase.quantities import Exact

# Hours from UTC in the winter of 2008: neither clock is set while the tests' events happen.
HOURS = {"Asia/Tokyo": 9, "XTKS": 9, "XNGO": 9, "XNAS": -5, "XNYS": -5}


@dataclass(frozen=True, slots=True)
class Instrument:
    """What may be bought: *ratios* are ordinary shares a unit from each day on, in order."""

    name: str
    symbol: str
    venues: tuple[str, ...]
    ratios: tuple[tuple[date, Fraction | None], ...]
    foreign: bool = False
    margin: Fraction = Fraction(0)

    def ratio(self, day: date) -> Fraction | None:
        """Return how many ordinary shares one unit is on *day*, `None` where nothing says so."""
        found = None
        for first, ratio in self.ratios:
            if first <= day:
                found = ratio
        return found


@dataclass(frozen=True, slots=True)
class Book:
    """What the ledger must know of an authorization."""

    instruments: tuple[Instrument, ...]
    max_shares: Fraction
    max_amount: Fraction | None
    first_day: date
    last_day: date
    with_fees: bool = False

    def find(self, event: Event, day: date) -> Listed | None:
        """Return the instrument that *event* names on *day* with its venue, if it is one."""
        for one in self.instruments:
            ratio = one.ratio(day)
            if one.symbol != event.symbol or ratio is None:
                continue
            if event.venue in one.venues:
                return Listed(one, event.venue, ratio)
            if event.venue is None and len(one.venues) == 1:
                return Listed(one, one.venues[0], ratio)
        return None


@dataclass(frozen=True, slots=True)
class Listed:
    """An instrument on one of its venues, with its ratio on one day."""

    instrument: Instrument
    venue: str
    ratio: Fraction


@dataclass(frozen=True, slots=True)
class Entry:
    """An order as the ledger remembers it: what is open of it and what each unit may cost."""

    event: Event
    listed: Listed | None
    open_quantity: int
    unit_cost: Fraction | None
    fees_left: Fraction | None
    last_day: date
    venue_last_day: date | None
    held: bool = False

    @property
    def shares(self) -> Fraction:
        """Return the shares that it may still use."""
        return self.open_quantity * self.listed.ratio if self.listed else Fraction(0)

    @property
    def amount(self) -> Fraction | None:
        """Return the money that it may still use, `None` where nothing bounds it."""
        if not self.open_quantity:
            return Fraction(0)
        if self.unit_cost is None or self.fees_left is None:
            return None
        return self.open_quantity * self.unit_cost + self.fees_left


@dataclass(frozen=True, slots=True)
class Reading:
    """What the ledger makes of a fill: whether its order covers it, and what it used.

    A quantity that cannot be worked out is `None`.
    """

    covered: bool
    shares: Fraction | None
    amount: Fraction | None


@dataclass(slots=True)
class Ledger:
    """Executed shares and money, and every order, of one program."""

    book: Book
    executed_shares: Fraction = Fraction(0)
    executed_amount: Fraction = Fraction(0)
    unknown_shares: bool = False
    unknown_amount: bool = False
    started: bool = False
    today: date = date.min
    orders: dict[str, Entry] = field(default_factory=dict)

    def known_executed_shares(self) -> Fraction | None:
        """Return the executed shares, `None` once a fill's are unknown."""
        return None if self.unknown_shares else self.executed_shares

    def known_executed_amount(self) -> Fraction | None:
        """Return the executed amount, `None` once a fill's is unknown."""
        return None if self.unknown_amount else self.executed_amount

    def reserved_shares(self) -> Fraction:
        """Return the shares that open orders may still use."""
        return sum((entry.shares for entry in self.orders.values()), Fraction(0))

    def reserved_amount(self) -> Fraction | None:
        """Return the money that open orders may still use, `None` where one is unbounded."""
        return total(entry.amount for entry in self.orders.values())

    def used_shares(self) -> Fraction | None:
        """Return executed and reserved shares, `None` while they are unknown."""
        return total((self.known_executed_shares(), self.reserved_shares()))

    def used_amount(self) -> Fraction | None:
        """Return executed and reserved money, `None` while it is unknown."""
        return total((self.known_executed_amount(), self.reserved_amount()))

    def past_a_cap(self) -> bool:
        """Return whether use is past a cap, what is not known of it taken as nothing."""
        shares = self.executed_shares + self.reserved_shares()
        bounded = (entry.amount or Fraction(0) for entry in self.orders.values())
        amount = self.executed_amount + sum(bounded, Fraction(0))
        cap = self.book.max_amount
        return shares > self.book.max_shares or (cap is not None and amount > cap)

    def brought_forward(self, event: Event) -> bool:
        """Count what *event* brings forward if it is the first event, and return whether it was."""
        if self.started:
            return False
        self.started = True
        self.executed_shares += Fraction(event.shares or 0)
        self.executed_amount += Fraction(event.amount or 0)
        return True

    def order(self, event: Event, outcome: str) -> None:
        """Remember the order *event*, which reserves only where its *outcome* is `approved`."""
        day = day_on(event, "Asia/Tokyo")
        listed = self.book.find(event, day)
        unit_cost = _times(event.price, _rate(event, listed))
        if listed is not None and unit_cost is not None:
            unit_cost *= 1 + listed.instrument.margin
        fees_left = Fraction(0)
        known_fees = not self.book.with_fees or event.fees is not None
        if self.book.with_fees and event.fees is not None:
            fees_left = Fraction(event.fees)
        last_day, venue_last_day = last_days(event, listed)
        self.begin(day)
        self.orders[event.id] = Entry(
            event=event,
            listed=listed,
            open_quantity=(event.quantity or 0) if outcome == "approved" else 0,
            unit_cost=unit_cost,
            # Without a price there is no worst case that fees could be a part of.
            fees_left=fees_left if known_fees and unit_cost is not None else None,
            last_day=last_day,
            venue_last_day=venue_last_day,
            held=outcome == "held",
        )

    def fill(self, event: Event) -> Reading:
        """Count the fill *event* in full, take its part from its order, and say what it was."""
        day = day_on(event, "Asia/Tokyo")
        self.begin(day)
        entry = self.orders.get(event.order) if event.order is not None else None
        full = event if entry is None else _completed(event, entry)
        listed = self.book.find(full, day)
        shares = None if listed is None else (full.quantity or 0) * listed.ratio
        amount = self._cost(full, listed)
        if full.side == "sell":
            return Reading(False, Fraction(0), Fraction(0))
        self._count(shares, amount)
        if entry is None or listed is None or not _is_fill_of(full, listed, entry):
            return Reading(False, shares, amount)
        self.orders[entry.event.id] = _rest(entry, full)
        return Reading(self._fits(full, listed, entry), shares, amount)

    def begin(self, day: date) -> None:
        """Begin *day* if it is a new one: what is closed and past its last day is forgotten."""
        # So it can lend its fields to no fill of the day, be it the first or a later one.
        if day > self.today or not self.started:
            self.orders = {
                name: entry
                for name, entry in self.orders.items()
                if entry.open_quantity or entry.held or entry.last_day >= day
            }
        self.today = max(self.today, day)
        self.started = True

    def _count(self, shares: Fraction | None, amount: Fraction | None) -> None:
        self.unknown_shares |= shares is None
        self.unknown_amount |= amount is None
        self.executed_shares += shares or 0
        self.executed_amount += amount or 0

    def _cost(self, fill: Event, listed: Listed | None) -> Fraction | None:
        money = _times(_contract(fill), _rate(fill, listed))
        if money is None or not self.book.with_fees:
            return money
        return None if fill.fees is None else money + Fraction(fill.fees)

    def _fits(self, fill: Event, listed: Listed, entry: Entry) -> bool:
        """Return whether *fill* stays within what *entry* had reserved for its quantity."""
        quantity, contract, rate = fill.quantity or 0, _contract(fill), _rate(fill, listed)
        limit, fees_left = entry.event.price, entry.fees_left
        if contract is None or rate is None or limit is None:
            return False
        if entry.unit_cost is None or fees_left is None or entry.listed is None:
            return False
        fees = Fraction(fill.fees or 0) if self.book.with_fees else Fraction(0)
        beyond = max(fees - fees_left, Fraction(0))
        return (
            quantity <= entry.open_quantity
            and listed.ratio <= entry.listed.ratio
            and not is_late(fill, listed, entry)
            and contract <= limit * quantity
            and contract * rate + beyond <= entry.unit_cost * quantity
        )


def day_on(event: Event, clock: str) -> date:
    """Return the day of *event* on *clock*, an authorization's or a venue's."""
    if event.time is not None:
        return _day_at(event.time, clock)
    assert event.date is not None
    return event.date


def last_days(order: Event, listed: Listed | None) -> tuple[date, date | None]:
    """Return the last days of *order*: on the authorization's clock, and on its venue's.

    None is before the day of the order itself, whatever it says.
    """
    day, expires = day_on(order, "Asia/Tokyo"), order.expires
    if isinstance(expires, datetime):
        last = max(_day_at(expires, "Asia/Tokyo"), day)
        if listed is None:
            return last, None
        return last, max(_day_at(expires, listed.venue), day_on(order, listed.venue))
    if listed is None:
        return max(expires or day, day), None
    venue_day = day_on(order, listed.venue)
    venue_last = max(expires or venue_day, venue_day)
    return max(_day_at(day_end(venue_last, listed.venue), "Asia/Tokyo"), day), venue_last


def day_end(day: date, clock: str) -> datetime:
    """Return the last instant of *day* on *clock*."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return midnight + timedelta(days=1, hours=-HOURS[clock], microseconds=-1)


def is_late(fill: Event, listed: Listed, entry: Entry) -> bool:
    """Return whether *fill* is past the last day of its order *entry*, on either clock."""
    if day_on(fill, "Asia/Tokyo") > entry.last_day:
        return True
    return entry.venue_last_day is None or day_on(fill, listed.venue) > entry.venue_last_day


def total(parts: Iterable[Fraction | None]) -> Fraction | None:
    """Return the sum of *parts*, `None` where one is."""
    found = Fraction(0)
    for part in parts:
        if part is None:
            return None
        found += part
    return found


def _day_at(moment: datetime, clock: str) -> date:
    return (moment.astimezone(UTC) + timedelta(hours=HOURS[clock])).date()


def _times(left: Exact | None, right: Exact | None) -> Fraction | None:
    return None if left is None or right is None else Fraction(left) * right


def _rate(event: Event, listed: Listed | None) -> Fraction | None:
    """Return what one unit of the instrument's currency is in the program's."""
    if listed is None:
        return None
    if listed.instrument.foreign:
        return None if event.fx is None else Fraction(event.fx)
    # A currency is worth 1 of itself; another rate says that something is wrong.
    return Fraction(1) if event.fx in (None, 1) else None


def _contract(fill: Event) -> Fraction | None:
    if fill.amount is not None:
        return Fraction(fill.amount)
    return _times(fill.price, fill.quantity)


def _completed(fill: Event, entry: Entry) -> Event:
    """Return *fill* with what it does not say taken from its order."""
    lent = {
        name: getattr(entry.event, name)
        for name in ("symbol", "venue", "side", "fx", "price")
        if getattr(fill, name) is None and not (name == "price" and fill.amount is not None)
    }
    if fill.fees is None:
        lent["fees"] = entry.fees_left
    return structs.replace(fill, **lent)


def _is_fill_of(fill: Event, listed: Listed, entry: Entry) -> bool:
    own = entry.listed
    return (
        entry.open_quantity > 0
        and own is not None
        and (listed.instrument.name, listed.venue) == (own.instrument.name, own.venue)
        and fill.side == entry.event.side
    )


def _rest(entry: Entry, fill: Event) -> Entry:
    open_quantity = max(entry.open_quantity - (fill.quantity or 0), 0)
    if not open_quantity:
        # What its fees were to pay for is done: none are left to reserve, nor to lend.
        return replace(entry, open_quantity=0, fees_left=None)
    fees_left = entry.fees_left
    if fees_left is not None:
        fees_left = max(fees_left - Fraction(fill.fees or 0), Fraction(0))
    return replace(entry, open_quantity=open_quantity, fees_left=fees_left)
