"""The largest order that passes now, and its highest price: beside every figure there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any, Final, NamedTuple

import pytest
import z3
from hypothesis import assume, example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from repurchase.domain.errors import EngineFault
from repurchase.domain.events import Event
from repurchase.domain.quantities import NUMBER, Exact, exact, written
from repurchase.evaluation import headroom as module
from repurchase.evaluation.headroom import (
    QUANTITIES,
    QUANTITY_MAX,
    TICK,
    Grid,
    Headroom,
    headroom,
    prices,
)
from repurchase.evaluation.step import step
from repurchase.facts.table import TABLE
from repurchase.language.linear import Atom
from repurchase.ledger.fold import counting
from repurchase.ledger.position import Position
from repurchase.market.feed import read_feed
from repurchase.proof.logic import Fact, holds, number
from repurchase.rulebook.editions import Edition, load, load_text
from repurchase.rulebook.library import rule_path
from repurchase.rulebook.life import Life

NOW: Final = datetime(2008, 11, 14, 1, tzinfo=UTC)
ORDER: Final = Event(
    kind="order", id="o", time=NOW, symbol="3774", side="buy", quantity=1, price=100
)
ADS: Final = replace(ORDER, symbol="IIJI", fx=Fraction("1.5"))
HEAD: Final = """
repurchase: 1
authorization: book
timezone: Asia/Tokyo
currency: JPY
amount_basis: with_fees
instruments:
  common: {symbol: "3774", venues: [XTKS]}
  ads: {symbol: IIJI, venues: [XNAS], currency: USD, per_share: 3, fx_margin: 1%}
terms:
  max_shares: {value: "60 shares"}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
"""
# Conditions whose sets of quantities and prices have holes, ends and no ends.
OF_QUANTITY: Final = {
    "trade.units": ("0", "1", "17", "18.5", "59", "120"),
    "2 * trade.units": ("34", "35"),
    "day.ordered_shares_after": ("17", "18 + 1/3", "40"),
}
OF_MONEY: Final = {
    "trade.amount": ("JPY 100", "JPY 1,250.5", "JPY 5,999", "JPY 6,000"),
    "trade.amount - JPY 12.5": ("JPY 600", "JPY 1,000", "JPY 4,200"),
    "program.amount_after": ("JPY 0", "JPY 1,250.5", "JPY 6,000"),
    "program.reserved_amount + 3 * trade.amount": ("JPY 1,100", "JPY 5,999"),
}
OF_PRICE: Final = {
    "trade.price_per_share": ("JPY 100", "JPY 151.5", "JPY 700"),
    "trade.price": ("market.last_price", "market.day_high", "4 * market.last_price"),
}


def conditions(facts: Mapping[str, tuple[str, ...]]) -> st.SearchStrategy[str]:
    """Draw and/or over comparisons of *facts*."""
    signs = st.sampled_from(("<=", "<", ">=", ">", "==", "!="))

    def compared(fact: str) -> st.SearchStrategy[str]:
        figures = st.sampled_from(facts[fact])
        plain = st.builds(lambda sign, one: f"{fact} {sign} {one}", signs, figures)
        # Two ends of which neither is the last leave a hole.
        band = st.builds(
            lambda low, sign, high: f"({fact} <= {low} or {fact} {sign} {high})",
            figures,
            signs,
            figures,
        )
        return plain | band

    return st.recursive(
        st.sampled_from(sorted(facts)).flatmap(compared),
        lambda one: st.builds(
            lambda left, word, right: f"({left} {word} {right})",
            one,
            st.sampled_from(("and", "or")),
            one,
        ),
        max_leaves=4,
    )


def rules(field: str) -> st.SearchStrategy[list[tuple[str, str]]]:
    """Draw rules that mostly read what the *field* of an order changes, each with its effect."""
    own = OF_QUANTITY if field == "quantity" else OF_PRICE
    some = conditions(own | OF_MONEY), conditions(OF_QUANTITY | OF_PRICE | OF_MONEY)
    condition = st.one_of(some[0], some[0], some[0], some[1])
    effects = st.sampled_from(("deny", "deny", "review", "flag"))
    return st.lists(st.tuples(condition, effects), min_size=1, max_size=3)


def often(usual: object, *others: object) -> st.SearchStrategy[Any]:
    """Draw *usual*, and seldom one of *others*."""
    return st.sampled_from((*(usual,) * 6, *others))


OUTSIDE: Final = {"market.last_price": 75, "market.day_high": Fraction("99.9")}
ORDERS: Final = st.builds(
    replace,
    st.sampled_from((ORDER, ORDER, ADS)),
    quantity=st.integers(1, 9),
    price=st.sampled_from((1, 100, Fraction("33.3"))),
    fees=often(Fraction("12.5"), 0, None),
    order_type=often("limit", "market", None),
    outside=often(OUTSIDE, {}),
)
SMALL_QUANTITIES: Final = Grid("quantity", 1, 184)
SMALL: Final = (
    SMALL_QUANTITIES,
    SMALL_QUANTITIES,
    Grid("price", 10, 90),
    Grid("price", Fraction("12.5"), 120),
    Grid("price", Fraction("33.3"), 60),
)
WHOLE: Final = (QUANTITIES, prices(TICK), prices(Fraction(1, 10**12)))


class Question(NamedTuple):
    """What is asked: with which rules, of which order, at which position, over which figures."""

    rules: list[tuple[str, str]]
    order: Event
    position: Position
    grid: Grid


@st.composite
def questions(draw: st.DrawFn, grids: tuple[Grid, ...]) -> Question:
    """Draw a question over one of *grids*."""
    grid = draw(st.sampled_from(grids))
    return Question(draw(rules(grid.field)), draw(ORDERS), draw(positions()), grid)


# What the law in Tokyo asks beside, so large that it stops nothing.
ASKED: Final = replace(
    ORDER,
    order_type="limit",
    method="auction",
    broker="North",
    outside={
        "market.day_high": 500_000_000,
        "market.last_price": 500_000_000,
        "averages.adv_jp_4_weeks": 5_000,
    },
)


@cache
def edition(*rules: str | tuple[str, str]) -> Edition:
    """Return an edition with a share cap and *rules*, each with an effect where it is no denial."""
    told = [(rule, "deny") if isinstance(rule, str) else rule for rule in rules]
    lines = (
        f'  - {{id: r{number}, require: "{rule}", effect: {effect}}}\n'
        for number, (rule, effect) in enumerate(told)
    )
    return load_text((HEAD + "".join(lines)).encode(), "book.yaml").on(NOW.date())


@st.composite
def positions(draw: st.DrawFn) -> Position:
    """Draw what a program stands at: brought forward, open orders, partly filled, one unbounded."""
    book = edition()
    position = Position()
    events = [Event(kind="brought_forward", id="b", shares=draw(st.integers(0, 20)), amount=500)]
    for count in range(draw(st.integers(0, 3))):
        order = replace(draw(ORDERS), id=f"p{count}")
        events.append(order)
        fill = {"kind": "fill", "id": f"f{count}", "order": order.id, "price": 1, "fees": 0}
        if draw(st.booleans()):
            events.append(replace(order, **fill, quantity=draw(st.integers(1, 9)), order_type=None))
    for event in events:
        position = step(event, position, Life(book)).position
    return position


def verdict(order: Event, position: Position, rules: Edition) -> tuple[str, list[str]]:
    """Return the outcome of *order*, and the rules that stop it."""
    decision = step(order, position, Life(rules)).decision
    return decision.outcome, [one.rule for one in decision.findings if one.effect != "flag"]


def check(found: Headroom, order: Event, position: Position, rules: Edition) -> None:
    """Raise AssertionError unless *found* and its proof are what every figure of its grid says."""
    grid = found.grid
    figures = [grid.figure(count) for count in range(1, grid.most + 1)]
    asked = {
        figure: verdict(replace(order, **{grid.field: figure}), position, rules)
        for figure in figures
    }
    passing = [figure for figure, (outcome, _) in asked.items() if outcome == "approved"]
    assert found.largest == max(passing, default=0)
    assert (found.passing is not None) == bool(passing)
    proved = [
        (figure, (one.answer.decision.outcome, [finding.rule for finding in one.binding]))
        for one in found.above
        for figure in figures
        if one.first <= figure <= one.last
    ]
    # Each larger figure lies in one range, and is answered as its ends are.
    assert proved == [(figure, asked[figure]) for figure in figures if figure > found.largest]


@pytest.mark.slow
@given(question=questions(SMALL))
@example(
    question=Question(
        [("(trade.units <= 17 or trade.units == 59)", "deny")],
        replace(ORDER, fees=0),
        Position(),
        SMALL_QUANTITIES,
    )
)
@example(
    question=Question(
        [("(trade.amount <= JPY 100 or trade.amount == JPY 6,000)", "review")],
        replace(ORDER, fees=0, quantity=4),
        Position(),
        Grid("price", Fraction("12.5"), 184),
    )
)
def test_headroom_is_the_largest_figure_that_passes(question: Question) -> None:
    """No larger quantity or price passes, whatever holes the rules leave, and the proof says so."""
    told, order, position, grid = question
    book = edition(*told)
    check(headroom(order, position, Life(book), grid=grid), order, position, book)


def facts(order: Event, position: Position, grid: Grid, count: Any) -> dict[str, Fact]:
    """Return what rules read of *order* with *count* steps, by plain arithmetic, as z3 has it."""
    figure = z3.ToReal(count) * number(grid.step)
    units = figure if grid.field == "quantity" else number(order.quantity or 0)
    price = figure if grid.field == "price" else number(order.price or 0)
    rate, each, margin = (Fraction("1.5"), Fraction(1, 3), Fraction("1.01"))
    if order.symbol == "3774":
        rate, each, margin = Fraction(1), Fraction(1), Fraction(1)
    shares = units * number(each)
    amount = units * price * number(rate * margin) + number(order.fees or 0)
    used, reserved = position.executed_shares, position.reserved_shares
    spent, bound = position.executed_amount, position.reserved_amount
    ordered = sum(
        day.ordered_shares
        for (instrument, _, _), day in position.days.items()
        if (instrument == "ads") == (order.symbol == "IIJI")
    )
    values = {
        "trade.units": units,
        "trade.price": price,
        "trade.price_per_share": price * number(rate / each),
        "trade.amount": amount,
        "program.shares_after": number(used + reserved) + shares,
        "program.reserved_amount": number(bound),
        "program.amount_after": number(spent + bound) + amount,
        "day.ordered_shares_after": number(ordered) + shares,
    }
    values |= {name: number(value) for name, value in order.outside.items()}
    return {name: Fact(z3.BoolVal(True), value) for name, value in values.items()}


@pytest.mark.slow
@given(question=questions(WHOLE))
def test_z3_finds_no_larger_figure_among_all(question: Question) -> None:
    """Up to the largest number that an event can have, another solver comes to the same."""
    told, order, position, grid = question
    order = replace(order, fees=order.fees or 0, order_type="limit", outside=OUTSIDE)
    assume(not position.unbounded and not position.unknown_amount)
    book = edition(*told)
    found = headroom(order, position, Life(book), grid=grid)
    count = z3.Int("count")
    known = facts(order, position, grid, count)
    solver = z3.Solver()
    solver.add(
        count >= 1,
        count <= grid.most,
        *(holds(one.passes, known) for one in book.rules if one.rule.effect != "flag"),
    )
    if found.largest:
        at = Fraction(found.largest) / grid.step
        assert solver.check(count == at.numerator) == z3.sat
        assert at.denominator == 1
        solver.add(count > at.numerator)
    assert solver.check() == z3.unsat


# --- broken on purpose ---------------------------------------------------------------------------


def broken(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    """Let every turn but that of the share cap come out wrong by *error*."""
    right = module.threshold

    def wrong(atom: Atom, lines: Any) -> Fraction | None:
        turn = right(atom, lines)
        return turn if turn is None or turn == 60 else turn + error

    monkeypatch.setattr(module, "threshold", wrong)


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ("trade.units <= 17.5", -1),
        ("trade.units <= 17.5", 1),
        ("trade.units <= 17", -1),
        ("trade.units < 18", 1),
        ("trade.units == 17", -1),
    ],
)
def test_turn_that_is_off_by_one_is_noticed(
    monkeypatch: pytest.MonkeyPatch, rule: str, error: int
) -> None:
    """The break: the two ends of the range that it cuts wrongly are answered differently."""
    order, book = replace(ORDER, fees=0), edition(rule)
    assert headroom(order, Position(), Life(book)).largest == 17
    broken(monkeypatch, error)
    with pytest.raises(EngineFault, match="the two ends of a range got different decisions"):
        headroom(order, Position(), Life(book))


@pytest.mark.parametrize(
    ("ends", "rule"),
    [
        (lambda turn: (turn.__ceil__() - 1,), "trade.units == 17"),
        (lambda turn: (turn.__floor__(),), "trade.units < 18"),
        (lambda _: (), "trade.units <= 17"),
    ],
)
def test_cut_that_is_left_out_is_noticed(
    monkeypatch: pytest.MonkeyPatch, ends: Callable[[Fraction], tuple[int, ...]], rule: str
) -> None:
    """The break: what passes can end at a turn or before it, and it takes both cuts to see that."""
    order, book = replace(ORDER, fees=0), edition(rule)
    assert headroom(order, Position(), Life(book)).largest == 17
    monkeypatch.setattr(module, "cuts", ends)
    with pytest.raises(EngineFault, match="the two ends of a range got different decisions"):
        headroom(order, Position(), Life(book))


@pytest.mark.parametrize("error", [-2, 2])
def test_quantity_that_passes_alone_is_missed_by_a_wrong_turn(
    monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    """The break: no end of a range tells of it, but asking every quantity does."""
    order, book = replace(ORDER, fees=0), edition("trade.units <= 5 or trade.units == 17")
    check(headroom(order, Position(), Life(book), grid=SMALL_QUANTITIES), order, Position(), book)
    broken(monkeypatch, error)
    found = headroom(order, Position(), Life(edition("trade.units == 17")), grid=SMALL_QUANTITIES)
    with pytest.raises(AssertionError):
        check(found, order, Position(), edition("trade.units == 17"))


@pytest.mark.parametrize(
    "bent",
    [
        lambda units: units * units,
        lambda units: min(units, 1_000_000),
        lambda units: None if units == 2 else units,
        lambda units: units if units == 1 else "many",
        lambda units: "one" if units == 1 else units,
        lambda units: units == 1,
    ],
)
def test_fact_that_is_no_line_proves_nothing(
    monkeypatch: pytest.MonkeyPatch, bent: Callable[[int], object]
) -> None:
    """The break: where a fact bends, is absent or is another word further on, no turn is known."""
    fact = replace(TABLE["trade.units"], of=lambda now: bent(now.trade.event.quantity or 0))
    monkeypatch.setitem(TABLE, "trade.units", fact)
    with pytest.raises(EngineFault, match=r"`trade\.units` is not linear"):
        headroom(ORDER, Position(), Life(edition("trade.units <= 17")))


# --- rule files that are shipped, and figures at the ends ----------------------------------------


ABROAD: Final = replace(ASKED, symbol="IIJI", time=datetime(2008, 11, 14, 15, tzinfo=UTC))
AMOUNT: Final = ["amount-cap", "jp-companies-act.amount"]
SHARES: Final = ["jp-companies-act.number", "share-cap"]


def iij(order: Event, grid: Grid = QUANTITIES) -> Headroom:
    """Return the room of *order* under the rules of IIJ, with nothing used."""
    rules = load(rule_path("iij-2008")).on(NOW.date())
    position = counting(Position(), rules.authorization.kept())
    return headroom(order, position, Life(rules), read_feed(()).of(rules.authorization), grid)


def binding(found: Headroom) -> list[str]:
    """Return the names of the rules that stop one more."""
    assert found.stopped is not None
    return [finding.rule for finding in found.stopped.binding]


@pytest.mark.parametrize(
    ("price", "quantity", "rules"),
    [
        ("100000", 4_000, sorted([*AMOUNT, *SHARES])),
        ("100001", 3_999, AMOUNT),
        ("1", 4_000, SHARES),
        ("400000001", 0, AMOUNT),
    ],
)
def test_headroom_names_the_rule_that_binds(price: str, quantity: int, rules: list[str]) -> None:
    """One unit more fails by the rules that are named."""
    found = iij(replace(ASKED, price=int(price)))
    assert (found.largest, binding(found)) == (quantity, rules)


@pytest.mark.parametrize(
    ("order", "quantity", "tick", "price", "rules"),
    [
        (ASKED, 4_000, "0.01", "100000", AMOUNT),
        (ASKED, 3_999, "0.01", "100025", AMOUNT),
        (ASKED, 3_998, "0.01", "100050.02", AMOUNT),
        (ASKED, 3_998, "0.000000000001", "100050.025012506253", AMOUNT),
        (ASKED, 3_998, "1000", "100000", AMOUNT),
        (ASKED, 3_998, "100051", "0", AMOUNT),
        (ASKED, 3_998, "999999999999999999", "0", [*AMOUNT, "jp-order-59.price-in-session"]),
        (ASKED, 4_001, "1", "0", SHARES),
        (replace(ABROAD, fx=96), 400, "0.01", "10416.66", AMOUNT),
        (ABROAD, 400, "0.01", "0", AMOUNT),
    ],
)
def test_highest_price_names_the_rule_that_binds(
    order: Event, quantity: int, tick: str, price: str, rules: list[str]
) -> None:
    """One tick more fails by the rules that are named, also in another currency or without fx."""
    found = iij(replace(order, quantity=quantity), prices(exact(tick)))
    assert (written(found.largest), binding(found)) == (price, rules)


@pytest.mark.parametrize("grid", [QUANTITIES, prices(TICK)])
def test_headroom_without_a_bound_is_the_largest_figure_there_is(grid: Grid) -> None:
    """Where no rule reads what is asked for, only the format bounds it, and nothing is above."""
    text = HEAD.replace("program.shares_after <= terms.max_shares", "trade.side == buy")
    text = text.replace('terms:\n  max_shares: {value: "60 shares"}\n', "terms: {}\n")
    rules = load_text(text.encode(), "book.yaml").on(NOW.date())
    found = headroom(ORDER, Position(), Life(rules), grid=grid)
    assert (found.largest, found.above, found.stopped) == (grid.figure(grid.most), (), None)


@pytest.mark.parametrize("grid", [QUANTITIES, prices(TICK)])
def test_headroom_of_an_order_that_never_passes_is_nothing(grid: Grid) -> None:
    """An order outside the window has no headroom, and the answer says why for every figure."""
    late = datetime(2009, 2, 2, 1, tzinfo=UTC)
    rules = load(rule_path("iij-2008")).on(late.date())
    found = headroom(replace(ASKED, time=late), Position(), Life(rules), grid=grid)
    assert (found.largest, found.passing) == (0, None)
    assert all("window" in [one.rule for one in range.binding] for range in found.above)
    assert (found.above[0].first, found.above[-1].last) == (grid.step, grid.figure(grid.most))
    assert all(one.last + grid.step == two.first for one, two in pairwise(found.above))


def test_price_of_a_market_order_binds_nothing() -> None:
    """Without a rule on money a market order is bounded in its quantity, whatever price it says."""
    order = replace(ORDER, order_type="market", price=10**17)
    assert headroom(order, Position(), Life(edition())).largest == 60
    assert headroom(order, Position(), Life(edition("trade.amount <= JPY 100"))).largest == 0


@pytest.mark.parametrize("fields", ["at: fill", "effect: flag"])
def test_rule_that_stops_no_order_is_not_asked(fields: str) -> None:
    """What judges fills alone, or flags, neither binds nor cuts the larger quantities."""
    text = HEAD + f'  - {{id: small, require: "trade.units <= 17 or trade.units > 99", {fields}}}\n'
    found = headroom(ORDER, Position(), Life(load_text(text.encode(), "book.yaml").on(NOW.date())))
    assert [(one.first, one.last) for one in found.above] == [(61, QUANTITY_MAX)]
    assert binding(found) == ["share-cap"]


@given(tick=st.integers(1, 10**30 - 1).map(lambda count: Fraction(count, 10**12)))
@example(tick=1)
@example(tick=TICK)
@example(tick=Fraction(1, 10**12))
@example(tick=Fraction(10**30 - 1, 10**12))
def test_grid_of_prices_ends_where_an_event_can_write_no_more(tick: Exact) -> None:
    """Its last price can be written, and the one after it cannot."""
    grid = prices(tick)
    assert NUMBER.fullmatch(written(grid.figure(grid.most)))
    assert not NUMBER.fullmatch(written(grid.figure(grid.most + 1)))
