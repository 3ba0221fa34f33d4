"""Replay of a generated log, file to decisions on disk, beside the bare loop of the engine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any, Final

import durable_rules_engine as core
from generate import RULES, write_log

from repurchase.evaluation import judge
from repurchase.facts.fact import Situation
from repurchase.facts.table import TABLE
from repurchase.intake.log import open_log
from repurchase.ledger.fold import after
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade, trade
from repurchase.rulebook.editions import load

ROWS: Final = int(os.environ.get("ROWS", "1000000"))
BARE_FACTS: Final = 100_000
# The command, and then its own peak: what the operating system says of a child counts the parent.
MEASURED: Final = """
import sys
from pathlib import Path
from repurchase.cli.main import main
try:
    sys.exit(main())
finally:
    status = Path("/proc/self/status").read_text().splitlines()
    print(*(line for line in status if line.startswith("VmHWM")), file=sys.stderr)
"""


def test_replay_rate_and_memory(tmp_path: Path) -> None:
    """Report events a second and peak memory of a replay, and the ratio to the bare loop."""
    rules, log = tmp_path / "generated.yaml", tmp_path / "log.csv"
    rules.write_text(RULES)
    write_log(log, ROWS, in_session=True)
    before = bare_rate(rules, log)
    out = tmp_path / "out.jsonl"
    arguments: list[str | Path] = ["replay", log, "--rules", rules, "--decisions", out]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    rate = ROWS / (time.perf_counter() - start)
    assert (done.returncode, f"{ROWS:,} events" in done.stdout) == (1, True)
    memory = int(done.stderr.split()[-2]) // 1024
    bare = (before + bare_rate(rules, log)) / 2
    print(f"\n{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(f"replay of {ROWS:,} rows:  {rate:>10,.0f} events a second, {memory} MB at its peak")
    print(
        f"bare loop of C calls:  {bare:>10,.0f} facts a second; replay is {rate / bare:.2f} of it"
    )


def bare_rate(rules: Path, log: Path) -> float:
    """Return facts a second of the C calls alone, on the facts of the log's first events."""
    facts = _facts(rules, log)
    edition = load(rules).on(date(2020, 6, 1))
    (rule_set,) = judge.compiled(edition, "all").screen.rule_sets
    ready = [rule_set.fact(one) for one in facts]
    handle = core.create_ruleset("bare", rule_set.definition)
    start = time.perf_counter()
    for fact in ready:
        result, state = core.assert_fact(handle, fact)
        if result == 1:
            continue
        action = core.start_action_for_state(handle, state)[1]
        while action:
            action = core.complete_and_start_action(handle, state)
        core.retract_fact(handle, fact)
    rate = len(ready) / (time.perf_counter() - start)
    core.delete_ruleset(handle)
    return rate


def _facts(rules: Path, log: Path) -> list[dict[str, Any]]:
    editions = load(rules)
    position = Position()
    facts: list[dict[str, Any]] = []
    with open_log(log) as trades:
        for row, _ in zip(trades.rows(), range(BARE_FACTS), strict=False):
            assert row.event is not None
            edition = editions.of(row.event, position)
            proposed = trade(row.event, edition.counting, position)
            assert isinstance(proposed, Trade)
            following = after(position, proposed)
            situation = Situation(proposed, position, following)
            values: dict[str, Any] = {name: TABLE[name].of(situation) for name in edition.facts}
            words = edition.constants.words
            facts.append({name: words.get(value, value) for name, value in values.items()})
            position = following
    return facts
