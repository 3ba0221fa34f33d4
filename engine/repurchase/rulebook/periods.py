"""The periods in which one edition of each of several rule files is in force."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

import msgspec

from repurchase.domain.calendars import zone
from repurchase.domain.clocks import days_across
from repurchase.rulebook.editions import Edition, Editions


class Period(msgspec.Struct, frozen=True):
    """Consecutive days with one edition of each rule file in force, as known on each day.

    *venue_day* is the day at the venue, if it differs from the day on the authorization's clock.
    *moment* is one of a part of the day, if figures are in effect for it only.
    """

    first: date
    last: date
    editions: tuple[Edition, ...]
    venue_day: date | None = None
    moment: datetime | None = None


class Days(NamedTuple):
    """Consecutive days, both ends included; the ends of the calendar stand for no end."""

    first: date
    last: date

    def __str__(self) -> str:
        """Return them in words: `from 2009-01-31 on`, `until 2008-11-13`, `on all days`."""
        if self.first == self.last:
            return f"on {self.first}"
        if self.first == date.min:
            return "on all days" if self.last == date.max else f"until {self.last}"
        if self.last == date.max:
            return f"from {self.first} on"
        return f"from {self.first} to {self.last}"


def joined(found: Iterable[Period]) -> list[Days]:
    """Return the days of the periods *found*, in order; adjacent ones are joined."""
    days: list[Days] = []
    for one in sorted(found, key=lambda period: period.first):
        if days and one.first.toordinal() <= days[-1].last.toordinal() + 1:
            days[-1] = Days(days[-1].first, max(days[-1].last, one.last))
        else:
            days.append(Days(one.first, one.last))
    return days


def periods(*files: Editions) -> Iterator[Period]:
    """Yield the periods with one edition of each of *files*, as known on each day.

    At the border of two periods, the day at the venue may be in the other one. The rules of a pack
    apply by the day at the venue, so such a pair of days is a period of its own if its edition
    differs. Only pairs of days that the clock of a file and one of its venues show at some moment
    are periods. A part of a day for which a figure is in effect comes last, with its days.
    """
    change_days = sorted({day for editions in files for day in editions.change_days()})
    for first, after in zip(change_days, [*change_days[1:], None], strict=True):
        last = date.max if after is None else date.fromordinal(after.toordinal() - 1)
        yield Period(first, last, tuple(editions.on(first) for editions in files))
        for here, there in () if after is None else _pairs(after, files):
            mixed = tuple(editions.on(here, there) for editions in files)
            whole = (editions.on(here) for editions in files)
            if [one.hash for one in mixed] != [one.hash for one in whole]:
                yield Period(here, here, mixed, there)
    # At the end of a part in one file, another file may still be in the same part.
    minutes = sorted({moment for of in files for moment in of.minutes})
    for here, there, moment in sorted({one for of in files for one in of.parts_of_days(minutes)}):
        then = tuple(of.on(here, there, moment=moment) for of in files)
        at = moment.astimezone(files[0].zone)
        yield Period(here, here, then, None if here == there else there, at)


def _pairs(day: date, files: Sequence[Editions]) -> list[tuple[date, date]]:
    """Return the pairs of days across *day* that the clocks of one of *files* show, in order."""
    return sorted({pair for editions in files for pair in mixed_days(editions, day)})


def mixed_days(editions: Editions, day: date) -> tuple[tuple[date, date], ...]:
    """Return the pairs of days, of which one is before *day* and the other is not, in order.

    Each pair is the day that the authorization's clock shows at some moment, and the day that the
    clock of one of its instruments' venues shows.
    """
    authorization = editions.authorization
    venues = {
        authorization.zone_of(venue)
        for instrument in authorization.instruments
        for venue in instrument.venues
    }
    return days_across(day, editions.zone, map(zone, venues))
