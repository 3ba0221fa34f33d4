"""Tests of the index of ids that a log has used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.errors import UsageError
from repurchase.domain.events import Event
from repurchase.intake.ids import Ids, digest
from repurchase.intake.scratch import temporary_database

ONE = b"1" * 16
TWO = b"2" * 16


def test_id_is_new_once_then_same_or_other() -> None:
    """The same content is told from other content."""
    with temporary_database() as database:
        index = Ids(database)
        assert [
            index.seen("a", ONE),
            index.seen("a", ONE),
            index.seen("a", TWO),
            index.seen("a", ONE),
            index.seen("b", TWO),
        ] == ["new", "same", "other", "same", "new"]


@given(
    rows=st.lists(st.tuples(st.text("ab\u91ce\x01", min_size=1, max_size=3), st.booleans())),
    held_max=st.integers(1, 9),
)
def test_index_agrees_with_a_plain_dict(rows: list[tuple[str, bool]], held_max: int) -> None:
    """How many ids are held in memory changes no answer."""
    known: dict[str, bytes] = {}
    with temporary_database() as database:
        index = Ids(database, held_max)
        for id_, first in rows:
            digest = ONE if first else TWO
            expected = "new" if id_ not in known else "same" if known[id_] == digest else "other"
            known.setdefault(id_, digest)
            assert index.seen(id_, digest) == expected


@given(
    rows=st.lists(st.tuples(st.text("ab", min_size=1, max_size=3), st.booleans(), st.booleans())),
    held_max=st.integers(1, 9),
)
def test_a_text_stands_for_its_digest(rows: list[tuple[str, bool, bool]], held_max: int) -> None:
    """Of a row that is kept by its text, the digest is known, too."""
    events = {name: Event(kind="order", id=name) for name in ("one", "two")}
    known: dict[str, str] = {}
    seen: set[str] = set()
    with temporary_database() as database:
        index = Ids(database, held_max, events.get)
        for id_, first, is_text in rows:
            content = "one" if first else "two"
            before = known.setdefault(id_, content)
            if is_text:
                assert index.add(id_, content) == (id_ not in seen)
            else:
                expected = "new" if id_ not in seen else "same" if before == content else "other"
                assert index.seen(id_, digest(events[content])) == expected
            seen.add(id_)


def test_ids_beyond_memory_are_found() -> None:
    """Ids go to disk in many parts, in no order, and each is found there."""
    with temporary_database() as database:
        index = Ids(database, held_max=4)
        names = [f"f{at * 7919 % 1_000}" for at in range(1_000)]
        assert {index.seen(name, name.encode()) for name in names} == {"new"}
        assert {index.seen(name, name.encode()) for name in names} == {"same"}
        assert {index.seen(name, ONE) for name in names} == {"other"}


def test_full_disk_is_told() -> None:
    """The operator is told what to do, instead of an id being forgotten."""

    def use_a_full_disk() -> None:
        with temporary_database() as database:
            database.execute("PRAGMA max_page_count = 3")
            index = Ids(database, held_max=1_000)
            assert {index.seen(f"f{at}", ONE) for at in range(1_000)} == {"new"}
            index.seen("f1000", ONE)

    with pytest.raises(UsageError) as caught:
        use_a_full_disk()
    assert str(caught.value) == (
        "the temporary file cannot be used: database or disk is full; "
        "free some disk space, or set TMPDIR to a folder that has space"
    )


@pytest.mark.slow
def test_nothing_is_left_on_disk(tmp_path: Path) -> None:
    """Not even a process that is killed leaves its temporary file behind."""
    program = (
        "import os, signal\n"
        "from repurchase.intake.ids import Ids\n"
        "from repurchase.intake.scratch import temporary_database\n"
        "with temporary_database() as database:\n"
        "    index = Ids(database, held_max=20_000)\n"
        "    for at in range(200_000): index.seen(f'f{at}', b'1' * 16)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TMPDIR": str(tmp_path), "SQLITE_TMPDIR": str(tmp_path)},
        check=False,
    )
    assert (done.returncode, list(tmp_path.iterdir())) == (-9, [])
