"""The fold: compute the next position from a position and an event. Decisions are made elsewhere.

Executed shares and money count only what happened. Reserved shares and money are the worst case
of every open order. A fill within its order therefore never raises executed + reserved, so it
cannot exceed a cap on that sum.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from rpds import HashTrieMap, Queue

from repurchase.domain.calendars import day_at
from repurchase.domain.counters import Counter, Kept, When, moment_of
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact
from repurchase.domain.terms import Listing
from repurchase.ledger.counters import (
    UNKNOWN,
    Sum,
    Uses,
    is_in_scope,
    named,
    when_asked,
)
from repurchase.ledger.halts import stopped_or_resumed
from repurchase.ledger.orders import Order, Terms, closed, day_of, with_worst_case
from repurchase.ledger.position import (
    BROKERS_MAX,
    NO_DAY,
    ORDERS_REMEMBERED,
    Counted,
    Day,
    DayKey,
    Opening,
    Position,
    Requests,
)
from repurchase.ledger.trades import Fault, Trade

Days: TypeAlias = "HashTrieMap[DayKey, Day]"
Counters: TypeAlias = "HashTrieMap[str, Uses]"
Ended: TypeAlias = "HashTrieMap[datetime.date, Queue[str]]"
FillDays: TypeAlias = "HashTrieMap[datetime.date, int]"
_TWO_DAYS: Final = datetime.timedelta(2)


def after(position: Position, trade: Trade) -> Position:
    """Return *position* after *trade*, as if it were approved; a fill always counts."""
    return proposed(arrived(position, trade.date), trade)


def is_arrived(position: Position, day: datetime.date) -> bool:
    """Return whether *position* has come to *day* already, and has nothing to forget for it."""
    return position.started and day <= position.today and len(position.orders) <= ORDERS_REMEMBERED


def proposed(position: Position, trade: Trade) -> Position:
    """Return the same, but for what *position* forgets when it comes to the day of *trade*.

    The rules need no more. To forget takes long, and a denied request moves the program to no day.
    """
    if trade.is_fill:
        return after_fill(position, trade) if trade.counts else position
    position = _asking(with_latest(position, trade.date), trade, is_approved=True)
    assert trade.order is not None, "every trade that is not a fill has an order"
    if trade.event.kind == "prepaid" and trade.before is None:
        position = _with_payment(position, trade)
    # An order of an unknown instrument is never approved, but the rules that evaluate it must see
    # that its shares are unknown.
    shares = 0 if trade.listing is not None else trade.shares
    return with_order(
        position,
        trade.before,
        trade.order,
        unknown_shares=_with_unknown(position.unknown_shares, trade.event.id, shares),
        days=_with_use(position.days, trade),
    )


def _with_payment(position: Position, trade: Trade) -> Position:
    """Return *position* with the money that *trade* pays ahead for shares.

    A payment of an unknown amount is never approved, but the rules must see that it is unknown.
    """
    amount = trade.amount or 0
    paid = Counted(
        trade.event, trade.listing, 0, amount, trade.date, trade.venue_date, trade.venue_time
    )
    return replace(
        position,
        executed_amount=position.executed_amount + amount,
        unknown_amount=_with_unknown(position.unknown_amount, trade.event.id, trade.amount),
        counters=_with_fill(position.counters, paid),
    )


def refused(position: Position, trade: Trade, outcome: Literal["held", "denied"]) -> Position:
    """Return *position* after an order, replace or release that was held or denied.

    The position remembers the request, which reserves nothing. A denied one moves no day, and
    counts as a message alone.
    """
    position = _asking(position, trade, is_approved=False)
    if outcome == "held":
        position = with_latest(arrived(position, trade.date), trade.date)
    # If a release is denied, its order stays held.
    if outcome == "denied" and trade.event.id in position.orders:
        return position
    if trade.before is not None:
        order = replace(trade.before, held=trade.event)
    else:
        assert trade.order is not None, "every trade that is not a fill has an order"
        order = closed(trade.order, outcome)
    orders = position.orders.insert(order.terms.event.id, order)
    return replace(position, orders=orders, ended=_with_ended(position, order), started=True)


def settled(position: Position, event: Event, clock: ZoneInfo) -> Position | Fault:
    """Return *position* after *event*, a kind that no rule evaluates, or the fault that denies it.

    *clock* is the time zone of the authorization.
    """
    if event.kind == "brought_forward":
        return _brought_forward(position, event, clock)
    if event.kind in ("halt", "resume", "confirm"):
        # What a person decides moves no day.
        return stopped_or_resumed(replace(position, started=True), event)
    if event.kind == "cancel_requested":
        # It moves no day: nothing has happened yet, and the order can still fill.
        return asked(replace(position, started=True), event, clock)
    # A report of another day cannot be taken back, so it keeps no request from an earlier day.
    position = arrived(position, day_of(event, clock))
    if event.kind == "bust":
        fill = position.fills.last(event.fill or "")
        if fill is None:
            return "unknown-fill"
        return "fill-settled" if fill.settled else without(position, fill)
    order = position.orders.get(event.order or "")
    if order is None:
        return "unknown-order"
    following = _acknowledged(order, event.kind)
    if not isinstance(following, Order):
        return following
    return with_order(position, order, following)


def _brought_forward(position: Position, event: Event, clock: ZoneInfo) -> Position | Fault:
    """Return *position* with the shares and amount that were executed before the log began."""
    if position.started:
        return "not-first"
    is_dated = event.time is not None or event.date is not None
    when = When(day_of(event, clock), moment_of(event.time)) if is_dated else None
    opening = Opening(event.shares or 0, event.amount or 0, when, is_before=not is_dated)
    return replace(
        position,
        executed_shares=position.executed_shares + opening.shares,
        executed_amount=position.executed_amount + opening.amount,
        opening=opening,
        counters=_with_opening(position.counters, opening),
        started=True,
    )


def arrived(position: Position, day: datetime.date) -> Position:
    """Return *position* on *day*, without closed orders on which no report is expected any more."""
    while len(position.orders) > ORDERS_REMEMBERED and position.ended:
        position = forgetting(position)
    if position.started and day <= position.today:
        return position
    orders, ended = position.orders, position.ended
    for kept_until, names in position.ended.items():
        if kept_until < day:
            ended = ended.remove(kept_until)
            for name in names:
                orders = orders.remove(name)
    today = max(position.today, day)
    return replace(position, orders=orders, ended=ended, today=today, started=True)


def forgetting(position: Position) -> Position:
    """Return *position* without the closed order on which reports are expected the least long."""
    day = min(position.ended)
    names = position.ended[day]
    left = names.dequeue()  # type: ignore[call-arg]  # its stub asks for a value
    ended = position.ended.insert(day, left) if left else position.ended.remove(day)
    return replace(position, orders=position.orders.remove(next(iter(names))), ended=ended)


def _with_ended(position: Position, order: Order) -> Ended:
    """Return the ended orders of *position*, by the day until which they are kept, with *order*."""
    if order.state in ("open", "held"):
        return position.ended
    day = order.terms.kept_until
    names = position.ended.get(day, Queue()).enqueue(order.terms.event.id)
    return position.ended.insert(day, names)


def with_latest(position: Position, day: datetime.date) -> Position:
    """Return *position* with *day* as its latest day, unless that is later already."""
    if day <= position.settled_day:
        return position
    later = {of: fills for of, fills in position.fill_days.items() if of > day}
    return replace(position, settled_day=day, fill_days=HashTrieMap(later))


def _with_fill_of(position: Position, day: datetime.date, more: int) -> FillDays:
    """Return the days of fills after *more* fills of *day*, or fewer if negative.

    A bust takes a fill back, and with it the day that it moved the program to.
    """
    fills = position.fill_days.get(day, 0) + more
    if day <= position.settled_day or fills < 0:
        return position.fill_days
    return position.fill_days.insert(day, fills) if fills else position.fill_days.remove(day)


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


def without(position: Position, fill: Counted, corrected_by: str | None = None) -> Position:
    """Return *position* without the shares and money of *fill*; its order stays as it is.

    *corrected_by* names the correct that counts in its place.
    """
    name = fill.event.id
    days, key = position.days, day_key(fill)
    day = None if key is None else days.get(key)
    if key is not None and day is not None:
        rest = replace(day, executed_shares=day.executed_shares - (fill.shares or 0))
        days = days.insert(key, rest)
    settled_fill = replace(fill, settled=True, corrected_by=corrected_by)
    return replace(
        position,
        executed_shares=position.executed_shares - (fill.shares or 0),
        executed_amount=position.executed_amount - (fill.amount or 0),
        unknown_shares=_settled(position.unknown_shares, name, fill.shares),
        unknown_amount=_settled(position.unknown_amount, name, fill.amount),
        fills=position.fills.with_fill(name, settled_fill),
        fill_days=_with_fill_of(position, fill.date, -1),
        days=days,
        counters=_with_fill(position.counters, fill, -1),
    )


def after_fill(position: Position, trade: Trade) -> Position:
    """Return *position* after the fill or correct *trade*, counted in full."""
    if trade.corrects is not None:
        position = without(position, trade.corrects, trade.event.id)
    name, shares, amount = trade.event.id, trade.shares, trade.amount
    fill = counted(trade)
    counters = _with_fill(position.counters, fill, trade=trade)
    return with_order(
        replace(position, counters=counters),
        trade.before,
        trade.order,
        executed_shares=position.executed_shares + (shares or 0),
        executed_amount=position.executed_amount + (amount or 0),
        unknown_shares=_with_unknown(position.unknown_shares, name, shares),
        unknown_amount=_with_unknown(position.unknown_amount, name, amount),
        fills=position.fills.with_fill(name, fill),
        fill_days=_with_fill_of(position, trade.date, 1),
        days=_with_use(position.days, trade),
    )


def counted(trade: Trade) -> Counted:
    """Return the fill *trade* as it is counted."""
    return Counted(
        trade.event,
        trade.listing,
        trade.shares,
        trade.amount,
        trade.date,
        trade.venue_date,
        trade.venue_time,
    )


def day(position: Position, trade: Trade) -> Day | None:
    """Return what *trade*'s instrument has used on its venue and day; `None` if unknown."""
    key = day_key(trade)
    if key is None or position.unknown_shares:
        return None
    return position.days.get(key, NO_DAY)


def with_order(
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
        ended=_with_ended(position, order),
        open_until=_with_days(_with_days(position.open_until, before, -1), order, 1),
        counters=_with_reserved(position.counters, before, order),
        **changes,
    )


def _with_reserved(counters: Counters, before: Order | None, order: Order) -> Counters:
    """Return *counters* with what *order* reserves, instead of what it reserved *before*."""
    return counters.update({name: of.with_order(before, order) for name, of in counters.items()})


def asked(position: Position, event: Event, clock: ZoneInfo) -> Position:
    """Return *position* after the request *event*, whatever the answer: it is a message.

    The order that it names says what it does not say itself.
    """
    listings: Sequence[Listing] = ()
    order = position.orders.get(event.order or "")
    if order is not None:
        own, listings = order.terms.event, order.terms.listings
        event = replace(event, broker=event.broker or own.broker, method=event.method or own.method)
    more = Sum(messages=1, cancels=int(event.kind == "cancel_requested"))
    found = {}
    for name, of in position.counters.items():
        when = when_asked(of.counter, event, listings, day_of(event, clock))
        if when is not None:
            found[name] = of.with_done(when, more)
    return replace(position, counters=position.counters.update(found))


def _asking(position: Position, trade: Trade, *, is_approved: bool) -> Position:
    """Return *position* after the request *trade*: a message and, if it *is_approved*, an order."""
    assert trade.order is not None, "every trade that is not a fill has an order"
    event, found, more = trade.event, {}, Sum(messages=1)
    listings = (trade.order.asked or trade.order.terms).listings
    for name, of in position.counters.items():
        when = when_asked(of.counter, event, listings, trade.date)
        if when is not None:
            if is_approved:
                more = _ordering(of.counter, when, trade)
            found[name] = of.with_done(when, more)
    requests, moment = position.requests, moment_of(event.time)
    if requests is not None and moment is not None:
        requests = requests.with_one(trade.request, moment)
    return replace(position, counters=position.counters.update(found), requests=requests)


def _ordering(counter: Counter, when: When, trade: Trade) -> Sum:
    """Return what *counter* counts of the approved request *trade* in the period of *when*."""
    assert trade.order is not None, "every trade that is not a fill has an order"
    before, terms = trade.before, trade.order.asked or trade.order.terms
    ordered = trade.shares or 0
    if before is not None:
        # In a later period than its order, a replace requests all that the order may still buy.
        ordered = trade.order.reserved_shares
        if _is_ordered_in(counter, when, before.terms):
            ordered = max(terms.shares - max(one.shares for one in before.in_play()), 0)
    return Sum(
        ordered_shares=ordered,
        messages=1,
        orders=int(before is None),
        brokers=named(trade.event),
    )


def _is_ordered_in(counter: Counter, when: When, terms: Terms) -> bool:
    """Return whether *counter* counts the request of *terms* in the period of *when*."""
    then = when_asked(counter, terms.event, terms.listings, terms.last_date)
    return then is not None and counter.is_one_period(then, when)


def _with_fill(
    counters: Counters, fill: Counted, sign: int = 1, trade: Trade | None = None
) -> Counters:
    """Return *counters* with what *fill* executed, or without it if *sign* is -1.

    What was ordered stays ordered. As a *trade*, it orders what no order did.
    """
    found = {}
    for name, of in counters.items():
        when = when_in(of.counter, fill)
        if when is not None:
            ordered = 0 if trade is None else _not_ordered(of.counter, when, trade)
            executed = Sum(fill.shares or 0, fill.amount or 0, ordered, brokers=named(fill.event))
            found[name] = of.with_done(when, executed, sign)
    return counters.update(found)


def _not_ordered(counter: Counter, when: When, trade: Trade) -> Exact:
    """Return how many shares of a fill *counter* has not counted as ordered in that period.

    By another method than its order, or on another day, none of them was ordered so.
    """
    shares, old, before = trade.shares or 0, trade.corrects, trade.before
    if old is not None:
        then = when_in(counter, old)
        is_ordered = then is not None and counter.is_one_period(then, when)
        return max(shares - (old.shares or 0), 0) if is_ordered else shares
    if before is None or trade.order is None or not _is_ordered_in(counter, when, before.terms):
        return shares
    return max(shares - (before.reserved_shares - trade.order.reserved_shares), 0)


def when_in(counter: Counter, fill: Counted) -> When | None:
    """Return when *counter* counts *fill*; `None` if it does not."""
    listings = () if fill.listing is None else (fill.listing,)
    if is_in_scope(counter, fill.event, listings) is False:
        return None
    day = fill.date if counter.zone is not None else fill.venue_date or fill.date
    when = counter.when(day, fill.event.time)
    return None if counter.within(when, when) is None else when


def since_opening(position: Position, event: Event, clock: ZoneInfo) -> Position:
    """Return *position*, in which what was brought forward was executed before the day of *event*.

    It stays so if *event* is the first that moves the program to a day.
    """
    opening = position.opening
    if opening is None or opening.when is not None or event.kind == "brought_forward":
        return position
    if event.time is None and event.date is None:
        return position
    opening = replace(opening, when=When(day_of(event, clock)))
    return replace(position, opening=opening, counters=_with_opening(position.counters, opening))


def _with_opening(counters: Counters, opening: Opening) -> Counters:
    """Return *counters* with what was executed before the log: nobody says where, or how.

    If nobody says when, it was before the first day, so a counter of days does not count it on
    that: two days earlier, no clock can show that day any more. Each other period can have it.
    """
    more = Sum(opening.shares, opening.amount, brokers=UNKNOWN)
    for name, of in counters.items():
        when = opening.when
        if when is not None and opening.is_before and of.counter.is_of_days:
            when = When(when.day - _TWO_DAYS)
        if when is not None:
            counters = counters.insert(name, _with_unnamed(of, more, when))
    return counters


def _with_unnamed(of: Uses, more: Sum, when: When) -> Uses:
    """Return *of* with *more* at *when*, in full: it can be of any scope."""
    is_known = when.moment is not None or not of.counter.is_short
    is_counted = is_known and of.counter.within(when, when) is not None
    return of.with_done(when, more) if is_counted else of


def counting(position: Position, kept: Kept) -> Position:
    """Return *position* with exactly what is to be *kept*; a new counter counts what is remembered.

    What was executed and is remembered no more may have been on any day until today, so it counts
    on that. Of messages, it counts the orders that are remembered. What was ordered is unknown in
    the periods of these.
    """
    found = {}
    for one in kept.counters:
        known = position.counters.get(one.name)
        found[one.name] = known if known and known.counter == one else _counted(position, one)
    requests = (position.requests or Requests()) if kept.requests else None
    return replace(position, counters=HashTrieMap(found), requests=requests)


def _counted(position: Position, counter: Counter) -> Uses:
    uses = HashTrieMap({counter.name: Uses(counter)})
    fills, opening = [*position.fills.counting()], position.opening
    shares = position.executed_shares - sum(fill.shares or 0 for fill in fills)
    amount = position.executed_amount - sum(fill.amount or 0 for fill in fills)
    if opening is not None:
        uses = _with_opening(uses, opening)
        shares, amount = shares - opening.shares, amount - opening.amount
    if shares or amount:
        # Nobody remembers by which broker, nor on which day until today.
        rest = Sum(shares, amount, shares, brokers=UNKNOWN)
        uses = uses.insert(counter.name, _with_rest(uses[counter.name], rest, position.today))
    for fill in fills:
        uses = _with_fill(uses, fill)
    for order in position.orders.values():
        uses = _with_reserved(_with_known(uses, order), None, order)
    return replace(uses[counter.name], ordered_since=_ordered_since(position, counter))


def _with_rest(of: Uses, rest: Sum, today: datetime.date) -> Uses:
    """Return *of* with *rest*, of an unknown day until *today*, on that and on the day after.

    On another clock it can be that day already. Of a span that is over, it is on the last day.
    """
    ends = (today, today + _TWO_DAYS / 2)
    last = of.counter.last
    days = {min(day, last or day) for day in ends}
    if of.counter.is_rolling or of.counter.per is None:
        days = {max(days)}
    whens = {of.counter.period(When(day)): When(day) for day in sorted(days)}
    for when in whens.values():
        of = _with_unnamed(of, rest, when)
    return of


def _ordered_since(position: Position, counter: Counter) -> int:
    """Return the first period of which *counter* knows what was ordered.

    Of earlier ones, the position remembers no order that was lowered or is long over.
    """
    asked = (
        when_asked(counter, terms.event, terms.listings, terms.last_date)
        for order in position.orders.values()
        for terms in order.in_play()
    )
    filled = (when_in(counter, fill) for fill in position.fills.counting())
    whens = [*asked, *filled, When(position.today) if position.executed_shares else None]
    numbers = [counter.period(when) for when in whens if when is not None]
    return max((number + 1 for number in numbers if number is not None), default=0)


def _with_known(counters: Counters, order: Order) -> Counters:
    """Return *counters* with the request of an *order* that is remembered."""
    terms, more = order.terms, Sum(messages=1)
    if order.state not in ("denied", "held"):
        ordered = max(one.shares for one in order.in_play())
        more = Sum(ordered_shares=ordered, messages=1, orders=1, brokers=named(terms.event))
    found = {}
    for name, of in counters.items():
        when = when_asked(of.counter, terms.event, terms.listings, terms.last_date)
        if when is not None:
            found[name] = of.with_done(when, more)
    return counters.update(found)


def _with_days(
    days: HashTrieMap[datetime.date, int], order: Order | None, more: int
) -> HashTrieMap[datetime.date, int]:
    """Return *days* with *more* added to each last day of an open *order*; no count is zero."""
    if order is None or not order.is_open:
        return days
    for terms in order.in_play():
        count = days.get(terms.last_date, 0) + more
        days = days.insert(terms.last_date, count) if count else days.remove(terms.last_date)
    return days


def _with_unknown(unknown: Queue[str], name: str, figure: Exact | None) -> Queue[str]:
    return unknown if figure is not None else unknown.enqueue(name)


def _settled(unknown: Queue[str], name: str, figure: Exact | None) -> Queue[str]:
    return unknown if figure is not None else Queue(one for one in unknown if one != name)


def day_key(trade: Trade | Counted) -> DayKey | None:
    """Return the instrument, venue and day of *trade*; `None` if they are not known."""
    if trade.listing is None or trade.venue_date is None:
        return None
    return (trade.listing.instrument, trade.listing.venue, trade.venue_date)


def _with_use(days: Days, trade: Trade) -> Days:
    """Return *days* with the shares that *trade* orders and executes, its broker and method.

    An order with several venues may fill wholly at any of them, so it counts in full at each.
    """
    shares = trade.shares
    if shares is None:
        return days
    for key in _keys(trade):
        days = _with_use_of(days, trade, key, shares)
    return days


def _keys(trade: Trade) -> tuple[DayKey, ...]:
    """Return the days that *trade* counts on: that of its venue, or of each that an order names."""
    key = day_key(trade)
    if key is None:
        return ()
    if trade.is_fill or trade.order is None or not trade.order.terms.places:
        return (key,)
    return tuple(_day_at(trade.event, one) or key for one in trade.order.terms.listings)


def _with_use_of(days: Days, trade: Trade, key: DayKey, shares: Exact) -> Days:
    if trade.is_fill:
        # Shares that no order and no corrected fill covers count as ordered by the fill itself.
        covered, own = _covering(trade, key)
        ordered, executed = max(shares - covered, 0), shares
        # A block order counts as one block, whatever the number of its fills.
        is_new = own is None or own.method != "block"
    else:
        ordered = _newly_ordered(trade, key, shares)
        executed, is_new = 0, trade.before is None
    return days.insert(key, used(days.get(key, NO_DAY), trade, ordered, executed, is_new=is_new))


def used(day: Day, trade: Trade, ordered: Exact, executed: Exact, *, is_new: bool) -> Day:
    """Return *day* with so many shares *ordered* and *executed* by *trade*, and its broker.

    If the trade *is_new*, its block counts, too.
    """
    return Day(
        day.ordered_shares + ordered,
        day.executed_shares + executed,
        _with_broker(day, trade),
        _with_block(day, trade) if is_new else day.blocks,
    )


def _newly_ordered(trade: Trade, key: DayKey, shares: Exact) -> Exact:
    """Return the ordinary-share equivalents that a request adds to those ordered that day."""
    before, order = trade.before, trade.order
    if before is None or order is None:
        return shares
    shares = (order.asked or order.terms).shares
    if key not in _days_of(before.terms):
        # A replace on a later day than its order requests all that the order may still buy.
        return order.reserved_shares
    return max(shares - max(terms.shares for terms in before.in_play()), 0)


def _covering(trade: Trade, key: DayKey) -> tuple[Exact, Event | None]:
    """Return how many shares of a fill were ordered before, and by which event.

    A venue that its order does not name has counted nothing of the order.
    """
    old = trade.corrects
    if old is not None:
        return (old.shares or 0, old.event) if day_key(old) == key else (0, None)
    if trade.before is None or trade.order is None or trade.is_elsewhere:
        return 0, None
    return trade.before.reserved_shares - trade.order.reserved_shares, trade.before.terms.event


def _days_of(terms: Terms) -> tuple[DayKey | None, ...]:
    """Return the instrument, venue and day for which the *terms* of an order were requested.

    There is one for each venue, and none if the instrument is not listed.
    """
    return tuple(_day_at(terms.event, listing) for listing in terms.listings)


def _day_at(event: Event, listing: Listing) -> DayKey | None:
    """Return the day of *event* at the venue of *listing*."""
    day = event.date if event.time is None else day_at(event.time, listing.zone)
    return None if day is None else (listing.instrument, listing.venue, day)


def _with_broker(day: Day, trade: Trade) -> frozenset[str] | None:
    broker = trade.event.broker
    if day.brokers is None or broker in day.brokers:
        return day.brokers
    if broker is None or len(day.brokers) >= BROKERS_MAX:
        return None
    return day.brokers | {broker}


def _with_block(day: Day, trade: Trade) -> int | None:
    method = trade.event.method
    return None if day.blocks is None or method is None else day.blocks + (method == "block")
