"""The lines of a log, one at a time: counted, bounded in length, and in UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import BinaryIO, Final

from repurchase.domain.errors import Wrong
from repurchase.intake.objects import TEXT_BYTES_MAX, not_utf8

_UTF8_MARK: Final = b"\xef\xbb\xbf"

# How files begin that are offered as a log and are none.
_OTHER_FORMATS: Final = {
    b"PK\x03\x04": "a zip archive or a spreadsheet, not a text",
    b"\xd0\xcf\x11\xe0": "a spreadsheet, not a text",
    b"\x1f\x8b": "compressed, not a text",
    b"PAR1": "a Parquet file, not a text",
    b"%PDF": "a PDF document, not a text",
    b"\xff\xfe": "UTF-16, not UTF-8",
    b"\xfe\xff": "UTF-16, not UTF-8",
}


class Lines:
    """An iterator over the lines of *stream* that goes on after a line that raised Wrong.

    *number* is that of the last line read, *begun* the place where the present row begins: a
    row, as a line, takes no more than `TEXT_BYTES_MAX` bytes. Raise Wrong for a stream that is
    empty or no text.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.number = 0
        self.bytes_read = 0
        self.begun = 0
        self.last = b""
        self._next_line = partial(stream.readline, TEXT_BYTES_MAX + 1)
        self.first = _checked_start(self._next_line())
        self._decoded = map(self._read, chain([self.first], iter(self._next_line, b"")))

    def __iter__(self) -> Iterator[str]:
        return self._decoded

    def is_cut(self) -> bool:
        """Return whether the last line read lacks its end, as the last line of a cut file does."""
        return not self.last.endswith(b"\n")

    def _read(self, line: bytes) -> str:
        self.number += 1
        self.bytes_read += len(line)
        self.last = line
        if self.bytes_read - self.begun > TEXT_BYTES_MAX:
            raise self._too_long(line)
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise Wrong(*not_utf8(line, error.start)) from None

    def _too_long(self, line: bytes) -> Wrong:
        if len(line) <= TEXT_BYTES_MAX:
            hint = "close the quote that opens in it, or split it"
            return Wrong(f"begins a row of more than {TEXT_BYTES_MAX} bytes", hint)
        while line and not line.endswith(b"\n"):
            line = self._next_line()
            self.bytes_read += len(line)
        return Wrong(f"is longer than {TEXT_BYTES_MAX} bytes", "write each event on its own line")


def _checked_start(line: bytes) -> bytes:
    if not line.removeprefix(_UTF8_MARK):
        raise Wrong("is empty", "a log has a header line, or an event a line")
    for start, format_ in _OTHER_FORMATS.items():
        if line.startswith(start):
            raise Wrong(f"is {format_}", "save it as CSV or as JSON lines, in UTF-8")
    if b"\0" in line:
        raise Wrong("holds NUL bytes", "save it as CSV or as JSON lines, in UTF-8")
    return line.removeprefix(_UTF8_MARK)
