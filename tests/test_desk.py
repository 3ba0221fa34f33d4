"""The desk: one answer to one event, whoever asks again, and one rule file at a time."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from datetime import timedelta
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from desk_events import (
    AMENDED,
    FIRST,
    PROGRAM,
    RULES,
    Draft,
    about,
    clock,
    drafts,
    order,
    other_rules,
    rules,
)
from repurchase.domain.decisions import Decision
from repurchase.domain.errors import (
    InputError,
    JournalError,
    RepurchaseError,
    Tampering,
    UsageError,
)
from repurchase.domain.events import REPORTS, Event
from repurchase.evaluation.step import apply, step
from repurchase.journal.book import stored_book
from repurchase.journal.desk import Desk
from repurchase.journal.queries import asked, story
from repurchase.journal.records import read_record
from repurchase.journal.rule_texts import RuleText, rule_text
from repurchase.journal.snapshot import position_bytes
from repurchase.journal.store import Journal, Stored
from repurchase.ledger.position import Position
from repurchase.rulebook.life import life
from stores import Store

FOREIGN: Final = "repurchase: 1\nauthorization: other\n" + RULES.partition("2008\n")[2]


def a_desk(journal: Journal, rules_given: RuleText | None = None) -> Desk:
    """Return a desk of the tests' program, which begins with `rules` unless others are given."""
    return Desk(journal, PROGRAM, clock(), rules_given or rules(), "ann", one_person=True)


def written(decision: Decision) -> bytes:
    """Return *decision* as it would be sent."""
    return msgspec.json.encode(decision)


def stored(journal: Journal) -> list[Stored]:
    """Return all records of the tests' program."""
    return list(journal.records(PROGRAM))


# What may be answered: approved, held, denied by a rule and by the program itself, recorded.
EVENTS: Final = (
    order("approved"),
    order("held", method="block"),
    order("too much", quantity=41),
    order("too early", date=FIRST.replace(day=13)),
    about("cancel", "cancelled", order="approved"),
    about("cancel", "cancelled again", order="approved"),
    about("fill", "overrun", order=None, symbol="9999", side="buy", quantity=1, price=10, fees=0),
    order("while halted"),
)


# -- once, and again ------------------------------------------------------------------------------


def test_events_are_answered_as_they_should_be(store: Store) -> None:
    """The events of these tests come to every outcome that an event can have."""
    with store.journal() as journal:
        desk = a_desk(journal)
        found = [desk.submit(event).decision.outcome for event in EVENTS]
    expected = "approved held denied denied recorded denied denied denied"
    assert found == expected.split()


@pytest.mark.parametrize("reopened", [False, True], ids=["same desk", "reopened"])
@pytest.mark.parametrize("adopted", [False, True], ids=["same rules", "other rules"])
def test_same_event_again_has_the_same_answer(store: Store, reopened: bool, adopted: bool) -> None:
    """The stored decision comes back byte for byte, denials too, and nothing is recorded."""
    with store.journal() as journal:
        desk = a_desk(journal)
        first = [desk.submit(event) for event in EVENTS]
        if adopted:
            desk.adopt(other_rules(), "cid", "the board amended it")
        before = stored(journal)
        if reopened:
            desk = Desk(journal, PROGRAM, clock())
        again = [desk.submit(event) for event in EVENTS]
        grouped = desk.answer([*reversed(EVENTS), EVENTS[0]])
        after = stored(journal)
    expected = [written(one.decision) for one in first]
    assert [written(one.decision) for one in again] == expected
    assert [written(one.decision) for one in grouped] == [*reversed(expected), expected[0]]
    assert after == before
    # The words too are those of then.
    assert [one.edition.hash for one in again] == [one.edition.hash for one in first]


@pytest.mark.parametrize("change", [{"quantity": 2}, {"by": "bob"}, {"price": 11}], ids=str)
def test_same_id_with_other_content_is_refused(store: Store, change: dict[str, object]) -> None:
    """An id stands for one event: another under it is refused and changes nothing."""
    with store.journal() as journal:
        desk = a_desk(journal)
        desk.submit(EVENTS[0])
        before = stored(journal), desk.refresh()
        decision = desk.submit(replace(EVENTS[0], **change)).decision
        assert decision.outcome == "refused"
        assert [finding.rule for finding in decision.findings] == ["engine.used-id"]
        assert decision.position.reserved_shares == "1"
        assert (stored(journal), desk.refresh()) == before
        assert desk.submit(EVENTS[0]).decision.outcome == "approved"


@pytest.mark.parametrize("kind", sorted(REPORTS))
def test_report_of_a_colleague_is_the_same_news(store: Store, kind: str) -> None:
    """What the venue reported is recorded once, whoever passes it on, and whoever again."""
    of = {"fill": "f1"} if kind in ("bust", "correct") else {"order": "o1"}
    given: dict[str, Any] = {"quantity": 1, "price": 10, "fees": 0} if kind == "fill" else {}
    report = about(kind, "r1", by="olga", **of, **given)
    with store.journal() as journal:
        desk = a_desk(journal)
        desk.submit(order("o1", quantity=2))
        desk.submit(about("fill", "f1", order="o1", quantity=1, price=10, fees=0))
        first = desk.submit(report)
        before = stored(journal)
        for by in ("otto", None, "olga"):
            again = replace(report, by=by)
            asked_first = asked(journal, PROGRAM, again)
            for found in (asked_first, desk.submit(again)):
                assert (found.repeated, found.receipt) == (True, first.receipt)
                assert written(found.decision) == written(first.decision)
        assert stored(journal) == before


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("order", {"symbol": "9999", "quantity": 1}),
        ("replace", {"order": "o1", "quantity": 1}),
        ("cancel_requested", {"order": "o1"}),
        ("release", {"order": "o1", "reason": "seen"}),
        ("resume", {"reason": "seen"}),
        ("confirm", {"of": "r1"}),
    ],
)
def test_request_of_another_person_is_another_one(
    store: Store, kind: str, fields: dict[str, Any]
) -> None:
    """Who asks counts: the second person must not be taken for the first."""
    request = about(kind, "x1", by="olga", **fields)
    with store.journal() as journal:
        desk = a_desk(journal)
        desk.submit(order("o1", quantity=2))
        desk.submit(request)
        before = stored(journal)
        found = desk.submit(replace(request, by="otto"))
        assert (found.decision.outcome, found.repeated) == ("refused", False)
        assert stored(journal) == before
        assert desk.submit(request).repeated


def test_same_id_within_a_group_is_answered_once(store: Store) -> None:
    """Of one group too, the same event has one record, and other content is refused."""
    first, other = order("o1"), order("o1", quantity=2)
    with store.journal() as journal:
        answers = a_desk(journal).answer([first, other, first])
        found = [one.decision.outcome for one in answers]
        assert found == ["approved", "refused", "approved"]
        assert answers[0].decision == answers[2].decision
        assert [one.key for one in stored(journal)] == [None, "request o1"]


def test_edition_of_a_refused_event_alone_is_kept_once_it_judges(store: Store) -> None:
    """Every edition that judged is in the journal, also where a refusal met it first."""
    with store.journal() as journal:
        desk = a_desk(journal)
        desk.submit(order("o1"))
        assert desk.submit(order("o1", date=AMENDED)).decision.outcome == "refused"
        edition = desk.submit(order("o2", date=AMENDED)).edition
        assert journal.edition(edition.hash) == edition.content


def test_denial_stays_one_when_there_is_room_again(store: Store) -> None:
    """What was denied is not approved later under the same id: whoever wants it asks anew."""
    with store.journal() as journal:
        desk = a_desk(journal)
        desk.submit(order("first", quantity=40))
        denied = desk.submit(order("second")).decision
        desk.submit(about("cancel", "c1", order="first"))
        assert desk.submit(order("second")).decision == denied
        assert denied.outcome == "denied"
        assert desk.submit(order("third")).decision.outcome == "approved"


# -- rule files -----------------------------------------------------------------------------------


def test_first_submission_adopts_the_rule_file(store: Store) -> None:
    """A program goes by the rule file of its first event, and its chain begins with that."""
    with store.journal() as journal:
        desk = a_desk(journal)
        assert journal.programs() == ()
        assert stored(journal) == []
        desk.submit(order("o1"))
        adoption = read_record(stored(journal)[0].body).adoption
        assert adoption is not None
        assert (adoption.by, adoption.reason) == ("ann", None)
        assert adoption.rules.file == hashlib.sha256(rules().body).hexdigest()
        assert stored_book(journal, PROGRAM).rules == rules().rules


def test_program_without_rules_does_not_begin(store: Store) -> None:
    """Without a rule file nothing can be answered, and nothing is recorded."""
    with store.journal() as journal:
        with pytest.raises(UsageError, match="has not begun; give its rule file with --rules"):
            Desk(journal, PROGRAM, clock()).submit(order("o1"))
        with pytest.raises(UsageError, match="has not begun; its first `submit` adopts"):
            Desk(journal, PROGRAM, clock()).adopt(rules(), "ann", "it is so")
        assert (journal.programs(), stored(journal)) == ((), [])


def test_other_rule_file_is_refused_until_adopted(store: Store) -> None:
    """A rule file that was edited decides nothing before someone answers for the change."""
    with store.journal() as journal:
        a_desk(journal).submit(order("o1"))
        before = stored(journal)
        edited = a_desk(journal, other_rules())
        for event in (order("o1"), order("o2")):
            with pytest.raises(UsageError, match="uses another rule file; record the change"):
                edited.submit(event)
        assert stored(journal) == before
        edited.adopt(other_rules(), "cid", "the board amended it")
        assert edited.submit(order("o2")).decision.outcome == "approved"
        with pytest.raises(UsageError, match="uses another rule file"):
            a_desk(journal).submit(order("o3"))


def test_adoption_is_a_record_of_the_chain(store: Store) -> None:
    """Who adopted what and why stands between what the old and what the new rules judged."""
    with store.journal() as journal:
        desk = a_desk(journal)
        before = desk.submit(order("o1")).decision.edition
        desk.adopt(other_rules(), "cid", "the board amended it")
        after = desk.submit(order("o2")).decision.edition
        book = stored_book(journal, PROGRAM)
        found = [read_record(one.body) for one in stored(journal)]
        assert book.head == desk.refresh().head
    assert before != after
    assert [one.event and one.event["id"] for one in found] == [None, "o1", None, "o2"]
    third = found[2].adoption
    assert third is not None
    assert (third.rules, third.by, third.reason) == (
        other_rules().rules,
        "cid",
        "the board amended it",
    )
    assert book.rules == other_rules().rules


def test_adoption_that_changes_nothing_is_an_error(store: Store) -> None:
    """The rule file in force, or of another authorization, cannot be adopted."""
    with store.journal() as journal:
        desk = a_desk(journal)
        desk.submit(order("o1"))
        before = stored(journal)
        with pytest.raises(UsageError, match="this rule file is already in force"):
            desk.adopt(rules(), "cid", "again")
        foreign = rule_text(FOREIGN.encode(), "other.yaml")
        with pytest.raises(UsageError, match=f"`other`, but the program is `{PROGRAM}`"):
            desk.adopt(foreign, "cid", "by mistake")
        with pytest.raises(UsageError, match=f"`other`, but the program is `{PROGRAM}`"):
            a_desk(journal, foreign)
        assert stored(journal) == before


def test_what_would_be_adopted_is_what_is(store: Store) -> None:
    """Asked before, a desk shows the program as the adoption leaves it, and records nothing."""
    with store.journal() as journal:
        desk = a_desk(journal)
        with pytest.raises(UsageError, match="has not begun"):
            desk.would_adopt(other_rules())
        desk.submit(order("o1"))
        # What another has recorded meanwhile counts too.
        a_desk(journal).submit(order("o2"))
        before = stored(journal)
        supposed = desk.would_adopt(other_rules())
        for refused, said in ((rules(), "in force"), (rule_text(FOREIGN.encode(), "f"), "`other`")):
            with pytest.raises(UsageError, match=said):
                desk.would_adopt(refused)
        assert stored(journal) == before
        assert journal.text(other_rules().rules.file) is None
        assert desk.submit(order("o1")).repeated
        taken = desk.adopt(other_rules(), "cid", "the board amended it")
    was, would, old, new = supposed.before, supposed.after, taken.before, taken.after
    assert taken.pending is None
    assert (was, would.rules, would.position.used) == (old, new.rules, new.position.used)
    assert sorted(would.position.orders) == ["o1", "o2"]


def test_adoption_that_failed_leaves_the_desk_as_it_was(store: Store) -> None:
    """A desk opened with one rule file still refuses to go by another that someone adopted."""
    with store.journal() as journal:
        desk = a_desk(journal)
        desk.submit(order("o1"))
        a_desk(journal, other_rules()).adopt(other_rules(), "cid", "the board amended it")
        with pytest.raises(UsageError, match="this rule file is already in force"):
            desk.adopt(other_rules(), "cid", "again")
        with pytest.raises(UsageError, match="uses another rule file"):
            desk.submit(order("o2"))


def test_event_of_another_authorization_is_an_input_error(store: Store) -> None:
    """An event that names another program is answered by nobody; one that names this one is."""
    with store.journal() as journal:
        desk = a_desk(journal)
        for submit in (desk.submit, lambda event: desk.answer([order("o1"), event])):
            with pytest.raises(InputError, match="`o2` is of authorization `other`"):
                submit(order("o2", authorization="other"))
        assert stored(journal) == []
        assert desk.submit(order("o3", authorization=PROGRAM)).decision.outcome == "approved"


# -- the position ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("live", [True, False])
@given(chosen=st.lists(drafts(), min_size=5, max_size=30))
def test_fold_without_judging_comes_to_the_same(chosen: list[Draft], live: bool) -> None:
    """The decisions applied come, event by event, to the positions that they left."""
    position = Position()
    for number, draft in enumerate(chosen):
        event = draft.event(f"e{number}", position)
        its = life(rules().editions, event, position)
        taken = step(event, position, its, live=live)
        followed = apply(event, taken.decision, position, its, live=live)
        assert followed.position == taken.position
        assert taken.decision.outcome in (followed.outcome, "refused")
        position = taken.position


def test_stored_program_is_that_of_the_desk(store: Store) -> None:
    """Whoever opens the journal finds the position that the desk carries along."""
    with store.journal() as journal:
        desk = a_desk(journal)
        for event in EVENTS:
            desk.submit(event)
            live, read = desk.refresh(), stored_book(journal, PROGRAM)
            assert (read.head, read.rules) == (live.head, live.rules)
            assert position_bytes(read.position) == position_bytes(live.position)


def test_desks_see_what_others_record(store: Store) -> None:
    """Two desks of one program share one cap, also in two journals opened at once."""
    with store.journal() as journal, Journal(store.url) as another:
        desks = a_desk(journal), a_desk(another)
        found = [
            desks[number % 2].submit(order(f"o{number}", quantity=9)).decision
            for number in range(6)
        ]
        expected = ["9", "18", "27", "36", "36", "36"]
        assert [one.position.reserved_shares for one in found] == expected
        assert [one.outcome for one in found] == ["approved"] * 4 + ["denied"] * 2
        books = [desk.refresh() for desk in desks]
        assert (books[0].head, books[0].position) == (books[1].head, books[1].position)


def test_refresh_writes_nothing(store: Store) -> None:
    """Looking at a program leaves no trace, whether it has begun or not."""
    with store.journal() as journal:
        desk = a_desk(journal)
        desk.refresh()
        assert journal.programs() == ()
        a_desk(journal).submit(order("o1"))
        before = stored(journal)
        assert desk.refresh().position.reserved_shares == 1
        assert stored(journal) == before


def test_record_holds_what_was_asked_and_answered(store: Store) -> None:
    """The record is the event as it was sent and the verdict, in one JSON object a line."""
    event = order("o1", authorization=PROGRAM, outside={"market.last_price": 99})
    with store.journal() as journal:
        decision = a_desk(journal).submit(event).decision
        record = json.loads(stored(journal)[1].body)
    assert record["event"]["market.last_price"] == "99"
    assert record["event"]["quantity"] == 1
    assert record["answer"]["outcome"] == decision.outcome
    assert record["answer"]["edition"] == decision.edition
    assert record["at"].startswith("2026-01-05T09:00:0")


def test_more_records_than_the_head_says_are_refused(store: Store) -> None:
    """A record that was slipped in behind the last is not built upon."""
    with store.journal() as journal:
        desk = a_desk(journal)
        desk.submit(order("o1"))
    store.change("UPDATE programs SET sequence = 1, head = (SELECT hash FROM records LIMIT 1)")
    with (
        store.journal() as journal,
        pytest.raises(JournalError, match="record 2: it is beyond the program's last record, 1"),
    ):
        a_desk(journal).submit(order("o2"))


def edited(store: Store, name: str, old: bytes, new: bytes) -> None:
    """Write *new* for *old* in the record of the event *name*, and nothing else."""
    ((body,),) = store.rows("SELECT body FROM records WHERE key = :key", key=f"request {name}")
    assert old in body
    changed = body.replace(old, new)
    update = "UPDATE records SET body = :body WHERE key = :key"
    store.change(update, body=changed, key=f"request {name}")


def test_answer_that_was_edited_is_not_given_again(store: Store) -> None:
    """A denial that someone made an approval is no answer to whoever asks again, in any way."""
    denied = order("o2", quantity=41)
    with store.journal() as journal:
        desk = a_desk(journal)
        assert [desk.submit(one).decision.outcome for one in (order("o1"), denied)] == [
            "approved",
            "denied",
        ]
        edited(store, "o2", b'"denied"', b'"approved"')
        for again in (
            lambda: desk.submit(denied),
            lambda: asked(journal, PROGRAM, denied),
            lambda: list(story(journal, PROGRAM, "o2")),
        ):
            with pytest.raises(Tampering, match="record 3: its content was changed") as caught:
                again()
            assert caught.value.problems[0].file == journal.url


def test_answer_of_another_event_is_not_given(store: Store) -> None:
    """A record under the id of another event answers for none."""
    with store.journal() as journal:
        desk = a_desk(journal)
        desk.submit(order("o1"))
        desk.submit(order("o2", quantity=41))
        store.change("UPDATE records SET key = 'request kept' WHERE key = 'request o2'")
        store.change("UPDATE records SET key = 'request o2' WHERE key = 'request o1'")
        with pytest.raises(Tampering, match="record 2: it is stored in the place of another"):
            desk.submit(order("o2", quantity=41))


def test_words_of_an_answer_are_those_of_its_rule_file(
    store: Store,
) -> None:
    """Whichever record named the rule file last, an answer is told in the words of then."""
    with store.journal() as journal:
        desk = a_desk(journal)
        first = [desk.submit(order(f"o{number}")) for number in range(4)]
        desk.adopt(other_rules(), "cid", "the board amended it")
        second = [desk.submit(order(f"p{number}")) for number in range(4)]
        for answer in (*first, *second):
            event = order(answer.decision.id)
            assert desk.submit(event).edition.hash == answer.edition.hash
            assert asked(journal, PROGRAM, event).edition.hash == answer.edition.hash


def test_repeated_answer_without_its_adoption_is_refused(store: Store) -> None:
    """Where the record that names the rule file is gone, nothing is worded on a guess."""
    with store.journal() as journal:
        desk = a_desk(journal)
        desk.submit(order("o1"))
        store.change("DELETE FROM records WHERE key IS NULL")
        with pytest.raises(Tampering, match="the record that adopts its rule file is missing"):
            desk.submit(order("o1"))


def test_story_is_that_of_the_order_whichever_of_its_events_is_named(store: Store) -> None:
    """An order, its fills and what took them back are one story; another order is another."""
    events = (
        order("o1", quantity=5),
        order("o2"),
        about("fill", "f1", order="o1", quantity=2, price=10, fees=0),
        about("fill", "f2", order="o2", quantity=1, price=10, fees=0),
        about("correct", "c1", fill="f1", quantity=1),
        about("bust", "b1", fill="c1"),
        about("cancel", "x1", order="o1"),
    )
    with store.journal() as journal:
        desk = a_desk(journal)
        for event in events:
            desk.submit(event)
        for name in ("o1", "f1", "c1", "b1", "x1"):
            found = [one.event["id"] for one in story(journal, PROGRAM, name)]
            assert found == ["o1", "f1", "c1", "b1", "x1"]
        assert [one.event["id"] for one in story(journal, PROGRAM, "f2")] == ["o2", "f2"]
        assert list(story(journal, PROGRAM, "nobody")) == []


def test_story_of_a_broken_chain_is_refused(store: Store) -> None:
    """What stands in the records is told only where they are the records that were written."""
    with store.journal() as journal:
        desk = a_desk(journal)
        for name in ("o1", "o2", "o3"):
            desk.submit(order(name))
        store.change("DELETE FROM records WHERE key = 'request o2'")
        with pytest.raises(Tampering, match="record 4: record 3 is missing"):
            list(story(journal, PROGRAM, "o3"))


def test_event_of_the_future_is_refused(store: Store) -> None:
    """One wrong date would make all that is asked for after it too early; it leaves no record."""
    ahead = clock()() + timedelta(days=1, hours=1)
    with store.journal() as journal:
        desk = a_desk(journal)
        for wrong in (
            order("o1", date=None, time=ahead),
            order("o1", date=ahead.date() + timedelta(1)),
        ):
            with pytest.raises(InputError, match=r"is dated .*, but now is"):
                desk.submit(wrong)
        assert journal.head(PROGRAM).sequence == 0
        assert desk.submit(order("o1")).decision.outcome == "approved"


@pytest.mark.parametrize("edit", [("JPY", "USD"), ("amount_basis: with_fees", "")])
def test_rules_in_another_money_are_not_adopted_once_something_was_used(
    store: Store, edit: tuple[str, str]
) -> None:
    """What was used in yen is no use in dollars, nor with fees what was without."""
    assert edit[0] in RULES
    other = rule_text(RULES.replace(*edit).encode(), "other.yaml")
    with store.journal() as journal:
        desk = a_desk(journal)
        desk.submit(order("o1", quantity=1_000))
        after = desk.adopt(other, "ann", "nothing was used yet").after
        assert after.rules == other.rules
        desk.adopt(rules(), "ann", "back again")
        desk.submit(order("o2"))
        with pytest.raises(UsageError, match="its `currency` or `amount_basis` differs"):
            desk.adopt(other, "ann", "too late")


def test_event_that_cannot_be_answered_keeps_no_other_from_its_answer(store: Store) -> None:
    """Events that waited together share a transaction, and not what is wrong with one of them."""
    ahead = order("o3", date=None, time=clock()() + timedelta(days=2))
    sent = [order("o1"), order("o2", quantity=2), ahead, order("o4")]
    outcomes: dict[str, str] = {}
    with store.journal() as journal:
        desk = a_desk(journal)
        desk.submit(sent[1])
        edited(store, "o2", b'"approved"', b'"refused"')

        def submit(event: Event) -> None:
            try:
                outcomes[event.id] = desk.submit(event).decision.outcome
            except RepurchaseError as error:
                outcomes[event.id] = type(error).__name__

        threads = [threading.Thread(target=submit, args=(event,)) for event in sent]

        def others_wait(_: str) -> None:
            journal.reached = lambda _: None
            for thread in threads[1:]:
                thread.start()
            while len(desk.waiting) < len(sent) - 1:
                time.sleep(0.001)

        journal.reached = others_wait
        threads[0].start()
        for thread in threads:
            while thread.ident is None:
                time.sleep(0.001)
            thread.join()
    assert outcomes == {
        "o1": "approved",
        "o2": "Tampering",
        "o3": "InputError",
        "o4": "approved",
    }
