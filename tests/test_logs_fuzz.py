"""Properties of the log readers: what is written reads back, and what is not is a problem."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from repurchase.domain.errors import InputError, Problem
from repurchase.domain.events import METHODS, ORDER_TYPES, SIDES, Event
from repurchase.domain.quantities import Exact, exact, written
from repurchase.intake.fields import READERS
from repurchase.intake.ids import DIGEST_BYTES
from repurchase.intake.log import Row, open_log
from repurchase.intake.objects import event_from_json

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=200
).filter(lambda text: not text.isspace())
# A lone carriage return is a line end to some and none to others, so CSV does not carry it.
CSV_TEXTS = TEXTS.filter(lambda text: "\r" not in text)


@st.composite
def numbers(draw: st.DrawFn, least: int, most: int = 10**18 - 1) -> Exact:
    whole = draw(st.integers(least, most))
    decimals = draw(st.text("0123456789", max_size=12))
    return exact(f"{whole}.{decimals}" if decimals else str(whole))


DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 31))
MOMENTS = st.datetimes(
    datetime(1900, 1, 2),  # noqa: DTZ001 - the strategy adds the zone
    datetime(2199, 12, 30),  # noqa: DTZ001
    timezones=st.integers(-12 * 60, 14 * 60).map(
        lambda minutes: timezone(timedelta(minutes=minutes))
    ),
)
ABOVE_ZERO = numbers(0).filter(lambda number: number > 0)
OUTSIDE = st.fixed_dictionaries(
    {},
    optional={
        "market.day_high": ABOVE_ZERO,
        "market.minutes_from_open": numbers(-1438, 1438),
        "issuer.closed_period": st.booleans(),
    },
)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


# What an order may name as its venues: each once.
VENUES: Final = st.lists(st.sampled_from(("XNAS", "BATS", "x-1", "名")), unique=True).map(tuple)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Draw an event of any kind, with any of the fields that its kind may have."""
    kind = draw(st.sampled_from(["order", "fill", "brought_forward"]))
    dated = draw(st.booleans())
    given_: dict[str, Any] = {
        "kind": kind,
        "id": draw(CSV_TEXTS),
        "date": draw(DAYS) if dated else None,
        "time": None if dated else draw(MOMENTS),
    }
    given_ |= {name: draw(maybe(CSV_TEXTS)) for name in ("authorization", "by", "reason")}
    if kind == "brought_forward":
        return Event(**given_, shares=draw(numbers(0)), amount=draw(numbers(0)))
    given_ |= {
        "symbol": draw(CSV_TEXTS),
        "venue": draw(maybe(CSV_TEXTS)),
        "side": draw(maybe(st.sampled_from(SIDES))),
        "quantity": draw(st.integers(1, 10**18 - 1)),
        "price": draw(maybe(ABOVE_ZERO)),
        "fees": draw(maybe(numbers(0))),
        "fx": draw(maybe(ABOVE_ZERO)),
        "order_type": draw(maybe(st.sampled_from(ORDER_TYPES))),
        "method": draw(maybe(st.sampled_from([one for one in METHODS if one != "prepaid"]))),
        "broker": draw(maybe(CSV_TEXTS)),
        "outside": draw(OUTSIDE),
    }
    if kind == "order":
        given_["venues"] = draw(VENUES)
        if given_["venues"]:
            given_["venue"] = None
        return Event(**given_, expires=draw(maybe(DAYS | MOMENTS)))
    return Event(**given_, amount=draw(maybe(ABOVE_ZERO)), order=draw(maybe(CSV_TEXTS)))


def texts_of(event: Event) -> dict[str, str]:
    """Return the named texts that write *event*."""
    named = {name: getattr(event, name) for name in event.__struct_fields__ if name != "outside"}
    named |= event.outside
    return {name: text_of(value) for name, value in named.items() if value not in (None, ())}


def text_of(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case datetime() | date():
            return value.isoformat()
        case tuple():
            return ";".join(value)
        case _:
            return written(value)  # type: ignore[arg-type]


def json_line(texts: dict[str, str], numbers_bare: bool) -> str:
    """Return *texts* as a JSON object, its numbers *numbers_bare* of quotes if so."""
    bare = {"quantity", "price", "fees", "fx", "amount", "shares"} if numbers_bare else set()
    return (
        "{"
        + ",".join(
            f"{json.dumps(name)}:{text if name in bare else json.dumps(text)}"
            for name, text in texts.items()
        )
        + "}\n"
    )


def csv_text(names: list[str], found: list[dict[str, str]]) -> str:
    sink = io.StringIO()
    table = csv.DictWriter(sink, names, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(found)
    return sink.getvalue()


def read(data: bytes, **options: Any) -> list[Row]:
    return list(open_log(io.BytesIO(data), "log", **options).rows())


@given(st.lists(events(), min_size=1, max_size=4), st.permutations(sorted(READERS)))
def test_events_written_as_csv_read_back_equal(found: list[Event], names: list[str]) -> None:
    """Whatever can be said is read as it was said, in whatever order the columns stand."""
    data = csv_text(names, [texts_of(event) for event in found]).encode()
    read_back = read(data)
    assert [row.problems for row in read_back] == [()] * len(found)
    assert [row.event for row in read_back] == found


@given(events(), st.randoms(use_true_random=False), st.booleans())
def test_event_written_as_json_reads_back_equal(event: Event, chance: Any, bare: bool) -> None:
    """Neither the order of keys nor quotes around a number change an event or its digest."""
    texts = texts_of(event)
    keys = list(texts)
    chance.shuffle(keys)
    line = json_line(texts, bare)
    shuffled = json_line({key: texts[key] for key in keys}, not bare)
    assert (event_from_json(line), event_from_json(shuffled)) == (event, event)
    first, second = read((line + shuffled).encode(), form="jsonl")
    assert (first.event, second.event, first.digest) == (event, event, second.digest)


GOOD_CSV = (
    b"kind,id,time,date,symbol,venue,side,quantity,price,fees,issuer.closed_period\n"
    b'order,o1,2008-11-14T09:00:00+09:00,,3774,XTKS,buy,100,500.5,,"false"\n'
    b'fill,"f,1",2008-11-14T09:00:01.5+09:00,,3774,XTKS,buy,5,400,10,\n'
    b"fill,f2,,2008-11-17,3774,XTKS,buy,5,400,10,true\n"
)
GOOD_JSON = (
    b'{"kind":"order","id":"o1","time":"2008-11-14T09:00:00+09:00","symbol":"3774","quantity":100}\n'
    b'{"kind":"fill","id":"\\u91ce","date":"2008-11-14","symbol":"3774","quantity":5,"price":1.50}\n'
    b'{"kind":"fill","id":"f2","date":"2008-11-14","order":"o1","quantity":"5","fees":null}\n'
)
AWKWARD = st.sampled_from(
    [
        b",",
        b'"',
        b"\n",
        b"\r",
        b"\x00",
        b"{",
        b"}",
        b"[",
        b":",
        b"\\",
        b"\\ud800",
        b"\xff",
        b"\xe9",
        b"1e5",
        b"NaN",
        b"\xef\xbb\xbf",
        b"-",
        b";",
        b"#",
        "\uff15".encode(),
        b"true",
        b"null",
    ]
)


@st.composite
def mutated(draw: st.DrawFn, good: bytes) -> bytes:
    """Draw the log *good* with a few places cut out, doubled or overwritten."""
    data = good
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 30)))
        piece = draw(AWKWARD | st.binary(max_size=4) | st.just(data[start:end] * 2))
        data = data[:start] + piece + data[end:]
    return data


def check(data: bytes, form: str | None) -> None:
    """Read *data*: each row is an event or has problems with its place, and nothing is raised."""
    lines = data.count(b"\n") + 1
    try:
        found = read(data, form=form)
    except InputError as error:
        check_words(error.problems)
        return
    before = 0
    for row in found:
        assert before < row.number <= lines
        before = row.number
        assert (row.event is None) == bool(row.problems)
        assert {problem.line for problem in row.problems} <= {row.number}
        check_words(row.problems)


def check_words(problems: Iterable[Problem]) -> None:
    """Check that *problems* name the log and can be printed."""
    for problem in problems:
        assert problem.file == "log"
        assert str(problem).isprintable()


FORMS = st.sampled_from(["csv", "jsonl", None])


@given(st.binary() | st.text().map(str.encode), FORMS)
def test_arbitrary_bytes_give_problems_alone(data: bytes, form: str | None) -> None:
    """No content of a file makes a reader fail in another way."""
    check(data, form)


@given(st.binary())
def test_arbitrary_rows_under_a_good_header_give_problems_alone(data: bytes) -> None:
    """No content of a row makes the CSV reader fail in another way."""
    check(GOOD_CSV + data, "csv")


@given(mutated(GOOD_CSV))
def test_mutated_csv_gives_problems_alone(data: bytes) -> None:
    """A log that was good once is read or refused, row by row."""
    check(data, "csv")


@given(mutated(GOOD_JSON))
def test_mutated_json_gives_problems_alone(data: bytes) -> None:
    """A log that was good once is read or refused, line by line."""
    check(data, "jsonl")


@given(st.binary() | st.text() | mutated(GOOD_JSON.splitlines()[0]))
def test_arbitrary_event_text_gives_an_event_or_an_input_error(text: bytes | str) -> None:
    """No text of an event makes its reader fail in another way."""
    try:
        told = ""
        event_from_json(text)
    except InputError as error:
        told = str(error)
    assert told.replace("\n", "").isprintable()


@given(st.lists(st.sampled_from(GOOD_CSV.splitlines(keepends=True)[1:])), st.integers(0, 400))
def test_cut_log_loses_nothing_silently(lines: list[bytes], cut: int) -> None:
    """A log cut anywhere yields the rows before the cut unchanged, and at most one more."""
    header = GOOD_CSV.splitlines(keepends=True)[0]
    whole = header + b"".join(lines)
    expected = [row.event for row in read(whole)]
    found = [row.event for row in read(whole[: len(header) + cut])]
    complete = whole[len(header) : len(header) + cut].count(b"\n")
    assert found[:complete] == expected[:complete]
    assert len(found) <= complete + 1


def test_digest_has_the_stated_size() -> None:
    """Sixteen bytes tell ten million contents apart."""
    (row,) = read(GOOD_JSON.splitlines()[0])
    assert len(row.digest or b"") == DIGEST_BYTES
    assert row.event is not None
    assert row.event.time == datetime(2008, 11, 14, tzinfo=UTC)
