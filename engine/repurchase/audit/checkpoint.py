"""The length, head and Merkle root of a chain at one moment, to be signed and kept elsewhere.

Checkpoints are a chain themselves: each names the one before it, and proves that it extends it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Final, Literal

import msgspec

from repurchase.audit.merkle import consistency, is_consistent, leaf, root
from repurchase.domain.errors import Problem, Tampering, UsageError
from repurchase.journal.store import Head

FORMAT: Final = "repurchase checkpoint 2"

_Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A signed statement that the chain of *program* had *records* records and *head* at *time*.

    *root* is the root of the Merkle tree over the records' hashes. *previous* is the SHA-256 of the
    checkpoint before, without its signature, and *consistency* shows that this tree extends that
    one; `None` and nothing for the first.
    """

    format: Literal["repurchase checkpoint 2"]
    program: str
    records: Annotated[int, msgspec.Meta(ge=1)]
    head: _Hash
    root: _Hash
    previous: _Hash | None
    consistency: tuple[_Hash, ...]
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    signature: str

    def signed_bytes(self) -> bytes:
        """Return the bytes to sign: all other fields as JSON, keys sorted, without white space."""
        fields = msgspec.structs.asdict(self)
        del fields["signature"]
        return msgspec.json.encode(fields, order="sorted")

    def hash(self) -> str:
        """Return the SHA-256 by which the next checkpoint names this one."""
        return hashlib.sha256(self.signed_bytes()).hexdigest()


def leaf_of(hash_: str) -> bytes:
    """Return the leaf that stands for the record with *hash_*."""
    return leaf(bytes.fromhex(hash_))


def unsigned(
    program: str,
    head: Head,
    leaves: Sequence[bytes],
    at: datetime,
    previous: Checkpoint | None,
) -> Checkpoint:
    """Return the checkpoint of *program* that follows *previous*, not signed yet.

    *head* is the end of its chain, and *leaves* stand for its records. Raise UsageError if there is
    no record since *previous*.
    """
    if previous is not None and previous.records == head.sequence:
        what = f"the program has no record since the checkpoint of record {previous.records:,}"
        raise UsageError(Problem(what, "that checkpoint confirms all there is"))
    proof = () if previous is None else consistency(leaves, previous.records)
    return Checkpoint(
        FORMAT,
        program,
        head.sequence,
        head.hash,
        root(leaves).hex(),
        None if previous is None else previous.hash(),
        tuple(one.hex() for one in proof),
        at,
        "",
    )


def check_chain(checkpoints: Sequence[Checkpoint]) -> None:
    """Raise Tampering unless each of *checkpoints*, from the oldest on, follows the one before."""
    for before, after in pairwise(checkpoints):
        if after.previous != before.hash():
            what = f"the checkpoint of record {after.records:,} does not name the one of record"
            hint = "give each that was made between them, and no other"
            raise Tampering(Problem(f"{what} {before.records:,} as the one before it", hint))
        proof = [bytes.fromhex(one) for one in after.consistency]
        roots = bytes.fromhex(before.root), bytes.fromhex(after.root)
        if not is_consistent(before.records, after.records, *roots, proof):
            what = f"the checkpoint of record {after.records:,} does not extend the one of record"
            raise Tampering(Problem(f"{what} {before.records:,}: the chain was rewritten"))
