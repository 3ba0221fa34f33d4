"""The order of a log in time: whether a row goes backwards, and a whole log put in order."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from repurchase.domain.calendars import day_at
from repurchase.domain.events import Event
from repurchase.intake.log import Row

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

# What has no time comes before all that has one.
_FIRST: Final = -(1 << 62)


class Order:
    """Tell of each event of a log whether it lies before an earlier one.

    Two times are compared as moments. Where one of the two events has a date alone, their days are
    compared, that of a time being its day on *clock*, the authorization's: within one day neither
    is before the other. An event without time and date, which only brought_forward may be, has no
    place in time.
    """

    def __init__(self, clock: ZoneInfo) -> None:
        self._clock = clock
        self._moment: datetime | None = None
        self._moment_line = 0
        self._day: date | None = None
        self._day_line = 0

    def backwards(self, event: Event, line: int) -> str | None:
        """Return what is wrong where *event* goes backwards; it is then compared onwards.

        So one row with a date far ahead costs two complaints at most, not one for each after it.
        """
        if event.time is not None:
            return self._timed(line, event.time)
        return None if event.date is None else self._dated(line, event.date)

    def _timed(self, line: int, moment: datetime) -> str | None:
        problem = None
        if self._moment is not None and moment < self._moment:
            problem = _backwards(_shown(moment), self._moment_line, _shown(self._moment))
        elif self._day is not None and day_at(moment, self._clock) < self._day:
            problem = _backwards(_shown(moment), self._day_line, str(self._day))
        if problem is not None:
            self._day = None
        self._moment = moment
        self._moment_line = line
        return problem

    def _dated(self, line: int, day: date) -> str | None:
        problem = None
        if self._day is not None and day < self._day:
            problem = _backwards(str(day), self._day_line, str(self._day))
        elif self._moment is not None and day < day_at(self._moment, self._clock):
            problem = _backwards(str(day), self._moment_line, _shown(self._moment))
        if problem is not None:
            self._moment = None
        self._day = day
        self._day_line = line
        return problem


def sorted_rows(
    rows: Iterator[Row], clock: ZoneInfo, database: sqlite3.Connection
) -> Iterator[Row]:
    """Yield *rows* by time, those of one moment in their order; *database* holds them meanwhile.

    Rows that cannot be read come first, as they are met; then brought_forward, whenever it was;
    and a date alone comes before the times of that day on *clock*. Raise sqlite3.Error if the
    database cannot be used.
    """
    database.execute("CREATE TABLE rows (at INTEGER, place INTEGER PRIMARY KEY, row BLOB)")
    database.execute("BEGIN")
    for row in rows:
        if row.event is None:
            yield row
        else:
            kept = (moment_number(row.event, clock), pickle.dumps(row))
            database.execute("INSERT INTO rows (at, row) VALUES (?, ?)", kept)
    database.execute("COMMIT")
    for (kept_row,) in database.execute("SELECT row FROM rows ORDER BY at, place"):
        # This process wrote it itself, into a file without a name.
        yield pickle.loads(kept_row)  # noqa: S301


def moment_number(event: Event, clock: ZoneInfo) -> int:
    """Return a number that puts *event* in its place in time among the others of a log."""
    if event.kind == "brought_forward":
        return _FIRST
    if event.time is not None:
        return (event.time - _EPOCH) // _MICROSECOND * 2 + 1
    assert event.date is not None
    return (datetime.combine(event.date, time.min, clock) - _EPOCH) // _MICROSECOND * 2


def _backwards(this: str, line: int, other: str) -> str:
    return f"`{this}` goes backwards: line {line} has `{other}`"


def _shown(moment: datetime) -> str:
    return moment.isoformat()
