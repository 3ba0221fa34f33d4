"""Venues by their market identifier codes, from the table of ISO 10383 beside this module.

`make venues` writes the table. A code that it lacks is never replaced by one that looks like it:
two codes that differ in one letter are two venues.
"""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from repurchase.domain.errors import Wrong

# The code of venues that are in no country, such as XOFF for trades off every venue.
NO_COUNTRY: Final = "ZZ"
# The European Economic Area, and all else. Its states are those since 2014, but for the United
# Kingdom, which left it.
AREAS: Final = ("EEA", "other")
_EEA: Final = frozenset(
    (
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"),
        *("IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"),
    )
)
_CODE: Final = re.compile("[A-Z0-9]{4}")


class Venue(msgspec.Struct, frozen=True):
    """A venue as ISO 10383 lists it; its *mic* is its market identifier code.

    *operating* is the code of the market that operates it, its own if it operates itself. A dark or
    periodic book is a segment of such a market. *country* is a code of ISO 3166. *expired* is the
    day from which the code is no longer in use, `None` while it is. *zone* is the time zone in
    which the venue counts its days, `None` if the table does not say it.
    """

    mic: str
    operating: str
    name: str
    country: str
    city: str
    status: str
    category: str
    created: date
    expired: date | None
    zone: str | None

    @property
    def is_segment(self) -> bool:
        """Return whether another market operates the venue."""
        return self.operating != self.mic


@cache
def _table() -> str:
    return (files("repurchase.domain") / "venues.tsv").read_text("utf-8")


def _column(name: str) -> frozenset[str]:
    """Return what the table has in the column *name*."""
    # The release stands above the names of the columns. To read each row whole takes ten times as
    # long, and every rule that names a country needs this.
    _, names, *rows, _ = _table().split("\n")
    at = names.split("\t").index(name)
    return frozenset(row.split("\t", at + 1)[at] for row in rows)


@cache
def venue_codes() -> frozenset[str]:
    """Return the codes of all venues in the table, expired ones included."""
    return _column("mic")


@cache
def listed_venue(code: str) -> Venue | None:
    """Return the venue *code*; `None` if the table has none."""
    start = _table().find(f"\n{code}\t") + 1 if _CODE.fullmatch(code) else 0
    if not start:
        return None
    row = _table()[start : _table().index("\n", start)]
    mic, operating, name, country, city, status, category, created, expired, zone = row.split("\t")
    return Venue(
        mic,
        operating,
        name,
        country,
        city,
        status,
        category,
        date.fromisoformat(created),
        date.fromisoformat(expired) if expired else None,
        zone or None,
    )


def out_of_use(code: str) -> date | None:
    """Return the day from which the venue *code* is no longer in use; `None` if it is in use."""
    found = listed_venue(code)
    return None if found is None else found.expired


@cache
def country_codes() -> frozenset[str]:
    """Return the codes of all countries with a venue in the table."""
    return _column("country") - {NO_COUNTRY}


def country_of(code: str) -> str | None:
    """Return the code of the country of the venue *code* (ISO 3166); `None` if it is not known."""
    found = listed_venue(code)
    return None if found is None or found.country == NO_COUNTRY else found.country


def area_of(code: str) -> str | None:
    """Return which of AREAS the venue *code* is in; `None` if its country is not known."""
    country = country_of(code)
    return None if country is None else AREAS[country not in _EEA]


def market_of(code: str) -> str | None:
    """Return the code of the market that operates the venue *code*; `None` if it is not known.

    A dark or a periodic book has that of its exchange; an exchange has its own.
    """
    found = listed_venue(code)
    return None if found is None else found.operating


def zone_name(code: str) -> str:
    """Return the name of the time zone of the venue *code*.

    Raise Wrong if the table does not have the venue, or not its clock.
    """
    found = listed_venue(code)
    if found is None:
        raise Wrong(f"unknown venue `{code}`", "ISO 10383 does not list it")
    if found.zone is None:
        raise Wrong(f"the venue `{code}` has no clock in the table")
    return found.zone
