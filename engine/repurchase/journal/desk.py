"""The only entry for live events: one decision for each, returned after its record is on disk.

Events that wait at the same time share a transaction. The desk keeps the position in memory, and
reads the records of other processes before it decides.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import replace

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
from repurchase.domain.events import Event
from repurchase.domain.version import __version__
from repurchase.evaluation.step import Decided, refusal, step
from repurchase.intake.fields import READERS
from repurchase.journal.book import (
    MORE,
    Book,
    RuleTexts,
    caught_up,
    judged_then,
    recorded,
    stored_book,
)
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
    sealed,
)
from repurchase.journal.snapshot import position_bytes
from repurchase.journal.store import Head, Journal, Stored, Writer
from repurchase.ledger.position import Position
from repurchase.market.feed import Feed, read_feed
from repurchase.rulebook.editions import Edition, Editions, load_text
from repurchase.rulebook.life import Life, life, life_then

# The most events that share a transaction, so that later senders need not wait for all of them.
GROUP_MAX: Final = 256
# The most records that opening a program reads. It is doubled while a snapshot, with its remembered
# orders and fills, would take longer to read than the records.
SNAPSHOT_EVERY: Final = 50_000
# A snapshot writes all remembered orders and fills: at most this many for each record.
REMEMBERED_PER_RECORD_MAX: Final = 4
# Another time zone can be this far ahead; an event dated later than that has not happened.
AHEAD_MAX: Final = timedelta(days=1)

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
    ) -> None:
        """Open *program* in *journal*; if *rules* are given, they must be the rules in force.

        A program that has not begun adopts *rules*, in the name of *by*, with its first event;
        *has_begun_it* is true after that is recorded. Facts that no event states come from *feed*,
        or only from the trading-session tables if no feed is given. Raise InputError if the feed
        contradicts itself, UsageError if *rules* are of another authorization, JournalError if the
        records contradict each other.
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
        self._feed = feed or read_feed(())
        self._texts = RuleTexts(journal.text)
        self._book = stored_book(journal, program)
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
                group.adopt(first, self._by, None)
            known = writer.with_ids(self._program, [event.id for event in events])
            answers = [group.answer(event, known) for event in events]
            group.write(self._kept)
        # Only after the commit, so that a failed transaction does not change this desk.
        self._book = group.book
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
        return would_decide(self._journal, self._program, book, event, self._feed)

    def adopt(self, rules: RuleText, by: str, reason: str) -> tuple[Book, Book]:
        """Record that *rules* govern the program from now on; return the program before and after.

        Raise UsageError if *rules* are in force already, are of another authorization, or count in
        another currency than the program has used. Raise it, too, if *by* or *reason* is not valid
        text.
        """
        _check_authorization(rules, self._program)
        check_said("by", by)
        check_said("reason", reason)
        with self._journal.writing(self._program) as writer:
            before = self._caught_up(writer)
            _check_adoptable(rules, before, self._journal.url)
            group = Group(before, self._now(), writer, self._texts, self._feed)
            group.adopt(rules, by, reason)
            group.write(self._kept)
        self._book = group.book
        if self._rules is not None:
            self._rules = rules
        return before, self._book

    def would_adopt(self, rules: RuleText) -> tuple[Book, Book]:
        """Return the program as it is, and as it would be under *rules*. Write nothing.

        Raise UsageError if `adopt` would refuse *rules*, whoever adopts them.
        """
        _check_authorization(rules, self._program)
        book = self.refresh()
        _check_adoptable(rules, book, self._journal.url)
        return book, replace(book, editions=rules.editions, rules=rules.rules)

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


class _Waiting:
    """An event that waits for a transaction, and its decision or error."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self.answer: Decided | None = None
        self.error: RepurchaseError | None = None
        self.is_done = False


class Group:
    """The records that one transaction will write, and the program after them."""

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
        self._records: list[Sealed] = []
        self._new: dict[str, Record] = {}

    def adopt(self, rules: RuleText, by: str | None, reason: str | None) -> None:
        """Add the record that the program adopts *rules*, and store their texts."""
        for text in rules.texts():
            self._writer.keep_text(digest(text), text)
        name, adopted = rules.editions.authorization.name, rules.rules
        self._add(Record(*self._next(), adoption=Adoption(name, adopted, by, reason)))
        self.book = replace(self.book, editions=rules.editions, rules=adopted)

    def answer(self, event: Event, known: Mapping[str, Stored]) -> Decided:
        """Return the decision on *event*: the recorded one, or a new one with its record.

        *known* holds the stored records by event id. Raise Tampering if the event's was changed.
        """
        before, stored = self._new.get(event.id), known.get(event.id)
        if before is None and stored is not None:
            before = recorded(stored, self._writer.url)
        if before is not None:
            return self.again(event, before)
        its = self._life(event)
        noted = NotedMarket(self._feed.of(its.edition.authorization))
        taken = step(event, self.book.position, its, live=True, market=noted)
        decision = taken.decision
        for edition in (its.edition, *(one.edition for one in its.later)):
            self.editions[edition.hash] = edition
        answer = answered(decision)
        record = Record(*self._next(), event_object(event), noted.outside(), answer)
        self._add(record)
        self._new[event.id] = record
        self.book = replace(self.book, position=taken.position)
        return Decided(decision, its, event=event)

    def write(self, kept: frozenset[str]) -> None:
        """Write all records, the editions that are not in *kept*, and a snapshot if one is due."""
        if not self._records:
            return
        if self._is_snapshot_due():
            body = position_bytes(self.book.position)
            assert self.book.rules is not None, "a rule file is adopted before the first event"
            self._add(Record(*self._next(), snapshot=Snapshot(digest(body), self.book.rules)))
            self._writer.keep_snapshot(self.book.head.sequence, body)
        self._writer.append(self._records)
        for edition in self.editions.values():
            if edition.hash not in kept:
                self._writer.keep_edition(edition.hash, edition.content)

    def _is_snapshot_due(self) -> bool:
        position = self.book.position
        fills = position.fills
        remembered = len(position.orders) + len(fills.newer) + len(fills.older)
        every = SNAPSHOT_EVERY
        while every * REMEMBERED_PER_RECORD_MAX < remembered:
            every *= 2
        last = self.book.head.sequence
        return last // every > (last - len(self._records)) // every

    def again(self, event: Event, before: Record) -> Decided:
        """Return the decision on an event whose id has a record.

        The same event gets its recorded decision again; another event with this id is refused.
        """
        place = f"record {before.sequence:,}"
        if before.event == event_object(event):
            then = self._judged_then(event, before)
            return Decided(before.decision(), then, repeated=True, event=event, place=place)
        its = self._life(event)
        refused = refusal(event, self.book.position, its.edition)
        return Decided(refused, its, event=event, place=place)

    def _life(self, event: Event) -> Life:
        assert self.book.editions is not None, "a rule file is adopted before the first event"
        return life(self.book.editions, event, self.book.position)

    def _judged_then(self, event: Event, record: Record) -> Life:
        if event.id in self._new:
            # The adoption of the rule file may be in this same transaction.
            assert self.book.editions is not None, "its event has a record"
            return life_then(
                self.book.editions, record.decision(), self.book.editions.day_of(event)
            )
        return judged_then(self._writer, self._writer.program, self._texts, record, event)

    def _next(self) -> tuple[int, str, datetime, str]:
        """Return the first four fields of the next record."""
        head = self.book.head
        return head.sequence + 1, head.hash, self._at, __version__

    def _add(self, record: Record) -> None:
        whole = sealed(record)
        self._records.append(whole)
        self.book = replace(self.book, head=Head(record.sequence, whole.hash))


def would_decide(journal: Journal, program: str, book: Book, event: Event, feed: Feed) -> Decided:
    """Return the decision on *event* by *program*, which is as *book* says, with every finding.

    Write nothing. If the event is already recorded in *journal*, return its recorded decision.
    Raise JournalError if *book* has not begun, Tampering if the event's record was changed.
    """
    if book.editions is None:
        raise JournalError(Problem("the program has not begun", file=journal.url))
    its = life(book.editions, event, book.position)
    stored = journal.record(program, event.id)
    if stored is None:
        market = feed.of(its.edition.authorization)
        taken = step(event, book.position, its, every_rule=True, live=True, market=market)
        return Decided(taken.decision, its, event=event)
    record = recorded(stored, journal.url)
    place = f"record {record.sequence:,}"
    if record.event != event_object(event):
        refused = refusal(event, book.position, its.edition)
        return Decided(refused, its, event=event, place=place)
    then = judged_then(journal, program, RuleTexts(journal.text), record, event)
    return Decided(record.decision(), then, repeated=True, event=event, place=place)


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
    if book.editions is None or book.position.used == Position().used:
        return
    old, new = book.editions.authorization, rules.editions.authorization
    if (old.currency, old.with_fees) != (new.currency, new.with_fees):
        what = "its `currency` or `amount_basis` differs from that of the money already used"
        hint = "begin another program, and bring forward the amount used, on the new basis"
        raise UsageError(Problem(what, hint, rules.name))


def _check_authorization(rules: RuleText, program: str) -> None:
    name = rules.editions.authorization.name
    if name != program:
        what = f"the rule file is of authorization `{name}`, but the program is `{program}`"
        raise UsageError(Problem(what, file=rules.name))
