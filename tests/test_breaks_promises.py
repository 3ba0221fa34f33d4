"""Tests of the tests: each property of test_promises.py finds an engine that breaks it.

An engine is broken on purpose in one place, and the state machine runs with one property alone:
that property has to fail, whatever the others would have said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace as dataclass_replace
from datetime import date
from fractions import Fraction
from typing import ClassVar, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from msgspec.structs import replace

from ledger import Book
from repurchase import position as fold
from repurchase import program
from repurchase.edition import Edition
from repurchase.events import Event
from repurchase.facts import Situation
from repurchase.position import Order, OrderState, Part, Position, Trade
from repurchase.quantities import Exact
from repurchase.terms import Listing, Reckoning
from test_promises import ADS, COMMON, FIRST, LAST, PROPERTIES, Program, Property

Patch = pytest.MonkeyPatch
Key = tuple[str, str | None]

# Fees and a margin count, and either cap is soon reached.
BOOK: Final = Book(
    (COMMON, dataclass_replace(ADS, margin=Fraction(2, 100))),
    Fraction(40),
    Fraction(50_000),
    FIRST,
    LAST,
    with_fees=True,
)
# Enough to find each break many times over; a failure ends it, and nothing is shrunk.
QUICK: Final = settings(
    max_examples=5_000,
    stateful_step_count=40,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def reserves_nothing(patch: Patch) -> None:
    """An approved order is remembered, and nothing is reserved for it."""
    _folded_orders(
        patch,
        lambda before, after, _: replace(
            after, reserved_shares=before.reserved_shares, reserved_amount=before.reserved_amount
        ),
    )


def fill_takes_nothing(patch: Patch) -> None:
    """A fill leaves the reservation of its order as it was, beside what it executed."""
    _folded_fills(
        patch,
        lambda before, after, _: replace(
            after, reserved_shares=before.reserved_shares, reserved_amount=before.reserved_amount
        ),
    )


def fill_takes_twice(patch: Patch) -> None:
    """A fill takes its part out of the reservations twice."""

    def changed(before: Position, after: Position, _: Trade) -> Position:
        return replace(
            after,
            reserved_shares=2 * after.reserved_shares - before.reserved_shares,
            reserved_amount=2 * after.reserved_amount - before.reserved_amount,
        )

    _folded_fills(patch, changed)


def overrun_is_not_counted(patch: Patch) -> None:
    """A fill beyond its order leaves the position as it was."""
    _folded_fills(patch, lambda before, after, trade: before if trade.fault else after)


def denied_order_reserves(patch: Patch) -> None:
    """An order that is not approved reserves all the same."""

    def refused(position: Position, trade: Trade, _: OrderState) -> Position:
        return fold.after(position, trade)

    patch.setattr(program, "refused", refused)


def margin_is_ignored(patch: Patch) -> None:
    """The rate of settlement is taken to be the rate of the order at most."""
    _reckoned(
        patch,
        lambda reckoning: replace(
            reckoning,
            listings=_each(reckoning.listings, lambda listing: replace(listing, fx_margin=0)),
        ),
    )


def fees_are_ignored(patch: Patch) -> None:
    """Fees do not count against the money cap where they should."""
    _reckoned(patch, lambda reckoning: replace(reckoning, with_fees=False))


def expiry_is_ignored(patch: Patch) -> None:
    """Every order is taken for an order of its day."""
    whole = fold.trade

    def trade(event: Event, reckoning: Reckoning, position: Position) -> Trade:
        return whole(replace(event, expires=None), reckoning, position)

    patch.setattr(program, "trade", trade)


def venue_clock_is_used(patch: Patch) -> None:
    """The day of a trade is the venue's day, also on the authorization's clock."""
    _traded(
        patch,
        lambda trade: replace(
            trade,
            date=trade.venue_date or trade.date,
            last_date=trade.venue_last_date or trade.last_date,
        ),
    )


def own_clock_is_used(patch: Patch) -> None:
    """The venue's day is taken to be the day on the authorization's clock."""
    _traded(
        patch, lambda trade: replace(trade, venue_date=trade.date, venue_last_date=trade.last_date)
    )


def amount_is_rounded_down(patch: Patch) -> None:
    """What is less than a unit of the currency is dropped."""
    _traded(patch, lambda trade: replace(trade, amount=_whole(trade.amount)))


def shares_are_rounded_down(patch: Patch) -> None:
    """An American Depositary Share is no whole share, so it counts as none."""
    _traded(patch, lambda trade: replace(trade, shares=_whole(trade.shares)))


def unknown_amount_is_nothing(patch: Patch) -> None:
    """A fill that does not say what it cost has cost nothing."""
    _traded(patch, lambda trade: replace(trade, amount=trade.amount or 0))


def unknown_shares_are_none(patch: Patch) -> None:
    """A fill of what is not listed has bought nothing, and for nothing."""
    _traded(patch, lambda trade: replace(trade, shares=trade.shares or 0, amount=trade.amount or 0))


def denied_order_covers(patch: Patch) -> None:
    """A fill of an order that was denied is as good as one of an approved order."""
    _traded(
        patch, lambda trade: replace(trade, fault=None) if trade.fault == "order-closed" else trade
    )


def unknown_order_covers(patch: Patch) -> None:
    """A fill of an order that nobody sent is as good as one of an approved order."""
    _traded(
        patch, lambda trade: replace(trade, fault=None) if trade.fault == "unknown-order" else trade
    )


def every_fill_is_within(patch: Patch) -> None:
    """Whatever a fill of an open order costs, its order covers it."""
    patch.setattr(fold, "_within", lambda *_: True)


def no_fill_is_within(patch: Patch) -> None:
    """No order covers its fills."""
    patch.setattr(fold, "_within", lambda *_: False)


def late_fill_is_within(patch: Patch) -> None:
    """An order covers its fills also after its last day."""
    _dated(
        patch,
        lambda fill, order: replace(fill, date=order.last_date, venue_date=order.venue_last_date),
    )


def late_fill_is_within_on_its_own_clock(patch: Patch) -> None:
    """An order covers its fills until its last day is past at its venue."""
    _dated(patch, lambda fill, order: replace(fill, date=order.last_date))


def late_fill_is_within_at_its_venue(patch: Patch) -> None:
    """An order covers its fills until its last day is past on the authorization's clock."""
    _dated(patch, lambda fill, order: replace(fill, venue_date=order.venue_last_date))


def filled_order_lends_nothing_as_fees(patch: Patch) -> None:
    """The fees of a fill of an order that is filled are nothing unless it says otherwise."""
    whole = fold._part

    def part(order: Order, fill: Trade) -> Part:
        taken = whole(order, fill)
        rest = taken.rest
        return taken if rest.open_quantity else replace(taken, rest=replace(rest, fees_left=0))

    patch.setattr(fold, "_part", part)


def first_fill_of_a_day_finds_more(patch: Patch) -> None:
    """An order that is to be forgotten on a day is known to the first event of that day."""
    patch.setattr(
        fold, "_order_named", lambda fill, _, position: position.orders.get(fill.order or "")
    )


def order_past_its_day_is_unknown(patch: Patch) -> None:
    """A closed order is unknown as soon as it is past its last day, even if just told of."""
    whole = fold._order_named

    def order_named(fill: Event, reckoning: Reckoning, position: Position) -> Order | None:
        return whole(fill, reckoning, replace(position, today=date.min))

    patch.setattr(fold, "_order_named", order_named)


def after_is_before(patch: Patch) -> None:
    """The rules see the position before the event where they ask for the one after it."""
    _seen(patch, lambda before, _: before)


def last_share_is_free(patch: Patch) -> None:
    """The share cap may be passed by the four-hundredth part of a share."""
    _seen(
        patch,
        lambda _, after: replace(after, executed_shares=after.executed_shares - Fraction(1, 400)),
    )


def last_unit_of_currency_is_free(patch: Patch) -> None:
    """The money cap may be passed by one unit of its currency."""
    _seen(patch, lambda _, after: replace(after, executed_amount=after.executed_amount - 1))


def only_executed_counts(patch: Patch) -> None:
    """What is reserved for other orders is free to be used again."""

    def changed(before: Position, after: Position) -> Position:
        return replace(
            after,
            reserved_shares=after.reserved_shares - before.reserved_shares,
            reserved_amount=after.reserved_amount - before.reserved_amount,
        )

    _seen(patch, changed)


def brought_forward_again(patch: Patch) -> None:
    """What is brought forward is taken at any time."""
    whole = program._brought_forward
    patch.setattr(
        program,
        "_brought_forward",
        lambda event, position, edition: whole(event, replace(position, started=False), edition),
    )


def standing_is_of_before(patch: Patch) -> None:
    """A decision shows what was used before anything happened."""
    whole = program.standing

    def standing(_: Position, edition: Edition) -> object:
        return whole(Position(), edition)

    patch.setattr(program, "standing", standing)


# A break, and the properties that each find it alone.
BREAKS: Final[Mapping[Callable[[Patch], None], str]] = {
    reserves_nothing: "a c position",
    fill_takes_nothing: "b position",
    fill_takes_twice: "a c position",
    overrun_is_not_counted: "a d position",
    denied_order_reserves: "b denied position",
    margin_is_ignored: "a position",
    fees_are_ignored: "a d position",
    expiry_is_ignored: "a",
    venue_clock_is_used: "a",
    own_clock_is_used: "a",
    amount_is_rounded_down: "a d position",
    shares_are_rounded_down: "d position",
    unknown_amount_is_nothing: "unknown position",
    unknown_shares_are_none: "unknown position",
    denied_order_covers: "b overrun",
    unknown_order_covers: "b overrun",
    every_fill_is_within: "b overrun",
    no_fill_is_within: "overrun",
    late_fill_is_within: "overrun",
    late_fill_is_within_on_its_own_clock: "overrun",
    late_fill_is_within_at_its_venue: "overrun",
    filled_order_lends_nothing_as_fees: "d unknown position",
    first_fill_of_a_day_finds_more: "d unknown position",
    order_past_its_day_is_unknown: "d position",
    after_is_before: "a c d",
    last_share_is_free: "a d",
    last_unit_of_currency_is_free: "a d",
    only_executed_counts: "a c",
    brought_forward_again: "first",
    standing_is_of_before: "standing",
}
FOUND: Final = [
    pytest.param(broken, name, id=f"{broken.__name__}-{name}")
    for broken, names in BREAKS.items()
    for name in names.split()
]


@pytest.mark.parametrize(("broken", "name"), FOUND)
def test_break_is_found_by(
    broken: Callable[[Patch], None], name: Property, monkeypatch: Patch
) -> None:
    """One property alone finds the break, and the failure names that property."""

    class Broken(Program):
        book = BOOK
        properties: ClassVar[frozenset[Property]] = frozenset((name,))
        # Trouble comes soon: most breaks show in it.
        calm_max: ClassVar[int] = 3

    broken(monkeypatch)
    with pytest.raises(AssertionError, match=rf"^{name}: "):
        run_state_machine_as_test(Broken, settings=QUICK)


def test_every_property_finds_a_break() -> None:
    """No property is without a break that it finds."""
    assert {name for names in BREAKS.values() for name in names.split()} == PROPERTIES


def _folded_orders(patch: Patch, changed: Callable[[Position, Position, Trade], Position]) -> None:
    whole = fold._after_order
    patch.setattr(
        fold,
        "_after_order",
        lambda position, trade: changed(position, whole(position, trade), trade),
    )


def _folded_fills(patch: Patch, changed: Callable[[Position, Position, Trade], Position]) -> None:
    whole = fold._after_fill
    patch.setattr(
        fold,
        "_after_fill",
        lambda position, trade: changed(position, whole(position, trade), trade),
    )


def _reckoned(patch: Patch, changed: Callable[[Reckoning], Reckoning]) -> None:
    whole = fold.trade
    patch.setattr(
        program,
        "trade",
        lambda event, reckoning, position: whole(event, changed(reckoning), position),
    )


def _traded(patch: Patch, changed: Callable[[Trade], Trade]) -> None:
    whole = fold.trade
    patch.setattr(program, "trade", lambda *given: changed(whole(*given)))


def _dated(patch: Patch, changed: Callable[[Trade, Order], Trade]) -> None:
    whole = fold._within
    patch.setattr(
        fold,
        "_within",
        lambda fill, order, part: whole(changed(fill, order), order, part),
    )


def _seen(patch: Patch, changed: Callable[[Position, Position], Position]) -> None:
    patch.setattr(
        program,
        "Situation",
        lambda trade, before, after: Situation(trade, before, changed(before, after)),
    )


def _each(
    listings: Mapping[Key, Listing], changed: Callable[[Listing], Listing]
) -> dict[Key, Listing]:
    return {key: changed(listing) for key, listing in listings.items()}


def _whole(value: Exact | None) -> Exact | None:
    return None if value is None else value.__floor__()
