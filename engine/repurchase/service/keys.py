"""The keys of callers: whose each is, and what its owner may do. Only their hashes are stored."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from repurchase.domain.errors import Problem, UsageError
from repurchase.domain.roles import Role
from repurchase.report.outputs import own_bytes
from repurchase.report.served import KeyLine, Standing
from repurchase.report.written import whole_bytes

_TOKEN: Final = re.compile(r"rp_([0-9a-f]{12})_([0-9a-f]{64})", re.ASCII)
# Compared with if no key has the name of a token, so that both take as long.
_NO_HASH: Final = "0" * 64


class Key(msgspec.Struct, frozen=True, omit_defaults=True):
    """A key: its name *id*, the SHA-256 of its secret, whose it is, and until when.

    It is for *programs*, or for all of them if it names none.
    """

    id: str
    hash: str
    by: str
    role: Role
    made: datetime
    expires: datetime
    programs: tuple[str, ...] = ()
    revoked: datetime | None = None

    def standing(self, now: datetime) -> Standing:
        """Return whether the key is valid at *now*."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires <= now else "valid"


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a file of keys."""

    keys: tuple[Key, ...]
    format: Literal[1] = 1


def read_keys(path: Path) -> tuple[Key, ...]:
    """Return the keys in the file *path*, in the order in which they were made.

    Raise UsageError if the file is not one of keys, or if others than its owner can open it.
    """
    body = own_bytes(path, "keys", "make the first with `repurchase token new`")
    try:
        return msgspec.json.decode(body, type=_Kept).keys
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        what = f"this is not a file of keys: {error}"
        raise UsageError(Problem(what, "restore it from a copy", str(path))) from error


def change_keys(path: Path, change: Callable[[tuple[Key, ...]], Iterable[Key]]) -> None:
    """Write to the file *path* what *change* makes of its keys; the file may be missing.

    Raise UsageError if the file cannot be read or written, or if *change* does: nothing is changed.
    """
    # Refused before the file is begun, if it is refused at all.
    tuple(change(_known(path)))
    with whole_bytes(path, "the keys") as add:
        kept = _Kept(tuple(change(_known(path))))
        add(msgspec.json.format(msgspec.json.encode(kept)) + b"\n")


def _known(path: Path) -> tuple[Key, ...]:
    return read_keys(path) if path.exists() or path.is_symlink() else ()


def new_key(
    by: str, role: Role, programs: tuple[str, ...], now: datetime, lasting: timedelta
) -> tuple[Key, str]:
    """Return a new key, made *now* and *lasting* so long, and its token, which is stored nowhere.

    The token is the only way to use the key.
    """
    name, secret = secrets.token_hex(6), secrets.token_hex(32)
    key = Key(name, _hashed(secret), by, role, now, now + lasting, programs)
    return key, f"rp_{name}_{secret}"


def rotated(
    keys: tuple[Key, ...], id_: str, now: datetime, overlap: timedelta
) -> tuple[tuple[Key, ...], str]:
    """Return *keys* with another key in the place of *id_*, and the token of the new one.

    The new key lasts as long as the old one did. The old one is valid for the *overlap*. Raise
    UsageError if there is no such key, or if it is not valid any more.
    """
    old = _named(keys, id_)
    if old.standing(now) != "valid":
        hint = "make another with `repurchase token new`"
        raise UsageError(Problem(f"the key {id_} is {old.standing(now)}", hint))
    new, token = new_key(old.by, old.role, old.programs, now, old.expires - old.made)
    ended = replace(old, expires=min(old.expires, now + overlap))
    return (*(ended if one is old else one for one in keys), new), token


def revoked(keys: tuple[Key, ...], id_: str, now: datetime) -> tuple[Key, ...]:
    """Return *keys* with *id_* revoked; raise UsageError if there is no such key."""
    old = _named(keys, id_)
    ended = replace(old, revoked=old.revoked or now)
    return tuple(ended if one is old else one for one in keys)


def _named(keys: Iterable[Key], id_: str) -> Key:
    found = next((one for one in keys if one.id == id_), None)
    if found is None:
        hint = "`repurchase token list` shows the keys"
        raise UsageError(Problem(f"there is no key {id_}", hint))
    return found


def listed(keys: Iterable[Key], now: datetime) -> list[KeyLine]:
    """Return *keys* without their hashes, and whether each is valid at *now*."""
    return [
        KeyLine(one.id, one.by, one.role, one.programs, one.made, one.expires, one.standing(now))
        for one in keys
    ]


class KeyRing:
    """The keys of a file, read again when the file changes.

    If the file cannot be read any more, the last keys remain, and `fault` says why.
    """

    def __init__(self, path: Path) -> None:
        """Read the file *path*; raise UsageError as `read_keys` does."""
        self._path = path
        self._fault: str | None = None
        self._state = self._found()
        self._keys = {one.id: one for one in read_keys(path)}

    def fault(self) -> str | None:
        """Return why the file cannot be read, `None` if it can."""
        self._look()
        return self._fault

    def key(self, token: str) -> Key | None:
        """Return the key whose token is *token*, valid or not; `None` if there is none."""
        self._look()
        parts = _TOKEN.fullmatch(token)
        name, secret = ("", "") if parts is None else parts.groups()
        key = self._keys.get(name)
        is_its = hmac.compare_digest(_hashed(secret), _NO_HASH if key is None else key.hash)
        return key if is_its else None

    def of(self, by: str, now: datetime) -> tuple[Key, ...]:
        """Return the keys of the person *by* that are valid at *now*."""
        self._look()
        return tuple(
            one for one in self._keys.values() if one.by == by and one.standing(now) == "valid"
        )

    def all(self) -> tuple[Key, ...]:
        """Return all keys, in the order in which they were made."""
        self._look()
        return tuple(self._keys.values())

    def _look(self) -> None:
        state = self._found()
        if state == self._state:
            return
        self._state = state
        try:
            self._keys = {one.id: one for one in read_keys(self._path)}
            self._fault = None
        except UsageError as error:
            self._fault = error.problems[0].what

    def _found(self) -> tuple[int, ...] | None:
        try:
            status = self._path.lstat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
