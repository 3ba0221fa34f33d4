"""The periods in which one edition of each of several rule files is in force."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import msgspec

from repurchase.rulebook.editions import Edition, Editions


class Period(msgspec.Struct, frozen=True):
    """Consecutive days with one edition of each rule file in force, as known on each day.

    *venue_day* is the day at the venue, if it differs from the day on the authorization's clock.
    """

    first: date
    last: date
    editions: tuple[Edition, ...]
    venue_day: date | None = None


def periods(*files: Editions) -> Iterator[Period]:
    """Yield the periods with one edition of each of *files*, as known on each day.

    At the border of two periods, the day at the venue may be in the other one. The rules of a pack
    apply by the day at the venue, so such a pair of days is a period of its own if its edition
    differs.
    """
    change_days = sorted({day for editions in files for day in editions.change_days()})
    for first, after in zip(change_days, [*change_days[1:], None], strict=True):
        last = date.max if after is None else date.fromordinal(after.toordinal() - 1)
        yield Period(first, last, tuple(editions.on(first) for editions in files))
        if after is not None:
            for here, there in ((last, after), (after, last)):
                mixed = tuple(editions.on(here, there) for editions in files)
                whole = (editions.on(here) for editions in files)
                if [one.hash for one in mixed] != [one.hash for one in whole]:
                    yield Period(here, here, mixed, there)
