"""The length and the head of a chain at one moment, to be signed and kept elsewhere."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A signed statement that the chain of *program* had *records* records and *head* at *time*."""

    format: Literal["repurchase checkpoint 1"]
    program: str
    records: Annotated[int, msgspec.Meta(ge=1)]
    head: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    signature: str

    def signed_bytes(self) -> bytes:
        """Return the bytes to sign: all other fields as JSON, keys sorted, without white space."""
        fields = msgspec.structs.asdict(self)
        del fields["signature"]
        return msgspec.json.encode(fields, order="sorted")
