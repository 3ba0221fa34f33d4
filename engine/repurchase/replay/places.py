"""What rows have in common that differ only in id, minute, figures and order: their place.

Such rows give the same event but for these. What the general way computes of the first of them from
its words and its day holds for all. What depends on figures, a place says how to compute.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import msgspec
from msgspec.structs import replace
from rpds import HashTrieMap

from repurchase.domain.counters import DAY_APART, Counter
from repurchase.domain.currencies import factor, whole
from repurchase.domain.decisions import Finding
from repurchase.domain.events import Event, key_of
from repurchase.domain.quantities import Exact
from repurchase.domain.terms import Listing
from repurchase.evaluation.judge import Compiled, compiled
from repurchase.evaluation.rete import START, RuleSet, exactly, sent
from repurchase.evaluation.step import (
    in_order,
    outcome_of,
    own_findings,
    scope_of,
    session_findings,
)
from repurchase.facts.counters import APPLIES, counter_of, figure_of, span_of, uses_of
from repurchase.facts.day import OF_DAY
from repurchase.facts.fact import Market, Situation, Value
from repurchase.language.linear import CONSTANT_MAX
from repurchase.ledger.counters import Span, of_order, when_asked
from repurchase.ledger.fold import counted, day_key, proposed, when_in
from repurchase.ledger.orders import Order, Terms
from repurchase.ledger.position import NO_DAY, DayKey, Position
from repurchase.ledger.trades import Trade, trade
from repurchase.market.sessions import spans
from repurchase.rulebook.editions import Edition, Editions
from repurchase.rulebook.life import Life, life

# The facts that the figures of a row and the sums of the program give, in the order of `Figures`.
OF_FIGURES: Final = (
    "trade.units",
    "trade.shares",
    "trade.price",
    "trade.price_per_share",
    "trade.amount",
    "trade.venue_time",
    "program.executed_shares",
    "program.reserved_shares",
    "program.reserved_shares_after",
    "program.shares",
    "program.shares_after",
    "program.executed_amount",
    "program.reserved_amount",
    "program.reserved_amount_after",
    "program.amount",
    "program.amount_after",
)
_TIME: Final = OF_FIGURES.index("trade.venue_time")
_PRICE_PER_SHARE: Final = "trade.price_per_share"
# Those that the words and the day of a row give.
_OF_WORDS: Final = frozenset(
    f"trade.{name}"
    for name in (
        *("date", "last_date", "venue_date", "venue_last_date", "side", "share_class", "symbol"),
        *("venue", "venue_country", "venue_area", "venue_market", "broker", "order_type", "method"),
        *("phase", "solicited", "counterparty", "by"),
    )
)
# The event fields by which the rows of a place differ, and those that they may have in common.
FIGURES: Final = ("id", "time", "quantity", "price", "order")
_PLAIN: Final = frozenset(
    (
        *(*FIGURES, "kind", "symbol", "venue", "side", "order_type"),
        *("broker", "method", "phase", "solicited", "counterparty"),
    )
)
# What a cell counts: these figures of a counter, or of a day, and what was executed on a day.
COUNTED: Final = ("shares", "amount", "ordered_shares", "orders", "messages", "open_orders")
MESSAGES: Final = COUNTED.index("messages")
_ORDERED: Final = COUNTED.index("ordered_shares")
CELLS: Final = (*COUNTED, "executed_shares")
_EXECUTED: Final = CELLS.index("executed_shares")
_FIGURES_OF_DAY: Final = {"day.ordered_shares": _ORDERED, "day.executed_shares": _EXECUTED}
_AFTER: Final = "_after"
# Whether a counter counts a trade rests on its words and its day.
_APPLIES: Final = f".{APPLIES}"
_ABSENT: Final[tuple[object, ...]] = (None, (), {})
# While the sums of a program stay below it, what rules compare stays below the engine's bound.
ROOM: Final = CONSTANT_MAX >> 2

Figures = tuple[Any, ...]
Key = tuple[str, int] | DayKey
Pick = Callable[[Figures], Any]


class Cell:
    """What a *counter* has come to in the period of *trade*, or its day if there is no counter.

    Its figures are *of* it, in the order of `CELLS`, and *known* says which are known. They stand
    for the turn of the lane with the number *turn*.
    """

    __slots__ = ("counter", "known", "of", "trade", "turn")
    counter: str | None
    trade: Trade
    turn: int

    def __init__(self, counter: str | None, trade: Trade) -> None:
        self.counter, self.trade = counter, trade
        self.of: list[Exact] = []
        self.known: frozenset[int] = frozenset()
        self.turn = 0

    def refresh(self, position: Position, turn: int) -> None:
        """Let the figures stand for *position*, with which *turn* begins."""
        if self.turn == turn:
            return
        self.turn = turn
        found: dict[int, Exact] = {}
        if self.counter is None:
            day = position.days.get(_day_of(self.trade), NO_DAY)
            found = {_ORDERED: day.ordered_shares, _EXECUTED: day.executed_shares}
        else:
            each = (figure_of(position, self.trade, self.counter, of) for of in COUNTED)
            found = {at: figure for at, figure in enumerate(each) if figure is not None}
        self.known = frozenset(found)
        self.of = [found.get(at, 0) for at in range(len(CELLS))]


class Read(msgspec.Struct, frozen=True):
    """The figure *of* a *cell* that a rule reads, before an event or after it."""

    cell: Cell
    of: int
    is_after: bool


class Check(msgspec.Struct, frozen=True):
    """A rule set, and how the fact that it is sent is written from the figures of a row."""

    rule_set: RuleSet
    template: str
    pick: Pick


class Totals:
    """What the rows of one place come to; *closed* orders are filled, and *released* reserved."""

    __slots__ = (
        *("orders", "denied", "shares", "amount"),
        *("fills", "closed", "filled", "paid", "released"),
    )

    def __init__(self) -> None:
        self.orders: int = 0
        self.denied: int = 0
        self.fills: int = 0
        self.closed: int = 0
        self.shares: Exact = 0
        self.amount: Exact = 0
        self.filled: Exact = 0
        self.paid: Exact = 0
        self.released: Exact = 0


class Place:
    """What rows have in common: one instrument at one venue on one day, in the same words.

    *event* and *trade* are those of the first row, *life* has its edition. *checks* say what the
    rule sets are sent. *constants* are the facts that are the same for all rows, *coded* as the
    engine is given them, and *names* are those of `Figures`. The counters *uses*
    count such rows, each in a period. *cells* do it too, and *reads* are what rules read of cells.
    *totals* are what the position lacks. The place *is_settled* unless another edition can judge
    its orders, too, if other orders are open beyond its *last* day. *fills* are the places of fills
    of its orders, by the shapes of their rows.
    """

    event: Event
    trade: Trade
    life: Life
    compiled: Compiled
    listing: Listing
    order: Order
    date: datetime.date
    last: datetime.date
    prefix: str
    totals: Totals
    turn: int
    is_settled: bool
    is_known: bool
    is_whole: bool
    line: str
    each: Exact
    max_shares: Exact
    max_amount: Exact
    days: tuple[datetime.date, datetime.date | None]
    spans: tuple[tuple[Exact, Exact], ...] | None

    def __init__(self, event: Event, trade: Trade, life: Life, own: Compiled) -> None:
        assert trade.listing is not None, "only what is listed has a place"
        its = life.edition
        self.event, self.trade, self.life, self.compiled = event, trade, life, own
        assert trade.order is not None, "an order, and a fill of one, has an order"
        self.listing, self.order = trade.listing, trade.order
        self.checks: tuple[Check, ...] = ()
        self.constants: dict[str, Value | None] = {}
        self.names: tuple[str, ...] = OF_FIGURES
        self.uses: Mapping[str, int] = {}
        self.cells: tuple[Cell, ...] = ()
        self.reads: tuple[Read, ...] = ()
        self.date, self.last = trade.date, trade.order.terms.last_date
        self.is_settled = False
        self.prefix = key_of(event.kind, "")
        self.fills: dict[object, Place | None] = {}
        self.hours: dict[str, Any] = {}
        self.totals = Totals()
        self.turn = 0
        self.is_known = self.is_whole = False
        self.line = ""
        self.max_shares = its.max_shares or 0
        self.max_amount = its.max_amount or 0
        self.each = trade.listing.shares_each
        self.days = trade.date, trade.venue_date
        self.spans = _spans_of(trade)
        self.coded: Mapping[str, Any] = {}

    @property
    def edition(self) -> Edition:
        """Return the edition that judges its rows."""
        return self.life.edition

    def values(self, figures: Figures) -> dict[str, Value | None]:
        """Return all facts that rules read, given the *figures* of a row."""
        return {**self.constants, **dict(zip(self.names, figures, strict=True))}

    def numbers(self, figures: Figures) -> dict[str, Any]:
        """Return the same as the engine is given it."""
        return {**self.coded, **dict(zip(self.names, figures, strict=True))}

    def is_in_session(self, moment: Exact) -> bool:
        """Return whether a fill at *moment*, in seconds from midnight, is in a session."""
        spans = self.spans
        return spans is None or any(begin <= moment <= end for begin, end in spans)

    def read(self, more: Sequence[Exact]) -> tuple[Exact, ...]:
        """Return what rules read of cells, if a row adds *more* to each that counts it."""
        each = [(one.cell.of[one.of], more[one.of] if one.is_after else 0) for one in self.reads]
        return tuple([now + added for now, added in each])

    def terms(self, event: Event) -> Terms:
        """Return the terms of *event*, an order here."""
        price = event.price
        own = self.order.terms
        return replace(
            own, event=event, quantity=event.quantity or 0, price=price, amount_each=price
        )

    def refresh(self, position: Position, turn: int) -> None:
        """Let its totals and cells stand for *position*, with which *turn* begins."""
        self.totals = Totals()
        for cell in (*self.cells, *(read.cell for read in self.reads)):
            cell.refresh(position, turn)
        known = [(read.cell, read.of) for read in self.reads]
        self.is_known = all(of in cell.known for cell, of in known)
        self.is_whole = all(type(cell.of[of]) is int for cell, of in known)


class Places:
    """Finds the places of a program, and the cells that its places share."""

    used: tuple[int, ...]

    def __init__(self, editions: Editions, market: Market) -> None:
        self._editions = editions
        self._market = market
        self._cells: dict[Key, Cell] = {}
        facts = {name.removesuffix(_AFTER) for each in editions.all() for name in each.facts}
        self._reads_days = not facts.isdisjoint(_FIGURES_OF_DAY)
        # Which figures of any cell a rule of the file reads.
        figures = {name.rpartition(".")[2] for name in facts}
        self.used = tuple(at for at, name in enumerate(CELLS) if name in figures)

    def place(
        self,
        event: Event,
        position: Position,
        at: Place | None = None,
        order: Order | None = None,
    ) -> Place | None:
        """Return the place of rows such as *event* at *position*; a fill is of *order*, *at* one.

        Return `None` if such rows must be decided in the general way.
        """
        if not is_plain(event):
            return None
        if at is not None and order is not None:
            orders = position.orders.insert(event.order or "", order)
            position = replace(position, orders=orders, today=at.trade.date)
        its = self._life(event, position)
        found = None if its is None else trade(event, its.edition.counting, position)
        if its is None or not isinstance(found, Trade) or not _is_simple(found, its.edition):
            return None
        if any(own_findings(event, found, position, its, live=False)):
            return None
        place = Place(event, found, its, compiled(its.edition, scope_of(found)))
        place.is_settled = found.is_fill or self._editions.is_own_settled(found.date)
        uses = _uses(found, position)
        if uses is None or not (at is None or _is_within(place, uses, at)):
            return None
        place.uses = uses
        self._add_cells(place)
        return place if self._add_checks(place, position) else None

    def findings(
        self, place: Place, figures: Figures, fired: set[str]
    ) -> tuple[Finding, ...] | None:
        """Return the findings on a row at *place* with *figures*, for which rules *fired*.

        Return `None` if the general way must: the order is held. Raise EngineFault on any fault.
        """
        found: tuple[Finding, ...] = ()
        if fired != place.compiled.expected:
            found = place.compiled.found(place.values(figures))
        now = replace(place.trade, venue_time=figures[_TIME])
        findings = in_order((*found, *session_findings(now, self._market)), now)
        return None if outcome_of(place.event, findings) == "held" else findings

    def _life(self, event: Event, position: Position) -> Life | None:
        """Return the editions that judge *event*, if its own is the only one.

        Of an order, that is so as long as no other is open beyond its last day, or nothing in the
        rule file changes any more; see `Place.is_settled`.
        """
        editions, day = self._editions, self._editions.day_of(event)
        if editions.has_minutes or not (editions.is_settled(day, day) or event.kind == "fill"):
            return None
        found = life(editions, event, replace(position, open_until=HashTrieMap()))
        return None if found.later or found.venues else found

    def _add_cells(self, place: Place) -> None:
        cells = [self._cell(*use, place.trade) for use in place.uses.items()]
        place.cells = (*cells, *([self._day(place.trade)] if self._reads_days else []))

    def _cell(self, counter: str, period: int, trade: Trade) -> Cell:
        return self._cells.setdefault((counter, period), Cell(counter, trade))

    def _day(self, trade: Trade) -> Cell:
        return self._cells.setdefault(_day_of(trade), Cell(None, trade))

    def _add_checks(self, place: Place, position: Position) -> bool:
        """Note at *place* how its facts are computed; return whether all can be."""
        found, reads = place.trade, {}
        situation = Situation(found, position, proposed(position, found), self._market)
        known = set(OF_FIGURES)
        if place.listing.shares_each != 1:
            known.remove(_PRICE_PER_SHARE)
        for name, of in place.compiled.readers:
            if name in _OF_WORDS or name.endswith(_APPLIES):
                place.constants[name] = of(situation)
            elif name not in known:
                read = self._read(name, place, position)
                if read is None:
                    return False
                reads[name] = read
        place.reads = tuple(reads.values())
        place.names = (*OF_FIGURES, *reads)
        place.coded = place.compiled.numbers(place.constants)
        sets = place.compiled.screen.rule_sets
        place.checks = tuple(_check(rule_set, place.coded, place.names) for rule_set in sets)
        return True

    def _read(self, name: str, place: Place, position: Position) -> Read | None:
        """Return what a rule reads as *name* of a cell; `None` if no cell has it."""
        of, is_after = name.removesuffix(_AFTER), name.endswith(_AFTER)
        if of in _FIGURES_OF_DAY:
            return Read(self._day(place.trade), _FIGURES_OF_DAY[of], is_after)
        counter = DAY_APART.name if of in OF_DAY else counter_of(of)
        figure = of.rpartition(".")[2]
        uses = None if counter is None else uses_of(position, place.trade, counter)
        if uses is None or counter is None or figure not in COUNTED:
            return None
        if figure_of(position, place.trade, counter, figure) is None:
            # The words do not say whether it counts such rows.
            return None
        period = _only_period(uses.counter, span_of(uses.counter, place.trade))
        if period is None:
            return None
        name = uses.counter.name
        # What a counter does not count changes nothing in it.
        is_after = is_after and name in place.uses
        return Read(self._cell(name, period, place.trade), COUNTED.index(figure), is_after)


def _spans_of(trade: Trade) -> tuple[tuple[Exact, Exact], ...] | None:
    """Return when fills such as *trade* are in a session, as `Market.outside_session` has it."""
    listing, day = trade.listing, trade.venue_date
    found = None if listing is None or day is None else spans(listing.venue, day)
    is_auction = trade.event.method in (None, "auction")
    # Off the auction, a day with a session is enough.
    return found if trade.is_fill and (is_auction or not found) else None


def _day_of(trade: Trade) -> DayKey:
    key = day_key(trade)
    assert key is not None, "what is listed has a day at its venue"
    return key


def is_plain(event: Event) -> bool:
    """Return whether *event* gives no field that rows of a place cannot have."""
    given = {name for name in event.__struct_fields__ if getattr(event, name) not in _ABSENT}
    is_whole = event.time is not None and event.price is not None
    return is_whole and given <= _PLAIN and event.kind in ("order", "fill")


def _is_simple(found: Trade, edition: Edition) -> bool:
    """Return whether units, money and limits of *found* are those of its row, without a rate."""
    listing, counting = found.listing, edition.counting
    if listing is None or not found.counts or found.fault is not None or counting.with_fees:
        return False
    if found.event.method in ("block", "prepaid") or type(listing.shares_each) is not int:
        return False
    is_own = factor(listing.currency) == 1 and whole(listing.currency) == counting.currency
    if found.is_fill:
        return is_own and found.before is not None and not found.is_new_use
    # A market order has no bound.
    return is_own and not listing.fx_margin and found.amount is not None


def _is_within(place: Place, uses: Mapping[str, int], order: Place) -> bool:
    """Return whether a fill at *place* is where and when its order is, for each of its counters."""
    own, other = place.trade, order.trade
    return (
        uses == order.uses
        and own.listing == other.listing
        and (own.date, own.venue_date) == (other.date, other.venue_date)
        and (own.event.broker, own.event.method) == (other.event.broker, other.event.method)
    )


def _uses(found: Trade, position: Position) -> dict[str, int] | None:
    """Return the counters that count *found*, each with the period in which it does.

    Return `None` if one counts it in more than one period, or in periods within a day.
    """
    uses: dict[str, int] = {}
    for name, of in position.counters.items():
        spans = [*_spans(of.counter, found)]
        if all(span is None for span in spans):
            continue
        periods = {_only_period(of.counter, span) for span in spans}
        period = periods.pop()
        if periods or period is None:
            return None
        uses[name] = period
    return uses


def _spans(counter: Counter, found: Trade) -> Iterator[Span | None]:
    """Yield when *counter* counts *found*: its request and what that reserves, or its fill."""
    if found.is_fill:
        when = when_in(counter, counted(found))
    else:
        assert found.order is not None, "every trade that is not a fill has an order"
        yield of_order(counter, found.order)
        listings = found.order.terms.listings
        when = when_asked(counter, found.event, listings, found.date)
    yield None if when is None else (when, when)


def _only_period(counter: Counter, span: Span | None) -> int | None:
    """Return the period of *span*, if it is one that no moment within a day begins or ends."""
    if span is None or counter.is_rolling or counter.is_short:
        return None
    begin, end = (counter.period(when) for when in span)
    return begin if begin == end else None


def _check(rule_set: RuleSet, numbers: Mapping[str, Any], names: Sequence[str]) -> Check:
    """Return how *rule_set* is asked, given the constant *numbers* and the *names* of figures."""
    parts = [START]
    picks: list[int | Pick] = []
    for prefix, terms, up in rule_set.properties:
        fixed = [(numbers[name], times) for name, times in terms if name in numbers]
        moving = [(names.index(name), times) for name, times in terms if name not in numbers]
        if any(number is None for number, _ in fixed):
            # What rests on an unknown fact is left out, so that nothing fires for it.
            continue
        base = sum(exactly(number) * times for number, times in fixed)
        if not moving:
            parts.append(f"{prefix}{sent(base, 1, up=up)}")
            continue
        # What is no integer after all makes a fact that the engine refuses.
        parts.append(f"{prefix}%s")
        is_plain = not fixed and len(moving) == 1 and moving[0][1] == 1
        picks.append(moving[0][0] if is_plain else _sum(base, moving, up=up))
    parts.append("}")
    return Check(rule_set, "".join(parts), _picked(picks))


def _sum(base: Exact, moving: Sequence[tuple[int, int]], *, up: bool) -> Pick:
    def pick(figures: Figures) -> int:
        total = sum((figures[at] * times for at, times in moving), start=base)
        return sent(total, 1, up=up)

    return pick


def _picked(picks: Sequence[int | Pick]) -> Pick:
    """Return what picks all of *picks* from figures."""
    places = [one for one in picks if isinstance(one, int)]
    if len(places) == len(picks) > 0:
        return itemgetter(*places)
    each = [itemgetter(one) if isinstance(one, int) else one for one in picks]
    return lambda figures: tuple(pick(figures) for pick in each)
