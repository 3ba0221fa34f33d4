"""The rows of a table, out of a CSV or a Parquet file, each with its place in the file.

Logs and the files of `--market` are read here alone. A format is a function that yields the names
of the columns and then the rows of cells: another one is one function more, and `open_table` tells
it by how a file begins.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from repurchase.domain.errors import InputError, Problem, UsageError, Wrong, reason
from repurchase.intake.lines import Lines

T = TypeVar("T")
# A row, or what is wrong with it, with the number of its first line (in a Parquet file, its own).
Rows = Iterator[tuple[int, T | Problem]]

_PARQUET: Final = b"PAR1"


class Table(msgspec.Struct, frozen=True):
    """The *header* of a table, which stands on *line*, and the rows of cells below it."""

    header: Sequence[str]
    line: int
    rows: Rows[Sequence[str]]


@contextmanager
def open_table(path: Path) -> Iterator[Table]:
    """Give the table in the file *path*.

    Raise UsageError if it cannot be read, and InputError, also later, if it is not a table.
    """
    name = str(path)
    try:
        with path.open("rb") as stream:
            if stream.peek(len(_PARQUET)).startswith(_PARQUET):
                # Only who has a Parquet file needs the package that reads it.
                from repurchase.intake.parquet import parquet_rows

                rows = parquet_rows(path)
                yield Table(next(rows)[1], 1, rows)
            else:
                yield csv_table(name, Lines(stream))
    except OSError as error:
        raise UsageError(Problem(f"the file cannot be read: {reason(error)}", file=name)) from error


def csv_table(name: str, lines: Lines) -> Table:
    """Return the table that *lines* of the file *name* write with commas.

    Raise InputError if they have no header that can be read.
    """
    rows = rows_of(name, lines, csv.reader(lines, strict=True), "header")
    _, header = next(rows, (0, None))
    if header is None:
        hint = "the first line names the columns"
        header = Problem("the file is blank", hint, name, max(lines.number, 1))
    if isinstance(header, Problem):
        raise InputError(header)
    return Table(header, lines.number, rows)


def rows_of(name: str, lines: Lines, parsed: Iterable[T], first: str | None = None) -> Rows[T]:
    """Yield the rows that are *parsed* from *lines* of the file *name*; a blank one is no row.

    A row that cannot be read costs no other, so *parsed* must go on after an error. Messages call
    the *first* row so.
    """
    while True:
        number = lines.number + 1
        try:
            for row in parsed:
                lines.begun = lines.bytes_read
                if row:
                    first = None
                    yield number, row
                number = lines.number + 1
            return
        except Wrong as error:
            subject, wrong = "line", error
        except csv.Error as error:
            subject, wrong = "row", _not_csv(error)
        lines.begun = lines.bytes_read
        yield number, Problem(f"the {first or subject} {wrong.what}", wrong.hint, name, number)


def _not_csv(error: csv.Error) -> Wrong:
    message = str(error)
    if "new-line" in message:
        return Wrong("holds a lone carriage return", "end each line with a line feed")
    if "end of data" in message:
        return Wrong("opens a quote that is not closed", "close it, unless the file is cut off")
    if "expected after" in message:
        return Wrong("goes on after a closing quote", "write a quote within quotes twice")
    return Wrong(f"cannot be read: {message}")
