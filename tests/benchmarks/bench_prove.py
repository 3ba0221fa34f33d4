"""How long proofs take: of each shipped file, of an edit of it, and of its mutants.

Reported as seconds of CPU on this machine, and as a ratio between two of the same run.
"""

from __future__ import annotations

import platform
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from statistics import median

from repurchase.proof.diff import diff
from repurchase.proof.equal import same
from repurchase.proof.proof import proved
from repurchase.rulebook.editions import load_text
from repurchase.rulebook.library import rule_names, rule_path
from repurchase.tester import cases as program_cases
from repurchase.tester.mutation import apart, mutation

ROUNDS = 3
MILLISECONDS = 600_000
IMPORTS = "import repurchase.api.proving, repurchase.proof.proof, repurchase.report.proofs"


def test_time_of_proofs() -> None:
    """Print the time of each proof beside that of loading its file, with and without packs."""
    print(f"\n{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    for name in rule_names():
        text = rule_path(name).read_text()
        bare = re.sub(r"(?m)^include: .*\n", "", text)
        whole, loading = _seconds(text), _median(partial(load_text, text.encode(), "measured.yaml"))
        said = f"{name:12}{whole:8.2f} s: {whole / loading:.1f} times as long as loading it"
        if bare != text:
            without = _seconds(bare)
            said += (
                f"; without packs {without:.2f} s: with them {whole / without:.1f} times as long"
            )
        print(said)


def test_time_of_commands() -> None:
    """Print the time of `repurchase prove`, and how much of it is Python's start and imports."""
    print()
    imports = _median_of_process(["-c", IMPORTS])
    for name in rule_names():
        whole = _median_of_process(["-m", "repurchase", "prove", name])
        print(f"prove {name:12}{whole:8.2f} s, of which imports {imports / whole:.0%}")


def test_time_of_comparisons() -> None:
    """Print the time of comparing each file with one whose window is a day longer."""
    print()
    for name in rule_names():
        text = rule_path(name).read_text()
        longer = re.sub(r"(?m)^( +last_day: *\{value: )(\S+?)([,}])", _next_day, text)
        assert longer != text
        old, new = (load_text(one.encode(), "measured.yaml") for one in (text, longer))
        proof = _median(partial(proved, old, time.monotonic_ns, MILLISECONDS))
        compared = _median(partial(diff, old, new, time.monotonic_ns, MILLISECONDS))
        print(f"{name:12}{compared:8.2f} s: {compared / proof:.1f} times as long as its proof")


def test_time_of_mutation() -> None:
    """Print the time of all mutants of each file, beside that of its cases and of its proof."""
    print()
    equal = partial(same, now=time.monotonic_ns, milliseconds=MILLISECONDS)
    for name in rule_names():
        rules = rule_path(name)
        cases = rules.with_suffix(".cases.yaml")
        of = program_cases.tested(rules, cases)
        once = _median(partial(program_cases.results, of, cases))
        start = time.process_time()
        found = mutation(rules, cases)
        tried = time.process_time() - start
        survivors = len(found.come_to("survived"))
        start = time.process_time()
        apart(found, equal)
        compared = time.process_time() - start
        count = len(found.tried)
        print(
            f"{name:12}{count:6} mutants {tried:8.2f} s: each {tried / count / once:.2f} times as"
            f" long as its cases; {survivors} survivors compared {compared:.2f} s"
        )


def _next_day(found: re.Match[str]) -> str:
    day = date.fromisoformat(found[2]) + timedelta(1)
    return f"{found[1]}{day}{found[3]}"


def _seconds(text: str) -> float:
    editions = load_text(text.encode(), "measured.yaml")

    def proof() -> None:
        assert proved(editions, time.monotonic_ns, MILLISECONDS).holds

    return _median(proof)


def _median(doing: Callable[[], object]) -> float:
    found = []
    for _ in range(ROUNDS):
        start = time.process_time()
        doing()
        found.append(time.process_time() - start)
    return median(found)


def _median_of_process(arguments: list[str]) -> float:
    """Return the CPU seconds of Python with *arguments*, in a process of its own."""
    found = []
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return median(found)
