"""Cases files: what they come to, and what is said of each fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from repurchase.domain.errors import RuleFileError, UsageError
from repurchase.rulebook.cases_file import cases_path, read_cases, read_cases_text
from repurchase.rulebook.model import Case

CASES = """\
cases:
  - name: the last share fits
    given: {executed_shares: "3,999", executed_amount: 399}
    event: {kind: order, quantity: 1, price: 100.5, date: 2008-11-14, symbol: "3774"}
    expect: approved
    rules: []
  - name: it is too late
    given:
      - {kind: fill, quantity: 2}
    event: {kind: order, time: 2009-02-01T09:00:00+09:00, issuer.closed_period: true}
    expect: denied
    rules: [window, engine.halted]
  - {name: nothing said, event: {kind: fill}, expect: held}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(RuleFileError) as caught:
        read_cases_text(text.encode(), "c")
    return [str(problem).removeprefix("c:") for problem in caught.value.problems]


def test_cases_keep_events_as_text() -> None:
    """What was before is exact, and the fields of events are read elsewhere."""
    assert read_cases_text(CASES.encode(), "c") == (
        Case(
            name="the last share fits",
            event={
                "kind": "order",
                "quantity": "1",
                "price": "100.5",
                "date": "2008-11-14",
                "symbol": "3774",
            },
            expect="approved",
            given_shares=3999,
            given_amount=399,
            rules=(),
            line=2,
            column=5,
        ),
        Case(
            name="it is too late",
            event={
                "kind": "order",
                "time": "2009-02-01T09:00:00+09:00",
                "issuer.closed_period": "true",
            },
            expect="denied",
            given_events=({"kind": "fill", "quantity": "2"},),
            rules=("window", "engine.halted"),
            line=7,
            column=5,
        ),
        Case(name="nothing said", event={"kind": "fill"}, expect="held", line=13, column=5),
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("expect: held", "expect: hold", [
            "13:55: `hold` is not one of the choices; did you mean `held`?"
        ]),
        ("expect: held", "expct: held", [
            "13:5: the key `expect` is missing",
            "13:47: unknown key `expct`; did you mean `expect`?",
        ]),
        ("executed_amount: 399", "executed_amount: JPY 399", [
            (
                "3:56: `executed_amount` is not a plain number; write it without a "
                "unit, such as `3,999`"
            )
        ]),
        ("executed_amount", "executed_amont", [
            "3:39: unknown key `executed_amont`; did you mean `executed_amount`?"
        ]),
        ('"3,999"', '"3,99"', [("3:30: `3,99` is not grouped by thousands; "
            "group thousands by commas, as in `4,000`, or not at all")]),
        ('"3,999"', "JPY 3", [
            (
                "3:30: `executed_shares` is not a plain number; write it without a "
                "unit, such as `3,999`"
            )
        ]),
        ("quantity: 2", "quantity: 1_000", [
            '9:32: `1_000` is not text to every reader of YAML; write "1_000"'
        ]),
        ("quantity: 2", "quantity: [2]", ["9:32: `quantity` takes text, but its value is a list"]),
        ("quantity: 2", "quantity: ", ["9:32: `quantity` has no value"]),
        ("event: {kind: fill}", "event: []", [
            "13:33: `event` takes a mapping, but its value is a list"
        ]),
        ("rules: []", "rules: share-cap", ["6:12: `rules` takes a list, but its value is text"]),
        ("rules: []", "rules: {share-cap: denied}", [
            "6:24: `denied` is not one of the choices; did you mean `deny`?"
        ]),
        ("    given: {ex", "    given: no\n    gives: {ex", [
            "3:12: `given` takes a mapping, but its value is text",
            "4:5: unknown key `gives`; did you mean `given`?",
        ]),
    ],
)  # fmt: skip
def test_fault_is_told_with_its_place(old: str, new: str, said: list[str]) -> None:
    """Each fault of a case is told at its line and column."""
    assert old in CASES
    assert problems(CASES.replace(old, new, 1)) == said


def test_rules_may_say_their_effects() -> None:
    """In a mapping each rule that does not pass has its effect beside it."""
    text = CASES.replace("[window, engine.halted]", "{window: deny, us-10b-18.volume: flag}")
    found = read_cases_text(text.encode(), "c")[1]
    assert found.rules == ("window", "us-10b-18.volume")
    assert found.effects == {"window": "deny", "us-10b-18.volume": "flag"}


def test_given_may_say_shares_or_nothing() -> None:
    """A unit that cannot be wrong is taken, and what is not given is not zero."""
    text = CASES.replace(
        'executed_shares: "3,999", executed_amount: 399', "executed_shares: 5 shares"
    )
    found = read_cases_text(text.encode(), "c")[0]
    assert (found.given_shares, found.given_amount) == (5, None)


def test_rule_file_is_no_cases_file() -> None:
    """The keys of a rule file are not those of a cases file."""
    assert problems("repurchase: 1\n") == [
        "1:1: the key `cases` is missing",
        "1:1: unknown key `repurchase`; the keys here are `under`, `usual`, `cases`",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: the file is empty; begin with `cases:`"),
        ("cases: []\n", "1:8: the list is empty; name at least one"),
    ],
)
def test_cases_file_without_a_case_is_an_error(text: str, said: str) -> None:
    """No case is no success."""
    assert problems(text) == [said]


def test_cases_lie_beside_their_rule_file(tmp_path: Path) -> None:
    """The name of the cases file follows from that of the rule file."""
    path = cases_path(tmp_path / "iij-2008.yaml")
    assert path == tmp_path / "iij-2008.cases.yaml"
    with pytest.raises(UsageError, match="the file does not exist"):
        read_cases(path)
    path.write_text(CASES, encoding="utf-8")
    assert len(read_cases(path)) == 3
