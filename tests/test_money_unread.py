"""Programs whose rules read no amount of money: fills without a price count, and are approved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from repurchase.domain.decisions import Decision
from repurchase.evaluation.step import Step, step
from repurchase.intake.fields import event
from repurchase.ledger.position import Position
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.life import life
from test_cli import run

HEAD: Final = """\
repurchase: 1
authorization: shares-only
timezone: Asia/Tokyo
currency: JPY
unlimited: [amount]
instruments:
  common: {symbol: "1", venues: [XTKS]}
  ads: {symbol: A, venues: [XNAS], currency: USD, per_share: 400}
terms:
  max_shares: {value: "100 shares"}
  max_amount: {value: "JPY 1,000"}
rules:
  - id: share-cap
    require: program.shares_after <= terms.max_shares
  - id: last-day
    require: trade.last_date <= 2026-12-31
"""
# One rule more, which reads an amount: always, only later, only as a flag, or only of an order.
READING: Final = {
    "a cap": "require: program.amount_after <= terms.max_amount",
    "a later cap": "{require: program.amount_after <= terms.max_amount, from: 2026-06-01}",
    "a flag": "{require: trade.amount <= terms.max_amount, effect: flag}",
    "a condition": "{when: trade.amount > terms.max_amount, require: trade.side == buy}",
    "an order": "{require: trade.amount <= terms.max_amount, at: order}",
}
FILL: Final[dict[str, str | None]] = {
    "kind": "fill",
    "id": "f-1",
    "date": "2026-05-15",
    "symbol": "1",
    "side": "buy",
    "quantity": "60",
}
LOG: Final = """\
id,date,symbol,side,quantity
f-1,2026-05-15,1,buy,40
f-2,2026-05-18,1,buy,50
"""


def file_with(rule: str = "") -> Editions:
    """Return the editions of the file with one more *rule*."""
    body = rule.removeprefix("{").removesuffix("}")
    more = f"  - {{id: more, {body}}}\n" if rule else ""
    return load_text(f"{HEAD}{more}".encode(), "own.yaml")


def taken(editions: Editions, position: Position, **changes: str | None) -> Step:
    """Return the step of the fill with *changes*; `None` leaves a field out."""
    happened = event({**FILL, **changes})
    return step(happened, position, life(editions, happened, position))


def denying(decision: Decision) -> list[str]:
    """Return the rules that keep a fill from being approved."""
    return [one.rule for one in decision.findings if one.effect == "deny" and one.result != "pass"]


@pytest.mark.parametrize(
    "changes",
    [{}, {"price": "5"}, {"symbol": "A", "quantity": "24000"}, {"symbol": "A", "price": "2"}],
)
def test_fill_without_its_money_is_approved_if_no_rule_reads_an_amount(
    changes: dict[str, str | None],
) -> None:
    """Its shares count; the money is known or not, and no decision depends on it."""
    found = taken(file_with(), Position(), **changes)
    assert (found.decision.outcome, found.decision.findings) == ("approved", ())
    is_known = changes.get("symbol") != "A" and "price" in changes
    report = found.decision.position
    assert report.executed_shares == ("0.15" if "price" in changes and not is_known else "60")
    assert report.executed_amount == ("300" if is_known else None)
    assert found.position.unknown_fills(money=False) == ()


@pytest.mark.parametrize("rule", READING.values(), ids=READING)
def test_fill_without_its_money_is_undecided_as_soon_as_a_rule_reads_an_amount(rule: str) -> None:
    """Whichever rule of whichever day reads one, the money that is missing is named."""
    editions = file_with(rule)
    found = taken(editions, Position())
    assert found.decision.outcome == "denied"
    assert "engine.unknown-amount" in denying(found.decision)
    assert found.position.unknown_fills(money=editions.authorization.judges_money) == ("f-1",)


def test_fill_beyond_a_cap_on_shares_is_denied_whether_its_money_is_known_or_not() -> None:
    """What the rules read is still judged."""
    first = taken(file_with(), Position()).position
    for price in (None, "5"):
        found = taken(file_with(), first, id="f-2", quantity="41", price=price)
        assert denying(found.decision) == ["share-cap"]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"fx": "2"}, "engine.wrong-rate"),
        ({"side": "sell"}, "engine.sale"),
        ({"symbol": "2"}, "engine.unknown-instrument"),
    ],
)
def test_other_faults_deny_a_fill_without_money(changes: dict[str, str | None], rule: str) -> None:
    """Only that the money is missing is no fault."""
    assert rule in denying(taken(file_with(), Position(), **changes).decision)


def test_order_is_denied_after_a_fill_without_money_if_another_file_caps_the_money() -> None:
    """The position still knows that the sum lacks a fill, so a cap adopted later is undecided."""
    after = taken(file_with(), Position()).position
    capped = file_with(READING["a cap"])
    found = taken(capped, after, kind="order", id="o-1", quantity="1", price="1")
    assert (found.decision.outcome, denying(found.decision)) == ("denied", ["more"])
    settled = taken(capped, after, kind="correct", id="c-1", fill="f-1", price="5")
    again = taken(capped, settled.position, kind="order", id="o-1", quantity="1", price="1")
    assert (again.decision.outcome, again.decision.position.executed_amount) == ("approved", "300")


def test_log_without_prices_replays_where_no_rule_reads_them(tmp_path: Path) -> None:
    """The summary gives the shares, and says that the money is not known."""
    (tmp_path / "own.yaml").write_text(HEAD, encoding="utf-8")
    (tmp_path / "log.csv").write_text(LOG, encoding="utf-8")
    ended = run("replay", "log.csv", "--rules", "own.yaml", "--json", cwd=tmp_path)
    names = ("approved", "unknown", "executed_shares", "executed_amount", "remaining_amount")
    assert [ended.json[name] for name in names] == [2, [], "90", None, None]
    assert ended.code == 0
    said = run("replay", "log.csv", "--rules", "own.yaml", cwd=tmp_path)
    (line,) = (one for one in said.out.splitlines() if one.startswith("money"))
    assert line.split() == ["money", "unknown,", "no", "cap"]
    (tmp_path / "own.yaml").write_text(f"{HEAD}  - {{id: cap, {READING['a cap']}}}\n")
    capped = run("replay", "log.csv", "--rules", "own.yaml", "--json", cwd=tmp_path)
    assert (capped.code, capped.json["denied"], capped.json["unknown"]) == (1, 2, ["f-1", "f-2"])


def test_position_of_a_journal_asks_for_no_money_that_no_rule_reads(tmp_path: Path) -> None:
    """Nothing is to be corrected, and orders go on being approved."""
    (tmp_path / "own.yaml").write_text(HEAD, encoding="utf-8")
    order = {**FILL, "kind": "order", "id": "o-1", "price": "5", "by": "ann"}
    fill = {name: value for name, value in FILL.items() if name not in ("symbol", "side")}
    unpriced = {**order, "id": "o-2", "quantity": "40", "price": None, "order_type": "market"}
    for one in (order, {**fill, "order": "o-1"}, unpriced, {**fill, "id": "f-2", "order": "o-2"}):
        given = {name: value for name, value in one.items() if value is not None}
        if given["id"] == "f-2":
            given["quantity"] = "30"
        options = ("--journal", "own.db", "--rules", "own.yaml", "--json", "--one-person")
        ended = run("submit", "-", *options, stdin=json.dumps(given), cwd=tmp_path)
        assert (ended.code, ended.json["outcome"]) == (0, "approved"), ended.out
    found = run("position", "--journal", "own.db", "--json", cwd=tmp_path).json
    figures = ("executed_shares", "executed_amount", "reserved_shares")
    assert [found["position"][name] for name in figures] == ["90", None, "10"]
    assert found["unknown"] == []
    recovered = run("recover", "--journal", "own.db", "--json", "--by", "ann", cwd=tmp_path)
    assert "f-1" not in recovered.out
    assert "f-2" not in recovered.out
