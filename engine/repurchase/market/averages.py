"""Averages from daily bars, exactly: which sessions each needs, and what their bars give.

A session without a bar may have had trades, so every average that needs its bar is unknown. A bar
with a volume of zero counts as a session, unless the average takes sessions with trades alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from repurchase.domain.averages import Average, Of
from repurchase.domain.quantities import Exact, quotient
from repurchase.domain.sessions import Sessions

_WEEK: Final = timedelta(weeks=1)
_DAY: Final = timedelta(1)
_MONTHS: Final = 12
# The column of what is both off the auction and the issuer's own.
_BOTH: Final = "own_off_auction"


class Bar(msgspec.Struct, frozen=True):
    """One session of one instrument at one venue, in its own units and currency.

    *close* is the last price, or the last quote if nothing traded; *mid* is the middle of the last
    bid and offer. *off_auction* is the part of *volume* that was traded off the auction, and *own*
    the part that the issuer bought, *own_off_auction* of it off the auction. What is `None` is
    unknown.
    """

    close: Exact | None
    volume: Exact
    off_auction: Exact | None = None
    high: Exact | None = None
    mid: Exact | None = None
    vwap: Exact | None = None
    turnover: Exact | None = None
    own: Exact | None = None
    own_off_auction: Exact | None = None


Bars = Mapping[date, Bar]


class Place(msgspec.Struct, frozen=True):
    """A venue with its *table* of sessions, `None` without one, and the *bars* of an instrument."""

    venue: str
    table: Sessions | None
    bars: Bars

    def needs(self, day: date) -> bool:
        """Return whether there may have been trades on *day*, so that its bar is needed."""
        table = self.table
        return table is None or not table.covers(day, day) or table.on(day) is not None


class Lack(msgspec.Struct, frozen=True):
    """What an average lacks: *what* of the bar of *day* at *venue*, or the whole bar if `None`."""

    day: date
    venue: str
    what: str | None = None


class Measured(msgspec.Struct, frozen=True):
    """What an average comes to, `None` if it is unknown, and the sessions that it is taken over.

    *lacks* says which bars, or parts of bars, are missing; *why* says what else makes it unknown.
    """

    value: Exact | None
    days: tuple[date, ...] = ()
    lacks: tuple[Lack, ...] = ()
    why: str | None = None


def previous_close(place: Place, day: date) -> Measured:
    """Return the last price of the session before *day*.

    If nothing traded and there was no quote in that session, the price of an earlier session is
    not used: a quote would take precedence over it.
    """
    days = None if place.table is None else place.table.before(day, 1)
    if days is None:
        return Measured(None, why=_no_table(place))
    bar = place.bars.get(days[0])
    if bar is None or bar.close is None:
        lack = Lack(days[0], place.venue, None if bar is None else "close")
        return Measured(None, days, (lack,))
    return Measured(bar.close, days)


def measured(average: Average, places: Sequence[Place], day: date) -> Measured:
    """Return *average* before *day*, in units and prices of the instrument, at all *places*.

    The sessions are those of the first place.
    """
    lead = places[0]
    if lead.table is None:
        return Measured(None, why=_no_table(lead))
    if average.over.unit == "session with trades":
        days, lacks = _traded(average.over.many, places, lead.table, day)
    else:
        days, lacks = _days(average, lead.table, day), ()
    if lacks:
        return Measured(None, days or (), lacks)
    if days is None:
        return Measured(None, why=_no_table(lead))
    if not days:
        return Measured(None, why=f"{lead.venue} has no session in that time")
    return _over(average, places, days)


def _over(average: Average, places: Sequence[Place], days: tuple[date, ...]) -> Measured:
    """Return *average* over *days*."""
    bars, lacks = [], []
    for day in days:
        for place in places:
            bar = place.bars.get(day)
            if bar is not None:
                bars.append((Lack(day, place.venue), bar))
            elif place.needs(day):
                lacks.append(Lack(day, place.venue))
    found = {of: [(at, _READ[of](average, bar)) for at, bar in bars] for of in _parts(average)}
    unread = [
        Lack(at.day, at.venue, _lacking(average, bar))
        for at, bar in bars
        if any(_READ[of](average, bar) is None for of in _parts(average))
    ]
    every = (*lacks, *unread)
    if every:
        return Measured(None, days, every)
    sums = {of: sum(figure or 0 for _, figure in figures) for of, figures in found.items()}
    if average.of == "vwap":
        if not sums["volume"]:
            return Measured(None, days, why="nothing was traded in that time")
        return Measured(quotient(sums["vwap"], sums["volume"]), days)
    many = len(days) if average.per == "session" else average.over.many
    return Measured(quotient(sums[average.of], many), days)


def _parts(average: Average) -> tuple[Of, ...]:
    return ("vwap", "volume") if average.of == "vwap" else (average.of,)


def _days(average: Average, table: Sessions, day: date) -> tuple[date, ...] | None:
    """Return the sessions of *average* before *day*; `None` if the *table* does not reach."""
    many = average.over.many
    if average.over.unit == "session":
        return table.before(day, many)
    if average.over.unit == "calendar week":
        end = day - day.weekday() * _DAY
        return table.between(end - many * _WEEK, end - _DAY)
    end = day.replace(day=1)
    # January is month 1; with months from 0 to 11, divmod by 12 gives year and month.
    year, month = divmod(end.year * _MONTHS + end.month - 1 - many, _MONTHS)
    return table.between(date(year, month + 1, 1), end - _DAY)


def _traded(
    many: int, places: Sequence[Place], table: Sessions, day: date
) -> tuple[tuple[date, ...] | None, tuple[Lack, ...]]:
    """Return the last *many* sessions with trades before *day*, and the bars that are missing.

    Whether a session without a bar had trades is unknown, so none is looked for beyond it.
    """
    if not table.covers(day, day):
        return None, ()
    found: list[date] = []
    for one in table.back_from(day - _DAY):
        lacks = tuple(
            Lack(one, place.venue) for place in places if one not in place.bars and place.needs(one)
        )
        if lacks:
            return tuple(found), lacks
        if any(place.bars[one].volume for place in places if one in place.bars):
            found.append(one)
        if len(found) == many:
            return tuple(found), ()
    return None, ()


def _volume(average: Average, bar: Bar) -> Exact | None:
    """Return the volume of *bar* without what *average* leaves out; `None` if that is unknown."""
    taken = [part for name in average.without if (part := getattr(bar, name)) is not None]
    if len(taken) < len(average.without):
        return None
    # What the issuer bought off the auction is in both parts.
    both = bar.own_off_auction if len(taken) > 1 and all(taken) else 0
    return None if both is None else bar.volume - sum(taken) + both


def _turnover(average: Average, bar: Bar) -> Exact | None:
    if not bar.volume:
        return 0
    own, other = bar.turnover, None if bar.vwap is None else bar.vwap * bar.volume
    # With both columns, one of them may be rounded: each average reads its own.
    first, second = (other, own) if average.of == "vwap" else (own, other)
    return second if first is None else first


_READ: Final[Mapping[Of, Callable[[Average, Bar], Exact | None]]] = {
    "volume": _volume,
    "turnover": _turnover,
    "vwap": _turnover,
    "close": lambda _, bar: bar.close,
    "high": lambda _, bar: bar.high,
    "mid": lambda _, bar: bar.mid,
}


def _lacking(average: Average, bar: Bar) -> str:
    """Return the columns of *bar* that *average* needs and that are empty."""
    if average.of in ("vwap", "turnover"):
        return "vwap or turnover"
    if average.of != "volume":
        return average.of
    return " and ".join(one for one in average.without if getattr(bar, one) is None) or _BOTH


def _no_table(place: Place) -> str:
    if place.table is None:
        return f"the venue {place.venue} has no table of sessions"
    table = place.table
    return f"the sessions of {place.venue} are known from {table.first} to {table.last}"
