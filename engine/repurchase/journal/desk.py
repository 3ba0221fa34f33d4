"""The one way in for live events: each is answered once, and no answer leaves before its record.

Events that wait together share a transaction. The position is carried along in memory, and caught
up from the records of other processes before anything is decided.
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
)
from repurchase.domain.events import Event
from repurchase.domain.version import __version__
from repurchase.evaluation.step import Decided, refusal, step
from repurchase.intake.fields import READERS
from repurchase.journal.book import Book, RuleTexts, caught_up, edition_then, recorded, stored_book
from repurchase.journal.outside import NotedMarket
from repurchase.journal.records import (
    Adoption,
    Answer,
    Record,
    Rules,
    Sealed,
    Snapshot,
    digest,
    event_object,
    sealed,
)
from repurchase.journal.snapshot import position_bytes
from repurchase.journal.store import Head, Journal, Stored, Writer
from repurchase.ledger.position import Position
from repurchase.market.feed import Feed, read_feed
from repurchase.rulebook.editions import Edition, Editions, load_text

# So many events share a transaction at most: who comes after them need not wait for all.
GROUP_MAX: Final = 256
# Opening a program reads no more records than these, unless its snapshot is the longer to read: the
# fills that one remembers take as long to read as so many records.
SNAPSHOT_EVERY: Final = 50_000
# A snapshot writes everything that a position remembers: so many of it for each record at most.
REMEMBERED_PER_RECORD_MAX: Final = 4
# The day is up to so much later elsewhere; what is dated yet later has not happened.
AHEAD_MAX: Final = timedelta(days=1)

Clock = Callable[[], datetime]


class RuleText(msgspec.Struct, frozen=True):
    """A rule file as a program adopts it: its text, what it is called, and what it says.

    *rules* are the hashes by which it is adopted, of the text and of the packs that it includes.
    """

    body: bytes
    name: str
    editions: Editions
    rules: Rules

    def texts(self) -> Iterator[bytes]:
        """Yield its text, and those of the packs."""
        yield self.body
        yield from self.editions.authorization.pack_texts().values()


def rule_text(body: bytes, name: str) -> RuleText:
    """Return the rule file *body*, called *name* in messages; raise RuleFileError for a bad one."""
    editions = load_text(body, name)
    packs = editions.authorization.pack_texts()
    rules = Rules(digest(body), {pack: digest(packs[pack]) for pack in sorted(packs)})
    return RuleText(body, name, editions, rules)


class Desk:
    """One program's live events. `submit` may be called from many threads at once."""

    def __init__(
        self,
        journal: Journal,
        program: str,
        now: Clock,
        rules: RuleText | None = None,
        by: str | None = None,
        feed: Feed | None = None,
    ) -> None:
        """Open *program* in *journal*; with *rules*, only if it goes by them.

        A program that has not begun adopts them, *by* someone, with its first event, and
        *has_begun_it* is true once that is recorded. What the rules read and no event says comes
        from *feed*, or from the tables of sessions alone. Raise InputError if that contradicts
        itself, UsageError for the rules of another authorization, JournalError if the records
        do not fit together.
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
            # What is wrong with it is raised now, and not with the first event.
            self._feed.of(self._book.editions.authorization)
        self._kept: frozenset[str] = frozenset()
        self._turn = threading.Condition()
        self.waiting: list[_Waiting] = []
        self._busy = False

    def submit(self, event: Event) -> Decided:
        """Return the answer to *event* once it is recorded, with whatever else was waiting.

        Raise InputError for an event of another authorization, JournalError if it could not be
        recorded: it has no answer then, and can be sent again as it is.
        """
        self._check(event)
        mine = _Waiting(event)
        with self._turn:
            self.waiting.append(mine)
        while not mine.is_done:
            self._lead(mine)
        if mine.error is not None:
            raise mine.error
        assert mine.answer is not None, "what ended without error has its answer"
        return mine.answer

    def answer(self, events: Sequence[Event]) -> list[Decided]:
        """Return the answers to *events*, all of them recorded in one transaction."""
        for event in events:
            self._check(event)
        with self._journal.writing(self._program) as writer:
            now = self._now()
            check_dates(events, now)
            group = Group(self._caught_up(writer), now, writer, self._texts, self._feed)
            begins = self._begin(group)
            known = writer.with_ids(self._program, [event.id for event in events])
            answers = [group.answer(event, known) for event in events]
            group.write(self._kept)
        # Only now: a transaction that failed leaves no trace here either.
        self._book = group.book
        self._kept |= group.editions.keys()
        self.has_begun_it |= begins
        if begins:
            # So that a copy of the file alone knows the program, and does not let it begin anew.
            # It is committed: whether this can be done takes nothing from the answers.
            with suppress(JournalError):
                self._journal.settle()
        self._journal.reached("answered")
        return answers

    def adopt(self, rules: RuleText, by: str, reason: str) -> tuple[Book, Book]:
        """Record that the program goes by *rules* from now on; return it before and after.

        Raise UsageError if they are in force already, are of another authorization or count in
        another currency than what was used, and if nobody says who adopts them and why.
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
        """Return the program as it is and as it would go by *rules*; nothing is written.

        Raise UsageError if `adopt` refuses them, whoever it is by.
        """
        _check_authorization(rules, self._program)
        book = self.refresh()
        _check_adoptable(rules, book, self._journal.url)
        return book, replace(book, editions=rules.editions, rules=rules.rules)

    def refresh(self) -> Book:
        """Return the program with what others have recorded since; nothing is written."""
        records = self._journal.records(self._program, self._book.head.sequence)
        self._book = caught_up(self._book, records, self._texts, self._journal.url)
        return self._book

    def _check(self, event: Event) -> None:
        if event.authorization not in (None, self._program):
            what = f"the event `{event.id}` is of authorization `{event.authorization}`"
            raise InputError(Problem(what, f"the program is that of `{self._program}`"))

    def _lead(self, mine: _Waiting) -> None:
        """Record what is waiting, mine first or soon, or wait for who does."""
        group: list[_Waiting] = []
        stopped = Problem("stopped before it was answered", "send it again as it is")
        failed: RepurchaseError | None = JournalError(stopped)
        # All of it, since Ctrl-C can come at any line, and who waits must hear of it.
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
        """Answer all of *group* together, or each alone if one of them cannot be."""
        try:
            answers = self.answer([one.event for one in group])
        except (Tampering, InputError):
            if len(group) == 1:
                raise
            # What is wrong with the record or the date of one keeps no other from its answer.
            for one in group:
                try:
                    self._answer_all([one])
                except (Tampering, InputError) as error:
                    one.error = error
            return
        for one, answer in zip(group, answers, strict=True):
            one.answer = answer

    def _end(self, group: list[_Waiting], failed: RepurchaseError | None) -> None:
        """Let those of *group* go, with their answers or with what *failed*."""
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
            what = f"its records end at {book.head.sequence}, not at {writer.head.sequence}"
            raise JournalError(Problem(what, "`repurchase verify` says more", place))
        return book

    def _begin(self, group: Group) -> bool:
        """Adopt the rules given if the program has not begun, and return whether it has not.

        Raise UsageError for others than its own.
        """
        given, adopted = self._rules, group.book.rules
        if given is None and adopted is None:
            hint = "name its rule file with --rules"
            raise UsageError(Problem("the program has not begun", hint, self._journal.url))
        if given is not None and adopted is None:
            group.adopt(given, self._by, None)
            return True
        if given is not None and adopted != given.rules:
            hint = "record the change with `repurchase adopt`, or leave --rules out"
            raise UsageError(Problem(other_rules(adopted, given.rules), hint, given.name))
        return False


class _Waiting:
    """An event on its way into a transaction, and what came of it."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self.answer: Decided | None = None
        self.error: RepurchaseError | None = None
        self.is_done = False


class Group:
    """The records of one transaction in the making, and the program as they leave it."""

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
        """Add the record that the program goes by *rules*, and keep their text."""
        for text in rules.texts():
            self._writer.keep_text(digest(text), text)
        name, adopted = rules.editions.authorization.name, rules.rules
        self._add(Record(*self._next(), adoption=Adoption(name, adopted, by, reason)))
        self.book = replace(self.book, editions=rules.editions, rules=adopted)

    def answer(self, event: Event, known: Mapping[str, Stored]) -> Decided:
        """Return the answer to *event*: as it was given before, or anew and with its record."""
        before, stored = self._new.get(event.id), known.get(event.id)
        if before is None and stored is not None:
            before = recorded(stored, self._writer.url)
        if before is not None:
            return self.again(event, before)
        edition = self._edition(event)
        self.editions[edition.hash] = edition
        noted = NotedMarket(self._feed.of(edition.authorization))
        taken = step(event, self.book.position, edition, live=True, market=noted)
        decision = taken.decision
        answer = Answer(decision.outcome, decision.findings, decision.position, decision.edition)
        record = Record(*self._next(), event_object(event), noted.outside(), answer)
        self._add(record)
        self._new[event.id] = record
        self.book = replace(self.book, position=taken.position)
        return Decided(decision, edition)

    def write(self, kept: frozenset[str]) -> None:
        """Write all records, the editions that are not *kept* yet, and a snapshot if one is due."""
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
        """Return the answer to an event whose id has a record: the same only for the same event."""
        if before.event == event_object(event):
            return Decided(before.decision(), self._edition_then(event, before), repeated=True)
        edition = self._edition(event)
        return Decided(refusal(event, self.book.position, edition), edition)

    def _edition(self, event: Event) -> Edition:
        assert self.book.editions is not None, "a rule file is adopted before the first event"
        return self.book.editions.of(event, self.book.position)

    def _edition_then(self, event: Event, record: Record) -> Edition:
        if event.id in self._new:
            # What adopted its rule file may be of this very transaction too.
            return self._edition(event)
        return edition_then(self._writer, self._writer.program, self._texts, record, event)

    def _next(self) -> tuple[int, str, datetime, str]:
        """Return what the next record begins with, whatever it holds."""
        head = self.book.head
        return head.sequence + 1, head.hash, self._at, __version__

    def _add(self, record: Record) -> None:
        whole = sealed(record)
        self._records.append(whole)
        self.book = replace(self.book, head=Head(record.sequence, whole.hash))


def check_said(name: str, text: str) -> None:
    """Raise UsageError if *text* could not stand for the field *name* of an event either."""
    try:
        READERS[name](text)
    except Wrong as wrong:
        raise UsageError(Problem(f"`{name}` {wrong.what}", wrong.hint)) from wrong


def other_rules(adopted: Rules | None, given: Rules) -> str:
    """Return in what the rules *given* are not those *adopted*."""
    if adopted is None or adopted.file != given.file:
        return "the program goes by another rule file"
    names = sorted(adopted.packs.keys() | given.packs.keys())
    other = [f"`{one}`" for one in names if adopted.packs.get(one) != given.packs.get(one)]
    return f"the program goes by another text of the pack {', '.join(other)}"


def check_dates(events: Sequence[Event], now: datetime) -> None:
    """Raise InputError for one of *events* that is of the future: it cannot have happened."""
    latest = now + AHEAD_MAX
    for event in events:
        day = event.date
        if (event.time is not None and event.time > latest) or (
            day is not None and day > latest.astimezone(UTC).date()
        ):
            dated = event.time or day
            what = f"the event `{event.id}` is of {dated}, and now it is {now:%Y-%m-%d %H:%M%z}"
            raise InputError(Problem(what, "what has not happened cannot be submitted"))


def _check_adoptable(rules: RuleText, book: Book, place: str) -> None:
    """Raise UsageError if the program of *book*, in the journal at *place*, refuses *rules*."""
    if book.rules is None:
        hint = "its first submission adopts its rule file"
        raise UsageError(Problem("the program has not begun", hint, place))
    if book.rules == rules.rules:
        raise UsageError(Problem("it is the rule file in force", file=rules.name))
    _check_money(rules, book)


def _check_money(rules: RuleText, book: Book) -> None:
    """Raise UsageError if what *book* has used would be read in another money by *rules*."""
    if book.editions is None or book.position.used == Position().used:
        return
    old, new = book.editions.authorization, rules.editions.authorization
    if (old.currency, old.with_fees) != (new.currency, new.with_fees):
        what = "it counts in another `currency` or `amount_basis` than what was used"
        hint = "begin another program, and bring forward what was used in the new terms"
        raise UsageError(Problem(what, hint, rules.name))


def _check_authorization(rules: RuleText, program: str) -> None:
    name = rules.editions.authorization.name
    if name != program:
        what = f"it is of authorization `{name}`, and the program is `{program}`"
        raise UsageError(Problem(what, file=rules.name))
