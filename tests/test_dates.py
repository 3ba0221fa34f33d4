"""Dates by calendar, periods and prices in rule files: what they say, and what is said of a fault.

The programs are real ones, cut down to what they say of days and prices.
"""

from __future__ import annotations

import time
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repurchase.domain.calendars import months_after
from repurchase.domain.errors import RuleFileError, Wrong
from repurchase.domain.quantities import SHARES, Dimension
from repurchase.domain.sessions import sessions, sessions_after
from repurchase.evaluation.step import step
from repurchase.intake import fields
from repurchase.ledger.position import Position
from repurchase.proof.proof import proved
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.life import life
from repurchase.rulebook.lint import lint_findings
from test_cli import run

FILE: Final = """\
repurchase: 1
authorization: dates
resolved: 2017-01-30
announced: 2017-02-10
timezone: Europe/Berlin
currency: EUR
unlimited: [shares]
instruments:
  share: {symbol: "1", venues: [XETR]}
terms:
  max_amount: {value: "EUR 1,000"}
  first_day: {value: 2017-03-08}
  last_day: {value: terms.first_day + 1 year - 1 day}
rules:
  - {id: amount-cap, require: program.amount_after <= terms.max_amount}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - {id: buys-only, require: trade.side == buy}
"""
WINDOW: Final = "terms.first_day <= trade.date and trade.last_date <= terms.last_day"
LAST: Final = "last_day: {value: terms.first_day + 1 year - 1 day}"


def file(rule: str | None = None, *terms: str, **changes: str) -> Editions:
    """Return the editions of FILE with a *rule* and *terms* more, and some *changes*."""
    text = FILE.replace("rules:\n", "".join(f"  {term}\n" for term in terms) + "rules:\n")
    for name, value in changes.items():
        line = next(one for one in text.splitlines() if one.strip().startswith(f"{name}: "))
        text = text.replace(line, f"{line[: line.index(name)]}{name}: {value}")
    more = "" if rule is None else f"  - id: own\n    {rule}\n"
    return load_text((text + more).encode(), "dates.yaml")


def faults(rule: str | None = None, *terms: str, **changes: str) -> list[str]:
    """Return what is said of that file, with the places."""
    with pytest.raises(RuleFileError) as caught:
        file(rule, *terms, **changes)
    return [f"{one.line}:{one.column}: {one.what}; {one.hint}" for one in caught.value.problems]


def unwindowed(rule: str, *terms: str) -> Editions:
    """Return the file with a *rule* instead of its window."""
    text = file(rule, *terms).authorization.text.replace(WINDOW, "trade.units > 0")
    return load_text(text.encode(), "dates.yaml")


def failing(editions: Editions, day: str | None, **event: Any) -> list[str]:
    """Return the rules that deny an order of *day*; none if it is approved."""
    row = {"kind": "order", "id": "a", "symbol": "1", "side": "buy", "quantity": "1"}
    row |= {} if day is None else {"date": day}
    row |= {"price": "10", "order_type": "limit", "method": "auction", "broker": "b"} | event
    happened = fields.event(row)
    taken = step(happened, Position(), life(editions, happened, Position()))
    decision = taken.decision
    denying = [one.rule for one in decision.findings if one.result in ("fail", "indeterminate")]
    assert (decision.outcome == "approved") is (not denying)
    return denying


# -- dates by calendar ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "months", "after"),
    [
        ("2023-01-31", 1, "2023-02-28"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2024-03-31", -1, "2024-02-29"),
        ("2023-12-15", 1, "2024-01-15"),
        ("2024-01-15", -1, "2023-12-15"),
        ("2023-06-30", 6, "2023-12-30"),
    ],
)
def test_months_end_on_the_last_of_a_month_that_is_too_short(
    day: str, months: int, after: str
) -> None:
    """A month after 31 January comes the last of February."""
    assert months_after(date.fromisoformat(day), months) == date.fromisoformat(after)


@given(day=st.dates(date(1950, 1, 1), date(2150, 1, 1)), months=st.integers(-500, 500))
def test_months_keep_the_order_of_days_and_the_month(day: date, months: int) -> None:
    """A later day never comes to an earlier one, and the months are exactly as many."""
    after = months_after(day, months)
    assert after <= months_after(day + timedelta(1), months)
    assert (after.year - day.year) * 12 + after.month - day.month == months
    assert after.day == day.day or (after + timedelta(1)).day == 1


def test_month_beyond_the_years_that_are_read_is_refused() -> None:
    """There is no date to compare with."""
    with pytest.raises(Wrong, match="outside the years"):
        months_after(date(2199, 12, 1), 1)


@pytest.mark.parametrize(
    ("when", "last"),
    [
        ("terms.first_day + 1 year", "2018-03-08"),
        ("terms.first_day + 364 days", "2018-03-07"),
        ("terms.first_day + 6 months - 1 day", "2017-09-07"),
        ("terms.resolved + 1 month", "2017-02-28"),
        ("terms.announced + 2 weeks", "2017-02-24"),
        ("2017-01-31 + 1 month + 1 month", "2017-03-28"),
    ],
)
def test_date_by_calendar_is_the_same_in_a_rule_and_in_a_term(when: str, last: str) -> None:
    """On the last day an order is approved, on the next one it is denied, by both."""
    after = (date.fromisoformat(last) + timedelta(1)).isoformat()
    of_term = ("require: trade.date <= terms.end", f"end: {{value: {when}}}")
    for editions in (unwindowed(f"require: trade.date <= {when}"), unwindowed(*of_term)):
        assert failing(editions, last) == []
        assert failing(editions, after) == ["own"]


@pytest.mark.parametrize("when", ["terms.resolved", "terms.announced - 11 days", "2017-01-30"])
def test_dates_of_the_file_are_terms(when: str) -> None:
    """An order may come from the day of the resolution on; the file itself says that day."""
    editions = unwindowed(f"require: trade.date >= {when}")
    assert failing(editions, "2017-01-29") == ["own"]
    assert failing(editions, "2017-01-30") == []


def test_date_of_the_file_that_no_rule_reads_is_no_term() -> None:
    """Editions of files that do not use it stay as they were; an own term keeps its name."""
    assert "announced" not in file().on(date(2017, 5, 1)).content
    own = unwindowed("require: trade.date > terms.announced", "announced: {value: 2017-05-01}")
    assert failing(own, "2017-05-01") == ["own"]


@pytest.mark.parametrize(
    ("when", "last"),
    [
        # 14 and 17 April 2017 are Good Friday and Easter Monday.
        ("2017-04-12 + 1 session", "2017-04-13"),
        ("2017-04-12 + 2 sessions", "2017-04-18"),
        ("2017-04-15 + 1 session", "2017-04-18"),
        ("2017-04-18 - 1 session", "2017-04-13"),
        ("terms.first_day + 10 sessions", "2017-03-22"),
    ],
)
def test_sessions_are_those_of_the_first_venue(when: str, last: str) -> None:
    """Neither week-ends nor holidays count, whether the first day is a session or not."""
    after = (date.fromisoformat(last) + timedelta(1)).isoformat()
    of_term = ("require: trade.date <= terms.end", f"end: {{value: {when}}}")
    for editions in (unwindowed(f"require: trade.date <= {when}"), unwindowed(*of_term)):
        assert failing(editions, last) == []
        assert failing(editions, after) == ["own"]


@given(day=st.dates(date(2006, 1, 1), date(2024, 1, 1)), count=st.integers(1, 40))
def test_sessions_are_counted_day_by_day(day: date, count: int) -> None:
    """Counting from a day comes to what the days between have, forward and back."""
    table = sessions("XTKS")
    assert table is not None
    later = sessions_after("XTKS", day, count)
    between = table.between(day + timedelta(1), later)
    assert between is not None
    assert (len(between), between[-1]) == (count, later)
    back = table.before(day, count)
    assert back is not None
    assert sessions_after("XTKS", day, -count) == back[-1]


def test_edition_says_which_days_its_sessions_are() -> None:
    """Another table of sessions would make another edition of it."""
    editions = unwindowed("require: trade.date <= 2017-04-12 + 2 sessions")
    number = date(2017, 4, 18).toordinal()
    assert f'"sessions":{{"own":["{number}"]}}' in editions.on(date(2017, 5, 1)).content
    assert '"sessions"' not in file().on(date(2017, 5, 1)).content


def test_term_computed_from_others_is_shown_with_how(tmp_path: Path) -> None:
    """`explain` shows the date and the words of the file."""
    path = tmp_path / "dates.yaml"
    path.write_text(FILE)
    shown = run("explain", path, cwd=tmp_path).out
    assert "2018-03-07 = terms.first_day + 1 year - 1 day" in shown
    assert run("lint", path, cwd=tmp_path).code == 0


# -- days that are closed -------------------------------------------------------------------------

PAUSES: Final = "pauses: {value: [2017-04-14..2017-04-20, 2017-07-01..2017-07-10]}"
APART: Final = "require: trade.date..trade.last_date not in terms.pauses"
LIVES: Final = [
    ("2017-04-13", "2017-04-13", []),
    ("2017-04-13", "2017-04-14", ["own"]),
    ("2017-04-10", "2017-04-24", ["own"]),
    ("2017-04-14", "2017-04-14", ["own"]),
    ("2017-04-20", "2017-04-21", ["own"]),
    ("2017-04-21", "2017-06-30", []),
    ("2017-04-21", "2017-07-01", ["own"]),
    ("2017-07-10", "2017-07-10", ["own"]),
    ("2017-07-11", "2017-07-31", []),
]


@pytest.mark.parametrize(("first", "last", "rules"), LIVES)
def test_order_that_may_fill_in_a_pause_is_denied(first: str, last: str, rules: list[str]) -> None:
    """From its first day to its last, none may be one of a pause, however the pauses are said."""
    listed = "[2017-04-14..2017-04-20, 2017-07-01..2017-07-10]"
    of_term = file(APART, PAUSES)
    written = file(f"require: trade.date..trade.last_date not in {listed}")
    at_venue = file(APART.replace("trade.", "trade.venue_"), PAUSES)
    for editions in (of_term, written, at_venue):
        assert failing(editions, first, expires=last) == rules


@pytest.mark.parametrize(
    ("first", "last", "rules"),
    [
        ("2017-04-14", "2017-04-20", []),
        ("2017-04-13", "2017-04-20", ["own"]),
        ("2017-04-14", "2017-04-21", ["own"]),
        ("2017-04-20", "2017-07-01", ["own"]),
    ],
)
def test_order_must_be_within_one_of_the_periods(first: str, last: str, rules: list[str]) -> None:
    """`in` asks for all days of the order, in one period."""
    editions = file(APART.replace(" not in", " in"), PAUSES)
    assert failing(editions, first, expires=last) == rules


def test_pauses_of_a_year_are_known_by_then() -> None:
    """A list with versions: an order into the next year is denied by the pauses of that year."""
    years = (
        "pauses: [{value: 2017-12-27..2017-12-31, until: 2017-12-31},"
        " {value: [2018-01-01..2018-01-05, 2018-02-01..2018-02-02], from: 2018-01-01}]"
    )
    editions = file(APART, years)
    assert failing(editions, "2017-12-20", expires="2017-12-26") == []
    assert failing(editions, "2017-12-20", expires="2018-01-02") == ["own"]
    assert failing(editions, "2018-01-06", expires="2018-01-31") == []
    assert failing(editions, "2018-01-06", expires="2018-02-01") == ["own"]
    # The first list has one period only: its absent second one closes no other day.
    assert failing(editions, "2017-03-08") == []


@pytest.mark.parametrize("days", ["2017-09-01..terms.first_day", "terms.last_day..2017-05-01"])
def test_interval_that_ends_before_it_begins_is_no_permission(days: str) -> None:
    """Only with the terms is that known: then nothing is outside such an interval."""
    editions = file(f"require: trade.date..trade.last_date not in {days}")
    assert failing(editions, "2017-06-01") == ["own"]


def test_unknown_last_day_is_no_approval() -> None:
    """An order at a venue that the file does not list has no last day there."""
    editions = file(APART.replace("trade.", "trade.venue_"), PAUSES)
    assert "own" in failing(editions, "2017-05-02", symbol="2")


def test_hours_are_within_a_period_both_ends_included() -> None:
    """Only the time of the request counts, on the venue's clock."""
    editions = file("require: trade.venue_time in terms.hours", "hours: {value: [09:00..11:30]}")
    for time_of_day, rules in (("08:59:59", ["own"]), ("09:00:00", []), ("11:30:00", [])):
        moment = f"2017-05-02T{time_of_day}+02:00"
        assert failing(editions, None, time=moment) == rules
    assert failing(editions, "2017-05-02") == ["own"]


# -- no last day ----------------------------------------------------------------------------------


def test_program_without_a_last_day_is_lint_clean_and_proved() -> None:
    """Its window has only a first day, whether a rule reads the last day or not."""
    for rule in (WINDOW, "terms.first_day <= trade.date"):
        text = FILE.replace(LAST, "last_day: none").replace(WINDOW, rule)
        editions = load_text(text.encode(), "dates.yaml")
        assert lint_findings(editions) == ()
        found = proved(editions, time.monotonic_ns)
        assert found.holds
        (edition,) = found.editions
        windows = {(one.kind, one.first, one.last) for one in edition.claims if one.first}
        assert windows == {(kind, "2017-03-08", None) for kind in ("window", "window-at-venue")}
        assert failing(editions, "2017-03-07") == ["window"]
        assert failing(editions, "2017-03-08", expires="2190-01-01") == []


def test_program_that_does_not_say_that_it_has_no_last_day_has_a_gap() -> None:
    """Without `last_day: none`, an order that may fill on any day is a gap, as before."""
    text = FILE.replace(f"  {LAST}\n", "").replace(WINDOW, "terms.first_day <= trade.date")
    (gap,) = lint_findings(load_text(text.encode(), "dates.yaml"))
    assert "orders may fill too late" in gap.what
    assert "last_day: none" in str(gap.hint)


def test_end_by_an_event_is_a_version_that_becomes_known() -> None:
    """Until the day of the meeting is known there is no end; from then on orders end by it."""
    meeting = "[{value: none}, {value: 2018-06-20, known: 2018-05-15}]"
    editions = file(last_day=meeting)
    assert failing(editions, "2018-05-14", expires="2018-07-01") == []
    assert failing(editions, "2018-05-15", expires="2018-06-21") == ["window"]
    assert failing(editions, "2018-05-15", expires="2018-06-20") == []
    assert failing(editions, "2018-06-21") == ["window"]
    assert lint_findings(editions) == ()
    assert proved(editions, time.monotonic_ns).holds


# -- prices ---------------------------------------------------------------------------------------

TWO: Final = '{symbol: "1", venues: [XETR]}\n  ads: {symbol: A, venues: [XNAS], currency: USD}'


@pytest.mark.parametrize("fact", ["trade.price_per_share", "trade.price"])
def test_price_is_a_term(fact: str) -> None:
    """A price of the program's currency is that of the share, if no instrument is priced else."""
    editions = file(f"require: {fact} <= 105% * terms.strike", 'strike: {value: "EUR 10 a share"}')
    assert failing(editions, "2017-05-02", price="10.5") == []
    assert failing(editions, "2017-05-02", price="10.500000000001") == ["own"]
    assert editions.authorization.terms[-1].dimension == Dimension("price", "EUR")


def test_price_times_shares_is_money() -> None:
    """The product of two terms is a cap like any other, and proved as one."""
    editions = file(
        "require: program.amount_after <= terms.most * terms.strike",
        'strike: {value: "EUR 10 a share"}',
        'most: {value: "50 shares"}',
    )
    assert failing(editions, "2017-05-02", quantity="50") == []
    assert failing(editions, "2017-05-02", quantity="51") == ["own"]
    found = proved(editions, time.monotonic_ns)
    assert found.holds
    assert "500" in {one.figure for one in found.editions[0].claims}


def test_term_computed_from_a_share_of_others() -> None:
    """A tenth of the issued shares, as the board says it."""
    issued, most = 'issued: {value: "550 shares"}', "most: {value: 10% * terms.issued}"
    editions = file("require: program.shares_after <= terms.most", issued, most)
    assert failing(editions, "2017-05-02", quantity="55") == []
    assert failing(editions, "2017-05-02", quantity="56") == ["own"]
    assert editions.authorization.terms[-1].dimension == SHARES


def test_price_of_one_instrument_is_compared_where_the_rule_applies_to_it_alone() -> None:
    """Prices of the share are in EUR, those of the other class in USD."""
    price = "trade.price <= EUR 10 a share"
    editions = file(f"require: {price}\n    when: trade.share_class == share", share=TWO)
    assert failing(editions, "2017-05-02", price="11") == ["own"]
    of_other = {"symbol": "A", "fx": "0.9"}
    assert failing(editions, "2017-05-02", price="11", **of_other) == []


TICK: Final = '{symbol: "1", venues: [XETR], tick: 0.5}'
STRIKE: Final = 'strike: {value: "EUR 10.13 a share"}'


@pytest.mark.parametrize("way", ["down", "up"])
@settings(max_examples=15)
@given(price=st.decimals("9", "12", places=3), tick=st.sampled_from(["0.5", "0.01", "0.3", "7"]))
def test_limit_is_rounded_to_ticks(way: str, price: Decimal, tick: str) -> None:
    """The highest multiple of the tick that is not above, or the lowest that is not below it."""
    rule = f"require: trade.price <= {way}_to_tick(102% * terms.strike)"
    editions = file(rule, STRIKE, share=TICK.replace("0.5", tick))
    limit = Fraction("10.3326") / Fraction(tick)
    limit = (limit.__floor__() if way == "down" else limit.__ceil__()) * Fraction(tick)
    is_within = Fraction(price) <= limit
    assert (failing(editions, "2017-05-02", price=str(price)) == []) is is_within


def test_limit_is_rounded_to_the_tick_of_the_instrument_and_the_day() -> None:
    """Each instrument has its own tick, which may change; a limit that is a tick stays."""
    two = (
        '{symbol: "1", venues: [XETR], tick: [{value: 0.5, until: 2017-05-02},'
        " {value: 0.1, from: 2017-05-03}]}\n"
        "  other: {symbol: B, venues: [XETR], tick: 2}"
    )
    editions = file("require: trade.price <= down_to_tick(terms.strike)", STRIKE, share=two)
    for symbol, day, highest in (
        ("1", "2017-05-02", "10"),
        ("1", "2017-05-03", "10.1"),
        ("B", "2017-05-02", "10"),
    ):
        assert failing(editions, day, symbol=symbol, price=highest) == []
        assert failing(editions, day, symbol=symbol, price=highest + "1") == ["own"]
    even = file("require: trade.price < up_to_tick(EUR 10 a share)", share=TICK)
    assert failing(even, "2017-05-02", price="9.99") == []
    assert failing(even, "2017-05-02", price="10") == ["own"]


def test_rounded_limit_is_proved_and_left_as_headroom() -> None:
    """It is a constant of the edition, so the proof and the headroom know it."""
    editions = file(
        "require: program.amount_after <= 90 shares * up_to_tick(terms.strike)", STRIKE, share=TICK
    )
    found = proved(editions, time.monotonic_ns)
    assert found.holds
    assert "945" in {one.figure for one in found.editions[0].claims}


# -- faults ---------------------------------------------------------------------------------------

FAULTS: Final[list[tuple[tuple[str, ...], dict[str, str], str]]] = [
    (("require: trade.date not in [2017-04-14]",), {}, "19:14: this would be true of an order"),
    (("require: not trade.date in 2017-04-14..2017-04-20",), {}, "19:18: this would be true"),
    (
        ("require: not trade.date..trade.last_date in [2017-04-14]",),
        {},
        "19:18: `not` before this condition would be true of an order that is partly in it",
    ),
    (
        ("require: trade.last_date..trade.date not in [2017-04-14]",),
        {},
        "19:14: these are not the first and the last day of an order",
    ),
    (("require: trade.date in 2017-04-20..2017-04-14",), {}, "19:28: `2017-04-20..2017-04-14`"),
    (("require: trade.date in 2017-04-20",), {}, "19:28: this is neither a list nor an interval"),
    (("require: trade.date in 2017-04-20..EUR 5",), {}, "19:40: date and EUR do not fit"),
    (("require: trade.side in buy..sell",), {}, "19:28: words have no order"),
    (
        ("require: trade.date > terms.first_day + 5000 sessions",),
        {},
        "the sessions of `XETR` are known from",
    ),
    (
        ("require: trade.date > terms.first_day + 5 sessions",),
        {"share": '{symbol: "1", venues: [XHKG]}'},
        "no table has the sessions of `XHKG`",
    ),
    (
        (),
        {
            "share": '{symbol: "1", venues: [XHKG]}',
            "last_day": "{value: terms.first_day + 5 sessions}",
        },
        "13:21: the value cannot be computed: no table has the sessions of `XHKG`",
    ),
    (("require: trade.date + 1 month > 2017-01-01",), {}, "19:27: `1 month` after a fact"),
    (("require: trade.shares <= 30 days",), {}, "19:30: a length of time can only be added"),
    (("require: 1 year + terms.first_day > trade.date",), {}, "19:14: a length of time can only"),
    (("require: trade.last_date - trade.date <= 1 month",), {}, "19:46: `1 month` is not a fixed"),
    (("require: terms.first_day + 900 years > trade.date",), {}, "outside the years 1900 to 2199"),
    (("require: trade.date > terms.pauses", PAUSES), {}, "20:27: `terms.pauses` is a list"),
    (("require: trade.date > 2017-01-01", PAUSES), {}, "14:3: no rule and no check reads the term"),
    ((APART, "pauses: {value: []}"), {}, "14:19: the list has 0 periods; give 1 to 40"),
    ((APART, "pauses: {value: [2017-04-14]}"), {}, "`2017-04-14` is not a period"),
    ((APART, "pauses: {value: 2017-04-14..2017-04-13}"), {}, "ends before it begins"),
    ((APART, "pauses: {value: [09:00..10:00, 2017-04-14..2017-04-15]}"), {}, "list one kind only"),
    ((APART, "pauses: {value: [09:00..10:00]}"), {}, "date and time do not fit together"),
    ((APART, "pauses: {value: 1 share..2 shares}"), {}, "is not a period of days or of times"),
    (
        (),
        {"last_day": "{value: terms.first_day + 1 share}"},
        "13:39: date and shares cannot be added",
    ),
    ((), {"last_day": "{value: terms.first + 1 year}"}, "unknown term `terms.first`"),
    ((), {"last_day": "{value: terms.last_day + 1 year}"}, "unknown term `terms.last_day`"),
    ((), {"last_day": "{value: terms.first_day - 1 day}"}, "`first_day` 2017-03-08 is after"),
    ((), {"last_day": "{value: terms.first_day * 2}"}, "13:21"),
    ((), {"last_day": '{value: "10% * terms.max_amount"}'}, "`last_day` takes a date"),
    ((), {"last_day": '{value: "max(terms.first_day, trade.date)"}'}, "may read only terms"),
    ((), {"max_amount": "none"}, "11:15: only `last_day` can be `none`"),
    ((), {"first_day": "2017-03-08"}, "takes a mapping, but its value is text; write `{value:"),
    ((APART, "pauses: {value: 2017-04-14..}"), {}, "`2017-04-14..` is not a period"),
    ((APART, "pauses: {value: [2017-04-14..2017-04-20, {a: 1}]}"), {}, "is not text"),
    ((APART.replace("pauses", "pause"), PAUSES), {}, "did you mean `terms.pauses`"),
    (("require: trade.date > terms.first_day + 100000 days",), {}, "does not belong here"),
    ((), {"first_day": "none"}, "only `last_day` can be `none`"),
    (
        (),
        {"first_day": "[{value: 2017-03-08, until: 2017-12-31}, {value: 2018-01-02}]"},
        "`terms.first_day` has not one value for all days",
    ),
    (
        ("require: trade.price <= EUR 5 a share",),
        {"share": TWO},
        "rule `own` compares a price of `ads`, which is in USD for a unit, with one in EUR",
    ),
    (
        ("require: trade.price <= EUR 5 a share",),
        {"share": '{symbol: "1", venues: [XETR], shares_each: 10}'},
        "rule `own` compares a price of `share`",
    ),
    (
        ("require: trade.price <= down_to_tick(terms.strike)", STRIKE),
        {},
        "rule `own` rounds to ticks, but `share` has no `tick`",
    ),
    (
        ("require: trade.price <= down_to_tick(market.last_price)",),
        {"share": TICK},
        "19:42: `down_to_tick` of a fact cannot be compared exactly",
    ),
    (
        ("require: trade.shares <= down_to_tick(5 shares)",),
        {"share": TICK},
        "19:43: `down_to_tick` takes a price, but this is shares",
    ),
    (
        ("require: trade.price <= down_to_tick(terms.strike)", STRIKE),
        {"share": TICK.replace("0.5", "0")},
        "`tick` takes a number above zero",
    ),
    (
        ("require: trade.price_per_share <= down_to_tick(terms.strike)", STRIKE),
        {"share": TICK + "\n  ads: {symbol: A, venues: [XNAS], currency: USD, tick: 1}"},
        "rule `own` compares a price of `ads`",
    ),
    (("require: trade.price <= EUR 5",), {}, "19:29: price and EUR do not fit together"),
    (("require: trade.price_per_share <= USD 5 a share",), {}, "do not fit together"),
    (("require: trade.price <= terms.p", "p: {value: EUR -5 a share}"), {}, "`-5` has a sign"),
    (("require: trade.price <= terms.p", "p: {value: EUR 5 the share}"), {}, "is not a figure"),
]


@pytest.mark.parametrize(("more", "changes", "said"), FAULTS)
def test_fault_is_told_with_its_place(
    more: tuple[str, ...], changes: dict[str, str], said: str
) -> None:
    """Each misuse gives one fault, with its place and how to mend it."""
    found = faults(*more, **changes)
    assert any(said in one for one in found), found


def test_ten_pauses_in_force_at_once_are_refused() -> None:
    """The engine would have to take more alternatives than it can: the fault says so."""
    ten = ", ".join(f"2017-{month:02}-01..2017-{month:02}-02" for month in range(1, 11))
    (said,) = faults(APART, f"pauses: {{value: [{ten}]}}")
    assert "combine in too many ways" in said
