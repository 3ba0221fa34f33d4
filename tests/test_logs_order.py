"""Tests of the order of a log in time, and of logs put in order."""

from __future__ import annotations

import io
import random

import pytest

from repurchase.domain.calendars import zone
from repurchase.domain.errors import UsageError
from repurchase.intake.log import Row, open_log
from repurchase.intake.order import Order, sorted_rows
from repurchase.intake.scratch import temporary_database

TOKYO = zone("Asia/Tokyo")
HEADER = "kind,id,time,date,symbol,quantity,shares,amount\n"


def log_of(*moments: str) -> str:
    """Return a log of fills at the *moments*, called by the letters a, b, c and so on."""
    rows = []
    for at, moment in enumerate(moments):
        id_ = chr(ord("a") + at)
        if moment == "forward":
            rows.append(f"brought_forward,{id_},,2199-01-01,,,5,5\n")
        elif moment == "bad":
            rows.append(f"fill,{id_},,,,,,\n")
        elif "T" in moment:
            rows.append(f"fill,{id_},{moment},,x,1,,\n")
        else:
            rows.append(f"fill,{id_},,{moment},x,1,,\n")
    return HEADER + "".join(rows)


def wrong(*moments: str) -> list[str]:
    order_ = Order(TOKYO)
    rows = open_log(io.BytesIO(log_of(*moments).encode()), "log").rows()
    found = [(row.number, row.event and order_.backwards(row.event, row.number)) for row in rows]
    return [f"log:{line}: {problem}; {MEND}" for line, problem in found if problem]


def put_in_order(*moments: str) -> str:
    return "".join(row.event.id if row.event else "!" for row in in_order(log_of(*moments)))


def in_order(text: str) -> list[Row]:
    with open_log(io.BytesIO(text.encode()), "log") as log, temporary_database() as database:
        return list(sorted_rows(log.rows(), TOKYO, database))


MEND = "put the log in order of time, or use --sort"


@pytest.mark.parametrize(
    ("moments", "sentences"),
    [
        (["2008-11-14", "2008-11-14", "2008-11-15"], []),
        (
            ["2008-11-15", "2008-11-14"],
            [f"log:3: `2008-11-14` goes backwards: line 2 has `2008-11-15`; {MEND}"],
        ),
        (["2008-11-14T09:00:00+09:00", "2008-11-14T09:00:00+09:00"], []),
        (["2008-11-14T09:00:00+09:00", "2008-11-14T00:00:01Z"], []),
        (
            ["2008-11-14T09:00:00+09:00", "2008-11-13T23:59:59.999999+00:00"],
            [
                (
                    "log:3: `2008-11-13T23:59:59.999999+00:00` goes backwards: "
                    f"line 2 has `2008-11-14T09:00:00+09:00`; {MEND}"
                )
            ],
        ),
        # A date and a time of the same day in Tokyo may follow each other either way.
        (["2008-11-14", "2008-11-13T15:00:00+00:00", "2008-11-14"], []),
        (
            ["2008-11-14", "2008-11-13T14:59:59+00:00"],
            [
                (
                    "log:3: `2008-11-13T14:59:59+00:00` goes backwards: "
                    f"line 2 has `2008-11-14`; {MEND}"
                )
            ],
        ),
        (
            ["2008-11-13T15:00:00+00:00", "2008-11-13"],
            [
                (
                    "log:3: `2008-11-13` goes backwards: "
                    f"line 2 has `2008-11-13T15:00:00+00:00`; {MEND}"
                )
            ],
        ),
        # A date between two times does not hide that the second is earlier.
        (
            ["2008-11-14T15:00:00+09:00", "2008-11-14", "2008-11-14T09:00:00+09:00"],
            [
                (
                    "log:4: `2008-11-14T09:00:00+09:00` goes backwards: "
                    f"line 2 has `2008-11-14T15:00:00+09:00`; {MEND}"
                )
            ],
        ),
        # One row far ahead is told once, not with each row after it.
        (
            ["2008-11-14", "2018-11-15", "2008-11-15", "2008-11-16"],
            [f"log:4: `2008-11-15` goes backwards: line 3 has `2018-11-15`; {MEND}"],
        ),
        (
            ["2008-11-14T09:00:00Z", "2018-11-14T09:00:00Z", "2008-11-15"],
            [
                (
                    "log:4: `2008-11-15` goes backwards: "
                    f"line 3 has `2018-11-14T09:00:00+00:00`; {MEND}"
                )
            ],
        ),
        (["2008-11-15", "bad", "2008-11-15"], []),
    ],
)
def test_row_before_an_earlier_one_is_told_with_both_places(
    moments: list[str], sentences: list[str]
) -> None:
    """Times are compared as moments, and with a date alone as days on the authorization's clock."""
    assert wrong(*moments) == sentences


def test_row_without_time_has_no_place_in_time() -> None:
    """What was brought forward before the log need not say when."""
    text = HEADER + "brought_forward,a,,,,,5,5\n"
    (row,) = open_log(io.BytesIO(text.encode()), "log").rows()
    assert row.event is not None
    assert Order(TOKYO).backwards(row.event, row.number) is None


@pytest.mark.parametrize(
    ("moments", "ids"),
    [
        (["2008-11-15", "2008-11-14", "2008-11-14"], "bca"),
        (["2008-11-14T09:00:01Z", "2008-11-14T18:00:00+09:00", "2008-11-14T09:00:00Z"], "bca"),
        (["2008-11-14T00:00:00+09:00", "2008-11-14", "2008-11-13T23:59:59+09:00"], "cba"),
        (["2008-11-14", "forward", "bad"], "!ba"),
    ],
)
def test_sorted_rows_are_in_order_of_time(moments: list[str], ids: str) -> None:
    """Equal moments keep file order; bad rows and brought_forward come first."""
    assert put_in_order(*moments) == ids


def test_sorting_many_rows_agrees_with_a_stable_sort() -> None:
    """The file on disk changes nothing, for JSON lines as for CSV."""
    chance = random.Random(5)
    days = [f"2008-11-{chance.randint(1, 30):02}" for _ in range(1_000)]
    expected = [f"f{at}" for at in sorted(range(1_000), key=lambda at: days[at])]
    csv = "id,date,symbol,quantity\n" + "".join(f"f{at},{day},x,1\n" for at, day in enumerate(days))
    lines = "".join(
        f'{{"kind":"fill","id":"f{at}","date":"{day}","symbol":"x","quantity":1}}\n'
        for at, day in enumerate(days)
    )
    for text in (csv, lines):
        assert [row.event.id for row in in_order(text) if row.event] == expected


def test_sorted_row_is_the_row_that_was_read() -> None:
    """Line, event, digest and the number of a row without id are as in the file."""
    text = "date,symbol,quantity\n2008-11-15,x,1\n2008-11-14,y,2\n"
    plain = list(open_log(io.BytesIO(text.encode()), "log").rows())
    assert in_order(text) == plain[::-1]


def test_full_disk_is_told_while_sorting() -> None:
    """The operator is told what to do, and no part of the log is taken for the whole."""
    rows = open_log(io.BytesIO(log_of(*["2008-11-14"] * 2_000).encode()), "log").rows()

    def sort_on_a_full_disk() -> None:
        with temporary_database() as database:
            database.execute("PRAGMA max_page_count = 3")
            next(sorted_rows(rows, TOKYO, database))

    with pytest.raises(UsageError) as caught:
        sort_on_a_full_disk()
    assert str(caught.value) == (
        "the temporary file cannot be used: database or disk is full; "
        "free some disk space, or set TMPDIR to a folder that has space"
    )
