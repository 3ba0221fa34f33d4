"""Names of people: the spellings of one person, and names that only look like another's."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.people import is_same_person, plain_name, shapes

# Signs that nobody sees, of several kinds: format, variation, filler, mark, blank.
UNSEEN: Final = (
    *("\u200b", "\u00ad", "\u2060", "\ufe0f", "\U000e0100", "\u115f", "\u3164"),
    *(
        "\u17b4",
        "\u180b",
        "\u2800",
        "\u1ab0",
        "\u20d0",
        "\ufe20",
        "\u0488",
        "\u3000",
        "\u2009",
        ".",
    ),
)
NAMES: Final = st.text("abcdeIJKLsato", min_size=1, max_size=8)


@given(name=NAMES, sign=st.sampled_from(UNSEEN), place=st.integers(0, 8))
def test_sign_without_a_shape_makes_no_other_person(name: str, sign: str, place: int) -> None:
    """Wherever it stands, in capitals or not, the name is the same person's."""
    written = name[:place] + sign + name[place:]
    assert is_same_person(name, written.upper())
    assert plain_name(written) == plain_name(name)


@pytest.mark.parametrize("other", ["SATO ", "\uff33\uff41\uff54\uff4f", "Sato\u200b", "S.ato"])
def test_spellings_of_one_person(other: str) -> None:
    """Capitals, widths, spaces and points are no other person."""
    assert is_same_person("Sato", other)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Sato", "S\u0430to"),
        ("Sato", "\u0405ato"),
        ("Sato", "Sat0"),
        ("Sato", "Sat\u00f3"),
        ("Bill", "BiII"),
        ("Martin", "Rnartin"),
        ("Ito", "lto"),
        ("\u4f50\u85e4\u53e3", "\u4f50\u85e4\u30ed"),
    ],
)
def test_names_that_only_look_alike(name: str, other: str) -> None:
    """Letters of other scripts, digits and accents give a name away."""
    assert not is_same_person(name, other)
    assert not shapes(name).isdisjoint(shapes(other))


@pytest.mark.parametrize(
    ("name", "other"), [("Ann", "Bob"), ("\u304b", "\u304c"), ("\u0e01\u0e34", "\u0e01\u0e35")]
)
def test_other_people_stay_others(name: str, other: str) -> None:
    """Two names that a reader tells apart share no shape; a mark can make another syllable."""
    assert not is_same_person(name, other)
    assert shapes(name).isdisjoint(shapes(other))


@pytest.mark.parametrize("other", ["Sato", None])
def test_who_is_not_named_can_be_anyone(other: str | None) -> None:
    """So such a person confirms and releases nothing."""
    assert is_same_person(None, other)
