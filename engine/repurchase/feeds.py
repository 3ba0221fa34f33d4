"""Files of daily bars, and the facts of the market that they and the tables of sessions give.

What an event carries itself is taken from it; what neither has is absent, and never guessed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Final

from repurchase.clocks import read_day
from repurchase.errors import InputError, Problem, UsageError, nearest, reason, short
from repurchase.facts import TABLE, Market
from repurchase.market import AVERAGES, VENUES, Bar, sessions
from repurchase.position import Trade
from repurchase.quantities import SHARES, Exact, exact
from repurchase.rulefile import Authorization

COLUMNS: Final = ("date", "symbol", "venue", "close", "volume", "off_auction")
_NEEDED: Final = ("date", "symbol", "venue", "volume")
PROBLEMS_MAX: Final = 20

Key = tuple[str, str]


class Feed:
    """The bars of all instruments, and what they come to; each figure is worked out once."""

    def __init__(self, bars: dict[Key, dict[date, Bar]]) -> None:
        """Take *bars* by symbol and venue."""
        self._bars = bars
        self._known: dict[tuple[str, Key, date], Exact | None] = {}

    def of(self, authorization: Authorization) -> Market:
        """Return what this feed tells of trades under *authorization*."""
        return _OfOne(self, authorization)

    def average(self, name: str, key: Key, day: date) -> Exact | None:
        """Return the fact *name* of *day*, in the instrument's own units, `None` if not known."""
        known = (name, key, day)
        if known not in self._known:
            table, bars = sessions(key[1]), self._bars.get(key)
            if table is None or bars is None:
                return None
            self._known[known] = AVERAGES[name](bars, table, day)
        return self._known[known]


class _OfOne:
    """A feed as the program of one authorization reads it."""

    def __init__(self, feed: Feed, authorization: Authorization) -> None:
        self._feed = feed
        self._announced = authorization.announced
        # An instrument that is another number of shares on another day has no averages: which
        # bars are of which ratio, no bar says.
        self._split = {one.symbol for one in authorization.instruments if len(one.shares_each) > 1}

    def fact(self, name: str, trade: Trade) -> Exact | None:
        """Return the fact *name* at the moment of *trade*, `None` where it is not known.

        Volumes are in ordinary-share equivalents, by the ratio of the trade.
        """
        listing, day = trade.listing, trade.venue_date
        if listing is None or day is None:
            return None
        if name in AVERAGES:
            if listing.symbol in self._split:
                return None
            by = self._day_of(name, day)
            found = self._feed.average(name, (listing.symbol, listing.venue), by) if by else None
            is_volume = TABLE[name].dimension == SHARES
            return found if found is None or not is_volume else found * listing.shares_each
        table, moment = sessions(listing.venue), trade.venue_time
        if table is None or moment is None:
            return None
        if name == "market.minutes_from_open":
            return table.minutes_from_open(day, moment)
        if name == "market.minutes_to_close":
            return table.minutes_to_close(day, moment)
        return None

    def _day_of(self, name: str, day: date) -> date | None:
        """Return the day by which the average *name* goes for a trade of *day*, if there is one."""
        if name != "market.adv_eu_month_before":
            return day
        # Before the disclosure the month that will count need not be over.
        disclosed = self._announced
        return disclosed if disclosed is not None and disclosed <= day else None


def read_feed(paths: Iterable[Path]) -> Feed:
    """Return the bars in the CSV files *paths*, together.

    Raise UsageError for one that cannot be read, InputError with the first rows that are wrong.
    """
    bars: dict[Key, dict[date, Bar]] = {}
    problems: list[Problem] = []
    for path in paths:
        problems += _read_into(bars, path)
    if problems:
        raise InputError(problems[:PROBLEMS_MAX])
    return Feed(bars)


def _read_into(bars: dict[Key, dict[date, Bar]], path: Path) -> Iterator[Problem]:
    name, line = str(path), 0
    try:
        # As spreadsheets save it too, with a mark before the header.
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            wrong = _header(rows.fieldnames or [])
            if wrong is not None:
                yield Problem(*wrong, name, 1)
                return
            for row in rows:
                line = rows.line_num
                told = _take(bars, row)
                if told is not None:
                    yield Problem(*told, name, line)
            if not line:
                yield Problem("the file has no bars", None, name, 1)
    except OSError as error:
        what = f"the bars cannot be read: {reason(error)}"
        raise UsageError(Problem(what, file=name)) from error
    except UnicodeDecodeError:
        yield Problem("what follows is not UTF-8", "save the file as UTF-8", name, line + 1)
    except csv.Error as error:
        yield Problem(f"what follows is no row of a CSV: {error}", None, name, line + 1)


def _header(found: Iterable[str]) -> tuple[str, str] | None:
    listed = list(found)
    for column in listed:
        if column not in COLUMNS or listed.count(column) > 1:
            hint = nearest(column, COLUMNS) or f"the columns are {', '.join(COLUMNS)}"
            return f"the column `{column}` is none of bars, or is there twice", hint
    for column in _NEEDED:
        if column not in listed:
            return f"the column `{column}` is missing", f"bars have {', '.join(_NEEDED)}"
    return None


def _take(bars: dict[Key, dict[date, Bar]], row: dict[str, str]) -> tuple[str, str] | None:
    """Add the bar of *row*; return what is wrong with it and what would be right, if anything."""
    if None in row or None in row.values():
        return "the row has more or fewer fields than the header", "separate them by commas"
    try:
        day = read_day(row["date"])
        close, off = (_number(row.get(column, "")) for column in ("close", "off_auction"))
        volume = _number(row["volume"])
    except ValueError as error:
        return str(error), "write numbers without grouping, dates as 2008-11-14"
    if volume is None:
        return "`volume` is empty", "write 0 where nothing was traded"
    if off is not None and off > volume:
        return "`off_auction` is more than `volume`", "it is a part of it"
    if close is None and volume and "close" in row:
        return "`close` is empty, and something was traded", "write the last price"
    key = (row["symbol"], row["venue"])
    wrong = _of_no_session(*key, day)
    if wrong is not None:
        return wrong
    of_one = bars.setdefault(key, {})
    if day in of_one:
        return f"there is a bar of {day} already", "keep one of them"
    of_one[day] = Bar(close, volume, off)
    return None


def _of_no_session(symbol: str, venue: str, day: date) -> tuple[str, str] | None:
    if not symbol:
        return "`symbol` is empty", "write the symbol that the rule file has"
    table = sessions(venue)
    if table is None:
        hint = nearest(venue, VENUES) or f"there are those of {', '.join(VENUES)}"
        return f"there is no table of sessions for the venue `{short(venue)}`", hint
    if table.covers(day, day) and table.on(day) is None:
        return f"`{venue}` has no session on {day}", "leave the row out"
    return None


def _number(text: str) -> Exact | None:
    if not text:
        return None
    value = exact(text)
    if value < 0:
        raise ValueError(f"`{text}` is less than zero")
    return value
