"""One record of a program, shown without the others: its text, and the proof of its place.

Whoever has a signed checkpoint can check it, and learns nothing of any other record.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from repurchase.audit.checkpoint import Checkpoint, leaf_of
from repurchase.audit.kept import kept_file
from repurchase.audit.merkle import inclusion, is_included
from repurchase.domain.errors import InputError, Problem, Tampering, UsageError
from repurchase.journal.records import Record, digest, read_record
from repurchase.journal.store import Journal, Stored

FORMAT: Final = "repurchase evidence 1"
_BYTES_MAX: Final = 1 << 24

_Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Record number *record* of *program* as text, and the *proof* of its place in *root*.

    *root* is that of the checkpoint made when the program had so many *records*.
    """

    format: Literal["repurchase evidence 1"]
    program: str
    record: Annotated[int, msgspec.Meta(ge=1)]
    records: Annotated[int, msgspec.Meta(ge=1)]
    root: _Hash
    proof: tuple[_Hash, ...]
    body: str


def evidence(journal: Journal, stored: Stored, checkpoint: Checkpoint) -> Evidence:
    """Return the evidence that the record *stored* in *journal* is in *checkpoint*.

    Raise UsageError if the record is newer, Tampering if the journal is not that of *checkpoint*.
    """
    index, program = stored.sequence - 1, checkpoint.program
    if stored.sequence > checkpoint.records:
        what = f"the checkpoint ends with record {checkpoint.records:,}, before it"
        raise UsageError(Problem(what, "make another checkpoint", journal.url))
    leaves = [leaf_of(one) for one in journal.hashes(program, checkpoint.records)]
    proof = inclusion(leaves, index)
    found = Evidence(
        FORMAT,
        program,
        stored.sequence,
        checkpoint.records,
        checkpoint.root,
        tuple(one.hex() for one in proof),
        stored.body.decode(),
    )
    shown(found, checkpoint, journal.url)
    return found


def shown(found: Evidence, checkpoint: Checkpoint, place: str) -> Record:
    """Return the record of *found*, at *place*; raise Tampering unless *checkpoint* has it."""
    told = found.program, found.records, found.root
    if told != (checkpoint.program, checkpoint.records, checkpoint.root):
        what = "the evidence is for another checkpoint"
        hint = f"give the one that the program had at record {found.records:,}"
        raise UsageError(Problem(what, hint, place))
    body = found.body.encode()
    proof = [bytes.fromhex(one) for one in found.proof]
    leaf, whole = leaf_of(digest(body)), bytes.fromhex(checkpoint.root)
    if not is_included(leaf, found.record - 1, found.records, proof, whole):
        what = f"the checkpoint does not contain this as record {found.record:,}"
        raise Tampering(Problem(what, file=place))
    record = read_record(body)
    if record.sequence != found.record:
        raise Tampering(Problem("it is stored in the place of another record", file=place))
    return record


def read_evidence(path: Path) -> Evidence:
    """Return the evidence in the file *path*.

    Raise UsageError if the file cannot be read, InputError if it is not evidence.
    """
    with kept_file(path) as file:
        content = file.read(_BYTES_MAX)
    try:
        return msgspec.json.decode(content, type=Evidence)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        what, hint = "this is not evidence", "make it with `repurchase evidence RECORD`"
        raise InputError(Problem(what, hint, str(path))) from error
