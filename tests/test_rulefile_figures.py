"""Figures as rule files write them, and what is said of those that are written wrong."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from repurchase.domain.errors import Wrong
from repurchase.domain.quantities import BARE, DATE, RATIO, SHARES, TIME, Dimension, Exact, money
from repurchase.rulebook.figures import read_figure


@pytest.mark.parametrize(
    ("text", "value", "dimension"),
    [
        ("4,000 shares", 4000, SHARES),
        ("4000 shares", 4000, SHARES),
        ("1 share", 1, SHARES),
        ("0.5 shares", Fraction(1, 2), SHARES),
        ("JPY 400,000,000", 400_000_000, money("JPY")),
        ("USD 0.01", Fraction(1, 100), money("USD")),
        ("25%", Fraction(1, 4), RATIO),
        ("1.935%", Fraction(1935, 100_000), RATIO),
        ("100%", 1, RATIO),
        ("2008-11-14", date(2008, 11, 14).toordinal(), DATE),
        ("09:30", 34_200, TIME),
        ("23:59:59", 86_399, TIME),
        ("400", 400, BARE),
        ("999,999,999,999,999,999", 10**18 - 1, BARE),
        ("0.123456789012", Fraction(123_456_789_012, 10**12), BARE),
    ],
)
def test_figure_is_read_exactly(text: str, value: Exact, dimension: Dimension) -> None:
    """Each form gives its exact value and its dimension."""
    found = read_figure(text)
    assert (found.value, found.dimension) == (value, dimension)


GROUPS = "group thousands by commas, as in `4,000`, or not at all"
FORMS = (
    "write it as `4,000 shares`, `JPY 400,000,000`, `JPY 1,500 a share`, `25%`, `2008-11-14`,"
    " `09:30` or `400`"
)


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("4,00", "`4,00` is not grouped by thousands", GROUPS),
        ("40,00 shares", "`40,00` is not grouped by thousands", GROUPS),
        ("JPY 4000,000", "`4000,000` is not grouped by thousands", GROUPS),
        ("4,000,", "`4,000,` is not grouped by thousands", GROUPS),
        ("1234567890123456789", "`1234567890123456789` has more than 18 digits", None),
        ("1,234,567,890,123,456,789%", "`1,234,567,890,123,456,789` has more than 18 digits", None),
        ("0.1234567890123", "`0.1234567890123` has more than 12 decimals", None),
        ("1e5", "`1e5` has an exponent", "write all its digits"),
        ("1.5E+3 shares", "`1.5E+3` has an exponent", "write all its digits"),
        ("-4", "`-4` has a sign", "write the figure without a sign"),
        ("+4 shares", "`+4` has a sign", "write the figure without a sign"),
        (
            "1_000",
            "`1_000` contains an underscore",
            "group thousands by commas, as in `4,000`, or not at all",
        ),
        ("010", "`010` begins with a zero", "remove the zero"),
        ("00 shares", "`00` begins with a zero", "remove the zero"),
        (
            "\uff14\uff10\uff10\uff10 shares",
            "`\uff14\uff10\uff10\uff10` is not written in ASCII digits",
            "write `4000`",
        ),
        (
            "\uff14\uff0c\uff10\uff10\uff10 shares",
            "`\uff14\uff0c\uff10\uff10\uff10` is not written in ASCII digits",
            "write `4,000`",
        ),
        ("四千", "`四千` is not written in ASCII digits", FORMS),
        ("many", "`many` is not a figure", FORMS),
        ("4 Shares", "`4 Shares` is not a figure", FORMS),
        ("4.", "`4.` is not a figure", FORMS),
        (".5", "`.5` is not a figure", FORMS),
        ("25 %", "`25 %` is not a figure", FORMS),
        ("JPY400", "`JPY400` is not a figure", FORMS),
        ("0x1F", "`0x1F` is not a figure", FORMS),
        ("x" * 70, f"`{'x' * 59}…` is not a figure", FORMS),
        ("2008-02-30", "`2008-02-30` is no day that exists", None),
        ("2008-1-1", "`2008-1-1` is not a date", "write it as 2008-11-14"),
        ("24:00", "`24:00` is not a time of day", "the last one is `23:59:59`"),
        ("9:30", "`9:30` is not a time of day", "write it as `09:30` or `09:30:00`"),
    ],
)
def test_wrong_figure_is_told_with_the_right_one(text: str, what: str, hint: str | None) -> None:
    """Each mistake is named, and what would be right beside it."""
    with pytest.raises(Wrong) as caught:
        read_figure(text)
    assert (caught.value.what, caught.value.hint) == (what, hint)
