"""How the numbers of a file may be printed: the styles in which all of them can be read.

`160.000` fits two styles. Which one is meant is settled by price times quantity, if the file
has the amount, and is asked otherwise.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

import msgspec

from repurchase.domain.errors import Wrong
from repurchase.intake.mapping import FIGURES
from repurchase.intake.printed import ONE, SPACE, UNITS, Reader, Style, Typed, number_reader

_STYLES: Final = (
    Style(),
    Style(thousands=","),
    Style(thousands=SPACE),
    Style(","),
    Style(",", "."),
    Style(",", SPACE),
    Style(thousands="'"),
    Style(",", "'"),
)
# A longer text is not a figure, a day or a title.
LENGTH_MAX: Final = 60
_BELONGS: Final = Fraction(9, 10)
_NEAR: Final = Fraction(1, 50)
_OF_SHARES: Final = re.compile(r"(?i:shares|stk\.?|st\.?|aktier|pcs|kpl)|株")
# What may stand beside a number and change nothing: a code or a sign of money, shares.
_HARMLESS: Final = re.compile(rf"[A-Z]{{3}}|[A-Z]{{0,3}}[$€£¥]|kr\.?|円|{_OF_SHARES.pattern}")
_NUMBER: Final = re.compile(
    r"[-(]?[^\w\s]{0,3}(?:[A-Z]{0,3}\$?|kr\.?)\s?[0-9][0-9.,'\u2019\s]*\)?\s?[A-Za-z%*円株€]{0,6}"
)
# What stands for no number, whoever writes it.
NONE: Final = re.compile("[-\u2013\u2014]+|n\\.?/?a\\.?|nil|none|null", re.IGNORECASE)
# The figures that may be printed in another unit than the others.
_OTHER_UNITS: Final = (
    ("price", "pence"),
    ("amount", "thousands"),
    ("amount", "millions"),
    ("quantity", "thousands"),
)

Texts = Mapping[str, Sequence[str]]
Values = Mapping[str, Sequence[str | None]]


class Readings(msgspec.Struct, frozen=True):
    """The styles in which the figures can be read, each with other *values*.

    *odd* are the texts beside numbers that may change what they mean. *failing* is a text that
    fits no style. *is_settled* says that price times quantity chose between several.
    """

    styles: tuple[tuple[Style, Values], ...]
    odd: tuple[str, ...]
    failing: str | None = None
    is_settled: bool = False


def readings(texts: Texts, given: Style | None = None) -> Readings:
    """Return how the *texts* of each figure can be read, all in one style, or in the *given*."""
    around, none = _around(texts.values()), _none(texts.values())
    odd = [sign for sign in around if not _HARMLESS.fullmatch(sign)]
    if given is not None:
        odd = []
    elif not odd and len([one for one in around if not _OF_SHARES.fullmatch(one)]) > 1:
        odd = list(around)
    # By their values: styles that read all figures alike count once.
    found: dict[Any, tuple[Style, Values]] = {}
    others: dict[Any, tuple[Style, Values]] = {}
    best: tuple[int, str] = (-1, "")
    for style in _STYLES if given is None else (given,):
        whole = given or msgspec.structs.replace(style, around=around, none=none)
        values, count, unfit = _read_all(texts, number_reader(whole))
        if values is None:
            best = max(best, (count, unfit), key=lambda one: one[0])
            continue
        read = tuple(map(tuple, values.values()))
        if given or is_whole(values.get("quantity", ())):
            found.setdefault(read, (whole, values))
        elif in_thousandths(texts["quantity"], values["quantity"]):
            others.setdefault(read, (whole, values))
    every = tuple((found or others).values())
    fitting = tuple(one for one in every if multiplies(one[1]))
    is_settled = len(every) > 1 and len(fitting) == 1
    failing = None if every else best[1] or None
    return Readings(fitting if is_settled else every, tuple(odd), failing, is_settled)


def _read_all(texts: Texts, read: Reader) -> tuple[Values | None, int, str]:
    """Return the values of all *texts*; or else how many can be read, and one that cannot."""
    count, failing = 0, ""
    values: dict[str, list[str | None]] = {name: [] for name in texts}
    for name, column in texts.items():
        for text in column:
            try:
                values[name].append(read(text))
                count += 1
            except Wrong:
                failing = failing or text
    return (None if failing else values), count, failing


def is_whole(values: Iterable[str | None]) -> bool:
    """Return whether all of *values* are whole numbers."""
    return all(one is None or "." not in one for one in values)


def in_thousandths(texts: Sequence[str], values: Sequence[str | None]) -> bool:
    """Return whether a mark before three digits was read as that of decimals: 1,000 as 1."""
    found = [
        (re.sub(r"[^0-9]", "", unicodedata.normalize("NFKC", text)), Fraction(of))
        for text, of in zip(texts, values, strict=True)
        if of is not None
    ]
    return any(of and Fraction(digits or 0) == abs(of) * 1000 for digits, of in found)


def multiplies(values: Values, units: Mapping[str, str] | None = None) -> bool:
    """Return whether price times quantity, in *units*, is near the amount in nearly all rows."""
    near = [gap <= _NEAR * amount + 1 for gap, amount in apart(values, units or {})]
    return bool(near) and sum(near) >= _BELONGS * len(near)


def other_unit(values: Values) -> tuple[str, str] | None:
    """Return the figure that is in another unit, and its unit, if so price times quantity fits."""
    if multiplies(values):
        return None
    found = [one for one in _OTHER_UNITS if multiplies(values, dict([one]))]
    return found[0] if len(found) == 1 else None


def apart(values: Values, units: Mapping[str, str]) -> Iterator[tuple[Fraction, Fraction]]:
    """Yield by how much price times quantity differs from the amount, and it, of each whole row."""
    if any(name not in values for name in FIGURES):
        return
    factors = [UNITS[units.get(name, ONE)] for name in FIGURES]
    for row in zip(*(values[name] for name in FIGURES), strict=True):
        if None not in row:
            quantity, price, amount = (
                Fraction(str(text)) * by for text, by in zip(row, factors, strict=True)
            )
            yield abs(quantity * price - amount), amount


def is_number(text: str) -> bool:
    """Return whether *text* looks like a number, in whatever style."""
    if isinstance(text, Typed):
        return text.lstrip("-").replace(".", "", 1).isdigit()
    bare = text.strip() if len(text) < 2 * LENGTH_MAX else ""
    if not bare.isascii():
        bare = unicodedata.normalize("NFKC", bare)
    return len(bare) <= LENGTH_MAX and _NUMBER.fullmatch(bare) is not None


def said(style: Style) -> dict[str, Any]:
    """Return *style* as a mapping says it, without what it need not say."""
    found: dict[str, Any] = {} if style.decimal == "." else {"decimal": style.decimal}
    if style.thousands is not None:
        found["thousands"] = style.thousands
    for name in ("around", "none"):
        if getattr(style, name):
            found[name] = list(getattr(style, name))
    return found


def style_of(values: Mapping[str, Any]) -> Style:
    """Return the style that a mapping says by *values*."""
    read = {name: tuple(of) if isinstance(of, list) else of for name, of in values.items()}
    return msgspec.structs.replace(Style(), **read)


def _around(texts: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return the signs that stand before or after numbers."""
    found: Counter[str] = Counter()
    for column in texts:
        for text in column:
            bare = unicodedata.normalize("NFKC", text).strip()
            if any(sign.isdigit() for sign in bare):
                before = re.match(r"[^\d\-(]*", bare)
                after = re.search(r"[^\d)]*$", bare)
                for part in (before, after):
                    if part is not None and part[0].strip(" .,"):
                        found[part[0].strip()] += 1
    return tuple(sorted(found))


def _none(texts: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return the texts that stand for no number: a dash, or a word such as `N/A`."""
    cells = {text.strip() for column in texts for text in column}
    return tuple(sorted(one for one in cells if one and not any(map(str.isdigit, one))))
