"""Figures as a rule file writes them: `4,000 shares`, `JPY 400,000,000`, `25%`, dates, times."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from typing import Final

from repurchase.domain.calendars import read_day
from repurchase.domain.errors import Wrong
from repurchase.domain.quantities import (
    BARE,
    DATE,
    DECIMALS_MAX,
    DIGITS_MAX,
    RATIO,
    SHARES,
    TIME,
    Exact,
    date_number,
    figure,
    has_plain_digits,
    money,
    simplest,
)
from repurchase.domain.terms import Figure
from repurchase.rulebook.yaml_reader import ticked

_FORMS_HINT: Final = (
    "write it as `4,000 shares`, `JPY 400,000,000`, `25%`, `2008-11-14`, `09:30` or `400`"
)
_GROUPS_HINT: Final = "group thousands by commas, as in `4,000`, or not at all"
_CHARACTERS_MAX: Final = 60
_CLOCK: Final = re.compile(r"([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?")
_GROUPS: Final = re.compile(r"[0-9]+(?:,[0-9]*)+(\.[0-9]+)?")


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
        re.compile(r"([A-Z]{3}) +(\S+)"),
        lambda found: Figure(read_number(found[2]), money(found[1])),
    ),
    (re.compile(r"(\S+) +shares?"), lambda found: Figure(read_number(found[1]), SHARES)),
    (re.compile(r"\S+%"), lambda found: Figure(read_percentage(found[0]), RATIO)),
)
