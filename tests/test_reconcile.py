"""`reconcile`: the same fills agree, and whatever differs is found and named, each once."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from repurchase.journal.records import Reconciliation, digest, read_record, record_bytes
from repurchase.journal.store import Journal
from repurchase.replay.reconcile import Fill, Reconciled, has_ids, reconciled
from test_cli import run

RULES: Final = """\
repurchase: 1
authorization: own
timezone: Asia/Tokyo
currency: JPY
unlimited: [amount]
instruments:
  common: {symbol: "1", venues: [XTKS, XNGO]}
terms:
  max_shares: {value: "10,000 shares"}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: last-day, require: trade.last_date <= 2026-12-31}
"""
BEGIN: Final = datetime(2026, 3, 2, 1, tzinfo=UTC)
AT_ONCE: Final = timedelta()


@st.composite
def fills(draw: st.DrawFn, least: int = 0) -> list[Fill]:
    """Draw fills of which many are alike."""
    found = []
    for number in range(draw(st.integers(least, 10))):
        moment = BEGIN + timedelta(hours=draw(st.integers(0, 30)))
        quantity, price = draw(st.integers(1, 2)), draw(st.integers(5, 6))
        fill = Fill(
            id=f"f{number}",
            instrument=draw(st.sampled_from(["common", "ads"])),
            side="buy",
            venue=draw(st.sampled_from(["XTKS", "XNGO"])),
            quantity=quantity,
            price=price,
            amount=quantity * price,
            time=moment,
            day=moment.date(),
        )
        found.append(fill)
    return found


def as_file(fills: list[Fill], *, by_id: bool) -> list[Fill]:
    """Return *fills* as a file has them, with or without their ids."""
    return [
        replace(fill, line=line, id=fill.id if by_id else f"row-{line}")
        for line, fill in enumerate(fills, 2)
    ]


def compared(journal: list[Fill], file: list[Fill], within: timedelta = AT_ONCE) -> Reconciled:
    return reconciled(journal, file, within, by_id=has_ids(file))


@given(fills=fills(), chance=st.randoms(use_true_random=False), by_id=st.booleans())
def test_same_fills_in_any_order_agree(fills: list[Fill], chance: Random, by_id: bool) -> None:
    """With ids and without them, each fill has its partner."""
    shuffled = chance.sample(fills, len(fills))
    found = compared(fills, as_file(shuffled, by_id=by_id))
    assert (found.matched, found.differences) == (len(fills), 0)
    assert all(ours == theirs for ours, theirs in found.totals.values())


@given(fills=fills(), shifts=st.lists(st.integers(-3600, 3600), min_size=10), by_id=st.booleans())
def test_times_within_the_tolerance_agree(
    fills: list[Fill], shifts: list[int], by_id: bool
) -> None:
    """However alike the fills are, none is left over that could have had a partner."""
    file = []
    for fill, shift in zip(fills, shifts, strict=False):
        assert fill.time is not None
        moment = fill.time + timedelta(seconds=shift)
        file.append(replace(fill, time=moment, day=moment.date()))
    found = compared(fills, as_file(file, by_id=by_id), timedelta(hours=1))
    assert (found.matched, found.differences) == (len(fills), 0)


def plain(fill: Fill) -> Fill:
    """Return *fill* as both lists have it."""
    return replace(fill, id="", line=None)


CHANGES: Final[dict[str, Callable[[Fill], Fill]]] = {
    "quantity": lambda fill: replace(fill, quantity=fill.quantity + 1),
    "price": lambda fill: replace(fill, price=(fill.price or 0) + 1),
    "venue": lambda fill: replace(fill, venue="XNGO" if fill.venue == "XTKS" else "XTKS"),
    "side": lambda fill: replace(fill, side="sell"),
    "instrument": lambda fill: replace(fill, instrument="other"),
    "time": lambda fill: replace(fill, time=(fill.time or BEGIN) + timedelta(minutes=1)),
}


@pytest.mark.slow
@pytest.mark.parametrize("field", CHANGES)
@given(fills=fills(least=1), at=st.integers(0, 9), by_id=st.booleans())
def test_changed_fill_is_named_with_its_field(
    field: str, fills: list[Fill], at: int, by_id: bool
) -> None:
    """One fill differs, in that field alone, and the others match."""
    at %= len(fills)
    file = as_file(fills, by_id=by_id)
    file[at] = CHANGES[field](file[at])
    found = compared(fills, file)
    (one,) = found.different
    assert (found.matched, found.differences) == (len(fills) - 1, 1)
    assert [each.name for each in one.fields] == [field]
    assert (plain(one.journal), plain(one.file)) == (plain(fills[at]), plain(file[at]))
    assert not by_id or one.journal.id == one.file.id == fills[at].id


@given(fills=fills(least=1), at=st.integers(0, 9), by_id=st.booleans(), doubled=st.booleans())
def test_missing_or_doubled_fill_is_named(
    fills: list[Fill], at: int, by_id: bool, doubled: bool
) -> None:
    """What one list has alone is missing in the other; nothing else differs."""
    at %= len(fills)
    file = as_file(fills, by_id=by_id)
    chosen = file[at]
    if doubled:
        file.append(replace(chosen, line=99, id=chosen.id if by_id else "row-99"))
    else:
        del file[at]
    found = compared(fills, file)
    lists = (found.missing_in_journal, found.missing_in_file)
    ((one,), none) = lists if doubled else reversed(lists)
    assert (none, found.different, plain(one)) == ((), (), plain(chosen))


def test_what_the_file_does_not_state_is_not_compared() -> None:
    """A custodian may know no venues, and a day without its time."""
    (fill,) = [
        Fill(
            id="f",
            instrument="common",
            side="buy",
            venue="XTKS",
            quantity=1,
            price=5,
            amount=5,
            time=BEGIN,
            day=date(2026, 3, 2),
            fees=1,
        )
    ]
    bare = replace(fill, id="row-2", line=2, venue=None, time=None, fees=None)
    assert compared([fill], [bare]).differences == 0
    assert compared([fill], [replace(bare, day=date(2026, 3, 3))]).differences == 1
    assert compared([fill], [replace(bare, fees=2)]).different[0].fields[0].name == "fees"


# --- the command


def history(chance: Random) -> list[dict[str, Any]]:
    """Return what a venue reported: fills, busts and corrects, each with all of its fields."""
    found: list[dict[str, Any]] = []
    counting: list[str] = []
    moment = BEGIN
    for number in range(chance.randrange(4, 12)):
        moment += timedelta(minutes=chance.randrange(600))
        own: dict[str, Any] = {"id": f"e{number}", "time": moment.isoformat()}
        if counting and chance.random() < 0.35:
            of = counting.pop(chance.randrange(len(counting)))
            kind = chance.choice(["bust", "correct"])
            if kind == "correct":
                own |= {"quantity": chance.randrange(1, 9), "price": "5.5"}
                counting.append(str(own["id"]))
            found.append({"kind": kind, **own, "fill": of})
            continue
        counting.append(str(own["id"]))
        of_venue = {"symbol": "1", "venue": chance.choice(["XTKS", "XNGO"]), "side": "buy"}
        priced = {"quantity": chance.randrange(1, 9), "price": chance.choice(["5", "5.25"])}
        found.append({"kind": "fill", **own, **of_venue, **priced})
    # One at least counts and has its own row.
    last = (moment + timedelta(hours=1)).isoformat()
    of_venue = {"symbol": "1", "venue": "XTKS", "side": "buy"}
    found.append(
        {"kind": "fill", "id": "last", "time": last, **of_venue, "quantity": 7, "price": "9"}
    )
    return found


def lines(events: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(one) + "\n" for one in events)


def desk(folder: Path, events: list[dict[str, Any]]) -> None:
    """Submit *events* to a new journal in *folder*."""
    (folder / "own.yaml").write_text(RULES, encoding="utf-8")
    options = ("--journal", "own.db", "--rules", "own.yaml", "--one-person", "--json")
    ended = run("submit", "-", *options, stdin=lines(events), cwd=folder)
    assert ended.code in (0, 1), ended.err


@pytest.mark.parametrize("seed", range(6))
def test_desk_and_the_file_of_its_venue_agree_unless_one_thing_changes(
    tmp_path: Path, seed: int
) -> None:
    """Busts and corrects are netted on both sides; a change of one row is found and named."""
    events = history(Random(seed))
    desk(tmp_path, events)
    file = tmp_path / "broker.jsonl"
    file.write_text(lines(events), encoding="utf-8")
    ended = run("reconcile", "own.db", "broker.jsonl", "--json", cwd=tmp_path)
    assert (ended.code, ended.json["missing_in_file"]) == (0, []), ended.out
    ours = ended.json["totals"]["common"]
    assert ours["journal"] == ours["file"]
    said = run("position", "--journal", "own.db", "--json", cwd=tmp_path).json["position"]
    figures = (said["executed_shares"], said["executed_amount"])
    assert figures == (ours["journal"]["quantity"], ours["journal"]["amount"])
    last = events[-1]
    changes: dict[str, list[dict[str, Any]]] = {
        "quantity": [{**last, "quantity": 8}],
        "price": [{**last, "price": "9.01"}],
        "venue": [{**last, "venue": "XNGO"}],
        "missing": [],
        "doubled": [last, last],
    }
    for name, rows in changes.items():
        file.write_text(lines([*events[:-1], *rows]), encoding="utf-8")
        found = run("reconcile", "own.db", "broker.jsonl", "--json", cwd=tmp_path)
        assert found.code == 1, name
        told = found.json
        if rows and name != "doubled":
            (one,) = told["different"]
            assert one["journal"]["id"] == "last"
            assert name in [field["name"] for field in one["fields"]]
        else:
            (one,) = told["missing_in_file" if name == "missing" else "missing_in_journal"]
            assert one["id"] == "last"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a folder with a journal of three fills on two days."""
    rows = [
        {"id": f"f{at}", "time": f"2026-03-0{at}T10:00:00+09:00", "quantity": at, "price": "5"}
        for at in (2, 3, 4)
    ]
    of = {"kind": "fill", "symbol": "1", "venue": "XTKS", "side": "buy"}
    desk(tmp_path, [{**of, **one} for one in rows])
    return tmp_path


FILE: Final = """\
shares,when,at,venue,symbol
2,2026-03-02T10:00:01+09:00,5,XTKS,1
3,2026-03-03T10:00:00+09:00,5.1,XTKS,1
"""
NAMES: Final = ("--column", "quantity=shares", "--column", "time=when", "--column", "price=at")


def test_differences_are_a_table_on_a_terminal(here: Path) -> None:
    """With the line of the file, both values, and the totals of both sides."""
    (here / "file.csv").write_text(FILE, encoding="utf-8")
    ended = run("reconcile", "own.db", "file.csv", *NAMES, "--within", "1", cwd=here)
    assert ended.code == 1
    out = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert out[1] == (
        "1 matched, 1 different, 1 missing in file. Times of one trade may be 1 second apart."
    )
    assert "different f3 row-2 (line 3) price 5 5.1" in out
    assert out[-3:] == [
        "common journal 3 9 45",
        "common file 2 5 25.3",
        "common difference -1 -4 -19.7",
    ]


def test_days_bound_both_sides(here: Path) -> None:
    """What is outside of them is neither missing nor different."""
    (here / "file.csv").write_text(FILE, encoding="utf-8")
    days = ("--from", "2026-03-02", "--until", "2026-03-02")
    asked = ("reconcile", "own.db", "file.csv", *NAMES, *days, "--json")
    late = run(*asked, cwd=here)
    assert [one["fields"][0]["name"] for one in late.json["different"]] == ["time"]
    near = run(*asked, "--within", "1", cwd=here)
    assert (near.code, near.json["matched"], near.json["from"]) == (0, 1, "2026-03-02")
    # A wrong year must not look like a day on which all is well.
    none = run("reconcile", "own.db", "file.csv", *NAMES, "--from", "2027-03-02", cwd=here)
    said = "Neither the journal nor the file has a fill from 2027-03-02."
    assert (none.code, said in none.out) == (0, True)


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (FILE.replace("3,2026", "x,2026"), (), "file.csv:3: "),
        (FILE.replace("XTKS,1", "XTKS,9"), (), "`9` is not a symbol of the rule file"),
        (FILE, ("--from", "today"), "today"),
        ('{"kind":"bust","id":"b","fill":"f","date":"2026-03-02"}\n', (), "`f` is not a fill of"),
    ],
)
def test_file_that_cannot_be_read_is_no_difference(
    here: Path, content: str, options: tuple[str, ...], said: str
) -> None:
    """The message names the place, and nothing is concluded."""
    name = "file.jsonl" if content.startswith("{") else "file.csv"
    (here / name).write_text(content, encoding="utf-8")
    names = () if name == "file.jsonl" else NAMES
    ended = run("reconcile", "own.db", name, *names, *options, cwd=here)
    assert (ended.code, ended.out, said in ended.err) == (2, "", True), ended.err


MAPPING: Final = """\
mapping: 1
separator: ";"
numbers: {decimal: ","}
dates: {pattern: dd.MM.yyyy}
columns: {date: Tag, quantity: Stück, price: Kurs, venue: Platz}
set: {symbol: "1", side: buy}
rows: {totals: [{row: Summe}]}
"""
PRINTED: Final = """\
Tag;Stück;Kurs;Platz
02.03.2026;2;5;XTKS
03.03.2026;3;5,1;XTKS
04.03.2026;4;5;XTKS
Summe;9;;
"""


@pytest.mark.parametrize(
    ("content", "code", "different"), [(PRINTED, 1, 1), (PRINTED.replace("5,1", "5"), 0, 0)]
)
def test_file_is_read_by_a_mapping(here: Path, content: str, code: int, different: int) -> None:
    """Days without times, other words and other marks are compared all the same."""
    (here / "map.yaml").write_text(MAPPING, encoding="utf-8")
    (here / "file.csv").write_text(content, encoding="utf-8")
    asked = ("reconcile", "own.db", "file.csv", "--mapping", "map.yaml", "--json")
    ended = run(*asked, cwd=here)
    assert (ended.code, len(ended.json["different"])) == (code, different), ended.out


def test_file_that_does_not_come_to_its_own_total_ends_with_1(here: Path) -> None:
    """It was read wrongly, or is not whole: as in a replay, that is said, and not recorded."""
    (here / "map.yaml").write_text(MAPPING, encoding="utf-8")
    printed = PRINTED.replace("5,1", "5").replace("Summe;9", "Summe;10")
    (here / "file.csv").write_text(printed, encoding="utf-8")
    call = ("reconcile", "own.db", "file.csv", "--mapping", "map.yaml", "--json")
    ended = run(*call, "--record", "--by", "Ito", cwd=here)
    assert (ended.code, ended.json["matched"], "record" in ended.json) == (1, 3, False)
    (found,) = ended.json["differences"]
    assert (found["printed"], found["found"]) == ("10", "9")
    assert "file.csv:5: the shares in `Summe`: 10, but the rows come to 9" in ended.err
    assert "the result is not recorded" in ended.err
    listed = run("show", "--reconciliations", "--journal", "own.db", "--json", cwd=here)
    assert listed.json == []


def test_what_was_not_compared_is_told(here: Path) -> None:
    """Fills without prices agree in all that they state, which is not all."""
    (here / "file.csv").write_text(
        "shares,day,venue,symbol\n2,2026-03-02,XTKS,1\n3,2026-03-03,XTKS,1\n4,2026-03-04,XTKS,1\n"
    )
    names = ("--column", "quantity=shares", "--column", "date=day")
    ended = run("reconcile", "own.db", "file.csv", *names, "--json", cwd=here)
    assert (ended.code, ended.json["matched"]) == (0, 3)
    assert ended.json["not_compared"] == {"price": 3, "amount": 3, "time": 3}
    told = run("reconcile", "own.db", "file.csv", *names, cwd=here).out
    said = "because a side does not state it (trades): price (3), amount (3), time (3)."
    assert said in " ".join(told.split())
    assert "3 matched. Times of one trade must be equal." in told
    (here / "file.csv").write_text(FILE, encoding="utf-8")
    assert (
        run("reconcile", "own.db", "file.csv", *NAMES, "--json", cwd=here).json["not_compared"]
        == {}
    )


def test_journal_in_the_place_of_the_file_is_named(here: Path) -> None:
    """Whoever swaps the two is told so, and not that the file was damaged."""
    (here / "file.csv").write_text(FILE, encoding="utf-8")
    for file in ("own.db", "postgresql://desk@host/name"):
        ended = run("reconcile", "file.csv", file, cwd=here)
        assert (ended.code, "give the journal first" in ended.err) == (2, True), ended.err


# --- the record


RECORD: Final = ("reconcile", "own.db", "file.csv", *NAMES, "--record", "--by", "Ito", "--json")


def sealed_again(body: bytes, change: Callable[[dict[str, Any]], None]) -> tuple[bytes, str]:
    """Return *body* of a record after *change* of its reconciliation, with its new hash."""
    record = read_record(body)
    fields = json.loads(body)
    change(fields["reconciliation"])
    forged = replace(
        record, reconciliation=msgspec.convert(fields["reconciliation"], Reconciliation)
    )
    changed = record_bytes(forged)
    return changed, digest(changed)


@pytest.mark.parametrize("days", [(), ("--from", "2026-03-03"), ("--until", "2026-03-03")])
def test_result_is_a_record_that_verify_checks(here: Path, days: tuple[str, ...]) -> None:
    """The record has the file's hash, who compared it, the counts and the totals of both."""
    (here / "file.csv").write_text(FILE, encoding="utf-8")
    ended = run(*RECORD, *days, cwd=here)
    assert ended.code == 1
    with Journal(str(here / "own.db")) as journal:
        (*_, last) = journal.records("own")
    told = read_record(last.body).reconciliation
    assert told is not None
    assert (ended.json["record"], ended.json["hash"]) == (last.sequence, last.hash)
    assert told.file == hashlib.sha256(FILE.encode()).hexdigest()
    assert (told.by, told.matched) == ("Ito", ended.json["matched"])
    assert told.different == len(ended.json["different"])
    assert told.missing_in_file == len(ended.json["missing_in_file"])
    assert json.loads(msgspec.json.encode(told.totals["common"].journal)) == {
        name: int(value) if name == "quantity" else value
        for name, value in ended.json["totals"]["common"]["journal"].items()
    }
    verified = run("verify", "--journal", "own.db", cwd=here)
    assert verified.code == 0, verified.err
    again = run(*RECORD, *days, cwd=here)
    assert again.json["record"] == last.sequence + 1


def test_journal_with_a_reconciliation_goes_on_and_is_carried_elsewhere(here: Path) -> None:
    """Events follow it, and export and import keep it as it is."""
    (here / "file.csv").write_text(FILE, encoding="utf-8")
    assert run(*RECORD, cwd=here).code == 1
    later = {"kind": "fill", "id": "f9", "date": "2026-03-05", "symbol": "1", "venue": "XTKS"}
    later |= {"side": "buy", "quantity": "1", "price": "5"}
    run("submit", "-", "--journal", "own.db", stdin=json.dumps(later), cwd=here)
    exported = run("export", "--journal", "own.db", cwd=here)
    assert exported.code == 0, exported.err
    (here / "own.jsonl").write_text(exported.out, encoding="utf-8")
    ended = run("import", "own.jsonl", "--journal", "other.db", cwd=here)
    assert ended.code == 0, ended.err
    bodies = []
    for name in ("own.db", "other.db"):
        with Journal(str(here / name)) as journal:
            bodies.append([one.body for one in journal.records("own")])
        said = run("position", "--journal", name, "--json", cwd=here).json["position"]
        assert said["executed_shares"] == "10"
    assert bodies[0] == bodies[1]


SUM: Final = {"fills": 0, "quantity": 0, "amount": "0"}
FORGED: Final[dict[str, Callable[[dict[str, Any]], None]]] = {
    "the fills": lambda told: told["totals"]["common"]["journal"].update(quantity=10),
    "the money": lambda told: told["totals"]["common"]["journal"].update(amount="46"),
    "an instrument": lambda told: told["totals"].update(
        other={"journal": SUM | {"quantity": 1}, "file": SUM}
    ),
    "the days": lambda told: told.update(first="2026-03-03"),
    "the matches": lambda told: told.update(matched=2),
    "what is missing": lambda told: told.update(missing_in_file=0),
    "the file's fills": lambda told: told["totals"]["common"]["file"].update(fills=3),
}


@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED)
def test_reconciliation_that_the_events_do_not_give_is_found(
    here: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    """Even if its hash, and the head of the program, were made anew."""
    (here / "file.csv").write_text(FILE, encoding="utf-8")
    assert run(*RECORD, cwd=here).code == 1
    with Journal(str(here / "own.db")) as journal:
        (*_, last) = journal.records("own")
    body, hash_ = sealed_again(last.body, change)
    with sqlite3.connect(here / "own.db") as database:
        database.execute(
            "UPDATE records SET body = ?, hash = ? WHERE sequence = ?", (body, hash_, last.sequence)
        )
        database.execute("UPDATE programs SET head = ?", (hash_,))
    database.close()
    ended = run("verify", "--journal", "own.db", cwd=here, XDG_STATE_HOME=str(here / "state"))
    assert (ended.code, f"record {last.sequence}: " in ended.err) == (1, True), ended.err
    assert "fills that it compared" in ended.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--record",), "`--record` and `--by` come together"),
        (("--by", "Ito"), "`--record` and `--by` come together"),
    ],
)
def test_nothing_is_recorded_without_a_name(
    here: Path, options: tuple[str, ...], said: str
) -> None:
    """Nor is anything else changed in the journal."""
    (here / "file.csv").write_text(FILE, encoding="utf-8")
    before = (here / "own.db").read_bytes()
    ended = run("reconcile", "own.db", "file.csv", *NAMES, *options, cwd=here)
    assert (ended.code, said in ended.err) == (2, True)
    assert run("reconcile", "own.db", "file.csv", *NAMES, cwd=here).code == 1
    assert (here / "own.db").read_bytes() == before


def test_reconciliations_are_listed(here: Path) -> None:
    """When, by whom, over which days and with what result."""
    (here / "file.csv").write_text(FILE, encoding="utf-8")
    first = run(*RECORD, "--within", "1", cwd=here)
    second = run(*RECORD, "--from", "2026-03-04", cwd=here)
    listed = run("show", "--reconciliations", "--journal", "own.db", "--json", cwd=here).json
    assert [one["record"] for one in listed] == [first.json["record"], second.json["record"]]
    found = listed[0]["reconciliation"]
    assert (found["by"], found["matched"], found["different"]) == ("Ito", 1, 1)
    assert listed[1]["reconciliation"]["first"] == "2026-03-04"
    told = run("show", "--reconciliations", "--journal", "own.db", cwd=here).out
    assert "2026-03-04 to the last" in " ".join(told.split())
    both = run("show", "f2", "--reconciliations", "--journal", "own.db", cwd=here)
    assert (both.code, "an event ID and --reconciliations are given" in both.err) == (2, True)
