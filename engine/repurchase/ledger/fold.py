"""The fold: compute the next position from a position and an event. Decisions are made elsewhere.

Executed shares and money count only what happened. Reserved shares and money are the worst case
of every open order. A fill within its order therefore never raises executed + reserved, so it
cannot exceed a cap on that sum.
"""

from __future__ import annotations

import datetime
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from rpds import HashTrieMap, Queue

from repurchase.domain.calendars import day_at
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact
from repurchase.ledger.orders import Order, Terms, closed, with_worst_case
from repurchase.ledger.position import NO_DAY, Counted, Day, DayKey, Position
from repurchase.ledger.trades import Fault, Trade, day_of, is_past

Days: TypeAlias = "HashTrieMap[DayKey, Day]"


def after(position: Position, trade: Trade) -> Position:
    """Return *position* after *trade*, as if it were approved; a fill always counts."""
    position = arrived(position, trade.date)
    if trade.is_fill and not trade.counts:
        return position
    position = _with_latest(position, trade.date)
    if trade.is_fill:
        return after_fill(position, trade)
    assert trade.order is not None, "every trade that is not a fill has an order"
    return _with_order(
        position,
        trade.before,
        trade.order,
        # An order of an unknown instrument is never approved, but the rules that evaluate it must
        # see that its shares are unknown.
        unknown_shares=_with_unknown(position.unknown_shares, trade.event.id, trade.shares),
        days=_with_use(position.days, trade),
    )


def refused(position: Position, trade: Trade, outcome: Literal["held", "denied"]) -> Position:
    """Return *position* after an order, replace or release that was held or denied.

    The position remembers the request, which reserves nothing.
    """
    position = arrived(position, trade.date)
    if outcome == "held":
        position = _with_latest(position, trade.date)
    # If a release is denied, its order stays held.
    if outcome == "denied" and trade.event.id in position.orders:
        return position
    if trade.before is not None:
        order = replace(trade.before, held=trade.event)
    else:
        assert trade.order is not None, "every trade that is not a fill has an order"
        order = closed(trade.order, outcome)
    return replace(position, orders=position.orders.insert(order.terms.event.id, order))


def settled(position: Position, event: Event, clock: ZoneInfo) -> Position | Fault:
    """Return *position* after *event*, a kind that no rule evaluates, or the fault that denies it.

    *clock* is the time zone of the authorization.
    """
    if event.kind == "brought_forward":
        return _brought_forward(position, event)
    day = day_of(event, clock)
    position = _with_latest(arrived(position, day), day)
    match event.kind:
        case "halt":
            return replace(position, halted=event.id)
        case "resume":
            return replace(position, halted=None)
        case "bust":
            fill = position.fills.get(event.fill or "")
            if fill is None:
                return "unknown-fill"
            return "fill-settled" if fill.settled else without(position, fill)
    order = position.orders.get(event.order or "")
    if order is None:
        return "unknown-order"
    following = _acknowledged(order, event.kind)
    if not isinstance(following, Order):
        return following
    return _with_order(position, order, following, days=_freed(position.days, order, following))


def _brought_forward(position: Position, event: Event) -> Position | Fault:
    """Return *position* with the shares and amount that were executed before the log began."""
    if position.started:
        return "not-first"
    return replace(
        position,
        executed_shares=position.executed_shares + (event.shares or 0),
        executed_amount=position.executed_amount + (event.amount or 0),
        started=True,
    )


def _freed(days: Days, order: Order, following: Order) -> Days:
    """Return *days* after the venue's acknowledgement turned *order* into *following*."""
    asked, left = order.asked, following.reserved_shares
    if asked is None or _day_of(asked) == _day_of(order.terms):
        return _given_back(days, order.terms, order.reserved_shares - left)
    # A replace requested on another day counted on that day all that the order may still buy, and
    # the order's own day counted it, too. Each day gives back what it counted, except what the
    # terms of that day may still buy.
    own = with_worst_case(replace(order, asked=None)).reserved_shares
    is_replaced = following.terms == asked
    days = _given_back(days, asked, order.reserved_shares - (left if is_replaced else 0))
    return _given_back(days, order.terms, own - (0 if is_replaced else left))


def arrived(position: Position, day: datetime.date) -> Position:
    """Return *position* on *day*, without the closed orders whose last day is past."""
    if position.started and day <= position.today:
        return position
    past = [name for name, order in position.orders.items() if is_past(order, day)]
    orders = position.orders
    for name in past:
        orders = orders.remove(name)
    return replace(position, orders=orders, today=max(position.today, day), started=True)


def _with_latest(position: Position, day: datetime.date) -> Position:
    """Return *position* with *day* as its latest day, if an event of *day* was not denied."""
    return replace(position, latest=day) if day > position.latest else position


def _acknowledged(order: Order, kind: str) -> Order | Fault:
    """Return *order* after the venue's acknowledgement of *kind*, or the fault that denies it."""
    if kind in ("cancel", "expire"):
        if order.state not in ("open", "held"):
            return "order-closed"
        return closed(order, "cancelled" if kind == "cancel" else "expired")
    if not order.is_open:
        return "order-closed"
    if order.asked is None:
        # The venue did not refuse an order that has filled in part.
        is_refused = kind == "rejected" and not order.filled
        return closed(order, "rejected") if is_refused else "no-replace"
    terms = order.asked if kind == "replaced" else order.terms
    following = replace(order, terms=terms, asked=None)
    # While the replace was pending, fills may have used more units than these terms allow.
    is_filled = order.filled >= terms.quantity
    return closed(following, "filled") if is_filled else with_worst_case(following)


def without(position: Position, fill: Counted) -> Position:
    """Return *position* without the shares and money of *fill*; its order stays as it is."""
    name = fill.event.id
    days, key = position.days, _key(fill)
    day = None if key is None else days.get(key)
    if key is not None and day is not None:
        rest = replace(day, executed_shares=day.executed_shares - (fill.shares or 0))
        days = days.insert(key, rest)
    return replace(
        position,
        executed_shares=position.executed_shares - (fill.shares or 0),
        executed_amount=position.executed_amount - (fill.amount or 0),
        unknown_shares=_settled(position.unknown_shares, name, fill.shares),
        unknown_amount=_settled(position.unknown_amount, name, fill.amount),
        fills=position.fills.with_fill(name, replace(fill, settled=True)),
        days=days,
    )


def after_fill(position: Position, trade: Trade) -> Position:
    """Return *position* after the fill or correct *trade*, counted in full."""
    if trade.corrects is not None:
        position = without(position, trade.corrects)
    name, shares, amount = trade.event.id, trade.shares, trade.amount
    counted = Counted(
        trade.event, trade.listing, shares, amount, trade.date, trade.venue_date, trade.venue_time
    )
    return _with_order(
        position,
        trade.before,
        trade.order,
        executed_shares=position.executed_shares + (shares or 0),
        executed_amount=position.executed_amount + (amount or 0),
        unknown_shares=_with_unknown(position.unknown_shares, name, shares),
        unknown_amount=_with_unknown(position.unknown_amount, name, amount),
        fills=position.fills.with_fill(name, counted),
        days=_with_use(position.days, trade),
    )


def day(position: Position, trade: Trade) -> Day | None:
    """Return what *trade*'s instrument has used on its venue and day; `None` if unknown."""
    key = _key(trade)
    if key is None or position.unknown_shares:
        return None
    return position.days.get(key, NO_DAY)


def _with_order(
    position: Position, before: Order | None, order: Order | None, **changes: object
) -> Position:
    """Return *position* with *order* instead of *before*, and with *changes* to other fields."""
    if order is None:
        return replace(position, **changes)
    shares, amount, unbounded = order.reserved_shares, order.reserved_amount, position.unbounded
    if amount is None:
        amount, unbounded = 0, unbounded + 1
    if before is not None:
        shares -= before.reserved_shares
        if before.reserved_amount is None:
            unbounded -= 1
        else:
            amount -= before.reserved_amount
    return replace(
        position,
        reserved_shares=position.reserved_shares + shares,
        reserved_amount=position.reserved_amount + amount,
        unbounded=unbounded,
        orders=position.orders.insert(order.terms.event.id, order),
        **changes,
    )


def _with_unknown(unknown: Queue[str], name: str, figure: Exact | None) -> Queue[str]:
    return unknown if figure is not None else unknown.enqueue(name)


def _settled(unknown: Queue[str], name: str, figure: Exact | None) -> Queue[str]:
    return unknown if figure is not None else Queue(one for one in unknown if one != name)


def _key(trade: Trade | Counted) -> DayKey | None:
    if trade.listing is None or trade.venue_date is None:
        return None
    return (trade.listing.instrument, trade.listing.venue, trade.venue_date)


def _with_use(days: Days, trade: Trade) -> Days:
    """Return *days* with the shares that *trade* orders and executes, its broker and method."""
    key, shares = _key(trade), trade.shares
    if key is None or shares is None:
        return days
    if trade.is_fill:
        # Shares that no order and no corrected fill covers count as ordered by the fill itself.
        covered, own, own_day = _covering(trade)
        ordered, executed = max(shares - covered, 0), shares
        # A fill by another method, or on another day, than its order was not ordered by that
        # method on that day: all its shares count anew.
        by_method = ordered if own_day == key and not trade.is_made_otherwise else shares
        # A block order counts as one block, whatever the number of its fills.
        is_new = own is None or own.method != "block"
    else:
        ordered = by_method = _newly_ordered(trade, key, shares)
        executed, is_new = 0, trade.before is None
    day = days.get(key, NO_DAY)
    following = Day(
        day.ordered_shares + ordered,
        day.executed_shares + executed,
        _with_broker(day, trade),
        _with_block(day, trade) if is_new else day.blocks,
        _with_method(day.auction_ordered, by_method, trade, "auction"),
        _with_method(day.off_auction, by_method, trade, "off_auction"),
    )
    return days.insert(key, following)


def _newly_ordered(trade: Trade, key: DayKey, shares: Exact) -> Exact:
    """Return the ordinary-share equivalents that a request adds to those ordered that day."""
    before, order = trade.before, trade.order
    if before is None or order is None:
        return shares
    shares = (order.asked or order.terms).shares
    if _day_of(before.terms) != key:
        # A replace on a later day than its order requests all that the order may still buy.
        return order.reserved_shares
    return max(shares - max(terms.shares for terms in before.in_play()), 0)


def _covering(trade: Trade) -> tuple[Exact, Event | None, DayKey | None]:
    """Return how many shares of a fill were ordered before, by which event and on which day."""
    old = trade.corrects
    if old is not None:
        is_its = _key(old) == _key(trade)
        return (old.shares or 0, old.event, _key(old)) if is_its else (0, None, None)
    if trade.before is None or trade.order is None:
        return 0, None, None
    covered = trade.before.reserved_shares - trade.order.reserved_shares
    return covered, trade.before.terms.event, _day_of(trade.before.terms)


def _with_method(shares: Exact | None, ordered: Exact, trade: Trade, method: str) -> Exact | None:
    """Return *shares* plus those *ordered* by *method*; `None` if a trade states no method."""
    own = trade.event.method
    if shares is None or own is None:
        return None
    return shares + ordered if own == method else shares


def _given_back(days: Days, terms: Terms, shares: Exact) -> Days:
    """Return *days* after *shares* of what *terms* reserved can no longer be bought."""
    key = _day_of(terms)
    if key is None or terms.event.method != "off_auction":
        return days
    day = days.get(key)
    if day is None or day.off_auction is None:
        return days
    return days.insert(key, replace(day, off_auction=day.off_auction - shares))


def _day_of(terms: Terms) -> DayKey | None:
    """Return the instrument, venue and day for which the *terms* of an order were requested."""
    asked, listing = terms.event, terms.listing
    if listing is None:
        return None
    asked_on = asked.date if asked.time is None else day_at(asked.time, listing.zone)
    return None if asked_on is None else (listing.instrument, listing.venue, asked_on)


def _with_broker(day: Day, trade: Trade) -> frozenset[str] | None:
    broker = trade.event.broker
    if day.brokers is None or broker in day.brokers:
        return day.brokers
    return None if broker is None else day.brokers | {broker}


def _with_block(day: Day, trade: Trade) -> int | None:
    method = trade.event.method
    return None if day.blocks is None or method is None else day.blocks + (method == "block")
