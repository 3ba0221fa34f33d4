"""Facts of the trade itself: its days, instrument, venue, quantity, price and amount."""

from __future__ import annotations

from typing import Final

from repurchase.domain.counters import moment_of
from repurchase.domain.people import plain_name
from repurchase.domain.quantities import (
    COUNT,
    DATE,
    FLAG,
    PRICE,
    SHARES,
    TIME,
    UNITS,
    WORD,
    Dimension,
    Exact,
    date_number,
    quotient,
)
from repurchase.domain.venues import AREAS, area_of, country_of, market_of
from repurchase.facts.domains import (
    ABOVE_ZERO,
    DAY_SHOWN,
    FIELDS,
    TEXT,
    TIME_OF_DAY,
    YES_OR_NO,
    ZERO_OR_MORE,
    Words,
    one_of,
)
from repurchase.facts.fact import Fact, Situation
from repurchase.ledger.position import SINCE_NONE

# Only the rule file states the program's currency: the expression checker puts it in place of
# `program`.
PROGRAM_MONEY: Final = Dimension("money", "program")
SECONDS_SINCE_SAME: Final = "trade.seconds_since_same"
PROGRAM_PRICE: Final = Dimension("price", "program")


def _venue_time(now: Situation) -> Exact | None:
    return now.trade.venue_time


def _seconds_since_same(now: Situation) -> Exact | None:
    requests, moment = now.before.requests, moment_of(now.trade.event.time)
    if requests is None or moment is None or now.trade.is_fill:
        return None
    order = now.trade.before or now.before.orders.get(now.trade.event.id)
    if order is not None and (order.held is not None or order.state == "held"):
        # A release is the request that was held.
        return SINCE_NONE
    return requests.seconds_since(now.trade.request, moment)


def _share_class(now: Situation) -> str | None:
    listing = now.trade.listing
    return None if listing is None else listing.instrument


def _venue(now: Situation) -> str | None:
    listing = now.trade.listing
    return now.trade.event.venue if listing is None else listing.venue


def _venue_country(now: Situation) -> str | None:
    code = _venue(now)
    return None if code is None else country_of(code)


def _venue_area(now: Situation) -> str | None:
    code = _venue(now)
    return None if code is None else area_of(code)


def _venue_market(now: Situation) -> str | None:
    code = _venue(now)
    return None if code is None else market_of(code)


def _by(now: Situation) -> str | None:
    """Return who asks, in the spelling that all spellings of one name share."""
    trade = now.trade
    # Who reports a fill of an order did not ask for it.
    event = trade.before.terms.event if trade.of_order and trade.before else trade.event
    return None if event.by is None else plain_name(event.by)


def _price_per_share(now: Situation) -> Exact | None:
    trade = now.trade
    listing, quantity = trade.listing, trade.event.quantity
    # Shares that were prepaid have no price of their own.
    contract = None if trade.event.kind == "prepaid" else trade.contract or None
    if listing is None or not quantity or contract is None or trade.fx is None:
        return None
    return quotient(contract * trade.fx, quantity * listing.shares_each)


_WHEN: Final = ("time", "date")
_LISTED: Final = ("symbol", "venue")
_MONEY: Final = (*_LISTED, "quantity", "price", "amount", "fx")


def _day(name: str, meaning: str, short: str, given_by: tuple[str, ...], example: str) -> Fact:
    """Return the fact that reads the date *name* of the trade."""

    def of(now: Situation) -> int | None:
        day = getattr(now.trade, name)
        return None if day is None else date_number(day)

    return Fact(f"trade.{name}", DATE, DAY_SHOWN, meaning, short, of, given_by, example)


def _word(field: str, meaning: str, short: str, example: str) -> Fact:
    """Return the fact that reads the word in the event's *field*."""

    def of(now: Situation) -> str | None:
        word: str | None = getattr(now.trade.event, field)
        return word

    domain = FIELDS[field]
    words = domain.words if isinstance(domain, Words) else ()
    return Fact(f"trade.{field}", WORD, domain, meaning, short, of, (field,), example, words)


FACTS: Final = (
    _day(
        "date",
        "date of the trade, on the authorization's clock",
        "day of the trade",
        _WHEN,
        "terms.first_day <= trade.date",
    ),
    _day(
        "last_date",
        "last date on which it can execute, on the authorization's clock; a fill's own date",
        "last day it can execute",
        (*_WHEN, "expires", *_LISTED),
        "trade.last_date <= terms.last_day",
    ),
    _day(
        "venue_date",
        "date of the trade, on the venue's clock",
        "day at the venue",
        (*_WHEN, *_LISTED),
        "terms.first_day <= trade.venue_date",
    ),
    _day(
        "venue_last_date",
        "last date on which it can execute, on the venue's clock; a fill's own date",
        "last day it can execute at the venue",
        (*_WHEN, "expires", *_LISTED),
        "trade.venue_last_date == trade.venue_date",
    ),
    Fact(
        "trade.venue_time",
        TIME,
        TIME_OF_DAY,
        "time of day, on the venue's clock",
        "time at the venue",
        _venue_time,
        ("time", *_LISTED),
        "trade.venue_time < 14:30",
    ),
    _word("side", "buy or sell", "side", "trade.side == buy"),
    Fact(
        "trade.share_class",
        WORD,
        TEXT,
        "name of the instrument in the rule file",
        "instrument",
        _share_class,
        _LISTED,
        "trade.share_class in [common, ads]",
    ),
    _word("symbol", "symbol of the instrument", "symbol", "trade.symbol == ACME"),
    Fact(
        "trade.venue",
        WORD,
        FIELDS["venue"],
        "market identifier code of the venue",
        "venue",
        _venue,
        _LISTED,
        "trade.venue in [XTKS, XNAS]",
    ),
    Fact(
        "trade.venue_country",
        WORD,
        TEXT,
        "code of the venue's country (ISO 3166); unknown for a venue that the rule file adds",
        "country of the venue",
        _venue_country,
        _LISTED,
        "trade.venue_country in [FR, NL]",
    ),
    Fact(
        "trade.venue_area",
        WORD,
        one_of(AREAS),
        "EEA for a venue in the European Economic Area, other for any other",
        "area of the venue",
        _venue_area,
        _LISTED,
        "trade.venue_area == EEA",
        AREAS,
    ),
    Fact(
        "trade.venue_market",
        WORD,
        TEXT,
        "code of the market that operates the venue, as of a dark or periodic book; its own for "
        "an exchange",
        "market that operates the venue",
        _venue_market,
        _LISTED,
        "trade.venue_market == XLON",
    ),
    _word("broker", "broker who executes it", "broker", 'trade.broker != "Acme Securities"'),
    _word("order_type", "limit or market", "order type", "trade.order_type == limit"),
    _word(
        "method",
        "method of execution: auction, off_auction, block, tender or prepaid",
        "method",
        "trade.method in [auction, off_auction]",
    ),
    _word(
        "phase",
        "what the market is doing: continuous, opening_auction, closing_auction, auction_only, "
        "halt or after_hours",
        "phase of the market",
        "trade.phase in [continuous, closing_auction]",
    ),
    Fact(
        "trade.solicited",
        FLAG,
        YES_OR_NO,
        "whether the issuer, or someone for it, solicited the purchase",
        "solicited",
        lambda now: now.trade.event.solicited,
        ("solicited",),
        "not trade.solicited",
    ),
    _word(
        "counterparty",
        "who sells the shares, if the issuer knows",
        "counterparty",
        'trade.counterparty != "Acme Holding"',
    ),
    Fact(
        "trade.by",
        WORD,
        TEXT,
        "who asks; of a fill, who asked for its order. Capitals, spaces and punctuation make no "
        "difference",
        "who asks",
        _by,
        ("by",),
        'trade.by in ["Ann Smith", "Bob Jones"]',
    ),
    Fact(
        "trade.units",
        UNITS,
        FIELDS["quantity"],
        "quantity, in the instrument's own units",
        "quantity",
        lambda now: now.trade.event.quantity,
        ("quantity",),
        "trade.units <= 400",
    ),
    Fact(
        "trade.shares",
        SHARES,
        ABOVE_ZERO,
        "quantity, in ordinary-share equivalents",
        "shares of this event",
        lambda now: now.trade.shares,
        ("quantity", *_LISTED),
        "trade.shares <= 500 shares",
    ),
    Fact(
        "trade.price",
        PRICE,
        FIELDS["price"],
        "limit price or executed price of one unit, in the instrument's currency",
        "price",
        lambda now: now.trade.price,
        ("price",),
        "trade.price <= market.previous_close",
    ),
    Fact(
        "trade.price_per_share",
        PROGRAM_PRICE,
        ABOVE_ZERO,
        "price of one ordinary share, in the program's currency, without margin or fees",
        "price of one share",
        _price_per_share,
        _MONEY,
        "trade.price_per_share <= JPY 1,500",
    ),
    Fact(
        "trade.amount",
        PROGRAM_MONEY,
        ZERO_OR_MORE,
        "money that it uses, in the program's currency; for an order, its worst case; 0 if prepaid",
        "money of this event",
        lambda now: now.trade.amount,
        (*_MONEY, "fees"),
        "trade.amount <= 10% * terms.max_amount",
    ),
    Fact(
        SECONDS_SINCE_SAME,
        COUNT,
        ZERO_OR_MORE,
        "seconds since the last request equal in all but its id, its time and the market; if there "
        "was none, 1,000,000,000,000",
        "seconds since the same request",
        _seconds_since_same,
        ("time",),
        "trade.seconds_since_same >= 5",
    ),
)
