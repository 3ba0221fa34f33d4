"""Whether a moment is in a session of its venue."""

from __future__ import annotations

from datetime import date, time
from functools import lru_cache
from typing import Final, NamedTuple

from repurchase.domain.moments import time_number
from repurchase.domain.quantities import TIME, Exact, value_written
from repurchase.domain.sessions import sessions_at

MINUTES: Final = ("market.minutes_from_open", "market.minutes_to_close")
_AUCTION_SECONDS: Final = 15 * 60
_DAYS_CACHED: Final = 1 << 12


class _Span(NamedTuple):
    """A session, in seconds from midnight, up to when its last auction is reported; its *words*."""

    start: Exact
    until: Exact
    words: str


@lru_cache(_DAYS_CACHED)
def _on(venue: str, day: date) -> tuple[_Span, ...] | None:
    """Return the sessions of *venue* on *day*; `None` without a table.

    A segment of a market, such as a dark book, has the sessions of the market that operates it.
    """
    table = sessions_at(venue)
    if table is None or not table.covers(day, day):
        return None
    hours = table.on(day)
    if hours is None:
        return ()
    if hours.rests is None or hours.resumes is None:
        return (_span(hours.open, hours.close),)
    return _span(hours.open, hours.rests), _span(hours.resumes, hours.close)


def _span(start: time, end: time) -> _Span:
    until = time_number(end) + _AUCTION_SECONDS
    return _Span(time_number(start), until, f"from {start:%H:%M} to {end:%H:%M}")


def spans(venue: str, day: date) -> tuple[tuple[Exact, Exact], ...] | None:
    """Return from when to when trades of *day* at *venue* are in a session; `None` without a table.

    Times are in seconds from midnight, and both ends are inside.
    """
    found = _on(venue, day)
    return None if found is None else tuple((one.start, one.until) for one in found)


def outside(venue: str, day: date, moment: Exact | None) -> tuple[str, str] | None:
    """Return *day* and *moment* in words, and the sessions of that day, if it is in none of them.

    *moment* is in seconds from midnight; if it is `None`, the day only needs a session. A closing
    auction follows the close, and its trades are reported up to a quarter of an hour later. Return
    `None`, too, if no table has the sessions of *venue* on *day*.
    """
    found = _on(venue, day)
    if found is None:
        return None
    if not found:
        return f"{day}, a {day:%A}", f"{venue}: none"
    if moment is None:
        return None
    for one in found:
        if one.start <= moment <= one.until:
            return None
    spans = " and ".join(one.words for one in found)
    return f"{day} {value_written(moment, TIME)}", f"{venue}: {spans}"
