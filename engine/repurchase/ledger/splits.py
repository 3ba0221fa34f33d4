"""Splits: what a program has used, in the units that stand for the old ones from a day on.

A split multiplies what was executed before its day, and what open orders reserve, in the program's
sums and in each counter alike. Money stays as it is. What the position does not remember one by one
can be of any instrument: it counts as that which makes more of it.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from functools import reduce

from msgspec.structs import replace

from repurchase.domain.counters import Counter
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact, quotient, simplest
from repurchase.domain.terms import CountingRules
from repurchase.ledger.counters import Sum, Uses
from repurchase.ledger.fold import Days, when_in, with_order
from repurchase.ledger.orders import Order, split
from repurchase.ledger.position import Counted, Day, Opening, Position, Split
from repurchase.ledger.trades import Fault


def after_split(position: Position, event: Event, counting: CountingRules) -> Position | Fault:
    """Return *position* after the split *event*, or the fault that denies it.

    A split of the same day the other way round takes one back.
    """
    new = split_of(event, counting)
    if new is None:
        return "unknown-instrument"
    splits = _with_split(position.splits, new)
    if splits is None or new.instrument in counting.dated:
        return "split-twice"
    return _in_new_units(
        replace(position, splits=splits, started=True), new, _rest(position, new, counting)
    )


def split_of(event: Event, counting: CountingRules) -> Split | None:
    """Return the split that *event* states; `None` unless it names one instrument."""
    instruments = {
        one.instrument
        for (symbol, venue), one in counting.listings.items()
        if symbol == event.symbol and event.venue in (None, venue)
    }
    if len(instruments) != 1:
        return None
    (instrument,) = instruments
    ratio = quotient(event.new or 1, event.old or 1)
    return Split(instrument, event.date or datetime.date.min, ratio)


def _with_split(splits: tuple[Split, ...], new: Split) -> tuple[Split, ...] | None:
    """Return *splits* with *new*, or without what it takes back; `None` if it is there already."""
    others = tuple(one for one in splits if (one.instrument, one.day) != (new.instrument, new.day))
    if len(others) == len(splits):
        return (*splits, new)
    (old,) = (one for one in splits if one not in others)
    return others if old.ratio * new.ratio == 1 else None


def _rest(position: Position, split: Split, counting: CountingRules) -> Exact:
    """Return what to multiply by what is of no remembered fill: surely of *split*, or not."""
    known = {one.instrument for one in counting.listings.values()}
    known |= {instrument for instrument, _, _ in position.days}
    return split.ratio if known == {split.instrument} else max(split.ratio, 1)


def _in_new_units(position: Position, new: Split, rest: Exact) -> Position:
    fills = [*position.fills.counting()]
    orders = {
        name: order for name, order in position.orders.items() if order.state in ("open", "held")
    }
    since: dict[str, Exact] = {}
    for fill in position.fills.every():
        if fill.event.order is not None and fill.event.kind == "fill" and not is_before(fill, new):
            since[fill.event.order] = since.get(fill.event.order, 0) + (fill.event.quantity or 0)
    split_ = replace(
        position,
        executed_shares=_multiplied(position.executed_shares, fills, new, rest),
        fills=position.fills.each(lambda fill: _split_fill(fill, new)),
        days=_split_days(position.days, new),
        opening=_split_opening(position.opening, rest),
        counters=position.counters.update(
            {
                name: _split_uses(uses, fills, orders.values(), new, rest)
                for name, uses in position.counters.items()
            }
        ),
    )
    for name, order in orders.items():
        own = order.terms.listing
        if own is not None and own.instrument == new.instrument:
            changed = split(order, new.ratio, new.day, since.get(name, 0))
            split_ = with_order(split_, order, changed)
    return split_


def is_before(fill: Counted, new: Split) -> bool:
    """Return whether *fill* is of the instrument of a split, and before its day."""
    is_own = fill.listing is not None and fill.listing.instrument == new.instrument
    return is_own and (fill.venue_date or fill.date) < new.day


def _multiplied(total: Exact, fills: Iterable[Counted], new: Split, rest: Exact) -> Exact:
    """Return the shares *total*, of which *fills* are known, in new units."""
    own: Exact = 0
    other: Exact = 0
    for fill in fills:
        if is_before(fill, new):
            own += fill.shares or 0
        else:
            other += fill.shares or 0
    return simplest(own * new.ratio + other + (total - own - other) * rest)


def _split_fill(fill: Counted, new: Split) -> Counted:
    """Return *fill* with the shares that it is now; a correct of it states its own old units."""
    if fill.listing is None or not is_before(fill, new):
        return fill
    listing = replace(fill.listing, shares_each=simplest(fill.listing.shares_each * new.ratio))
    shares = None if fill.shares is None else simplest(fill.shares * new.ratio)
    return replace(fill, listing=listing, shares=shares)


def _split_opening(opening: Opening | None, rest: Exact) -> Opening | None:
    return None if opening is None else replace(opening, shares=simplest(opening.shares * rest))


def _split_days(days: Days, new: Split) -> Days:
    return days.update(
        {
            key: _split_day(day, new.ratio)
            for key, day in days.items()
            if key[0] == new.instrument and key[2] < new.day
        }
    )


def _split_day(day: Day, ratio: Exact) -> Day:
    return replace(
        day,
        ordered_shares=simplest(day.ordered_shares * ratio),
        executed_shares=simplest(day.executed_shares * ratio),
    )


def _split_uses(
    uses: Uses, fills: Iterable[Counted], orders: Iterable[Order], new: Split, rest: Exact
) -> Uses:
    """Return *uses* in new units; what *orders* reserve follows with each order, and stays here."""
    by_period: dict[int | None, list[Counted]] = {}
    for fill in fills:
        when = when_in(uses.counter, fill)
        if when is not None:
            by_period.setdefault(uses.counter.period(when), []).append(fill)

    def split_sum(period: int | None, sum_: Sum) -> Sum:
        shares = _multiplied(sum_.shares, by_period.get(period, ()), new, rest)
        ratio = _ratio_of(uses.counter, period, new, rest)
        ordered = simplest(sum_.ordered_shares * ratio)
        return replace(sum_, shares=shares, ordered_shares=ordered)

    orders = list(orders)
    bare = reduce(lambda of, order: of.with_order(order, None), orders, uses)
    done = {period: split_sum(period, sum_) for period, sum_ in bare.done.items()}
    # What has no moment is in each short period.
    always = split_sum(None, bare.always)
    changed = replace(bare.with_all(done), always=always)
    return reduce(lambda of, order: of.with_order(None, order), orders, changed)


def _ratio_of(counter: Counter, period: int | None, new: Split, rest: Exact) -> Exact:
    """Return what to multiply by what was ordered in *period*: nobody knows each such share."""
    per, own = counter.per, counter.instruments
    is_of_days = (
        per is not None
        and not per.is_short
        and (per.unit in ("session", "day") or counter.is_rolling)
    )
    if own and new.instrument not in own:
        return 1
    if not is_of_days or period is None:
        return max(new.ratio, 1)
    if period >= new.day.toordinal():
        return 1
    return new.ratio if own == (new.instrument,) else rest
