"""Currencies by their codes (ISO 4217), and the parts of them in which prices are quoted.

`make venues` writes the table, with the codes in use and those withdrawn. Shares in London are
priced in pence: an instrument in `GBX` has prices of which 100 are one pound.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Final

from repurchase.domain.quantities import Exact

# The parts of currencies, as people write them, each with its currency.
PARTS: Final[Mapping[str, str]] = {"GBX": "GBP", "ZAc": "ZAR", "ILA": "ILS"}
# Other spellings of these parts.
SPELLED: Final[Mapping[str, str]] = {"GBp": "GBX", "ZAC": "ZAc", "ILa": "ILA"}
_HUNDREDTH: Final = Fraction(1, 100)


@cache
def currency_codes() -> frozenset[str]:
    """Return the codes of all currencies, those that were withdrawn included."""
    text = (files("repurchase.domain") / "currencies.tsv").read_text("utf-8")
    # Below the release and the names of the columns.
    return frozenset(row.partition("\t")[0] for row in text.splitlines()[2:])


def whole(currency: str) -> str:
    """Return the currency of which *currency* is a part, or itself."""
    return PARTS.get(currency, currency)


def factor(currency: str) -> Exact:
    """Return how much of its whole currency one unit of *currency* is: 1/100 of a part, else 1."""
    return _HUNDREDTH if currency in PARTS else 1
