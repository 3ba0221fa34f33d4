"""An order as it stands: its terms, any pending change, and the worst case that it reserves."""

from __future__ import annotations

import datetime
from math import ceil
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from repurchase.domain.calendars import day_at
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact, product, quotient, simplest
from repurchase.domain.terms import Listing

OrderState = Literal["open", "held", "denied", "filled", "cancelled", "expired", "rejected"]


class AtVenue(msgspec.Struct, frozen=True, gc=False):
    """One of several venues of an order, with the last days on which the order can fill there.

    *last_date* is on the authorization's clock, *venue_last_date* on that of the venue.
    """

    listing: Listing
    last_date: datetime.date
    venue_last_date: datetime.date


class Terms(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What an order may buy, and the most that it may cost.

    *event* is the order with these terms. *price* is the limit of a unit's price, in the
    instrument's currency. One unit is *shares_each* ordinary shares and costs at most
    *amount_each*, in program currency with the margin. *fees* are the most that the fees may be,
    0 if the program does not count them. A value that cannot be computed is `None`. After
    *kept_until* no report on the order is expected any more.

    *listing* is the instrument at the only venue, or at the first of several. *places* are all
    venues if there are several; *last_date* is then the latest of all of them, and
    *venue_last_date* that of the first. *requesters* asked for these terms, or for those that they
    replace.
    """

    event: Event
    listing: Listing | None
    quantity: Exact
    shares_each: Exact
    price: Exact | None
    fx: Exact | None
    amount_each: Exact | None
    fees: Exact | None
    last_date: datetime.date
    venue_last_date: datetime.date | None
    kept_until: datetime.date
    places: tuple[AtVenue, ...] = ()
    requesters: tuple[str | None, ...] = ()

    @property
    def listings(self) -> tuple[Listing, ...]:
        """Return the instrument at each venue of the order; nothing if it is not listed."""
        if self.places:
            return tuple(place.listing for place in self.places)
        return () if self.listing is None else (self.listing,)

    @property
    def venue_last(self) -> datetime.date | None:
        """Return the latest last day at any venue, on the venue's own clock."""
        days = [place.venue_last_date for place in self.places]
        return max(days) if days else self.venue_last_date

    @property
    def shares(self) -> Exact:
        """Return the ordinary-share equivalents of the whole quantity."""
        return self.quantity * self.shares_each

    def last(self, day: datetime.date, venue_day: datetime.date, venue: str) -> bool:
        """Return whether these terms can still fill on *day*, which is *venue_day* at *venue*.

        At a venue that the order does not name, the authorization's clock alone decides.
        """
        if self.listing is None or venue not in (one.venue for one in self.listings):
            return self.listing is not None and day <= self.last_date
        last, venue_last = self.end_at(venue)
        return day <= last and venue_last is not None and venue_day <= venue_last

    def end_at(self, venue: str) -> tuple[datetime.date, datetime.date | None]:
        """Return the last days at *venue*, which the order names: the authorization's, its own."""
        for place in self.places:
            if place.listing.venue == venue:
                return place.last_date, place.venue_last_date
        return self.last_date, self.venue_last_date


class Order(msgspec.Struct, frozen=True, gc=False):
    """An order as it stands; only an open order reserves.

    *asked* are the terms of a replace that the venue has not acknowledged: until then, either
    terms may apply. *held* is the order with the terms of a replace that is held for second
    approval. *open_quantity* is the most units that the order may still fill. *reserved_shares*
    and *reserved_money* are the worst case of these units, the money in program currency and
    without *fees_left*.
    """

    terms: Terms
    state: OrderState
    filled: Exact = 0
    fees_used: Exact = 0
    asked: Terms | None = None
    held: Event | None = None
    open_quantity: Exact = 0
    reserved_shares: Exact = 0
    reserved_money: Exact | None = 0
    fees_left: Exact | None = 0

    @property
    def is_open(self) -> bool:
        """Return whether this order can still fill."""
        return self.state == "open"

    @property
    def is_prepaid(self) -> bool:
        """Return whether this is a prepayment, whose shares are to be delivered."""
        return self.terms.event.kind == "prepaid"

    @property
    def reserved_amount(self) -> Exact | None:
        """Return the most program currency that this order may still use; `None` if unbounded."""
        if self.reserved_money is None or self.fees_left is None:
            return None
        return self.reserved_money + self.fees_left

    @property
    def price(self) -> Exact | None:
        """Return the highest price of a unit in the instrument's currency; `None` if unbounded."""
        if self.asked is None:
            return self.terms.price
        return _highest(self.terms.price, self.asked.price)

    @property
    def fees_of_fill(self) -> Exact | None:
        """Return the fees of a fill that states none; `None` if they are unknown.

        A closed order no longer reserves its fees. A held or denied order never reserved any, so
        a fill of it takes the fees of the terms.
        """
        if self.state in ("held", "denied"):
            return self.terms.fees
        return self.fees_left if self.is_open else None

    def fill_defaults(self) -> Event:
        """Return the order as an event whose fields a fill takes if it states none itself.

        The price and the rate are the higher ones of two terms; a market order gives no price.
        """
        own = self.terms.event
        fx = own.fx if self.asked is None else _highest(own.fx, self.asked.event.fx)
        return replace(own, price=self.price, fx=fx, fees=self.fees_of_fill)

    def lasts(self, day: datetime.date, venue_day: datetime.date, venue: str) -> bool:
        """Return whether any terms in play can fill on *day*, which is *venue_day* at *venue*."""
        return any(terms.last(day, venue_day, venue) for terms in self.in_play())

    def is_reserved_as(self, other: Order) -> bool:
        """Return whether this order and *other* can fill on the same days, at the same venues."""
        is_same = self.terms is other.terms and self.asked is other.asked
        return self.is_open and other.is_open and is_same

    def in_play(self) -> tuple[Terms, ...]:
        """Return the terms that may apply: two while a replace is pending, otherwise one."""
        return (self.terms,) if self.asked is None else (self.terms, self.asked)


_NOTHING: Final = (0, 0, 0, 0)


def day_of(event: Event, clock: ZoneInfo) -> datetime.date:
    """Return the day of *event* on *clock*; the first day of the calendar if it states none."""
    if event.time is not None:
        return day_at(event.time, clock)
    return event.date or datetime.date.min


def opened(terms: Terms) -> Order:
    """Return the order of *terms*, open and unfilled."""
    return with_worst_case(Order(terms, "open"))


def split(order: Order, ratio: Exact, day: datetime.date, since: Exact) -> Order:
    """Return *order* in the units of a split on *day*, by which *ratio* of them stand for one.

    Of its units, *since* have filled on that day or later, and are new ones already. So are those
    of terms that were asked for that late.
    """
    asked = None if order.asked is None else _split_terms(order.asked, ratio, day)
    held = order.held
    if held is not None and _is_before(held, order.terms, ratio, day):
        held = _split_event(held, ratio)
    if not _is_before(order.terms.event, order.terms, ratio, day):
        return with_worst_case(replace(order, asked=asked, held=held))
    since = min(since, order.filled)
    filled = simplest((order.filled - since) * ratio + since)
    terms = _split_terms(order.terms, ratio, day)
    return with_worst_case(replace(order, terms=terms, filled=filled, asked=asked, held=held))


def _split_terms(terms: Terms, ratio: Exact, day: datetime.date) -> Terms:
    if not _is_before(terms.event, terms, ratio, day):
        return terms
    return replace(
        terms,
        event=_split_event(terms.event, ratio),
        quantity=simplest(terms.quantity * ratio),
        price=None if terms.price is None else quotient(terms.price, ratio),
        amount_each=None if terms.amount_each is None else quotient(terms.amount_each, ratio),
    )


def _split_event(event: Event, ratio: Exact) -> Event:
    """Return the request *event* in new units, of which there are no parts."""
    return replace(
        event,
        quantity=None if event.quantity is None else ceil(event.quantity * ratio),
        price=None if event.price is None else quotient(event.price, ratio),
    )


def _is_before(event: Event, terms: Terms, ratio: Exact, day: datetime.date) -> bool:
    """Return whether a request was made in the units before a split on *day*.

    If it was at one of its venues only, it counts as that which makes more of it.
    """
    days = [day_of(event, one.zone) < day for one in terms.listings]
    return any(days) if ratio > 1 else all(days)


def closed(order: Order, state: OrderState) -> Order:
    """Return *order* closed with *state*: it reserves nothing and can no longer fill."""
    return Order(order.terms, state, order.filled, order.fees_used)


def after_fill(order: Order, quantity: Exact, fees: Exact | None) -> Order:
    """Return the open *order* after a fill of *quantity* units for *fees*, in program currency."""
    filled, fees_used = order.filled + quantity, order.fees_used + (fees or 0)
    if quantity >= order.open_quantity:
        return Order(order.terms, "filled", filled, fees_used)
    return with_worst_case(Order(order.terms, "open", filled, fees_used, order.asked, order.held))


def with_worst_case(order: Order) -> Order:
    """Return *order* with the worst case that it reserves, whatever the venue does.

    While a replace is pending, any part of the order may fill under either terms, because nobody
    knows yet when the venue applied the new ones.
    """
    worst = worst_case(order) if order.is_open else _NOTHING
    return Order(
        order.terms, order.state, order.filled, order.fees_used, order.asked, order.held, *worst
    )


def worst_case(order: Order) -> tuple[Exact, Exact, Exact | None, Exact | None]:
    """Return the most units, shares, money and fees that *order* can still use.

    Money and fees are in program currency; each is `None` if it is unbounded.
    """
    terms, asked = order.terms, order.asked
    rest, fees = max(terms.quantity - order.filled, 0), terms.fees
    shares, money = rest * terms.shares_each, product(rest, terms.amount_each)
    if asked is not None:
        new_rest, fees = max(asked.quantity - order.filled, 0), _highest(fees, asked.fees)
        shares = _mixed(rest, terms.shares_each, new_rest, asked.shares_each)
        if terms.amount_each is None or asked.amount_each is None:
            money = None
        else:
            money = _mixed(rest, terms.amount_each, new_rest, asked.amount_each)
        rest = max(rest, new_rest)
    return rest, shares, money, None if fees is None else max(fees - order.fees_used, 0)


def _mixed(old_rest: Exact, old_each: Exact, new_rest: Exact, new_each: Exact) -> Exact:
    """Return the worst case of two terms: units that remain under both take the higher value.

    *old_each* and *new_each* are the shares, or the money, of one unit.
    """
    both = min(old_rest, new_rest)
    alone = (old_rest - both) * old_each + (new_rest - both) * new_each
    return both * max(old_each, new_each) + alone


def _highest(one: Exact | None, other: Exact | None) -> Exact | None:
    return None if one is None or other is None else max(one, other)
