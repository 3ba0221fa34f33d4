"""An event counted as a trade: its shares, its money and its days, and what it is about."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from repurchase.domain.calendars import day_at
from repurchase.domain.clocks import end_of_day
from repurchase.domain.currencies import factor, whole
from repurchase.domain.events import Event
from repurchase.domain.moments import time_number
from repurchase.domain.people import is_same_person, plain_name
from repurchase.domain.quantities import Exact, product, quotient, written
from repurchase.domain.terms import CountingRules, Listing
from repurchase.ledger.orders import (
    AtVenue,
    Order,
    Terms,
    after_fill,
    day_of,
    opened,
    with_worst_case,
)
from repurchase.ledger.position import Counted, Position

# Why an event cannot take the step that it names; `wording` has a sentence for each.
Fault = Literal[
    "backdated",
    "below-filled",
    "fill-settled",
    "has-orders",
    "no-replace",
    "not-first",
    "not-held",
    "not-prepaid",
    "order-closed",
    "order-ended",
    "overrun",
    "prepaid-stays",
    "proposal-pending",
    "replace-pending",
    "same-person",
    "split-twice",
    "unknown-cause",
    "unknown-fill",
    "unknown-instrument",
    "unknown-order",
    "unknown-proposal",
]

# An amount of less than this part of price times quantity is in another unit.
_FAR_BELOW: Final = 10
V = TypeVar("V")

# How units count later on: the days from which another way is known to hold, in order.
LaterCounting = Sequence[tuple[datetime.date, CountingRules]]


class Excess(msgspec.Struct, frozen=True, gc=False):
    """How a fill exceeds its order: the fill's value, the limit, and the unit of both."""

    observed: str
    limit: str
    dimension: str


class Trade(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event with the values that the rules evaluate, each computed exactly or `None`.

    *shares* are ordinary-share equivalents: of an order, the most that its units can be while it
    lives; of a replace, no less than it adds to what is reserved. *contract* is money in the
    instrument's currency, *amount* in the program's: the worst case of an order, the cost of a
    fill. *event* is the event with the fields that it takes from its order or fill. *before* is the
    order as it stands, and *order* as it will stand after approval; a fill has both only if its
    order is open. *corrects* is the fill that a correct replaces. *fault* says why the order or
    fill that the event names does not cover it, and *excess* by how much. An order with several
    venues is here as at the first; `at_each_venue` gives it as at each. *since* is the day of the
    latest split of its instrument before it: market figures of earlier days are in other units.
    """

    event: Event
    is_fill: bool
    listing: Listing | None
    price: Exact | None
    fx: Exact | None
    contract: Exact | None
    shares: Exact | None
    amount: Exact | None
    date: datetime.date
    last_date: datetime.date
    venue_date: datetime.date | None
    venue_last_date: datetime.date | None
    venue_time: Exact | None
    fault: Fault | None = None
    excess: Excess | None = None
    order: Order | None = None
    before: Order | None = None
    corrects: Counted | None = None
    since: datetime.date | None = None

    @property
    def counts(self) -> bool:
        """Return whether this trade uses the authorization: a sell order or sell fill does not."""
        return self.event.side != "sell"

    @property
    def of_order(self) -> bool:
        """Return whether this is a fill of an open approved order."""
        return self.is_fill and self.before is not None

    @property
    def other_venue(self) -> str | None:
        """Return the venue of a request as it is at another venue than its first, else `None`."""
        if self.is_fill or self.listing is None or self.order is None:
            return None
        first = self.order.terms.listing
        is_first = first is None or first.venue == self.listing.venue
        return None if is_first else self.listing.venue

    @property
    def is_elsewhere(self) -> bool:
        """Return whether this fills an open order at a venue that the order does not name."""
        if self.before is None or not self.is_fill or self.listing is None:
            return False
        return self.listing.venue not in (one.venue for one in self.before.terms.listings)

    @property
    def is_made_otherwise(self) -> bool:
        """Return whether a fill or a correct uses another method than its order or its fill."""
        own = self.before.terms.event if self.before is not None else None
        if self.corrects is not None:
            own = self.corrects.event
        return self.is_fill and own is not None and own.method not in (None, self.event.method)

    @property
    def is_new_use(self) -> bool:
        """Return whether no approval covers this fill, so that all rules must evaluate it.

        A fill by another method than its order, or at a venue that its order does not name, is
        always new use: the rules approved another trade. A correct is not new use if it uses no
        more shares and no more money than its fill.
        """
        if self.is_made_otherwise or self.is_elsewhere:
            return True
        old = self.corrects
        if old is None or self.shares is None or self.amount is None:
            return not self.of_order
        if old.shares is None or old.amount is None:
            return not self.of_order
        return self.shares > old.shares or self.amount > old.amount

    @property
    def request(self) -> int:
        """Return a number for what a request asks for, whoever asks, when, and as the market is.

        What it leaves out counts as what that means. Requests that differ have different numbers,
        but for one chance in 2**60.
        """
        assert self.order is not None, "every trade that is not a fill has an order"
        terms, event = self.order.asked or self.order.terms, self.event
        asked = (
            event.id if self.before is not None else "",
            event.symbol,
            sorted(one.venue for one in terms.listings),
            (event.side, event.order_type, event.method),
            None if event.broker is None else plain_name(event.broker),
            (terms.quantity, terms.price, terms.fx, terms.fees or 0),
            (terms.last_date, terms.venue_last_date),
        )
        return int(hashlib.sha256(repr(asked).encode()).hexdigest()[:15], 16)

    def lacks(self) -> tuple[str, ...]:
        """Return the event fields that are missing and would let more values be computed."""
        event = self.event
        given = {
            "price": self.contract,
            "fx": self.fx if self.listing is not None else 0,
            "fees": self.amount if None not in (self.contract, self.fx) else 0,
            "side": event.side,
            "broker": event.broker,
            "method": event.method,
            "phase": event.phase,
            "solicited": event.solicited,
            "counterparty": event.counterparty,
            "by": event.by,
            "order_type": event.order_type,
            "time": self.venue_time,
        }
        return tuple(name for name, figure in given.items() if figure is None)


def trade(
    event: Event, counting: CountingRules, position: Position, later: LaterCounting = ()
) -> Trade | Fault:
    """Return *event* (an order, replace, release, fill or correct) as a trade.

    A fill or correct always gives a trade, because it happened. A replace or release gives a fault
    if the order that it names does not allow it. *later* is how a request's units will count.
    """
    found = _trade(event, counting, position, later)
    if not position.splits or not isinstance(found, Trade) or found.listing is None:
        return found
    own, day = found.listing.instrument, found.venue_date or found.date
    splits = (one.day for one in position.splits if one.instrument == own and one.day <= day)
    return replace(found, since=max(splits, default=None))


def _trade(
    event: Event, counting: CountingRules, position: Position, later: LaterCounting
) -> Trade | Fault:
    match event.kind:
        case "fill":
            return _fill(event, counting, position)
        case "correct":
            return _correct(event, counting, position)
        case "order":
            return _new_order(event, counting, position, later)
        case "prepaid":
            bought = replace(event, side="buy", method="prepaid")
            return _new_order(bought, counting, position, later)
    return _change(event, counting, position, later)


def _change(
    event: Event, counting: CountingRules, position: Position, later: LaterCounting
) -> Trade | Fault:
    """Return the replace or the release *event* as a trade, or its fault."""
    order = order_named(event, counting, position)
    if order is None:
        return "unknown-order"
    if backdated(event, counting, position) is not None:
        return "backdated"
    if event.kind == "release":
        return _release(event, order, counting, later)
    if order.is_prepaid:
        return "prepaid-stays"
    proposed = replacement(event, order, counting, later)
    if order.held is not None and isinstance(proposed, Trade) and raises(proposed):
        # The approver of the first replace would release this one with it.
        return "replace-pending"
    return proposed


def _new_order(
    event: Event, counting: CountingRules, position: Position, later: LaterCounting
) -> Trade:
    """Return the order *event* as a trade, with a fault if it is backdated or already over."""
    proposed = order_trade(event, counting, later)
    if backdated(event, counting, position) is not None:
        return replace(proposed, fault="backdated")
    has_ended = _has_ended(event, event, counting)
    return replace(proposed, fault="order-ended") if has_ended else proposed


def listed_by(counting: CountingRules, request: Trade) -> Trade:
    """Return *request*, of a listed instrument, with that instrument as *counting* lists it."""
    own = request.listing
    assert own is not None, "an instrument that is not listed has no day at its venue"
    return replace(request, listing=counting.listings.get((own.symbol, own.venue)))


def at_each_venue(request: Trade, counting: CountingRules) -> tuple[Trade, ...]:
    """Return *request* as it is at each venue that it names, with the days and the time there.

    At each it is as an order at that venue alone, but for what it reserves, which is for all of
    them together. A fill has one venue, and so has a request of an unlisted instrument.
    """
    event = request.event
    if request.is_fill or request.listing is None or not event.venues:
        return (request,)
    return tuple(_at_venue(request, one, counting.zone) for one in _listings(event, counting))


def _at_venue(request: Trade, listing: Listing, clock: ZoneInfo) -> Trade:
    event = replace(request.event, venue=listing.venue, venues=())
    day, venue_day, venue_time = _when(event, clock, listing)
    last_day, venue_last_day = _until(event, clock, listing, day, venue_day)
    return replace(
        request,
        event=event,
        listing=listing,
        last_date=last_day,
        venue_date=venue_day,
        venue_last_date=venue_last_day,
        venue_time=venue_time,
    )


def raises(proposed: Trade) -> bool:
    """Return whether rules must evaluate a replace: it raises something, or changes rate or fees.

    A lower rate or lower fees are evaluated, too. The venue knows neither of them, so a rate that
    is too low would free money that the fills of the order still need.
    """
    order, before = proposed.order, proposed.before
    if order is None or before is None or order.asked is None:
        return True
    old, new = before.terms, order.asked
    return not (
        new.quantity <= old.quantity
        and new.shares_each <= old.shares_each
        and _at_most(new.price, old.price)
        and new.fx == old.fx
        and new.fees == old.fees
        and _at_most(new.amount_each, old.amount_each)
        and new.last_date <= old.last_date
        and _at_most(new.venue_last_date, old.venue_last_date)
        and _end_no_later(new.places, old.places)
    )


def _end_no_later(new: Sequence[AtVenue], old: Sequence[AtVenue]) -> bool:
    """Return whether an order ends no later by *new* than by *old*, at each of its venues."""
    return len(new) == len(old) and all(
        one.last_date <= was.last_date and one.venue_last_date <= was.venue_last_date
        for one, was in zip(new, old, strict=True)
    )


def backdated(
    event: Event, counting: CountingRules, position: Position
) -> tuple[datetime.date, datetime.date] | None:
    """Return the day of a request and the latest day, if it is before that; otherwise `None`.

    Such a request would choose the terms and rules that evaluate it. Fills may be reported late.
    Denied requests do not move the latest day, so an earlier day may still follow them. A request
    at a venue where a split of its instrument has not come yet would be in the old units.
    """
    day = day_of(event, counting.zone)
    if day < position.latest:
        return day, position.latest
    if not position.splits:
        return None
    order = position.orders.get(event.order or "")
    listings = _listings(event, counting) if order is None else order.terms.listings
    days = [(day_of(event, one.zone), one.instrument) for one in listings]
    return next(
        (
            (day, split.day)
            for split in position.splits
            for day, instrument in days
            if split.instrument == instrument and day < split.day
        ),
        None,
    )


def _at_most(new: Exact | datetime.date | None, old: Exact | datetime.date | None) -> bool:
    # An unbounded value cannot be raised; a bounded value that becomes unbounded is raised.
    if old is None:
        return True
    return new is not None and new <= old  # type: ignore[operator] # both are of one kind


def order_trade(event: Event, counting: CountingRules, later: LaterCounting = ()) -> Trade:
    """Return the order *event* as a trade at its worst case, open and unfilled.

    What is prepaid is spent at once, so it reserves no money; without a quantity, nobody knows how
    many shares are to be delivered.
    """
    is_prepaid = event.kind == "prepaid"
    listing = _listing(event, counting)
    fx = _rate(event.fx, listing, counting)
    day, venue_day, venue_time = _when(event, counting.zone, listing)
    last_day, venue_last_day = _until(event, counting.zone, listing, day, venue_day)
    places = _places(event, counting)
    latest = max((place.last_date for place in places), default=last_day)
    quantity = event.quantity or 0
    # The price of a market order binds nobody.
    price = event.price if event.order_type != "market" else None
    each: Exact | None = 0 if is_prepaid else None
    if listing is not None and price is not None and fx is not None:
        each = price * fx
        if listing.fx_margin:
            each *= 1 + listing.fx_margin
    # Fees of a program that does not count them are 0; a missing fee leaves the amount unknown.
    fees: Exact | None = event.fees if counting.with_fees and not is_prepaid else 0
    shares: Exact | None = None
    amount = None if each is None or fees is None else quantity * each + fees
    if is_prepaid:
        amount = _with_fees(product(event.amount, fx), event.fees, counting)
    shares_each = 0 if listing is None else _most_each(listing, latest, later)
    if listing is not None and not (is_prepaid and event.quantity is None):
        shares = quantity * shares_each
    kept_until = latest + datetime.timedelta(counting.late_days)
    terms = Terms(
        event,
        listing,
        quantity,
        shares_each,
        price,
        fx,
        each,
        fees,
        latest,
        venue_last_day,
        kept_until,
        places,
        (event.by,),
    )
    return Trade(
        event=event,
        is_fill=False,
        listing=listing,
        price=price,
        fx=fx,
        contract=event.amount if is_prepaid else product(price, quantity),
        shares=shares,
        amount=amount,
        date=day,
        last_date=last_day,
        venue_date=venue_day,
        venue_last_date=venue_last_day,
        venue_time=venue_time,
        order=opened(terms),
    )


def _places(event: Event, counting: CountingRules) -> tuple[AtVenue, ...]:
    """Return the venues of the order *event* with its last days there; nothing if it has one."""
    listings = _listings(event, counting)
    if len(listings) < 2:
        return ()
    found = []
    for listing in listings:
        day, venue_day, _ = _when(event, counting.zone, listing)
        last, venue_last = _until(event, counting.zone, listing, day, venue_day)
        assert venue_last is not None, "a listed instrument has a clock"
        found.append(AtVenue(listing, last, venue_last))
    return tuple(found)


def _most_each(listing: Listing, last: datetime.date, later: LaterCounting) -> Exact:
    """Return the most ordinary shares that one unit of *listing* counts as until the day *last*."""
    name = (listing.symbol, listing.venue)
    known = (counting.listings.get(name) for day, counting in later if day <= last)
    return max(listing.shares_each, *(one.shares_each for one in known if one is not None), 0)


def _release(
    event: Event, order: Order, counting: CountingRules, later: LaterCounting
) -> Trade | Fault:
    """Return the held part of *order* as if it were requested at the moment of its release."""
    is_whole = order.state == "held"
    held = order.terms.event if is_whole else order.held
    if held is None:
        return "not-held"
    if _has_ended(held, event, counting):
        return "order-ended"
    # The request moves to the moment of its release, with the outside facts known then.
    asked = replace(
        held, time=event.time, date=event.date, phase=event.phase, outside=event.outside
    )
    if is_whole:
        found: Trade | Fault = order_trade(asked, counting, later)
    else:
        found = replacement(asked, order, counting, later)
    if isinstance(found, Trade) and is_same_person(held.by, event.by):
        return replace(found, fault="same-person")
    return found


def _has_ended(asked: Event, event: Event, counting: CountingRules) -> bool:
    """Return whether *event* is after the end of the order *asked*, at each of its venues.

    An order that states no end ends with its own day at the venue.
    """
    listings: Sequence[Listing | None] = _listings(asked, counting) or (None,)
    return all(_has_ended_at(listing, asked, event, counting) for listing in listings)


def _has_ended_at(
    listing: Listing | None, asked: Event, event: Event, counting: CountingRules
) -> bool:
    end = asked.expires
    day, venue_day, _ = _when(event, counting.zone, listing)
    if isinstance(end, datetime.datetime):
        return end < event.time if event.time is not None else day_at(end, counting.zone) < day
    own_day, own_venue_day, _ = _when(asked, counting.zone, listing)
    return (end or own_venue_day or own_day) < (venue_day or day)


def replacement(
    event: Event, order: Order, counting: CountingRules, later: LaterCounting = ()
) -> Trade | Fault:
    """Return the whole order, filled part included, with the terms that a replace requests.

    Until the venue answers, either terms may apply, each counted as units count from now on. Return
    the fault instead if the order does not allow the replace.
    """
    if not order.is_open:
        return "order-closed"
    if order.asked is not None:
        return "replace-pending"
    if _has_ended(order.terms.event, event, counting):
        # The replace would revive an order that can no longer fill.
        return "order-ended"
    proposed = order_trade(renewed(order.terms, event), counting, later)
    assert proposed.order is not None
    terms, old = proposed.order.terms, order.terms
    if terms.quantity < order.filled:
        return "below-filled"
    # Who asked for the order has a part in what replaces it.
    terms = replace(terms, requesters=tuple(dict.fromkeys((*old.requesters, event.by))))
    pending = replace(order, asked=terms, held=None)
    asked = replace(proposed, order=pending, before=order)
    if proposed.listing is not None:
        each = _most_each(proposed.listing, old.last_date, later)
        if not raises(asked):
            # What no rule evaluates must not raise what is reserved.
            each = min(old.shares_each, each)
        pending = replace(pending, terms=replace(old, shares_each=each))
    pending = with_worst_case(pending)
    if asked.shares is None:
        return replace(asked, order=pending)
    # If the old terms count more by now, too, the replace adds more than its own quantity.
    shares = max(asked.shares, pending.reserved_shares - order.reserved_shares)
    return replace(asked, order=pending, shares=shares)


def renewed(terms: Terms, event: Event) -> Event:
    """Return the order of *terms* as *event* asks for it again, at its own moment."""
    own = terms.event
    # A replace without `expires` keeps the order's end; the day of the replace does not move it.
    lasting = own.expires or terms.venue_last or terms.last_date
    return replace(
        own,
        time=event.time,
        date=event.date,
        quantity=_first(event.quantity, own.quantity),
        price=_first(event.price, own.price),
        fx=_first(event.fx, own.fx),
        fees=_first(event.fees, own.fees),
        expires=event.expires or lasting,
        by=event.by,
        phase=event.phase,
        outside=event.outside,
    )


def _first(value: V | None, default: V | None) -> V | None:
    return default if value is None else value


def _fill(event: Event, counting: CountingRules, position: Position) -> Trade:
    event = _of_payment(event, position)
    order = order_named(event, counting, position)
    if order is None:
        fault: Fault | None = "unknown-order" if event.order is not None else None
        listing, _ = _split_listing(event, counting, position)
        if event.method == "prepaid":
            fault = "not-prepaid"
        return _filled(event, counting, listing, None, fault)
    full = _with_defaults(event, order.fill_defaults())
    listing, ratio = _split_listing(full, counting, position)
    if order.is_prepaid and order.is_open and full.method == "prepaid":
        return _delivered(full, counting, listing, order, ratio)
    if full.method == "prepaid":
        return _filled(full, counting, listing, None, "not-prepaid")
    if event.price is None and event.amount is None:
        # The limit of its order is in new units.
        full = replace(full, price=product(full.price, ratio))
    if order.is_open:
        return _filled(full, counting, listing, order, "overrun", ratio)
    if order.state != "filled":
        return _filled(full, counting, listing, None, "order-closed")
    found = _filled(full, counting, listing, None, "overrun")
    return replace(found, excess=Excess(str(full.quantity), "0", "units"))


def _delivered(
    full: Event, counting: CountingRules, listing: Listing | None, order: Order, ratio: Exact
) -> Trade:
    """Return the delivery *full* of shares that *order* paid for, unless it states an amount.

    If the prepayment states no quantity, nothing is reserved for its deliveries, and all rules
    evaluate each.
    """
    full = replace(full, amount=full.amount or 0)
    if not order.terms.quantity:
        return _filled(full, counting, listing, None, None, is_paid=True)
    return _filled(full, counting, listing, order, "overrun", ratio, is_paid=True)


def _of_payment(event: Event, position: Position) -> Event:
    """Return *event*; a delivery that names no payment is of the only open one of its symbol."""
    if event.method != "prepaid" or event.order is not None:
        return event
    paid = [
        name
        for name, order in position.orders.items()
        if order.is_open and order.is_prepaid and order.terms.event.symbol == event.symbol
    ]
    return replace(event, order=paid[0]) if len(paid) == 1 else event


def _correct(event: Event, counting: CountingRules, position: Position) -> Trade:
    """Return the fill that a correct puts in place of the old fill, on the old fill's day."""
    old = position.fills.last(event.fill or "")
    if old is None or old.settled:
        fault: Fault = "unknown-fill" if old is None else "fill-settled"
        listing, _ = _split_listing(event, counting, position)
        return _filled(event, counting, listing, None, fault)
    own = old.event
    full = _with_defaults(event, own)
    quantity = _first(event.quantity, own.quantity)
    amount = event.amount
    if event.price is None and amount is None and quantity == own.quantity:
        # The old amount is the cost of the old quantity, so it cannot serve for another quantity.
        amount = own.amount
    is_paid = own.amount == 0 and full.method == "prepaid"
    if is_paid:
        amount = amount or 0
    full = replace(
        full,
        time=own.time,
        date=own.date,
        phase=event.phase or own.phase,
        order=own.order,
        quantity=quantity,
        amount=amount,
    )
    listing = _listing_then(full, old, counting, position)
    found = _filled(full, counting, listing, None, None, is_paid=is_paid)
    return replace(found, corrects=old)


def _listing(event: Event, counting: CountingRules) -> Listing | None:
    return next(iter(_listings(event, counting)), None)


def _listings(event: Event, counting: CountingRules) -> tuple[Listing, ...]:
    """Return the instrument of *event* at each venue; nothing unless each lists that same one."""
    known = (counting.listings.get((event.symbol or "", venue)) for venue in event.at_venues)
    found = [one for one in known if one is not None]
    is_one = len({one.instrument for one in found}) == 1
    return tuple(found) if is_one and len(found) == len(event.at_venues) else ()


def _split_listing(
    event: Event, counting: CountingRules, position: Position
) -> tuple[Listing | None, Exact]:
    """Return the listing of a fill, and how many units now stand for one of its own.

    The ratio of the listing is that of the fill's units: more if a split has come since its day.
    """
    listing = _listing(event, counting)
    if listing is None or not position.splits or listing.instrument in counting.dated:
        return listing, 1
    ratio = position.split_since(listing.instrument, day_of(event, listing.zone))
    return replace(listing, shares_each=listing.shares_each * ratio), ratio


def _listing_then(
    full: Event, old: Counted, counting: CountingRules, position: Position
) -> Listing | None:
    """Return the listing of a correct, with the share ratio of its fill's day.

    Return `None` if the fill does not give that ratio and the instrument's ratio changes by date.
    """
    (now, _), then = _split_listing(full, counting, position), old.listing
    if then is not None and full.symbol == then.symbol:
        if full.venue in (None, then.venue):
            return then
        return None if now is None else replace(now, shares_each=then.shares_each)
    return None if now is not None and now.instrument in counting.dated else now


def _with_defaults(event: Event, own: Event) -> Event:
    """Return *event* with each missing field taken from *own*, its order or its fill."""
    # The venue and the rate of one instrument do not apply to another. Nobody knows at which of
    # several venues a fill was that does not say so.
    is_same = event.symbol in (None, own.symbol)
    only = own.at_venues[0] if len(own.at_venues) == 1 else None
    says_cost = event.price is not None or event.amount is not None
    return replace(
        event,
        symbol=event.symbol or own.symbol,
        venue=event.venue or (only if is_same else None),
        side=event.side or own.side,
        price=event.price if says_cost else own.price,
        fx=_first(event.fx, own.fx) if is_same else event.fx,
        fees=_first(event.fees, own.fees),
        broker=event.broker or own.broker,
        method=event.method or own.method,
        solicited=_first(event.solicited, own.solicited),
        counterparty=event.counterparty or own.counterparty,
        order_type=event.order_type or own.order_type,
    )


def _filled(
    event: Event,
    counting: CountingRules,
    listing: Listing | None,
    order: Order | None,
    fault: Fault | None,
    ratio: Exact = 1,
    *,
    is_paid: bool = False,
) -> Trade:
    """Return the fill *event* as a trade, with *fault* unless the open *order* covers the fill.

    *ratio* units of the order stand for one of the fill, which came before a split. If it *is_paid*
    already, its amount is 0.
    """
    fx = _rate(event.fx, listing, counting)
    contract = event.amount if is_paid else _cost(event, listing)
    shares = None if listing is None else product(listing.shares_each, event.quantity)
    amount = _with_fees(product(contract, fx), event.fees, counting)
    day, venue_day, venue_time = _when(event, counting.zone, listing)
    rest, excess = None, None
    if order is not None and listing is not None and _is_of(event, listing, order):
        units = (event.quantity or 0) * ratio
        fees = event.fees if counting.with_fees else 0
        rest = after_fill(order, min(units, order.open_quantity), fees)
        excess = (
            too_many(order, units)
            or too_late(order, day, venue_day, listing)
            or too_dear(order, units, contract, listing)
            or not_reserved(order, rest, shares, amount, counting)
        )
        fault = None if excess is None else fault
    return Trade(
        event=event,
        is_fill=True,
        listing=listing,
        price=_dearer(event),
        fx=fx,
        contract=contract,
        shares=shares,
        amount=amount,
        date=day,
        last_date=day,
        venue_date=venue_day,
        venue_last_date=venue_day,
        venue_time=venue_time,
        fault=fault,
        excess=excess,
        order=rest,
        before=order if rest is not None else None,
    )


def contract_of(fill: Event) -> Exact | None:
    """Return what *fill* cost in its instrument's currency, without fees; `None` if unknown."""
    return fill.amount if fill.amount is not None else product(fill.price, fill.quantity)


def price_of(fill: Event) -> Exact | None:
    """Return the price of a unit of *fill*: as stated, else its amount over its quantity.

    Return `None` if it states neither, or no quantity, or if its shares were prepaid.
    """
    if not fill.quantity:
        return None
    if fill.price is not None:
        return fill.price
    return None if not fill.amount else quotient(fill.amount, fill.quantity)


def _dearer(fill: Event) -> Exact | None:
    """Return the price of a unit of *fill*: the higher of its `price` and `amount` / `quantity`."""
    if fill.price is None or fill.amount is None or not fill.quantity:
        return fill.price
    return max(fill.price, quotient(fill.amount, fill.quantity))


def _is_of(fill: Event, listing: Listing, order: Order) -> bool:
    """Return whether *fill* can be a fill of *order*; if not, the order's reservation stays.

    A router may have sent the order to any venue that lists its instrument.
    """
    own = order.terms.listing
    return (
        own is not None
        and listing.instrument == own.instrument
        and fill.side == order.terms.event.side
    )


def too_many(order: Order, units: Exact) -> Excess | None:
    """Return by how much a fill of *units* exceeds what *order* has open; `None` if it does not."""
    if units <= order.open_quantity:
        return None
    return Excess(written(units), written(order.open_quantity), "units")


def too_late(
    order: Order, day: datetime.date, venue_day: datetime.date | None, listing: Listing
) -> Excess | None:
    """Return how a fill on *day* is past the last day of *order*; `None` if it is not."""
    if venue_day is not None and order.lasts(day, venue_day, listing.venue):
        return None
    last = max(terms.last_date for terms in order.in_play())
    if day > last or venue_day is None:
        return Excess(str(day), str(last), "date")
    # The fill is in time on the authorization's clock, but a day too late at the venue.
    there = max(terms.venue_last or last for terms in order.in_play())
    return Excess(str(venue_day), str(there), "date")


def too_dear(order: Order, units: Exact, contract: Exact | None, listing: Listing) -> Excess | None:
    """Return how the cost *contract* of *units* exceeds the price limit; `None` if it does not.

    The costs are in the instrument's currency. An unknown cost exceeds nothing.
    """
    bound = product(order.price, units)
    if bound is None or contract is None or contract <= bound:
        return None
    return Excess(written(contract), written(bound), listing.currency)


def not_reserved(
    order: Order, rest: Order, shares: Exact | None, amount: Exact | None, counting: CountingRules
) -> Excess | None:
    """Return how a fill uses more than *order* reserved for it; `None` if it does not.

    *rest* is the order after the fill, with what stays reserved. Unknown money exceeds no bound:
    the fill is denied as undecided, and is not an overrun.
    """
    reserved = order.reserved_shares - rest.reserved_shares
    if shares is not None and shares > reserved:
        return Excess(written(shares), written(reserved), "shares")
    money, left, fees_left = order.reserved_money, rest.reserved_money, order.fees_left
    if amount is None or money is None or left is None or fees_left is None:
        return None
    # Fees that the closing order no longer reserves must not pay for a higher price.
    bound = money - left + min(fees_left, rest.fees_used - order.fees_used)
    return None if amount <= bound else Excess(written(amount), written(bound), counting.currency)


def order_named(event: Event, counting: CountingRules, position: Position) -> Order | None:
    """Return the order that *event* names; `None` if it is unknown or no longer kept."""
    order = position.orders.get(event.order) if event.order is not None else None
    if order is None or order.is_open:
        return order
    # `fold.arrived` drops past orders at the first event of a day. That event, too, must not find
    # them.
    day = day_of(event, counting.zone)
    return None if day > position.today and is_past(order, day) else order


def is_past(order: Order, day: datetime.date) -> bool:
    """Return whether *order* is no longer kept on *day*: closed, and long enough ago."""
    return order.state not in ("open", "held") and order.terms.kept_until < day


def _rate(given: Exact | None, listing: Listing | None, counting: CountingRules) -> Exact | None:
    """Return program currency for one unit of the instrument's prices; `None` if unknown.

    A *given* rate is that of the whole currency, as of a pound for prices in pence. If that is the
    program's, a rate other than 1 is an error, so the rate is `None`.
    """
    if listing is None:
        return None
    part = factor(listing.currency)
    if whole(listing.currency) != counting.currency:
        return given if part == 1 else product(given, part)
    return part if given is None or given == 1 else None


def _cost(event: Event, listing: Listing | None) -> Exact | None:
    """Return what the fill *event* cost, in the unit of its instrument's prices; `None` if unknown.

    Beside a price in pence, an amount far below price times quantity is in pounds, or mistaken:
    counted as pence, it would use a hundredth of what was spent.
    """
    if event.amount == 0:
        # Nothing was paid ahead for it.
        return None
    by_price = product(event.price, event.quantity)
    is_part = listing is not None and factor(listing.currency) != 1
    if is_part and by_price is not None and event.amount is not None:
        return None if event.amount * _FAR_BELOW < by_price else event.amount
    return contract_of(event)


def _with_fees(amount: Exact | None, fees: Exact | None, counting: CountingRules) -> Exact | None:
    if not counting.with_fees or amount is None:
        return amount
    return None if fees is None else amount + fees


def _when(
    event: Event, clock: ZoneInfo, listing: Listing | None
) -> tuple[datetime.date, datetime.date | None, Exact | None]:
    """Return the day on the authorization's clock, and the day and time on the venue's clock.

    The time is in seconds from midnight.
    """
    if event.time is None:
        # Only the day is known: it is taken as the day on both clocks.
        day = event.date or datetime.date.min
        return day, (day if listing is not None else None), None
    here = event.time.astimezone(clock)
    if listing is None:
        return here.date(), None, None
    there = here if listing.zone is clock else event.time.astimezone(listing.zone)
    return here.date(), there.date(), time_number(there)


def _until(
    event: Event,
    clock: ZoneInfo,
    listing: Listing | None,
    day: datetime.date,
    venue_day: datetime.date | None,
) -> tuple[datetime.date, datetime.date | None]:
    """Return the last day on which an order can fill, on the authorization's clock and the venue's.

    *day* and *venue_day* are the order's own day on these clocks.
    """
    # An order whose `expires` is before its own day still counts on its own day.
    if isinstance(event.expires, datetime.datetime):
        last = max(day, day_at(event.expires, clock))
        if listing is None or venue_day is None:
            return last, None
        return last, max(venue_day, day_at(event.expires, listing.zone))
    if listing is None or venue_day is None:
        return max(day, event.expires or day), None
    venue_last = max(venue_day, event.expires or venue_day)
    return max(day, _end_of_day(venue_last, listing.zone, clock)), venue_last


@lru_cache(maxsize=4096)
def _end_of_day(day: datetime.date, venue: ZoneInfo, clock: ZoneInfo) -> datetime.date:
    """Return the day that *clock* shows at the last instant of *day* in the zone *venue*."""
    return day_at(end_of_day(day, venue), clock)
