"""The days on which a venue has a session, counted from a day: `+ 5 sessions` in a rule file.

They come from the same tables as the hours of the sessions. Nothing is guessed beyond them.
"""

from __future__ import annotations

import csv
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

import msgspec

from repurchase.domain.errors import Wrong
from repurchase.domain.venues import market_of


class _Days(msgspec.Struct, frozen=True):
    """The days of one table, from *first* to *last*: weekdays and *added*, without *closed*."""

    first: date
    last: date
    added: frozenset[date]
    closed: frozenset[date]

    def has_session(self, day: date) -> bool:
        """Return whether there is a session on *day*."""
        return day in self.added or (day.isoweekday() <= 5 and day not in self.closed)


def sessions_after(venue: str, day: date, count: int) -> date:
    """Return the day of the session number *count* after *day*, or before it if below zero.

    Raise Wrong if no table has the sessions of *venue* on all days in between.
    """
    table = _table(venue) or _table(market_of(venue) or venue)
    if table is None:
        raise Wrong(f"no table has the sessions of `{venue}`", "count in days, or write the date")
    step = timedelta(1 if count > 0 else -1)
    left = abs(count)
    while left:
        day += step
        if not table.first <= day <= table.last:
            what = f"the sessions of `{venue}` are known from {table.first} to {table.last}"
            raise Wrong(what, "count in days, or write the date")
        left -= table.has_session(day)
    return day


@cache
def _table(venue: str) -> _Days | None:
    """Return the days of the table of *venue*; `None` if it has none."""
    source = files("repurchase.market") / f"{venue}.csv"
    if not source.is_file():
        return None
    rows = [*csv.DictReader(source.read_text("ascii").splitlines())]
    regular = [row for row in rows if row["kind"] == "regular"]
    others = {date.fromisoformat(row["first"]): row["kind"] for row in rows if row not in regular}
    return _Days(
        date.fromisoformat(regular[0]["first"]),
        date.fromisoformat(regular[-1]["last"]),
        frozenset(day for day, kind in others.items() if kind == "other"),
        frozenset(day for day, kind in others.items() if kind != "other"),
    )
