"""Test that no decision has changed unnoticed: see `recorded`."""

from __future__ import annotations

import json

import pytest

from recorded import DIGESTS, digests


@pytest.mark.slow
def test_decisions_are_those_that_were_recorded() -> None:
    """On real logs, cases, 50,000 rows and every kind of event nothing is decided otherwise."""
    assert digests() == json.loads(DIGESTS.read_text(encoding="utf-8"))
