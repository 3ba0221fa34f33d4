"""The prices and bids that were published for an instrument before a moment of a day.

If it is unknown whether a trade counts, a price is known only if it is the same either way.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from repurchase.domain.moments import instant
from repurchase.domain.quantities import Exact
from repurchase.facts.outside import AGES

_DAY: Final = timedelta(1)

FIRST_PRICE: Final = "market.first_price_published"
LAST_PRICE_AGE, QUOTE_AGE = AGES
TAPE_FACTS: Final = (
    "market.last_price",
    "market.last_independent_price",
    "market.day_high",
    FIRST_PRICE,
    LAST_PRICE_AGE,
)
QUOTE_FACTS: Final = ("market.best_independent_bid", "market.best_ask", QUOTE_AGE)


def midnight(day: date, clock: ZoneInfo) -> int:
    """Return the instant at which *day* begins on *clock*."""
    return instant(datetime.combine(day, time.min, clock))


def next_midnight(day: date, clock: ZoneInfo) -> int:
    """Return the instant at which the day after *day* begins on *clock*."""
    return midnight(day + _DAY, clock)


class StepSeries:
    """The values of a price over time: one entry for each moment at which it changed.

    A day may have millions of trades, so an entry takes two columns and a repeated value none.
    """

    def __init__(self) -> None:
        """Start without entries."""
        self._times = array("q")
        self._values: list[Exact | None] = []

    def add(self, value: Exact | None, moment: int, day: int) -> None:
        """Set the price to *value* from *moment* on, on the day that begins at *day*."""
        times, values = self._times, self._values
        if not times or times[-1] < day or values[-1] is not value:
            times.append(moment)
            values.append(value)

    def before(self, moment: int, day: int) -> Exact | None:
        """Return the price just before *moment*, on the day that began at *day*.

        Return `None` if it is unknown, or if that day has no entry before *moment*.
        """
        index = bisect_left(self._times, moment) - 1
        return self._values[index] if self.is_begun(moment, day) else None

    def is_begun(self, moment: int, day: int) -> bool:
        """Return whether the day that began at *day* has an entry before *moment*."""
        index = bisect_left(self._times, moment) - 1
        return index >= 0 and self._times[index] >= day


class Rows:
    """When each row was that counts, or that may count."""

    def __init__(self) -> None:
        """Start without rows."""
        self._times = array("q")
        self._counts = array("b")

    def add(self, counts: bool | None, moment: int) -> None:
        """Add a row at *moment*; *counts* is `None` if it is unknown whether it does."""
        if counts is not False:
            self._times.append(moment)
            self._counts.append(counts is not None)

    def age(self, moment: int, day: int) -> int | None:
        """Return the time from the last row before *moment* to it, on the day from *day* on.

        Return `None` if there is none on that day, or if it is unknown whether that row counts.
        """
        index = bisect_left(self._times, moment) - 1
        if index < 0 or self._times[index] < day or not self._counts[index]:
            return None
        return moment - self._times[index]


class Days:
    """The day that a series at one venue has reached, and whether its moments are in order."""

    begin: int

    def __init__(self, clock: ZoneInfo) -> None:
        """Start with no day; days are those of *clock*."""
        self._clock = clock
        self._end: int | None = None
        self._latest: int | None = None
        self.begin = 0

    def goes_back(self, moment: int) -> bool:
        """Return whether *moment* is before the latest moment reached."""
        return self._latest is not None and moment < self._latest

    def reach(self, moment: datetime, at: int) -> bool:
        """Advance to *moment*, the instant *at*; return whether it is the first of its day."""
        self._latest = at
        if self._end is not None and at < self._end:
            return False
        day = moment.astimezone(self._clock).date()
        self.begin, self._end = midnight(day, self._clock), next_midnight(day, self._clock)
        return True


class Tape:
    """The trades of one instrument at one venue, added in order of time."""

    days: Days
    rows: Rows
    series: dict[str, StepSeries]

    def __init__(self, clock: ZoneInfo) -> None:
        """Start without trades; days are those of *clock*, the venue's."""
        self.days = Days(clock)
        self._last: Exact | None = None
        self._independent: Exact | None = None
        # The highest price of the trades that certainly count, and of all that may count.
        self._high: Exact | None = None
        self._high_perhaps: Exact | None = None
        # Whether a price of the auction is published: 1 for yes, 0 for no.
        self._is_first: Exact | None = 0
        self.rows = Rows()
        self.series = {name: StepSeries() for name in TAPE_FACTS if name != LAST_PRICE_AGE}

    def add(
        self, moment: datetime, price: Exact, is_own: bool | None, is_off_auction: bool | None
    ) -> None:
        """Add the next trade; *is_own* and *is_off_auction* are `None` if unknown."""
        at = instant(moment)
        if self.days.reach(moment, at):
            self._last = self._independent = self._high = self._high_perhaps = None
            self._is_first = 0
        is_auction, is_independent = _not(is_off_auction), _not(is_own)
        self.rows.add(is_auction, at)
        self._last = last(self._last, price, is_auction)
        self._independent = last(self._independent, price, is_independent)
        if is_auction:
            self._high = higher(self._high, price)
        if is_auction is not False:
            self._high_perhaps = higher(self._high_perhaps, price)
        self._is_first = last(self._is_first, 1, is_auction)
        day = self.days.begin
        is_sure = self._high == self._high_perhaps
        high = self._high if is_sure else None
        figures = (self._last, self._independent, high, self._is_first)
        for series, figure in zip(self.series.values(), figures, strict=True):
            series.add(figure, at, day)


class Quotes:
    """The best bids and asks for one instrument at one venue, added in order of time."""

    days: Days
    rows: Rows
    series: dict[str, StepSeries]

    def __init__(self, clock: ZoneInfo) -> None:
        """Start without bids; days are those of *clock*, the venue's."""
        self.days = Days(clock)
        self.rows = Rows()
        self.series = {name: StepSeries() for name in QUOTE_FACTS if name != QUOTE_AGE}

    def add(
        self, moment: datetime, bid: Exact | None, is_own: bool | None, ask: Exact | None = None
    ) -> None:
        """Add the best *bid* and *ask* from *moment* on; *is_own* says whose the bid is.

        A price is `None` without one, and *is_own* if it is unknown.

        While the best bid is the issuer's own, or its owner is unknown, the best independent bid is
        unknown.
        """
        at = instant(moment)
        self.days.reach(moment, at)
        self.rows.add(True, at)  # every quote counts
        # Behind the issuer's own bid there may be another, but no row gives its price.
        known = bid if is_own is False else None
        for series, price in zip(self.series.values(), (known, ask), strict=True):
            series.add(price, at, self.days.begin)


def last(known: Exact | None, price: Exact, counts: bool | None) -> Exact | None:
    """Return the last price that counts after a trade at *price*; *known* was the last before.

    *counts* is `None` if it is unknown whether the trade counts.
    """
    if counts is None:
        return known if known == price else None
    return price if counts else known


def higher(known: Exact | None, price: Exact) -> Exact:
    """Return the higher of *price* and *known*, if that is not `None`."""
    return price if known is None or price > known else known


def _not(flag: bool | None) -> bool | None:
    return None if flag is None else not flag
