"""The days that two clocks show at one moment, from all changes of their time zones.

A day is shown from midnight to midnight, and a clock that is set back over midnight shows a day
twice. Everything here is exact to the second, because no time zone changes within one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from repurchase.domain.calendars import YEAR_MAX, YEAR_MIN, offset_at, offset_changes

_SECONDS: Final = 86_400
_SECOND: Final = timedelta(seconds=1)
_INSTANT: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = _EPOCH.date().toordinal()
# Two clocks are at most 26 hours apart.
_AROUND: Final = 2 * _SECONDS


def _second(moment: datetime) -> int:
    """Return the second in which *moment* is, counted from 1970."""
    return (moment - _EPOCH) // _SECOND


# The moments that events can state: those of the years that are read, with any offset.
_FURTHEST: Final = timedelta(hours=23, minutes=59)
_FIRST: Final = _second(datetime(YEAR_MIN, 1, 1, tzinfo=UTC) - _FURTHEST)
_END: Final = _second(datetime(YEAR_MAX + 1, 1, 1, tzinfo=UTC) + _FURTHEST)


class Ahead(NamedTuple):
    """A number of *days* by which a clock is ahead of another one at some moments.

    *first* and *last* are the days that the clock shows at the first and the last such moment;
    `None` if that is in the first or the last year that is read.
    """

    days: int
    first: date | None
    last: date | None


class Shown(NamedTuple):
    """The day *here* on one clock and *there* on another, from *first* to *last*, both included."""

    first: datetime
    last: datetime
    here: date
    there: date


class _Span(NamedTuple):
    """The seconds from *start* to before *end*, with the offsets of two clocks from UTC."""

    start: int
    end: int
    here: int
    there: int

    def days(self, second: int) -> tuple[int, int]:
        """Return the days that both clocks show at *second*, counted from 1970."""
        return (second + self.here) // _SECONDS, (second + self.there) // _SECONDS

    def midnight_after(self, second: int) -> int:
        """Return the first second after *second* at which one of the clocks shows midnight."""
        return min(
            second + _SECONDS - (second + offset) % _SECONDS for offset in (self.here, self.there)
        )

    def turns(self) -> Iterator[int]:
        """Yield the seconds at which each number of days between the clocks is first or last true.

        The number changes only when one of the clocks shows midnight. They show it by turns, so
        that the number has at most two values in the span. Some seconds may be outside the span.
        """
        for offset in (self.here, self.there):
            yield self.start + -(self.start + offset) % _SECONDS
            yield self.end - 1 - (self.end - 1 + offset) % _SECONDS - 1
        yield self.start
        yield self.end - 1


@cache
def _spans(clock: ZoneInfo, venue: ZoneInfo) -> tuple[_Span, ...]:
    """Return the spans in which neither clock is set, in order, without gaps between them."""
    within = {one for of in (clock, venue) for one in offset_changes(of) if _FIRST < one < _END}
    return tuple(
        _Span(start, end, offset_at(clock, start), offset_at(venue, start))
        for start, end in pairwise((_FIRST, *sorted(within), _END))
    )


@cache
def ahead(clock: ZoneInfo, venue: ZoneInfo) -> tuple[Ahead, ...]:
    """Return all numbers of days by which *clock* is ahead of *venue* at some moment, in order.

    A negative number says that it is behind.
    """
    days: dict[int, set[int]] = {}
    for span in _spans(clock, venue):
        for second in span.turns():
            if span.start <= second < span.end:
                here, there = span.days(second)
                days.setdefault(here - there, set()).add(here)
    return tuple(
        Ahead(
            apart,
            None if (first := _date(min(found))).year <= YEAR_MIN else first,
            None if (last := _date(max(found))).year >= YEAR_MAX else last,
        )
        for apart, found in sorted(days.items())
    )


def days_shown(
    clock: ZoneInfo, venue: ZoneInfo, first: datetime, last: datetime
) -> Iterator[Shown]:
    """Yield each pair of days that *clock* and *venue* show from *first* to *last*, both included.

    The pairs are in order of time. A pair comes twice if a clock is set back over midnight.
    """
    for start, end, here, there in _shown(clock, venue, _second(first), _second(last) + 1):
        yield Shown(_moment(start), _moment(end) - _INSTANT, _date(here), _date(there))


def days_across(
    day: date, clock: ZoneInfo, venues: Iterable[ZoneInfo]
) -> tuple[tuple[date, date], ...]:
    """Return the pairs of days, of which one is before *day* and the other is not, in order.

    Each pair is the day that *clock* shows at some moment, and the day that one of *venues* shows.
    """
    number = day.toordinal() - _EPOCH_DAY
    start = number * _SECONDS
    found = {
        (here, there)
        for venue in {*venues} - {clock}
        for _, _, here, there in _shown(clock, venue, start - _AROUND, start + _AROUND)
        if (here < number) != (there < number)
    }
    return tuple((_date(here), _date(there)) for here, there in sorted(found))


def end_of_day(day: date, clock: ZoneInfo) -> datetime:
    """Return the last instant at which *clock* shows *day*, or an earlier day if it skips *day*.

    Return the end of *day* in UTC if *day* is outside the years that are read.
    """
    number = day.toordinal() - _EPOCH_DAY
    start = number * _SECONDS
    shown = _shown(clock, clock, start - _AROUND, start + 2 * _AROUND)
    ends = (end for _, end, here, _ in shown if here <= number)
    return _moment(max(ends, default=start + _SECONDS)) - _INSTANT


def _shown(
    clock: ZoneInfo, venue: ZoneInfo, start: int, end: int
) -> Iterator[tuple[int, int, int, int]]:
    """Yield each pair of days shown from *start* to before *end*, with its first and its end.

    The days come last, counted from 1970.
    """
    spans = _spans(clock, venue)
    second, end = max(start, _FIRST), min(end, _END)
    at = bisect_right(spans, second, key=lambda span: span.start) - 1
    while second < end:
        until = min(spans[at].midnight_after(second), spans[at].end)
        yield second, min(until, end), *spans[at].days(second)
        second = until
        at += second == spans[at].end


def _moment(second: int) -> datetime:
    return _EPOCH + second * _SECOND


def _date(day: int) -> date:
    return date.fromordinal(day + _EPOCH_DAY)
