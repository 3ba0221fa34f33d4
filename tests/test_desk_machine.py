"""Promise 1 of the design at the desk, on a real SQLite journal: any events, any interruption.

What is asserted is read off the design and not off the engine's own verdicts: what an order may
use is worked out here from its own fields, and a position is compared before and after.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import ClassVar, Final

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from desk_events import (
    FIRST,
    LAST,
    MARGIN,
    MAX_AMOUNT,
    PROGRAM,
    RATIO,
    Draft,
    about,
    clock,
    drafts,
    max_shares,
    order,
    other_rules,
    rules,
)
from repurchase.domain.decisions import Decision
from repurchase.domain.events import Event
from repurchase.domain.quantities import written
from repurchase.journal import book
from repurchase.journal import desk as desk_module
from repurchase.journal.book import Book, RuleTexts, caught_up, stored_book
from repurchase.journal.desk import Desk
from repurchase.journal.records import event_object, read_record
from repurchase.journal.snapshot import position_bytes
from repurchase.journal.store import Journal
from repurchase.ledger.position import Position
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.packs import kept

# The points that `Journal` names, and whether an event is recorded once one is reached.
FAILPOINTS: Final = {
    "locked": False,
    "appended": False,
    "written": False,
    "committed": True,
    "answered": True,
}
# So that short programs have snapshots, and pass one while they run.
SNAPSHOT_EVERY: Final = 6


class Killed(BaseException):
    """The process ends here, as far as the test can tell."""


class Program(RuleBasedStateMachine):
    """Two desks of one program on one journal, and all that was ever answered."""

    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="desk-"))
        self.url = str(self.folder / "journal.db")
        self.now = clock()
        self.number = 0
        # Where the next transaction ends, if it does.
        self.failpoint: str | None = None
        self.journals = [self.opened(), self.opened()]
        self.desks = [self.desk(journal) for journal in self.journals]
        # The program as a third party reads it.
        self.reader = Journal(self.url)
        self.texts = RuleTexts(self.reader.text)
        self.told = Book()
        self.turn = 0
        self.adopted = rules()
        # What was answered, by id, and with which event.
        self.answered: dict[str, tuple[Event, bytes]] = {}
        # Whether nothing was ever counted that no order had reserved.
        self.clean = True

    def opened(self) -> Journal:
        """Return the journal, open."""
        return Journal(self.url, create=True, reached=self.reached)

    def desk(self, journal: Journal) -> Desk:
        """Return a desk of the program in *journal*."""
        begun = bool(journal.programs())
        return Desk(journal, PROGRAM, self.now, None if begun else rules(), "ann")

    def reached(self, name: str) -> None:
        """End the process, as it were, where it is to end."""
        if name == self.failpoint:
            raise Killed

    def position(self) -> Position:
        """Return the position as the records tell it, read past both desks."""
        new = self.reader.records(PROGRAM, self.told.head.sequence)
        self.told = caught_up(self.told, new, self.texts, self.url)
        return self.told.position

    # -- what happens -----------------------------------------------------------------------------

    @initialize(begun=st.booleans())
    def begin(self, begun: bool) -> None:
        """Begin the program, or leave that to whatever happens first."""
        if begun:
            self.submit(order(self.name(), 2))

    @rule(chosen=st.lists(drafts(), min_size=1, max_size=6))
    def happen(self, chosen: list[Draft]) -> None:
        """Submit events one by one."""
        for draft in chosen:
            self.submit(draft.event(self.name(), self.position()))

    @rule(chosen=st.lists(drafts(("order", "fill", "replace", "cancel")), min_size=2, max_size=4))
    def happen_together(self, chosen: list[Draft]) -> None:
        """Submit several events in one transaction, all drawn at the same position."""
        position = self.position()
        events = [draft.event(self.name(), position) for draft in chosen]
        answers = self.next_desk().answer(events)
        for event, answer in zip(events, answers, strict=True):
            self.answered[event.id] = event, msgspec.json.encode(answer.decision)
        self.seen["group"] += 1
        if self.use(self.position()) > self.use(position):
            # Which of them did it is told by the machine that submits one by one.
            self.clean &= all(one.decision.outcome != "denied" for one in answers)

    @rule()
    def reopen(self) -> None:
        """Close everything and open it again."""
        for journal in self.journals:
            journal.close()
        self.journals = [self.opened(), self.opened()]
        self.desks = [self.desk(journal) for journal in self.journals]
        # Each read a snapshot, where there is one, and what came after.
        assert [desk.refresh().position for desk in self.desks] == [self.position()] * 2

    @precondition(lambda self: self.answered)
    @rule(which=st.integers(0, 1_000), other=st.booleans())
    def retry(self, which: int, other: bool) -> None:
        """Submit an event again, or another under its id: nothing changes."""
        event, answer = list(self.answered.values())[which % len(self.answered)]
        before = self.records()
        if other:
            decision = self.next_desk().submit(replace(event, by="someone else")).decision
            assert decision.outcome == "refused"
        else:
            assert msgspec.json.encode(self.next_desk().submit(event).decision) == answer
        assert self.records() == before

    @precondition(lambda self: self.answered)
    @rule()
    def adopt(self) -> None:
        """Adopt the other one of two rule files with the same caps."""
        self.adopted = other_rules() if self.adopted == rules() else rules()
        self.next_desk().adopt(self.adopted, "cid", "the board amended it")
        # The other desk was opened with the old ones, and would refuse.
        self.reopen()

    # -- what must hold ---------------------------------------------------------------------------

    def submit(self, event: Event) -> Decision:
        """Submit *event* and check what the design promises of it."""
        before = self.position()
        decision = self.next_desk().submit(event).decision
        self.answered[event.id] = event, msgspec.json.encode(decision)
        self.check(event, decision, before, self.position())
        return decision

    def check(self, event: Event, decision: Decision, before: Position, after: Position) -> None:
        """Check promise 1 for *event*, by the positions before and after it."""
        self.seen[f"{event.kind} {decision.outcome}"] += 1
        raised = [new > old for new, old in zip(self.use(after), self.use(before), strict=True)]
        day = _day(event)
        if decision.outcome == "approved" and event.kind in ("order", "replace", "release"):
            self.check_approval(event, before, after, day)
        elif any(raised):
            self.check_rise(event, decision, before, after)
        if event.kind == "order":
            self.check_order(event, decision, before, after)
        if event.kind in ("cancel", "expire", "rejected", "replaced", "halt", "resume"):
            assert _executed(after) == _executed(before)
        if decision.outcome == "denied" and event.kind not in ("fill", "correct"):
            # (b) What was denied uses nothing, and frees nothing.
            assert self.use(after) == self.use(before)
            assert after.reserved_shares == before.reserved_shares
        if event.kind == "fill":
            self.check_fill(event, decision, before, after)

    def check_approval(self, event: Event, before: Position, after: Position, day: date) -> None:
        """(a) It fits, its own worst case included, and is within the window on both clocks."""
        shares, amount = after.used_shares(), after.used_amount()
        assert shares is not None
        assert amount is not None
        assert shares <= max_shares(day)
        assert amount <= MAX_AMOUNT
        assert FIRST <= day <= LAST
        own = after.orders[event.id if event.kind == "order" else event.order or ""]
        assert max(terms.last_date for terms in own.in_play()) <= LAST
        # (d) Nothing is approved while the program is halted.
        assert before.halted is None

    def check_rise(
        self, event: Event, decision: Decision, before: Position, after: Position
    ) -> None:
        """(b) Only an overrun, a correct upwards or what is brought forward raises use."""
        self.clean = False
        assert event.kind in ("fill", "correct", "brought_forward")
        if event.kind == "brought_forward":
            assert not before.started
            assert decision.outcome == "recorded"
            return
        if event.kind == "correct":
            old = before.fills.get(event.fill or "")
            new = after.fills.get(event.id)
            assert new is not None
            assert (
                old is None
                or old.settled
                or (new.shares or 0) > (old.shares or 0)
                or (new.amount or 0) > (old.amount or 0)
            )
            self.seen["correct upwards"] += 1
            return
        # (d) A fill beyond what was reserved is a breach: the program halts.
        assert decision.outcome == "denied"
        assert after.halted is not None
        self.seen["overrun"] += 1

    def check_order(
        self, event: Event, decision: Decision, before: Position, after: Position
    ) -> None:
        """An approved order reserves its worst case, to the last unit."""
        if decision.outcome != "approved":
            return
        is_ads = event.symbol == "ACME"
        quantity = event.quantity or 0
        shares = quantity * (RATIO if is_ads else 1)
        money = quantity * Fraction(event.price or 0)
        if is_ads:
            money *= Fraction(event.fx or 0) * (1 + MARGIN)
        assert after.reserved_shares - before.reserved_shares == shares
        assert after.reserved_amount - before.reserved_amount == money + (event.fees or 0)

    def check_fill(
        self, event: Event, decision: Decision, before: Position, after: Position
    ) -> None:
        """(d) A fill counts in full, whatever is said of it; within its order it is no breach."""
        if event.side != "buy" or None in (event.price, event.fees) or event.amount is not None:
            return
        rate = {"9999": Fraction(1), "ACME": event.fx}.get(event.symbol or "")
        if rate is None or (event.symbol == "9999" and event.fx not in (None, 1)):
            return
        quantity, price = event.quantity or 0, Fraction(event.price or 0)
        shares = quantity * (RATIO if event.symbol == "ACME" else 1)
        fees = Fraction(event.fees or 0)
        assert after.executed_shares - before.executed_shares == shares
        assert after.executed_amount - before.executed_amount == quantity * price * rate + fees
        own = before.orders.get(event.order or "")
        if own is None or not own.is_open or own.asked is not None:
            return
        terms = own.terms
        if (
            terms.event.symbol == event.symbol
            and quantity <= own.open_quantity
            and price <= (terms.price or 0)
            and rate <= (terms.fx or 0)
            and fees <= (own.fees_left or 0)
            and terms.event.quantity == terms.quantity
            and FIRST <= _day(event) <= (terms.event.expires or _day(terms.event))
        ):
            assert [one for one in decision.findings if one.rule == "engine.overrun"] == []
            self.seen["fill within its order"] += 1

    @invariant()
    def all_fits_together(self) -> None:
        """Check what holds at any time, whatever came before."""
        position = self.position()
        # Reservations are never negative, and are those of the open orders.
        orders = list(position.orders.values())
        assert min([0, *(one.reserved_shares for one in orders)]) == 0
        assert min([0, *(one.reserved_amount or 0 for one in orders)]) == 0
        assert position.reserved_shares == sum(one.reserved_shares for one in orders)
        assert position.reserved_amount == sum(one.reserved_amount or 0 for one in orders)
        if self.clean:
            # (c) Without those of (b) no cap is ever passed.
            assert position.executed_shares + position.reserved_shares <= 60
            assert position.executed_amount + position.reserved_amount <= MAX_AMOUNT
        # Each answer that left has its record, and no event has two.
        ids = [one for one in self.records() if one is not None]
        assert len(ids) == len(set(ids))
        assert set(ids) >= set(self.answered)
        # Either desk carries the position that the records tell.
        for desk in self.desks:
            assert desk.refresh().position == position

    def teardown(self) -> None:
        """Check that all records fold to the position, and that every reservation can end."""
        try:
            if self.answered:
                self.refold()
                self.close_orders()
        finally:
            for journal in (*self.journals, self.reader):
                journal.close()
            shutil.rmtree(self.folder)

    def refold(self) -> None:
        """Check that the records alone come to the position, and to the bytes of the snapshot."""
        records = list(self.reader.records(PROGRAM))
        whole = stored_book(self.reader, PROGRAM)
        assert position_bytes(whole.position) == position_bytes(self.position())
        told = {one.id: read_record(one.body) for one in records if one.id is not None}
        assert told.keys() >= self.answered.keys()
        for name, (event, answer) in self.answered.items():
            assert told[name].event == event_object(event)
            assert msgspec.json.encode(told[name].decision()) == answer
        kept = self.reader.snapshot(PROGRAM)
        if kept is not None:
            sequence, body = kept
            early = caught_up(Book(), records[: sequence - 1], self.texts, self.url)
            assert position_bytes(early.position) == body
            self.seen["snapshot"] += 1

    def close_orders(self) -> None:
        """Check that once every order has ended, nothing is reserved, to the last unit."""
        position = self.position()
        for name, own in position.orders.items():
            if own.is_open:
                self.desks[0].submit(about("cancel", self.name(), order=name))
        left = self.position()
        assert (left.reserved_shares, left.reserved_amount, left.unbounded) == (0, 0, 0)
        assert _executed(left) == _executed(position)

    # -- how it is put together -------------------------------------------------------------------

    def name(self) -> str:
        """Return an id that was never used."""
        self.number += 1
        return f"e{self.number}"

    def next_desk(self) -> Desk:
        """Return the one of the two desks whose turn it is."""
        self.turn += 1
        return self.desks[self.turn % 2]

    def records(self) -> list[str | None]:
        """Return the ids of all records."""
        return [one.id for one in self.reader.records(PROGRAM)]

    def use(self, position: Position) -> tuple[Fraction, Fraction]:
        """Return what is executed and reserved, in shares and in money, as far as it is known."""
        return (
            Fraction(position.executed_shares + position.reserved_shares),
            Fraction(position.executed_amount + position.reserved_amount),
        )


class Interrupted(Program):
    """The same, ended at any of the points that the journal names, and opened again."""

    @rule(draft=drafts(), failpoint=st.sampled_from(sorted(FAILPOINTS)))
    def end(self, draft: Draft, failpoint: str) -> None:
        """End while an event is on its way, open again, and send it once more."""
        event = draft.event(self.name(), self.position())
        before = self.records()
        self.failpoint = failpoint
        decision = None
        try:
            decision = self.next_desk().submit(event).decision
        except Killed:
            self.seen[f"ended at {failpoint}"] += 1
        self.failpoint = None
        if decision is not None:
            # It left, so it must last.
            self.answered[event.id] = event, msgspec.json.encode(decision)
        position = self.position()
        self.reopen()
        assert self.position() == position
        found = self.records()
        assert set(found) >= set(self.answered)
        assert (event.id in found) == FAILPOINTS[failpoint]
        assert [one for one in found if one not in (event.id, None)] == [
            one for one in before if one is not None
        ]
        if event.id not in found:
            assert found == before
        again = self.next_desk().submit(event).decision
        self.answered[event.id] = event, msgspec.json.encode(again)
        assert self.records().count(event.id) == 1
        self.clean = False

    @rule(draft=drafts(), failpoint=st.sampled_from(sorted(FAILPOINTS)))
    def fail(self, draft: Draft, failpoint: str) -> None:
        """Fail while an event is on its way, and go on with the desk as it is."""
        event = draft.event(self.name(), self.position())
        self.failpoint = failpoint
        with pytest.raises(Killed):
            self.desks[0].submit(event)
        self.failpoint = None
        again = [desk.submit(event).decision for desk in self.desks]
        assert again[0] == again[1]
        self.answered[event.id] = event, msgspec.json.encode(again[0])
        assert self.records().count(event.id) == 1
        self.clean = False


def _day(event: Event) -> date:
    # A moment of the tests is on the same day in Tokyo and at both venues.
    found = event.date if event.time is None else event.time.date()
    assert found is not None
    return found


def _executed(position: Position) -> tuple[str, str]:
    return written(position.executed_shares), written(position.executed_amount)


def loading_once() -> Callable[..., Editions]:
    """Return what loads each rule file once, of those that include no pack."""

    @cache
    def loaded(text: bytes, name: str) -> Editions:
        return load_text(text, name, packs=kept({}))

    # What gives the packs is another for each journal, so it cannot be asked for by it.
    return lambda text, name, **_: loaded(text, name)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a snapshot every few records, and compile each rule file once for all examples."""
    monkeypatch.setattr(desk_module, "SNAPSHOT_EVERY", SNAPSHOT_EVERY)
    monkeypatch.setattr(book, "load_text", loading_once())


# Each step commits to a real file: fewer examples than elsewhere, unless a profile asks for more.
LENGTHS: Final = settings(stateful_step_count=25, max_examples=settings().max_examples // 6)


@pytest.mark.hypothesis
@pytest.mark.parametrize("machine", [Program, Interrupted])
def test_promise_1_holds_at_the_desk(machine: type[Program]) -> None:
    """Whatever is submitted, retried and interrupted, promise 1 holds and nothing is lost."""
    run_state_machine_as_test(machine, settings=LENGTHS)
