"""Facts that an event states of itself: who asks, in which phase, solicited or not, and by whom."""

from __future__ import annotations

import time
from typing import Any, Final

import pytest

from repurchase.domain.errors import InputError, RuleFileError
from repurchase.evaluation.step import Step, step
from repurchase.intake import fields
from repurchase.ledger.position import Position
from repurchase.proof.diff import Comparison
from repurchase.proof.solver import Time
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.life import life

FILE: Final = """repurchase: 1
authorization: acme
issuer: Acme
timezone: Asia/Tokyo
currency: JPY
instruments: {{common: {{symbol: ACME, venues: [XTKS]}}}}
terms:
  max_shares: {{value: "4,000 shares"}}
  last_day: {{value: 2009-01-30}}
unlimited: [amount]
rules:
  - {{id: share-cap, require: program.shares_after <= terms.max_shares}}
  - {{id: window, require: trade.last_date <= terms.last_day}}
  - {{id: own, {1}require: "{0}"}}
"""
ORDER: Final = {
    "kind": "order",
    "id": "o-1",
    "time": "2008-12-01T10:00:00+09:00",
    "symbol": "ACME",
    "side": "buy",
    "quantity": "10",
    "price": "100",
}
FILL: Final = {
    "kind": "fill",
    "id": "f-1",
    "order": "o-1",
    "time": "2008-12-01T10:01:00+09:00",
    "quantity": "1",
}


def with_rule(rule: str) -> Editions:
    """Return a file with *rule* beside a cap on shares and a last day; its keys come before `:`."""
    keys, _, require = rule.rpartition(": ")
    return load_text(FILE.format(require, f"{keys}, " if keys else "").encode(), "acme.yaml")


def taken(editions: Editions, *rows: dict[str, Any], live: bool = False) -> Step:
    """Return the step of the last of *rows*, after the others."""
    position, found = Position(), None
    for row in rows:
        event = fields.event(row)
        found = step(event, position, life(editions, event, position), live=live)
        position = found.position
    assert found is not None
    return found


def result(rule: str, *rows: dict[str, Any]) -> str:
    """Return the result of *rule* for the last of *rows*; `pass` if it is among no findings."""
    found = taken(with_rule(rule), *rows).decision.findings
    return next((one.result for one in found if one.rule == "own"), "pass")


@pytest.mark.parametrize(
    ("require", "field", "fits", "other"),
    [
        ("trade.phase in [continuous, closing_auction]", "phase", "continuous", "halt"),
        ("not trade.solicited", "solicited", False, True),
        ("trade.counterparty == 'Acme Holding'", "counterparty", "Acme Holding", "acme holding"),
        ("trade.by in ['Ann Smith', bob]", "by", "ann  SMITH", "Carol"),
        ("market.first_price_published", "market.first_price_published", True, False),
        ("trade.price < market.best_ask", "market.best_ask", "101", "100"),
        ("market.last_price_age <= 60", "market.last_price_age", "60", "60.000001"),
        ("market.quote_age <= 60", "market.quote_age", "0", "61"),
    ],
)
def test_fact_is_what_the_event_states(require: str, field: str, fits: Any, other: Any) -> None:
    """A rule passes on one value, fails on another, and is undecided without any."""
    rule = require
    assert [result(rule, ORDER | {field: value}) for value in (fits, other)] == ["pass", "fail"]
    assert result(rule, ORDER) == "indeterminate"


def test_missing_field_is_named() -> None:
    """The finding says which field of the event would decide the rule."""
    found = taken(with_rule("trade.phase == continuous and trade.by == bob"), ORDER)
    (finding,) = (one for one in found.decision.findings if one.rule == "own")
    assert finding.missing == ("trade.by", "trade.phase", "phase", "by")


def test_rule_that_excludes_a_person_excludes_every_spelling() -> None:
    """`trade.by != bob` would otherwise let Bob ask under his name with a capital."""
    rule = "trade.by != bob"
    assert [result(rule, ORDER | {"by": by}) for by in ("BOB", "b.o.b", "ann")] == [
        "fail",
        "fail",
        "pass",
    ]
    assert result("trade.by == 'B.O.B'", ORDER | {"by": "bob"}) == "pass"


def test_fill_has_who_asked_for_its_order_and_what_its_order_says() -> None:
    """Who reports a fill did not ask for it; a fill states its own phase."""
    order = ORDER | {"by": "ann", "solicited": True, "counterparty": "Holding", "phase": "halt"}
    rule = "at: fill: trade.by == ann and trade.solicited and trade.counterparty == Holding"
    assert result(rule, order, FILL | {"by": "back office"}) == "pass"
    assert result(rule, order, FILL | {"solicited": False}) == "fail"
    phase = "at: fill: trade.phase == halt"
    assert result(phase, order, FILL) == "indeterminate"
    assert result(phase, order, FILL | {"phase": "halt"}) == "pass"
    correct = FILL | {"kind": "correct", "id": "c-1", "fill": "f-1", "price": "99"}
    correct.pop("order")
    assert result(phase, order, FILL | {"phase": "halt"}, correct) == "pass"


def test_replace_and_release_have_a_phase_of_their_own() -> None:
    """They are requests of another moment; the order's phase has passed."""
    rule = "at: order: trade.phase == continuous"
    replace = {"kind": "replace", "id": "r-1", "order": "o-1", "quantity": "20"}
    replace["time"] = FILL["time"]
    order = ORDER | {"phase": "continuous"}
    assert result(rule, order, replace) == "indeterminate"
    assert result(rule, order, replace | {"phase": "continuous"}) == "pass"
    held = "effect: review: trade.units < 5"
    release = {"kind": "release", "id": "q-1", "order": "o-1", "by": "bob", "reason": "seen"}
    release |= {"time": FILL["time"], "phase": "halt"}
    position = taken(with_rule(held), ORDER | {"by": "ann", "phase": "continuous"}, release)
    released = position.position.orders["o-1"]
    assert (position.decision.outcome, released.terms.event.phase) == ("approved", "halt")


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"phase": "lunch"}, "`phase` is `lunch`, not `continuous`, `opening_auction`"),
        ({"solicited": "perhaps"}, "`solicited` is `perhaps`, not true or false"),
        ({"counterparty": ""}, "`counterparty` is empty"),
        ({"market.best_ask": "0"}, "`market.best_ask` is `0`, but must be above zero"),
    ],
)
def test_field_outside_its_domain_is_refused(row: dict[str, str], fault: str) -> None:
    """The fault comes first, then what would be right."""
    with pytest.raises(InputError) as refused:
        fields.event(ORDER | row)
    assert str(refused.value).startswith(fault)


@pytest.mark.parametrize(
    ("require", "fault"),
    [
        ("trade.phase == lunch", "acme.yaml:14:40: `trade.phase` cannot be `lunch`"),
        ("trade.solicited == true", "acme.yaml:14:44: a yes/no fact cannot be compared"),
        ("trade.by < bob", "acme.yaml:14:36: words have no order"),
    ],
)
def test_rule_that_misuses_a_fact_is_refused(require: str, fault: str) -> None:
    """The place is that of the word or of the operator."""
    with pytest.raises(RuleFileError) as refused:
        with_rule(require)
    assert str(refused.value).startswith(fault)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("trade.by in [ann, bob]", "trade.by in [ann, bob, carol]", "by"),
        ("not trade.solicited", "trade.solicited or not trade.solicited", "solicited"),
        ("trade.phase == continuous", "trade.phase != halt", "phase"),
        ("effect: review: trade.by == ann", "trade.by in [ann, bob]", "by"),
    ],
)
def test_comparison_of_files_knows_the_facts(old: str, new: str, field: str) -> None:
    """A history that the engine confirmed shows what the new file approves besides."""
    before, after = map(with_rule, (old, new))
    compared = Comparison(before, after, Time(60_000, time.monotonic_ns)).compared("order")
    assert compared.looser.shown is not None
    assert field in compared.looser.shown.events[-1]
