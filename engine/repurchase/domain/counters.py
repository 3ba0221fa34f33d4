"""Counters: named sums over part of a program, and the periods that each of them counts in."""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

Unit = Literal["day", "week", "month"]
UNITS: Final[tuple[Unit, ...]] = ("day", "week", "month")
# The period of a counter that has only one: the whole program, or its span of dates.
_ONE: Final = 0
_MONTHS: Final = 12
_DAYS: Final = 7


class Per(msgspec.Struct, frozen=True):
    """The periods of a counter: each *unit* of the calendar, or so *many* that end with a day.

    Without *many*, a week begins on Monday. With it, the window of a day reaches back so many
    days, weeks or months, that day included.
    """

    unit: Unit
    many: int | None = None

    @property
    def days(self) -> tuple[int, int]:
        """Return how many days a period has at least, and at most."""
        least, most = {"day": (1, 1), "week": (_DAYS, _DAYS), "month": (28, 31)}[self.unit]
        return (self.many or 1) * least, (self.many or 1) * most

    def __str__(self) -> str:
        """Return the periods as a rule file states them."""
        return self.unit if self.many is None else f"{self.many} {self.unit}s"


class Counter(msgspec.Struct, frozen=True):
    """What a counter counts: trades of its scope, in each of its periods.

    The scope are the *instruments*, *venues*, *methods* and *brokers*, each if there are any, on
    the days from *first* to *last*. Without *per*, there is one period. The days are those on the
    clock *zone*, or on the clock of the trade's venue if that is `None`.
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

    @property
    def is_rolling(self) -> bool:
        """Return whether its periods are windows that end with each day."""
        return self.per is not None and self.per.many is not None

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
            and self._has_shorter_periods(other)
        )

    def _has_shorter_periods(self, other: Counter) -> bool:
        if other.per is None:
            return self.zone == other.zone or (other.first, other.last) == (None, None)
        if self.per is None or self.zone != other.zone or self.is_rolling != other.is_rolling:
            return False
        if self.per.unit == other.per.unit:
            return (self.per.many or 1) <= (other.per.many or 1)
        return self.is_rolling and self.per.days[1] <= other.per.days[0]

    def within(self, first: date, last: date) -> tuple[date, date] | None:
        """Return the first and the last day from *first* to *last* that it counts, if any."""
        begin = first if self.first is None else max(first, self.first)
        end = last if self.last is None else min(last, self.last)
        return (begin, end) if begin <= end else None

    def period(self, day: date) -> int:
        """Return the number of the period of *day*; of a rolling counter, that of the day."""
        if self.per is None:
            return _ONE
        if self.per.unit == "day" or self.is_rolling:
            return day.toordinal()
        if self.per.unit == "week":
            # 0001-01-01, day 1, was a Monday.
            return (day.toordinal() - 1) // _DAYS
        return day.year * _MONTHS + day.month - 1

    def begin(self, day: date) -> int:
        """Return the number of the first day of the rolling window that ends with *day*."""
        assert self.per is not None, "only a rolling counter has windows"
        assert self.per.many is not None, "only a rolling counter has windows"
        many = self.per.many
        if self.per.unit == "month":
            return _months_before(day, many) + 1
        return day.toordinal() - many * (_DAYS if self.per.unit == "week" else 1) + 1


def _months_before(day: date, months: int) -> int:
    """Return the number of the day *months* before *day*: the last of a month that is too short."""
    year, month = divmod(day.year * _MONTHS + day.month - 1 - months, _MONTHS)
    if year < date.min.year:
        return 0
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1])).toordinal()


def _is_among(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    """Return whether the words of *part* are among those of *whole*, where none means all."""
    return not whole or (bool(part) and set(part) <= set(whole))
