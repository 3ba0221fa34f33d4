"""What a decision does not depend on: the order in which things are written, and chance."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.evaluation import judge
from repurchase.intake.log import Form, open_log
from repurchase.replay.run import Program, Reader, Reading, replay
from repurchase.report.written import decision_object, json_text
from repurchase.rulebook import editions as edition
from strategies import DAYS, Case, History, cases, histories, written
from test_verdicts import loaded

# Rules with many names, of which most are missing: what is told of them must have one order.
NAMES_IN_ONE_RULE = b"""
repurchase: 1
authorization: many-names
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "3774", venues: [XTKS]}
terms:
  max_shares: {value: 100 shares, from: 2030-01-01}
  shares_outstanding: {value: 100 shares, from: 2030-01-01}
rules:
  - id: prices
    require: >-
      market.previous_close + market.last_price + market.last_independent_price
      + market.best_independent_bid + market.day_high + market.avg_close_5_days <= trade.price
      and program.shares_after <= min(terms.max_shares, terms.shares_outstanding)
  - id: words
    require: trade.broker in [nomura, daiwa, mizuho, nikko] or trade.order_type == limit
  - id: flags
    effect: flag
    require: not issuer.closed_period and not issuer.undisclosed_material_fact
"""
ROW = {
    "kind": "fill",
    "id": "f-1",
    "date": "2008-11-14",
    "symbol": "3774",
    "side": "buy",
    "quantity": "1",
    "amount": "100",
}


@dataclass(frozen=True, slots=True)
class Shuffled:
    """A case, and its rule file written in another order."""

    case: Case
    text: bytes


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A history, its rule file in another order, and the order of its columns."""

    history: History
    text: bytes
    columns: tuple[str, ...]


@st.composite
def shuffles(draw: st.DrawFn) -> Shuffled:
    """Draw a case and its rule file with keys, rules, versions and instruments shuffled."""
    case = draw(cases(4))
    return Shuffled(case, written(_shuffled(draw, case.file.mapping())))


@st.composite
def rewritings(draw: st.DrawFn) -> Rewritten:
    """Draw a history, and another order of all that is written of it."""
    history = draw(histories())
    columns = draw(st.permutations(sorted({name for row in history.rows for name in row})))
    text = written(_shuffled(draw, history.file.mapping()))
    return Rewritten(history, text, tuple(columns))


def _shuffled(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict):
        keys = draw(st.permutations(list(value)))
        return {key: _shuffled(draw, value[key]) for key in keys}
    if isinstance(value, list):
        # Every list of these files is a set: rules, versions, venues.
        return [_shuffled(draw, one) for one in draw(st.permutations(value))]
    return value


def check_shuffled(drawn: Shuffled) -> None:
    """Assert that a rule file means the same in another order of its parts."""
    case = drawn.case
    one = loaded(case.file, case.known_at)
    if one is None:
        return
    other = edition.load_text(drawn.text, "random.yaml", case.known_at)
    hashes = [[editions.on(day).hash for day in DAYS] for editions in (one, other)]
    assert hashes[0] == hashes[1]
    for facts in case.facts:
        verdicts = []
        for editions in (one, other):
            now = editions.on(case.day)
            compiled = judge.Compiled(now, case.scope)
            values = {name: facts[name] for name in compiled.facts}
            verdicts.append(compiled.found(values, every_rule=True))
        assert verdicts[0] == verdicts[1]


def check_rewritten(drawn: Rewritten) -> None:
    """Assert that a log has the same decisions in another order of columns, keys and rules."""
    rows, text = drawn.history.rows, drawn.history.file.text()
    if loaded(drawn.history.file) is None:
        return
    straight = sorted(drawn.columns)
    decisions = decided(text, as_csv(rows, straight), "csv")
    assert decisions == decided(text, as_csv(rows, drawn.columns), "csv")
    assert decisions == decided(text, as_jsonl(rows, straight), "jsonl")
    assert decisions == decided(drawn.text, as_jsonl(rows, drawn.columns), "jsonl")
    assert len(decisions.splitlines()) == len(rows)


def decided(rules: bytes, log: bytes, form: Form) -> bytes:
    """Return the decisions of a replay, as they are written to a file."""
    program = Program(edition.load_text(rules, "random.yaml"), every_rule=True)
    with open_log(io.BytesIO(log), "log", form=form) as opened:
        reader = Reader(Reading(), program.editions)
        lines = [json_text(decision_object(one)) for one in replay(opened, program, reader)]
    return "\n".join(lines).encode()


def as_csv(rows: Iterable[Mapping[str, str]], columns: Iterable[str]) -> bytes:
    """Return *rows* as a CSV log with *columns* in this order."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_jsonl(rows: Iterable[Mapping[str, str]], columns: Iterable[str]) -> bytes:
    """Return *rows* as JSON lines with their keys in the order of *columns*."""
    order = list(columns)
    lines = [
        json.dumps({name: _json(row[name]) for name in order if name in row}, ensure_ascii=False)
        for row in rows
    ]
    return "\n".join(lines).encode()


def _json(text: str) -> str | bool:
    return {"true": True, "false": False}.get(text, text)


def replayed(folder: Path, seed: int, broken: str = "") -> bytes:
    """Return the decisions of a process of its own, whose sets are ordered by *seed*."""
    (folder / "rules.yaml").write_bytes(NAMES_IN_ONE_RULE)
    (folder / "log.csv").write_bytes(as_csv([ROW], ROW))
    out = folder / f"decisions-{seed}.jsonl"
    call = f"{broken}\nfrom repurchase.cli.main import main\nraise SystemExit(main())"
    arguments = ["replay", "log.csv", "--rules", "rules.yaml", "--decisions", out.name]
    done = subprocess.run(
        [sys.executable, "-c", call, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr.decode()
    return out.read_bytes()


@pytest.mark.slow
@given(drawn=shuffles())
def test_rule_file_means_the_same_in_any_order(drawn: Shuffled) -> None:
    """Hash and verdict do not depend on the order of keys, rules, versions and instruments."""
    check_shuffled(drawn)


@pytest.mark.slow
@given(drawn=rewritings())
def test_log_is_decided_the_same_in_any_order_of_columns(drawn: Rewritten) -> None:
    """Decisions are the same bytes for other columns, keys and rules, and for CSV and JSON."""
    check_rewritten(drawn)


@pytest.mark.slow
@given(history=histories())
def test_replay_twice_gives_the_same_bytes(history: History) -> None:
    """A second replay in the same process decides every event as the first, byte for byte."""
    if loaded(history.file) is None:
        return
    columns = sorted({name for row in history.rows for name in row})
    text, log = history.file.text(), as_csv(history.rows, columns)
    assert decided(text, log, "csv") == decided(text, log, "csv")


@pytest.mark.slow
def test_replay_gives_the_same_bytes_whatever_the_hashes_of_names(tmp_path: Path) -> None:
    """Processes that order their sets otherwise write the same decisions, missing names too."""
    decisions = {replayed(tmp_path, seed) for seed in (0, 1, 2, 3)}
    assert len(decisions) == 1
    assert b"market.previous_close" in decisions.pop()
