"""A second ledger of a program, in plain fractions: of the engine it knows what an event is alone.

It is told which orders, replaces and releases were approved and works out for itself, by section 5
of the design, what is executed, what each open order may still use, and what cannot happen now.
It keeps no sums: what is executed is added up anew from the fills that stand, and what is reserved
from the open orders, where the engine moves four figures along.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cached_property

from msgspec import structs

from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact

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

    def most(self, first: date, last: date) -> Fraction:
        """Return the most ordinary shares that one unit is on a day from *first* to *last*."""
        starts = (start for start, _ in self.ratios if first < start <= last)
        found = [self.ratio(day) for day in (first, *starts)]
        return max(ratio for ratio in found if ratio is not None)


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
class Ask:
    """What an order asks for, at first or by a replace."""

    event: Event
    listed: Listed | None
    unit_cost: Fraction | None
    fees: Fraction | None
    last_day: date
    venue_last_day: date | None

    @property
    def quantity(self) -> int:
        """Return the units that it asks for, filled ones included."""
        return self.event.quantity or 0


@dataclass(frozen=True)
class Entry:
    """An order as the ledger remembers it: what it asks for, what filled, what is pending.

    It never changes, so what is asked of it again and again is worked out once.
    """

    ask: Ask
    state: str = "open"
    filled: int = 0
    fees_used: Fraction = Fraction(0)
    asked: Ask | None = None
    held_more: Event | None = None

    @property
    def event(self) -> Event:
        """Return the order as its terms now are."""
        return self.ask.event

    @property
    def listed(self) -> Listed | None:
        """Return what it buys."""
        return self.ask.listed

    @property
    def last_day(self) -> date:
        """Return its last day on the authorization's clock."""
        return self.ask.last_day

    @property
    def venue_last_day(self) -> date | None:
        """Return its last day on its venue's clock."""
        return self.ask.venue_last_day

    @property
    def held(self) -> bool:
        """Return whether it waits for its release."""
        return self.state == "held"

    @property
    def asks(self) -> list[Ask]:
        """Return what may hold at the venue."""
        return [self.ask] if self.asked is None else [self.ask, self.asked]

    @cached_property
    def open_quantity(self) -> int:
        """Return the most that may still fill."""
        if self.state != "open":
            return 0
        return max(ask.quantity for ask in self.asks) - self.filled

    @cached_property
    def fees_left(self) -> Fraction | None:
        """Return the fees of a fill that says none, `None` where nothing says them."""
        if self.state in ("held", "denied"):
            return self.ask.fees
        if self.state != "open":
            return None
        known = [ask.fees for ask in self.asks if ask.fees is not None]
        if len(known) < len(self.asks):
            return None
        return max(max(known) - self.fees_used, Fraction(0))

    @cached_property
    def shares(self) -> Fraction:
        """Return the shares that it may still use."""
        found = self._worst([ask.listed.ratio if ask.listed else None for ask in self.asks])
        return Fraction(0) if found is None else found

    @cached_property
    def money(self) -> Fraction | None:
        """Return what it may still cost without its fees, `None` where nothing bounds it."""
        return self._worst([ask.unit_cost for ask in self.asks])

    @cached_property
    def amount(self) -> Fraction | None:
        """Return the money that it may still use, `None` where nothing bounds it."""
        return Fraction(0) if self.state != "open" else total((self.money, self.fees_left))

    def _worst(self, each: list[Fraction | None]) -> Fraction | None:
        """Return the most that filling can come to, at what *each* unit comes to by either ask.

        Some units fill by one ask and the others by the other, together no more than the larger:
        straight lines that bend where either runs out, so the most is at an end or at a bend.
        """
        if self.state != "open":
            return Fraction(0)
        if None in each:
            return None
        first, last = each[0] or Fraction(0), each[-1] or Fraction(0)
        old, new = (max(ask.quantity - self.filled, 0) for ask in (self.asks[0], self.asks[-1]))
        if self.asked is None:
            return old * first
        parts = (0, min(old, new), max(old - new, 0), old)
        return max(part * first + min(new, max(old, new) - part) * last for part in parts)


@dataclass(frozen=True, slots=True)
class Bought:
    """A fill as it was counted, with all that it took from its order."""

    event: Event
    listed: Listed | None
    shares: Fraction | None
    amount: Fraction | None
    settled: bool = False
    corrected_by: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What the ledger makes of a fill or a correct: whether it is covered, and what it used.

    A quantity that cannot be worked out is `None`. *of_open* is whether it is of an order that
    is open, *before* is the fill that a correct takes the place of.
    """

    covered: bool
    shares: Fraction | None
    amount: Fraction | None
    of_open: bool = False
    before: Bought | None = None


@dataclass(slots=True)
class Ledger:
    """What was bought, and every order, of one program."""

    book: Book
    brought_shares: Fraction = Fraction(0)
    brought_amount: Fraction = Fraction(0)
    started: bool = False
    today: date = date.min
    # The latest day of what was approved, held or told, but for fills.
    settled_day: date = date.min
    # The events that halt the program, the oldest first.
    causes: list[str] = field(default_factory=list)
    orders: dict[str, Entry] = field(default_factory=dict)
    fills: dict[str, Bought] = field(default_factory=dict)

    @property
    def halted(self) -> bool:
        """Return whether something halts the program."""
        return bool(self.causes)

    @property
    def latest(self) -> date:
        """Return the latest day of what counts: a fill that was taken back never came."""
        days = (day_on(fill.event, "Asia/Tokyo") for fill in self.counted)
        return max(self.settled_day, *days, date.min)

    @property
    def counted(self) -> list[Bought]:
        """Return the fills that no bust or correct took back."""
        return [fill for fill in self.fills.values() if not fill.settled]

    @property
    def open_orders(self) -> list[Entry]:
        """Return the orders that may still use something."""
        return [entry for entry in self.orders.values() if entry.state == "open"]

    @property
    def executed_shares(self) -> Fraction:
        """Return what is known of the executed shares."""
        return self.brought_shares + sum(fill.shares for fill in self.counted if fill.shares)

    @property
    def executed_amount(self) -> Fraction:
        """Return what is known of the executed amount."""
        return self.brought_amount + sum(fill.amount for fill in self.counted if fill.amount)

    @property
    def unknown_shares(self) -> set[str]:
        """Return the fills that leave the executed shares unknown."""
        return {
            name for name, fill in self.fills.items() if not fill.settled and fill.shares is None
        }

    @property
    def unknown_amount(self) -> set[str]:
        """Return the fills that leave the executed amount unknown."""
        return {
            name for name, fill in self.fills.items() if not fill.settled and fill.amount is None
        }

    def known_executed_shares(self) -> Fraction | None:
        """Return the executed shares, `None` while a fill's are unknown."""
        return None if self.unknown_shares else self.executed_shares

    def known_executed_amount(self) -> Fraction | None:
        """Return the executed amount, `None` while a fill's is unknown."""
        return None if self.unknown_amount else self.executed_amount

    def reserved_shares(self) -> Fraction:
        """Return the shares that open orders may still use."""
        return sum((entry.shares for entry in self.open_orders), Fraction(0))

    def reserved_amount(self) -> Fraction | None:
        """Return the money that open orders may still use, `None` where one is unbounded."""
        return total(entry.amount for entry in self.open_orders)

    def used_shares(self) -> Fraction | None:
        """Return executed and reserved shares, `None` while they are unknown."""
        return total((self.known_executed_shares(), self.reserved_shares()))

    def used_amount(self) -> Fraction | None:
        """Return executed and reserved money, `None` while it is unknown."""
        return total((self.known_executed_amount(), self.reserved_amount()))

    def past_a_cap(self) -> bool:
        """Return whether use is past a cap, what is not known of it taken as nothing."""
        shares = self.executed_shares + self.reserved_shares()
        bounded = (entry.amount or Fraction(0) for entry in self.open_orders)
        amount = self.executed_amount + sum(bounded, Fraction(0))
        cap = self.book.max_amount
        return shares > self.book.max_shares or (cap is not None and amount > cap)

    # -- what the table of the design does not allow ------------------------------------------

    def fault(self, event: Event) -> str | None:
        """Return why *event* cannot be now, `None` where it can or, being a fill, has to."""
        match event.kind:
            case "brought_forward":
                return "not-first" if self.started else None
            case "bust":
                return self._fill_fault(event)
            case "order":
                return self._order_fault(event)
            case "fill" | "correct" | "halt" | "resume":
                return None
        entry = self.find(event)
        if entry is None:
            return "unknown-order"
        if event.kind not in ("release", "replace"):
            return _told(entry, event)
        if self._is_backdated(event):
            return "backdated"
        return self._release_fault(entry, event) if event.kind == "release" else self._more(event)

    def _order_fault(self, event: Event) -> str | None:
        if self._is_backdated(event):
            return "backdated"
        return "order-ended" if self._has_ended(event, event) else None

    def _is_backdated(self, event: Event) -> bool:
        return day_on(event, "Asia/Tokyo") < self.latest

    def _release_fault(self, entry: Entry, event: Event) -> str | None:
        held = entry.event if entry.held else entry.held_more
        if held is None:
            return "not-held"
        if self._has_ended(held, event):
            return "order-ended"
        if entry.held:
            return None
        now = structs.replace(held, time=event.time, date=event.date)
        return self._replace_fault(entry, now)

    def _has_ended(self, asked: Event, event: Event) -> bool:
        """Return whether *event* comes after the end of what was *asked*."""
        expires = asked.expires
        if isinstance(expires, datetime) and event.time is not None:
            return event.time > expires
        if isinstance(expires, datetime):
            return _day_at(expires, "Asia/Tokyo") < day_on(event, "Asia/Tokyo")
        listed = self.book.find(asked, day_on(event, "Asia/Tokyo"))
        clock = "Asia/Tokyo" if listed is None else listed.venue
        return day_on(event, clock) > (expires or day_on(asked, clock))

    def _more(self, event: Event) -> str | None:
        """Return why the replace *event* cannot be asked for; two cannot wait for one release."""
        entry = self.find(event)
        assert entry is not None
        fault = self._replace_fault(entry, event)
        if fault is None and entry.held_more is not None and self.raises(event):
            return "replace-pending"
        return fault

    def _replace_fault(self, entry: Entry, event: Event) -> str | None:
        fault = _replace_fault(entry, event)
        if fault in (None, "below-filled") and self._has_ended(entry.event, event):
            return "order-ended"
        return fault

    def find(self, event: Event) -> Entry | None:
        """Return the order that *event* names, `None` where its day has forgotten it."""
        entry = self.orders.get(event.order or "")
        day = day_on(event, "Asia/Tokyo")
        if entry is None or not (day > self.today and _is_over(entry, day)):
            return entry
        return None

    def last(self, name: str) -> str:
        """Return which fill counts in the place of the fill *name*, if it was corrected."""
        while name in self.fills and self.fills[name].corrected_by is not None:
            name = self.fills[name].corrected_by or name
        return name

    def proposed(self, event: Event) -> Ask:
        """Return what *event*, an order, replace or release, comes to ask for."""
        entry = self.find(event) if event.kind != "order" else None
        if entry is None:
            return self._ask(event)
        if event.kind == "replace":
            return self._ask(_merged(entry, event))
        held = entry.event if entry.held else entry.held_more
        assert held is not None
        now = structs.replace(held, time=event.time, date=event.date)
        return self._ask(now if entry.held else _merged(entry, now))

    def raises(self, event: Event) -> bool:
        """Return whether *event*, a replace, is judged: it asks for more, or changes rate or fees.

        The venue knows of no rate and of no fees, so that a lower one is not sure to hold.
        """
        entry, new = self.find(event), self.proposed(event)
        assert entry is not None
        costs = [(_rate(ask.event, ask.listed), ask.fees) for ask in (new, entry.ask)]
        return costs[0] != costs[1] or any(map(_more, _bounds(new), _bounds(entry.ask)))

    def orderer(self, event: Event) -> str | None:
        """Return who asked for what *event* releases."""
        entry = self.find(event)
        if entry is None or (not entry.held and entry.held_more is None):
            return None
        return entry.event.by if entry.held or entry.held_more is None else entry.held_more.by

    def _fill_fault(self, event: Event) -> str | None:
        fill = self.fills.get(self.last(event.fill or ""))
        if fill is None:
            return "unknown-fill"
        return "fill-settled" if fill.settled else None

    # -- what happens -------------------------------------------------------------------------

    def note(self, event: Event, outcome: str) -> Reading | None:
        """Write *event* down with its *outcome*; return what a fill or a correct comes to."""
        if event.kind == "fill":
            return self.fill(event)
        if event.kind == "correct":
            return self.correct(event)
        if event.kind == "order":
            self.order(event, outcome)
        elif self.fault(event) is not None:
            self.started = True
        elif event.kind == "brought_forward":
            self.brought_forward(event)
        elif event.kind in ("replace", "release"):
            self._again(event, outcome)
        else:
            self._settle(event)
        return None

    def brought_forward(self, event: Event) -> bool:
        """Count what *event* brings forward if it is the first event, and return whether it was."""
        if self.started:
            return False
        self.started = True
        self.brought_shares += Fraction(event.shares or 0)
        self.brought_amount += Fraction(event.amount or 0)
        return True

    def order(self, event: Event, outcome: str) -> None:
        """Remember the order *event*, which reserves only where its *outcome* is `approved`."""
        if outcome != "denied":
            self.begin(day_on(event, "Asia/Tokyo"))
        self.started = True
        state = "open" if outcome == "approved" else outcome
        self.orders[event.id] = Entry(self._ask(event), state)

    def _again(self, event: Event, outcome: str) -> None:
        """Remember a replace or a release; a held replace is what it asked for as a whole."""
        entry, ask = self.find(event), self.proposed(event)
        assert entry is not None
        if outcome != "denied":
            self.begin(day_on(event, "Asia/Tokyo"))
        self.started = True
        if outcome == "held":
            entry = replace(entry, held_more=ask.event)
        elif outcome == "approved" and entry.held:
            entry = Entry(ask)
        elif outcome in ("approved", "recorded"):
            old, day = entry.ask, day_on(event, "Asia/Tokyo")
            if old.listed is not None:
                # What may still fill by the old terms counts as units count from now on.
                most = old.listed.instrument.most(day, max(old.last_day, day))
                if outcome == "recorded":
                    most = min(old.listed.ratio, most)
                listed = replace(old.listed, ratio=most)
                old = replace(old, listed=listed)
            entry = replace(entry, ask=old, asked=ask, held_more=None)
        self.orders[event.order or ""] = entry

    def _settle(self, event: Event) -> None:
        if event.kind in ("halt", "resume"):
            # What a person decides is of no day.
            self.started = True
            self.causes = self.causes[1:] if event.kind == "resume" else [*self.causes, event.id]
            return
        entry = self.find(event)
        self.begin(day_on(event, "Asia/Tokyo"), counts=False)
        if event.kind == "bust":
            name = self.last(event.fill or "")
            self.fills[name] = replace(self.fills[name], settled=True)
        elif entry is not None:
            self.orders[event.order or ""] = _answered(entry, event.kind)

    def fill(self, event: Event) -> Reading:
        """Count the fill *event* in full, take its part from its order, and say what it was."""
        day = day_on(event, "Asia/Tokyo")
        self.begin(day, counts=False)
        entry = self.orders.get(event.order) if event.order is not None else None
        full = event if entry is None else _completed(event, entry)
        listed = self.book.find(full, day)
        reading = Reading(False, *self._used(full, listed))
        if full.side == "sell":
            return Reading(False, Fraction(0), Fraction(0))
        self.fills[event.id] = Bought(full, listed, reading.shares, reading.amount)
        if entry is None or listed is None or not _is_fill_of(full, listed, entry):
            return reading
        rest = self._rest(entry, full)
        self.orders[entry.event.id] = rest
        covered = self._fits(full, listed, entry, rest, reading)
        return replace(reading, covered=covered, of_open=True)

    def correct(self, event: Event) -> Reading:
        """Count what *event* puts in the place of a fill, on that fill's day, and say what it is.

        It is covered where it uses no more than that fill. One of no fill that counts is counted
        as a fill of no order.
        """
        name = self.last(event.fill or "")
        old = self.fills.get(name)
        if old is None or old.settled:
            self.begin(day_on(event, "Asia/Tokyo"), counts=False)
            full, listed, old = event, self.book.find(event, day_on(event, "Asia/Tokyo")), None
        else:
            full = _corrected(event, old.event)
            self.begin(day_on(full, "Asia/Tokyo"), counts=False)
            listed = self._listed_then(event, full, old)
        if full.side == "sell":
            return Reading(False, Fraction(0), Fraction(0))
        shares, amount = self._used(full, listed)
        covered = False
        if old is not None:
            self.fills[name] = replace(old, settled=True, corrected_by=event.id)
            covered = _no_more(shares, old.shares) and _no_more(amount, old.amount)
        self.fills[event.id] = Bought(full, listed, shares, amount)
        return Reading(covered, shares, amount, before=old)

    def _listed_then(self, event: Event, full: Event, old: Bought) -> Listed | None:
        """Return what the correct *full* names, by the ratio that its fill *old* was counted by."""
        now, then = self.book.find(full, day_on(event, "Asia/Tokyo")), old.listed
        if then is not None and then.instrument.symbol == full.symbol:
            if full.venue in (None, then.venue):
                return then
            return None if now is None else Listed(now.instrument, now.venue, then.ratio)
        # No fill tells the ratio of that day where it changes.
        return now if now is None or len(now.instrument.ratios) == 1 else None

    def begin(self, day: date, *, counts: bool = True) -> None:
        """Begin *day* if it is a new one: what is closed and past its last day is forgotten.

        What was refused does not keep others from asking for an earlier day: it *counts* not.
        """
        if counts:
            self.settled_day = max(self.settled_day, day)
        # So it can lend its fields to no fill of the day, be it the first or a later one.
        if day > self.today or not self.started:
            self.orders = {
                name: entry for name, entry in self.orders.items() if not _is_over(entry, day)
            }
        self.today = max(self.today, day)
        self.started = True

    def _ask(self, event: Event) -> Ask:
        event = bounded(event)
        listed = self.book.find(event, day_on(event, "Asia/Tokyo"))
        unit_cost = _times(event.price, _rate(event, listed))
        if listed is not None and unit_cost is not None:
            unit_cost *= 1 + listed.instrument.margin
        fees: Fraction | None = Fraction(0)
        if self.book.with_fees:
            fees = None if event.fees is None else Fraction(event.fees)
        last_day, venue_last_day = last_days(event, listed)
        if listed is not None:
            most = listed.instrument.most(day_on(event, "Asia/Tokyo"), last_day)
            listed = replace(listed, ratio=most)
        return Ask(event, listed, unit_cost, fees, last_day, venue_last_day)

    def _used(self, fill: Event, listed: Listed | None) -> tuple[Fraction | None, Fraction | None]:
        shares = _times(fill.quantity, None if listed is None else listed.ratio)
        money = _times(_contract(fill), _rate(fill, listed))
        if self.book.with_fees and money is not None:
            money = None if fill.fees is None else money + Fraction(fill.fees)
        return shares, money

    def _rest(self, entry: Entry, fill: Event) -> Entry:
        """Return *entry* after *fill*: no more of it can fill than was open."""
        fees = Fraction(fill.fees or 0) if self.book.with_fees else Fraction(0)
        rest = replace(
            entry,
            filled=entry.filled + min(fill.quantity or 0, entry.open_quantity),
            fees_used=entry.fees_used + fees,
        )
        if rest.open_quantity:
            return rest
        return replace(rest, state="filled", asked=None, held_more=None)

    def _fits(self, fill: Event, listed: Listed, entry: Entry, rest: Entry, used: Reading) -> bool:
        """Return whether *fill* stays within what *entry* had reserved beyond its *rest*."""
        quantity, contract = fill.quantity or 0, _contract(fill)
        if is_late(fill, listed, entry) or quantity > entry.open_quantity:
            return False
        if used.shares is None or used.shares > entry.shares - rest.shares:
            return False
        # Where one of them is not bounded, together they are not; nor is what nobody knows.
        limits = [ask.event.price for ask in entry.asks if ask.event.price is not None]
        bounded = contract is not None and len(limits) == len(entry.asks)
        if bounded and _more(contract, max(limits) * quantity):
            return False
        money, left, fees = entry.money, rest.money, entry.fees_left
        if used.amount is None or money is None or left is None or fees is None:
            return True
        fees_used = Fraction(fill.fees or 0) if self.book.with_fees else Fraction(0)
        return used.amount <= money - left + min(fees, fees_used)


def day_on(event: Event, clock: str) -> date:
    """Return the day of *event* on *clock*, an authorization's or a venue's."""
    if event.time is not None:
        return _day_at(event.time, clock)
    assert event.date is not None
    return event.date


def bounded(order: Event) -> Event:
    """Return *order* without the price that a market order may say: it binds nobody."""
    return structs.replace(order, price=None) if order.order_type == "market" else order


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
    """Return whether *fill* is past the last day of its order *entry*, on either clock.

    Of a venue that the order does not name, the order says nothing, so only Tokyo's clock ends it.
    """
    day, venue_day = day_on(fill, "Asia/Tokyo"), day_on(fill, listed.venue)
    if entry.listed is not None and entry.listed.venue != listed.venue:
        return not any(day <= ask.last_day for ask in entry.asks)
    return not any(
        day <= ask.last_day and ask.venue_last_day is not None and venue_day <= ask.venue_last_day
        for ask in entry.asks
    )


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


def _no_more(new: Fraction | None, old: Fraction | None) -> bool:
    return new is not None and old is not None and new <= old


def _more(new: Exact | None, old: Exact | None) -> bool:
    """Return whether *new* is more than *old*, `None` being without bound."""
    if old is None:
        return False
    return new is None or new > old


def _bounds(ask: Ask) -> tuple[Exact | None, ...]:
    """Return all that a replace may raise of *ask*."""
    venue_last_day = ask.venue_last_day
    return (
        ask.quantity,
        None if ask.listed is None else ask.listed.ratio,
        ask.event.price,
        _rate(ask.event, ask.listed),
        ask.unit_cost,
        ask.fees,
        ask.last_day.toordinal(),
        None if venue_last_day is None else venue_last_day.toordinal(),
    )


def _is_over(entry: Entry, day: date) -> bool:
    # A venue may report on it for four weeks more.
    return entry.state not in ("open", "held") and entry.last_day + timedelta(28) < day


def _replace_fault(entry: Entry, event: Event) -> str | None:
    if entry.state != "open":
        return "order-closed"
    if entry.asked is not None:
        return "replace-pending"
    asked = entry.ask.quantity if event.quantity is None else event.quantity
    return "below-filled" if asked < entry.filled else None


def _told(entry: Entry, event: Event) -> str | None:
    """Return why the venue cannot say this of *entry*."""
    if event.kind in ("cancel", "expire"):
        return None if entry.state in ("open", "held") else "order-closed"
    if entry.state != "open":
        return "order-closed"
    if entry.asked is None and (event.kind == "replaced" or entry.filled):
        return "no-replace"
    return None


def _answered(entry: Entry, kind: str) -> Entry:
    if kind in ("cancel", "expire") or entry.asked is None:
        return replace(entry, state="closed", asked=None, held_more=None)
    entry = replace(entry, ask=entry.asked if kind == "replaced" else entry.ask, asked=None)
    return entry if entry.open_quantity > 0 else replace(entry, state="filled")


def _merged(entry: Entry, event: Event) -> Event:
    """Return the order *entry* as the replace *event* has it; it ends when it did."""
    own = entry.event
    said = {
        name: getattr(event, name)
        for name in ("quantity", "price", "fx", "fees", "expires")
        if getattr(event, name) is not None
    }
    kept = {"expires": own.expires or entry.venue_last_day or entry.last_day}
    return structs.replace(own, **(kept | said), time=event.time, date=event.date, by=event.by)


def _corrected(event: Event, own: Event) -> Event:
    """Return *event* with what it does not say taken from the fill *own*, on that fill's day."""
    names = ["symbol", "side", "fees", "quantity", "order_type", *of_instrument(event, own)]
    if event.price is None and event.amount is None:
        names.append("price")
        # A sum was paid for one quantity and says nothing of another.
        if event.quantity in (None, own.quantity):
            names.append("amount")
    lent = {name: getattr(own, name) for name in names if getattr(event, name) is None}
    return structs.replace(event, **lent, time=own.time, date=own.date)


def _completed(fill: Event, entry: Entry) -> Event:
    """Return *fill* with what it does not say taken from its order, of two terms the dearer."""
    names = ["symbol", "side", "order_type", *of_instrument(fill, entry.event)]
    if fill.amount is None:
        names.append("price")
    lent = {name: getattr(entry.event, name) for name in names if getattr(fill, name) is None}
    if entry.asked is not None:
        for name in {"price", "fx"} & set(lent):
            both = [getattr(ask.event, name) for ask in entry.asks]
            lent[name] = None if None in both else max(both)
    if fill.fees is None:
        lent["fees"] = entry.fees_left
    return structs.replace(fill, **lent)


def of_instrument(event: Event, own: Event) -> tuple[str, ...]:
    """Return the fields that only what is of one instrument with *own* can take from it."""
    return ("venue", "fx") if event.symbol in (None, own.symbol) else ()


def _is_fill_of(fill: Event, listed: Listed, entry: Entry) -> bool:
    own = entry.listed
    return (
        entry.open_quantity > 0
        and own is not None
        # A router fills where it likes, at any venue of the instrument.
        and listed.instrument.name == own.instrument.name
        and fill.side == entry.event.side
    )
