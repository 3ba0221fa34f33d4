"""Compressed files (gzip, Zstandard), read as the bytes within."""

from __future__ import annotations

import errno
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

from repurchase.domain.errors import Problem, UsageError

_GZIP: Final = b"\x1f\x8b"
_ZSTANDARD: Final = b"\x28\xb5\x2f\xfd"
# How far back a file may refer: what Zstandard's own tool reads without being told.
_WINDOW_MAX: Final = 1 << 27
# So short a part unpacks to some 30 MB at the very most.
_CHUNK: Final = 1 << 10
SUFFIXES: Final = (".gz", ".zst")
_DAMAGED: Final = "the compressed file is damaged or cut off"


def is_packed(first: bytes) -> bool:
    """Return whether a file that begins with *first* is compressed in a way that is read here."""
    return first.startswith((_GZIP, _ZSTANDARD))


def unpacked(stream: BinaryIO, first: bytes) -> BinaryIO:
    """Return the bytes within *stream*, which begins with *first*.

    Raise UsageError if the package that reads them is missing. Reading raises OSError if the file
    is damaged or cut off.
    """
    if first.startswith(_GZIP):
        return io.BufferedReader(_Whole(gzip.GzipFile(fileobj=stream).read, stream))
    # Imported here, because few files need it.
    try:
        import zstandard
    except ImportError as error:
        hint = "install it with: pip install 'repurchase[replay]'"
        raise UsageError(Problem("this file needs the package zstandard", hint)) from error
    made = zstandard.ZstdDecompressor(max_window_size=_WINDOW_MAX)
    parts = _frames(stream, made.decompressobj, zstandard.ZstdError)
    return io.BufferedReader(_Whole(_Parts(parts).read, stream))


def _frames(stream: BinaryIO, new: Callable[[], Any], wrong: type[Exception]) -> Iterator[bytes]:
    """Yield the bytes of all frames in *stream*; raise EOFError if one is cut off or damaged."""
    frame, is_ended = new(), True
    for chunk in iter(lambda: stream.read(_CHUNK), b""):
        rest = chunk
        while rest:
            try:
                part = frame.decompress(rest)
            except wrong as error:
                raise EOFError from error
            is_ended, rest = frame.eof, frame.unused_data
            if part:
                yield part
            if is_ended:
                frame = new()
    if not is_ended:
        raise EOFError


class _Parts:
    """The bytes of several *parts*, to be read in pieces."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Return at most *size* bytes; none at the end."""
        if not self._rest:
            self._rest = next(self._parts, b"")
        some, self._rest = self._rest[:size], self._rest[size:]
        return some


class _Whole(io.RawIOBase):
    """A stream that raises OSError for every fault of its compression, and for a missing end."""

    def __init__(self, read: Callable[[int], bytes], outer: BinaryIO) -> None:
        self._read = read
        self._outer = outer

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read into *buffer* and return how many bytes; 0 at the end."""
        try:
            some = self._read(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise OSError(errno.EINVAL, _DAMAGED) from error
        buffer[: len(some)] = some
        return len(some)

    def close(self) -> None:
        """Close the file around it."""
        if not self.closed:
            super().close()
            self._outer.close()
