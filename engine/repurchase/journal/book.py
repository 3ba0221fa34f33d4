"""A program's position, folded from its records, each of which is checked against the one before.

This module re-evaluates no event; `audit` does. Its checks are cheap and find the faults that no
further record may build on: a break in the chain, and a position that the events do not give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from repurchase.domain.errors import JournalError, Problem, RuleFileError, Tampering
from repurchase.domain.events import Event
from repurchase.evaluation.step import apply, position_report
from repurchase.journal.records import Record, Rules, digest, event_of, read_record
from repurchase.journal.snapshot import read_position
from repurchase.journal.store import Head, Journal, Reader, Stored
from repurchase.ledger.position import Position
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.life import Life, life, life_then
from repurchase.rulebook.packs import kept

MORE: Final = "run `repurchase verify` for details"


class Book(msgspec.Struct, frozen=True):
    """A program after the records read so far: its chain's head, position and adopted rules."""

    head: Head = Head()
    position: Position = Position()
    editions: Editions | None = None
    rules: Rules | None = None


class RuleTexts:
    """The rules that programs adopted, by the hashes of their texts; each text is read once."""

    def __init__(self, text: Callable[[str], bytes | None]) -> None:
        self._text = text
        self._read: dict[tuple[tuple[str, ...], tuple[str, ...]], Editions] = {}

    def editions(self, rules: Rules) -> Editions:
        """Return the editions of the texts of *rules*.

        Raise JournalError if the journal lacks one of the texts, or one was changed or is invalid.
        """
        key = (tuple(sorted(rules.packs)), rules.hashes())
        found = self._read.get(key)
        if found is None:
            found = self._read[key] = self._load(rules)
        return found

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


def stored_book(journal: Journal, program: str) -> Book:
    """Return *program* as its records leave it.

    Raise JournalError if the records contradict each other, or Tampering if one was changed.
    """
    texts = RuleTexts(journal.text)
    # Read the head before the records, so that a record added meanwhile is not a contradiction.
    head = journal.head(program)
    book = snapshot_book(journal, program, texts) or Book()
    book = caught_up(book, journal.records(program, book.head.sequence), texts, journal.url)
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
    return book


def caught_up(book: Book, records: Iterable[Stored], texts: RuleTexts, place: str) -> Book:
    """Return *book* after *records* of the journal at *place*.

    Raise JournalError for a record that does not follow the one before, or whose position is not
    the one that its event gives.
    """
    head, position = book.head, book.position
    editions, rules = book.editions, book.rules
    for stored in records:
        try:
            record = following(head, stored)
            if record.adoption is not None:
                rules = record.adoption.rules
                editions = texts.editions(rules)
            elif record.snapshot is None:
                position = _after(position, record, editions)
        except JournalError as error:
            raise misplaced(error, place, stored.sequence) from error
        head = Head(stored.sequence, stored.hash)
    return Book(head, position, editions, rules)


def following(head: Head, stored: Stored) -> Record:
    """Return the record that *stored* holds.

    Raise Tampering if it was changed or does not follow *head*.
    """
    if stored.sequence != head.sequence + 1:
        raise Tampering(Problem(f"record {head.sequence + 1} is missing"))
    record = chained(head, stored.hash, stored.body)
    if _id_of(record) != stored.id:
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
        if (record.sequence, _id_of(record)) != (stored.sequence, stored.id):
            raise _of_another_place()
    except JournalError as error:
        raise misplaced(error, place, stored.sequence) from error
    return record


def judged_then(
    reader: Reader, program: str, texts: RuleTexts, record: Record, event: Event
) -> Life:
    """Return the editions that made the decision on *event*, held in *record* of *program*.

    Raise Tampering if the record that adopts the rule file is missing.
    """
    stored = reader.naming(program, record.sequence)
    last = None if stored is None else recorded(stored, reader.url)
    naming = None if last is None else last.adoption or last.snapshot
    if naming is None:
        what = "the record that adopts its rule file is missing"
        raise Tampering(Problem(what, MORE, reader.url))
    editions = texts.editions(naming.rules)
    return life_then(editions, record.decision(), editions.day_of(event))


def misplaced(error: JournalError, place: str, sequence: int) -> JournalError:
    """Return *error* with the journal, the number of the record and what to do."""
    return type(error)(
        [Problem(f"record {sequence}: {one.what}", MORE, place) for one in error.problems]
    )


def _unchanged(hash_: str, body: bytes) -> Record:
    if digest(body) != hash_:
        raise Tampering(Problem("its content was changed: its hash no longer matches"))
    record = read_record(body)
    parts = (record.event, record.adoption, record.snapshot)
    is_event = record.event is not None
    if (
        parts.count(None) != len(parts) - 1
        or is_event != (record.answer is not None)
        or (record.outside is not None and not is_event)
    ):
        raise Tampering(Problem("it is not an event with a decision, an adoption or a snapshot"))
    return record


def _id_of(record: Record) -> object:
    return None if record.event is None else record.event.get("id")


def _of_another_place() -> Tampering:
    return Tampering(Problem("it is stored in the place of another record"))


def _after(position: Position, record: Record, editions: Editions | None) -> Position:
    if editions is None or record.event is None or record.answer is None:
        raise Tampering(Problem("no earlier record adopts a rule file"))
    event = event_of(record.event)
    its = life(editions, event, position)
    found = apply(event, record.decision(), position, its)
    if position_report(found, its.edition) != record.answer.position:
        raise Tampering(Problem("its position is not the one that the events so far give"))
    return found


def snapshot_book(journal: Journal, program: str, texts: RuleTexts) -> Book | None:
    """Return *program* as of its last snapshot; `None` if that is not the snapshot recorded.

    A lost or changed snapshot costs only time: the caller then reads all records.
    """
    snapshot = journal.snapshot(program)
    if snapshot is None:
        return None
    sequence, body = snapshot
    stored = next(journal.records(program, sequence - 1), None)
    if stored is None or stored.sequence != sequence:
        return None
    try:
        named = recorded(stored, journal.url).snapshot
        if named is None or named.position != digest(body):
            return None
        editions = texts.editions(named.rules)
        return Book(Head(sequence, stored.hash), read_position(body), editions, named.rules)
    except JournalError:
        return None
