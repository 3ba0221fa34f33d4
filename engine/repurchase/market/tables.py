"""Rows of text under a header, out of a CSV or a Parquet file, and what is wrong with them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

import msgspec

from repurchase.domain.errors import Problem, UsageError, Wrong, nearest, reason, short
from repurchase.domain.quantities import Exact, exact

PROBLEMS_MAX: Final = 20
Row = Mapping[str, str]
_PARQUET: Final = b"PAR1"
_FLAGS: Final[Mapping[str, bool | None]] = {"yes": True, "no": False, "": None}


class TableError(Exception):
    """What is wrong with a file, so that nothing of it can be read on."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


class Kind(msgspec.Struct, frozen=True):
    """A kind of file: what its rows are called, and the columns that it must and may have.

    With *one_more* it must have one at least of those that it may.
    """

    name: str
    needed: tuple[str, ...]
    optional: tuple[str, ...]
    one_more: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Return all that it may have."""
        return (*self.needed, *self.optional)

    def __str__(self) -> str:
        may = f"may have {', '.join(self.optional)}"
        return f"{self.name} have {', '.join(self.needed)} and {may}"

    def amiss(self, header: Sequence[str]) -> str | None:
        """Return why *header* is none of this kind, if it is not."""
        for column in header:
            if column not in self.columns:
                return f"`{short(column)}` is none of their columns"
            if header.count(column) > 1:
                return f"`{column}` is there twice"
        for column in self.needed:
            if column not in header:
                return f"`{column}` is missing"
        if self.one_more and len(header) == len(self.needed):
            return f"none of {', '.join(self.optional)} is there"
        return None


class Table(msgspec.Struct, frozen=True):
    """The columns of a file, and its rows, each with its line (of a Parquet file its number)."""

    header: tuple[str, ...]
    rows: Iterator[tuple[int, Sequence[str]]]


@contextmanager
def opened(path: Path) -> Iterator[Table]:
    """Give the table in the file *path*.

    Raise UsageError where it cannot be opened, and TableError, also later, where it is none.
    """
    name = str(path)
    try:
        # As spreadsheets save a CSV too, with a mark before the header.
        with (
            path.open("rb") as stream,
            io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text,
        ):
            # Only who has a Parquet file needs the package that reads it.
            if stream.peek(len(_PARQUET)).startswith(_PARQUET):
                from repurchase.market.parquet import parquet_table

                yield parquet_table(path)
            else:
                yield _csv(name, text)
    except OSError as error:
        raise UsageError(Problem(f"the file cannot be read: {reason(error)}", file=name)) from error


def kind_of(header: Sequence[str], kinds: Sequence[Kind]) -> Kind:
    """Return which of *kinds* has *header*; raise Wrong, with the nearest, where none has."""
    for kind in kinds:
        if kind.amiss(header) is None:
            return kind
    closest = max(kinds, key=lambda kind: len({*header}.intersection(kind.columns)))
    amiss = closest.amiss(header)
    unknown = next((one for one in header if one not in closest.columns), "")
    hints = (nearest(unknown, closest.columns), *map(str, kinds))
    what = f"the header is that of no kind of file: of the nearest, {closest.name}, {amiss}"
    raise Wrong(what, "; ".join(hint for hint in hints if hint))


def row_of(header: Sequence[str], cells: Sequence[str]) -> Row:
    """Return *cells* by the columns of *header*; raise Wrong where they are not as many."""
    if len(cells) != len(header):
        what = "the row has more or fewer fields than the header"
        raise Wrong(what, "commas separate them: a number has none, `1000`")
    return dict(zip(header, cells, strict=True))


def number(text: str) -> Exact | None:
    """Return the number that *text* writes, `None` where it is empty; raise Wrong otherwise."""
    if not text:
        return None
    try:
        value = exact(text)
    except ValueError as error:
        raise Wrong(str(error), "write numbers without grouping") from None
    if value < 0:
        raise Wrong(f"`{text}` is less than zero")
    return value


def flag(row: Row, column: str) -> bool | None:
    """Return what *row* says in *column*, `None` where it does not; raise Wrong else."""
    text = row.get(column, "")
    if text not in _FLAGS:
        hint = "write `yes`, `no`, or nothing where it is not known"
        raise Wrong(f"`{column}` is `{short(text)}`", hint)
    return _FLAGS[text]


def _csv(name: str, text: TextIO) -> Table:
    rows = _csv_rows(name, text)
    _, header = next(rows, (1, ()))
    if not header:
        hint = "the first line names the columns"
        raise TableError(Problem("the file is blank", hint, name, 1))
    return Table(tuple(header), rows)


def _csv_rows(name: str, text: TextIO) -> Iterator[tuple[int, Sequence[str]]]:
    reader = csv.reader(text, strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except UnicodeDecodeError:
        what, hint = "what follows is not UTF-8", "save the file as UTF-8"
        raise TableError(Problem(what, hint, name, reader.line_num + 1)) from None
    except csv.Error as error:
        what = f"what follows is no row of a CSV: {error}"
        raise TableError(Problem(what, None, name, reader.line_num + 1)) from None
