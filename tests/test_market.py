"""Sessions, averages and prices: known days, sums worked by hand, and slow ways to the same."""

from __future__ import annotations

import json
from datetime import date, time, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.errors import InputError, UsageError
from repurchase.domain.moments import time_number
from repurchase.domain.quantities import SHARES, Exact
from repurchase.domain.sessions import VENUES, Sessions, sessions
from repurchase.evaluation.wording import sentence
from repurchase.intake.fields import event
from repurchase.market.averages import Bar, Place, measured, previous_close
from repurchase.market.feed import read_feed
from repurchase.replay.run import Program
from repurchase.rulebook.editions import load_text
from repurchase.rulebook.packs import shipped_averages
from repurchase.rulebook.parts import dimensions
from test_cli import run


def average(name: str, bars: dict[date, Bar], venue: str, day: date) -> Exact | None:
    """Return the shipped average *name* of *bars* at *venue* before *day*."""
    declared = shipped_averages()[name].average
    return measured(declared, [Place(venue, sessions(venue), bars)], day).value


def close(bars: dict[date, Bar], day: date) -> Exact | None:
    """Return the close of the session before *day* in Tokyo."""
    return previous_close(Place("XTKS", sessions("XTKS"), bars), day).value


def table(venue: str) -> Sessions:
    """Return the sessions of *venue*."""
    found = sessions(venue)
    assert found is not None
    return found


def days(venue: str, first: date, last: date) -> tuple[date, ...]:
    """Return the days with a session of *venue* from *first* to *last*."""
    found = table(venue).between(first, last)
    assert found is not None
    return found


# -- sessions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("venue", "day", "hours"),
    [
        # Tokyo's mornings ended at 11:00 and then at 11:30; its days at 15:00 and then at 15:30.
        ("XTKS", "2008-11-14", "09:00 11:00 12:30 15:00"),
        ("XTKS", "2011-11-18", "09:00 11:00 12:30 15:00"),
        ("XTKS", "2011-11-21", "09:00 11:30 12:30 15:00"),
        ("XTKS", "2024-11-01", "09:00 11:30 12:30 15:00"),
        ("XTKS", "2024-11-05", "09:00 11:30 12:30 15:30"),
        # The first and the last day of a year were mornings, until 2009-12-30.
        ("XTKS", "2008-12-30", "09:00 11:00"),
        ("XTKS", "2009-01-05", "09:00 11:00"),
        ("XTKS", "2009-12-30", "09:00 11:00 12:30 15:00"),
        ("XTKS", "2010-01-04", "09:00 11:00 12:30 15:00"),
        ("XTKS", "2008-11-24", None),
        ("XTKS", "2008-12-31", None),
        ("XTKS", "2008-11-15", None),
        ("XNAS", "2008-11-27", None),
        ("XNAS", "2008-11-28", "09:30 13:00"),
        ("XNAS", "2008-12-24", "09:30 13:00"),
        ("XNYS", "2009-01-19", None),
        ("XNYS", "2008-10-13", "09:30 16:00"),
        ("XLON", "2024-12-24", "08:00 12:30"),
        ("XETR", "2024-05-20", "09:00 17:30"),
        ("XPAR", "2024-05-01", None),
    ],
)
def test_session_has_the_hours_of_its_day(venue: str, day: str, hours: str | None) -> None:
    """Holidays, half days, and hours that changed are as the venues had them."""
    found = table(venue).on(date.fromisoformat(day))
    if hours is None:
        assert found is None
        return
    assert found is not None
    given = (found.open, found.rests, found.resumes, found.close)
    assert " ".join(f"{one:%H:%M}" for one in given if one is not None) == hours


def test_first_program_had_fifty_sessions_in_tokyo() -> None:
    """Ten in November, twenty-one in December, nineteen in January."""
    found = days("XTKS", date(2008, 11, 14), date(2009, 1, 30))
    assert [sum(day.month == month for day in found) for month in (11, 12, 1)] == [10, 21, 19]


@pytest.mark.parametrize("venue", VENUES)
def test_outside_the_table_nothing_is_known(venue: str) -> None:
    """A day before 2004 or after the end has no session, no lookback and no minute."""
    found = table(venue)
    for day in (found.first - timedelta(1), found.last + timedelta(1)):
        assert found.on(day) is None
        assert found.between(day, day) is None
        assert found.before(day, 1) is None
        assert found.minutes_to_close(day, time_number(time(10))) is None
    assert found.first == date(2004, 1, 1)
    assert found.before(date(2004, 1, 10), 20) is None
    assert sessions("XTSE") is None


@pytest.mark.parametrize("venue", VENUES)
def test_table_is_in_order(venue: str) -> None:
    """Each day has one row at most, and hours follow each other."""
    found = table(venue)
    seen = days(venue, found.first, found.last)
    assert len(seen) == len(set(seen))
    for day in seen:
        hours = found.on(day)
        assert hours is not None
        given = [one for one in (hours.open, hours.rests, hours.resumes, hours.close) if one]
        assert given == sorted(set(given))
        assert (hours.rests is None) is (hours.resumes is None)
    # Every year has some 250 sessions, so none was forgotten as a whole.
    years = range(found.first.year, found.last.year + 1)
    assert all(240 <= sum(day.year == year for day in seen) <= 262 for year in years)


MICROSECOND: Final = Fraction(1, 60_000_000)


@pytest.mark.parametrize(
    ("day", "moment", "opened", "closes"),
    [
        ("2008-11-14", time(9), 0, 360),
        ("2008-11-14", time(14, 30), 330, 30),
        ("2008-11-14", time(8, 59, 30), Fraction(-1, 2), Fraction(721, 2)),
        ("2008-12-30", time(10, 30), 90, 30),
        ("2008-12-30", time(11, 0, 0, 1), 120 + MICROSECOND, -MICROSECOND),
        ("2008-11-24", time(10), None, None),
    ],
)  # fmt: skip
def test_minutes_are_exact(day: str, moment: time, opened: object, closes: object) -> None:
    """They are counted exactly, from the day's own opening and to its own close."""
    of_day = date.fromisoformat(day)
    found = table("XTKS")
    assert found.minutes_from_open(of_day, time_number(moment)) == opened
    assert found.minutes_to_close(of_day, time_number(moment)) == closes


# -- averages, worked by hand ---------------------------------------------------------------------

# The four weeks before the week of 2008-11-14: 10-13 and 11-03 are holidays in Tokyo alone.
TOKYO: Final = {
    date(2008, 10, day): volume
    for day, volume in {
        14: 10, 15: 20, 16: 0, 17: 30, 20: 5, 21: 5, 22: 5, 23: 5, 24: 5,
        27: 7, 28: 7, 29: 7, 30: 7, 31: 7,
    }.items()
} | {date(2008, 11, day): volume for day, volume in {4: 1, 5: 2, 6: 3, 7: 4}.items()}  # fmt: skip
AROUND: Final = {date(2008, 10, 10): 1000, date(2008, 11, 10): 1000, date(2008, 11, 13): 1000}


def bars(volumes: dict[date, int], off: int | None = 0, close: int | None = 100) -> dict[date, Bar]:
    """Return bars of *volumes*, of which *off* each was made off the auction."""
    return {
        day: Bar(close, volume, None if off is None else min(off, volume))
        for day, volume in volumes.items()
    }


DAY: Final = date(2008, 11, 14)


def test_average_of_tokyo_worked_by_hand() -> None:
    """60 + 25 + 35 + 10 shares in 18 sessions, one of them without a trade: 130/18."""
    assert len(TOKYO) == 18
    assert sum(TOKYO.values()) == 130
    found = average("adv_jp_4_weeks", bars(TOKYO | AROUND), "XTKS", DAY)
    assert found == Fraction(130, 18)
    # Of each session up to 2 off the auction: 34 of them do not count.
    found = average("adv_jp_4_weeks", bars(TOKYO | AROUND, off=2), "XTKS", DAY)
    assert found == Fraction(130 - 2 * 16 - 1, 18)
    assert average("adv_jp_4_weeks", bars(TOKYO, off=None), "XTKS", DAY) is None


def test_average_of_new_york_worked_by_hand() -> None:
    """The same four weeks have twenty sessions there, Columbus Day among them."""
    window = days("XNAS", date(2008, 10, 13), date(2008, 11, 7))
    volumes = {day: 100 + number for number, day in enumerate(window)}
    assert len(window) == 20
    found = average("adv_us_4_weeks", bars(volumes | AROUND, off=50), "XNAS", DAY)
    assert found == Fraction(20 * 100 + 190, 20)


def test_half_days_are_sessions_like_others() -> None:
    """In the four weeks before 2009-01-14 Tokyo had 16 sessions, two of them mornings."""
    window = days("XTKS", date(2008, 12, 15), date(2009, 1, 9))
    assert len(window) == 16
    assert {date(2008, 12, 30), date(2009, 1, 5)} <= set(window)
    volumes = dict.fromkeys(window, 16)
    volumes[date(2008, 12, 30)] = 32
    found = average("adv_jp_4_weeks", bars(volumes), "XTKS", date(2009, 1, 14))
    assert found == Fraction(15 * 16 + 32, 16)


def test_session_without_a_bar_leaves_the_average_unknown() -> None:
    """What the file does not have is no day without trades."""
    gap = dict(TOKYO)
    del gap[date(2008, 10, 16)]
    assert average("adv_jp_4_weeks", bars(gap), "XTKS", DAY) is None


def test_month_before_disclosure_worked_by_hand() -> None:
    """Disclosed in March 2024, whatever the day, the 21 sessions in Paris of February count."""
    window = days("XPAR", date(2024, 2, 1), date(2024, 2, 29))
    assert len(window) == 21
    volumes = {day: 10 + number for number, day in enumerate(window)}
    volumes |= {date(2024, 1, 31): 1000, date(2024, 3, 1): 1000}
    name = "adv_eu_month_before"
    for disclosed in (date(2024, 3, 1), date(2024, 3, 31)):
        assert average(name, bars(volumes), "XPAR", disclosed) == Fraction(21 * 10 + 210, 21)
    assert average(name, bars(volumes), "XPAR", date(2024, 2, 29)) is None
    assert average(name, bars(volumes), "XPAR", date(2024, 4, 1)) is None


def test_months_and_closes_worked_by_hand() -> None:
    """Six whole months by six; five closes by five; the last price or quote of the day before."""
    months = days("XTKS", date(2008, 5, 1), date(2008, 10, 31))
    volumes = dict.fromkeys(months, 3)
    found = average("amv_jp_6_months", bars(volumes), "XTKS", DAY)
    assert found == Fraction(3 * len(months), 6)
    last = table("XTKS").before(DAY, 5)
    assert last is not None
    assert [f"{day:%m-%d}" for day in last] == ["11-13", "11-12", "11-11", "11-10", "11-07"]
    prices = {day: Bar(100 + number, 1) for number, day in enumerate(last)}
    assert average("avg_close_5_days", prices, "XTKS", DAY) == 102
    assert close(prices, DAY) == 100
    prices[last[0]] = Bar(None, 1)
    assert close(prices, DAY) is None
    # A quote may have been published where nothing traded, and it would count.
    prices[last[0]] = Bar(None, 0)
    assert close(prices, DAY) is None
    prices[last[0]] = Bar(99, 0)
    assert close(prices, DAY) == 99
    prices[last[0]] = Bar(None, 0)
    assert average("avg_close_5_days", prices, "XTKS", DAY) is None
    del prices[last[0]]
    assert close(prices, DAY) is None


def is_wanted(name: str, other: date, day: date, before: int) -> bool:
    """Return whether the session *other*, *before* which are later ones, counts for *day*."""
    monday = day
    while monday.weekday():
        monday -= timedelta(1)
    first, last = (day.year * 12 + day.month - back for back in (6, 1))
    return {
        "adv_jp_4_weeks": monday - timedelta(28) <= other < monday,
        "adv_us_4_weeks": monday - timedelta(28) <= other < monday,
        "amv_jp_6_months": first <= other.year * 12 + other.month <= last,
        "adv_eu_20_days": before < 20,
        "adv_eu_month_before": other.year * 12 + other.month == last,
        "avg_close_5_days": before < 5,
    }[name]


def value_of(name: str, bar: Bar) -> Exact | None:
    """Return what an average is over of one *bar*."""
    if "close" in name:
        return bar.close
    if "jp" in name:
        return None if bar.off_auction is None else bar.volume - bar.off_auction
    return bar.volume


def slowly(name: str, found: dict[date, Bar], venue: str, day: date) -> Fraction | None:
    """Return an average in the obvious way: look at each day of two years, one by one."""
    taken: list[date] = []
    for number in range(1, 800):
        other = day - timedelta(number)
        if table(venue).on(other) is not None and is_wanted(name, other, day, len(taken)):
            taken.append(other)
    values = [value_of(name, found[other]) if other in found else None for other in taken]
    known = [Fraction(value) for value in values if value is not None]
    if len(known) < len(values):
        return None
    return sum(known, Fraction(0)) / (6 if "6_months" in name else len(known))


@given(
    st.sampled_from(sorted(shipped_averages())),
    st.sampled_from(["XTKS", "XNAS", "XPAR"]),
    st.dates(date(2006, 1, 1), date(2026, 12, 31)),
    st.integers(0, 2**32),
    st.sets(st.integers(1, 60), max_size=2),
)
def test_average_is_that_of_a_slow_and_obvious_computation(
    name: str, venue: str, day: date, seed: int, gaps: set[int]
) -> None:
    """Whatever the day, the holidays around it, and the bars that are there or not."""
    found: dict[date, Bar] = {}
    for number in range(260):
        other = day - timedelta(number)
        if table(venue).on(other) is not None and not (number in gaps and seed % 2):
            volume = (seed >> (number % 13)) % 1000
            off = None if seed % 50 == 0 and number == 9 else volume // 3
            close = None if seed % 40 == 0 and number == 3 else 90 + volume % 20
            found[other] = Bar(close, volume, off)
    expected = slowly(name, found, venue, day)
    assert average(name, found, venue, day) == expected


# -- files of bars --------------------------------------------------------------------------------

HEADER: Final = "date,symbol,venue,close,volume,off_auction\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "date,symbol,venue,price,volume\n",
            "for the nearest kind, daily bars, `price` is not one of their columns",
        ),
        ("date,symbol,venue,close\n", "1: the header does not fit any kind of market file"),
        (HEADER + "2008-11-14,1111,XTKS,100,ten,0\n", "2: `volume` is `ten`, not a number"),
        (
            HEADER + "2008-11-14,1111,XTKS,100,-1,0\n",
            "2: `volume` is `-1`, but must be zero or more",
        ),
        (HEADER + "2008-11-14,1111,XTKS,100,,0\n", "2: `volume` is empty"),
        (HEADER + "2008-11-14,1111,XTKS,100,1,2\n", "2: `off_auction` is more than `volume`"),
        (HEADER + "14.11.2008,1111,XTKS,100,1,0\n", "2: `14.11.2008` is not a date"),
        (HEADER + "2008-11-14,1111,XTKS,100,1\n", "2: the row has 5 fields, but the header has 6"),
        (HEADER + 2 * "2008-11-14,1111,XTKS,100,1,0\n", "3: 2008-11-14 has a bar already"),
        (HEADER + "2008-11-14,1111,XTKS,,5,0\n", "2: `close` is empty, but `volume` is not 0"),
        (
            HEADER + "2008-11-14,1111,XTSK,100,5,0\n",
            "2: the venue `XTSK` has no table of sessions",
        ),
        (HEADER + "2008-11-14,,XTKS,100,5,0\n", "2: `symbol` is empty"),
        (HEADER + "2008-11-15,1111,XTKS,100,5,0\n", "2: `XTKS` has no session on 2008-11-15"),
        (HEADER, "1: the file has no rows"),
        (HEADER + '2008-11-14,"1111,XTKS\n', "2: the row has a quote that is not closed"),
        (
            HEADER + "2008-11-14,1111,XTKS,100,1,0\n\xff\n",
            "3: the line is not UTF-8: its byte 1 is 0xff; save it as UTF-8",
        ),
    ],
)
def test_bar_that_is_wrong_is_told_with_its_line(tmp_path: Path, content: str, said: str) -> None:
    """Nothing is concluded from a file of which one row cannot be read."""
    path = tmp_path / "bars.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError) as caught:
        read_feed([path])
    assert said in str(caught.value)
    with pytest.raises(UsageError, match="the file cannot be read"):
        read_feed([tmp_path / "none.csv"])


RULES: Final = """
repurchase: 1
authorization: acme
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: "1111", venues: [XTKS]}
  ads: {symbol: ACME, venues: [XNAS], currency: USD, per_share: 2}
terms:
  max_shares: {value: "4,000 shares"}
include: [jp-order-59, us-10b-18]
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
"""
ORDER: Final = {
    "kind": "order", "id": "o", "time": "2008-11-14T10:00:00+09:00", "symbol": "1111",
    "side": "buy", "quantity": 7, "price": 100, "order_type": "limit", "method": "auction",
    "broker": "A", "market.day_high": 100, "market.last_price": 100,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a rule file, and bars of both markets."""
    (tmp_path / "acme.yaml").write_text(RULES)
    rows = [f"{day},1111,XTKS,100,{volume},0\n" for day, volume in (TOKYO | AROUND).items()]
    (tmp_path / "tokyo.csv").write_text(HEADER + "".join(rows))
    window = days("XNAS", date(2008, 10, 13), date(2008, 11, 7))
    rows = [f"{day},ACME,XNAS,3,80\n" for day in window]
    (tmp_path / "new-york.csv").write_text("date,symbol,venue,close,volume\n" + "".join(rows))
    return tmp_path


def checked(folder: Path, *options: str, **changes: object) -> dict[str, tuple[str, str | None]]:
    """Return the result and the limit of each rule on an order with *changes*."""
    asked = {name: value for name, value in (ORDER | changes).items() if value is not None}
    said = ("check", "--rules", "acme.yaml", "--event", "-", "--json", *options)
    found = run(*said, cwd=folder, stdin=json.dumps(asked)).json["findings"]
    return {one["rule"]: (one["result"], one["limit"]) for one in found}


BARS: Final = ("--market", "tokyo.csv", "--market", "new-york.csv")


def test_order_is_judged_by_the_averages_of_its_bars(folder: Path) -> None:
    """7 shares fit in 130/18, and 8 do not; without bars nothing is known of either."""
    volume = "jp-order-59.daily-volume-2007"
    assert checked(folder, *BARS)[volume] == ("pass", "65/9")
    assert checked(folder, *BARS, quantity=8)[volume] == ("fail", "65/9")
    assert checked(folder)[volume] == ("indeterminate", None)
    assert checked(folder, *BARS)["jp-order-59.last-half-hour"][0] == "pass"
    # What the event states counts only without bars.
    stated = {"market.adv_jp_4_weeks": 6}
    assert checked(folder, **stated)[volume] == ("fail", "6")
    found = checked(folder, *BARS, **stated)
    assert found[volume] == ("pass", "65/9")
    assert found["engine.contradicted"] == ("fail", "averages.adv_jp_4_weeks 65/9")


def test_volume_of_receipts_counts_as_shares(folder: Path) -> None:
    """80 receipts a day are 40 shares: a quarter of that is 10, which are 20 receipts."""
    there = {"symbol": "ACME", "fx": 100, "price": 3, "time": "2008-11-14T10:00:00-05:00"}
    there |= {"market.day_high": None, "market.last_price": None}
    volume = "us-10b-18.volume"
    assert checked(folder, *BARS, **there, quantity=20)[volume] == ("pass", "10")
    assert checked(folder, *BARS, **there, quantity=21)[volume] == ("fail", "10")


def test_bars_across_a_split_give_nothing(folder: Path) -> None:
    """Which bars are of which ratio no bar says: what rests on them is not known."""
    path = folder / "acme.yaml"
    ratios = "shares_each: [{value: 1, until: 2008-11-01}, {value: 200, from: 2008-11-02}]"
    path.write_text(RULES.replace('"1111", venues: [XTKS]', f'"1111", venues: [XTKS], {ratios}'))
    volume = "jp-order-59.daily-volume-2007"
    assert checked(folder, *BARS)[volume] == ("indeterminate", None)
    assert checked(folder, *BARS)["jp-order-59.last-half-hour"][0] == "pass"


@pytest.mark.parametrize(
    ("announced", "expected"),
    [
        ("announced: 2008-11-03", "pass"),
        # The trade is of the day itself, or of one before it.
        ("announced: 2008-11-14", "pass"),
        ("announced: 2008-11-15", "indeterminate"),
        # Of that month the file has no bars; and when it was, the rule file does not say.
        ("announced: 2008-10-31", "indeterminate"),
        ("issuer: Acme", "indeterminate"),
    ],
)
def test_month_before_disclosure_goes_by_the_day_announced(
    folder: Path, announced: str, expected: str
) -> None:
    """The bars of October count where the programme was disclosed in November, before the trade."""
    october = days("XTKS", date(2008, 10, 1), date(2008, 10, 31))
    rows = [f"{day},1111,XTKS,100,28,0\n" for day in october]
    (folder / "october.csv").write_text(HEADER + "".join(rows))
    rule = "{id: month-before, require: trade.shares <= 25% * market.adv_eu_month_before}"
    text = RULES.replace("authorization: acme", f"authorization: acme\n{announced}")
    (folder / "acme.yaml").write_text(text.replace("rules:\n", f"rules:\n  - {rule}\n"))
    found = checked(folder, "--market", "october.csv")["month-before"]
    assert found == (expected, "7" if expected == "pass" else None)


def test_bars_may_be_saved_by_a_spreadsheet(folder: Path) -> None:
    """A mark before the header says that it is UTF-8, and is no part of the first name."""
    path = folder / "tokyo.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert checked(folder, *BARS)["jp-order-59.daily-volume-2007"] == ("pass", "65/9")


def test_replay_takes_bars(folder: Path) -> None:
    """A log is judged by the averages of each of its days."""
    second = ORDER | {"id": "p", "time": "2008-11-14T11:00:00+09:00", "quantity": 1}
    (folder / "log.jsonl").write_text(json.dumps(ORDER) + "\n" + json.dumps(second) + "\n")
    said = ("replay", "log.jsonl", "--rules", "acme.yaml", "--json", *BARS)
    summary = run(*said, cwd=folder).json
    assert (summary["approved"], summary["denied"]) == (1, 1)
    assert summary["by_rule"] == {"jp-order-59.daily-volume-2007": {"fail": 1, "indeterminate": 0}}


def test_averages_of_volume_are_in_shares() -> None:
    """What a bar counts in units is asked for in shares, and prices are prices."""
    kinds = dimensions(shipped_averages())
    assert all((kind == SHARES) is ("adv" in name or "amv" in name) for name, kind in kinds.items())


# --- fills outside the sessions ------------------------------------------------------------------

PLACED: Final = """\
repurchase: 1
authorization: sessions
timezone: UTC
currency: JPY
unlimited: [shares, amount]
instruments:
  common: {symbol: A, venues: [XTKS, XNAS, XNGS, XLON, XNGO, BATE]}
rules:
  - {id: buys, require: trade.side == buy}
"""


def flagged(at: str, venue: str = "XTKS", **fields: str) -> str | None:
    """Return what is flagged of a fill *at* a time or on a day, `None` if nothing is."""
    editions = load_text(PLACED.encode(), "f")
    when = {"time": at} if "T" in at else {"date": at}
    of = {"kind": "fill", "id": "1", "symbol": "A", "venue": venue, "side": "buy"}
    currency = {"quantity": "1", "price": "5"}
    decided = Program(editions).decide(event({**of, **currency, **when, **fields}))
    assert decided.decision.outcome == "approved"
    found = [one for one in decided.decision.findings if one.rule == "engine.outside-session"]
    assert [(one.result, one.effect) for one in found] in ([], [("fail", "flag")])
    return sentence(found[0], decided.life) if found else None


@pytest.mark.parametrize(
    ("at", "venue"),
    [
        ("2008-11-14T09:00:00+09:00", "XTKS"),
        ("2008-11-14T15:00:00+09:00", "XTKS"),
        ("2008-11-14T15:15:00+09:00", "XTKS"),
        ("2008-11-14", "XTKS"),
        ("2018-01-04T16:36:10+00:00", "XLON"),
        ("2018-01-04T16:00:00-05:00", "XNGS"),
        # No table has the sessions of these venues, or of that year.
        ("2008-11-15T03:00:00+09:00", "XNGO"),
        ("2018-01-06T03:00:00+00:00", "BATE"),
        ("2028-11-18T03:00:00+09:00", "XTKS"),
    ],
)
def test_fill_in_a_session_or_where_none_is_known_is_not_flagged(at: str, venue: str) -> None:
    """A closing auction is reported after the close; what no table has is not guessed."""
    assert flagged(at, venue) is None


@pytest.mark.parametrize(
    ("at", "venue", "told"),
    [
        ("2008-11-14T08:59:59+09:00", "XTKS", "2008-11-14 08:59:59"),
        ("2008-11-14T15:15:01+09:00", "XTKS", "2008-11-14 15:15:01"),
        ("2008-11-14T11:45:00+09:00", "XTKS", "XTKS: from 09:00 to 11:00 and from 12:30 to 15:00"),
        ("2008-11-15T10:00:00+09:00", "XTKS", "2008-11-15, a Saturday, outside the sessions of"),
        (
            "2008-11-24",
            "XTKS",
            "2008-11-24, a Monday, outside the sessions of its venue (XTKS",
        ),
        ("2018-01-04T09:29:59-05:00", "XNAS", "(XNAS: from 09:30 to 16:00)"),
        ("2018-01-15T12:00:00-05:00", "XNGS", "2018-01-15, a Monday"),
    ],
)
def test_fill_outside_every_session_is_flagged(at: str, venue: str, told: str) -> None:
    """Before the opening, in the break, late after the close, on a holiday and at a week-end."""
    assert told in str(flagged(at, venue))


def test_fill_off_the_auction_needs_only_a_day_with_a_session() -> None:
    """It has hours of its own, but no venue reports it on a holiday."""
    for method in ("off_auction", "block", "tender"):
        assert flagged("2008-11-14T08:45:00+09:00", method=method) is None
        assert flagged("2008-11-24T08:45:00+09:00", method=method) is not None
