"""Times as senders write them: what is refused, and what is finer than a microsecond."""

from __future__ import annotations

import io
import json
import operator
import pickle
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Final

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from desk_events import PROGRAM, about, clock, order, rules
from repurchase import Rules
from repurchase.audit.transfer import ExportFile, export, imported
from repurchase.domain.calendars import read_moment, zone
from repurchase.domain.errors import InputError, Wrong
from repurchase.domain.events import Event
from repurchase.domain.moments import Moment, instant, moment_of, nanosecond_of, time_number
from repurchase.evaluation.step import step
from repurchase.intake import fields
from repurchase.intake.log import open_log
from repurchase.intake.order import Order, sorted_rows
from repurchase.intake.scratch import temporary_database
from repurchase.journal.desk import Desk
from repurchase.journal.queries import story
from repurchase.journal.records import event_object, event_of
from repurchase.journal.rule_texts import rule_text
from repurchase.journal.snapshot import position_bytes, read_position
from repurchase.journal.store import Journal
from repurchase.ledger.position import Position
from repurchase.market.feed import read_feed
from repurchase.rulebook.life import life
from stores import Store

TOKYO: Final = zone("Asia/Tokyo")
RIGHT: Final = "write it as 2008-11-14T09:30:00+09:00"
NO_LEAP: Final = "leap seconds are not read: write second 59"
NEXT_DAY: Final = "write 00:00:00 of the next day"
FILL: Final = {"kind": "fill", "id": "f", "symbol": "9999", "quantity": "1"}
NOON: Final = datetime(2008, 11, 17, 3, tzinfo=UTC)


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("2009-01-31T00:20:00+09:99", f"which is no time that exists; {RIGHT}"),
        ("2009-01-31T00:20:00+09:60", f"which is no time that exists; {RIGHT}"),
        ("2009-01-31T00:20:00-24:00", f"which is no time that exists; {RIGHT}"),
        ("2009-01-31T00:20:00+99:00", f"which is no time that exists; {RIGHT}"),
        ("2009-01-31T24:00:00+09:00", f"which is no time that exists; {NEXT_DAY}"),
        ("2009-01-31T24:00:00.000Z", f"which is no time that exists; {NEXT_DAY}"),
        ("2009-01-31T24:00:01+09:00", f"which is no time that exists; {RIGHT}"),
        ("2009-01-31T24:00:00.0001Z", f"which is no time that exists; {RIGHT}"),
        ("2009-01-31T25:00:00+09:00", f"which is no time that exists; {RIGHT}"),
        ("2008-12-31T23:59:60Z", f"which is no time that exists; {NO_LEAP}"),
        ("2008-12-31T23:59:60.5Z", f"which is no time that exists; {NO_LEAP}"),
        ("2008-12-31T23:59:61Z", f"which is no time that exists; {RIGHT}"),
        ("2008-12-31T23:60:00Z", f"which is no time that exists; {RIGHT}"),
        ("2009-02-29T09:30:00Z", f"which is no time that exists; {RIGHT}"),
        (
            "2009-01-31T00:20:00.1234567890Z",
            "which has 10 digits after the point of its second; write at most 9",
        ),
        (
            "2009-01-31T00:20:00.1234567890123456789+09:00",
            "which has 19 digits after the point of its second; write at most 9",
        ),
        ("2009-01-31T00:20:00.+09:00", f"not a time with an offset; {RIGHT}"),
        ("2009-01-31T00:20:00+09:0", f"not a time with an offset; {RIGHT}"),
    ],
)
def test_time_that_does_not_exist_is_refused_with_what_to_write(text: str, sentence: str) -> None:
    """The same figures are refused on every Python, as a time of an event and as an end."""
    expected = f"is `{text}`, {sentence}"
    for name, given_ in (
        ("time", FILL),
        ("expires", {**FILL, "kind": "order", "date": "2009-01-30"}),
    ):
        with pytest.raises(InputError) as error:
            fields.event({**given_, name: text})
        assert str(error.value) == f"`{name}` {expected}"


@pytest.mark.parametrize("offset", ["Z", "z", "+00:00", "-00:00"])
def test_every_offset_of_zero_is_utc(offset: str) -> None:
    """RFC 3339 writes UTC in several ways, and each is the same moment."""
    assert read_moment(f"2008-11-17T03:00:00{offset}") == NOON


@given(st.integers(-99, 99), st.integers(0, 99))
def test_offset_is_read_if_a_clock_can_have_it(hours: int, minutes: int) -> None:
    """An offset has at most 59 minutes, and lies between those of all clocks."""
    text = f"2008-11-17T03:00:00{hours:+03d}:{minutes:02d}"
    offset = timedelta(hours=abs(hours), minutes=minutes) * (1 if hours >= 0 else -1)
    is_known = minutes <= 59 and timedelta(hours=-12) <= offset <= timedelta(hours=14)
    try:
        found = read_moment(text)
    except Wrong:
        assert not is_known
    else:
        assert is_known
        assert found == NOON - offset


# -- nanoseconds ----------------------------------------------------------------------------------

DIGITS: Final = st.text("0123456789", min_size=1, max_size=9)
OFFSETS: Final = st.sampled_from(("Z", "+09:00", "-05:00", "+05:30"))
# Moments that often differ only in their nanoseconds.
NANOSECONDS: Final = st.integers(999_999_990, 1_000_002_010)


def moment_at(nanoseconds: int, offset: str = "Z") -> datetime:
    """Return the moment *nanoseconds* after noon in Tokyo, written with *offset*."""
    seconds, finer = divmod(nanoseconds, 1_000_000_000)
    plain = (NOON + timedelta(seconds=seconds)).astimezone(
        read_moment(f"{NOON:%FT%T}{offset}").tzinfo
    )
    text = plain.isoformat()
    return read_moment(f"{text[:19]}.{finer:09d}{text[19:]}")


@given(DIGITS, OFFSETS)
def test_fraction_is_read_and_kept_to_the_nanosecond(digits: str, offset: str) -> None:
    """Up to nine digits are exact, are written again, and are read back from what is written."""
    found = read_moment(f"2008-11-17T10:05:07.{digits}{offset}")
    assert Fraction(instant(found), 10**9) % 1 == Fraction(int(digits), 10 ** len(digits))
    assert time_number(found) == 36_307 + Fraction(int(digits), 10 ** len(digits))
    assert type(found) is (Moment if nanosecond_of(found) else datetime)
    for again in (read_moment(found.isoformat()), moment_of(found.isoformat())):
        assert (again, again.isoformat()) == (found, found.isoformat())


@given(NANOSECONDS, NANOSECONDS, OFFSETS, OFFSETS)
def test_moments_compare_as_their_nanoseconds(one: int, other: int, here: str, there: str) -> None:
    """Whatever offsets they are written with, and whether or not they have nanoseconds."""
    first, second = moment_at(one, here), moment_at(other, there)
    for compared in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
        assert compared(first, second) == compared(one, other)
    assert max(first, second) == moment_at(max(one, other))
    assert len({first, second}) == len({one, other})


@given(NANOSECONDS, OFFSETS)
def test_copy_of_a_moment_keeps_its_nanoseconds(nanoseconds: int, offset: str) -> None:
    """A pickle of it, and what another clock shows at it."""
    moment = moment_at(nanoseconds, offset)
    for copy in (pickle.loads(pickle.dumps(moment)), moment.astimezone(TOKYO)):
        assert copy == moment
        assert instant(copy) == instant(moment)
        assert nanosecond_of(copy) == nanoseconds % 1_000
    assert pickle.loads(pickle.dumps(moment)).isoformat() == moment.isoformat()


@pytest.mark.parametrize("compared", [operator.lt, operator.le, operator.gt, operator.ge])
def test_moment_does_not_compare_with_a_day(compared: Callable[[object, object], bool]) -> None:
    """As for any time: a day is no moment, and is never taken for one."""
    moment = moment_at(1)
    assert (moment == moment.date(), moment == "noon") == (False, False)
    for other in (date(2008, 11, 17), NOON.replace(tzinfo=None)):
        with pytest.raises(TypeError):
            compared(moment, other)


def test_log_is_in_order_to_the_nanosecond() -> None:
    """A row that is one nanosecond earlier goes backwards, and --sort puts it first."""
    rows = [f"fill,{name},2008-11-17T12:00:00.{end}+09:00,x,1\n" for name, end in (
        ("c", "000000002"), ("b", "000000001"), ("d", "000000002"), ("a", "000"),
    )]  # fmt: skip
    text = "".join(["kind,id,time,symbol,quantity\n", *rows]).encode()
    order_, found = Order(TOKYO), []
    for row in open_log(io.BytesIO(text), "log").rows():
        assert row.event is not None
        found.append(order_.backwards(row.event, row.number))
    later = "line 2 has `2008-11-17T12:00:00.000000002+09:00`"
    expected = [None, f"`2008-11-17T12:00:00.000000001+09:00` goes backwards: {later}", None]
    assert found[:3] == expected
    assert found[3] is not None
    with temporary_database() as database:
        sorted_ = list(sorted_rows(open_log(io.BytesIO(text), "log").rows(), TOKYO, database))
    assert [row.event.id for row in sorted_ if row.event] == ["a", "b", "c", "d"]


TIMED: Final = """\
repurchase: 1
authorization: acme-2008
timezone: Asia/Tokyo
currency: JPY
instruments: {common: {symbol: "9999", venues: [XTKS]}}
unlimited: [shares, amount]
rules:
  - {id: till-noon, at: order, require: trade.venue_time <= 12:00}
  - {id: till-close, at: order, require: market.minutes_to_close >= 180}
  - {id: second-person, effect: review, at: order, require: trade.units < 5}
"""


@pytest.mark.parametrize(("end", "outcome"), [("000000000", "approved"), ("000000001", "denied")])
def test_rule_on_the_time_of_day_is_exact(end: str, outcome: str) -> None:
    """One nanosecond after noon is after noon, and is not 180 minutes before the close at 15:00."""
    loaded = rule_text(TIMED.encode(), "timed.yaml").editions
    event = {**FILL, "kind": "order", "time": f"2008-11-17T12:00:00.{end}+09:00", "side": "buy"}

    made = fields.event(event)
    decision = step(
        made,
        Position(),
        life(loaded, made, Position()),
        market=read_feed(()).of(loaded.authorization),
    ).decision
    assert decision.outcome == outcome
    failing = [one.rule for one in decision.findings if one.result == "fail"]
    assert failing == ([] if outcome == "approved" else ["till-close", "till-noon"])


@pytest.mark.parametrize(("end", "outcome"), [("5", "approved"), ("500000001", "denied")])
def test_release_after_the_end_of_the_order_is_denied(store: Store, end: str, outcome: str) -> None:
    """The order ends at half past the second: one nanosecond later nobody can release it."""
    until = read_moment("2008-11-17T12:00:00.5+09:00")
    held = order("o", date=None, time=NOON, expires=until, method="block")
    release = about("release", "r", order="o", date=None)
    release = replace(release, time=read_moment(f"2008-11-17T12:00:00.{end}+09:00"))
    with store.journal() as journal:
        desk = Desk(journal, PROGRAM, clock(), rules(), "ann")
        found = [desk.submit(one).decision.outcome for one in (held, release)]
    assert found == ["held", outcome]


def test_event_may_be_a_day_ahead_to_the_nanosecond(store: Store) -> None:
    """An event is of the future from one nanosecond after a day on."""
    now = moment_at(0)
    exact, later = (moment_at(86_400 * 10**9 + finer) for finer in (0, 1))
    with store.journal() as journal:
        desk = Desk(journal, PROGRAM, lambda: now, rules(), "ann")
        assert desk.submit(order("o", date=None, time=exact)).decision.outcome == "approved"
        with pytest.raises(InputError, match=r"`p` is dated 2008-11-18 03:00:00\.000000001"):
            desk.submit(order("p", date=None, time=later))


# -- the journal ----------------------------------------------------------------------------------


def fine_events() -> tuple[Event, ...]:
    """Return events whose moments have nanoseconds."""
    at, until = moment_at(123_456_789, "+09:00"), moment_at(3_600 * 10**9 + 1)
    return (
        order("o", 2, date=None, time=at, expires=until),
        about(
            "fill", "f", order="o", date=None, time=moment_at(2 * 10**9 + 7), quantity=1, price=9
        ),
    )


def test_record_and_position_keep_nanoseconds(store: Store, tmp_path: Path) -> None:
    """A reopened journal, an export and an import have the times as they were sent."""
    events = fine_events()
    with store.journal() as journal:
        desk = Desk(journal, PROGRAM, clock(), rules(), "ann")
        first = [desk.submit(one) for one in events]
        position = desk.refresh().position
        again = [Desk(journal, PROGRAM, clock()).submit(one) for one in events]
        (record, *_) = story(journal, PROGRAM, "o")
        lines = [f"{line}\n".encode() for line in export(journal, PROGRAM)[1]]
    assert [one.repeated for one in again] == [True, True]
    assert [one.decision for one in again] == [one.decision for one in first]
    assert record.event["time"] == "2008-11-17T12:00:00.123456789+09:00"
    assert record.event["expires"] == "2008-11-17T04:00:00.000000001+00:00"
    assert read_position(position_bytes(position)) == position
    kept = position.fills.get("f")
    assert kept is not None
    assert (kept.event.time, kept.venue_time) == (events[1].time, 43_202 + Fraction(7, 10**9))

    with Journal(str(tmp_path / "copy.db"), create=True) as copy:
        imported(ExportFile(io.BytesIO(b"".join(lines)), "export"), copy)
        assert Desk(copy, PROGRAM, clock()).refresh().position == position


@given(st.integers(0, 999), st.integers(0, 999))
def test_event_that_differs_in_its_nanoseconds_is_another(one: int, other: int) -> None:
    """As written into a record, and as read from it."""
    first, second = (order("o", date=None, time=moment_at(each)) for each in (one, other))
    assert (first == second) == (one == other)
    assert (event_object(first) == event_object(second)) == (one == other)
    assert event_of(event_object(first)) == first


# -- frames ---------------------------------------------------------------------------------------


def test_frame_keeps_nanoseconds() -> None:
    """A column of times to the nanosecond is read as the texts of these times would be."""
    # 2008-11-17T12:00:00+09:00, and what follows.
    noon = 1_226_890_800_000_000_000
    frame = pa.table(
        {
            "kind": ["fill", "fill"],
            "id": ["a", "b"],
            "symbol": ["3774", "3774"],
            "quantity": [1, 1],
            "price": [1000, 1000],
            "side": ["buy", "buy"],
            "time": pa.array([noon + 2, noon + 1], pa.timestamp("ns", "UTC")),
        }
    )
    with pytest.raises(InputError, match=r"03:00:00\.000000001\+00:00` goes backwards: line 1 has"):
        Rules("iij-2008").program().replay(frame)


# -- the same event written otherwise -------------------------------------------------------------

SENT: Final = {
    "kind": "order",
    "id": "o",
    "time": "2008-11-17T10:05:00+09:00",
    "expires": "2008-11-17T14:30:00.5+09:00",
    "symbol": "9999",
    "venue": "XTKS",
    "side": "buy",
    "quantity": "4",
    "price": "9.5",
    "fees": "0",
    "broker": "north",
    "method": "auction",
    "by": "ann",
    "market.day_high": "1000",
}
NUMBERS: Final = ("quantity", "price", "fees", "market.day_high")


def _zeros(draw: st.DrawFn, text: str, most: int) -> str:
    """Return the number *text* with further zeros after its point, *most* decimals at most."""
    whole, _, decimals = text.partition(".")
    decimals += "0" * draw(st.integers(0, most - len(decimals)))
    return f"{whole}.{decimals}" if decimals else whole


@st.composite
def written_otherwise(draw: st.DrawFn) -> dict[str, object]:
    """Generate the event of `SENT` as another sender, or the same one, may write it again."""
    values: dict[str, object] = dict(SENT)
    for name in NUMBERS:
        text = _zeros(draw, SENT[name], 12)
        text = "0" * draw(st.integers(0, 3)) + text
        values[name] = draw(st.sampled_from((text, fields.Number(text))))
    for name in ("time", "expires"):
        offset = draw(st.sampled_from(("+09:00", "Z", "z", "-00:00", "-05:00", "+05:45", "+14:00")))
        shown = read_moment(f"2000-01-01T00:00:00{offset}").tzinfo
        plain = read_moment(SENT[name]).astimezone(shown)
        second = _zeros(draw, "00.5" if plain.microsecond else "00", 9)
        parting = draw(st.sampled_from("Tt "))
        values[name] = f"{plain:%Y-%m-%d}{parting}{plain:%H:%M}:{second}{offset}"
    names = draw(st.permutations(list(values)))
    return {name: values[name] for name in names}


@pytest.mark.slow
def test_same_event_written_otherwise_is_the_same_at_the_desk(store: Store, tmp_path: Path) -> None:
    """The desk repeats its decision, at once, reopened, and in a journal that was imported."""
    with store.journal() as journal, Journal(str(tmp_path / "copy.db"), create=True) as copy:
        desk = Desk(journal, PROGRAM, clock(), rules(), "ann")
        decision = desk.submit(fields.event(SENT)).decision
        lines = [f"{line}\n".encode() for line in export(journal, PROGRAM)[1]]
        imported(ExportFile(io.BytesIO(b"".join(lines)), "export"), copy)
        desks = (desk, Desk(journal, PROGRAM, clock()), Desk(copy, PROGRAM, clock()))

        @given(written_otherwise())
        @settings(max_examples=20)
        def repeated(values: dict[str, object]) -> None:
            event = fields.event(values)
            for one in desks:
                for found in (one.would_answer(event), one.submit(event)):
                    assert (found.repeated, found.decision) == (True, decision)

        repeated()
        other = fields.event({**SENT, "time": "2008-11-17T10:05:00.000000001+09:00"})
        assert desk.would_answer(other).decision.outcome == "refused"
        assert desk.submit(other).decision.outcome == "refused"
        assert desk.refresh().head.sequence == 2


@given(written_otherwise())
def test_same_event_written_otherwise_is_a_duplicate_in_a_log(values: dict[str, object]) -> None:
    """In JSON lines and in a CSV; another instant is other content."""
    fine = {**values, "time": "2008-11-17T10:05:00.000000001+09:00"}
    lines = "".join(f"{_json(one)}\n" for one in (SENT, values, fine))
    digests = [row.digest for row in open_log(io.BytesIO(lines.encode()), "log.jsonl").rows()]
    rows = [list(SENT), *([str(one[name]) for name in SENT] for one in (SENT, values, fine))]
    text = "".join(f"{','.join(row)}\n" for row in rows)
    digests += [row.digest for row in open_log(io.BytesIO(text.encode()), "log.csv").rows()]
    assert [digest == digests[0] for digest in digests] == [True, True, False] * 2


def test_same_event_written_otherwise_is_repeated_by_a_program() -> None:
    """A program in memory knows it, too."""
    program = Rules("iij-2008").program()
    decision = program.decide({**SENT, "symbol": "3774"})

    @given(written_otherwise())
    @settings(max_examples=20)
    def repeated(values: dict[str, object]) -> None:
        found = program.decide({**values, "symbol": "3774"})
        assert (found.repeated, found.outcome) == (True, decision.outcome)

    repeated()


def _json(values: Mapping[str, object]) -> str:
    """Return *values* as a JSON object, in which a `Number` is written without quotes."""
    said = (f"{json.dumps(name)}: {_json_value(value)}" for name, value in values.items())
    return "{" + ", ".join(said) + "}"


def _json_value(value: object) -> str:
    if not isinstance(value, fields.Number):
        return json.dumps(value)
    # JSON has no zeros before a number.
    whole, point, decimals = value.partition(".")
    return (whole.lstrip("0") or "0") + point + decimals
