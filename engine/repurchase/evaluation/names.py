"""What sentences call a fact, and a quantity that a rule computes from facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from repurchase.domain.formats import unit
from repurchase.domain.quantities import value_written
from repurchase.facts.table import TABLE
from repurchase.language.expression import (
    Constant,
    Extreme,
    Name,
    Node,
    Product,
    Quotient,
    Sum,
    Word,
    facts_of,
)
from repurchase.language.linear import Constants

# The meanings of these facts are too long to stand before a value.
_SHORT: Final[Mapping[str, str]] = {
    "trade.date": "day of the trade",
    "trade.last_date": "last day it can execute",
    "trade.venue_date": "day at the venue",
    "trade.venue_last_date": "last day it can execute at the venue",
    "trade.venue_time": "time at the venue",
    "trade.side": "side",
    "trade.share_class": "instrument",
    "trade.symbol": "symbol",
    "trade.venue": "venue",
    "trade.broker": "broker",
    "trade.order_type": "order type",
    "trade.method": "method",
    "trade.units": "quantity",
    "trade.shares": "shares of this event",
    "trade.price": "price",
    "trade.price_per_share": "price of one share",
    "trade.amount": "money of this event",
    "program.executed_shares": "shares bought so far",
    "program.reserved_shares": "shares on order",
    "program.shares": "shares bought and on order before this event",
    "program.shares_after": "shares bought and on order",
    "program.executed_amount": "money spent so far",
    "program.reserved_amount": "money on order",
    "program.amount": "money spent and on order before this event",
    "program.amount_after": "money spent and on order",
    "day.ordered_shares": "shares ordered that day before this event",
    "day.ordered_shares_after": "shares ordered that day",
    "day.executed_shares": "shares bought that day before this event",
    "day.executed_shares_after": "shares bought that day",
    "day.auction_ordered_shares": "shares ordered in the auction that day before this event",
    "day.auction_ordered_shares_after": "shares ordered in the auction that day",
    "day.off_auction_shares": "shares bought or on order off the auction before this event",
    "day.off_auction_shares_after": "shares bought or on order off the auction that day",
    "day.brokers": "brokers used that day before this event",
    "day.brokers_after": "brokers used that day",
    "day.blocks": "block trades that day before this event",
    "day.blocks_after": "block trades that day",
    "market.previous_close": "last price of the day before",
    "market.last_price": "last price",
    "market.last_independent_price": "last independent price",
    "market.best_independent_bid": "best independent bid",
    "market.day_high": "highest price of the day",
    "market.adv_jp_4_weeks": "average daily volume",
    "market.amv_jp_6_months": "average monthly volume",
    "market.adv_us_4_weeks": "average daily volume",
    "market.adv_eu_20_days": "average daily volume",
    "market.adv_eu_month_before": "average daily volume",
    "market.avg_close_5_days": "average close of five days",
    "market.minutes_from_open": "minutes from the open",
    "market.minutes_to_close": "minutes to the close",
    "issuer.announced_shares": "shares announced for that day",
    "issuer.undisclosed_material_fact": "undisclosed material fact",
    "issuer.closed_period": "closed period",
}


def fact_name(fact: str) -> str:
    """Return what a sentence calls *fact*."""
    return _SHORT.get(fact) or TABLE[fact].meaning


def named(node: Node, constants: Constants, any_of: str | None = None) -> str:
    """Return what a sentence calls *node*, with the values of *constants* in it.

    *any_of* is `min` or `max` if such an extreme may be known by some of its parts alone; its name
    then does not say that it is the lowest or the highest of all.
    """
    if isinstance(node, Constant | Word):
        return node.text
    if isinstance(node, Name):
        return fact_name(node.name) if node.is_fact else _constant(node, constants)
    if isinstance(node, Sum):
        return _sum(node, constants)
    if isinstance(node, Extreme):
        parts = [named(part, constants, any_of) for part in node.parts]
        if node.which == any_of:
            return listing(parts, "or")
        which = ("lower", "lowest") if node.which == "min" else ("higher", "highest")
        return f"the {which[len(parts) > 2]} of {listing(parts)}"
    return _scaled(node, constants)


def _constant(name: Name, constants: Constants) -> str:
    value = constants.terms.get(name.name)
    if value is None:
        return constant_name(name)
    return unit(value_written(value, name.dimension), str(name.dimension))


def constant_name(name: Name) -> str:
    """Return what a sentence calls a term or a limit: `quiet minutes`."""
    return name.name.rpartition(".")[2].replace("_", " ")


def _sum(node: Sum, constants: Constants) -> str:
    (sign, first), *others = node.parts
    text = f"{'minus ' * (sign < 0)}{named(first, constants)}"
    for sign, part in others:
        text += f" {'plus' if sign > 0 else 'minus'} {named(part, constants)}"
    return text


def _scaled(node: Product | Quotient, constants: Constants) -> str:
    left, right = node.left, node.right
    if isinstance(node, Quotient):
        return f"{named(left, constants)} divided by {named(right, constants)}"
    if next(facts_of(left), None) is not None:
        left, right = right, left
    factor = named(left, constants)
    return f"{factor} {'of' if factor.endswith('%') else 'times'} {named(right, constants)}"


def listing(texts: Sequence[str], last: str = "and") -> str:
    """Return *texts* as one list: `a, b and c`, or with another word before the *last*."""
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} {last} {texts[-1]}"
