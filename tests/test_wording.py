"""Tests of findings in words: each sentence is true, and tells apart what differs."""

from __future__ import annotations

import json
import unicodedata
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.decisions import Finding, choices_of, listed
from repurchase.evaluation.step import step
from repurchase.evaluation.wording import sentence
from repurchase.intake.fields import event
from repurchase.ledger.position import Position
from repurchase.rulebook.editions import load_text

HEAD: Final = """\
repurchase: 1
authorization: words
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "1", venues: [XTKS]}
  ads: {symbol: A, venues: [XNAS], currency: USD, per_share: 400}
terms:
  lot: [{value: "100 shares", from: 2020-01-01}]
rules:
  - {id: lots, effect: flag, require: trade.shares >= terms.lot}
"""
ORDER: Final = {
    "kind": "order",
    "id": "o-1",
    "date": "2008-11-14",
    "symbol": "1",
    "side": "buy",
    "quantity": "200",
    "price": "5",
}


def found(require: str, **changes: str) -> Finding:
    """Return what a rule that has *require* finds of an order with *changes*."""
    rules = f"  - id: r\n    require: {json.dumps(require, ensure_ascii=False)}\n"
    editions = load_text((HEAD + rules).encode(), "words.yaml")
    asked = event(ORDER | changes)
    decision = step(asked, Position(), editions.of(asked, Position()), every_rule=True).decision
    return next(finding for finding in decision.findings if finding.rule == "r")


@pytest.mark.parametrize(
    ("require", "changes", "result", "limit"),
    [
        ("trade.shares in [terms.lot, 200]", {}, "pass", "200"),
        ("trade.shares in [terms.lot, 300]", {}, "indeterminate", "300"),
        ("trade.shares not in [terms.lot, 200]", {}, "fail", "200"),
        ("trade.shares in [terms.lot, terms.lot]", {}, "indeterminate", None),
        (
            "trade.price in [market.last_price, market.day_high]",
            {"market.day_high": "5"},
            "pass",
            "5",
        ),
        (
            "trade.price in [market.last_price, market.day_high]",
            {"market.day_high": "6"},
            "indeterminate",
            "6",
        ),
        ("trade.price in [market.last_price, market.day_high]", {}, "indeterminate", None),
    ],
)
def test_choice_that_is_not_known_is_left_out(
    require: str, changes: dict[str, str], result: str, limit: str | None
) -> None:
    """A list of which some choices are not known is decided, and told, by those that are."""
    finding = found(require, **changes)
    assert (finding.result, finding.limit) == (result, limit)
    assert "None" not in sentence(finding)


@pytest.mark.parametrize(
    ("require", "broker", "limit", "said"),
    [
        ('trade.broker in ["A, B", C]', "A, B", '"A, B", C', '"A, B" is one of "A, B", C'),
        ('trade.broker in ["A, B", C]', "C", '"A, B", C', 'C is one of "A, B", C'),
        ('trade.broker in ["A, B", C]', "A", '"A, B", C', 'A is none of "A, B", C'),
        ('trade.broker == "A, B"', "A, B", '"A, B"', '"A, B" is "A, B"'),
        ('trade.broker == "A, B"', "B", '"A, B"', 'B is not "A, B"'),
        ("trade.broker in ['say \"hi\"', C]", 'say "hi"', '"say ""hi""", C', None),
        ("trade.broker in [nomura, mita]", "mita", "nomura, mita", "mita is one of nomura, mita"),
        ('trade.broker != ""', "A", '""', 'A is not ""'),
    ],
)
def test_words_with_commas_are_told_apart(
    require: str, broker: str, limit: str, said: str | None
) -> None:
    """A comma within a word is no comma between two."""
    finding = found(require, broker=broker)
    assert finding.limit == limit
    assert sentence(finding) == (said or f'"say ""hi""" is one of {limit}')


def test_word_in_either_spelling_of_unicode_is_the_same() -> None:
    """The sentence says what the engine decided on: an accent of its own is no other word."""
    broker = unicodedata.normalize("NFD", "café")
    finding = found("trade.broker in [café, nomura]", broker=broker)
    assert (finding.result, sentence(finding)) == ("pass", f"{broker} is one of café, nomura")


@given(choices=st.lists(st.text(alphabet='ab ,"\n', max_size=5), min_size=1, max_size=4))
def test_choices_are_told_apart_again(choices: list[str]) -> None:
    """Whatever signs words are made of, their list can be taken apart."""
    assert choices_of(listed(choices)) == tuple(choices)


@pytest.mark.parametrize(
    ("require", "changes", "said"),
    [
        (
            "trade.amount <= JPY 1,000.00001",
            {"quantity": "1", "price": "1000.00002"},
            "JPY 1000.00002 is more than JPY 1000.00001",
        ),
        (
            "trade.amount not in [JPY 1.00001, JPY 7]",
            {"quantity": "1", "price": "1.00002"},
            "JPY 1.00002 is none of JPY 1.00001, JPY 7",
        ),
        (
            "trade.shares <= 0.33334 shares",
            {"symbol": "A", "quantity": "133", "fx": "1"},
            "0.3325 shares is less than 0.3334 shares",
        ),
        (
            "trade.shares / 3,000,000 shares <= 0.00661%",
            {},
            "1/150% is more than 0.00661%",
        ),
        ("trade.amount <= JPY 1,000", {}, "JPY 1,000 is exactly JPY 1,000"),
        ("trade.amount <= JPY 2,000", {}, "JPY 1,000 is less than JPY 2,000"),
    ],
)
def test_figures_that_differ_look_different(
    require: str, changes: dict[str, str], said: str
) -> None:
    """Where rounding would show two figures alike, they are shown exactly."""
    assert sentence(found(require, **changes)) == said
