"""Promise 1 of the design at the desk, on a real SQLite journal: any events, any interruption.

What is asserted is read off the design and not off the engine's own verdicts: what an order may
use is worked out here from its own fields, and a position is compared before and after.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
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
from repurchase.domain.errors import InputError
from repurchase.domain.events import REPORTS, Event, key_of
from repurchase.domain.quantities import written
from repurchase.evaluation.step import Decided, is_same_news
from repurchase.intake.objects import event_from_json
from repurchase.journal import book
from repurchase.journal.book import Book, RuleTexts, caught_up, stored_book
from repurchase.journal.desk import Desk
from repurchase.journal.records import event_object, read_record
from repurchase.journal.seen import snapshot
from repurchase.journal.snapshot import position_bytes
from repurchase.journal.store import Journal
from repurchase.ledger.position import Position
from repurchase.report.ways import way_on
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
ANSWERS: Final = ("replaced", "rejected", "cancel", "expire")
# So that short programs keep positions, and pass one while they run.
KEEP_EVERY: Final = 6


# What a person may write for a placeholder, if not a number.
_FILLED: Final = {
    **dict.fromkeys(("order", "fill", "of"), "o1"),
    "broker": "north",
    "expires": "2008-12-01",
    "method": "auction",
    "symbol": "9999",
    "venue": "XTKS",
}


def check_way(answered: Decided) -> None:
    """Assert that whatever is not approved or recorded says what to do, with events to submit."""
    decision, way = answered.decision, way_on(answered)
    is_fine = decision.outcome in ("approved", "recorded") and not decision.pending
    assert answered.repeated or is_fine or way is not None, decision
    for fields in () if way is None else way.events:
        # The placeholders that a person fills in.
        known = {name: _FILLED.get(name, 1) if of == "VALUE" else of for name, of in fields.items()}
        event_from_json(json.dumps(known))


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
            self.submit(self.drawn(draft))

    def drawn(self, draft: Draft) -> Event:
        """Return the event of *draft*, under an id of its own or one that was used before."""
        used = [event.id for event, _ in self.answered.values()]
        name = used[-draft.reuse] if 0 < draft.reuse <= len(used) else self.name()
        return draft.event(name, self.position())

    @rule(chosen=st.lists(drafts(("order", "fill", "replace", "cancel")), min_size=2, max_size=4))
    def happen_together(self, chosen: list[Draft]) -> None:
        """Submit several events in one transaction, all drawn at the same position."""
        position = self.position()
        events = [draft.event(self.name(), position) for draft in chosen]
        answers = self.next_desk().answer(events)
        for event, answer in zip(events, answers, strict=True):
            self.note(event, answer)
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
        # Each read the kept position, where there is one, and what came after.
        assert [desk.refresh().position for desk in self.desks] == [self.position()] * 2

    @precondition(lambda self: self.answered)
    @rule(which=st.integers(0, 1_000), other=st.booleans())
    def retry(self, which: int, other: bool) -> None:
        """Submit an event again, or with another reason: nothing changes, but for a stop."""
        event, answer = list(self.answered.values())[which % len(self.answered)]
        before, position = self.records(), self.position()
        again = replace(event, reason="it is said again") if other else event
        answered = self.next_desk().submit(again)
        if event.kind in ANSWERS and not answered.repeated:
            # It came too early, and is in order now.
            assert b'"outcome":"denied"' in answer
            assert answered.decision.outcome == "recorded"
            return
        if event.kind == "halt":
            assert event.drill or event.id in _ids(answered.decision.halted_by)
            return
        if other and not is_same_news(again, event):
            assert answered.decision.outcome == "refused"
            assert not answered.repeated
        else:
            assert msgspec.json.encode(answered.decision) == answer
            assert answered.repeated
        assert (self.records(), self.position()) == (before, position)

    @precondition(lambda self: any(of.kind == "fill" for of, _ in self.answered.values()))
    @rule(which=st.integers(0, 1_000), more=st.integers(0, 2), day=st.integers(0, 1))
    def report_again(self, which: int, more: int, day: int) -> None:
        """Report a fill under the id of another: on another day, or of another quantity."""
        fills = [event for event, _ in self.answered.values() if event.kind == "fill"]
        fill = fills[which % len(fills)]
        moment = fill.time and fill.time + timedelta(day)
        on = fill.date and fill.date + timedelta(day)
        again = replace(fill, quantity=(fill.quantity or 0) + more, time=moment, date=on)
        self.submit(again)

    @precondition(lambda self: self.answered)
    @rule(by=st.sampled_from(("cid", "dora", " Cid ")))
    def adopt(self, by: str) -> None:
        """Propose the other one of two rule files; only another person puts it in force."""
        self.position()
        in_force = self.told.rules
        other = other_rules() if in_force == rules().rules else rules()
        pending = self.next_desk().adopt(other, "cid", "the board amended it").pending
        assert pending is not None
        before = self.position()
        assert self.told.rules == in_force
        confirm = about("confirm", self.name(), of=pending, by=by)
        decision = self.submit(confirm)
        may = self.may_confirm(confirm, before)
        assert (decision.outcome == "recorded") is may
        assert self.told.rules == (other.rules if may else in_force)
        self.seen[f"adoption {decision.outcome}"] += 1
        # The other desk was opened with the old ones, and would refuse.
        self.reopen()

    def may_confirm(self, event: Event, before: Position) -> bool:
        """Return whether the person of *event* is not who proposed, and has no order."""
        proposal = before.proposals[event.of or ""]
        persons = {
            _person(asked.by)
            for own in before.orders.values()
            if own.state in ("open", "held")
            for asked in (*(terms.event for terms in own.in_play()), own.held)
            if asked is not None
        }
        # Who is not named can be anyone.
        return not {_person(event.by), None} & {*persons, _person(proposal.by)}

    @rule(chosen=st.lists(drafts(("order", "fill", "cancel")), min_size=1, max_size=3))
    def send_with_a_bad_one(self, chosen: list[Draft]) -> None:
        """Send events together with one that has not happened yet: it alone is not taken."""
        position = self.position()
        events = [draft.event(self.name(), position) for draft in chosen]
        ahead = replace(order(self.name()), date=None, time=self.now() + timedelta(days=3))
        before = self.records()
        with pytest.raises(InputError, match="is dated"):
            self.next_desk().answer([*events, ahead])
        assert (self.records(), self.position()) == (before, position)
        for event in events:
            self.submit(event)

    # -- what must hold ---------------------------------------------------------------------------

    def submit(self, event: Event) -> Decision:
        """Submit *event* and check what the design promises of it."""
        before = self.position()
        in_force = self.told.rules
        told = self.answered.get(key_of(event.kind, event.id))
        answered = self.next_desk().submit(event)
        after = self.position()
        self.check_stop(event, answered, before, after)
        if in_force not in (None, self.told.rules):
            # No one person puts another rule file in force.
            assert event.kind == "confirm"
            assert self.may_confirm(event, before)
        is_new = told is None or event.kind == "halt"
        if told is None or is_new or not (answered.repeated or self.is_refused(event, answered)):
            self.note(event, answered)
            if answered.decision.outcome != "refused":
                self.check(event, answered.decision, before, after)
        else:
            self.check_again(event, told[0], answered, before, after)
        return answered.decision

    def is_refused(self, event: Event, answered: Decided) -> bool:
        """Return whether *event* is another one; an answer that came too early may be in order."""
        told, answer = self.answered[key_of(event.kind, event.id)]
        if not is_same_news(event, told):
            return True
        assert event.kind in ANSWERS
        assert b'"outcome":"denied"' in answer
        assert answered.decision.outcome == "recorded"
        return False

    def note(self, event: Event, answered: Decided) -> None:
        """Remember what was answered, if it is recorded under the id of *event* alone."""
        check_way(answered)
        if answered.repeated or answered.decision.outcome == "refused":
            return
        answer = event, msgspec.json.encode(answered.decision)
        self.answered.setdefault(key_of(event.kind, event.id), answer)

    def check_again(
        self, event: Event, told: Event, answered: Decided, before: Position, after: Position
    ) -> None:
        """Check what comes of another event under an id that was used before."""
        if is_same_news(event, told):
            assert answered.repeated
            assert after == before
            return
        assert answered.decision.outcome == "refused"
        assert self.use(after) == self.use(before)
        figures = [one for one in _FIGURES if getattr(event, one) != getattr(told, one)]
        if {event.kind, told.kind} <= REPORTS and figures:
            # Something may have happened that nobody counts.
            assert event.id in _ids(after.halted_by)
            self.seen["contradiction"] += 1
        else:
            assert after == before

    def check_stop(
        self, event: Event, answered: Decided, before: Position, after: Position
    ) -> None:
        """A stop stops, and names each order that it stops; one person alone lifts none."""
        lifted = set(before.halted_by) - set(after.halted_by)
        if lifted:
            assert event.kind == "confirm"
            assert self.may_confirm(event, before)
            self.seen["lifted"] += 1
        if event.kind != "halt":
            return
        assert answered.decision.outcome == "recorded"
        if event.drill:
            assert after.halts == before.halts
        else:
            assert event.id in _ids(after.halted_by)
        is_all = not (event.symbol or event.venue or event.broker or event.person)
        openly = {name for name, own in after.orders.items() if own.is_open}
        assert set(answered.to_cancel) <= openly
        if is_all and not answered.repeated:
            assert set(answered.to_cancel) == openly
            self.seen["stop"] += 1

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
        if event.kind in ("cancel", "expire", "rejected", "replaced", "halt", "resume", "confirm"):
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
        # (d) Nothing is approved while the program is halted, but for what no halt reaches.
        assert all(one.event.kind == "halt" and _scope(one.event) for one in before.halts)

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
            old = before.fills.last(event.fill or "")
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
        assert event.id in _ids(after.halted_by)
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
        keys = [one for one in self.records() if one is not None]
        assert len(keys) == len(set(keys))
        assert set(keys) >= set(self.answered)
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
        """Check that the records alone come to the position, and to the bytes of the one kept."""
        records = list(self.reader.records(PROGRAM))
        whole = stored_book(self.reader, PROGRAM)
        assert position_bytes(whole.position) == position_bytes(self.position())
        told = {one.key: read_record(one.body) for one in records if one.key is not None}
        assert told.keys() >= self.answered.keys()
        for key, (event, answer) in self.answered.items():
            assert told[key].event == event_object(event)
            assert msgspec.json.encode(told[key].decision()) == answer
        found = snapshot(self.reader, PROGRAM)
        if found is not None:
            named, body = found
            early = caught_up(Book(), records[: named.record], self.texts, self.url)
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
        """Return the keys of all records."""
        return [one.key for one in self.reader.records(PROGRAM)]

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
        key = key_of(event.kind, event.id)
        before = self.records()
        self.failpoint = failpoint
        answered = None
        try:
            answered = self.next_desk().submit(event)
        except Killed:
            self.seen[f"ended at {failpoint}"] += 1
        self.failpoint = None
        if answered is not None:
            # It left, so it must last.
            self.note(event, answered)
        position = self.position()
        self.reopen()
        assert self.position() == position
        found = self.records()
        assert set(found) >= set(self.answered)
        is_recorded = key in found
        assert is_recorded <= FAILPOINTS[failpoint]
        assert [one for one in found if one not in (key, None)] == [
            one for one in before if one is not None
        ]
        if not is_recorded:
            assert found == before
        again = self.next_desk().submit(event)
        self.note(event, again)
        # What is refused because of a name leaves no record.
        is_taken = again.decision.outcome != "refused"
        assert is_recorded == (FAILPOINTS[failpoint] and is_taken)
        assert self.records().count(key) == is_taken
        self.clean = False

    @rule(draft=drafts(), failpoint=st.sampled_from(sorted(FAILPOINTS)))
    def fail(self, draft: Draft, failpoint: str) -> None:
        """Fail while an event is on its way, and go on with the desk as it is."""
        event = draft.event(self.name(), self.position())
        key = key_of(event.kind, event.id)
        self.failpoint = failpoint
        with suppress(Killed):
            refused = self.desks[0].submit(event)
            assert refused.decision.outcome == "refused"
        self.failpoint = None
        again = [desk.submit(event) for desk in self.desks]
        assert again[0].decision == again[1].decision
        self.note(event, again[0])
        if again[0].decision.outcome != "refused":
            self.answered.setdefault(key, (event, msgspec.json.encode(again[0].decision)))
        assert self.records().count(key) == (again[0].decision.outcome != "refused")
        self.clean = False


def _person(name: str | None) -> str | None:
    """Return who is meant by *name*, in whatever way it is written."""
    return None if name is None else unicodedata.normalize("NFKC", name).strip().lower()


def _ids(causes: tuple[str, ...]) -> set[str]:
    """Return the ids of the events that halt; a second cause of one id has a number after it."""
    return {one.partition("#")[0] for one in causes}


def _scope(halt: Event) -> bool:
    return bool(halt.symbol or halt.venue or halt.broker or halt.person)


_FIGURES: Final = (
    *("kind", "order", "fill", "symbol", "venue", "side", "quantity"),
    *("price", "amount", "fees", "fx", "time", "date"),
)


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
    """Keep a position every few records, and compile each rule file once for all examples."""
    monkeypatch.setattr(book, "KEEP_EVERY", KEEP_EVERY)
    monkeypatch.setattr("repurchase.journal.desk.KEEP_EVERY", KEEP_EVERY)
    monkeypatch.setattr(book, "load_text", loading_once())


# Each step commits to a real file: fewer examples than elsewhere, unless a profile asks for more.
LENGTHS: Final = settings(stateful_step_count=25, max_examples=settings().max_examples // 6)


@pytest.mark.hypothesis
@pytest.mark.parametrize("machine", [Program, pytest.param(Interrupted, marks=pytest.mark.slow)])
def test_promise_1_holds_at_the_desk(machine: type[Program]) -> None:
    """Whatever is submitted, retried and interrupted, promise 1 holds and nothing is lost."""
    run_state_machine_as_test(machine, settings=LENGTHS)
