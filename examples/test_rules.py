"""Test your rule files with pytest: no gaps, all cases pass, no edit that permits more."""

import pytest

import repurchase

# The names or paths of your rule files.
FILES = ["iij-2008", "jp-2017", "jp-2023"]


@pytest.mark.parametrize("file", FILES)
def test_rule_file_leaves_nothing_open(file: str) -> None:
    """`findings` lists what `repurchase lint` lists."""
    assert repurchase.Rules(file).findings == ()


@pytest.mark.parametrize("file", FILES)
def test_cases_pass(file: str) -> None:
    """Each case in NAME.cases.yaml has the decision that it expects."""
    assert [case for case in repurchase.Rules(file).test() if not case.passed] == []
