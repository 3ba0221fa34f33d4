"""The lines of a text file, one at a time, counted and bounded in length."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, Protocol

from repurchase.domain.errors import Wrong

TEXT_BYTES_MAX: Final = 1 << 16
# The rest of a line that is too long is read, to find the next; no text file has so long a rest.
SKIPPED_BYTES_MAX: Final = 1 << 26
_UTF8_MARK: Final = b"\xef\xbb\xbf"


class Readable(Protocol):
    """A binary stream that is read by lines."""

    def readline(self, size: int, /) -> bytes:
        """Return the next line, or the next *size* bytes of a longer one; nothing at the end."""


class Lines:
    """An iterator over the lines of *stream* that continues after a line that raised Wrong.

    *number* is the number of the last line read, and *row* that of the line at which the current
    row begins. Neither a line nor a row may be longer than `TEXT_BYTES_MAX` bytes.
    Reading ends with OSError if a line is longer than `SKIPPED_BYTES_MAX` bytes.

    Whoever reads lines without this may `take` them as they are, say how many it `took`, and
    `put_back` the last.
    """

    number: int
    row: int
    bytes_read: int
    take: Callable[[], bytes]
    first: bytes
    last: bytes

    def __init__(self, stream: Readable, encoding: str = "utf-8") -> None:
        self.number = 0
        self.row = 0
        self._encoding = encoding
        self.bytes_read = 0
        self._begun = 0
        self.last = b""
        self.take = partial(stream.readline, TEXT_BYTES_MAX + 1)
        # Spreadsheets write a byte-order mark at the start of a UTF-8 file.
        self.first = self._back = self.take().removeprefix(_UTF8_MARK)
        self._decoded = map(self._read, iter(self._next, b""))

    def __iter__(self) -> Iterator[str]:
        return self._decoded

    def is_cut(self) -> bool:
        """Return whether the last line read has no line feed, as in a truncated file."""
        return not self.last.endswith(b"\n")

    def begin(self) -> None:
        """Note that the next line begins a row."""
        self._begun, self.row = self.bytes_read, 0

    def took(self, lines: int, size: int) -> None:
        """Count *lines* of so many bytes, each a row, as read."""
        self.number += lines
        self.bytes_read += size
        self.begin()

    def put_back(self, line: bytes) -> None:
        """Let *line*, the last that was taken, be read next."""
        self._back = line

    def _next(self) -> bytes:
        line, self._back = self._back, b""
        return line or self.take()

    def _read(self, line: bytes) -> str:
        self.number += 1
        self.row = self.row or self.number
        self.bytes_read += len(line)
        self.last = line
        if self.bytes_read - self._begun > TEXT_BYTES_MAX:
            raise self._too_long(line)
        try:
            return line.decode(self._encoding)
        except UnicodeDecodeError as error:
            raise undecodable(line, error.start, self._encoding) from None

    def _too_long(self, line: bytes) -> Wrong:
        if len(line) <= TEXT_BYTES_MAX:
            hint = "close the quote that opens in it, or split the row"
            return Wrong(f"begins a row of more than {TEXT_BYTES_MAX} bytes", hint)
        begun = self.bytes_read
        while line and not line.endswith(b"\n"):
            line = self.take()
            self.bytes_read += len(line)
            if self.bytes_read - begun > SKIPPED_BYTES_MAX:
                what = f"line {self.number} is longer than {SKIPPED_BYTES_MAX} bytes"
                raise OSError(errno.EFBIG, what)
        return Wrong(f"is longer than {TEXT_BYTES_MAX} bytes", "write each event on its own line")


def undecodable(line: bytes, place: int, encoding: str = "utf-8") -> Wrong:
    """Return the fault of the byte of *line* at *place*, counted from 0, in *encoding*."""
    if encoding != "utf-8":
        what = f"is not {encoding}: its byte {place + 1} is 0x{line[place]:02x}"
        return Wrong(what, "correct the `encoding` of the mapping")
    if line[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return Wrong("is UTF-16, not UTF-8", "save it as UTF-8")
    what = f"is not UTF-8: its byte {place + 1} is 0x{line[place]:02x}"
    return Wrong(what, "save it as UTF-8")
