"""The order of a log in time: whether a row goes backwards, and how a whole log is sorted."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from repurchase.domain.calendars import day_at
from repurchase.domain.events import Event
from repurchase.domain.moments import instant
from repurchase.intake.log import Row

# A brought_forward event sorts before all others.
_FIRST: Final = -(1 << 62)

Latest = Mapping[bool, tuple[date, int]]
_NONE_YET: Final[Latest] = {}


class Order:
    """Finds each event of a log that is earlier than an event above it.

    Two times are compared as moments. If one of the two events has only a date, their days on
    *clock*, the authorization's, are compared; within one day neither event is earlier. Only a
    brought_forward event may have neither time nor date; it is not compared.
    """

    def __init__(self, clock: ZoneInfo, last: Latest = _NONE_YET) -> None:
        self._clock = clock
        # The last time and the last date alone, each with its line, by whether it is a time.
        self.last: Latest = last

    def backwards(self, event: Event, line: int) -> str | None:
        """Return the problem if *event*, on *line*, goes backwards; `None` if it does not.

        The next events are compared with *event* even if it goes backwards. One row with a date far
        ahead therefore causes at most two problems, not one for each later row.
        """
        this = event.time or event.date
        if this is None:
            return None
        is_time = event.time is not None
        earlier = self.later_one(event)
        if earlier is not None:
            self.last = {}
        self.last = {**self.last, is_time: (this, line)}
        if earlier is None:
            return None
        other, other_line = earlier
        where = f"line {other_line} has `{other.isoformat()}`"
        return f"`{this.isoformat()}` goes backwards: {where}"

    def last_time(self) -> datetime | None:
        """Return the time before which no event may be; `None` if that does not decide alone."""
        time, day = self.last.get(True), self.last.get(False)
        if time is None or not isinstance(time[0], datetime):
            return None
        return time[0] if day is None or day[0] <= self._day(time[0]) else None

    def took(self, time: datetime, line: int) -> None:
        """Note an event at *time*, on *line*, that does not go backwards."""
        self.last = {**self.last, True: (time, line)}

    def later_one(self, event: Event) -> tuple[date, int] | None:
        """Return the time or date, with its line, of an earlier event that lies after *event*."""
        this = event.time or event.date
        if this is None:
            return None
        is_time = event.time is not None
        for kind in (is_time, not is_time):
            if kind in self.last and self._is_before(this, self.last[kind][0]):
                return self.last[kind]
        return None

    def _is_before(self, this: date, other: date) -> bool:
        if isinstance(this, datetime) is isinstance(other, datetime):
            return this < other
        return self._day(this) < self._day(other)

    def _day(self, this: date) -> date:
        return day_at(this, self._clock) if isinstance(this, datetime) else this


def sorted_rows(
    rows: Iterator[Row], clock: ZoneInfo, database: sqlite3.Connection
) -> Iterator[Row]:
    """Yield *rows* by time; rows of one moment keep their order. *database* holds them meanwhile.

    Unreadable rows come first, in file order, and then brought_forward, whatever its time. A date
    without a time comes before the times of that day on *clock*. Raise sqlite3.Error if the
    database cannot be used.
    """
    database.execute(
        "CREATE TABLE rows (at INTEGER, timed INTEGER, place INTEGER PRIMARY KEY, row BLOB)"
    )
    database.execute("BEGIN")
    for row in rows:
        if row.event is None:
            yield row
        else:
            kept = (*_sort_key(row.event, clock), pickle.dumps(row))
            database.execute("INSERT INTO rows (at, timed, row) VALUES (?, ?, ?)", kept)
    database.execute("COMMIT")
    for (kept_row,) in database.execute("SELECT row FROM rows ORDER BY at, timed, place"):
        # Safe to unpickle: this process wrote it, to an unnamed file.
        yield pickle.loads(kept_row)  # noqa: S301


def _sort_key(event: Event, clock: ZoneInfo) -> tuple[int, bool]:
    """Return by what *event* is sorted: its nanoseconds since 1970, and whether it has a time.

    For an event with only a date it is the midnight on *clock*, so that the event comes before all
    times of that day. For brought_forward it is the lowest number.
    """
    if event.kind == "brought_forward":
        return _FIRST, False
    if event.time is not None:
        return instant(event.time), True
    assert event.date is not None
    return instant(datetime.combine(event.date, time.min, clock)), False
