"""The only entry for live events: one decision for each, returned after its record is on disk.

Events that wait at the same time share a transaction. The desk keeps the position in memory, and
reads the records of other processes before it decides.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import replace

from repurchase.domain.decisions import Receipt
from repurchase.domain.errors import (
    InputError,
    JournalError,
    Problem,
    RepurchaseError,
    Tampering,
    UsageError,
    Wrong,
    short,
)
from repurchase.domain.events import Event, key_of
from repurchase.domain.people import Identity
from repurchase.domain.progress import Watch, unwatched
from repurchase.evaluation.step import Decided
from repurchase.intake.fields import READERS
from repurchase.journal.answers import (
    would_decide,
)
from repurchase.journal.book import (
    MORE,
    Book,
    RuleTexts,
    caught_up,
    is_worth_keeping,
    keep_position,
    remember_book,
    stored_book,
)
from repurchase.journal.group import Group
from repurchase.journal.identity import named, sent
from repurchase.journal.records import (
    Reconciliation,
    Rules,
    event_object,
    event_of,
)
from repurchase.journal.rule_texts import (
    RuleText,
    check_adoptable,
    check_authorization,
    other_rules,
)
from repurchase.journal.store import Head, Journal, Writer
from repurchase.ledger.halts import lookalike
from repurchase.ledger.position import Position
from repurchase.market.feed import Feed, read_feed

# The most events that share a transaction, so that later senders need not wait for all of them.
GROUP_MAX: Final = 256
# A desk that stays open keeps its position so often, in parts, each followed by a pause.
KEEP_EVERY: Final = 4_096
_PAUSE_SECONDS: Final = 1 / 1_000
# Another time zone can be this far ahead; an event dated later than that has not happened.
AHEAD_MAX: Final = timedelta(days=1)

Clock = Callable[[], datetime]


class Desk:
    """The desk of one program; many threads may call `submit` at once."""

    has_begun_it: bool

    def __init__(
        self,
        journal: Journal,
        program: str,
        now: Clock,
        rules: RuleText | None = None,
        by: str | None = None,
        feed: Feed | None = None,
        *,
        one_person: bool = False,
        identity: Identity | None = None,
        watch: Watch = unwatched,
    ) -> None:
        """Open *program* in *journal*; if *rules* are given, they must be the rules in force.

        A program that has not begun adopts *rules*, in the name of *by*, with its first event;
        *has_begun_it* is true after that is recorded. With *one_person*, it says then that nobody
        else confirms what loosens; with *identity*, what tells who sends an event. Facts that no
        event states come from *feed*, or only from the trading-session tables if no feed is given.
        A *watch* shows how many records are read first. Raise InputError if the feed contradicts
        itself, UsageError if *rules* are of another authorization, JournalError if the records
        contradict each other.
        """
        if rules is not None:
            check_authorization(rules, program)
        if by is not None:
            check_said("by", by)
        self._journal = journal
        self._program = program
        self._now = now
        self.has_begun_it = False
        self._rules = rules
        self._by = by
        self._one_person = one_person
        self._identity = identity
        self._feed = feed or read_feed(())
        self._texts = RuleTexts(journal.text)
        self._book = stored_book(journal, program, watch)
        if self._book.editions is not None:
            # A faulty feed raises its error now, not with the first event.
            self._feed.of(self._book.editions.authorization)
        self._kept: frozenset[str] = frozenset()
        self._keeping: threading.Thread | None = None
        self._snapshot_at = self._book.head.sequence
        self._closing = threading.Event()
        self._turn = threading.Condition()
        self._going_on = threading.Lock()
        self.waiting: list[_Waiting] = []
        self._busy = False

    def submit(self, event: Event) -> Decided:
        """Return the decision on *event* after its record is on disk.

        Raise InputError if the event is of another authorization or dated in the future, and
        JournalError if it cannot be recorded: it then has no decision and can be sent again
        unchanged.
        """
        self._check(event)
        mine = _Waiting(event)
        with self._turn:
            self.waiting.append(mine)
        while not mine.is_done:
            self._lead(mine)
        if mine.error is not None:
            raise mine.error
        assert mine.answer is not None, "an event that ended without error has a decision"
        return mine.answer

    def answer(self, events: Sequence[Event]) -> list[Decided]:
        """Return the decisions on *events*, all recorded in one transaction.

        Raise the errors of `submit`, and record nothing then.
        """
        for event in events:
            self._check(event)
        with self._journal.writing(self._program) as writer:
            now = self._now()
            check_dates(events, now)
            group = Group(self._caught_up(writer), now, writer, self._texts, self._feed)
            first = self._first_rules(group.book)
            if first is not None:
                self._begin(group, first)
            identity = group.book.position.identity
            events = [sent(event, identity, self._journal) for event in events]
            keys = [key_of(event.kind, event.id) for event in events]
            known = writer.with_keys(self._program, keys)
            answers = [group.answer(event, known) for event in events]
            group.write(self._kept)
        # Only after the commit, so that a failed transaction does not change this desk.
        if self._book.rules not in (None, group.book.rules):
            # A second person confirmed other rules than those given.
            self._rules = None
        self._go_on(group.book)
        self._kept |= group.editions.keys()
        self.has_begun_it |= first is not None
        if first is not None:
            # A copy of the database file alone must contain the program's beginning, or the program
            # could begin a second time there. The records are committed already, so a failure here
            # does not affect the decisions.
            with suppress(JournalError):
                self._journal.settle()
        self._journal.reached("answered")
        return answers

    def _begin(self, group: Group, rules: RuleText) -> None:
        """Add the record that the program begins under *rules* to *group*."""
        by = named(self._by, self._identity, self._journal)
        group.adopt(rules, by, self._identity, one_person=self._one_person)

    def would_answer(self, event: Event) -> Decided:
        """Return the decision that `submit` would return now, with every finding. Write nothing.

        An event that is recorded already has the findings of its record. Raise the errors of
        `submit`.
        """
        self._check(event)
        check_dates([event], self._now())
        book = self.refresh()
        first = self._first_rules(book)
        if first is not None:
            book = replace(book, editions=first.editions, rules=first.rules)
        identity = self._identity if first is not None else book.position.identity
        event = sent(event, identity, self._journal)
        return would_decide(self._journal, self._program, book, event, self._feed)

    def adopt(
        self, rules: RuleText, by: str, reason: str, *, no_looser_than: Rules | None = None
    ) -> Adopting:
        """Record that *rules* govern the program from now on, or that *by* proposes them.

        They govern it at once if they are proven *no_looser_than* the rules in force, or if the
        program has one person. Otherwise they wait for the confirmation of a second person. Raise
        UsageError if *rules* are in force already, are of another authorization, or count in
        another currency than the program has used. Raise it, too, if *by* or *reason* is not valid
        text, or *by* looks like another person's name.
        """
        check_said("by", by)
        check_said("reason", reason)
        with self._journal.writing(self._program) as writer:
            before = self._caught_up(writer)
            self._check_adoptable(rules, before)
            by = named(by, before.position.identity, self._journal) or by
            _check_name(by, before.position)
            group = Group(before, self._now(), writer, self._texts, self._feed)
            pending = group.change(rules, by, reason, proven=no_looser_than == before.rules)
            group.write(self._kept)
        self._go_on(group.book)
        if self._rules is not None and pending is None:
            self._rules = rules
        return Adopting(before, self._under(rules, group.book), pending)

    def reconcile(self, found: Reconciliation, head: Head) -> Receipt:
        """Record that the program, as it was at *head*, was compared with a file.

        Raise JournalError if it has other records by now, and UsageError if the name in *found* is
        not valid text, or looks like another person's name.
        """
        check_said("by", found.by)
        with self._journal.writing(self._program) as writer:
            book = self._caught_up(writer)
            if book.head != head:
                what = "records were added while the file was compared"
                raise JournalError(Problem(what, "run it again", self._journal.url))
            by = named(found.by, book.position.identity, self._journal) or found.by
            _check_name(by, book.position)
            group = Group(book, self._now(), writer, self._texts, self._feed)
            receipt = group.reconcile(replace(found, by=by))
            group.write(self._kept)
        self._go_on(group.book)
        return receipt

    def would_adopt(self, rules: RuleText) -> Adopting:
        """Return the program as it is, and as it would be under *rules*. Write nothing.

        Raise UsageError if `adopt` would refuse *rules*, whoever adopts them.
        """
        book = self.refresh()
        self._check_adoptable(rules, book)
        return Adopting(book, self._under(rules, book))

    def _check_adoptable(self, rules: RuleText, book: Book) -> None:
        check_authorization(rules, self._program)
        check_adoptable(rules, book, self._journal.url)

    @staticmethod
    def _under(rules: RuleText, book: Book) -> Book:
        return replace(book, editions=rules.editions, rules=rules.rules)

    def close(self) -> None:
        """Keep the position for this user if the next desk would otherwise read many records.

        Do nothing if this desk has recorded nothing: the records are on disk already. Remember for
        this user how far they go.
        """
        self._closing.set()
        if self._keeping is not None:
            self._keeping.join()
        if not self._kept:
            return
        with suppress(JournalError):
            remember_book(self._journal, self._program, self._book, self._snapshot_at)

    def _keep(self, book: Book) -> None:
        """Keep the position of *book*, and let others go first; the records do without it."""
        with suppress(JournalError):
            keep_position(self._journal, self._program, book, self._pause)

    def _pause(self) -> None:
        self._closing.wait(_PAUSE_SECONDS)

    def refresh(self) -> Book:
        """Return the program with the records that other processes have added. Write nothing.

        Threads may call it while another one records events.
        """
        was = self._book
        records = self._journal.records(self._program, was.head.sequence)
        book = caught_up(was, records, self._texts, self._journal.url)
        self._go_on(book)
        return book

    def _go_on(self, book: Book) -> None:
        """Go on from *book*, unless another thread has read further meanwhile.

        Keep its position now and then, in a thread of its own: no answer waits for it.
        """
        with self._going_on:
            if book.head.sequence >= self._book.head.sequence:
                self._book = book
            if (
                not is_worth_keeping(self._book, self._snapshot_at, KEEP_EVERY)
                or self._is_keeping()
            ):
                return
            self._snapshot_at = self._book.head.sequence
            self._keeping = threading.Thread(
                target=self._keep, args=[self._book], name="snapshot", daemon=True
            )
            self._keeping.start()

    def _is_keeping(self) -> bool:
        return self._closing.is_set() or (self._keeping is not None and self._keeping.is_alive())

    def _check(self, event: Event) -> None:
        if event.authorization not in (None, self._program):
            what = f"the event `{event.id}` is of authorization `{event.authorization}`"
            raise InputError(Problem(what, f"this program's is `{self._program}`"))
        _check_recordable(event)

    def _lead(self, mine: _Waiting) -> None:
        """Record a group of waiting events, or wait while another thread does."""
        group: list[_Waiting] = []
        stopped = Problem("stopped before the event was decided", "send it again unchanged")
        failed: RepurchaseError | None = JournalError(stopped)
        # The `try` covers every line, because Ctrl-C can come at any of them and the waiting
        # threads must still be woken.
        try:
            with self._turn:
                while self._busy and not mine.is_done:
                    self._turn.wait()
                if mine.is_done:
                    return
                group = self.waiting[:GROUP_MAX]
                self._busy = True
                self.waiting = self.waiting[GROUP_MAX:]
            self._answer_all(group)
            failed = None
        except RepurchaseError as error:
            failed = error
        finally:
            if group:
                self._end(group, failed)

    def _answer_all(self, group: Sequence[_Waiting]) -> None:
        """Decide all of *group* in one transaction, or each in its own if one has an error."""
        try:
            answers = self.answer([one.event for one in group])
        except (Tampering, InputError):
            if len(group) == 1:
                raise
            # An error in the record or the date of one event must not stop the others.
            for one in group:
                try:
                    self._answer_all([one])
                except (Tampering, InputError) as error:
                    one.error = error
            return
        for one, answer in zip(group, answers, strict=True):
            one.answer = answer

    def _end(self, group: list[_Waiting], failed: RepurchaseError | None) -> None:
        """Wake the threads that wait for *group*, with their decisions or with the error *failed*.

        An event that has its own error keeps it.
        """
        with self._turn:
            self._busy = False
            for one in group:
                one.error = one.error or failed
                one.is_done = True
            self._turn.notify_all()

    def _caught_up(self, writer: Writer) -> Book:
        # Another thread may go on meanwhile, see `refresh`.
        was = self._book
        if was.head == writer.head:
            return was
        place = self._journal.url
        records = writer.records(self._program, was.head.sequence)
        book = caught_up(was, records, self._texts, place)
        if book.head != writer.head:
            end = book.head.sequence
            what = f"the records end at {end}, but the program's head is {writer.head.sequence}"
            raise JournalError(Problem(what, MORE, place))
        return book

    def _first_rules(self, book: Book) -> RuleText | None:
        """Return the given rules if the program of *book* must adopt them first, None if it has.

        Raise UsageError if the given rules are not those in force, or if there are none at all.
        """
        given, adopted = self._rules, book.rules
        if given is None and adopted is None:
            hint = "give its rule file with --rules"
            raise UsageError(Problem("the program has not begun", hint, self._journal.url))
        if given is not None and adopted is not None and adopted != given.rules:
            hint = "record the change with `repurchase adopt`, or omit --rules"
            raise UsageError(Problem(other_rules(adopted, given.rules), hint, given.name))
        return given if adopted is None else None


class Adopting(msgspec.Struct, frozen=True):
    """A program *before* and *after* a change of its rules.

    If the change is *pending*, under this name, *after* is the program as it will be.
    """

    before: Book
    after: Book
    pending: str | None = None


class _Waiting:
    """An event that waits for a transaction, and its decision or error."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self.answer: Decided | None = None
        self.error: RepurchaseError | None = None
        self.is_done = False


def _check_name(by: str, position: Position) -> None:
    """Raise UsageError if the name *by* only looks like one of *position*."""
    known = lookalike(position, by)
    if known is not None:
        what = f"`{by}` looks like `{known}`, a name recorded before, but is spelled otherwise"
        raise UsageError(Problem(what, "write the name as it was written before"))


def check_said(name: str, text: str) -> None:
    """Raise UsageError if *text* is not a valid value of the event field *name*."""
    try:
        READERS[name](text)
    except Wrong as wrong:
        raise UsageError(Problem(f"`{name}` {wrong.what}", wrong.hint)) from wrong


def check_dates(events: Sequence[Event], now: datetime) -> None:
    """Raise InputError if one of *events* is dated in the future: it cannot have happened.

    A halt stops whatever its date: a sender whose clock is wrong must be able to stop.
    """
    latest = now + AHEAD_MAX
    for event in events:
        if event.kind == "halt":
            continue
        day = event.date
        if (event.time is not None and event.time > latest) or (
            day is not None and day > latest.astimezone(UTC).date()
        ):
            dated = event.time or day
            what = f"the event `{event.id}` is dated {dated}, but now is {now:%Y-%m-%d %H:%M%z}"
            raise InputError(Problem(what, "submit it after it has happened"))


def _check_recordable(event: Event) -> None:
    """Raise InputError unless the record of *event* would be read as the same event again.

    Every event from the readers of `intake` is. An event that code made itself may not be, and
    its record could never be verified.
    """
    try:
        is_same = event_of(event_object(event)) == event
    except (Tampering, AttributeError, TypeError, ValueError):
        is_same = False
    if not is_same:
        what = f"the event `{short(str(event.id))}` holds a value that no sender can write"
        raise InputError(Problem(what, "read it from JSON text or from a mapping of its fields"))
