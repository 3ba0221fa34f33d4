"""What a record of a journal makes news: decisions, halts, rules, and percentages of use.

Each notice has an ID that its record and its subject decide, so that whoever gets it twice can drop
the second one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from repurchase.domain.decisions import Outcome
from repurchase.journal.book import Book
from repurchase.journal.pages import decided_line
from repurchase.journal.queries import HaltLine, halt_line
from repurchase.journal.records import Adoption, Record, digest, event_of
from repurchase.report.served import Recorded, recorded
from repurchase.report.thresholds import History, Use, news

_ID_LETTERS: Final = 32


class Notice(msgspec.Struct, frozen=True):
    """One notification: its *type*, when its *record* was written, and what it is about.

    The *id* is the same each time that it is sent. *hash* is that of the record.
    """

    type: str
    timestamp: datetime
    id: str
    program: str
    record: int
    hash: str
    data: Recorded | HaltLine | Adoption | Use


def notices(
    program: str,
    record: Record,
    books: tuple[Book, Book],
    outcomes: tuple[Outcome, ...],
    sent: History,
) -> tuple[list[Notice], History]:
    """Return the news of *record*, always in the same order, and the use that is *sent* then.

    The *books* of the *program* are those before and after it. Of decisions, those with one of
    *outcomes* are news.
    """
    event = None if record.event is None else event_of(record.event)
    uses, after = news(books[1], event, sent)
    hash_ = books[1].head.hash
    found = [*_decision(record, books[0], outcomes), *_halts(*books)]
    if record.adoption is not None:
        what = "adopted" if record.adoption.pending is None else "proposed"
        found.append((f"rules.{what}", record.adoption, ()))
    for use in uses:
        kind = "use.unknown" if use.percent is None else "use.reached"
        found.append((kind, use, (use.name, use.part, use.period, use.percent)))
    return [
        Notice(kind, record.at, _id(hash_, kind, names), program, record.sequence, hash_, data)
        for kind, data, names in found
    ], after


_News = Iterator[tuple[str, Any, tuple[str | int | None, ...]]]


def _decision(record: Record, before: Book, outcomes: tuple[Outcome, ...]) -> _News:
    if record.answer is not None and record.answer.outcome in outcomes:
        assert before.editions is not None, "only a program that has begun decides"
        (line,) = recorded([decided_line(record, before.editions)])
        yield f"decision.{record.answer.outcome}", line, ()


def _halts(before: Book, after: Book) -> _News:
    for kind, book, other in (("halt.begun", after, before), ("halt.ended", before, after)):
        for cause in book.position.halts:
            if cause.name not in other.position.halted_by:
                yield kind, halt_line(cause, book.position), (cause.name,)


def _id(hash_: str, kind: str, names: tuple[str | int | None, ...]) -> str:
    """Return the ID of the notice of *kind*; *names* tell it from others of the same record."""
    # As JSON, so that one name cannot pass for two.
    return f"msg_{digest(msgspec.json.encode((hash_, kind, *names)))[:_ID_LETTERS]}"
