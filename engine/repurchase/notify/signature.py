"""How a notification is signed: as the convention Standard Webhooks says, with HMAC-SHA256."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from repurchase.domain.errors import Problem, UsageError
from repurchase.report.outputs import own_bytes

# The convention asks for 24 to 64 bytes.
_SECRET: Final = re.compile("whsec_((?:C{4}){8,21}(?:C{2}==|C{3}=)?)".replace("C", "[A-Za-z0-9+/]"))
_SECRETS_MAX: Final = 2
_HINT: Final = "write `whsec_` and the base64 of 32 bytes of chance"


def read_secrets(path: Path) -> tuple[bytes, ...]:
    """Return the secrets in the file *path*: one on a line, the new one before the old one.

    Raise UsageError if others than its owner can open the file, or if it holds something else.
    """
    lines = own_bytes(path, "secrets", _HINT).decode("ascii", "replace").split()
    found = [one[1] for line in lines if (one := _SECRET.fullmatch(line))]
    if len(found) != len(lines) or not 1 <= len(found) <= _SECRETS_MAX:
        # What it holds is not for a log.
        what = "the file does not hold one secret, or a new one and an old one, each on a line"
        raise UsageError(Problem(what, _HINT, str(path)))
    return tuple(map(base64.b64decode, found))


def signed(secrets: Sequence[bytes], name: str, seconds: int, body: bytes) -> dict[str, str]:
    """Return the headers of the notification *name* with *body*, sent so many *seconds* after 1970.

    There is a signature by each of *secrets*.
    """
    content = b".".join((name.encode(), str(seconds).encode(), body))
    digests = (hmac.new(secret, content, hashlib.sha256).digest() for secret in secrets)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in digests),
    }
