"""What is shipped: rule files that are sound and whose cases pass, and a starter that works."""

from __future__ import annotations

from pathlib import Path

import pytest

from repurchase import cases, shipped
from repurchase.edition import load
from repurchase.errors import RuleFileError
from repurchase.rulefile import cases_path, check_source, gaps

# It stays with its owner: beside the checkout of those who have it.
ANNOUNCEMENT = Path(__file__).parents[2] / "shared" / "data" / "iij-2008.txt"
STARTER = shipped.sample_path("starter.yaml")


RULES = [*(shipped.rule_path(name) for name in shipped.rule_names()), STARTER]


def test_programs_are_shipped() -> None:
    """The three programs of the design come with the package."""
    assert shipped.rule_names() == ("iij-2008", "jp-2017", "jp-2023")


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_rule_file_has_no_gap(path: Path) -> None:
    """A shipped rule file loads, and leaves nothing open."""
    assert gaps(load(path).authorization) == ()


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
    wrong.write_text(
        text.replace("expect: approved", "expect: denied").replace("[window]", "[share-cap]")
    )
    found = [(one.case.name, one.wrong) for one in cases.run(rules, wrong) if one.wrong]
    assert found == [
        ("the last share fits", "expected denied, got approved"),
        ("the day after is outside", "expected share-cap not to pass, got window"),
    ]


def test_case_with_an_id_twice_is_told(tmp_path: Path) -> None:
    """What a log or a desk would refuse proves nothing of a rule file."""
    path = tmp_path / "twice.cases.yaml"
    order = '{kind: order, id: o-1, date: 2008-12-01, symbol: "3774", side: buy, quantity: 1}'
    path.write_text(
        f"cases:\n- name: twice\n  given: [{order}]\n  event: {order}\n  expect: denied\n"
    )
    with pytest.raises(RuleFileError, match="the id `o-1` is used twice; give each its own"):
        cases.run(shipped.rule_path("iij-2008"), path)


def test_quotes_stand_in_the_announcement() -> None:
    """Every quote of the first program stands in the document whose hash it pins."""
    if not ANNOUNCEMENT.exists():
        pytest.skip(f"the announcement is not beside this checkout: {ANNOUNCEMENT.name}")
    authorization = load(shipped.rule_path("iij-2008")).authorization
    assert check_source(authorization, "announcement", ANNOUNCEMENT.read_bytes()) == ()
