"""Promise 1 of the design, under any sequence of orders and fills, by the engine as it ships.

A state machine sends events to `program.step` and keeps the books of `tests/ledger.py` beside
it. The promises are read off the ledger, which knows from the engine only which orders it
approved; that both agree to the last fraction is a property of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from typing import ClassVar, Final, Literal, get_args

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ledger import Book, Entry, Instrument, Ledger, Reading, day_end, day_on, last_days
from repurchase import shipped
from repurchase.decision import Decision
from repurchase.edition import Editions, load, load_text
from repurchase.events import Event
from repurchase.position import Position
from repurchase.program import step
from repurchase.quantities import Exact, simplest, written

FIRST: Final = date(2008, 11, 14)
LAST: Final = date(2009, 1, 30)
SPLIT: Final = date(2008, 12, 15)
# Parts of a cap that may have been used before the log.
BEFORE: Final = tuple(Fraction(tenth, 10) for tenth in (0, 0, 1, 2, 5, 10, 11))
UNIT: Final = Fraction(1, 10**12)

COMMON: Final = Instrument("common", "3774", ("XTKS",), ((date.min, Fraction(1)),))
ADS: Final = Instrument("ads", "IIJI", ("XNAS",), ((date.min, Fraction(1, 400)),), foreign=True)
IIJ: Final = Book((COMMON, ADS), Fraction(4_000), Fraction(400_000_000), FIRST, LAST)

# Ordinary shares a unit, from each day on; between two ratios there may be a day without one.
RATIOS: Final = (
    ((date.min, Fraction(1, 400)),),
    ((date.min, Fraction(10)),),
    ((date.min, Fraction(1, 400)), (SPLIT, Fraction(1, 800))),
    ((date.min, Fraction(1, 3)), (SPLIT, Fraction(1, 2))),
    ((date.min, Fraction(1, 2)), (SPLIT, None), (SPLIT + timedelta(1), Fraction(1, 2))),
)

# Moments on both sides of every midnight that counts: the window's on both clocks, the split's.
MIDNIGHT: Final = datetime(2008, 11, 13, 15, tzinfo=UTC)
MOMENTS: Final = (
    MIDNIGHT - timedelta(microseconds=1),
    MIDNIGHT,
    datetime(2008, 11, 14, 4, 59, tzinfo=UTC),
    datetime(2008, 11, 14, 5, tzinfo=UTC),
    datetime(2008, 12, 14, 14, 59, tzinfo=UTC),
    datetime(2008, 12, 14, 15, tzinfo=UTC),
    datetime(2008, 12, 15, 5, tzinfo=UTC),
    datetime(2008, 12, 15, 15, tzinfo=UTC),
    datetime(2009, 1, 29, 14, 59, tzinfo=UTC),
    datetime(2009, 1, 29, 15, tzinfo=UTC),
    datetime(2009, 1, 30, 14, 59, 59, 999_999, tzinfo=UTC),
    datetime(2009, 1, 30, 15, tzinfo=UTC),
    datetime(2009, 1, 31, 4, 59, tzinfo=UTC),
    datetime(2009, 1, 31, 5, tzinfo=UTC),
)
INSIDE: Final = MOMENTS[3:-4]
# The first and the last day of the window on one of the clocks, but not on the other.
EDGES: Final = (*MOMENTS[1:3], *MOMENTS[-4:-1])
DAYS: Final = (FIRST - timedelta(1), FIRST, SPLIT, LAST - timedelta(1), LAST, LAST + timedelta(1))

Property = Literal[
    "a", "b", "c", "d", "unknown", "denied", "first", "overrun", "position", "standing"
]
PROPERTIES: Final[frozenset[Property]] = frozenset(get_args(Property))
SITUATIONS: Final = (
    "an order fills the share cap",
    "an order fills the amount cap",
    "an order is one step past the share cap",
    "an order is one step past the amount cap",
    "a fill fills both what it may",
    "a fill is of a closed order",
    "a fill is of a filled order and says no fees where they count",
    "a fill is of an order that its own day forgets",
    "a fill is of an order that was told or filled late",
    "a fill is of an open order and not covered",
    "a fill is late on the authorization's clock alone",
    "a fill is late on the venue's clock alone",
    "a fill is of no order",
    "a fill is of no known order",
    "a fill is unknown in shares",
    "a fill is unknown in amount",
    "an order is approved on the last day",
    "an order is approved without a price",
    "an order is denied past a cap",
    "an order is held",
    "something is brought forward",
    "something is brought forward too late",
)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the ledger shows before or after an event."""

    shares: Fraction | None
    amount: Fraction | None
    past_a_cap: bool


@dataclass(frozen=True, slots=True)
class Aim:
    """A quantity or a price: *value* itself, that part of what is left, or the rest and *value*."""

    kind: Literal["just", "part", "rest"]
    value: Fraction


PART: Final = Aim("part", Fraction(1, 10))
STEPS: Final = tuple(Aim("rest", Fraction(step)) for step in (0, 1, -1))


@dataclass(frozen=True, slots=True)
class Answer:
    """One step as the properties see it: what was sent, what came back, what the ledger made of it.

    *first* is whether it was brought forward in time, as the first event.
    """

    event: Event
    decision: Decision
    before: Figures
    after: Figures
    engine_before: Position
    engine_after: Position
    reading: Reading | None
    first: bool

    @property
    def approved(self) -> bool:
        """Return whether it was approved."""
        return self.decision.outcome == "approved"

    @property
    def said_overrun(self) -> bool:
        """Return whether the engine said that no order covers the fill, or none was named."""
        amiss = {"engine.overrun", "engine.order-closed", "engine.unknown-order"}
        return self.event.kind == "fill" and (
            self.event.order is None or bool(self.own_findings & amiss)
        )

    @property
    def own_findings(self) -> set[str]:
        """Return what the program itself found."""
        found = {finding.rule for finding in self.decision.findings}
        return {rule for rule in found if rule.startswith("engine.")}


@cache
def editions(book: Book, review: bool) -> Editions:
    """Return the compiled editions of *book*: the shipped rule file where it is that."""
    if book == IIJ and not review:
        path = shipped.rule_path("iij-2008")
        assert path is not None
        return load(path)
    return load_text(rule_file(book, review).encode(), "book.yaml")


def rule_file(book: Book, review: bool) -> str:
    """Return a rule file that says what *book* says; with *review*, market orders are held."""
    conditions = {
        "share-cap": "program.shares_after <= terms.max_shares",
        "amount-cap": "program.amount_after <= terms.max_amount",
        "window": "terms.first_day <= trade.date and trade.last_date <= terms.last_day",
        "window-at-venue": (
            "terms.first_day <= trade.venue_date and trade.venue_last_date <= terms.last_day"
        ),
        "share-class": "trade.share_class in [common, ads]",
        "buys-only": "trade.side == buy",
    }
    terms = {
        "max_shares": f"{book.max_shares} shares",
        "max_amount": f"JPY {book.max_amount}",
        "first_day": str(book.first_day),
        "last_day": str(book.last_day),
    }
    if book.max_amount is None:
        del conditions["amount-cap"], terms["max_amount"]
    if review:
        # Last, so that the effect below is its own.
        conditions["limit-orders"] = "trade.order_type == limit"
    lines = [
        "repurchase: 1",
        "authorization: book",
        "issuer: Example K.K.",
        "timezone: Asia/Tokyo",
        "currency: JPY",
        f"amount_basis: {'with_fees' if book.with_fees else 'contract'}",
        "instruments:",
        *(line for one in book.instruments for line in _instrument_lines(one)),
        "terms:",
        *(f"  {name}: {{value: {value}}}" for name, value in terms.items()),
        "rules:",
        *(f"  - id: {name}\n    require: {text}" for name, text in conditions.items()),
        *(["    effect: review"] if review else []),
    ]
    return "\n".join(lines) + "\n"


def _instrument_lines(one: Instrument) -> list[str]:
    lines = [
        f"  {one.name}:",
        f'    symbol: "{one.symbol}"',
        f"    venues: [{', '.join(one.venues)}]",
        f"    fx_margin: {written(one.margin * 100)}%",
    ]
    if one.foreign:
        lines.append("    currency: USD")
    if one.ratios[0][1] == 10:
        return [*lines, "    shares_each: 10"]
    lines.append("    per_share:")
    ends = [first - timedelta(1) for first, _ in one.ratios[1:]]
    for (first, ratio), end in zip(one.ratios, [*ends, None], strict=True):
        if ratio is None:
            continue
        lines.append(f"      - value: {1 / ratio}")
        if first != date.min:
            lines.append(f"        from: {first}")
        if end is not None:
            lines.append(f"        until: {end}")
    return lines


def books() -> st.SearchStrategy[Book]:
    """Generate authorizations with caps that are hit often, fees, margins, ratios and a split."""
    return st.builds(
        lambda max_shares, max_amount, fees, margin, ratios, venues: Book(
            (
                replace(COMMON, venues=venues),
                replace(ADS, ratios=ratios, margin=margin),
            ),
            Fraction(max_shares),
            None if max_amount is None else Fraction(max_amount),
            FIRST,
            LAST,
            fees,
        ),
        st.sampled_from((4_000, 40, 40, 10, 3, 1)),
        st.sampled_from((400_000_000, 1_000_000, 50_000, None, 1_000)),
        st.booleans(),
        st.sampled_from(tuple(Fraction(thousandths, 1000) for thousandths in (20, 10, 37, 0))),
        st.sampled_from((RATIOS[0], *RATIOS)),
        st.sampled_from((("XTKS",), ("XTKS", "XNGO"))),
    )


def aims(*values: str) -> st.SearchStrategy[Aim]:
    """Generate one of *values*, a part of what is left, or what just reaches or misses a cap."""
    return st.sampled_from(
        [
            *(Aim("just", Fraction(value)) for value in values),
            *(Aim("part", Fraction(1, part)) for part in (2, 10, 100)),
            *STEPS,
        ]
    )


def often(usual: object, *others: object) -> st.SearchStrategy[object]:
    """Generate *usual* three times in four, else one of *others*."""
    return st.sampled_from([*[usual] * (3 * len(others)), *others])


class Program(RuleBasedStateMachine):
    """Any sequence of orders and fills, and after each what the design promises."""

    properties: ClassVar[frozenset[Property]] = PROPERTIES
    seen: ClassVar[Counter[str]] = Counter()
    calm_max: ClassVar[int] = 1_000
    book: Book = IIJ
    review: bool = False

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.moment = MOMENTS[3]
        self.day_only = False
        # So many events come before anything goes wrong.
        self.calm = 0
        # A log may hold fills alone, without the orders that they are of.
        self.fills_alone = False
        self.approved: set[str] = set()
        # Until the first overrun or figure brought forward, no cap is ever passed.
        self.clean = True
        self.position = Position()
        self.ledger = Ledger(self.book)

    # -- what happens -------------------------------------------------------------------------

    @initialize(
        calm=st.sampled_from((8, 15, 25, 1_000, 0)),
        moment=st.one_of(st.sampled_from(INSIDE), st.sampled_from(EDGES)),
        fills_alone=often(False, True),
    )
    def begin(self, calm: int, moment: datetime, fills_alone: bool) -> None:
        """Choose when to begin, and when things go wrong: an overrun leaves little to approve."""
        self.calm, self.moment = min(calm, self.calm_max), moment
        self.fills_alone = fills_alone

    @rule(
        moment=st.one_of(st.sampled_from(INSIDE), st.sampled_from(MOMENTS)),
        day_only=often(False, False, True),
    )
    def wait(self, moment: datetime, day_only: bool) -> None:
        """Move the clock, also backwards: the program must not rely on the order of a log."""
        self.moment, self.day_only = moment, day_only

    @precondition(lambda self: not self.ledger.started or self.number % 8 == 7)
    @rule(shares=st.sampled_from(BEFORE), amount=st.sampled_from(BEFORE))
    def bring_forward(self, shares: Fraction, amount: Fraction) -> None:
        """Bring forward what was executed before the log, first or too late."""
        money = (self.book.max_amount or 1_000) * amount
        self.send(
            self._event(
                "brought_forward",
                shares=simplest(self.book.max_shares * shares),
                amount=simplest(money),
            )
        )

    @rule(
        instrument=st.sampled_from((1, 0)),
        quantity=st.sampled_from((PART, Aim("just", Fraction(1)), *STEPS)),
        price=st.sampled_from((PART, Aim("just", Fraction(1)), *STEPS)),
        at_once=st.booleans(),
    )
    def order_soundly(self, instrument: int, quantity: Aim, price: Aim, at_once: bool) -> None:
        """Ask for an order with nothing amiss, up to a cap or one step past it."""
        self.order(
            instrument=instrument,
            quantity=quantity,
            price=price,
            fx=Fraction(100),
            fees=1,
            expires=self.moment if at_once else None,
            order_type="limit",
            priced=True,
            fault=None,
        )

    @rule(
        instrument=st.sampled_from((1, 0)),
        quantity=aims("1", "2", "7"),
        price=aims("1", "10", "99.5", "50000"),
        fx=st.sampled_from((Fraction(100), Fraction(80), Fraction(9876, 100))),
        fees=st.sampled_from((0, 1, 5, Fraction(1, 2))),
        expires=st.one_of(st.none(), st.none(), st.sampled_from((*DAYS, *MOMENTS))),
        order_type=st.sampled_from(("limit", "limit", "market")),
        priced=st.sampled_from((True, True, True, True, False)),
        fault=often(None, "fx", "fees", "sell", "side", "venue"),
    )
    def order(
        self,
        instrument: int,
        quantity: Aim,
        price: Aim,
        fx: Fraction,
        fees: Exact,
        expires: date | None,
        order_type: str,
        priced: bool,
        fault: str | None,
    ) -> None:
        """Ask for an order, often one that just reaches a cap or just misses it."""
        one = self.book.instruments[instrument]
        event = self._event(
            "order",
            symbol=one.symbol,
            venue=one.venues[0] if fault != "venue" else "XNYS",
            side={"sell": "sell", "side": None}.get(fault or "", "buy"),
            fx=simplest(fx) if one.foreign and fault != "fx" else None,
            fees=fees if fault != "fees" else None,
            expires=expires,
            order_type=order_type,
        )
        if fault == "fx" and not one.foreign:
            event = _with(event, fx=2)
        units = self._units(event, quantity)
        event = _with(event, quantity=units)
        if priced:
            event = _with(event, price=self._price(event, one, units, price))
        self.send(event)

    @precondition(lambda self: bool(self._open()))
    @rule(
        which=st.integers(0, 1000),
        part=st.sampled_from(("half", "one", "half", "all")),
        price=st.sampled_from((None, "limit", "better", "amount")),
        fx=st.sampled_from((None, "same", "lower")),
        fees=st.sampled_from((None, "left", "none", "half")),
        said=st.sampled_from((True, False)),
    )
    def fill_within(
        self,
        which: int,
        part: str,
        price: str | None,
        fx: str | None,
        fees: str | None,
        said: bool,
    ) -> None:
        """Fill an open order within what it allows, unless it is too late for that."""
        entry = self._entry(which, self._open())
        self._fill(entry, part, price, fx, fees, said)

    @precondition(lambda self: bool(self.ledger.orders) and self.number >= self.calm)
    @rule(
        which=st.integers(0, 1000),
        part=often("all", "one", "one over", "many over"),
        price=often("limit", None, "step over", "one over", "amount over", "unpriced"),
        fx=often("same", None, "margin", "step over margin", "over", "on common"),
        fees=often("none", None, "left", "one over"),
        said=st.booleans(),
        other=often(None, "symbol", "venue", "sell", "unlisted"),
    )
    def fill_anyhow(
        self,
        which: int,
        part: str,
        price: str | None,
        fx: str | None,
        fees: str | None,
        said: bool,
        other: str | None,
    ) -> None:
        """Fill any order, open or not, within what it allows or beyond it."""
        self._fill(
            self._entry(which, self._open() if which % 3 else set()),
            part,
            price,
            fx,
            fees,
            said,
            other,
        )

    @precondition(lambda self: bool(self._open()) and self.number >= self.calm)
    @rule(which=st.integers(0, 1000), late=often(True, False))
    def fill_at_the_end(self, which: int, late: bool) -> None:
        """Fill an open order in the last instant that both clocks give it, or just past that."""
        entry = self._entry(which, self._open())
        end = day_end(entry.last_day, "Asia/Tokyo")
        if entry.listed is not None and entry.venue_last_day is not None:
            end = min(end, day_end(entry.venue_last_day, entry.listed.venue))
        self.moment, self.day_only = end + timedelta(microseconds=late), False
        self._fill(entry, "half", "limit", "same", "none", said=True)

    @precondition(lambda self: bool(self._filled()) and self.number >= self.calm)
    @rule(
        which=st.integers(0, 1000),
        days=st.sampled_from((0, 0, 1)),
        fees=st.sampled_from((None, "none")),
        said=st.booleans(),
    )
    def fill_again(self, which: int, days: int, fees: str | None, said: bool) -> None:
        """Fill an order that is filled already, at once or a day later."""
        self.moment += timedelta(days)
        self._fill(self._entry(which, self._filled()), "one", "limit", "same", fees, said)

    @precondition(lambda self: self.fills_alone or self.number >= self.calm)
    @rule(
        instrument=st.sampled_from((0, 1)),
        order=st.sampled_from((None, "nobody's")),
        quantity=aims("1", "3", "400"),
        price=aims("1", "10", "50000"),
        fault=often(None, "price", "fx", "fees", "sell", "side", "venue", "amount"),
    )
    def fill_alone(
        self,
        instrument: int,
        order: str | None,
        quantity: Aim,
        price: Aim,
        fault: str | None,
    ) -> None:
        """Fill no order, or one that nobody sent."""
        if self.number < self.calm:
            order = fault = None
        one = self.book.instruments[instrument]
        event = self._event(
            "fill",
            order=order,
            symbol=one.symbol,
            venue=one.venues[0] if fault != "venue" else "XNYS",
            side={"sell": "sell", "side": None}.get(fault or "", "buy"),
            fx=100 if one.foreign and fault != "fx" else None,
            fees=1 if fault != "fees" else None,
        )
        event = _with(event, quantity=self._units(event, quantity))
        cost = self._price(event, replace(one, margin=Fraction(0)), event.quantity or 1, price)
        if fault == "amount":
            event = _with(event, amount=simplest(Fraction(cost) * (event.quantity or 1)))
        elif fault != "price":
            event = _with(event, price=cost)
        self.send(event)

    # -- how it is put together ---------------------------------------------------------------

    def _event(self, kind: str, **fields: object) -> Event:
        self.number += 1
        when: dict[str, object] = {"time": self.moment}
        if self.day_only:
            when = {"date": (self.moment + timedelta(hours=9)).date()}
        return _with(Event(kind=kind, id=f"{kind}-{self.number}"), **when, **fields)

    def _entry(self, which: int, wanted: set[str]) -> Entry:
        names = [name for name in self.ledger.orders if not wanted or name in wanted]
        return self.ledger.orders[names[which % len(names)]]

    def _open(self) -> set[str]:
        return {name for name, entry in self.ledger.orders.items() if entry.open_quantity}

    def _filled(self) -> set[str]:
        return {
            name
            for name, entry in self.ledger.orders.items()
            if name in self.approved and not entry.open_quantity
        }

    def _units(self, event: Event, aim: Aim) -> int:
        """Return the units that *aim* comes to: whole ones, as many as are left, or one more."""
        listed = self.book.find(event, day_on(event, "Asia/Tokyo"))
        used = self.ledger.used_shares()
        if aim.kind == "just" or listed is None or used is None:
            return max(aim.value.__ceil__(), 1)
        rest = (self.book.max_shares - used) / listed.ratio
        if aim.kind == "part":
            return max((rest * aim.value).__floor__(), 1)
        return max(rest.__floor__() + int(aim.value), 1)

    def _price(self, event: Event, one: Instrument, units: int, aim: Aim) -> Exact:
        """Return the price that *aim* comes to: what uses up the rest of the money, or more."""
        used, cap = self.ledger.used_amount(), self.book.max_amount
        if aim.kind == "just" or used is None or cap is None:
            return simplest(max(aim.value, Fraction(1)))
        fees = Fraction(event.fees or 0) if self.book.with_fees else Fraction(0)
        rate = Fraction(event.fx or 1) * (1 + one.margin)
        # A step is the last unit of the currency, or a trillionth of it.
        over = aim.value if units % 2 else aim.value * UNIT
        rest = (cap - used - fees) * aim.value if aim.kind == "part" else cap - used - fees + over
        price = rest / (rate * units)
        return simplest(price if price > 0 else Fraction(1))

    def _fill(
        self,
        entry: Entry,
        part: str,
        price: str | None,
        fx: str | None,
        fees: str | None,
        said: bool,
        other: str | None = None,
    ) -> None:
        own = entry.event
        whole = entry.open_quantity or own.quantity or 1
        quantity = {"all": whole, "one": 1, "half": max(whole // 2, 1)}.get(part)
        if quantity is None:
            quantity = whole + (1 if part == "one over" else 1000)
        event = self._event(
            "fill",
            order=own.id,
            quantity=quantity,
            symbol=own.symbol if said else None,
            venue=own.venue if said else None,
            side=own.side if said else None,
            fx=_rate_of(fx, own, self.book),
            fees=_fees_of(fees, entry),
            **_cost_of(price, own, quantity),
        )
        self.send(_mistaken(event, own, other))

    # -- what must hold -----------------------------------------------------------------------

    def send(self, event: Event) -> None:
        """Send *event* to the engine, write it in the ledger, and check every property."""
        before = self._figures()
        engine_before = self.position
        past = dict(self.ledger.orders)
        taken = step(event, self.position, editions(self.book, self.review).of(event))
        self.position = taken.position
        outcome = taken.decision.outcome
        reading, first = None, False
        if event.kind == "brought_forward":
            first = self.ledger.brought_forward(event)
            self.clean &= not first
        elif event.kind == "order":
            self.ledger.order(event, outcome)
            if outcome == "approved":
                self.approved.add(event.id)
        else:
            reading = self.ledger.fill(event)
            self.clean &= reading.covered
        answer = Answer(
            event,
            taken.decision,
            before,
            self._figures(),
            engine_before,
            self.position,
            reading,
            first,
        )
        for name, check in CHECKS.items():
            if name in self.properties:
                check(self, answer)
        self._see(answer, past)

    def _figures(self) -> Figures:
        ledger = self.ledger
        return Figures(ledger.used_shares(), ledger.used_amount(), ledger.past_a_cap())

    def _see(self, answer: Answer, past: dict[str, Entry]) -> None:
        for situation in SITUATIONS:
            if _IS[situation](self, answer, past):
                self.seen[situation] += 1

    def check_a(self, answer: Answer) -> None:
        """An approved order keeps to both caps, and to the window on both clocks."""
        if answer.event.kind != "order" or not answer.approved:
            return
        assert _within(answer.after.shares, self.book.max_shares), "a: shares"
        if self.book.max_amount is not None:
            assert _within(answer.after.amount, self.book.max_amount), "a: amount"
        order = answer.event
        listed = self.book.find(order, day_on(order, "Asia/Tokyo"))
        assert listed is not None, "a: no instrument"
        days = (day_on(order, "Asia/Tokyo"), day_on(order, listed.venue), *last_days(order, listed))
        assert all(day is not None and FIRST <= day <= LAST for day in days), "a: window"

    def check_b(self, answer: Answer) -> None:
        """No other event raises what is used, save an overrun and what is brought forward."""
        if answer.event.kind == "brought_forward" or answer.said_overrun:
            return
        if answer.event.kind == "order" and answer.approved:
            return
        before, after = answer.before, answer.after
        assert not _raised(before.shares, after.shares), "b: shares"
        assert not _raised(before.amount, after.amount), "b: amount"
        own, then = answer.engine_before, answer.engine_after
        assert not _raised(own.used_shares(), then.used_shares()), "b: engine's shares"
        assert not _raised(own.used_amount(), then.used_amount()), "b: engine's amount"

    def check_c(self, answer: Answer) -> None:
        """Before any such event no cap is ever passed."""
        assert not (self.clean and answer.after.past_a_cap), "c: a cap is passed"

    def check_d(self, answer: Answer) -> None:
        """An overrun is counted in full, and nothing is approved while use is past a cap."""
        assert not (answer.approved and answer.after.past_a_cap), "d: approved past a cap"
        if answer.reading is None or answer.reading.covered:
            return
        own, then = answer.engine_before, answer.engine_after
        counted = (
            then.executed_shares - own.executed_shares,
            then.executed_amount - own.executed_amount,
        )
        used = (answer.reading.shares or 0, answer.reading.amount or 0)
        assert counted == used, "d: not counted in full"

    def check_unknown(self, answer: Answer) -> None:
        """Nothing is approved while what is used is not known."""
        if not answer.approved:
            return
        assert answer.after.shares is not None, "unknown: shares"
        assert answer.after.amount is not None or self.book.max_amount is None, "unknown: amount"

    def check_denied(self, answer: Answer) -> None:
        """An order that is not approved changes no figure."""
        if answer.event.kind != "order" or answer.approved:
            return
        own, then = answer.engine_before, answer.engine_after
        assert _sums(own) == _sums(then), "denied: a figure changed"

    def check_first(self, answer: Answer) -> None:
        """What is brought forward is recorded as the first event, and denied later."""
        if answer.event.kind == "brought_forward":
            expected = "recorded" if answer.first else "denied"
            assert answer.decision.outcome == expected, "first: recorded again"

    def check_overrun(self, answer: Answer) -> None:
        """A fill is said to be an overrun exactly where its order does not cover it."""
        if answer.reading is not None:
            assert answer.said_overrun is not answer.reading.covered, (
                "overrun: not what the ledger reads"
            )
            assert not (answer.approved and answer.said_overrun and answer.event.order), (
                "overrun: not what the ledger reads"
            )

    def check_position(self, answer: Answer) -> None:
        """The engine's position is the ledger's, order by order and in sum."""
        ledger, position = self.ledger, answer.engine_after
        assert position.executed_shares == ledger.executed_shares, "position: not the ledger's"
        assert position.executed_amount == ledger.executed_amount, "position: not the ledger's"
        assert bool(position.unknown_shares) is ledger.unknown_shares, "position: not the ledger's"
        assert bool(position.unknown_amount) is ledger.unknown_amount, "position: not the ledger's"
        assert position.reserved_shares == ledger.reserved_shares(), "position: not the ledger's"
        assert position.known_reserved_amount() == ledger.reserved_amount(), (
            "position: not the ledger's"
        )
        assert position.reserved_shares >= 0, "position: not the ledger's"
        assert position.reserved_amount >= 0, "position: not the ledger's"
        own = {
            name: (order.reserved_shares, order.reserved_amount)
            for name, order in position.orders.items()
            if order.open_quantity
        }
        mine = {
            name: (entry.shares, entry.amount)
            for name, entry in ledger.orders.items()
            if entry.open_quantity
        }
        assert own == mine, "position: not the ledger's"

    def check_standing(self, answer: Answer) -> None:
        """What a decision shows is what the ledger shows."""
        ledger, shown = self.ledger, answer.decision.position
        assert _read(shown.executed_shares) == ledger.known_executed_shares(), (
            "standing: not the ledger's"
        )
        assert _read(shown.executed_amount) == ledger.known_executed_amount(), (
            "standing: not the ledger's"
        )
        assert _read(shown.reserved_shares) == ledger.reserved_shares(), (
            "standing: not the ledger's"
        )
        assert _read(shown.reserved_amount) == ledger.reserved_amount(), (
            "standing: not the ledger's"
        )
        left = _left(self.book.max_shares, answer.after.shares)
        assert _read(shown.remaining_shares) == left, "standing: not the ledger's"
        left = _left(self.book.max_amount, answer.after.amount)
        assert _read(shown.remaining_amount) == left, "standing: not the ledger's"


class Variant(Program):
    """The same under generated authorizations."""

    @initialize(book=books(), review=st.booleans())
    def authorize(self, book: Book, review: bool) -> None:
        """Choose the authorization before anything happens."""
        self.book, self.review = book, review
        self.ledger = Ledger(book)


CHECKS: Final[dict[Property, Callable[[Program, Answer], None]]] = {
    "a": Program.check_a,
    "b": Program.check_b,
    "c": Program.check_c,
    "d": Program.check_d,
    "unknown": Program.check_unknown,
    "denied": Program.check_denied,
    "first": Program.check_first,
    "overrun": Program.check_overrun,
    "position": Program.check_position,
    "standing": Program.check_standing,
}


def _order_seen(answer: Answer) -> bool:
    return answer.event.kind == "order" and answer.approved


def _step_past(answer: Answer, rule_id: str) -> bool:
    """Return whether *rule_id* alone denied an order, by one unit at most."""
    found = answer.decision.findings
    if answer.event.kind != "order" or [finding.rule for finding in found] != [rule_id]:
        return False
    (finding,) = found
    observed, limit = _read(finding.observed), _read(finding.limit)
    return observed is not None and limit is not None and 0 < observed - limit <= 1


def _entry_of(answer: Answer, past: dict[str, Entry]) -> Entry | None:
    return past.get(answer.event.order) if answer.event.order is not None else None


def _late(answer: Answer, past: dict[str, Entry]) -> tuple[bool, bool]:
    """Return whether a fill of an open order is late, on the authorization's clock and its own."""
    entry = _entry_of(answer, past)
    if entry is None or not entry.open_quantity or entry.listed is None:
        return False, False
    day, venue_day = (day_on(answer.event, clock) for clock in ("Asia/Tokyo", entry.listed.venue))
    return day > entry.last_day, venue_day > (entry.venue_last_day or venue_day)


def _on_last_day(answer: Answer) -> bool:
    return _order_seen(answer) and day_on(answer.event, "Asia/Tokyo") == LAST


_IS: Final[dict[str, Callable[[Program, Answer, dict[str, Entry]], bool]]] = {
    "an order fills the share cap": lambda self, answer, _: (
        _order_seen(answer) and answer.after.shares == self.book.max_shares
    ),
    "an order fills the amount cap": lambda self, answer, _: (
        _order_seen(answer)
        and answer.after.amount is not None
        and answer.after.amount == self.book.max_amount
    ),
    "an order is one step past the share cap": lambda _, answer, __: _step_past(
        answer, "share-cap"
    ),
    "an order is one step past the amount cap": lambda _, answer, __: _step_past(
        answer, "amount-cap"
    ),
    "a fill fills both what it may": lambda _, answer, __: (
        answer.reading is not None
        and answer.approved
        and answer.reading.covered
        and (answer.before.shares, answer.before.amount)
        == (answer.after.shares, answer.after.amount)
    ),
    "a fill is of a closed order": lambda _, answer, past: (
        (entry := _entry_of(answer, past)) is not None and not entry.open_quantity
    ),
    "a fill is of a filled order and says no fees where they count": lambda self, answer, past: (
        (entry := _entry_of(answer, past)) is not None
        and self.book.with_fees
        and answer.event.fees is None
        and entry.unit_cost is not None
        and "engine.overrun" in answer.own_findings
        and not entry.open_quantity
    ),
    "a fill is of an order that its own day forgets": lambda _, answer, past: (
        _entry_of(answer, past) is not None and "engine.unknown-order" in answer.own_findings
    ),
    "a fill is of an order that was told or filled late": lambda _, answer, past: (
        (entry := _entry_of(answer, past)) is not None
        and not (entry.open_quantity or entry.held)
        and entry.last_day < day_on(answer.event, "Asia/Tokyo")
        and "engine.unknown-order" not in answer.own_findings
    ),
    "a fill is late on the authorization's clock alone": lambda _, answer, past: (
        _late(answer, past) == (True, False)
    ),
    "a fill is late on the venue's clock alone": lambda _, answer, past: (
        _late(answer, past) == (False, True)
    ),
    "a fill is of an open order and not covered": lambda _, answer, past: (
        (entry := _entry_of(answer, past)) is not None
        and bool(entry.open_quantity)
        and answer.reading is not None
        and not answer.reading.covered
    ),
    "a fill is of no order": lambda _, answer, __: (
        answer.event.kind == "fill" and answer.event.order is None and answer.approved
    ),
    "a fill is of no known order": lambda _, answer, past: (
        answer.event.order is not None and _entry_of(answer, past) is None
    ),
    "a fill is unknown in shares": lambda _, answer, __: (
        answer.reading is not None and answer.reading.shares is None
    ),
    "a fill is unknown in amount": lambda _, answer, __: (
        answer.reading is not None and answer.reading.amount is None
    ),
    "an order is approved on the last day": lambda _, answer, __: _on_last_day(answer),
    "an order is approved without a price": lambda _, answer, __: (
        _order_seen(answer) and answer.event.price is None
    ),
    "an order is denied past a cap": lambda _, answer, __: (
        answer.event.kind == "order" and answer.before.past_a_cap and not answer.approved
    ),
    "an order is held": lambda _, answer, __: answer.decision.outcome == "held",
    "something is brought forward": lambda _, answer, __: answer.decision.outcome == "recorded",
    "something is brought forward too late": lambda _, answer, __: (
        answer.event.kind == "brought_forward" and answer.decision.outcome == "denied"
    ),
}


def _with(event: Event, **fields: object) -> Event:
    values = {name: getattr(event, name) for name in event.__struct_fields__}
    return Event(**(values | fields))


def _cost_of(price: str | None, own: Event, quantity: int) -> dict[str, object]:
    """Return the price or the amount of a fill of the order *own*."""
    limit = Fraction(own.price or 1)
    worth = simplest(limit * quantity)
    costs: dict[str | None, dict[str, object]] = {
        None: {},
        "limit": {"price": simplest(limit)},
        "better": {"price": simplest(limit * Fraction(2, 3))},
        "step over": {"price": simplest(limit + UNIT)},
        "one over": {"price": simplest(limit + 1)},
        "amount": {"amount": worth},
        "amount over": {"amount": simplest(worth + UNIT)},
        "unpriced": {"amount": worth, "price": simplest(limit + 1)},
    }
    return costs[price]


def _rate_of(fx: str | None, own: Event, book: Book) -> Exact | None:
    if own.fx is None:
        return 2 if fx == "on common" else None
    margins = [one.margin for one in book.instruments if one.symbol == own.symbol]
    widest = Fraction(own.fx) * (1 + (margins or [Fraction(0)])[0])
    return {
        "same": own.fx,
        "lower": simplest(Fraction(own.fx) * Fraction(9, 10)),
        "margin": simplest(widest),
        "step over margin": simplest(widest + UNIT),
        "over": own.fx + 20,
    }.get(fx or "")


def _fees_of(fees: str | None, entry: Entry) -> Exact | None:
    left = entry.fees_left or Fraction(0)
    return {
        "none": 0,
        "left": simplest(left),
        "half": simplest(left / 2),
        "one over": simplest(left + 1),
    }.get(fees or "")


def _mistaken(event: Event, own: Event, other: str | None) -> Event:
    """Return *event* as a fill of something else than its order *own*, where *other* says so."""
    if other == "symbol":
        symbol, venue = ("IIJI", "XNAS") if own.symbol == "3774" else ("3774", "XTKS")
        return _with(event, symbol=symbol, venue=venue, fx=100 if symbol == "IIJI" else None)
    changes = {"venue": {"venue": "XNGO"}, "sell": {"side": "sell"}, "unlisted": {"symbol": "0"}}
    return _with(event, **changes.get(other or "", {}))


def _within(used: Fraction | None, cap: Fraction) -> bool:
    return used is not None and used <= cap


def _raised(before: Exact | None, after: Exact | None) -> bool:
    return before is not None and after is not None and after > before


def _sums(position: Position) -> tuple[object, ...]:
    return (
        position.executed_shares,
        position.executed_amount,
        position.reserved_shares,
        position.reserved_amount,
        position.unknown_shares,
        position.unknown_amount,
        position.unbounded,
        position.days,
    )


def _left(cap: Fraction | None, used: Fraction | None) -> Fraction | None:
    return None if cap is None or used is None else cap - used


def _read(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)


# How many examples is the profile's to say.
LENGTHS: Final = settings(stateful_step_count=40)


@pytest.mark.hypothesis
@pytest.mark.parametrize("machine", [Program, Variant])
def test_promise_1_holds_after_every_step(machine: type[Program]) -> None:
    """Whatever is ordered and filled, promise 1 (a) to (d) holds to the last unit."""
    run_state_machine_as_test(machine, settings=LENGTHS)


def test_machine_reaches_every_situation() -> None:
    """The sequences hit the caps, miss them by a unit, overrun, and leave figures unknown."""

    class Watched(Variant):
        seen: ClassVar[Counter[str]] = Counter()

    class Unbounded(Program):
        seen: ClassVar[Counter[str]] = Watched.seen
        book = replace(IIJ, max_amount=None)

    fixed = settings(
        LENGTHS, derandomize=True, database=None, phases=[Phase.generate], max_examples=250
    )
    run_state_machine_as_test(Watched, settings=fixed)
    run_state_machine_as_test(Unbounded, settings=fixed)
    assert [situation for situation in SITUATIONS if not Watched.seen[situation]] == []
