"""Disk space for data that does not fit in memory; nothing remains when the process ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from repurchase.domain.errors import Problem, UsageError

_CACHE_KIB: Final = 64 * 1024


@contextmanager
def temporary_database() -> Iterator[sqlite3.Connection]:
    """Yield an empty database on disk that vanishes when it is closed.

    SQLite unlinks the file of an unnamed database as soon as it opens it, so nothing remains
    however the process ends. Raise UsageError if the database cannot be used.
    """
    try:
        with closing(sqlite3.connect("", isolation_level=None)) as database:
            database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("PRAGMA synchronous = OFF")
            yield database
    except sqlite3.Error as error:
        what = f"the temporary file cannot be used: {error}"
        hint = "free some disk space, or set TMPDIR to a folder that has space"
        raise UsageError(Problem(what, hint)) from error
