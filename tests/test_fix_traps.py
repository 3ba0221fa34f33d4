"""FIX logs that could be read silently wrong: each is told, or refused by its line and number."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from fix_logs import SOH, Field, Sent, Wire, framed, logged
from repurchase.domain.events import Event
from repurchase.intake.log import Log, open_log
from test_cli import run

EXAMPLE: Final = Path(__file__).resolve().parents[1] / "examples" / "fix"
LOCAL: Final = "if TransactTime is local time, --ignore 60"


def read(log: bytes, **options: Any) -> tuple[Log, list[Event], list[str]]:
    """Return *log*, all read, with its events and its problems."""
    found = open_log(io.BytesIO(log), "day.fix", **options)
    rows = list(found.rows())
    problems = [str(problem) for row in rows for problem in row.problems]
    return found, [row.event for row in rows if row.event is not None], problems


def begun(**of: Any) -> tuple[Wire, Sent]:
    """Return a session in which an order for 100 was sent and accepted."""
    wire = Wire(**of)
    wire.logon()
    order = wire.order("o-1", 100, "10")
    wire.report(order, "new")
    return wire, order


def changed(message: bytes, **fields: object) -> bytes:
    """Return *message* with other *fields*, each named by its tag after a letter."""
    put = {int(name[1:]): value for name, value in fields.items()}
    parts = [part.split(b"=", 1) for part in message.split(SOH)[2:-2]]
    pairs: list[Field] = [(int(tag), put.pop(int(tag), text.decode())) for tag, text in parts]
    return framed("FIX.4.4", [*pairs, *((tag, str(value)) for tag, value in put.items())])


# --- fills that the desk disputes -----------------------------------------------------------------


def test_disputed_fill_counts_and_is_told(tmp_path: Path) -> None:
    """The broker takes a trade back, not the desk; until then the two disagree."""
    wire, order = begun()
    fill = wire.fill(order, 40, "9.5")
    wire.send("Q", (37, "X"), (17, fill), (127, "D"), (55, "ACME"), (54, 1), (32, 40), (31, "9.5"))
    (tmp_path / "day.fix").write_bytes(logged(wire.sent))
    call = ("replay", "day.fix", "--rules", EXAMPLE / "program.yaml")
    ended = run(*call, "--json", cwd=tmp_path)
    name = f"BROKER/2024-03-04/{fill}"
    assert (ended.json["executed_shares"], ended.json["disputed"]) == ("40", [name])
    assert f"day.fix:6: the desk disputes the fill `{name}`" in ended.err
    told = run(*call, cwd=tmp_path).out
    assert f"The desk disputes these fills; they count: {name}." in told


@pytest.mark.parametrize("answer", ["bust", "correct"])
def test_dispute_ends_with_the_answer_of_the_broker(answer: str) -> None:
    """Then both have said the same."""
    wire, order = begun()
    fill = wire.fill(order, 40, "9.5")
    wire.send("Q", (17, fill), (127, "C"))
    if answer == "bust":
        wire.bust(order, fill)
    else:
        wire.correct(order, fill, 30, "9.5")
    log, events, problems = read(logged(wire.sent))
    assert (events[-1].kind, problems, log.noted.disputed) == (answer, [], [])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (((17, "E9"),), "ExecID (17) `E9`, which the desk disputes, is not in the log"),
        (((127, "D"),), "ExecID (17) is missing"),
        (((17, "E2"), (32, 50)), "LastQty (32) is `50`, but the fill has 40"),
        (((17, "E2"), (31, 9)), "LastPx (31) is `9`, but the fill has 9.5"),
    ],
)
def test_dispute_of_a_fill_that_the_log_lacks_is_refused(
    fields: tuple[Field, ...], said: str
) -> None:
    """The report that the desk rejects is missing, or is another one."""
    wire, order = begun()
    wire.fill(order, 40, "9.5")
    wire.send("Q", *fields)
    _, _, (problem,) = read(logged(wire.sent))
    assert said in problem


# --- messages that are not read -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["3", "j", "q", "r", "J", "AS", "AK", "AM", "AP"])
def test_message_about_orders_or_trades_that_is_not_read_is_told(kind: str) -> None:
    """Whoever relies on the summary can look at it."""
    wire, _ = begun()
    wire.send(kind, (45, 2))
    wire.send(kind, (45, 3))
    log, events, problems = read(logged(wire.sent))
    assert ([one.kind for one in events], problems) == (["order"], [])
    (told,) = map(str, log.noted.remarks("day.fix"))
    assert f"({kind}) is not read" in told
    assert told.endswith(": 2 messages")


@pytest.mark.parametrize(
    "kind", ["E", "K", "L", "N", "n", "s", "t", "u", "AB", "AC", "AD", "AE", "AR", "AW", "BN", "ZZ"]
)
def test_message_that_may_be_an_order_or_a_trade_is_refused(kind: str) -> None:
    """A list, a cross, a trade that is captured, or what nobody knows."""
    wire, _ = begun()
    wire.send(kind, (571, "T1"))
    assert f"MsgType (35) is `{kind}`, which is not read" in read(logged(wire.sent))[2][0]


# --- the end of the log ---------------------------------------------------------------------------


def test_orders_that_are_open_at_the_end_are_told(tmp_path: Path) -> None:
    """A log that is cut between two messages lacks nothing but what would have followed."""
    wire, order = begun()
    wire.fill(order, 40, "9.5")
    # It is beyond the cap, and denied; the broker has it all the same.
    wire.order("o-2", 1_000_000, "10")
    third = wire.order("o-3", 10, "10")
    wire.order("o-4", 10, "10", symbol="OTHER")
    wire.report(third, "expired")
    call = ("replay", "day.fix", "--rules", EXAMPLE / "program.yaml", "--skip-other-symbols")
    (tmp_path / "day.fix").write_bytes(logged(wire.sent))
    assert run(*call, "--json", cwd=tmp_path).json["open_orders"] == ["o-1", "o-2"]
    told = run(*call, cwd=tmp_path).out
    assert "2 orders are still open at the end of the log: o-1, o-2." in told


def test_orders_of_another_log_that_are_open_are_told(tmp_path: Path) -> None:
    """In any format, an order that nothing ended can fill."""
    (tmp_path / "log.csv").write_text(
        "kind,id,time,symbol,side,quantity,price,order\n"
        "order,o-1,2024-03-04T09:00:00Z,ACME,buy,10,10,\n"
        "order,o-2,2024-03-04T09:00:00Z,ACME,buy,10,10,\n"
        "cancel,c-1,2024-03-04T09:00:00Z,,,,,o-1\n"
    )
    ended = run("replay", "log.csv", "--rules", EXAMPLE / "program.yaml", "--json", cwd=tmp_path)
    assert (ended.code, ended.json["open_orders"]) == (0, ["o-2"])


# --- two clocks -----------------------------------------------------------------------------------


def with_time(hours: float, *, seconds: float = 0) -> bytes:
    """Return a log with a fill whose TransactTime is so many *hours* and *seconds* too late."""
    wire, order = begun()
    wire.fill(order, 40, "9.5")
    time = wire.clock + timedelta(hours=hours, seconds=seconds)
    wire.sent[-1] = changed(wire.sent[-1], t60=time.strftime("%Y%m%d-%H:%M:%S"))
    return logged(wire.sent)


@pytest.mark.parametrize("hours", [1, 2, 5.5, 9, 14, -1, -3.5, -5, -12])
@pytest.mark.parametrize("seconds", [0, -1.2])
def test_local_time_is_refused_unless_it_is_ignored(hours: float, seconds: float) -> None:
    """Times of FIX are in UTC; a day or a window would be that of another zone."""
    log = with_time(hours, seconds=seconds)
    _, _, (problem,) = read(log)
    assert "day.fix:5: message 34=3: TransactTime (60) is `2024" in problem
    assert LOCAL in problem
    _, events, problems = read(log, ignore=frozenset(["60"]))
    fill = events[-1]
    assert (problems, fill.kind) == ([], "fill")
    assert fill.time is not None
    assert abs(fill.time - datetime(2024, 3, 4, 9, 0, tzinfo=UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize("seconds", [-0.5, -90, 90, -2_500, -40_000, -60_000, 500])
def test_clocks_that_differ_otherwise_are_read(seconds: float) -> None:
    """A report may come late, and a clock be a little off."""
    _, events, problems = read(with_time(0, seconds=seconds))
    assert (problems, events[-1].kind) == ([], "fill")


def test_message_that_is_sent_again_has_the_time_of_the_first() -> None:
    """OrigSendingTime (122) stands beside PossDupFlag (43), hours later."""
    wire, order = begun()
    wire.fill(order, 40, "9.5")
    later = (wire.clock + timedelta(hours=2)).strftime("%Y%m%d-%H:%M:%S")
    again = changed(wire.sent[-1], t43="Y", t52=later, t122=wire.now())
    _, events, problems = read(logged([*wire.sent[:-1], again]))
    assert (problems, str(events[-1].time)[:19]) == ([], "2024-03-04 09:00:01")
    (_, resent) = read(logged([*wire.sent[:-1], again]), ignore=frozenset(["60"]))[1]
    assert str(resent.time)[:19] == "2024-03-04 09:00:01"


def test_end_of_an_order_in_an_ignored_clock_is_refused() -> None:
    """What is wrong of one time is wrong of the other; a day has no clock."""
    wire = Wire()
    wire.logon()
    wire.order("o-1", 100, "10", (59, 6), (126, "20240304-17:00:00"))
    assert "ExpireTime (126) may be" in read(logged(wire.sent), ignore=frozenset(["60"]))[2][0]
    assert read(logged(wire.sent))[2] == []


# --- names that are used twice --------------------------------------------------------------------


def test_request_with_the_name_of_another_one_is_refused() -> None:
    """Other terms under a name that was rejected are not a repeat."""
    wire, order = begun()
    wire.replace(order, "o-2", 120, "10")
    wire.refuse(order, "o-2")
    wire.replace(order, "o-2", 150, "10")
    assert "ClOrdID (11) `o-2` was used before" in read(logged(wire.sent))[2][0]
    wire, order = begun()
    wire.replace(order, "o-1", 120, "10")
    assert "ClOrdID (11) `o-1` was used before" in read(logged(wire.sent))[2][0]


def test_request_that_is_resent_counts_once() -> None:
    """PossResend says so, under a number and at a time of its own."""
    wire, order = begun()
    wire.replace(order, "o-2", 120, "10")
    wire.clock += timedelta(seconds=2)
    again = changed(wire.sent[-1], t34=wire.next[True], t60=wire.now(), t97="Y")
    log, events, problems = read(logged([*wire.sent, again]))
    assert ([one.kind for one in events], problems) == (["order", "replace"], [])
    assert log.noted.repeats == 1
    other = changed(again, t38=130)
    assert "was used before" in read(logged([*wire.sent, other]))[2][0]


def test_execution_with_the_name_of_another_one_is_refused() -> None:
    """Two fills alike in all but the sum of the order are two."""
    wire, order = begun()
    wire.fill(order, 40, "9.5")
    again = changed(wire.sent[-1], t34=wire.next[False], t14=80, t151=20)
    assert "ExecID (17) `E2` was used with other content" in read(logged([*wire.sent, again]))[2][0]


def test_bust_of_a_name_that_two_days_have_is_refused() -> None:
    """Which of the two fills it takes back is not said."""
    wire = Wire()
    wire.logon()
    order = wire.order("o-1", 100, "10", (59, 1))
    first = wire.fill(order, 40, "9.5")
    wire.clock += timedelta(days=1)
    wire.fill(order, 40, "9.5")
    wire.sent[-1] = changed(wire.sent[-1], t17=first)
    wire.bust(order, first)
    _, events, (problem,) = read(logged(wire.sent))
    assert len(events) == 3
    assert "ExecRefID (19) `E1` is the name of two fills of this order" in problem


def test_three_brokers_may_have_an_order_of_one_name() -> None:
    """Each order has an ID of its own."""
    wires = [Wire(broker=f"B{number}") for number in range(3)]
    for wire in wires:
        wire.logon()
        wire.fill(wire.order("o-1", 100, "10"), 100, "10")
    mixed = [
        message for group in zip(*(one.sent for one in wires), strict=True) for message in group
    ]
    _, events, problems = read(logged(mixed))
    assert problems == []
    assert len({one.id for one in events}) == len(events) == 6


def test_possible_duplicate_that_is_none_is_refused() -> None:
    """A number that was read before does not make another fill a repeat."""
    wire, order = begun()
    wire.fill(order, 40, "9.5")
    again = changed(wire.sent[-1], t43="Y")
    assert read(logged([*wire.sent, again]))[2] == []
    for fields, said in (
        ({"t17": "E9"}, "is not known"),
        ({"t32": 50}, "before with other figures"),
    ):
        (problem,) = read(logged([*wire.sent, changed(again, **fields)]))[2]
        assert said in problem


# --- what is not one share at one price, sent by one side -----------------------------------------


def test_log_with_two_stages_of_one_order_is_refused() -> None:
    """A broker's log has the order of the desk and its own at the exchange; fills stand twice."""
    desk, venue = Wire(), Wire(desk="BROKER", broker="XETR")
    for wire in (desk, venue):
        wire.logon()
        wire.fill(wire.order("o-1", 100, "10"), 100, "10")
    _, _, problems = read(logged([*desk.sent, *venue.sent]))
    assert "`BROKER` receives orders and sends orders" in problems[0]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"t442": 3}, "MultiLegReportingType (442) is `3`"),
        ({"t423": 1}, "PriceType (423) is `1`"),
        ({"t854": 1}, "QtyType (854) is `1`"),
        ({"t1128": 2}, "the version of the application (1128) is `2`"),
        ({"t1362": 1, "t1364": "9.4", "t1365": 40}, "the fills (1362) do not add up to LastQty"),
        ({"t1362": 1, "t1364": "9.5", "t1365": 30}, "the fills (1362) do not add up to LastQty"),
        ({"t1362": 1, "t1364": "x", "t1365": 40}, "the field 1364 is `x`"),
        ({"t31": 0}, "LastPx (31) is `0`, but it must be above zero"),
        ({"t32": "40.5", "t14": "40.5", "t151": "59.5"}, "`quantity` is `40.5`"),
    ],
)
def test_execution_of_something_else_is_refused(fields: dict[str, object], said: str) -> None:
    """Such as a strategy of several legs, or a price in percent."""
    wire, order = begun()
    wire.fill(order, 40, "9.5")
    wire.sent[-1] = changed(wire.sent[-1], **fields)
    assert said in read(logged(wire.sent))[2][0]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (((388, 0), (389, "0.5")), "DiscretionOffsetValue (389) is `0.5`"),
        (((388, 2),), "DiscretionInst (388) is `2`"),
        (((845, 11),), "DiscretionPrice (845) is `11`"),
        (((231, 100),), "ContractMultiplier (231) is `100`"),
        (((464, "Y"),), "this is a session for tests"),
    ],
)
def test_order_that_is_more_than_it_says_is_refused(fields: tuple[Field, ...], said: str) -> None:
    """It would reserve less than it can use."""
    wire = Wire()
    wire.logon()
    wire.order("o-1", 100, "10", *fields)
    assert said in read(logged(wire.sent))[2][0]


def test_rejection_of_a_cancel_does_not_end_the_order() -> None:
    """A report cannot say it: the order would count as rejected, and go on to fill."""
    wire, order = begun()
    wire.cancel(order, "o-2")
    wire.report(order, "rejected", name="o-2")
    _, events, (problem,) = read(logged(wire.sent))
    assert ([one.kind for one in events], "it rejects `o-2`" in problem) == (["order"], True)


def test_fields_that_say_the_same_are_read() -> None:
    """A single security, fills that come to the sum, and a version that is read."""
    wire, order = begun()
    more: list[Field] = [(442, 1), (1128, 9), (1362, 2), (1364, 9), (1365, 20), (1364, 10)]
    wire.fill(order, 40, "9.5", *more, (1365, 20))
    _, events, problems = read(logged(wire.sent))
    assert (problems, events[-1].quantity) == ([], 40)


def test_version_of_the_application_is_that_of_the_logon() -> None:
    """FIXT 1.1 carries any version; 4.1 has other reports."""
    for version, is_read in (("9", True), ("6", True), ("3", False)):
        wire = Wire("FIXT.1.1")
        wire.send("A", (98, 0), (108, 30), (1137, version))
        assert (read(logged(wire.sent))[2] == []) is is_read


@pytest.mark.parametrize(
    ("gross", "is_read"),
    [("330", True), ("330.00", True), ("710", True), ("329.5", False), ("331", False)],
)
def test_gross_amount_is_that_of_the_fill_or_of_the_order(gross: str, is_read: bool) -> None:
    """30 at 11 are 330, and with 40 at 9.5 before them 710."""
    wire, order = begun()
    wire.fill(order, 40, "9.5", (381, 380))
    wire.fill(order, 30, "11", (381, gross))
    problems = read(logged(wire.sent))[2]
    assert (problems == []) is is_read
    assert all("GrossTradeAmt (381) is" in one for one in problems)


def test_order_that_is_reported_as_filled_has_its_fills_in_the_log() -> None:
    """Whatever the sums beside it say."""
    wire, order = begun()
    wire.sent[-1] = changed(wire.sent[-1], t39=2, t32=100, t31=10)
    (problem,) = read(logged(wire.sent))[2]
    assert "OrdStatus (39) is `2`, but the fills in the log add up to 0" in problem
    wire, order = begun()
    wire.fill(order, 100, "10")
    wire.sent[-1] = changed(wire.sent[-1], t39=2)
    assert read(logged(wire.sent))[2] == []


@pytest.mark.parametrize("tail", [b"8=", b"8=F", b"8=FI\n", b"20240304 IN: 8=F"])
def test_log_that_is_cut_in_the_first_bytes_of_a_message_says_so(tail: bytes) -> None:
    """They are not text between messages."""
    wire, _ = begun()
    _, events, (problem,) = read(logged(wire.sent) + tail)
    assert (len(events), "the log seems to be truncated" in problem) == (1, True)


@pytest.mark.parametrize("length", [95, 354, 618, 1184, 1401, 1525])
def test_field_within_data_is_not_a_field(length: int) -> None:
    """Data may hold whatever ends a field elsewhere."""
    wire, order = begun()
    wire.fill(order, 40, "9.5", (length, 12), (length + 1, "a\x01851=2\x01b=c"))
    (problem,) = read(logged(wire.sent))[2]
    assert "data that contain the separator are not read" in problem


def test_sum_that_is_missing_is_said() -> None:
    """Nothing shows then whether the log has all fills."""
    wire, order = begun()
    wire.fill(order, 40, "9.5")
    fields = [part.split(b"=", 1) for part in wire.sent[-1].split(SOH)[2:-2]]
    pairs: list[Field] = [(int(tag), text.decode()) for tag, text in fields if tag != b"14"]
    wire.sent[-1] = framed("FIX.4.4", pairs)
    log, _, problems = read(logged(wire.sent))
    (told,) = map(str, log.noted.remarks("day.fix"))
    assert (problems, "CumQty (14) is missing" in told) == ([], True)
