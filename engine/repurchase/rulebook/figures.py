"""Values as a rule file writes them: `4,000 shares`, `JPY 400,000,000`, `25%`, dates, times.

The value of a term may also be a list of periods, or be computed from other terms.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from fractions import Fraction
from typing import Final

import msgspec

from repurchase.domain.calendars import read_day, read_moment
from repurchase.domain.errors import Wrong
from repurchase.domain.moments import Moment
from repurchase.domain.quantities import (
    BARE,
    DATE,
    DECIMALS_MAX,
    DIGITS_MAX,
    NO_DAY,
    RATIO,
    SHARES,
    TIME,
    Dimension,
    Exact,
    date_number,
    figure,
    has_plain_digits,
    money,
    simplest,
)
from repurchase.domain.terms import Figure
from repurchase.language.expression import Names, quantity
from repurchase.language.linear import Constants, Linear, expanded
from repurchase.rulebook.yaml_reader import ticked

_FORMS_HINT: Final = (
    "write it as `4,000 shares`, `JPY 400,000,000`, `JPY 1,500 a share`, `25%`, `2008-11-14`,"
    " `09:30` or `400`"
)
_FORMULA: Final = re.compile(
    r"\b(?:terms|limits)\.[a-z]|[-+] *[0-9]+ +(?:day|week|month|year|session)"
)
# The last day of a program that has none.
NONE: Final = "none"
_TO: Final = ".."
_GROUPS_HINT: Final = "group thousands by commas, as in `4,000`, or not at all"
_CHARACTERS_MAX: Final = 60
_CLOCK: Final = re.compile(r"([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?")
_GROUPS: Final = re.compile(r"[0-9]+(?:,[0-9]*)+(\.[0-9]+)?")


class Formula(msgspec.Struct, frozen=True):
    """A value that is computed from other terms, as *text* says: `terms.first_day + 1 year`."""

    text: str


class Periods(msgspec.Struct, frozen=True):
    """A list of periods of days or of times: the first and the last of each, both included."""

    ends: tuple[tuple[Figure, Figure], ...]

    @property
    def dimension(self) -> Dimension:
        """Return the dimension of all its ends."""
        return self.ends[0][0].dimension


Value = Figure | Formula | Periods


def read_value(text: str) -> Value:
    """Return the value of a term in *text*; raise Wrong if it is not one."""
    if _FORMULA.search(text):
        return Formula(text)
    if text == NONE:
        return Figure(NO_DAY, DATE)
    return Periods((_period(text),)) if _TO in text else read_figure(text)


def read_periods(texts: list[str]) -> Periods:
    """Return the list of the periods in *texts*; raise Wrong if they are not periods of a kind."""
    periods = Periods(tuple(map(_period, texts)))
    for text, (first, _) in zip(texts, periods.ends, strict=True):
        if first.dimension != periods.dimension:
            raise Wrong(f"{ticked(text)} is a period of {first.dimension}s", "list one kind only")
    return periods


def _period(text: str) -> tuple[Figure, Figure]:
    """Return the first and the last of the period in *text*."""
    begins, is_period, ends = text.partition(_TO)
    hint = "write it as `2017-04-14..2017-04-20` or `09:00..11:30`"
    if not (is_period and begins.strip() and ends.strip()):
        raise Wrong(f"{ticked(text)} is not a period", hint)
    first, last = read_figure(begins.strip()), read_figure(ends.strip())
    if first.dimension != last.dimension or first.dimension not in (DATE, TIME):
        raise Wrong(f"{ticked(text)} is not a period of days or of times", hint)
    if first.value > last.value:
        raise Wrong(f"the period {ticked(text)} ends before it begins")
    return first, last


def worked_out(formula: Formula, names: Names, constants: Constants) -> Figure:
    """Return what *formula* comes to with the values of *constants*.

    Raise ExpressionError if it is not a quantity of *names*, Wrong if it has no value.
    """
    node = quantity(formula.text, names)
    value = expanded(node, constants)
    assert isinstance(value, Linear), "an extreme of constants is one of them"
    if value.missing:
        raise Wrong(f"{value.missing[0]} are not known here", "write the date")
    return Figure(simplest(value.constant), node.dimension)


def read_figure(text: str) -> Figure:
    """Return the figure in *text*; raise Wrong if it is not a figure."""
    if len(text) > _CHARACTERS_MAX:
        raise Wrong(f"{ticked(text)} is not a figure", _FORMS_HINT)
    for form, read in _FORMS:
        found = form.fullmatch(text)
        if found is not None:
            return read(found)
    return Figure(read_number(text), BARE)


def read_number(text: str) -> Exact:
    """Return the number in *text*, with or without grouped thousands; raise Wrong otherwise."""
    _only_ascii(text)
    for has_fault, what, hint in _FAULTS:
        if has_fault(text):
            raise Wrong(f"{ticked(text)} {what}", hint)
    _short_enough(text)
    if _GROUPS.fullmatch(text):
        _grouped(text)
    try:
        return figure(text)
    except ValueError:
        raise Wrong(f"{ticked(text)} is not a figure", _FORMS_HINT) from None


def read_percentage(text: str) -> Exact:
    """Return the percentage in *text* as a ratio: 1/4 for `25%`; raise Wrong otherwise."""
    if not text.endswith("%"):
        raise Wrong(f"{ticked(text)} is not a percentage", "write it as `25%`")
    return simplest(Fraction(read_number(text[:-1])) / 100)


def read_date(text: str) -> date:
    """Return the date in *text*; raise Wrong if it is not a date."""
    if len(text) > _CHARACTERS_MAX or not text.isascii():
        raise Wrong(f"{ticked(text)} is not a date", "write it as `2008-11-14`")
    return read_day(text)


def read_day_or_minute(text: str) -> date | datetime:
    """Return the date, or the whole minute of a day, in *text*; raise Wrong if it is neither."""
    if "T" not in text.upper():
        return read_date(text)
    moment = read_moment(text)
    if moment.second or moment.microsecond or isinstance(moment, Moment):
        raise Wrong(f"{ticked(text)} is not a whole minute", "write `00` as its seconds")
    return moment


def read_clock(text: str) -> int:
    """Return the time of day in *text*, in seconds from midnight; raise Wrong if it is not one."""
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise Wrong(f"{ticked(text)} is not a time of day", "write it as `09:30` or `09:30:00`")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    if hours > 23 or minutes > 59 or seconds > 59:
        raise Wrong(f"{ticked(text)} is not a time of day", "the last one is `23:59:59`")
    return hours * 3600 + minutes * 60 + seconds


def _only_ascii(text: str) -> None:
    if text.isascii():
        return
    plain = unicodedata.normalize("NFKC", text)
    is_same = plain.isascii() and has_plain_digits(text)
    hint = f"write {ticked(plain)}" if is_same else _FORMS_HINT
    raise Wrong(f"{ticked(text)} is not written in ASCII digits", hint)


def _short_enough(text: str) -> None:
    whole, _, decimals = text.replace(",", "").partition(".")
    if whole.isdigit() and len(whole) > DIGITS_MAX:
        raise Wrong(f"{ticked(text)} has more than {DIGITS_MAX} digits", None)
    if decimals.isdigit() and len(decimals) > DECIMALS_MAX:
        raise Wrong(f"{ticked(text)} has more than {DECIMALS_MAX} decimals", None)


def _grouped(text: str) -> None:
    whole, _, decimals = text.partition(".")
    right = f"{int(whole.replace(',', '')):,}" + (f".{decimals}" if decimals else "")
    if right != text:
        # `12,50` may be 12.5, and `4,00,000` one digit short: only the author knows.
        raise Wrong(f"{ticked(text)} is not grouped by thousands", _GROUPS_HINT)


_FAULTS: Final[tuple[tuple[Callable[[str], object], str, str], ...]] = (
    (lambda text: text[:1] in ("-", "+"), "has a sign", "write the figure without a sign"),
    (
        lambda text: "_" in text,
        "contains an underscore",
        _GROUPS_HINT,
    ),
    (re.compile("[0-9.]+[eE][-+]?[0-9]+").fullmatch, "has an exponent", "write all its digits"),
    (re.compile("0[0-9]").match, "begins with a zero", "remove the zero"),
)

_FORMS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Figure]], ...]] = (
    (
        re.compile(r"[0-9]+-[0-9]+-[0-9]+"),
        lambda found: Figure(date_number(read_date(found[0])), DATE),
    ),
    (re.compile(r"[0-9]+:[0-9:]*"), lambda found: Figure(read_clock(found[0]), TIME)),
    (
        re.compile(r"([A-Z]{3}) +(\S+) +a +share"),
        lambda found: Figure(read_number(found[2]), Dimension("price", found[1])),
    ),
    (
        re.compile(r"([A-Z]{3}) +(\S+)"),
        lambda found: Figure(read_number(found[2]), money(found[1])),
    ),
    (re.compile(r"(\S+) +shares?"), lambda found: Figure(read_number(found[1]), SHARES)),
    (re.compile(r"\S+%"), lambda found: Figure(read_percentage(found[0]), RATIO)),
)
