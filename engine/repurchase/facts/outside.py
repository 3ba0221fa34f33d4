"""Facts from outside: the market's and the issuer's, as the event carries them or a feed has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from repurchase.domain.quantities import COUNT, FLAG, PRICE, SHARES, Dimension
from repurchase.facts.fact import Fact, Situation, Value

# Name, dimension, meaning and an example, in which `{}` stands for the name.
_CAPPED: Final = "trade.price <= {}"
_NAMES: Final[tuple[tuple[str, Dimension, str, str], ...]] = (
    ("market.previous_close", PRICE, "the last price of the day before", _CAPPED),
    ("market.last_price", PRICE, "the last price published", _CAPPED),
    ("market.last_independent_price", PRICE, "the last price of a trade not the issuer's", _CAPPED),
    ("market.best_independent_bid", PRICE, "the highest bid that is not the issuer's", _CAPPED),
    ("market.day_high", PRICE, "the highest price published that day so far", _CAPPED),
    (
        "market.adv_jp_4_weeks",
        SHARES,
        "average daily volume, Japan: four weeks before",
        "day.ordered_shares_after <= {}",
    ),
    (
        "market.amv_jp_6_months",
        SHARES,
        "average monthly volume, Japan: the six months before",
        "trade.shares <= 1% * {}",
    ),
    (
        "market.adv_us_4_weeks",
        SHARES,
        "average daily volume, US: the four calendar weeks before",
        "day.executed_shares_after <= 25% * {}",
    ),
    (
        "market.adv_eu_20_days",
        SHARES,
        "average daily volume, EU: the 20 trading days before",
        "day.executed_shares_after <= 25% * {}",
    ),
    (
        "market.adv_eu_month_before",
        SHARES,
        "average daily volume, EU: the month before disclosure",
        "day.executed_shares_after <= 25% * {}",
    ),
    (
        "market.avg_close_5_days",
        PRICE,
        "the average closing price of the five days before",
        "trade.price <= 105% * {}",
    ),
    ("market.minutes_from_open", COUNT, "minutes since the session opened", "{} > 0"),
    ("market.minutes_to_close", COUNT, "minutes until the session is due to close", "{} > 30"),
    (
        "issuer.announced_shares",
        SHARES,
        "shares announced beforehand to be bought that day off the auction",
        "day.off_auction_shares_after <= {}",
    ),
    (
        "issuer.undisclosed_material_fact",
        FLAG,
        "whether a material fact is not yet public",
        "not {}",
    ),
    ("issuer.closed_period", FLAG, "whether a closed period is running", "not {}"),
)


def _carried(name: str) -> Callable[[Situation], Value | None]:
    def of(now: Situation) -> Value | None:
        carried = now.trade.event.outside.get(name)
        if carried is not None or now.market is None:
            return carried
        return now.market.fact(name, now.trade)

    return of


FACTS: Final = tuple(
    Fact(name, dimension, meaning, _carried(name), (name,), example.format(name))
    for name, dimension, meaning, example in _NAMES
)
