"""A program of a journal judged again as a whole: every record, and the tables around them.

A chain alone proves that it agrees with itself. What a forger made anew from the first record to
the last agrees too: checkpoints that are kept elsewhere find that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Protocol, TypeVar

from repurchase.audit.checkpoint import Checkpoint
from repurchase.audit.judged import Audit, Verified, named_missing, placed
from repurchase.audit.tail import Tail
from repurchase.domain.errors import JournalError, Problem, Tampering, UsageError, short
from repurchase.journal.book import following
from repurchase.journal.store import Extent, Journal

T = TypeVar("T")


class Watch(Protocol):
    """Hands on items one by one, and may show how far they have come."""

    def __call__(self, items: Iterator[T], total: int, /) -> Iterable[T]:
        """Hand on *items*, of which there are to be *total*."""


def unwatched(items: Iterator[T], _: int, /) -> Iterator[T]:
    """Hand *items* on."""
    return items


def verify(
    journal: Journal,
    program: str,
    checkpoint: Checkpoint | None = None,
    watch: Watch = unwatched,
) -> Verified:
    """Return what *program* of *journal* comes to, once each of its records was judged again.

    With a *checkpoint*, the chain must contain it. Raise Tampering with the first record that is
    wrong, JournalError where it cannot be judged.
    """
    return audited(journal, program, checkpoint, watch).verified()


def audited(
    journal: Journal,
    program: str,
    checkpoint: Checkpoint | None = None,
    watch: Watch = unwatched,
) -> Audit:
    """Return the audit of all records of *program* in *journal*; raise as `verify` does."""
    extent = journal.extent(program)
    last = extent.head.sequence
    if last < 1:
        check_strays(journal)
        if checkpoint is not None and checkpoint.program == program:
            raise _found(1, named_missing(checkpoint), journal)
        raise UsageError(Problem(f"it holds no program `{short(program)}`", file=journal.url))
    audit = Audit(program, journal.text, journal.edition, checkpoint)
    try:
        with closing(Tail(journal, program, last, checkpoint)) as tail:
            for _ in watch(_taken(audit, journal, last, tail), last):
                pass
        _check_end(audit, extent, journal)
    except JournalError as error:
        raise placed(error, audit.head.sequence + 1, journal.url) from error
    check_strays(journal)
    return audit


def check_strays(journal: Journal) -> None:
    """Raise Tampering where *journal* has records of a program that it does not list."""
    stray = journal.stray()
    if stray is not None:
        program, sequence = stray
        what = f"it is of `{short(program)}`, which is no program of this journal"
        raise _found(sequence, what, journal)


def _taken(audit: Audit, journal: Journal, last: int, tail: Tail) -> Iterator[None]:
    """Let *audit* take all records up to the number *last*, and yield once for each."""
    for stored in journal.records(audit.program, until=last):
        yield from tail.told(audit)
        if audit.head.sequence == last:
            return
        if stored.sequence != audit.head.sequence + 1:
            raise Tampering(Problem("it is missing"))
        audit.take(following(audit.head, stored), stored.hash, stored.body)
        yield


def _check_end(audit: Audit, extent: Extent, journal: Journal) -> None:
    """Raise Tampering where *audit* came to another end than the tables around the records say."""
    head = extent.head
    if audit.head.sequence < head.sequence:
        raise Tampering(Problem(f"it is missing: the program has {head.sequence}"))
    if audit.head != head:
        raise _found(head.sequence, "the head of the program is another", journal)
    if extent.first is not None and extent.first < 1:
        raise _found(extent.first, "it stands before the first", journal)
    if extent.beyond is not None:
        what = f"it stands after the head of the program, which is record {head.sequence}"
        raise _found(extent.beyond, what, journal)
    again = journal.repeated(audit.verified().program)
    if again is not None:
        raise _found(again, "its event has the id of an earlier one", journal)
    _check_snapshot(audit.snapshot, extent.snapshot, journal)
    audit.check_length()
    journal.check_tables()


def _check_snapshot(
    named: tuple[int, bytes] | None, kept: tuple[int, bytes] | None, journal: Journal
) -> None:
    if named == kept:
        return
    if named is None:
        assert kept is not None, "two that are absent are equal"
        raise _found(kept[0], "a snapshot is kept for it, and it names none", journal)
    what = "the snapshot kept for it " + ("is missing" if kept is None else "was changed")
    raise _found(named[0], what, journal)


def _found(sequence: int, what: str, journal: Journal) -> JournalError:
    return placed(Tampering(Problem(what)), sequence, journal.url)
