"""The order of a log in time: whether a row goes backwards, and a whole log put in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from repurchase.domain.calendars import day_at
from repurchase.domain.events import Event
from repurchase.intake.log import Log
from repurchase.intake.rows import Record, Row
from repurchase.intake.scratch import temporary_base, told

_BATCH: Final = 1_000
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


def sorted_rows(log: Log, clock: ZoneInfo) -> Iterator[Row]:
    """Yield the rows of *log* by time, those of one moment in file order, in bounded memory.

    Rows that cannot be read come first, as they are met; then brought_forward, whenever it was;
    and a date alone comes before the times of that day on *clock*. Raise UsageError where the
    temporary file cannot be written.
    """
    with closing(temporary_base()) as base:
        with told():
            base.execute("CREATE TABLE rows (at INTEGER, line INTEGER, place INTEGER, texts BLOB)")
            base.execute("BEGIN")
        records = log.records()
        while batch := list(islice(records, _BATCH)):
            kept = []
            for record in batch:
                row = log.row(record)
                if row.event is None:
                    yield row
                else:
                    texts = msgspec.json.encode(record.texts)
                    at = moment_number(row.event, clock)
                    kept.append((at, record.number, record.index, texts))
            with told():
                base.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", kept)
        with told():
            base.execute("COMMIT")
            found = base.execute("SELECT line, place, texts FROM rows ORDER BY at, place")
            for line, place, texts in found:
                yield log.row(Record(line, place, _DECODER.decode(texts)))


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


_DECODER: Final = msgspec.json.Decoder(list[str] | str)
