"""Lines that `submit` cannot take: what they stop, what goes on, and what is left behind."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

import repurchase
from repurchase.journal.desk import GROUP_MAX
from repurchase.journal.records import read_record
from repurchase.journal.store import Journal
from test_cli import COMMAND, Run, run

ORDER: Final[dict[str, Any]] = {
    "kind": "order",
    "id": "o",
    "time": "2008-11-14T09:30:00+09:00",
    "symbol": "3774",
    "side": "buy",
    "quantity": 1,
    "price": 1000,
    "by": "Sato",
}


RULES: Final = """\
repurchase: 1
authorization: acme
timezone: Asia/Tokyo
currency: JPY
instruments: {common: {symbol: "3774", venues: [XTKS]}}
terms: {max_shares: {value: "1,000 shares"}}
unlimited: [amount]
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
"""


@pytest.fixture(autouse=True)
def rule_file(tmp_path: Path) -> None:
    """Write the rule file of these tests."""
    (tmp_path / "acme.yaml").write_text(RULES)


def left(folder: Path) -> list[str]:
    """Return the names of all files in *folder* but the rule file."""
    return sorted(path.name for path in folder.iterdir() if path.name != "acme.yaml")


def line(name: str, **fields: object) -> bytes:
    """Return an order as a line; a field that is `None` is left out."""
    values = {**ORDER, "id": name, **fields}
    return json.dumps({key: one for key, one in values.items() if one is not None}).encode() + b"\n"


# Each way in which a line cannot be taken, and what is said of it.
BAD: Final = {
    "cut short": (b'{"kind": "order"\n', "the line ends in the middle of its JSON object"),
    "not an object": (b"kind,id\n", "the line is not a JSON object"),
    "not UTF-8": (line("bad").replace(b"Sato", b"S\xe4to"), "the line is not UTF-8"),
    "too long": (line("bad", reason="x" * 70_000), "the line is longer than 65536 bytes"),
    "no id": (line("bad", id=None), "`id` is missing"),
    "a wrong number": (line("bad", price="1e5"), "`price` is `1e5`, not a number"),
    "a wrong name": (line("bad", prise=1), "`prise` is not an event field"),
    "no such time": (line("bad", time="2008-11-14T24:00:00Z"), "which is no time that exists"),
    "the future": (line("bad", time="2199-01-01T09:00:00Z"), "the event `bad` is dated 2199-01-01"),
    "a day of the future": (
        line("bad", time=None, date="2199-01-01"),
        "the event `bad` is dated 2199-01-01",
    ),
    "another authorization": (
        line("bad", authorization="other"),
        "the event `bad` is of authorization `other`",
    ),
}
each_bad: Final = pytest.mark.parametrize(("bad", "said"), BAD.values(), ids=BAD)


def submitted(folder: Path, content: bytes, *options: str) -> Run:
    """Submit *content* as a file to a journal in *folder*."""
    (folder / "events.jsonl").write_bytes(content)
    call = ("submit", "events.jsonl", "--journal", "desk.db", "--rules", "acme.yaml", "--json")
    return run(*call, *options, cwd=folder)


def told(ended: Run) -> list[str | int]:
    """Return what *ended* told of each line: the id of its event, or the number of a bad line."""
    found: list[str | int] = []
    for one in map(json.loads, ended.out.splitlines()):
        if "errors" in one:
            (problem,) = one["errors"]
            assert problem["file"] == "events.jsonl"
            found.append(problem["line"])
        else:
            found.append(one["id"])
    return found


def recorded(folder: Path) -> list[str]:
    """Return the ids of the recorded events."""
    with Journal(str(folder / "desk.db")) as journal:
        events = (read_record(one.body).event for one in journal.records("acme"))
        return [event["id"] for event in events if event is not None]


@each_bad
def test_bad_line_stops_only_what_follows(tmp_path: Path, bad: bytes, said: str) -> None:
    """The events before it are decided and recorded, and it is named with its file and line."""
    ended = submitted(tmp_path, line("a") + line("b") + bad + line("c"))
    assert (ended.code, told(ended)) == (2, ["a", "b", 3])
    assert said in ended.out
    assert recorded(tmp_path) == ["a", "b"]
    assert ended.err.splitlines()[-1].startswith("2 events were recorded; send the events again")
    assert ended.err.count("begins and adopts") == 1


def test_unknown_field_of_a_live_event_is_to_be_removed(tmp_path: Path) -> None:
    """The options that map the columns of a log are none of this command's."""
    ended = submitted(tmp_path, line("a").replace(b"{", b'{"colour": "red", ', 1))
    assert (ended.code, '"hint":"remove it"' in ended.out) == (2, True)


def test_halt_stops_though_its_sender_has_a_wrong_clock(tmp_path: Path) -> None:
    """A halt of another century stops now, and moves no day; other events of it are refused."""
    halt = b'{"kind": "halt", "id": "h", "time": "2105-01-01T00:00:00Z", "by": "cho"}\n'
    assert submitted(tmp_path, line("a") + halt).code == 0
    denied = submitted(tmp_path, line("b"))
    (answer,) = map(json.loads, denied.out.splitlines())
    assert (denied.code, answer["outcome"], answer["halted_by"]) == (1, "denied", ["h"])
    assert "engine.backdated" not in denied.out
    ahead = submitted(tmp_path, halt.replace(b"halt", b"cancel").replace(b"h", b"x", 1))
    assert ahead.code == 2
    assert run("verify", "--journal", tmp_path / "desk.db").code == 0


@each_bad
def test_bad_line_harms_only_itself(tmp_path: Path, bad: bytes, said: str) -> None:
    """With --keep-going each line has its answer in its place, also after a first bad line."""
    ended = submitted(tmp_path, bad + line("a") + bad + bad + line("b") + bad, "--keep-going")
    assert (ended.code, told(ended)) == (2, [1, "a", 3, 4, "b", 6])
    assert ended.out.count(said) == 4
    assert recorded(tmp_path) == ["a", "b"]
    last = ended.err.splitlines()[-1]
    assert last.startswith("2 events were recorded and 4 lines were not taken; fix the fault")


def test_bad_lines_among_many_harm_only_themselves(tmp_path: Path) -> None:
    """Wherever they are in the groups that share a transaction, all lines are told in order."""
    chance = random.Random(8)
    content, expected = b"", list[str | int]()
    for number in range(1, 2 * GROUP_MAX + 50):
        is_bad = chance.random() < 0.03
        content += chance.choice(list(BAD.values()))[0] if is_bad else line(f"o-{number}")
        expected.append(number if is_bad else f"o-{number}")
    ended = submitted(tmp_path, content, "--keep-going")
    assert (ended.code, told(ended)) == (2, expected)
    assert recorded(tmp_path) == [one for one in expected if isinstance(one, str)]


def test_keeping_on_without_a_bad_line_changes_nothing(tmp_path: Path) -> None:
    """The exit code is that of the decisions."""
    assert submitted(tmp_path, line("a"), "--keep-going").code == 0
    ended = submitted(tmp_path, line("a") + line("b", quantity=4_000), "--keep-going")
    assert (ended.code, told(ended)) == (1, ["a", "b"])


def test_people_are_told_of_each_bad_line(tmp_path: Path) -> None:
    """Without --json they stand on standard error, each with its place."""
    (tmp_path / "events.jsonl").write_bytes(BAD["the future"][0] + line("a") + BAD["no id"][0])
    call = (
        "submit",
        "events.jsonl",
        "--journal",
        "desk.db",
        "--rules",
        "acme.yaml",
        "--keep-going",
    )
    ended = run(*call, cwd=tmp_path)
    assert (ended.code, ended.out.startswith("APPROVED  order a")) == (2, True)
    first, _, third, last = (line for line in ended.err.splitlines() if "acme.yaml: " not in line)
    assert first.startswith("events.jsonl:1: the event `bad` is dated 2199-01-01 09:00:00+00:00, ")
    assert third == "events.jsonl:3: `id` is missing; an `order` event needs it"
    assert last.startswith("1 event was recorded and 2 lines were not taken; fix the fault")


def test_fault_of_the_journal_stops_at_once(tmp_path: Path) -> None:
    """What is wrong is not the line, so no later line is submitted either."""
    assert submitted(tmp_path, line("a")).code == 0
    with closing(sqlite3.connect(tmp_path / "desk.db")) as database:
        # The salt makes each hash another one; turned around its first letter, none stays the same.
        turned = "substr(hash, 2) || substr(hash, 1, 1)"
        database.execute(f"UPDATE records SET hash = {turned} WHERE sequence = 2")
        database.commit()
    ended = submitted(tmp_path, line("b") + line("c"), "--keep-going")
    assert (ended.code != 0, ended.out.count("errors")) == (True, 1)
    assert recorded(tmp_path) == ["a"]


# -- what is left behind --------------------------------------------------------------------------


@pytest.mark.parametrize("options", [(), ("--keep-going",)], ids=["stop", "keep going"])
@each_bad
def test_first_submission_that_fails_leaves_no_journal(
    tmp_path: Path, bad: bytes, said: str, options: tuple[str, ...]
) -> None:
    """Neither its database nor the files beside it; a journal that was there stays as it was."""
    ended = submitted(tmp_path, bad, *options)
    assert (ended.code, said in ended.out) == (2, True)
    assert left(tmp_path) == ["events.jsonl"]
    assert "begins and adopts" not in ended.err


def test_journal_that_was_there_stays(tmp_path: Path) -> None:
    """With a program or, as a crash leaves it, without one."""
    bad, _ = BAD["no id"]
    with Journal(str(tmp_path / "desk.db"), create=True), Journal(str(tmp_path / "desk.db")):
        assert submitted(tmp_path, bad).code == 2
        assert (tmp_path / "desk.db").exists()
        assert submitted(tmp_path, line("a") + bad).code == 2
    assert submitted(tmp_path, bad).code == 2
    assert recorded(tmp_path) == ["a"]


def test_file_that_was_empty_stays(tmp_path: Path) -> None:
    """Someone else made it, so it is not removed."""
    (tmp_path / "desk.db").touch()
    assert submitted(tmp_path, BAD["no id"][0]).code == 2
    assert (tmp_path / "desk.db").exists()


def waiting(folder: Path) -> subprocess.Popen[str]:
    """Return a first submission that waits for its first event, after it has made its journal."""
    started = subprocess.Popen(
        [COMMAND, "submit", "-", "--journal", "desk.db", "--rules", "acme.yaml", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    # The `-shm` file is there only once the journal is whole.
    while not (folder / "desk.db-shm").exists():
        assert started.poll() is None, started.communicate()
    return started


def test_interrupt_before_the_first_event_leaves_no_journal(tmp_path: Path) -> None:
    """Ctrl-C at a desk that has not begun is as if nobody had come."""
    started = waiting(tmp_path)
    started.send_signal(signal.SIGINT)
    _, err = started.communicate()
    assert (started.returncode, "Traceback" in err) == (130, False)
    assert left(tmp_path) == []


@pytest.mark.slow
def test_failed_submission_leaves_the_journal_of_another(tmp_path: Path) -> None:
    """It made the file, but another first submission waits with it open, and then begins."""
    maker = waiting(tmp_path)
    other = subprocess.Popen(
        [COMMAND, "submit", "-", "--journal", "desk.db", "--rules", "acme.yaml", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert other.stdin is not None
    assert other.stdout is not None
    other.stdin.write(line("a").decode())
    other.stdin.flush()
    assert json.loads(other.stdout.readline())["id"] == "a"
    maker.communicate("{\n")
    assert maker.returncode == 2
    other.communicate(line("b").decode())
    assert other.returncode == 0
    assert recorded(tmp_path) == ["a", "b"]


def test_lock_is_taken_anew_if_its_file_was_removed(tmp_path: Path) -> None:
    """Who waited for the lock of a journal that was removed makes another journal."""
    url = str(tmp_path / "desk.db")
    with Journal(url, create=True), Journal(url, create=True) as second:
        # As the first one, alone, would remove it.
        for path in second.files():
            path.unlink(missing_ok=True)
        with (
            pytest.raises(repurchase.JournalError, match="moved or replaced"),
            second.writing("acme"),
        ):
            pass
    with Journal(url, create=True):
        assert (tmp_path / "desk.db").exists()
    assert not (tmp_path / "desk.db").exists()


def test_desk_in_python_that_records_nothing_leaves_no_journal(tmp_path: Path) -> None:
    """Closed unused, or after an event that it could not take; with a record it stays."""
    path = tmp_path / "desk.db"
    with repurchase.Desk(path, tmp_path / "acme.yaml") as desk:
        assert desk.position.executed_shares == "0"
    assert left(tmp_path) == []
    future = {**ORDER, "time": "2199-01-01T09:00:00Z"}
    with (
        pytest.raises(repurchase.InputError, match="is dated"),
        repurchase.Desk(path, tmp_path / "acme.yaml") as desk,
    ):
        desk.submit(future)
    assert left(tmp_path) == []
    with repurchase.Desk(path, tmp_path / "acme.yaml") as desk:
        assert desk.submit(ORDER).outcome == "approved"
    assert recorded(tmp_path) == ["o"]


def test_import_that_fails_leaves_no_journal(tmp_path: Path) -> None:
    """A file that is cut short is imported neither whole nor in part."""
    assert submitted(tmp_path, line("a")).code == 0
    exported = run("export", "--journal", tmp_path / "desk.db").out
    (tmp_path / "cut.jsonl").write_text("".join(exported.splitlines(keepends=True)[:-1]))
    ended = run("import", "cut.jsonl", "--journal", "copy.db", cwd=tmp_path)
    assert ended.code == 1
    assert list(tmp_path.glob("copy.db*")) == []
