"""Exact quantities: what is read, what is written, and which way people's figures are rounded."""

from __future__ import annotations

from datetime import date, time
from fractions import Fraction
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.moments import time_number
from repurchase.domain.quantities import (
    COUNT,
    DATE,
    FLAG,
    PRICE,
    SHARES,
    TIME,
    WORD,
    Dimension,
    Exact,
    date_number,
    exact,
    figure,
    money,
    percent,
    shown,
    simplest,
    time_written,
    value_written,
    written,
)

NINES: Final = "9" * 18
DECIMALS: Final = "0" * 11 + "1"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-0", 0),
        ("4000", 4_000),
        ("007", 7),
        ("-1", -1),
        ("0.5", Fraction(1, 2)),
        ("-0.5", Fraction(-1, 2)),
        ("4000.0", 4_000),
        ("0.1", Fraction(1, 10)),
        (NINES, 10**18 - 1),
        (f"0.{DECIMALS}", Fraction(1, 10**12)),
        (f"{NINES}.{'9' * 12}", 10**18 - Fraction(1, 10**12)),
    ],
)
def test_exact_reads_digit_by_digit(text: str, value: Exact) -> None:
    """A number of 18 digits and 12 decimals is read to the last of them, an int where whole."""
    found = exact(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        ".",
        "1.",
        ".5",
        "+1",
        "--1",
        "1e5",
        "1E5",
        "NaN",
        "Infinity",
        "1_000",
        "1,000",
        "0x10",
        "1/3",
        " 1",
        "1 ",
        "1\n",
        "1.5\n",
        "\uff11",
        "\u0663",
        "1.2.3",
        f"{NINES}9",
        f"0.{DECIMALS}1",
    ],
)
def test_exact_refuses_anything_else(text: str) -> None:
    """No sign, exponent, group, space, other digit, or digit too many is read as something."""
    with pytest.raises(ValueError, match="is not a number"):
        exact(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("0.5", Fraction(1, 2)),
        ("4000", 4_000),
        ("4,000", 4_000),
        ("400,000,000", 400_000_000),
        ("1,234.5", Fraction(2469, 2)),
        ("999", 999),
        ("999,999,999,999,999,999", 10**18 - 1),
    ],
)
def test_figure_reads_thousands(text: str, value: Exact) -> None:
    """A figure may be grouped by commas, all of it or none."""
    assert figure(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "007",
        "00",
        "0,000",
        "4,00",
        "4,0000",
        "40,00",
        "4000,000",
        "1000,000",
        ",000",
        "4,",
        "4,000,",
        "4.000,5",
        "1,234.5,6",
        "4 000",
        "4'000",
        "1.",
        "\uff14,000",
        "4,000\n",
        "1,000,000,000,000,000,000",
        "1000000000000000000",
    ],
)
def test_figure_refuses_a_wrong_group(text: str) -> None:
    """A wrong group, a leading zero, a sign or a digit too many is an error, not a guess."""
    with pytest.raises(ValueError, match="is not a"):
        figure(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (4_000, "4000"),
        (-4_000, "-4000"),
        (Fraction(8_000, 2), "4000"),
        (Fraction(7_999, 2), "3999.5"),
        (Fraction(-1, 2), "-0.5"),
        (Fraction(1, 400), "0.0025"),
        (Fraction(-1, 400), "-0.0025"),
        (Fraction(1, 10**12), "0.000000000001"),
        (Fraction(1, 2**20), "0.00000095367431640625"),
        (Fraction(1, 3), "1/3"),
        (Fraction(-1, 3), "-1/3"),
        (Fraction(7, 6), "7/6"),
        (10**40, "1" + "0" * 40),
    ],
)
def test_written_is_exact(value: Exact, text: str) -> None:
    """A decimal where one ends, a fraction where none does."""
    assert written(value) == text


@given(st.fractions())
def test_written_reads_back(value: Fraction) -> None:
    """What is written is the value, to the last fraction, sign and all."""
    assert Fraction(written(value)) == value


@given(st.integers(), st.integers(0, 40), st.integers(0, 40))
def test_written_of_a_decimal_has_no_slash_and_no_spare_zero(
    numerator: int, twos: int, fives: int
) -> None:
    """Whatever a decimal can say is written as the shortest decimal."""
    text = written(Fraction(numerator, 2**twos * 5**fives))
    assert ("/" in text, "." in text and text.endswith("0")) == (False, False)


@given(st.integers(0, 10**18 - 1), st.integers(0, 10**12 - 1), st.booleans())
def test_exact_reads_what_is_written(whole: int, decimals: int, below: bool) -> None:
    """Every number that is read comes back from its exact string."""
    value = simplest((whole + Fraction(decimals, 10**12)) * (-1 if below else 1))
    assert exact(written(value)) == value


@given(st.integers(0, 10**18 - 1))
def test_figure_reads_what_is_grouped(value: int) -> None:
    """Every whole figure comes back from its groups."""
    assert figure(f"{value:,}") == value


@given(st.fractions())
def test_simplest_is_the_same_value(value: Fraction) -> None:
    """A whole fraction becomes an int, and nothing else changes."""
    found = simplest(value)
    assert (found, type(found) is int) == (value, value.denominator == 1)


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 1, "0.00"),
        (1, 1, "100.00"),
        (1, 3, "33.33"),
        (2, 3, "66.67"),
        (4_000, 206_478, "1.94"),
        # A half is rounded up, and what is just below it is not.
        (Fraction(5, 100_000), 1, "0.01"),
        (Fraction(5, 100_000) - Fraction(1, 10**12), 1, "0.00"),
        (Fraction(123_450, 10**7), 1, "1.23"),
        (Fraction(123_500, 10**7), 1, "1.24"),
        (Fraction(99_995, 100_000), 1, "100.00"),
        (Fraction(99_994, 100_000), 1, "99.99"),
        (-1, 4, "-25.00"),
        (Fraction(-5, 100_000), 1, "0.00"),
        (Fraction(-6, 100_000), 1, "-0.01"),
        (12, 10, "120.00"),
    ],
)
def test_percent_rounds_half_up(part: Exact, whole: Exact, text: str) -> None:
    """Two decimals, a half always up."""
    assert percent(part, whole) == text


@given(st.fractions(min_value=-10, max_value=10))
def test_percent_is_within_half_a_hundredth(part: Fraction) -> None:
    """What is shown is at most half a hundredth of a percent above, and less than that below."""
    over = Fraction(percent(part, 1)) - part * 100
    assert -Fraction(1, 200) < over <= Fraction(1, 200)


@pytest.mark.parametrize(
    ("value", "used", "left"),
    [
        (0, "0", "0"),
        (4_000, "4,000", "4,000"),
        (400_000_000, "400,000,000", "400,000,000"),
        (Fraction(7_999, 2), "3,999.5", "3,999.5"),
        (Fraction(1, 400), "0.0025", "0.0025"),
        (Fraction(1, 10_000), "0.0001", "0.0001"),
        (Fraction(1, 10_000) + Fraction(1, 10**12), "0.0002", "0.0001"),
        (Fraction(1, 10**12), "0.0001", "0"),
        (Fraction(1, 3), "0.3334", "0.3333"),
        (Fraction(399_999_999_999, 100_000), "4,000,000", "3,999,999.9999"),
        (Fraction(-1, 3), "-0.3333", "-0.3334"),
        (-1_500, "-1,500", "-1,500"),
        (10**30 + Fraction(1, 3), f"{10**30:,}.3334", f"{10**30:,}.3333"),
    ],
)
def test_shown_rounds_towards_using_more(value: Exact, used: str, left: str) -> None:
    """What is used is rounded up and what is left down, past four decimals."""
    assert (shown(value), shown(value, up=False)) == (used, left)


@given(st.one_of(st.fractions(), st.integers(-(10**60), 10**60).map(lambda n: Fraction(n, 7))))
def test_shown_never_flatters(value: Fraction) -> None:
    """What is used is never shown as less, what is left never as more, by a last digit at most."""
    used = Fraction(shown(value).replace(",", ""))
    left = Fraction(shown(value, up=False).replace(",", ""))
    last = Fraction(1, 10_000)
    assert (value <= used < value + last, value - last < left <= value) == (True, True)


@pytest.mark.parametrize(
    ("moment", "number", "text"),
    [
        (time(0, 0), 0, "00:00:00"),
        (time(9, 30), 34_200, "09:30:00"),
        (time(23, 59, 59), 86_399, "23:59:59"),
        (time(9, 30, 0, 500_000), Fraction(68_401, 2), "09:30:00.5"),
        (time(23, 59, 59, 999_999), 86_400 - Fraction(1, 10**6), "23:59:59.999999"),
    ],
)
def test_time_is_seconds_from_midnight(moment: time, number: Exact, text: str) -> None:
    """A time of day is an exact number, and is written as people write it."""
    assert (time_number(moment), time_written(number)) == (number, text)


@given(st.times())
def test_time_reads_back(moment: time) -> None:
    """Every time of day comes back from what is written, to the microsecond."""
    assert time.fromisoformat(_padded(time_written(time_number(moment)))) == moment


def _padded(text: str) -> str:
    # Python reads three or six decimals of a second.
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction:0<6}"


@given(st.dates())
def test_day_counts_from_the_first(day: date) -> None:
    """A date is a number of days, and comes back from what is written."""
    assert value_written(date_number(day), DATE) == day.isoformat()


@pytest.mark.parametrize(
    ("value", "dimension", "text"),
    [
        (Fraction(7_999, 2), SHARES, "3999.5"),
        (4_000, money("JPY"), "4000"),
        (Fraction(1, 3), PRICE, "1/3"),
        (3, COUNT, "3"),
        (1, DATE, "0001-01-01"),
        # Between two days there is no date: the number of the day stays exact.
        (Fraction(3, 2), DATE, "1.5"),
        (34_200, TIME, "09:30:00"),
        ("nomura", WORD, "nomura"),
        (True, FLAG, "true"),
        (False, FLAG, "false"),
    ],
)
def test_value_is_written_by_its_dimension(
    value: Exact | str | bool, dimension: Dimension, text: str
) -> None:
    """Decisions carry exact strings, dates and times as people write them."""
    assert value_written(value, dimension) == text


@pytest.mark.parametrize(
    ("dimension", "text"),
    [
        (SHARES, "shares"),
        (money("JPY"), "JPY"),
        (PRICE, "own currency a share or unit"),
        (Dimension("price", "JPY"), "JPY a share or unit"),
    ],
)
def test_dimension_says_what_it_measures(dimension: Dimension, text: str) -> None:
    """Messages call a dimension by the word a reader knows."""
    assert str(dimension) == text
