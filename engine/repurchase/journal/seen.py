"""How far this user has read each program's chain, and the position there, outside the database.

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
from repurchase.domain.version import __version__
from repurchase.intake.sources import open_file
from repurchase.journal.records import Rules, digest
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


class Snapshot(msgspec.Struct, frozen=True):
    """The SHA-256 of the *position* that a program has after *record*, and the rules in force.

    *hash* is that of the record. The package of *version* folded the position: another one may
    keep other things in it.
    """

    version: str
    record: int
    hash: str
    rules: Rules
    position: str


def seen(journal: Journal, program: str) -> Seen | None:
    """Return what this user remembers of *program*; `None` if nothing, or if it is another chain.

    Raise Tampering if the program has lost records since, or has others in their place.
    """
    file = _file(journal, program, "json")
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
    file, first = _file(journal, program, "json"), journal.hash_of(program, 1)
    if file is not None and first is not None:
        known = Seen(journal.url, program, first, head.sequence, head.hash)
        _write(file, msgspec.json.encode(known))


def snapshot(journal: Journal, program: str) -> tuple[Snapshot, bytes] | None:
    """Return the last position that this user kept of *program*, and after which record it was.

    Return `None` if there is none, if it is not as it was kept, or if the journal has another
    record there.
    """
    file = _file(journal, program, "position")
    if file is None:
        return None
    try:
        with open_file(file) as stream:
            named = msgspec.json.decode(stream.readline(_BYTES_MAX), type=Snapshot)
            body = stream.read()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    is_whole = (named.version, named.position) == (__version__, digest(body))
    is_of_it = is_whole and journal.hash_of(program, named.record) == named.hash
    return (named, body) if is_of_it else None


def keep_snapshot(journal: Journal, program: str, head: Head, rules: Rules, body: bytes) -> None:
    """Keep *body*, the position of *program* at *head*, under *rules*, in place of the last one.

    Do nothing if it cannot be written: it only saves time.
    """
    file = _file(journal, program, "position")
    if file is not None:
        named = Snapshot(__version__, head.sequence, head.hash, rules, digest(body))
        _write(file, b"%b\n%b" % (msgspec.json.encode(named), body))


def _write(file: Path, body: bytes) -> None:
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


def _file(journal: Journal, program: str, kind: str) -> Path | None:
    """Return the file of this *kind* on *program*; `None` if the user has no home."""
    folder = state_folder()
    name = digest(f"{journal.address}\n{program}".encode("utf-8", "surrogateescape"))
    return None if folder is None else folder / f"{name}.{kind}"


def state_folder() -> Path | None:
    """Return the folder in which this user's state is kept; `None` if the user has no home."""
    given = os.environ.get("XDG_STATE_HOME", "")
    try:
        # A relative path is invalid there, by the specification.
        state = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    return state / _FOLDER


def _other(known: Seen) -> str:
    return f"record {known.record} is another one"


def _hint(file: Path) -> str:
    return (
        "run `repurchase verify` with a checkpoint or receipts; if a copy was restored on purpose,"
        f" submit again what it lacks, after you removed {file}"
    )
