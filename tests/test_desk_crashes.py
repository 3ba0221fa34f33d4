"""A desk that is killed: what it answered is recorded, and what it did not is whole or absent."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from stores import Store
from test_desk_machine import FAILPOINTS

KILLS: Final = 200
# On PostgreSQL it is the server that undoes what was not committed: a few show that we ask it to.
KILLS_POSTGRES: Final = 20


def children(command: str, *arguments: object, broken: str = "") -> Any:
    """Return what `desk_children` came to; raise CalledProcessError where it found a fault."""
    program = Path(__file__).with_name("desk_children.py")
    done = subprocess.run(
        [sys.executable, str(program), broken, command, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.slow
def test_killed_at_any_moment_loses_no_answer(tmp_path: Path) -> None:
    """After SIGKILL each answer given has its record, and each event sent again gets just one."""
    counts = children("killed", tmp_path / "journal", KILLS, 1)
    assert counts["kills"] == KILLS
    # It was killed before, while and after it recorded something.
    assert min(counts.values()) > 0
    assert counts["recorded unanswered"] < counts["unanswered"]


@pytest.mark.slow
def test_killed_client_of_postgresql_loses_no_answer(postgres: Store) -> None:
    """The same where another process keeps the journal."""
    counts = children("killed", postgres.url, KILLS_POSTGRES, 1)
    assert counts["kills"] == KILLS_POSTGRES
    assert counts["answered"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_process_that_ends_at_a_named_point_leaves_all_or_nothing(
    store: Store, failpoint: str
) -> None:
    """Before its commit an event leaves no trace, after it its record; again it gets just one."""
    found = children("ended", store.url, failpoint)
    assert found == {
        "status": 77,
        "left": ["o1", "o2"] if FAILPOINTS[failpoint] else ["o1"],
        "outcome": "approved",
        "ids": [None, "o1", "o2"],
        "reserved": "2",
    }


def test_answer_without_its_record_is_noticed(tmp_path: Path) -> None:
    """A desk that answers and does not commit fails the test above."""
    with pytest.raises(subprocess.CalledProcessError) as caught:
        children("killed", tmp_path / "journal", 20, 1, broken="never_commits")
    assert "was lost" in caught.value.stderr
