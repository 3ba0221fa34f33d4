"""Answers that somebody kept, held against a journal: whoever keeps them can show what it lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec

from repurchase.audit.kept import kept_file
from repurchase.domain.decisions import Receipt
from repurchase.domain.errors import InputError, Problem, Tampering
from repurchase.journal.store import Journal

_LINE_BYTES_MAX: Final = 1 << 24
_NAMED_MAX: Final = 20


class _Line(msgspec.Struct, frozen=True):
    """What an answer of the desk says of its record, and whose decision it is."""

    id: str = ""
    record: Annotated[int, msgspec.Meta(ge=1)] | None = None
    hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None


class Kept(NamedTuple):
    """A receipt with its place: the answer to the event *id* on *line* of *file*."""

    receipt: Receipt
    id: str
    file: str
    line: int


_DECODER: Final = msgspec.json.Decoder(_Line)


def read_receipts(path: Path) -> Iterator[Kept]:
    """Yield the receipts among the answers in the file *path*, one line of JSON each.

    An answer without a record, such as a refusal, is left out. Raise UsageError if the file cannot
    be read, InputError for a line that is not an answer, or if the file has no receipt at all.
    """
    with kept_file(path) as file:
        number = count = 0
        while text := file.readline(_LINE_BYTES_MAX):
            number += 1
            for one in () if text.isspace() else _receipt(text, str(path), number):
                count += 1
                yield one
    if not count:
        # Whoever gives the wrong file must not read that its answers are all there.
        hint = "give the answers of `repurchase submit --json`, one on each line"
        raise InputError(Problem("the file has no receipt", hint, str(path)))


def _receipt(text: bytes, file: str, line: int) -> Iterator[Kept]:
    try:
        found = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        hint = "give the answers of `repurchase submit --json`, one on each line"
        raise InputError(Problem("this is not an answer of the desk", hint, file, line)) from error
    if found.record is not None and found.hash is not None:
        yield Kept(Receipt(found.record, found.hash), found.id, file, line)


def check_receipts(journal: Journal, program: str, receipts: Iterator[Kept]) -> int:
    """Return how many *receipts* there are, if *program* in *journal* holds the record of each.

    Raise Tampering otherwise; it names the first twenty answers whose records are not there.
    """
    confirmed, last = 0, journal.head(program).sequence
    lost: list[Problem] = []
    for one in receipts:
        record, hash_ = one.receipt.record, one.receipt.hash
        if (found := journal.hash_of(program, record)) == hash_:
            confirmed += 1
            continue
        what = "has another content than was answered"
        if found is None:
            what = f"is not in the journal, which ends with record {last}"
        lost.append(Problem(f"record {record}, of {one.id}, {what}", None, one.file, one.line))
        if len(lost) == _NAMED_MAX:
            break
    if lost:
        raise Tampering(lost)
    return confirmed
