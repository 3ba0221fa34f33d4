"""Days on which one edition of each of several rule files is in force."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import msgspec

from repurchase.rulebook.editions import Edition, Editions


class Period(msgspec.Struct, frozen=True):
    """Days on which one edition of each rule file is in force, as known on each of them.

    *venue_day* is the day at the venue, if it is to be another than the one here.
    """

    first: date
    last: date
    editions: tuple[Edition, ...]
    venue_day: date | None = None


def periods(*files: Editions) -> Iterator[Period]:
    """Yield the periods of days with one edition of each file, by what was known on each day.

    Where one turns into the next, the day at the venue may be the other's: the law of a pack goes
    by that.
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
