"""Days and times as people print them, read by a pattern: `dd/MM/yyyy HH:mm:ss`, `d MMMM yyyy`.

A pattern has the letters of Unicode's date patterns (UTS 35): `y` the year, `M` the month in digits
or, three times or more, in words, `d` the day, `E` a weekday, which is skipped, `H` or `h` the
hour, `a` the half of the day, `m` the minute, `s` the second, `S` a fraction of it. Text in
apostrophes stands for itself, as does each other character; a blank is every kind of space.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from repurchase.domain.calendars import offset_changes
from repurchase.domain.errors import Wrong, short
from repurchase.intake.months import MONTHS
from repurchase.intake.printed import Typed

# The pattern of days that a spreadsheet counts from the beginning of 1900.
SERIAL: Final = "serial"
_SERIAL_ZERO: Final = date(1899, 12, 30)
# Days before this one are off by one: the spreadsheet has a 29 February 1900.
_SERIAL_MIN: Final = 61
_SERIAL_MAX: Final = 109_574
_SERIAL: Final = re.compile(r"([0-9]{1,6})(?:\.0+)?")
_TOKEN: Final = re.compile(r"'((?:[^']|'')*)'|(y+|M+|d+|E+|H+|h+|a|m+|s+|S+)|(\s+)|(.)", re.DOTALL)
_BLANK: Final = r"[\s\u200b]+"
_NAME: Final = r"[^\W\d_]+"
_HALVES: Final = {"am": 0, "pm": 12}
_NOON: Final = 12
# Where an offset stands in the text of a moment.
_OFFSET: Final = slice(len("2008-11-14T09:30:00"), None)
_EPOCH: Final = date(1970, 1, 1).toordinal()
_DAY_SECONDS: Final = 86_400
_CACHED: Final = 1 << 10
# Two digits of a year are the year of these hundred that ends in them.
_CENTURY_BEGINS: Final = 1980

T = TypeVar("T")
Twice = str | None


class Printed(msgspec.Struct, frozen=True):
    """How days, or days with times, are printed: the *pattern*, and the *language* of months.

    *year* is that of all of them if the pattern has none. *zone* is the clock of the times, and
    *twice* says which moment a time means that the clock shows twice: `earlier` or `later`.
    """

    pattern: str
    language: str = "en"
    year: int | None = None
    twice: Twice = None


def has_time(pattern: str) -> bool:
    """Return whether *pattern* holds a time of day."""
    return any(found[2] and found[2][0] in "Hh" for found in _TOKEN.finditer(pattern))


def day_reader(printed: Printed) -> Callable[[str], str | None]:
    """Return what reads a day as *printed* and writes it as `2008-11-14`; it raises Wrong.

    Raise Wrong if the pattern does not give one day.
    """
    if printed.pattern == SERIAL:
        return _serial
    pattern = _compiled(printed)

    def read(text: str) -> str | None:
        if isinstance(text, Typed):
            return _typed(text, "a day", date.fromisoformat).isoformat()
        parts = _matched(pattern, text, printed)
        return None if parts is None else _day(parts, text, printed).isoformat()

    return read


def moment_reader(printed: Printed, clock: Callable[[], ZoneInfo]) -> Callable[[str], str | None]:
    """Return what reads a time as *printed* and writes it with its offset; it raises Wrong.

    *clock* returns the zone in which the time that is being read was written. Raise Wrong if the
    pattern does not give one day and a time.
    """
    if not has_time(printed.pattern):
        raise Wrong(f"`{short(printed.pattern)}` has no time of day", "write it as `HH:mm:ss`")
    pattern = _compiled(printed)

    def read(text: str) -> str | None:
        if isinstance(text, Typed):
            held = _typed(text, "a time", datetime.fromisoformat)
            return _placed(held, clock(), text, printed.twice).isoformat()
        parts = _matched(pattern, text, printed)
        if parts is None:
            return None
        day, zone = _day(parts, text, printed), clock()
        try:
            shown = time(*_time(parts))
        except ValueError:
            raise _misprinted(text, printed) from None
        offset = _offset_of(day, zone)
        if offset is None:
            moment = _placed(datetime.combine(day, shown), zone, text, printed.twice)
            offset = moment.isoformat()[_OFFSET]
        fraction = parts.get("S") or ""
        point = "." if fraction else ""
        return f"{day.isoformat()}T{shown.isoformat()}{point}{fraction}{offset}"

    return read


def _typed(text: str, what: str, read: Callable[[str], T]) -> T:
    """Return what *read* makes of *text*, which a workbook holds as a day or a time."""
    try:
        return read(text)
    except ValueError:
        raise Wrong(f"is `{short(text)}`, not {what}") from None


def _compiled(printed: Printed) -> re.Pattern[str]:
    found: list[str] = []
    given: set[str] = set()
    for token in _TOKEN.finditer(printed.pattern):
        quoted, field, blank, sign = token.group(1, 2, 3, 4)
        if field is not None:
            found.append(_field(field))
            name = "M" if field[0] == "M" else field[0]
            if name in given and name != "E":
                raise Wrong(f"`{short(printed.pattern)}` gives `{name}` twice", "give it once")
            given.add(name)
        elif blank is not None:
            found.append(_BLANK)
        else:
            text = sign if quoted is None else quoted.replace("''", "'")
            found.append(re.escape(unicodedata.normalize("NFKC", text)))
    lacking = {"M", "d"} - given | ({"y"} - given if printed.year is None else set())
    if lacking:
        what = f"`{short(printed.pattern)}` has no {' and no '.join(sorted(lacking))}"
        raise Wrong(what, "write it as `dd/MM/yyyy`, or give the `year`")
    if "y" in given and printed.year is not None:
        raise Wrong(f"`{short(printed.pattern)}` has a year, and `year` gives it", "keep one")
    if "h" in given and "a" not in given:
        raise Wrong(f"`{short(printed.pattern)}` has no `a`", "write `H` for hours up to 23")
    return re.compile("".join(found), re.IGNORECASE)


def _field(letters: str) -> str:
    """Return the group that matches what *letters* stand for."""
    letter, count = letters[0], len(letters)
    if letter == "E":
        return rf"{_NAME}\.?"
    if letter == "a":
        return r"(?P<a>[ap])\.?m\.?"
    if letter == "y":
        return "(?P<y>[0-9]{2})" if count == 2 else "(?P<y>[0-9]{4})"
    if letter == "M" and count > 2:
        return rf"(?P<N>{_NAME})\.?"
    if letter == "S":
        return "(?P<S>[0-9]{1,9})"
    digits = "{1,2}" if count == 1 else "{2}"
    return f"(?P<{letter}>[0-9]{digits})"


def _matched(
    pattern: re.Pattern[str], text: str, printed: Printed
) -> Mapping[str, str | None] | None:
    """Return the parts of *text*; `None` if it is blank."""
    bare = (text if text.isascii() else unicodedata.normalize("NFKC", text)).strip()
    if not bare:
        return None
    found = pattern.fullmatch(bare)
    if found is None:
        raise _misprinted(text, printed)
    return found.groupdict()


def _day(parts: Mapping[str, str | None], text: str, printed: Printed) -> date:
    year, month = printed.year, parts.get("M")
    written = parts.get("y")
    if written is not None:
        year = int(written)
        if len(written) == 2:
            year += _CENTURY_BEGINS // 100 * 100
            year += 100 if year < _CENTURY_BEGINS else 0
    if month is None:
        name = (parts["N"] or "").casefold()
        number = MONTHS[printed.language].get(name)
        if number is None:
            what = f"is `{short(text)}`, and `{short(name)}` is no month in `{printed.language}`"
            raise Wrong(what, "give the `language` of the dates")
    else:
        number = int(month)
    try:
        return date(year or 0, number, int(parts["d"] or 0))
    except ValueError:
        raise Wrong(
            f"is `{short(text)}`, which is no day that exists as {_called(printed)}"
        ) from None


def _time(parts: Mapping[str, str | None]) -> tuple[int, int, int]:
    hour = parts.get("H")
    if hour is None:
        half = f"{(parts.get('a') or '').casefold()}m"
        number = int(parts["h"] or 0)
        if not 1 <= number <= _NOON:
            raise ValueError
        number = number % _NOON + _HALVES[half]
    else:
        number = int(hour)
    return number, int(parts.get("m") or 0), int(parts.get("s") or 0)


@lru_cache(_CACHED)
def _offset_of(day: date, clock: ZoneInfo) -> str | None:
    """Return the offset of *clock* on *day*, as `+09:00`; `None` if it is set around then."""
    noon = (day.toordinal() - _EPOCH) * _DAY_SECONDS + _DAY_SECONDS // 2
    changes = offset_changes(clock)
    at = bisect_left(changes, noon - 2 * _DAY_SECONDS)
    if at < len(changes) and changes[at] <= noon + 2 * _DAY_SECONDS:
        return None
    return datetime.combine(day, time(), clock).isoformat()[_OFFSET]


def _placed(shown: datetime, clock: ZoneInfo, text: str, twice: Twice) -> datetime:
    """Return the moment at which *clock* shows *shown*; raise Wrong unless there is just one."""
    first, second = (shown.replace(tzinfo=clock, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first
    if (first.utcoffset() or timedelta()) < (second.utcoffset() or timedelta()):
        what = f"is `{short(text)}`, which the clock of {clock.key} skips that day"
        raise Wrong(what, "give the zone in which the times were written")
    if twice is None:
        what = f"is `{short(text)}`, which the clock of {clock.key} shows twice that day"
        raise Wrong(what, "say `twice: earlier` or `twice: later`")
    return first if twice == "earlier" else second


def _serial(text: str) -> str | None:
    bare = text.strip()
    if not bare:
        return None
    found = _SERIAL.fullmatch(bare)
    number = int(found[1]) if found else 0
    if not _SERIAL_MIN <= number <= _SERIAL_MAX:
        raise Wrong(f"is `{short(text)}`, not the number of a day in a spreadsheet")
    return (_SERIAL_ZERO + timedelta(number)).isoformat()


def _misprinted(text: str, printed: Printed) -> Wrong:
    return Wrong(f"is `{short(text)}`, which is not written as {_called(printed)}")


def _called(printed: Printed) -> str:
    return f"`{short(printed.pattern)}`"
