"""Files of issuer facts, each for an interval of days or of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from repurchase.domain.calendars import read_day, read_moment
from repurchase.domain.errors import InputError, Problem, Wrong
from repurchase.domain.moments import instant
from repurchase.domain.quantities import Exact
from repurchase.facts.domains import YES_OR_NO
from repurchase.facts.table import TABLE
from repurchase.market.intervals import Interval, overlaps
from repurchase.market.kinds import PROBLEMS_MAX, Kind, Row, flag, number
from repurchase.market.tape import midnight, next_midnight

ISSUER: Final = Kind(
    "issuer facts",
    ("from", "until"),
    ("undisclosed_material_fact", "closed_period", "announced_shares"),
    100_000,
    one_more=True,
)
FACTS: Final = {f"issuer.{column}": column for column in ISSUER.optional}


class Written(msgspec.Struct, frozen=True):
    """A fact as a row states it; *first* and *until* are days, both included, or moments."""

    first: date | datetime
    until: date | datetime
    value: Exact | bool | None
    place: tuple[str, int]

    def on(self, clock: ZoneInfo) -> Interval:
        """Return its interval, days on *clock*; raise InputError unless it ends after it begins."""
        first, until = self.first, self.until
        begin = instant(first) if isinstance(first, datetime) else midnight(first, clock)
        end = instant(until) if isinstance(until, datetime) else next_midnight(until, clock)
        if begin >= end:
            hint = "a day in `until` is included, a time is not"
            raise InputError(Problem("`until` is not after `from`", hint, *self.place))
        return Interval(begin, end, self.value, self.place)


class IssuerRows:
    """The issuer facts of all rows taken so far."""

    def __init__(self) -> None:
        """Start without rows."""
        self._rows: dict[str, list[Written]] = {name: [] for name in FACTS}

    def take(self, row: Row, place: tuple[str, int]) -> None:
        """Add the facts of *row*, from the file and line *place*; raise Wrong if it is wrong."""
        first, until = _end(row, "from"), _end(row, "until")
        for name, column in FACTS.items():
            if column in row:
                domain = TABLE[name].domain
                is_flag = domain is YES_OR_NO
                value = flag(row, column) if is_flag else number(row[column], column, domain)
                self._rows[name].append(Written(first, until, value, place))

    def on(self, clock: ZoneInfo) -> Mapping[str, Sequence[Interval]]:
        """Return the intervals of each fact in order of time, with days on *clock*.

        Raise InputError if rows overlap, or if a row ends before it begins.
        """
        found: dict[str, Sequence[Interval]] = {}
        # A row with two facts has its problem reported only once.
        problems: dict[Problem, None] = {}
        for name, rows in self._rows.items():
            intervals: list[Interval] = []
            for row in rows:
                try:
                    intervals.append(row.on(clock))
                except InputError as error:
                    problems |= dict.fromkeys(error.problems)
            intervals.sort(key=lambda one: one.first)
            problems |= dict.fromkeys(_overlapping(intervals))
            found[name] = intervals
        if problems:
            raise InputError(list(problems)[:PROBLEMS_MAX])
        return found


def _overlapping(intervals: Sequence[Interval]) -> Iterator[Problem]:
    for earlier, later in overlaps(intervals):
        file, line = earlier.place
        what = f"the row begins before the row {file}:{line} ends"
        yield Problem(what, "end the earlier row before the later one begins", *later.place)


def _end(row: Row, column: str) -> date | datetime:
    text = row[column]
    if not text:
        raise Wrong(f"`{column}` is empty", "write a day or a time")
    try:
        # A text longer than the ten characters of a day is a time.
        return read_moment(text) if len(text) > len("2008-11-14") else read_day(text)
    except Wrong as wrong:
        hint = "write a day as 2008-11-14, a time as 2008-11-14T15:00:00+09:00"
        raise Wrong(wrong.what, hint) from None
