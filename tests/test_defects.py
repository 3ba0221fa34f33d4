"""Defects in real authorizations: each that permits more is found, with a history to confirm it.

A rule is left out, a figure is a little higher, a last day is a day later.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import pytest

from repurchase.domain.errors import RuleFileError
from repurchase.proof.diff import Comparison
from repurchase.proof.solver import Time
from repurchase.rulebook.editions import load, load_text
from test_authorizations import FILES

_RULE: Final = re.compile(r"  - (?:\{id: |id: )(?:.*\n)(?:    .*\n)*")
_FIGURE: Final = re.compile(r"(?<=value: \")(?:[A-Z]{3} )?([0-9][0-9,]*)(?= shares|\")")
_LAST: Final = re.compile(r"(?<=last_day: \{value: )([0-9-]{10})(?=[,}])")


def defects(text: str) -> Iterator[tuple[str, str]]:
    """Yield each defect of the rule file *text*, with what was done."""
    begin = text.index("\nrules:\n")
    for rule in _RULE.finditer(text, begin):
        yield (
            f"left out: {rule[0].splitlines()[0].strip()}",
            text[: rule.start()] + text[rule.end() :],
        )
    for figure in _FIGURE.finditer(text):
        # A tenth of it may be what limits the shares, which are whole.
        more = f"{int(figure[1].replace(',', '')) + 10:,}"
        yield f"{figure[1]} became {more}", text[: figure.start(1)] + more + text[figure.end(1) :]
    for day in _LAST.finditer(text):
        later = str(date.fromisoformat(day[1]) + timedelta(1))
        yield f"{day[1]} became {later}", text[: day.start(1)] + later + text[day.end(1) :]


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_defect_is_found_with_a_history(file: Path) -> None:
    """What the defect permits is shown, or it is proved that it permits nothing more."""
    sound, text = load(file), file.read_text(encoding="utf-8")
    for what, changed in defects(text):
        try:
            defect = load_text(changed.encode(), str(file))
        except RuleFileError as error:
            # A term that no rule reads any more is an error of its own.
            if "no rule and no check reads" in error.problems[0].what:
                continue
            raise
        begun = time.monotonic()
        compared = Comparison(sound, defect, Time(120_000, time.monotonic_ns)).compared("order")
        took = time.monotonic() - begun
        other = "nothing more" if compared.looser.never else "undecided"
        found = other if compared.looser.shown is None else "found"
        sys.stdout.write(f"{file.stem}: {what}: {found} in {took:.1f} s\n")
        assert compared.looser.shown is not None or compared.looser.never, what
