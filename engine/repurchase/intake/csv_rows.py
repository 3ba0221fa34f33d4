"""A log of comma-separated cells under a line that names its columns."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Final

from repurchase.domain import errors
from repurchase.domain.errors import Wrong
from repurchase.domain.events import KINDS
from repurchase.intake import fields
from repurchase.intake.fields import READERS, Complaint
from repurchase.intake.lines import Lines
from repurchase.intake.rows import Layout, Record, Row, digest, refused

_SEPARATORS: Final = {";": "`;`", "\t": "a tab", "|": "`|`"}


class CsvRows:
    """The rows of the CSV log *name*; raise InputError for a header that no row can stand under."""

    def __init__(self, name: str, lines: Lines, layout: Layout) -> None:
        self._name = name
        self._lines = lines
        self._layout = layout
        self._reader = csv.reader(lines, strict=True)
        header = self._header()
        self._width = len(header)
        kept = [at for at, theirs in enumerate(header) if theirs not in layout.ignore]
        self._kept = kept if len(kept) < len(header) else None
        names = [layout.ours(header[at]) for at in kept]
        self._names = [name for name in names if name is not None]
        self._constants: dict[str, str] = dict(layout.constants)
        if "kind" not in self._names:
            self._constants.setdefault("kind", "fill")
        self._check(header)
        self._readers = [READERS[name] for name in self._names]
        self._shared = {name: READERS[name](text) for name, text in self._constants.items()}
        self._numbered = "id" not in self._names

    def records(self) -> Iterator[Record]:
        """Yield the cells of each row, or what is wrong with them; a blank line is no row."""
        lines = self._lines
        index = 0
        while True:
            number = lines.number + 1
            try:
                for cells in self._reader:
                    lines.begun = lines.bytes_read
                    if cells:
                        index += 1
                        yield self._record(number, index, cells)
                    number = lines.number + 1
                return
            except Wrong as wrong:
                problem = refused(self._name, number, "the line", wrong)
            except csv.Error as error:
                problem = refused(self._name, number, "the row", _readable(error))
            lines.begun = lines.bytes_read
            index += 1
            yield Record(number, index, [], problem)

    def row(self, record: Record) -> Row:
        """Return the row that the cells of *record* make, an empty cell being an absent value."""
        cells = record.texts
        if record.problem is not None:
            return Row(record.number, None, (record.problem,))
        try:
            read = {
                name: reader(cell)
                for name, reader, cell in zip(self._names, self._readers, cells, strict=True)
                if cell
            }
            read |= self._shared
            if self._numbered:
                read["id"] = f"row-{record.index}"
                return Row(record.number, fields.built(read))
            return Row(record.number, fields.built(read), (), digest("\0".join(cells)))
        except (Wrong, KeyError):
            return self._refused(record)

    def _record(self, number: int, index: int, cells: list[str]) -> Record:
        if len(cells) != self._width:
            problem = refused(self._name, number, "the row", self._wrong_width(cells))
            return Record(number, index, [], problem)
        if self._kept is not None:
            cells = [cells[at] for at in self._kept]
        return Record(number, index, cells)

    def _wrong_width(self, cells: list[str]) -> Wrong:
        count = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
        what = f"has {count} and the header {self._width}"
        if cells[0].startswith("#"):
            return Wrong(what, "remove it: a log has no comments")
        if len(cells) > self._width:
            hint = "write numbers as 1234.5, without commas, and texts that hold one in quotes"
            return Wrong(what, hint)
        if self._lines.is_cut():
            return Wrong(what, "it ends without a line feed: the file seems to be cut off")
        return Wrong(what, "write an empty cell for what is absent")

    def _refused(self, record: Record) -> Row:
        # Reading it again, field by field, finds all that is wrong with it.
        values: dict[str, object] = {
            name: cell or None for name, cell in zip(self._names, record.texts, strict=True)
        }
        values |= self._constants
        if self._numbered:
            values["id"] = f"row-{record.index}"
        _, complaints = fields.judged(values)
        if not complaints:
            raise errors.EngineFault(f"row {record.index} was refused for no reason")
        labels = self._layout.labels()
        problems = fields.problems(complaints, labels, file=self._name, line=record.number)
        return Row(record.number, None, problems)

    def _header(self) -> list[str]:
        try:
            header = next((cells for cells in self._reader if cells), None)
        except Wrong as wrong:
            raise self._no_log("the header", wrong) from None
        except csv.Error as error:
            raise self._no_log("the header", _readable(error)) from None
        if header is None:
            raise self._no_log("the file", Wrong("is blank", "the first line names the columns"))
        self._lines.begun = self._lines.bytes_read
        return header

    def _no_log(self, subject: str, wrong: Wrong) -> errors.InputError:
        return errors.InputError(refused(self._name, self._lines.number, subject, wrong))

    def _check(self, header: list[str]) -> None:
        if not self._names:
            raise self._no_log("the header", _nameless(header))
        complaints = [
            *self._layout.unknown(header),
            *self._doubled(),
            *self._absent(header),
            *self._unfit(),
        ]
        if complaints:
            labels = {"": "a column"}
            line = self._lines.number
            raise errors.InputError(fields.problems(complaints, labels, file=self._name, line=line))

    def _doubled(self) -> Iterator[Complaint]:
        for name in dict.fromkeys(self._names):
            if self._names.count(name) > 1:
                yield Complaint(name, f"is given by {self._names.count(name)} columns", "keep one")
            if name in self._layout.constants:
                hint = "leave out the column or the setting"
                yield Complaint(name, "is a column, and is set for all rows", hint)

    def _absent(self, header: list[str]) -> Iterator[Complaint]:
        for ours, theirs in self._layout.columns.items():
            if theirs not in header:
                hint = errors.nearest(theirs[: fields.TEXT_LENGTH_MAX], header)
                yield Complaint(ours, f"has no column `{errors.short(theirs)}`", hint)
        for theirs in sorted(self._layout.ignore.difference(header)):
            hint = errors.nearest(theirs[: fields.TEXT_LENGTH_MAX], header)
            yield Complaint(theirs, "is to be left out, and no column is called so", hint)

    def _unfit(self) -> Iterator[Complaint]:
        given = ("id", *self._names, *(name for name in self._constants if name != "id"))
        kind = self._constants.get("kind")
        if kind is not None:
            for name, what, _ in fields.misplaced(kind, given):
                yield Complaint(name, what, f"say what it is with --column, or --ignore {name}")
        elif not all(fields.missing(each, given) for each in KINDS):
            return
        for name, what, hint in fields.missing(kind or "fill", given):
            if name not in self._layout.columns:
                yield Complaint(name, what, f"{hint}: name its column, --column {name}=COLUMN")


def _nameless(header: list[str]) -> Wrong:
    if len(header) == 1:
        for sign, called in _SEPARATORS.items():
            if sign in header[0]:
                hint = f"is the separator {called}? write the log with commas"
                return Wrong("has no comma", hint)
    return Wrong("names no known column", "begin the log with a line such as time,symbol,quantity")


def _readable(error: csv.Error) -> Wrong:
    message = str(error)
    if "new-line" in message:
        return Wrong("holds a lone carriage return", "end each line with a line feed")
    if "end of data" in message:
        return Wrong("opens a quote that is not closed", "close it, unless the file is cut off")
    if "expected after" in message:
        return Wrong("goes on after a closing quote", "write a quote within quotes twice")
    return Wrong(f"cannot be read: {message}")
