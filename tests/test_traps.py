"""What implementers of these laws get wrong, each by its number in the list of such traps.

Three of the 25 concern no pack: reports for months without purchases (20), purchases on another
basis than the resolution (22), and settlement dates, of which only that nothing reads them (10).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest

from repurchase.domain.decisions import Decision
from repurchase.domain.errors import InputError
from repurchase.domain.sessions import Sessions, sessions
from repurchase.evaluation.step import step
from repurchase.intake.fields import event
from repurchase.ledger.fold import counting
from repurchase.ledger.position import Position
from repurchase.market.averages import Bar, Place, measured
from repurchase.market.feed import read_feed
from repurchase.replay.run import Program
from repurchase.rulebook.editions import Editions, load, load_text
from repurchase.rulebook.library import rule_path
from repurchase.rulebook.life import life
from repurchase.rulebook.packs import shipped_averages, shipped_pack

RULES: Final = """
repurchase: 1
authorization: acme
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "1111", venues: [XTKS]}
  ads: {symbol: ACME, venues: [XNAS], currency: USD, per_share: 400}
terms:
  max_shares: {value: "4,000 shares"}
  max_amount: {value: "JPY 400,000,000"}
  first_day: {value: 2008-10-01}
  last_day: {value: 2009-09-30}
  trading_unit: {value: 10 shares}
include: [jp-companies-act, jp-order-59, us-10b-18]
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
"""
LATER: Final = RULES.replace("2008-10-01", "2014-01-01").replace("2009-09-30", "2014-12-31")
ACT: Final = "jp-companies-act"
ORDER_59: Final = "jp-order-59"
HARBOUR: Final = "us-10b-18"

USUAL: Final[dict[str, Any]] = {
    "kind": "order", "id": "o", "side": "buy", "order_type": "limit", "method": "auction",
    "broker": "A",
}  # fmt: skip
TOKYO: Final[dict[str, Any]] = USUAL | {
    "time": "2008-11-14T10:00:00+09:00", "symbol": "1111", "quantity": 10, "price": 100,
    "market.previous_close": 100, "market.day_high": 100, "market.last_price": 100,
    "market.adv_jp_4_weeks": 100, "market.amv_jp_6_months": 2000,
}  # fmt: skip
NEW_YORK: Final[dict[str, Any]] = USUAL | {
    "time": "2008-11-14T10:00:00-05:00", "symbol": "ACME", "quantity": 400, "price": 2, "fx": 100,
    "market.best_independent_bid": 2, "market.last_independent_price": 2,
    "market.adv_us_4_weeks": 100,
}  # fmt: skip


def judged(
    *events: Mapping[str, Any],
    text: str = RULES,
    known_at: date | None = None,
    files: Iterable[Path] = (),
) -> list[Decision]:
    """Return the decisions on *events*, one after the other, as of what was known at *known_at*."""
    known = load_text(text.encode(), "acme.yaml")
    editions = Editions(known.authorization, known_at)
    market = read_feed(files).of(editions.authorization)
    position, decisions = counting(Position(), editions.authorization.kept()), []
    for values in events:
        asked = event({name: str(value) for name, value in values.items() if value is not None})
        taken = step(asked, position, life(editions, asked, position), market=market)
        position = taken.position
        decisions.append(taken.decision)
    return decisions


def last(*events: Mapping[str, Any], **how: Any) -> tuple[str, list[str]]:
    """Return the outcome of the last of *events*, and which rules do not pass."""
    decision = judged(*events, **how)[-1]
    return decision.outcome, [one.rule for one in decision.findings]


def table(venue: str) -> Sessions:
    found = sessions(venue)
    assert found is not None
    return found


APPROVED: Final[tuple[str, list[str]]] = ("approved", [])
TOO_MUCH: Final = ("denied", [f"{ORDER_59}.daily-volume-2007"])


@pytest.mark.parametrize(
    ("day", "most"), [("2008-10-10", 25), ("2008-10-14", 100), ("2008-12-30", 100)]
)
def test_1_a_quarter_of_the_average_is_no_timeless_law(day: str, most: int) -> None:
    """It ended on 2008-10-13, and both before and after the limit itself is allowed (4)."""
    asked = TOKYO | {"time": f"{day}T10:00:00+09:00"}
    assert last(asked | {"quantity": most}) == APPROVED
    assert last(asked | {"quantity": most + 1}) == TOO_MUCH


@pytest.mark.parametrize(
    ("known_at", "answer"),
    [(date(2008, 11, 14), TOO_MUCH), (date(2008, 12, 25), TOO_MUCH), (None, APPROVED)],
)
def test_2_law_is_that_known_on_the_day(known_at: date | None, answer: object) -> None:
    """That January would be relaxed too became known on 2008-12-26."""
    asked = TOKYO | {"time": "2009-01-15T10:00:00+09:00", "quantity": 60}
    assert last(asked, known_at=known_at) == answer


def test_3_japan_counts_orders_and_the_united_states_purchases() -> None:
    """What was ordered and cancelled is used up in Tokyo, and is not in New York."""
    ordered = TOKYO | {"quantity": 40}
    cancelled = {"kind": "cancel", "id": "c", "time": "2008-11-14T10:01:00+09:00", "order": "o"}
    again = TOKYO | {"id": "p", "time": "2008-11-14T10:02:00+09:00"}
    assert last(ordered, cancelled, again | {"quantity": 60}) == APPROVED
    assert last(ordered, cancelled, again | {"quantity": 61}) == TOO_MUCH
    there = NEW_YORK | {"quantity": 10_000}
    cancelled |= {"time": "2008-11-14T10:01:00-05:00"}
    again = there | {"id": "p", "time": "2008-11-14T10:02:00-05:00"}
    assert last(there, cancelled, again) == APPROVED
    bought = {
        "kind": "fill", "id": "f", "order": "o", "time": "2008-11-14T10:01:00-05:00", "quantity": 1,
        "price": 2,
    }  # fmt: skip
    assert last(there, bought, again) == ("approved", [f"{HARBOUR}.volume"])


@pytest.mark.parametrize(
    ("asked", "name", "at", "beyond", "rule"),
    [
        (TOKYO, "price", 100, 101, f"{ORDER_59}.price-in-session"),
        (TOKYO | {"market.last_price": 100}, "quantity", 100, 101, TOO_MUCH[1][0]),
        (NEW_YORK, "price", 2, 3, f"{HARBOUR}.price"),
        (NEW_YORK, "quantity", 10_000, 10_001, f"{HARBOUR}.volume"),
    ],
)
def test_4_limits_themselves_are_allowed(
    asked: dict[str, Any], name: str, at: int, beyond: int, rule: str
) -> None:
    """They are not to be exceeded: what equals one has not."""
    assert last(asked | {name: at}) == APPROVED
    assert rule in last(asked | {name: beyond})[1]


@pytest.mark.parametrize(
    ("monthly", "average", "most"),
    [
        # Fewer than 200 units a month: three units, however small the average is.
        (1_999, 7, 30),
        (1_999, 31, 31),
        # From 200 units: five at most, else half of the average, and three at least.
        (2_000, 20, 30),
        (2_000, 40, 40),
        (3_999, 45, 45),
        # From 400 units: ten at most.
        (4_000, 59, 59),
        (4_000, 20, 30),
    ],
)
def test_5_larger_of_both_limits_counts(monthly: int, average: int, most: int) -> None:
    """Since 2013-09: the average of a day, or the little that little traded shares allow."""
    asked = TOKYO | {"time": "2014-06-03T10:00:00+09:00"}
    asked |= {"market.amv_jp_6_months": monthly, "market.adv_jp_4_weeks": average}
    rule = ("denied", [f"{ORDER_59}.daily-volume"])
    assert last(asked | {"quantity": most}, text=LATER) == APPROVED
    assert last(asked | {"quantity": most + 1}, text=LATER) == rule


def bars(venue: str, volume: int, **others: Bar) -> dict[date, Bar]:
    """Return bars of *volume* for the sessions of autumn 2008, *others* by `d1103` for 11-03."""
    days = table(venue).between(date(2008, 9, 1), date(2008, 12, 30)) or ()
    found = {day: Bar(100, volume, 0) for day in days}
    return found | {
        date(2008, int(name[1:3]), int(name[3:])): each for name, each in others.items()
    }


def average(name: str, venue: str, day: date, of: dict[date, Bar]) -> object:
    declared = shipped_averages()[name].average
    return measured(declared, [Place(venue, table(venue), of)], day).value


def test_6_average_is_over_the_weeks_before_the_week() -> None:
    """All days of a week share one: its own days never count, nor do holidays as sessions."""
    this_week, before = Bar(100, 9999, 0), Bar(100, 190, 0)
    of = bars("XTKS", 10, d1110=this_week, d1111=this_week, d1107=before)
    # Twenty weekdays but for 2008-10-13 and 2008-11-03, which were holidays.
    week = {average("adv_jp_4_weeks", "XTKS", date(2008, 11, day), of) for day in range(10, 15)}
    assert week == {(17 * 10 + 190) // 18}
    quiet = of | {date(2008, 11, 6): Bar(None, 0, 0)}
    found = average("adv_jp_4_weeks", "XTKS", date(2008, 11, 14), quiet)
    assert found == Fraction(16 * 10 + 190, 18)


def test_7_off_auction_volume_is_left_out_in_japan_alone() -> None:
    """What is traded off the auction is no part of Japan's average, and is of New York's."""
    off = Bar(100, 1010, 1000)
    assert average("adv_jp_4_weeks", "XTKS", date(2008, 11, 14), bars("XTKS", 10, d1107=off)) == 10
    found = average("adv_us_4_weeks", "XNAS", date(2008, 11, 14), bars("XNAS", 10, d1107=off))
    assert found == 60


def test_8_each_instrument_has_its_own_average() -> None:
    """The volume of shares in Tokyo says nothing of that of receipts in New York."""
    unknown = last(NEW_YORK | {"market.adv_us_4_weeks": None, "market.adv_jp_4_weeks": 5000})
    assert unknown == ("approved", [f"{HARBOUR}.volume"])
    unknown = last(TOKYO | {"market.adv_jp_4_weeks": None, "market.adv_us_4_weeks": 5000})
    assert unknown == TOO_MUCH


def test_8_and_what_is_bought_on_one_is_not_on_the_other() -> None:
    """A purchase in New York leaves the limit of the day in Tokyo as it is."""
    there = NEW_YORK | {"time": "2008-11-13T20:00:00-05:00", "quantity": 4000}
    bought = there | {"kind": "fill", "id": "f", "order_type": None}
    assert last(bought, TOKYO | {"quantity": 100}) == APPROVED


def test_9_a_day_is_that_of_a_clock() -> None:
    """The last afternoon in New York is the day after in Tokyo, and the period is Tokyo's."""
    late = NEW_YORK | {"time": "2009-09-30T15:20:00-04:00"}
    assert last(late) == ("denied", [f"{ACT}.one-year", f"{ACT}.period"])
    early = NEW_YORK | {"time": "2009-09-30T10:00:00-04:00", "expires": "2009-09-30T10:59:59-04:00"}
    assert last(early) == APPROVED


def test_10_the_day_is_that_of_the_trade() -> None:
    """When it settles is not an event field, so nothing can go by it."""
    bought = TOKYO | {"kind": "fill", "order_type": None, "time": "2009-09-30T14:00:00+09:00"}
    bought |= {"quantity": 1, "market.minutes_to_close": 60}
    assert f"{ACT}.period" not in last(bought)[1]
    assert f"{ACT}.period" in last(bought | {"time": "2009-10-01T14:00:00+09:00"})[1]
    with pytest.raises(InputError, match="`settlement_date` is not an event field"):
        judged(bought | {"settlement_date": "2009-10-05"})


@pytest.mark.parametrize(
    ("venue", "day", "close"),
    [
        ("XTKS", date(2008, 12, 29), time(15)),
        ("XTKS", date(2008, 12, 30), time(11)),
        ("XTKS", date(2009, 1, 5), time(11)),
        ("XTKS", date(2009, 1, 6), time(15)),
        ("XNAS", date(2008, 11, 28), time(13)),
        ("XNAS", date(2008, 12, 24), time(13)),
        ("XTKS", date(2024, 11, 1), time(15)),
        ("XTKS", date(2024, 11, 5), time(15, 30)),
    ],
)
def test_11_minutes_are_to_the_close_of_that_day(venue: str, day: date, close: time) -> None:
    """A half day ends at noon or before, and Tokyo's close has moved."""
    hours = table(venue).on(day)
    assert hours is not None
    assert hours.close == close


def test_11_last_half_hour_of_a_half_day_is_before_its_close() -> None:
    """By the law known in November, 10:30 on 2009-01-05 is in the last half hour, and 10:29 not."""
    rule = f"{ORDER_59}.last-half-hour"
    for moment, said in (("10:29:59", False), ("10:30:00", True), ("10:59:00", True)):
        asked = TOKYO | {"time": f"2009-01-05T{moment}+09:00"}
        _, rules = last(asked, known_at=date(2008, 11, 14))
        assert (rule in rules) is said


def test_12_second_broker_of_a_day_is_the_breach() -> None:
    """The first may go on, the second may not, and a bust does not make it the first."""
    first = TOKYO | {"quantity": 1}
    second = first | {"id": "p", "broker": "B", "time": "2008-11-14T10:01:00+09:00"}
    third = first | {"id": "q", "time": "2008-11-14T10:02:00+09:00"}
    answers = judged(first, second, third)
    assert [one.outcome for one in answers] == ["approved", "denied", "approved"]
    assert [one.rule for one in answers[1].findings] == [f"{ORDER_59}.one-broker"]
    bought = first | {"kind": "fill", "order_type": None}
    bust = {"kind": "bust", "id": "b", "fill": "o", "time": "2008-11-14T10:00:30+09:00"}
    assert last(bought, bust, second) == ("denied", [f"{ORDER_59}.one-broker"])


def program(*events: Mapping[str, Any]) -> Program:
    """Return a program after *events*."""
    found = Program(load_text(RULES.encode(), "acme.yaml"))
    for values in events:
        found.decide(event({name: str(value) for name, value in values.items() if value}))
    return found


def test_13_one_failure_loses_the_harbour_for_the_day() -> None:
    """The first purchase of the day was inside, and no longer is: its decision stays as it was."""
    late = NEW_YORK | {"id": "p", "time": "2008-11-14T15:45:00-05:00"}
    (first,) = judged(NEW_YORK)
    (day,) = program(NEW_YORK, late).summary().days
    assert (first.outcome, first.findings) == ("approved", ())
    assert (day.pack, day.day, day.failed) == (HARBOUR, date(2008, 11, 14), ("us-10b-18.closing",))


@pytest.mark.parametrize("block_is_first", [True, False])
def test_14_block_beyond_the_volume_and_any_other_purchase_lose_the_day(
    block_is_first: bool,
) -> None:
    """The exception for blocks is not granted, so their order of time makes no difference."""
    block = NEW_YORK | {"method": "block", "quantity": 10_001}
    other = NEW_YORK | {"quantity": 1}
    pair = (block, other) if block_is_first else (other, block)
    times = ("2008-11-14T10:00:00-05:00", "2008-11-14T11:00:00-05:00")
    two = [one | {"id": at, "time": at} for one, at in zip(pair, times, strict=True)]
    (day,) = program(*two).summary().days
    assert (day.day, day.failed) == (date(2008, 11, 14), (f"{HARBOUR}.volume",))


def test_15_closed_periods_are_told_and_never_counted_in_days() -> None:
    """Japan's packs know none, and in Europe it is for who knows the calendar to say."""
    told = {"issuer.closed_period", "issuer.undisclosed_material_fact"}
    for name, reads in ((ACT, False), (ORDER_59, False), ("eu-mar", True), ("uk", True)):
        facts = {fact for rule in shipped_pack(name).rules for fact in rule.facts}
        assert (told <= facts, bool(told & facts)) == (reads, reads)


def test_16_open_orders_are_reserved() -> None:
    """Two orders of 3,000 shares do not both fit in 4,000."""
    asked = TOKYO | {"quantity": 3_000, "market.adv_jp_4_weeks": 9_000}
    answer = last(asked, asked | {"id": "p"})
    assert answer == ("denied", [f"{ACT}.number", "share-cap"])


def test_17_receipts_are_exact_parts_of_shares() -> None:
    """399 of 400 to a share are 0.9975 of one, and a third of a dollar's rate is no float."""
    (answer,) = judged(NEW_YORK | {"quantity": 399, "price": "2.01", "fx": "97.123456"})
    assert answer.position.reserved_shares == "0.9975"
    assert answer.position.reserved_amount == "77892.04047744"


@pytest.mark.parametrize(
    ("ratios", "answer"),
    [
        ("shares_each: 1", APPROVED),
        ("shares_each: [{value: 1, until: 2012-09-30}, {value: 200, from: 2012-10-01}]", TOO_MUCH),
        ("shares_each: [{value: 1, from: 2008-11-01}]", TOO_MUCH),
    ],
)
def test_18_bars_of_before_a_split_are_not_mixed_with_those_after(
    tmp_path: Path, ratios: str, answer: object
) -> None:
    """Where the ratio of an instrument has dates, which bars are of which no one knows."""
    path = tmp_path / "bars.csv"
    rows = (f"{day},1111,XTKS,100,10,0\n" for day in bars("XTKS", 10))
    path.write_text("date,symbol,venue,close,volume,off_auction\n" + "".join(rows))
    text = RULES.replace('"1111", venues: [XTKS]', f'"1111", venues: [XTKS], {ratios}')
    asked = TOKYO | {"market.adv_jp_4_weeks": None}
    assert last(asked, text=text, files=(path,)) == answer


def test_19_cap_is_what_is_said_and_not_its_percentage() -> None:
    """1.94 % of 206,478 are 4,005 shares, and up to 4,000 may be bought."""
    iij = load(rule_path("iij-2008"))
    position = counting(Position(), iij.authorization.kept())
    asked = TOKYO | {"symbol": "3774", "price": 1, "market.adv_jp_4_weeks": 9_000}
    for quantity, outcome in ((4_000, "approved"), (4_001, "denied")):
        one = event({name: str(value) for name, value in (asked | {"quantity": quantity}).items()})
        market = read_feed(()).of(iij.authorization)
        taken = step(one, position, life(iij, one, position), market=market)
        assert taken.decision.outcome == outcome


ANNOUNCED: Final = TOKYO | {
    "time": "2008-11-14T08:40:00+09:00", "method": "off_auction", "quantity": 2_000,
    "issuer.announced_shares": 2_000,
}  # fmt: skip
FILLED: Final = {
    "kind": "fill", "id": "f", "order": "o", "time": "2008-11-14T08:45:00+09:00", "quantity": 1_200,
    "price": 100,
}  # fmt: skip
ENDED: Final = {"kind": "expire", "id": "x", "order": "o", "time": "2008-11-14T08:46:00+09:00"}
AFTER: Final = TOKYO | {
    "id": "p", "issuer.announced_shares": 2_000, "market.adv_jp_4_weeks": 1_000,
}  # fmt: skip
MIXED: Final = ("denied", [f"{ORDER_59}.announced-shares"])


@pytest.mark.parametrize(
    ("events", "answer"),
    [
        # What is announced may be bought off the auction at the last price of the day before,
        # whatever the average of a day is.
        ((ANNOUNCED,), APPROVED),
        ((ANNOUNCED | {"quantity": 2_001},), MIXED),
        ((ANNOUNCED | {"price": 101},), ("denied", [f"{ORDER_59}.announced-price"])),
        ((ANNOUNCED | {"issuer.announced_shares": None},), MIXED),
        ((ANNOUNCED | {"method": "tender"},), ("denied", [f"{ORDER_59}.method"])),
        # In the auction of that day, only what it fell short by.
        ((ANNOUNCED, FILLED, ENDED, AFTER | {"quantity": 800}), APPROVED),
        ((ANNOUNCED, FILLED, ENDED, AFTER | {"quantity": 801}), MIXED),
        ((ANNOUNCED, FILLED, ENDED, AFTER | {"issuer.announced_shares": None}), MIXED),
        # As long as more may fill, nothing falls short.
        ((ANNOUNCED, FILLED, AFTER | {"quantity": 1}), MIXED),
        ((ANNOUNCED, AFTER | {"quantity": 1}), MIXED),
        # What was ordered in the auction before makes up for nothing.
        (
            (
                AFTER | {"time": "2008-11-14T08:30:00+09:00", "quantity": 1},
                ANNOUNCED | {"quantity": 1_000},
            ),
            ("denied", [f"{ORDER_59}.announced-first"]),
        ),
        # The next day is another.
        (
            (
                ANNOUNCED,
                FILLED,
                ENDED,
                AFTER | {"time": "2008-11-17T10:00:00+09:00", "quantity": 1_000},
            ),
            APPROVED,
        ),
    ],
)
def test_21_announced_purchases_and_the_auction_of_their_day(
    events: tuple[dict[str, Any], ...], answer: object
) -> None:
    """Off the auction, what was announced; in it only the shortfall, once that is certain."""
    assert last(*events) == answer


def test_21_announced_purchases_leave_the_volume_of_the_auction_as_it_is() -> None:
    """The average of a day limits what is ordered in the auction, and nothing else."""
    there = (ANNOUNCED, FILLED, ENDED)
    assert last(*there, AFTER | {"quantity": 500, "market.adv_jp_4_weeks": 500}) == APPROVED
    assert last(*there, AFTER | {"quantity": 501, "market.adv_jp_4_weeks": 500}) == TOO_MUCH


ON_MONDAY: Final = "2008-11-17T10:00:00+09:00"
REPLACED: Final = {"kind": "replace", "id": "r", "order": "o", "time": ON_MONDAY}
ENDED_ORDER: Final = ("denied", ["engine.order-ended"])
OFF: Final = ANNOUNCED | {"quantity": 100, "issuer.announced_shares": 100}


@pytest.mark.parametrize(
    ("events", "answer"),
    [
        # An order of Friday is not brought back on Monday, where no limit would count it.
        ((TOKYO | {"quantity": 100}, REPLACED | {"quantity": 101}), ENDED_ORDER),
        ((OFF, REPLACED | {"quantity": 100}), ENDED_ORDER),
        # One that ended in the morning is not brought back in the afternoon.
        (
            (
                TOKYO | {"expires": "2008-11-14T11:00:00+09:00"},
                REPLACED | {"quantity": 11, "time": "2008-11-14T12:40:00+09:00"},
            ),
            ENDED_ORDER,
        ),
    ],
)
def test_21_order_that_has_ended_is_not_replaced(
    events: tuple[dict[str, Any], ...], answer: object
) -> None:
    """What it would ask for was ordered on another day, by that day's limits."""
    assert last(*events) == answer


def filled(method: str | None, **changes: object) -> dict[str, Any]:
    """Return a fill of the order `o` that was made by *method*."""
    fill: dict[str, Any] = {"kind": "fill", "id": "f", "order": "o", "price": 100, "method": method}
    fill |= {"time": "2008-11-14T10:30:00+09:00", "quantity": 50}
    return fill | changes


@pytest.mark.parametrize(
    ("ordered", "made", "rules"),
    [
        # Ordered in the auction and bought off it, at a price that was not announced.
        (TOKYO, "off_auction", {"announced-shares"}),
        (TOKYO, "tender", {"method"}),
        # Announced off the auction and bought in it, beyond the average of a day.
        (OFF | {"market.adv_jp_4_weeks": 10}, "auction", {"daily-volume-2007"}),
        (TOKYO, "auction", set()),
        (TOKYO, None, set()),
    ],
)
def test_21_fill_is_judged_by_how_it_was_made(
    ordered: dict[str, Any], made: str | None, rules: set[str]
) -> None:
    """What was ordered otherwise was judged as something else: it is judged as if asked for."""
    outcome, found = last(ordered | {"quantity": 50}, filled(made))
    assert {f"{ORDER_59}.{rule}" for rule in rules} <= set(found)
    assert (outcome == "approved") is (not rules)


def test_21_fill_counts_by_how_it_was_made() -> None:
    """Shares bought off the auction are counted there, whatever their order said."""
    later = AFTER | {"quantity": 50, "issuer.announced_shares": 80}
    outcome, rules = last(TOKYO | {"quantity": 50}, filled("off_auction"), later)
    assert (outcome, rules) == ("denied", [f"{ORDER_59}.announced-shares"])
    # So are those that fill on another day than they were ordered.
    monday = {"time": ON_MONDAY}
    answer = last(OFF, filled(None, **monday, quantity=100), AFTER | monday | {"quantity": 50})
    assert f"{ORDER_59}.announced-shares" not in last(AFTER | monday | {"quantity": 50})[1]
    assert answer[0] == "approved"
    more = AFTER | monday | {"quantity": 50, "issuer.announced_shares": 100}
    assert last(OFF, filled(None, **monday, quantity=100), more) == MIXED


def test_21_price_of_a_fill_is_the_higher_that_it_says() -> None:
    """An amount that comes to more a share than the price is what it cost."""
    fill = filled("off_auction", order=None, symbol="1111", side="buy", quantity=100, amount=20000)
    fill |= {"issuer.announced_shares": 100, "market.previous_close": 100, "broker": "A"}
    fill |= {"time": "2008-11-14T08:45:00+09:00"}
    assert f"{ORDER_59}.announced-price" in last(fill)[1]
    assert last(fill | {"amount": 10000}) == APPROVED


def test_23_fees_count_only_where_they_are_said_to() -> None:
    """What the broker takes is no part of the price, unless the authorization counts it."""
    asked = TOKYO | {"quantity": 4_000, "price": 100_000, "fees": 1, "market.day_high": 100_000}
    asked |= {"market.adv_jp_4_weeks": 9_000, "market.last_price": 100_000}
    assert last(asked) == APPROVED
    with_fees = RULES.replace("currency: JPY\n", "currency: JPY\namount_basis: with_fees\n", 1)
    assert last(asked, text=with_fees) == ("denied", [f"{ACT}.amount"])


def test_24_harbours_compare_with_the_prices_of_others() -> None:
    """What the issuer bids and pays itself would let its price walk up."""
    for name in (HARBOUR, "eu-mar", "uk"):
        facts = {fact for rule in shipped_pack(name).rules for fact in rule.facts}
        assert {"market.last_independent_price", "market.best_independent_bid"} <= facts
        assert facts.isdisjoint({"market.last_price", "market.day_high"})


def test_25_amendment_is_a_version_with_its_own_time() -> None:
    """More may be bought from the day of the amendment on, once that is known."""
    value = 'max_shares: {value: "4,000 shares"}'
    versions = (
        'max_shares: [{value: "4,000 shares", until: 2008-12-31}, '
        '{value: "5,000 shares", from: 2009-01-01, known: 2008-12-20}]'
    )
    text = RULES.replace(value, versions)
    asked = TOKYO | {"quantity": 4_001, "price": 1, "market.adv_jp_4_weeks": 20_000}
    denied = ("denied", [f"{ACT}.number", "share-cap"])
    january = asked | {"time": "2009-01-15T10:00:00+09:00"}
    assert last(asked, text=text) == denied
    assert last(january, text=text) == APPROVED
    # What replaces the old figure was not known, and the old one has ended.
    assert last(january, text=text, known_at=date(2008, 12, 26) - timedelta(7)) == denied
