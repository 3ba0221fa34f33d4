"""A position as bytes and back, exactly: kept beside the records for speed alone.

The same position gives the same bytes, so that a record can name their hash. What makes up most
of it, the events, is written as it is; what a whole number of JSON may be too small for is a text.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
from rpds import HashTrieMap, Queue

from repurchase.domain.calendars import zone
from repurchase.domain.errors import JournalError, Problem
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact, written
from repurchase.domain.terms import Listing
from repurchase.journal.records import NUMBERS, event_of, number
from repurchase.ledger.orders import Order, OrderState, Terms, with_worst_case
from repurchase.ledger.position import Counted, Day, Fills, Position

T = TypeVar("T")


class _Listing(msgspec.Struct, frozen=True, array_like=True):
    instrument: str
    symbol: str
    venue: str
    zone: str
    currency: str
    shares_each: str
    fx_margin: str


class _Terms(msgspec.Struct, frozen=True, array_like=True):
    # An event when it is written, and what it says when it is read.
    event: Any
    listing: int | None
    quantity: int
    shares_each: str
    price: str | None
    fx: str | None
    amount_each: str | None
    fees: str | None
    last_date: datetime.date
    venue_last_date: datetime.date | None


class _Order(msgspec.Struct, frozen=True, array_like=True):
    terms: _Terms
    state: OrderState
    filled: int
    fees_used: str
    asked: _Terms | None
    held: Any


class _Counted(msgspec.Struct, frozen=True, array_like=True, gc=False):
    event: Any
    listing: int | None
    shares: str | None
    amount: str | None
    date: datetime.date
    venue_date: datetime.date | None
    venue_time: datetime.time | None
    settled: bool


class _Day(msgspec.Struct, frozen=True, array_like=True):
    instrument: str
    venue: str
    date: datetime.date
    ordered_shares: str
    executed_shares: str
    brokers: list[str] | None
    blocks: int | None
    auction_ordered: str | None
    off_auction: str | None


class _Position(msgspec.Struct, frozen=True):
    executed_shares: str
    executed_amount: str
    reserved_shares: str
    reserved_amount: str
    unknown_shares: tuple[str, ...]
    unknown_amount: tuple[str, ...]
    unbounded: int
    today: datetime.date
    latest: datetime.date
    started: bool
    halted: str | None
    orders: dict[str, _Order]
    newer: dict[str, _Counted]
    older: dict[str, _Counted]
    days: list[_Day]
    # Last, in the order in which the others name them first.
    listings: list[_Listing]


def _in_an_event(value: Exact) -> int | str:
    # Equal numbers are written alike: what is read back whole is an integer. None of an event is
    # too large for one of JSON.
    return value.numerator if value.denominator == 1 else written(value)


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_in_an_event, order="deterministic")
_DECODER: Final = msgspec.json.Decoder(_Position)


def position_bytes(position: Position) -> bytes:
    """Return *position* as bytes; the same position gives the same bytes."""
    return _ENCODER.encode(_Writer().plain(position))


def read_position(body: bytes) -> Position:
    """Return the position that *body* holds; raise JournalError where it holds none."""
    try:
        return _Reader(_DECODER.decode(body)).position()
    except (msgspec.DecodeError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise JournalError(Problem(f"the stored position cannot be read: {error}")) from error


class _Writer:
    """A position to plain values."""

    def __init__(self) -> None:
        self._places: dict[Listing, int] = {}

    def plain(self, position: Position) -> _Position:
        fills = position.fills
        return _Position(
            executed_shares=written(position.executed_shares),
            executed_amount=written(position.executed_amount),
            reserved_shares=written(position.reserved_shares),
            reserved_amount=written(position.reserved_amount),
            unknown_shares=tuple(position.unknown_shares),
            unknown_amount=tuple(position.unknown_amount),
            unbounded=position.unbounded,
            today=position.today,
            latest=position.latest,
            started=position.started,
            halted=position.halted,
            orders={name: self._order(one) for name, one in _sorted(position.orders)},
            newer={name: self._counted(one) for name, one in _sorted(fills.newer)},
            older={name: self._counted(one) for name, one in _sorted(fills.older)},
            days=[_plain_day(key, day) for key, day in sorted(position.days.items(), key=_first)],
            listings=[_plain_listing(one) for one in self._places],
        )

    def _order(self, order: Order) -> _Order:
        return _Order(
            self._terms(order.terms),
            order.state,
            order.filled,
            written(order.fees_used),
            None if order.asked is None else self._terms(order.asked),
            order.held,
        )

    def _terms(self, terms: Terms) -> _Terms:
        return _Terms(
            terms.event,
            self._place(terms.listing),
            terms.quantity,
            written(terms.shares_each),
            _text(terms.price),
            _text(terms.fx),
            _text(terms.amount_each),
            _text(terms.fees),
            terms.last_date,
            terms.venue_last_date,
        )

    def _counted(self, fill: Counted) -> _Counted:
        return _Counted(
            fill.event,
            self._place(fill.listing),
            _text(fill.shares),
            _text(fill.amount),
            fill.date,
            fill.venue_date,
            fill.venue_time,
            fill.settled,
        )

    def _place(self, listing: Listing | None) -> int | None:
        if listing is None:
            return None
        return self._places.setdefault(listing, len(self._places))


class _Reader:
    """Plain values to a position."""

    def __init__(self, plain: _Position) -> None:
        self._plain = plain
        self._listings = [_listing(one) for one in plain.listings]

    def position(self) -> Position:
        plain = self._plain
        return Position(
            executed_shares=number(plain.executed_shares),
            executed_amount=number(plain.executed_amount),
            reserved_shares=number(plain.reserved_shares),
            reserved_amount=number(plain.reserved_amount),
            unknown_shares=Queue(plain.unknown_shares),
            unknown_amount=Queue(plain.unknown_amount),
            unbounded=plain.unbounded,
            orders=HashTrieMap({name: self._order(one) for name, one in plain.orders.items()}),
            fills=Fills(self._fills(plain.newer), self._fills(plain.older)),
            days=HashTrieMap(
                {(one.instrument, one.venue, one.date): _day(one) for one in plain.days}
            ),
            today=plain.today,
            latest=plain.latest,
            started=plain.started,
            halted=plain.halted,
        )

    def _order(self, plain: _Order) -> Order:
        return with_worst_case(
            Order(
                self._terms(plain.terms),
                plain.state,
                plain.filled,
                number(plain.fees_used),
                None if plain.asked is None else self._terms(plain.asked),
                None if plain.held is None else _event(plain.held),
            )
        )

    def _terms(self, plain: _Terms) -> Terms:
        return Terms(
            _event(plain.event),
            self._listing(plain.listing),
            plain.quantity,
            number(plain.shares_each),
            _exact(plain.price),
            _exact(plain.fx),
            _exact(plain.amount_each),
            _exact(plain.fees),
            plain.last_date,
            plain.venue_last_date,
        )

    def _fills(self, plain: dict[str, _Counted]) -> HashTrieMap[str, Counted]:
        return HashTrieMap({name: self._counted(one) for name, one in plain.items()})

    def _counted(self, plain: _Counted) -> Counted:
        return Counted(
            _event(plain.event),
            self._listing(plain.listing),
            _exact(plain.shares),
            _exact(plain.amount),
            plain.date,
            plain.venue_date,
            plain.venue_time,
            plain.settled,
        )

    def _listing(self, place: int | None) -> Listing | None:
        return None if place is None else self._listings[place]


def _event(told: dict[str, Any]) -> Event:
    """Return the event that was written as it is: its numbers, where they are whole, as such."""
    outside = told.pop("outside", {})
    for name in NUMBERS & told.keys():
        told[name] = str(told[name])
    for name, value in outside.items():
        told[name] = value if isinstance(value, bool) else str(value)
    return event_of(told)


def _sorted(things: Mapping[str, T]) -> list[tuple[str, T]]:
    return sorted(things.items(), key=_first)


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]


def _plain_listing(listing: Listing) -> _Listing:
    return _Listing(
        listing.instrument,
        listing.symbol,
        listing.venue,
        listing.zone.key,
        listing.currency,
        written(listing.shares_each),
        written(listing.fx_margin),
    )


def _listing(plain: _Listing) -> Listing:
    return Listing(
        instrument=plain.instrument,
        symbol=plain.symbol,
        venue=plain.venue,
        zone=zone(plain.zone),
        currency=plain.currency,
        shares_each=number(plain.shares_each),
        fx_margin=number(plain.fx_margin),
    )


def _plain_day(key: tuple[str, str, datetime.date], day: Day) -> _Day:
    return _Day(
        *key,
        written(day.ordered_shares),
        written(day.executed_shares),
        None if day.brokers is None else sorted(day.brokers),
        day.blocks,
        _text(day.auction_ordered),
        _text(day.off_auction),
    )


def _day(plain: _Day) -> Day:
    return Day(
        number(plain.ordered_shares),
        number(plain.executed_shares),
        None if plain.brokers is None else frozenset(plain.brokers),
        plain.blocks,
        _exact(plain.auction_ordered),
        _exact(plain.off_auction),
    )


def _text(value: Exact | None) -> str | None:
    return None if value is None else written(value)


def _exact(text: str | None) -> Exact | None:
    return None if text is None else number(text)
