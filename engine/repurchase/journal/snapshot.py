"""A position as bytes and back, exactly: kept beside the records for speed alone.

The same position gives the same bytes, so that a record can name their hash.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
from rpds import HashTrieMap, Queue

from repurchase.clocks import zone
from repurchase.errors import JournalError, Problem
from repurchase.journal.records import digest, event_object, event_of, number
from repurchase.position import Counted, Day, Fills, Order, OrderState, Position, Terms
from repurchase.position.orders import standing
from repurchase.quantities import Exact, written
from repurchase.terms import Listing

T = TypeVar("T", Order, Counted)
# Two listings of one program that share so much of their hashes do not occur.
_LISTING_NAME_LENGTH: Final = 16


class _Listing(msgspec.Struct, frozen=True):
    instrument: str
    symbol: str
    venue: str
    zone: str
    currency: str
    shares_each: str
    fx_margin: str


class _Terms(msgspec.Struct, frozen=True, array_like=True):
    event: dict[str, Any]
    listing: str | None
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
    held: dict[str, Any] | None


class _Counted(msgspec.Struct, frozen=True, array_like=True):
    event: dict[str, Any]
    listing: str | None
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


class _Sums(msgspec.Struct, frozen=True):
    executed_shares: str
    executed_amount: str
    reserved_shares: str
    reserved_amount: str
    unknown_shares: tuple[str, ...]
    unknown_amount: tuple[str, ...]
    unbounded: int
    today: datetime.date
    started: bool
    halted: str | None
    listings: dict[str, _Listing]
    days: list[_Day]


class _Position(_Sums, frozen=True):
    orders: dict[str, _Order]
    newer: dict[str, _Counted]
    older: dict[str, _Counted]


class _Written(_Sums, frozen=True):
    """A position of which the larger parts are bytes already."""

    orders: msgspec.Raw
    newer: msgspec.Raw
    older: msgspec.Raw


def position_bytes(position: Position) -> bytes:
    """Return *position* as bytes; the same position gives the same bytes."""
    return PositionWriter().written(position)


def read_position(body: bytes) -> Position:
    """Return the position that *body* holds; raise JournalError where it holds none."""
    try:
        return _Reader(msgspec.json.decode(body, type=_Position)).position()
    except (msgspec.DecodeError, ValueError, LookupError) as error:
        raise JournalError(Problem(f"the stored position cannot be read: {error}")) from error


class _Piece(msgspec.Struct, frozen=True, gc=False):
    """An order or a fill as it was written, with the listings that it names."""

    of: Order | Counted
    listings: tuple[str, ...]
    body: msgspec.Raw


class _Part(msgspec.Struct, frozen=True):
    """Orders or fills as they were written together."""

    of: Mapping[str, Order | Counted]
    pieces: dict[str, _Piece]
    listings: frozenset[str]
    body: msgspec.Raw


_NOTHING: Final = _Part({}, {}, frozenset(), msgspec.Raw(b"{}"))


class PositionWriter:
    """Positions of one program to bytes, in turn: what stayed as it was is not written anew.

    A program remembers some hundred thousand fills, of which few are new from one snapshot to
    the next. A listing is called by its hash, so that no piece depends on another.
    """

    def __init__(self) -> None:
        self._orders = _NOTHING
        self._newer = _NOTHING
        self._older = _NOTHING
        self._called: dict[Listing, str] = {}
        self._listings: dict[str, _Listing] = {}

    def written(self, position: Position) -> bytes:
        """Return the bytes of *position*: those of `position_bytes`, in less time."""
        fills = position.fills
        self._orders = self._part(position.orders, self._orders)
        if self._older.of is not fills.older:
            # What is older now was the newer part before.
            self._older = self._part(fills.older, self._newer)
        self._newer = self._part(fills.newer, self._newer)
        parts = (self._orders, self._newer, self._older)
        plain = _Written(
            executed_shares=written(position.executed_shares),
            executed_amount=written(position.executed_amount),
            reserved_shares=written(position.reserved_shares),
            reserved_amount=written(position.reserved_amount),
            unknown_shares=tuple(position.unknown_shares),
            unknown_amount=tuple(position.unknown_amount),
            unbounded=position.unbounded,
            today=position.today,
            started=position.started,
            halted=position.halted,
            listings={
                name: self._listings[name]
                for name in sorted({name for part in parts for name in part.listings})
            },
            days=[_plain_day(key, day) for key, day in sorted(position.days.items(), key=_first)],
            orders=self._orders.body,
            newer=self._newer.body,
            older=self._older.body,
        )
        return msgspec.json.encode(plain)

    def _part(self, things: HashTrieMap[str, T], before: _Part) -> _Part:
        known = before.pieces
        pieces: dict[str, _Piece] = {}
        for name, thing in things.items():
            piece = known.get(name)
            if piece is None or piece.of is not thing:
                piece = self._piece(thing)
            pieces[name] = piece
        body = msgspec.json.encode({name: pieces[name].body for name in sorted(pieces)})
        listings = frozenset(
            name for of_one in {piece.listings for piece in pieces.values()} for name in of_one
        )
        return _Part(things, pieces, listings, msgspec.Raw(body))

    def _piece(self, thing: Order | Counted) -> _Piece:
        plain: _Order | _Counted
        if isinstance(thing, Counted):
            plain = _plain_counted(thing, self._name(thing.listing))
            named = [plain.listing]
        else:
            in_play = (thing.terms,) if thing.asked is None else (thing.terms, thing.asked)
            terms = [_plain_terms(one, self._name(one.listing)) for one in in_play]
            plain = _plain_order(thing, terms)
            named = [one.listing for one in terms]
        listings = tuple(name for name in named if name is not None)
        return _Piece(thing, listings, msgspec.Raw(msgspec.json.encode(plain)))

    def _name(self, listing: Listing | None) -> str | None:
        if listing is None:
            return None
        name = self._called.get(listing)
        if name is None:
            plain = _plain_listing(listing)
            name = digest(msgspec.json.encode(plain))[:_LISTING_NAME_LENGTH]
            self._called[listing] = name
            self._listings[name] = plain
        return name


class _Reader:
    """Plain values to a position."""

    def __init__(self, plain: _Position) -> None:
        self._plain = plain
        self._listings = {name: _listing(one) for name, one in plain.listings.items()}

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
            started=plain.started,
            halted=plain.halted,
        )

    def _order(self, plain: _Order) -> Order:
        return standing(
            Order(
                self._terms(plain.terms),
                plain.state,
                plain.filled,
                number(plain.fees_used),
                None if plain.asked is None else self._terms(plain.asked),
                None if plain.held is None else event_of(plain.held),
            )
        )

    def _terms(self, plain: _Terms) -> Terms:
        return Terms(
            event_of(plain.event),
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
            event_of(plain.event),
            self._listing(plain.listing),
            _exact(plain.shares),
            _exact(plain.amount),
            plain.date,
            plain.venue_date,
            plain.venue_time,
            plain.settled,
        )

    def _listing(self, name: str | None) -> Listing | None:
        return None if name is None else self._listings[name]


def _plain_order(order: Order, terms: list[_Terms]) -> _Order:
    return _Order(
        terms[0],
        order.state,
        order.filled,
        written(order.fees_used),
        terms[1] if len(terms) > 1 else None,
        None if order.held is None else event_object(order.held),
    )


def _plain_counted(fill: Counted, listing: str | None) -> _Counted:
    return _Counted(
        event_object(fill.event),
        listing,
        _text(fill.shares),
        _text(fill.amount),
        fill.date,
        fill.venue_date,
        fill.venue_time,
        fill.settled,
    )


def _plain_terms(terms: Terms, listing: str | None) -> _Terms:
    return _Terms(
        event_object(terms.event),
        listing,
        terms.quantity,
        written(terms.shares_each),
        _text(terms.price),
        _text(terms.fx),
        _text(terms.amount_each),
        _text(terms.fees),
        terms.last_date,
        terms.venue_last_date,
    )


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
    )


def _day(plain: _Day) -> Day:
    return Day(
        number(plain.ordered_shares),
        number(plain.executed_shares),
        None if plain.brokers is None else frozenset(plain.brokers),
        plain.blocks,
    )


def _text(value: Exact | None) -> str | None:
    return None if value is None else written(value)


def _exact(text: str | None) -> Exact | None:
    return None if text is None else number(text)
