"""Room on disk for what does not fit in memory; nothing is left of it when the process ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from repurchase.domain.errors import Problem, UsageError

_CACHE_KIB: Final = 64 * 1024


@contextmanager
def temporary_database() -> Iterator[sqlite3.Connection]:
    """Give an empty database on disk that vanishes when it is closed.

    A database without a name is a file that SQLite unlinks as it opens it: nothing stays behind,
    whatever ends the process. Raise UsageError if it cannot be used.
    """
    try:
        with closing(sqlite3.connect("", isolation_level=None)) as database:
            database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("PRAGMA synchronous = OFF")
            yield database
    except sqlite3.Error as error:
        what = f"the temporary file cannot be used: {error}"
        hint = "free some space, or set TMPDIR to a folder that has it"
        raise UsageError(Problem(what, hint)) from error
