"""The only entry for live events: one decision for each, returned after its record is on disk.

Events that wait at the same time share a transaction. The desk keeps the position in memory, and
reads the records of other processes before it decides.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final
from uuid import uuid4

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
from repurchase.domain.events import EXECUTIONS, REPORTS, Event, key_of
from repurchase.domain.moments import NANOSECONDS, instant
from repurchase.domain.people import Identity
from repurchase.domain.progress import Watch, unwatched
from repurchase.domain.quantities import written
from repurchase.domain.version import __version__
from repurchase.evaluation.step import Decided, Step, Stopped, is_same_news, refusal, step
from repurchase.intake.fields import READERS
from repurchase.journal.book import (
    MORE,
    Book,
    RuleTexts,
    adopting,
    caught_up,
    counts_otherwise,
    judged_then,
    sealed_as,
    stored_book,
)
from repurchase.journal.identity import named, sent
from repurchase.journal.outside import NotedMarket
from repurchase.journal.records import (
    Adoption,
    Record,
    Rules,
    Sealed,
    Snapshot,
    answered,
    digest,
    event_object,
    event_of,
    rules_of,
    sealed,
)
from repurchase.journal.seen import remember
from repurchase.journal.snapshot import position_bytes, read_position
from repurchase.journal.store import Head, Journal, Stored, Writer
from repurchase.ledger.halts import ended, is_repeated, lookalike, to_cancel
from repurchase.ledger.position import Position
from repurchase.market.feed import Feed, read_feed
from repurchase.rulebook.editions import Edition, Editions, load_text
from repurchase.rulebook.life import Life, life, life_then

# The most events that share a transaction, so that later senders need not wait for all of them.
GROUP_MAX: Final = 256
# The most records that opening a program reads. It is doubled while a snapshot, with its remembered
# orders and fills, would take longer to write than is worth while for so few records.
SNAPSHOT_EVERY: Final = 4_096
# A snapshot writes all remembered orders and fills: at most this many for each record.
REMEMBERED_PER_RECORD_MAX: Final = 16
# The same two for a desk that closes: it has the time, and the next one to open need not read them.
CLOSING_EVERY: Final = 512
CLOSING_PER_RECORD_MAX: Final = 64
# Another time zone can be this far ahead; an event dated later than that has not happened.
AHEAD_MAX: Final = timedelta(days=1)

# How an order stands just after the decision on it, by its outcome.
_STATES: Final = {"approved": "open", "held": "held", "denied": "denied"}

Clock = Callable[[], datetime]


class RuleText(msgspec.Struct, frozen=True):
    """A rule file as a program adopts it: its text, its name in messages, and its editions.

    *rules* are the hashes of the text and of the packs that it includes.
    """

    body: bytes
    name: str
    editions: Editions
    rules: Rules

    def texts(self) -> Iterator[bytes]:
        """Yield the text of the rule file, then those of its packs."""
        yield self.body
        yield from self.editions.authorization.pack_texts().values()


def rule_text(body: bytes, name: str) -> RuleText:
    """Return the rule file *body*, called *name* in messages; raise RuleFileError if invalid."""
    return adoptable(load_text(body, name))


def adoptable(editions: Editions) -> RuleText:
    """Return the rule file of *editions* as a program adopts it, with the packs as it read them."""
    authorization = editions.authorization
    body, packs = authorization.text.encode(), authorization.pack_texts()
    rules = Rules(digest(body), {pack: digest(packs[pack]) for pack in sorted(packs)})
    return RuleText(body, authorization.file, editions, rules)


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
            _check_authorization(rules, program)
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
        self._turn = threading.Condition()
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
        self._book = group.book
        if group.has_snapshot:
            # Or the next desk of this user would not believe it, and read all records.
            remember(self._journal, self._program, self._book.head)
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
        self._book = group.book
        if self._rules is not None and pending is None:
            self._rules = rules
        return Adopting(before, self._under(rules, group.book), pending)

    def would_adopt(self, rules: RuleText) -> Adopting:
        """Return the program as it is, and as it would be under *rules*. Write nothing.

        Raise UsageError if `adopt` would refuse *rules*, whoever adopts them.
        """
        book = self.refresh()
        self._check_adoptable(rules, book)
        return Adopting(book, self._under(rules, book))

    def _check_adoptable(self, rules: RuleText, book: Book) -> None:
        _check_authorization(rules, self._program)
        _check_adoptable(rules, book, self._journal.url)

    @staticmethod
    def _under(rules: RuleText, book: Book) -> Book:
        return replace(book, editions=rules.editions, rules=rules.rules)

    def close(self) -> None:
        """Store the position if the next desk would otherwise have many records to read.

        Do nothing if this desk has recorded nothing, or if the journal cannot be written: the
        records are on disk already. Remember for this user how far they go.
        """
        if not self._kept:
            return
        with suppress(JournalError):
            self._store_position()
            remember(self._journal, self._program, self._book.head)

    def _store_position(self) -> None:
        since = self._book.head.sequence - self._journal.snapshot_at(self._program)
        remembered = _remembered(self._book.position)
        if since < CLOSING_EVERY or since * CLOSING_PER_RECORD_MAX < remembered:
            return
        with self._journal.writing(self._program) as writer:
            book = self._caught_up(writer)
            group = Group(book, self._now(), writer, self._texts, self._feed)
            group.write(self._kept, with_snapshot=True)
        self._book = group.book

    def refresh(self) -> Book:
        """Return the program with the records that other processes have added. Write nothing."""
        records = self._journal.records(self._program, self._book.head.sequence)
        self._book = caught_up(self._book, records, self._texts, self._journal.url)
        return self._book

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
        if self._book.head == writer.head:
            return self._book
        place = self._journal.url
        records = writer.records(self._program, self._book.head.sequence)
        book = caught_up(self._book, records, self._texts, place)
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


class Group:
    """The records that one transaction will write, and the program after them.

    *has_snapshot* is whether the position is among them.
    """

    book: Book

    def __init__(
        self, book: Book, at: datetime, writer: Writer, texts: RuleTexts, feed: Feed
    ) -> None:
        self.book = book
        self.editions: dict[str, Edition] = {}
        self._at = at
        self._writer = writer
        self._texts = texts
        self._feed = feed
        self.has_snapshot = False
        self._records: list[Sealed] = []
        self._new: dict[str, tuple[Sealed, Editions]] = {}

    def adopt(
        self, rules: RuleText, by: str | None, identity: Identity | None, *, one_person: bool
    ) -> None:
        """Add the record that the program begins under *rules*, and store their texts."""
        self._keep(rules)
        name = rules.editions.authorization.name
        adoption = Adoption(name, rules.rules, by, one_person=one_person, identity=identity)
        self._adopt(adoption, rules.editions)

    def change(self, rules: RuleText, by: str, reason: str, *, proven: bool) -> str | None:
        """Add the record that *rules* govern the program, or wait; return the proposal's name then.

        *proven* is whether they are proven to be no looser than those in force.
        """
        self._keep(rules)
        adoption = Adoption(rules.editions.authorization.name, rules.rules, by, reason)
        if proven or not self.book.position.two_persons:
            self._adopt(replace(adoption, proven_no_looser=proven), rules.editions)
            return None
        pending = f"adoption-{self.book.head.sequence + 1}"
        while pending in self.book.position.proposals:
            # Somebody called a resume so: whoever confirms must mean one thing.
            pending += "-2"
        self._adopt(replace(adoption, pending=pending), rules.editions)
        return pending

    def answer(self, event: Event, known: Mapping[str, Stored]) -> Decided:
        """Return the decision on *event*: the recorded one, or a new one with its record.

        *known* holds the stored records by key. Raise Tampering if the event's was changed.
        """
        key = key_of(event.kind, event.id)
        stored = known.get(key)
        before = self._new[key][0] if key in self._new else None
        if before is None and stored is not None:
            before = sealed_as(stored, self._writer.url)
        was = self.book.position
        its = self._life(event)
        if before is not None and not _is_decided_anew(event, before.record, was, its):
            return self.again(event, before)
        self._check_confirmed(event)
        noted = NotedMarket(self._feed.of(its.edition.authorization))
        taken = step(event, was, its, live=True, market=noted)
        decided = answer_of(event, taken, was, its)
        if decided.repeated or taken.decision.outcome == "refused":
            return decided
        for edition in (its.edition, *(one.edition for one in its.later)):
            self.editions[edition.hash] = edition
        answer = answered(taken.decision)
        said = event_object(event), noted.outside()
        again, feeds = before is not None, noted.feeds()
        content = Record(*self._next(), *said, answer=answer, again=again, feeds=feeds)
        record = self._add(content)
        if before is None and self.book.editions is not None:
            self._new[key] = record, self.book.editions
        self.book = replace(self.book, position=taken.position)
        if event.kind == "confirm":
            self._adopt_if_agreed(event)
        return replace(decided, receipt=receipt_of(record))

    def write(self, kept: frozenset[str], *, with_snapshot: bool = False) -> None:
        """Write all records, the editions that are not in *kept*, and a snapshot if one is due."""
        if with_snapshot or self._is_snapshot_due():
            self._add_snapshot()
        if not self._records:
            return
        self._writer.append(self._records)
        for edition in self.editions.values():
            if edition.hash not in kept:
                self._writer.keep_edition(edition.hash, edition.content)

    def _add_snapshot(self) -> None:
        """Add the record of the program's position, and store the position."""
        body = position_bytes(self.book.position)
        assert self.book.rules is not None, "a rule file is adopted before the first event"
        self._add(Record(*self._next(), snapshot=Snapshot(digest(body), self.book.rules)))
        self._writer.keep_snapshot(self.book.head.sequence, body)
        self.has_snapshot = True
        # The position as written takes less memory, and the next snapshot copies most of it.
        self.book = replace(self.book, position=read_position(body))

    def _is_snapshot_due(self) -> bool:
        every, remembered = SNAPSHOT_EVERY, _remembered(self.book.position)
        while every * REMEMBERED_PER_RECORD_MAX < remembered:
            every *= 2
        last = self.book.head.sequence
        return last // every > (last - len(self._records)) // every

    def again(self, event: Event, before: Sealed) -> Decided:
        """Return the decision on an event whose id has a record.

        The same event gets its recorded decision again; another event with this id is refused. A
        report of the venue that contradicts the record leaves a record of its own, and halts.
        """
        was, record = self.book.position, before.record
        told = event_of(record.event or {})
        if is_same_news(event, told):
            return repeated(event, before, self._judged_then(event, record), was)
        its = self._life(event)
        taken = refusal(event, was, its.edition, told)
        decided = replace(answer_of(event, taken, was, its), place=_place(record))
        if taken.decision.findings[0].observed is None:
            return decided
        self.editions[its.edition.hash] = its.edition
        answer = answered(taken.decision)
        said = event_object(event), None, record.event, answer
        refused = self._add(Record(*self._next(), *said, again=True))
        self.book = replace(self.book, position=taken.position)
        return replace(decided, receipt=receipt_of(refused))

    def _check_confirmed(self, event: Event) -> None:
        """Raise InputError if *event* confirms rules that count money otherwise than it is used."""
        proposal = self.book.position.proposals.get(event.of or "")
        if event.kind != "confirm" or proposal is None or proposal.rules is None:
            return
        if counts_otherwise(self._texts.editions(rules_of(proposal)), self.book):
            what = f"`{event.of}` has another `currency` or `amount_basis` than the money used"
            raise InputError(Problem(what, "begin another program, and bring forward the amount"))

    def _keep(self, rules: RuleText) -> None:
        for text in rules.texts():
            self._writer.keep_text(digest(text), text)

    def _adopt(self, adoption: Adoption, editions: Editions) -> None:
        self._texts.know(adoption.rules, editions)
        self._add(Record(*self._next(), adoption=adoption))
        self.book = adopting(self.book, adoption, self._texts)

    def _adopt_if_agreed(self, event: Event) -> None:
        """Add the adoption that *event* confirmed, if it did."""
        agreed = self.book.position.proposals.get(event.of or "")
        if agreed is None or not agreed.is_confirmed:
            return
        assert self.book.editions is not None, "only a program that has begun has proposals"
        rules, name = rules_of(agreed), self.book.editions.authorization.name
        adoption = Adoption(name, rules, agreed.by, agreed.reason, of=event.of)
        self._adopt(adoption, self._texts.editions(rules))

    def _life(self, event: Event) -> Life:
        assert self.book.editions is not None, "a rule file is adopted before the first event"
        return life(self.book.editions, event, self.book.position)

    def _judged_then(self, event: Event, record: Record) -> Life:
        key = key_of(event.kind, event.id)
        if key in self._new:
            # Its rule file may be adopted in this same transaction.
            editions = self._new[key][1]
            return life_then(editions, record.decision(), editions.day_of(event))
        return judged_then(self._writer, self._writer.program, self._texts, record, event)

    def _next(self) -> tuple[int, str, datetime, str]:
        """Return the first four fields of the next record."""
        head = self.book.head
        return head.sequence + 1, head.hash, self._at, __version__

    def _add(self, record: Record) -> Sealed:
        whole = sealed(replace(record, salt=uuid4().hex))
        self._records.append(whole)
        self.book = replace(self.book, head=Head(record.sequence, whole.hash))
        return whole


def _remembered(position: Position) -> int:
    """Return how many orders and fills *position* remembers."""
    return len(position.orders) + len(position.fills.newer) + len(position.fills.older)


def would_decide(journal: Journal, program: str, book: Book, event: Event, feed: Feed) -> Decided:
    """Return the decision on *event* by *program*, which is as *book* says, with every finding.

    Write nothing. If the event is already recorded in *journal*, return its recorded decision.
    Raise JournalError if *book* has not begun, Tampering if the event's record was changed.
    """
    if book.editions is None:
        raise JournalError(Problem("the program has not begun", file=journal.url))
    was = book.position
    its = life(book.editions, event, was)
    stored = journal.record(program, key_of(event.kind, event.id))
    before = None if stored is None else sealed_as(stored, journal.url)
    if before is None or _is_decided_anew(event, before.record, was, its):
        market = feed.of(its.edition.authorization)
        taken = step(event, was, its, every_rule=True, live=True, market=market)
        return answer_of(event, taken, was, its)
    record = before.record
    told = event_of(record.event or {})
    if not is_same_news(event, told):
        refused = refusal(event, was, its.edition, told)
        return replace(answer_of(event, refused, was, its), place=_place(record))
    then = judged_then(journal, program, RuleTexts(journal.text), record, event)
    return repeated(event, before, then, was)


def answer_of(event: Event, taken: Step, was: Position, its: Life) -> Decided:
    """Return what is answered to *event*, given the step *taken* and the position before it."""
    now = taken.position
    is_stop = event.kind == "halt" or len(now.halts) > len(was.halts)
    return Decided(
        taken.decision,
        its,
        repeated=event.kind == "halt" and not event.drill and is_repeated(was, event),
        event=event,
        to_cancel=to_cancel(now, event) if is_stop else (),
        stopped=tuple(Stopped(one.event.id, _seconds(one.event, event)) for one in ended(was, now)),
        one_person=not now.two_persons,
    )


def receipt_of(record: Sealed) -> Receipt:
    """Return the number and the hash of *record*: who keeps them can show what a journal lost."""
    return Receipt(record.record.sequence, record.hash)


def repeated(event: Event, before: Sealed, then: Life, now: Position) -> Decided:
    """Return the decision that *event* had *before*, and how its order stands *now*."""
    decision = before.record.decision()
    order = now.orders.get(event.order or event.id)
    state = None if order is None or event.kind in REPORTS else order.state
    return Decided(
        decision,
        then,
        repeated=True,
        event=event,
        place=_place(before.record),
        receipt=receipt_of(before),
        order_state=None if state == _STATES.get(decision.outcome) else state,
        one_person=not now.two_persons,
    )


def _place(record: Record) -> str:
    return f"record {record.sequence:,}"


def _seconds(first: Event, last: Event) -> str | None:
    """Return how many seconds passed from *first* to *last*; `None` if a time is not known."""
    if first.time is None or last.time is None or last.time < first.time:
        return None
    return written(Fraction(instant(last.time) - instant(first.time), NANOSECONDS))


def _is_decided_anew(event: Event, before: Record, now: Position, its: Life) -> bool:
    """Return whether *event* is decided at the position *now*, although *before* has its id.

    A halt stops whatever its id. An answer of the venue that came too early may be in order now.
    """
    if event.kind == "halt":
        return True
    was_denied = before.answer is not None and before.answer.outcome == "denied"
    if not was_denied or event.kind not in REPORTS - EXECUTIONS:
        return False
    is_said_again = is_same_news(event, event_of(before.event or {}))
    return is_said_again and step(event, now, its, live=True).decision.outcome == "recorded"


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


def other_rules(adopted: Rules | None, given: Rules) -> str:
    """Return the sentence that says how the rules *given* differ from those *adopted*."""
    if adopted is None or adopted.file != given.file:
        return "the program uses another rule file"
    names = sorted(adopted.packs.keys() | given.packs.keys())
    other = [f"`{one}`" for one in names if adopted.packs.get(one) != given.packs.get(one)]
    return f"the program uses another text of the pack {', '.join(other)}"


def check_dates(events: Sequence[Event], now: datetime) -> None:
    """Raise InputError if one of *events* is dated in the future: it cannot have happened."""
    latest = now + AHEAD_MAX
    for event in events:
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


def _check_adoptable(rules: RuleText, book: Book, place: str) -> None:
    """Raise UsageError if the program of *book*, in the journal at *place*, refuses *rules*."""
    if book.rules is None:
        hint = "its first `submit` adopts a rule file"
        raise UsageError(Problem("the program has not begun", hint, place))
    if book.rules == rules.rules:
        raise UsageError(Problem("this rule file is already in force", file=rules.name))
    _check_money(rules, book)


def _check_money(rules: RuleText, book: Book) -> None:
    """Raise UsageError if *rules* count money otherwise than the use recorded in *book*."""
    if counts_otherwise(rules.editions, book):
        what = "its `currency` or `amount_basis` differs from that of the money already used"
        hint = "begin another program, and bring forward the amount used, on the new basis"
        raise UsageError(Problem(what, hint, rules.name))


def _check_authorization(rules: RuleText, program: str) -> None:
    name = rules.editions.authorization.name
    if name != program:
        what = f"the rule file is of authorization `{name}`, but the program is `{program}`"
        raise UsageError(Problem(what, file=rules.name))
