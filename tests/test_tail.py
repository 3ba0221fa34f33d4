"""The later part of a program judged in another process: nothing is found otherwise than in one.

Each test judges the program of `test_audit`, its last third in a real second process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from repurchase.audit import tail
from repurchase.audit.judged import Audit, Part
from repurchase.audit.whole import verify
from repurchase.domain.errors import Tampering
from repurchase.journal.records import Record
from repurchase.journal.store import Journal
from test_audit import (
    CHANGES,
    NAME,
    RECORDS,
    bodies,
    changed,
    checkpoint_at,
    copied,
    forged,
    found,
    original,
    recorded,
    verified,
)

__all__ = ["copied", "original", "recorded"]

T = TypeVar("T")
Patch = pytest.MonkeyPatch
EARLIER = RECORDS * tail.EARLIER_PERCENT // 100


@pytest.fixture(autouse=True)
def joined(monkeypatch: Patch) -> list[Part]:
    """Let another process judge the later part of a short program too; give what it found."""
    monkeypatch.setattr(tail, "RECORDS_MIN", 2)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    parts: list[Part] = []
    join = Audit.join

    def joining(self: Audit, part: Part) -> None:
        parts.append(part)
        join(self, part)

    monkeypatch.setattr(Audit, "join", joining)
    return parts


def alone(url: str, monkeypatch: Patch) -> object:
    """Return what one process finds at *url*."""
    with monkeypatch.context() as patch:
        patch.setattr(tail, "RECORDS_MIN", RECORDS + 1)
        try:
            return verified(url)
        except Tampering as error:
            return str(error)


def test_both_parts_come_to_what_one_process_finds(
    recorded: str, joined: list[Part], monkeypatch: Patch
) -> None:
    """The later part is taken over, and the whole is as if it had been judged here."""
    assert verified(recorded) == alone(recorded, monkeypatch)
    (part,) = joined
    assert part.head.sequence == RECORDS


@pytest.mark.parametrize("change", CHANGES)
def test_change_is_found_where_one_process_finds_it(
    copied: Callable[[], str], monkeypatch: Patch, change: str
) -> None:
    """Whichever part a change is in, it is told in the same words."""
    url = copied()
    changed(url, *CHANGES[change][1:])
    with pytest.raises(Tampering) as caught:
        verified(url)
    assert str(caught.value) == alone(url, monkeypatch)


def test_forged_verdict_is_found_in_either_part(copied: Callable[[], str]) -> None:
    """A chain made anew around another verdict is found, record by record."""
    whole = bodies(copied())
    for place, one in enumerate(whole):
        if one.answer is None:
            continue
        url = copied()
        turned = "denied" if one.answer.outcome == "recorded" else "recorded"
        told = replace(one, answer=replace(one.answer, outcome=turned))
        forged(url, [*whole[:place], told, *whole[place + 1 :]])
        assert found(url).startswith(f"record {place + 1}: ")


def test_clock_set_back_is_counted_across_the_parts(
    copied: Callable[[], str], joined: list[Part], monkeypatch: Patch
) -> None:
    """A record made before the one before it is remarked on, also where the parts meet."""
    back = timedelta(hours=1)

    def earlier(one: Record) -> Record:
        return replace(one, at=one.at - back) if one.sequence > EARLIER else one

    url = copied()
    forged(url, map(earlier, bodies(url)))
    told = verified(url)
    assert told.remarks == ("1 record was made before the one before, by the clock of then",)
    assert joined
    assert told == alone(url, monkeypatch)


@pytest.mark.parametrize("at", [EARLIER - 1, EARLIER, EARLIER + 1, RECORDS])
def test_checkpoint_of_either_part_is_compared(
    copied: Callable[[], str], joined: list[Part], at: int
) -> None:
    """A checkpoint confirms the chain that holds it, and no other."""
    url = copied()
    checkpoint = checkpoint_at(url, at)
    assert verified(url, checkpoint).checkpoint == checkpoint
    assert joined
    other = replace(checkpoint, head="0" * 64)
    assert found(url, other).startswith(f"record {at}: it is not the one")


@pytest.mark.parametrize("part", range(3))
def test_part_that_began_elsewhere_is_judged_here(
    copied: Callable[[], str], joined: list[Part], monkeypatch: Patch, part: int
) -> None:
    """What began with another chain, rule file or position is not believed."""
    url, began = copied(), tail._start

    def elsewhere(audit: Audit) -> tuple[object, ...]:
        told = list(began(audit))
        told[part] = None
        return tuple(told)

    monkeypatch.setattr(tail, "_start", elsewhere)
    assert verified(url) == alone(url, monkeypatch)
    assert not joined


def test_part_of_another_file_is_judged_here(
    copied: Callable[[], str], joined: list[Part], tmp_path: Path, monkeypatch: Patch
) -> None:
    """A clean copy in the place of the journal that is open does not speak for it."""
    url, clean = copied(), copied()
    changed(url, *CHANGES["a record deleted"][1:])
    with closing(Journal(url)) as journal:
        assert journal.head(NAME).sequence == RECORDS
        Path(url).rename(tmp_path / "aside.db")
        Path(clean).rename(url)
        with pytest.raises(Tampering, match="it is missing"):
            verify(journal, NAME)
    monkeypatch.chdir(tmp_path)
    Path("j.db").symlink_to(copied())
    with closing(Journal("j.db")) as journal:
        monkeypatch.chdir("/")
        assert verify(journal, NAME).records == RECORDS
    assert len(joined) == 1


@pytest.mark.parametrize("executable", ["", None, "/nonexistent/python"])
def test_without_another_process_all_is_judged_here(
    copied: Callable[[], str], joined: list[Part], monkeypatch: Patch, executable: str | None
) -> None:
    """Where none can be started, nothing is lost but time."""
    monkeypatch.setattr("sys.executable", executable)
    url = copied()
    assert verified(url) == alone(url, monkeypatch)
    assert not joined


@pytest.mark.parametrize(("count", "parts"), [(1, 0), (2, 1), (None, 0)])
def test_cores_are_counted_where_the_system_does_not_say_which(
    copied: Callable[[], str],
    joined: list[Part],
    monkeypatch: Patch,
    count: int | None,
    parts: int,
) -> None:
    """Elsewhere than on Linux their number decides, and one is not enough."""
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: count)
    assert verified(copied()).records == RECORDS
    assert len(joined) == parts


def test_part_by_another_copy_of_the_package_is_judged_here(
    copied: Callable[[], str], joined: list[Part], monkeypatch: Patch
) -> None:
    """Another copy may judge by other code."""
    monkeypatch.setattr(tail, "_HERE", "/elsewhere/tail.py")
    url = copied()
    assert verified(url) == alone(url, monkeypatch)
    assert not joined


@pytest.mark.parametrize("program", ["raise SystemExit", "import os; os.kill(os.getpid(), 9)"])
def test_process_that_is_lost_is_not_missed(
    copied: Callable[[], str], joined: list[Part], monkeypatch: Patch, program: str
) -> None:
    """Where the other process ends before its time, all is judged here."""
    url = copied()
    monkeypatch.setattr(tail, "_PROGRAM", program)
    assert verified(url) == alone(url, monkeypatch)
    assert not joined


def test_nothing_is_left_running_when_the_work_is_stopped(original: Path) -> None:
    """Ctrl-C ends the other process too."""
    processes = []

    def stopped(records: Iterator[T], _: int, /) -> Iterator[T]:
        yield next(records)
        processes.append(started[-1]._process)
        raise KeyboardInterrupt

    started: list[tail.Tail] = []
    begin = tail.Tail._begin

    def beginning(self: tail.Tail, *asked: Any) -> None:
        started.append(self)
        begin(self, *asked)

    with pytest.MonkeyPatch.context() as patch, closing(Journal(str(original))) as journal:
        patch.setattr(tail.Tail, "_begin", beginning)
        with pytest.raises(KeyboardInterrupt):
            verify(journal, NAME, watch=stopped)
    (process,) = processes
    assert process is not None
    assert process.poll() is not None


@pytest.mark.parametrize("each", [1, 3, 1000])
def test_each_record_is_counted_once(
    copied: Callable[[], str], monkeypatch: Patch, each: int
) -> None:
    """Progress counts the records of both parts, however often it is told of."""
    every = f"from repurchase.audit import tail; tail.TOLD_EVERY = {each}; "
    monkeypatch.setattr(tail, "TOLD_EVERY", each)
    monkeypatch.setattr(tail, "_PROGRAM", every + tail._PROGRAM)
    counts = []

    def counting(records: Iterator[T], total: int, /) -> Iterator[T]:
        for count, one in enumerate(records, 1):
            yield one
            counts.append((count, total))

    with closing(Journal(copied())) as journal:
        verify(journal, NAME, watch=counting)
    assert counts == [(count, RECORDS) for count in range(1, RECORDS + 1)]
