"""What is known interval by interval, and what it was all through a moment or a day."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from repurchase.domain.quantities import Exact


class Interval(msgspec.Struct, frozen=True):
    """From the instant *first* to before *end*, what something is; `None` where it is not known.

    *place* is where that is written: a file and a line.
    """

    first: int
    end: int
    value: Exact | bool | None
    place: tuple[str, int]


def overlaps(intervals: Sequence[Interval]) -> Iterator[tuple[Interval, Interval]]:
    """Yield those of *intervals*, in order of time, that begin before another has ended."""
    latest: Interval | None = None
    for one in intervals:
        if latest is not None and one.first < latest.end:
            yield latest, one
        if latest is None or one.end > latest.end:
            latest = one


def through(intervals: Sequence[Interval], first: int, end: int) -> Exact | bool | None:
    """Return what it was at every instant from *first* to before *end*.

    `None` where that is not one answer, or not known for all of it. *intervals* are in order of
    time, and none overlaps another.
    """
    found: set[Exact | bool | None] = set()
    index = max(bisect_right(intervals, first, key=lambda one: one.first) - 1, 0)
    for one in islice(intervals, index, None):
        if not one.first <= first < one.end:
            break
        found.add(one.value)
        first = one.end
        if first >= end:
            return found.pop() if len(found) == 1 else None
    return None
