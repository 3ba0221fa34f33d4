"""Rules beside those in force decide what a desk under them would have decided."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import test_outside
from desk_events import PROGRAM, RULES, Draft, about, clock, order
from repurchase.audit.shadow import Shadow
from repurchase.domain.decisions import Decision
from repurchase.domain.errors import JournalError
from repurchase.journal.book import Book
from repurchase.journal.desk import Desk
from repurchase.journal.rule_texts import RuleText, rule_text
from repurchase.journal.store import Head, Journal
from repurchase.ledger.position import Position
from repurchase.market.feed import Feed, read_feed
from repurchase.replay.what_if import Compared
from repurchase.report.outcomes import changes_object
from repurchase.report.written import json_text
from test_audit import NAME
from test_what_if import ALIKE, OTHERWISE, PLANS, edits

# The fixture of the same name.
tall = test_outside.tall
# Each example writes two journals, and waits for the disk.
FEWER: Final = settings(max_examples=settings().max_examples // 3)
# A program that has used money goes on with files that count it in the same way.
TAKEN_OVER: Final = tuple(one for one in (*ALIKE, *OTHERWISE) if "basis" not in one[0])
NO_FEED: Final = read_feed(())


@contextmanager
def desk(text: str, *, one_person: bool = True) -> Iterator[tuple[Journal, Desk]]:
    """Yield a journal, and the desk of a program that begins with the rule file *text*."""
    with tempfile.TemporaryDirectory() as folder, Journal(f"{folder}/j.db", create=True) as kept:
        yield kept, Desk(kept, PROGRAM, clock(), rules(text), "tess", one_person=one_person)


def rules(text: str) -> RuleText:
    return rule_text(text.encode(), "acme-2008.yaml")


def played(at: Desk, plan: list[Draft], first: int = 0) -> list[str]:
    """Submit the events of *plan*, each as makes sense at the time; return their outcomes."""
    outcomes: list[str] = []
    for number, draft in enumerate(plan, first):
        event = draft.event(f"e{number}", at.refresh().position)
        outcomes.append(at.submit(event).decision.outcome)
    return outcomes


def beside(journal: Journal, text: str, after: int = 1) -> tuple[Shadow, list[Compared]]:
    """Return the shadow of the rule file *text* after the record *after*, and what it met."""
    shadow = Shadow(journal, PROGRAM, rules(text).editions, NO_FEED, after)
    return shadow, list(shadow.follow())


def submitted(at: Desk, compared: list[Compared]) -> list[Decision]:
    """Submit the events that a shadow *compared* at another desk, and return its decisions."""
    events = [one.old.event for one in compared]
    return [at.submit(event).decision for event in events if event is not None]


def where(book: Book) -> tuple[Head, Position]:
    return book.head, book.position


def told(shadow: Shadow, compared: list[Compared]) -> list[object]:
    """Return the decisions that a shadow *compared*, and its report."""
    found = [(one.record, one.old.decision, one.new.decision, one.direct) for one in compared]
    return [*found, json_text(changes_object(shadow.what_if.changes()))]


def bare(position: Position) -> tuple[object, ...]:
    """Return of *position* what its caps, orders and halts are."""
    return position.used, dict(position.orders), position.halted_by, position.executed_shares


@pytest.mark.slow
@FEWER
@given(plan=PLANS, text=edits(*ALIKE, *OTHERWISE))
def test_shadow_decides_what_a_desk_under_its_rules_decides(plan: list[Draft], text: str) -> None:
    """From the first record on, with the breaches that halt, and each change told once."""
    with desk(RULES) as (journal, at), desk(text) as (_, other):
        outcomes = played(at, plan)
        shadow, compared = beside(journal, text)
        assert [one.new.decision for one in compared] == submitted(other, compared)
        assert bare(shadow.what_if.new.position) == bare(other.refresh().position)
        assert [one.old.decision.outcome for one in compared] == [
            one for one in outcomes if one != "refused"
        ]
        assert where(shadow.book) == where(at.refresh())
        changes = shadow.what_if.changes()
        differ = [one.old.decision.outcome != one.new.decision.outcome for one in compared]
        assert (changes.events, changes.changed) == (len(compared), sum(differ))
        assert [one.direct is not None for one in compared] == differ


@pytest.mark.slow
@FEWER
@given(plan=PLANS, text=edits(*TAKEN_OVER), part=st.integers(0, 20))
def test_shadow_begins_where_the_program_stands(plan: list[Draft], text: str, part: int) -> None:
    """It decides what the desk would, if it had adopted the rules at that record."""
    if text == RULES:
        return
    with desk(RULES) as (journal, at), desk(RULES) as (_, other):
        played(at, plan[:part])
        played(other, plan[:part])
        after = journal.head(PROGRAM).sequence
        if after == 0:
            return
        other.adopt(rules(text), "tess", "as proposed")
        played(at, plan[part:], part)
        shadow, compared = beside(journal, text, after)
        assert [one.new.decision for one in compared] == submitted(other, compared)
        assert bare(shadow.what_if.new.position) == bare(other.refresh().position)


@pytest.mark.slow
@FEWER
@given(plan=PLANS, text=edits(*ALIKE), amended=edits(*TAKEN_OVER), part=st.integers(1, 20))
def test_rules_that_come_into_force_meanwhile_leave_the_shadow(
    plan: list[Draft], text: str, amended: str, part: int
) -> None:
    """Its own decisions stay those of a desk that never adopted the other rules."""
    if amended == RULES:
        return
    with desk(RULES) as (journal, at), desk(text) as (_, other):
        played(at, plan[:part])
        at.adopt(rules(amended), "tess", "an amendment")
        played(at, plan[part:], part)
        shadow, compared = beside(journal, text)
        assert [one.new.decision for one in compared] == submitted(other, compared)
        assert where(shadow.book) == where(at.refresh())


@pytest.mark.slow
@FEWER
@given(plan=PLANS, text=edits(*ALIKE, *OTHERWISE), parts=st.lists(st.integers(1, 9), min_size=1))
def test_shadow_finds_the_same_however_it_is_followed(
    plan: list[Draft], text: str, parts: list[int]
) -> None:
    """A shadow that reads the records while they are written finds what it finds afterwards."""
    with desk(RULES) as (journal, at):
        played(at, plan[:1])
        live = Shadow(journal, PROGRAM, rules(text).editions, NO_FEED)
        met: list[Compared] = []
        for number, draft in enumerate(plan[1:], 1):
            at.submit(draft.event(f"e{number}", at.refresh().position))
            last = live.book.head.sequence
            met += live.follow(last + parts[number % len(parts)])
        met += live.follow()
        assert told(live, met) == told(*beside(journal, text))


def test_shadow_of_the_rules_in_force_changes_nothing() -> None:
    """Not even through orders that wait for a second person, a halt, and what ends it."""
    with desk(RULES, one_person=False) as (journal, at):
        for size in (8, 40, 4):
            at.submit(order(f"o{size}", size))
        at.submit(order("block", 1, method="block"))
        shadow, compared = beside(journal, RULES)
        assert [one.differing for one in compared] == [()] * 4
        assert shadow.what_if.changes().changed == 0


def test_report_that_contradicts_an_earlier_one_halts_the_shadow_too() -> None:
    """The desk refuses it and halts; it counts nothing, for the shadow as for the desk."""
    fill = {"order": "o1", "price": 10, "fees": 0, "reason": None}
    with desk(RULES) as (journal, at), desk(RULES) as (_, other):
        at.submit(order("o1", 2))
        for quantity in (1, 2):
            at.submit(about("fill", "f1", quantity=quantity, **fill))
        shadow, compared = beside(journal, RULES)
        assert [one.new.decision for one in compared] == submitted(other, compared)
        assert [one.new.decision.outcome for one in compared] == ["approved", "approved", "refused"]
        assert shadow.what_if.new.position.halted_by == ("f1",)


def test_proposal_is_known_to_the_shadow_too() -> None:
    """Who confirms it names it: for the shadow, too, that person and that name exist."""
    looser = RULES.replace("value: 40 shares", "value: 44 shares")
    with desk(RULES, one_person=False) as (journal, at):
        at.submit(order("o1"))
        name = at.adopt(rules(looser), "ann", "more").pending
        confirm = about("confirm", "c1", of=name, by="bob")
        at.submit(confirm)
        shadow, compared = beside(journal, RULES)
        assert dict(shadow.what_if.new.position.proposals) == {}
        assert [one.new.decision.outcome for one in compared] == ["approved", "recorded"]


def test_facts_of_the_record_come_before_those_of_a_feed(tmp_path: Path, tall: Feed) -> None:
    """What the desk knew then decides, and a feed only what its rules did not read."""
    url, other = str(tmp_path / "j.db"), read_feed([test_outside.bars(tmp_path, 2)])
    volume = "  - {id: volume, at: order, require: trade.shares <= 50% * averages.adv_jp_4_weeks}\n"
    for text, first in ((test_outside.RULES, tall), (test_outside.RULES.replace(volume, ""), None)):
        Path(url).unlink(missing_ok=True)
        answered = test_outside.answered(url, first, test_outside.ORDER, text=text)
        assert [one.decision.outcome for one in answered] == ["approved"]
        found = {}
        for name, feed in (("tall", tall), ("other", other), ("none", NO_FEED)):
            with Journal(url) as journal:
                editions = rule_text(test_outside.RULES.encode(), "acme.yaml").editions
                shadow = Shadow(journal, NAME, editions, feed)
                found[name] = [one.new.decision.outcome for one in shadow.follow()]
        if first is not None:
            assert found == {name: ["approved"] for name in found}
        else:
            assert found == {"tall": ["approved"], "other": ["denied"], "none": ["denied"]}


def test_program_that_has_not_begun_has_no_shadow() -> None:
    """There is nothing that other rules could have decided."""
    with desk(RULES) as (journal, _), pytest.raises(JournalError, match="has not begun"):
        beside(journal, RULES)
