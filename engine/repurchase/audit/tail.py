"""The later part of a long program, judged in a process of its own beside the earlier one.

That process folds what comes before its part without judging it. So its word is taken only where
it began, to the byte, with the position that the earlier part came to when it was judged. Where
it did not, or met anything wrong, the part is judged here as if there had been no such process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import repeat
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Final

from repurchase.audit.checkpoint import Checkpoint
from repurchase.audit.judged import Audit, Part
from repurchase.journal.book import Book, RuleTexts, caught_up, following
from repurchase.journal.records import Rules
from repurchase.journal.store import Head, Journal, Stored

# A shorter program is judged before another process would have begun.
RECORDS_MIN: Final = 20_000
# To fold a record takes a little less than half as long as to judge it: so both end together.
EARLIER_PERCENT: Final = 65
TOLD_EVERY: Final = 1_000

_HERE: Final = __file__
_PROGRAM: Final = "import sys; from repurchase.audit.tail import judge; judge(int(sys.argv[1]))"
# The chain, the rule file and the hash of the position at the end of the earlier part.
_Start = tuple[Head, Rules | None, str]
# Which copy of the package is to judge, and which journal: its address, and the file there.
_Where = tuple[str, str, tuple[int, int] | None]


class Tail:
    """The process that judges the later part, where there is one; whoever begins it closes it."""

    def __init__(
        self, journal: Journal, program: str, last: int, checkpoint: Checkpoint | None
    ) -> None:
        """Begin to judge *program* of *journal* up to its record *last*, if that is worth it."""
        self._after = last * EARLIER_PERCENT // 100
        self._start: _Start | None = None
        self._part: Part | None = None
        self._told: Connection | None = None
        self._process: subprocess.Popen[bytes] | None = None
        if last >= RECORDS_MIN and _cores() > 1:
            # Where there can be no other process, all is judged here.
            with suppress(OSError):
                self._begin((_HERE, journal.address, journal.file()), program, last, checkpoint)

    def _begin(self, where: _Where, program: str, last: int, checkpoint: Checkpoint | None) -> None:
        if not sys.executable:
            return
        mine, its = Pipe()
        # Of a group of its own: Ctrl-C is for this process, which ends that one. What stands in
        # the folder of the caller is no module of ours.
        command = (sys.executable, "-P", "-c", _PROGRAM, str(its.fileno()))
        with its:
            self._process = subprocess.Popen(  # noqa: S603 - what is called is this package
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(its.fileno(),),
                process_group=0,
            )
        self._told = mine
        # Not among its arguments, which others on this machine can read: there may be a password.
        mine.send((where, program, self._after, last, checkpoint))

    def told(self, audit: Audit) -> Iterator[None]:
        """Yield once for each record judged there since, and let *audit* join the part when due."""
        at = audit.head.sequence
        is_due = at == self._after
        if self._told is None or not (is_due or at % TOLD_EVERY == 0):
            return
        # It ends without its part where anything is wrong there.
        with suppress(EOFError, OSError):
            while self._part is None and (is_due or self._told.poll()):
                message = self._told.recv()
                if isinstance(message, Part):
                    self._part = message
                elif isinstance(message, int):
                    yield from repeat(None, message)
                else:
                    self._start = message
        if is_due:
            if self._part is not None and self._start == _start(audit):
                audit.join(self._part)
            self.close()

    def close(self) -> None:
        """End the process, whatever it is at."""
        if self._told is not None and self._process is not None:
            self._told.close()
            self._told = None
            self._process.kill()
            self._process.wait()


def judge(descriptor: int) -> None:
    """Judge what is asked for at *descriptor*, telling there how far it is and what it found."""
    # Whatever is wrong is met again, and told, by who waits for this; or that one is gone.
    with suppress(Exception), Connection(descriptor) as telling:
        (package, address, file), program, after, last, checkpoint = telling.recv()
        with Journal(address) as journal:
            earlier = _wanted(journal.records(program, until=after), telling)
            book = caught_up(Book(), earlier, RuleTexts(journal.text), journal.url)
            audit = Audit(program, journal.text, journal.edition, checkpoint, book)
            telling.send(_start(audit))
            told = after
            for stored in _wanted(journal.records(program, after, until=last), telling):
                audit.take(following(audit.head, stored), stored.hash, stored.body)
                if stored.sequence % TOLD_EVERY == 0:
                    telling.send(stored.sequence - told)
                    told = stored.sequence
            telling.send(audit.head.sequence - told)
            # Another copy of the package may judge otherwise, and another file hold other records.
            is_same = (package, file) == (_HERE, journal.file())
            if audit.head.sequence == last and is_same:
                telling.send(audit.part())


def _wanted(records: Iterator[Stored], telling: Connection) -> Iterator[Stored]:
    """Yield *records* as long as there is someone to tell."""
    for stored in records:
        # Nothing is sent this way after the first message: what can be read is the end.
        if stored.sequence % TOLD_EVERY == 0 and telling.poll():
            return
        yield stored


def _cores() -> int:
    """Return how many processors this process may use; not every system says which."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _start(audit: Audit) -> _Start:
    book = audit.book()
    return book.head, book.rules, audit.position_hash()
