"""Exact strings as people read them: grouped by thousands, with their unit."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from repurchase.domain.errors import plain
from repurchase.domain.quantities import Exact, shown


def unit(text: str | None, dimension: str | None, figure: Callable[[Exact], str] = shown) -> str:
    """Return the exact string *text* for people: grouped by thousands, with its unit.

    *dimension* decides the unit. *figure* formats the number; the default rounds it up to four
    decimals. Without *text*, the value is "unknown".
    """
    if text is None:
        return "unknown"
    if dimension in ("date", "time", "word", "flag", None):
        return plain(text)
    number = int(text) if text.isdecimal() else Fraction(text)
    if dimension == "ratio":
        return f"{figure(number * 100)}%"
    if dimension in ("shares", "units"):
        return f"{figure(number)} {dimension[:-1] if number == 1 else dimension}"
    if dimension in ("count", "number"):
        return figure(number)
    currency = dimension.split()[0]
    return figure(number) if currency == "own" else f"{currency} {figure(number)}"
