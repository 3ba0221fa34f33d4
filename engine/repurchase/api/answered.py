"""The decisions that a program made, by the IDs of its events: exact, and in bounded memory."""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from repurchase.domain.decisions import Decision
from repurchase.domain.errors import Problem, UsageError

HELD_MAX: Final = 250_000
_DIGEST_BYTES: Final = 16

# What is remembered of an event: what it says, as a digest, and the decision on it, as bytes.
Kept = tuple[bytes, bytes]


_DECISION: Final = msgspec.msgpack.Encoder()
_READ: Final = msgspec.msgpack.Decoder(Decision)


def kept(content: bytes, decision: Decision) -> Kept:
    """Return what is remembered of an event with the digest *content* and its *decision*."""
    return content, _DECISION.encode(decision)


def decision_of(remembered: Kept) -> Decision:
    """Return the decision that is *remembered*."""
    return _READ.decode(remembered[1])


class Answered:
    """What is remembered of each event so far, in the order of the decisions.

    Up to *held_max* of them are held in memory; then they go, sorted, into a temporary file that
    vanishes with the process.
    """

    def __init__(self, held_max: int = HELD_MAX) -> None:
        self._held_max = held_max
        self._held: dict[str, Kept] = {}
        self._database: sqlite3.Connection | None = None
        self._owner = 0
        self._moved = 0

    def __len__(self) -> int:
        return self._moved + len(self._held)

    def of(self, id_: str) -> Kept | None:
        """Return what is remembered of the event called *id_*, `None` if it is new."""
        found = self._held.get(id_)
        if found is None and self._moved:
            query = "SELECT digest, decision FROM answered WHERE id = ? AND place < ?"
            asked = id_, self._moved
            with self.used() as database:
                return database.execute(query, asked).fetchone()  # type: ignore[no-any-return]
        return found

    def add(self, id_: str, remembered: Kept) -> None:
        """Remember the event called *id_*, which is new."""
        self._held[id_] = remembered
        if len(self._held) >= self._held_max:
            self._move()

    def cut(self, length: int) -> None:
        """Forget all events but the first *length*."""
        while self._held and len(self) > length:
            self._held.popitem()
        if len(self) > length:
            with self.used() as database:
                database.execute("DELETE FROM answered WHERE place >= ?", (length,))
            self._moved = length

    def rows(self) -> Iterator[tuple[str, Kept]]:
        """Yield the ID of each event, and what is remembered of it."""
        if self._moved:
            query = "SELECT id, digest, decision FROM answered WHERE place < ? ORDER BY place"
            with self.used() as database:
                for id_, *remembered in database.execute(query, (self._moved,)):
                    yield id_, (remembered[0], remembered[1])
        yield from self._held.items()

    def take(self, rows: Iterable[tuple[str, Kept]]) -> None:
        """Remember each of *rows*, as another gave them."""
        for id_, remembered in rows:
            self.add(id_, remembered)

    def _move(self) -> None:
        rows = (
            (id_, place, *remembered)
            for place, (id_, remembered) in enumerate(self._held.items(), self._moved)
        )
        query = "INSERT INTO answered VALUES (?, ?, ?, ?)"
        with self.used() as database:
            database.execute("BEGIN")
            # What a move wrote that was stopped before it was counted.
            database.execute("DELETE FROM answered WHERE place >= ?", (self._moved,))
            # In their order, so that each page of the table is written once for all of them.
            database.executemany(query, sorted(rows))
            database.execute("COMMIT")
        self._moved += len(self._held)
        self._held.clear()

    @contextmanager
    def used(self) -> Iterator[sqlite3.Connection]:
        """Yield the temporary file; raise UsageError, and change nothing, if it cannot be used."""
        database = self._table()
        try:
            yield database
        except sqlite3.Error as error:
            raise _unusable(error) from error
        finally:
            if database.in_transaction:
                database.execute("ROLLBACK")

    def _table(self) -> sqlite3.Connection:
        if self._database is None:
            self._database = _opened()
            self._owner = os.getpid()
            weakref.finalize(self, self._database.close)
        if self._owner != os.getpid():
            # Two processes would write over each other's pages.
            hint = "hand it over by pickle, or start the process by `spawn`"
            raise UsageError(Problem("the program belongs to the process that forked this", hint))
        return self._database


def _opened() -> sqlite3.Connection:
    try:
        # Without a name it is a file that SQLite unlinks as it opens it. The lock of the program
        # keeps its threads apart.
        database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        # So that a move that fails, on a full disk say, can be taken back.
        database.execute("PRAGMA journal_mode = MEMORY")
        database.execute("PRAGMA synchronous = OFF")
        columns = "id TEXT PRIMARY KEY, place INTEGER, digest BLOB, decision BLOB"
        database.execute(f"CREATE TABLE answered ({columns}) WITHOUT ROWID")
    except sqlite3.Error as error:
        raise _unusable(error) from error
    return database


def _unusable(error: sqlite3.Error) -> UsageError:
    what = f"the temporary file cannot be used: {error}"
    return UsageError(Problem(what, "free some space, or set TMPDIR to a folder that has it"))
