"""Splits: an event multiplies what was executed and reserved; a slow recount says by how much."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction
from math import floor, prod
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from repurchase.domain.counters import When
from repurchase.domain.decisions import Decision
from repurchase.domain.errors import InputError
from repurchase.domain.quantities import Exact
from repurchase.evaluation.step import step
from repurchase.intake import fields
from repurchase.journal.snapshot import position_bytes, read_position
from repurchase.ledger.fold import counting
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade, trade
from repurchase.market.feed import ProgramFeed, read_feed
from repurchase.replay.figures import Grouping
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.life import life
from repurchase.rulebook.lint import lint_findings

FILE: Final = """repurchase: 1
authorization: acme
issuer: Acme
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: ACME, venues: [XTKS]}
  second: {symbol: SECOND, venues: [XTKS], shares_each: 10}
terms:
  first_day: {value: 2008-11-01}
  last_day: {value: 2009-12-30}
unlimited: [shares, amount]
counters:
  all: {}
  second: {instruments: [second], per: 12 days}
  months: {per: month}
  late: {from: 2008-12-01}
  moments: {per: 2 minutes}
rules:
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - {id: all, require: counters.all.shares_after + counters.months.shares_after >= 0}
  - {id: second, require: counters.second.shares_after + counters.late.shares_after >= 0}
  - {id: moments, effect: flag, require: counters.moments.shares_after >= 0}
"""
FIRST: Final = date(2008, 11, 20)
EACH: Final = {"ACME": 1, "SECOND": 10}
RATIOS: Final = ((2, 1), (3, 2), (1, 10), (7, 3))


def counted_in(position: Position, name: str, day: date) -> Exact:
    """Return the shares that the counter *name* has in the period of *day*."""
    found = position.counters[name].of(When(day))
    assert found is not None
    return found.shares


class Program:
    """A program, event by event."""

    def __init__(self, editions: Editions, *, live: bool = False) -> None:
        self.editions, self.live = editions, live
        self.position = counting(Position(), editions.authorization.kept())
        self.figures = Grouping(("day",))

    def send(self, kind: str, id_: str, day: date | None, **more: Any) -> Decision:
        """Return the decision on an event of *day*."""
        row = {name: one if isinstance(one, bool) else str(one) for name, one in more.items()}
        said = {"kind": kind, "id": id_} | ({} if day is None else {"date": str(day)}) | row
        event = fields.event(said)
        of = life(self.editions, event, self.position)
        taken = step(event, self.position, of, live=self.live)
        self.figures.add(event, self.position, taken.position)
        # What a snapshot holds is what the program goes on with.
        self.position = read_position(position_bytes(taken.position))
        return taken.decision


# -- the recount ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bought:
    """A fill as its venue reported it."""

    symbol: str
    day: date
    units: int
    amount: int
    order: str | None = None
    stands: bool = True


@dataclass(frozen=True)
class Asked:
    """The terms of an order: what was asked for on which day."""

    day: date
    units: int
    price: int


@dataclass
class Recount:
    """All that was reported, from which every sum is added up anew, in the units of today."""

    splits: list[tuple[str, date, Fraction]] = field(default_factory=list)
    fills: dict[str, Bought] = field(default_factory=dict)
    orders: dict[str, tuple[str, tuple[Asked, ...]]] = field(default_factory=dict)

    def now(self, symbol: str, day: date) -> Fraction:
        """Return how many units of today stand for one of *day*."""
        since = (ratio for of, on, ratio in self.splits if of == symbol and on > day)
        return prod(since, start=Fraction(1))

    def shares(self, fill: Bought) -> Fraction:
        """Return the shares of *fill*."""
        return fill.units * self.now(fill.symbol, fill.day) * EACH[fill.symbol]

    def standing(self) -> list[Bought]:
        """Return the fills that no bust or correct took back."""
        return [one for one in self.fills.values() if one.stands]

    def rests(self, name: str) -> list[tuple[Fraction, Fraction]]:
        """Return the units and the price of what may fill by each terms of the order *name*."""
        symbol, terms = self.orders[name]
        own = (one for one in self.fills.values() if one.order == name)
        filled = sum(one.units * self.now(symbol, one.day) for one in own)
        return [
            (max(one.units * now - filled, Fraction(0)), one.price / now)
            for one in terms
            for now in [self.now(symbol, one.day)]
        ]

    def reserved(self, name: str) -> tuple[Fraction, Fraction]:
        """Return the shares and the money that the order *name* may still use."""
        rests = sorted(self.rests(name))
        (less, _), (most, price) = rests[0], rests[-1]
        highest = max(one for _, one in rests)
        money = less * highest + (most - less) * price
        return most * EACH[self.orders[name][0]], money

    def counted(self, symbols: Iterable[str], counts: Callable[[date], bool]) -> Fraction:
        """Return the shares executed in one of *symbols* on a day that *counts*."""
        each = (one for one in self.standing() if one.symbol in symbols and counts(one.day))
        return sum(map(self.shares, each), Fraction(0))


def check(program: Program, recount: Recount, today: date) -> None:
    """Assert that the position holds what the recount comes to."""
    position = program.position
    standing = recount.standing()
    reserved = [recount.reserved(name) for name in recount.orders]
    assert position.executed_shares == sum(map(recount.shares, standing))
    assert position.executed_amount == sum(one.amount for one in standing)
    assert position.reserved_shares == sum(shares for shares, _ in reserved)
    assert position.reserved_amount == sum(money for _, money in reserved)
    for (instrument, _, day), used in position.days.items():
        symbol = {"common": "ACME", "second": "SECOND"}[instrument]
        assert used.executed_shares == recount.counted([symbol], day.__eq__)
    on_order = {
        symbol: sum(
            (recount.reserved(name)[0] for name, (of, _) in recount.orders.items() if of == symbol),
            Fraction(0),
        )
        for symbol in EACH
    }
    expected = {
        "all": recount.counted(EACH, lambda _: True) + sum(on_order.values()),
        "second": recount.counted(
            ["SECOND"], lambda one: today - timedelta(11) <= one <= today or one > today
        )
        + on_order["SECOND"],
        "late": recount.counted(EACH, lambda one: one >= date(2008, 12, 1))
        + sum(on_order.values()),
    }
    found = {name: counted_in(position, name, today) for name in expected}
    assert found == expected
    # No event has a time, so each counts at any moment.
    assert position.counters["moments"].always.shares == expected["all"]
    months = position.counters["months"]
    for first in (date(2008, 11, 1), date(2008, 12, 1)):
        number = months.counter.period(When(first))
        assert number is not None
        done = months.done.get(number)
        of_month = [first + timedelta(number) for number in range(30 + first.month % 2)]
        bought = recount.counted(EACH, of_month.__contains__)
        assert (done.shares if done is not None else 0) == bought
    total = program.figures.figures(program.editions, program.editions.on(today)).total
    assert total.cumulative_shares == position.executed_shares


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int, int, int]]:
    """Generate what happens next, again and again: a kind, and three numbers to choose by."""
    kinds = ("order", "order", "fill", "fill", "alone", "late", "bust", "correct", "replace")
    kind = st.sampled_from((*kinds, "replaced", "cancel", "split", "split", "undo"))
    number = st.integers(0, 1000)
    return draw(st.lists(st.tuples(kind, number, number, number), max_size=25))


class Teller:
    """Tells a program and a recount of the same events."""

    def __init__(self) -> None:
        self.program, self.recount = Program(EDITIONS), Recount()
        self.today, self.number = FIRST, 0

    def tell(self, kind: str, a: int, b: int, c: int) -> None:
        """Let *kind* happen, if it can."""
        self.number += 1
        self.today += timedelta(a % 3 == 0)
        getattr(self, f"_{kind}")(f"{kind}-{self.number}", a, b, c)
        check(self.program, self.recount, self.today)

    def _order(self, name: str, *by: int) -> None:
        a, b, c = by
        symbol, units, price = ("ACME", "SECOND")[a % 2], 1 + b, 1 + c
        more = {"side": "buy", "quantity": units, "price": price, "expires": "2009-03-01"}
        found = self.program.send("order", name, self.today, symbol=symbol, **more)
        if found.outcome == "approved":
            self.recount.orders[name] = symbol, (Asked(self.today, units, price),)

    def _fill(self, name: str, *by: int, back: int = 0) -> None:
        _, b, c = by
        if not self.recount.orders:
            return
        order = sorted(self.recount.orders)[b % len(self.recount.orders)]
        symbol, terms = self.recount.orders[order]
        day = max(self.today - timedelta(back), terms[0].day)
        most = max(rest for rest, _ in self.recount.rests(order))
        units = floor(most / self.recount.now(symbol, day) * (1 + c % 4) / 4)
        if units:
            bought = Bought(symbol, day, units, units, order)
            self._count(name, bought, {"order": order, "quantity": units, "amount": units})
            if not any(rest for rest, _ in self.recount.rests(order)):
                self._close(order)

    def _late(self, name: str, *by: int) -> None:
        self._fill(name, *by, back=1 + by[0] % 9)

    def _alone(self, name: str, *by: int) -> None:
        a, b, c = by
        symbol, day = ("ACME", "SECOND")[a % 2], self.today - timedelta(c % 9)
        said = {"symbol": symbol, "quantity": 1 + b, "amount": 1 + c}
        self._count(name, Bought(symbol, day, 1 + b, 1 + c), said)

    def _count(self, name: str, bought: Bought, said: dict[str, Any]) -> None:
        self.program.send("fill", name, bought.day, **said, side="buy")
        self.recount.fills[name] = bought

    def _close(self, order: str) -> None:
        del self.recount.orders[order]

    def _bust(self, name: str, *by: int) -> None:
        a, *_ = by
        standing = sorted(one for one, of in self.recount.fills.items() if of.stands)
        if standing:
            fill = standing[a % len(standing)]
            self.program.send("bust", name, self.today, fill=fill)
            self.recount.fills[fill] = replace(self.recount.fills[fill], stands=False)

    def _correct(self, name: str, *by: int) -> None:
        a, b, c = by
        standing = sorted(one for one, of in self.recount.fills.items() if of.stands)
        if standing:
            fill = standing[a % len(standing)]
            old = self.recount.fills[fill]
            said = {"fill": fill, "quantity": 1 + b, "amount": 1 + c}
            self.program.send("correct", name, self.today, **said)
            self.recount.fills[fill] = replace(old, stands=False)
            now = replace(old, units=1 + b, amount=1 + c, order=None)
            self.recount.fills[name] = now

    def _replace(self, name: str, *by: int) -> None:
        a, b, c = by
        pending = [one for one, (_, terms) in self.recount.orders.items() if len(terms) == 1]
        if not pending:
            return
        order = sorted(pending)[a % len(pending)]
        said = {"order": order, "quantity": 1 + b, "price": 1 + c}
        found = self.program.send("replace", name, self.today, **said)
        if found.outcome in ("approved", "recorded"):
            symbol, terms = self.recount.orders[order]
            asked = Asked(self.today, 1 + b, 1 + c)
            self.recount.orders[order] = symbol, (*terms, asked)

    def _replaced(self, name: str, *by: int) -> None:
        a, *_ = by
        for order, (symbol, terms) in sorted(self.recount.orders.items()):
            if len(terms) > 1:
                kind = ("replaced", "rejected")[a % 2]
                self.program.send(kind, name, self.today, order=order)
                kept = terms[1] if kind == "replaced" else terms[0]
                self.recount.orders[order] = symbol, (kept,)
                if not self.recount.rests(order)[0][0]:
                    self._close(order)
                return

    def _cancel(self, name: str, *by: int) -> None:
        a, *_ = by
        if self.recount.orders:
            order = sorted(self.recount.orders)[a % len(self.recount.orders)]
            self.program.send("cancel", name, self.today, order=order)
            self._close(order)

    def _split(self, name: str, *by: int) -> None:
        a, b, c = by
        symbol, (new, old) = ("ACME", "SECOND")[a % 2], RATIOS[b % len(RATIOS)]
        day = self.today - timedelta(c % 5)
        found = self.program.send("split", name, day, symbol=symbol, new=new, old=old)
        known = [on for of, on, _ in self.recount.splits if of == symbol]
        if day in known and found.outcome == "denied":
            return
        assert (found.outcome, day in known) == ("recorded", False)
        self.recount.splits.append((symbol, day, Fraction(new, old)))

    def _undo(self, name: str, *by: int) -> None:
        a, *_ = by
        if self.recount.splits:
            symbol, day, ratio = self.recount.splits.pop(a % len(self.recount.splits))
            said = {"new": ratio.denominator, "old": ratio.numerator}
            found = self.program.send("split", name, day, symbol=symbol, **said)
            assert found.outcome == "recorded"


EDITIONS: Final = load_text(FILE.encode(), "acme.yaml")


@settings(max_examples=settings().max_examples // 2)
@given(history=histories())
@example(history=[("order", 1, 50, 5), ("alone", 3, 5, 0), ("split", 1, 0, 0)])
def test_position_holds_what_a_recount_in_new_units_comes_to(
    history: list[tuple[str, int, int, int]],
) -> None:
    """Splits of two instruments, on time or late, among all that happens to orders and fills."""
    teller = Teller()
    for kind, a, b, c in history:
        teller.tell(kind, a, b, c)


# -- one case each --------------------------------------------------------------------------------

CAPPED: Final = """repurchase: 1
authorization: acme
issuer: Acme
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: ACME, venues: [XTKS, XNYS]}
terms:
  max_shares:
    - {value: "4,000 shares", until: 2008-12-09}
    - {value: "8,000 shares", from: 2008-12-10}
  max_amount: {value: "JPY 4,000,000"}
  first_day: {value: 2008-11-14}
  last_day: {value: 2009-01-30}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: amount-cap, require: program.amount_after <= terms.max_amount}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
"""
# The cap follows a reverse split of one for ten.
FALLING: Final = CAPPED.replace('"8,000 shares"', '"400 shares"')
BEFORE: Final = date(2008, 12, 9)
DAY: Final = date(2008, 12, 10)
BUY: Final = {"symbol": "ACME", "venue": "XTKS", "side": "buy", "price": 100}
TWO: Final = {"symbol": "ACME", "new": 2, "old": 1}
LASTING: Final = {**BUY, "expires": "2008-12-30"}


def capped(text: str = CAPPED, *, live: bool = False) -> Program:
    """Return a program whose cap on shares doubles on the day of the split."""
    return Program(load_text(text.encode(), "acme.yaml"), live=live)


def rules(decision: Decision) -> list[str]:
    """Return the outcome of *decision*, then its findings."""
    return [decision.outcome, *(one.rule for one in decision.findings)]


def used(program: Program) -> tuple[Any, ...]:
    """Return what is executed and reserved, in shares and then in money."""
    at = program.position
    return at.executed_shares, at.reserved_shares, at.executed_amount, at.reserved_amount


def test_split_counts_sums_and_open_orders_in_new_units() -> None:
    """Twice the shares, the same money; the cap is that of the rule file."""
    program = capped()
    program.send("brought_forward", "b", None, shares=100, amount=1000)
    program.send("order", "o", BEFORE, quantity=1000, **LASTING)
    program.send("fill", "f", BEFORE, order="o", quantity=300, price=90)
    assert used(program) == (400, 700, 28_000, 70_000)
    assert rules(program.send("split", "s", DAY, **TWO)) == ["recorded"]
    assert used(program) == (800, 1400, 28_000, 70_000)
    # 8,000 less 2,200.
    assert rules(program.send("order", "o-1", DAY, quantity=5801, **BUY)) == ["denied", "share-cap"]
    assert rules(program.send("order", "o-2", DAY, quantity=5800, **BUY | {"price": 1})) == [
        "approved"
    ]
    over = program.send("fill", "f-1", DAY, order="o", quantity=1400, price=51)
    assert rules(over) == ["denied", "engine.overrun"]


def test_order_is_filled_in_new_units_and_replaced_in_them() -> None:
    """An order of 1,000 for 100 yen is one of 2,000 for 50, whatever its replace leaves out."""
    program = capped()
    program.send("order", "o", BEFORE, quantity=1000, **LASTING)
    program.send("fill", "f", BEFORE, order="o", quantity=300)
    program.send("replace", "r", BEFORE, order="o", quantity=1100)
    program.send("split", "s", DAY, **TWO)
    assert used(program) == (600, 1600, 30_000, 80_000)
    program.send("replaced", "d", DAY, order="o")
    assert used(program) == (600, 1600, 30_000, 80_000)
    program.send("replace", "r-2", DAY, order="o", price=40)
    program.send("replaced", "d-2", DAY, order="o")
    assert used(program) == (600, 1600, 30_000, 64_000)


def test_fill_of_the_day_that_arrives_before_the_split_is_in_new_units() -> None:
    """Of an order of 1,000, now 2,000, the fill of 500 leaves 1,500."""
    program = capped()
    program.send("order", "o", BEFORE, quantity=1000, **LASTING)
    program.send("fill", "f", DAY, order="o", quantity=500, price=50)
    program.send("split", "s", DAY, **TWO)
    assert used(program) == (500, 1500, 25_000, 75_000)


def test_late_fill_from_before_the_split_is_in_old_units() -> None:
    """It takes twice its units from its order, at half its price."""
    program = capped(live=True)
    program.send("order", "o", BEFORE, quantity=1000, **LASTING)
    program.send("split", "s", DAY, **TWO)
    assert rules(program.send("fill", "f", BEFORE, order="o", quantity=400)) == ["approved"]
    assert used(program) == (800, 1200, 40_000, 60_000)


def test_bust_and_correct_take_back_what_a_fill_counts_now() -> None:
    """A correct states the old units of its fill."""
    program = capped()
    for name in ("f", "g"):
        program.send("fill", name, BEFORE, quantity=100, **BUY)
    program.send("split", "s", DAY, **TWO)
    program.send("correct", "c", DAY, fill="f", quantity=150)
    assert used(program)[:3] == (500, 0, 25_000)
    program.send("bust", "x", DAY, fill="g")
    program.send("bust", "y", DAY, fill="f")
    assert used(program) == (0, 0, 0, 0)


def test_use_past_the_cap_after_a_split_approves_nothing() -> None:
    """The rule file still caps 4,000, of which 2,100 old shares are 4,200."""
    program = capped(CAPPED.replace("8,000", "4,000"))
    program.send("fill", "f", BEFORE, quantity=2100, **BUY | {"price": 1})
    program.send("split", "s", DAY, **TWO)
    assert rules(program.send("order", "o", DAY, quantity=1, **BUY)) == ["denied", "share-cap"]


def test_reverse_split_stops_the_program_until_the_caps_follow() -> None:
    """One share for ten: a cap in old shares would let it buy ten times as much."""
    one = {"symbol": "ACME", "new": 1, "old": 10}
    other = CAPPED.replace("12-10", "12-11").replace("12-09", "12-10")
    program = capped(other)
    program.send("fill", "f", BEFORE, quantity=2000, **BUY)
    found = program.send("split", "s", DAY, **one)
    assert rules(found) == ["recorded", "engine.split-caps"]
    assert rules(program.send("order", "o", DAY, quantity=1, **BUY)) == [
        "denied",
        "engine.split-caps",
    ]
    program = capped(FALLING)
    assert rules(program.send("split", "s", DAY, **one)) == ["recorded"]
    assert rules(program.send("order", "o", DAY, quantity=1, **BUY)) == ["approved"]


@pytest.mark.parametrize(
    "text",
    [
        # The cap rises, as after a split the other way round.
        CAPPED,
        # Another figure follows, and the cap does not.
        FALLING.replace("from: 2008-12-10}", "from: 2008-12-11}")
        .replace("until: 2008-12-09", "until: 2008-12-10")
        .replace(
            "  first_day",
            """  largest:
    - {value: 100 shares, until: 2008-12-09}
    - {value: 10 shares, from: 2008-12-10}
  first_day""",
        )
        + "  - {id: largest, require: trade.shares <= terms.largest}\n",
        # A rule states a figure itself.
        FALLING + '  - {id: largest, require: "trade.shares <= 100 shares"}\n',
        # Nothing but a counter limits the shares.
        FALLING.replace("terms:", "unlimited: [shares]\ncounters:\n  all: {}\nterms:")
        .replace("program.shares_after", "counters.all.shares_after")
        .replace("400 shares", "4,000 shares"),
    ],
)
def test_reverse_split_stops_the_program_unless_each_figure_follows(text: str) -> None:
    """A figure in old shares would be ten times too wide, whatever else changes that day."""
    program = capped(text)
    found = program.send("split", "s", DAY, symbol="ACME", new=1, old=10)
    assert rules(found) == ["recorded", "engine.split-caps"]
    found = program.send("order", "o", DAY, quantity=1, **BUY)
    assert rules(found) == ["denied", "engine.split-caps"]


def test_part_of_a_unit_stays_exact() -> None:
    """105 units are ten and a half; a replace that states no quantity asks for eleven."""
    program = capped(FALLING)
    program.send("order", "o", BEFORE, quantity=105, **LASTING)
    program.send("split", "s", DAY, symbol="ACME", new=1, old=10)
    assert used(program) == (0, Fraction(21, 2), 0, 10_500)
    program.send("replace", "r", DAY, order="o", price=2000)
    program.send("replaced", "d", DAY, order="o")
    assert used(program) == (0, 11, 0, 22_000)


def test_held_order_is_released_in_new_units() -> None:
    """Who approves it approves twice its units at half its price."""
    review = "  - {id: large, effect: review, require: trade.units < 500}\n"
    program = capped(CAPPED + review, live=True)
    program.send("order", "o", BEFORE, quantity=1000, by="ann", **LASTING)
    program.send("split", "s", DAY, **TWO)
    found = program.send("release", "r", DAY, order="o", by="bob", reason="seen")
    assert (found.outcome, used(program)) == ("approved", (0, 2000, 0, 100_000))


def test_split_of_one_of_two_instruments_leaves_the_other() -> None:
    """What was brought forward may be of either: it counts as that which makes more of it."""
    for ratio, brought in (((2, 1), 200), ((1, 2), 100)):
        program = Program(EDITIONS)
        program.send("brought_forward", "b", None, shares=100, amount=1)
        for symbol in ("ACME", "SECOND"):
            said = {"symbol": symbol, "quantity": 6, "price": 1, "side": "buy"}
            program.send("fill", symbol, BEFORE, **said)
        said = dict(zip(("new", "old"), ratio, strict=True))
        found = program.send("split", "s", DAY, symbol="SECOND", **said)
        assert rules(found) == ["recorded", "engine.split-others"]
        expected = brought + 6 + 60 * Fraction(*ratio)
        assert program.position.executed_shares == expected
        assert counted_in(program.position, "all", DAY) == expected


def test_split_is_stated_once() -> None:
    """Not twice on one day, nor beside a dated ratio; the other way round takes it back."""
    program = capped()
    program.send("fill", "f", BEFORE, quantity=100, **BUY)
    program.send("split", "s", DAY, **TWO)
    again = program.send("split", "s-2", DAY, **TWO)
    assert rules(again) == ["denied", "engine.split-twice"]
    back = program.send("split", "s-3", DAY, symbol="ACME", new=1, old=2)
    assert (rules(back), used(program)[0]) == (["recorded", "engine.split-caps"], 100)
    dated = "shares_each: [{value: 2, until: 2008-12-09}, {value: 1, from: 2008-12-10}]"
    program = capped(CAPPED.replace("XNYS]", f"XNYS], {dated}"))
    found = program.send("split", "s", DAY, **TWO)
    assert (rules(found), program.position.splits) == (["denied", "engine.split-twice"], ())
    found = program.send("split", "s", DAY, symbol="OTHER", new=2, old=1)
    assert rules(found) == ["denied", "engine.unknown-instrument"]


def test_event_means_what_a_dated_ratio_means() -> None:
    """From the day of the split on, both files hold the same sums and allow the same orders."""
    dated = "shares_each: [{value: 2, until: 2008-12-09}, {value: 1, from: 2008-12-10}]"
    text = CAPPED.replace("4,000 shares", "8,000 shares").replace("XNYS]", f"XNYS], {dated}")
    by_event, by_ratio = capped(), capped(text)
    for program in (by_event, by_ratio):
        program.send("fill", "f", BEFORE, quantity=1500, **BUY)
        if program is by_event:
            program.send("split", "s", DAY, **TWO)
        program.send("fill", "late", BEFORE, quantity=100, **BUY)
        program.send("fill", "g", DAY, quantity=1000, **BUY)
        program.send("bust", "x", DAY, fill="late")
        program.send("correct", "c", DAY, fill="f", quantity=1400)
        assert rules(program.send("order", "o", DAY, quantity=4201, **BUY)) == [
            "denied",
            "share-cap",
        ]
        assert rules(program.send("order", "p", DAY, quantity=4200, **BUY)) == ["approved"]
    assert used(by_event) == used(by_ratio)


def test_request_at_a_venue_where_the_split_has_not_come_is_denied() -> None:
    """In New York it is still the day before, on which the old units trade."""
    program = capped()
    program.send("split", "s", DAY, **TWO)
    said = {**BUY, "venue": "XNYS", "time": "2008-12-09T15:00:00-05:00", "quantity": 1}
    found = program.send("order", "o", None, **said)
    assert rules(found) == ["denied", "engine.backdated"]
    (finding,) = found.findings
    assert (finding.observed, finding.limit) == ("2008-12-09", "2008-12-10")
    said["time"] = "2008-12-10T09:30:00-05:00"
    assert program.send("order", "p", None, **said).outcome == "approved"


def test_bars_from_before_the_split_give_nothing(tmp_path: Path) -> None:
    """The last close before it is of the old units: twice the price of the day would pass."""
    bars = [f"2008-12-{day:02},ACME,XTKS,110,1000,0" for day in range(1, 12) if day not in (6, 7)]
    path = tmp_path / "bars.csv"
    path.write_text("\n".join(["date,symbol,venue,close,volume,off_auction", *bars, ""]))
    program = capped()
    program.send("split", "s", DAY, **TWO)
    feed = ProgramFeed(read_feed([path]), program.editions.authorization)
    found = {}
    for day in (BEFORE, DAY, date(2008, 12, 11)):
        said = {**BUY, "kind": "fill", "id": "f", "date": str(day), "quantity": "1", "price": "1"}
        counting_rules = program.editions.on(day).counting
        asked = trade(fields.event(said), counting_rules, program.position)
        assert isinstance(asked, Trade)
        found[day] = feed.fact("market.previous_close", asked)
    assert found == {BEFORE: 110, DAY: None, date(2008, 12, 11): 110}


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"new": "0"}, "`new` is `0`, but must be a whole number from 1 to 1,000,000"),
        ({"new": "1.5"}, "`new` is `1.5`, but must be a whole number"),
        ({"new": "1"}, "`new` is equal to `old`, so nothing splits"),
        ({"old": None}, "`old` is missing"),
        ({"symbol": None}, "`symbol` is missing"),
        ({"time": "2008-12-10T09:00:00+09:00"}, "`time` is not a field of a `split` event"),
        ({"quantity": "2"}, "`quantity` is not a field of a `split` event"),
    ],
)
def test_split_that_cannot_be_read_is_refused(said: dict[str, str | None], fault: str) -> None:
    """The fault comes first, then the fix."""
    row = {"kind": "split", "id": "s", "date": "2008-12-10", "symbol": "ACME", "new": "2"}
    with pytest.raises(InputError) as refused:
        fields.event({**row, "old": "1", **said})
    assert fault in str(refused.value)


def test_lint_finds_a_split_stated_twice() -> None:
    """A cap that doubles on the day on which the ratio halves would count the split twice."""
    dated = "shares_each: [{value: 2, until: 2008-12-09}, {value: 1, from: 2008-12-10}]"
    twice = load_text(CAPPED.replace("XNYS]", f"XNYS], {dated}").encode(), "acme.yaml")
    (problem,) = lint_findings(twice)
    assert problem.what == (
        "`terms.max_shares` and the ratio of `common` both change on 2008-12-10"
    )
    assert lint_findings(capped().editions) == ()
