"""The Python API: what it gives for each way to call it, hostile ones included."""

from __future__ import annotations

import doctest
import importlib
import json
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import repurchase
from repurchase import (
    Decision,
    InputError,
    JournalError,
    Program,
    RepurchaseError,
    RuleFileError,
    Rules,
    UsageError,
)
from repurchase.api.answered import Answered, Kept
from repurchase.api.events import event_of, fields_of
from repurchase.intake.objects import event_from_json
from repurchase.intake.order import Order
from repurchase.replay.run import Program as Run
from repurchase.rulebook.library import rule_names, sample_path
from test_cli import run

TOKYO: Final = ZoneInfo("Asia/Tokyo")
NEW_YORK: Final = ZoneInfo("America/New_York")
STARTER: Final = Rules(sample_path("starter.yaml"))
ORDER: Final[Mapping[str, Any]] = {
    "kind": "order",
    "id": "o-1",
    "date": "2026-05-18",
    "symbol": "9999",
    "side": "buy",
    "quantity": 60_000,
    "price": 1000,
    "order_type": "limit",
}


class Side(StrEnum):
    """A text that says something else of itself than it is."""

    BUY = "buy"

    def __str__(self) -> str:
        return "sell"


class Units(int, Enum):
    """A number under a name."""

    LOT = 100


class Whole:
    """A number of another package: exact by its index."""

    def __index__(self) -> int:
        return 100


class NotWhole:
    """What looks like a number of another package, and is none."""

    def __index__(self) -> int:
        raise TypeError("not a whole number")


def order(**changes: Any) -> dict[str, Any]:
    """Return an order of the starter's program, with *changes*."""
    return {**ORDER, **changes}


def printed(code: str) -> str:
    """Return what a Python of its own prints that runs *code*."""
    argv = [sys.executable, "-c", code]
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout


def plain(answer: object) -> Any:
    """Return *answer* as its JSON is read."""
    return json.loads(msgspec.json.encode(answer))


@pytest.fixture
def program() -> Program:
    """Return a program that has used nothing."""
    return STARTER.program()


def test_names_are_those_that_are_public() -> None:
    """Each public name can be had, `dir` lists them alone, and another name is an error."""
    assert sorted(repurchase.__all__) == dir(repurchase)
    assert all(getattr(repurchase, name) is not None for name in repurchase.__all__)
    with pytest.raises(AttributeError, match="no attribute `Rule`"):
        repurchase.Rule  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("module", ["rules", "program", "desk"])
def test_examples_of_docstrings_are_true(module: str) -> None:
    """What a docstring shows is what Python shows."""
    found = doctest.testmod(importlib.import_module(f"repurchase.api.{module}"))
    assert (found.failed, found.attempted > 0) == (0, True)


def test_import_loads_nothing_that_is_not_used() -> None:
    """`import repurchase` costs next to nothing: no engine, parser or database is loaded."""
    code = "import repurchase, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {"durable_rules_engine", "lark", "msgspec", "yaml", "sqlalchemy", "z3", "arro3.core"}
    assert heavy.isdisjoint(loaded.stdout.split())


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["sqlalchemy", "z3", "arro3.core", "duckdb", "xlsxwriter"])
def test_checks_need_no_extra(missing: str) -> None:
    """A decision, a pickled program and the headroom come without any optional package."""
    code = f"""
import pickle, sys
sys.modules[{missing!r}] = None
import repurchase
program = repurchase.Rules("iij-2008").program()
order = {{"kind": "order", "id": "o", "time": "2008-11-14T10:00:00-05:00", "symbol": "IIJI"}}
order |= {{"side": "buy", "quantity": 400, "price": "2.65", "fx": 96}}
assert program.decide(order).outcome == "approved"
again = pickle.loads(pickle.dumps(program))
del order["kind"], order["id"], order["quantity"]
assert again.headroom(order).quantity == "1571927"
"""
    assert printed(code) == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "call", "extra"),
    [
        ("z3", "rules.prove()", "prove"),
        ("z3", "rules.diff(rules)", "prove"),
        ("arro3.core", "rules.program().replay(object())", "frames"),
        ("sqlalchemy", "repurchase.Desk('desk.db', rules)", "journal"),
    ],
)
def test_call_that_needs_an_extra_says_which(package: str, call: str, extra: str) -> None:
    """Without an optional package the call that needs it names the command that installs it."""
    code = f"""
import sys
sys.modules[{package!r}] = None
import repurchase
rules = repurchase.Rules("iij-2008")
try:
    {call}
except repurchase.UsageError as error:
    print(error)
"""
    assert f"pip install 'repurchase[{extra}]'" in printed(code)


# Rules


@pytest.mark.parametrize("name", rule_names())
def test_shipped_rules_are_loaded_by_name_and_pass_their_cases(name: str) -> None:
    """A shipped rule file has no gap, and each of its cases passes."""
    rules = Rules(name)
    results = rules.test()
    assert (rules.name, rules.findings) == (name, ())
    assert [one.name for one in results if not one.passed] == []
    assert {one.decision.outcome for one in results} >= {"approved", "denied"}
    assert all(one.expected == one.decision.outcome for one in results)


def test_case_that_fails_says_how(tmp_path: Path) -> None:
    """A case with another outcome than it expects says both."""
    cases = tmp_path / "wrong.cases.yaml"
    event = json.dumps(order())
    cases.write_text(f"cases:\n  - {{name: too strict, event: {event}, expect: denied}}\n")
    (result,) = STARTER.test(cases)
    assert (result.name, result.line, result.passed) == ("too strict", 2, False)
    assert result.wrong == "expected denied, got approved"


@pytest.mark.parametrize("file", ["no-such-file", "no/such/file.yaml", Path("iij-2008")])
def test_rules_that_are_not_there_are_an_error(file: str | Path) -> None:
    """A file that cannot be opened raises UsageError; a path never names a shipped file."""
    with pytest.raises(UsageError):
        Rules(file)


def test_rule_file_with_errors_raises_all_of_them(tmp_path: Path) -> None:
    """What is wrong in a rule file is raised at once, each with its place."""
    file = tmp_path / "wrong.yaml"
    text = STARTER.path.read_text(encoding="utf-8")
    wrong = text.replace("shares_after", "share_after").replace("trade.side", "trade.sid")
    file.write_text(wrong, encoding="utf-8")
    with pytest.raises(RuleFileError) as raised:
        Rules(file)
    assert [one.file for one in raised.value.problems] == [str(file)] * 2


def test_findings_are_what_lint_lists(tmp_path: Path) -> None:
    """A cap that no rule reads is a gap, as for `repurchase lint`."""
    file = tmp_path / "gap.yaml"
    text = STARTER.path.read_text(encoding="utf-8")
    file.write_text(text.replace("<= terms.max_shares", "<= 5 shares"), encoding="utf-8")
    findings = Rules(file).findings
    assert [str(one) for one in findings] == run("lint", str(file)).err.splitlines()[
        : len(findings)
    ]
    assert "terms.max_shares" in findings[0].what


@pytest.mark.parametrize(
    ("known_at", "approved"),
    [
        (date(2026, 5, 18), True),
        (datetime(2026, 5, 18, tzinfo=UTC), True),
        (datetime(2026, 6, 30, 16, tzinfo=UTC), False),
        (date(2026, 7, 1), False),
    ],
)
def test_rules_known_at_a_time_are_those_of_its_day(
    tmp_path: Path, known_at: date, approved: bool
) -> None:
    """An amendment counts from its day on, which for a moment is that of the rules' clock."""
    file = tmp_path / "amended.yaml"
    text = STARTER.path.read_text(encoding="utf-8")
    first = '  max_shares: {value: "100,000 shares", quote: "up to 100,000 shares"}'
    amended = '  max_shares:\n    - {value: "100,000 shares"}\n'
    amended += '    - {value: "9 shares", known: 2026-07-01}'
    file.write_text(text.replace(first, amended), encoding="utf-8")
    assert text.count(first) == 1
    decision = Rules(file, known_at=known_at).check(order())
    assert (decision.outcome == "approved") is approved


def test_rules_known_at_a_time_without_zone_are_refused() -> None:
    """Which day a time without its zone is, nobody knows."""
    with pytest.raises(UsageError, match="without its zone"):
        Rules("iij-2008", known_at=datetime(2009, 1, 1))  # noqa: DTZ001


def test_check_is_what_the_command_answers(tmp_path: Path) -> None:
    """The API and `repurchase check` give the same decision, every finding included.

    The command adds what the event states, which who calls the API has at hand.
    """
    event = tmp_path / "order.json"
    asked = order(symbol="IIJI", date="2008-11-14", price="2.65", fx=96)
    event.write_text(json.dumps(asked), encoding="utf-8")
    told = run("check", "--rules", "iij-2008", "--event", str(event), "--json")
    stated = {"date": "2008-11-14", "quantity": "60000", "price": "2.65"}
    assert plain(Rules("iij-2008").check(asked)) | stated == told.json


def test_market_files_supply_facts(tmp_path: Path) -> None:
    """A fact that the event lacks comes from the files of the market, one or several."""
    quotes = tmp_path / "quotes.csv"
    row = "2008-11-14T{}:00-05:00,IIJI,XNAS,2.66,no"
    quotes.write_text(
        "\n".join(("time,symbol,venue,bid,own", row.format("09:59"), row.format("10:01")))
    )
    asked = order(symbol="IIJI", date=None, time="2008-11-14T10:00:00-05:00", price="2.65", fx=96)
    rules = Rules("iij-2008")

    def price(decision: Decision) -> list[str]:
        return [one.result for one in decision.findings if one.rule == "us-10b-18.price"]

    assert price(rules.check(asked)) == ["indeterminate"]
    assert price(rules.check(asked, market=quotes)) == ["pass"]
    assert price(rules.check(asked, market=[str(quotes)])) == ["pass"]
    program = rules.program(market=quotes, every_rule=True)
    assert price(pickle.loads(pickle.dumps(program)).decide(asked)) == ["pass"]
    assert price(program.decide(asked)) == ["pass"]
    with pytest.raises(UsageError):
        rules.check(asked, market=tmp_path / "none.csv")


def test_proof_and_diff_are_what_the_commands_answer() -> None:
    """`prove` and `diff` of the API come to what the commands answer."""
    rules = Rules("jp-2023")
    proof = rules.prove()
    told = run("prove", "jp-2023", "--json").json
    assert proof.holds is told["proved"] is True
    assert plain(proof.editions) == told["editions"]
    diff = rules.diff("jp-2023")
    assert (diff.verdict, diff.changed, diff.same_accounting) == ("equivalent", (), True)
    assert {one.verdict for one in diff.compared} == {"equivalent"}


@pytest.mark.slow
def test_proof_and_diff_show_what_fails(tmp_path: Path) -> None:
    """A claim that fails has a counterexample, and an edit that permits more shows an order."""
    file = tmp_path / "loose.yaml"
    text = STARTER.path.read_text(encoding="utf-8")
    file.write_text(text.replace("<= terms.max_shares", "<= 200,000 shares"), encoding="utf-8")
    loose = Rules(file)
    assert ("200000", "share-cap") in {
        (claim.figure, claim.rule) for one in loose.prove().editions for claim in one.claims
    }
    either = tmp_path / "either.yaml"
    either.write_text(text.replace("trade.side == buy", "trade.units > 0"), encoding="utf-8")
    proof = Rules(either).prove()
    (failure, *_) = proof.failures
    assert failure.claim == "buys"
    assert failure.events is not None
    assert not pickle.loads(pickle.dumps(proof)).holds
    diff = STARTER.diff(loose)
    shown = diff.compared[0].looser
    assert diff.verdict == "looser"
    assert shown is not None
    assert (shown.old.outcome, shown.new.outcome) == ("denied", "approved")
    program = loose.program()
    last = [program.decide(one) for one in shown.events][-1]
    assert last.outcome == "approved"


# Events


def test_event_may_be_text_bytes_or_a_mapping() -> None:
    """The three forms are one event, and so are the types that a field may be given in."""
    text = json.dumps(order())
    moment = datetime(2026, 5, 18, 9, 5, tzinfo=TOKYO)
    timed = {"date": None, "time": moment}
    written = json.dumps({**order(), "time": "2026-05-18T09:05:00+09:00"}).replace(
        '"date": "2026-05-18", ', ""
    )
    assert event_of(text) == event_of(text.encode()) == event_of(order())
    assert event_of(order(**timed)) == event_from_json(written)
    assert event_of(order(date=date(2026, 5, 18), price=Decimal("1000.00"))) == event_of(order())


@pytest.mark.parametrize(
    ("value", "units"),
    [
        (100, 100),
        ("100", 100),
        (Decimal(100), 100),
        (Decimal("1E+2"), 100),
        (Decimal("100.000000000000000000"), 100),
        (np.int64(100), 100),
        (np.uint8(100), 100),
        (Units.LOT, 100),
        (Whole(), 100),
        (10**18 - 1, 10**18 - 1),
    ],
)
def test_number_is_taken_from_every_exact_type(value: Any, units: int) -> None:
    """A number of any exact type is that number."""
    assert event_of(order(quantity=value)).quantity == units


def test_text_of_a_class_of_its_own_is_the_text_that_it_holds() -> None:
    """A text is what its characters are, whatever its class writes for it."""
    assert event_of(order(side=Side.BUY, symbol=np.str_("9999"))) == event_of(order())


def test_zone_with_seconds_is_the_same_moment() -> None:
    """An offset of long ago, to the second, is written as the moment that it names."""
    moment = datetime(1930, 1, 1, 12, tzinfo=ZoneInfo("Europe/Amsterdam"))
    assert moment.utcoffset() == timedelta(minutes=19, seconds=32)
    assert event_of(order(date=None, time=moment)).time == moment


@given(
    value=st.one_of(
        st.integers(),
        st.decimals(),
        st.text(),
        st.booleans(),
        st.none(),
        st.floats(),
        st.dates(),
        st.datetimes(),
        st.datetimes(timezones=st.timezones()),
        st.timedeltas(),
        st.fractions(),
        st.binary(),
        st.lists(st.integers(), max_size=2),
        st.dictionaries(st.text(), st.integers(), max_size=2),
    ),
    name=st.sampled_from(("id", "time", "date", "quantity", "price", "symbol", "by", "fx")),
)
def test_any_value_is_read_as_json_is_or_refused(value: Any, name: str) -> None:
    """Whatever a field holds, it is read as its JSON text would be, or raises InputError."""
    try:
        found = event_of({**order(), name: value})
    except InputError as error:
        assert error.problems  # noqa: PT017
        return
    assert not isinstance(value, float | Fraction | bytes | list | dict)
    kept = fields_of({name: value})[name]
    fields = {key: str(one) for key, one in ORDER.items() if key != name}
    if kept is not None:
        fields[name] = str(kept)
    assert found == event_from_json(json.dumps(fields))


# Hostile calls


HOSTILE: Final[Mapping[str, tuple[Any, str]]] = {
    "negative": (
        order(quantity=-100_000),
        "`quantity` is `-100000`, but must be a whole number above zero",
    ),
    "zero": (order(quantity=0), "`quantity` is `0`, but must be a whole number above zero"),
    "half": (
        order(quantity=Decimal("0.5")),
        "`quantity` is `0.5`, but must be a whole number above zero",
    ),
    "float": (
        order(price=2.65),
        '`price` is the float 2.65, which is not exact; give Decimal("2.65")',
    ),
    "whole float": (order(quantity=5.0), "`quantity` is the float 5.0, which is not exact"),
    "numpy float": (order(price=np.float64(2.5)), "`price` is the float 2.5, which is not exact"),
    "short float": (order(price=np.float32(2.5)), "`price` is a value of type `float32`"),
    "nan": (order(price=float("nan")), "`price` is `nan`, not a number; leave the field out"),
    "infinity": (order(price=float("-inf")), "`price` is `-inf`, not a number"),
    "decimal nan": (order(price=Decimal("NaN")), "`price` is `NaN`, not a number"),
    "signaling": (order(price=Decimal("sNaN")), "`price` is `sNaN`, not a number"),
    "endless": (order(price=Decimal("Infinity")), "`price` is `Infinity`, not a number"),
    "huge decimal": (order(price=Decimal("1E+999999")), "too large or too small"),
    "tiny decimal": (order(price=Decimal("1E-999999")), "too large or too small"),
    "fine decimal": (order(price=Decimal("1.0000000000001")), "at most 18 digits and 12 decimals"),
    "huge": (order(quantity=10**5000), "`quantity` is a number too large"),
    "19 digits": (order(quantity=10**18), "`quantity` is a number too large"),
    "fraction": (order(price=Fraction(1, 3)), "`price` is a value of type `Fraction`"),
    "complex": (order(price=1j), "`price` is a value of type `complex`"),
    "true": (order(quantity=True), "`quantity` is `true`, not a number"),
    "numpy true": (order(quantity=np.True_), "`quantity` is a value of type `bool`"),
    "not whole": (order(quantity=NotWhole()), "`quantity` is a value of type `NotWhole`"),
    "pandas absence": (order(quantity=pd.NA), "`quantity` is a value of type `NAType`"),
    "no time": (order(date=None, time=pd.NaT), "`time` is `NaT`, not a time"),
    "naive": (
        order(date=None, time=datetime(2026, 5, 18, 9)),  # noqa: DTZ001
        "`time` is 2026-05-18 09:00:00 without its zone; give it a zone",
    ),
    "gap": (
        order(date=None, time=datetime(2009, 3, 8, 2, 30, tzinfo=NEW_YORK)),
        "a time that does not exist in its zone",
    ),
    "beyond": (
        order(date=None, time=datetime(9999, 12, 31, 23, tzinfo=NEW_YORK)),
        "`time` is 9999-12-31 23:00:00-05:00, beyond the calendar",
    ),
    "day as time": (order(date=None, time=date(2026, 5, 18)), "give a date without a time of day"),
    "time as day": (order(date=datetime(2026, 5, 18, tzinfo=UTC)), "not a date"),
    "time of day": (order(date=datetime(2026, 5, 18, tzinfo=UTC).time()), "a value of type `time`"),
    "both": (order(time="2026-05-18T09:05:00+09:00"), "`time` and `date` are both given"),
    "number as id": (order(id=5), "`id` is `5`, not text"),
    "long id": (order(id="x" * 300), "`id` has 300 characters"),
    "half a pair": (order(id="\ud800"), "half of a surrogate pair"),
    "nul": (order(id="a\0b"), "`id` contains a NUL character"),
    "unknown": (order(qantity=1), "`qantity` is not an event field; did you mean `quantity`?"),
    "nested": (order(market={"last_price": 1}), "an event is flat"),
    "list": (order(price=[1000]), "`price` is an object or an array"),
    "bytes in a field": (order(symbol=b"9999"), "`symbol` is a value of type `bytes`"),
    "number as a name": ({**order(), 5: 1}, "the field name `5` is not a text"),
    "empty mapping": ({}, "`kind` is missing"),
    "empty text": ("", "is not a JSON object"),
    "not UTF-8": (b'{"kind": "\xff"}', "is not UTF-8"),
    "twice": (b'{"kind": "order", "kind": "fill"}', "`kind` is given twice"),
    "two objects": ("{} {}", "has text after its JSON object"),
    "nan in text": ('{"kind": "order", "price": NaN}', "`price` is `NaN`, not a number"),
    "nothing": (None, "the event is a value of type `NoneType`"),
    "events": ([order()], "the event is a value of type `list`"),
    "generator": ((one for one in [order()]), "the event is a value of type `generator`"),
    "pairs": (list(order().items()), "the event is a value of type `list`"),
    "bytearray": (bytearray(b"{}"), "the event is a value of type `bytearray`"),
    "other authorization": (order(authorization="other"), "of authorization `other`"),
}


@pytest.mark.parametrize(("event", "said"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_event_raises_and_changes_nothing(program: Program, event: Any, said: str) -> None:
    """What cannot be read exactly raises InputError, fault first; the program goes on as it was."""
    with pytest.raises(InputError) as raised:
        program.decide(event)
    assert said in str(raised.value)
    assert (program.summary.events, program.position.reserved_shares) == (0, "0")
    assert program.decide(order()).outcome == "approved"


class Several(Mapping[str, Any]):
    """A mapping that keeps several values of a name, as those of forms and headers do."""

    def __init__(self, *pairs: tuple[str, Any]) -> None:
        self._pairs = pairs

    def __getitem__(self, name: str) -> Any:
        return dict(self._pairs)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._pairs))

    def __len__(self) -> int:
        return len(self._pairs)

    def items(self) -> Any:
        """Give every pair, a name twice too."""
        return self._pairs


def test_one_name_to_ignore_is_given_in_a_list(program: Program, tmp_path: Path) -> None:
    """A text alone would name a column by each of its letters."""
    with pytest.raises(UsageError, match="`ignore` is the text `note`"):
        program.replay(tmp_path / "log.csv", ignore="note")


def test_field_that_a_mapping_gives_twice_is_refused(program: Program) -> None:
    """Which of two quantities is meant cannot be known."""
    twice = Several(*ORDER.items(), ("quantity", 1))
    with pytest.raises(InputError, match="`quantity` is given twice; give it once"):
        program.decide(twice)
    assert program.summary.events == 0


@pytest.mark.parametrize(
    ("owner", "name"),
    [(Run, "decide"), (Order, "backwards"), (Answered, "add")],
)
def test_decision_that_was_stopped_is_not_counted_twice(
    program: Program, monkeypatch: pytest.MonkeyPatch, owner: type, name: str
) -> None:
    """Whatever had been done when Ctrl-C came is taken back: the event can be sent again."""
    program.decide(order(id="first", quantity=100))
    before, seen = plain(program.summary), program.position
    done = getattr(owner, name)

    def stopped(*arguments: Any, **named: Any) -> Any:
        done(*arguments, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(owner, name, stopped)
    with pytest.raises(KeyboardInterrupt):
        program.decide(order(quantity=200))
    monkeypatch.undo()
    assert (plain(program.summary), program.position) == (before, seen)
    again = program.decide(order(quantity=200))
    assert (again.repeated, again.position.reserved_shares) == (False, "300")


def test_full_disk_loses_and_repeats_no_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that cannot be remembered is not decided, until there is room again."""
    program = STARTER.program()
    store = Answered(3)
    monkeypatch.setattr(program, "_answered", store)
    for number in range(5):
        program.decide(order(id=f"o-{number}", quantity=1))
    with store.used() as database:
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages}")
    long = [f"{number:03}".rjust(200, "x") for number in range(400)]
    decided: list[Decision] = []
    asked = (program.decide(order(id=name, quantity=1)) for name in long)
    with pytest.raises(UsageError, match="free some space"):
        decided.extend(asked)
    assert program.summary.events == 5 + len(decided)
    assert pickle.loads(pickle.dumps(program)).summary == program.summary
    with store.used() as database:
        database.execute("PRAGMA max_page_count = 100000")
    with suppress(KeyboardInterrupt), store.used() as database:
        database.execute("BEGIN")
        raise KeyboardInterrupt
    again = [program.decide(order(id=name, quantity=1)) for name in long]
    assert [one.repeated for one in again] == [at < len(decided) for at in range(len(long))]
    assert program.position.reserved_shares == str(5 + len(long))


def test_all_that_is_wrong_is_raised_at_once(program: Program) -> None:
    """A float, a naive time and an unknown field are three problems of one error."""
    with pytest.raises(InputError) as raised:
        program.decide(order(price=2.65, date=None, time=datetime(2026, 5, 18), x=1))  # noqa: DTZ001
    assert len(raised.value.problems) == 3


# A program


def test_same_event_again_gets_the_decision_that_it_had(program: Program) -> None:
    """Sent again, in whatever form and later too, an event is not counted twice."""
    first = program.decide(order())
    program.decide(order(id="o-2", date="2026-05-19", quantity=1))
    again = program.decide(json.dumps(order(quantity="60000")))
    assert again == msgspec.structs.replace(first, repeated=True)
    assert (program.summary.events, program.summary.duplicates) == (2, 1)
    assert program.position.reserved_shares == "60001"


def test_id_with_other_content_is_refused(program: Program) -> None:
    """An ID stands for one event; with other content it is refused and changes nothing."""
    program.decide(order())
    refused = program.decide(order(quantity=1))
    assert (refused.outcome, refused.denied_by) == ("refused", ("engine.used-id",))
    assert program.position.reserved_shares == "60000"


def test_event_that_goes_backwards_is_an_error_and_is_forgotten(program: Program) -> None:
    """A program takes its events in order of time, a day and a moment compared by its clock."""
    program.decide(order(date=None, time=datetime(2026, 5, 19, 9, tzinfo=TOKYO)))
    for early in (
        order(id="early"),
        order(id="early", date=None, time=datetime(2026, 5, 18, 23, tzinfo=UTC)),
    ):
        with pytest.raises(InputError, match="before an earlier event, dated 2026-05-19"):
            program.decide(early)
    assert program.decide(order(id="early", date="2026-05-19", quantity=1)).outcome == "approved"


def test_what_is_brought_forward_comes_first(program: Program) -> None:
    """It counts as executed, and is an error after another event."""
    before = {"kind": "brought_forward", "id": "b", "shares": "39999.5", "amount": 0}
    assert program.decide(before).outcome == "recorded"
    assert program.position.executed_shares == "39999.5"
    with pytest.raises(InputError, match="put it first"):
        program.decide(before | {"id": "again"})


def test_every_rule_lists_those_that_pass() -> None:
    """Only if every rule is asked for, a decision lists those that pass."""
    assert STARTER.program().decide(order()).findings == ()
    found = STARTER.program(every_rule=True).decide(order()).findings
    assert {one.result for one in found} == {"pass"}
    assert [one.rule for one in found] == sorted(one.rule for one in found)


def test_replay_of_a_file_is_what_the_command_answers() -> None:
    """The API and `repurchase replay` come to the same summary, and so does it event by event."""
    log = sample_path("iij-2008-invented.csv")
    told = run("replay", str(log), "--rules", "iij-2008", "--json").json
    program = Rules("iij-2008").program()
    assert plain(program.replay(log)) == told
    one_by_one = Rules("iij-2008").program()
    for one in events():
        one_by_one.decide(one)
    assert one_by_one.summary == program.summary
    # All of it again is known already.
    assert (program.replay(log, sort=True).duplicates, program.summary.events) == (33, 33)


def test_replay_takes_the_names_and_values_that_it_is_given(tmp_path: Path) -> None:
    """Columns under other names, values for all rows, and columns to ignore are arguments."""
    log = tmp_path / "log.csv"
    log.write_text("ref,day,shares,note\na,2026-05-18,100,x\nb,2026-05-19,200,y\n")
    program = STARTER.program()
    summary = program.replay(
        log,
        columns={"id": "ref", "date": "day", "quantity": "shares"},
        constants={"symbol": "9999", "side": "buy", "price": Decimal("999.5")},
        ignore=["note"],
    )
    assert (summary.approved, summary.executed_amount) == (2, "299850")


def test_replay_that_fails_changes_nothing(tmp_path: Path) -> None:
    """One wrong row, and the program is as it was before the log."""
    program = STARTER.program()
    program.decide(order())
    before = program.summary, program.position, pickle.dumps(program)
    log = tmp_path / "log.csv"
    rows = [f"r-{number},2026-05-19,9999,buy,{number},1000" for number in range(1, 40)]
    rows[30] = "r-31,2026-05-19,9999,buy,-1,1000"
    log.write_text("id,date,symbol,side,quantity,price\n" + "\n".join(rows) + "\n")
    with pytest.raises(InputError, match=r"log.csv:32: `quantity` is `-1`"):
        program.replay(log)
    assert (program.summary, program.position, pickle.dumps(program)) == before
    rows[30] = "r-31,2026-05-19,9999,buy,31,1000"
    log.write_text("id,date,symbol,side,quantity,price\n" + "\n".join(rows) + "\n")
    assert program.replay(log).events == 40


def test_log_is_held_to_what_the_program_holds_already(tmp_path: Path) -> None:
    """An ID used before with other content, or a row before an earlier event, is an error."""
    log = tmp_path / "log.jsonl"
    program = STARTER.program()
    program.decide(order())
    log.write_text(json.dumps(order(quantity=1)))
    with pytest.raises(InputError, match=r"log.jsonl:1: the id `o-1` was used before with other"):
        program.replay(log)
    log.write_text(json.dumps(order(id="o-2", date="2026-05-17")))
    with pytest.raises(InputError, match=r"log.jsonl:1: the event is dated 2026-05-17, before"):
        program.replay(log)
    log.write_text(json.dumps(order()))
    assert (program.replay(log).events, program.summary.duplicates) == (1, 1)


def test_rows_without_ids_are_never_taken_for_earlier_ones(tmp_path: Path) -> None:
    """A second log without IDs is refused: its rows might be those of the first, or not."""
    log = tmp_path / "log.csv"
    log.write_text("date,symbol,side,quantity,price\n2026-05-18,9999,buy,100,1000\n")
    program = STARTER.program()
    assert program.replay(log).executed_shares == "100"
    with pytest.raises(InputError, match="give each row an `id` of its own"):
        program.replay(log)
    assert program.summary.executed_shares == "100"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,day,symbol,quantity\nb,2026-05-18,9999,1\n", "`columns`"),
        ("id,date,symbol,quantity,note\nb,2026-05-18,9999,1,n\n", "`ignore`"),
        ("id,date,symbol,quantity\nb,2026-05-18,8888,1\n", "use `skip_other_symbols=True`"),
        ("id,date,symbol,quantity\nb,2026-05-18,9999,1\nc,2026-05-17,9999,1\n", "`sort=True`"),
    ],
)
def test_hints_name_arguments_and_not_options(tmp_path: Path, text: str, said: str) -> None:
    """Whoever calls from Python is told of the arguments of the call."""
    log = tmp_path / "log.csv"
    log.write_text(text)
    with pytest.raises(RepurchaseError) as raised:
        STARTER.program().replay(log)
    assert said in str(raised.value)
    assert "--" not in str(raised.value)


@pytest.mark.parametrize("value", [2.65, None, [1], datetime(2026, 5, 18)])  # noqa: DTZ001
def test_constant_that_is_not_exact_is_refused(tmp_path: Path, value: Any) -> None:
    """A value for all rows is read as that of a field."""
    with pytest.raises(InputError, match="`price` is"):
        STARTER.program().replay(tmp_path / "log.csv", constants={"price": value})


@pytest.mark.parametrize(
    ("log", "error"),
    [("no-such.csv", UsageError), (5, UsageError), ([order()], UsageError), (None, UsageError)],
)
def test_what_is_no_log_is_refused(log: Any, error: type[Exception]) -> None:
    """Neither a file nor a frame: the call says what would do."""
    with pytest.raises(error):
        STARTER.program().replay(log)


def test_headroom_is_exact_and_decides_nothing(program: Program) -> None:
    """The largest order is approved, one unit more is not, and nothing is used by asking."""
    program.decide(order())
    asked = {"date": "2026-05-18", "symbol": "9999", "price": 1000, "order_type": "limit"}
    found = program.headroom(asked)
    assert (found.quantity, found.binding) == ("40000", ("share-cap",))
    assert program.summary.events == 1
    other = pickle.loads(pickle.dumps(program))
    assert other.decide(order(id="o-2", quantity=40_001)).outcome == "denied"
    assert program.decide(order(id="o-2", quantity=40_000)).outcome == "approved"
    assert program.headroom(asked).quantity == "0"
    assert other.headroom({**asked, "price": None, "quantity": 40_000}, tick=10).price == "2250"


@pytest.mark.parametrize(
    ("changes", "tick", "said"),
    [
        ({"quantity": 5}, None, "both given"),
        ({"price": None}, None, "neither"),
        ({"price": None, "quantity": 5, "order_type": "market"}, None, "no limit price"),
        ({}, 5, "applies only to the highest price"),
        ({"price": None, "quantity": 5}, 0, "the tick `0` is not a tick size"),
        ({"price": None, "quantity": 5}, 0.01, "`tick` is the float 0.01"),
        ({"kind": "order"}, None, "`kind` is not a field to ask with"),
        ({"authorization": "my-program"}, None, "`authorization` is not a field to ask with"),
        ({"price": 2.65}, None, "`price` is the float 2.65"),
        ({"date": None}, None, "`time` or `date` is missing"),
    ],
)
def test_headroom_of_a_wrong_question_is_an_error(
    program: Program, changes: dict[str, Any], tick: Any, said: str
) -> None:
    """A question without an answer raises, and says why."""
    asked = {"date": "2026-05-18", "symbol": "9999", "price": 1000, "order_type": "limit"}
    with pytest.raises((UsageError, InputError)) as raised:
        program.headroom({**asked, **changes}, tick=tick)
    assert said in str(raised.value)


def events() -> Iterator[dict[str, Any]]:
    """Yield the events of the invented sample, as mappings."""
    lines = sample_path("iij-2008-invented.csv").read_text(encoding="utf-8").splitlines()
    names = lines[0].split(",")
    for line in lines[1:]:
        yield {name: cell for name, cell in zip(names, line.split(","), strict=True) if cell}


@pytest.mark.parametrize("at", [0, 1, 10, 20, 33])
def test_pickled_program_goes_on_alike(at: int) -> None:
    """A copy, made at any moment and in another process's form, decides as the original does."""
    rules = pickle.loads(pickle.dumps(Rules("iij-2008")))
    program = rules.program(every_rule=True)
    asked = list(events())
    for one in asked[:at]:
        program.decide(one)
    other = pickle.loads(pickle.dumps(program))
    assert (other.summary, other.position) == (program.summary, program.position)
    assert [other.decide(one) for one in asked] == [program.decide(one) for one in asked]
    assert (other.summary, other.position) == (program.summary, program.position)


def test_copy_of_a_program_is_apart_from_it(program: Program) -> None:
    """What the copy decides changes nothing of the original."""
    program.decide(order())
    other = pickle.loads(pickle.dumps(program))
    other.decide(order(id="o-2"))
    assert (program.summary.events, other.summary.events) == (1, 2)
    assert program.position.reserved_shares == "60000"


def test_answers_are_frozen_and_can_be_pickled() -> None:
    """An answer is a value: nothing changes it, and its copy is equal to it."""
    decision = STARTER.check(order(quantity=200_000))
    program = STARTER.program()
    answers = (decision, decision.findings[0], program.position, program.summary, STARTER.test())
    for answer in answers:
        assert pickle.loads(pickle.dumps(answer)) == answer
    for frozen in answers[:4]:
        with pytest.raises(AttributeError):
            frozen.outcome = "approved"  # type: ignore[union-attr,misc]


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Return what *work* returns for each number below *count*, each in its own thread at once."""
    start, found = threading.Barrier(count), [None] * count

    def one(number: int) -> None:
        start.wait()
        found[number] = work(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_threads_share_a_program_and_no_cap_is_exceeded() -> None:
    """Four threads race for the last shares: exactly as many orders pass as one thread gets."""

    def asked(number: int) -> list[dict[str, Any]]:
        return [order(id=f"{number}-{each}", quantity=1000) for each in range(50)]

    serial = STARTER.program()
    alone = [serial.decide(one).outcome for number in range(4) for one in asked(number)]
    program = STARTER.program()
    found = in_threads(4, lambda number: [program.decide(one).outcome for one in asked(number)])
    together = [outcome for outcomes in found for outcome in outcomes]
    assert sorted(together) == sorted(alone)
    assert program.position == serial.position
    assert program.position.reserved_shares == "100000"
    assert program.summary.by_rule == serial.summary.by_rule


def test_threads_that_send_one_event_get_one_decision() -> None:
    """The same event from four threads is counted once."""
    program = STARTER.program()
    found = in_threads(4, lambda _: [program.decide(order()) for _ in range(20)])
    assert (
        len({msgspec.structs.replace(one, repeated=False) for ones in found for one in ones}) == 1
    )
    assert sum(not one.repeated for ones in found for one in ones) == 1
    assert program.position.reserved_shares == "60000"


@pytest.mark.slow
def test_threads_share_rules_and_decide_as_one_does() -> None:
    """Four threads check by the same rules, each event by all of them, as one thread does."""
    rules = Rules("iij-2008")
    asked = list(events())
    alone = [Rules("iij-2008").check(one) for one in asked]
    found = in_threads(4, lambda _: [rules.check(one) for one in asked])
    assert found == [alone] * 4


# What a program remembers of its events


def remembered(number: int) -> tuple[str, Kept]:
    """Return the ID and what is remembered of an event."""
    return f"e-{number * 7919 % 1000}", (b"%d" % number, b"d")


@given(
    held_max=st.integers(1, 8),
    count=st.integers(0, 30),
    length=st.integers(0, 30),
    more=st.integers(0, 20),
)
def test_what_is_remembered_is_exact_wherever_it_is_held(
    held_max: int, count: int, length: int, more: int
) -> None:
    """In memory or in the temporary file, each event is found, and forgotten when it is cut."""
    store = Answered(held_max)
    rows = [remembered(number) for number in range(count)]
    store.take(rows)
    assert list(store.rows()) == rows
    store.cut(length)
    rows = rows[:length]
    added = [remembered(number) for number in range(100, 100 + more)]
    for one in added:
        store.add(*one)
    assert (len(store), list(store.rows())) == (len(rows) + more, rows + added)
    assert all(store.of(id_) == kept for id_, kept in (*rows, *added))
    assert store.of("none") is None


def test_program_is_not_shared_with_a_forked_process() -> None:
    """A child that was forked does not write into the temporary file of its parent."""
    code = """
import os
from repurchase import UsageError
from repurchase.api.answered import Answered
store = Answered(1)
store.add("a", (b"1", b"2"))
pid = os.fork()
if not pid:
    try:
        store.of("b")
    except UsageError as error:
        os._exit(7)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
assert store.of("a") == (b"1", b"2")
"""
    assert printed(code) == ""


def test_error_tree_is_what_callers_catch() -> None:
    """Each public error is a RepurchaseError with its problems."""
    errors = (InputError, JournalError, RuleFileError, UsageError, repurchase.EngineFault)
    assert all(issubclass(one, RepurchaseError) for one in errors)
