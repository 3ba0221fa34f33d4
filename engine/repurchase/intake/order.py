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
    """Find each event of a log that lies before an earlier one.

    Two times are compared as moments. If one of the two events has a date alone, their days are
    compared, that of a time being its day on *clock*, the authorization's: within one day neither
    is before the other. An event without time and date, which only brought_forward may be, has no
    place in time.
    """

    def __init__(self, clock: ZoneInfo) -> None:
        self._clock = clock
        # The last time and the last date alone, each with its line, by whether it is a time.
        self._last: dict[bool, tuple[date, int]] = {}

    def backwards(self, event: Event, line: int) -> str | None:
        """Return what is wrong if *event* goes backwards; it is then compared onwards.

        So one row with a date far ahead costs two complaints at most, not one for each after it.
        """
        this = event.time or event.date
        if this is None:
            return None
        is_time = event.time is not None
        problem = None
        for kind in (is_time, not is_time):
            if kind in self._last:
                other, other_line = self._last[kind]
                if self._is_before(this, other):
                    where = f"line {other_line} has `{other.isoformat()}`"
                    problem = f"`{this.isoformat()}` goes backwards: {where}"
                    self._last.pop(not is_time, None)
                    break
        self._last[is_time] = this, line
        return problem

    def _is_before(self, this: date, other: date) -> bool:
        if isinstance(this, datetime) is isinstance(other, datetime):
            return this < other
        return self._day(this) < self._day(other)

    def _day(self, this: date) -> date:
        return day_at(this, self._clock) if isinstance(this, datetime) else this


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
