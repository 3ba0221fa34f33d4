"""A program's position, folded from its records, each of which is checked against the one before.

This module re-evaluates no event; `audit` does. Its checks are cheap and find the faults that no
further record may build on: a break in the chain, and a position that the events do not give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

import msgspec
from msgspec.structs import replace

from repurchase.domain.errors import JournalError, Problem, RuleFileError, Tampering, short
from repurchase.domain.events import EXECUTIONS, REPORTS, Event
from repurchase.domain.progress import Watch, unwatched
from repurchase.evaluation.step import apply, position_report
from repurchase.journal.records import (
    Adoption,
    Record,
    Rules,
    Sealed,
    digest,
    event_of,
    read_record,
)
from repurchase.journal.seen import as_seen, keep_snapshot, remember, seen, snapshot
from repurchase.journal.snapshot import Pause, position_bytes, read_position, unpaused
from repurchase.journal.store import Head, Journal, Reader, Stored
from repurchase.ledger.fold import counting
from repurchase.ledger.halts import adopted, begun, is_agreed, proposed
from repurchase.ledger.position import Position
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.life import Life, life, life_then
from repurchase.rulebook.packs import kept

MORE: Final = "run `repurchase verify` for details"
# Whoever has folded so many records keeps the position, so that the next need not fold them.
KEEP_EVERY: Final = 512
# A position holds all remembered orders and fills: at most this many for each record folded.
REMEMBERED_PER_RECORD_MAX: Final = 16


class Book(msgspec.Struct, frozen=True):
    """A program after the records read so far: its chain's head, position and adopted rules.

    It was folded from the snapshot at record *since*, or from the first record if that is 0.
    """

    head: Head = Head()
    position: Position = Position()
    editions: Editions | None = None
    rules: Rules | None = None
    since: int = 0


class RuleTexts:
    """The rules that programs adopted, by the hashes of their texts; each text is read once."""

    def __init__(self, text: Callable[[str], bytes | None]) -> None:
        self._text = text
        self._read: dict[tuple[tuple[str, ...], tuple[str, ...]], Editions] = {}

    def editions(self, rules: Rules) -> Editions:
        """Return the editions of the texts of *rules*.

        Raise JournalError if the journal lacks one of the texts, or one was changed or is invalid.
        """
        key = _names(rules)
        found = self._read.get(key)
        if found is None:
            found = self._read[key] = self._load(rules)
        return found

    def know(self, rules: Rules, editions: Editions) -> None:
        """Take *editions* for those of *rules*, whose texts are not stored yet."""
        self._read[_names(rules)] = editions

    def _load(self, rules: Rules) -> Editions:
        body = self._body(rules.file, "the rule file")
        packs = {name: self._body(hash_, "the pack") for name, hash_ in rules.packs.items()}
        try:
            return load_text(body, f"the rule file {rules.file[:12]}...", packs=kept(packs))
        except RuleFileError as error:
            raise JournalError(error.problems) from error

    def _body(self, hash_: str, called: str) -> bytes:
        body = self._text(hash_)
        if body is None:
            raise Tampering(Problem(f"{called} {hash_} is missing"))
        if digest(body) != hash_:
            raise Tampering(Problem(f"{called} {hash_} was changed"))
        return body


def _names(rules: Rules) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(sorted(rules.packs)), rules.hashes()


def stored_book(journal: Journal, program: str, watch: Watch = unwatched) -> Book:
    """Return *program* as its records leave it, and remember for this user how far that was read.

    Only what this user has not folded before is read, if the position there was kept.
    Raise JournalError if the records contradict each other, or Tampering if one was changed, or is
    not as this user has read it.
    """
    texts = RuleTexts(journal.text)
    # Read the head before the records, so that a record added meanwhile is not a contradiction.
    head = journal.head(program)
    known = seen(journal, program)
    book = snapshot_book(journal, program, texts) or Book()
    start = book.head.sequence
    records = as_seen(journal.records(program, start), known, journal.url)
    # A watch may end only with its items.
    book = caught_up(book, watch(records, max(head.sequence - start, 0)), texts, journal.url)
    if book.head.sequence > head.sequence:
        # Another process that added records meanwhile has moved the head, too.
        last = journal.head(program).sequence
        if last < book.head.sequence:
            what = f"record {last + 1}: it is beyond the program's last record, {last}"
            raise Tampering(Problem(what, MORE, journal.url))
    elif book.head.sequence < head.sequence:
        what = f"the records end at {book.head.sequence}, but the program's head is {head.sequence}"
        raise JournalError(Problem(what, MORE, journal.url))
    elif book.head != head:
        what = f"record {head.sequence}: its hash is not that of the program's head"
        raise JournalError(Problem(what, MORE, journal.url))
    editions = book.editions
    if editions is not None and editions.authorization.name != program:
        what = f"its rule file is of `{short(editions.authorization.name)}`, another program"
        raise Tampering(Problem(what, MORE, journal.url))
    if known is None or book.head.sequence != start:
        remember_book(journal, program, book, start)
    return book


def caught_up(book: Book, records: Iterable[Stored], texts: RuleTexts, place: str) -> Book:
    """Return *book* after *records* of the journal at *place*.

    Raise JournalError for a record that does not follow the one before, or whose position is not
    the one that its event gives.
    """
    for stored in records:
        try:
            book = after_record(book, stored, following(book.head, stored), texts)
        except JournalError as error:
            raise misplaced(error, place, stored.sequence) from error
    return book


def book_at(journal: Journal, program: str, texts: RuleTexts, last: int) -> Book:
    """Return *program* as record *last* left it; raise JournalError as `caught_up` does."""
    book = snapshot_book(journal, program, texts)
    if book is None or book.head.sequence > last:
        book = Book()
    return caught_up(book, journal.records(program, book.head.sequence, last), texts, journal.url)


def after_record(book: Book, stored: Stored, record: Record, texts: RuleTexts) -> Book:
    """Return *book* after *record*, which is *stored* next; raise JournalError if it cannot be."""
    return replace(_folded(book, record, texts), head=Head(stored.sequence, stored.hash))


def _folded(book: Book, record: Record, texts: RuleTexts) -> Book:
    """Return *book* after *record*; its head stays."""
    if record.adoption is not None:
        return adopting(book, record.adoption, texts)
    if is_agreed(book.position):
        # `adopting` takes what was agreed alone.
        raise Tampering(Problem("it does not adopt the rule file that a second person confirmed"))
    if record.reconciliation is not None:
        return book
    return replace(book, position=_after(book.position, record, book.editions))


def adopting(book: Book, adoption: Adoption, texts: RuleTexts) -> Book:
    """Return *book* after *adoption*; its head stays.

    Raise Tampering if the program has two persons, and one alone adopted rules that can be looser.
    """
    if texts.editions(adoption.rules).authorization.name != adoption.authorization:
        raise Tampering(Problem("it adopts the rule file of another program"))
    if book.rules is None:
        return _begun(book, adoption, texts)
    position, rules = book.position, adoption.rules
    if is_agreed(position) and adoption.of is None:
        raise Tampering(Problem("it does not adopt the rule file that a second person confirmed"))
    if adoption.one_person or adoption.identity is not None:
        raise Tampering(Problem("only the first adoption says who the persons of a program are"))
    if adoption.pending is not None:
        waiting = rules.proposal(adoption.by, adoption.reason)
        return replace(book, position=proposed(position, adoption.pending, waiting))
    _check_agreed(position, adoption)
    editions = texts.editions(rules)
    if counts_otherwise(editions, book):
        raise Tampering(Problem("it counts money otherwise than the program has used it"))
    after = counting(adopted(position, adoption.by), editions.authorization.kept())
    return replace(book, position=after, editions=editions, rules=rules)


def _check_agreed(position: Position, adoption: Adoption) -> None:
    """Raise Tampering unless a second person agreed to *adoption*, or none needs to."""
    if adoption.of is not None:
        agreed = position.proposals.get(adoption.of)
        proposal = adoption.rules.proposal(adoption.by, adoption.reason)
        if agreed != replace(proposal, is_confirmed=True):
            raise Tampering(Problem("it adopts a rule file that no second person confirmed"))
    elif position.two_persons and not adoption.proven_no_looser:
        what = "one person alone adopts a rule file that can be looser than the one before"
        raise Tampering(Problem(what))


def _begun(book: Book, adoption: Adoption, texts: RuleTexts) -> Book:
    """Return *book* after its first *adoption*, which says who the persons of the program are."""
    if adoption.pending is not None or adoption.of is not None or adoption.proven_no_looser:
        raise Tampering(Problem("it changes the rule file of a program that has none"))
    began = begun(book.position, adoption.identity, two_persons=not adoption.one_person)
    editions = texts.editions(adoption.rules)
    after = counting(adopted(began, adoption.by), editions.authorization.kept())
    return replace(book, position=after, editions=editions, rules=adoption.rules)


def counts_otherwise(editions: Editions, book: Book) -> bool:
    """Return whether *editions* count money otherwise than the use recorded in *book*."""
    if book.editions is None or book.position.used == Position().used:
        return False
    old, new = book.editions.authorization, editions.authorization
    return (old.currency, old.with_fees) != (new.currency, new.with_fees)


def following(head: Head, stored: Stored) -> Record:
    """Return the record that *stored* holds.

    Raise Tampering if it was changed or does not follow *head*.
    """
    if stored.sequence != head.sequence + 1:
        raise Tampering(Problem(f"record {head.sequence + 1} is missing"))
    record = chained(head, stored.hash, stored.body)
    if stored.key != record.key:
        raise _of_another_place()
    return record


def chained(head: Head, hash_: str, body: bytes) -> Record:
    """Return the record that *body* encodes; raise Tampering unless it is the next after *head*."""
    record = _unchanged(hash_, body)
    if record.previous != head.hash:
        raise Tampering(Problem("it does not follow the record before it"))
    if record.sequence != head.sequence + 1:
        raise _of_another_place()
    return record


def recorded(stored: Stored, place: str) -> Record:
    """Return the record that *stored*, of the journal at *place*, holds.

    Raise Tampering if it was changed. Do not check whether it follows the one before.
    """
    try:
        record = _unchanged(stored.hash, stored.body)
        if (record.sequence, record.key) != (stored.sequence, stored.key):
            raise _of_another_place()
    except JournalError as error:
        raise misplaced(error, place, stored.sequence) from error
    return record


def sealed_as(stored: Stored, place: str) -> Sealed:
    """Return the same with the body and the hash that are *stored*; raise as `recorded` does."""
    return Sealed(recorded(stored, place), stored.body, stored.hash)


def judged_then(
    reader: Reader, program: str, texts: RuleTexts, record: Record, event: Event
) -> Life:
    """Return the editions that made the decision on *event*, held in *record* of *program*.

    Raise Tampering if the record that adopts the rule file is missing.
    """
    editions = texts.editions(rules_at(reader, program, record.sequence))
    return life_then(editions, record.decision(), editions.day_of(event))


def rules_at(reader: Reader, program: str, sequence: int) -> Rules:
    """Return the rules in force at record *sequence* of *program*.

    Raise Tampering if the record that adopts them is missing.
    """
    for stored in reader.without_key(program, sequence):
        record = recorded(stored, reader.url)
        if record.adoption is not None and record.adoption.pending is None:
            return record.adoption.rules
    what = "the record that adopts its rule file is missing"
    raise Tampering(Problem(what, MORE, reader.url))


def misplaced(error: JournalError, place: str, sequence: int) -> JournalError:
    """Return *error* with the journal, the number of the record and what to do."""
    return type(error)(
        [Problem(f"record {sequence}: {one.what}", MORE, place) for one in error.problems]
    )


def _unchanged(hash_: str, body: bytes) -> Record:
    if digest(body) != hash_:
        raise Tampering(Problem("its content was changed: its hash no longer matches"))
    record = read_record(body)
    parts = (record.event, record.adoption, record.reconciliation)
    is_event = record.event is not None
    if (
        parts.count(None) != len(parts) - 1
        or is_event != (record.answer is not None)
        or ((record.outside is not None or record.feeds) and not is_event)
        or (record.again and not _may_come_again(record))
    ):
        what = "it is not an event with a decision, an adoption or a reconciliation"
        raise Tampering(Problem(what))
    return record


def _may_come_again(record: Record) -> bool:
    """Return whether the event of *record* may have an id that an earlier one has."""
    if record.event is None or record.answer is None:
        return False
    answers = REPORTS - EXECUTIONS | {"halt"}
    return record.event.get("kind") in answers or record.answer.outcome == "refused"


def _of_another_place() -> Tampering:
    return Tampering(Problem("it is stored in the place of another record"))


def _after(position: Position, record: Record, editions: Editions | None) -> Position:
    if editions is None or record.event is None or record.answer is None:
        raise Tampering(Problem("no earlier record adopts a rule file"))
    event = event_of(record.event)
    its = life(editions, event, position)
    applied = apply(event, record.decision(), position, its)
    answer, found = record.answer, applied.position
    if applied.outcome != answer.outcome:
        raise Tampering(Problem("its outcome is not the one that its findings give"))
    if (position_report(found, its.edition), found.halted_by) != (
        answer.position,
        answer.halted_by,
    ):
        raise Tampering(Problem("its position is not the one that the events so far give"))
    return found


def snapshot_book(journal: Journal, program: str, texts: RuleTexts) -> Book | None:
    """Return *program* as this user last kept it; `None` if there is nothing to go on from.

    What was lost or changed costs only time: the caller then reads all records.
    """
    found = snapshot(journal, program)
    if found is None:
        return None
    named, body = found
    with suppress(JournalError):
        head, editions = Head(named.record, named.hash), texts.editions(named.rules)
        return Book(head, read_position(body), editions, named.rules, named.record)
    return None


def is_worth_keeping(book: Book, since: int, every: int) -> bool:
    """Return whether *every* so many records follow record *since*, for all that is remembered."""
    position = book.position
    remembered = len(position.orders) + len(position.fills.newer) + len(position.fills.older)
    records = book.head.sequence - since
    return records >= every and records * REMEMBERED_PER_RECORD_MAX >= remembered


def remember_book(journal: Journal, program: str, book: Book, since: int) -> None:
    """Remember for this user how far *book* goes, and its position if that is worth while.

    The position of record *since* is kept already.
    """
    if is_worth_keeping(book, since, KEEP_EVERY):
        keep_position(journal, program, book)
    else:
        remember(journal, program, book.head)


def keep_position(journal: Journal, program: str, book: Book, pause: Pause = unpaused) -> None:
    """Keep for this user the position of *program* in *book*, and how far it was read.

    Call *pause* now and then, so that other threads need not wait for all of it.
    """
    assert book.rules is not None, "a rule file is adopted before the first event"
    body = position_bytes(book.position, pause)
    keep_snapshot(journal, program, book.head, book.rules, body)
    remember(journal, program, book.head)
