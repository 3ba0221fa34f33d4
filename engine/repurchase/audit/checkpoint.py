"""Where a chain stood at a moment, to be signed and kept elsewhere."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That the chain of *program* had so many *records* and this *head* at a *time*, signed."""

    format: Literal["repurchase checkpoint 1"]
    program: str
    records: Annotated[int, msgspec.Meta(ge=1)]
    head: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    signature: str

    def signed_bytes(self) -> bytes:
        """Return what the signature is over: all else, as JSON with sorted keys and no space."""
        fields = msgspec.structs.asdict(self)
        del fields["signature"]
        return msgspec.json.encode(fields, order="sorted")
