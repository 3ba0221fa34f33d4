"""Files of their owner alone, never through a link: answers, one writer each, and secrets."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, TextIO

from repurchase.domain.errors import Problem, UsageError, reason

_FLAGS: Final = (
    os.O_WRONLY
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
_OWNER_READS_AND_WRITES: Final = 0o600
_OWNER_ENTERS: Final = 0o700
_OTHERS: Final = 0o077
_SECRET_BYTES_MAX: Final = 1 << 24
# Devices that keep nothing and change nothing.
_HARMLESS: Final = ("/dev/null", "/dev/zero", "/dev/full")


def is_file_to_be(path: Path) -> bool:
    """Return whether *path* is a file, or free for one; `False` for a pipe or a terminal.

    Raise OSError if nothing is written to it: a folder, a link to a file, another device.
    """
    if not path.name:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    try:
        is_link = stat.S_ISLNK(path.lstat().st_mode)
        status = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise _no_target("this is a link to a file that does not exist") from None
        return True
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISREG(status.st_mode):
        if is_link:
            raise _no_target("this is a link; name the file that it leads to")
        return True
    if not stat.S_ISFIFO(status.st_mode) and not _is_harmless(path, status):
        raise _no_target("this is a device or a socket")
    return False


def _is_harmless(path: Path, status: os.stat_result) -> bool:
    """Return whether the device *path* is a terminal, or one that keeps nothing."""
    if not stat.S_ISCHR(status.st_mode):
        return False
    for one in _HARMLESS:
        with suppress(OSError):
            if Path(one).stat().st_rdev == status.st_rdev:
                return True
    return _is_terminal(path, status)


def _is_terminal(path: Path, status: os.stat_result) -> bool:
    """Return whether *path* is a terminal of this process: others are not opened to find out."""
    for descriptor in range(3):
        with suppress(OSError):
            if os.isatty(descriptor) and os.fstat(descriptor).st_rdev == status.st_rdev:
                return True
    return path == Path("/dev/tty")


def open_direct(path: Path) -> int:
    """Return a descriptor to write into the pipe or the terminal *path*, which may be a link."""
    # A pipe is waited for until someone reads it.
    descriptor = os.open(path, _FLAGS & ~getattr(os, "O_NOFOLLOW", 0))
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_target("this became a file while it was opened")
    return descriptor


def new_partial(path: Path) -> int:
    """Return a descriptor of the empty file *path*, which this process alone holds.

    A file that an interrupted process left there is replaced. Raise OSError if *path* is something
    else, or if a process that still runs holds it.
    """
    while True:
        try:
            descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, _OWNER_READS_AND_WRITES)
        except FileExistsError:
            _remove_leftover(path)
            continue
        if _hold(descriptor, path):
            return descriptor
        os.close(descriptor)


def _remove_leftover(path: Path) -> None:
    """Remove the file *path* if no process holds it."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise _no_target("this is not a regular file; remove it")
    with suppress(FileNotFoundError):
        descriptor = os.open(path, _FLAGS | getattr(os, "O_NONBLOCK", 0))
        try:
            if _hold(descriptor, path):
                path.unlink()
        finally:
            os.close(descriptor)


def _hold(descriptor: int, path: Path) -> bool:
    """Lock the file, and return whether it is still *path*; raise OSError if another holds it."""
    # Here, because answers without a file need no system that has it.
    import fcntl  # noqa: PLC0415

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        what = "another process is writing it; wait until it ends, or give another name"
        raise BlockingIOError(errno.EWOULDBLOCK, what) from None
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def new_file(path: Path) -> TextIO:
    """Return the new file *path*, open to write; raise OSError if there is anything already."""
    descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, _OWNER_READS_AND_WRITES)
    return os.fdopen(descriptor, "w", encoding="utf-8", newline="\n")


def make_folder(path: Path) -> None:
    """Make the folder *path* and those above it that are missing, for their owner alone.

    Raise OSError if one cannot be made, or if *path* is something else.
    """
    if path.is_dir():
        return
    if path.parent != path:
        make_folder(path.parent)
    path.mkdir(_OWNER_ENTERS)


def own_bytes(path: Path, noun: str, hint: str) -> bytes:
    """Return what the file *path* holds, whose *noun* is `keys` or the like.

    Raise UsageError, with the *hint* how to make the file, if it cannot be read; and if others than
    its owner can open it.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            body = file.read(_SECRET_BYTES_MAX)
    except OSError as error:
        what = f"the {noun} cannot be read: {reason(error)}"
        raise UsageError(Problem(what, hint, str(path))) from error
    if not stat.S_ISREG(mode) or mode & _OTHERS:
        what = f"others than its owner can open the file of {noun}"
        raise UsageError(Problem(what, "chmod 600", str(path)))
    return body


def _no_target(what: str) -> OSError:
    return OSError(errno.EINVAL, what)
