"""Sessions of venues from dated tables, and prices and averages over bars that are passed in.

The tables are written by `make sessions`, from exchange_calendars and `corrections.csv`.
"""

from repurchase.market.averages import AVERAGES, Bar, Bars
from repurchase.market.sessions import VENUES, Hours, Sessions, sessions

__all__ = ["AVERAGES", "VENUES", "Bar", "Bars", "Hours", "Sessions", "sessions"]
