"""How far a notifier has come: a file of its user's, replaced whole, and locked while it runs.

The file is beside no journal, so that a notifier needs no right to write one. It names the hash of
its record: a journal that was restored from an older copy is noticed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from repurchase.domain.errors import Problem, UsageError, reason
from repurchase.journal.records import digest
from repurchase.journal.seen import state_folder
from repurchase.journal.store import Head, Journal
from repurchase.report.outputs import make_folder
from repurchase.report.thresholds import Sent
from repurchase.report.written import whole_bytes

_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_NOUN: Final = "how far the notifier has come"


class Cursor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All is delivered up to *record*, with this *hash*; of the next one, what *delivered* names.

    *sent* is the use that was sent by then. *journal*, *program* and *name* are for people, who
    find the file by them.
    """

    journal: str
    program: str
    name: str
    record: int = 0
    hash: str = Head().hash
    delivered: tuple[str, ...] = ()
    sent: dict[str, dict[str, Sent]] = {}


class CursorFile(NamedTuple):
    """The file of a cursor, which is the *first* one if there is no file."""

    path: Path
    first: Cursor

    def read(self) -> Cursor:
        """Return the cursor; raise UsageError if the file does not hold it."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Cursor)
        except FileNotFoundError:
            return self.first
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            why = reason(error) if isinstance(error, OSError) else error
            hint = "restore it from a copy; if you remove it, all is delivered anew"
            problem = Problem(f"{_NOUN} cannot be read: {why}", hint, str(self.path))
            raise UsageError(problem) from error

    def write(self, cursor: Cursor) -> None:
        """Replace the file by one with *cursor*; raise UsageError if it cannot be written."""
        with whole_bytes(self.path, _NOUN) as add:
            add(msgspec.json.encode(cursor))


@contextmanager
def held_cursor(journal: Journal, program: str, name: str) -> Iterator[CursorFile]:
    """Yield the cursor of the notifier *name* of *program*, which this process alone holds.

    Raise UsageError if another process holds it, or if there is no place for it.
    """
    state = state_folder()
    if state is None:
        hint = "set XDG_STATE_HOME to a directory"
        raise UsageError(Problem("this user has no home for the cursor", hint))
    called = msgspec.json.encode((journal.address, program, name))
    file = state / "notify" / f"{digest(called)}.json"
    lock = file.with_suffix(".lock")
    try:
        make_folder(file.parent)
        descriptor = os.open(lock, _FLAGS, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        what = f"a notifier of the name `{name}` runs already"
        raise UsageError(Problem(what, "end it, or give another one with --name")) from error
    except OSError as error:
        problem = Problem(f"{_NOUN} cannot be kept: {reason(error)}", file=str(lock))
        raise UsageError(problem) from error
    try:
        yield CursorFile(file, Cursor(journal.url, program, name))
    finally:
        os.close(descriptor)
