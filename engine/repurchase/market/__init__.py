"""Sessions of venues from dated tables, and lookups over bars, trades and quotes passed in.

The tables are written by `make sessions`, from exchange_calendars and `corrections.csv`.
"""

from repurchase.market.averages import AVERAGES, Bar, Bars
from repurchase.market.sessions import MINUTES, VENUES, Hours, Sessions, sessions
from repurchase.market.stretches import Stretch, overlaps, through
from repurchase.market.tape import (
    QUOTE_FACTS,
    TAPE_FACTS,
    Course,
    Quotes,
    Tape,
    instant,
    midnight,
    next_midnight,
)

__all__ = [
    "AVERAGES",
    "MINUTES",
    "QUOTE_FACTS",
    "TAPE_FACTS",
    "VENUES",
    "Bar",
    "Bars",
    "Course",
    "Hours",
    "Quotes",
    "Sessions",
    "Stretch",
    "Tape",
    "instant",
    "midnight",
    "next_midnight",
    "overlaps",
    "sessions",
    "through",
]
