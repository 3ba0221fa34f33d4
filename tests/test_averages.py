"""Averages: each kind against a slow computation, their declarations, and what reads them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from repurchase.domain.averages import OFS, SUMMED, Average, Of, Per, Span, Unit
from repurchase.domain.errors import InputError, RuleFileError
from repurchase.domain.quantities import Exact
from repurchase.domain.sessions import VENUES, Sessions, sessions
from repurchase.facts.averages import is_average, present
from repurchase.facts.counters import counter_of
from repurchase.facts.table import TABLE
from repurchase.intake.fields import event
from repurchase.market.averages import Bar, Place, measured
from repurchase.market.feed import read_feed
from repurchase.proof.approval import passes
from repurchase.proof.diff import diff
from repurchase.proof.equal import same
from repurchase.proof.model import Request, any_sums
from repurchase.proof.proof import proved
from repurchase.replay.run import Program
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.library import pack_names, rule_names
from repurchase.rulebook.packs import shipped_averages, shipped_pack
from test_cli import run

# -- each kind by a slow and obvious computation --------------------------------------------------

Log = Mapping[str, Mapping[date, Bar]]
_BACK: Final = 300


def table(venue: str) -> Sessions:
    """Return the sessions of *venue*."""
    found = sessions(venue)
    assert found is not None
    return found


def is_open(venue: str, day: date) -> bool:
    """Return whether *venue* has a session on *day*."""
    return table(venue).on(day) is not None


def number_of(unit: Unit, day: date) -> int:
    """Return the number of the week or the month of *day*."""
    if unit == "calendar month":
        return day.year * 12 + day.month
    return (day - date(2000, 1, 3)).days // 7


def slow_days(average: Average, venues: Sequence[str], log: Log, day: date) -> list[date] | None:
    """Return the sessions of *average*: look at each day before *day*, one by one."""
    unit, many = average.over.unit, average.over.many
    before = (day - timedelta(back) for back in range(1, 800))
    opened = [other for other in before if is_open(venues[0], other)]
    if unit.startswith("calendar"):
        now = number_of(unit, day)
        return [other for other in opened if 1 <= now - number_of(unit, other) <= many]
    if unit == "session":
        return opened[:many]
    found: list[date] = []
    for other in opened:
        bars = [log[venue].get(other) for venue in venues if is_open(venue, other)]
        if None in bars or len(found) == many:
            break
        found += [other] if any(bar.volume for bar in bars if bar is not None) else []
    return found if len(found) == many else None


def slow_figure(average: Average, bar: Bar, of: str) -> Fraction | None:
    """Return the figure *of* one *bar* that *average* takes."""
    if of == "volume":
        off, own = ("off_auction" in average.without, "own" in average.without)
        if (off and bar.off_auction is None) or (own and bar.own is None):
            return None
        left = Fraction(bar.volume)
        left -= Fraction(bar.off_auction or 0) if off else 0
        left -= Fraction(bar.own or 0) if own else 0
        if off and own and bar.off_auction and bar.own:
            return None if bar.own_off_auction is None else left + Fraction(bar.own_off_auction)
        return left
    if of == "turnover":
        if not bar.volume:
            return Fraction(0)
        by_price = None if bar.vwap is None else Fraction(bar.vwap) * Fraction(bar.volume)
        whole = None if bar.turnover is None else Fraction(bar.turnover)
        either = (by_price, whole) if average.of == "vwap" else (whole, by_price)
        return either[1] if either[0] is None else either[0]
    figure: Exact | None = getattr(bar, of)
    return None if figure is None else Fraction(figure)


def slowly(average: Average, venues: Sequence[str], log: Log, day: date) -> Fraction | None:
    """Return *average* in the obvious way; `None` if anything that it needs is unknown."""
    days = slow_days(average, venues, log, day)
    if not days:
        return None
    sums: dict[str, Fraction] = {}
    for of in ("turnover", "volume") if average.of == "vwap" else (average.of,):
        sums[of] = Fraction(0)
        for other in days:
            for venue in venues:
                if is_open(venue, other):
                    bar = log[venue].get(other)
                    figure = None if bar is None else slow_figure(average, bar, of)
                    if figure is None:
                        return None
                    sums[of] += figure
    if average.of == "vwap":
        return sums["turnover"] / sums["volume"] if sums["volume"] else None
    return sums[average.of] / (len(days) if average.per == "session" else average.over.many)


SPANS: Final = (
    *(Span("session", many) for many in (1, 5, 20)),
    *(Span("session with trades", many) for many in (1, 5)),
    *(Span("calendar week", many) for many in (1, 4)),
    *(Span("calendar month", many) for many in (1, 3)),
)


@st.composite
def averages(draw: Callable[..., Any]) -> Average:
    """Draw an average that a rule file can declare."""
    of: Of = draw(st.sampled_from(OFS))
    over: Span = draw(st.sampled_from(SPANS))
    pers: list[Per] = ["session"]
    if of in ("volume", "turnover") and over.unit.startswith("calendar"):
        pers.append("week" if over.unit == "calendar week" else "month")
    parts = [(), ("off_auction",), ("own",), ("off_auction", "own")] if of == "volume" else [()]
    return Average(
        of=of, over=over, per=draw(st.sampled_from(pers)), without=draw(st.sampled_from(parts))
    )


def drawn_bar(seed: int, gap: int) -> Bar:
    """Return a bar made of *seed*, without the column that *gap* names, if any."""
    volume = 0 if seed % 4 == 0 else seed % 1000
    own, off = volume // 5, volume // 3
    bar = {
        "close": 90 + seed % 20,
        "high": 100 + seed % 30,
        "mid": Fraction(181 + seed % 9, 2),
        "vwap": Fraction(90 * 7 + seed % 13, 7) if volume else None,
        "turnover": 95 * volume + seed % 3 if volume else None,
        "off_auction": off,
        "own": own,
        "own_off_auction": own // 2,
    }
    names = sorted(bar)
    lacking = {names[gap]: None} if gap < len(names) else {}
    return structs.replace(Bar(close=None, volume=volume), **bar | lacking)


@given(
    averages(),
    st.permutations(["XTKS", "XNAS", "XPAR"]),
    st.integers(1, 2),
    st.dates(date(2006, 6, 1), date(2026, 6, 30)),
    st.integers(0, 2**32),
    st.dictionaries(st.integers(1, 40), st.integers(0, 40), max_size=2),
)
def test_average_is_that_of_a_slow_and_obvious_computation(
    average: Average,
    places: list[str],
    many: int,
    day: date,
    seed: int,
    gaps: dict[int, int],
) -> None:
    """Around holidays and half days, without trades, and with bars or columns that are missing."""
    venues = places[: many if average.of in SUMMED else 1]
    log: dict[str, dict[date, Bar]] = {venue: {} for venue in venues}
    for at, venue in enumerate(venues):
        for back in range(1, _BACK):
            other = day - timedelta(back)
            gap = gaps.get(back, 99)
            # A gap of 20 or more is a bar that is missing, at the first venue or at the others.
            if is_open(venue, other) and not (20 <= gap < 41 and gap % 2 == at):
                log[venue][other] = drawn_bar((seed >> (back % 13)) + 7 * back + at, gap)
    found = measured(average, [Place(one, sessions(one), log[one]) for one in venues], day)
    assert found.value == slowly(average, venues, log, day)
    # Of what is unknown it is said why.
    assert (found.value is None) == bool(found.lacks or found.why)


# -- worked by hand -------------------------------------------------------------------------------

# The week before Friday 2024-02-09 in Tokyo, latest first: Monday, 2024-02-12, was a holiday.
WEEK: Final = [date(2024, 2, day) for day in (9, 8, 7, 6, 5)]


def taken(average: Average, bars: Mapping[date, Bar], day: date = date(2024, 2, 13)) -> object:
    """Return *average* of *bars* in Tokyo before *day*."""
    return measured(average, [Place("XTKS", sessions("XTKS"), bars)], day).value


def test_vwap_is_the_turnover_by_the_volume() -> None:
    """100 at 10 and 300 at 14 are 5,200 for 400: 13, and not 12, the mean of the two prices."""
    bars = {WEEK[0]: Bar(14, 300, vwap=14), WEEK[1]: Bar(10, 100, turnover=1000)}
    assert taken(Average("vwap", Span("session", 2)), bars) == 13
    assert taken(Average("turnover", Span("session", 2)), bars) == 2600
    # A session without trades adds nothing to either, and has no price of its own.
    bars[WEEK[2]] = Bar(None, 0)
    assert taken(Average("vwap", Span("session", 3)), bars) == 13
    assert taken(Average("vwap", Span("session", 1)), {WEEK[0]: Bar(9, 0)}) is None


def test_sessions_without_trades_count_or_are_passed_over() -> None:
    """60 and 40 shares in four sessions are 25 a session, and 50 a session with trades."""
    volumes = dict(zip(WEEK, (60, 0, 0, 40, 7), strict=True))
    bars = {day: Bar(100, volume) for day, volume in volumes.items()}
    assert taken(Average("volume", Span("session", 4)), bars) == 25
    assert taken(Average("volume", Span("session with trades", 2)), bars) == 50
    # Whether there were trades where a bar is missing is unknown, even if others follow.
    del bars[WEEK[1]]
    assert taken(Average("volume", Span("session with trades", 2)), bars) is None
    assert taken(Average("volume", Span("session with trades", 1)), bars) == 60


def test_own_purchases_off_the_auction_are_left_out_once() -> None:
    """100 less 40 off the auction less 30 own are 30, and 50 if 20 of the 30 are in the 40."""
    both = Average("volume", Span("session", 1), without=("off_auction", "own"))
    assert taken(both, {WEEK[0]: Bar(1, 100, 40, own=30, own_off_auction=0)}) == 30
    assert taken(both, {WEEK[0]: Bar(1, 100, 40, own=30, own_off_auction=20)}) == 50
    # What the two have in common matters only if both are something.
    assert taken(both, {WEEK[0]: Bar(1, 100, 40, own=30)}) is None
    assert taken(both, {WEEK[0]: Bar(1, 100, 0, own=30)}) == 70
    assert taken(both, {WEEK[0]: Bar(1, 100, 40, own=0)}) == 60


# -- what a rule file declares --------------------------------------------------------------------

FILE: Final = """\
repurchase: 1
authorization: acme
timezone: Asia/Tokyo
currency: JPY
announced: 2024-02-07
unlimited: [amount]
instruments:
  common: {symbol: "1111", venues: [XTKS, XLON, BATE]}
  ads: {symbol: ACME, venues: [XNAS], currency: USD, per_share: 2}
terms:
  max_shares: {value: 1000 shares}
averages:
  one: {DECLARED}
rules:
  - {id: cap, require: program.shares_after <= terms.max_shares}
  - {id: own, require: trade.shares <= averages.one}
"""
VOLUME: Final = "{of: volume, over: 2 sessions}"
BARS: Final = "date,symbol,venue,volume,close,turnover\n"


def text_of(declared: str = VOLUME, rule: str | None = None) -> str:
    """Return a rule file that declares one average, and perhaps another rule on it."""
    text = FILE.replace("{DECLARED}", declared)
    return text if rule is None else text.replace("trade.shares <= averages.one", rule)


def editions(declared: str = VOLUME, rule: str | None = None) -> Editions:
    """Return that rule file."""
    return load_text(text_of(declared, rule).encode(), "acme.yaml")


@pytest.mark.parametrize(
    ("declared", "what", "hint"),
    [
        ("{of: volume}", "13:8: the key `over` is missing", None),
        ("{over: 2 sessions}", "13:8: the key `of` is missing", None),
        ("{of: money, over: 2 sessions}", "13:13: `money` is not one of the choices", "choose"),
        ("{of: volume, over: 20}", "`20` is not a time that an average is taken over", "write"),
        ("{of: volume, over: 20 days}", "`20 days` is not a time", "`20 sessions`"),
        ("{of: volume, over: 0 sessions}", "`0 sessions` is not a time", "`20 sessions`"),
        ("{of: volume, over: 1000 sessions}", "`1000 sessions` is not a time", "at most 999"),
        ("{of: volume, over: 4 weeks}", "`4 weeks` is not a time", "`4 calendar weeks`"),
        ("{of: vol, over: month}", "`vol` is not one of the choices", "did you mean"),
        ("{of: volume, over: month, venue: TOKYO}", "`TOKYO` is not a valid venue", "`listing`"),
        ("{of: volume, over: month, venue: XTKX}", "`XTKX`", None),
        ("{of: close, over: month, venue: all}", "`close` has no sum over all venues", "`vwap`"),
        ("{of: close, over: month, without: [own]}", "`without` takes parts from a volume", "out"),
        ("{of: volume, over: month, without: [blocks]}", "`blocks` is not one of", "`own`"),
        ("{of: close, over: month, per: month}", "`close` has no sum in a month", "`turnover`"),
        (
            "{of: volume, over: 20 sessions, per: month}",
            "an average of a month is taken over calendar months, not over 20 sessions",
            "`over: 20 calendar months`",
        ),
        ("{of: volume, over: month, before: today}", "`today` is not a date", "`announced`"),
        (
            "{of: volume, over: month, before: resolved}",
            "the file does not state `resolved`, so the average is never known",
            "add `resolved`",
        ),
        ("{of: volume, over: month, after: 2024-01-01}", "unknown key `after`", None),
    ],
)
def test_wrong_declaration_is_refused_with_its_place(
    declared: str, what: str, hint: str | None
) -> None:
    """The fault is named, and then what would be right."""
    with pytest.raises(RuleFileError) as caught:
        editions(declared)
    # A price that takes the place of the volume fits no rule of the file either.
    problem, *others = caught.value.problems
    assert not others or "close" in declared
    assert what in f"{problem.line}:{problem.column}: {problem.what}"
    assert problem.line == 13
    assert (hint or "") in (problem.hint or "")


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        ("trade.shares <= averages.tow", "unknown average `averages.tow`"),
        ("trade.price <= averages.one", "price"),
        ("trade.shares <= market.adv_us_4_week", "unknown fact `market.adv_us_4_week`"),
    ],
)
def test_wrong_use_of_an_average_is_refused(rule: str, what: str) -> None:
    """A volume is no price, and an average has one name."""
    with pytest.raises(RuleFileError) as caught:
        editions(rule=rule)
    (problem,) = caught.value.problems
    assert what in problem.what


@pytest.mark.parametrize(
    ("declared", "rule"),
    [
        ("{of: close, over: 2 sessions}", "trade.price <= averages.one"),
        ("{of: high, over: month}", "trade.price <= 105% * averages.one"),
        ("{of: mid, over: 5 sessions with trades}", "trade.price <= averages.one"),
        ("{of: turnover, over: 1 session}", "trade.amount <= averages.one and trade.shares > 0"),
        ("{of: turnover, over: month}", "averages.one >= JPY 100 and trade.shares > 0"),
        ("{of: volume, over: 4 calendar weeks}", "averages.one >= 100 shares"),
    ],
)
def test_average_has_the_dimension_of_what_it_measures(declared: str, rule: str) -> None:
    """A volume is in shares, a price in the instrument's currency, a turnover in the program's."""
    assert "averages.one" in editions(declared, rule).on(date(2024, 2, 13)).facts


# -- one set of names -----------------------------------------------------------------------------

PACK: Final = """\
repurchase: 1
pack: mine
title: Mine
averages:
  one: {of: volume, over: 2 sessions}
rules:
  - {id: other, require: trade.shares <= 2 * averages.one}
"""


def included(folder: Path, declared: str | None, pack: str = PACK) -> Path:
    """Write a file that includes *pack* and perhaps declares an average itself; return its path."""
    (folder / "mine.yaml").write_text(pack)
    text = text_of(declared or VOLUME).replace("rules:\n", "include: [./mine]\nrules:\n")
    if declared is None:
        text = text.replace(f"averages:\n  one: {VOLUME}\n", "")
    (folder / "acme.yaml").write_text(text)
    return folder / "acme.yaml"


def test_rules_read_the_averages_of_packs(tmp_path: Path) -> None:
    """A file need not repeat what its pack declares, and may."""
    for declared in (None, VOLUME):
        ended = run("explain", included(tmp_path, declared), cwd=tmp_path)
        assert (ended.code, ended.err) == (0, "")


def test_name_means_one_thing(tmp_path: Path) -> None:
    """Another declaration is refused, and the message names both places."""
    path = included(tmp_path, "{of: volume, over: 3 sessions}")
    ended = run("explain", path, cwd=tmp_path)
    place = f"{tmp_path / 'mine.yaml'}:5:3"
    assert ended.code == 2
    assert ended.err.startswith(f"{path}:13:3: the average `one` is declared otherwise at {place};")
    path = included(tmp_path, VOLUME, PACK.replace("one", "adv_us_4_weeks"))
    assert "`adv_us_4_weeks` is declared otherwise at former.yaml:" in run("explain", path).err


def test_two_packs_declare_alike_or_not_at_all(tmp_path: Path) -> None:
    """The fault is that of the file that includes both."""
    path = included(tmp_path, None)
    other = PACK.replace("pack: mine", "pack: other")
    for text, code in ((other, 0), (other.replace("2 sessions", "3 sessions"), 2)):
        (tmp_path / "other.yaml").write_text(text)
        path.write_text(path.read_text().replace("[./mine]", "[./mine, ./other]"))
        ended = run("explain", path, cwd=tmp_path)
        assert ended.code == code
        assert ("12:19: the average `one` is declared otherwise" in ended.err) == bool(code)


# -- former names ---------------------------------------------------------------------------------


def test_former_names_are_those_of_averages() -> None:
    """In rules, in `feed_only` and in events, one name stands for both."""
    text = text_of(rule="trade.shares <= market.adv_us_4_weeks")
    text = text.replace("rules:\n", "feed_only: [market.adv_us_4_weeks]\nrules:\n")
    found = load_text(text.encode(), "acme.yaml")
    assert "averages.adv_us_4_weeks" in found.on(date(2024, 2, 13)).facts
    assert found.authorization.all_feed_only() == {"averages.adv_us_4_weeks"}
    order = event({**ORDER, "market.adv_us_4_weeks": "7.5"})
    assert order.outside == {"averages.adv_us_4_weeks": Fraction(15, 2)}
    assert {present(f"market.{name}") for name in shipped_averages()} == {
        f"averages.{name}" for name in shipped_averages()
    }


def test_both_names_in_one_event_are_refused() -> None:
    """One of them would be lost."""
    both = {"market.adv_us_4_weeks": "7", "averages.adv_us_4_weeks": "8"}
    with pytest.raises(InputError, match="are both given"):
        event({**ORDER, **both})


@pytest.mark.parametrize("name", ["averages.", "averages.One", "averages.a.b", "market.adv", "adv"])
def test_other_names_are_not_event_fields(name: str) -> None:
    """A name that no file can declare is an error, as a typing error would be."""
    with pytest.raises(InputError, match="is not an event field"):
        event({**ORDER, name: "7"})


def test_names_of_averages_work_in_every_kind_of_log(tmp_path: Path) -> None:
    """A column of a table, a value of all rows, a line of JSON, and a mapping."""
    (tmp_path / "acme.yaml").write_text(text_of())
    names = ",".join(ORDER)
    row = ",".join(ORDER.values())
    (tmp_path / "a.csv").write_text(f"{names},averages.one\n{row},10\n")
    (tmp_path / "b.csv").write_text(f"{names},ADV\n{row},10\n")
    (tmp_path / "c.csv").write_text(f"{names}\n{row}\n")
    (tmp_path / "d.jsonl").write_text(json.dumps({**ORDER, "averages.one": 10}) + "\n")
    columns = "".join(f"  {name}: {name}\n" for name in ORDER)
    (tmp_path / "m.yaml").write_text(f"mapping: 1\ncolumns:\n{columns}  averages.one: ADV\n")
    for log, *options in (
        ("a.csv",),
        ("b.csv", "--column", "averages.one=ADV"),
        ("b.csv", "--mapping", "m.yaml"),
        ("c.csv", "--set", "averages.one=10"),
        ("d.jsonl",),
    ):
        ended = run("replay", log, "--rules", "acme.yaml", *options, "--json", cwd=tmp_path)
        assert (ended.code, ended.json["approved"]) == (0, 1), (log, ended.err)


# -- what supplies them ---------------------------------------------------------------------------

ORDER: Final = {
    "kind": "order",
    "id": "o-1",
    "time": "2024-02-13T10:00:00+09:00",
    "symbol": "1111",
    "venue": "XTKS",
    "side": "buy",
    "quantity": "10",
    "price": "100",
}


def decided(
    folder: Path, declared: str, bars: str | None, rule: str | None = None, **fields: str
) -> tuple[str, str | None]:
    """Return the outcome of an order by a rule on an average, and its limit there."""
    files = []
    if bars is not None:
        (folder / "bars.csv").write_text(bars)
        files = [folder / "bars.csv"]
    found = editions(declared, rule)
    feed = read_feed(files)
    program = Program(found, every_rule=True, feed=feed)
    answer = program.decide(event({**ORDER, **fields})).decision
    (finding,) = (one for one in answer.findings if one.rule == "own")
    return finding.result, finding.limit


def bars_of(rows: Mapping[str, tuple[int, int, int]], symbol: str = "1111") -> str:
    """Return bars by `day venue`, each with volume, close and turnover."""
    return BARS + "".join(
        f"2024-02-{key.split()[0]},{symbol},{key.split()[1]},{','.join(map(str, of))}\n"
        for key, of in rows.items()
    )


TOKYO: Final = {"09 XTKS": (8, 10, 90), "08 XTKS": (12, 20, 210)}


def test_event_may_state_an_average_until_bars_do(tmp_path: Path) -> None:
    """Without bars it counts; given any bars, only bars supply averages."""
    assert decided(tmp_path, VOLUME, None) == ("indeterminate", None)
    assert decided(tmp_path, VOLUME, None, **{"averages.one": "9"}) == ("fail", "9")
    assert decided(tmp_path, VOLUME, bars_of(TOKYO)) == ("pass", "10")
    silent = bars_of({"09 XTKS": (8, 10, 90)})
    assert decided(tmp_path, VOLUME, silent, **{"averages.one": "10"})[0] == "indeterminate"


def test_price_of_zero_is_not_an_average(tmp_path: Path) -> None:
    """An event states a number, and a volume may be zero; a price is unknown then."""
    rule = "trade.price > averages.one"
    assert decided(tmp_path, VOLUME, None, **{"averages.one": "0"}) == ("fail", "0")
    close = "{of: close, over: 2 sessions}"
    stated = {"averages.one": "0"}
    assert decided(tmp_path, close, None, rule, **stated)[0] == "indeterminate"
    assert decided(tmp_path, close, None, rule, **{"averages.one": "0.01"})[0] == "pass"


def test_average_is_that_of_its_venue(tmp_path: Path) -> None:
    """At the event's, a named one, the first of the instrument, or the sum over all of them."""
    log = {"09 XLON": (100, 1, 1), "08 XLON": (200, 1, 1), "12 XLON": (400, 1, 1)}
    bars = bars_of(TOKYO | log | {"09 BATE": (4, 1, 1), "08 BATE": (6, 1, 1)})
    at = {"venue": "XLON", "time": "2024-02-13T09:00:00+00:00"}

    def volume(where: str, **fields: str) -> str | None:
        return decided(tmp_path, f"{{of: volume, over: 2 sessions{where}}}", bars, **fields)[1]

    assert (volume(""), volume("", **at)) == ("10", "250")
    assert volume(", venue: XLON", **at) == "250"
    # At ten in the morning in Tokyo it is the 13th in London, too: the 12th counts there.
    assert volume(", venue: XLON") == "250"
    assert volume(", venue: XLON", time="2024-02-13T08:59:00+09:00") == "150"
    assert volume(", venue: listing", **at) == "10"
    # Both days are sessions in Tokyo: 8 + 100 + 4 and 12 + 200 + 6.
    assert volume(", venue: all", **at) == "165"


def test_receipts_count_as_shares_and_other_money_is_unknown(tmp_path: Path) -> None:
    """Two receipts are one share; a turnover in dollars is none in yen."""
    rows = {"09 XNAS": (8, 10, 90), "12 XNAS": (12, 20, 210)}
    bars = bars_of(rows, "ACME")
    there = {"symbol": "ACME", "venue": "XNAS", "fx": "100", "time": "2024-02-13T10:00:00-05:00"}
    assert decided(tmp_path, VOLUME, bars, **there)[1] == "5"
    turnover = "{of: turnover, over: 2 sessions}"
    rule = "trade.amount <= averages.one"
    assert decided(tmp_path, turnover, bars, rule, **there)[0] == "indeterminate"
    assert decided(tmp_path, turnover, bars_of(TOKYO), rule) == ("fail", "150")


@pytest.mark.parametrize(
    ("before", "limit"),
    [
        ("", "8"),
        (", before: 2024-02-09", "12"),
        (", before: announced", "3"),
        # On a day that is to come, other sessions will have been before it.
        (", before: 2024-02-14", None),
    ],
)
def test_average_may_be_taken_before_a_named_day(
    tmp_path: Path, before: str, limit: str | None
) -> None:
    """The trade is on 2024-02-13; the programme was announced on 2024-02-07."""
    bars = bars_of(TOKYO | {"06 XTKS": (3, 1, 1), "13 XTKS": (9, 1, 1)})
    assert decided(tmp_path, f"{{of: volume, over: 1 session{before}}}", bars)[1] == limit


@pytest.mark.parametrize(
    ("columns", "cells", "fault"),
    [
        ("own", "11", "`own` is more than `volume`"),
        ("own,off_auction,own_off_auction", "5,4,5", "do not fit together"),
        ("own,off_auction,own_off_auction", "8,8,2", "do not fit together"),
        ("vwap", "0", "`vwap` is `0`, but must be above zero"),
        ("turnover", "-1", "`turnover` is `-1`, but must be zero or more"),
        ("volumes", "1", "`volumes` is not one of their columns"),
    ],
)
def test_bars_that_contradict_themselves_are_refused(
    tmp_path: Path, columns: str, cells: str, fault: str
) -> None:
    """Nothing is evaluated with them."""
    path = tmp_path / "bars.csv"
    path.write_text(f"date,symbol,venue,volume,{columns}\n2024-02-09,1111,XTKS,10,{cells}\n")
    with pytest.raises(InputError, match=fault):
        read_feed([path])


# -- the edition, the prover and the comparison ---------------------------------------------------


def test_edition_holds_the_averages_that_its_rules_read() -> None:
    """Another declaration is another edition; one that no rule reads is not in it."""
    day = date(2024, 2, 13)
    plain, unread = (
        editions(rule="trade.shares < 9 shares"),
        text_of(rule="trade.shares < 9 shares"),
    )
    other = load_text(unread.replace("2 sessions", "3 sessions").encode(), "acme.yaml")
    assert plain.on(day).hash == other.on(day).hash
    assert editions().on(day).hash != editions("{of: volume, over: 3 sessions}").on(day).hash
    # Which venue is the first decides what an average at the listing is.
    listing = text_of("{of: volume, over: 2 sessions, venue: listing}")
    turned = listing.replace("[XTKS, XLON, BATE]", "[XLON, XTKS, BATE]")
    hashes = {load_text(one.encode(), "f").on(day).hash for one in (listing, turned)}
    assert len(hashes) == 2


def test_cap_that_an_average_moves_is_proved_at_the_approval() -> None:
    """It is no cap for all histories, and the prover shows that the other one is."""
    rule = "program.shares_after <= 25% * averages.one and trade.side == buy"
    window = "trade.last_date <= 2024-12-31 and trade.venue_last_date <= 2024-12-31"
    found = proved(editions(rule=f"{rule} and {window}"), time.monotonic_ns)
    assert found.holds
    figures = {of.rule: of.figure for one in found.editions for of in one.claims if of.rule}
    assert figures == {"cap": "1000", "own": None}


@pytest.mark.parametrize(
    "new",
    [
        text_of("{of: volume, over: 3 sessions}"),
        text_of("{of: volume, over: 2 sessions, venue: listing}"),
        text_of().replace("per_share: 2", "per_share: 4"),
    ],
)
def test_average_that_differs_is_not_proved_to_be_the_same(new: str) -> None:
    """Two files that call different averages the same are not compared as if they were."""
    old, other = editions(), load_text(new.encode(), "b.yaml")
    assert not same(old, other, time.monotonic_ns, 5000)


@pytest.mark.slow
def test_average_that_differs_leaves_a_comparison_undecided() -> None:
    """No history shows what is looser, since one event cannot state both; nothing is proved."""
    other = editions("{of: volume, over: 3 sessions}")
    found = diff(editions(), other, time.monotonic_ns, 4000)
    assert {one.verdict for one in found.compared if one.kind == "order"} == {"undecided"}
    looser = editions(rule="trade.shares <= 2 * averages.one")
    found = diff(editions(), looser, time.monotonic_ns)
    assert {one.verdict for one in found.compared if one.kind == "order"} == {"looser"}
    assert same(editions(), editions(), time.monotonic_ns, 5000)


@given(
    st.sampled_from([None, "0", "9.999999999999", "10", "1000"]),
    st.sampled_from([None, "0", "0.000000000001", "100", "99.5"]),
)
def test_prover_and_engine_agree_on_averages(volume: str | None, close: str | None) -> None:
    """Whatever an event states, an order can pass in the model exactly if the engine approves."""
    text = text_of(rule="trade.shares <= averages.one and trade.price <= averages.two")
    text = text.replace("rules:\n", "  two: {of: close, over: month}\nrules:\n")
    found = load_text(text.encode(), "acme.yaml")
    stated = {"averages.one": volume, "averages.two": close}
    order = {**ORDER, **{name: of for name, of in stated.items() if of is not None}}
    decision = Program(found, feed=read_feed([])).decide(event(order)).decision
    asked = Request(found.on(date(2024, 2, 13)), any_sums("s"), "r")
    solver = z3.Solver()
    solver.add(
        *asked.ties, asked.units == 10, asked.price == 100, asked.listing == 0, passes(asked)
    )
    for name, of in stated.items():
        # A price of zero is no price.
        known = of is not None and (of != "0" or name == "averages.one")
        solver.add(asked.facts[name].present == known)
        solver.add(*([asked.facts[name].value == z3.RealVal(of)] if known else []))
    assert (solver.check() == z3.sat) == (decision.outcome == "approved")
    assert (decision.outcome == "approved") == (volume in ("10", "1000") and close == "100")


# -- the command ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a rule file and bars, of which one is missing in London."""
    (tmp_path / "acme.yaml").write_text(text_of())
    (tmp_path / "bars.csv").write_text(bars_of(TOKYO | {"12 XLON": (5, 1, 1)}))
    return tmp_path


def test_market_shows_each_average_with_its_bars(folder: Path) -> None:
    """The sessions that count, and which bar is missing."""
    asked = ("market", "bars.csv", "--rules", "acme.yaml", "--symbol", "1111")
    at = ("--at", "2024-02-13T10:00:00+09:00")
    tokyo = run(*asked, *at, "--venue", "XTKS", cwd=folder)
    assert (tokyo.code, tokyo.out.splitlines()[0]) == (0, f"1111 at XTKS, {at[1]}")
    shown = {line.split()[0]: " ".join(line.split()[1:]) for line in tokyo.out.splitlines()[2:]}
    assert shown["averages.one"] == "10 shares yes 2 sessions from 2024-02-08 to 2024-02-09"
    assert shown["market.minutes_from_open"] == "60 no the tables of sessions"
    assert shown["market.last_price"] == "unknown no no file of trades is given"
    assert shown["market.previous_close"] == "JPY 10 no 1 session of 2024-02-09"
    london = run(*asked, *at, "--venue", "XLON", cwd=folder)
    assert london.code == 1
    assert "averages.one unknown yes no bar of 2024-02-09 at XLON" in " ".join(london.out.split())


def test_market_says_the_same_to_programs(folder: Path) -> None:
    """With each session and each missing bar, and the names of the files."""
    asked = ("market", "bars.csv", "--rules", "acme.yaml", "--at", "2024-02-13", "--json")
    ended = run(*asked, cwd=folder)
    assert ended.code == 1
    places = {(one["symbol"], one["venue"]): one for one in ended.json}
    assert set(places) == {("1111", "XTKS"), ("1111", "XLON"), ("1111", "BATE"), ("ACME", "XNAS")}
    found = {of["fact"]: of for of in places["1111", "XLON"]["facts"]}
    assert found["averages.one"] == {
        "fact": "averages.one",
        "value": None,
        "dimension": "shares",
        "source": "--market daily bars",
        "files": ["bars.csv"],
        "is_read": True,
        "sessions": ["2024-02-09", "2024-02-12"],
        "missing": [{"date": "2024-02-09", "venue": "XLON", "column": None}],
        "why": None,
    }
    of_bate = {of["fact"]: of for of in places["1111", "BATE"]["facts"]}
    assert of_bate["averages.one"]["why"] == "the venue BATE has no table of sessions"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--at", "2024-02-13T10:00:00"), "--at: `2024-02-13T10:00:00`"),
        (("--at", "yesterday"), "--at: `yesterday`"),
        (("--at", "2024-02-13", "--symbol", "2222"), "it lists 1111 at XTKS"),
        (("--at", "2024-02-13", "--venue", "XNYS"), "no instrument of the rule file has this"),
    ],
)
def test_market_refuses_what_it_cannot_read(
    folder: Path, options: tuple[str, ...], said: str
) -> None:
    """The fault, and what would be right."""
    ended = run("market", "bars.csv", "--rules", "acme.yaml", *options, cwd=folder)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


# -- nothing belongs to one country ---------------------------------------------------------------

COUNTRIES: Final = ("jp", "us", "eu", "uk", "gb", "japan", "mar", "10b")


# What only one country's law asks for, by its authorities, rules, systems and markets.
OF_A_COUNTRY: Final = re.compile(
    r"\b(?:japan\w*|tokyo|tostnet\w*|order 59|jp|us|eu|uk|sec|10b\w*|mifid\w*|mmt|esma|fca|finra"
    r"|german\w*|xetra|london|nasdaq|nyse|india\w*|hong kong|canad\w*|brazil\w*)\b"
)


def test_program_has_no_fact_of_one_country() -> None:
    """The law is in YAML: no fact that every file has is an average, or of one country's law."""
    assert not [name for name in TABLE if is_average(name)]
    of_day = {name.removesuffix("_after") for name in TABLE if name.startswith("day.")}
    figures = ("shares", "amount", "executed_shares", "ordered_shares", "brokers", "blocks")
    assert of_day == {f"day.{figure}" for figure in figures}
    words = {name: set(name.replace(".", "_").split("_")) for name in TABLE}
    assert not [name for name, of in words.items() if of & {*COUNTRIES}]
    package = Path(str(sessions.__wrapped__.__code__.co_filename)).parents[1]
    for path in sorted((*(package / "facts").glob("*.py"), *(package / "market").glob("*.py"))):
        text = path.read_text(encoding="utf-8").lower().replace("_", " ")
        assert not OF_A_COUNTRY.findall(text), path.name


def test_packs_declare_the_averages_and_counters_that_they_read() -> None:
    """A lawyer reads in the pack what its rules measure and count."""
    for name in pack_names():
        pack = shipped_pack(name)
        read = {fact for rule in (*pack.rules, *pack.off) for fact in rule.facts}
        averages = {fact for fact in read if is_average(fact)}
        assert averages == {f"averages.{one}" for one in pack.own_averages()}
        assert {counter_of(fact) for fact in read} - {None} == {one.name for one in pack.counters}
    assert "former" not in rule_names()
    assert VENUES


@pytest.mark.parametrize(
    ("former", "now"),
    [
        ("day.auction_ordered_shares_after", "counters.day_auction.ordered_shares_after"),
        ("day.auction_ordered_shares", "counters.day_auction.ordered_shares"),
        ("day.off_auction_shares_after", "counters.day_off_auction.shares_after"),
    ],
)
def test_former_names_of_counters_mean_what_they_did(former: str, now: str) -> None:
    """They need no declaration, and are asked of every event, as facts of the day are."""
    by_former, by_now = (
        load_text(text_of(rule=f"{name} <= 5 shares").encode(), "acme.yaml").authorization
        for name in (former, now)
    )
    (rule,) = (one for one in by_former.rules if now in one.facts)
    assert rule.when is None
    assert by_former.counters == by_now.counters != ()
    assert {one.each for one in by_former.counters} == {("instrument", "venue")}


def test_name_of_a_former_counter_means_one_thing(tmp_path: Path) -> None:
    """A file that declares it otherwise is told where else it is declared."""
    text = text_of(rule="counters.day_auction.shares_after <= 5 shares")
    path = tmp_path / "acme.yaml"
    path.write_text(text.replace("rules:\n", "counters: {day_auction: {per: week}}\nrules:\n"))
    ended = run("lint", path)
    assert "this file declares the counter `day_auction`, too; former.yaml declares it" in ended.err
