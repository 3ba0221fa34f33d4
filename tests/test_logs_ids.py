"""Tests of the index of ids that a log has used."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.errors import UsageError
from repurchase.intake import ids, scratch
from repurchase.intake.ids import Ids

ONE = b"1" * 16
TWO = b"2" * 16


def test_id_is_new_once_then_same_or_other() -> None:
    """The same content is told from other content."""
    with Ids() as index:
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
    with Ids(held_max) as index:
        for id_, first in rows:
            digest = ONE if first else TWO
            expected = "new" if id_ not in known else "same" if known[id_] == digest else "other"
            known.setdefault(id_, digest)
            assert index.seen(id_, digest) == expected


def test_ids_are_found_in_every_run_and_after_merging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of several sizes lie on disk at once, and each is looked into."""
    monkeypatch.setattr(ids, "_RUNS_MERGED", 3)
    with Ids(held_max=4) as index:
        names = [f"f{at * 7919 % 1_000}" for at in range(1_000)]
        assert {index.seen(name, name.encode()) for name in names} == {"new"}
        assert {index.seen(name, name.encode()) for name in names} == {"same"}
        assert {index.seen(name, ONE) for name in names} == {"other"}


def test_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator is told what to do, instead of an id being forgotten."""

    def small() -> sqlite3.Connection:
        base = scratch.temporary_base()
        base.execute("PRAGMA max_page_count = 3")
        return base

    monkeypatch.setattr(ids, "temporary_base", small)
    with Ids(held_max=1_000) as index:
        assert {index.seen(f"f{at}", ONE) for at in range(999)} == {"new"}
        with pytest.raises(UsageError) as caught:
            index.seen("f999", ONE)
    assert str(caught.value) == (
        "the temporary file cannot be used: database or disk is full; "
        "free some space, or set TMPDIR to a folder that has it"
    )


def test_nothing_is_left_on_disk(tmp_path: Path) -> None:
    """Not even a process that is killed leaves its temporary file behind."""
    program = (
        "import os, signal\n"
        "from repurchase.intake.ids import Ids\n"
        "index = Ids(held_max=20_000)\n"
        "for at in range(200_000): index.seen(f'f{at}', b'1' * 16)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TMPDIR": str(tmp_path), "SQLITE_TMPDIR": str(tmp_path)},
        check=False,
    )
    assert (done.returncode, list(tmp_path.iterdir())) == (-9, [])
