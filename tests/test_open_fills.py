"""What a newly adopted rule file makes of the fills of open orders."""

from __future__ import annotations

from datetime import date
from typing import Final

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from desk_events import RULES, Draft, drafts, order, rules
from repurchase.domain.events import Event
from repurchase.evaluation.open_fills import OpenFill, fills_under
from repurchase.evaluation.step import step
from repurchase.ledger.position import Position
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.life import life

DAY: Final = date(2008, 11, 17)


def position_of(*events: Event) -> Position:
    """Return the position after *events* under the tests' rule file, which approves them."""
    position, editions = Position(), rules().editions
    for one in events:
        taken = step(one, position, life(editions, one, position))
        assert taken.decision.outcome == "approved"
        position = taken.position
    return position


def with_rule(text: str) -> Editions:
    """Return the tests' rule file with one more rule."""
    return load_text((RULES + f"  - {{id: more, {text}}}\n").encode(), "new.yaml")


def tried(text: str, *events: Event, day: date = DAY) -> list[tuple[str, date, str, bool]]:
    """Return what a file with one more rule makes of the fills of the orders among *events*."""
    found = fills_under(position_of(*events), with_rule(text), day)
    return [(one.order, one.day, one.decision.outcome, one.halts) for one in found]


def failing(one: OpenFill) -> list[tuple[str, str]]:
    return [(found.rule, found.result) for found in one.decision.findings]


def test_rule_that_the_limit_of_an_order_breaks_halts() -> None:
    """The order at its limit breaks the rule for fills; the cheaper one does not."""
    orders = order("a", 2, 100), order("b", 3, 90)
    assert tried("at: fill, require: trade.price_per_share <= JPY 95", *orders) == [
        ("a", DAY, "denied", True),
        ("b", DAY, "approved", False),
    ]


def test_rule_for_orders_alone_evaluates_no_fill() -> None:
    """What orders may no longer be asked for may still fill."""
    rule = "at: order, require: trade.price_per_share <= JPY 95"
    assert tried(rule, order("a", 2, 100)) == [("a", DAY, "approved", False)]


def test_rule_that_is_undecided_denies_and_does_not_halt() -> None:
    """A fact that nobody supplies denies the fill; the desk goes on."""
    found = fills_under(
        position_of(order("a")),
        with_rule("at: fill, require: trade.price <= market.day_high"),
        DAY,
    )
    (one,) = found
    assert (one.decision.outcome, one.halts, one.is_approved) == ("denied", False, False)
    assert failing(one) == [("more", "indeterminate")]


def test_later_edition_is_tried_while_the_order_can_fill() -> None:
    """A rule from December on halts the order that lasts until then, and not the other."""
    day = date(2008, 11, 20)
    lasting = order("a", date=day, expires=date(2008, 12, 1))
    brief = order("b", date=day, expires=date(2008, 11, 30))
    found = tried("from: 2008-12-01, require: trade.units > 9", lasting, brief, day=day)
    assert found == [("a", date(2008, 12, 1), "denied", True), ("b", day, "approved", False)]


def test_order_that_can_no_longer_fill_is_left_out() -> None:
    """Neither a filled order nor one past its last day is tried."""
    filled = order("a"), structs.replace(order("f"), kind="fill", order="a")
    assert tried("require: trade.units > 9", *filled) == []
    assert tried("require: trade.units > 9", order("a"), day=date(2008, 11, 18)) == []


def test_all_that_is_open_is_tried() -> None:
    """Of an order that has filled in part, the rest."""
    events = order("a", 5), structs.replace(order("f", 2), kind="fill", order="a")
    assert tried("at: fill, require: trade.units <= 3", *events) == [("a", DAY, "approved", False)]
    assert tried("at: fill, require: trade.units <= 2", *events) == [("a", DAY, "denied", True)]


@given(plan=st.lists(drafts(), min_size=3, max_size=15))
def test_fill_within_an_order_is_decided_as_it_was_tried(plan: list[Draft]) -> None:
    """A file of caps alone approves the rest of each order that it approved, at its limit."""
    editions, position = rules().editions, Position()
    for count, draft in enumerate(plan):
        event = draft.event(f"e-{count}", position)
        position = step(event, position, life(editions, event, position)).position
    for one in fills_under(position, editions, max(position.today, DAY)):
        own = position.orders[one.order]
        assert own.is_open
        # Of an order with several venues, a fill says at which it was.
        venue = own.terms.listings[0].venue
        event = Event(kind="fill", id="x", order=one.order, date=one.day, venue=venue, quantity=1)
        assert own.lasts(one.day, one.day, venue)
        taken = step(event, position, life(editions, event, position), live=True)
        if one.is_approved:
            assert taken.decision.outcome == "approved"
