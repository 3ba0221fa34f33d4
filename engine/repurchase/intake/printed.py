"""Numbers as people print them, read exactly: marks, units, signs of currency, and words for none.

`160.000` is 160 to one reader and 160,000 to another, so nothing is guessed here: the style of the
numbers of a file is given, and a text that does not fit it is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Final

import msgspec

from repurchase.domain.errors import Wrong, short
from repurchase.domain.quantities import DECIMALS_MAX, DIGITS_MAX

DECIMAL_MARKS: Final = (".", ",")
SPACE: Final = "space"
THOUSANDS_MARKS: Final = (",", ".", "'", "\u2019", SPACE)
_APOSTROPHES: Final = "['\u2019]"
_SPACE: Final = r"[\s\u00a0\u2000-\u200b\u202f\u205f\u3000]"
# Marks that are written in several ways.
_MARKS: Final = {SPACE: _SPACE, "'": _APOSTROPHES, "\u2019": _APOSTROPHES}
# What a printed figure is multiplied by, by the name of its unit.
ONE: Final = "one"
UNITS: Final = {
    ONE: Fraction(1),
    "pence": Fraction(1, 100),
    "cents": Fraction(1, 100),
    "percent": Fraction(1, 100),
    "hundreds": Fraction(100),
    "thousands": Fraction(1_000),
    "millions": Fraction(1_000_000),
}
# Most files have few quantities and few prices.
_CACHED: Final = 1 << 16
_DASHES: Final = str.maketrans("\u2212\u2010\u2011\u2013\u2014", "-----")

# What reads a printed text: its value, or `None` if it stands for none.
Reader = Callable[[str], str | None]


class Typed(str):
    """A number, a day or a time that a workbook holds as such: it is printed in no style."""

    __slots__ = ()


class Style(msgspec.Struct, frozen=True):
    """How the numbers of a file are printed.

    *thousands* groups digits by threes; without it, no digits are grouped. *around* are texts that
    may stand before or after a number, such as `A$`. *none* are the texts that stand for no number.
    """

    decimal: str = "."
    thousands: str | None = None
    around: tuple[str, ...] = ()
    none: tuple[str, ...] = ()


def number_reader(style: Style, unit: str | None = None) -> Reader:
    """Return what reads a number printed in *style*, in *unit*, as an exact decimal in ASCII.

    It raises Wrong for a text that is no number in this style.
    """
    pattern, plain = (re.compile(_pattern(one)) for one in (style, Style()))
    around = tuple(sorted(style.around, key=len, reverse=True))
    factor = UNITS[unit] if unit is not None else None

    # A number and the text of its digits in a workbook are equal, and are not read alike.
    @lru_cache(_CACHED, typed=True)
    def read(text: str) -> str | None:
        bare = unicodedata.normalize("NFKC", text).translate(_DASHES).strip()
        if not bare or bare in style.none or text.strip() in style.none:
            return None
        if isinstance(text, Typed):
            found = plain.fullmatch(bare)
        else:
            found = pattern.fullmatch(bare) or pattern.fullmatch(_without(bare, around))
        if found is None:
            raise _misprinted(text, bare, style)
        sign, whole, part = found.group(1, 2, 3)
        digits = re.sub(r"[^0-9]", "", whole)
        return _scaled(sign, digits, part or "", factor, text)

    return read


def _pattern(style: Style) -> str:
    if style.thousands is None:
        whole = "[0-9]+"
    else:
        mark = _MARKS.get(style.thousands) or re.escape(style.thousands)
        whole = rf"[0-9]+|[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+"
    return rf"(-?){_SPACE}*({whole})(?:{re.escape(style.decimal)}([0-9]+))?"


def _without(text: str, around: tuple[str, ...]) -> str:
    """Return *text* without one of the texts *around* it, before it and after it."""
    sign = ""
    if text.startswith("-"):
        sign, text = "-", text[1:].lstrip()
    before = next((one for one in around if text.startswith(one)), "")
    text = text.removeprefix(before).strip()
    after = next((one for one in around if text.endswith(one)), "")
    return sign + text.removesuffix(after).strip()


def _scaled(sign: str, digits: str, part: str, factor: Fraction | None, text: str) -> str:
    digits, part = digits.lstrip("0") or "0", part.rstrip("0")
    if factor is not None:
        scaled = Fraction(f"{digits}.{part or 0}") * factor
        whole, rest = divmod(scaled.numerator, scaled.denominator)
        digits, part = str(whole), _decimals(Fraction(rest, scaled.denominator))
    if len(digits) > DIGITS_MAX or len(part) > DECIMALS_MAX:
        what = f"is `{short(text)}`, which has more digits than can be read"
        raise Wrong(what, f"write at most {DIGITS_MAX} digits and {DECIMALS_MAX} decimals")
    return f"{sign}{digits}.{part}" if part else f"{sign}{digits}"


def _decimals(rest: Fraction) -> str:
    """Return the decimals of *rest*, which is below 1 and ends after finitely many of them."""
    found = ""
    while rest:
        digit, rest = divmod(rest * 10, 1)
        found += str(digit)
    return found


def _misprinted(text: str, bare: str, style: Style) -> Wrong:
    shown = f"is `{short(text)}`"
    if bare.startswith("(") and bare.endswith(")"):
        what = f"{shown}, in brackets, which may mean a negative number"
        return Wrong(what, "a purchase has no negative figure: skip the row, or correct the file")
    grouped = "nothing groups digits"
    if style.thousands is not None:
        called = "spaces group" if style.thousands == SPACE else f"`{style.thousands}` groups"
        grouped = f"{called} digits by threes"
    what = f"{shown}, not a number in which `{style.decimal}` marks decimals and {grouped}"
    return Wrong(what, "give the style of the file under `numbers` of the mapping")
