"""What goes wrong at trading desks, each with its right answer, on a real journal.

`worst_day.txt` has the scenarios. Each event has a line and its answer another: the outcome, the
rules that fail (with a question mark if undecided), what is executed and reserved, and what halts.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from repurchase.audit.verify import verify
from repurchase.domain.decisions import Decision
from repurchase.domain.errors import InputError
from repurchase.domain.events import Event
from repurchase.intake.fields import event
from repurchase.journal.book import stored_book
from repurchase.journal.desk import Desk
from repurchase.journal.rule_texts import rule_text
from repurchase.journal.store import Journal

FILE: Final = Path(__file__).with_name("worst_day.txt")
RULES: Final = """\
repurchase: 1
authorization: desk
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "3774", venues: [XTKS]}
  ads: {symbol: IIJI, venues: [XNAS], currency: USD, per_share: 400, fx_margin: 0%}
terms:
  max_shares: {value: "1,000 shares"}
  max_amount: {value: "JPY 100,000,000"}
  first_day: {value: 2008-11-14}
  last_day: {value: 2009-01-30}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: amount-cap, require: program.amount_after <= terms.max_amount}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - id: window-at-venue
    require: terms.first_day <= trade.venue_date and trade.venue_last_date <= terms.last_day
  - {id: share-class, require: "trade.share_class in [common, ads]"}
  - {id: buys-only, require: trade.side == buy}
"""
NOW: Final = datetime(2026, 11, 30, 9, tzinfo=UTC)
ORDER: Final = {"symbol": "3774", "side": "buy", "by": "Sato"}
FIELD: Final = re.compile(r'([a-z_.]+)=("(?:[^"\\]|\\.)*"|\S*)')


class Scenario(NamedTuple):
    """What happens, under which rule file, and the answer to each event."""

    name: str
    rules: str
    events: tuple[str, ...]
    answers: tuple[str, ...]


def scenarios() -> Iterator[Scenario]:
    """Yield the scenarios of the file."""
    for text in FILE.read_text().split("\n\n"):
        title, *lines = text.strip().split("\n")
        changed = [one.removeprefix("rule-file: ") for one in lines if one.startswith("rule-file")]
        rest = [one.strip() for one in lines if not one.startswith("rule-file")]
        answers = tuple(one.removeprefix("-> ") for one in rest[1::2])
        yield Scenario(title.removeprefix("# "), changed_rules(changed), tuple(rest[::2]), answers)


def changed_rules(changed: list[str]) -> str:
    """Return the rule file with the lines *changed*, each in the place of that of its name."""
    text = RULES
    for line in changed:
        key = line.partition(":")[0]
        if line.startswith("- "):
            text += f"  {line}\n"
        elif f"  {key}:" in text:
            before = re.search(rf"(?m)^  {key}:.*$", text)
            assert before is not None
            text = text.replace(before[0], f"  {line}", 1)
        else:
            text = text.replace("instruments:", f"{line}\ninstruments:", 1)
    return text


def said(line: str) -> Event:
    """Return the event of a *line*: its kind, its id and its fields."""
    kind, _, rest = line.partition(" ")
    name, _, fields = rest.partition(" ") if rest[0] != '"' else quoted(rest)
    given = {
        key: json.loads(value) if value[:1] == '"' else value
        for key, value in FIELD.findall(fields)
    }
    plain = (ORDER if kind == "order" else {}) | {"kind": kind, "id": name} | given
    lists = {key: plain[key].split(",") for key in ("venues", "causes") if key in plain}
    return event({key: value for key, value in (plain | lists).items() if value != ""})


def quoted(text: str) -> tuple[str, str, str]:
    """Return the JSON string that *text* begins with, and what follows it."""
    found, end = json.JSONDecoder().raw_decode(text)
    return found, " ", text[end + 1 :]


def told(decision: Decision) -> str:
    """Return *decision* as the file writes it."""
    undecided = {"fail": "", "indeterminate": "?"}
    rules = [
        one.rule + undecided[one.result] for one in decision.findings if one.result in undecided
    ]
    now = decision.position
    parts = [decision.outcome, f"[{','.join(rules)}]" if rules else ""]
    parts += [f"x={now.executed_shares}/{now.executed_amount}"]
    parts += [f"r={now.reserved_shares}/{now.reserved_amount}"]
    parts += [f"halt={decision.halted_by[0]}" if decision.halted_by else ""]
    return " ".join(part for part in parts if part)


ALL: Final = tuple(scenarios())


def test_every_line_has_its_answer() -> None:
    """The file is read whole: no scenario is empty, and none lacks an answer."""
    assert len(ALL) > 40
    assert all(len(one.events) == len(one.answers) > 0 for one in ALL)


@pytest.mark.parametrize("scenario", ALL, ids=[one.name for one in ALL])
def test_worst_day(scenario: Scenario, tmp_path: Path) -> None:
    """Each event gets its answer, and the journal of all of them verifies and opens again."""
    rules = rule_text(scenario.rules.encode(), "desk.yaml")
    answers: list[str] = []
    with Journal(str(tmp_path / "desk.db"), create=True) as journal:
        desk = Desk(journal, "desk", lambda: NOW, rules, "Ito", one_person=True)
        for line in scenario.events:
            try:
                answers.append(told(desk.submit(said(line)).decision))
            except InputError:
                answers.append("ERROR")
                break
        rest = len(scenario.events) - len(answers)
        assert [*answers, *itertools.repeat("not sent", rest)] == list(scenario.answers)
        if answers != ["ERROR"]:
            verify(journal, "desk")
            assert stored_book(journal, "desk").position == desk.refresh().position
