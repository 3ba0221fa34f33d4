"""What is left of a damaged program: how far its records are whole, and which are lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from repurchase.audit.verify import Audit, audited
from repurchase.domain.errors import JournalError, Problem
from repurchase.domain.progress import Watch, unwatched
from repurchase.journal.book import following
from repurchase.journal.records import Sealed, read_record
from repurchase.journal.store import Journal


class Lost(msgspec.Struct, frozen=True):
    """A record after the first wrong one, by its number, and its event as far as it can be read."""

    record: int
    kind: str | None = None
    id: str | None = None


class Remains(msgspec.Struct, frozen=True):
    """What is left of *program*: its first *whole* records, until *last*, of all that it had.

    *problems* say what is wrong with the journal; there are none if all of it is whole.
    """

    program: str
    whole: int
    records: int
    last: datetime | None
    lost: tuple[Lost, ...]
    problems: tuple[Problem, ...]


def remains(journal: Journal, program: str, watch: Watch = unwatched) -> Remains:
    """Return what is left of *program* in *journal*, each whole record re-evaluated.

    Raise UsageError if the journal does not have *program*, JournalError if not even its head can
    be read.
    """
    try:
        audit = audited(journal, program, watch=watch)
    except JournalError as error:
        whole = _whole(journal, program)
        first = whole.head.sequence + 1
        lost = tuple(_lost(journal, program, first))
        last = max((one.record for one in lost), default=first - 1)
        return Remains(program, first - 1, last, whole.last, lost, error.problems)
    head = audit.head.sequence
    return Remains(program, head, head, audit.last, (), ())


def _whole(journal: Journal, program: str) -> Audit:
    """Return the audit of the records of *program* before the first wrong one."""
    audit = Audit(program, journal.text, journal.edition)
    try:
        for stored in journal.records(program):
            if stored.sequence != audit.head.sequence + 1:
                break
            audit.take(Sealed(following(audit.head, stored), stored.body, stored.hash))
    except JournalError:
        pass
    return audit


def _lost(journal: Journal, program: str, first: int) -> Iterator[Lost]:
    """Yield the records of *program* from number *first* on, as far as anything tells of them."""
    # One at a time: a record that cannot be read hides no other.
    for number in range(first, journal.head(program).sequence + 1):
        yield _named(journal, program, number)


def _named(journal: Journal, program: str, number: int) -> Lost:
    try:
        stored = journal.numbered(program, number)
        event = None if stored is None else read_record(stored.body).event
    except JournalError:
        event = None
    return Lost(number) if event is None else Lost(number, event.get("kind"), event.get("id"))
