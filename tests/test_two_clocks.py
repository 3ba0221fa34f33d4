"""The days that two clocks show at one moment, against moments counted one by one.

The oracle asks Python's own clocks at all moments at which a day or an offset can change.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from heapq import merge
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from repurchase.domain.calendars import (
    YEAR_MAX,
    YEAR_MIN,
    day_at,
    offset_changes,
    zone,
    zone_names,
)
from repurchase.domain.clocks import ahead, days_across, days_shown, end_of_day
from repurchase.domain.events import Event
from repurchase.domain.terms import CountingRules, Listing
from repurchase.domain.venues import zone_name
from repurchase.ledger.trades import Trade, order_trade
from repurchase.rulebook.editions import load_text
from repurchase.rulebook.periods import periods
from repurchase.rulebook.yaml_reader import read_document

# Moments that an event can state: those of the years that are read, with any offset.
FURTHEST: Final = timedelta(hours=23, minutes=59)
FIRST: Final = datetime(YEAR_MIN, 1, 1, tzinfo=UTC) - FURTHEST
LAST: Final = datetime(YEAR_MAX + 1, 1, 1, tzinfo=UTC) + FURTHEST - timedelta(microseconds=1)
SECOND: Final = timedelta(seconds=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
OMITTED: Final = (datetime(2046, 1, 1, tzinfo=UTC), datetime(2197, 1, 1, tzinfo=UTC))
ZONES: Final = st.sampled_from(sorted(zone_names())).map(zone)
# Venues whose clocks differ.
MARKETS: Final = (
    *("XTKS", "XNAS", "XTSE", "XLON", "XDUB", "XETR", "XPAR", "XAMS", "XBRU", "XLIS", "XMIL"),
    *("XMAD", "XSWX", "XWBO", "XSTO", "XCSE", "XHEL", "XOSL", "XHKG", "XSES", "XKRX", "XTAI"),
    "XASX",
)
VENUES: Final = tuple(map(zone, sorted({zone_name(one) for one in MARKETS})))
MOMENTS: Final = st.datetimes(
    FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC)
)

Pair = tuple[date, date]


def changes(clock: ZoneInfo) -> list[datetime]:
    """Return the moments at which *clock* is set, within the years that are read."""
    moments = (EPOCH + second * SECOND for second in offset_changes(clock))
    return [moment for moment in moments if FIRST <= moment <= LAST]


@st.composite
def moments_of(draw: st.DrawFn, clock: ZoneInfo, venue: ZoneInfo) -> datetime:
    """Draw any moment, or one within three days of a moment at which a clock is set."""
    moment = draw(MOMENTS)
    near = [*changes(clock), *changes(venue)]
    if draw(st.booleans()) and near:
        set_at: datetime = draw(st.sampled_from(near))
        moment = set_at + draw(st.integers(-3 * 86_400, 3 * 86_400)) * SECOND
    return min(max(moment, FIRST), LAST)


def pair_at(moment: datetime, clock: ZoneInfo, venue: ZoneInfo) -> Pair:
    """Return the days that Python's clocks show at *moment*."""
    return day_at(moment, clock), day_at(moment, venue)


def turning(first: datetime, last: datetime, clock: ZoneInfo) -> Iterator[datetime]:
    """Yield all moments from *first* to *last* at which *clock* may show another day."""
    yield from (moment for moment in changes(clock) if first <= moment <= last)
    day = day_at(first, clock) - timedelta(1)
    while day <= day_at(last, clock) + timedelta(2):
        for fold in (0, 1):
            yield datetime(day.year, day.month, day.day, tzinfo=clock, fold=fold).astimezone(UTC)
        day += timedelta(1)


def counted(first: datetime, last: datetime, clock: ZoneInfo, venue: ZoneInfo) -> set[Pair]:
    """Return the pairs of days from *first* to *last*, by asking before and after each turn."""
    turns = {first, last, *turning(first, last, clock), *turning(first, last, venue)}
    moments = {turn + step * SECOND for turn in turns for step in (-1, 0)}
    return {pair_at(one, clock, venue) for one in moments if first <= one <= last} | {
        pair_at(last, clock, venue)
    }


@st.composite
def spans(draw: st.DrawFn) -> tuple[ZoneInfo, ZoneInfo, datetime, datetime]:
    """Draw two clocks, and two moments up to two weeks apart."""
    clock, venue = draw(ZONES), draw(ZONES)
    first = draw(moments_of(clock, venue))
    return clock, venue, first, min(first + draw(st.timedeltas(timedelta(0), timedelta(14))), LAST)


@pytest.mark.slow
@given(spans())
def test_pairs_of_days_are_those_counted(
    span: tuple[ZoneInfo, ZoneInfo, datetime, datetime],
) -> None:
    """From one moment to another, two clocks show the pairs that asking them gives, in order."""
    clock, venue, first, last = span
    found = list(days_shown(clock, venue, first, last))
    assert {(one.here, one.there) for one in found} == counted(first, last, clock, venue)
    assert found[0].first <= first <= last <= found[-1].last
    for before, after in pairwise(found):
        assert before.last + timedelta(microseconds=1) == after.first
    for one in found:
        days = {pair_at(moment, clock, venue) for moment in (one.first, one.last)}
        assert days == {(one.here, one.there)}


@pytest.mark.slow
@given(spans())
def test_days_are_ahead_by_what_is_stated(
    span: tuple[ZoneInfo, ZoneInfo, datetime, datetime],
) -> None:
    """Whatever two clocks show is among the numbers of days, within the days that each has."""
    clock, venue, first, last = span
    known = {one.days: one for one in ahead(clock, venue)}
    for here, there in counted(first, last, clock, venue):
        by = known[(here - there).days]
        assert (by.first or date.min) <= here <= (by.last or date.max)


@given(ZONES, ZONES)
def test_numbers_of_days_are_shown_on_their_first_and_last_day(
    clock: ZoneInfo, venue: ZoneInfo
) -> None:
    """Every number of days is true at a moment of the first day stated for it, and of the last."""
    for by in ahead(clock, venue):
        for here in (by.first, by.last):
            if here is not None:
                noon = datetime(here.year, here.month, here.day, 12, tzinfo=UTC)
                around = max(noon - timedelta(2), FIRST), min(noon + timedelta(2), LAST)
                assert (here, here - timedelta(by.days)) in counted(*around, clock, venue)


@given(spans())
@example(
    (
        zone("Africa/Ceuta"),
        zone("Europe/Amsterdam"),
        datetime(1924, 10, 4, 23, 15, tzinfo=UTC),
        datetime(1924, 10, 4, 23, 15, tzinfo=UTC),
    )
)
def test_pairs_across_a_day_are_those_counted(
    span: tuple[ZoneInfo, ZoneInfo, datetime, datetime],
) -> None:
    """Two clocks are on different sides of the start of a day as asking them gives it."""
    clock, venue, first, _ = span
    for day in {*pair_at(first, clock, venue)}:
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        around = (max(noon - timedelta(4), FIRST), min(noon + timedelta(4), LAST))
        across = {
            (here, there)
            for here, there in counted(*around, clock, venue)
            if min(here, there) < day <= max(here, there)
        }
        assert days_across(day, clock, [venue, clock]) == tuple(sorted(across))


def test_days_outside_the_years_are_never_shown() -> None:
    """At the ends of the calendar no clocks are asked, and none overflows."""
    clocks = zone("Pacific/Kiritimati"), [zone("Pacific/Midway")]
    assert days_across(date.min, *clocks) == days_across(date.max, *clocks) == ()
    assert end_of_day(date.min, zone("Asia/Tokyo")).date() == date.min


@pytest.mark.parametrize(
    ("clock", "venue", "expected"),
    [
        ("Asia/Tokyo", "Asia/Tokyo", {0}),
        ("Asia/Tokyo", "America/New_York", {0, 1}),
        ("America/New_York", "Europe/London", {-1, 0}),
        # They are 25 hours apart, and were on different sides of the date line before 1995.
        ("Pacific/Kiritimati", "Pacific/Midway", {0, 1, 2}),
        # An hour apart, in a few nights of the 1920s.
        ("Africa/Ceuta", "Europe/Amsterdam", {-1, 0, 1}),
    ],
)
def test_number_of_days_between_two_clocks(clock: str, venue: str, expected: set[int]) -> None:
    """The numbers that an almanac gives, for one clock beside another and the reverse."""
    assert {one.days for one in ahead(zone(clock), zone(venue))} == expected
    assert {-one.days for one in ahead(zone(venue), zone(clock))} == expected


def test_clocks_of_two_years_are_apart_only_then() -> None:
    """Madrid's summer time and Amsterdam's began on different nights until 1985."""
    found = {one.days: one for one in ahead(zone("Africa/Ceuta"), zone("Europe/Amsterdam"))}
    assert found[-1].last == date(1985, 9, 28)
    assert (found[0].first, found[0].last) == (None, None)
    assert (found[1].first, found[1].last) == (date(1924, 10, 5), date(1927, 10, 2))


@pytest.mark.parametrize(
    ("day", "name", "end"),
    [
        (date(2008, 11, 14), "Asia/Tokyo", "2008-11-14T14:59:59.999999+00:00"),
        # From 23:30, Toronto's clock showed half past midnight.
        (date(1919, 3, 30), "America/Toronto", "1919-03-31T04:29:59.999999+00:00"),
        # At one minute past midnight, it showed 23:01 of the day before once more.
        (date(1999, 10, 30), "America/St_Johns", "1999-10-31T03:29:59.999999+00:00"),
        # Samoa had no such day.
        (date(2011, 12, 30), "Pacific/Apia", "2011-12-30T09:59:59.999999+00:00"),
    ],
)
def test_last_instant_of_a_day(day: date, name: str, end: str) -> None:
    """A day ends at midnight, or when the clock is set past midnight."""
    found = end_of_day(day, zone(name))
    assert found == datetime.fromisoformat(end)
    assert day_at(found, zone(name)) <= day < day_at(found + SECOND, zone(name))


@given(ZONES, st.dates(date(YEAR_MIN, 1, 1), date(YEAR_MAX, 12, 31)))
def test_after_the_end_of_a_day_it_is_shown_no_more(clock: ZoneInfo, day: date) -> None:
    """The last instant of a day shows it; every later one a later day."""
    end = end_of_day(day, clock)
    shown = counted(end, min(end + timedelta(3), LAST), clock, clock)
    assume((day, day) in shown)
    assert day_at(end, clock) == day
    after = counted(end + timedelta(microseconds=1), min(end + timedelta(3), LAST), clock, clock)
    assert min(after) > (day, day)


# -- the days of events ---------------------------------------------------------------------------


def traded(event: Event, clock: ZoneInfo, venue: ZoneInfo) -> Trade:
    """Return what the order *event* trades, on these clocks."""
    listing = Listing("common", "1111", "XTKS", venue, "JPY", 1, 0)
    rules = CountingRules(clock, "JPY", with_fees=False, listings={("1111", "XTKS"): listing})
    return order_trade(event, rules)


@st.composite
def orders(draw: st.DrawFn) -> tuple[Event, ZoneInfo, ZoneInfo]:
    """Draw an order with two clocks; it may state a date or a time, and when it expires."""
    clock, venue = draw(ZONES), draw(st.sampled_from(VENUES))
    moment = draw(moments_of(clock, venue))
    within = moment.replace(tzinfo=None).date()
    assume(YEAR_MIN < within.year < YEAR_MAX)
    until = moment + draw(st.timedeltas(timedelta(-2), timedelta(7)))
    expires = draw(st.sampled_from((None, until, until.date())))
    is_timed = draw(st.booleans())
    order = Event(
        kind="order",
        id="o",
        time=moment if is_timed else None,
        date=None if is_timed else within,
        symbol="1111",
        venue="XTKS",
        side="buy",
        quantity=1,
        price=1,
        expires=expires,
    )
    return order, clock, venue


@given(orders())
def test_days_of_an_order_are_those_that_a_proof_assumes(
    drawn: tuple[Event, ZoneInfo, ZoneInfo],
) -> None:
    """The first and the last days of an order are equal on both clocks, or as far apart as the
    clocks are at some moment of these years.
    """
    found = traded(*drawn)
    known = {one.days: one for one in ahead(*drawn[1:])}
    assert found.venue_date is not None
    assert found.venue_last_date is not None
    for here, there in (
        (found.date, found.venue_date),
        (found.last_date, found.venue_last_date),
    ):
        by = known.get((here - there).days)
        assert here == there or (
            by is not None and (by.first or date.min) <= here <= (by.last or date.max)
        )


def test_order_of_a_day_that_ends_early_ends_with_it() -> None:
    """Where the venue's clock skips its midnight, an order ends at that moment, not half an hour
    later, when another clock shows the next day.
    """
    order = Event(
        kind="order",
        id="o",
        date=date(1919, 3, 30),
        symbol="1111",
        venue="XTKS",
        side="buy",
        quantity=1,
        price=1,
    )
    found = traded(order, zone("America/La_Paz"), zone("America/Toronto"))
    assert (found.last_date, found.venue_last_date) == (date(1919, 3, 30), date(1919, 3, 30))


# -- the periods of a rule file -------------------------------------------------------------------

PROGRAM: Final = """\
repurchase: 1
authorization: acme
timezone: {clock}
currency: JPY
instruments:
  common: {{symbol: "1111", venues: [{venues}], currency: JPY}}
terms:
  first_day: {{value: 2009-01-05}}
  last_day: {{value: 2009-01-30}}
  daily:
    - {{value: 10 shares, until: 2009-01-14}}
    - {{value: 20 shares, from: 2009-01-15}}
include: [./law]
rules:
  - {{id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}}
  - {{id: daily, require: day.ordered_shares_after <= terms.daily}}
"""
LAW: Final = """\
repurchase: 1
pack: law
title: A law that changes with the venue's day
limits:
  most:
    - {value: 100 shares, until: 2009-01-14}
    - {value: 200 shares, from: 2009-01-15}
rules:
  - {id: most, require: trade.shares <= limits.most, cite: "Section 1"}
"""


@pytest.mark.parametrize(
    ("clock", "venues", "pairs"),
    [
        ("Asia/Tokyo", "XTKS", []),
        ("Asia/Tokyo", "XTKS, XNAS", [("2009-01-15", "2009-01-14")]),
        ("America/New_York", "XTKS, XLON", [("2009-01-14", "2009-01-15")]),
        (
            "Europe/London",
            "XTKS, XNAS",
            [("2009-01-14", "2009-01-15"), ("2009-01-15", "2009-01-14")],
        ),
        (
            "Pacific/Kiritimati",
            "XNAS",
            [("2009-01-15", "2009-01-14")],
        ),
    ],
)
def test_periods_have_the_pairs_of_days_that_their_clocks_show(
    clock: str, venues: str, pairs: list[tuple[str, str]]
) -> None:
    """At the border of two periods, only pairs of days that some moment shows are periods."""
    text = PROGRAM.format(clock=clock, venues=venues)
    editions = load_text(
        text.encode(), "acme.yaml", packs=lambda *_: read_document(LAW.encode(), "law.yaml")
    )
    mixed = [(str(one.first), str(one.venue_day)) for one in periods(editions) if one.venue_day]
    assert mixed == pairs


# -- all pairs of clocks --------------------------------------------------------------------------


@cache
def days_of(clock: ZoneInfo) -> list[tuple[int, int]]:
    """Return the seconds at which *clock* shows another day than before, with that day.

    The clock is asked twice a day, and around each change of its offset. Seconds are counted from
    1970, days from the year 1.
    """

    def day_in(second: int) -> int:
        return day_at(EPOCH + second * SECOND, clock).toordinal()

    first, last = (FIRST - EPOCH) // SECOND, (LAST - EPOCH) // SECOND
    asked = {*range(first, last, 43_200), last, *offset_changes(clock)}
    asked |= {second - 1 for second in offset_changes(clock)}
    # The rules of the years between repeat those before.
    omitted = range((OMITTED[0] - EPOCH) // SECOND, (OMITTED[1] - EPOCH) // SECOND)
    seconds = sorted(one for one in asked if first <= one <= last and one not in omitted)
    found = [(first, day_in(first))]
    for low, high in pairwise(seconds):
        day = day_in(high)
        if day != found[-1][1]:
            midnight = datetime.combine(date.fromordinal(day), time.min, clock)
            second = (midnight.astimezone(UTC) - EPOCH) // SECOND
            if high - low > 43_200:
                second = high
            elif not low < second <= high or day_in(second - 1) == day or day_in(second) != day:
                assert high == low + 1, "the clock is set between two seconds that are asked"
                second = high
            found.append((second, day))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("clock", VENUES, ids=str)
def test_numbers_of_days_between_all_clocks_of_venues(clock: ZoneInfo) -> None:
    """From 1900 to 2045 and in the last years, each day of each clock beside each other one."""
    for venue in VENUES:
        shown: dict[int, tuple[int, int]] = {}
        turns = merge(
            ((second, 0, day) for second, day in days_of(clock)),
            ((second, 1, day) for second, day in days_of(venue)),
        )
        days = [0, 0]
        # At one second, both clocks may show another day.
        for _, together in groupby(turns, key=itemgetter(0)):
            for _, which, day in together:
                days[which] = day
            here, apart = days[0], days[0] - days[1]
            first, last = shown.get(apart, (here, here))
            shown[apart] = (min(first, here), max(last, here))
        expected = []
        for apart, (first, last) in sorted(shown.items()):
            one, other = date.fromordinal(first), date.fromordinal(last)
            expected.append(
                (
                    apart,
                    None if one.year <= YEAR_MIN else one,
                    None if other.year >= YEAR_MAX else other,
                )
            )
        assert [tuple(one) for one in ahead(clock, venue)] == expected, venue
