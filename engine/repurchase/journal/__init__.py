"""The append-only record of programs: what was asked, what was answered, by which rules."""

from repurchase.journal.book import (
    Book,
    RuleTexts,
    caught_up,
    chained,
    following,
    misplaced,
    stored_book,
)
from repurchase.journal.records import (
    BEGINNING,
    Adoption,
    Answer,
    Record,
    Sealed,
    digest,
    event_object,
    event_of,
    read_record,
    record_bytes,
    sealed,
)
from repurchase.journal.snapshot import PositionWriter, position_bytes, read_position
from repurchase.journal.store import Extent, Head, Journal, Stored, Writer, shown_url

__all__ = [
    "BEGINNING",
    "Adoption",
    "Answer",
    "Book",
    "Extent",
    "Head",
    "Journal",
    "PositionWriter",
    "Record",
    "RuleTexts",
    "Sealed",
    "Stored",
    "Writer",
    "caught_up",
    "chained",
    "digest",
    "event_object",
    "event_of",
    "following",
    "misplaced",
    "position_bytes",
    "read_position",
    "read_record",
    "record_bytes",
    "sealed",
    "shown_url",
    "stored_book",
]
