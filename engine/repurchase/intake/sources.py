"""What readers open: regular files, and pipes into which someone writes; never another device.

To open a device may never end, and a pipe that nobody writes into is waited for without end. Both
are refused before anything is read. Readers bound what they read themselves.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path
from typing import Final

_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_PIPE_BYTES: Final = 1 << 16
_DEVICE: Final = "this is a device or a socket, not a file; give - for standard input"
_NO_WRITER: Final = (
    "nobody writes into this pipe; start the writer first, or give - and standard input"
)


class NotAFile(OSError):
    """What was to be read is a device, a socket or a pipe, where a file is needed."""


def open_file(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Return the regular file *path*, open to read; raise OSError if it is anything else."""
    descriptor, mode = _opened(path)
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise NotAFile(errno.EINVAL, "this is not a regular file")


def open_stream(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Return the regular file or the pipe *path*, open to read.

    Raise OSError if it is anything else, or a pipe that has neither a writer nor data.
    """
    descriptor, mode = _opened(path)
    if not stat.S_ISFIFO(mode):
        return os.fdopen(descriptor, "rb")
    try:
        return io.BufferedReader(_Pipe(descriptor))
    except OSError:
        os.close(descriptor)
        raise


class _Pipe(io.RawIOBase):
    """A pipe, and what had to be read of it to learn that it has a writer or data."""

    def __init__(self, descriptor: int) -> None:
        """Take over *descriptor*, which does not wait; raise OSError if nobody writes into it."""
        os.set_blocking(descriptor, False)
        try:
            self._first = os.read(descriptor, _PIPE_BYTES)
        except BlockingIOError:
            # There is a writer, which has written nothing so far.
            self._first = b""
        else:
            if not self._first:
                raise OSError(errno.EINVAL, _NO_WRITER)
        os.set_blocking(descriptor, True)
        self._descriptor = descriptor

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into *buffer* and return how many bytes; 0 at the end."""
        if self._first:
            some, self._first = self._first[: len(buffer)], self._first[len(buffer) :]
        else:
            some = os.read(self._descriptor, len(buffer))
        buffer[: len(some)] = some
        return len(some)

    def close(self) -> None:
        """Close the pipe."""
        if not self.closed:
            super().close()
            os.close(self._descriptor)


def _opened(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Return a descriptor of *path* that waits for its data, and the mode of what it is."""
    # Some devices do something as soon as they are opened, so this is found out before.
    _check(Path(path).stat().st_mode)
    descriptor = os.open(path, _FLAGS)
    try:
        mode = os.fstat(descriptor).st_mode
        _check(mode)
        os.set_blocking(descriptor, True)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor, mode


def _check(mode: int) -> None:
    """Raise OSError if *mode* is neither that of a regular file nor that of a pipe."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise NotAFile(errno.EINVAL, _DEVICE)
