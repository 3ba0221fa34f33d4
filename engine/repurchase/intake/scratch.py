"""Room on disk for what does not fit in memory; nothing is left of it when the process ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from repurchase.domain import errors

_CACHE_KIB: Final = 8 * 1024


def temporary_base() -> sqlite3.Connection:
    """Return an empty database on disk that vanishes when it is closed.

    A database without a name is a file that SQLite unlinks as it opens it: nothing stays behind,
    whatever ends the process.
    """
    base = sqlite3.connect("", isolation_level=None)
    base.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    base.execute("PRAGMA journal_mode = OFF")
    base.execute("PRAGMA synchronous = OFF")
    return base


@contextmanager
def told() -> Iterator[None]:
    """Raise UsageError, with what the operator can do, where the database cannot be used."""
    try:
        yield
    except sqlite3.Error as error:
        raise errors.UsageError(
            errors.Problem(
                f"the temporary file cannot be used: {error}",
                "free some space, or set TMPDIR to a folder that has it",
            )
        ) from error
