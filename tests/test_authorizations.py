"""Real authorizations as rule files: without a gap, proved, with cases on both sides of limits."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import pytest

from repurchase.proof.proof import proved
from repurchase.rulebook.editions import load
from repurchase.rulebook.lint import lint_findings
from repurchase.tester.cases import run

FOLDER: Final = Path(__file__).parents[1] / "examples" / "authorizations"
FILES: Final = sorted(
    path for path in FOLDER.glob("*.yaml") if not path.name.endswith(".cases.yaml")
)


def test_there_are_thirteen() -> None:
    """From ten markets, each with its cases beside it."""
    assert len(FILES) == 13
    assert all(path.with_suffix(".cases.yaml").exists() for path in FILES)


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_file_has_no_gap_and_its_cases_pass(file: Path) -> None:
    """Each of its own rules denies one of its cases, and others are approved."""
    editions = load(file)
    assert lint_findings(editions) == ()
    results = run(file, file.with_suffix(".cases.yaml"))
    assert [(one.case.name, one.wrong) for one in results if one.wrong is not None] == []
    outcomes = {one.decision.outcome for one in results}
    assert outcomes == {"approved", "denied"}
    failed = {
        finding.rule
        for one in results
        for finding in one.decision.findings
        if finding.result == "fail"
    }
    # Where every listed instrument is of a permitted class, nothing fails that rule alone.
    own = {rule.id for rule in editions.authorization.rules} - {"buys-only", "share-class"}
    assert own <= failed


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_file_is_proved(file: Path) -> None:
    """No sequence of events exceeds one of its caps, and an order is approved all the same."""
    found = proved(load(file), time.monotonic_ns)
    assert found.holds
    assert any(one.example is not None for one in found.editions)
