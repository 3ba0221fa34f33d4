"""Files of daily bars."""

from __future__ import annotations

from datetime import date
from typing import Final

from repurchase.domain.calendars import read_day
from repurchase.domain.errors import Wrong, short
from repurchase.facts.table import TABLE
from repurchase.market.averages import Bar
from repurchase.market.kinds import Key, Kind, Row, instrument, number
from repurchase.market.sessions import VENUES, sessions

BARS: Final = Kind(
    "daily bars", ("date", "symbol", "venue", "volume"), ("close", "off_auction"), 500_000
)
# A fact that each column gives; the column has its domain.
_GIVEN: Final = {
    "close": "market.previous_close",
    "off_auction": "market.adv_jp_4_weeks",
    "volume": "market.adv_us_4_weeks",
}


class BarRows:
    """The bars of all instruments, by symbol and venue, from all rows taken so far."""

    def __init__(self) -> None:
        """Start without bars."""
        self.bars: dict[Key, dict[date, Bar]] = {}

    def take(self, row: Row, _: tuple[str, int]) -> None:
        """Add the bar of *row*; raise Wrong if it cannot be read or its day has a bar already."""
        day = read_day(row["date"])
        close, off, volume = (
            number(row.get(column, ""), column, TABLE[fact].domain)
            for column, fact in _GIVEN.items()
        )
        if volume is None:
            raise Wrong("`volume` is empty", "write 0 if nothing was traded")
        if off is not None and off > volume:
            raise Wrong(
                "`off_auction` is more than `volume`",
                "write the part of `volume` that was traded off the auction",
            )
        if close is None and volume and "close" in row:
            raise Wrong("`close` is empty, but `volume` is not 0", "write the last price")
        key = instrument(row, self.bars)
        _check_session(key[1], day)
        of_one = self.bars.setdefault(key, {})
        if day in of_one:
            raise Wrong(f"{day} has a bar already", "keep one of the two rows")
        of_one[day] = Bar(close, volume, off)


def _check_session(venue: str, day: date) -> None:
    table = sessions(venue)
    if table is None:
        hint = f"the venues with one are {', '.join(VENUES)}"
        raise Wrong(f"the venue `{short(venue)}` has no table of sessions", hint)
    if table.covers(day, day) and table.on(day) is None:
        raise Wrong(f"`{venue}` has no session on {day}", "remove the row")
