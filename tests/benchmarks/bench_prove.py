"""How long proofs take: of each shipped file, what packs of law add to it, and of a comparison.

Reported as times of this machine, and as a ratio between two of the same run.
"""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from statistics import median

from repurchase.proof.diff import diff
from repurchase.proof.proof import proved
from repurchase.rulebook.editions import load_text
from repurchase.rulebook.library import rule_names, rule_path

ROUNDS = 3


def test_time_of_proofs() -> None:
    """Print the time of each proof; of a file with packs also without them."""
    print(f"\n{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    for name in rule_names():
        text = rule_path(name).read_text()
        bare = re.sub(r"(?m)^include: .*\n", "", text)
        whole = _seconds(text)
        said = f"{name:12}{whole:8.2f} s"
        if bare != text:
            without = _seconds(bare)
            said += (
                f", without packs {without:.2f} s: with them {whole / without:.1f} times as long"
            )
        print(said)


def test_time_of_comparisons() -> None:
    """Print the time of comparing each file with one whose window is a day longer."""
    for name in rule_names():
        text = rule_path(name).read_text()
        longer = re.sub(r"(?m)^( +last_day: *\{value: )(\S+?)([,}])", _next_day, text)
        assert longer != text
        old, new = (load_text(one.encode(), "measured.yaml") for one in (text, longer))
        proof = _median(partial(proved, old, time.monotonic_ns, 600_000))
        compared = _median(partial(diff, old, new, time.monotonic_ns, 600_000))
        print(f"{name:12}{compared:8.2f} s: {compared / proof:.1f} times as long as its proof")


def _next_day(found: re.Match[str]) -> str:
    day = date.fromisoformat(found[2]) + timedelta(1)
    return f"{found[1]}{day}{found[3]}"


def _seconds(text: str) -> float:
    editions = load_text(text.encode(), "measured.yaml")

    def proof() -> None:
        assert proved(editions, time.monotonic_ns, 600_000).holds

    return _median(proof)


def _median(doing: Callable[[], object]) -> float:
    found = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        doing()
        found.append(time.perf_counter() - start)
    return median(found)
