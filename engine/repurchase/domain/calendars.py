"""Time zones and the venues that keep them, from the pinned `tzdata` package alone.

The system's own zone files are never read: another machine, in another year, would answer
otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import tzdata

from repurchase.domain.errors import Wrong

T = TypeVar("T")

TZDATA_VERSION: Final = tzdata.__version__
YEAR_MIN: Final = 1900
YEAR_MAX: Final = 2199

# Market identifier codes (ISO 10383) and the zone that each venue's day is counted in.
VENUE_ZONES: Final = {
    venue: zone
    for zone, venues in {
        "Asia/Tokyo": "XTKS XNGO XFKA XSAP XOSE",
        "America/New_York": "XNAS XNYS XASE ARCX BATS IEXG",
        "America/Toronto": "XTSE",
        "Europe/London": "XLON BATE CHIX AQXE",
        "Europe/Dublin": "XDUB",
        "Europe/Berlin": "XETR XFRA",
        "Europe/Paris": "XPAR",
        "Europe/Amsterdam": "XAMS",
        "Europe/Brussels": "XBRU",
        "Europe/Lisbon": "XLIS",
        "Europe/Rome": "XMIL",
        "Europe/Madrid": "XMAD",
        "Europe/Zurich": "XSWX",
        "Europe/Vienna": "XWBO",
        "Europe/Stockholm": "XSTO",
        "Europe/Copenhagen": "XCSE",
        "Europe/Helsinki": "XHEL",
        "Europe/Oslo": "XOSL",
        "Asia/Hong_Kong": "XHKG",
        "Asia/Singapore": "XSES",
        "Asia/Seoul": "XKRX",
        "Asia/Taipei": "XTAI",
        "Australia/Sydney": "XASX",
    }.items()
    for venue in venues.split()
}

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)


@cache
def zone_names() -> frozenset[str]:
    """Return the names of all zones that the `tzdata` package holds."""
    return frozenset((files("tzdata") / "zones").read_text("ascii").split())


@cache
def zone(name: str) -> ZoneInfo:
    """Return the zone called *name*; raise KeyError where the `tzdata` package has none."""
    if name not in zone_names():
        raise KeyError(name)
    with (files("tzdata") / "zoneinfo").joinpath(*name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def read_day(text: str) -> date:
    """Return the day that *text* writes as `YYYY-MM-DD`; raise Wrong otherwise."""
    if not _DAY.fullmatch(text):
        raise Wrong(f"`{text}` is not a date", "write it as 2008-11-14")
    return _within_years(_existing(date.fromisoformat, text, "day"), text)


def read_moment(text: str) -> datetime:
    """Return the moment that *text* writes by RFC 3339, offset included, to the microsecond.

    Raise Wrong otherwise.
    """
    if not _MOMENT.fullmatch(text):
        hint = "write it as 2008-11-14T09:30:00+09:00"
        raise Wrong(f"`{text}` is not a time with an offset", hint)
    moment = _existing(datetime.fromisoformat, text.upper(), "time")
    _within_years(moment.date(), text)
    return moment


def day_at(moment: datetime, clock: ZoneInfo) -> date:
    """Return the calendar day that *clock* shows at *moment*."""
    return moment.astimezone(clock).date()


def _existing(read: Callable[[str], T], text: str, what: str) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise Wrong(f"`{text}` is no {what} that exists") from error


def _within_years(day: date, text: str) -> date:
    # The ends of what a date can hold overflow when a clock moves them by a day.
    if not YEAR_MIN <= day.year <= YEAR_MAX:
        raise Wrong(f"`{text}` is outside the years {YEAR_MIN} to {YEAR_MAX}")
    return day
