"""Prepaid purchases: money paid ahead is judged and spent at once; deliveries cost nothing."""

from __future__ import annotations

import json
import time
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest

from repurchase.domain.counters import When
from repurchase.domain.decisions import Decision
from repurchase.domain.errors import InputError
from repurchase.evaluation.step import step
from repurchase.intake import fields
from repurchase.journal.snapshot import position_bytes, read_position
from repurchase.ledger.fold import counting
from repurchase.ledger.position import Position
from repurchase.proof.diff import Comparison
from repurchase.proof.proof import proved
from repurchase.proof.solver import Time
from repurchase.replay.figures import Grouping
from repurchase.rulebook.editions import load_text
from repurchase.rulebook.life import life
from test_cli import run

FILE: Final = """repurchase: 1
authorization: acme
issuer: Acme
timezone: Asia/Tokyo
currency: JPY
instruments:
  common: {symbol: ACME, venues: [XTKS]}
  ads: {symbol: ADS, venues: [XNYS], currency: USD, fx_margin: 10%}
terms:
  max_shares: {value: "1,000 shares"}
  max_amount: {value: "JPY 100,000"}
  first_day: {value: 2008-11-14}
  last_day: {value: 2009-01-30}
counters:
  ahead: {methods: [prepaid]}
rules:
  - {id: share-cap, require: program.shares_after <= terms.max_shares}
  - {id: amount-cap, require: program.amount_after <= terms.max_amount}
  - {id: ahead, require: "counters.ahead.amount_after <= JPY 90,000"}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - {id: buys-only, require: trade.side == buy}
"""
UNLIMITED: Final = FILE.replace(
    "  - {id: share-cap, require: program.shares_after <= terms.max_shares}\n", ""
).replace("counters:", "unlimited: [shares]\ncounters:")
DAY: Final = date(2008, 12, 1)
PAID: Final = {"symbol": "ACME", "by": "ann", "reason": "agreement", "amount": 80_000}
BUY: Final = {"symbol": "ACME", "side": "buy", "price": 10, "method": "auction"}


class Program:
    """A program, event by event."""

    def __init__(self, text: str = FILE, *, live: bool = False) -> None:
        self.editions, self.live = load_text(text.encode(), "acme.yaml"), live
        self.position = counting(Position(), self.editions.authorization.kept())
        self.figures = Grouping(("day",))

    def send(self, kind: str, id_: str, day: Any = DAY, **more: Any) -> Decision:
        """Return the decision on an event of *day*."""
        event = fields.event(
            {"kind": kind, "id": id_, "date": str(day)}
            | {name: None if one is None else str(one) for name, one in more.items()}
        )
        of = life(self.editions, event, self.position)
        taken = step(event, self.position, of, live=self.live)
        self.figures.add(event, self.position, taken.position)
        self.position = read_position(position_bytes(taken.position))
        return taken.decision

    @property
    def used(self) -> tuple[Any, ...]:
        """Return what is executed and reserved, in shares and then in money."""
        at = self.position
        return (
            at.known_executed_shares(),
            at.reserved_shares,
            at.known_executed_amount(),
            at.known_reserved_amount(),
        )


def rules(decision: Decision) -> list[str]:
    """Return the outcome of *decision*, then its findings."""
    return [decision.outcome, *(one.rule for one in decision.findings)]


def test_payment_is_spent_and_its_most_shares_are_reserved() -> None:
    """Its deliveries take from what it reserved, and cost nothing more."""
    program = Program(live=True)
    assert rules(program.send("prepaid", "p", quantity=900, expires="2009-01-30", **PAID)) == [
        "approved"
    ]
    assert program.used == (0, 900, 80_000, 0)
    ahead = program.position.counters["ahead"].of(When(DAY))
    assert ahead is not None
    assert ahead.amount == 80_000
    assert rules(program.send("order", "o", quantity=101, **BUY)) == ["denied", "share-cap"]
    assert rules(program.send("fill", "f", order="p", quantity=600)) == ["approved"]
    said = {"symbol": "ACME", "side": "buy", "method": "prepaid", "amount": 0}
    later = date(2009, 1, 30)
    assert rules(program.send("fill", "g", later, order="p", quantity=299, **said)) == ["approved"]
    assert program.used == (899, 1, 80_000, 0)
    over = program.send("fill", "h", later, order="p", quantity=2)
    assert rules(over) == ["denied", "engine.overrun"]
    assert program.used == (901, 0, 80_000, 0)


def test_payment_that_states_no_shares_needs_a_program_without_a_cap_on_them() -> None:
    """How many will be delivered is unknown; if nothing limits them, each delivery is judged."""
    found = Program().send("prepaid", "p", **PAID)
    assert rules(found) == ["denied", "share-cap"]
    assert [one.result for one in found.findings] == ["indeterminate"]
    program = Program(UNLIMITED, live=True)
    assert rules(program.send("prepaid", "p", **PAID)) == ["approved"]
    assert program.used == (0, 0, 80_000, 0)
    assert rules(program.send("fill", "f", order="p", quantity=5000)) == ["approved"]
    assert rules(program.send("fill", "g", date(2009, 1, 31), order="p", quantity=1)) == [
        "denied",
        "window",
    ]
    assert program.used == (5001, 0, 80_000, 0)
    assert rules(program.send("order", "o", quantity=2000, **BUY))[0] == "denied"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"amount": 90_000}, []),
        ({"amount": 90_001}, ["ahead"]),
        ({"amount": 100_001}, ["ahead", "amount-cap"]),
        ({"quantity": 1000}, []),
        ({"quantity": 1001}, ["share-cap"]),
        ({"expires": "2009-01-31"}, ["window"]),
        ({"symbol": "OTHER"}, ["amount-cap", "engine.unknown-amount", "engine.unknown-instrument"]),
    ],
)
def test_payment_keeps_to_the_caps(said: dict[str, Any], expected: list[str]) -> None:
    """It is judged as an order of its amount; what is denied pays nothing."""
    program = Program()
    found = rules(program.send("prepaid", "p", **{"quantity": 10, **PAID, **said}))
    assert [one for one in found[1:] if one in expected] == expected
    assert found[0] == ("denied" if expected else "approved")
    assert program.used[2] == (0 if expected else {**PAID, **said}["amount"])


def test_payment_in_another_currency_counts_at_its_rate() -> None:
    """What was paid has no margin; without a rate it is unknown, and denied whatever the rules."""
    said = {**PAID, "symbol": "ADS", "amount": 800, "quantity": 10}
    program = Program()
    assert rules(program.send("prepaid", "p", fx=100, **said)) == ["approved"]
    assert program.used == (0, 10, 80_000, 0)
    free = UNLIMITED.replace("[shares]", "[shares, amount]")
    free = "\n".join(one for one in free.splitlines() if "amount_after" not in one)
    found = Program(free).send("prepaid", "p", **said)
    assert rules(found) == ["denied", "engine.unknown-amount"]
    (finding,) = found.findings
    assert finding.missing == ("trade.amount", "fx")


def test_rules_see_a_payment_without_a_price() -> None:
    """A rule on prices is undecided, unless it exempts what is prepaid."""
    condition = "trade.price_per_share <= JPY 50 and trade.price <= market.day_high"
    rule = f"  - {{{{id: price, {{}}require: {condition}}}}}\n"
    said = {"quantity": 10, **PAID}
    found = Program(FILE + rule.format("")).send("prepaid", "p", **said)
    assert [(one.rule, one.result, one.missing) for one in found.findings] == [
        ("price", "indeterminate", ("market.day_high", "trade.price", "trade.price_per_share"))
    ]
    exempt = FILE + rule.format("when: trade.method != prepaid, ")
    program = Program(exempt)
    assert rules(program.send("prepaid", "p", **said)) == ["approved"]
    assert rules(program.send("fill", "f", order="p", quantity=1)) == ["approved"]


def test_payment_is_never_held() -> None:
    """A review rule that fails denies it: nobody can release what is paid at once."""
    rule = "  - {id: seen, effect: review, require: trade.amount <= JPY 1}\n"
    program = Program(FILE + rule, live=True)
    assert rules(program.send("prepaid", "p", quantity=1, **PAID)) == ["denied", "seen"]
    release = {"order": "p", "by": "bob", "reason": "seen"}
    assert rules(program.send("release", "r", **release)) == ["denied", "engine.not-held"]


def test_halted_program_pays_nothing() -> None:
    """A payment is a request."""
    program = Program(live=True)
    program.send("halt", "h")
    found = program.send("prepaid", "p", quantity=1, **PAID)
    assert rules(found) == ["denied", "engine.halted"]


def test_payment_stays_until_its_end_is_reported() -> None:
    """It cannot be replaced; its cancel releases the shares, and the money stays spent."""
    program = Program()
    program.send("prepaid", "p", quantity=900, **PAID)
    found = program.send("replace", "r", order="p", quantity=800)
    assert rules(found) == ["denied", "engine.prepaid-stays"]
    assert rules(program.send("cancel", "c", order="p")) == ["recorded"]
    assert program.used == (0, 0, 80_000, 0)
    late = program.send("fill", "f", order="p", quantity=1)
    assert rules(late)[:1] == ["denied"]
    assert "engine.not-prepaid" in rules(late)


@pytest.mark.parametrize("order", [None, "unknown", "o"])
def test_delivery_that_nothing_paid_for_leaves_the_money_unknown(order: str | None) -> None:
    """Shares for nothing are never counted as free: nothing more is approved."""
    program = Program(UNLIMITED)
    program.send("order", "o", quantity=10, **BUY)
    said = {"symbol": "ACME", "side": "buy", "method": "prepaid", "amount": 0, "order": order}
    found = program.send("fill", "f", quantity=5, **said)
    assert {"denied", "engine.not-prepaid", "engine.unknown-amount"} <= {*rules(found)}
    assert program.used[2] is None
    assert rules(program.send("order", "p", quantity=1, **BUY))[0] == "denied"
    program.send("correct", "c", fill="f", quantity=5, price=9, method="auction")
    assert program.used[2] == 45


def test_correct_of_a_delivery_is_a_delivery() -> None:
    """Its shares change and its money does not; a fill that cost something stays one."""
    program = Program()
    program.send("prepaid", "p", quantity=900, **PAID)
    program.send("fill", "f", order="p", quantity=600)
    assert rules(program.send("correct", "c", fill="f", quantity=500)) == ["approved"]
    assert program.used == (500, 300, 80_000, 0)
    program.send("bust", "b", fill="f")
    assert program.used == (0, 300, 80_000, 0)
    program.send("fill", "g", quantity=5, **BUY)
    program.send("correct", "d", fill="g", quantity=5, method="prepaid", amount=0)
    assert program.used[2] is None


def test_delivery_follows_a_split() -> None:
    """What is still to be delivered is twice as much."""
    program = Program()
    program.send("prepaid", "p", quantity=400, expires="2009-01-30", **PAID)
    program.send("fill", "f", order="p", quantity=300)
    program.send("split", "s", date(2008, 12, 2), symbol="ACME", new=2, old=1)
    assert program.used == (600, 200, 80_000, 0)
    found = program.send("fill", "g", date(2008, 12, 2), order="p", quantity=200)
    assert (rules(found), program.used) == (["approved"], (800, 0, 80_000, 0))


def test_figures_have_the_money_that_no_fill_has() -> None:
    """Their total is what the program has executed; a delivery has no price."""
    program = Program()
    program.send("prepaid", "p", quantity=400, **PAID)
    program.send("fill", "f", order="p", quantity=300)
    found = program.figures.figures(program.editions, program.editions.on(DAY))
    assert (found.forward_amount, found.total.cumulative_amount) == (80_000, 80_000)
    assert (found.total.shares, found.total.prices) == (300, None)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"by": None}, "`by` is missing"),
        ({"reason": None}, "`reason` is missing"),
        ({"amount": None}, "`amount` is missing"),
        ({"amount": "0"}, "`amount` is `0`, but must be above zero"),
        ({"price": "5"}, "`price` is not a field of a `prepaid` event"),
        ({"method": "prepaid"}, "`method` is not a field of a `prepaid` event"),
        ({"kind": "order", "amount": None, "quantity": "1", "method": "prepaid"}, "`method` is"),
        ({"kind": "fill", "quantity": "1", "amount": "0"}, "`amount` is `0`, but must be above"),
        ({"quantity": "1.5"}, "`quantity` is `1.5`, but must be a whole number above zero"),
    ],
)
def test_payment_that_cannot_be_read_is_refused(row: dict[str, str | None], fault: str) -> None:
    """The fault comes first, then the fix."""
    said = {"kind": "prepaid", "id": "p", "date": "2008-12-01", "symbol": "ACME", "by": "ann"}
    with pytest.raises(InputError) as refused:
        fields.event({**said, "reason": "agreement", "amount": "5", **row})
    assert fault in str(refused.value)


# -- what is proved -------------------------------------------------------------------------------


def shown(rule: str) -> list[dict[str, Any]]:
    """Return the events against the cap on money if only *rule* sets it."""
    text = UNLIMITED.replace("{id: amount-cap, require: program", "{id: amount-cap, " + rule)
    found = proved(load_text(text.encode(), "acme.yaml"), time.monotonic_ns)
    (gap,) = found.gaps
    assert gap.history is not None
    return list(gap.history.events)


def test_proof_covers_payments() -> None:
    """A cap that exempts what is prepaid limits nothing; a payment past it shows that."""
    *_, event = shown("when: trade.method != prepaid, require: program")
    assert (event["kind"], "price" in event) == ("prepaid", False)
    there = "terms.first_day <= trade.venue_date and trade.venue_last_date <= terms.last_day"
    alone = UNLIMITED + (
        "  - {id: ahead-only, require: trade.method == prepaid}\n"
        f"  - {{id: there, require: {there}}}\n"
    )
    found = proved(load_text(alone.encode(), "acme.yaml"), time.monotonic_ns)
    examples = [one.example for one in found.editions if one.in_window]
    assert found.holds
    assert all(example and example[-1]["kind"] == "prepaid" for example in examples)


def test_comparison_of_files_covers_payments() -> None:
    """A rule on prices denies every payment; exempting them permits more."""
    rule = "  - {{id: price, {}require: trade.price_per_share <= JPY 50}}\n"
    texts = [FILE + rule.format(when) for when in ("", "when: trade.method != prepaid, ")]
    old, new = (load_text(text.encode(), "acme.yaml") for text in texts)
    compared = Comparison(old, new, Time(60_000, time.monotonic_ns)).compared("order")
    assert compared.looser.shown is not None
    event = compared.looser.shown.events[-1]
    assert (event["kind"], compared.tighter.never) == ("prepaid", True)


# -- a real program, from its quarterly report ----------------------------------------------------

WASTE: Final = """repurchase: 1
authorization: wm-2017
issuer: Waste Management, Inc.
sources:
  report:
    title: Quarterly report to 2017-09-30, note 11
    url: https://www.sec.gov/Archives/edgar/data/823768/000155837017007569/R18.htm
timezone: America/New_York
currency: USD
instruments:
  common: {symbol: WM, venues: [XNYS]}
terms:
  paid: {value: "USD 500,000,000", quote: "$500 million", source: report}
  first_day: {value: 2017-08-01}
  last_day: {value: 2017-12-31}
unlimited: [shares]
rules:
  - {id: amount-cap, require: program.amount_after <= terms.paid}
  - {id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}
  - {id: ahead, require: trade.method == prepaid}
"""
WASTE_CASES: Final = """
usual: {time: 2017-08-07T16:30:00-04:00, symbol: WM, by: ann, reason: agreement}
cases:
  - {name: the whole amount, event: {kind: prepaid, amount: 500000000}, expect: approved}
  - name: a dollar more
    event: {kind: prepaid, amount: 500000001}
    expect: denied
    rules: [amount-cap]
  - name: a second payment
    given: [{kind: prepaid, id: p-1, amount: 500000000}]
    event: {kind: prepaid, amount: 1}
    expect: denied
    rules: [amount-cap]
  - name: on the last day
    event: {kind: prepaid, amount: 1, time: 2017-12-31T23:59:59-05:00}
    expect: approved
  - name: a day too late
    event: {kind: prepaid, amount: 1, time: 2018-01-01T00:00:00-05:00}
    expect: denied
    rules: [window]
  - name: the first delivery
    given: [{kind: prepaid, id: p-1, amount: 500000000}]
    event: {kind: fill, order: p-1, quantity: 5300000, method: prepaid, amount: 0}
    expect: approved
  - name: the last delivery
    given:
      - {kind: prepaid, id: p-1, amount: 500000000}
      - {kind: fill, id: f-1, order: p-1, quantity: 5300000}
    event: {kind: fill, order: p-1, quantity: 1200000, time: 2017-12-01T16:30:00-05:00}
    expect: approved
  - name: a delivery too late
    given: [{kind: prepaid, id: p-1, amount: 500000000}]
    event: {kind: fill, order: p-1, quantity: 1, time: 2018-01-01T00:00:00-05:00}
    expect: denied
    rules: [window]
  - name: a delivery of no payment
    event: {kind: fill, side: buy, quantity: 1, method: prepaid, amount: 0}
    expect: denied
    rules: [amount-cap, engine.not-prepaid, engine.unknown-amount]
  - name: a purchase in the market
    event: {kind: order, side: buy, quantity: 1, price: 75, method: auction}
    expect: denied
    rules: [ahead]
"""


@pytest.mark.slow
def test_accelerated_repurchase_is_stated_without_a_trick(tmp_path: Path) -> None:
    """Waste Management paid half a billion in August 2017, and had all shares by December."""
    (tmp_path / "wm-2017.yaml").write_text(WASTE)
    (tmp_path / "wm-2017.cases.yaml").write_text(WASTE_CASES)
    for command in ("lint", "test", "prove"):
        found = run(command, "wm-2017.yaml", cwd=tmp_path)
        assert found.code == 0, (found.out, found.err)


def test_journal_keeps_payments_and_splits(tmp_path: Path) -> None:
    """Both are recorded, re-evaluated alike, and go from one journal to another."""
    (tmp_path / "acme.yaml").write_text(FILE)
    first = {"kind": "prepaid", "id": "p", "date": "2008-12-01", "quantity": "300", **PAID}
    split = {"kind": "split", "id": "s", "date": "2008-12-02", "symbol": "ACME"}
    rows = [
        first | {"amount": "80000", "expires": "2009-01-30"},
        {"kind": "fill", "id": "f", "date": "2008-12-01", "order": "p", "quantity": "100"},
        split | {"new": "3", "old": "2"},
        {"kind": "fill", "id": "g", "date": "2008-12-02", "order": "p", "quantity": "300"},
    ]
    (tmp_path / "log.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    journal = ("--journal", "j.db")
    sent = run("submit", "log.jsonl", *journal, "--rules", "acme.yaml", cwd=tmp_path)
    assert sent.code == 0, (sent.out, sent.err)
    assert run("verify", *journal, cwd=tmp_path).code == 0
    position = run("position", *journal, "--json", cwd=tmp_path).json["position"]
    assert (position["executed_shares"], position["executed_amount"]) == ("450", "80000")
    exported = run("export", *journal, cwd=tmp_path)
    (tmp_path / "export.jsonl").write_text(exported.out)
    again = run("import", "export.jsonl", "--journal", "other.db", cwd=tmp_path)
    assert again.code == 0, again.err
    assert run("verify", "--journal", "other.db", cwd=tmp_path).code == 0
