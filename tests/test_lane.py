"""The straight lane decides as the general way does: the same bytes, and the same position."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any, Final

import durable_rules_engine as core
import hypothesis.strategies as st
import pytest
from hypothesis import event as seen
from hypothesis import given

from repurchase.domain.errors import InputError, UsageError
from repurchase.evaluation import judge, rete
from repurchase.evaluation.judge import Compiled, Scope
from repurchase.evaluation.step import Decided
from repurchase.intake.log import open_log
from repurchase.journal.snapshot import position_bytes
from repurchase.ledger.position import Position
from repurchase.replay import places
from repurchase.replay.lane import Lane, Passed
from repurchase.replay.places import Place
from repurchase.replay.run import Program, Reader, Reading, replay_by_line
from repurchase.report.written import decision_object, json_text
from repurchase.rulebook.editions import Edition, Editions, load_text
from test_cli import run

COLUMNS: Final = (
    *("kind", "id", "time", "symbol", "venue", "side", "quantity", "price", "order_type"),
    *("order", "broker", "method", "fill", "date", "expires", "by", "reason"),
)
HEADER: Final = ",".join(COLUMNS)
RULES: Final = """
repurchase: 1
authorization: lane
timezone: {clock}
currency: JPY
instruments:
  common: {{symbol: "9999", venues: [XTKS, XNGO]}}
  ads: {{symbol: ADS, shares_each: 2, venues: [XNAS], currency: {currency}}}
terms:
  max_shares: {shares}
  max_amount: {{value: "JPY {amount}"}}
  first_day: {{value: 2024-01-01}}
  last_day: {{value: 2025-01-31}}
counters:
  week: {{per: week}}
  apart: {{per: day, each: [instrument, venue]}}
  north: {{brokers: [north], per: month}}
  auctions: {{methods: [auction]}}
{counters}
rules:
  - {{id: share-cap, require: program.shares_after <= terms.max_shares}}
  - {{id: amount-cap, require: program.amount_after <= terms.max_amount}}
  - {{id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}}
{rules}
"""
# Rules that a file may have beside its caps, of which most events pass the most.
CONDITIONS: Final = (
    "trade.side == buy",
    "trade.share_class == common",
    "trade.shares <= 900 shares",
    "trade.units <= 700",
    "trade.amount <= JPY 900,000",
    "trade.price_per_share <= JPY 1,400",
    "trade.venue_time >= 09:30",
    "trade.venue_last_date == trade.venue_date",
    "trade.broker in [north, south]",
    "trade.method == auction or trade.broker == north",
    "trade.order_type != market",
    "trade.venue in [XTKS, XNAS]",
    "program.reserved_shares <= 2,000 shares",
    "program.reserved_shares_after + trade.shares <= 3,000 shares",
    "program.executed_amount <= 40% * terms.max_amount",
    "program.shares < terms.max_shares",
    "program.amount <= 90% * terms.max_amount",
    "day.ordered_shares_after <= 2,500 shares",
    "day.executed_shares <= 1,500 shares",
    "day.shares_after <= 2,200 shares",
    "day.amount <= JPY 2,000,000",
    "counters.week.shares_after <= 5,000 shares",
    "counters.week.amount <= JPY 5,000,000",
    "counters.week.messages_after <= 14",
    "counters.apart.ordered_shares_after <= 2,500 shares",
    "counters.apart.open_orders_after <= 3",
    "counters.north.orders_after <= 9",
    "counters.north.shares <= 4,000 shares",
    "counters.auctions.amount_after <= JPY 4,000,000",
)
# Caps on shares: one that stays, and others that are amended within the days of a log.
SHARES: Final = (
    '{value: "4,000 shares"}',
    '{value: "9,000 shares"}',
    '{value: "900,000,000,000,000,000 shares"}',
    '[{value: "9,000 shares", until: 2024-03-12}, {value: "2,000 shares", from: 2024-03-13}]',
    '[{value: "2,000 shares", until: 2025-01-01}, {value: "9,000 shares", from: 2025-01-02}]',
)
EFFECTS: Final = ("deny", "deny", "deny", "flag", "review")
PLACES: Final = ("both", "both", "order", "fill")
HARD: Final = (
    "counters.last.shares_after <= 3,000 shares",
    "counters.minute.orders_after <= 4",
    "trade.seconds_since_same >= 1",
    "counters.week.brokers_after <= 1",
)


def editions(text: str) -> Editions:
    return load_text(text.encode(), "lane.yaml")


def line(decided: Decided) -> str:
    return json_text(decision_object(decided))


def straight(
    rules: Editions, log: str, *, is_asked: bool = False
) -> tuple[list[str], Program, int]:
    """Return the lines and the program of a replay, and how many rows its lane passed.

    If *is_asked*, the program says its position after each of its answers.
    """
    program, reader = Program(rules), Reader(Reading(), rules)
    lines, passed = [], 0
    with open_log(io.BytesIO(log.encode()), "lane.csv", form="csv") as trades:
        for found in replay_by_line(trades, program, reader, line):
            assert not is_asked or program.position.used == program.sums.used
            if isinstance(found, Passed):
                passed += found.count
                lines += found.lines.split("\n")
            else:
                lines.append(line(found))
    return lines, program, passed


def general(rules: Editions, log: str) -> tuple[list[str], Program]:
    """Return the same, event by event."""
    program, reader = Program(rules), Reader(Reading(), rules)
    with open_log(io.BytesIO(log.encode()), "lane.csv", form="csv") as trades:
        lines = [line(program.decide(event)) for _, event in reader.events(trades)]
    return lines, program


def check_same(text: str, log: str, *, is_asked: bool = False) -> int:
    """Compare both ways, and return how many rows the lane passed; see `straight`."""
    rules = editions(text)
    try:
        expected, other = general(rules, log)
    except InputError as error:
        with pytest.raises(InputError, match=re.escape(str(error))):
            straight(rules, log)
        return 0
    lines, program, passed = straight(rules, log, is_asked=is_asked)
    assert lines == expected
    assert program.open_orders() == other.open_orders()
    assert program.summary() == other.summary()
    assert program.position == other.position
    assert position_bytes(program.position) == position_bytes(other.position)
    assert program.tally == other.tally
    assert (program.last_day, program.latest_edition) == (other.last_day, other.latest_edition)
    return passed


class Logged:
    """A log in the making: its rows, and what rows to come can be about."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        # Prices with a part of a unit are in few logs.
        self.parts = chance.choice(((), (), ("1000.5", "999.25", "1000.0")))
        self.parted = chance.choice((0.0, 0.0, 0.02, 0.9))
        self.brokers = chance.choice((("north",), ("north", "south"), ("north", "")))
        self.methods = chance.choice((("auction",), ("auction", "off_auction"), ("auction", "")))
        self.odd = chance.choice((0.0, 0.01, 0.05))
        self.rows: list[str] = []
        self.at = datetime(2024, chance.choice((3, 12)), chance.choice((8, 28)), 0, 30, tzinfo=UTC)
        self.orders: list[tuple[str, dict[str, object]]] = []
        self.fills: list[str] = []

    def one(self, usual: Sequence[object], odd: Sequence[object]) -> object:
        """Return one of the *usual* values, or sometimes an *odd* one."""
        return self.chance.choice(odd if self.chance.random() < self.odd else usual)

    def row(self, **cells: object) -> None:
        """Add a row with these *cells*."""
        texts = [str(cells.get(name, "")) for name in COLUMNS]
        self.rows.append(",".join(f'"{one}"' if "," in one else one for one in texts))

    def when(self) -> dict[str, object]:
        """Return the time of the next row, written in one of several ways."""
        steps = (0, 0, 0, 1, 60, 60, 600, 4_000, self.chance.choice((50_000, 50_000, 300_000)))
        self.at += timedelta(seconds=self.chance.choice(steps))
        offset = self.chance.choice((9, 9, 9, 9, 9, 0, -5))
        time = self.at.astimezone(timezone(timedelta(hours=offset))).isoformat()
        if self.chance.random() < self.parted:
            part = self.chance.choice((".25", ".000", ".1234567", ".123456789", ".1234567891"))
            time = time.replace("+", f"{part}+").replace("-05:00", f"{part}-05:00")
            self.at += timedelta(seconds=1)
        return {"time": time.replace("+00:00", self.chance.choice(("Z", "+00:00")))}

    def order(self) -> None:
        """Add an order."""
        chance, name = self.chance, f"o-{len(self.rows)}"
        symbol, venue = chance.choice((*[("9999", "XTKS")] * 7, ("9999", "XNGO"), ("ADS", "XNAS")))
        cells: dict[str, object] = {
            "kind": "order",
            "id": name,
            **self.when(),
            "symbol": symbol,
            "venue": self.one((venue,), ("", "XNYS")),
            "side": self.one(("buy",), ("sell", "")),
            "quantity": self.one((1, 100, 200, 300, 800, "0100"), (10**17, "100.0")),
            "price": self.one((1_000, 1_100, 1_500, *self.parts), ("01000", 10**17)),
            "order_type": self.one(("limit", "limit", ""), ("market",)),
            "broker": self.one(self.brokers, ("北", "")),
            "method": self.one(self.methods, ("block", "off_auction", "")),
            "expires": self.one(("",), ((self.at + timedelta(3)).date(),)),
            "by": self.one(("",), ("ann",)),
        }
        self.row(**cells)
        self.orders.append((name, cells))

    def fill(self) -> None:
        """Add a fill, nearly always of an order before it."""
        chance = self.chance
        if not self.orders:
            return
        name, order = chance.choice(self.orders[-4:])
        quantity, price = int(str(order["quantity"]).partition(".")[0]), order["price"] or "1000"
        given = chance.random() < 0.7
        self.fills.append(f"f-{len(self.rows)}")
        self.row(
            kind="fill",
            id=self.fills[-1],
            **self.when(),
            symbol=order["symbol"],
            venue=order["venue"] if given else self.one(("",), ("XNGO",)),
            side=order["side"] if given else "buy",
            quantity=self.one((quantity, quantity, max(quantity // 2, 1)), (quantity + 1,)),
            price=self.one(
                (price, price, 990, *self.parts), (2_000,) if self.chance.random() < 0.9 else ("",)
            ),
            order=self.one((name,), ("", "o-none")),
            broker=order["broker"] if given else "",
            method=order["method"] if given else self.one(("",), ("auction",)),
        )

    def other(self) -> None:
        """Add a row that no lane takes."""
        chance = self.chance
        of = chance.choice(self.orders[-4:] or [("o-none", {})])[0]
        fill = chance.choice(self.fills[-3:] or ["f-none"])
        listed = {"symbol": "9999", "venue": "XTKS", "side": "buy", "quantity": 10, "price": 1_000}
        halt = {"kind": "halt"} if chance.random() < 0.2 else {"kind": "cancel", "order": of}
        kinds: tuple[dict[str, object], ...] = (
            {"kind": "cancel", "order": of},
            {"kind": "cancel_requested", "order": of},
            {"kind": "replace", "order": of, "quantity": chance.choice((50, 400)), "price": 1_050},
            {"kind": "replaced", "order": of},
            {"kind": "bust", "fill": fill},
            {"kind": "correct", "fill": fill, "quantity": chance.choice((1, 500)), "price": 1_001},
            {**halt},
            {"kind": "resume", "by": "ann", "reason": "checked"},
            {"kind": "order", "broker": "a, b", **listed},
            {"kind": "fill", "date": self.at.date(), **listed},
        )
        if self.rows and chance.random() < 0.2:
            self.rows.append(chance.choice(("", chance.choice(self.rows))))
            return
        cells = chance.choice(kinds)
        when = {} if "date" in cells else self.when()
        self.row(id=f"x-{len(self.rows)}", **when, **cells)

    def text(self, end: str = "\n") -> str:
        """Return the log."""
        return end.join((HEADER, *self.rows, ""))


def drawn(chance: Random) -> tuple[str, str]:
    """Return a rule file and a log under it."""
    conditions = chance.sample(CONDITIONS, chance.randint(0, 12))
    is_hard = chance.random() < 0.15
    conditions += [chance.choice(HARD)] if is_hard else []
    rules = []
    for at, one in enumerate(conditions):
        effect, place = chance.choice(EFFECTS), chance.choice(PLACES)
        keys = f"require: {json.dumps(one)}, effect: {effect}, at: {place}"
        rules.append(f"  - {{id: r{at}, {keys}}}")
    text = RULES.format(
        clock=chance.choice(("Asia/Tokyo", "Asia/Tokyo", "Asia/Tokyo", "America/New_York", "UTC")),
        currency="JPY",
        shares=chance.choice(SHARES),
        amount=chance.choice(("6,000,000", "900,000,000,000,000,000")),
        counters="  last: {per: 3 days}\n  minute: {per: minute}" if is_hard else "",
        rules="\n".join(rules),
    )
    log = Logged(chance)
    others = chance.choice((0.0, 0.02, 0.1))
    for _ in range(chance.randint(2, 90)):
        luck = chance.random()
        (log.other if luck < others else log.order if luck < 0.5 else log.fill)()
    return text, log.text(chance.choice(("\n", "\n", "\r\n")))


@given(st.integers(0, 2**32), st.booleans())
def test_the_lane_decides_as_the_general_way_does(number: int, is_asked: bool) -> None:
    """Rules, counters, orders, fills, and all that interrupts a lane."""
    text, log = drawn(Random(number))
    passed = check_same(text, log, is_asked=is_asked)
    seen("a lane passed rows" if passed else "no lane")


PLAIN: Final = RULES.format(
    clock="Asia/Tokyo", currency="JPY", shares=SHARES[2], amount="9,000,000", counters="", rules=""
)


def orders(count: int) -> str:
    """Return a log of *count* orders with their fills, one after the other."""
    rows = []
    for at in range(count):
        time = f"2024-03-08T09:{at // 60 % 60:02d}:{at % 60:02d}+09:00"
        rows.append(f"order,o-{at},{time},9999,XTKS,buy,100,1000,")
        rows.append(f"fill,f-{at},{time},9999,XTKS,buy,100,999,o-{at}")
    return "\n".join(("kind,id,time,symbol,venue,side,quantity,price,order", *rows, ""))


def test_a_lane_takes_common_rows() -> None:
    """Rows of a plain log, but for the first order and its fill, which show what they are."""
    assert check_same(PLAIN, orders(50)) == 98


def test_what_needs_each_event_gets_each(tmp_path: Path) -> None:
    """Figures by week, and what an expected total differs by, are of all rows of a plain log."""
    rules, log = tmp_path / "rules.yaml", tmp_path / "log.csv"
    rules.write_text(PLAIN, encoding="ascii")
    log.write_text(orders(50), encoding="ascii")
    by_week = run("replay", log, "--rules", rules, "--by", "week", "--json")
    assert by_week.json["figures"]["total"]["trades"] == 50
    expected = run("replay", log, "--rules", rules, "--expect", "shares=4900")
    assert (expected.code, "row 3 comes to just that" in expected.err) == (1, True)


def test_a_log_may_have_no_words_of_its_own(tmp_path: Path) -> None:
    """What all rows share can be given beside the log, which then has figures alone."""
    rules, log = editions(PLAIN), tmp_path / "orders.csv"
    text = "id,time,quantity,price,order\n"
    text += "".join(f"f-{at},2024-03-08T09:00:{at:02d}+09:00,100,1000,\n" for at in range(9))
    log.write_text(text, encoding="ascii")
    constants = {"kind": "fill", "symbol": "9999", "venue": "XTKS", "side": "buy"}
    program, reader = Program(rules), Reader(Reading(), rules)
    with open_log(log, constants=constants) as trades:
        found = list(replay_by_line(trades, program, reader, line))
    assert len(found) == len(program.position.fills.newer) == 9


def test_a_file_that_ends_too_soon_is_told(tmp_path: Path) -> None:
    """A lane reads lines itself, and says as well as the log what is wrong with the file."""
    rules, log = editions(PLAIN), tmp_path / "orders.csv.gz"
    packed = gzip.compress(orders(50_000).encode())
    log.write_bytes(packed[: len(packed) // 2])
    program, reader = Program(rules), Reader(Reading(), rules)
    with open_log(log) as trades, pytest.raises(UsageError, match="the log cannot be read"):
        list(replay_by_line(trades, program, reader, line))
    assert program.tally.outcomes.total() > 1_000


def test_a_fault_of_the_engine_ends_the_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule set that failed is never asked again: the general way decides what follows."""
    rules, log = editions(PLAIN), orders(30)
    expected, _ = general(rules, log)
    judge.forget()
    calls = iter(range(10**6))

    class Failing:
        def __getattr__(self, name: str) -> Any:
            if name == "assert_fact" and next(calls) == 20:
                raise core.error(0)
            return getattr(core, name)

    monkeypatch.setattr(rete, "engine", Failing())
    lines, _, passed = straight(rules, log)
    judge.forget()
    assert (lines, 0 < passed < 58) == (expected, True)


# --- breaks ------------------------------------------------------------------------------------


Break = Callable[[pytest.MonkeyPatch], None]


def read_the_facts_of_the_row_before(patch: pytest.MonkeyPatch) -> None:
    """A row is judged by the figures of the row before it."""
    last: list[tuple[Any, ...]] = []

    def found(of: Lane, place: Place, figures: tuple[Any, ...], *, is_whole: bool) -> Any:
        stale = last.pop() if last and len(last[0]) == len(figures) else figures
        last[:] = [figures]
        return whole(of, place, stale, is_whole=is_whole)

    whole = vars(Lane)["_found"]
    patch.setattr(Lane, "_found", found)


def forget_a_cancel(patch: pytest.MonkeyPatch) -> None:
    """An order that was cancelled meanwhile can still fill."""
    kept: dict[str, Any] = {}

    def begin(of: Lane, position: Position) -> bool:
        kept.update(getattr(of, "_orders", {}))
        is_common = whole(of, position)
        open_ = {name: one for name, one in kept.items() if one.left > 0}
        vars(of)["_orders"].update(open_)
        return is_common

    whole = Lane.begin
    patch.setattr(Lane, "begin", begin)


def read_absence_as_zero(patch: pytest.MonkeyPatch) -> None:
    """A fact that no row gives is sent as nought."""

    def check(rule_set: Any, numbers: Mapping[str, Any], names: Sequence[str]) -> Any:
        return whole(rule_set, {name: value or 0 for name, value in numbers.items()}, names)

    whole = vars(places)["_check"]
    patch.setattr(places, "_check", check)


def keep_the_first_rule_set(patch: pytest.MonkeyPatch) -> None:
    """All editions are judged by the rule sets of the first that was loaded."""
    first: dict[tuple[str, str], Any] = {}

    def compiled(edition: Edition, scope: Scope) -> Compiled:
        key = edition.authorization.text_hash(), scope
        kept: Compiled = first.setdefault(key, whole(edition, scope))
        return kept

    whole = vars(places)["compiled"]
    patch.setattr(places, "compiled", compiled)


def cut_fractions(patch: pytest.MonkeyPatch) -> None:
    """A sum with a part of a unit is sent without it."""

    def found(of: Lane, place: Place, figures: tuple[Any, ...], **_: bool) -> Any:
        return whole(of, place, tuple(map(int, figures)), is_whole=True)

    whole = vars(Lane)["_found"]
    patch.setattr(Lane, "_found", found)


def count_a_fill_as_ordered(patch: pytest.MonkeyPatch) -> None:
    """A fill adds to what was ordered, as its order did."""

    def add(of: Lane, place: Place, more: Sequence[Any]) -> None:
        whole(of, place, (*more[:2], more[6] or more[2], *more[3:]))

    whole = vars(Lane)["_count"]
    patch.setattr(Lane, "_count", add)


def forget_the_money_that_a_fill_releases(patch: pytest.MonkeyPatch) -> None:
    """A fill below its limit leaves the rest reserved."""

    def done(of: Lane, *row: Any) -> Any:
        place, hour, cells, (spent, taken, cost, tied), more, findings = row
        return whole(of, place, hour, cells, (spent, taken, cost, max(tied, -cost)), more, findings)

    whole = vars(Lane)["_done"]
    patch.setattr(Lane, "_done", done)


BREAKS: Final[tuple[Break, ...]] = (
    read_the_facts_of_the_row_before,
    forget_a_cancel,
    read_absence_as_zero,
    keep_the_first_rule_set,
    cut_fractions,
    count_a_fill_as_ordered,
    forget_the_money_that_a_fill_releases,
)
# So many logs show each break; most need a few.
LOGS: Final = 400


@pytest.mark.slow
@pytest.mark.parametrize("broken", BREAKS, ids=lambda one: one.__name__)
def test_a_broken_lane_is_noticed(monkeypatch: pytest.MonkeyPatch, broken: Break) -> None:
    """The comparison with the general way fails for each way to break a lane."""
    broken(monkeypatch)

    def check_all() -> None:
        for number in range(LOGS):
            check_same(*drawn(Random(number)))

    with pytest.raises(AssertionError):
        check_all()
