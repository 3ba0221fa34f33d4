"""Prices and averages from daily bars, each with its own lookback and definition, exactly.

A session without a bar may have had trades: every fact that needs its bar is absent. A bar with a
volume of zero counts as one of the days of an average.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from typing import Final

import msgspec

from repurchase.domain.quantities import Exact, quotient
from repurchase.market.sessions import Sessions

_WEEK: Final = timedelta(weeks=1)
_DAY: Final = timedelta(1)
MONTHS: Final = 6
WEEKS: Final = 4
EU_DAYS: Final = 20
CLOSES: Final = 5


class Bar(msgspec.Struct, frozen=True):
    """One session of one instrument at one venue, in its own units and currency.

    *close* is the last price, or the last quote if nothing traded; `None` if unknown. *off_auction*
    is the part of *volume* that was traded off the auction; `None` if unknown.
    """

    close: Exact | None
    volume: Exact
    off_auction: Exact | None = None


Bars = Mapping[date, Bar]
Average = Callable[[Bars, Sessions, date], Exact | None]


def previous_close(bars: Bars, venue: Sessions, day: date) -> Exact | None:
    """Return the last price of the session before *day*; `None` if it is unknown.

    If nothing traded and there was no quote in that session, the price of an earlier session is
    not used: a quote would take precedence over it.
    """
    before = venue.before(day, 1)
    bar = bars.get(before[0]) if before else None
    return None if bar is None else bar.close


def adv_jp_4_weeks(bars: Bars, venue: Sessions, day: date) -> Exact | None:
    """Return the average daily auction volume of the four weeks before the week of *day*."""
    return _mean(_auctioned(_of(bars, _weeks_before(venue, day))))


def adv_us_4_weeks(bars: Bars, venue: Sessions, day: date) -> Exact | None:
    """Return the average daily volume of the four calendar weeks before the week of *day*."""
    return _mean(_all(_of(bars, _weeks_before(venue, day))))


def adv_eu_20_days(bars: Bars, venue: Sessions, day: date) -> Exact | None:
    """Return the average daily volume of the 20 trading days before *day*."""
    return _mean(_all(_of(bars, venue.before(day, EU_DAYS))))


def adv_eu_month_before(bars: Bars, venue: Sessions, disclosed: date) -> Exact | None:
    """Return the average daily volume of the calendar month before the month of *disclosed*."""
    end = disclosed.replace(day=1) - _DAY
    return _mean(_all(_of(bars, venue.between(end.replace(day=1), end))))


def amv_jp_6_months(bars: Bars, venue: Sessions, day: date) -> Exact | None:
    """Return the average monthly auction volume of the six months before the month of *day*."""
    end = day.replace(day=1)
    # January is month 1; with months from 0 to 11, divmod by 12 gives year and month.
    years, month = divmod(end.year * 12 + end.month - 1 - MONTHS, 12)
    days = venue.between(date(years, month + 1, 1), end - _DAY)
    found = _auctioned(_of(bars, days))
    return None if found is None else quotient(sum(found), MONTHS)


def avg_close_5_days(bars: Bars, venue: Sessions, day: date) -> Exact | None:
    """Return the average closing price of the five sessions before *day*."""
    found = _of(bars, venue.before(day, CLOSES))
    closes = None if found is None else [bar.close for bar in found]
    if closes is None or None in closes:
        return None
    return _mean([close for close in closes if close is not None])


# The facts that daily bars supply, in the instrument's units. Each function takes the day of the
# trade, except that of the month before disclosure, which takes the day of disclosure.
AVERAGES: Final[Mapping[str, Average]] = {
    "market.previous_close": previous_close,
    "market.adv_jp_4_weeks": adv_jp_4_weeks,
    "market.amv_jp_6_months": amv_jp_6_months,
    "market.adv_us_4_weeks": adv_us_4_weeks,
    "market.adv_eu_20_days": adv_eu_20_days,
    "market.adv_eu_month_before": adv_eu_month_before,
    "market.avg_close_5_days": avg_close_5_days,
}

# Of these, the means. Given bars, only they supply them: an event cannot show how it counted.
MEANS: Final = frozenset(AVERAGES) - {"market.previous_close"}


def _weeks_before(venue: Sessions, day: date) -> tuple[date, ...] | None:
    monday = day - day.weekday() * _DAY
    return venue.between(monday - WEEKS * _WEEK, monday - _DAY)


def _of(bars: Bars, days: tuple[date, ...] | None) -> list[Bar] | None:
    """Return the bars of all *days*; `None` if one is missing."""
    if days is None:
        return None
    found = [bars[day] for day in days if day in bars]
    return found if len(found) == len(days) else None


def _all(bars: Iterable[Bar] | None) -> list[Exact] | None:
    return None if bars is None else [bar.volume for bar in bars]


def _auctioned(bars: Iterable[Bar] | None) -> list[Exact] | None:
    if bars is None:
        return None
    found = [None if bar.off_auction is None else bar.volume - bar.off_auction for bar in bars]
    known = [volume for volume in found if volume is not None]
    return known if len(known) == len(found) else None


def _mean(values: list[Exact] | None) -> Exact | None:
    return quotient(sum(values), len(values)) if values else None
