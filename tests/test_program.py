"""Tests of what the program itself finds of an event, whatever the rules of a file say."""

from __future__ import annotations

import weakref
from datetime import date
from typing import Final

import pytest

from repurchase.domain.decisions import Decision
from repurchase.evaluation import judge
from repurchase.evaluation.step import step
from repurchase.evaluation.wording import sentence
from repurchase.intake.fields import event
from repurchase.ledger.position import Position
from repurchase.rulebook.editions import load_text
from repurchase.rulebook.life import Life, life

HEAD: Final = """\
repurchase: 1
authorization: own
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "1", venues: [XTKS]}
  ads: {symbol: A, venues: [XNAS], currency: USD, per_share: 400}
terms:
  max_shares: {value: "100 shares", quote: "100 shares"}
rules:
  - id: share-cap
    require: program.shares_after <= terms.max_shares
"""
ON_TIME: Final = (
    HEAD
    + """\
  - id: early
    require: trade.venue_time <= 15:00 and trade.venue_date <= 2030-01-01
"""
)
ON_MONEY: Final = (
    HEAD
    + """\
  - id: a-cap
    require: trade.amount <= JPY 1,000
  - id: z-cap
    require: trade.price_per_share <= JPY 100
"""
)
ORDER: Final[dict[str, str | None]] = {
    "kind": "order",
    "id": "o-1",
    "date": "2026-05-15",
    "symbol": "1",
    "side": "buy",
    "quantity": "60",
    "price": "1",
}


def decided(rules: str, **changes: str | None) -> Decision:
    """Return the decision of *rules* on an order with *changes*; `None` leaves a field out."""
    asked = event(ORDER | changes)
    return step(
        asked, Position(), life(load_text(rules.encode(), "own.yaml"), asked, Position())
    ).decision


def found(decision: Decision) -> dict[str, tuple[str, ...]]:
    """Return what each rule that did not pass is missing."""
    return {finding.rule: finding.missing for finding in decision.findings}


@pytest.mark.parametrize("kind", ["order", "fill"])
def test_sale_is_denied_where_no_rule_reads_the_side(kind: str) -> None:
    """A program buys: a sell order is denied as its fill would be, and reserves nothing."""
    decision = decided(HEAD, kind=kind, side="sell")
    assert (decision.outcome, found(decision)) == ("denied", {"engine.sale": ()})
    assert (decision.position.executed_shares, decision.position.reserved_shares) == ("0", "0")


@pytest.mark.parametrize(
    ("fx", "own"), [("2", {"engine.wrong-rate": ()}), ("1", {}), ("1.0", {}), (None, {})]
)
def test_rate_between_a_currency_and_itself_is_one(
    fx: str | None, own: dict[str, tuple[str, ...]]
) -> None:
    """A rate that contradicts the rule file is named as the fault, whatever the rules read."""
    assert found(decided(HEAD, fx=fx)) == own


@pytest.mark.parametrize(
    ("rules", "changes", "missing"),
    [
        (ON_TIME, {}, ("trade.venue_time", "time")),
        (ON_TIME, {"symbol": "2"}, ("trade.venue_date", "trade.venue_time")),
        (
            ON_TIME,
            {"symbol": "2", "date": None, "time": "2026-05-15T09:00:00+09:00"},
            ("trade.venue_date", "trade.venue_time"),
        ),
        (ON_MONEY, {"symbol": "A"}, ("trade.amount", "fx")),
        (ON_MONEY, {"price": None}, ("trade.amount", "price")),
        (ON_MONEY, {"fx": "2"}, ("trade.amount",)),
        (ON_MONEY, {"symbol": "2"}, ("trade.amount",)),
    ],
)
def test_only_fields_that_would_help_are_named(
    rules: str, changes: dict[str, str | None], missing: tuple[str, ...]
) -> None:
    """A field is blamed where giving it would settle the fact, and not for another's fault."""
    decision = decided(rules, **changes)
    rule = "early" if rules is ON_TIME else "a-cap"
    assert found(decision)[rule] == missing
    (finding,) = (one for one in decision.findings if one.rule == rule)
    text = sentence(finding, Life(load_text(rules.encode(), "own.yaml").on(date(2026, 5, 15))))
    assert ("add the event field" in text) == any("." not in name for name in missing)


def test_findings_are_sorted_by_rule() -> None:
    """Those of the program itself stand among those of the file."""
    decision = decided(ON_MONEY, kind="fill", order="o-9", symbol="2")
    assert list(found(decision)) == [
        "a-cap",
        "engine.unknown-amount",
        "engine.unknown-instrument",
        "engine.unknown-order",
        "share-cap",
        "z-cap",
    ]


def test_thread_keeps_the_rule_sets_that_it_used_last() -> None:
    """Of many editions, judged in turn, a few stay loaded; what was let go answers as before."""
    caps = range(30, judge.LOADED_MAX + 38)
    files = [HEAD.replace("100 shares", f"{cap} shares") for cap in caps]
    editions = [load_text(file.encode(), "many.yaml").on(date(2026, 5, 15)) for file in files]
    loaded = [weakref.ref(judge.compiled(edition, "order")) for edition in editions]
    kept = [cap for cap, one in zip(caps, loaded, strict=True) if one() is not None]
    assert kept == list(caps)[-judge.LOADED_MAX :]
    order = event(ORDER)
    for _ in range(2):
        outcomes = [step(order, Position(), Life(one)).decision.outcome for one in editions]
        assert outcomes == ["denied" if cap < 60 else "approved" for cap in caps]


def test_rules_that_fail_again_are_found_again() -> None:
    """Findings rest on the event alone, whichever rules failed at the one before."""
    prices: list[str | None] = ["1", "101", "50", "101", "101"]
    edition = load_text(ON_MONEY.encode(), "own.yaml").on(date(2026, 5, 15))
    orders = [event({**ORDER, "price": one}) for one in (*prices, *prices, None, *prices)]
    run = [step(order, Position(), Life(edition)).decision.findings for order in orders]
    judge.forget()
    for order, findings in zip(orders, run, strict=True):
        judge.forget()
        assert step(order, Position(), Life(edition)).decision.findings == findings
    assert {tuple(one.rule for one in found) for found in run} == {
        (),
        ("a-cap",),
        ("a-cap", "z-cap"),
    }
