"""A journal followed from a cursor: each notification is delivered before the next one is sent.

The cursor moves after a notification is taken. Whatever ends the process between the two lets that
notification be sent again, under the same ID.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Final

from msgspec.structs import replace

from repurchase.domain.decisions import Outcome
from repurchase.domain.errors import JournalError, Problem, Tampering
from repurchase.journal.book import MORE, RuleTexts, book_at, caught_up, recorded
from repurchase.journal.store import Journal
from repurchase.notify.cursor import CursorFile
from repurchase.notify.delivery import Receiver, Say
from repurchase.report.notices import Notice, notices

# Other processes record the events; so often the notifier looks for them.
_POLL_SECONDS: Final = 1
# A notifier that runs only once sends a notification no more often than this.
_TRIES: Final = 5


class Follower:
    """The records of one program after a cursor, and their news."""

    def __init__(
        self, journal: Journal, program: str, file: CursorFile, outcomes: tuple[Outcome, ...]
    ) -> None:
        """Go on from the cursor in *file*; of decisions, tell those with one of *outcomes*.

        Raise Tampering if *journal* does not have the record of the cursor, and JournalError if its
        records contradict each other.
        """
        self._journal = journal
        self._program = program
        self._file = file
        self._outcomes = outcomes
        self._texts = RuleTexts(journal.text)
        self._cursor = self._kept = file.read()
        last = self._cursor.record
        self._book = book_at(journal, program, self._texts, last)
        if (self._book.head.sequence, self._book.head.hash) != (last, self._cursor.hash):
            what = f"the journal does not have record {last} as it was when its news were delivered"
            hint = f"{MORE}; if an older copy was restored, remove {file.path}"
            raise Tampering(Problem(what, hint, journal.url))

    def run(self, receiver: Receiver, say: Say, *, once: bool) -> None:
        """Deliver all news to *receiver*, and then what follows; not what follows with *once*.

        Raise Tampering if a record was changed, and UsageError if the receiver wants nothing any
        more. With *once*, raise it as well if the receiver does not take a notification, and
        JournalError if the journal cannot be read.
        """
        say("following", program=self._program, record=self._cursor.record)
        try:
            while True:
                self._catch_up(receiver, say, once=once)
                if once:
                    return
                time.sleep(_POLL_SECONDS)
        finally:
            # A signal ends it, too.
            self._keep()
            say("stopped")

    def _catch_up(self, receiver: Receiver, say: Say, *, once: bool) -> None:
        try:
            for notice in self._news():
                receiver.deliver(notice, partial(self._take, notice.id), _TRIES if once else None)
            self._keep()
        except Tampering:
            raise
        except JournalError as error:
            if once:
                raise
            say("journal", level="error", message=error.problems[0].what)

    def _news(self) -> Iterator[Notice]:
        """Yield the news of the records that are there, if they are not delivered yet."""
        url = self._journal.url
        for stored in self._journal.records(self._program, self._book.head.sequence):
            after = caught_up(self._book, (stored,), self._texts, url)
            books = (self._book, after)
            record, cursor = recorded(stored, url), self._cursor
            found, sent = notices(self._program, record, books, self._outcomes, cursor.sent)
            yield from (one for one in found if one.id not in cursor.delivered)
            self._book, head = after, after.head
            self._cursor = replace(
                self._cursor, record=head.sequence, hash=head.hash, delivered=(), sent=sent
            )

    def _take(self, name: str) -> None:
        """Move the cursor past the notification *name*, which is delivered."""
        self._cursor = replace(self._cursor, delivered=(*self._cursor.delivered, name))
        self._keep()

    def _keep(self) -> None:
        """Write the cursor, if it has moved since."""
        if self._cursor is not self._kept:
            self._file.write(self._cursor)
            self._kept = self._cursor
