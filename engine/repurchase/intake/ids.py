"""The ids that a log has used: exact, in bounded memory, gone when the reading ends."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from types import TracebackType
from typing import Final, Literal, Self

from repurchase.intake.scratch import temporary_base, told

Seen = Literal["new", "same", "other"]

HELD_MAX: Final = 250_000

# Two bits an id among 2**28: at ten million ids one new id in two hundred is looked up in vain.
_FILTER_BITS: Final = 28
_FILTER_MASK: Final = (1 << _FILTER_BITS) - 1

# So many runs of one size are merged into one, which keeps a look-up to some ten runs.
_RUNS_MERGED: Final = 8


class Ids:
    """Tell an id that is new from one used before, with the same content or with other.

    Up to *held_max* ids are held in memory; then they go, sorted, into a temporary file. A new id
    is mostly known to be new without a look into that file, by two bits of a filter.
    """

    def __init__(self, held_max: int = HELD_MAX) -> None:
        self._held_max = held_max
        self._held: dict[str, bytes] = {}
        self._filter = bytearray()
        self._runs: _Runs | None = None

    def seen(self, id_: str, digest: bytes) -> Seen:
        """Return whether *id_* is new, and else whether it came with the *digest* before.

        Raise UsageError where the temporary file cannot be written.
        """
        before = self._held.get(id_)
        if before is None and self._filter:
            before = self._spilled(id_)
        if before is None:
            self._held[id_] = digest
            if len(self._held) >= self._held_max:
                self._spill()
            return "new"
        return "same" if before == digest else "other"

    def close(self) -> None:
        """Forget everything, the temporary file too."""
        self._held.clear()
        self._filter = bytearray()
        if self._runs is not None:
            self._runs.close()
            self._runs = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def _spilled(self, id_: str) -> bytes | None:
        bits = hash(id_)
        one, two = bits & _FILTER_MASK, bits >> _FILTER_BITS & _FILTER_MASK
        filter_ = self._filter
        if not (filter_[one >> 3] >> (one & 7) & 1 and filter_[two >> 3] >> (two & 7) & 1):
            return None
        assert self._runs is not None
        return self._runs.digest(id_)

    def _spill(self) -> None:
        if self._runs is None:
            self._runs = _Runs()
            self._filter = bytearray(1 << (_FILTER_BITS - 3))
        filter_ = self._filter
        for id_ in self._held:
            bits = hash(id_)
            one, two = bits & _FILTER_MASK, bits >> _FILTER_BITS & _FILTER_MASK
            filter_[one >> 3] |= 1 << (one & 7)
            filter_[two >> 3] |= 1 << (two & 7)
        self._runs.add(self._held)
        self._held.clear()


class _Runs:
    """Ids on disk in sorted runs, each a table: written once, in order, and merged when many.

    One table of them all would be read and written over wholly for each batch, unless the ids
    happen to come in order.
    """

    def __init__(self) -> None:
        self._base = temporary_base()
        self._levels: list[list[str]] = []
        self._made = 0
        self._query = ""

    def add(self, held: dict[str, bytes]) -> None:
        """Write the ids *held* as one run."""
        with told():
            self._place(self._written(held), 0)
        runs = chain.from_iterable(reversed(self._levels))
        self._query = _union(runs, "digest", "WHERE id = ?1")

    def digest(self, id_: str) -> bytes | None:
        """Return the digest that *id_* was written with, if it was."""
        with told():
            row = self._base.execute(self._query, (id_,)).fetchone()
        return None if row is None else row[0]

    def close(self) -> None:
        """Close the temporary file, which deletes it."""
        self._base.close()

    def _written(self, held: dict[str, bytes]) -> str:
        run = self._new_run()
        self._base.execute("BEGIN")
        self._base.executemany(f"INSERT INTO {run} VALUES (?, ?)", sorted(held.items()))  # noqa: S608
        self._base.execute("COMMIT")
        return run

    def _place(self, run: str, level: int) -> None:
        if level == len(self._levels):
            self._levels.append([])
        self._levels[level].append(run)
        if len(self._levels[level]) == _RUNS_MERGED:
            self._place(self._merged(self._levels[level]), level + 1)
            self._levels[level] = []

    def _merged(self, runs: list[str]) -> str:
        run = self._new_run()
        rows = _union(runs, "id, digest", "")
        self._base.execute(f"INSERT INTO {run} {rows} ORDER BY id")
        for old in runs:
            self._base.execute(f"DROP TABLE {old}")
        return run

    def _new_run(self) -> str:
        self._made += 1
        run = f"run_{self._made}"
        columns = "id TEXT PRIMARY KEY, digest BLOB NOT NULL"
        self._base.execute(f"CREATE TABLE {run} ({columns}) WITHOUT ROWID")
        return run


def _union(runs: Iterable[str], columns: str, condition: str) -> str:
    # The names are this module's own: nothing from a log is ever part of a statement.
    return " UNION ALL ".join(f"SELECT {columns} FROM {run} {condition}" for run in runs)  # noqa: S608
