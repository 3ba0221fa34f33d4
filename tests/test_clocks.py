"""Days and times: what is read, and which day each clock shows, whatever machine this is."""

from __future__ import annotations

import subprocess
import sys
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.calendars import (
    TZDATA_VERSION,
    YEAR_MAX,
    YEAR_MIN,
    day_at,
    read_day,
    read_moment,
    zone,
    zone_names,
)
from repurchase.domain.venues import zone_name
from repurchase.facts.domains import DAY_SHOWN

# Says which day three clocks show, in a program of its own.
ASK: Final = """\
import sys, zoneinfo
from repurchase.domain.calendars import TZDATA_VERSION, day_at, read_moment, zone
moment = read_moment("2009-01-30T15:00:00Z")
print(*(day_at(moment, zone(name)) for name in sys.argv[1:]), TZDATA_VERSION)
"""


@pytest.fixture
def no_zones(tmp_path: Path) -> Path:
    """Return a folder in which every zone that a test asks for is a file of nonsense."""
    for name in ("Asia/Tokyo", "America/New_York", "Europe/London"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"a zone of another machine, in another year")
    return tmp_path


def test_zones_of_the_machine_are_never_read(no_zones: Path) -> None:
    """With the machine's zone files replaced by nonsense, every clock shows the same day."""
    found = subprocess.run(
        [sys.executable, "-c", ASK, "Asia/Tokyo", "America/New_York", "Europe/London"],
        env={"PYTHONTZPATH": str(no_zones), "TZ": "Pacific/Kiritimati"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == ["2009-01-31", "2009-01-30", "2009-01-30", TZDATA_VERSION]


def test_search_path_of_python_changes_nothing(no_zones: Path) -> None:
    """Python's own zones break where the search path leads nowhere good; ours do not."""
    kept = zoneinfo.TZPATH
    zone_before = zone("Asia/Tokyo")
    zoneinfo.reset_tzpath([str(no_zones)])
    try:
        with pytest.raises(ValueError, match="magic"):
            zoneinfo.ZoneInfo.no_cache("Asia/Tokyo")
        zone_after = zone("Asia/Tokyo")
    finally:
        zoneinfo.reset_tzpath(kept)
    summer = datetime(1949, 7, 1, tzinfo=UTC)
    assert [summer.astimezone(one).hour for one in (zone_before, zone_after)] == [10, 10]


@pytest.mark.parametrize(
    "name", ["", "Tokyo", "asia/tokyo", "Asia/Tokyo ", "../tzdata/zones", "/etc/localtime", "Asia"]
)
def test_zone_that_the_table_lacks_is_refused(name: str) -> None:
    """No other spelling, no folder and no path leads to a zone."""
    with pytest.raises(KeyError):
        zone(name)


@pytest.mark.parametrize(
    ("moment", "tokyo", "new_york"),
    [
        # Midnight in Tokyo, ten in the morning in New York.
        ("2009-01-30T14:59:59.999999Z", "2009-01-30", "2009-01-30"),
        ("2009-01-30T15:00:00Z", "2009-01-31", "2009-01-30"),
        ("2009-01-30T10:00:00-05:00", "2009-01-31", "2009-01-30"),
        # The afternoon of the last day in New York is the day after it in Tokyo.
        ("2009-01-30T15:30:00-05:00", "2009-01-31", "2009-01-30"),
        ("2009-01-30T23:59:59.999999-05:00", "2009-01-31", "2009-01-30"),
        ("2009-01-31T00:00:00-05:00", "2009-01-31", "2009-01-31"),
        # The first day begins in Tokyo while it is the day before in New York.
        ("2008-11-14T00:00:00+09:00", "2008-11-14", "2008-11-13"),
        ("2008-11-13T23:59:59+09:00", "2008-11-13", "2008-11-13"),
        ("2008-11-14T14:00:00+09:00", "2008-11-14", "2008-11-14"),
        # An hour nearer in summer: New York's clock was set on 2009-03-08 and 2008-11-02.
        ("2009-03-08T04:59:59Z", "2009-03-08", "2009-03-07"),
        ("2009-03-08T05:00:00Z", "2009-03-08", "2009-03-08"),
        ("2009-03-09T03:59:59Z", "2009-03-09", "2009-03-08"),
        ("2009-03-09T04:00:00Z", "2009-03-09", "2009-03-09"),
        ("2008-11-02T03:59:59Z", "2008-11-02", "2008-11-01"),
        ("2008-11-02T04:00:00Z", "2008-11-02", "2008-11-02"),
        ("2008-11-03T04:59:59Z", "2008-11-03", "2008-11-02"),
        ("2008-11-03T05:00:00Z", "2008-11-03", "2008-11-03"),
    ],
)
def test_each_clock_shows_its_own_day(moment: str, tokyo: str, new_york: str) -> None:
    """Tokyo and New York often have different days, and midnight moves with summer time."""
    found = [str(day_at(read_moment(moment), zone(zone_name(one)))) for one in ("XTKS", "XNAS")]
    assert found == [tokyo, new_york]


@given(
    st.dates(date(YEAR_MIN + 1, 1, 1), date(YEAR_MAX - 1, 12, 31)),
    st.times(),
    st.integers(-12 * 60, 14 * 60),
)
def test_day_does_not_depend_on_the_offset_written(day: date, hour: time, minutes: int) -> None:
    """One moment written with two offsets is on one day."""
    moment = datetime.combine(day, hour, UTC)
    clock = zone("America/New_York")
    there = moment + timedelta(minutes=minutes)
    sign = "-" if minutes < 0 else "+"
    offset = f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    text = there.replace(tzinfo=None).isoformat(timespec="microseconds") + offset
    assert (read_moment(text), day_at(read_moment(text), clock)) == (moment, day_at(moment, clock))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2008-11-14T09:30:00+09:00", datetime(2008, 11, 14, 0, 30, tzinfo=UTC)),
        ("2008-11-14t09:30:00.5+09:00", datetime(2008, 11, 14, 0, 30, 0, 500_000, tzinfo=UTC)),
        ("2008-11-14 00:30:00z", datetime(2008, 11, 14, 0, 30, tzinfo=UTC)),
        ("2008-11-14T00:30:00.000001Z", datetime(2008, 11, 14, 0, 30, 0, 1, tzinfo=UTC)),
        ("2008-11-13T19:30:00-05:00", datetime(2008, 11, 14, 0, 30, tzinfo=UTC)),
    ],
)
def test_moment_is_read_as_rfc_3339_writes_it(text: str, moment: datetime) -> None:
    """Date, time to the second at least, and offset make a moment."""
    assert read_moment(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2008-11-14",
        "2008-11-14T09:30:00",
        "2008-11-14T09:30+09:00",
        "2008-11-14T09:30:00+0900",
        "2008-11-14T09:30:00+09",
        "2008-11-14T09:30:00 +09:00",
        "2008-11-14T09:30:00.+09:00",
        "2008-11-14T09:30:00,5+09:00",
        "2008-11-14T09:30:00.0000000001Z",
        "2008-11-14T9:30:00Z",
        "20081114T093000Z",
        "2008-11-14T24:00:00Z",
        "2008-11-14T23:59:60Z",
        "2008-11-14T09:60:00Z",
        "2008-11-14T09:30:00+24:00",
        "2008-11-31T09:30:00Z",
        "2009-02-29T09:30:00Z",
        "2008-W46-5T09:30:00Z",
        "\uff12008-11-14T09:30:00Z",
        " 2008-11-14T09:30:00Z",
        "2008-11-14T09:30:00Z\n",
        "1899-12-31T09:30:00Z",
        "2200-01-01T09:30:00Z",
        "0000-01-01T09:30:00Z",
    ],
)
def test_bad_moment_is_refused_by_its_text(text: str) -> None:
    """What RFC 3339 does not write, or no calendar has, is an error that quotes it."""
    with pytest.raises(ValueError, match="`") as error:
        read_moment(text)
    assert str(error.value).startswith(f"`{text}` ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2008-11-31",
        "2009-02-29",
        "2008-13-01",
        "2008-11-00",
        "2008-1-1",
        "20081114",
        "2008-W46-5",
        "2008-11-14T09:30:00Z",
        "2008/11/14",
        "14-11-2008",
        "\uff12008-11-14",
        "2008-11-14\n",
        f"{YEAR_MIN - 1}-12-31",
        f"{YEAR_MAX + 1}-01-01",
    ],
)
def test_bad_day_is_refused_by_its_text(text: str) -> None:
    """A day is written `YYYY-MM-DD`, and exists."""
    with pytest.raises(ValueError, match="`") as error:
        read_day(text)
    assert str(error.value).startswith(f"`{text}` ")


@given(st.dates(date(YEAR_MIN, 1, 1), date(YEAR_MAX, 12, 31)))
def test_day_is_read_back(day: date) -> None:
    """Every day of the years that are read comes back from its text."""
    assert read_day(day.isoformat()) == day


@given(
    st.dates(date(YEAR_MIN, 1, 1), date(YEAR_MAX, 12, 31)),
    st.sampled_from(["T23:59:59.999999-12:00", "T00:00:00+14:00"]),
    st.sampled_from(sorted(zone_names())),
)
def test_ends_of_the_years_overflow_on_no_clock(day: date, time: str, name: str) -> None:
    """A moment that is read is at most two days off on any clock, so in the domain of its day."""
    shown = day_at(read_moment(f"{day.isoformat()}{time}"), zone(name))
    assert abs(shown - day) <= timedelta(days=2)
    assert shown.toordinal() in DAY_SHOWN
