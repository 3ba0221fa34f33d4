"""Kinds of files that `map` meets: each loads by its answers, or is refused; none is misread."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

import pytest

from repurchase.domain.errors import Wrong
from repurchase.intake.dates import Printed, day_reader, moment_reader
from repurchase.intake.months import WEEKDAYS
from test_mapping import read, refused

# -- days and times -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "language", "text", "day"),
    [
        ("EEE d MMM yyyy", "en", "Mon 2 Mar 2020", "2020-03-02"),
        ("EEEE, MMMM d, yyyy", "en", "Monday, March 2, 2020", "2020-03-02"),
        ("EEE, dd.MM.yyyy", "de", "Mo., 02.03.2020", "2020-03-02"),
        ("yyyy年M月d日(E)", "en", "2020年3月2日(月)", "2020-03-02"),
        ("Gy年M月d日", "en", "令和\uff16年4月1日", "2024-04-01"),
        ("Gy年M月d日", "en", "令和元年5月1日", "2019-05-01"),
        ("d. MMMM yyyy", "de", "4. März 2020", "2020-03-04"),
        ("d MMMM yyyy", "pl", "4 marca 2020", "2020-03-04"),
        ("d MMMM yyyy", "fr", "1er mars 2020", "2020-03-01"),
        ("MMMM d, yyyy", "en", "March 2nd, 2020", "2020-03-02"),
    ],
)
def test_day_of_each_country_is_read(pattern: str, language: str, text: str, day: str) -> None:
    """With weekdays, eras and ordinal numbers."""
    assert day_reader(Printed(pattern, language))(text) == day


@pytest.mark.parametrize(
    ("pattern", "text", "said"),
    [
        ("EEE d MMM yyyy", "Tue 2 Mar 2020", "2020-03-02 is a Monday"),
        ("EEE d MMM yyyy", "Lun 2 Mar 2020", "`Lun` is no weekday in `en`"),
        ("Gy年M月d日", "令和0年13月1日", "no day that exists"),
    ],
)
def test_weekday_of_another_day_is_refused(pattern: str, text: str, said: str) -> None:
    """The day and its weekday contradict each other: one of the two is wrong."""
    with pytest.raises(Wrong, match=said):
        day_reader(Printed(pattern))(text)


@pytest.mark.parametrize("names", WEEKDAYS.values())
def test_weekday_is_known_in_words_of_each_language(names: dict[str, int]) -> None:
    """Three letters tell seven days apart."""
    assert sorted({*names.values()}) == [*range(1, 8)]
    assert {number for name, number in names.items() if len(name) == 3} == {*range(1, 8)}


ZONED: Final = {"CET": "Europe/Paris", "CEST": "Europe/Paris"}


@pytest.mark.parametrize(
    ("pattern", "text", "moment"),
    [
        ("yyyy-MM-dd'T'HH:mm:ss[.S]X", "2024-03-04T10:15:30.12Z", "2024-03-04T10:15:30.12+00:00"),
        ("yyyy-MM-dd'T'HH:mm:ss[.S]X", "2024-03-04T10:15:30Z", "2024-03-04T10:15:30+00:00"),
        ("yyyy-MM-dd'T'HH:mm:ss,SX", "2020-03-04T10:15:30,123+01", "2020-03-04T10:15:30.123+01:00"),
        ("dd/MM/yyyy HH:mm X", "04/03/2020 10:15 -0530", "2020-03-04T10:15:00-05:30"),
        ("d/M/yy h:mm a", "4/3/20 10:30 PM", "2020-03-04T22:30:00+09:00"),
        ("d/M/yy h:mm a", "4/3/20 12:30 am", "2020-03-04T00:30:00+09:00"),
        ("dd.MM.yyyy HH:mm z", "27.03.2020 16:29 CET", "2020-03-27T16:29:00+01:00"),
        ("dd.MM.yyyy HH:mm z", "30.03.2020 16:29 CEST", "2020-03-30T16:29:00+02:00"),
        ("dd.MM.yyyy HH:mm z", "25.10.2020 02:30 CEST", "2020-10-25T02:30:00+02:00"),
        ("dd.MM.yyyy HH:mm z", "25.10.2020 02:30 CET", "2020-10-25T02:30:00+01:00"),
        ("dd.MM.yyyy HH:mm z", "30.03.2020 16:29 Europe/London", "2020-03-30T16:29:00+01:00"),
        ("epoch", "1709547330", "2024-03-04T10:15:30+00:00"),
        ("epoch-ms", "1709547330123", "2024-03-04T10:15:30.123+00:00"),
    ],
)
def test_time_with_its_offset_or_zone_is_that_moment(pattern: str, text: str, moment: str) -> None:
    """A word for the zone also tells the two moments apart that a clock shows alike."""
    clock = ZoneInfo("Asia/Tokyo") if "a" in pattern else None
    assert moment_reader(Printed(pattern, zones=ZONED), lambda: clock)(text) == moment


@pytest.mark.parametrize(
    ("pattern", "text", "said"),
    [
        ("dd.MM.yyyy HH:mm z", "30.03.2020 16:29 CET", "shows CEST then"),
        ("dd.MM.yyyy HH:mm z", "30.03.2020 16:29 IST", "does not say which clock `IST` is"),
        ("dd.MM.yyyy HH:mm z", "29.03.2020 02:30 CET", "skips that day"),
        ("dd.MM.yyyy HH:mm[X]", "30.03.2020 16:29", "says no offset"),
        ("epoch-ms", "1709547330", "not written as `epoch-ms`"),
        ("epoch", "1709547330123", "not written as `epoch`"),
    ],
)
def test_time_whose_clock_is_not_known_is_refused(pattern: str, text: str, said: str) -> None:
    """An hour more or less may be another day."""
    with pytest.raises(Wrong, match=said):
        moment_reader(Printed(pattern, zones=ZONED), lambda: None)(text)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ("columns: {time: {column: a, pattern: 'dd.MM.yyyy HH:mm X', zone: UTC}}", "keep one"),
        ("columns: {time: {column: a, pattern: 'dd.MM.yyyy HH:mm X z'}}", "an offset and a zone"),
        ("columns: {time: {column: a, pattern: 'dd.MM.yyyy [HH:mm', zone: UTC}}", "bracket"),
        ("authorization: x\ncolumns: {date: a}", "this is a rule file, not a mapping"),
    ],
)
def test_fault_of_a_mapping_is_told(mapping: str, said: str) -> None:
    """In one sentence."""
    assert said in refused(f"mapping: 1\n{mapping}\n")


# -- which rows are trades ------------------------------------------------------------------------

BASE: Final = """\
mapping: 1
columns: {date: d, quantity: q}
dates: {pattern: yyyy-MM-dd}
set: {symbol: X, side: buy}
"""


def test_row_is_read_or_skipped_by_what_a_column_says() -> None:
    """A text that is not listed is an error: it may be another word for cancelled."""
    rows = "rows: {words: {State: {Filled: read, Cancelled: skip}}}\n"
    lines = ["d,q,state", "2020-01-02,5,FILLED", "2020-01-02,6,cancelled"]
    events, wrong, _ = read("\n".join(lines), BASE + rows)
    assert ([one.quantity for one in events], wrong) == ([5], [])
    _, wrong, _ = read("\n".join([*lines, "2020-01-02,6,Busted"]), BASE + rows)
    assert wrong == ["the row has `Busted`, which `words` under `rows` does not list"]


@pytest.mark.parametrize(("name", "count"), [("TotalEnergies", 2), ("Total", 1), ("Total SE", 1)])
def test_total_row_begins_with_whole_words(name: str, count: int) -> None:
    """The name of a company that only begins alike is no total."""
    lines = ["n,d,q", f"{name},2020-01-02,5", "Other,2020-01-02,6", "Total,,11"]
    mapping = f"{BASE}ignore: [n]\nrows: {{totals: [{{row: total}}]}}\n"
    events, _, differences = read("\n".join(lines), mapping)
    assert (len(events), bool(differences)) == (count, count == 1)


def test_two_signs_of_an_apostrophe_group_digits_alike() -> None:
    """A file of Switzerland may have both."""
    lines = ["d,q", "2020-01-02,1'234", "2020-01-02,1\u2019234"]
    events, wrong, _ = read("\n".join(lines), BASE + 'numbers: {thousands: "\'"}\n')
    assert ([one.quantity for one in events], wrong) == ([1234, 1234], [])
