"""The largest order that passes now: beside every quantity there is, asked one by one."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from repurchase import headroom as module
from repurchase.edition import Edition, load, load_text
from repurchase.errors import EngineFault
from repurchase.events import Event
from repurchase.feeds import read_feed
from repurchase.headroom import QUANTITY_MAX, headroom
from repurchase.position import Position
from repurchase.program import step
from repurchase.shipped import rule_path

CAP = 60
NOW = datetime(2008, 11, 14, 1, tzinfo=UTC)
ORDER = Event(kind="order", id="o", time=NOW, symbol="3774", side="buy", quantity=1, price=100)
HEAD = """
repurchase: 1
authorization: book
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "3774", venues: [XTKS]}
  ads: {symbol: IIJI, venues: [XNAS], currency: USD, per_share: 3, fx_margin: 1%}
terms:
  max_shares: {value: "60 shares"}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
"""

# Conditions whose sets of quantities have holes, ends and no ends.
CONDITIONS = st.builds(
    lambda fact, sign, figure: f"{fact} {sign} {figure}",
    st.sampled_from(("trade.units", "2 * trade.units", "trade.units - 7")),
    st.sampled_from(("<=", "<", ">=", ">", "==", "!=")),
    st.sampled_from(("0", "1", "17", "18.5", "59", "120")),
) | st.builds(
    lambda fact, sign, figure: f"{fact} {sign} {figure}",
    st.sampled_from(("trade.amount", "program.amount_after", "3 * trade.amount")),
    st.sampled_from(("<=", ">=", "!=")),
    st.sampled_from(("JPY 100", "JPY 1,250.5", "JPY 5,999", "JPY 6,000")),
)
RULES = st.lists(
    st.recursive(
        CONDITIONS,
        lambda one: st.builds(
            lambda left, word, right: f"({left} {word} {right})",
            one,
            st.sampled_from(("and", "or")),
            one,
        ),
        max_leaves=4,
    ),
    max_size=3,
)


# What the law in Tokyo asks beside, so large that it stops nothing.
ASKED = replace(
    ORDER,
    order_type="limit",
    method="auction",
    broker="North",
    outside={
        "market.day_high": 500_000_000,
        "market.last_price": 500_000_000,
        "market.adv_jp_4_weeks": 5_000,
    },
)


def edition(rules: list[str], effects: list[str] | None = None) -> Edition:
    """Return an edition with a share cap and *rules*."""
    told = effects or ["deny"] * len(rules)
    lines = (
        f'  - {{id: r{number}, require: "{rule}", effect: {effect}}}\n'
        for number, (rule, effect) in enumerate(zip(rules, told, strict=True))
    )
    return load_text((HEAD + "".join(lines)).encode(), "book.yaml").on(NOW.date())


def passes(order: Event, quantity: int, rules: Edition) -> bool:
    """Return whether *order* of that quantity is approved."""
    taken = step(replace(order, quantity=quantity), Position(), rules)
    return taken.decision.outcome == "approved"


@given(
    rules=RULES,
    effects=st.lists(st.sampled_from(("deny", "review")), min_size=3, max_size=3),
    foreign=st.booleans(),
)
@example(
    rules=["(trade.units <= 17 or trade.units >= 59)"],
    effects=["deny"] * 3,
    foreign=False,
)
def test_headroom_is_the_largest_quantity_that_passes(
    rules: list[str], effects: list[str], foreign: bool
) -> None:
    """No larger quantity passes, whatever holes the rules leave."""
    order = replace(ORDER, symbol="IIJI", fx=Fraction("1.5")) if foreign else ORDER
    book = edition(rules, effects[: len(rules)])
    asked = [one for one in range(1, CAP * 3 + 5) if passes(order, one, book)]
    assert headroom(order, Position(), book).quantity == max(asked, default=0)


@pytest.mark.parametrize(
    ("beside", "rule"), [((0,), "trade.units < 18"), ((-1,), "trade.units <= 17.5")]
)
def test_looking_on_one_side_of_a_turn_alone_is_noticed(
    monkeypatch: pytest.MonkeyPatch, beside: tuple[int, ...], rule: str
) -> None:
    """The break: what passes can end at a turn or one before it, and both are asked."""
    assert headroom(ORDER, Position(), edition([rule])).quantity == 17
    monkeypatch.setattr(module, "_BESIDE", beside)
    with pytest.raises(EngineFault, match="a larger quantity passes"):
        headroom(ORDER, Position(), edition([rule]))


@pytest.mark.parametrize(
    ("price", "quantity", "binding"),
    [
        (
            "100000",
            4_000,
            ["amount-cap", "jp-companies-act.amount", "jp-companies-act.number", "share-cap"],
        ),
        ("100001", 3_999, ["amount-cap", "jp-companies-act.amount"]),
        ("1", 4_000, ["jp-companies-act.number", "share-cap"]),
        ("400000001", 0, ["amount-cap", "jp-companies-act.amount"]),
    ],
)
def test_headroom_names_the_rule_that_binds(price: str, quantity: int, binding: list[str]) -> None:
    """One unit more fails by the rules that are named."""
    path = rule_path("iij-2008")
    rules = load(path).on(NOW.date())
    market = read_feed(()).of(rules.authorization)
    found = headroom(replace(ASKED, price=int(price)), Position(), rules, market)
    assert found.stopped is not None
    assert found.quantity == quantity
    assert [finding.rule for finding in found.stopped.decision.findings] == binding


def test_headroom_without_a_bound_is_the_largest_quantity_there_is() -> None:
    """Where no rule reads the quantity, only the format bounds it."""
    text = HEAD.replace("program.shares_after <= terms.max_shares", "trade.side == buy")
    text = text.replace('terms:\n  max_shares: {value: "60 shares"}\n', "terms: {}\n")
    rules = load_text(text.encode(), "book.yaml").on(NOW.date())
    found = headroom(ORDER, Position(), rules)
    assert (found.quantity, found.stopped) == (QUANTITY_MAX, None)


def test_headroom_of_an_order_that_never_passes_is_nothing() -> None:
    """An order outside the window has no headroom, and the answer says why."""
    path = rule_path("iij-2008")
    late = datetime(2009, 2, 2, 1, tzinfo=UTC)
    found = headroom(replace(ORDER, time=late), Position(), load(path).on(late.date()))
    assert (found.quantity, found.passing) == (0, None)
    assert found.stopped is not None
    assert "window" in [finding.rule for finding in found.stopped.decision.findings]
