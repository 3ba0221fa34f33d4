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


@cache
def venue_codes() -> frozenset[str]:
    """Return the codes of all venues in the table, expired ones included."""
    # Below the release and the names of the columns.
    return frozenset(row.partition("\t")[0] for row in _table().split("\n")[2:-1])


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


def operating_market(code: str) -> str:
    """Return the code of the market that operates the venue *code*; *code* if none is known."""
    found = listed_venue(code)
    return code if found is None else found.operating


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
