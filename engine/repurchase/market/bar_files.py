"""Files of daily bars."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from repurchase.domain.calendars import read_day
from repurchase.domain.errors import Wrong, short
from repurchase.domain.quantities import Exact
from repurchase.domain.sessions import VENUES, sessions
from repurchase.domain.venues import listed_venue
from repurchase.facts.domains import ABOVE_ZERO, ZERO_OR_MORE
from repurchase.market.averages import Bar
from repurchase.market.kinds import Key, Kind, Row, instrument, number

# The columns that give prices, and those that give parts of the volume.
_PRICES: Final = ("close", "high", "mid", "vwap")
_PARTS: Final = {
    "off_auction": "that was traded off the auction",
    "own": "that the issuer bought",
    "own_off_auction": "that the issuer bought off the auction",
}
_SUMS: Final = ("volume", "turnover", *_PARTS)
BARS: Final = Kind(
    "daily bars",
    ("date", "symbol", "venue", "volume"),
    ("close", "off_auction", "high", "mid", "vwap", "turnover", "own", "own_off_auction"),
    500_000,
)


class BarRows:
    """The bars of all instruments, by symbol and venue, from all rows taken so far."""

    def __init__(self) -> None:
        """Start without bars."""
        self.bars: dict[Key, dict[date, Bar]] = {}

    def take(self, row: Row, _: tuple[str, int]) -> None:
        """Add the bar of *row*; raise Wrong if it cannot be read or its day has a bar already."""
        day = read_day(row["date"])
        figures = {
            **{name: number(row.get(name, ""), name, ABOVE_ZERO) for name in _PRICES},
            **{name: number(row.get(name, ""), name, ZERO_OR_MORE) for name in _SUMS},
        }
        volume = figures.pop("volume")
        if volume is None:
            raise Wrong("`volume` is empty", "write 0 if nothing was traded")
        _check_parts(volume, figures)
        if figures["close"] is None and volume and "close" in row:
            raise Wrong("`close` is empty, but `volume` is not 0", "write the last price")
        key = instrument(row, self.bars)
        _check_session(key[1], day)
        of_one = self.bars.setdefault(key, {})
        if day in of_one:
            raise Wrong(f"{day} has a bar already", "keep one of the two rows")
        of_one[day] = Bar(volume=volume, **figures)


def _check_parts(volume: Exact, figures: Mapping[str, Exact | None]) -> None:
    """Raise Wrong if the parts of *volume* among *figures* do not fit it."""
    for name, said in _PARTS.items():
        part = figures[name]
        if part is not None and part > volume:
            raise Wrong(f"`{name}` is more than `volume`", f"write the part of `volume` {said}")
    off, own, both = (figures[name] for name in _PARTS)
    if not _fit_together(volume, off, own, both):
        what = "`off_auction`, `own` and `own_off_auction` do not fit together"
        raise Wrong(what, "`own_off_auction` is what `off_auction` and `own` have in common")
    if not volume and (figures["turnover"] or figures["vwap"] is not None):
        name = "turnover" if figures["turnover"] else "vwap"
        raise Wrong(f"`{name}` is given, but `volume` is 0", "leave the cell empty")


def _fit_together(volume: Exact, off: Exact | None, own: Exact | None, both: Exact | None) -> bool:
    if off is None or own is None or both is None:
        return True
    return both <= min(off, own) and off + own - both <= volume


def _check_session(venue: str, day: date) -> None:
    table = sessions(venue)
    if table is None and listed_venue(venue) is None:
        hint = f"the venues with one are {', '.join(VENUES)}"
        raise Wrong(f"the venue `{short(venue)}` has no table of sessions", hint)
    if table is not None and table.covers(day, day) and table.on(day) is None:
        raise Wrong(f"`{venue}` has no session on {day}", "remove the row")
