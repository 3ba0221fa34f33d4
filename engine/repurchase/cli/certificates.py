"""The certificates that a command is given, and what they are worth: signed ones, and claims."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from repurchase.cli.options import Option, file_option
from repurchase.domain.errors import Problem, UsageError

if TYPE_CHECKING:
    from repurchase.proof.certificate import Certificate

certificate_key_option: Option = file_option(
    "--public-key",
    help="The public key that checks the signature of the certificate. Without it, the certificate"
    " only claims what it says.",
)


def read_certified(path: Path | None, key: Path | None) -> Certificate | None:
    """Return the certificate in the file *path*, signed by *key* if that is given.

    Return `None` if no certificate is given. Raise UsageError for a key without one.
    """
    if path is None:
        if key is not None:
            hint = "give --certificate, too: the key checks the signature of the certificate"
            raise UsageError(Problem("--certificate is missing", hint))
        return None
    from repurchase.proof.certificate import read_certificate

    found = read_certificate(path)
    if key is not None:
        from repurchase.audit.signatures import check_certified, public_key

        check_certified(found, public_key(key), path)
    return found


def said_of(key: Path | None) -> str:
    """Return the verb of what a certificate says, checked with *key* or not."""
    return "claims to certify" if key is None else "certifies"
