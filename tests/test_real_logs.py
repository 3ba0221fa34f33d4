"""The logs of two real programs come to the figures that the companies reported."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from repurchase.intake.log import open_log
from repurchase.replay.run import Program, Reader, Reading, Summary, brought_forward, replay
from repurchase.rulebook.editions import load
from repurchase.rulebook.library import rule_path, sample_path
from test_cli import run

COLUMNS: Final = {"quantity": "shares", "amount": "amount_jpy"}
CONSTANTS: Final = {"symbol": "common", "side": "buy"}
SHARED: Final = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


class Real(NamedTuple):
    """A log, what came before it, and what its report says."""

    rules: str
    log: str
    original: str
    before: str
    rows: int
    shares: int
    amount: int
    shares_percent: str
    amount_percent: str
    caps: tuple[int, int]


REAL: Final = [
    Real(
        "jp-2017",
        "jp-2017-08.csv",
        "daily-2017-08.csv",
        "1671100,1809601097",
        17,
        1_959_000,
        2_137_650_389,
        "48.98",
        "53.44",
        (4_000_000, 4_000_000_000),
    ),
    Real(
        "jp-2023",
        "jp-2023-11.csv",
        "daily-2023-11.csv",
        "2524200,1999981370",
        13,
        3_069_700,
        2_511_112_476,
        "61.39",
        "83.70",
        (5_000_000, 3_000_000_000),
    ),
]
EACH: Final = pytest.mark.parametrize("real", REAL, ids=[real.rules for real in REAL])


def summary_of(real: Real, *, before: bool = True) -> Summary:
    rules = rule_path(real.rules)
    assert rules is not None
    program = Program(load(rules))
    reading = Reading(brought_forward(real.before) if before else None)
    reader = Reader(reading, program.editions)
    with open_log(sample_path(real.log), columns=COLUMNS, constants=CONSTANTS) as log:
        for _ in replay(log, program, reader):
            pass
    return program.summary(duplicates=reader.duplicates, skipped=reader.skipped)


def command(real: Real, *more: str, before: str | None = None) -> tuple[str, ...]:
    return (
        *("replay", str(sample_path(real.log)), "--rules", real.rules),
        *("--column", "quantity=shares", "--column", "amount=amount_jpy"),
        *("--set", "symbol=common", "--set", "side=buy"),
        *("--brought-forward", before or real.before),
        *more,
    )


def expected(real: Real) -> dict[str, Any]:
    """Return the summary that the report of *real* gives, but for the hash of the rules."""
    return {
        "authorization": real.rules,
        "events": real.rows + 1,
        "approved": real.rows,
        "denied": 0,
        "held": 0,
        "recorded": 1,
        "refused": 0,
        "duplicates": 0,
        "indeterminate": 0,
        "unknown": [],
        "executed_shares": str(real.shares),
        "executed_amount": str(real.amount),
        "remaining_shares": str(real.caps[0] - real.shares),
        "remaining_amount": str(real.caps[1] - real.amount),
        "shares_used_percent": real.shares_percent,
        "amount_used_percent": real.amount_percent,
        "first_denied": None,
        "by_rule": {},
        "days": [],
        "skipped": 0,
        "quarantined": 0,
        "idle_packs": [],
        "expired_venues": [],
        "differences": [],
        "compared": {"totals": [], "rows": None, "known": []},
        "open_orders": [],
        "disputed": [],
    }


@EACH
def test_log_comes_to_the_reported_figures(real: Real) -> None:
    """Every row is approved, and shares, money and percentages are the reported ones."""
    found = msgspec.to_builtins(summary_of(real))
    del found["rule_file"]
    assert json.loads(json.dumps(found)) == expected(real)


@EACH
def test_command_comes_to_the_reported_figures(real: Real) -> None:
    """What anyone can type gives the same, with exit code 0 and nothing else said."""
    ended = run(*command(real, "--json"), fresh=True)
    found = ended.json
    assert (ended.code, len(found.pop("rule_file"))) == (0, 64)
    assert found == expected(real)


@EACH
def test_command_shows_the_reported_figures(real: Real) -> None:
    """People read them with their units, grouped."""
    shown = run(*command(real)).out
    assert f"{real.rows + 1} events: {real.rows} approved, 1 recorded" in shown
    assert f"{real.shares:,} shares of {real.caps[0]:,} shares" in shown
    assert f"JPY {real.amount:,} of JPY {real.caps[1]:,}" in shown
    assert f"{real.shares_percent} %" in shown


@EACH
def test_decisions_lead_to_the_reported_figures(real: Real, tmp_path: Path) -> None:
    """The last of the decisions holds the position that the report gives."""
    out = tmp_path / "out.jsonl"
    assert run(*command(real, "--decisions", str(out))).code == 0
    decisions = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [one["outcome"] for one in decisions] == ["recorded"] + ["approved"] * real.rows
    assert decisions[-1]["position"] == {
        "executed_shares": str(real.shares),
        "reserved_shares": "0",
        "executed_amount": str(real.amount),
        "reserved_amount": "0",
        "remaining_shares": str(real.caps[0] - real.shares),
        "remaining_amount": str(real.caps[1] - real.amount),
    }


@EACH
def test_rows_add_up_to_what_they_state(real: Real) -> None:
    """Without what was brought forward the log comes to its own rows' sum, counted by hand."""
    lines = sample_path(real.log).read_text(encoding="utf-8").splitlines()[1:]
    rows = [[int(cell) for cell in line.split(",")[1:]] for line in lines]
    found = summary_of(real, before=False)
    shares, amount = (sum(row[column] for row in rows) for column in (0, 1))
    assert (found.executed_shares, found.executed_amount) == (str(shares), str(amount))
    before_shares, before_amount = (int(part) for part in real.before.split(","))
    assert (before_shares + shares, before_amount + amount) == (real.shares, real.amount)


@EACH
def test_percentages_are_those_of_the_caps(real: Real) -> None:
    """Two decimals of the exact quotient, a half rounded up."""
    used = (Fraction(real.shares, real.caps[0]), Fraction(real.amount, real.caps[1]))
    rounded = [(one * 10_000 + Fraction(1, 2)).__floor__() for one in used]
    assert [f"{one // 100}.{one % 100:02}" for one in rounded] == [
        real.shares_percent,
        real.amount_percent,
    ]


@EACH
@pytest.mark.parametrize(("more", "code"), [(0, 0), (1, 1)])
def test_last_share_fits_and_one_more_does_not(real: Real, more: int, code: int) -> None:
    """With as much brought forward as the cap leaves, every row fits; with one share more, not."""
    own = real.shares - int(real.before.split(",")[0])
    before = f"{real.caps[0] - own + more},0"
    ended = run(*command(real, "--json", before=before))
    last = {} if not more else {"share-cap": {"fail": 1, "indeterminate": 0}}
    assert (ended.code, ended.json["remaining_shares"]) == (code, str(-more))
    assert ended.json["by_rule"] == last


@EACH
@pytest.mark.parametrize(("more", "code"), [(0, 0), (1, 1)])
def test_last_yen_fits_and_one_more_does_not(real: Real, more: int, code: int) -> None:
    """So it is with the money, to the yen."""
    own = real.amount - int(real.before.split(",")[1])
    before = f"0,{real.caps[1] - own + more}"
    ended = run(*command(real, "--json", before=before))
    last = {} if not more else {"amount-cap": {"fail": 1, "indeterminate": 0}}
    assert (ended.code, ended.json["remaining_amount"]) == (code, str(-more))
    assert ended.json["by_rule"] == last


@EACH
def test_shipped_log_is_the_original(real: Real) -> None:
    """The log that ships is, byte for byte, the one that was transcribed from the report."""
    original = SHARED / real.original
    if not original.is_file():
        pytest.skip("the transcribed reports lie beside the project, not in it")
    assert sample_path(real.log).read_bytes() == original.read_bytes()
