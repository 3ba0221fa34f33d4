"""Files of trades (the tape) and of quotes (the best bids and asks)."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from datetime import datetime
from typing import Final, Generic, TypeVar
from zoneinfo import ZoneInfo

from repurchase.domain.calendars import read_moment, zone
from repurchase.domain.errors import Wrong, short
from repurchase.domain.moments import instant
from repurchase.domain.quantities import Exact
from repurchase.domain.venues import zone_name
from repurchase.facts.table import TABLE
from repurchase.market.kinds import Key, Kind, Row, flag, instrument, number
from repurchase.market.tape import Quotes, Tape

TRADES: Final = Kind(
    "trades", ("time", "symbol", "venue", "price"), ("own", "off_auction"), 4_000_000
)
QUOTES: Final = Kind("quotes", ("time", "symbol", "venue", "bid"), ("own", "ask"), 4_000_000)

PRICES_MAX: Final = 400_000
_FINER: Final = re.compile(r"(\.[0-9]{9})[0-9]+")

S = TypeVar("S", Tape, Quotes)


class _Series(Generic[S]):
    """The rows of each instrument at each venue, in order of time."""

    def __init__(self, new: Callable[[ZoneInfo], S]) -> None:
        """Start without instruments; *new* returns the series of one instrument."""
        self.of: dict[Key, S] = {}
        # The instant of the last row of each file: the file supplies nothing after it.
        self._ends: dict[str, int] = {}
        # The instant at which each file has its first row of an instrument.
        self._begun: dict[Key, tuple[list[int], list[str]]] = {}
        self._new: Callable[[ZoneInfo], S] = new
        # Equal prices share one object.
        self._prices: dict[str, Exact | None] = {}

    def next(self, row: Row, file: str) -> tuple[S, datetime]:
        """Return the series of *row* in *file*, and its moment; raise Wrong if it is too early."""
        moment = _moment(row["time"])
        key = instrument(row, self.of)
        series = self.of.get(key)
        if series is None:
            series = self.of[key] = self._new(zone(zone_name(key[1])))
        at = instant(moment)
        if series.days.goes_back(at):
            hint = "sort the rows by time, and give the files in that order"
            what = (
                f"the time goes backwards: an earlier row of `{short(key[0])}` on {key[1]} is later"
            )
            raise Wrong(what, hint)
        self._ends[file] = max(at, self._ends.get(file, at))
        firsts, files = self._begun.setdefault(key, ([], []))
        if not files or files[-1] != file:
            firsts.append(at)
            files.append(file)
        return series, moment

    def reaches(self, key: Key, moment: int) -> bool:
        """Return whether the file with rows of *key* before *moment* reaches *moment*.

        No other file contains what was published after the last row of that file.
        """
        firsts, files = self._begun[key]
        index = bisect_left(firsts, moment) - 1
        return index >= 0 and moment <= self._ends[files[index]]

    def price(self, row: Row, column: str, fact: str) -> Exact | None:
        """Return the price in *column*, `None` if it is empty.

        Raise Wrong if it is not in the domain of *fact*, which it gives.
        """
        text = row.get(column, "")
        if text not in self._prices:
            if len(self._prices) >= PRICES_MAX:
                hint = "leave out the days and instruments that no event needs"
                raise Wrong(f"there are more than {PRICES_MAX:,} different prices", hint)
            self._prices[text] = number(text, column, TABLE[fact].domain)
        return self._prices[text]


class TradeRows(_Series[Tape]):
    """The tapes of all instruments, by symbol and venue, from all rows taken so far."""

    def __init__(self) -> None:
        """Start without trades."""
        super().__init__(Tape)

    def take(self, row: Row, place: tuple[str, int]) -> None:
        """Add the trade of *row*; raise Wrong if it cannot be read."""
        tape, moment = self.next(row, place[0])
        price = self.price(row, "price", "market.last_price")
        if price is None:
            raise Wrong("`price` is empty", "write the price of one unit")
        tape.add(moment, price, flag(row, "own"), flag(row, "off_auction"))


class QuoteRows(_Series[Quotes]):
    """The bids for all instruments, by symbol and venue, from all rows taken so far."""

    def __init__(self) -> None:
        """Start without bids."""
        super().__init__(Quotes)

    def take(self, row: Row, place: tuple[str, int]) -> None:
        """Add the bid of *row*; raise Wrong if it cannot be read."""
        quotes, moment = self.next(row, place[0])
        bid = self.price(row, "bid", "market.best_independent_bid")
        quotes.add(moment, bid, flag(row, "own"), self.price(row, "ask", "market.best_ask"))


def _moment(text: str) -> datetime:
    # Event times have at most nanoseconds: finer digits cannot decide what came before an event.
    return read_moment(_FINER.sub(r"\1", text))
