"""Trades, quotes and issuer facts from files: each fact by hand, and by slow ways to the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.errors import InputError, RuleFileError, UsageError
from repurchase.domain.moments import instant
from repurchase.domain.quantities import Exact
from repurchase.facts.fact import Market, Value
from repurchase.facts.table import TABLE
from repurchase.intake.objects import event_from_json
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade, trade
from repurchase.market.feed import read_feed, source_of
from repurchase.market.intervals import Interval, overlaps, through
from repurchase.market.tape import FIRST_PRICE, QUOTE_FACTS, TAPE_FACTS, Quotes, Tape, midnight
from repurchase.rulebook.editions import load_text
from test_cli import run
from test_market import HEADER

RULES: Final = """
repurchase: 1
authorization: acme
timezone: Asia/Tokyo
currency: JPY
unlimited: [shares, amount]
instruments:
  common: {symbol: "1111", venues: [XTKS]}
  ads: {symbol: ACME, venues: [XNAS], currency: USD, per_share: 2}
rules:
  - {id: buys-only, require: trade.side == buy}
  - {id: lasting, require: trade.last_date <= 2009-01-30}
"""
EDITIONS: Final = load_text(RULES.encode(), "acme.yaml")
TRADES: Final = "time,symbol,venue,price,own,off_auction\n"
QUOTES: Final = "time,symbol,venue,bid,own\n"
FLAGS: Final = "from,until,undisclosed_material_fact,closed_period\n"

LAST: Final = "market.last_price"
INDEPENDENT: Final = "market.last_independent_price"
HIGH: Final = "market.day_high"
BID: Final = "market.best_independent_bid"
MATERIAL: Final = "issuer.undisclosed_material_fact"
CLOSED: Final = "issuer.closed_period"


READ: Final = {
    "bars": ("market.previous_close", "trade.price <= 120% * market.previous_close"),
    "trades": (HIGH, "trade.price <= market.day_high"),
    "quotes": (BID, "trade.price <= 102% * market.best_independent_bid"),
    "flags": (CLOSED, "not issuer.closed_period"),
}


def asked(when: str, symbol: str = "1111") -> Trade:
    """Return an order of *when*, a time or a day."""
    kind = "time" if "T" in when else "date"
    text = {"kind": "order", "id": "o", kind: when, "symbol": symbol, "side": "buy", "quantity": 1}
    event = event_from_json(json.dumps(text).encode(), "event")
    found = trade(event, EDITIONS.of(event, Position()).counting, Position())
    assert isinstance(found, Trade)
    return found


@pytest.fixture
def market(tmp_path: Path) -> Callable[..., Market]:
    """Give what reads files of the contents that it is called with."""

    def read(*contents: str) -> Market:
        paths = []
        for number, content in enumerate(contents):
            paths.append(tmp_path / f"{number}.csv")
            paths[-1].write_text(content + end_of(content))
        return read_feed(paths).of(EDITIONS.authorization)

    return read


def end_of(content: str) -> str:
    """Return a row of another instrument long after: trades and quotes are known up to it."""
    header = content.split("\n", maxsplit=1)[0].split(",")
    more = ["1", *("1" if name == "ask" else "no" for name in header[4:])]
    return at("09:00:00", *more, day="2008-12-30", listed="9999,XTKS") if "time" in header else ""


def at(clock: str, *cells: str, day: str = "2008-11-14", listed: str = "1111,XTKS") -> str:
    """Return a row of *cells* of a moment in Tokyo."""
    return ",".join((f"{day}T{clock}+09:00", listed, *cells)) + "\n"


def told(market: Market, name: str, clock: str, day: str = "2008-11-14") -> Value | None:
    """Return the fact *name* of an order at a moment in Tokyo."""
    return market.fact(name, asked(f"{day}T{clock}+09:00"))


# -- trades ---------------------------------------------------------------------------------------


def test_trade_counts_for_what_is_asked_after_it(market: Callable[..., Market]) -> None:
    """What is printed in the same instant need not be published yet; a microsecond later it is."""
    found = market(TRADES + at("09:00:00", "100", "no", "no") + at("10:00:00", "101.5", "no", "no"))
    for name, first, second in ((LAST, 100, 101.5), (INDEPENDENT, 100, 101.5), (HIGH, 100, 101.5)):
        assert told(found, name, "09:00:00") is None
        assert told(found, name, "09:00:00.000001") == first
        assert told(found, name, "10:00:00") == first
        assert told(found, name, "10:00:00.000001") == second


def test_trade_of_another_day_or_instrument_tells_nothing(market: Callable[..., Market]) -> None:
    """The day is that of the venue: in New York it goes on while Tokyo has the next."""
    evening = "2008-11-14T19:59:00-05:00,ACME,XNAS,3,no,no\n"
    found = market(TRADES + at("14:59:59.999999", "100", "no", "no") + evening)
    assert told(found, LAST, "23:59:59.999999") == 100
    assert told(found, LAST, "00:00:00", "2008-11-15") is None
    assert told(found, LAST, "09:00:00", "2008-11-17") is None
    there = found.fact(LAST, asked("2008-11-14T23:59:59.999999-05:00", "ACME"))
    assert there == 3
    assert found.fact(LAST, asked("2008-11-15T00:00:00-05:00", "ACME")) is None
    assert found.fact(LAST, asked("2008-11-14T23:59:00-05:00", "OTHER")) is None


def test_price_is_as_old_as_the_last_trade_that_counts(market: Callable[..., Market]) -> None:
    """A trade at the same price is a new price; one off the auction is none."""
    found = market(
        TRADES
        + at("09:00:00", "100", "no", "no")
        + at("09:01:00", "100", "no", "no")
        + at("09:02:00", "105", "no", "yes")
        + at("09:03:00", "105", "no", "")
    )
    age = "market.last_price_age"
    assert [told(found, age, clock) for clock in ("09:00:00", "09:00:30.5", "09:02:30")] == [
        None,
        Fraction("30.5"),
        90,
    ]
    # Whether the last trade counts is unknown, and so is the age.
    assert told(found, age, "09:03:30") is None
    assert told(found, age, "09:01:30", "2008-11-17") is None


def test_quote_is_as_old_as_its_last_row(market: Callable[..., Market]) -> None:
    """Also a row that repeats a bid, or that is the issuer's own, is a new quote."""
    found = market(QUOTES + at("09:00:00", "99", "no") + at("09:00:10", "99", "yes"))
    assert told(found, "market.quote_age", "09:00:12") == 2
    assert told(found, BID, "09:00:12") is None


AGO: Final = """averages:
  before: {of: last_price, over: 5 minutes ago}
rules:
  - {id: collar, require: trade.price <= 105% * averages.before}
"""


def test_price_of_some_minutes_ago_is_that_of_then(tmp_path: Path) -> None:
    """Only trades supply it, of the same day, and an event states it if there is no file."""
    editions = load_text(RULES.replace("rules:\n", AGO).encode(), "acme.yaml")
    path = tmp_path / "trades.csv"
    rows = at("09:00:00", "100", "no", "no") + at("09:04:00", "103", "no", "no")
    path.write_text(TRADES + rows + end_of(TRADES))
    found = read_feed([path]).of(editions.authorization)
    name = "averages.before"
    clocks = ("09:04:30", "09:05:00", "09:05:00.000001", "09:08:59", "09:09:01")
    assert [told(found, name, clock) for clock in clocks] == [None, None, 100, 100, 103]
    assert told(found, name, "09:01:00", "2008-11-17") is None
    assert found.owns(name)
    assert found.fact(name, asked("2008-11-14")) is None
    assert not read_feed([]).of(editions.authorization).owns(name)
    assert (editions.authorization.fact(name).meaning, found.stands_for(name)) == (
        "last price 5 minutes before the trade, at the venue of the event",
        LAST,
    )


@pytest.mark.parametrize(
    ("declared", "what"),
    [
        ("{of: last_price, over: 5 sessions}", "`last_price` is not taken over 5 sessions"),
        ("{of: close, over: 5 minutes ago}", "`close` is not taken over 5 minutes ago"),
        ("{of: last_price, over: 1 minute ago, venue: all}", "has no sum over all venues"),
        ("{of: last_price, over: 1 minute ago, before: announced}", "and of no other day"),
    ],
)
def test_price_of_a_moment_is_no_mean(declared: str, what: str) -> None:
    """What it is not taken over is told with what to write."""
    text = RULES.replace("rules:\n", AGO.replace("{of: last_price, over: 5 minutes ago}", declared))
    with pytest.raises(RuleFileError, match=what):
        load_text(text.encode(), "acme.yaml")


def test_day_of_an_event_has_no_moment(market: Callable[..., Market]) -> None:
    """With a date alone no trade and no bid is known to be before it."""
    quotes = "time,symbol,venue,bid,own,ask\n" + at("09:00:00", "99", "no", "101")
    found = market(TRADES + at("09:00:00", "100", "no", "no"), quotes)
    for name in (*TAPE_FACTS, *QUOTE_FACTS):
        assert told(found, name, "10:00:00") is not None
        assert found.fact(name, asked("2008-11-14")) is None


def test_own_trade_is_published_and_not_independent(market: Callable[..., Market]) -> None:
    """The last price and the high are anyone's, off the auction only the independent one counts."""
    found = market(
        TRADES
        + at("09:00:00", "100", "no", "no")
        + at("09:01:00", "103", "yes", "no")
        + at("09:02:00", "105", "no", "yes")
    )
    assert [told(found, name, "09:01:30") for name in (LAST, HIGH, INDEPENDENT)] == [103, 103, 100]
    assert [told(found, name, "09:02:30") for name in (LAST, HIGH, INDEPENDENT)] == [103, 103, 105]


@pytest.mark.parametrize(
    ("rows", "last", "high", "independent"),
    [
        # Of the second trade it is not known whose it is, or whether it was in the auction.
        ([("100", "no", "no"), ("101", "", "")], None, None, None),
        ([("100", "no", "no"), ("99", "", "")], None, 100, None),
        ([("100", "no", "no"), ("100", "", "")], 100, 100, 100),
        ([("100", "no", "no"), ("101", "no", "")], None, None, 101),
        ([("100", "no", "no"), ("101", "", "no")], 101, 101, None),
        # What follows it settles the last price, and the high if it is as high.
        ([("101", "", ""), ("100", "no", "no")], 100, None, 100),
        ([("101", "", ""), ("101", "no", "no")], 101, 101, 101),
        ([("101", "", "")], None, None, None),
        ([("101", "yes", "yes")], None, None, None),
    ],
)
def test_figure_is_known_where_it_is_the_same_either_way(
    market: Callable[..., Market],
    rows: list[tuple[str, str, str]],
    last: Exact | None,
    high: Exact | None,
    independent: Exact | None,
) -> None:
    """A trade of which something is not known leaves unknown what it could be or change."""
    found = market(TRADES + "".join(at(f"09:0{n}:00", *cells) for n, cells in enumerate(rows)))
    assert told(found, LAST, "10:00:00") == last
    assert told(found, HIGH, "10:00:00") == high
    assert told(found, INDEPENDENT, "10:00:00") == independent


def test_column_that_is_left_out_is_not_known(market: Callable[..., Market]) -> None:
    """Without `own` nothing is independent, without `off_auction` nothing was in the auction."""
    needed = "time,symbol,venue,price"
    found = market(f"{needed},own\n" + at("09:00:00", "100", "no"))
    assert [told(found, name, "10:00:00") for name in (LAST, HIGH, INDEPENDENT)] == [
        None,
        None,
        100,
    ]
    found = market(f"{needed},off_auction\n" + at("09:00:00", "100", "no"))
    assert [told(found, name, "10:00:00") for name in (LAST, HIGH, INDEPENDENT)] == [100, 100, None]
    found = market("time,symbol,venue,bid\n" + at("09:00:00", "99"))
    assert told(found, BID, "10:00:00") is None


def test_tape_is_read_to_the_nanosecond(market: Callable[..., Market]) -> None:
    """A trade counts from the next nanosecond on; what is finer is only cut."""
    found = market(TRADES + at("09:00:00.0000009989", "100", "no", "no"))
    assert told(found, LAST, "09:00:00.000000998") is None
    assert told(found, LAST, "09:00:00.000000999") == 100
    assert told(found, LAST, "09:00:00.000001") == 100


def test_files_of_days_follow_each_other(market: Callable[..., Market]) -> None:
    """A tape may lie in many files, one after the other."""
    first = TRADES + at("09:00:00", "100", "no", "no")
    second = TRADES + at("09:00:00", "90", "no", "no", day="2008-11-17")
    found = market(first, second)
    assert told(found, HIGH, "10:00:00") == 100
    assert told(found, HIGH, "10:00:00", "2008-11-17") == 90
    with pytest.raises(InputError, match=r"1\.csv:2: the time goes back"):
        market(second, first)


@pytest.mark.parametrize(
    ("header", "cells"), [(TRADES, ("100", "no", "no")), (QUOTES, ("9", "no"))]
)
def test_nothing_is_known_beyond_the_last_row(
    tmp_path: Path, header: str, cells: tuple[str, ...]
) -> None:
    """A file that was written before the moment does not have what was published since."""
    name = LAST if header == TRADES else BID
    path = tmp_path / "until.csv"
    path.write_text(header + at("09:00:00", *cells) + at("09:30:00", *cells, listed="2222,XTKS"))
    found = read_feed([path]).of(EDITIONS.authorization)
    assert told(found, name, "09:30:00") is not None
    assert told(found, name, "09:30:00.000001") is None
    assert read_feed([]).of(EDITIONS.authorization).fact(name, asked("2008-11-14")) is None


def test_another_file_says_nothing_of_where_one_ends(tmp_path: Path) -> None:
    """What goes on in other files, of the next day too, leaves what one file knows as it is."""
    first, other = tmp_path / "first.csv", tmp_path / "other.csv"
    first.write_text(TRADES + at("09:00:00", "100", "no", "no"))
    rows = at("16:00:00", "7", "no", "no", listed="2222,XTKS")
    other.write_text(TRADES + rows + at("09:00:00", "90", "no", "no", day="2008-11-17"))
    found = read_feed([first, other]).of(EDITIONS.authorization)
    assert told(found, LAST, "15:00:00") is None
    assert told(found, LAST, "09:00:00", "2008-11-17") is None
    more = at("15:30:00", "8", "no", "no", listed="2222,XTKS")
    first.write_text(TRADES + at("09:00:00", "100", "no", "no") + more)
    found = read_feed([first, other]).of(EDITIONS.authorization)
    assert told(found, LAST, "15:00:00") == 100


def test_first_price_of_the_day_is_published_by_the_first_trade_of_the_auction(
    market: Callable[..., Market],
) -> None:
    """A trade off the auction publishes none; one that may be leaves it unknown, until another."""
    name = "market.first_price_published"
    rows = (("08:00:00", "yes"), ("08:30:00", ""), ("09:00:00", "no"), ("10:00:00", ""))
    trades = "".join(at(clock, "100", "no", off) for clock, off in rows)
    found = market(TRADES + at("09:00:00", "1", "no", "no", day="2008-11-13") + trades)
    clocks = ("07:59:00", "08:15:00", "08:45:00", "09:00:00", "09:00:01", "11:00:00")
    assert [told(found, name, clock) for clock in clocks] == [False, False, None, None, True, True]
    assert told(found, name, "08:00:00", "2008-11-17") is False
    assert told(found, name, "08:00:00", "2008-11-13") is None


# -- quotes ---------------------------------------------------------------------------------------


def test_best_ask_comes_with_the_quotes(market: Callable[..., Market]) -> None:
    """It is the one published before; without its column, or in an empty cell, it is unknown."""
    header = "time,symbol,venue,bid,ask\n"
    rows = at("09:00:00", "99", "101") + at("10:00:00", "99", "") + at("11:00:00", "", "102.5")
    found = market(header + rows)
    clocks = ("09:00:00", "09:00:01", "10:30:00", "11:30:00")
    assert [told(found, "market.best_ask", clock) for clock in clocks] == [None, 101, None, 102.5]
    alone = market(QUOTES + at("09:00:00", "99", "no"))
    assert told(alone, "market.best_ask", "10:00:00") is None


def test_bid_is_in_force_until_the_next(market: Callable[..., Market]) -> None:
    """The issuer's own bid, one that is not known whose, and none at all hide what is behind."""
    found = market(
        QUOTES
        + at("09:00:00", "99", "no")
        + at("09:10:00", "100", "yes")
        + at("09:20:00", "98.5", "no")
        + at("09:30:00", "101", "")
        + at("09:40:00", "97", "no")
        + at("09:50:00", "", "no")
    )
    assert told(found, BID, "09:00:00") is None
    assert told(found, BID, "09:00:00.000001") == 99
    assert told(found, BID, "09:10:00") == 99
    assert told(found, BID, "09:10:00.000001") is None
    assert told(found, BID, "09:25:00") == 98.5
    assert told(found, BID, "09:35:00") is None
    assert told(found, BID, "09:45:00") == 97
    assert told(found, BID, "09:55:00") is None
    assert told(found, BID, "09:00:00", "2008-11-17") is None


# -- flags ----------------------------------------------------------------------------------------


def test_flag_holds_on_its_days_and_is_never_guessed(market: Callable[..., Market]) -> None:
    """Both days are included, on the authorization's clock; outside them nothing is known."""
    found = market(FLAGS + "2008-11-14,2008-11-17,no,yes\n2008-11-18,2008-11-18,,no\n")
    assert told(found, MATERIAL, "23:59:59.999999", "2008-11-13") is None
    assert told(found, MATERIAL, "00:00:00", "2008-11-14") is False
    assert told(found, CLOSED, "23:59:59.999999", "2008-11-17") is True
    assert told(found, CLOSED, "00:00:00", "2008-11-18") is False
    assert told(found, MATERIAL, "00:00:00", "2008-11-18") is None
    assert told(found, CLOSED, "00:00:00", "2008-11-19") is None
    # Five in the afternoon in New York is the next day in Tokyo.
    assert found.fact(CLOSED, asked("2008-11-17T17:00:00-05:00", "ACME")) is False
    assert found.fact(CLOSED, asked("2008-11-14", "OTHER")) is True


def test_flag_with_times_ends_before_its_end(market: Callable[..., Market]) -> None:
    """A time is the first moment at which it is so, or no longer."""
    found = market(
        "from,until,closed_period\n"
        "2008-11-14T15:00:00+09:00,2008-11-16,yes\n"
        "2008-11-14,2008-11-14T15:00:00+09:00,no\n"
    )
    assert told(found, CLOSED, "14:59:59.999999") is False
    assert told(found, CLOSED, "15:00:00") is True
    assert told(found, MATERIAL, "15:00:00") is None
    # The whole of the 14th is neither; the whole of the 15th is, and the 17th is not known.
    assert found.fact(CLOSED, asked("2008-11-14")) is None
    assert found.fact(CLOSED, asked("2008-11-15")) is True
    assert found.fact(CLOSED, asked("2008-11-17")) is None


def test_day_is_known_where_its_stretches_agree_without_a_gap(
    market: Callable[..., Market],
) -> None:
    """Two rows of one answer make a day; a second between them leaves it unknown."""
    header = "from,until,closed_period\n"
    noon = "2008-11-14,2008-11-14T12:00:00+09:00,no\n"
    met = market(header + noon + "2008-11-14T12:00:00+09:00,2008-11-14,no\n")
    assert met.fact(CLOSED, asked("2008-11-14")) is False
    gap = market(header + noon + "2008-11-14T12:00:01+09:00,2008-11-14,no\n")
    assert gap.fact(CLOSED, asked("2008-11-14")) is None
    short = market(header + "2008-11-14,2008-11-14T23:59:59+09:00,no\n")
    assert short.fact(CLOSED, asked("2008-11-14")) is None


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            "2008-11-14,2008-11-17,no,no\n2008-11-17,2008-11-18,no,no\n",
            "0.csv:3: the row begins before the row {}/0.csv:2 ends",
        ),
        (
            "2008-11-14,2008-11-17,no,no\n2008-11-17T23:59:59+09:00,2008-11-18,no,no\n",
            "0.csv:3: the row begins before the row {}/0.csv:2 ends",
        ),
        (
            "2008-11-14,2008-11-30,no,no\n2008-11-15,2008-11-15,,\n2008-11-20,2008-11-20,no,no\n",
            "0.csv:4: the row begins before the row {}/0.csv:2 ends",
        ),
        ("2008-11-14,2008-11-13,no,no\n", "0.csv:2: `until` is not after `from`"),
        (
            "2008-11-14,2008-11-14T00:00:00+09:00,no,no\n",
            "0.csv:2: `until` is not after `from`",
        ),
    ],
)
def test_flags_that_contradict_each_other_are_told(
    market: Callable[..., Market], tmp_path: Path, rows: str, said: str
) -> None:
    """Once for each row, with both places, when the clock of the authorization is known."""
    with pytest.raises(InputError) as caught:
        market(FLAGS + rows)
    places = [str(problem) for problem in caught.value.problems]
    assert len(places) == len(set(places))
    assert any(said.format(tmp_path) in place for place in places)


def test_flags_that_meet_do_not_overlap(market: Callable[..., Market]) -> None:
    """A row may begin where another ends, and a file may be of one flag alone."""
    found = market(
        FLAGS[: FLAGS.rindex(",")] + "\n2008-11-14,2008-11-17,no\n2008-11-18,2008-11-18,yes\n",
        "from,until,closed_period\n2008-11-14,2008-11-18,no\n",
    )
    assert told(found, MATERIAL, "00:00:00", "2008-11-18") is True
    assert told(found, CLOSED, "00:00:00", "2008-11-18") is False


# -- slow ways to the same ------------------------------------------------------------------------

TOKYO: Final = ZoneInfo("Asia/Tokyo")
START: Final = datetime(2008, 11, 14, 14, 50, tzinfo=UTC)
MARKS: Final = st.sampled_from([True, False, None])
# Twenty minutes around midnight in Tokyo, so that days begin and rows share an instant.
MINUTES: Final = st.integers(0, 20)
PRICES: Final = st.integers(98, 102)


def minute(number: int) -> datetime:
    """Return a moment around midnight in Tokyo."""
    return START + timedelta(minutes=number)


def one_answer(answers: Iterable[Exact | None]) -> Exact | None:
    """Return what all *answers* are, `None` where they are several."""
    found = set(answers)
    return found.pop() if len(found) == 1 else None


def worlds(rows: list[tuple[Exact, bool | None]]) -> list[list[Exact]]:
    """Return the prices that may count, for each way in which what is not known may be."""
    found: list[list[Exact]] = [[]]
    for price, counts in rows:
        with_it = [[*world, price] for world in found]
        found = {True: with_it, False: found, None: found + with_it}[counts]
    return found


@given(
    st.lists(st.tuples(MINUTES, PRICES, MARKS, MARKS), max_size=8).map(
        lambda rows: sorted(rows, key=lambda row: row[0])
    ),
    MINUTES,
)
def test_prices_are_those_of_every_way_in_which_it_may_have_been(
    rows: list[tuple[int, int, bool | None, bool | None]], asked_at: int
) -> None:
    """A figure is known if and only if all ways to fill in what is not known have it in common."""
    tape = Tape(TOKYO)
    for number, price, is_own, is_off in rows:
        tape.add(minute(number), price, is_own, is_off)
    day = minute(asked_at).astimezone(TOKYO).date()
    before = [
        row for row in rows if row[0] < asked_at and minute(row[0]).astimezone(TOKYO).date() == day
    ]
    auction = worlds([(price, None if off is None else not off) for _, price, _, off in before])
    others = worlds([(price, None if own is None else not own) for _, price, own, _ in before])
    expected = {
        LAST: one_answer(world[-1] if world else None for world in auction),
        INDEPENDENT: one_answer(world[-1] if world else None for world in others),
        HIGH: one_answer(max(world, default=None) for world in auction),
        # A day without a row has no entry, which the feed takes for no first price.
        FIRST_PRICE: one_answer(int(bool(world)) for world in auction) if before else None,
    }
    begin = midnight(day, TOKYO)
    moment = instant(minute(asked_at))
    assert {name: one.before(moment, begin) for name, one in tape.series.items()} == expected


@given(
    st.lists(st.tuples(MINUTES, st.none() | PRICES, MARKS), max_size=8).map(
        lambda rows: sorted(rows, key=lambda row: row[0])
    ),
    MINUTES,
)
def test_bid_is_that_of_the_last_row_before(
    rows: list[tuple[int, int | None, bool | None]], asked_at: int
) -> None:
    """The last row of that day before the moment, if it says that the bid is not the issuer's."""
    quotes = Quotes(TOKYO)
    for number, bid, is_own in rows:
        quotes.add(minute(number), bid, is_own)
    day = minute(asked_at).astimezone(TOKYO).date()
    expected = None
    for number, bid, is_own in rows:
        if number < asked_at and minute(number).astimezone(TOKYO).date() == day:
            expected = bid if is_own is False else None
    course = quotes.series[BID]
    assert course.before(instant(minute(asked_at)), midnight(day, TOKYO)) == expected


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6), MARKS), max_size=5),
    st.integers(0, 24),
    st.integers(1, 6),
)
def test_flag_is_what_each_instant_says(
    given_: list[tuple[int, int, bool | None]], first: int, length: int
) -> None:
    """It is known if a row covers each instant of the interval and all rows say the same."""
    rows = [Interval(at, at + long, is_set, ("f", 1)) for at, long, is_set in given_]
    rows.sort(key=lambda one: one.first)
    instants = [[row for row in rows if row.first <= at < row.end] for at in range(30)]
    is_sound = all(len(found) <= 1 for found in instants)
    assert (next(overlaps(rows), None) is None) is is_sound
    if is_sound:
        answers = {found[0].value if found else None for found in instants[first : first + length]}
        expected = answers.pop() if len(answers) == 1 else None
        assert through(rows, first, first + length) == expected


# -- rows that are wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "1: the file is blank; name the columns in its first line"),
        ("time,symbol,venue,prise\n", "nearest kind, trades, `prise` is not one of their columns"),
        ("time,symbol,venue,prise\n", "; did you mean `price`?; daily bars have date, symbol"),
        ("time,symbol,venue,bid,bid\n", "for the nearest kind, quotes, `bid` appears twice"),
        ("from,until\n", "for the nearest kind, issuer facts, undisclosed_material_fact"),
        ("from,closed_period\n", "for the nearest kind, issuer facts, `until` is missing"),
        ("quantity\n", "1: the header does not fit any kind of market file"),
        (TRADES, "1: the file has no rows"),
        (TRADES + "2008-11-14T09:00:00,1111,XTKS,1,,\n", "2: `2008-11-14T09:00:00` is not a time"),
        (TRADES + at("09:00:00", "", "", ""), "2: `price` is empty; write the price of one unit"),
        (TRADES + at("09:00:00", "-1", "", ""), "2: `price` is `-1`, but must be above zero"),
        (TRADES + at("09:00:00", "1e2", "", ""), "2: `price` is `1e2`, not a number"),
        (TRADES + at("09:00:00", "1", "YES", ""), "2: `own` is `YES`, not yes or no; write `yes`"),
        (TRADES + at("09:00:00", "1", "", "0"), "2: `off_auction` is `0`, not yes or no; write"),
        (TRADES + at("09:00:00", "1", ""), "2: the row has 5 fields, but the header has 6"),
        (TRADES + at("09:00:00", "1", "", "", listed="1111,XTK"), "2: unknown venue `XTK`; ISO"),
        (TRADES + at("09:00:00", "1", "", "", listed=",XTKS"), "2: `symbol` is empty"),
        (
            TRADES + at("09:00:01", "1", "", "") + at("09:00:00", "1", "", ""),
            "3: the time goes backwards: an earlier row of `1111` on XTKS is later",
        ),
        (QUOTES + at("09:00:00", "x", ""), "2: `bid` is `x`, not a number"),
        (
            QUOTES + at("09:00:01", "1", "") + at("09:00:00", "1", ""),
            "3: the time goes backwards: an earlier row of `1111` on XTKS is later",
        ),
        (FLAGS + "2008-11-14,,no,no\n", "2: `until` is empty; write a day or a time"),
        (FLAGS + ",2008-11-14,no,no\n", "2: `from` is empty; write a day or a time"),
        (FLAGS + "2008-11-14,2008-11-31,no,no\n", "2: `2008-11-31` is no day that exists"),
        (FLAGS + "2008-11-14,2008-11-14T09:00:00,no,no\n", "is not a time with an offset; write a"),
        (FLAGS + "2008-11-14,2008-11-15,maybe,no\n", "2: `undisclosed_material_fact` is `maybe`"),
        (FLAGS + '2008-11-14,"2008', "2: the row has a quote that is not closed; close it,"),
        (
            FLAGS + "2008-11-14,2008-11-15,no,no\n\xff\n",
            "3: the line is not UTF-8: its byte 1 is 0xff; save it as UTF-8",
        ),
    ],
)
def test_row_that_is_wrong_is_told_with_its_line(tmp_path: Path, content: str, said: str) -> None:
    """Nothing is concluded from a file of which one row cannot be read."""
    path = tmp_path / "file.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError) as caught:
        read_feed([path])
    assert said in str(caught.value)
    assert all(problem.file == str(path) for problem in caught.value.problems)


def test_first_twenty_rows_that_are_wrong_are_listed(tmp_path: Path) -> None:
    """Of all files together, each with its own line."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(TRADES + at("09:00:00", "x", "", "") * 15)
    with pytest.raises(InputError) as caught:
        read_feed([tmp_path / "a.csv", tmp_path / "b.csv"])
    found = [(Path(one.file or "").name, one.line) for one in caught.value.problems]
    assert found == [("a.csv", n) for n in range(2, 17)] + [("b.csv", n) for n in range(2, 7)]


def test_every_fact_from_outside_is_given_by_some_file(market: Callable[..., Market]) -> None:
    """No fact of the market or the issuer is left to events alone."""
    outside = {name for name in TABLE if name.startswith(("market.", "issuer."))}
    assert [name for name in outside if source_of(name) is None] == []
    found = market(TRADES + at("09:00:00", "1", "", ""))
    assert told(found, "market.minutes_from_open", "09:30:00") == 30


def test_shares_that_are_announced_are_those_of_their_day(market: Callable[..., Market]) -> None:
    """A number stands among what the issuer knows as a flag does, and is exact."""
    found = market("from,until,announced_shares\n2008-11-14,2008-11-14,1800000\n")
    name = "issuer.announced_shares"
    assert told(found, name, "08:30:00") == 1_800_000
    assert told(found, name, "08:30:00", "2008-11-17") is None
    assert found.fact(name, asked("2008-11-14")) == 1_800_000


# -- Parquet --------------------------------------------------------------------------------------


def saved(path: Path, header: str, rows: list[str], types: dict[str, str]) -> None:
    """Write *rows* under *header* to the Parquet file *path*, columns of *types*, else text."""
    names = header.strip().split(",")
    read = path.with_suffix(".text")
    read.write_text(header + "".join(rows))
    columns = ", ".join(f'"{name}"::{types.get(name, "VARCHAR")} AS "{name}"' for name in names)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'America/New_York'")
        source = f"read_csv('{read}', all_varchar = true, hive_partitioning = false)"
        options = "(FORMAT parquet, ROW_GROUP_SIZE 2048)"
        connection.execute(f"COPY (SELECT {columns} FROM {source}) TO '{path}' {options}")


PARQUET: Final = {
    "bars": (
        HEADER,
        [f"2008-11-{day},1111,XTKS,100.5,{day}000,7\n" for day in ("12", "13")],
        {"date": "DATE", "close": "DECIMAL(38, 18)", "volume": "BIGINT", "off_auction": "UINTEGER"},
    ),
    "trades": (
        TRADES,
        [
            at("09:00:00.000001", "100.10", "no", "no"),
            at("09:00:00.000001", "101", "yes", "no"),
            at("09:30:00", "99.999", "", "yes"),
        ],
        {
            "time": "TIMESTAMPTZ",
            "price": "DECIMAL(12, 3)",
            "own": "BOOLEAN",
            "off_auction": "BOOLEAN",
        },
    ),
    "quotes": (
        QUOTES,
        [at("09:00:00", "99", "no"), at("09:30:00", "", "no"), at("09:31:00", "98", "no")],
        {"time": "TIMESTAMPTZ_NS", "bid": "INTEGER", "own": "BOOLEAN"},
    ),
    "flags": (
        FLAGS,
        ["2008-11-14,2008-11-14,no,yes\n", "2008-11-15,2008-11-16,,no\n"],
        {"from": "DATE", "until": "DATE", "closed_period": "BOOLEAN"},
    ),
}


@pytest.mark.parametrize("typed", [True, False])
@pytest.mark.parametrize("kind", PARQUET)
def test_parquet_tells_what_the_same_csv_tells(tmp_path: Path, kind: str, typed: bool) -> None:
    """Each fact at each moment is the same, whether columns have types or are text."""
    header, rows, types = PARQUET[kind]
    # Names that a reader of Parquet could take for a pattern, and for the source of a column.
    csv, parquet = tmp_path / "file.csv", tmp_path / "own=yes" / "file[1]*.parquet"
    parquet.parent.mkdir()
    csv.write_text(header + "".join(rows))
    saved(parquet, header, rows, types if typed else {})
    one, other = (read_feed([path]).of(EDITIONS.authorization) for path in (csv, parquet))
    clocks = ("09:00:00", "09:00:00.000001", "09:00:00.000002", "09:30:30", "14:00:00")
    answers = [
        (told(one, name, clock), told(other, name, clock))
        for name in TABLE
        if name.startswith(("market.", "issuer."))
        for clock in clocks
    ]
    assert [a for a, _ in answers] == [b for _, b in answers]
    (wanted,) = (name for kind_, (name, _) in READ.items() if kind_ == kind)
    assert any(told(other, wanted, clock) is not None for clock in clocks)


@pytest.mark.parametrize(
    ("types", "said"),
    [
        (
            {"price": "DOUBLE"},
            "the column `price` contains floating-point numbers; save it as DECIMAL or as text",
        ),
        ({"price": "FLOAT"}, "the column `price` contains floating-point numbers"),
        ({"time": "TIMESTAMP"}, "the column `time` contains times without a zone"),
        ({"own": "BLOB"}, "the column `own` contains values of type BLOB; save it as text"),
        ({"price": "INTEGER[]"}, "the column `price` contains values of type INTEGER[]"),
    ],
)
def test_parquet_that_is_not_exact_is_refused(
    tmp_path: Path, types: dict[str, str], said: str
) -> None:
    """A float has lost what was written, and a time without a zone is no moment."""
    path = tmp_path / "trades.parquet"
    row = at("09:00:00", "[1]" if "[]" in types.get("price", "") else "1", "no", "no")
    saved(path, TRADES, [row], types)
    with pytest.raises(InputError) as caught:
        read_feed([path])
    assert str(caught.value).startswith(f"{path}: {said}")


def test_row_of_parquet_is_told_with_its_number(tmp_path: Path) -> None:
    """The first row is 1, since there is no line of a header."""
    path = tmp_path / "trades.parquet"
    good, bad = at("09:00:00", "1", "no", "no"), at("09:00:00", "-1", "no", "no")
    saved(path, TRADES, [good] * 4000 + [bad], {"time": "TIMESTAMPTZ", "price": "INTEGER"})
    with pytest.raises(InputError, match=r"trades\.parquet:4001: `price` is `-1`, but must"):
        read_feed([path])


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1xxxxxxxxPAR1", b"PAR1" + bytes(100)])
def test_parquet_that_is_broken_is_an_error(tmp_path: Path, content: bytes) -> None:
    """What begins as a Parquet file and is none is told as such."""
    path = tmp_path / "bars.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bars\.csv: the Parquet file cannot be read"):
        read_feed([path])


# -- the command ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a rule of each file, the files, and a log of one order."""
    rules = [f"  - {{id: {name}, require: {read}}}\n" for name, (_, read) in READ.items()]
    (tmp_path / "acme.yaml").write_text(RULES + "".join(rules))
    (tmp_path / "bars").write_text(HEADER + "2008-11-13,1111,XTKS,100,5,0\n")
    for name, content in (
        ("trades", TRADES + at("09:00:00", "100", "no", "no")),
        ("quotes", QUOTES + at("09:00:00", "99", "no")),
    ):
        (tmp_path / name).write_text(content + end_of(content))
    (tmp_path / "flags").write_text(FLAGS + "2008-11-01,2008-11-30,no,no\n")
    order = {"kind": "order", "id": "o", "symbol": "1111", "side": "buy", "quantity": 1}
    order |= {"time": "2008-11-14T09:30:00+09:00", "price": 100}
    (tmp_path / "log.jsonl").write_text(json.dumps(order) + "\n")
    return tmp_path


def replayed(folder: Path, *files: str, python_path: str = "") -> dict[str, list[str]]:
    """Return the missing facts by rule of the order in the log, judged with *files*."""
    options = [part for name in files for part in ("--market", name)]
    said = ("replay", "log.jsonl", "--rules", "acme.yaml", "--decisions", "d.jsonl", *options)
    ended = run(*said, cwd=folder, PYTHONPATH=python_path)
    decision = json.loads((folder / "d.jsonl").read_text())
    assert (ended.code, ended.err) == (int(decision["outcome"] != "approved"), "")
    return {one["rule"]: one["missing"] for one in decision["findings"]}


@pytest.mark.slow
@pytest.mark.parametrize("left_out", READ)
def test_replay_denies_what_a_file_left_out_would_tell(folder: Path, left_out: str) -> None:
    """With all four the order is approved; without one the fact that it gives is named."""
    assert replayed(folder, *READ) == {}
    missing = replayed(folder, *(name for name in READ if name != left_out))
    assert list(missing) == [left_out]
    assert READ[left_out][0] in str(missing[left_out])


def test_file_wins_over_an_event(folder: Path) -> None:
    """What the file supplies is read; an order that states another value contradicts it."""
    log = folder / "log.jsonl"
    event = json.loads(log.read_text())
    for stated, rules in ((100, []), (99, ["engine.contradicted"]), (None, [])):
        carried = {} if stated is None else {HIGH: stated}
        log.write_text(json.dumps(event | carried) + "\n")
        assert list(replayed(folder, *READ)) == rules


def test_flags_that_overlap_end_the_command(folder: Path) -> None:
    """They are told as a sentence with both places, and nothing is judged."""
    (folder / "flags").write_text(FLAGS + "2008-11-01,2008-11-30,no,no\n" * 2)
    ended = run("replay", "log.jsonl", "--rules", "acme.yaml", "--market", "flags", cwd=folder)
    said = "flags:3: the row begins before the row flags:2 ends; end the earlier row"
    assert (ended.code, ended.out, ended.err.startswith(said)) == (2, "", True)


def test_parquet_without_its_package_says_what_to_install(folder: Path) -> None:
    """Without duckdb a CSV is read as ever, and a Parquet file says what it needs."""
    header, rows, types = PARQUET["trades"]
    saved(folder / "trades.parquet", header, rows, types)
    fake = folder / "fake" / "duckdb"
    fake.mkdir(parents=True)
    (fake / "__init__.py").write_text("raise ImportError('not installed')\n")
    said = ("replay", "log.jsonl", "--rules", "acme.yaml", "--market")
    ended = run(*said, "trades.parquet", cwd=folder, PYTHONPATH=str(fake.parent))
    expected = (
        "Parquet files need the package duckdb; install it with: pip install 'repurchase[replay]'\n"
    )
    assert (ended.code, ended.out, ended.err) == (2, "", expected)
    assert replayed(folder, *READ, python_path=str(fake.parent)) == {}


def test_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With its name and the system's reason."""
    with pytest.raises(UsageError, match=r"none\.parquet: the file cannot be read: no such file"):
        read_feed([tmp_path / "none.parquet"])
