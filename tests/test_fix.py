"""FIX logs: what is written reads back, damage is never read, and sums are those of the log.

The logs come from `fix_logs`, which keeps the sums of a broker by other code than the reader.
"""

from __future__ import annotations

import io
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fix_logs import SOH, VERSIONS, Field, Sent, Wire, framed, logged
from repurchase.domain.errors import InputError, UsageError
from repurchase.domain.events import Event
from repurchase.intake.fix import orders
from repurchase.intake.log import Log, open_log
from test_cli import run

EXAMPLE: Final = Path(__file__).resolve().parents[1] / "examples" / "fix"
SEPARATORS: Final = (SOH, b"|", b"^A")


def opened(log: bytes, **options: Any) -> Log:
    """Return *log* as a log called `day.fix`."""
    return open_log(io.BytesIO(log), "day.fix", **options)


def events(log: bytes, **options: Any) -> list[Event]:
    """Return the events of *log*, which must have no problem."""
    rows = list(opened(log, **options).rows())
    assert [str(problem) for row in rows for problem in row.problems] == []
    return [row.event for row in rows if row.event is not None]


def wrong(log: bytes, **options: Any) -> list[str]:
    """Return the problems of *log*."""
    return [str(problem) for row in opened(log, **options).rows() for problem in row.problems]


def bought(found: list[Event]) -> tuple[int, Decimal]:
    """Return the shares and the money of all fills *found*, by plain arithmetic."""
    fills: dict[str, tuple[int, Decimal]] = {}
    for event in found:
        if event.kind in ("bust", "correct"):
            del fills[str(event.fill)]
        if event.kind in ("fill", "correct"):
            assert event.quantity is not None
            assert event.price is not None
            price = Decimal(event.price.numerator) / event.price.denominator
            fills[event.id] = event.quantity, price
    shares = sum(quantity for quantity, _ in fills.values())
    return shares, sum((quantity * price for quantity, price in fills.values()), Decimal(0))


# --- the example ----------------------------------------------------------------------------------


def test_day_with_a_replace_a_bust_and_repeats_comes_to_the_position_by_hand() -> None:
    """The fills that stand are 300 at 50.05, 350 at 50.10, and 200 corrected to 49.95.

    400 at 49.90 were busted. 15,015 + 17,535 + 9,990 is 42,540, for 850 shares. Nothing is open:
    one order was cancelled, one filled, one expired, and one was rejected.
    """
    done = run("replay", EXAMPLE / "day.fix", "--rules", EXAMPLE / "program.yaml", "--json")
    assert done.code == 0
    assert done.json["executed_shares"] == "850"
    assert done.json["executed_amount"] == "42540"
    # 10,000 shares and EUR 500,000 less what is executed: nothing is reserved.
    assert (done.json["remaining_shares"], done.json["remaining_amount"]) == ("9150", "457460")
    assert (done.json["duplicates"], done.json["quarantined"]) == (2, 0)
    assert done.lines == [
        f"{EXAMPLE / 'day.fix'}: 2 messages repeat others; each counts once",
    ]


@pytest.mark.parametrize("separator", SEPARATORS)
def test_example_reads_the_same_with_every_separator(separator: bytes) -> None:
    """SOH, `|` and `^A` give one log."""
    log = (EXAMPLE / "day.fix").read_bytes()
    assert events(log.replace(b"|", separator)) == events(log)


def test_log_is_recognized_by_its_first_line() -> None:
    """Whatever a file is called, its first message says what it is."""
    log = (EXAMPLE / "day.fix").read_bytes()
    assert len(list(open_log(io.BytesIO(log), "session.log").rows())) == len(events(log))


def test_check_asks_after_a_fix_log() -> None:
    """An order that fits what the log left is approved; one share more is not."""
    asked = '{"kind":"order","id":"n","time":"2024-03-05T10:00:00Z","symbol":"ACME","side":"buy",'
    rules, log = EXAMPLE / "program.yaml", EXAMPLE / "day.fix"
    for quantity, code in ((9150, 0), (9151, 1)):
        event = f'{asked}"quantity":{quantity},"price":1}}'
        done = run("check", "--rules", rules, "--log", log, "--event", "-", stdin=event)
        assert done.code == code


# --- round trip -----------------------------------------------------------------------------------

PRICES: Final = st.decimals("0.01", "999", places=2)
QUANTITIES: Final = st.integers(1, 5000)


class Story:
    """A session with random orders, and the events that it must come to."""

    def __init__(self, wire: Wire, data: st.DataObject, prefix: str = "") -> None:
        self.wire, self.draw = wire, data.draw
        self.expected: list[dict[str, Any]] = []
        self.open: list[Sent] = []
        self.orders = 0
        self.prefix = prefix
        wire.logon()

    def name(self) -> str:
        """Return a new ClOrdID."""
        self.orders += 1
        return f"{self.prefix}o-{self.orders}"

    def add(self, kind: str, **fields: Any) -> None:
        """Expect an event of *kind*."""
        self.expected.append({"kind": kind, **fields})

    def id(self, execution: str) -> str:
        """Return what events call *execution*."""
        return f"{self.wire.broker}/{self.wire.clock:%Y-%m-%d}/{execution}"

    def submit(self) -> None:
        """Send an order, which the broker accepts, rejects, or lets expire."""
        quantity, price = self.draw(QUANTITIES), self.draw(PRICES)
        fate = self.draw(st.sampled_from(["new", "new", "new", "new", "rejected", "expired"]))
        order = self.wire.order(self.name(), quantity, price)
        self.add("order", id=order.first, quantity=quantity, price=price, symbol="ACME", side="buy")
        execution = self.wire.report(order, fate)
        if fate == "new":
            self.open.append(order)
        else:
            kind = {"rejected": "rejected", "expired": "expire"}[fate]
            self.add(kind, id=self.id(execution), order=order.first)

    def fill(self, order: Sent) -> None:
        """Fill a part of *order*, or all that is left."""
        quantity, price = self.draw(st.integers(1, order.left)), self.draw(PRICES)
        name = self.id(self.wire.fill(order, quantity, price, (30, "XETR")))
        self.add("fill", id=name, order=order.first, quantity=quantity, price=price, venue="XETR")
        if not order.left:
            self.open.remove(order)

    def take_back(self, order: Sent) -> None:
        """Bust or correct one of the fills of *order*."""
        fill = self.draw(st.sampled_from(sorted(order.fills)))
        quantity, price = order.fills[fill]
        if self.draw(st.booleans()):
            price = self.draw(PRICES)
            name = self.wire.correct(order, fill, quantity, price)
            self.add(
                "correct", id=self.id(name), fill=self.id(fill), quantity=quantity, price=price
            )
        else:
            name = self.wire.bust(order, fill)
            self.add("bust", id=self.id(name), fill=self.id(fill))
            # What the broker may fill again is more than what events leave open.
            self.end(order)

    def change(self, order: Sent) -> None:
        """Ask for other terms, which the broker takes or rejects."""
        quantity = order.filled + self.draw(QUANTITIES)
        price, name = self.draw(PRICES), self.name()
        self.wire.replace(order, name, quantity, price)
        self.add("replace", id=name, order=order.first, quantity=quantity, price=price)
        if self.draw(st.booleans()):
            self.wire.report(order, "pending", name=name)
            self.wire.replaced(order, name, quantity, price)
            self.add("replaced", order=order.first)
        else:
            self.wire.refuse(order, name)
            self.add("rejected", order=order.first)

    def end(self, order: Sent) -> None:
        """Cancel *order*, asked or not."""
        name = self.name() if self.draw(st.booleans()) else None
        if name is not None:
            self.wire.cancel(order, name)
        execution = self.wire.report(order, "cancelled", name=name)
        self.add("cancel", id=self.id(execution), order=order.first)
        self.open.remove(order)

    def go_on(self) -> None:
        """Let something happen, and perhaps again what was sent before."""
        what = self.draw(
            st.sampled_from(["submit", "fill", "fill", "change", "end", "back", "beat"])
        )
        order = self.draw(st.sampled_from(self.open)) if self.open else None
        if order is None or what == "submit":
            self.submit()
        elif what == "beat":
            self.wire.send("0", by_desk=self.draw(st.booleans()))
            self.wire.resend(self.draw(st.sampled_from(self.wire.sent)))
        elif what == "back" and order.fills:
            self.take_back(order)
        elif what == "change":
            self.change(order)
        elif what == "end":
            self.end(order)
        else:
            self.fill(order)


def told(event: Event, names: dict[str, Any]) -> dict[str, Any]:
    """Return of *event* what *names* expects."""
    found = {name: getattr(event, name) for name in names}
    if found.get("price") is not None:
        found["price"] = Decimal(found["price"].numerator) / found["price"].denominator
    return found


def compare(found: list[Event], expected: list[dict[str, Any]]) -> None:
    """Assert that the events *found* are those *expected*, in their order."""
    pairs = zip(found, expected, strict=True)
    assert [told(event, names) for event, names in pairs] == expected


@given(data=st.data(), version=st.sampled_from(VERSIONS), separator=st.sampled_from(SEPARATORS))
@settings(max_examples=40)
def test_what_is_sent_reads_back(data: st.DataObject, version: str, separator: bytes) -> None:
    """Orders, fills, busts, corrections and replaces become the events that they are."""
    story = Story(Wire(version), data)
    for _ in range(data.draw(st.integers(1, 12))):
        story.go_on()
    prefix = data.draw(st.sampled_from(["", "20240304-09:00:00.000 : ", "[DESK->BROKER] IN: "]))
    compare(events(logged(story.wire.sent, separator, prefix)), story.expected)


@given(data=st.data())
@settings(max_examples=25)
def test_sessions_that_interleave_do_not_touch_each_other(data: st.DataObject) -> None:
    """Two desks use the same ExecIDs; the log has their messages in any order."""
    stories = [Story(Wire(desk=desk, broker=f"B-{desk}"), data, desk) for desk in ("A", "C")]
    for story in stories:
        for _ in range(data.draw(st.integers(1, 5))):
            story.go_on()
    left = [list(story.wire.sent) for story in stories]
    mixed: list[bytes] = []
    while any(left):
        one = data.draw(st.sampled_from([sent for sent in left if sent]))
        mixed.append(one.pop(0))
    found = events(logged(mixed, b"|"))
    for story in stories:
        desk = story.prefix
        own = [event for event in found if desk in (event.order or event.fill or event.id)]
        compare(own, story.expected)


@given(
    data=st.data(), separator=st.sampled_from(SEPARATORS), line_end=st.sampled_from(["\n", "\r\n"])
)
@settings(max_examples=40)
def test_lines_of_a_log_do_not_matter(data: st.DataObject, separator: bytes, line_end: str) -> None:
    """A message may stand on several lines, and several messages on one."""
    sent = day().sent
    whole = list(events(logged(sent)))
    if data.draw(st.booleans()):
        assert events(b"".join(sent).replace(SOH, separator)) == whole
        return
    ends = line_end.encode()
    lines = []
    for message in sent:
        text = message.replace(SOH, separator)
        at = data.draw(st.integers(10, len(text) - 8))
        lines.append(text[:at] + ends + text[at:] + ends)
    assert events(b"".join(lines)) == whole


def test_long_text_between_messages_is_passed_over() -> None:
    """A message is whole wherever it lies among the parts in which a log is read."""
    sent = day().sent
    for length in range(261_300, 262_200, 60):
        log = logged(sent[:3]) + b"-" * length + logged(sent[3:])
        assert len(events(log)) == len(events(logged(sent)))


def day(version: str = "FIX.4.4") -> Wire:
    """Return a session with two orders: one replaced and filled, with a bust; one cancelled."""
    wire = Wire(version)
    wire.logon()
    one = wire.order("o-1", 1000, "50.00")
    wire.report(one, "new")
    first = wire.fill(one, 400, "49.90")
    wire.replace(one, "o-2", 1200, "50.10")
    wire.replaced(one, "o-2", 1200, "50.10")
    wire.fill(one, 300, "50.05")
    wire.bust(one, first)
    two = wire.order("o-3", 200, "51.25")
    wire.report(two, "new")
    wire.fill(two, 50, "51.20")
    wire.cancel(two, "o-4")
    wire.report(two, "cancelled", name="o-4")
    wire.report(one, "expired")
    return wire


# --- damage ---------------------------------------------------------------------------------------


@given(data=st.data(), separator=st.sampled_from(SEPARATORS))
@settings(max_examples=80)
def test_damaged_bytes_are_never_read_as_something_else(
    data: st.DataObject, separator: bytes
) -> None:
    """What is flipped, cut or put in is named, or it was not part of a message."""
    log = logged(day().sent, separator)
    whole = events(log)
    start = data.draw(st.integers(0, len(log) - 1))
    end = data.draw(st.integers(start, min(len(log), start + 40)))
    put = data.draw(st.binary(max_size=4) | st.sampled_from([b"8=FIX", b"\x01", b"|10=000|", b"9"]))
    damaged = log[:start] + put + log[end:]
    try:
        rows = list(open_log(io.BytesIO(damaged), "day.fix", form="fix").rows())
    except InputError:
        return
    if not any(row.problems for row in rows):
        found = [row.event for row in rows if row.event is not None]
        # Without a problem, at most the last messages are gone, whole.
        assert found == whole[: len(found)]
        assert found == whole or end == len(log) or len(log) - start < 250


@given(data=st.data(), version=st.sampled_from(VERSIONS))
@settings(max_examples=80)
def test_damage_with_a_right_checksum_is_found_by_the_sums(
    data: st.DataObject, version: str
) -> None:
    """A figure or a code of another value is named, or changes nothing that is bought."""
    sent = day(version).sent
    whole = events(logged(sent))
    at = data.draw(st.integers(2, len(sent) - 1))
    pairs = [part.split(b"=", 1) for part in sent[at].split(SOH)[2:-2]]
    fields: list[Field] = [(int(tag), text.decode()) for tag, text in pairs]
    open_to_change = {6, 11, 14, 19, 20, 31, 32, 34, 38, 40, 41, 44, 54, 55, 150, 151}
    place = data.draw(
        st.sampled_from([n for n, (tag, _) in enumerate(fields) if tag in open_to_change])
    )
    tag, text = fields[place]
    other = data.draw(
        st.sampled_from(["0", "1", "2", "4", "5", "8", "C", "F", "H", "o-1", "o-3", "E3", "100"])
        | st.integers(1, 9999).map(str)
        | st.just(str(text)[::-1])
    )
    fields[place] = (tag, other)
    changed = [*sent[:at], framed(version, fields), *sent[at + 1 :]]
    rows = list(opened(logged(changed)).rows())
    if not any(row.problems for row in rows):
        found = [row.event for row in rows if row.event is not None]
        assert bought(found) == bought(whole)


@pytest.mark.parametrize("at", range(0, 4000, 61))
def test_log_that_is_cut_gives_whole_messages_only(at: int) -> None:
    """A log that ends within a message says so."""
    log = logged(day().sent, b"|")
    if at >= len(log):
        return
    cut = log[:at]
    if not cut.strip():
        return
    rows = list(open_log(io.BytesIO(cut), "day.fix", form="fix").rows())
    found = [row.event for row in rows if row.event is not None]
    assert found == events(log)[: len(found)]
    is_whole = cut.rstrip(b"\n").endswith(tuple(one.replace(SOH, b"|") for one in day().sent))
    assert is_whole or any(row.problems for row in rows) or len(cut.rpartition(b"\n")[2]) < 5


# --- what is refused, by name ---------------------------------------------------------------------


def order_with(*fields: Field, without: int = 0) -> bytes:
    """Return a log of one limit order, *without* a tag and with *fields* put in its place."""
    wire = Wire()
    wire.logon()
    one = wire.order("o-1", 100, "10")
    wire.report(one, "new")
    return edited(wire, 2, *fields, without=without)


def fill_with(*fields: Field, without: int = 0) -> bytes:
    """Return a log of one filled order, whose fill has *fields* instead."""
    wire = Wire()
    wire.logon()
    one = wire.order("o-1", 100, "10")
    wire.fill(one, 40, "9.5")
    return edited(wire, 3, *fields, without=without)


def edited(wire: Wire, at: int, *fields: Field, without: int = 0) -> bytes:
    """Return the log of *wire* whose message *at* has *fields* instead, and is *without* a tag."""
    pairs = [part.split(b"=", 1) for part in wire.sent[at].split(SOH)[2:-2]]
    put = dict(fields)
    kept: list[Field] = [
        (int(tag), put.pop(int(tag), text.decode())) for tag, text in pairs if int(tag) != without
    ]
    wire.sent[at] = framed(wire.version, [*kept, *put.items()])
    return logged(wire.sent)


@pytest.mark.parametrize(
    ("log", "what"),
    [
        (order_with((40, 3)), "OrdType (40) is `3`, a stop order: no limit price bounds it"),
        (order_with((40, "K")), "OrdType (40) is `K`, market with the rest as a limit order"),
        (order_with((40, 4), without=44), "Price (44) is missing"),
        (order_with((44, 0)), "Price (44) is `0`, but it must be above zero"),
        (order_with((54, 3)), "Side (54) is `3`, but 1 (buy), 2, 5 and 6 (sell) are read"),
        (order_with((59, 5)), "TimeInForce (59) is `5`, but 0 to 4, 6 and 7 are read"),
        (order_with((59, 6)), "ExpireDate (432) or ExpireTime (126) is missing"),
        (order_with((168, "20240305-09:00:00")), "EffectiveTime (168) is `20240305-09:00:00`"),
        (order_with((60, "20240304-09:00")), "TransactTime (60) is `20240304-09:00`"),
        (order_with((60, "20241304-09:00:00")), "`time` is `2024-13-04T09:00:00Z`"),
        (order_with((423, 1)), "PriceType (423) is `1`, but only prices of one unit (2) are read"),
        (order_with((38, "100.5")), "`quantity` is `100.5`"),
        (order_with((38, "1e2")), "OrderQty (38) is `1e2`, but it must be a number"),
        (order_with(without=11), "ClOrdID (11) is missing"),
        (order_with(without=55), "Symbol (55) is missing"),
        (order_with(without=34), "MsgSeqNum (34) is missing"),
        (order_with((35, "E")), "MsgType (35) is `E`, which is not read"),
        (order_with((55, "Z\u00fcrich")), "Symbol (55) is not ASCII"),
        (fill_with((11, "o-9")), "its order `o-9` is not known"),
        (fill_with((54, 2)), "Side (54) is `2`, but the order is a buy order"),
        (fill_with((55, "OTHER")), "Symbol (55) is `OTHER`, but the order has `ACME`"),
        (fill_with((15, "USD")), "Currency (15) is `USD`, but the order is in `EUR`"),
        (fill_with((32, 0)), "LastQty (32) is `0`, but it must be above zero"),
        (fill_with(without=31), "LastPx (31) is missing"),
        (fill_with(without=17), "ExecID (17) is missing"),
        (fill_with((150, "J")), "ExecType (150) is `J`, which is not read"),
        (fill_with((150, "H"), (19, "E9")), "ExecRefID (19) `E9` is not a known fill"),
        (fill_with((14, 50)), "CumQty (14) is `50`, but the fills in the log add up to 40"),
        (fill_with((151, 50)), "LeavesQty (151) is `50`, but the log leaves 60"),
        (fill_with((6, "9.6")), "AvgPx (6) is `9.6`, but the fills in the log give 9.5"),
        (fill_with((38, 110)), "OrderQty (38) is `110`, but the order has 100"),
        (fill_with((44, 11)), "Price (44) is `11`, but the order has 10"),
        (order_with((167, "OPT")), "SecurityType (167) is `OPT`, but orders for shares"),
        (order_with((461, "OCASPS")), "CFICode (461) is `OCASPS`, but orders for shares (E)"),
        (order_with((65, "B")), "SymbolSfx (65) is `B`, but orders for shares named by one symbol"),
        (order_with((555, 2)), "NoLegs (555) is `2`, but orders for shares"),
        (fill_with((150, "8")), "LeavesQty (151) is `60`, but the log leaves 0"),
    ],
)
def test_what_cannot_be_read_is_named_by_line_and_number(log: bytes, what: str) -> None:
    """The message says which field of which message is wrong, and with which value."""
    assert any(
        re.match(r"day.fix:[34]: message 34=[2?]: ", one) and what in one for one in wrong(log)
    )


def test_report_that_agrees_again_is_no_contradiction() -> None:
    """A wrong CumQty is named once: not again with the report that is right."""
    wire = Wire()
    wire.logon()
    one = wire.order("o-1", 100, "10")
    wire.fill(one, 40, "9.5")
    wire.fill(one, 10, "9.5")
    found = wrong(edited(wire, 3, (14, 30)))
    assert [line for line in found if "CumQty" in line] == [
        "day.fix:4: message 34=2: CumQty (14) is `30`, but the fills in the log add up to 40"
    ]


@pytest.mark.parametrize(
    ("log", "what"),
    [
        (b"8=FIX.4.4|9=5|35=0|10=000|\n", "CheckSum (10) is 000, but its bytes give 163"),
        (b"8=FIX.4.4|9=7|35=0|10=163|\n", "BodyLength (9) is 7, but the body has 5 bytes"),
        (b"8=FIX.4.4|35=0|10=163|\n", "its second field is not BodyLength (9)"),
        (b"8=FIX.4.4|9=5|35=0|\n", "it ends without CheckSum (10)"),
        (framed("FIX.4.1", [(35, 0)]), "BeginString (8) is `FIX.4.1`, which is not read"),
        (framed("FIX.4.4", [(35, 0), (58, "a\x01b")]), "a field has no `=`"),
        (framed("FIX.4.4", [(35, "B"), (95, 9), (96, "a\x0131=5")]), "data field 96 has 1 bytes"),
        (b"8=FIX.4.4|9=5|35=0|10=163|\n35=D|11=o-1|10=000|\n", "without the start of a message"),
    ],
)
def test_bytes_that_are_not_a_message_are_named(log: bytes, what: str) -> None:
    """Length, checksum and frame are verified before any field is read."""
    rows = open_log(io.BytesIO(log), "day.fix", form="fix").rows()
    assert any(what in str(problem) for row in rows for problem in row.problems)


def test_a_field_that_is_given_twice_is_refused() -> None:
    """Nobody knows which of two values counts."""
    wire = Wire()
    one = wire.order("o-1", 100, "10")
    wire.fill(one, 40, "9.5", (31, "9.4"))
    assert any("LastPx (31) is given twice" in text for text in wrong(logged(wire.sent)))


# --- what each field becomes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "given"),
    [
        ([(59, 1)], {"expires": date(2199, 12, 31)}),
        ([(59, 1), (432, "20240331")], {"expires": date(2024, 3, 31)}),
        ([(59, 6), (432, "20240331")], {"expires": date(2024, 3, 31)}),
        ([(59, 6), (126, "20240331-15:00:00")], {"expires": datetime(2024, 3, 31, 15, tzinfo=UTC)}),
        ([(59, 0)], {"expires": None}),
        ([(40, 1)], {"order_type": "market", "price": None}),
        ([(40, "B")], {"order_type": "limit", "price": 10}),
        ([(44, "10.1200000000000000")], {"price": Fraction(253, 25)}),
        ([(38, "100.0000000000")], {"quantity": 100}),
        ([(54, 5)], {"side": "sell"}),
        ([(100, "XETR")], {"venue": "XETR"}),
        ([(76, "GS")], {"broker": "GS"}),
        ([(453, 1), (448, "MS"), (447, "D"), (452, 1)], {"broker": "MS"}),
        ([(453, 1), (448, "MS"), (447, "D"), (452, 3)], {"broker": None}),
        ([(12, "12.50"), (13, 3)], {"fees": Fraction(25, 2)}),
        ([(12, "12.50"), (13, 2)], {"fees": None}),
        ([(12, "12.50"), (13, 3), (479, "USD")], {"fees": None}),
    ],
)
def test_fields_of_an_order_become_those_of_its_event(
    fields: list[Field], given: dict[str, Any]
) -> None:
    """Terms, end, venue, broker and costs are read exactly."""
    rows = list(opened(order_with(*fields)).rows())
    event = next(row.event for row in rows if row.event is not None)
    assert {name: getattr(event, name) for name in given} == given


def test_time_is_read_to_the_nanosecond() -> None:
    """The time of a fill is its TransactTime, in UTC."""
    (_, fill) = events(fill_with((60, "20240304-09:00:01.123456789")))
    assert fill.time is not None
    assert fill.time.isoformat() == "2024-03-04T09:00:01.123456789+00:00"


def test_time_of_a_report_without_its_own_is_when_it_was_sent() -> None:
    """In 4.2 a report may lack TransactTime."""
    (_, fill) = events(fill_with((52, "20240304-09:00:03"), without=60))
    assert fill.time == datetime(2024, 3, 4, 9, 0, 3, tzinfo=UTC)


def test_costs_that_are_not_read_are_said() -> None:
    """A commission per share, and other fees, are named: they do not vanish in silence."""
    log = opened(fill_with((12, "0.01"), (13, 1)))
    assert [row.problems for row in log.rows()] == [(), ()]
    (remark,) = (str(one) for one in log.noted.remarks("day.fix"))
    assert remark.startswith("day.fix: Commission (12) is not an amount")


def test_currency_that_is_missing_is_said() -> None:
    """Without it nobody can see that a price is in pence."""
    log = opened(order_with(without=15))
    assert [row.problems for row in log.rows()] == [()]
    (remark,) = (str(one) for one in log.noted.remarks("day.fix"))
    assert remark.startswith("day.fix: Currency (15) is missing")


def test_commission_is_converted_by_the_rate_that_is_given() -> None:
    """Commission is in the order's currency, and fees are in the program's."""
    (order, fill) = events(fill_with((12, "2.5"), (13, 3)), constants={"fx": "96.5"})
    assert (order.fx, fill.fx, fill.fees) == (Fraction(193, 2), Fraction(193, 2), Fraction(965, 4))


def test_options_name_tags_and_give_what_messages_lack() -> None:
    """--column takes a tag, and --set gives a field that no message has."""
    log = order_with((48, "DE0001"), (50, "anna"))
    (order,) = events(log, columns={"symbol": "48", "by": "50"}, constants={"method": "auction"})
    assert (order.symbol, order.by, order.method) == ("DE0001", "anna", "auction")


def test_names_of_the_sender_can_be_ignored() -> None:
    """A venue that has no code of its own in the message can be set instead."""
    log = order_with((100, "SMART"), (76, "desk 4"))
    options: Any = {"ignore": frozenset(["100", "76"]), "constants": {"venue": "XETR"}}
    (order,) = events(log, **options)
    assert (order.venue, order.broker) == ("XETR", None)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"columns": {"symbol": "isin"}}, "write the tag of a FIX field"),
        ({"columns": {"quantity": "53"}}, "`quantity` is given by the messages of a FIX log"),
        ({"constants": {"symbol": "ACME"}}, "`symbol` is given by the messages of a FIX log"),
        ({"constants": {"side": "buy"}}, "`side` is given by the messages of a FIX log"),
        ({"ignore": frozenset(["38"])}, "`38` cannot be ignored in a FIX log; 12, 30, 60, 76, 100"),
    ],
)
def test_options_that_a_fix_log_cannot_have_are_refused(options: Any, what: str) -> None:
    """A figure comes from the messages alone."""
    with pytest.raises((InputError, UsageError), match=re.escape(what)):
        opened(order_with(), **options)


def test_venue_that_is_set_and_given_otherwise_is_refused() -> None:
    """--set does not overrule what a message says."""
    assert "the message gives `venue`, which is set for all messages" in "".join(
        wrong(order_with((100, "XETR")), constants={"venue": "XLON"})
    )


# --- sequence numbers and repeats -----------------------------------------------------------------


def test_each_missing_message_is_named_by_its_number() -> None:
    """A log without one of its messages has a gap, whichever it is but the first and the last."""
    sent = day().sent
    for at in range(2, len(sent) - 1):
        found = wrong(logged([*sent[:at], *sent[at + 1 :]]))
        fields = dict(part.split(b"=", 1) for part in sent[at].split(SOH) if part)
        number, sender = fields[b"34"].decode(), fields[b"49"].decode()
        if fields[b"35"] != b"F":
            assert any(f"the messages 34={number} from {sender} to " in text for text in found)


def test_a_gap_that_is_filled_is_none() -> None:
    """A message that is resent later, as the first of its number, is read where it stands."""
    wire = Wire()
    wire.logon()
    one = wire.order("o-1", 100, "10")
    wire.fill(one, 40, "9.5")
    lost = wire.sent.pop()
    wire.fill(one, 10, "9.6")
    wire.resend(lost)
    wire.fill(one, 50, "9.7")
    wire.resend(lost)
    found = events(logged(wire.sent))
    assert [event.quantity for event in found] == [100, 10, 40, 50]


@given(data=st.data())
@settings(max_examples=40)
def test_messages_that_come_late_are_all_counted(data: st.DataObject) -> None:
    """Whatever was lost and is resent later, the log comes to the same shares and money."""
    wire = Wire()
    wire.logon()
    orders = [wire.order(f"o-{n}", 1000, "10") for n in range(2)]
    for _ in range(8):
        order = data.draw(st.sampled_from(orders))
        wire.fill(order, data.draw(st.integers(1, 50)), data.draw(PRICES))
    whole = bought(events(logged(wire.sent)))
    fills = range(4, len(wire.sent) - 1)
    at = data.draw(st.sampled_from(fills))
    to = data.draw(st.integers(at + 1, len(wire.sent) - 1))
    lost, wire.sent[at:to] = wire.sent[at:to], []
    assert any("are missing" in text for text in wrong(logged(wire.sent)))
    end = len(wire.sent)
    for message in lost:
        wire.resend(message)
    again = wire.sent[end:]
    wire.sent[end:] = []
    place = data.draw(st.integers(at + 1, end))
    wire.sent[place:place] = again
    assert bought(events(logged(wire.sent))) == whole


def test_numbers_that_a_sequence_reset_fills_are_not_missing() -> None:
    """A gap fill says that only messages of the session were left out."""
    wire = Wire()
    wire.logon()
    for _ in range(3):
        wire.sent.remove(wire.send("0", by_desk=False))
    one = wire.order("o-1", 100, "10")
    wire.fill(one, 40, "9.5")
    assert any(
        "34=2 to 4 from BROKER to DESK are missing" in one for one in wrong(logged(wire.sent))
    )
    fill: list[Field] = [(123, "Y"), (36, 5)]
    wire.sent.insert(2, wire.written("4", 2, fill, by_desk=False))
    assert wrong(logged(wire.sent)) == []


def test_number_that_goes_back_is_refused_but_for_a_new_session() -> None:
    """Numbers begin again with a Logon, or on a new day; otherwise two logs were mixed."""
    wire = Wire()
    wire.logon()
    wire.order("o-1", 100, "10")
    wire.next = {True: 1, False: 1}
    wire.order("o-2", 100, "10")
    assert any("MsgSeqNum (34) goes back from 2 to 1" in text for text in wrong(logged(wire.sent)))
    wire.sent.pop()
    wire.next = {True: 1, False: 1}
    wire.logon()
    wire.order("o-2", 100, "10")
    assert [event.id for event in events(logged(wire.sent))] == ["o-1", "o-2"]


def test_gap_of_a_session_that_has_ended_is_named() -> None:
    """A new Logon does not fill what the session before it lost."""
    wire = Wire()
    wire.logon()
    wire.order("o-1", 100, "10")
    wire.order("o-2", 100, "10")
    del wire.sent[2]
    wire.next = {True: 1, False: 1}
    wire.logon()
    assert any("34=2 from DESK to BROKER are missing" in one for one in wrong(logged(wire.sent)))


def test_days_of_a_session_that_are_in_the_wrong_order_are_refused() -> None:
    """A Logon of an earlier day does not begin a new session."""
    log = b""
    for day_of_month in (5, 4):
        wire = Wire(start=datetime(2024, 3, day_of_month, 9, tzinfo=UTC))
        wire.logon()
        wire.order(f"o-{day_of_month}", 100, "10")
        log += logged(wire.sent)
    assert any("MsgSeqNum (34) goes back from 2 to 1" in text for text in wrong(log))


def test_messages_from_before_the_log_are_read_when_they_are_resent() -> None:
    """A log that begins amid a session has not read what is resent from its earlier part."""
    wire = Wire()
    wire.logon()
    early = wire.order("o-1", 100, "10")
    lost = wire.sent[2]
    wire.sent.clear()
    wire.order("o-2", 100, "10")
    wire.resend(lost)
    wire.fill(early, 100, "9.5")
    assert [event.id for event in events(logged(wire.sent))][:2] == ["o-2", "o-1"]


def test_the_same_line_twice_is_one_message() -> None:
    """A log that writes a message twice repeats it; so does a message with PossResend."""
    wire = Wire()
    wire.logon()
    one = wire.order("o-1", 100, "10")
    wire.fill(one, 40, "9.5")
    again = edited(wire, 3)
    log = opened(logged([*wire.sent, wire.sent[-1]]))
    assert [row.event.kind for row in log.rows() if row.event] == ["order", "fill"]
    assert log.noted.repeats == 1
    resent = [part.split(b"=", 1) for part in wire.sent[3].split(SOH)[2:-2]]
    fields: list[Field] = [(int(tag), text.decode()) for tag, text in resent if tag != b"34"]
    message = framed(wire.version, [*fields, (34, wire.next[False]), (97, "Y")])
    assert events(again + logged([message])) == events(again)


def test_execution_id_with_other_figures_is_refused() -> None:
    """An ExecID names one execution of a day."""
    wire = Wire()
    wire.logon()
    one = wire.order("o-1", 100, "10")
    wire.fill(one, 40, "9.5")
    wire.fill(one, 10, "9.5")
    found = wrong(edited(wire, 4, (17, "E1")))
    assert any("ExecID (17) `E1` was used with other content" in text for text in found)


def test_ids_of_another_day_do_not_collide() -> None:
    """Desks and brokers count anew each day; the events have IDs of their own."""
    log = b""
    for day_of_month in (4, 5):
        wire = Wire(start=datetime(2024, 3, day_of_month, 9, tzinfo=UTC))
        wire.logon()
        one = wire.order("1", 100, "10")
        wire.fill(one, 100, "9.5")
        log += logged(wire.sent)
    assert [event.id for event in events(log)] == [
        *("1", "BROKER/2024-03-04/E1"),
        *("DESK/2024-03-05/1", "BROKER/2024-03-05/E1"),
    ]


def test_ids_of_a_day_are_used_once() -> None:
    """Another order with the ClOrdID of an open one is refused."""
    wire = Wire()
    wire.order("1", 100, "10")
    wire.order("1", 200, "10")
    assert any(
        "ClOrdID (11) `1` names an earlier order" in text for text in wrong(logged(wire.sent))
    )


# --- what happens to orders -----------------------------------------------------------------------


def test_done_for_the_day_ends_an_order_of_the_day_alone() -> None:
    """An order that is good till cancelled goes on tomorrow."""
    kinds = []
    for more in ([], [(59, 1)]):
        wire = Wire()
        wire.report(wire.order("o-1", 100, "10", *more), "done")
        kinds.append([event.kind for event in events(logged(wire.sent))])
    assert kinds == [["order", "expire"], ["order"]]


def test_terms_that_the_broker_changes_unasked_are_a_replace() -> None:
    """A restatement with other terms is evaluated like a request; with the same, it is nothing."""
    wire = Wire()
    one = wire.order("o-1", 100, "10")
    wire.report(one, "restated")
    one.quantity = 80
    wire.report(one, "restated")
    found = events(logged(wire.sent))
    assert [(event.kind, event.quantity) for event in found] == [
        *(("order", 100), ("replace", 80)),
        ("replaced", None),
    ]


def test_replace_that_the_broker_takes_otherwise_is_refused() -> None:
    """The terms in force must be those that were evaluated."""
    wire = Wire()
    one = wire.order("o-1", 100, "10")
    wire.replace(one, "o-2", 120, "10")
    wire.replaced(one, "o-2", 130, "10")
    assert any(
        "is not what the replace request asked for" in one for one in wrong(logged(wire.sent))
    )


def test_rejected_cancel_changes_nothing() -> None:
    """Only the rejection of a replace request answers one."""
    wire = Wire()
    one = wire.order("o-1", 100, "10")
    wire.cancel(one, "o-2")
    wire.refuse(one, "o-2", of="1")
    wire.fill(one, 100, "9")
    assert [event.kind for event in events(logged(wire.sent))] == ["order", "fill"]


def test_report_that_names_two_orders_is_refused() -> None:
    """ClOrdID and OrigClOrdID of one message are of one order."""
    wire = Wire()
    wire.order("o-1", 100, "10")
    wire.report(wire.order("o-2", 100, "10"), "cancelled", name="o-1")
    assert any(
        "(11) and OrigClOrdID (41) name two orders" in one for one in wrong(logged(wire.sent))
    )


def test_bust_of_the_fill_of_another_order_is_refused() -> None:
    """ExecRefID names a fill of the order that the report is about."""
    wire = Wire()
    one, two = wire.order("o-1", 100, "10"), wire.order("o-2", 100, "10")
    fill = wire.fill(one, 40, "9.5")
    two.fills[fill] = (40, Decimal("9.5"))
    wire.bust(two, fill)
    found = wrong(logged(wire.sent))
    assert any("ExecRefID (19) `E1` is not a known fill of this order" in text for text in found)


def test_replaced_until_cancelled_does_not_end_with_its_day() -> None:
    """A replace request may make an order of the day one that lasts."""
    wire = Wire()
    one = wire.order("o-1", 100, "10")
    wire.replace(one, "o-2", 120, "10")
    lasting = edited(wire, 1, (59, 1))
    wire.sent.clear()
    wire.replaced(one, "o-2", 120, "10")
    wire.report(one, "done")
    kinds = [event.kind for event in events(lasting + logged(wire.sent))]
    assert kinds == ["order", "replace", "replaced"]


def test_order_that_is_rejected_while_a_replace_waits_can_fill_no_more() -> None:
    """A `rejected` event would answer the replace request alone, so the order is cancelled."""
    wire = Wire()
    one = wire.order("o-1", 100, "10")
    wire.replace(one, "o-2", 120, "10")
    wire.report(one, "rejected")
    kinds = [event.kind for event in events(logged(wire.sent))]
    assert kinds == ["order", "replace", "cancel"]


def test_unasked_change_while_a_replace_waits_is_refused() -> None:
    """Nobody knows what the replace request then changes."""
    wire = Wire()
    one = wire.order("o-1", 100, "10")
    wire.replace(one, "o-2", 120, "10")
    one.quantity = 80
    wire.report(one, "restated")
    found = wrong(logged(wire.sent))
    assert any("changes the order while a replace request waits" in text for text in found)


def test_order_that_has_fills_is_not_rejected() -> None:
    """A broker cannot reject what it has executed."""
    wire = Wire()
    one = wire.order("o-1", 100, "10")
    wire.fill(one, 40, "9.5")
    wire.report(one, "rejected")
    assert any("it rejects an order that has fills" in text for text in wrong(logged(wire.sent)))


def test_of_what_has_ended_only_the_last_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory does not grow with the log: a report on an order forgotten long ago is refused."""
    monkeypatch.setattr(orders, "CLOSED_KEPT", 2)
    monkeypatch.setattr(orders, "FILLS_KEPT", 2)
    wire = Wire()
    sent = [wire.order(f"o-{n}", 100, "10") for n in range(4)]
    fills = [wire.fill(one, 100, "9.5") for one in sent]
    wire.bust(sent[3], fills[3])
    assert events(logged(wire.sent))[-1].kind == "bust"
    wire.bust(sent[2], fills[2])
    wire.bust(sent[0], fills[0])
    lost, forgotten = wrong(logged(wire.sent))
    assert "ExecRefID (19) `E3` is not a known fill" in lost
    assert "its order `o-0` is not known" in forgotten


def test_fill_that_was_taken_back_cannot_be_named_again() -> None:
    """A second bust, or a correction of a bust fill, is refused; that of a correction is not."""
    wire = Wire()
    one = wire.order("o-1", 100, "10")
    fill = wire.fill(one, 40, "9.5")
    corrected = wire.correct(one, fill, 40, "9.4")
    one.fills[fill] = (40, Decimal("9.5"))
    end = len(wire.sent)
    wire.bust(one, fill)
    assert any("a fill that was busted or corrected" in text for text in wrong(logged(wire.sent)))
    del wire.sent[end:]
    wire.next[False] -= 1
    one.filled, one.value = 40, 40 * Decimal("9.4")
    wire.bust(one, corrected)
    assert [event.kind for event in events(logged(wire.sent))][2:] == ["correct", "bust"]


def test_bust_that_states_another_fill_is_refused() -> None:
    """What a broker repeats on a bust is compared with the fill that it names."""
    wire = Wire()
    one = wire.order("o-1", 100, "10")
    fill = wire.fill(one, 40, "9.5")
    wire.bust(one, fill, (32, 41), (31, "9.5"))
    assert any(
        "LastQty (32) is `41`, but the fill has 40" in text for text in wrong(logged(wire.sent))
    )


# --- the command ----------------------------------------------------------------------------------


def program(folder: Path, log: bytes) -> list[Any]:
    """Write *log* beside the example's rule file, and return the call that replays it."""
    (folder / "day.fix").write_bytes(log)
    return ["replay", folder / "day.fix", "--rules", EXAMPLE / "program.yaml"]


def test_bad_message_is_quarantined_or_nothing_is_concluded(tmp_path: Path) -> None:
    """Without --quarantine the exit code is 2; with it, the rest is evaluated and the fact said."""
    sent = day().sent
    (at,) = (at for at, message in enumerate(sent) if b"31=51.20" in message)
    bad = sent[at].replace(b"31=51.20", b"31=51.30")
    log = logged([*sent[:at], bad, *sent[at + 1 :]], b"|")
    call = program(tmp_path, log)
    done = run(*call)
    assert done.code == 2
    assert any(
        f":{at + 1}: message 34=8: " in line and "CheckSum (10)" in line for line in done.lines
    )
    assert done.lines[-1].endswith("so there is no conclusion from this log")

    kept = tmp_path / "bad.fix"
    done = run(*call, "--quarantine", kept, "--json")
    assert done.code in (0, 1)
    assert kept.read_bytes() == bad.replace(SOH, b"|") + b"\n"
    assert done.json["quarantined"] == 1
    assert any("1 message could not be read and are in quarantine" in line for line in done.lines)
    shown = run(*call, "--quarantine", kept)
    assert "1 message in quarantine, not counted" in shown.out


def test_quarantine_keeps_bytes_as_they_are(tmp_path: Path) -> None:
    """A message that is not UTF-8, on two lines, is one line of the same bytes."""
    log = logged(day().sent) + b"8=FIX.4.4\x019=5\x01\n58=\xff\xfe\x0110=000\x01\n"
    kept = tmp_path / "bad.fix"
    done = run(*program(tmp_path, log), "--quarantine", kept)
    assert done.code == 0
    assert kept.read_bytes() == b"8=FIX.4.4\x019=5\x0158=\xff\xfe\x0110=000\x01\n"


def test_lost_fill_is_said_although_the_rest_is_evaluated(tmp_path: Path) -> None:
    """With --quarantine, a gap and what reports contradict are warnings, and each comes once."""
    wire = Wire()
    wire.logon()
    one = wire.order("o-1", 100, "10")
    wire.fill(one, 40, "9.5")
    wire.sent.pop()
    wire.fill(one, 10, "9.5")
    wire.report(one, "cancelled")
    call = program(tmp_path, logged(wire.sent))
    assert run(*call).code == 2
    done = run(*call, "--quarantine", tmp_path / "bad.fix", "--json")
    assert (done.code, done.json["executed_shares"]) == (0, "10")
    lost, gap = done.lines
    assert "day.fix:4: message 34=3: CumQty (14) is `50`, but the fills in the log" in lost
    assert "day.fix:4: the messages 34=2 from BROKER to DESK are missing; add them" in gap


def test_orders_of_other_symbols_are_skipped_whole(tmp_path: Path) -> None:
    """What a broker answers to a skipped order is skipped, too."""
    wire = Wire()
    wire.logon()
    other = wire.order("x-1", 100, "10", symbol="OTHER")
    wire.report(other, "cancelled")
    wire.fill(wire.order("o-1", 100, "10"), 100, "9.5")
    call = program(tmp_path, logged(wire.sent))
    assert "`OTHER` is not a symbol of the rule file" in run(*call).err
    done = run(*call, "--skip-other-symbols", "--json")
    assert (done.code, done.json["skipped"], done.json["executed_shares"]) == (0, 2, "100")


def test_order_in_another_currency_than_the_instrument_is_refused(tmp_path: Path) -> None:
    """Pence are not pounds: the currency of an order must be that of the rule file."""
    wire = Wire(currency="GBX")
    wire.logon()
    wire.order("o-1", 100, "10")
    done = run(*program(tmp_path, logged(wire.sent)))
    assert done.code == 2
    assert "the order is in `GBX`, which is not the currency of `ACME` in the rule file" in done.err


def test_two_clocks_do_not_make_a_log_go_backwards(tmp_path: Path) -> None:
    """A broker's clock may be behind the desk's: the log itself says what came first."""
    wire = Wire()
    wire.logon()
    one = wire.order("o-1", 100, "10")
    wire.fill(one, 100, "9.5")
    done = run(*program(tmp_path, edited(wire, 3, (60, "20240304-09:00:00.000"))), "--json")
    assert (done.code, done.json["approved"]) == (0, 2)


def test_quarantine_of_another_log_is_refused(tmp_path: Path) -> None:
    """Only a FIX log has messages that stand alone; nothing may be overwritten either."""
    log = tmp_path / "log.csv"
    log.write_text("id,date,symbol,side,quantity,price\nf,2024-03-04,ACME,buy,1,1\n")
    rules = EXAMPLE / "program.yaml"
    done = run("replay", log, "--rules", rules, "--quarantine", tmp_path / "bad.csv")
    assert (done.code, "`--quarantine` is for FIX logs" in done.err) == (2, True)
    done = run("replay", log, "--rules", rules, "--quarantine", log)
    assert (done.code, "would overwrite this file" in done.err) == (2, True)
