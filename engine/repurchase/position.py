"""What a program has used: an event reckoned as a trade, and the fold of trades to a position.

Executed shares and money only count what happened; reserved is the worst case of every open
order. So executed + reserved bounds what can still come, and a cap on it cannot be passed by a
fill within its order. Nothing here decides: see `judge`.
"""

from __future__ import annotations

import datetime
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace
from rpds import HashTrieMap

from repurchase.clocks import day_at
from repurchase.events import Event
from repurchase.quantities import Exact
from repurchase.terms import Listing, Reckoning

OrderState = Literal["open", "filled", "held", "denied"]
# What is amiss with the order that a fill names.
OrderFault = Literal["unknown-order", "order-closed", "overrun"]

_INSTANT: Final = datetime.timedelta(microseconds=1)
_DAY: Final = datetime.timedelta(days=1)


class Order(msgspec.Struct, frozen=True, gc=False):
    """An order as it stands; only an open one reserves.

    *shares_each* and *amount_each* (program currency, margin included) are what one unit
    reserves; *fees_left* is the part of its fees that its fills have not used, `None` where
    that is not known, or free because the order is filled.
    """

    event: Event
    state: OrderState
    listing: Listing | None
    open_quantity: int
    shares_each: Exact
    amount_each: Exact | None
    fees_left: Exact | None
    last_date: datetime.date
    venue_last_date: datetime.date | None

    @property
    def reserved_shares(self) -> Exact:
        """Return the ordinary-share equivalents that it may still use."""
        return self.open_quantity * self.shares_each

    @property
    def reserved_amount(self) -> Exact | None:
        """Return the program currency that it may still use; `None` where that is unbounded."""
        if not self.open_quantity:
            return 0
        if self.amount_each is None or self.fees_left is None:
            return None
        return self.open_quantity * self.amount_each + self.fees_left


class Part(msgspec.Struct, frozen=True, gc=False):
    """What a fill takes out of its order's reservation; *rest* is the order after it."""

    rest: Order
    shares: Exact
    amount: Exact | None


class Trade(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order or a fill, reckoned: every field that can be computed is, exactly.

    *shares* are ordinary-share equivalents, *contract* is money in the instrument's currency,
    *amount* in the program's: for an order its worst case, for a fill what it cost. A figure
    that cannot be computed is `None`. *fault* says why the order that a fill names does not
    cover it, and *part* what it takes from that order all the same.
    """

    event: Event
    is_fill: bool
    listing: Listing | None
    side: str | None
    price: Exact | None
    fx: Exact | None
    fees: Exact | None
    contract: Exact | None
    shares: Exact | None
    amount: Exact | None
    broker: str | None
    method: str | None
    order_type: str | None
    date: datetime.date
    last_date: datetime.date
    venue_date: datetime.date | None
    venue_last_date: datetime.date | None
    venue_time: datetime.time | None
    fault: OrderFault | None = None
    part: Part | None = None

    @property
    def counts(self) -> bool:
        """Return whether it uses the authorization: a sale never does."""
        return self.side != "sell"

    def lacks(self) -> tuple[str, ...]:
        """Return the fields of the event without which some figure could not be computed."""
        given = {
            "price": self.contract,
            "fx": self.fx if self.listing is not None else 0,
            "fees": self.amount if None not in (self.contract, self.fx) else 0,
            "side": self.side,
            "broker": self.broker,
            "method": self.method,
            "order_type": self.order_type,
            "time": self.venue_time,
        }
        return tuple(name for name, figure in given.items() if figure is None)

    @property
    def of_order(self) -> bool:
        """Return whether it is a fill of an order that was approved and is open."""
        return self.part is not None


class Day(msgspec.Struct, frozen=True, gc=False):
    """One instrument's use on one venue and day, in ordinary-share equivalents.

    *brokers* or *blocks* is `None` once a trade did not say by whom or how it was made.
    """

    ordered_shares: Exact = 0
    executed_shares: Exact = 0
    brokers: frozenset[str] | None = frozenset()
    blocks: int | None = 0


DayKey = tuple[str, str, datetime.date]
_NO_DAY: Final = Day()


class Position(msgspec.Struct, frozen=True, gc=False):
    """What a program has used so far; a value, never changed.

    The four sums hold what is known. *unknown_shares* and *unknown_amount* name the fills that
    they lack, and *unbounded* counts the open orders whose money cannot be computed; while there
    are any, the figure they feed is unknown and reads as `None`.
    """

    executed_shares: Exact = 0
    executed_amount: Exact = 0
    reserved_shares: Exact = 0
    reserved_amount: Exact = 0
    unknown_shares: tuple[str, ...] = ()
    unknown_amount: tuple[str, ...] = ()
    unbounded: int = 0
    orders: HashTrieMap[str, Order] = HashTrieMap()
    days: HashTrieMap[DayKey, Day] = HashTrieMap()
    today: datetime.date = datetime.date.min
    started: bool = False

    def known_executed_shares(self) -> Exact | None:
        """Return the executed shares, `None` while a fill's are unknown."""
        return None if self.unknown_shares else self.executed_shares

    def known_executed_amount(self) -> Exact | None:
        """Return the executed amount, `None` while a fill's is unknown."""
        return None if self.unknown_amount else self.executed_amount

    def known_reserved_amount(self) -> Exact | None:
        """Return the reserved amount, `None` while an open order's is unbounded."""
        return None if self.unbounded else self.reserved_amount

    def used_shares(self) -> Exact | None:
        """Return executed plus reserved shares, `None` while they are unknown."""
        return None if self.unknown_shares else self.executed_shares + self.reserved_shares

    def used_amount(self) -> Exact | None:
        """Return executed plus reserved amount, `None` while it is unknown."""
        if self.unknown_amount or self.unbounded:
            return None
        return self.executed_amount + self.reserved_amount

    def day(self, trade: Trade) -> Day | None:
        """Return the use of *trade*'s instrument on its venue and day, `None` if unknown."""
        key = _day_key(trade)
        if key is None or self.unknown_shares:
            return None
        return self.days.get(key, _NO_DAY)


def trade(event: Event, reckoning: Reckoning, position: Position) -> Trade:
    """Return *event*, an order or a fill, reckoned; a fill takes from its order what it lacks."""
    if event.kind == "order":
        return _order_trade(event, reckoning)
    order = _order_named(event, reckoning, position)
    if order is None:
        fault: OrderFault | None = "unknown-order" if event.order is not None else None
        return _fill_trade(event, reckoning, fault)
    if order.state != "open":
        fault = "overrun" if order.state == "filled" else "order-closed"
        return _fill_trade(_filled_in(event, order), reckoning, fault)
    return _fill_of(order, event, reckoning)


def brought_forward(position: Position, event: Event) -> Position:
    """Return *position* with the shares and the amount of *event* executed before its log."""
    return replace(
        position,
        executed_shares=position.executed_shares + (event.shares or 0),
        executed_amount=position.executed_amount + (event.amount or 0),
        started=True,
    )


def after(position: Position, trade: Trade) -> Position:
    """Return *position* after *trade*, were it accepted; a fill is always accepted: it happened."""
    position = _arrived(position, trade.date)
    if trade.is_fill:
        return _after_fill(position, trade) if trade.counts else position
    return _after_order(position, trade)


def refused(position: Position, trade: Trade, state: OrderState) -> Position:
    """Return *position* after an order that was not approved: it is remembered, nothing more."""
    position = _arrived(position, trade.date)
    order = _order(trade, state)
    return replace(position, orders=position.orders.insert(trade.event.id, order))


def _order_trade(event: Event, reckoning: Reckoning) -> Trade:
    listing = reckoning.listings.get((event.symbol or "", event.venue))
    fx = _rate(event.fx, listing, reckoning)
    contract = _product(event.price, event.quantity)
    worst = None
    if listing is not None and contract is not None and fx is not None:
        worst = contract * fx * (1 + listing.fx_margin)
    day, venue_day, venue_time = _when(event, reckoning.zone, listing)
    last_day, venue_last_day = _until(event, reckoning.zone, listing, day, venue_day)
    return Trade(
        event=event,
        is_fill=False,
        listing=listing,
        side=event.side,
        price=event.price,
        fx=fx,
        fees=event.fees,
        contract=contract,
        shares=_shares(listing, event),
        amount=_with_fees(worst, event.fees, reckoning),
        broker=event.broker,
        method=event.method,
        order_type=event.order_type,
        date=day,
        last_date=last_day,
        venue_date=venue_day,
        venue_last_date=venue_last_day,
        venue_time=venue_time,
    )


def _fill_trade(event: Event, reckoning: Reckoning, fault: OrderFault | None) -> Trade:
    listing = reckoning.listings.get((event.symbol or "", event.venue))
    fx = _rate(event.fx, listing, reckoning)
    contract = event.amount
    if contract is None:
        contract = _product(event.price, event.quantity)
    day, venue_day, venue_time = _when(event, reckoning.zone, listing)
    return Trade(
        event=event,
        is_fill=True,
        listing=listing,
        side=event.side,
        price=event.price,
        fx=fx,
        fees=event.fees,
        contract=contract,
        shares=_shares(listing, event),
        amount=_with_fees(_product(contract, fx), event.fees, reckoning),
        broker=event.broker,
        method=event.method,
        order_type=event.order_type,
        date=day,
        last_date=day,
        venue_date=venue_day,
        venue_last_date=venue_day,
        venue_time=venue_time,
        fault=fault,
    )


def _order_named(fill: Event, reckoning: Reckoning, position: Position) -> Order | None:
    """Return the order that *fill* names, `None` where there is none or it is forgotten."""
    order = position.orders.get(fill.order) if fill.order is not None else None
    if order is None or order.open_quantity:
        return order
    # The first event of a day finds no more than the later ones: see `_arrived`.
    day = _when(fill, reckoning.zone, None)[0]
    return None if day > position.today and _is_past(order, day) else order


def _fill_of(order: Order, event: Event, reckoning: Reckoning) -> Trade:
    """Return a fill of an open order, with the part of its reservation that it takes."""
    fill = _fill_trade(_filled_in(event, order), reckoning, None)
    if fill.listing is None or order.listing is None or not _same_thing(fill, order):
        # It cannot be a fill of that order: what it names stays reserved.
        return replace(fill, fault="overrun")
    part = _part(order, fill)
    return replace(fill, part=part, fault=None if _within(fill, order, part) else "overrun")


def _filled_in(event: Event, order: Order) -> Event:
    own = order.event
    price = event.price
    if price is None and event.amount is None:
        price = own.price
    return replace(
        event,
        symbol=event.symbol if event.symbol is not None else own.symbol,
        venue=event.venue if event.venue is not None else own.venue,
        side=event.side if event.side is not None else own.side,
        price=price,
        fx=event.fx if event.fx is not None else own.fx,
        fees=event.fees if event.fees is not None else order.fees_left,
        broker=event.broker if event.broker is not None else own.broker,
        method=event.method if event.method is not None else own.method,
        order_type=event.order_type if event.order_type is not None else own.order_type,
    )


def _same_thing(fill: Trade, order: Order) -> bool:
    listing, own = fill.listing, order.listing
    return (
        listing is not None
        and own is not None
        and (listing.instrument, listing.venue) == (own.instrument, own.venue)
        and fill.side == order.event.side
    )


def _part(order: Order, fill: Trade) -> Part:
    quantity = min(fill.event.quantity or 0, order.open_quantity)
    open_quantity = order.open_quantity - quantity
    # Fees that nothing can fill any more are free: a later fill cannot be lent them.
    fees_left = order.fees_left if open_quantity else None
    if fees_left is not None:
        fees_left = max(fees_left - (fill.fees or 0), 0)
    rest = replace(
        order,
        open_quantity=open_quantity,
        fees_left=fees_left,
        state="open" if open_quantity else "filled",
    )
    before, left = order.reserved_amount, rest.reserved_amount
    return Part(
        rest=rest,
        shares=quantity * order.shares_each,
        amount=None if before is None or left is None else before - left,
    )


def _within(fill: Trade, order: Order, part: Part) -> bool:
    """Return whether *fill* keeps to what *order* reserved for its quantity."""
    quantity = fill.event.quantity or 0
    if quantity > order.open_quantity or fill.shares is None or fill.shares > part.shares:
        return False
    if fill.venue_date is None or order.venue_last_date is None:
        return False
    if fill.date > order.last_date or fill.venue_date > order.venue_last_date:
        return False
    if order.event.price is None or order.amount_each is None or order.fees_left is None:
        return False
    if fill.contract is None or fill.contract > order.event.price * quantity:
        return False
    # What closing the order sets free of its fees is not there to be spent on the price.
    fees_used = min(order.fees_left, fill.fees or 0)
    return fill.amount is not None and fill.amount <= quantity * order.amount_each + fees_used


def _after_order(position: Position, trade: Trade) -> Position:
    order = _order(trade, "open")
    amount = order.reserved_amount
    return replace(
        position,
        reserved_shares=position.reserved_shares + order.reserved_shares,
        reserved_amount=position.reserved_amount + (amount or 0),
        # What no instrument says the shares of is never approved; until then they are unknown.
        unknown_shares=_with_unknown(position.unknown_shares, trade),
        unbounded=position.unbounded + (amount is None),
        orders=position.orders.insert(trade.event.id, order),
        days=_ordered(position.days, trade, executed=0),
    )


def _with_unknown(known: tuple[str, ...], trade: Trade) -> tuple[str, ...]:
    return known if trade.shares is not None else (*known, trade.event.id)


def _after_fill(position: Position, trade: Trade) -> Position:
    shares, amount = trade.shares, trade.amount
    unknown_shares = _with_unknown(position.unknown_shares, trade)
    unknown_amount = position.unknown_amount
    shares = 0 if shares is None else shares
    if amount is None:
        amount, unknown_amount = 0, (*unknown_amount, trade.event.id)
    reserved_shares, reserved_amount = position.reserved_shares, position.reserved_amount
    orders, unbounded = position.orders, position.unbounded
    part = trade.part
    if part is not None:
        reserved_shares -= part.shares
        if part.amount is not None:
            reserved_amount -= part.amount
        elif not part.rest.open_quantity:
            unbounded -= 1
        orders = orders.insert(trade.event.order or "", part.rest)
        days = _executed(position.days, trade, shares, part)
    else:
        days = _ordered(position.days, trade, executed=shares)
    return replace(
        position,
        executed_shares=position.executed_shares + shares,
        executed_amount=position.executed_amount + amount,
        reserved_shares=reserved_shares,
        reserved_amount=reserved_amount,
        unknown_shares=unknown_shares,
        unknown_amount=unknown_amount,
        unbounded=unbounded,
        orders=orders,
        days=days,
    )


def _order(trade: Trade, state: OrderState) -> Order:
    listing = trade.listing
    each = None
    if listing is not None and trade.price is not None and trade.fx is not None:
        each = trade.price * trade.fx * (1 + listing.fx_margin)
    # Where fees do not count none are reserved; where they do and are missing, none are known.
    counted = _product(trade.contract, trade.fx)
    fees_left = None
    if trade.amount is not None and counted is not None and listing is not None:
        fees_left = trade.amount - counted * (1 + listing.fx_margin)
    return Order(
        event=trade.event,
        state=state,
        listing=listing,
        open_quantity=(trade.event.quantity or 0) if state == "open" else 0,
        shares_each=listing.shares_each if listing is not None else 0,
        amount_each=each,
        fees_left=fees_left,
        last_date=trade.last_date,
        venue_last_date=trade.venue_last_date,
    )


def _arrived(position: Position, day: datetime.date) -> Position:
    """Return *position* on *day*: orders that are closed and past their last day are forgotten."""
    if position.started and day <= position.today:
        return position
    past = [name for name, order in position.orders.items() if _is_past(order, day)]
    orders = position.orders
    for name in past:
        orders = orders.remove(name)
    return replace(position, orders=orders, today=max(position.today, day), started=True)


def _is_past(order: Order, day: datetime.date) -> bool:
    return not order.open_quantity and order.state != "held" and order.last_date < day


def _day_key(trade: Trade) -> DayKey | None:
    if trade.listing is None or trade.venue_date is None:
        return None
    return (trade.listing.instrument, trade.listing.venue, trade.venue_date)


def _ordered(
    days: HashTrieMap[DayKey, Day], trade: Trade, executed: Exact
) -> HashTrieMap[DayKey, Day]:
    key = _day_key(trade)
    if key is None or trade.shares is None:
        return days
    day = days.get(key, _NO_DAY)
    ordered, bought = day.ordered_shares + trade.shares, day.executed_shares + executed
    return days.insert(key, Day(ordered, bought, _with_broker(day, trade), _with_block(day, trade)))


def _executed(
    days: HashTrieMap[DayKey, Day], trade: Trade, executed: Exact, part: Part
) -> HashTrieMap[DayKey, Day]:
    """Return *days* with a fill of an open order, which was ordered with it, as far as it went."""
    key = _day_key(trade)
    if key is None:
        return days
    day = days.get(key, _NO_DAY)
    ordered, bought = day.ordered_shares, day.executed_shares + executed
    if executed > part.shares:
        # No order asked for the excess.
        ordered += executed - part.shares
    # A block order is one block, in however many fills.
    of_block = part.rest.event.method == "block"
    blocks = day.blocks if of_block else _with_block(day, trade)
    return days.insert(key, Day(ordered, bought, _with_broker(day, trade), blocks))


def _with_broker(day: Day, trade: Trade) -> frozenset[str] | None:
    if day.brokers is None or trade.broker in day.brokers:
        return day.brokers
    return None if trade.broker is None else day.brokers | {trade.broker}


def _with_block(day: Day, trade: Trade) -> int | None:
    if day.blocks is None or trade.method is None:
        return None
    return day.blocks + (trade.method == "block")


def _product(left: Exact | None, right: Exact | None) -> Exact | None:
    return None if left is None or right is None else left * right


def _shares(listing: Listing | None, event: Event) -> Exact | None:
    return None if listing is None else _product(listing.shares_each, event.quantity)


def _rate(given: Exact | None, listing: Listing | None, reckoning: Reckoning) -> Exact | None:
    """Return program currency for one unit of the instrument's, `None` where it is not known.

    A rate other than 1 between a currency and itself contradicts the rule file: it is no rate.
    """
    if listing is None:
        return None
    if listing.currency != reckoning.currency:
        return given
    return 1 if given is None or given == 1 else None


def _with_fees(amount: Exact | None, fees: Exact | None, reckoning: Reckoning) -> Exact | None:
    if not reckoning.with_fees or amount is None:
        return amount
    return None if fees is None else amount + fees


def _when(
    event: Event, clock: ZoneInfo, listing: Listing | None
) -> tuple[datetime.date, datetime.date | None, datetime.time | None]:
    """Return the day on the authorization's clock, and the day and time on the venue's."""
    if event.time is None:
        # Only the day is known: it is the day on both clocks. The reader saw to it that it is.
        day = event.date or datetime.date.min
        return day, (day if listing is not None else None), None
    here = event.time.astimezone(clock)
    if listing is None:
        return here.date(), None, None
    there = here if listing.zone is clock else event.time.astimezone(listing.zone)
    return here.date(), there.date(), there.time()


def _until(
    event: Event,
    clock: ZoneInfo,
    listing: Listing | None,
    day: datetime.date,
    venue_day: datetime.date | None,
) -> tuple[datetime.date, datetime.date | None]:
    """Return the last day an order can fill on, on the authorization's clock and the venue's."""
    # It can fill on its own day at the earliest, whatever it says of its end.
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
    """Return the day that *clock* shows in the last instant of *day* at *venue*."""
    midnight = datetime.datetime.combine(day + _DAY, datetime.time.min, venue)
    return day_at(midnight.astimezone(datetime.UTC) - _INSTANT, clock)
