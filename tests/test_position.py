"""The fold of orders and fills to a position, rule by rule of the design's section 5."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import desk_events
from desk_events import Draft, drafts
from repurchase.domain.calendars import zone
from repurchase.domain.counters import Kept
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact
from repurchase.domain.terms import CountingRules, Listing
from repurchase.domain.venues import zone_name
from repurchase.evaluation.step import step
from repurchase.facts.day import OF_DAY
from repurchase.facts.fact import Situation, Value
from repurchase.facts.table import TABLE
from repurchase.ledger import fold
from repurchase.ledger.fold import after, counting, day, refused, settled
from repurchase.ledger.position import Day, Position
from repurchase.ledger.trades import Trade, trade
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.life import life
from repurchase.rulebook.packs import shipped_counters

FRIDAY: Final = date(2009, 1, 30)
# The afternoon in Tokyo, and still the night of the same day in New York.
NOON: Final = datetime(2009, 1, 30, 5, tzinfo=UTC)
NEXT: Final = NOON + timedelta(days=1)
TINY: Final = Fraction(1, 10**12)


def listing(
    name: str, symbol: str, venue: str, each: Exact, currency: str = "JPY", margin: Exact = 0
) -> Listing:
    return Listing(name, symbol, venue, zone(zone_name(venue)), currency, each, margin)


COMMON: Final = listing("common", "3774", "XTKS", 1)
NAGOYA: Final = listing("common", "3774", "XNGO", 1)
ADS: Final = listing("ads", "IIJI", "XNAS", Fraction(1, 400), "USD", Fraction(1, 50))
ONE_DAY: Final = timedelta(days=1)
# How long after its last day a venue may report on an order.
KEPT: Final = timedelta(days=28)
CONTRACT: Final = CountingRules(
    zone("Asia/Tokyo"),
    "JPY",
    with_fees=False,
    listings={
        ("3774", "XTKS"): COMMON,
        ("3774", "XNGO"): NAGOYA,
        ("IIJI", "XNAS"): ADS,
        ("IIJI", None): ADS,
    },
)
WITH_FEES: Final = replace(CONTRACT, with_fees=True)


def order(**fields: Any) -> Event:
    """Return an order of 10 common shares at 100 yen at most, but for *fields*."""
    given: dict[str, Any] = {"kind": "order", "id": "o", "time": NOON}
    given |= {"symbol": "3774", "venue": "XTKS", "side": "buy", "quantity": 10, "price": 100}
    return Event(**(given | fields))


def ads(**fields: Any) -> Event:
    """Return an order of 10 ADSs at 5 dollars at most, at 100 yen for one, but for *fields*."""
    return order(**({"symbol": "IIJI", "venue": None, "price": 5, "fx": 100} | fields))


def fill(**fields: Any) -> Event:
    """Return a fill of the order `o`, wholly and as it says, but for *fields*."""
    given: dict[str, Any] = {"kind": "fill", "id": "f", "time": NOON, "order": "o", "quantity": 10}
    return Event(**(given | fields))


def counted(event: Event, counting: CountingRules, position: Position) -> Trade:
    """Return *event*, an order or a fill, counted."""
    found = trade(event, counting, position)
    assert isinstance(found, Trade)
    return found


def held(event: Event, counting: CountingRules = CONTRACT) -> Position:
    """Return the position after the approved order *event*."""
    return after(Position(), counted(event, counting, Position()))


def took(position: Position, event: Event, counting: CountingRules = CONTRACT) -> Position:
    """Return *position* after *event*, an approved order or a fill."""
    return after(position, counted(event, counting, position))


def sums(position: Position) -> tuple[Exact | None, Exact | None, Exact, Exact | None]:
    """Return executed shares and amount, then reserved shares and amount, `None` if unknown."""
    return (
        position.known_executed_shares(),
        position.known_executed_amount(),
        position.reserved_shares,
        position.known_reserved_amount(),
    )


@pytest.mark.parametrize(
    ("event", "counting", "reserved"),
    [
        (order(), CONTRACT, (10, 1_000)),
        (order(price=Fraction(199, 2)), CONTRACT, (10, 995)),
        (order(fx=1), CONTRACT, (10, 1_000)),
        (order(fx=2), CONTRACT, (10, None)),
        (order(price=None), CONTRACT, (10, None)),
        (order(fees=7), CONTRACT, (10, 1_000)),
        (order(fees=7), WITH_FEES, (10, 1_007)),
        (order(fees=0), WITH_FEES, (10, 1_000)),
        (order(), WITH_FEES, (10, None)),
        (ads(), CONTRACT, (Fraction(1, 40), 5_100)),
        (ads(quantity=400), CONTRACT, (1, 204_000)),
        (ads(fx=None), CONTRACT, (Fraction(1, 40), None)),
        (ads(fees=7), WITH_FEES, (Fraction(1, 40), 5_107)),
    ],
)
def test_order_reserves_its_worst_case(
    event: Event, counting: CountingRules, reserved: tuple[Exact, Exact | None]
) -> None:
    """Open quantity times limit, rate and margin, with fees where they count, is reserved."""
    assert sums(held(event, counting)) == (0, 0, *reserved)


@pytest.mark.parametrize(
    "event", [order(symbol="0"), order(venue="XNAS"), order(venue=None), ads(venue="XTKS")]
)
def test_order_of_no_listed_instrument_leaves_everything_unknown(event: Event) -> None:
    """Symbol and venue together name an instrument: were another pair approved, who knows."""
    position = held(event)
    assert (position.used_shares(), position.used_amount()) == (None, None)


@pytest.mark.parametrize("state", ["denied", "held"])
def test_refused_order_reserves_nothing(state: Any) -> None:
    """An order that is not approved is remembered, and changes no figure and no day."""
    position = refused(Position(), counted(order(), CONTRACT, Position()), state)
    assert (sums(position), position.orders["o"].state, len(position.days)) == (
        (0, 0, 0, 0),
        state,
        0,
    )


# A fill of an order of 10 ADSs at 5 dollars, at 100 yen and 2 percent, with 30 yen of fees: each
# limit once met and once passed by the smallest step.
LAST_OF_FRIDAY: Final = datetime(2009, 1, 31, 4, 59, 59, 999_999, tzinfo=UTC)
WITHIN: Final[tuple[tuple[dict[str, Any], dict[str, Any]], ...]] = (
    ({"quantity": 10}, {"quantity": 11}),
    ({"price": 5}, {"price": 5 + TINY}),
    ({"amount": 50}, {"amount": 50 + TINY}),
    ({"price": 6, "amount": 50}, {"price": 5, "amount": 50 + TINY}),
    ({"fx": 102}, {"fx": 102 + TINY}),
    ({"price": 4, "fx": Fraction(255, 2)}, {"price": 4, "fx": Fraction(255, 2) + TINY}),
    ({"fees": 30, "fx": 102}, {"fees": 30 + TINY, "fx": 102}),
    ({"fees": 130}, {"fees": 130 + TINY}),
    ({"time": LAST_OF_FRIDAY}, {"time": LAST_OF_FRIDAY + timedelta(microseconds=1)}),
    ({"symbol": "IIJI"}, {"symbol": "3774", "venue": "XTKS"}),
    ({"venue": "XNAS"}, {"venue": "XNYS"}),
    ({"side": "buy"}, {"side": "sell"}),
    ({"order": "o"}, {"order": "p"}),
)


@pytest.mark.parametrize(("within", "beyond"), WITHIN)
def test_fill_beyond_its_order_is_an_overrun(
    within: dict[str, Any], beyond: dict[str, Any]
) -> None:
    """Each limit of an order is met by one fill and passed by another by the smallest step."""
    # Ordered on Friday in New York, whose last instant is Saturday afternoon in Tokyo.
    asked = ads(fees=30, time=datetime(2009, 1, 30, 15, tzinfo=UTC))
    position = held(asked, WITH_FEES)
    filled: dict[str, Any] = {"fees": 30, "time": asked.time}
    found = [
        counted(fill(**(filled | fields)), WITH_FEES, position).fault is None
        for fields in (within, beyond)
    ]
    assert found == [True, False]


@pytest.mark.parametrize(
    ("expires", "last"),
    [
        # Friday ends in New York on Saturday afternoon in Tokyo, where the day is not over.
        (None, LAST_OF_FRIDAY),
        # Friday ends in Tokyo on Friday morning in New York, where the day is not over.
        (NOON, datetime(2009, 1, 30, 14, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_fill_is_late_on_either_clock(expires: datetime | None, last: datetime) -> None:
    """A fill is an overrun as soon as one clock is past the last day that it showed the order."""
    asked = ads(expires=expires)
    times = (last, last + timedelta(microseconds=1))
    found = [counted(fill(time=time), CONTRACT, held(asked)).fault for time in times]
    assert found == [None, "overrun"]


@pytest.mark.parametrize(
    ("events", "fault"),
    [
        ([], "unknown-order"),
        ([order()], None),
        ([order(), fill(id="f0", quantity=9)], "overrun"),
        ([order(), fill(id="f0")], "overrun"),
    ],
)
def test_fill_names_what_is_amiss_with_its_order(events: list[Event], fault: str | None) -> None:
    """An unknown, a partly filled and a wholly filled order do not cover a fill of the whole."""
    position = Position()
    for event in events:
        position = took(position, event)
    assert counted(fill(), CONTRACT, position).fault == fault


@pytest.mark.parametrize("state", ["denied", "held"])
def test_fill_of_an_order_not_approved_counts_in_full(state: Any) -> None:
    """What was bought without approval was bought all the same, at what the order said."""
    position = refused(Position(), counted(order(), CONTRACT, Position()), state)
    assert (counted(fill(), CONTRACT, position).fault, sums(took(position, fill()))) == (
        "order-closed",
        (10, 1_000, 0, 0),
    )


@pytest.mark.parametrize(
    ("day", "found"),
    [
        (FRIDAY, ("overrun", (11, 1_100, 0, 0))),
        (FRIDAY + KEPT, ("overrun", (11, 1_100, 0, 0))),
        (FRIDAY + KEPT + ONE_DAY, ("unknown-order", (None, None, 0, 0))),
    ],
)
def test_first_event_of_a_day_finds_the_orders_that_later_ones_find(
    day: date, found: tuple[str, tuple[Exact | None, ...]]
) -> None:
    """A closed order lends its fields until its last day is past, whatever came first that day."""
    first = took(held(order()), fill())
    later = refused(first, counted(order(id="p", time=None, date=day), CONTRACT, first), "denied")
    more = fill(id="f1", quantity=1, time=None, date=day)
    assert [
        (counted(more, CONTRACT, position).fault, sums(took(position, more)))
        for position in (first, later)
    ] == [found, found]


def test_order_of_a_day_past_lends_its_fields_until_another_day_begins() -> None:
    """What is told late, or closed late, is known all the same to the other fills of that day."""
    tomorrow, later = FRIDAY + KEPT, FRIDAY + KEPT + ONE_DAY
    late = took(held(order()), fill(time=None, date=tomorrow))
    told = took(held(order(id="p", time=None, date=tomorrow)), fill(order="p"))
    told = refused(told, counted(order(), CONTRACT, told), "denied")
    faults = [
        counted(fill(id="f1", time=None, date=day), CONTRACT, position).fault
        for position in (late, told)
        for day in (tomorrow, later)
    ]
    assert faults == ["overrun", "unknown-order", "order-closed", "unknown-order"]


def test_fill_without_an_order_has_no_fault_and_counts() -> None:
    """A log of fills alone names no orders: nothing is amiss with them."""
    event = fill(order=None, symbol="3774", venue="XTKS", side="buy", price=100)
    assert (counted(event, CONTRACT, Position()).fault, sums(took(Position(), event))) == (
        None,
        (10, 1_000, 0, 0),
    )


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ({}, (10, 1_000, 0, 0)),
        ({"quantity": 4}, (4, 400, 6, 600)),
        ({"quantity": 4, "price": 90}, (4, 360, 6, 600)),
        ({"quantity": 4, "price": 110}, (4, 440, 6, 600)),
        ({"quantity": 12}, (12, 1_200, 0, 0)),
        ({"quantity": 4, "amount": 333}, (4, 333, 6, 600)),
        ({"quantity": 4, "fx": 2}, (4, None, 6, 600)),
        ({"quantity": 4, "venue": "XNGO"}, (4, 400, 6, 600)),
        ({"quantity": 4, "symbol": "0"}, (None, None, 10, 1_000)),
        ({"quantity": 4, "side": "sell"}, (0, 0, 10, 1_000)),
        ({"quantity": 4, "order": "p"}, (None, None, 10, 1_000)),
        (
            {"order": "p", "symbol": "3774", "venue": "XTKS", "price": 100},
            (10, 1_000, 10, 1_000),
        ),
        ({"order": "p", "symbol": "3774", "venue": "XTKS"}, (10, None, 10, 1_000)),
    ],
)
def test_fill_counts_and_takes_its_part(
    fields: Mapping[str, Any], left: tuple[Exact | None, ...]
) -> None:
    """A fill counts in full and takes what was reserved for it, and only of its own order."""
    assert sums(took(held(order()), fill(**fields))) == left


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ({"quantity": 4, "fees": 5}, (4, 405, 6, 625)),
        ({"quantity": 4, "fees": 30}, (4, 430, 6, 600)),
        ({"quantity": 4, "fees": 31}, (4, 431, 6, 600)),
        # A fill that does not say its fees takes all that its order has left.
        ({"quantity": 4}, (4, 430, 6, 600)),
        # Once nothing can fill any more, unused fees are free.
        ({"quantity": 10, "fees": 5}, (10, 1_005, 0, 0)),
    ],
)
def test_fees_are_reserved_until_used(fields: Mapping[str, Any], left: tuple[Exact, ...]) -> None:
    """The part of an order's fees that its fills have not used stays reserved."""
    assert sums(took(held(order(fees=30), WITH_FEES), fill(**fields), WITH_FEES)) == left


@pytest.mark.parametrize(
    ("fees", "amount"), [({"fees": 7}, 1_112), ({"fees": 0}, 1_105), ({}, None)]
)
def test_filled_order_lends_no_fees(fees: Mapping[str, Any], amount: Exact | None) -> None:
    """What was free once an order was filled is not a figure for the fees of a fill beyond it."""
    position = took(held(order(fees=30), WITH_FEES), fill(fees=5), WITH_FEES)
    more = fill(id="f1", quantity=1, **fees)
    assert sums(took(position, more, WITH_FEES)) == (11, amount, 0, 0)


def test_denied_order_lends_its_fees() -> None:
    """An order that nothing filled says the most that the fees of a fill can be."""
    position = refused(Position(), counted(order(fees=30), WITH_FEES, Position()), "denied")
    assert sums(took(position, fill(), WITH_FEES)) == (10, 1_030, 0, 0)


def test_unsaid_fees_of_a_fill_alone_are_unknown() -> None:
    """Where fees count, a fill that says none and has no order leaves the amount unknown."""
    event = fill(order=None, symbol="3774", venue="XTKS", side="buy", price=100)
    position = took(Position(), event, WITH_FEES)
    assert (sums(position), list(position.unknown_amount)) == ((10, None, 0, 0), ["f"])


def test_unbounded_order_hides_the_reserved_amount_until_it_is_filled() -> None:
    """An order without a price makes the reserved amount unknown as long as it is open."""
    position = took(held(order()), order(id="p", price=None))
    half = took(position, fill(id="f1", order="p", quantity=4, price=1))
    whole = took(half, fill(id="f2", order="p", quantity=6, price=1))
    assert [sums(one) for one in (position, half, whole)] == [
        (0, 0, 20, None),
        (4, 4, 16, None),
        (10, 10, 10, 1_000),
    ]


def test_unknown_fills_are_listed_by_name() -> None:
    """A figure that a fill leaves unknown stays so, and the fills that did it can be named."""
    position = took(held(order()), fill(id="f1", order=None, symbol="0", side="buy", price=1))
    position = took(position, fill(id="f2", order=None, symbol="3774", venue="XTKS", side="buy"))
    assert (
        list(position.unknown_shares),
        list(position.unknown_amount),
        position.used_shares(),
        position.used_amount(),
    ) == (["f1"], ["f1", "f2"], None, None)


def test_split_between_order_and_fill_is_an_overrun() -> None:
    """A unit that has come to stand for more shares than were reserved is beyond its order."""
    later = replace(
        CONTRACT, listings={**CONTRACT.listings, ("IIJI", None): replace(ADS, shares_each=1)}
    )
    fewer = replace(
        CONTRACT,
        listings={**CONTRACT.listings, ("IIJI", None): replace(ADS, shares_each=Fraction(1, 800))},
    )
    position = held(ads())
    faults = [counted(fill(), counting, position).fault for counting in (later, fewer)]
    left = [sums(took(position, fill(), counting)) for counting in (later, fewer)]
    assert (faults, left) == (
        ["overrun", None],
        [(10, 5_000, 0, 0), (Fraction(1, 80), 5_000, 0, 0)],
    )


def test_brought_forward_is_executed_and_starts_the_program() -> None:
    """What was used before the log counts as executed."""
    event = Event(kind="brought_forward", id="b", shares=Fraction(7, 2), amount=900)
    position = settled(Position(), event, CONTRACT.zone)
    assert isinstance(position, Position)
    assert (sums(position), position.started) == ((Fraction(7, 2), 900, 0, 0), True)


@pytest.mark.parametrize(
    ("day", "names"),
    [
        (FRIDAY, {"open", "filled", "denied", "held", "now"}),
        (FRIDAY + KEPT, {"open", "filled", "denied", "held", "now"}),
        (FRIDAY + KEPT + ONE_DAY, {"open", "held", "now"}),
    ],
)
def test_closed_orders_are_forgotten_the_day_after_their_last(day: date, names: set[str]) -> None:
    """What is open or held is kept for ever, what is closed until its last day is past."""
    position = took(held(order(id="open")), order(id="filled"))
    position = took(position, fill(order="filled"))
    for name in ("denied", "held"):
        proposed = counted(order(id=name), CONTRACT, position)
        position = refused(position, proposed, "held" if name == "held" else "denied")
    position = took(position, order(id="now", time=None, date=day))
    assert set(position.orders) == names


def test_closed_orders_beyond_what_is_remembered_are_forgotten_first_to_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is open is never forgotten; of what is closed, the oldest is."""
    monkeypatch.setattr(fold, "ORDERS_REMEMBERED", 3)
    position = held(order(id="open"))
    for name in ("a", "b", "c", "d"):
        position = took(took(position, order(id=name)), fill(id=f"f{name}", order=name))
        assert name in position.orders
    position = took(position, order(id="now"))
    assert set(position.orders) == {"open", "c", "d", "now"}
    ended = [name for names in position.ended.values() for name in names]
    assert ended == ["c", "d"]
    # A fill of a forgotten order counts, and is one of an unknown order.
    late = counted(fill(id="late", order="a"), CONTRACT, position)
    assert late.fault == "unknown-order"


@pytest.mark.parametrize(
    ("fields", "days"),
    [
        ({}, (FRIDAY, FRIDAY, FRIDAY, FRIDAY)),
        ({"expires": FRIDAY}, (FRIDAY, FRIDAY, FRIDAY, FRIDAY)),
        # An end that is past already is the end of its own day.
        ({"expires": date(2008, 11, 14)}, (FRIDAY, FRIDAY, FRIDAY, FRIDAY)),
        ({"expires": NOON - timedelta(days=9)}, (FRIDAY, FRIDAY, FRIDAY, FRIDAY)),
        ({"expires": date(2009, 2, 2)}, (FRIDAY, date(2009, 2, 2), FRIDAY, date(2009, 2, 2))),
        ({"time": None, "date": FRIDAY}, (FRIDAY, FRIDAY, FRIDAY, FRIDAY)),
        (
            {"expires": datetime(2009, 1, 30, 14, 59, 59, 999_999, tzinfo=UTC)},
            (FRIDAY, FRIDAY, FRIDAY, FRIDAY),
        ),
        (
            {"expires": datetime(2009, 1, 30, 15, tzinfo=UTC)},
            (FRIDAY, date(2009, 1, 31), FRIDAY, date(2009, 1, 31)),
        ),
    ],
)
def test_order_lasts_until_it_expires(
    fields: Mapping[str, Any], days: tuple[date, date, date, date]
) -> None:
    """Without more, an order lasts until its venue's day ends; else as long as it says."""
    found = counted(order(**fields), CONTRACT, Position())
    assert (found.date, found.last_date, found.venue_date, found.venue_last_date) == days


@pytest.mark.parametrize(
    ("fields", "days"),
    [
        # The 30th in Tokyo, and still the 29th in New York: it ends there on the 30th in Tokyo.
        ({"time": NOON - timedelta(hours=1)}, ("2009-01-30", "2009-01-30", "29", "29")),
        ({"time": NOON}, ("2009-01-30", "2009-01-31", "30", "30")),
        # The afternoon of the 30th in New York is the 31st in Tokyo.
        (
            {"time": datetime(2009, 1, 30, 20, tzinfo=UTC)},
            ("2009-01-31", "2009-01-31", "30", "30"),
        ),
        # Only the day is known: it is the day on both clocks, but the order outlasts it in Tokyo.
        ({"time": None, "date": FRIDAY}, ("2009-01-30", "2009-01-31", "30", "30")),
        (
            {"time": NOON, "expires": datetime(2009, 1, 30, 14, 59, tzinfo=UTC)},
            ("2009-01-30", "2009-01-30", "30", "30"),
        ),
        ({"time": NOON, "expires": date(2009, 1, 31)}, ("2009-01-30", "2009-02-01", "30", "31")),
    ],
)
def test_day_of_new_york_ends_on_the_next_in_tokyo(
    fields: Mapping[str, Any], days: tuple[str, str, str, str]
) -> None:
    """A day order of New York may fill on Tokyo's next day, and its last day says so."""
    found = counted(ads(**fields), CONTRACT, Position())
    assert found.venue_date is not None
    assert found.venue_last_date is not None
    assert (
        str(found.date),
        str(found.last_date),
        str(found.venue_date)[-2:],
        str(found.venue_last_date)[-2:],
    ) == days


def test_last_day_of_a_fill_is_its_own() -> None:
    """What has executed lasts no longer than the moment it did."""
    found = counted(fill(time=NOON), CONTRACT, held(ads()))
    assert (found.date, found.last_date, found.venue_date, found.venue_last_date) == (
        FRIDAY,
        FRIDAY,
        FRIDAY,
        FRIDAY,
    )


def day_facts(
    position: Position, event: Event, counting: CountingRules = CONTRACT
) -> dict[str, Any]:
    """Return the facts `day.` of *event* at *position*."""
    proposed = counted(event, counting, position)
    now = Situation(proposed, position, after(position, proposed))
    found: dict[str, Value | None] = {
        name.removeprefix("day."): fact.of(now)
        for name, fact in TABLE.items()
        if name.startswith("day.") and name not in OF_DAY
    }
    return found


def test_day_of_orders_and_fills_is_counted_before_and_after() -> None:
    """A day counts what was ordered once, and what was executed, by whom and in how many blocks."""
    asked = order(broker="nomura", method="auction")
    position = took(held(asked), fill(id="f0", quantity=4))
    second = order(id="p", quantity=7, broker="daiwa", method="block")
    assert day_facts(position, second) == {
        "ordered_shares": 10,
        "ordered_shares_after": 17,
        "executed_shares": 4,
        "executed_shares_after": 4,
        "brokers": 1,
        "brokers_after": 2,
        "blocks": 0,
        "blocks_after": 1,
    }


def test_fill_of_an_order_is_not_ordered_again() -> None:
    """A fill of an open order adds to what was executed alone; one without order to both."""
    position = held(order(broker="nomura", method="auction"))
    alone = fill(
        order=None,
        symbol="3774",
        venue="XTKS",
        side="buy",
        price=1,
        broker="nomura",
        method="block",
    )
    found = [day_facts(position, event) for event in (fill(), alone)]
    names = ("ordered_shares_after", "executed_shares_after", "brokers_after", "blocks_after")
    assert [[facts[name] for name in names] for facts in found] == [[10, 10, 1, 0], [20, 10, 1, 1]]


@pytest.mark.parametrize(
    ("fields", "brokers"),
    [
        ({}, (1, 1)),
        ({"broker": "nomura"}, (1, 1)),
        ({"broker": "daiwa"}, (1, 2)),
        # On another day the order is none, but its fill is.
        ({"time": NOON + timedelta(days=1)}, (0, 1)),
    ],
)
def test_broker_of_a_fill_is_a_broker_of_its_day(
    fields: Mapping[str, Any], brokers: tuple[int, int]
) -> None:
    """A fill is a use of the broker that executed it, its order's where it names none."""
    facts = day_facts(held(order(broker="nomura", method="auction")), fill(**fields))
    assert (facts["brokers"], facts["brokers_after"]) == brokers


def test_number_of_very_many_brokers_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the bound each is counted; beyond it no rule can pass on their number."""
    monkeypatch.setattr(fold, "BROKERS_MAX", 2)
    position = Position()
    for name, known in (("a", 1), ("b", 2), ("a", 2), ("c", None), ("a", None)):
        now = order(id=f"{name}{known}", broker=name, method="auction")
        assert day_facts(position, now)["brokers_after"] == known
        position = took(position, now)


@pytest.mark.parametrize(
    ("method", "fields", "blocks"),
    [
        ("block", {}, (1, 1)),
        ("block", {"method": "block", "quantity": 12}, (1, 1)),
        ("auction", {}, (0, 0)),
        ("auction", {"method": "block"}, (0, 1)),
        # The day of an order that says no method is unknown already; another day becomes so.
        (None, {"method": "block"}, (None, None)),
        (None, {"time": NOON + timedelta(days=1)}, (0, None)),
        (None, {"time": NOON + timedelta(days=1), "method": "block"}, (0, 1)),
    ],
)
def test_block_order_is_one_block_and_any_other_fill_by_block_is_one(
    method: str | None, fields: Mapping[str, Any], blocks: tuple[int | None, int | None]
) -> None:
    """The fills of a block order are no blocks again; what another order filled by block is."""
    facts = day_facts(held(order(broker="nomura", method=method)), fill(**fields))
    assert (facts["blocks"], facts["blocks_after"]) == blocks


@pytest.mark.parametrize(("quantity", "ordered"), [(4, 10), (6, 10), (7, 11), (20, 24)])
def test_excess_of_a_fill_is_ordered_by_no_order(quantity: int, ordered: int) -> None:
    """What a fill takes beyond its order counts as ordered that day, as a fill of no order does."""
    position = took(held(order()), fill(id="f0", quantity=4))
    facts = day_facts(position, fill(quantity=quantity))
    assert (facts["ordered_shares"], facts["ordered_shares_after"]) == (10, ordered)


def test_units_that_came_to_be_more_shares_were_not_all_ordered() -> None:
    """After a split a fill counts as ordered as far as it is beyond what its order reserved."""
    later = replace(CONTRACT, listings={("IIJI", None): replace(ADS, shares_each=Fraction(1, 100))})
    facts = day_facts(held(ads()), fill(quantity=4), later)
    assert (facts["ordered_shares"], facts["ordered_shares_after"]) == (
        Fraction(10, 400),
        Fraction(10, 400) + Fraction(4 * 3, 400),
    )


@pytest.mark.parametrize(
    ("fields", "brokers", "blocks"),
    [
        ({"broker": "nomura", "method": "auction"}, 1, 0),
        ({"method": "auction"}, None, 0),
        ({"broker": "nomura"}, 1, None),
        ({"broker": "nomura", "method": "off_auction"}, 1, 0),
    ],
)
def test_day_does_not_count_what_a_trade_did_not_say(
    fields: Mapping[str, Any], brokers: int | None, blocks: int | None
) -> None:
    """One trade that says neither broker nor method leaves their number unknown for the day."""
    told = order(id="p", broker="nomura", method="auction")
    facts = day_facts(held(order(**fields)), told)
    assert [facts[name] for name in ("brokers", "brokers_after", "blocks", "blocks_after")] == [
        brokers,
        brokers,
        blocks,
        blocks,
    ]


# What the program itself counted once, of each instrument at each venue.
BY_METHOD: Final = tuple(
    part
    for one in shipped_counters()
    for part in one.parts(
        (("common", "XTKS"), ("common", "XNGO"), ("ads", "XNAS"), ("ads", "BATS"))
    )
)
OFF_AUCTION: Final = tuple(one for one in BY_METHOD if one.methods == ("off_auction",))


def venue_says(kind: str, **fields: Any) -> Event:
    return Event(kind=kind, id=f"{kind}-o", time=NOON, order="o", **fields)


@pytest.mark.parametrize(
    ("events", "auction", "off"),
    [
        ([order(method="auction")], 10, 0),
        ([order(method="off_auction")], 0, 10),
        ([order(method="block")], 0, 0),
        # What does not say its method can be of either.
        ([order()], 10, 10),
        ([order(method="off_auction"), order(id="p")], 10, 20),
        # What is bought was ordered, and what nothing more can come of was not bought.
        ([order(method="off_auction"), fill(quantity=4)], 0, 10),
        ([order(method="off_auction"), fill(quantity=4), venue_says("expire")], 0, 4),
        ([order(method="off_auction"), venue_says("cancel")], 0, 0),
        ([order(method="off_auction"), venue_says("rejected")], 0, 0),
        # In the auction, what was ordered stays ordered.
        ([order(method="auction"), fill(quantity=4), venue_says("expire")], 10, 0),
        # A replace asks for more until the venue has answered, and for what it gives from then on.
        ([order(method="off_auction"), venue_says("replace", quantity=30)], 0, 30),
        (
            [
                order(method="off_auction"),
                venue_says("replace", quantity=30),
                venue_says("rejected"),
            ],
            0,
            10,
        ),
        (
            [
                order(method="off_auction"),
                venue_says("replace", quantity=3),
                venue_says("replaced"),
            ],
            0,
            3,
        ),
        # What is asked for on another day is counted there, and given back nowhere else.
        (
            [
                order(method="off_auction", expires=NEXT.date()),
                replace(venue_says("replace", quantity=30), time=NEXT),
                replace(venue_says("rejected"), time=NEXT),
            ],
            0,
            10,
        ),
        (
            [
                order(method="off_auction", expires=NEXT.date()),
                replace(venue_says("replace", quantity=30), time=NEXT),
                replace(venue_says("rejected"), time=NEXT),
                replace(venue_says("cancel"), time=NEXT),
            ],
            0,
            0,
        ),
        (
            [
                order(method="off_auction", expires=NEXT.date()),
                replace(venue_says("replace", quantity=30), time=NEXT),
                replace(venue_says("cancel"), time=NEXT),
            ],
            0,
            0,
        ),
        (
            [
                order(method="off_auction", expires=NEXT.date()),
                fill(quantity=4),
                replace(venue_says("replace", quantity=30), time=NEXT),
                replace(venue_says("replaced"), time=NEXT),
            ],
            0,
            4,
        ),
        # A fill beyond its order, and one without an order, are bought all the same.
        ([order(method="off_auction"), fill(quantity=14)], 0, 14),
        ([fill(order=None, symbol="3774", venue="XTKS", side="buy", method="off_auction")], 0, 10),
        # What is busted was not bought, but was ordered.
        (
            [order(method="off_auction"), fill(), Event(kind="bust", id="b", time=NOON, fill="f")],
            0,
            0,
        ),
        (
            [order(method="auction"), fill(), Event(kind="bust", id="b", time=NOON, fill="f")],
            10,
            0,
        ),
        # By another method than its order, all that is filled is ordered by that.
        ([order(method="off_auction"), fill(quantity=4, method="auction")], 4, 6),
    ],
)
def test_counters_tell_the_auction_from_what_is_bought_off_it(
    events: list[Event], auction: int, off: int
) -> None:
    """What was ordered in it counts as ordered; off it, what was bought or still may be."""
    position = counting(Position(), Kept(BY_METHOD))
    for event in events:
        if event.kind in ("order", "replace", "fill"):
            position = took(position, event)
        else:
            following = settled(position, event, CONTRACT.zone)
            assert isinstance(following, Position)
            position = following
    proposed = counted(order(id="z", method="auction"), CONTRACT, position)
    now = Situation(proposed, position, after(position, proposed))
    names = ("day_auction.ordered_shares", "day_off_auction.shares")
    assert [TABLE[f"counters.{name}"].of(now) for name in names] == [auction, off]


NO_BLOCKS: Final = "{id: no-blocks, effect: review, at: order, require: trade.method == auction}"
# Orders off the auction that last for days and are replaced on another than their own.
OFF: Final = drafts(
    (
        *("order", "order", "fill", "replace", "replace", "rejected", "replaced", "cancel"),
        *("expire", "correct", "bust"),
    )
).map(lambda draft: dataclasses.replace(draft, method="off_auction", lasting=30, slip=None))


@pytest.mark.slow
@given(plan=st.lists(OFF, min_size=3, max_size=20))
def test_no_day_has_less_than_nothing(plan: list[Draft]) -> None:
    """Whatever is rejected, replaced, cancelled or corrected, whenever; a proof rests on it. Nor do
    all days together have less off the auction than was bought there or may still be.
    """
    assert desk_events.RULES.count(NO_BLOCKS) == 1
    editions = off_auction_rules()
    position = counting(Position(), Kept(OFF_AUCTION))
    for count, draft in enumerate(sorted(plan, key=lambda one: one.day)):
        event = draft.event(f"e-{count}", position)
        position = step(event, position, life(editions, event, position)).position
        for one in position.days.values():
            assert min(one.ordered_shares, one.executed_shares) >= 0
        used = [uses for of in position.counters.values() for uses in (of.done, of.open)]
        each = [one for uses in used for one in uses.values()]
        assert all(one.shares >= 0 and one.ordered_shares >= 0 for one in each)
        off_auction = sum(one.shares for one in each)
        assert off_auction >= position.executed_shares + position.reserved_shares


@cache
def off_auction_rules() -> Editions:
    text = desk_events.RULES.replace(NO_BLOCKS, "{id: any, require: trade.units >= 1}")
    return load_text(text.encode(), "acme.yaml")


@pytest.mark.parametrize(
    ("event", "ordered"),
    [
        (order(id="p"), 10),
        (order(id="p", venue="XNGO"), 0),
        (order(id="p", time=NOON + timedelta(hours=9, microseconds=-1)), 10),
        (order(id="p", time=NOON + timedelta(hours=10)), 0),
        (ads(id="p"), 0),
    ],
)
def test_day_is_of_one_instrument_venue_and_date(event: Event, ordered: int) -> None:
    """Another venue, another instrument or another day begins from nothing."""
    assert day_facts(held(order()), event)["ordered_shares"] == ordered


def test_day_is_the_venues_day() -> None:
    """Two orders on two days of Tokyo are of one day in New York."""
    position = held(ads(time=NOON))
    later = ads(id="p", time=NOON + timedelta(hours=12))
    assert day_facts(position, later)["ordered_shares"] == Fraction(1, 40)


def test_day_is_absent_while_shares_are_unknown() -> None:
    """A fill of no known instrument could have been of this one."""
    position = took(held(order()), fill(id="f0", order=None, symbol="0", side="buy", price=1))
    assert set(day_facts(position, order(id="p")).values()) == {None}


def test_sale_counts_nothing() -> None:
    """A sale leaves every figure as it was, and the day too."""
    position = held(order())
    sold = took(position, fill(order=None, symbol="3774", venue="XTKS", side="sell", price=1))
    assert (sums(sold), sold.days) == (sums(position), position.days)


def test_fill_takes_from_its_order_what_it_lacks() -> None:
    """Symbol, venue, side, price, rate, broker, method and type come from the order."""
    asked = ads(broker="nomura", method="block", order_type="limit")
    found = counted(fill(), CONTRACT, held(asked))
    assert fields_of(found) == (ADS, "buy", 5, 100, 50, 5_000, "nomura", "block", "limit")


def test_fill_keeps_what_it_says() -> None:
    """What a fill says of itself stands, whatever its order says."""
    asked = ads(broker="nomura", method="block", order_type="limit")
    said = fill(side="buy", price=4, fx=90, broker="daiwa", method="auction", order_type="market")
    found = counted(said, CONTRACT, held(asked))
    assert fields_of(found) == (ADS, "buy", 4, 90, 40, 3_600, "daiwa", "auction", "market")


def fields_of(found: Trade) -> tuple[object, ...]:
    return (
        found.listing,
        found.event.side,
        found.price,
        found.fx,
        found.contract,
        found.amount,
        found.event.broker,
        found.event.method,
        found.event.order_type,
    )


def test_position_is_a_value() -> None:
    """Folding an event leaves the position before it as it was."""
    position = held(order())
    kept = sums(position)
    took(position, fill())
    assert (sums(position), day(position, counted(order(), CONTRACT, position))) == (
        kept,
        Day(10, 0, None, None),
    )


@pytest.mark.slow
@given(st.lists(drafts(), max_size=30))
def test_last_days_of_open_orders_are_counted(chosen: list[Draft]) -> None:
    """Whatever happened, the count by last day is that of all the open orders, asked one by one."""
    position = Position()
    for number, draft in enumerate(chosen):
        event = draft.event(f"e{number}", position)
        its = life(desk_events.rules().editions, event, position)
        position = step(event, position, its, live=True).position
        last = (
            terms.last_date
            for one in position.orders.values()
            if one.is_open
            for terms in one.in_play()
        )
        assert dict(position.open_until) == dict(Counter(last))
