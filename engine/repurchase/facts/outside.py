"""Facts from outside: market and issuer facts, and averages, from a feed or from the event.

A fact that a feed supplies belongs to the feed: an event never replaces it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from repurchase.domain.quantities import COUNT, FLAG, PRICE, SHARES, Dimension
from repurchase.facts.domains import ABOVE_ZERO, MINUTES, YES_OR_NO, ZERO_OR_MORE, Numbers
from repurchase.facts.fact import Fact, Situation, Value

# Name, dimension, meaning, short name, and an example in which `{}` stands for the name.
_CAPPED: Final = "trade.price <= {}"
_FAMILIES: Final = ("market.", "issuer.", "averages.")
_NAMES: Final[tuple[tuple[str, Dimension, str, str, str], ...]] = (
    (
        "market.previous_close",
        PRICE,
        "last price of the previous session",
        "last price of the day before",
        _CAPPED,
    ),
    (
        "market.last_price",
        PRICE,
        "last price published before this event",
        "last price",
        _CAPPED,
    ),
    (
        "market.last_independent_price",
        PRICE,
        "last price of a trade that is not the issuer's own",
        "last independent price",
        _CAPPED,
    ),
    (
        "market.best_independent_bid",
        PRICE,
        "highest bid that is not the issuer's own",
        "best independent bid",
        _CAPPED,
    ),
    (
        "market.best_ask",
        PRICE,
        "lowest price at which shares are offered",
        "best ask",
        _CAPPED,
    ),
    (
        "market.first_price_published",
        FLAG,
        "whether the first price of the day is published",
        "first price published",
        "{}",
    ),
    (
        "market.last_price_age",
        COUNT,
        "seconds since the last price was published, with fractions",
        "seconds since the last price",
        "{} <= 60",
    ),
    (
        "market.quote_age",
        COUNT,
        "seconds since the best bid and ask were published, with fractions",
        "seconds since the last quote",
        "{} <= 60",
    ),
    (
        "market.day_high",
        PRICE,
        "highest price published so far that day",
        "highest price of the day",
        _CAPPED,
    ),
    (
        "market.minutes_from_open",
        COUNT,
        "minutes since the session opened, with fractions; below zero before that",
        "minutes from the open",
        "{} > 0",
    ),
    (
        "market.minutes_to_close",
        COUNT,
        "minutes until the scheduled close, with fractions; below zero after that",
        "minutes to the close",
        "{} > 30",
    ),
    (
        "issuer.announced_shares",
        SHARES,
        "shares that the issuer announced to buy that day",
        "shares announced for that day",
        "trade.shares <= {}",
    ),
    (
        "issuer.undisclosed_material_fact",
        FLAG,
        "whether there is a material fact that is not yet public",
        "undisclosed material fact",
        "not {}",
    ),
    (
        "issuer.closed_period",
        FLAG,
        "whether the issuer is in a closed period",
        "closed period",
        "not {}",
    ),
)

# The counts among these facts are the minutes of a session.
_DOMAINS: Final[Mapping[Dimension, Numbers]] = {
    PRICE: ABOVE_ZERO,
    SHARES: ZERO_OR_MORE,
    COUNT: MINUTES,
    FLAG: YES_OR_NO,
}


def is_outside(name: str) -> bool:
    """Return whether a feed or an event supplies the fact *name*, an average included."""
    return name.startswith(_FAMILIES)


def supplied(name: str) -> Callable[[Situation], Value | None]:
    """Return what reads the fact *name*, as the market or the event of a situation supplies it."""

    def of(now: Situation) -> Value | None:
        carried = now.trade.event.outside.get(name)
        if now.market is None:
            return carried
        value = now.market.fact(name, now.trade)
        if value is None and carried is not None and not now.market.owns(name):
            return carried
        return value

    return of


# How old a figure of the market is.
AGES: Final = ("market.last_price_age", "market.quote_age")

FACTS: Final = tuple(
    Fact(
        name,
        dimension,
        ZERO_OR_MORE if name in AGES else _DOMAINS[dimension],
        meaning,
        short,
        supplied(name),
        (name,),
        example.format(name),
    )
    for name, dimension, meaning, short, example in _NAMES
)
