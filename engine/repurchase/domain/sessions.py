"""The sessions of each venue, day by day, from tables; nothing is guessed beyond them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, time, timedelta
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Final

import msgspec

from repurchase.domain.errors import Wrong
from repurchase.domain.moments import time_number
from repurchase.domain.quantities import Exact, quotient
from repurchase.domain.venues import market_of

# The venues that have a table.
VENUES: Final = ("XETR", "XLON", "XNAS", "XNYS", "XPAR", "XTKS")
_DAY: Final = timedelta(1)
_MINUTE_SECONDS: Final = 60
_SATURDAY: Final = 5


class Hours(msgspec.Struct, frozen=True):
    """When a session opens, rests, resumes and is scheduled to close, on the venue's clock."""

    open: time
    rests: time | None
    resumes: time | None
    close: time


class Sessions:
    """The sessions of one venue, from its *first* day to its *last* day, both included."""

    first: date
    last: date

    def __init__(
        self, regular: tuple[tuple[date, date, Hours], ...], others: dict[date, Hours | None]
    ) -> None:
        """Keep the *regular* hours by period, and the days with *others*, `None` for no session."""
        self.first = regular[0][0]
        self.last = regular[-1][1]
        self._regular = regular
        self._others = others

    def covers(self, first: date, last: date) -> bool:
        """Return whether the table covers all days from *first* to *last*, both included."""
        return self.first <= first and last <= self.last

    def on(self, day: date) -> Hours | None:
        """Return the hours of *day*; `None` without a session or outside the table."""
        if day in self._others:
            return self._others[day]
        if day.weekday() >= _SATURDAY:
            return None
        return next((hours for first, last, hours in self._regular if first <= day <= last), None)

    def between(self, first: date, last: date) -> tuple[date, ...] | None:
        """Return the days with a session from *first* to *last*, both included.

        Return `None` if the table does not cover all of these days.
        """
        if not self.covers(first, last):
            return None
        span = (last - first).days + 1
        days = (first + number * _DAY for number in range(span))
        return tuple(day for day in days if self.on(day) is not None)

    def before(self, day: date, count: int) -> tuple[date, ...] | None:
        """Return the last *count* days with a session before *day*, latest first.

        Return `None` if the table does not contain *day* or does not reach back far enough.
        """
        if not self.covers(day, day):
            return None
        found = tuple(islice(self.back_from(day - _DAY), count))
        return found if len(found) == count else None

    def minutes_from_open(self, day: date, moment: Exact) -> Exact | None:
        """Return the minutes from the opening of *day* to *moment*, negative before it.

        *moment* is in seconds from midnight.
        """
        hours = self.on(day)
        return None if hours is None else _minutes(time_number(hours.open), moment)

    def minutes_to_close(self, day: date, moment: Exact) -> Exact | None:
        """Return the minutes from *moment* to the scheduled close of *day*, negative after it.

        *moment* is in seconds from midnight.
        """
        hours = self.on(day)
        return None if hours is None else _minutes(moment, time_number(hours.close))

    def back_from(self, day: date) -> Iterator[date]:
        """Yield the days with a session from *day* back to the first of the table."""
        while day >= self.first:
            if self.on(day) is not None:
                yield day
            day -= _DAY


@cache
def sessions(venue: str) -> Sessions | None:
    """Return the sessions of *venue*; `None` if the venue has no table."""
    if venue not in VENUES:
        return None
    regular: list[tuple[date, date, Hours]] = []
    others: dict[date, Hours | None] = {}
    text = (files("repurchase.market") / f"{venue}.csv").read_text("ascii")
    for row in csv.DictReader(text.splitlines()):
        first, last = date.fromisoformat(row["first"]), date.fromisoformat(row["last"])
        if row["kind"] == "regular":
            regular.append((first, last, _hours(row)))
        else:
            others[first] = _hours(row) if row["kind"] == "other" else None
    return Sessions(tuple(regular), others)


def sessions_at(venue: str) -> Sessions | None:
    """Return the sessions of *venue*, or of the market that operates it as a segment.

    Return `None` if neither has a table.
    """
    return sessions(venue) or sessions(market_of(venue) or venue)


def sessions_after(venue: str, day: date, count: int) -> date:
    """Return the day of the session number *count* after *day*, or before it if below zero.

    Raise Wrong if no table has the sessions of *venue* on all days in between.
    """
    table = sessions_at(venue)
    if table is None:
        raise Wrong(f"no table has the sessions of `{venue}`", "count in days, or write the date")
    step = _DAY if count > 0 else -_DAY
    left = abs(count)
    while left:
        day += step
        if not table.covers(day, day):
            what = f"the sessions of `{venue}` are known from {table.first} to {table.last}"
            raise Wrong(what, "count in days, or write the date")
        left -= table.on(day) is not None
    return day


def _hours(row: dict[str, str]) -> Hours:
    opening, rests, resumes, close = (
        time.fromisoformat(row[name]) if row[name] else None
        for name in ("open", "break", "resume", "close")
    )
    assert opening is not None, "a session has an opening time"
    assert close is not None, "a session has a closing time"
    return Hours(opening, rests, resumes, close)


def _minutes(start: Exact, end: Exact) -> Exact:
    return quotient(end - start, _MINUTE_SECONDS)
