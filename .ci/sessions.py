"""Write the tables of sessions from exchange_calendars and our corrections: `make sessions`.

A correction names its source, and holds over what the library has. One that changes nothing any
more is told.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas
from exchange_calendars import get_calendar

FIRST = date(2004, 1, 1)
# The last year is an argument: the tables reach to the end of the next one.
LAST = date(int(sys.argv[1]), 12, 31)
VENUES = ("XTKS", "XNYS", "XNAS", "XLON", "XETR", "XPAR")
# Hours that hold for fewer sessions in a row are exceptions to those around them.
REGULAR_MIN = 20
SATURDAY = 5
FOLDER = Path(__file__).parents[1] / "engine" / "repurchase" / "market"

# Opening, break, end of the break and close, on the venue's clock; empty where there is none.
Hours = tuple[str, ...]
Days = dict[date, Hours]


def main() -> None:
    """Write a table for each venue."""
    with (FOLDER / "corrections.csv").open(encoding="utf-8") as file:
        corrections = list(csv.DictReader(file))
    for venue in VENUES:
        own = [row for row in corrections if row["venue"] == venue]
        rows = table(corrected(from_library(venue), own))
        with (FOLDER / f"{venue}.csv").open("w", encoding="utf-8", newline="\n") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


def from_library(venue: str) -> Days:
    """Return the hours of each session of *venue*."""
    calendar = get_calendar(venue, start=str(FIRST), end=str(LAST))
    schedule = calendar.schedule[["open", "break_start", "break_end", "close"]]
    return {
        day.date(): tuple(
            "" if pandas.isna(moment) else moment.tz_convert(calendar.tz).strftime("%H:%M")
            for moment in row
        )
        for day, row in schedule.iterrows()
    }


def corrected(days: Days, corrections: list[dict[str, str]]) -> Days:
    """Return *days* with *corrections*, later ones over earlier ones."""
    for row in corrections:
        first, last = date.fromisoformat(row["first"]), date.fromisoformat(row["last"])
        hours = tuple(row[name] for name in ("open", "break", "resume", "close"))
        touched = [day for day in days if first <= day <= last]
        if all(days[day] == hours for day in touched):
            sys.stderr.write(f"{row['venue']} {first}: the library has it by now\n")
        days |= dict.fromkeys(touched, hours)
    return days


def table(days: Days) -> Iterator[tuple[object, ...]]:
    """Yield *days* as regular hours, days without a session, and days with other hours."""
    yield ("kind", "first", "last", "open", "break", "resume", "close")
    regular = list(stretches(days))
    for first, last, hours in regular:
        yield ("regular", first, last, *hours)
    for number in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(number)
        usual = next(hours for first, last, hours in regular if first <= day <= last)
        found = days.get(day)
        if found is None and day.weekday() < SATURDAY:
            yield ("closed", day, day, "", "", "", "")
        elif found is not None and (found != usual or day.weekday() >= SATURDAY):
            yield ("other", day, day, *found)


def stretches(days: Days) -> Iterator[tuple[date, date, Hours]]:
    """Yield the first day, the last day and the hours of each stretch of regular hours."""
    runs: list[tuple[date, Hours, int]] = []
    for day in sorted(days):
        first, hours, count = runs[-1] if runs else (day, (), 0)
        if hours == days[day]:
            runs[-1] = (first, hours, count + 1)
        else:
            runs.append((day, days[day], 1))
    begun: list[tuple[date, Hours]] = []
    for first, hours, count in runs:
        if count >= REGULAR_MIN and (not begun or begun[-1][1] != hours):
            begun.append((first if begun else FIRST, hours))
    ends = [first - timedelta(1) for first, _ in begun[1:]]
    for (first, hours), last in zip(begun, [*ends, LAST], strict=True):
        yield first, last, hours


main()
