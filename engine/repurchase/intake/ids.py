"""The IDs that a log has used, kept exactly and in bounded memory."""

from __future__ import annotations

import sqlite3
from datetime import UTC
from fractions import Fraction
from hashlib import blake2b
from typing import Final, Literal

import msgspec

from repurchase.domain.events import Event
from repurchase.domain.moments import Moment
from repurchase.domain.quantities import written

DIGEST_BYTES: Final = 16
Seen = Literal["new", "same", "other"]

HELD_MAX: Final = 250_000


def _plain(value: object) -> str:
    """Return the text of *value*, of a type that msgpack lacks, the same for equal values."""
    if isinstance(value, Fraction):
        return written(value)
    if isinstance(value, Moment):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"an event cannot contain a {type(value).__name__}")


# A plain time is encoded as its instant, whatever its offset.
_EVENT: Final = msgspec.msgpack.Encoder(enc_hook=_plain, order="deterministic")


def digest(event: Event) -> bytes:
    """Return what identifies the content of *event*, in whatever way a sender wrote it.

    The same instant in two zones is the same content, and so are 1000 and "1000.00".
    """
    return blake2b(_EVENT.encode(event), digest_size=DIGEST_BYTES).digest()


class Ids:
    """The IDs seen so far, each with a digest of its content.

    Up to *held_max* IDs stay in memory. Then they move, sorted, to a table of *database*.
    """

    def __init__(self, database: sqlite3.Connection, held_max: int = HELD_MAX) -> None:
        self._database = database
        self._held_max = held_max
        self._held: dict[str, bytes] = {}
        self._is_table_used = False
        columns = "id TEXT PRIMARY KEY, digest BLOB NOT NULL"
        database.execute(f"CREATE TABLE ids ({columns}) WITHOUT ROWID")

    def seen(self, id_: str, digest: bytes) -> Seen:
        """Return "new" if *id_* was not seen before, "same" if it had this *digest*, else "other".

        Raise sqlite3.Error if the database cannot be used.
        """
        before = self._held.get(id_)
        if before is None and self._is_table_used:
            found = self._database.execute("SELECT digest FROM ids WHERE id = ?", (id_,)).fetchone()
            before = None if found is None else found[0]
        if before is not None:
            return "same" if before == digest else "other"
        self._held[id_] = digest
        if len(self._held) >= self._held_max:
            self._move_to_table()
        return "new"

    def _move_to_table(self) -> None:
        # Sorted, so that each page of the table is written only once.
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO ids VALUES (?, ?)", sorted(self._held.items()))
        self._database.execute("COMMIT")
        self._held.clear()
        self._is_table_used = True
