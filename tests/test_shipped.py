"""What is shipped: rule files that are sound and whose cases pass, and a starter that works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from repurchase.domain.errors import RuleFileError
from repurchase.rulebook import library
from repurchase.rulebook.cases_file import cases_path
from repurchase.rulebook.editions import load
from repurchase.rulebook.lint import check_source, lint_findings
from repurchase.tester import cases
from repurchase.tester.mutation import apart, mutation
from test_cli import run
from test_mutants import left, proved_same

# It stays with its owner: beside the checkout of those who have it.
ANNOUNCEMENT = Path(__file__).parents[2] / "shared" / "data" / "iij-2008.txt"
STARTER = library.sample_path("starter.yaml")


RULES = [*(library.rule_path(name) for name in library.rule_names()), STARTER]


def test_programs_are_shipped() -> None:
    """The three programs of the design come with the package."""
    assert library.rule_names() == ("iij-2008", "jp-2017", "jp-2023")


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_rule_file_has_no_gap(path: Path) -> None:
    """A shipped rule file loads, and leaves nothing open."""
    assert lint_findings(load(path)) == ()


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_case_passes(path: Path) -> None:
    """Each case of a shipped rule file gives the answer that it expects."""
    results = cases.run(path, cases_path(path))
    assert [one.wrong for one in results if one.wrong is not None] == []
    assert len(results) >= 4


def test_case_that_is_wrong_is_told(tmp_path: Path) -> None:
    """A case that expects another answer is told with what came instead."""
    rules, wrong = tmp_path / "my.yaml", tmp_path / "my.cases.yaml"
    rules.write_text(STARTER.read_text())
    text = cases_path(STARTER).read_text()
    for right, other in (("expect: approved", "expect: denied"), ("[window]", "[share-cap]")):
        text = text.replace(right, other, 1)
    wrong.write_text(text)
    found = [(one.case.name, one.wrong) for one in cases.run(rules, wrong) if one.wrong]
    assert found == [
        ("the last share fits", "expected denied, got approved"),
        ("the day before is outside", "expected share-cap not to pass, got window"),
    ]


def test_cases_of_the_starter_kill_every_mutant(tmp_path: Path) -> None:
    """Who begins with what `init` writes has cases for each limit, and is told of none missing."""
    assert run("init", "my", cwd=tmp_path).code == 0
    rules = tmp_path / "my" / "my-program.yaml"
    found = apart(mutation(rules, cases_path(rules)), proved_same)
    assert (found.wrong, left(found)) == ((), [])
    # What no rule could tell apart: only a listed share is in an open order.
    assert [one.mutant.what for one in found.come_to("equivalent")] == [
        "rule `share-class` was given `at: order`"
    ]


def test_case_with_an_id_twice_is_told(tmp_path: Path) -> None:
    """What a log or a desk would refuse proves nothing of a rule file."""
    path = tmp_path / "twice.cases.yaml"
    order = '{kind: order, id: o-1, date: 2008-12-01, symbol: "3774", side: buy, quantity: 1}'
    path.write_text(
        f"cases:\n- name: twice\n  given: [{order}]\n  event: {order}\n  expect: denied\n"
    )
    with pytest.raises(RuleFileError, match="the id `o-1` is used twice; give each its own"):
        cases.run(library.rule_path("iij-2008"), path)


def test_quotes_stand_in_the_announcement() -> None:
    """Every quote of the first program stands in the document whose hash it pins."""
    if not ANNOUNCEMENT.exists():
        pytest.skip(f"the announcement is not beside this checkout: {ANNOUNCEMENT.name}")
    authorization = load(library.rule_path("iij-2008")).authorization
    assert check_source(authorization, "announcement", ANNOUNCEMENT.read_bytes()) == ()


USUAL = """
usual: {broker: North, market.last_price: 100, quantity: 5}
cases:
  - name: as usual
    event: {kind: order, date: 2008-12-01, symbol: "1111", side: buy, price: 1}
    expect: approved
  - name: it says otherwise
    event: {kind: order, date: 2008-12-01, symbol: "1111", side: buy, price: 1, broker: South}
    expect: denied
    rules: [broker]
  - name: it takes back what is usual
    event: {kind: order, date: 2008-12-01, symbol: "1111", side: buy, price: 1, broker: ""}
    expect: denied
    rules: [broker]
  - name: what was before says what is usual too, where it can
    given:
      - {kind: order, id: o-1, date: 2008-12-01, symbol: "1111", side: buy, price: 1, quantity: 6}
      - {kind: cancel, id: c-1, date: 2008-12-01, order: o-1}
      - {kind: order, id: o-2, date: 2008-12-01, symbol: "1111", side: buy, price: 1}
    event: {kind: order, date: 2008-12-01, symbol: "1111", side: buy, price: 1, quantity: 6}
    expect: denied
    rules: [share-cap]
"""
RULES_FOR_USUAL = """
repurchase: 1
authorization: usual
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "1111", venues: [XTKS]}
terms:
  max_shares: {value: 10 shares}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: broker, require: trade.broker == North and trade.price <= market.last_price}
"""


def test_cases_say_once_what_is_usual(tmp_path: Path) -> None:
    """Each event says it that can and does not say otherwise; empty, it is not said at all."""
    rules, path = tmp_path / "usual.yaml", tmp_path / "usual.cases.yaml"
    rules.write_text(RULES_FOR_USUAL)
    path.write_text(USUAL)
    results = cases.run(rules, path)
    assert [one.wrong for one in results] == [None] * 4
    assert [one.decision.findings[0].result for one in results[1:3]] == ["fail", "indeterminate"]


def test_effect_that_another_rule_hides_is_told(tmp_path: Path) -> None:
    """Where two rules deny, a case can say of each that it does."""
    rules, path = tmp_path / "usual.yaml", tmp_path / "usual.cases.yaml"
    case = """
cases:
  - name: neither passes
    event: {kind: order, date: 2008-12-01, symbol: "1111", side: buy, price: 1, quantity: 11}
    expect: denied
    rules: {broker: deny, share-cap: deny}
"""
    path.write_text(case)
    rules.write_text(RULES_FOR_USUAL)
    assert [one.wrong for one in cases.run(rules, path)] == [None]
    rules.write_text(RULES_FOR_USUAL.replace("id: share-cap,", "id: share-cap, effect: flag,"))
    told = ["expected `deny` of share-cap, got `flag`"]
    assert [one.wrong for one in cases.run(rules, path)] == told
    path.write_text(case.replace("{broker: deny, share-cap: deny}", "[broker, share-cap]"))
    assert [one.wrong for one in cases.run(rules, path)] == [None]


def test_usual_field_that_there_is_not_is_told(tmp_path: Path) -> None:
    """A name that is misspelt would leave each event without it, and a case pass for that."""
    rules, path = tmp_path / "usual.yaml", tmp_path / "usual.cases.yaml"
    rules.write_text(RULES_FOR_USUAL)
    path.write_text(USUAL.replace("usual: {broker:", "usual: {brokr:"))
    said = "`brokr` in `usual` is not an event field; did you mean `broker`?"
    with pytest.raises(RuleFileError, match=re.escape(said)):
        cases.run(rules, path)


def test_empty_text_that_is_not_usual_is_told(tmp_path: Path) -> None:
    """Only what is usual can be taken back: any other field is left out."""
    rules, path = tmp_path / "usual.yaml", tmp_path / "usual.cases.yaml"
    rules.write_text(RULES_FOR_USUAL)
    path.write_text(USUAL.replace("broker: South", 'method: ""'))
    with pytest.raises(RuleFileError, match="`method` is empty; write a text"):
        cases.run(rules, path)
