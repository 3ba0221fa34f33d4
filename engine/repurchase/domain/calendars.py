"""Time zones, from the table of the IANA zones beside this module.

`make zones` writes the table from one release of the `tzdata` package. The zone files of the
machine and of other packages are never read: with another release, decisions would differ.
"""

from __future__ import annotations

import io
import re
import struct
from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from itertools import accumulate
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from repurchase.domain.errors import Wrong
from repurchase.domain.moments import Moment

T = TypeVar("T")

_ZONES: Final = (files("repurchase.domain") / "zones.tsv").read_text("ascii").splitlines()
# The release that the table was written from: the hash of each edition holds it.
TZDATA_VERSION: Final = _ZONES[0].removeprefix("tzdata ")
YEAR_MIN: Final = 1900
YEAR_MAX: Final = 2199
# The offsets from UTC, in hours, that clocks have had since that first year.
HOURS_MIN: Final = -12
HOURS_MAX: Final = 14
OFFSETS: Final = f"from {HOURS_MIN:+03}:00 to {HOURS_MAX:+03}:00"

# A file of a zone: its header, and a kind of time in it (offset, summer time, place of its name).
_TZIF: Final = struct.Struct(">5s15x6l")
_KIND: Final = struct.Struct(">lBB")
# A cell of the table: the seconds since the change before, and the letter of what begins then.
_CHANGE: Final = re.compile(r"(-?[0-9]+)([a-z])")
# Half of a zone's rule for the years after the last change: the month, which of its weeks (5 is the
# last one), the day of the week from Sunday on, and the time, which may be on another day.
_YEARLY: Final = re.compile(r"M([0-9]+)\.([1-5])\.([0-6])(?:/(-?[0-9]+)(?::([0-9]{2}))?)?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_DAY_SECONDS: Final = 86_400
_OFFSET_MIN: Final = timedelta(hours=HOURS_MIN)
_OFFSET_MAX: Final = timedelta(hours=HOURS_MAX)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# A time by RFC 3339. The group holds the digits after the microsecond.
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:\.[0-9]{1,6}([0-9]{0,3}))?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
# The form of a time, whatever its figures: the hour, minute, second, fraction and offset.
_FORM: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_FRACTION_DIGITS_MAX: Final = 9


class Zone(ZoneInfo):
    """A time zone of the table. Pickled, it is its name; unpickled, it is the same object."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to get it again."""
        return zone, (self.key,)


@cache
def zone_names() -> frozenset[str]:
    """Return the names of all zones in the table."""
    return frozenset(_rows())


@cache
def zone(name: str) -> ZoneInfo:
    """Return the zone called *name*; raise KeyError if the table has none."""
    _, kinds, changes, rule = _rows()[name].split("\t")
    return Zone.from_file(io.BytesIO(_tzif(kinds, changes, rule)), key=name)


@cache
def _rows() -> Mapping[str, str]:
    """Return the row of each zone by its name; several names share one."""
    return {name: row for row in _ZONES[2:] for name in row.partition("\t")[0].split(" ")}


def offset_at(clock: ZoneInfo, second: int) -> int:
    """Return by how many seconds *clock* is ahead of UTC at *second*, counted from 1970."""
    offset = (_EPOCH + second * _SECOND).astimezone(clock).utcoffset()
    assert offset is not None, "each time zone has an offset"
    return offset // _SECOND


@cache
def offset_changes(clock: ZoneInfo) -> tuple[int, ...]:
    """Return the moments at which the offset of *clock* can change, to the end of the years read.

    They are in order, in seconds from 1970. The offset may be the same before and after some of
    them.
    """
    _, _, changes, rule = _rows()[clock.key].split("\t")
    listed = [*accumulate(int(seconds) for seconds, _ in _CHANGE.findall(changes))]
    latest = (_EPOCH + max([_first_second(YEAR_MIN), *listed]) * _SECOND).year
    by_rule = (
        # The offset of the day before still applies when the clock shows the time of the change.
        shown - offset_at(clock, shown - _DAY_SECONDS)
        for half in rule.split(",")[1:]
        for year in range(latest, YEAR_MAX + 2)
        for shown in [_shown_at_change(half, year)]
    )
    return tuple(sorted({*listed, *by_rule}))


def _shown_at_change(half: str, year: int) -> int:
    """Return what a clock shows when it changes by *half* of its rule, in seconds from 1970."""
    found = _YEARLY.fullmatch(half)
    assert found is not None, "the rule of each zone names months, weeks and days of the week"
    month, week, weekday = (int(part) for part in found.groups()[:3])
    first = date(year, month, 1)
    day = 1 + (weekday - first.isoweekday()) % 7 + 7 * (week - 1)
    after = date(year + month // 12, month % 12 + 1, 1)
    if day > (after - first).days:
        day -= 7
    hours, minutes = int(found[4] or 2), int(found[5] or 0)
    return _first_second(year, month, day) + 3_600 * hours + (60 if hours >= 0 else -60) * minutes


def _first_second(year: int, month: int = 1, day: int = 1) -> int:
    """Return the first second of a day in UTC, counted from 1970."""
    return (datetime(year, month, day, tzinfo=UTC) - _EPOCH) // _SECOND


def _tzif(kinds: str, changes: str, rule: str) -> bytes:
    """Return the cells of a row as a file of a zone (TZif, RFC 9636), which Python can read."""
    texts = [kind.split(",") for kind in kinds.split(" ")]
    names = [f"{name}\0" for name, *_ in texts]
    first_letters = accumulate(map(len, names), initial=0)
    found = _CHANGE.findall(changes)
    begins = accumulate(int(seconds) for seconds, _ in found)
    return b"".join(
        (
            # The first half, which nobody reads, is empty.
            _TZIF.pack(b"TZif2", 0, 0, 0, 0, 0, 0),
            _TZIF.pack(b"TZif2", 0, 0, 0, len(found), len(texts), sum(map(len, names))),
            struct.pack(f">{len(found)}q", *begins),
            bytes(ord(letter) - ord("a") for _, letter in found),
            *(
                _KIND.pack(int(offset), int(is_summer), first)
                for (_, offset, is_summer), first in zip(texts, first_letters, strict=False)
            ),
            "".join(names).encode("ascii"),
            f"\n{rule}\n".encode("ascii"),
        )
    )


def read_day(text: str) -> date:
    """Return the day that *text* writes as `YYYY-MM-DD`; raise Wrong otherwise."""
    if not _DAY.fullmatch(text):
        raise Wrong(f"`{text}` is not a date", "write it as 2008-11-14")
    return _within_years(_existing(date.fromisoformat, text, "day"), text)


def read_moment(text: str) -> datetime:
    """Return the moment that *text* writes by RFC 3339, offset included, to the nanosecond.

    A second has at most nine digits after its point. Raise Wrong for any other text, for a leap
    second, and for 24:00:00, which Python reads from version 3.13 on.
    """
    form = _MOMENT.fullmatch(text)
    if form is None:
        raise _no_moment(text)
    moment = _existing(datetime.fromisoformat, text.upper(), "time")
    _within_years(moment.date(), text)
    offset = moment.utcoffset()
    if offset is None or not _OFFSET_MIN <= offset <= _OFFSET_MAX:
        raise Wrong(f"`{text}` has an offset that is not {OFFSETS}")
    if finer := form[1]:
        # Python has read, and cut, the digits after the microsecond.
        nanosecond = int(finer.ljust(3, "0"))
        return Moment.after(moment, nanosecond) if nanosecond else moment
    return moment


def _no_moment(text: str) -> Wrong:
    """Return what is wrong with *text*, which is not a time that `read_moment` reads."""
    form = _FORM.fullmatch(text)
    if form is None:
        right = "write it as 2008-11-14T09:30:00+09:00"
        return Wrong(f"`{text}` is not a time with an offset", right)
    hour, minute, second, fraction, _ = form.groups("")
    if len(fraction) > _FRACTION_DIGITS_MAX:
        what = f"`{text}` has {len(fraction)} digits after the point of its second"
        return Wrong(what, f"write at most {_FRACTION_DIGITS_MAX}")
    hint: str | None = None
    if second == "60":
        hint = "leap seconds are not read: write second 59"
    elif (hour, minute, second) == ("24", "00", "00") and not fraction.strip("0"):
        hint = "write 00:00:00 of the next day"
    return Wrong(f"`{text}` is no time that exists", hint)


def day_at(moment: datetime, clock: ZoneInfo) -> date:
    """Return the calendar day that *clock* shows at *moment*."""
    return moment.astimezone(clock).date()


def months_after(day: date, months: int) -> date:
    """Return the date *months* after *day*, or before it if they are below zero.

    If its month has no such day, it is the last day of the month: a month after 31 January comes
    the last of February. Raise Wrong if it is outside the years that are read.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not YEAR_MIN <= year <= YEAR_MAX:
        raise Wrong(f"{months} months after {day} is outside the years {YEAR_MIN} to {YEAR_MAX}")
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def start_of(day: date, clock: ZoneInfo) -> datetime:
    """Return the first moment that *clock* shows as *day*, in UTC; of a skipped day, its end."""
    return datetime.combine(day, time.min, clock).astimezone(UTC)


def _existing(read: Callable[[str], T], text: str, what: str) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise Wrong(f"`{text}` is no {what} that exists") from error


def _within_years(day: date, text: str) -> date:
    # The ends of what a date can hold overflow when a clock moves them by a day.
    if not YEAR_MIN <= day.year <= YEAR_MAX:
        raise Wrong(f"`{text}` is outside the years {YEAR_MIN} to {YEAR_MAX}")
    return day
