"""The table of time zones: all that the release of `tzdata` says, and read as Python reads it.

The oracle is Python's own reading of the files of that release, which is installed for tests alone.
"""

from __future__ import annotations

import copy
import io
import pickle
import struct
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pytest
import tzdata
from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.calendars import TZDATA_VERSION, YEAR_MAX, YEAR_MIN, zone, zone_names
from scripts import script

ROOT: Final = Path(__file__).parents[1]
# Moments at the ends of the years that are read may be on the day before or after.
FIRST: Final = datetime(YEAR_MIN, 1, 1, tzinfo=UTC) - timedelta(2)
LAST: Final = datetime(YEAR_MAX, 12, 31, tzinfo=UTC) + timedelta(2)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)
MOMENTS: Final = st.datetimes(
    FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC)
)
# Around a change, the wall shows some times twice, or not at all.
HOURS: Final = (timedelta(hours=-1), timedelta(0), timedelta(hours=1))

Shown = tuple[datetime, timedelta | None, timedelta | None, str | None, int]


GENERATOR: Final = script("zones")
CONTENTS: Final[dict[str, bytes]] = dict(GENERATOR.releases())
NAMES: Final = tuple(CONTENTS)
# Of names with one file, one is enough where each moment is compared.
DISTINCT: Final = tuple({content: name for name, content in CONTENTS.items()}.values())


@cache
def oracle(name: str) -> ZoneInfo:
    """Return the zone as Python reads the file of the release."""
    return ZoneInfo.from_file(io.BytesIO(CONTENTS[name]), key=name)


@cache
def changes(name: str) -> tuple[datetime, ...]:
    """Return the moments at which the file has a change.

    It is read without the code that wrote the table.
    """
    content = CONTENTS[name]
    start = content.index(b"TZif", 4)
    count, kinds = struct.unpack_from(">2l", content, start + 32)
    assert kinds > 0
    moments = struct.unpack_from(f">{count}q", content, start + 44)
    return tuple(EPOCH + timedelta(seconds=moment) for moment in moments)


def at(moment: datetime, clock: ZoneInfo) -> Shown:
    """Return all that *clock* shows at *moment*."""
    there = moment.astimezone(clock)
    return (
        there.replace(tzinfo=None),
        there.utcoffset(),
        there.dst(),
        there.tzname(),
        there.fold,
    )


def on_the_wall(moment: datetime, fold: int, clock: ZoneInfo) -> Shown:
    """Return what *clock* says of the time *moment* on its wall."""
    there = moment.replace(tzinfo=clock, fold=fold)
    return there.astimezone(UTC), there.utcoffset(), there.dst(), there.tzname(), fold


def test_table_is_what_its_generator_writes() -> None:
    """`make zones` would change nothing: the table is that of the pinned release."""
    assert GENERATOR.TABLE.read_text("ascii") == GENERATOR.table()
    assert tzdata.__version__ == TZDATA_VERSION
    assert zone_names() == set(NAMES)


@pytest.mark.parametrize("name", DISTINCT)
def test_zone_shows_what_the_release_says_at_every_change(name: str) -> None:
    """A second before each change, at it and after it, both clocks show the same in all respects,
    and so do both for each time on the wall around it.
    """
    ours, theirs = zone(name), oracle(name)
    moments = [
        moment + step * SECOND
        for moment in (*changes(name), FIRST, LAST)
        for step in (-1, 0, 1)
        if FIRST <= moment <= LAST
    ]
    assert [at(moment, ours) for moment in moments] == [at(moment, theirs) for moment in moments]
    walls = [at(moment, theirs)[0] + hours for moment in moments for hours in HOURS]
    assert [on_the_wall(wall, fold, ours) for wall in walls for fold in (0, 1)] == [
        on_the_wall(wall, fold, theirs) for wall in walls for fold in (0, 1)
    ]


@given(st.sampled_from(NAMES), MOMENTS, st.sampled_from((0, 1)))
def test_zone_shows_what_the_release_says_at_any_moment(
    name: str, moment: datetime, fold: int
) -> None:
    """Every name of the release, links included, at any moment that can be read."""
    ours, theirs = zone(name), oracle(name)
    assert at(moment, ours) == at(moment, theirs)
    assert on_the_wall(moment, fold, ours) == on_the_wall(moment, fold, theirs)


@pytest.mark.slow
@pytest.mark.parametrize("name", DISTINCT)
def test_zone_shows_what_the_release_says_throughout(name: str) -> None:
    """By the rule for the years after the last change too: two moments of each month to the end."""
    ours, theirs = zone(name), oracle(name)
    step = timedelta(days=13, hours=7)
    moments = [FIRST + number * step for number in range((LAST - FIRST) // step)]
    assert [at(moment, ours) for moment in moments] == [at(moment, theirs) for moment in moments]


@pytest.mark.parametrize("name", ["Asia/Tokyo", "America/New_York", "Europe/Dublin"])
def test_zone_is_copied_as_itself(name: str) -> None:
    """A program may be pickled, for another process: its clocks are the same there."""
    clock = zone(name)
    assert pickle.loads(pickle.dumps(clock)) is clock
    assert copy.deepcopy(clock) is clock
    assert (clock.key, str(clock), isinstance(clock, ZoneInfo)) == (name, name, True)


def test_file_of_another_kind_is_not_written_into_the_table() -> None:
    """What the generator cannot read whole stops it: no zone is written by half."""
    tokyo = CONTENTS["Asia/Tokyo"]
    with pytest.raises(ValueError, match="not a file of a zone"):
        GENERATOR.parsed(tokyo.replace(b"TZif2", b"TZif1"))
    leap_seconds = bytearray(tokyo)
    leap_seconds[tokyo.index(b"TZif", 4) + 31] = 1
    with pytest.raises(ValueError, match="not a file of a zone"):
        GENERATOR.parsed(bytes(leap_seconds))
