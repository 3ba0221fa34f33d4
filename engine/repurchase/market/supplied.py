"""Everything that market files supply at one moment, each with what it was taken from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

import msgspec

from repurchase.domain.errors import Problem, UsageError
from repurchase.domain.events import Event
from repurchase.domain.quantities import Dimension, money
from repurchase.domain.terms import Listing
from repurchase.facts.averages import FAMILY, is_average
from repurchase.facts.fact import Value
from repurchase.facts.outside import is_outside
from repurchase.facts.table import TABLE
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade, trade
from repurchase.market.averages import Measured
from repurchase.market.feed import Feed, source_of
from repurchase.rulebook.editions import Edition, Editions
from repurchase.rulebook.model import Authorization


class Supplied(msgspec.Struct, frozen=True):
    """A fact with its value, `None` if it is unknown, and what it comes from.

    *source* is the kind of file, or the tables of sessions, `None` if only events state the fact.
    *files* are those that were asked.
    *measured* says which bars an average has. *is_read* says whether a rule in force reads it.
    """

    fact: str
    dimension: Dimension
    value: Value | None
    source: str | None
    files: tuple[str, ...]
    measured: Measured | None
    is_read: bool


class AtVenue(msgspec.Struct, frozen=True):
    """An instrument at one venue, the *day* there, and what the files supply for it."""

    listing: Listing
    day: date
    facts: tuple[Supplied, ...]


def supplied(
    feed: Feed,
    editions: Editions,
    at: datetime | date,
    symbol: str | None = None,
    venue: str | None = None,
) -> tuple[AtVenue, ...]:
    """Return what *feed* supplies *at* a moment or on a day for each instrument at each venue.

    With a *symbol* or a *venue*, only for those. Raise UsageError if the rule file of *editions*
    lists none of them.
    """
    authorization = editions.authorization
    pairs = [(one.symbol, code) for one in authorization.instruments for code in one.venues]
    asked = [(own, code) for own, code in pairs if symbol in (None, own) and venue in (None, code)]
    if not asked:
        listed = ", ".join(f"{own} at {code}" for own, code in pairs)
        what = "no instrument of the rule file has this symbol and venue"
        raise UsageError(Problem(what, f"it lists {listed}"))
    return tuple(_at_venue(feed, editions, at, *pair) for pair in asked)


def _at_venue(
    feed: Feed, editions: Editions, at: datetime | date, symbol: str, venue: str
) -> AtVenue:
    when = {"time": at} if isinstance(at, datetime) else {"date": at}
    event = Event(kind="order", id="o", symbol=symbol, venue=venue, side="buy", quantity=1, **when)
    # The trade says which days it has, and these which edition counts.
    asked = _trade(event, editions.on(date.max))
    edition = editions.on(asked.date, asked.venue_date)
    asked = _trade(event, edition)
    assert asked.listing is not None, "the authorization lists it"
    assert asked.venue_date is not None, "a listed instrument has a day at its venue"
    facts = tuple(_supplied(name, feed, asked, edition) for name in _names(edition))
    return AtVenue(asked.listing, asked.venue_date, facts)


def _trade(event: Event, edition: Edition) -> Trade:
    found = trade(event, edition.counting, Position())
    assert isinstance(found, Trade), "an order is always a trade"
    return found


def _names(edition: Edition) -> Iterator[str]:
    """Yield the averages that the files declare or that rules read, and then all other facts."""
    declared = (f"{FAMILY}.{name}" for name in edition.authorization.own_averages())
    yield from sorted({*filter(is_average, edition.facts), *declared})
    yield from filter(is_outside, TABLE)


def _dimension(name: str, authorization: Authorization) -> Dimension:
    dimension = authorization.fact(name).dimension
    return money(authorization.currency) if dimension.kind == "money" else dimension


def _supplied(name: str, feed: Feed, asked: Trade, edition: Edition) -> Supplied:
    market = feed.of(edition.authorization)
    return Supplied(
        name,
        _dimension(name, edition.authorization),
        market.fact(name, asked),
        source_of(market.stands_for(name)),
        feed.names(market.files(name, asked)),
        market.measured(name, asked),
        name in edition.facts,
    )
