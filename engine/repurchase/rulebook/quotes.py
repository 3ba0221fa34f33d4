"""Whether words of a source state a figure, and whether a document contains them.

A figure is found by its value, however the source groups or spaces its digits or writes its scale
or date. It must be a whole figure: `4,000` is not found in `14,000` or in `4,000.5`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import Final

from repurchase.domain.quantities import Exact, date_number
from repurchase.domain.terms import Figure

# Full-width characters, which Japanese documents use in figures, to their ASCII ones.
_ASCII: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}

_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_MONTH: Final = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY: Final = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_YEAR: Final = r"(?P<year>[0-9]{4})"
_DATES: Final = tuple(
    re.compile(rf"(?<![0-9A-Za-z]){form}(?![0-9])(?!-[0-9])", re.IGNORECASE)
    for form in (
        r"(?<![0-9]-)(?P<year>[0-9]{4})-(?P<number>[0-9]{2})-(?P<day>[0-9]{2})",
        rf"{_MONTH} ?{_DAY},? ?{_YEAR}",
        rf"{_DAY} ?(?:of )?{_MONTH},? ?{_YEAR}",
        rf"{_YEAR} ?年 ?(?P<number>[0-9]{{1,2}}) ?月 ?(?P<day>[0-9]{{1,2}}) ?日",
    )
)

_GAP: Final = "[ \u00a0\u2009\u202f]"
_NUMBER: Final = re.compile(
    rf"(?<![0-9])(?P<digits>[0-9]+(?:(?:[.,'\u2019]|{_GAP}(?=[0-9]{{3}}(?![0-9])))[0-9]+)*)"
)
# Several groups of three after points can only be thousands; a single one can be decimals.
_GROUPINGS: Final = (
    re.compile(r"[0-9]{1,3}(?:,[0-9]{2,3})*,[0-9]{3}(?:\.[0-9]+)?"),
    re.compile(rf"[0-9]{{1,3}}(?:{_GAP}[0-9]{{3}})+(?:\.[0-9]+)?"),
    re.compile(r"[0-9]{1,3}(?:['\u2019][0-9]{3})+(?:\.[0-9]+)?"),
)
_POINTS: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3}){2,}(?:,[0-9]+)?")
# `4.000` is four to some readers and four thousand to others.
_AMBIGUOUS: Final = re.compile(r"[1-9][0-9]{0,2}\.[0-9]{3}")
_UNGROUPED: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")

_SCALES: Final = {
    "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12,
    "百万": 10**6, "千万": 10**7, "十億": 10**9, "千": 10**3, "万": 10**4, "億": 10**8,
    "兆": 10**12,
}  # fmt: skip
_SCALE: Final = re.compile(r" ?(thousand|million|billion|trillion)\b|(百万|千万|十億|千|万|億|兆)")
_SCALE_LETTERS: Final = "十百千万億兆"
_PERCENT: Final = re.compile(r" ?(?:%|per ?cent|パーセント)", re.IGNORECASE)
_TIME: Final = re.compile(
    r"(?<![0-9:])(?P<hours>[0-9]{1,2}):(?P<minutes>[0-9]{2})(?::(?P<seconds>[0-9]{2}))?"
    r"(?![0-9:])(?: ?(?P<half>[ap])\.?m\b)?",
    re.IGNORECASE,
)
_CODES: Final = (
    "JPY", "USD", "CAD", "GBP", "EUR", "CHF", "SEK", "DKK", "NOK", "HKD", "SGD", "KRW", "TWD",
    "AUD", "NZD", "CNY",
)  # fmt: skip
_DOLLARS: Final = ("USD", "CAD", "AUD", "HKD", "SGD", "TWD", "NZD")
_SIGNS: Final = {
    "¥": ("JPY", "CNY"), "円": ("JPY",), "yen": ("JPY",), "€": ("EUR",), "euro": ("EUR",),
    "£": ("GBP",), "$": _DOLLARS, "dollar": _DOLLARS,
} | {code: (code,) for code in _CODES}  # fmt: skip
_MARK: Final = "|".join(re.escape(sign) for sign in _SIGNS)
_BEFORE: Final = re.compile(rf"(?P<mark>{_MARK}) ?$")
_AFTER: Final = re.compile(rf" ?(?P<mark>{_MARK})")


def says(words: str, figure: Figure) -> bool:
    """Return whether *words* of a source state *figure*."""
    text = _even(words)
    if figure.dimension.kind == "date":
        return any(day == figure.value for day, _, _ in _dates(text))
    if figure.dimension.kind == "time":
        return any(time == figure.value for time in _times(text))
    return any(_fits(found, figure) for found in _numbers(_without_dates(text)))


def holds(text: str, words: str) -> bool:
    """Return whether *text* contains *words*, ignoring white space, as whole words and figures."""
    kept = [offset for offset, letter in enumerate(text) if not letter.isspace()]
    squeezed = "".join(text[offset] for offset in kept)
    wanted = "".join(words.split())
    at = squeezed.find(wanted) if wanted else -1
    while at >= 0:
        if _stands_alone(text, kept[at], kept[at + len(wanted) - 1] + 1):
            return True
        at = squeezed.find(wanted, at + 1)
    return False


def _stands_alone(text: str, start: int, end: int) -> bool:
    return not (
        _joined(text[max(0, start - 2) : start][::-1], text[start])
        or _joined(text[end : end + 2], text[end - 1])
    )


def _joined(outside: str, edge: str) -> bool:
    """Return whether the word or figure of *edge* continues in the characters *outside* it."""
    if not outside or not (edge.isascii() and edge.isalnum()):
        return False
    if edge.isdigit() and outside[0] in ".,":
        return outside[1:].isascii() and outside[1:].isdigit()
    same = str.isdigit if edge.isdigit() else str.isalpha
    return outside[0].isascii() and same(outside[0])


def _even(words: str) -> str:
    return re.sub(r"[ \t\r\n]+", " ", words.translate(_ASCII))


def _dates(text: str) -> Iterator[tuple[int, int, int]]:
    for form in _DATES:
        for found in form.finditer(text):
            part = found.groupdict()
            month = int(part.get("number") or 0) or _month(part["month"])
            try:
                day = date(int(part["year"]), month, int(part["day"]))
            except ValueError:
                continue
            yield date_number(day), found.start(), found.end()


def _month(name: str) -> int:
    short = name.lower()[:3]
    return next(number for number, month in enumerate(_MONTHS, 1) if month.startswith(short))


def _without_dates(text: str) -> str:
    for _, start, end in list(_dates(text)):
        text = text[:start] + "\0" * (end - start) + text[end:]
    return text


def _times(text: str) -> Iterator[int]:
    for found in _TIME.finditer(text):
        hours = int(found["hours"])
        if found["half"]:
            hours = hours % 12 + (12 if found["half"].lower() == "p" else 0)
        yield hours * 3600 + int(found["minutes"]) * 60 + int(found["seconds"] or 0)


class _Found:
    """A number in a text: its value, and the marks around it."""

    def __init__(self, value: Exact, digits: str, before: str, after: str) -> None:
        self.value = value
        self.is_ambiguous = _AMBIGUOUS.fullmatch(digits) is not None
        self.is_percentage = _PERCENT.match(after) is not None
        self.currencies = _currencies(before, after)


def _numbers(text: str) -> Iterator[_Found]:
    for found in _NUMBER.finditer(text):
        value = _value(found["digits"])
        before, after = text[: found.start()], text[found.end() :]
        if value is None or not _is_whole(before, after):
            continue
        scale = _SCALE.match(after)
        if scale is not None:
            value *= _SCALES[scale[1] or scale[2]]
            after = after[scale.end() :]
            if after[:1].isdigit() or after[:1] in tuple(_SCALE_LETTERS):
                continue
        yield _Found(value, found["digits"], before[-8:], after)


def _is_whole(before: str, after: str) -> bool:
    """Return whether a number is complete, judging by the text on both sides of its digits."""
    if before[-1:] in (".", "-", "/", ":") and before[-2:-1].isdigit():
        return False
    if before[-1:] in tuple(_SCALE_LETTERS) or before[-2:] in (" -", "-"):
        return False
    if before[-1:].isalpha() and before[-1:].isascii() and not _BEFORE.search(before[-8:]):
        return False
    return re.match(r"[-/:][0-9]", after) is None


def _value(digits: str) -> Exact | None:
    if _UNGROUPED.fullmatch(digits):
        return Fraction(digits)
    if any(grouping.fullmatch(digits) for grouping in _GROUPINGS):
        return Fraction(re.sub(rf"[,'\u2019]|{_GAP}", "", digits))
    if _POINTS.fullmatch(digits):
        return Fraction(digits.replace(".", "").replace(",", "."))
    return None


def _currencies(before: str, after: str) -> tuple[str, ...] | None:
    """Return the currencies that the mark beside a number can mean; `None` without a mark."""
    mark = _BEFORE.search(before) or _AFTER.match(after)
    return None if mark is None else _SIGNS[mark["mark"]]


def _fits(found: _Found, figure: Figure) -> bool:
    kind = figure.dimension.kind
    value = found.value / 100 if found.is_percentage else found.value
    if value != figure.value or found.is_percentage != (kind == "ratio"):
        return False
    if kind in ("money", "price"):
        return found.currencies is None or figure.dimension.currency in found.currencies
    return found.currencies is None and not (kind == "shares" and found.is_ambiguous)
