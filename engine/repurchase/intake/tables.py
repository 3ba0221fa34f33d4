"""The rows of a table in a CSV or Parquet file, each with its place in the file.

All CSV logs and all files of `--market` are read here. A format is a function that yields the names
of the columns and then the rows of cells. `open_table` recognizes it by the first bytes of a file.
"""

from __future__ import annotations

import csv
import errno
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Protocol, TypeVar

import msgspec

from repurchase.domain.errors import InputError, Problem, UsageError, Wrong, reason
from repurchase.intake.lines import Lines
from repurchase.intake.sources import open_stream

T = TypeVar("T")
# A row or its problem, after the number of its first line (in a Parquet file: of the row).
Rows = Iterator[tuple[int, T | Problem]]

PARQUET: Final = b"PAR1"
_PART: Final = 1 << 20


class Table(msgspec.Struct, frozen=True):
    """The *header* of a table, the number of its *line*, and the rows of cells below it."""

    header: Sequence[str]
    line: int
    rows: Rows[Sequence[str]]


class Digest(Protocol):
    """A hash of content, which takes the content part by part."""

    def update(self, content: bytes, /) -> None:
        """Take the next part of the *content*."""


class _Digested(msgspec.Struct, frozen=True):
    """A stream whose lines go into *digest*, too, when they are read."""

    stream: BinaryIO
    digest: Digest

    def readline(self, size: int, /) -> bytes:
        line = self.stream.readline(size)
        self.digest.update(line)
        return line


@contextmanager
def open_table(path: Path, digest: Digest | None = None) -> Iterator[Table]:
    """Yield the table in the file *path*; its bytes go into *digest*, complete after the last row.

    Raise UsageError if the file cannot be read. Raise InputError, possibly only while rows are
    read, if it is not a table.
    """
    name = str(path)
    try:
        with open_stream(path) as stream:
            if stream.peek(len(PARQUET)).startswith(PARQUET):
                if not path.is_file():
                    raise OSError(errno.EINVAL, "a table in this format cannot come through a pipe")
                # Imported here, because only Parquet files need the package that reads them.
                from repurchase.intake.parquet import parquet_rows

                if digest is not None:
                    for part in iter(partial(stream.read, _PART), b""):
                        digest.update(part)
                rows = parquet_rows(path)
                yield Table(next(rows)[1], 1, rows)
            else:
                read = stream if digest is None else _Digested(stream, digest)
                yield csv_table(name, Lines(read))
    except OSError as error:
        raise UsageError(Problem(f"the file cannot be read: {reason(error)}", file=name)) from error


def csv_table(name: str, lines: Lines) -> Table:
    """Return the table in *lines*, the comma-separated lines of the file *name*.

    Raise InputError if they have no readable header.
    """
    rows = rows_of(name, lines, csv.reader(lines, strict=True), "header")
    _, header = next(rows, (0, None))
    if header is None:
        hint = "name the columns in its first line"
        header = Problem("the file is blank", hint, name, max(lines.number, 1))
    if isinstance(header, Problem):
        raise InputError(header)
    return Table(header, lines.number, rows)


def rows_of(name: str, lines: Lines, parsed: Iterable[T], first: str | None = None) -> Rows[T]:
    """Yield the rows that are *parsed* from *lines* of the file *name*; skip blank lines.

    A row that cannot be read does not affect the others, so *parsed* must continue after an error.
    *first* is what messages call the first row.
    """
    while True:
        try:
            for row in parsed:
                number = lines.row
                lines.begin()
                if row:
                    first = None
                    yield number, row
            return
        except Wrong as error:
            subject, wrong = "line", error
        except csv.Error as error:
            subject, wrong = "row", _not_csv(error)
        number = lines.row
        lines.begin()
        yield number, Problem(f"the {first or subject} {wrong.what}", wrong.hint, name, number)


def _not_csv(error: csv.Error) -> Wrong:
    message = str(error)
    if "new-line" in message:
        return Wrong("contains a lone carriage return", "end each line with a line feed")
    if "end of data" in message:
        return Wrong("has a quote that is not closed", "close it, unless the file is truncated")
    if "expected after" in message:
        return Wrong("has text after a closing quote", "double each quote inside a quoted text")
    return Wrong(f"cannot be read: {message}")
