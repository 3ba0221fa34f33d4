"""The IDs that a log has used, kept exactly and in bounded memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC
from fractions import Fraction
from hashlib import blake2b
from itertools import chain, combinations
from typing import Final, Literal

import msgspec

from repurchase.domain.events import Event
from repurchase.domain.moments import Moment
from repurchase.domain.quantities import written

DIGEST_BYTES: Final = 16
Seen = Literal["new", "same", "other"]

HELD_MAX: Final = 1 << 17
# An ID sets two bits of one byte: of ten million, two in a thousand seem to be there and are not.
_BYTES_LAST: Final = (1 << 26) - 1
_MARKS: Final = tuple(1 << one | 1 << other for one, other in combinations(range(8), 2))
_BUCKETS_LAST: Final = (1 << 12) - 1
_GET: Final = "SELECT content FROM ids WHERE place = ?"
_encode: Final = msgspec.msgpack.encode
_decode: Final = msgspec.msgpack.decode


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


def unread(_text: str) -> Event | None:
    """Return no event: no row is kept by its text."""
    return None


class Ids:
    """The IDs seen so far, each with a digest of its content, or with the text that it came in.

    Up to *held_max* IDs stay in memory. Then they move to *database*, in buckets by their hash.
    Marks in memory say which IDs it cannot have: most are new, and are not looked for. *event_of*
    reads a text again.
    """

    def __init__(
        self,
        database: sqlite3.Connection,
        held_max: int = HELD_MAX,
        event_of: Callable[[str], Event | None] = unread,
    ) -> None:
        self._database = database
        self._event_of = event_of
        self._held_max = held_max
        self._held: dict[str, bytes | str] = {}
        self._runs = 0
        self._bits = bytearray()
        database.execute("CREATE TABLE ids (place INTEGER PRIMARY KEY, content BLOB NOT NULL)")

    def seen(self, id_: str, digest: bytes) -> Seen:
        """Return "new" if *id_* was not seen before, "same" if it had this *digest*, else "other".

        Raise sqlite3.Error if the database cannot be used.
        """
        before = self._before(id_)
        if before is None:
            self._held[id_] = digest
            return "new"
        if isinstance(before, str):
            before = self._digest_of(before)
        return "same" if before == digest else "other"

    def add(self, id_: str, text: str) -> bool:
        """Return whether *id_* was not seen before, and then keep it with its *text*.

        Raise sqlite3.Error if the database cannot be used.
        """
        if id_ in self._held or (self._bits and self._stored(id_) is not None):
            return False
        if len(self._held) >= self._held_max:
            self._store()
        self._held[id_] = text
        return True

    def drop(self, id_: str) -> None:
        """Forget *id_*, the last that was added."""
        del self._held[id_]

    def _before(self, id_: str) -> bytes | str | None:
        before = self._held.get(id_)
        if before is None and self._bits:
            before = self._stored(id_)
        if before is None and len(self._held) >= self._held_max:
            self._store()
        return before

    def _digest_of(self, text: str) -> bytes:
        event = self._event_of(text)
        assert event is not None, "only the text of an event is kept"
        return digest(event)

    def _stored(self, id_: str) -> bytes | str | None:
        """Return what the database has of *id_*."""
        number = hash(id_)
        marks = _MARKS[number % len(_MARKS)]
        if self._bits[number >> 32 & _BYTES_LAST] & marks != marks:
            return None
        bucket = number & _BUCKETS_LAST
        places = ((run * (_BUCKETS_LAST + 1) + bucket,) for run in range(self._runs))
        rows = chain.from_iterable(self._database.execute(_GET, place) for place in places)
        found: Iterator[bytes | str] = (
            content for row in rows for name, content in _decode(row[0]) if name == id_
        )
        return next(found, None)

    def _store(self) -> None:
        """Move all that is held to the database: a run of buckets, written one after the other."""
        bits = self._bits = self._bits or bytearray(_BYTES_LAST + 1)
        buckets: dict[int, list[tuple[str, bytes | str]]] = {}
        for one in self._held.items():
            number = hash(one[0])
            bits[number >> 32 & _BYTES_LAST] |= _MARKS[number % len(_MARKS)]
            buckets.setdefault(number & _BUCKETS_LAST, []).append(one)
        first = self._runs * (_BUCKETS_LAST + 1)
        self._database.execute("BEGIN")
        rows = ((first + at, _encode(buckets[at])) for at in sorted(buckets))
        self._database.executemany("INSERT INTO ids VALUES (?, ?)", rows)
        self._database.execute("COMMIT")
        self._runs += 1
        self._held.clear()
