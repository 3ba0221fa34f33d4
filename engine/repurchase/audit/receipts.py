"""Answers that somebody kept, held against a journal: whoever keeps them can show what it lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec

from repurchase.audit.kept import kept_file
from repurchase.domain.decisions import Receipt
from repurchase.domain.errors import InputError, Problem, Tampering, short
from repurchase.journal.book import recorded
from repurchase.journal.store import Journal

_LINE_BYTES_MAX: Final = 1 << 24
_NAMED_MAX: Final = 20


class Said(msgspec.Struct, frozen=True):
    """What an answer says was decided, as far as it says it: the record must say the same."""

    id: str | None = None
    kind: str | None = None
    outcome: str | None = None
    edition: str | None = None
    position: dict[str, str | None] | None = None


class _Line(Said, frozen=True):
    """What an answer of the desk says, also of its record."""

    record: Annotated[int, msgspec.Meta(ge=1)] | None = None
    hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None


class Kept(NamedTuple):
    """A receipt with what its answer *said*, on *line* of *file*."""

    receipt: Receipt
    said: Said
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
        yield Kept(Receipt(found.record, found.hash), found, file, line)


def check_receipts(journal: Journal, program: str, receipts: Iterator[Kept]) -> int:
    """Return how many *receipts* there are, if *program* in *journal* holds the record of each.

    Raise Tampering otherwise; it names the first twenty answers that the journal does not hold.
    """
    confirmed = 0
    lost: list[Problem] = []
    for one in receipts:
        wrong = _wrong(journal, program, one)
        if wrong is None:
            confirmed += 1
            continue
        what = f"record {one.receipt.record}, of {short(str(one.said.id))}, {wrong}"
        lost.append(Problem(what, None, one.file, one.line))
        if len(lost) == _NAMED_MAX:
            break
    if lost:
        raise Tampering(lost)
    return confirmed


def _wrong(journal: Journal, program: str, one: Kept) -> str | None:
    """Return what is wrong with the record of a receipt; `None` if it says what was answered."""
    stored = journal.numbered(program, one.receipt.record)
    if stored is None:
        last = journal.head(program).sequence
        return f"is not in the journal, which ends with record {last}"
    if stored.hash != one.receipt.hash:
        return "has another content than was answered"
    record = recorded(stored, journal.url)
    told = msgspec.to_builtins(record.decision()) if record.event is not None else {}
    said = msgspec.structs.asdict(one.said)
    names = [name for name in Said.__struct_fields__ if said[name] is not None]
    differing = [name for name in names if said[name] != told.get(name)]
    return f"says another `{differing[0]}` than the answer" if differing else None
