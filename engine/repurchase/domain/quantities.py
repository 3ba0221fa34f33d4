"""Exact quantities: how they are read from text, their dimensions, and how they are written.

Only `shown`, `rounded` and `percent` round. People read their results; no computation uses them.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from fractions import Fraction
from typing import Final, Literal

import msgspec

# A whole value is an int. Most sums of a log then stay ints, which are ten times as fast. Both
# types are exact, and equal values compare and hash equal.
Exact = int | Fraction

Kind = Literal[
    "shares", "units", "money", "price", "date", "time", "count", "ratio", "word", "flag", "number"
]

DIGITS_MAX: Final = 18
DECIMALS_MAX: Final = 12
NUMBER: Final = re.compile(rf"-?[0-9]{{1,{DIGITS_MAX}}}(?:\.[0-9]{{1,{DECIMALS_MAX}}})?")
_GROUPED: Final = re.compile(
    rf"(?:0|[1-9][0-9]*|[1-9][0-9]{{0,2}}(?:,[0-9]{{3}})+)(?:\.[0-9]{{1,{DECIMALS_MAX}}})?"
)
_SHOWN_DECIMALS: Final = 4


class Dimension(msgspec.Struct, frozen=True):
    """What a value measures; only money and prices have a *currency*.

    A price whose currency is `None` is in the instrument's own currency. A `number` is a figure
    written without a unit: it takes the dimension of the quantity that it is compared with.
    """

    kind: Kind
    currency: str | None = None

    def __str__(self) -> str:
        if self.kind == "money":
            return self.currency or "money"
        if self.kind == "price":
            return f"{self.currency or 'own currency'} a share or unit"
        return self.kind


SHARES: Final = Dimension("shares")
UNITS: Final = Dimension("units")
DATE: Final = Dimension("date")
TIME: Final = Dimension("time")
COUNT: Final = Dimension("count")
RATIO: Final = Dimension("ratio")
WORD: Final = Dimension("word")
FLAG: Final = Dimension("flag")
PRICE: Final = Dimension("price")
BARE: Final = Dimension("number")
# The day that a date which never comes is: after every day that is read. It is written `none`.
NO_DAY: Final = date.max.toordinal()


def money(currency: str) -> Dimension:
    """Return the dimension of an amount of *currency*."""
    return Dimension("money", currency)


def has_plain_digits(text: str) -> bool:
    """Return whether *text* has no digit such as `²` or `①`, which is not a digit of a number."""
    return all(unicodedata.category(sign) != "No" for sign in text)


def simplest(value: Exact) -> Exact:
    """Return *value*, as an int if it is whole."""
    return value.numerator if value.denominator == 1 else value


def quotient(dividend: Exact, divisor: Exact) -> Exact:
    """Return *dividend* over *divisor*, exactly; raise ZeroDivisionError if *divisor* is zero."""
    if type(dividend) is int and type(divisor) is int:
        whole, rest = divmod(dividend, divisor)
        return Fraction(dividend, divisor) if rest else whole
    return simplest(Fraction(dividend) / divisor)


def product(one: Exact | None, other: Exact | None) -> Exact | None:
    """Return *one* times *other*; `None` if either is unknown."""
    return None if one is None or other is None else one * other


def exact(text: str) -> Exact:
    """Return the number in *text*, exactly.

    Raise ValueError if *text* does not match `-?[0-9]{1,18}(.[0-9]{1,12})?` in ASCII.
    """
    if not NUMBER.fullmatch(text):
        raise ValueError(f"`{text}` is not a number")
    whole, point, decimals = text.partition(".")
    if not point:
        return int(text)
    return quotient(int(whole + decimals), 10 ** len(decimals))


def figure(text: str) -> Exact:
    """Return the number in *text*, whose thousands may be grouped by commas.

    Raise ValueError if a group is wrong, or for a leading zero or too many digits.
    """
    if not _GROUPED.fullmatch(text):
        raise ValueError(f"`{text}` is not a figure, such as `4000`, `4,000` or `0.5`")
    return exact(text.replace(",", ""))


def written(value: Exact) -> str:
    """Return *value* as an exact string: `4000`, `3999.5`, or `1/3` if its decimals never end."""
    if value.denominator == 1:
        return str(value.numerator)
    rest = value.denominator
    twos = (rest & -rest).bit_length() - 1
    rest >>= twos
    fives = 0
    while rest % 5 == 0:
        rest //= 5
        fives += 1
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    places = max(twos, fives)
    scaled = value.numerator * 10**places // value.denominator
    sign = "-" if scaled < 0 else ""
    digits = str(abs(scaled)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


def percent(part: Exact, whole: Exact) -> str:
    """Return *part* as a percentage of *whole*, with two decimals; a half is rounded up."""
    return rounded(Fraction(part) / whole * 100, 2)


def rounded(value: Exact, decimals: int) -> str:
    """Return *value* with so many *decimals*; a half is rounded up."""
    scaled = (value * 10**decimals + Fraction(1, 2)).__floor__()
    sign = "-" if scaled < 0 else ""
    whole, rest = divmod(abs(scaled), 10**decimals)
    return f"{sign}{whole}.{rest:0{decimals}d}" if decimals else f"{sign}{whole}"


def shown(value: Exact, *, up: bool = True) -> str:
    """Return *value* for people: grouped by thousands, with at most four decimals.

    Further decimals are rounded so that the cap never looks less used than it is: *up* for a
    quantity that is used, down for one that remains.
    """
    scale = 10**_SHOWN_DECIMALS
    scaled = value * scale
    rounded = scaled.__ceil__() if up else scaled.__floor__()
    whole, decimals = divmod(abs(rounded), scale)
    sign = "-" if rounded < 0 else ""
    fraction = f".{decimals:0{_SHOWN_DECIMALS}d}".rstrip("0").rstrip(".")
    return f"{sign}{whole:,}{fraction}"


def date_number(day: date) -> int:
    """Return *day* as a number of days counted from 0001-01-01, which is 1."""
    return day.toordinal()


def time_written(seconds: Exact) -> str:
    """Return *seconds* from midnight as `HH:MM:SS`, with a fraction if there is one."""
    whole = seconds.__floor__()
    clock = f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    fraction = seconds - whole
    return clock if not fraction else clock + written(fraction)[1:]


def value_written(value: Exact | str | bool, dimension: Dimension) -> str:
    """Return *value*, of *dimension*, as the exact string that decisions carry."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if dimension.kind == "date":
        # Arithmetic on dates can go beyond the calendar; then only the number of the day remains.
        if value.denominator != 1 or not 1 <= value <= date.max.toordinal():
            return written(value)
        return "none" if value == NO_DAY else date.fromordinal(int(value)).isoformat()
    if dimension.kind == "time":
        return time_written(value)
    return written(value)
