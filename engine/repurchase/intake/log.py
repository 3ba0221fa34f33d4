"""A trade log as a stream of rows, from a file or a pipe, never held in memory as a whole."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Literal, Self

from repurchase.domain import errors
from repurchase.domain.errors import Wrong
from repurchase.intake import fields
from repurchase.intake.csv_rows import CsvRows
from repurchase.intake.fields import READERS, Complaint
from repurchase.intake.json_rows import JsonRows
from repurchase.intake.lines import Lines
from repurchase.intake.rows import Layout, Record, Row

Form = Literal["csv", "jsonl"]

_FORMS: Final[Mapping[str, Form]] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
_NOTHING: Final[Mapping[str, str]] = {}


def open_log(
    source: str | Path | BinaryIO,
    name: str | None = None,
    *,
    columns: Mapping[str, str] = _NOTHING,
    constants: Mapping[str, str] = _NOTHING,
    ignore: frozenset[str] = frozenset(),
    form: Form | None = None,
) -> Log:
    """Return the log in *source*, called *name* in messages; the caller closes it.

    *columns* gives the log's name for each of ours that it calls otherwise, *constants* a value
    that all rows share, *ignore* names of the log that are left out. Without *form* it is known
    by the file's name, else by its first character.

    Raise UsageError for options that cannot be and a file that cannot be read, InputError for a
    file that is no log or lacks what every row needs.
    """
    layout = Layout(columns, constants, ignore)
    _check(layout)
    if not isinstance(source, str | Path):
        return Log(source, name or "<stream>", layout, form)
    name = name or str(source)
    try:
        stream = Path(source).open("rb")  # noqa: SIM115 - the log closes it
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error
    try:
        return Log(stream, name, layout, form)
    except errors.RepurchaseError:
        stream.close()
        raise


class Log:
    """An open log: its rows once, in file order, and how far its reading has come."""

    def __init__(self, stream: BinaryIO, name: str, layout: Layout, form: Form | None) -> None:
        self.name = name
        self.bytes_total = _size(stream)
        self._stream = stream
        try:
            self._lines = Lines(stream)
            rows = JsonRows if (form or self._form()) == "jsonl" else CsvRows
            self._rows: CsvRows | JsonRows = rows(name, self._lines, layout)
        except Wrong as wrong:
            problem = errors.Problem(f"the file {wrong.what}", wrong.hint, name)
            raise errors.InputError(problem) from None
        except OSError as error:
            raise _unreadable(name, error) from error

    @property
    def bytes_read(self) -> int:
        """Return how many bytes were read of `bytes_total`, which is `None` for a pipe."""
        return self._lines.bytes_read

    def rows(self) -> Iterator[Row]:
        """Return the rows; reading them raises UsageError where the file can no longer be read."""
        return map(self._rows.row, self.records())

    def records(self) -> Iterator[Record]:
        """Yield the texts of the rows; raise UsageError where the file can no longer be read."""
        try:
            yield from self._rows.records()
        except OSError as error:
            raise _unreadable(self.name, error) from error

    def row(self, record: Record) -> Row:
        """Return the row that the texts of *record* make."""
        return self._rows.row(record)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def _form(self) -> Form:
        by_name = _FORMS.get(Path(self.name).suffix.lower())
        if by_name is not None:
            return by_name
        return "jsonl" if self._lines.first.lstrip()[:1] in (b"{", b"[") else "csv"


def _size(stream: BinaryIO) -> int | None:
    try:
        status = os.fstat(stream.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _unreadable(name: str, error: OSError | ValueError) -> errors.UsageError:
    reason = (getattr(error, "strerror", None) or str(error)).lower()
    return errors.UsageError(errors.Problem(f"the log cannot be read: {reason}", file=name))


def _check(layout: Layout) -> None:
    complaints = [*_misnamed(layout), *_contradictions(layout), *_unset(layout)]
    if complaints:
        raise errors.UsageError(fields.problems(complaints))


def _misnamed(layout: Layout) -> Iterator[Complaint]:
    for name in (*layout.columns, *layout.constants):
        if name not in READERS:
            yield Complaint(name, "is no field of an event", fields.nearest_name(name, READERS))


def _contradictions(layout: Layout) -> Iterator[Complaint]:
    theirs = list(layout.columns.values())
    for ours, column in layout.columns.items():
        if theirs.count(column) > 1:
            yield Complaint(ours, f"shares the column `{errors.short(column)}`", "each has its own")
        if column in layout.ignore:
            hint = "read the column or ignore it"
            yield Complaint(ours, f"is the ignored column `{errors.short(column)}`", hint)
        if ours in layout.constants:
            yield Complaint(ours, "is a column, and is set for all rows", "do one of them")


def _unset(layout: Layout) -> Iterator[Complaint]:
    for name, text in layout.constants.items():
        if name == "id":
            yield Complaint(name, "is set for all rows", "each row has its own")
        elif name in READERS:
            try:
                READERS[name](text)
            except Wrong as wrong:
                yield Complaint(name, wrong.what, wrong.hint)
