"""The fills of a program that count: those of its journal, without busts and corrected ones."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from repurchase.domain.errors import JournalError, Problem
from repurchase.domain.progress import Watch, unwatched
from repurchase.journal.book import MORE, Book, RuleTexts, caught_up, recorded
from repurchase.journal.records import event_of
from repurchase.journal.seen import as_seen, seen
from repurchase.journal.store import Journal
from repurchase.ledger.changes import changed
from repurchase.ledger.position import Counted


class Executed(msgspec.Struct, frozen=True):
    """A program with its *fills* that count, by their ids, in the order in which they arrived."""

    book: Book
    fills: dict[str, Counted]


def executed(journal: Journal, program: str, watch: Watch = unwatched) -> Executed:
    """Return *program* with all its fills that count, folded from its first record.

    Raise JournalError if the records contradict each other, or Tampering if one was changed, or is
    not as this user has read it.
    """
    head, known = journal.head(program), seen(journal, program)
    found = Executed(Book(), {})
    records = as_seen(journal.records(program, until=head.sequence), known, journal.url)
    texts = RuleTexts(journal.text)

    def folded() -> Iterator[None]:
        nonlocal found
        for stored in records:
            book = caught_up(found.book, [stored], texts, journal.url)
            record = recorded(stored, journal.url)
            if record.event is not None:
                happened = event_of(record.event)
                for fill, sign in changed(happened, found.book.position, book.position):
                    if sign > 0:
                        found.fills[fill.event.id] = fill
                    else:
                        del found.fills[fill.event.id]
            found = Executed(book, found.fills)
            yield

    for _ in watch(folded(), head.sequence):
        pass
    if found.book.head != head:
        what = f"the records end at {found.book.head.sequence}, not at {head.sequence}"
        raise JournalError(Problem(what, MORE, journal.url))
    return found
