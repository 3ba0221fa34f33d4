"""The names of people: which spellings are one person's, and which only look like it.

`make lookalikes` writes the table beside this module, from Unicode's security data (UTS 39).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from importlib.resources import files
from typing import Final, Literal

# What tells who sends an event, if not the event itself.
Identity = Literal["os", "database"]

_ROWS: Final = (files("repurchase.domain") / "lookalikes.tsv").read_text("utf-8").splitlines()
# Accents of the letters that the table compares; the marks of other scripts make other letters.
_ACCENTS: Final = frozenset(map(chr, range(0x300, 0x370)))
# Letters that have no shape.
_FILLERS: Final = frozenset("\u115f\u1160\u3164\uffa0")
# In these scripts a mark makes another syllable; elsewhere it can be left out, or is invisible.
_WITH_MARKS: Final = (range(0x900, 0x10A0), range(0x1780, 0x17B4), range(0x17B6, 0x17D4))
_CACHED: Final = 1 << 10


def _table() -> dict[int, str]:
    rows = (row.split("\t") for row in _ROWS)
    return {ord(sign): standing for standing, signs in rows for sign in signs}


_STANDING_FOR: Final = _table()


@lru_cache(_CACHED)
def plain_name(text: str) -> str:
    """Return the name *text* in the spelling that all spellings of one person's name share.

    Capitals, widths, spaces, punctuation, and signs without a shape make no difference.
    """
    return _seen(text).casefold() or text


def _seen(text: str) -> str:
    """Return the letters and digits of *text*, without what has no shape of its own."""
    return "".join(filter(_is_seen, unicodedata.normalize("NFKC", text)))


def _is_seen(sign: str) -> bool:
    if unicodedata.category(sign)[0] == "M":
        return any(ord(sign) in marks for marks in _WITH_MARKS)
    return sign.isalnum() and sign not in _FILLERS


@lru_cache(_CACHED)
def shapes(text: str) -> frozenset[str]:
    """Return what the name *text* looks like as written, in small letters and in capitals.

    Two names that share a shape look alike.
    """
    plain = plain_name(text)
    return frozenset(map(_shape, (_seen(text), plain, plain.upper())))


def _shape(text: str) -> str:
    """Return *text* with one sign for all that look like it; two letters `rn` look like an `m`."""
    bare = "".join(sign for sign in unicodedata.normalize("NFD", text) if sign not in _ACCENTS)
    # What stands for a sign can itself be one of a group.
    return bare.translate(_STANDING_FOR).translate(_STANDING_FOR)


def is_same_person(one: str | None, other: str | None) -> bool:
    """Return whether two names are of one person, or may be since one is not given."""
    if one is None or other is None:
        return True
    return plain_name(one) == plain_name(other)
