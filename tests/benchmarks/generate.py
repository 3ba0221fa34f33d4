"""A rule file of twelve rules, and trade logs of any length under it of which most pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from repurchase.domain.sessions import sessions

RULES: Final = """
repurchase: 1
authorization: generated
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "9999", venues: [XTKS]}
terms:
  max_shares: {value: "900,000,000,000 shares"}
  max_amount: {value: "JPY 900,000,000,000,000"}
  first_day: {value: 2020-01-01}
  last_day: {value: 2020-12-31}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: amount-cap, require: program.amount_after <= terms.max_amount}
  - {id: first-day, require: trade.date >= terms.first_day}
  - {id: last-day, require: trade.last_date <= terms.last_day}
  - {id: share-class, require: trade.share_class == common}
  - {id: buys-only, require: trade.side == buy}
  - {id: order-type, require: trade.order_type == limit}
  - {id: order-size, require: "trade.shares <= 2,500 shares"}
  - {id: order-money, require: "trade.amount <= JPY 5,000,000"}
  - {id: price-ceiling, require: "trade.price_per_share <= JPY 1,500"}
  - {id: day-volume, require: "day.ordered_shares_after <= 90,000,000 shares"}
  - {id: on-order, require: "program.reserved_shares <= 1,000,000 shares"}
"""
HEADER: Final = "kind,id,time,symbol,venue,side,quantity,price,order_type,order\n"
DAYS: Final = 250
# Every so many orders one is too large, so that the path of a denial is taken too.
TOO_LARGE_EVERY: Final = 100
FIRST: Final = datetime(2020, 1, 6, 9, tzinfo=UTC)
# Half of a session of Tokyo is before the rest at noon.
HALF: Final = 9_000
REST: Final = 3_600


def write_log(path: Path, rows: int, *, in_session: bool = False) -> None:
    """Write a log of *rows* rows to *path*: each order is filled at once, in two parts.

    Without *in_session*, every day of the calendar has trades, at noon and past the close, too.
    """
    begin = _of_sessions(rows) if in_session else _of_days(rows)
    with path.open("w", encoding="ascii") as file:
        file.write(HEADER)
        for line in islice(_lines(rows, begin), rows):
            file.write(line)


def _of_days(rows: int) -> Callable[[int], datetime]:
    a_day = rows // 3 // DAYS + 1

    def begin(order: int) -> datetime:
        day, place = divmod(order, a_day)
        return FIRST + timedelta(days=day, seconds=place * 20_000 // a_day)

    return begin


def _of_sessions(rows: int) -> Callable[[int], datetime]:
    tokyo = sessions("XTKS")
    assert tokyo is not None
    year = (FIRST + timedelta(days=day) for day in range(360))
    days = [day for day in year if tokyo.on(day.date())]
    a_day = rows * 2 // 5 // len(days) + 1

    def begin(order: int) -> datetime:
        day, place = divmod(order, a_day)
        seconds = place * 2 * HALF // a_day
        return days[day] + timedelta(seconds=seconds + REST * (seconds > HALF))

    return begin


def _lines(rows: int, begin: Callable[[int], datetime]) -> Iterator[str]:
    for order in range(rows):
        # The clock of the text is Tokyo's.
        time = f"{begin(order):%Y-%m-%dT%H:%M:%S}+09:00"
        price = 1_000 + order * 7 % 400
        large = order % TOO_LARGE_EVERY == 0
        quantity = 3_000 if large else 100 + order % 10 * 100
        yield f"order,o-{order},{time},9999,XTKS,buy,{quantity},{price},limit,\n"
        if large:
            continue
        part = quantity // 2
        for fill, filled in (("a", part), ("b", quantity - part)):
            yield f"fill,f-{order}{fill},{time},9999,XTKS,buy,{filled},{price - 1},,o-{order}\n"
