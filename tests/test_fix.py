"""FIX logs: what is written reads back, damage is never read, and sums are those of the log.

The logs come from `fix_logs`, which keeps the sums of a broker by other code than the reader.
"""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fix_logs import SOH, VERSIONS, Field, Sent, Wire, framed, logged
from repurchase.domain.errors import InputError
from repurchase.domain.events import Event
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
@settings(max_examples=60)
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
@settings(max_examples=150)
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
@settings(max_examples=150)
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
