"""Facts from outside: market and issuer facts that a feed supplies or the event carries.

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
        "market.day_high",
        PRICE,
        "highest price published so far that day",
        "highest price of the day",
        _CAPPED,
    ),
    (
        "market.adv_jp_4_weeks",
        SHARES,
        "Japan: average daily auction volume of the four weeks before the week of the trade",
        "average daily volume",
        "day.ordered_shares_after <= {}",
    ),
    (
        "market.amv_jp_6_months",
        SHARES,
        "Japan: average monthly auction volume of the six months before the month of the trade",
        "average monthly volume",
        "trade.shares <= 1% * {}",
    ),
    (
        "market.adv_us_4_weeks",
        SHARES,
        "US: average daily volume of the four calendar weeks before the week of the trade",
        "average daily volume",
        "day.executed_shares_after <= 25% * {}",
    ),
    (
        "market.adv_eu_20_days",
        SHARES,
        "EU: average daily volume of the 20 trading days before the day of the trade",
        "average daily volume",
        "day.executed_shares_after <= 25% * {}",
    ),
    (
        "market.adv_eu_month_before",
        SHARES,
        "EU: average daily volume of the calendar month before the month of disclosure",
        "average daily volume",
        "day.executed_shares_after <= 25% * {}",
    ),
    (
        "market.avg_close_5_days",
        PRICE,
        "average closing price of the five sessions before the day of the trade",
        "average close of five days",
        "trade.price <= 105% * {}",
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
        "shares whose purchase off the auction that day was announced in advance",
        "shares announced for that day",
        "day.off_auction_shares_after <= {}",
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


def _supplied(name: str) -> Callable[[Situation], Value | None]:
    def of(now: Situation) -> Value | None:
        carried = now.trade.event.outside.get(name)
        if now.market is None:
            return carried
        value = now.market.fact(name, now.trade)
        if value is None and carried is not None and not now.market.owns(name):
            return carried
        return value

    return of


FACTS: Final = tuple(
    Fact(
        name,
        dimension,
        _DOMAINS[dimension],
        meaning,
        short,
        _supplied(name),
        (name,),
        example.format(name),
    )
    for name, dimension, meaning, short, example in _NAMES
)
