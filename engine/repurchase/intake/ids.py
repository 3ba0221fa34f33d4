"""The IDs that a log has used, kept exactly and in bounded memory."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable
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
# Most logs have few IDs, and zeros for ten million take a while to write.
_FEW_LAST: Final = (1 << 17) - 1
_MANY_LAST: Final = (1 << 26) - 1
_MARKS: Final = tuple(1 << one | 1 << other for one, other in combinations(range(8), 2))
_MARKS_COUNT: Final = len(_MARKS)
_BUCKET_BITS: Final = 12
_BUCKETS_LAST: Final = (1 << _BUCKET_BITS) - 1
_GET: Final = "SELECT bucket FROM ids WHERE place = ?"
_encode: Final = msgspec.msgpack.encode
_decode: Final = msgspec.msgpack.decode
Content = bytes | str


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

    They stand in buckets by their hash: up to *held_max* in memory, and the others in *database*.
    Marks say which IDs none of them can have: most are new, and are not looked for. *event_of*
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
        self._held: defaultdict[int, list[tuple[str, Content]]] = defaultdict(list)
        self._count = 0
        self._runs = 0
        self._last = _FEW_LAST
        self._marks = bytearray(_FEW_LAST + 1)
        database.execute("CREATE TABLE ids (place INTEGER PRIMARY KEY, bucket BLOB NOT NULL)")

    def seen(self, id_: str, content: bytes) -> Seen:
        """Return "new" if *id_* was not seen before, "same" with this *content*, else "other".

        Raise sqlite3.Error if the database cannot be used.
        """
        if self.add(id_, content):
            return "new"
        before = self._before(id_, hash(id_))
        if isinstance(before, str):
            event = self._event_of(before)
            assert event is not None, "only the text of an event is kept"
            before = digest(event)
        return "same" if before == content else "other"

    def add(self, id_: str, content: Content) -> bool:
        """Return whether *id_* was not seen before, and then keep it with its *content*.

        Raise sqlite3.Error if the database cannot be used.
        """
        if self._count >= self._held_max:
            self._store()
        number, marks = hash(id_), self._marks
        place, mark = number >> 32 & self._last, _MARKS[number % _MARKS_COUNT]
        if marks[place] & mark == mark and self._before(id_, number) is not None:
            return False
        marks[place] |= mark
        self._held[number & _BUCKETS_LAST].append((id_, content))
        self._count += 1
        return True

    def drop(self, id_: str) -> None:
        """Forget *id_*, the last that was added."""
        self._held[hash(id_) & _BUCKETS_LAST].pop()
        self._count -= 1

    def _before(self, id_: str, number: int) -> Content | None:
        bucket = number & _BUCKETS_LAST
        places = ((run << _BUCKET_BITS | bucket,) for run in range(self._runs))
        rows = (self._database.execute(_GET, place).fetchone() for place in places)
        stored = (_decode(row[0]) for row in rows if row is not None)
        each = chain(self._held[bucket], chain.from_iterable(stored))
        return next((content for name, content in each if name == id_), None)

    def _store(self) -> None:
        """Move all that is held to the database: a run of buckets, written one after the other."""
        if not self._runs:
            self._last, self._marks = _MANY_LAST, bytearray(_MANY_LAST + 1)
            for number in (hash(name) for bucket in self._held.values() for name, _ in bucket):
                self._marks[number >> 32 & _MANY_LAST] |= _MARKS[number % _MARKS_COUNT]
        first = self._runs << _BUCKET_BITS
        rows = ((first | bucket, _encode(self._held[bucket])) for bucket in sorted(self._held))
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO ids VALUES (?, ?)", rows)
        self._database.execute("COMMIT")
        self._held.clear()
        self._count = 0
        self._runs += 1
