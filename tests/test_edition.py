"""Editions: what is in force on a day as known at a moment, and checks that hold in all of them."""

from __future__ import annotations

from datetime import date
from typing import Final

import pytest

from repurchase.domain.errors import RuleFileError
from repurchase.rulebook.editions import load_text

HEAD: Final = """\
repurchase: 1
authorization: dated
currency: JPY
timezone: Asia/Tokyo
instruments:
  common: {symbol: "1", venues: [XTKS]}
"""
RULES: Final = "rules:\n  - {id: buys-only, require: trade.side == buy}\n"


def problems(terms: str, require: str, known_at: date | None = None) -> list[str]:
    """Return what is wrong with a file of *terms* and one check; nothing where it loads."""
    text = f"{HEAD}terms:\n{terms}checks:\n  - id: stated\n    require: {require}\n{RULES}"
    try:
        load_text(text.encode(), "dated.yaml", known_at)
    except RuleFileError as error:
        return [str(problem).removeprefix("dated.yaml:") for problem in error.problems]
    return []


EARLIER: Final = '{value: "100 shares", until: 2008-12-31}'
KNOWN: Final = '{value: "200 shares", known: 2008-10-28}'
LATER: Final = '{value: "200 shares", from: 2009-01-01}'
MORE: Final = "terms.max_shares < terms.shares_outstanding"
LESS: Final = "terms.max_shares > terms.shares_outstanding"
UNMET: Final = "11:5: check `stated` is false for these terms: "
NEVER: Final = (
    "11:5: check `stated` cannot be decided, because its terms are never in force together: "
)


@pytest.mark.parametrize(
    ("cap", "outstanding", "require", "said"),
    [
        (EARLIER, KNOWN, MORE, []),
        (EARLIER, KNOWN, LESS, [f"{UNMET}`{LESS}`"]),
        (EARLIER, LATER, MORE, [f"{NEVER}`{MORE}`"]),
        (EARLIER, LATER, f"{MORE} and 1 > 2", [f"{UNMET}`{MORE} and 1 > 2`"]),
        (EARLIER, LATER, f"{MORE} or 1 < 2", []),
        (f"[{EARLIER}, {LATER}]", KNOWN, MORE, [f"{UNMET}`{MORE}`"]),
        (f"[{EARLIER}, {LATER}]", KNOWN, "terms.max_shares <= terms.shares_outstanding", []),
    ],
)
def test_check_holds_whenever_it_can_be_decided(
    cap: str, outstanding: str, require: str, said: list[str]
) -> None:
    """A check fails no day on which a term that it reads is not in force, save when all are so."""
    terms = f"  max_shares: {cap}\n  shares_outstanding: {outstanding}\n"
    assert problems(terms, require) == said


@pytest.mark.parametrize("known_at", [None, date(2008, 10, 27), date(2008, 10, 28)])
@pytest.mark.parametrize(("require", "said"), [(MORE, []), (LESS, [f"{UNMET}`{LESS}`"])])
def test_file_is_sound_or_not_whenever_it_is_asked(
    require: str, said: list[str], known_at: date | None
) -> None:
    """What was known at the moment that is asked for makes no rule file right or wrong."""
    terms = f"  max_shares: {EARLIER}\n  shares_outstanding: {KNOWN}\n"
    assert problems(terms, require, known_at) == said


def test_check_that_cannot_be_reckoned_is_told() -> None:
    """A check that divides by zero fails, and the reason is told."""
    terms = '  max_shares: {value: "100 shares"}\n  parts: {value: 0}\n'
    require = "terms.max_shares / terms.parts > 1"
    assert problems(terms, require) == [
        f"11:5: check `stated` cannot be used, because it divides by zero: `{require}`"
    ]
