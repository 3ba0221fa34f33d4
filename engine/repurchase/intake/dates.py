"""Days and times as people print them, read by a pattern: `dd/MM/yyyy HH:mm:ss`, `d MMMM yyyy`.

A pattern has the letters of Unicode's date patterns (UTS 35): `G` the era in Japanese, `y` the
year, `M` the month in digits or, three times or more, in words, `d` the day, `E` a weekday, which
must be that of the day, `H` or `h` the hour, `a` the half of the day, `m` the minute, `s` the
second, `S` a fraction of it, `X` an offset, `z` a time zone. What is in brackets may be absent.
Text in apostrophes stands for itself, as does each other character; a blank is every kind of space.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, TypeVar

import msgspec

from repurchase.domain.errors import Wrong, short
from repurchase.intake.months import MONTHS, WEEKDAYS
from repurchase.intake.offsets import OFFSET, Twice, known, offset_of, placed, zone_of
from repurchase.intake.printed import Typed

# The pattern of days that a spreadsheet counts from the beginning of 1900.
SERIAL: Final = "serial"
_SERIAL_ZERO: Final = date(1899, 12, 30)
# Days before this one are off by one: the spreadsheet has a 29 February 1900.
_SERIAL_MIN: Final = 61
_SERIAL_MAX: Final = 109_574
_SERIAL: Final = re.compile(r"([0-9]{1,6})(?:\.0+)?")
# The patterns of times counted from the beginning of 1970 in UTC, and the decimals of a second.
EPOCHS: Final = {"epoch": 0, "epoch-ms": 3, "epoch-us": 6, "epoch-ns": 9}
_EPOCH_DIGITS: Final = 10
_TOKEN: Final = re.compile(
    r"'((?:[^']|'')*)'|(G|y+|M+|d+|E+|H+|h+|a|m+|s+|S+|X+|z+)|(\s+)|([\[\]])|(.)", re.DOTALL
)
_OPTIONAL: Final = {"[": "(?:", "]": ")?"}
_FIELDS: Final = {
    "a": r"(?P<a>[ap])\.?m\.?",
    "E": r"(?P<E>[^\W\d_]+)\.?",
    "G": "(?P<G>令和|平成|昭和|[RHS])",
    "S": "(?P<S>[0-9]{1,9})",
    "X": "(?P<X>Z|[+-][0-9]{2}(?::?[0-9]{2})?)",
    "z": "(?P<z>[A-Za-z][A-Za-z0-9_/+-]*)",
}
# The year before the first of each era.
_ERAS: Final = {"令和": 2018, "平成": 1988, "昭和": 1925, "R": 2018, "H": 1988, "S": 1925}
_FIRST_OF_ERA: Final = "元"
_ORDINAL: Final = "(?:st|nd|rd|th|er|º)?"
_BLANK: Final = r"[\s\u200b]+"
_NAME: Final = r"[^\W\d_]+"
_HALVES: Final = {"am": 0, "pm": 12}
_NOON: Final = 12
# Two digits of a year are the year of these hundred that ends in them.
_CENTURY_BEGINS: Final = 1980

T = TypeVar("T")


class Printed(msgspec.Struct, frozen=True):
    """How days, or days with times, are printed: the *pattern*, and the *language* of months.

    *year* is that of all of them if the pattern has none. *twice* says which moment a time means
    that the clock shows twice: `earlier` or `later`. *zones* are the zones that words stand for.
    """

    pattern: str
    language: str = "en"
    year: int | None = None
    twice: Twice = None
    zones: Mapping[str, str] = {}


def has_time(pattern: str) -> bool:
    """Return whether *pattern* holds a time of day."""
    return pattern in EPOCHS or _has(pattern, "Hh")


def has_offset(pattern: str) -> bool:
    """Return whether *pattern* says of each time which clock shows it."""
    return pattern in EPOCHS or _has(pattern, "Xz")


def _has(pattern: str, letters: str) -> bool:
    return any(found[2] and found[2][0] in letters for found in _TOKEN.finditer(pattern))


def is_typed_day(text: str) -> bool:
    """Return whether a workbook holds *text* as a day or a time, and not as a number."""
    return isinstance(text, Typed) and "-" in text[1:]


def day_reader(printed: Printed) -> Callable[[str], str | None]:
    """Return what reads a day as *printed* and writes it as `2008-11-14`; it raises Wrong.

    Raise Wrong if the pattern does not give one day.
    """
    if printed.pattern == SERIAL:
        return _serial
    pattern = _compiled(printed)

    def read(text: str) -> str | None:
        if is_typed_day(text):
            return _typed(text, "a day", date.fromisoformat).isoformat()
        parts = _matched(pattern, text, printed)
        return None if parts is None else _day(parts, text, printed).isoformat()

    return read


def moment_reader(
    printed: Printed, clock: Callable[[], tzinfo | None]
) -> Callable[[str], str | None]:
    """Return what reads a time as *printed* and writes it with its offset; it raises Wrong.

    *clock* returns the zone in which the time that is being read was written; `None` if the text
    says it. Raise Wrong if the pattern does not give one day and a time.
    """
    if printed.pattern in EPOCHS:
        return lambda text: _counted(text, printed)
    if not has_time(printed.pattern):
        raise Wrong(f"`{short(printed.pattern)}` has no time of day", "write it as `HH:mm:ss`")
    pattern = _compiled(printed)

    def read(text: str) -> str | None:
        if is_typed_day(text):
            held = _typed(text, "a time", datetime.fromisoformat)
            return placed(held, known(clock(), text), text, printed.twice).isoformat()
        parts = _matched(pattern, text, printed)
        if parts is None:
            return None
        day = _day(parts, text, printed)
        try:
            shown = time(*_time(parts))
        except ValueError:
            raise _misprinted(text, printed) from None
        fraction = parts.get("S") or ""
        point = "." if fraction else ""
        offset = _offset(parts, datetime.combine(day, shown), text, printed, clock)
        return f"{day.isoformat()}T{shown.isoformat()}{point}{fraction}{offset}"

    return read


def _offset(
    parts: Mapping[str, str | None],
    shown: datetime,
    text: str,
    printed: Printed,
    clock: Callable[[], tzinfo | None],
) -> str:
    """Return the offset of the time *shown*: as printed, or that of its clock then."""
    written, word = parts.get("X"), parts.get("z")
    if written is not None:
        digits = written.lstrip("+-").replace(":", "").ljust(4, "0")
        return "+00:00" if written in "Zz" else f"{written[0]}{digits[:2]}:{digits[2:]}"
    zone = known(clock(), text) if word is None else zone_of(word, text, printed.zones)
    offset = offset_of(shown.date(), zone)
    if offset is None or word is not None:
        offset = placed(shown, zone, text, printed.twice, word).isoformat()[OFFSET]
    return offset


def _counted(text: str, printed: Printed) -> str | None:
    """Return the time so many seconds, or parts of them, after the beginning of 1970 in UTC."""
    bare, decimals = text.strip(), EPOCHS[printed.pattern]
    if not bare:
        return None
    if not (bare.isascii() and bare.isdigit() and len(bare) == _EPOCH_DIGITS + decimals):
        raise _misprinted(text, printed)
    whole = datetime.fromtimestamp(int(bare[:_EPOCH_DIGITS]), UTC)
    fraction = f".{bare[_EPOCH_DIGITS:]}" if decimals else ""
    return f"{whole:%Y-%m-%dT%H:%M:%S}{fraction}+00:00"


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
        quoted, field, blank, bracket, sign = token.group(1, 2, 3, 4, 5)
        if field is not None:
            found.append(_field(field, printed.pattern))
            if field[0] in given:
                raise Wrong(f"`{short(printed.pattern)}` gives `{field[0]}` twice", "give it once")
            given.add(field[0])
        elif blank is not None:
            found.append(_BLANK)
        elif bracket is not None:
            found.append(_OPTIONAL[bracket])
        else:
            text = sign if quoted is None else quoted.replace("''", "'")
            found.append(re.escape(unicodedata.normalize("NFKC", text)))
    _check_parts(printed, given)
    try:
        return re.compile("".join(found), re.IGNORECASE)
    except re.error:
        raise Wrong(f"`{short(printed.pattern)}` has a bracket without the other one") from None


def _check_parts(printed: Printed, given: set[str]) -> None:
    """Raise Wrong unless the letters *given* of the pattern come to one day, and to one hour."""
    called = f"`{short(printed.pattern)}`"
    lacking = {"M", "d"} - given | ({"y"} - given if printed.year is None else set())
    if lacking:
        what = f"{called} has no {' and no '.join(sorted(lacking))}"
        raise Wrong(what, "write it as `dd/MM/yyyy`, or give the `year`")
    if "y" in given and printed.year is not None:
        raise Wrong(f"{called} has a year, and `year` gives it", "keep one")
    if "h" in given and "a" not in given:
        raise Wrong(f"{called} has no `a`", "write `H` for hours up to 23")
    if {"X", "z"} <= given:
        raise Wrong(f"{called} has an offset and a zone", "keep one")


def _field(letters: str, pattern: str) -> str:
    """Return the group that matches what *letters* of *pattern* stand for."""
    letter, count = letters[0], len(letters)
    if letter in _FIELDS:
        return _FIELDS[letter]
    if letter == "y" and "G" in pattern:
        return f"(?P<y>[0-9]{{1,2}}|{_FIRST_OF_ERA})"
    if letter == "y":
        return "(?P<y>[0-9]{2})" if count == 2 else "(?P<y>[0-9]{4})"
    if letter == "M" and count > 2:
        return rf"(?P<N>{_NAME})\.?"
    digits = "{1,2}" if count == 1 else "{2}"
    ordinal = _ORDINAL if letters == "d" and "MMM" in pattern else ""
    return f"(?P<{letter}>[0-9]{digits}){ordinal}"


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
    try:
        day = date(_year(parts, printed), _month(parts, text, printed), int(parts["d"] or 0))
    except (ValueError, KeyError) as error:
        if isinstance(error, Wrong):
            raise
        raise Wrong(
            f"is `{short(text)}`, which is no day that exists as {_called(printed)}"
        ) from None
    _check_weekday(day, parts.get("E"), text, printed)
    return day


def _year(parts: Mapping[str, str | None], printed: Printed) -> int:
    written, era = parts.get("y"), parts.get("G")
    if written is None:
        return printed.year or 0
    if era is not None:
        number = 1 if written == _FIRST_OF_ERA else int(written)
        # No era has a year before its first; no calendar has a year 0 either.
        return _ERAS[era.upper()] + number if number else 0
    year = int(written)
    if len(written) == 2:
        year += _CENTURY_BEGINS // 100 * 100
        year += 100 if year < _CENTURY_BEGINS else 0
    return year


def _month(parts: Mapping[str, str | None], text: str, printed: Printed) -> int:
    if (month := parts.get("M")) is not None:
        return int(month)
    name = (parts["N"] or "").casefold()
    number = MONTHS[printed.language].get(name)
    if number is None:
        what = f"is `{short(text)}`, and `{short(name)}` is not a month in `{printed.language}`"
        raise Wrong(what, "give the `language` of the dates")
    return number


def _check_weekday(day: date, word: str | None, text: str, printed: Printed) -> None:
    """Raise Wrong if *word* is not a weekday, or is not that of *day*."""
    if word is None:
        return
    number = WEEKDAYS[printed.language].get(word.casefold())
    if number is None:
        what = f"is `{short(text)}`, and `{short(word)}` is not a weekday in `{printed.language}`"
        raise Wrong(what, "give the `language` of the dates")
    if number != day.isoweekday():
        what = f"is `{short(text)}`, but {day.isoformat()} is a {day:%A}"
        raise Wrong(what, "correct the weekday or the day in the file, or ask its sender")


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
