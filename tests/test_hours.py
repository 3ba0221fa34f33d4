"""Figures for part of a day: which orders they judge, and that they fall back by themselves."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repurchase.domain.errors import RuleFileError
from repurchase.domain.quantities import Exact
from repurchase.evaluation.standing import unfit
from repurchase.evaluation.step import step
from repurchase.intake import fields
from repurchase.ledger.position import Position
from repurchase.proof.diff import Comparison
from repurchase.proof.proof import proved
from repurchase.proof.solver import Time
from repurchase.report.proofs import held
from repurchase.rulebook import editions as module
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.life import life

FILE: Final = """\
repurchase: 1
authorization: hours
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "1", venues: [XTKS]}
  ads: {symbol: A, venues: [XNAS], currency: USD}
terms:
  max_shares: {value: "1,000 shares"}
  first_day: {value: 2026-06-01}
  last_day: {value: 2026-07-31}
  largest:
    - {value: "50 shares"}
    - {value: "90 shares", RAISED}
unlimited: [amount]
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - id: window-at-venue
    require: terms.first_day <= trade.venue_date and trade.venue_last_date <= terms.last_day
  - {id: largest, require: trade.shares <= terms.largest}
  - {id: buys-only, require: trade.side == buy}
"""
HOUR: Final = "from: 2026-07-01T10:00:00+09:00, until: 2026-07-01T11:00:00+09:00"
PEOPLE: Final = "by: Trader, approved_by: Risk Officer"


def file(raised: str = f"{HOUR}, {PEOPLE}", **changes: str) -> Editions:
    """Return the editions of FILE with the *raised* limit, and some words of it replaced."""
    text = FILE.replace("RAISED", raised)
    for old, new in changes.items():
        text = text.replace(old, new)
    return load_text(text.encode(), "hours.yaml")


def order(quantity: int, when: str, **event: Any) -> dict[str, Any]:
    """Return an order of *when*: a time in Tokyo, or a day."""
    row = {"kind": "order", "id": "a", "symbol": "1", "side": "buy", "quantity": str(quantity)}
    at = {"time": f"{when}+09:00"} if "T" in when else {"date": when}
    return row | at | {"price": "10", "order_type": "limit"} | event


def failing(
    editions: Editions, row: dict[str, Any], position: Position | None = None
) -> tuple[list[str], Position]:
    """Return the rules that deny the order *row* at *position*, and the position after it."""
    happened = fields.event(row)
    before = position or Position()
    taken = step(happened, before, life(editions, happened, before))
    found = taken.decision.findings
    denying = {one.rule for one in found if one.result in ("fail", "indeterminate")}
    assert (taken.decision.outcome == "approved") is (not denying)
    return sorted(denying), taken.position


@pytest.mark.parametrize(
    ("quantity", "when", "expires", "rules"),
    [
        (90, "2026-07-01T10:00:00", "2026-07-01T10:59:59+09:00", []),
        (91, "2026-07-01T10:00:00", "2026-07-01T10:59:59+09:00", ["largest"]),
        # It has fallen back at eleven, and is not raised before ten.
        (51, "2026-07-01T10:00:00", "2026-07-01T11:00:00+09:00", ["largest"]),
        (51, "2026-07-01T09:59:59.999999999", "2026-07-01T10:30:00+09:00", ["largest"]),
        (51, "2026-07-01T11:00:00", "2026-07-01T11:30:00+09:00", ["largest"]),
        (50, "2026-07-01T09:00:00", "2026-07-01T12:00:00+09:00", []),
        # An order without an end of its own lasts to the end of the day.
        (51, "2026-07-01T10:30:00", None, ["largest"]),
        (51, "2026-07-01T10:30:00", "2026-07-02", ["largest"]),
        # Of an order without a time, all parts of its day judge.
        (51, "2026-07-01", None, ["largest"]),
        (50, "2026-07-01", None, []),
        (51, "2026-07-02T10:30:00", "2026-07-02T10:40:00+09:00", ["largest"]),
    ],
)
def test_raised_limit_falls_back_by_the_minute(
    quantity: int, when: str, expires: str | None, rules: list[str]
) -> None:
    """Only an order whose whole life is in the hour may use it."""
    more = {} if expires is None else {"expires": expires}
    assert failing(file(), order(quantity, when, **more))[0] == rules


def test_hour_is_the_same_on_both_clocks() -> None:
    """In New York it is the evening before; a pack's limit and a term's fall back together."""
    editions = file()
    there = {"symbol": "A", "fx": "150", "expires": "2026-06-30T21:59:59-04:00"}
    for quantity, rules in ((90, []), (91, ["largest"])):
        row = order(quantity, "2026-07-01T10:00:00", **there)
        row["time"] = "2026-06-30T21:00:00-04:00"
        assert failing(editions, row)[0] == rules
    late = order(51, "2026-07-01T10:00:00", **there | {"expires": "2026-06-30T22:00:00-04:00"})
    assert failing(editions, late)[0] == ["largest"]


def test_lowered_limit_of_an_hour_denies_what_lives_into_it() -> None:
    """Whatever is in force at a moment at which the order can fill judges it."""
    editions = file(HOUR, **{'"90 shares"': '"10 shares"'})
    morning = "2026-07-01T09:00:00"
    for expires, rules in (("09:59:59", []), ("10:00:00", ["largest"]), ("12:00:00", ["largest"])):
        row = order(20, morning, expires=f"2026-07-01T{expires}+09:00")
        assert failing(editions, row)[0] == rules
    assert failing(editions, order(20, "2026-07-01T11:00:00"))[0] == []
    assert failing(editions, order(20, "2026-06-30T11:00:00", expires="2026-07-03"))[0] != []
    assert failing(editions, order(20, "2026-07-01"))[0] == ["largest"]


def test_cap_of_an_hour_binds_what_is_approved_beside_an_order_that_lasts() -> None:
    """An open order may fill in the hour, after a request that cannot; its cap then counts both."""
    lower = file(HOUR, **{"largest:": "total:", "terms.largest": "terms.total",
                          "trade.shares <=": "program.shares_after <="})  # fmt: skip
    for share, rules in ((10, []), (11, ["largest"])):
        lasting = order(40, "2026-07-01T09:00:00", id="long")
        denied, position = failing(lower, lasting)
        assert denied == []
        short = order(share, "2026-07-01T09:10:00", id="b", expires="2026-07-01T09:20:00+09:00")
        assert failing(lower, short, position)[0] == rules
    # Alone, or beside what ended before, what ends within the hour may use it in full.
    denied, position = failing(file(), order(40, "2026-06-30T09:00:00", id="ended"))
    within = order(90, "2026-07-01T10:10:00", id="b", expires="2026-07-01T10:20:00+09:00")
    assert (denied, failing(file(), within, position)[0]) == ([], [])
    alone = order(90, "2026-07-01T10:10:00", expires="2026-07-01T10:20:00+09:00")
    assert failing(lower, alone)[0] == []


def test_fill_without_a_time_is_judged_by_all_parts_of_its_day() -> None:
    """It may have happened in the hour; with its time, only that moment counts."""
    lower = file(HOUR, **{'"90 shares"': '"10 shares"'})
    fill = {"kind": "fill", "id": "f", "symbol": "1", "side": "buy", "quantity": "20"}
    fill |= {"price": "10"}
    for at, rules in (
        ({"date": "2026-07-01"}, ["largest"]),
        ({"date": "2026-07-02"}, []),
        ({"time": "2026-07-01T10:59:59+09:00"}, ["largest"]),
        ({"time": "2026-07-01T11:00:00+09:00"}, []),
    ):
        assert failing(lower, fill | at)[0] == rules


VALUES: Final[dict[tuple[datetime, datetime], int]] = {
    (datetime(2026, 7, 1, 1, 0, tzinfo=UTC), datetime(2026, 7, 1, 2, 0, tzinfo=UTC)): 90,
    (datetime(2026, 7, 1, 2, 0, tzinfo=UTC), datetime(2026, 7, 1, 2, 30, tzinfo=UTC)): 20,
    (datetime(2026, 7, 1, 14, 0, tzinfo=UTC), datetime(2026, 7, 1, 16, 0, tzinfo=UTC)): 70,
}
SEVERAL: Final = "}\n".join(
    f'    - {{value: "{value} shares", from: {first.isoformat()}, until: {end.isoformat()}'
    for (first, end), value in VALUES.items()
).removeprefix('    - {value: "90 shares", ')
BEGIN: Final = datetime(2026, 6, 30, 20, 0, tzinfo=UTC)


def _then(moment: datetime) -> int:
    return next((of for (one, end), of in VALUES.items() if one <= moment < end), 50)


@settings(max_examples=20)
@given(
    begins=st.integers(0, 30 * 60 - 1),
    minutes=st.integers(1, 20 * 60),
    symbol=st.sampled_from(["1", "A"]),
    has_end=st.booleans(),
)
def test_order_is_judged_by_each_minute_of_its_life(
    begins: int, minutes: int, symbol: str, has_end: bool
) -> None:
    """The editions are those that a look at each minute finds, and no others."""
    editions = file(SEVERAL)
    begin = BEGIN + timedelta(minutes=begins)
    end = begin + timedelta(minutes=minutes)
    row = order(1, "2026-07-01", symbol=symbol, fx="1" if symbol == "1" else "150")
    row |= {"time": begin.isoformat()} | ({"expires": end.isoformat()} if has_end else {})
    del row["date"]
    happened = fields.event(row)
    found = life(editions, happened, Position())
    judging = (found.edition, *(one.edition for one in found.later if one.is_own))
    if not has_end:
        hours = 9 if symbol == "1" else -4
        day = (begin + timedelta(hours=hours)).date() + timedelta(1)
        end = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=hours, minutes=1)
    expected = set[int]()
    while begin <= end:
        expected.add(_then(begin))
        begin += timedelta(minutes=1)
    assert {_largest(one) for one in judging} == expected


def _largest(edition: module.Edition) -> Exact:
    version = edition.terms["terms.largest"]
    assert version is not None
    return version.figure.value


def test_order_within_the_hour_still_fits_and_one_beyond_it_does_not() -> None:
    """An open order is asked for again from its own moment on, by the rules as they now are."""
    caps = {"program.shares_after <= terms.max_shares": "program.shares_after <= terms.largest",
            "trade.shares <= terms.largest": "trade.shares <= terms.max_shares"}  # fmt: skip
    editions = file(**caps)
    row = order(90, "2026-07-01T10:10:00", expires="2026-07-01T10:59:00+09:00")
    denied, position = failing(editions, row)
    assert denied == []
    open_order, day = position.orders["a"], date(2026, 7, 1)
    assert unfit(open_order, position, editions, day) is None
    shorter = file(HOUR.replace("11:00:00", "10:30:00"), **caps)
    found = unfit(open_order, position, shorter, day)
    assert found is not None
    assert {one.rule for one in found.findings} == {"share-cap"}


@pytest.mark.slow
def test_cap_of_an_hour_is_proved_and_compared() -> None:
    """Each part of a day is an edition of the proof; another figure for it is a difference."""
    caps = {"program.shares_after <= terms.max_shares": "program.shares_after <= terms.largest",
            "trade.shares <= terms.largest": "trade.shares <= terms.max_shares"}  # fmt: skip
    editions = file(**caps)
    found = proved(editions, time.monotonic_ns)
    assert found.holds
    days = {
        one.claim.figure: ([str(of) for of in one.days], [str(of) for of in one.without])
        for one in held(found, editions.authorization)
    }
    part = ", in the part of the day that begins at 2026-07-01T10:00:00+09:00"
    raised = [f"on 2026-07-01 while it is 2026-06-30 at the venue{part}", f"on 2026-07-01{part}"]
    assert (days["50"], days["90"]) == ((["on all days"], raised), (raised, []))
    higher = file(**caps, **{'"90 shares"': '"95 shares"'})
    comparison = Comparison(editions, higher, Time(60_000, time.monotonic_ns))
    shown = comparison.compared("order").looser.shown
    assert shown is not None
    assert {"time", "expires"} <= shown.events[-1].keys()
    groups = comparison.groups("order")
    assert not all(comparison.is_never(group, "order", 1) for group in groups)
    assert all(comparison.is_never(group, "order", 0) for group in groups)


def test_day_of_a_gap_within_the_hour_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The break: an order would be judged as of its request alone."""
    row = order(90, "2026-07-01T10:30:00", expires="2026-07-01T12:00:00+09:00")
    assert failing(file(), row)[0] == ["largest"]
    monkeypatch.setattr(Editions, "_later_minutes", lambda *_: iter(()))
    assert failing(file(), row)[0] == []


def test_journal_finds_the_edition_of_the_hour_again() -> None:
    """A decision names it, and the words for it are found by its hash."""
    editions = file()
    happened = fields.event(order(90, "2026-07-01T10:30:00"))
    own = editions.of(happened, Position())
    assert _largest(own) == 90
    assert file().named(own.hash, date(2026, 7, 1)).hash == own.hash
    assert own.hash in {one.hash for one in editions.all()}


FAULTS: Final = {
    "from: 2026-07-01T10:00:00+09:00": "a version for part of a day needs a time in both",
    "from: 2026-07-01T10:00:00+09:00, until: 2026-07-01": "needs a time in both `from` and `until`",
    "from: 2026-07-01T10:00:00+09:00, until: 2026-07-01T10:00:00+09:00": "is not after `from`",
    "from: 2026-07-01T10:00:30+09:00, until: 2026-07-01T11:00:00+09:00": "not a whole minute",
    "from: 2026-07-01T10:00:00, until: 2026-07-01T11:00:00": "is not a time with an offset",
    "from: 2026-07-01T10:00:00Z, until: 2026-07-09T11:00:00Z": "is valid for 8 days",
    f"{HOUR}, by: Ann, approved_by: ANN": "is not another person than `by`",
    f"{HOUR}, approved_by: Ann": "is not another person than `by`",
    f'{HOUR}}}\n    - {{value: "95 shares", from: 2026-07-01T10:59:00+09:00,'
    " until: 2026-07-01T12:00:00+09:00": "two versions of `largest` are in effect on the same day",
}


@pytest.mark.parametrize("raised", FAULTS)
def test_fault_is_told(raised: str) -> None:
    """Each with its place."""
    with pytest.raises(RuleFileError) as caught:
        file(raised)
    for problem in caught.value.problems:
        assert FAULTS[raised] in problem.what
        assert problem.line in (14, 15)


@pytest.mark.parametrize(("old", "new"), [("T08:30", "T23:00"), ("T08:30", "T08:31")])
def test_part_of_a_day_that_ends_later_is_looser(old: str, new: str) -> None:
    """At the old end one file has fallen back and the other has not."""
    text = """\
repurchase: 1
authorization: hour
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "1234", venues: [XTKS]}
terms:
  max_shares: {value: "10,000 shares"}
  max_amount: {value: "JPY 20,000,000"}
  first_day: {value: 2026-07-01}
  last_day: {value: 2027-01-01}
  largest:
    - {value: "500 shares"}
    - value: "5,000 shares"
      from: 2026-12-01T08:00:00+09:00
      until: 2026-12-01T08:30:00+09:00
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: amount-cap, require: program.amount_after <= terms.max_amount}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - {id: buys-only, require: trade.side == buy}
  - {id: largest, require: trade.shares <= terms.largest}
"""
    changed = text.replace(old, new)
    assert changed != text
    before, after = (load_text(one.encode(), "hour.yaml") for one in (text, changed))
    compared = Comparison(before, after, Time(60_000, time.monotonic_ns)).compared("order")
    assert compared.looser.shown is not None
    back = Comparison(after, before, Time(60_000, time.monotonic_ns)).compared("order")
    assert back.tighter.shown is not None
