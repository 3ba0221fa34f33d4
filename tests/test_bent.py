"""A journal bent in each of many ways, and what finds it: as the threat model says, row by row.

`live` is any command that reads the journal, by a user who has not read it before; `reader` is a
user who has; `verify` evaluates the rules again; `receipts` and a `checkpoint` were kept elsewhere.
Whoever bends it can write the database, and knows how records are made.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from desk_events import LAST, PROGRAM, clock, order, other_rules, rules
from repurchase.audit.checkpoint import Checkpoint, leaf_of, unsigned
from repurchase.audit.receipts import check_receipts, read_receipts
from repurchase.audit.signatures import signed
from repurchase.audit.transfer import ExportFile, export, imported
from repurchase.audit.verify import verify
from repurchase.domain.decisions import PositionReport
from repurchase.domain.errors import JournalError
from repurchase.domain.quantities import written
from repurchase.evaluation.step import apply, position_report
from repurchase.journal.book import Book, RuleTexts, caught_up, stored_book
from repurchase.journal.desk import Desk
from repurchase.journal.records import (
    Adoption,
    Answer,
    Record,
    Sealed,
    digest,
    event_object,
    read_record,
    record_bytes,
    sealed,
)
from repurchase.journal.store import Head, Journal
from repurchase.report.ways import answer_object
from repurchase.report.written import json_text
from repurchase.rulebook.life import life
from stores import Store

MODEL: Final = (Path(__file__).parents[1] / "docs" / "security.md").read_text("utf-8")
FINDERS: Final = ("live", "reader", "verify", "receipts", "checkpoint")


class Kept:
    """What is kept elsewhere of a journal of eight orders, one of them denied."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self.receipts = folder / "answers.jsonl"
        with store.journal() as journal:
            desk = Desk(journal, PROGRAM, clock(), rules(), "ann")
            events = [order(f"o{number}") for number in range(8)] + [order("large", 41)]
            answers = [desk.submit(event) for event in events]
            desk.close()
            lines = [f"{json_text(answer_object(one))}\n" for one in answers]
            self.receipts.write_text("".join(lines))
            self.checkpoint = self._checkpoint(journal)
            self.length = journal.head(PROGRAM).sequence

    @staticmethod
    def _checkpoint(journal: Journal) -> Checkpoint:
        head = journal.head(PROGRAM)
        leaves = [leaf_of(one) for one in journal.hashes(PROGRAM, head.sequence)]
        made = unsigned(PROGRAM, head, leaves, clock()(), None)
        return signed(made, Ed25519PrivateKey.from_private_bytes(bytes(32)))

    def records(self) -> list[Record]:
        """Return all records as they are stored."""
        with self.store.journal() as journal:
            return [read_record(one.body) for one in journal.records(PROGRAM)]

    def put(self, made: Sealed) -> None:
        """Store *made* in the place of the record with its number."""
        self.store.change(
            "UPDATE records SET body = :body, hash = :hash WHERE sequence = :at",
            body=made.body,
            hash=made.hash,
            at=made.record.sequence,
        )

    def move_head(self, head: Head) -> None:
        self.store.change(
            "UPDATE programs SET sequence = :to, head = :hash", to=head.sequence, hash=head.hash
        )

    def chained(self, records: list[Record]) -> None:
        """Store *records* instead of those with their numbers, each made to follow the others."""
        previous = records[0].previous
        for one in records:
            made = sealed(replace(one, previous=previous))
            self.put(made)
            previous = made.hash
        self.move_head(Head(records[-1].sequence, previous))

    def truncated(self, records: int) -> None:
        """Leave the first *records* alone, with the head."""
        with self.store.journal() as journal:
            hash_ = journal.hash_of(PROGRAM, records) or ""
        self.store.change("DELETE FROM records WHERE sequence > :last", last=records)
        self.move_head(Head(records, hash_))


def answer_of(record: Record) -> Answer:
    assert record.answer is not None
    return record.answer


def less(report: PositionReport, by: int) -> PositionReport:
    """Return *report* with fewer shares reserved."""
    return replace(
        report,
        reserved_shares=written(int(report.reserved_shares or "0") - by),
        remaining_shares=written(int(report.remaining_shares or "0") + by),
    )


def text_of_record(kept: Kept) -> None:
    kept.store.change("UPDATE records SET body = body || :more WHERE sequence = 4", more=b" ")


def record_with_hash(kept: Kept) -> None:
    record = kept.records()[3]
    kept.put(sealed(replace(record, version="9.9.9")))


def swapped_records(kept: Kept) -> None:
    third, fourth = (sealed(one) for one in kept.records()[2:4])
    for own, other in ((third, fourth), (fourth, third)):
        kept.store.change(
            "UPDATE records SET body = :body, hash = :hash WHERE sequence = :at",
            body=other.body,
            hash=other.hash,
            at=own.record.sequence,
        )


def denial_made_approval(kept: Kept) -> None:
    record = kept.records()[-1]
    made = sealed(replace(record, answer=replace(answer_of(record), outcome="approved")))
    kept.put(made)
    kept.move_head(Head(record.sequence, made.hash))


def last_figures(kept: Kept) -> None:
    """A position with fewer shares reserved, so that the desk would approve more."""
    record = kept.records()[-1]
    answer = answer_of(record)
    made = sealed(replace(record, answer=replace(answer, position=less(answer.position, 3))))
    kept.put(made)
    kept.move_head(Head(record.sequence, made.hash))


def forged_approval(kept: Kept) -> None:
    """An order after the window, approved with a position that follows: rules alone deny it."""
    with kept.store.journal() as journal:
        texts = RuleTexts(journal.text)
        before = journal.records(PROGRAM, until=kept.length - 1)
        book = caught_up(Book(), before, texts, journal.url)
    assert book.editions is not None
    record, event = kept.records()[-1], order("late", date=LAST + timedelta(9))
    its = life(book.editions, event, book.position)
    approved = replace(record.decision(), outcome="approved", findings=())
    after = apply(event, approved, book.position, its).position
    answer = replace(
        answer_of(record),
        outcome="approved",
        findings=(),
        position=position_report(after, its.edition),
    )
    made = sealed(replace(record, event=event_object(event), answer=answer))
    kept.store.change(
        "UPDATE records SET key = :key WHERE sequence = :at", key=made.record.key, at=kept.length
    )
    kept.put(made)
    kept.move_head(Head(record.sequence, made.hash))


def head_back(kept: Kept) -> None:
    with kept.store.journal() as journal:
        hash_ = journal.hash_of(PROGRAM, 5) or ""
    kept.move_head(Head(5, hash_))


def head_hash(kept: Kept) -> None:
    kept.move_head(Head(kept.length, "0" * 64))


def text_of_rules(kept: Kept) -> None:
    kept.store.change("UPDATE texts SET body = body || :more", more=b"\n")


def edition(kept: Kept) -> None:
    kept.store.change("UPDATE editions SET content = content || ' '")


def fact_from_outside(kept: Kept) -> None:
    record = kept.records()[3]
    body = record_bytes(replace(record, outside={"market.day_high": "9"}))
    kept.store.change("UPDATE records SET body = :body WHERE sequence = 4", body=body)


def other_version(kept: Kept) -> None:
    records = kept.records()
    kept.chained([replace(records[0], version="0.0.1"), *records[1:]])


def tail_cut(kept: Kept) -> None:
    kept.truncated(kept.length - 2)


def made_anew(kept: Kept) -> None:
    """Another history under the same rules, made by this package."""
    for table in ("records", "programs", "editions", "texts"):
        with suppress(AssertionError):
            kept.store.change(f"DELETE FROM {table}")
    with kept.store.journal() as journal:
        desk = Desk(journal, PROGRAM, clock(), rules(), "ann")
        for number in range(kept.length - 1):
            desk.submit(order(f"n{number}"))


def forged_import(kept: Kept) -> None:
    """An export of another history, imported in the place of the true one."""
    other = kept.folder / "other.db"
    with Journal(str(other), create=True) as journal:
        desk = Desk(journal, PROGRAM, clock(), rules(), "ann")
        desk.submit(order("forged"))
        _, lines = export(journal, PROGRAM)
        (kept.folder / "forged.jsonl").write_text("".join(f"{one}\n" for one in lines))
    for table in ("records", "programs", "editions", "texts"):
        with suppress(AssertionError):
            kept.store.change(f"DELETE FROM {table}")
    with kept.store.journal() as journal, (kept.folder / "forged.jsonl").open("rb") as stream:
        imported(ExportFile(stream, "forged.jsonl"), journal)


def swapped_programs(kept: Kept) -> None:
    kept.store.change("UPDATE records SET program = 'other'")
    kept.store.change("UPDATE programs SET name = 'other'")
    for statement in (
        "INSERT INTO programs SELECT :name, sequence, head FROM programs",
        "INSERT INTO records SELECT :name, sequence, key, hash, body FROM records",
    ):
        kept.store.change(statement, name=PROGRAM)
    first, *rest = kept.records()
    assert first.adoption is not None
    kept.chained([replace(first, adoption=replace(first.adoption, authorization="x")), *rest])


def looser_alone(kept: Kept) -> None:
    """One person alone adopts another rule file."""
    text = other_rules()
    with kept.store.journal() as journal:
        head = journal.head(PROGRAM)
        adoption = Adoption(PROGRAM, text.rules, "ann", "x")
        made = sealed(Record(head.sequence + 1, head.hash, clock()(), "0", adoption=adoption))
        with journal.writing(PROGRAM) as writer:
            for one in text.texts():
                writer.keep_text(digest(one), one)
            writer.append([made])


# Each way, with the words of the threat model, and the first of FINDERS that finds it.
WAYS: Final[tuple[tuple[Callable[[Kept], None], str, str], ...]] = (
    (text_of_record, "A record's text is changed", "live"),
    (record_with_hash, "A record is changed with its hash", "live"),
    (swapped_records, "or records are swapped", "live"),
    (denial_made_approval, "The last record is changed with its hash and the head", "live"),
    (last_figures, "if its outcome or position does not follow", "live"),
    (forged_approval, "but the rules would have decided otherwise", "reader"),
    (head_back, "The head is moved", "live"),
    (head_hash, "or does not match", "live"),
    (text_of_rules, "The text of a rule file", "live"),
    (edition, "a pack or an edition is changed", "verify"),
    (fact_from_outside, "A recorded fact of a feed is changed", "live"),
    (tail_cut, "The newest records are cut off, with the head", "reader"),
    (made_anew, "The whole chain is made anew", "receipts"),
    (forged_import, "A forged export is imported", "receipts"),
    (swapped_programs, "A program is renamed or swapped", "live"),
    (looser_alone, "or adopts a looser file", "live"),
)


def finders(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return which of FINDERS find something wrong with the journal."""
    found = []
    with kept.store.journal() as journal:
        tries: dict[str, Callable[[], object]] = {
            "reader": lambda: stored_book(journal, PROGRAM),
            "verify": lambda: verify(journal, PROGRAM),
            "receipts": lambda: check_receipts(journal, PROGRAM, read_receipts(kept.receipts)),
            "checkpoint": lambda: verify(journal, PROGRAM, (kept.checkpoint,)),
        }
        with monkeypatch.context() as stranger:
            stranger.setenv("XDG_STATE_HOME", tempfile.mkdtemp(dir=kept.folder))
            found += ["live"] if _finds(lambda: stored_book(journal, PROGRAM)) else []
        return found + [name for name, one in tries.items() if _finds(one)]


def _finds(look: Callable[[], object]) -> bool:
    try:
        look()
    except JournalError:
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize(("bend", "words", "finder"), WAYS, ids=[one[0].__name__ for one in WAYS])
def test_bent_journal_is_found_as_the_threat_model_says(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bend: Callable[[Kept], None],
    words: str,
    finder: str,
) -> None:
    """Whoever is named finds it, and so does each that knows more."""
    kept = Kept(store, tmp_path)
    assert words in MODEL
    assert finders(kept, monkeypatch) == []
    bend(kept)
    found = finders(kept, monkeypatch)
    assert found, f"nothing finds {words}"
    assert found[0] == finder, found
    # A checkpoint of the true chain finds whatever was bent.
    assert "checkpoint" in found


def test_version_is_a_remark(store: Store, tmp_path: Path) -> None:
    """A record of another version is no fault in itself, but it is said."""
    kept = Kept(store, tmp_path)
    other_version(kept)
    with store.journal() as journal:
        (remark,) = verify(journal, PROGRAM).remarks
    assert remark.startswith("recorded by version 0.0.1, 0.")


def test_receipts_are_answers_as_the_desk_writes_them(store: Store, tmp_path: Path) -> None:
    """Each line is one answer, with what names its record."""
    kept = Kept(store, tmp_path)
    lines = [json.loads(line) for line in kept.receipts.read_text().splitlines()]
    assert [one["record"] for one in lines] == list(range(2, kept.length + 1))
