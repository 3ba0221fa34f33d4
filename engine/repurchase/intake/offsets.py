"""The offset of a time that a clock shows: of the zone that is given, or that a word stands for."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from repurchase.domain.calendars import offset_changes, zone_names
from repurchase.domain.errors import Wrong, short

# Where an offset stands in the text of a moment.
OFFSET: Final = slice(len("2008-11-14T09:30:00"), None)
_UTC: Final = ("UTC", "Z")
_EPOCH: Final = date(1970, 1, 1).toordinal()
_DAY_SECONDS: Final = 86_400
_CACHED: Final = 1 << 10

Twice = str | None


@lru_cache(_CACHED)
def offset_of(day: date, clock: ZoneInfo) -> str | None:
    """Return the offset of *clock* on *day*, as `+09:00`; `None` if it is set around then."""
    noon = (day.toordinal() - _EPOCH) * _DAY_SECONDS + _DAY_SECONDS // 2
    changes = offset_changes(clock)
    at = bisect_left(changes, noon - 2 * _DAY_SECONDS)
    if at < len(changes) and changes[at] <= noon + 2 * _DAY_SECONDS:
        return None
    return datetime.combine(day, time(), clock).isoformat()[OFFSET]


def placed(
    shown: datetime, clock: ZoneInfo, text: str, twice: Twice, word: str | None = None
) -> datetime:
    """Return the moment at which *clock* shows *shown*; raise Wrong unless there is just one.

    A *word* that names the time of half of the year, such as CEST, must be that of the moment.
    """
    both = [shown.replace(tzinfo=clock, fold=fold) for fold in (0, 1)]
    first, second = both
    is_skipped = (first.utcoffset() or timedelta()) < (second.utcoffset() or timedelta())
    if is_skipped:
        what = f"is `{short(text)}`, which the clock of {clock.key} skips that day"
        raise Wrong(what, "give the zone in which the times were written")
    if word is not None and word in _words_of(clock, shown.year):
        both = [one for one in both if one.tzname() == word]
        if not both:
            what = f"is `{short(text)}`, but the clock of {clock.key} shows {first.tzname()} then"
            raise Wrong(what, "if it shows the local time all year, ignore the words of the zone")
    if both[0].utcoffset() == both[-1].utcoffset():
        return both[0]
    if twice is None:
        what = f"is `{short(text)}`, which the clock of {clock.key} shows twice that day"
        raise Wrong(what, "say `twice: earlier` or `twice: later`")
    return first if twice == "earlier" else second


@lru_cache(_CACHED)
def _words_of(clock: ZoneInfo, year: int) -> frozenset[str | None]:
    """Return the words for the time of *clock* in *year*: CET and CEST."""
    return frozenset(datetime(year, month, 1, tzinfo=clock).tzname() for month in range(1, 13))


def known(clock: tzinfo | None, text: str) -> ZoneInfo:
    """Return *clock*, in whose zone *text* was written; raise Wrong if it is not known."""
    if not isinstance(clock, ZoneInfo):
        raise Wrong(f"is `{short(text)}`, which says no offset", "correct the pattern or the file")
    return clock


def zone_of(word: str, text: str, zones: Mapping[str, str]) -> ZoneInfo:
    """Return the zone that *word* names, or that it stands for."""
    name = zones.get(word, "UTC" if word in _UTC else word)
    if name != word or ("/" in word and word in zone_names()) or word == "UTC":
        return ZoneInfo(name)
    what = f"is `{short(text)}`, and `zones` does not say which clock `{short(word)}` is"
    raise Wrong(what, f"write it as `zones: {{{short(word)}: Europe/London}}`")
