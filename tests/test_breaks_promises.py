"""Tests of the tests: each property of test_promises.py finds an engine that breaks it.

An engine is broken on purpose in one place, and the state machine runs with one property alone:
that property has to fail, whatever the others would have said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace as dataclass_replace
from datetime import date
from fractions import Fraction
from typing import ClassVar, Final, Literal
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace
from rpds import Queue

from chance import run_machine
from ledger import Book
from repurchase.domain import people
from repurchase.domain.decisions import Finding, Outcome
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact
from repurchase.domain.terms import CountingRules, Listing
from repurchase.evaluation import step
from repurchase.evaluation.judge import outcome
from repurchase.facts.fact import Situation
from repurchase.ledger import fold, orders, trades
from repurchase.ledger.orders import Order, OrderState
from repurchase.ledger.position import Counted, Position
from repurchase.ledger.trades import Fault, LaterCounting, Trade
from repurchase.rulebook.editions import Edition
from repurchase.rulebook.life import Life
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
# Enough to find each break many times over, most of them by a few events.
EXAMPLES: Final = 5_000
STEPS: Final = 25


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

    def refused(position: Position, trade: Trade, _: str) -> Position:
        return fold.after(position, trade)

    patch.setattr(step, "refused", refused)


def margin_is_ignored(patch: Patch) -> None:
    """The rate of settlement is taken to be the rate of the order at most."""
    _reckoned(
        patch,
        lambda counting: replace(
            counting,
            listings=_each(counting.listings, lambda listing: replace(listing, fx_margin=0)),
        ),
    )


def fees_are_ignored(patch: Patch) -> None:
    """Fees do not count against the money cap where they should."""
    _reckoned(patch, lambda counting: replace(counting, with_fees=False))


def expiry_is_ignored(patch: Patch) -> None:
    """Every order is taken for an order of its day."""
    whole = trades.trade

    def trade(
        event: Event, counting: CountingRules, position: Position, later: LaterCounting
    ) -> Trade | Fault:
        return whole(replace(event, expires=None), counting, position, later)

    patch.setattr(step, "trade", trade)


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
    for part in ("too_many", "too_late", "too_dear", "not_reserved"):
        patch.setattr(trades, part, lambda *_: None)


def no_fill_is_within(patch: Patch) -> None:
    """No order covers its fills."""
    excess = trades.Excess("1", "0", "shares")
    patch.setattr(trades, "not_reserved", lambda *_: excess)


def late_fill_is_within(patch: Patch) -> None:
    """An order covers its fills also after its last day."""
    patch.setattr(trades, "too_late", lambda *_: None)


def late_fill_is_within_on_its_own_clock(patch: Patch) -> None:
    """An order covers its fills until its last day is past at its venue."""
    whole = trades.too_late
    patch.setattr(
        trades, "too_late", lambda order, _, there, listing: whole(order, date.min, there, listing)
    )


def late_fill_is_within_at_its_venue(patch: Patch) -> None:
    """An order covers its fills until its last day is past on the authorization's clock."""
    whole = trades.too_late
    patch.setattr(
        trades, "too_late", lambda order, day, _, listing: whole(order, day, date.min, listing)
    )


def filled_order_lends_nothing_as_fees(patch: Patch) -> None:
    """The fees of a fill of an order that is filled are nothing unless it says otherwise."""
    whole = vars(orders.Order)["fees_of_fill"]
    patch.setattr(
        orders.Order,
        "fees_of_fill",
        property(lambda order: 0 if order.state == "filled" else whole.fget(order)),
    )


def first_fill_of_a_day_finds_more(patch: Patch) -> None:
    """An order that is to be forgotten on a day is known to the first event of that day."""
    patch.setattr(
        trades, "order_named", lambda fill, _, position: position.orders.get(fill.order or "")
    )


def order_past_its_day_is_unknown(patch: Patch) -> None:
    """A closed order is unknown as soon as it is past its last day, even if just told of."""
    whole = trades.order_named

    def named(fill: Event, counting: CountingRules, position: Position) -> Order | None:
        return whole(fill, counting, replace(position, today=date.min))

    patch.setattr(trades, "order_named", named)


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

    def not_started(position: Position, event: Event) -> tuple[Position, Event]:
        if event.kind == "brought_forward":
            position = replace(position, started=False)
        return position, event

    _settled_of(patch, not_started)


def standing_is_of_before(patch: Patch) -> None:
    """A decision shows what was used before anything happened."""
    whole = step.position_report

    def report(_: Position, edition: Edition) -> object:
        return whole(Position(), edition)

    patch.setattr(step, "position_report", report)


def bust_reserves_again(patch: Patch) -> None:
    """What was busted may be filled again."""
    whole = fold.without

    def without(position: Position, fill: Counted, by: str | None = None) -> Position:
        following = whole(position, fill, by)
        return replace(
            following,
            reserved_shares=following.reserved_shares + (fill.shares or 0),
            reserved_amount=following.reserved_amount + (fill.amount or 0),
        )

    patch.setattr(fold, "without", without)


def bust_gives_nothing_back(patch: Patch) -> None:
    """What is busted or corrected stays executed."""
    patch.setattr(fold, "without", lambda position, *_: position)


def second_bust_counts_twice(patch: Patch) -> None:
    """A fill can be taken back as often as one likes."""

    def unsettled(position: Position, event: Event) -> tuple[Position, Event]:
        fill = position.fills.get(event.fill or "")
        if event.kind != "bust" or fill is None:
            return position, event
        fills = position.fills.with_fill(fill.event.id, replace(fill, settled=False))
        return replace(position, fills=fills), event

    _settled_of(patch, unsettled)


def bust_settles_nothing_unknown(patch: Patch) -> None:
    """What a fill left unknown stays so once it is busted."""
    whole = fold.without

    def without(position: Position, fill: Counted, by: str | None = None) -> Position:
        return replace(whole(position, fill, by), unknown_amount=position.unknown_amount)

    patch.setattr(fold, "without", without)


def correct_upwards_conforms(patch: Patch) -> None:
    """Any correct is covered by the fill that it corrects."""
    whole = vars(Trade)["is_new_use"]
    patch.setattr(
        Trade,
        "is_new_use",
        property(lambda trade: trade.corrects is None and whole.__get__(trade)),
    )


def correct_is_new_use(patch: Patch) -> None:
    """No correct is covered by the fill that it corrects."""
    patch.setattr(Trade, "is_new_use", property(lambda trade: not trade.of_order))


def replace_reserves_the_new_alone(patch: Patch) -> None:
    """What a replace gives up is free as soon as it is asked for."""
    _reserved(patch, lambda order: order if order.asked is None else _with_terms(order, 1))


def replace_reserves_the_old_alone(patch: Patch) -> None:
    """What a replace asks for is not reserved until it is answered."""
    _reserved(patch, lambda order: order if order.asked is None else _with_terms(order, 0))


def replace_reserves_the_larger_alone(patch: Patch) -> None:
    """An order fills wholly by the old terms or wholly by the new."""
    whole = orders.worst_case

    def worst(order: Order) -> tuple[Exact | None, ...]:
        if order.asked is None:
            return whole(order)
        old, new = (whole(_with_terms(order, which)) for which in (0, 1))
        return tuple(
            None if one is None or other is None else max(one, other)
            for one, other in zip(old, new, strict=True)
        )

    patch.setattr(orders, "worst_case", worst)


def replace_goes_below_what_has_filled(patch: Patch) -> None:
    """A replace may ask for less than has filled."""
    whole = trades.replacement

    def asked(
        event: Event, order: Order, counting: CountingRules, later: LaterCounting = ()
    ) -> Trade | Fault:
        found = whole(event, replace(order, filled=0), counting, later)
        if isinstance(found, str) or found.order is None:
            return found
        following = orders.with_worst_case(replace(found.order, filled=order.filled))
        return replace(found, order=following, before=order)

    patch.setattr(trades, "replacement", asked)


def no_replace_raises(patch: Patch) -> None:
    """No replace is judged."""
    patch.setattr(step, "raises", lambda _: False)


def every_replace_raises(patch: Patch) -> None:
    """A replace that lowers is judged as one that raises."""
    patch.setattr(step, "raises", lambda _: True)


def extension_does_not_raise(patch: Patch) -> None:
    """A replace that lets an order last longer asks for nothing more."""
    whole = trades.raises

    def raises(proposed: Trade) -> bool:
        order = proposed.order
        if order is None or order.asked is None:
            return whole(proposed)
        old = order.terms
        asked = replace(order.asked, last_date=old.last_date, venue_last_date=old.venue_last_date)
        return whole(replace(proposed, order=replace(order, asked=asked)))

    patch.setattr(step, "raises", raises)


def replaced_keeps_the_old(patch: Patch) -> None:
    """Once a replace is done the old terms hold."""
    _settled_of(patch, _answering("replaced", "rejected"))


def rejected_takes_the_new(patch: Patch) -> None:
    """Once a replace is rejected its terms hold."""
    _settled_of(patch, _answering("rejected", "replaced"))


def rejected_order_is_never_filled(patch: Patch) -> None:
    """An order stays open though more has filled than it has once its replace is rejected."""
    whole = orders.closed

    def closed(order: Order, state: OrderState) -> Order:
        return orders.with_worst_case(order) if state == "filled" else whole(order, state)

    patch.setattr(fold, "closed", closed)


def asked_terms_cover_nothing(patch: Patch) -> None:
    """A fill in flight is covered by the old price alone."""
    whole = trades.too_dear
    patch.setattr(
        trades,
        "too_dear",
        lambda order, *given: whole(replace(order, asked=None), *given),
    )


def held_replace_is_in_force(patch: Patch) -> None:
    """A replace that waits for its release reserves already."""
    whole = fold.refused

    def refused(position: Position, trade: Trade, result: Literal["held", "denied"]) -> Position:
        if result == "held" and trade.before is not None:
            return fold.after(position, trade)
        return whole(position, trade, result)

    patch.setattr(step, "refused", refused)


def cancel_leaves_the_rest_reserved(patch: Patch) -> None:
    """What nothing can fill any more stays reserved."""
    whole = orders.closed

    def closed(order: Order, state: OrderState) -> Order:
        following = whole(order, state)
        if state != "cancelled":
            return following
        return replace(following, reserved_shares=order.reserved_shares)

    patch.setattr(fold, "closed", closed)


def cancel_releases_twice(patch: Patch) -> None:
    """What is released is released once more."""
    whole = orders.closed

    def closed(order: Order, state: OrderState) -> Order:
        following = whole(order, state)
        if state != "cancelled":
            return following
        return replace(following, reserved_shares=-order.reserved_shares)

    patch.setattr(fold, "closed", closed)


def closed_order_can_be_cancelled(patch: Patch) -> None:
    """The venue's word that nothing more can fill is taken of any order."""

    def opened(position: Position, event: Event) -> tuple[Position, Event]:
        order = position.orders.get(event.order or "")
        if event.kind != "cancel" or order is None:
            return position, event
        held = position.orders.insert(order.terms.event.id, replace(order, state="open"))
        return replace(position, orders=held), event

    _settled_of(patch, opened)


def anyone_releases(patch: Patch) -> None:
    """Who ordered may release."""
    patch.setattr(trades, "is_same_person", lambda *_: False)


def names_are_taken_as_written(patch: Patch) -> None:
    """A name in capitals is another's."""
    patch.setattr(people, "plain_name", lambda text: text)


def review_is_not_waived(patch: Patch) -> None:
    """What is released is held again."""
    patch.setattr(step, "outcome_of", lambda _, findings: outcome(findings))


def all_rules_are_waived(patch: Patch) -> None:
    """Whoever releases answers for every rule."""
    whole = step.outcome_of

    def waived(event: Event, findings: tuple[Finding, ...]) -> Outcome:
        return "approved" if event.kind == "release" else whole(event, findings)

    patch.setattr(step, "outcome_of", waived)


def halt_spares_replaces(patch: Patch) -> None:
    """A halt stops orders and releases alone."""
    whole = step.own_findings

    def own_findings(
        event: Event, proposed: Trade, position: Position, life: Life, *, live: bool
    ) -> Iterator[Finding]:
        if event.kind == "replace":
            position = replace(position, halts=Queue())
        return whole(event, proposed, position, life, live=live)

    patch.setattr(step, "own_findings", own_findings)


def breach_does_not_halt(patch: Patch) -> None:
    """After a breach the program goes on."""
    patch.setattr(step, "is_breach", lambda _: False)


def whatever_is_denied_halts(patch: Patch) -> None:
    """What cannot be decided halts as a breach does."""
    patch.setattr(step, "is_breach", lambda findings: outcome(findings) == "denied")


def resume_does_nothing(patch: Patch) -> None:
    """What is halted stays halted."""
    whole = fold.settled

    def settled(position: Position, event: Event, clock: ZoneInfo) -> Position | Fault:
        following = whole(position, event, clock)
        if isinstance(following, str) or event.kind != "resume":
            return following
        return replace(following, halts=position.halts)

    patch.setattr(step, "settled", settled)


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
    amount_is_rounded_down: "d position",
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
    filled_order_lends_nothing_as_fees: "d position",
    first_fill_of_a_day_finds_more: "d position",
    order_past_its_day_is_unknown: "d position",
    after_is_before: "a c d",
    last_share_is_free: "a d",
    last_unit_of_currency_is_free: "a d",
    only_executed_counts: "a c",
    brought_forward_again: "first",
    standing_is_of_before: "standing",
    bust_reserves_again: "position closed",
    bust_gives_nothing_back: "b d position closed",
    second_bust_counts_twice: "allowed position closed",
    bust_settles_nothing_unknown: "position",
    correct_upwards_conforms: "scope",
    correct_is_new_use: "scope",
    replace_reserves_the_new_alone: "overrun position",
    replace_reserves_the_old_alone: "a c overrun position",
    replace_reserves_the_larger_alone: "a c position",
    replace_goes_below_what_has_filled: "allowed",
    no_replace_raises: "b recorded",
    every_replace_raises: "recorded",
    extension_does_not_raise: "recorded",
    replaced_keeps_the_old: "position",
    rejected_takes_the_new: "position",
    rejected_order_is_never_filled: "position",
    asked_terms_cover_nothing: "overrun",
    held_replace_is_in_force: "denied position",
    cancel_leaves_the_rest_reserved: "position closed",
    cancel_releases_twice: "position closed",
    closed_order_can_be_cancelled: "allowed",
    anyone_releases: "released",
    names_are_taken_as_written: "released",
    review_is_not_waived: "released",
    all_rules_are_waived: "a released",
    halt_spares_replaces: "halted",
    breach_does_not_halt: "breach",
    whatever_is_denied_halts: "breach",
    resume_does_nothing: "breach",
}
# Those that show only where something is held, or is of a rule for orders alone.
REVIEWED: Final = frozenset(
    (
        correct_upwards_conforms,
        correct_is_new_use,
        held_replace_is_in_force,
        anyone_releases,
        names_are_taken_as_written,
        review_is_not_waived,
        all_rules_are_waived,
    )
)
FOUND: Final = [
    pytest.param(broken, name, id=f"{broken.__name__}-{name}")
    for broken, names in BREAKS.items()
    for name in names.split()
]


@pytest.mark.slow
@pytest.mark.parametrize(("broken", "name"), FOUND)
def test_break_is_found_by(
    broken: Callable[[Patch], None], name: Property, monkeypatch: Patch
) -> None:
    """One property alone finds the break, and the failure names that property."""

    class Broken(Program):
        book = BOOK
        review = broken in REVIEWED
        properties: ClassVar[frozenset[Property]] = frozenset((name,))
        # Trouble comes soon: most breaks show in it.
        calm_max: ClassVar[int] = 3

    broken(monkeypatch)
    with pytest.raises(AssertionError, match=rf"^{name}: "):
        run_machine(Broken, EXAMPLES, STEPS)


def test_every_property_finds_a_break() -> None:
    """No property is without a break that it finds."""
    assert {name for names in BREAKS.values() for name in names.split()} == PROPERTIES


def _settled_of(patch: Patch, changed: Callable[[Position, Event], tuple[Position, Event]]) -> None:
    """Settle an event that no rule judges as another, or at another position."""
    whole = fold.settled

    def settled(position: Position, event: Event, clock: ZoneInfo) -> Position | Fault:
        return whole(*changed(position, event), clock)

    patch.setattr(step, "settled", settled)


def _answering(kind: str, other: str) -> Callable[[Position, Event], tuple[Position, Event]]:
    """Return the venue's answer *kind* to a replace as the *other*."""

    def changed(position: Position, event: Event) -> tuple[Position, Event]:
        order = position.orders.get(event.order or "")
        is_pending = event.kind == kind and order is not None and order.asked is not None
        return position, replace(event, kind=other) if is_pending else event

    return changed


def _with_terms(order: Order, which: int) -> Order:
    """Return the pending *order* as if one of its terms alone held."""
    return replace(order, terms=order.in_play()[which], asked=None)


def _reserved(patch: Patch, changed: Callable[[Order], Order]) -> None:
    whole = orders.worst_case
    patch.setattr(orders, "worst_case", lambda order: whole(changed(order)))


def _folded_orders(patch: Patch, changed: Callable[[Position, Position, Trade], Position]) -> None:
    whole = fold.after

    def after(position: Position, trade: Trade) -> Position:
        following = whole(position, trade)
        return following if trade.is_fill else changed(position, following, trade)

    patch.setattr(step, "after", after)


def _folded_fills(patch: Patch, changed: Callable[[Position, Position, Trade], Position]) -> None:
    whole = fold.after_fill
    patch.setattr(
        fold,
        "after_fill",
        lambda position, trade: changed(position, whole(position, trade), trade),
    )


def _reckoned(patch: Patch, changed: Callable[[CountingRules], CountingRules]) -> None:
    whole = trades.trade
    patch.setattr(
        step,
        "trade",
        lambda event, counting, position, later: whole(
            event, changed(counting), position, [(day, changed(then)) for day, then in later]
        ),
    )


def _traded(patch: Patch, changed: Callable[[Trade], Trade]) -> None:
    whole = trades.trade

    def trade(
        event: Event, counting: CountingRules, position: Position, later: LaterCounting
    ) -> Trade | Fault:
        found = whole(event, counting, position, later)
        return changed(found) if isinstance(found, Trade) else found

    patch.setattr(step, "trade", trade)


def _seen(patch: Patch, changed: Callable[[Position, Position], Position]) -> None:
    patch.setattr(
        step,
        "Situation",
        lambda trade, before, after, _: Situation(trade, before, changed(before, after)),
    )


def _each(
    listings: Mapping[Key, Listing], changed: Callable[[Listing], Listing]
) -> dict[Key, Listing]:
    return {key: changed(listing) for key, listing in listings.items()}


def _whole(value: Exact | None) -> Exact | None:
    return None if value is None else value.__floor__()
