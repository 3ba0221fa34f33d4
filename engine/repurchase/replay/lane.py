"""A straight lane: rows of the common shape are decided without an object for each step.

An order that states its price, and a fill of it on the same day, are most of a log. A lane reads
their cells from the line, adds up the sums of the program, and has durable-rules judge each of them
by the same rule sets as the general way. It hands on every line that has anything else, and it
gives out the position whenever that is asked for. Its decisions are those of the general way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from operator import itemgetter
from re import compile as pattern
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace
from rpds import HashTrieMap, Queue

from repurchase.domain.calendars import read_moment
from repurchase.domain.decisions import Decision, Finding, Outcome, PositionReport
from repurchase.domain.errors import EngineFault, Wrong
from repurchase.domain.events import Event
from repurchase.domain.moments import NANOSECONDS, instant, time_number
from repurchase.domain.quantities import Exact, exact, quotient, written
from repurchase.evaluation.step import Decided, outcome_of, position_report
from repurchase.facts.fact import Market
from repurchase.intake.fields import READERS
from repurchase.intake.ids import Ids
from repurchase.intake.log import Columns
from repurchase.ledger.counters import Brokers, Sum, named, when_asked
from repurchase.ledger.fold import (
    Counters,
    Days,
    arrived,
    day_key,
    forgetting,
    used,
    with_latest,
)
from repurchase.ledger.orders import Order, with_worst_case
from repurchase.ledger.position import (
    FILLS_REMEMBERED,
    NO_DAY,
    ORDERS_REMEMBERED,
    Counted,
    Fills,
    Position,
)
from repurchase.replay.places import (
    FIGURES,
    MESSAGES,
    OF_FIGURES,
    ROOM,
    Figures,
    Place,
    Places,
    Totals,
    is_plain,
)
from repurchase.rulebook.editions import Editions

# So many rows that all rules pass are handed on together.
STEP: Final = 1_000
_CACHED: Final = 1 << 16
_SHAPES_MAX: Final = 1 << 12
# Ids that JSON writes as they are, and that no line of a table puts in quotes.
_ID: Final = pattern(r"[!#-+\--\[\]-~](?:[ !#-+\--\[\]-~]{0,198}[!#-+\--\[\]-~])?").fullmatch
# The minute and the second in the text of a time, as seconds of the hour.
_OF_HOUR: Final = {f":{at // 60:02d}:{at % 60:02d}": at for at in range(3600)}
# A part of a second, and then the offset of a time.
_PART: Final = pattern(r"\.([0-9]{1,9})([^.]*)").fullmatch
_QUANTITY: Final = READERS["quantity"]
_PRICE: Final = READERS["price"]
_MICRO: Final = 6
_NANO: Final = 9
_LAST_SECOND: Final = timedelta(seconds=3599)
_DENIED: Final = -1
_TIME: Final = OF_FIGURES.index("trade.venue_time")
_SHARES: Final = OF_FIGURES.index("program.shares_after")
_MONEY: Final = OF_FIGURES.index("program.amount_after")
# A line has so many figures; where they stand is found by numbers that nothing else in it has.
_MARKS: Final = 10
_MARK: Final = 918_273_645_546_372_810


class Passed(msgspec.Struct, frozen=True):
    """So many rows in a row that all rules pass, and the *lines* of their decisions, if wanted."""

    count: int
    lines: str


class Hour(msgspec.Struct, frozen=True):
    """An hour of the log that is within one day on both clocks, without a change of either.

    *day* is the authorization's, *venue_day* that of the venue. It begins so many *seconds*
    after midnight at the venue, and *moment* seconds after 1970. *offset* is that of its times.
    """

    day: date
    venue_day: date
    seconds: int
    moment: int
    offset: str


# The text of a row, and of it: id, hour, time, second of the hour, quantity, price and order.
Cells = tuple[str, str, str, str, Exact, int, Exact, str]
# Shares executed and reserved, and money executed and reserved: all, and what a row adds to each.
Sums = tuple[Exact, Exact, Exact, Exact]
Effect = Sums
# What a row adds to each figure of a cell.
More = tuple[Exact, ...]
Hours = dict[str, Hour | None]


class Entry(msgspec.Struct, gc=False):
    """An order: its place, the units that it has open, its price, and its line if a lane read it.

    Of a denied order, fewer than none are open.
    """

    place: Place
    left: Exact
    price: Exact
    text: str


class Kept(msgspec.Struct, frozen=True, gc=False):
    """A fill: its place, and its line."""

    place: Place
    text: str


class Shape:
    """Rows with the same words: by the hour, where they are."""

    __slots__ = ("days", "event", "is_fill", "places", "zone")
    event: Event | None
    is_fill: bool

    def __init__(self, event: Event | None) -> None:
        self.event = event
        self.zone: ZoneInfo | None = None
        self.days: dict[tuple[date, date | None], Place] = {}
        self.is_fill = event is not None and event.kind == "fill"
        self.places: dict[str, tuple[Place, Hour] | None] = {}


class Lane:
    """The rows of a log that are decided straight from their lines, from turn to turn.

    A turn begins with a position, and ends with a line that the general way must read.
    """

    def __init__(
        self,
        columns: Columns,
        editions: Editions,
        market: Market,
        line: Callable[[Decided], str] | None = None,
    ) -> None:
        """Read the lines of *columns*; *line* writes a decision, unless no lines are wanted."""
        self._columns, self._editions, self._market = columns, editions, market
        self._line = line
        names = columns.names
        self._width = len(names)
        self._figures = itemgetter(*(names.index(name) for name in FIGURES))
        words = [at for at, name in enumerate(names) if name not in FIGURES and name is not None]
        self._words = tuple(names[at] or "" for at in words)
        # One word alone would be got without a tuple around it.
        self._key = itemgetter(*words, words[0])
        end = b"\r\n" if columns.lines.last.endswith(b"\r\n") else b"\n"
        self._end, self._cut = end, -len(end)
        self._shapes: dict[tuple[str, ...], Shape] = {}
        self._hours: dict[str, Hours] = {}
        self._places = Places(editions, market)
        self._turn = 0
        self._is_over = False

    # -- a turn ---------------------------------------------------------------------------------

    def begin(self, position: Position) -> bool:
        """Begin a turn with *position*; return whether the lane can take rows from it on."""
        self._turn += 1
        self._base = position
        self._touched: dict[int, Place] = {}
        self._orders: dict[str, Entry] = {}
        self._known = len(position.orders)
        self._ended: dict[date, deque[str]] = {}
        self._newer: dict[str, Kept] = {}
        self._older: dict[str, Kept] = {}
        self._room = FILLS_REMEMBERED - len(position.fills.newer)
        self._today = position.today
        # The latest day of open orders, and the day that it must not pass.
        self._latest = max(position.open_until, default=date.min)
        self._bound = date.max
        self._sums: Sums = (
            position.executed_shares,
            position.reserved_shares,
            position.executed_amount,
            position.reserved_amount,
        )
        return not self._is_over and _is_common(position)

    def rows(self, ids: Ids, after: datetime) -> Iterator[Decided | Passed]:
        """Yield the decisions on the lines that follow, up to one for the general way.

        *ids* are those of the log so far, whose last time is *after*.
        """
        self._ids = ids
        self._moment = quotient(instant(after), NANOSECONDS)
        lines, taken, size = self._columns.lines, 0, 0
        passed: list[str] = []
        self._last: tuple[Place, str] | None = None
        self._visited: list[Place] = []
        for raw in self._columns.left():
            found = self._row(raw)
            if found is None:
                lines.put_back(raw)
                break
            taken += 1
            size += len(raw)
            if isinstance(found, str):
                passed.append(found)
                if len(passed) < STEP:
                    continue
            lines.took(taken, size)
            taken = size = 0
            if passed:
                yield Passed(len(passed), "\n".join(passed))
                passed = []
            if not isinstance(found, str):
                yield found
        lines.took(taken, size)
        if passed:
            yield Passed(len(passed), "\n".join(passed))

    def last(self) -> tuple[Place, datetime, int] | None:
        """Return where and when the last row was that `rows` took, and its line, if it took any."""
        if self._last is None:
            return None
        place, text = self._last
        event = self._columns.event(text)
        assert event is not None, "the lane takes rows that give an event"
        assert event.time is not None, "rows of a lane have a time"
        return place, event.time, self._columns.lines.number

    def visited(self) -> Sequence[Place]:
        """Return the places that were new to the turn in `rows`."""
        return self._visited

    # -- a row ----------------------------------------------------------------------------------

    def _row(self, raw: bytes) -> Decided | str | None:
        """Return the decision on the line *raw*, as its line if all rules pass.

        Return `None`, and change nothing, if the general way must decide it.
        """
        if not raw.endswith(self._end):
            return None
        try:
            text = raw[: self._cut].decode()
        except UnicodeDecodeError:
            return None
        cells = text.split(",")
        if len(cells) != self._width:
            return None
        key = self._key(cells)
        shape = self._shapes.get(key) or self._shape(key, text)
        if shape.event is None:
            return None
        name, time, units, price, of = self._figures(cells)
        second: Exact | None = _OF_HOUR.get(time[13:19])
        offset, fraction = time[19:], ""
        if offset[:1] == ".":
            offset, fraction, part = _parted(offset)
            second = None if second is None else second + part
        if second is None or not _ID(name):
            return None
        try:
            quantity, each = _QUANTITY(units), _PRICE(price)
        except Wrong:
            return None
        row = (text, name, time[:13] + offset, time[:19] + fraction, second, quantity, each, of)
        return self._fill(shape, row) if shape.is_fill else self._order(shape, row)

    def _order(self, shape: Shape, row: Cells) -> Decided | str | None:
        """Return the decision on the order *row*."""
        text, name, at, _, _, quantity, price, of = row
        found = shape.places.get(at) or self._place(shape, at, text)
        if found is None or of:
            return None
        place, hour = found
        if not (place.turn == self._turn or self._is_known(place)):
            return None
        shares, amount = quantity * place.each, quantity * price
        effect = (0, shares, 0, amount)
        more = (shares, amount, shares, 1, 1, 1, 0)
        findings = self._judged(place, hour, row, effect, more)
        if findings is None:
            return None
        entry = Entry(place, quantity, price, text)
        if findings and outcome_of(place.event, findings) == "denied":
            return self._denied(name, entry, findings)
        if place.date > self._today or self._known > ORDERS_REMEMBERED:
            self._arrive(place.date)
        self._orders[name] = entry
        self._known += 1
        totals = place.totals
        totals.orders += 1
        totals.shares += shares
        totals.amount += amount
        return self._done(place, hour, row, effect, more, findings)

    def _fill(self, shape: Shape, row: Cells) -> Decided | str | None:
        """Return the decision on the fill *row* of an order."""
        text, name, at, _, _, quantity, price, of = row
        entry = self._orders.get(of) or self._kept(of)
        if entry is None or quantity > entry.left or price > entry.price:
            return None
        origin, left = entry.place, entry.left
        place = origin.fills.get(shape) or self._fill_place(shape, entry, of, text)
        if place is None:
            return None
        hour = place.hours.get(at) or self._hour_of(place, at)
        if hour is None or not (place.turn == self._turn or self._is_known(place)):
            return None
        shares, amount, released = quantity * place.each, quantity * price, quantity * entry.price
        closes = quantity == left
        effect = (shares, -shares, amount, -released)
        more = (0, amount - released, 0, 0, 0, -closes, shares)
        findings = self._judged(place, hour, row, effect, more)
        if findings is None:
            return None
        if place.date > self._today or self._known > ORDERS_REMEMBERED:
            self._arrive(place.date)
        entry.left = left - quantity
        if closes:
            self._close(origin, of)
        totals = origin.totals
        totals.fills += 1
        totals.filled += shares
        totals.paid += amount
        totals.released += released
        totals.closed += closes
        self._newer[name] = Kept(place, text)
        if len(self._newer) >= self._room:
            self._age()
        return self._done(place, hour, row, effect, more, findings)

    def _judged(
        self, place: Place, hour: Hour, row: Cells, effect: Effect, more: More
    ) -> tuple[Finding, ...] | None:
        """Return the findings on *row*, which has this *effect* on the sums and adds *more*.

        Return `None` if the general way must find them; the row then is one that was not seen.
        """
        text, name, _, _, second, quantity, price, _ = row
        executed, reserved, paid, bound = self._sums
        spent, taken, cost, tied = effect
        used, money = executed + reserved, paid + bound
        shares, amount = used + spent + taken, money + cost + tied
        moment = hour.moment + second
        if moment < self._moment or shares >= ROOM or amount >= ROOM:
            return None
        time = hour.seconds + second
        units = quantity * place.each
        figures: Figures = (
            quantity,
            units,
            price,
            price,
            quantity * price,
            time,
            executed,
            reserved,
            reserved + taken,
            used,
            shares,
            paid,
            bound,
            bound + tied,
            money,
            amount,
        )
        if place.reads:
            figures += place.read(more)
        key = place.prefix + name
        if not self._ids.add(key, text):
            return None
        findings = self._found(
            place, figures, is_whole=type(shares) is type(amount) is type(time) is int
        )
        if findings is None:
            self._ids.drop(key)
            return None
        self._moment, self._last = moment, (place, text)
        return findings

    def _found(
        self, place: Place, figures: Figures, *, is_whole: bool
    ) -> tuple[Finding, ...] | None:
        """Return the findings on *figures* at *place*, `None` if another must find them.

        A sum *is_whole* unless it has a part of a unit.
        """
        fired: set[str] = set()
        try:
            if is_whole and place.is_whole:
                for check in place.checks:
                    check.rule_set.react(check.template % check.pick(figures), fired)
            else:
                numbers = place.numbers(figures)
                for check in place.checks:
                    check.rule_set.fire(numbers, fired)
            if fired == place.compiled.expected and place.is_in_session(figures[_TIME]):
                return ()
            return self._places.findings(place, figures, fired)
        except EngineFault:
            # The general way loads the rule sets again.
            self._is_over = True
            return None

    def _done(
        self,
        place: Place,
        hour: Hour,
        row: Cells,
        effect: Effect,
        more: More,
        findings: tuple[Finding, ...],
    ) -> Decided | str:
        """Count *row*, which is accepted or has happened, and return the decision on it."""
        executed, reserved, paid, bound = self._sums
        spent, taken, cost, tied = effect
        sums = (executed + spent, reserved + taken, paid + cost, bound + tied)
        self._sums = sums
        if place.cells:
            self._count(place, more)
        if findings:
            return self._decided(place, row[0], outcome_of(place.event, findings), findings)
        return self._written(place, row, hour) if place.line else ""

    def _written(self, place: Place, row: Cells, hour: Hour) -> str:
        """Return the line of the decision on *row*, which all rules pass."""
        _, name, _, time, _, quantity, price, _ = row
        executed, reserved, paid, bound = sums = self._sums
        left = place.max_shares - executed - reserved
        rest = place.max_amount - paid - bound
        time += hour.offset
        if type(rest) is int and type(left) is int and type(price) is int:
            return place.line % (name, *sums, left, rest, time, quantity, price)
        texts = map(written, (*sums, left, rest))
        return place.line % (name, *texts, time, quantity, written(price))

    def _decided(
        self, place: Place, text: str, outcome: Outcome, findings: tuple[Finding, ...]
    ) -> Decided:
        event = self._columns.event(text)
        assert event is not None, "the lane takes rows that give an event"
        report = position_report(self.sums(), place.edition)
        kind, hash_ = event.kind, place.edition.hash
        decision = Decision(event.id, kind, outcome, findings, report, hash_)
        return Decided(decision, place.life, event=event)

    # -- what the words and the texts of rows mean ------------------------------------------------

    def _shape(self, key: tuple[str, ...], text: str) -> Shape:
        """Return the shape of the row *text*, whose words are *key*."""
        shape = Shape(None if '"' in text else self._columns.event(text))
        if shape.event is not None and len(self._shapes) < _SHAPES_MAX:
            self._shapes[key] = shape
        return shape

    def _place(self, shape: Shape, at: str, text: str) -> tuple[Place, Hour] | None:
        """Return the place and the hour of the order *text*, made in the hour *at*."""
        if at not in shape.places:
            shape.places[at] = self._new_place(shape, at, text)
        return shape.places[at]

    def _new_place(self, shape: Shape, at: str, text: str) -> tuple[Place, Hour] | None:
        hour = None if shape.zone is None else self._hour(shape.zone, at)
        place = None if hour is None else shape.days.get((hour.day, hour.venue_day))
        if place is None:
            event = self._columns.event(text)
            place = None if event is None else self._places.place(event, self._base)
            if place is None:
                return None
            shape.zone = place.listing.zone
            hour = self._hour(shape.zone, at)
            shape.days[place.days] = self._with_line(place)
        return None if hour is None else (place, hour)

    def _fill_place(self, shape: Shape, entry: Entry, of: str, text: str) -> Place | None:
        """Return the place of the fill *text*, of *shape*, of the order *of*."""
        origin, event = entry.place, self._columns.event(text)
        if shape in origin.fills or event is None or event.time is None:
            return None
        order = self._order_of(of, entry)
        place = self._places.place(event, self._base, origin, order)
        # Another fill may be on the day of its order.
        if place is not None or self._editions.day_of(event) == origin.date:
            origin.fills[shape] = None if place is None else self._with_line(place)
        return place

    def _with_line(self, place: Place) -> Place:
        """Return *place*, which knows how the line of a decision there is written."""
        if self._line is None:
            return place
        marks = [str(_MARK + at) for at in range(_MARKS)]
        edition, event = place.edition, place.event
        assert event.time is not None, "rows of a lane have a time"
        stated = replace(event, quantity=_MARK + 8, price=_MARK + 9)
        report = PositionReport(*marks[1:7])
        decision = Decision(marks[0], event.kind, "approved", (), report, edition.hash)
        text = self._line(Decided(decision, place.life, event=stated)).replace("%", "%%")
        marks[7] = event.time.isoformat()
        caps = {marks[5]: edition.max_shares, marks[6]: edition.max_amount}
        for mark in marks:
            is_given = caps.get(mark, 0) is not None
            # A cap that there is not is null, whatever its figure.
            text = text.replace(f'"{mark}"', '"%s"' if is_given else "null%.0s")
        place.line = text
        return place

    def _hour_of(self, place: Place, at: str) -> Hour | None:
        """Return the hour *at*, if it is on the day of *place*."""
        if at not in place.hours:
            hour = self._hour(place.listing.zone, at)
            is_its = hour is not None and (hour.day, hour.venue_day) == place.days
            place.hours[at] = hour if is_its else None
        found: Hour | None = place.hours[at]
        return found

    def _hour(self, zone: ZoneInfo, at: str) -> Hour | None:
        """Return the hour *at*, if it is within one day on the clock *zone* and on the own."""
        hours = self._hours.setdefault(zone.key, {})
        if at not in hours and len(hours) < _CACHED:
            hours[at] = _hour(at, self._editions.zone, zone)
        return hours.get(at)

    # -- what rows change -------------------------------------------------------------------------

    def _is_known(self, place: Place) -> bool:
        """Return whether rules can read all that they read of *place*, which this turn touches."""
        if self._touched.get(id(place)) is None:
            latest = max(self._latest, place.last)
            bound = self._bound if place.is_settled else min(self._bound, place.last)
            if latest > bound:
                return False
            self._latest, self._bound = latest, bound
            self._touched[id(place)] = place
            self._visited.append(place)
            place.refresh(self._base, self._turn)
        if not place.is_known or place.date < self._base.latest:
            return False
        place.turn = self._turn
        return True

    def _kept(self, of: str) -> Entry | None:
        """Return the open order *of* from before this turn, if the lane knows its place."""
        order = self._base.orders.get(of) if of else None
        if order is None or not order.is_open or order.asked is not None or order.held is not None:
            return None
        event = order.terms.event
        if not is_plain(event):
            return None
        key = tuple(getattr(event, name, None) or "" for name in self._words)
        shape = self._shapes.get((*key, key[0]))
        at = "" if event.time is None else event.time.isoformat()
        found = None if shape is None else shape.places.get(at[:13] + at[19:])
        if found is None or order.terms.price is None or not _is_of(order, found[0]):
            return None
        if found[0].turn != self._turn and not self._is_known(found[0]):
            return None
        entry = self._orders[of] = Entry(found[0], order.open_quantity, order.terms.price, "")
        return entry

    def _count(self, place: Place, more: More) -> None:
        """Add *more* to the cells of *place*, as far as a rule reads it."""
        used = self._places.used
        for cell in place.cells:
            of = cell.of
            for at in used:
                of[at] += more[at]

    def _denied(self, name: str, entry: Entry, findings: tuple[Finding, ...]) -> Decided:
        """Keep the order *name*, which is denied, and return the decision on it."""
        place, entry.left = entry.place, _DENIED
        self._orders[name] = entry
        self._known += 1
        self._close(place, name)
        place.totals.denied += 1
        for cell in place.cells:
            cell.of[MESSAGES] += 1
        return self._decided(place, entry.text, "denied", findings)

    def _close(self, place: Place, name: str) -> None:
        """Note that the order *name* is closed, and until when it is kept."""
        self._ended.setdefault(place.order.terms.kept_until, deque()).append(name)

    def _arrive(self, day: date) -> None:
        """Forget the closed orders that a position forgets when it comes to *day*."""
        while self._known > ORDERS_REMEMBERED and (self._ended or self._base.ended):
            self._forget_one()
        if day <= self._today:
            return
        self._today = day
        known, self._base = len(self._base.orders), arrived(self._base, day)
        self._known -= known - len(self._base.orders)
        for kept_until in [one for one in self._ended if one < day]:
            self._forget(self._ended.pop(kept_until))

    def _forget_one(self) -> None:
        """Forget the closed order on which reports are expected the least long."""
        day = min(min(days) for days in (self._ended, self._base.ended) if days)
        if day in self._base.ended:
            self._base = forgetting(self._base)
            self._known -= 1
            return
        names = self._ended[day]
        self._forget([names.popleft()])
        if not names:
            del self._ended[day]

    def _forget(self, names: Iterable[str]) -> None:
        orders = self._base.orders
        for name in names:
            del self._orders[name]
            self._known -= 1
            if name in orders:
                orders = orders.remove(name)
        if orders is not self._base.orders:
            self._base = replace(self._base, orders=orders)

    def _age(self) -> None:
        """Forget the older fills, as a position does when it remembers enough newer ones."""
        self._older, self._newer, self._room = self._newer, {}, FILLS_REMEMBERED
        fills = Fills(HashTrieMap(), self._base.fills.newer)
        self._base = replace(self._base, fills=fills)

    # -- the position -----------------------------------------------------------------------------

    def sums(self) -> Position:
        """Return the position as far as its sums go, without the orders and fills of this turn."""
        executed, reserved, paid, bound = self._sums
        return replace(
            self._base,
            executed_shares=executed,
            reserved_shares=reserved,
            executed_amount=paid,
            reserved_amount=bound,
        )

    def open_orders(self) -> tuple[str, ...]:
        """Return the ids of the orders that can still fill, in order."""
        is_open = {name: order.is_open for name, order in self._base.orders.items()}
        is_open |= {name: entry.left > 0 for name, entry in self._orders.items()}
        return tuple(sorted(name for name, can_fill in is_open.items() if can_fill))

    def settled(self) -> Position:
        """Return the position after all rows so far; with that, another turn begins."""
        if not self._touched:
            return self._base
        position = self.sums()
        open_until, days, counters = position.open_until, position.days, position.counters
        for place in self._touched.values():
            totals = place.totals
            if totals.orders:
                position = with_latest(position, place.date)
            open_until = _with_open(open_until, place, totals)
            days = _with_day(days, place, totals)
            counters = _with_uses(counters, place, totals)
        ended, fills = position.ended, position.fills
        for day, names in self._ended.items():
            queue = ended.get(day, Queue())
            for name in names:
                queue = queue.enqueue(name)
            ended = ended.insert(day, queue)
        following = replace(
            position,
            orders=position.orders.update(
                {name: self._order_of(name, entry) for name, entry in self._orders.items()}
            ),
            open_until=open_until,
            ended=ended,
            fills=Fills(
                fills.newer.update(self._fills_of(self._newer)),
                fills.older.update(self._fills_of(self._older)),
            ),
            days=days,
            counters=counters,
            today=self._today,
        )
        self.begin(following)
        return following

    def _order_of(self, name: str, entry: Entry) -> Order:
        """Return the order *name* as it stands."""
        place, left, text = entry.place, entry.left, entry.text
        before = None if text else self._base.orders[name]
        if before is not None:
            terms, filled = before.terms, before.filled + before.open_quantity - left
            fees = before.fees_used
        else:
            event = self._columns.event(text)
            assert event is not None, "the lane takes rows that give an event"
            terms, fees = place.terms(event), 0
            filled = terms.quantity - left
        if left == _DENIED:
            return Order(terms, "denied")
        if not left:
            return Order(terms, "filled", filled, fees)
        return with_worst_case(Order(terms, "open", filled, fees))

    def _fills_of(self, fills: Mapping[str, Kept]) -> dict[str, Counted]:
        return {name: self._fill_of(one.text, one.place) for name, one in fills.items()}

    def _fill_of(self, text: str, place: Place) -> Counted:
        """Return the fill *text* as it was counted."""
        event, own = self._columns.event(text), place.trade
        assert event is not None, "the lane takes rows that give an event"
        assert event.time is not None, "rows of a lane have a time"
        full = replace(
            own.event,
            id=event.id,
            time=event.time,
            quantity=event.quantity,
            price=event.price,
            order=event.order,
        )
        quantity, price = event.quantity or 0, event.price or 0
        time = time_number(event.time.astimezone(place.listing.zone))
        days = (own.date, own.venue_date)
        return Counted(full, place.listing, quantity * place.each, quantity * price, *days, time)


def _parted(tail: str) -> tuple[str, str, Exact]:
    """Return the offset in the *tail* of a time, and the part of a second before it: `.25+09:00`.

    The part is a text as times have it in decisions, and a number.
    """
    found = _PART(tail)
    if found is None:
        return tail, "", 0
    digits, offset = found.groups()
    places = _MICRO if len(digits.rstrip("0")) <= _MICRO else _NANO
    padded = digits.rstrip("0").ljust(places, "0")
    part = exact(f"0.{digits}")
    return offset, f".{padded}" if part else "", part


def _hour(at: str, clock: ZoneInfo, venue: ZoneInfo) -> Hour | None:
    """Return the hour *at*, as *clock* and the clock of the *venue* show it."""
    try:
        begin = read_moment(f"{at[:13]}:00:00{at[13:]}")
    except (ValueError, Wrong):
        return None
    text, end = begin.isoformat(), begin + _LAST_SECOND
    here, there = (begin.astimezone(zone) for zone in (clock, venue))
    is_steady = _is_steady(here, end.astimezone(clock)) and _is_steady(there, end.astimezone(venue))
    if text[:19] != f"{at[:13]}:00:00" or not is_steady:
        return None
    moment, seconds = instant(begin) // NANOSECONDS, int(time_number(there))
    return Hour(here.date(), there.date(), seconds, moment, text[19:])


def _is_steady(first: datetime, last: datetime) -> bool:
    """Return whether the first and the last second of an hour are on one day, without a leap."""
    hands = last.replace(tzinfo=None) - first.replace(tzinfo=None)
    return first.date() == last.date() and hands == _LAST_SECOND


def _is_common(position: Position) -> bool:
    """Return whether nothing in *position* but sums and open orders can change a decision."""
    is_open = position.opening is not None and position.opening.when is None
    is_unknown = position.unbounded or position.unknown_shares or position.unknown_amount
    is_halted = position.halts or position.splits or position.requests is not None
    return position.started and not (is_open or is_unknown or is_halted)


def _is_of(order: Order, place: Place) -> bool:
    """Return whether *order* is one that the lane would have opened at *place*."""
    return not order.fees_used and order.terms == place.terms(order.terms.event)


def _with_open(
    days: HashTrieMap[date, int], place: Place, totals: Totals
) -> HashTrieMap[date, int]:
    """Return the last days of open orders with those of *totals* at *place*."""
    day = place.order.terms.last_date
    count = days.get(day, 0) + totals.orders - totals.closed
    return days.insert(day, count) if count else days.discard(day)


def _with_day(days: Days, place: Place, totals: Totals) -> Days:
    if not totals.orders and not totals.fills:
        return days
    key = day_key(place.trade)
    assert key is not None, "what is listed has a day at its venue"
    before = days.get(key, NO_DAY)
    return days.insert(key, used(before, place.trade, totals.shares, totals.filled, is_new=True))


def _with_uses(counters: Counters, place: Place, totals: Totals) -> Counters:
    """Return *counters* with what rows at *place* came to, done and still open."""
    order = place.order
    is_open = totals.orders - totals.closed
    done = Sum(
        totals.filled,
        totals.paid,
        totals.shares,
        totals.orders,
        totals.orders + totals.denied,
        brokers=_times(place, totals.orders + totals.fills),
    )
    left = Sum(
        totals.shares - totals.filled,
        totals.amount - totals.released,
        open_orders=is_open,
        brokers=_times(place, is_open),
    )
    for name in place.uses:
        uses = counters[name]
        event, listings, day = place.trade.event, order.terms.listings, place.trade.date
        when = when_asked(uses.counter, event, listings, day)
        assert when is not None, "a counter of a place counts its rows"
        counters = counters.insert(name, uses.with_done(when, done).with_open(order, left))
    return counters


def _times(place: Place, times: int) -> Brokers:
    """Return the broker of the rows at *place*, named so many *times*."""
    return tuple((broker, times) for broker, _ in named(place.trade.event)) if times else ()
