"""Sign and read checkpoints and certificates with Ed25519: no forger can make the signature.

To import this module raises UsageError, which says what to install, if the package `cryptography`
is missing.
"""

from __future__ import annotations

import base64
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from repurchase.audit.checkpoint import Checkpoint
from repurchase.audit.kept import kept_file
from repurchase.domain.errors import InputError, Problem, Tampering, UsageError, reason
from repurchase.proof.certificate import Certificate

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
        load_pem_private_key,
        load_pem_public_key,
    )
except ImportError as _missing:
    what_to_do = "install it with: pip install 'repurchase[sign]'"
    raise UsageError(Problem("signatures need the package cryptography", what_to_do)) from _missing

BYTES_MAX: Final = 1 << 16


Signed = TypeVar("Signed", Checkpoint, Certificate)


def signed(made: Signed, key: Ed25519PrivateKey) -> Signed:
    """Return the checkpoint or the certificate *made*, signed by *key*."""
    signature = base64.b64encode(key.sign(made.signed_bytes()))
    return msgspec.structs.replace(made, signature=signature.decode("ascii"))


def check_certified(found: Certificate, key: Ed25519PublicKey, path: Path) -> None:
    """Raise Tampering unless *key* signed the certificate *found*, of the file *path*."""
    if found.signature is None:
        what = "the certificate is not signed, so that anyone may have written it"
        raise Tampering(Problem(what, "sign it with `repurchase prove --key`", str(path)))
    try:
        _check(found, found.signature, key)
    except (ValueError, InvalidSignature) as error:
        what = "the certificate is not signed by this key, or it was changed"
        raise Tampering(Problem(what, file=str(path))) from error


def _check(found: Checkpoint | Certificate, text: str, key: Ed25519PublicKey) -> None:
    """Raise InvalidSignature unless *text* is the signature of *found* by *key*.

    Raise ValueError if it is no signature as this package writes them.
    """
    signature = base64.b64decode(text, validate=True)
    if base64.b64encode(signature).decode("ascii") != text:
        raise ValueError("the signature is not in the encoding that this package writes")
    key.verify(signature, found.signed_bytes())


def read_checkpoint(path: Path, key: Ed25519PublicKey) -> Checkpoint:
    """Return the checkpoint in the file *path*.

    Raise UsageError if the file cannot be read, InputError if it is not a checkpoint, Tampering if
    *key* did not sign it.
    """
    try:
        found = msgspec.json.decode(_content(path)[0], type=Checkpoint)
        _check(found, found.signature, key)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        what = "this is not a checkpoint of this package"
        raise InputError(Problem(what, file=str(path))) from error
    except InvalidSignature as error:
        what = "the checkpoint is not signed by this key, or it was changed"
        raise Tampering(Problem(what, file=str(path))) from error
    return found


def new_key(path: Path) -> Path:
    """Make a key pair with the private key in *path*; return the path of the public key.

    Raise UsageError, and overwrite nothing, if one of the two files exists or cannot be written.
    """
    made = Ed25519PrivateKey.generate()
    private = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    beside = path.with_name(f"{path.name}.pub") if path.name else path
    _write_new(path, private, 0o600)
    try:
        _write_new(beside, public, 0o644)
    except UsageError:
        # Without its public key, nobody could check what the private key signs.
        with suppress(OSError):
            path.unlink()
        raise
    return beside


def signing_key(path: Path) -> Ed25519PrivateKey:
    """Return the private key in the file *path*; raise UsageError if it cannot be used."""
    # Of the file that was read: by now, another may have its name.
    body, mode = _content(path)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        hint = f"make a new one, or `chmod 600 {path}` if nobody has read it"
        raise UsageError(Problem("other users can read or change this key", hint, str(path)))
    try:
        found = load_pem_private_key(body, password=None)
    except TypeError as error:
        what = "the key is protected by a password"
        raise UsageError(Problem(what, "give a key without one", str(path))) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        hint = "make one with `repurchase checkpoint --new-key FILE`"
        if b"PUBLIC KEY" in body:
            hint = "give the file without .pub at the end"
        raise UsageError(Problem("this is not a private key", hint, str(path))) from error
    if not isinstance(found, Ed25519PrivateKey):
        raise UsageError(Problem("the key is not an Ed25519 key", file=str(path)))
    return found


def public_key(path: Path) -> Ed25519PublicKey:
    """Return the public key in the file *path*; raise UsageError if it cannot be used."""
    body, _ = _content(path)
    try:
        found = load_pem_public_key(body)
    except (ValueError, UnsupportedAlgorithm) as error:
        hint = "give the file that ends in .pub" if b"PRIVATE KEY" in body else None
        raise UsageError(Problem("this is not a public key", hint, str(path))) from error
    if not isinstance(found, Ed25519PublicKey):
        raise UsageError(Problem("the key is not an Ed25519 key", file=str(path)))
    return found


def _content(path: Path) -> tuple[bytes, int]:
    """Return what the file *path* holds, and its mode; raise UsageError if it cannot be read."""
    try:
        with kept_file(path) as file:
            return file.read(BYTES_MAX), os.fstat(file.fileno()).st_mode
    except ValueError as error:
        what = "the file cannot be read: the name is not a valid file name"
        raise UsageError(Problem(what, file=str(path))) from error


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        # Create the file with its final mode: before a later `chmod`, others could read the key.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            # Half a key is none, and would keep the name from the next one.
            path.unlink(missing_ok=True)
            raise
    except FileExistsError as error:
        what = "the file exists already, and a key is never overwritten"
        raise UsageError(Problem(what, "give another name", str(path))) from error
    except OSError as error:
        what = f"the file cannot be written: {reason(error)}"
        raise UsageError(Problem(what, file=str(path))) from error
