"""Averages: named means of market data, and the sessions over which each is taken."""

from __future__ import annotations

from datetime import date
from typing import Final, Literal

import msgspec

Of = Literal["volume", "turnover", "close", "high", "mid", "vwap", "last_price"]
# What is the mean of some sessions; the last price is that of a moment.
OFS: Final[tuple[Of, ...]] = ("volume", "turnover", "close", "high", "mid", "vwap")
LAST_PRICE: Final = "last_price"
# What can be summed up over several venues; prices of one venue say nothing of another.
SUMMED: Final = ("volume", "turnover", "vwap")
# What has a sum in each session, and therefore one in each week and month.
COUNTED: Final = ("volume", "turnover")

Unit = Literal["session", "session with trades", "calendar week", "calendar month", "minute ago"]
# Each unit as it is written, for one and for several.
UNITS: Final[dict[str, Unit]] = {
    "session": "session",
    "sessions": "session",
    "session with trades": "session with trades",
    "sessions with trades": "session with trades",
    "calendar week": "calendar week",
    "calendar weeks": "calendar week",
    "calendar month": "calendar month",
    "calendar months": "calendar month",
    "minute ago": "minute ago",
    "minutes ago": "minute ago",
}
Per = Literal["session", "week", "month"]
PERS: Final[tuple[Per, ...]] = ("session", "week", "month")

Without = Literal["off_auction", "own"]
WITHOUT: Final[tuple[Without, ...]] = ("off_auction", "own")

# The venues of an average, beside a code: the first of the instrument, or all of them.
LISTING: Final = "listing"
ALL: Final = "all"

Before = Literal["trade", "announced", "resolved", "date"]


class Span(msgspec.Struct, frozen=True):
    """So *many* sessions, weeks or months before a day; weeks and months are whole ones."""

    unit: Unit
    many: int

    def __str__(self) -> str:
        """Return the span as a rule file states it."""
        if self.many == 1:
            return f"1 {self.unit}"
        first, *rest = self.unit.split(" ", 1)
        if first in ("session", "minute"):
            return " ".join((f"{self.many} {first}s", *rest))
        return f"{self.many} {self.unit}s"


class Average(msgspec.Struct, frozen=True):
    """What an average measures: *of* what, over which sessions, and at which venue.

    It is the sum over *over* divided by the number of sessions, or of weeks or months, as *per*
    says; a `vwap` is the turnover divided by the volume. *venue* is a code, `listing`, `all`, or
    `None` for that of the event. *without* lists parts of the volume that do not count. The span
    ends before the day of the trade, or before the *day* that *before* names, which is `None` if
    the rule file does not state it. A `last_price` is that of so many minutes ago.
    """

    of: Of
    over: Span
    per: Per = "session"
    venue: str | None = None
    without: tuple[Without, ...] = ()
    before: Before = "trade"
    day: date | None = None

    def reference(self, traded: date) -> date | None:
        """Return the day before which it is taken, for a trade on *traded*; `None` if unknown.

        Before a named day has come, the sessions that will count may not have ended.
        """
        if self.before == "trade":
            return traded
        return self.day if self.day is not None and self.day <= traded else None
