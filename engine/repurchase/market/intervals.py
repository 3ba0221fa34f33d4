"""Facts that hold for intervals of time, and their value throughout a moment or a day."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from repurchase.domain.quantities import Exact


class Interval(msgspec.Struct, frozen=True):
    """The *value* of a fact from the instant *first* until just before *end*; `None` if unknown.

    Instants are in nanoseconds since 1970. *place* is the file and the line that state it.
    """

    first: int
    end: int
    value: Exact | bool | None
    place: tuple[str, int]


def overlaps(intervals: Sequence[Interval]) -> Iterator[tuple[Interval, Interval]]:
    """Yield pairs of *intervals*, given in order of time, whose second begins too early."""
    latest: Interval | None = None
    for one in intervals:
        if latest is not None and one.first < latest.end:
            yield latest, one
        if latest is None or one.end > latest.end:
            latest = one


def through(intervals: Sequence[Interval], first: int, end: int) -> Exact | bool | None:
    """Return the value that the fact had at every instant from *first* until just before *end*.

    Return `None` if the value changed or is not known for all of that time. *intervals* are in
    order of time and do not overlap.
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
