"""Counters: named sums over part of a program, and the periods that each of them counts in.

A day has the number that `date.toordinal` gives. A moment is numbered in microseconds: divided by
those of a day, its number is that of its day in UTC.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from repurchase.domain.sessions import sessions_at

Unit = Literal["second", "minute", "session", "day", "week", "month"]
Each = Literal["instrument", "venue"]
UNITS: Final[tuple[Unit, ...]] = ("second", "minute", "session", "day", "week", "month")
EACH: Final[tuple[Each, ...]] = ("instrument", "venue")
# The period of a counter that has only one: the whole program, or its span of dates.
_ONE: Final = 0
# What is outside the scope of a counter that counts each apart is of no instrument.
_NO_INSTRUMENT: Final = ("",)
_MONTHS: Final = 12
# A rolling window is added up by about so many parts.
_PARTS: Final = 32
_MANY: Final = 1 << 14
_DAYS: Final = 7
_MICROSECOND: Final = timedelta(microseconds=1)
# A day, in microseconds.
DAY: Final = timedelta(1) // _MICROSECOND
_BEGIN: Final = datetime(1, 1, 1, tzinfo=UTC)
# A unit that is shorter than a day, in microseconds.
_SHORT: Final = {"second": DAY // 86_400, "minute": DAY // 1_440}


class When(msgspec.Struct, frozen=True, gc=False):
    """A *day*, as a clock shows it, and the *moment* on it; `None` if only the day is known."""

    day: date
    moment: int | None = None


def moment_of(time: datetime | None) -> int | None:
    """Return the number of the moment *time*; `None` if there is none."""
    return None if time is None else (time - _BEGIN) // _MICROSECOND + DAY


def day_over(day: date) -> When:
    """Return when *day* is over on every clock."""
    return When(day, (day.toordinal() + 2) * DAY)


class Per(msgspec.Struct, frozen=True):
    """The periods of a counter: each *unit* of the calendar, or so *many* that end with an event.

    Without *many*, a week begins on Monday, and a session is a day at the venue. With it, the
    window of a day reaches back so many sessions, days, weeks or months, that day included.
    Seconds and minutes are those of a clock, or windows that end with the moment of the event.
    """

    unit: Unit
    many: int | None = None

    @property
    def is_short(self) -> bool:
        """Return whether a period is of seconds or minutes."""
        return self.unit in _SHORT

    @property
    def length(self) -> tuple[int, int]:
        """Return how long a period is at least, and at most, in microseconds."""
        least, most = {
            "second": (_SHORT["second"], _SHORT["second"]),
            "minute": (_SHORT["minute"], _SHORT["minute"]),
            # No market has been closed for longer.
            "session": (DAY, 366 * DAY),
            "day": (DAY, DAY),
            "week": (_DAYS * DAY, _DAYS * DAY),
            "month": (28 * DAY, 31 * DAY),
        }[self.unit]
        return (self.many or 1) * least, (self.many or 1) * most

    def __str__(self) -> str:
        """Return the periods as a rule file states them."""
        return self.unit if self.many is None else f"{self.many} {self.unit}s"


class Counter(msgspec.Struct, frozen=True):
    """What a counter counts: trades of its scope, in each of its periods.

    The scope are the *instruments*, *venues*, *methods* and *brokers*, each if there are any, on
    the days from *first* to *last*. *each* instrument or venue is counted apart: the rules read
    that of the trade. Without *per*, there is one period. The days are those on the clock *zone*,
    or on the clock of the trade's venue if that is `None`. Windows of sessions reach back as far as
    those of any of the venues *calendars*.
    """

    name: str
    instruments: tuple[str, ...] = ()
    venues: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    brokers: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    per: Per | None = None
    zone: ZoneInfo | None = None
    each: tuple[Each, ...] = ()
    calendars: tuple[str, ...] = ()

    def parts(self, listed: Sequence[tuple[str, str]]) -> tuple[Counter, ...]:
        """Return the counters of the instruments and venues that it counts apart, else itself.

        *listed* are the pairs of an instrument and a venue that there are.
        """
        pairs = dict.fromkeys(tuple(self._apart(*pair)) for pair in listed)
        parts = (self._part(*pair) for pair in pairs) if self.each else (self,)
        return tuple(_with_calendars(one, listed) for one in parts)

    def venues_of(self, listed: Iterable[tuple[str, str]]) -> set[str]:
        """Return the venues of the pairs *listed* that it counts."""
        return {venue for instrument, venue in listed if self._has(instrument, venue)}

    def _apart(self, instrument: str, venue: str) -> Iterator[str | None]:
        yield instrument if "instrument" in self.each else None
        yield venue if "venue" in self.each else None

    def _has(self, instrument: str | None, venue: str | None) -> bool:
        is_listed = instrument is None or not self.instruments or instrument in self.instruments
        return is_listed and (venue is None or not self.venues or venue in self.venues)

    def _part(self, instrument: str | None, venue: str | None) -> Counter:
        own = [one for one in (instrument, venue) if one is not None]
        part = replace(self, name=" ".join((self.name, *own)), each=())
        if not self._has(instrument, venue):
            # It has no sum, so it needs no periods, whose sessions a table might lack.
            return replace(part, instruments=_NO_INSTRUMENT, per=None)
        return replace(
            part,
            instruments=self.instruments if instrument is None else (instrument,),
            venues=self.venues if venue is None else (venue,),
        )

    @property
    def is_rolling(self) -> bool:
        """Return whether its periods are windows that end with each day, or each moment."""
        return self.per is not None and self.per.many is not None

    @property
    def is_short(self) -> bool:
        """Return whether its periods are of seconds or minutes."""
        return self.per is not None and self.per.is_short

    @property
    def is_of_days(self) -> bool:
        """Return whether each day, or each session, is a period of its own."""
        return self.per is not None and self.per.unit in ("session", "day") and not self.is_rolling

    def is_part_of(self, other: Counter) -> bool:
        """Return whether all that this counts in any period, *other* counts in one as well.

        That is seen from what they declare alone. `False` says nothing.
        """
        return (
            _is_among(self.instruments, other.instruments)
            and _is_among(self.venues, other.venues)
            and _is_among(self.methods, other.methods)
            and _is_among(self.brokers, other.brokers)
            and (other.first is None or (self.first is not None and self.first >= other.first))
            and (other.last is None or (self.last is not None and self.last <= other.last))
            and set(other.each) <= set(self.each)
            and self._has_shorter_periods(other)
        )

    def _has_shorter_periods(self, other: Counter) -> bool:
        if other.per is None:
            return self.zone == other.zone or (other.first, other.last) == (None, None)
        if self.per is None or self.zone != other.zone or self.is_rolling != other.is_rolling:
            return False
        if self.per.unit == other.per.unit:
            return (self.per.many or 1) <= (other.per.many or 1)
        # What happened at a moment that is not known is in each short period.
        is_alike = self.per.is_short == other.per.is_short
        return self.is_rolling and is_alike and self.per.length[1] <= other.per.length[0]

    def when(self, day: date, time: datetime | None) -> When:
        """Return when that is, at *time* on its *day*, as far as its periods tell it apart."""
        return When(day, moment_of(time) if self.is_short else None)

    def within(self, first: When, last: When) -> tuple[When, When] | None:
        """Return when, from *first* to *last*, it begins and ends to count; `None` if it does not.

        A day on which it begins or ends counts wholly.
        """
        if self.first is None and self.last is None:
            return first, last
        begin, end = first, last
        if self.first is not None and self.first > first.day:
            begin = When(self.first, first.moment)
        if self.last is not None and self.last < last.day:
            end = When(self.last, last.moment)
        return (begin, end) if begin.day <= end.day else None

    def period(self, when: When) -> int | None:
        """Return the number of the period of *when*; `None` if it does not show.

        Of a rolling counter, it is that of the day or the moment.
        """
        day, per = when.day, self.per
        if per is None:
            return _ONE
        if per.is_short:
            return (
                when.moment
                if self.is_rolling or when.moment is None
                else self._of_clock(when.moment)
            )
        if per.unit in ("session", "day") or self.is_rolling:
            return day.toordinal()
        if per.unit == "week":
            # 0001-01-01, day 1, was a Monday.
            return (day.toordinal() - 1) // _DAYS
        return day.year * _MONTHS + day.month - 1

    def shown(self, number: int) -> str | None:
        """Return the period *number* for people; `None` if there is only one.

        It is `2026-05-18`, `2026-W21`, `2026-05` or `2026-05-18T09:30:00Z`, or the last day or
        moment of a rolling window.
        """
        per = self.per
        if per is None:
            return None
        if per.is_short:
            moment = number if self.is_rolling else number * _SHORT[per.unit]
            time = _BEGIN + (moment - DAY) * _MICROSECOND
            return time.isoformat().replace("+00:00", "Z")
        if per.unit == "week" and not self.is_rolling:
            year, week, _ = date.fromordinal(number * _DAYS + 1).isocalendar()
            return f"{year}-W{week:02d}"
        if per.unit == "month" and not self.is_rolling:
            year, month = divmod(number, _MONTHS)
            return f"{year}-{month + 1:02d}"
        return date.fromordinal(number).isoformat()

    def begin(self, when: When) -> int | None:
        """Return the number of the first day or moment of the rolling window that ends with *when*.

        Return `None` if that does not show.
        """
        assert self.per is not None, "only a rolling counter has windows"
        assert self.per.many is not None, "only a rolling counter has windows"
        many, unit = self.per.many, self.per.unit
        if self.per.is_short:
            return None if when.moment is None else when.moment - many * _SHORT[unit] + 1
        if unit == "session":
            begins = [_sessions_before(venue, when.day, many) for venue in self.calendars]
            return min((one for one in begins if one), default=None) if all(begins) else None
        if unit == "month":
            return _months_before(when.day, many) + 1
        return when.day.toordinal() - many * (_DAYS if unit == "week" else 1) + 1

    @property
    def width(self) -> int:
        """Return into how many days or moments a rolling window is divided, to add it up by parts.

        The parts begin at multiples of it.
        """
        assert self.per is not None, "only a rolling counter has windows"
        length = self.per.length[0] // (1 if self.per.is_short else DAY)
        return max(length // _PARTS, 1)

    def is_one_period(self, earlier: When, later: When) -> bool:
        """Return whether the period of *later* has what happened *earlier*."""
        then = self.period(earlier)
        if then is None or not self.is_rolling:
            return then is not None and then == self.period(later)
        begin = self.begin(later)
        return begin is not None and then >= begin

    def _of_clock(self, moment: int) -> int:
        """Return the number of the second or minute of *moment*: all clocks have the same."""
        assert self.per is not None, "a counter of the whole program has one period"
        return moment // _SHORT[self.per.unit]


@lru_cache(_MANY)
def _sessions_before(venue: str, day: date, many: int) -> int | None:
    """Return the number of the first of so many sessions of *venue* that end by *day*.

    Return `None` if no table says.
    """
    table = sessions_at(venue)
    if table is None or not table.covers(day, day):
        return None
    found = tuple(islice(table.back_from(day), many))
    return found[-1].toordinal() if len(found) == many else None


def _with_calendars(counter: Counter, listed: Sequence[tuple[str, str]]) -> Counter:
    if counter.per is None or counter.per.unit != "session" or not counter.is_rolling:
        return counter
    return replace(counter, calendars=tuple(sorted(counter.venues_of(listed))))


def _months_before(day: date, months: int) -> int:
    """Return the number of the day *months* before *day*: the last of a month that is too short."""
    year, month = divmod(day.year * _MONTHS + day.month - 1 - months, _MONTHS)
    if year < date.min.year:
        return 0
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1])).toordinal()


def _is_among(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    """Return whether the words of *part* are among those of *whole*, where none means all."""
    return not whole or (bool(part) and set(part) <= set(whole))


class Kept(msgspec.Struct, frozen=True):
    """What positions keep because rules read it: *counters*, and *requests*, to find like ones."""

    counters: tuple[Counter, ...] = ()
    requests: bool = False


# What is bought on each day of an instrument at a venue: no file need declare it.
DAY_APART: Final = Counter("every day", per=Per("day"), each=EACH)


@lru_cache(_MANY)
def part_names(counter: str, instrument: str, venue: str) -> tuple[str, ...]:
    """Return the names that the part of *counter* for *instrument* at *venue* may have."""
    return f"{counter} {instrument} {venue}", f"{counter} {instrument}", f"{counter} {venue}"
