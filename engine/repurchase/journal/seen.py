"""How far this user has read each program's chain, remembered outside the database.

Whoever can write to the database could put a position there that no event gave, or take records
away. What a user has folded once needs no second look, and may not vanish afterwards.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from repurchase.domain.errors import Problem, Tampering
from repurchase.intake.sources import open_file
from repurchase.journal.records import digest
from repurchase.journal.store import Head, Journal, Stored

_FOLDER: Final = "repurchase"
_BYTES_MAX: Final = 1 << 16


class Seen(msgspec.Struct, frozen=True):
    """The end of a chain as this user last folded it, and the hash of the chain's *first* record.

    *journal* and *program* are for people, who find the file by them.
    """

    journal: str
    program: str
    first: str
    record: int
    hash: str


def seen(journal: Journal, program: str) -> Seen | None:
    """Return what this user remembers of *program*; `None` if nothing, or if it is another chain.

    Raise Tampering if the program has lost records since, or has others in their place.
    """
    file = _file(journal, program)
    if file is None:
        return None
    try:
        with open_file(file) as stream:
            known = msgspec.json.decode(stream.read(_BYTES_MAX), type=Seen)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if known.first != journal.hash_of(program, 1):
        return None
    found = journal.hash_of(program, known.record)
    if found == known.hash:
        return known
    what = f"record {known.record} is gone" if found is None else _other(known)
    raise Tampering(Problem(f"{what}, although this user has read it", _hint(file), journal.url))


def as_seen(records: Iterable[Stored], known: Seen | None, place: str) -> Iterator[Stored]:
    """Yield *records*; raise Tampering at the one that is not as it was *known*."""
    for stored in records:
        if known is not None and stored.sequence == known.record and stored.hash != known.hash:
            what = f"{_other(known)}, although this user has read it"
            raise Tampering(Problem(what, "run `repurchase verify` for details", place))
        yield stored


def remember(journal: Journal, program: str, head: Head) -> None:
    """Remember that this user has folded *program* up to *head*.

    Do nothing if it cannot be written: the next desk then folds the chain from its first record.
    """
    file, first = _file(journal, program), journal.hash_of(program, 1)
    if file is None or first is None:
        return
    body = msgspec.json.encode(Seen(journal.url, program, first, head.sequence, head.hash))
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made for its owner alone, and whole or not at all.
        descriptor, name = tempfile.mkstemp(dir=file.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(body)
            Path(name).replace(file)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


def _file(journal: Journal, program: str) -> Path | None:
    """Return where this user remembers *program*; `None` if the user has no home."""
    given = os.environ.get("XDG_STATE_HOME", "")
    try:
        # A relative path is invalid there, by the specification.
        state = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    name = digest(f"{journal.address}\n{program}".encode("utf-8", "surrogateescape"))
    return state / _FOLDER / f"{name}.json"


def _other(known: Seen) -> str:
    return f"record {known.record} is another one"


def _hint(file: Path) -> str:
    return (
        "run `repurchase verify` with a checkpoint or receipts; if a copy was restored on purpose,"
        f" submit again what it lacks, after you removed {file}"
    )
