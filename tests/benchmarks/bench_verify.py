"""A journal judged again, beside a replay of the same events in the same run."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from generate import RULES, write_log

from repurchase.intake.log import open_log
from repurchase.journal.desk import GROUP_MAX, Desk
from repurchase.journal.rule_texts import rule_text
from repurchase.journal.store import Journal

EVENTS: Final = int(os.environ.get("EVENTS", "120000"))
ROUNDS: Final = 3


def test_verify_rate(tmp_path: Path) -> None:
    """Report the events a second of `verify` and of `replay`, round by round in turn."""
    rules, log, journal = tmp_path / "g.yaml", tmp_path / "log.csv", tmp_path / "g.db"
    rules.write_text(RULES)
    write_log(log, EVENTS)
    _record(rules, log, journal)
    calls: dict[str, list[str | Path]] = {
        "verify": ["verify", "--journal", journal],
        "replay": ["replay", log, "--rules", rules, "--decisions", tmp_path / "out.jsonl"],
    }
    rates: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            rates[name].append(EVENTS / _seconds(call))
    print(f"\n{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    for name, found in rates.items():
        print(f"{name:8}{sorted(found)[ROUNDS // 2]:>10,.0f} events a second")
    pairs = zip(rates["verify"], rates["replay"], strict=True)
    ratios = sorted(one / other for one, other in pairs)
    print(f"verify runs at {ratios[ROUNDS // 2]:.2f} of the rate of replay")


def _record(rules: Path, log: Path, journal: Path) -> None:
    text = rule_text(rules.read_bytes(), str(rules))
    name = text.editions.authorization.name
    with Journal(str(journal), create=True) as kept, open_log(log) as trades:
        desk = Desk(kept, name, lambda: datetime(2026, 1, 5, tzinfo=UTC), text)
        events = (row.event for row in trades.rows() if row.event is not None)
        while group := list(islice(events, GROUP_MAX)):
            desk.answer(group)


def _seconds(call: list[str | Path]) -> float:
    command = [sys.executable, "-m", "repurchase", *map(str, call)]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode in (0, 1)
    return time.perf_counter() - start
