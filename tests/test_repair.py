"""What is left of a damaged program, and what is lost: `verify --repairable`."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from desk_events import PROGRAM, clock, order, rules
from repurchase.audit.repair import Lost, remains
from repurchase.journal.desk import Desk
from repurchase.journal.store import Journal
from test_cli import run

ORDERS: Final = 6
CHANGED: Final = (
    "update records set body = cast(replace(body, '\"o3\"', '\"x3\"') as blob) where sequence = 4"
)
# What was done to the file, how many records are whole, and which of those lost still have a name.
DAMAGES: Final[Mapping[str, tuple[str, int, list[str | None]]]] = {
    "nothing": ("select 1", 7, []),
    "a record is gone": ("delete from records where sequence = 4", 3, [None, "o4", "o5", "o6"]),
    "a record is no record": (
        "update records set body = x'00' where sequence = 4",
        3,
        [None, "o4", "o5", "o6"],
    ),
    "a record is no bytes": (
        "update records set body = 7 where sequence = 4",
        3,
        [None, "o4", "o5", "o6"],
    ),
    "a figure was changed": (CHANGED, 3, ["x3", "o4", "o5", "o6"]),
    "the first is gone": (
        "delete from records where sequence = 1",
        0,
        [None, "o1", "o2", "o3", "o4", "o5", "o6"],
    ),
    "the last two are gone": ("delete from records where sequence > 5", 5, [None, None]),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the journal of a program with six orders."""
    path = tmp_path_factory.mktemp("whole") / "desk.db"
    with Journal(str(path), create=True) as journal:
        desk = Desk(journal, PROGRAM, clock(), rules())
        for number in range(1, ORDERS + 1):
            desk.submit(order(f"o{number}"))
        desk.close()
    return path


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_hides_no_other_record(whole: Path, tmp_path: Path, damage: str) -> None:
    """The records before the damage are whole, and each one after it that can be read is named."""
    statement, count, names = DAMAGES[damage]
    path = tmp_path / "desk.db"
    shutil.copy(whole, path)
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()
    with Journal(str(path)) as journal:
        found = remains(journal, PROGRAM)
    lost = tuple(
        Lost(number, None if name is None else "order", name)
        for number, name in enumerate(names, count + 1)
    )
    assert (found.whole, found.lost, bool(found.problems)) == (count, lost, bool(names))
    ended = run("verify", "--repairable", "--journal", path)
    assert (ended.code, "To restore" in ended.out) == ((1, True) if names else (0, False))


def test_file_that_is_no_journal_is_told_from_a_damaged_one(whole: Path, tmp_path: Path) -> None:
    """A text file was probably named by mistake; a journal may have lost its first page."""
    text, damaged = tmp_path / "a.jsonl", tmp_path / "desk.db"
    text.write_text("{}\n" * 400)
    damaged.write_bytes(whole.read_bytes()[:4096] + b"x" * 4096 * 3)
    assert "name the journal; if this file was one" in run("position", "--journal", text).err
    said = run("position", "--journal", damaged).err
    assert ("name the journal" in said, "restore a copy of it" in said) == (False, True)


def test_journal_that_lists_no_program_says_whose_records_it_has(
    whole: Path, tmp_path: Path
) -> None:
    """It is not a journal that nobody began."""
    path = tmp_path / "desk.db"
    shutil.copy(whole, path)
    with sqlite3.connect(path) as connection:
        connection.execute("delete from programs")
    connection.close()
    said = run("position", "--journal", path)
    assert (said.code, f"but has records of `{PROGRAM}`; run" in said.err) == (2, True)
