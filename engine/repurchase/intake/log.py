"""A trade log as a stream of rows from a file or a pipe; memory never holds the whole log."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as Named
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Final, Literal

import msgspec

from repurchase.domain.errors import InputError, Problem, RepurchaseError, UsageError, Wrong
from repurchase.domain.events import Event
from repurchase.facts.averages import is_average
from repurchase.intake.cells import cells_of
from repurchase.intake.fields import READERS, Fault, decode, problems
from repurchase.intake.fix.log import FixLog, Noted, Quarantine
from repurchase.intake.fix.messages import IN_FIRST_LINE, Messages
from repurchase.intake.ids import digest
from repurchase.intake.layout import Layout, contradictions, header_faults, nameless
from repurchase.intake.lines import Lines
from repurchase.intake.mapping import Checks, Mapped, Mapping, Sheet
from repurchase.intake.objects import given_twice, pairs
from repurchase.intake.packed import SUFFIXES, is_packed, unpacked
from repurchase.intake.sources import open_stream
from repurchase.intake.tables import PARQUET, Table, csv_table, rows_of
from repurchase.intake.totals import Comparison, Difference, Totals

Form = Literal["csv", "jsonl", "fix"]

_FORMS: Final[Named[str, Form]] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".fix": "fix",
}
# The marks at the beginning of a file that say how it is compressed are no longer.
_MARK_BYTES: Final = 4
_NOTHING: Final[Named[str, str]] = {}
_EXACTLY: Final = Checks()

# The first bytes of files that are not logs, and what such a file is.
_OTHER_FORMATS: Final = {
    b"PK\x03\x04": "a zip archive or a spreadsheet, not a text file",
    b"\xd0\xcf\x11\xe0": "a spreadsheet, not a text file",
    b"\x1f\x8b": "compressed, not a text file",
    b"PAR1": "a Parquet file, not a text file",
    b"%PDF": "a PDF document, not a text file",
    b"\xff\xfe": "UTF-16, not UTF-8",
    b"\xfe\xff": "UTF-16, not UTF-8",
}
# Of these, those that a mapping reads.
_MAPPED: Final = (b"PK\x03\x04", b"\xff\xfe", b"\xfe\xff")
_SAVE: Final = "save it as CSV or as JSON lines, in UTF-8"
_MAP: Final = "or draft a mapping of it with `repurchase map`"


class OfOrder(msgspec.Struct, frozen=True, gc=False):
    """The symbol of the order that a row of a FIX log is about, and its currency if it is known.

    Two clocks stamp such rows, and the log numbers them: times do not say which came first.
    """

    symbol: str | None
    currency: str = ""


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row of a log: its event, or the *problems* that keep it from being read.

    *number* is the number of its first line. *digest* identifies the content of the event, so that
    a repeated ID with other content is found. It is `None` if the log has no IDs. Only a row of a
    FIX log has *of_order*.
    """

    number: int
    event: Event | None
    problems: tuple[Problem, ...] = ()
    digest: bytes | None = None
    of_order: OfOrder | None = None


class Columns(msgspec.Struct, frozen=True):
    """The columns of a log of lines that commas separate, whose rows have ids.

    *names* are the event fields of the columns, `None` for one that is ignored, and *constants*
    what all rows share beside them. The *lines* below the header can be read without the *log*,
    which has this name.
    """

    names: tuple[str | None, ...]
    constants: Named[str, str]
    lines: Lines
    log: str

    def left(self) -> Iterator[bytes]:
        """Yield the lines that follow, as they are.

        Raise UsageError if the file can no longer be read.
        """
        try:
            yield from iter(self.lines.take, b"")
        except OSError as error:
            raise _unreadable(self.log, error) from error

    def event(self, line: str) -> Event | None:
        """Return the event on *line*, which is a row without quotes; `None` if it is none."""
        pairs = zip(self.names, line.split(","), strict=True)
        values: dict[str, object] = {name: cell for name, cell in pairs if cell and name}
        return decode({**values, **self.constants})[0]


def open_log(
    source: str | Path | BinaryIO,
    name: str | None = None,
    *,
    columns: Named[str, str] = _NOTHING,
    constants: Named[str, str] = _NOTHING,
    ignore: frozenset[str] = frozenset(),
    form: Form | None = None,
    has_ids: bool | None = None,
    mapping: Mapping | None = None,
    quarantine: Quarantine | None = None,
    checks: Checks = _EXACTLY,
) -> Log:
    """Return the log in *source*, called *name* in messages; the caller closes it.

    With a *mapping*, the other options are none.

    *columns* maps an event field to the log's own name for it. *constants* gives a value that all
    rows share. *ignore* holds names of the log that are skipped. Without *form*, the suffix of the
    file's name decides whether it is CSV, JSON lines or FIX, and then its first line. Without
    *has_ids*, the first JSON line decides whether each line needs an ID or none may have one.
    *quarantine* takes the messages of a FIX log that cannot be read, so that the others are.
    *checks* say how far the amount of a row may be from price times quantity.

    Raise UsageError if the options contradict each other or the file cannot be read. Raise
    InputError if the file is not a log or lacks something that every row needs.
    """
    layout = Layout(columns, constants, ignore, is_live=bool(has_ids))
    if faults := list(contradictions(layout)):
        raise UsageError(problems(faults))
    if not isinstance(source, str | Path):
        stream, name = _unpacked(source), name or "<stream>"
        return Log(stream, name, layout, form, has_ids, mapping, quarantine, None, checks)
    name = name or str(source)
    try:
        stream = _unpacked(open_stream(source))
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error
    try:
        table = _parquet(stream, Path(source))
        return Log(stream, name, layout, form, has_ids, mapping, quarantine, table, checks)
    except OSError as error:
        stream.close()
        raise _unreadable(name, error) from error
    except RepurchaseError:
        stream.close()
        raise


class Log(AbstractContextManager["Log"]):
    """An open log, whose rows can be read once, in file order; it counts the bytes read so far."""

    bytes_total: int | None
    columns: Columns | None
    noted: Noted
    totals: Totals

    def __init__(
        self,
        stream: BinaryIO,
        name: str,
        layout: Layout,
        form: Form | None,
        has_ids: bool | None = None,
        mapping: Mapping | None = None,
        quarantine: Quarantine | None = None,
        table: Table | None = None,
        checks: Checks = _EXACTLY,
    ) -> None:
        self.name = name
        # What a FIX log says beside its events.
        self.noted = Noted()
        self._messages: Messages | None = None
        self.columns = None
        self.bytes_total = None if table is not None else _size(stream)
        self._stream = stream
        self._layout = layout
        self._labels = layout.labels()
        # Whether rows have their own IDs: the header of a CSV decides, or the first JSON line.
        self._has_ids = has_ids
        self.totals = Totals(checks if mapping is None else mapping.checks)
        self._opened: Event | None = None
        try:
            if mapping is not None:
                self._lines, cells = cells_of(name, stream, mapping, table)
                self._rows = self._mapped_rows(Sheet(name, cells, mapping), mapping)
                return
            if table is not None:
                self._lines = Lines(io.BytesIO())
                self._rows = self._table_rows(table)
                return
            self._lines = Lines(stream)
            _check_start(self._lines.first)
            self._rows = self._rows_of(form or self._form(), quarantine)
        except Wrong as wrong:
            raise InputError(Problem(f"the file {wrong.what}", wrong.hint, name)) from None
        except OSError as error:
            raise _unreadable(name, error) from error

    @property
    def bytes_read(self) -> int:
        """Return how many bytes have been read; `bytes_total` is `None` for a pipe."""
        return (self._messages or self._lines).bytes_read

    def rows(self) -> Iterator[Row]:
        """Yield the rows in file order; raise UsageError if the file can no longer be read."""
        note = self.totals.note
        try:
            for row in self._rows:
                if row.event is not None:
                    note(row.number, row.event)
                yield row
        except OSError as error:
            raise _unreadable(self.name, error) from error

    def differences(self, before: Event | None = None) -> tuple[Difference, ...]:
        """Return the figures that the file prints and that its rows, all read, do not come to.

        *before* is what was brought forward beside the file.
        """
        return self.totals.differences(self._opened or before)

    def comparison(self, before: Event | None = None) -> Comparison:
        """Return which figures were compared, by what tolerance, and how they differ."""
        return self.totals.comparison(self._opened or before)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _form(self) -> Form:
        path = Path(self.name)
        inner = path.with_suffix("") if path.suffix.lower() in SUFFIXES else path
        by_name = _FORMS.get(inner.suffix.lower())
        if by_name is not None:
            return by_name
        first = self._lines.first
        if first.lstrip()[:1] in (b"{", b"["):
            return "jsonl"
        return "fix" if IN_FIRST_LINE.search(first) else "csv"

    def _rows_of(self, form: Form, quarantine: Quarantine | None) -> Iterator[Row]:
        """Return the rows of the log, which has this *form*."""
        if form == "fix":
            return self._fix_rows(quarantine)
        if quarantine is not None:
            what = "`--quarantine` is for FIX logs, and this is another log"
            raise UsageError(Problem(what, "leave it out", self.name))
        if form == "jsonl":
            return self._json_rows()
        return self._table_rows(csv_table(self.name, self._lines), self._lines)

    def _fix_rows(self, quarantine: Quarantine | None) -> Iterator[Row]:
        """Return a row for each event of a FIX log; raise InputError if its layout is wrong."""
        layout = self._layout
        self._messages = Messages(self._lines.first, self._stream)
        of_layout = layout.columns, layout.constants, layout.ignore
        log = FixLog(self._messages, self.name, *of_layout, quarantine)
        self.noted = log.noted
        return (
            Row(
                entry.line,
                entry.event,
                entry.problems,
                None if entry.event is None else digest(entry.event),
                OfOrder(entry.symbol, entry.currency),
            )
            for entry in log.entries()
        )

    def _table_rows(self, table: Table, lines: Lines | None = None) -> Iterator[Row]:
        """Return the rows of *table*; raise InputError if no row can be read under its header.

        Its rows are on *lines*, if there are any.
        """
        layout = self._layout
        kept = [at for at, theirs in enumerate(table.header) if theirs not in layout.ignore]
        names = [name for at in kept if (name := layout.ours(table.header[at])) is not None]
        if not names:
            wrong = nameless(table.header)
            raise InputError(self._problem(table.line, "header", wrong))
        constants = dict(layout.constants)
        if "kind" not in names:
            constants.setdefault("kind", "fill")
        faults = list(header_faults(layout, table.header, names, constants.get("kind")))
        if faults:
            labels = {"": "a column"}
            raise InputError(problems(faults, labels, file=self.name, line=table.line))
        self._has_ids = "id" in names
        if lines is not None and self._has_ids:
            named = dict(zip(kept, names, strict=True))
            columns = tuple(named.get(at) for at in range(len(table.header)))
            self.columns = Columns(columns, constants, lines, self.name)
        return self._cell_rows(table, kept, names, constants)

    def _cell_rows(
        self, table: Table, kept: list[int], names: list[str], constants: Named[str, str]
    ) -> Iterator[Row]:
        """Yield the rows: the *kept* cells give the fields *names*, and an empty cell is absent."""
        width = len(table.header)
        for index, (number, cells) in enumerate(table.rows, 1):
            if isinstance(cells, Problem):
                yield Row(number, None, (cells,))
            elif len(cells) != width:
                wrong = self._wrong_width(cells, width)
                yield Row(number, None, (self._problem(number, "row", wrong),))
            else:
                texts = cells if len(kept) == width else [cells[at] for at in kept]
                named = zip(names, texts, strict=True)
                values: dict[str, object] = {name: text for name, text in named if text}
                values |= constants
                yield self._plain_row(number, index, values, [])

    def _mapped_rows(self, sheet: Sheet, mapping: Mapping) -> Iterator[Row]:
        """Yield the rows of *sheet* that are events: its opening balance first, then its trades."""
        self._has_ids = "id" in mapping.fields
        index = 0
        for row in self._sheet_rows(sheet, mapping):
            if not isinstance(row, Mapped):
                yield Row(row[0], None, (row[1],))
                continue
            faults = row.faults
            if row.total is not None or row.opening:
                if faults:
                    yield Row(row.number, None, self._faulty(row.number, faults))
                elif row.opening:
                    yield from self._opening(row, index)
                else:
                    self.totals.total(row)
                continue
            if row.is_empty():
                continue
            index += 1
            found = self._row(row.number, index, {"kind": "fill"} | row.values, faults)
            if found.event is not None:
                self.totals.trade(row, found.event)
            yield found

    def _sheet_rows(self, sheet: Sheet, mapping: Mapping) -> Iterator[Mapped | tuple[int, Problem]]:
        """Yield the rows of *sheet*, and note which rows that *mapping* names are not there."""
        yield from sheet.rows()
        if sheet.skipped:
            self.noted.problems.append(_skipped(self.name, sheet.skipped))
        lacking = [one.begins for one in mapping.rows.totals if one.begins not in sheet.met]
        if mapping.rows.opening is not None and self.totals.opening is None:
            lacking.append(mapping.rows.opening)
        self.totals.lacking = tuple(lacking)

    def _opening(self, row: Mapped, index: int) -> Iterator[Row]:
        """Yield what was bought before, if no trade was read before it; else it is compared."""
        self.totals.opening = row
        if index == 0:
            named = {"shares": "quantity", "amount": "amount"}
            values = {ours: of for ours, own in named.items() if (of := row.values.get(own))}
            found = self._row(row.number, 0, {"kind": "brought_forward", **values}, [])
            self._opened = found.event
            yield found

    def _faulty(self, number: int, faults: list[Fault]) -> tuple[Problem, ...]:
        return problems(faults, self._labels, file=self.name, line=number)

    def _wrong_width(self, cells: Sequence[str], width: int) -> Wrong:
        count = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
        what = f"has {count}, but the header has {width}"
        if cells[0].startswith("#"):
            return Wrong(what, "remove it: a log cannot have comments")
        if len(cells) > width:
            hint = "write numbers as 1234.5, without commas; put a text with a comma in quotes"
            return Wrong(what, hint)
        if self._lines.is_cut():
            return Wrong(what, "the file seems to be truncated: this row has no line feed")
        return Wrong(what, "leave the cell of an absent value empty")

    def _json_rows(self) -> Iterator[Row]:
        """Yield a row from the object on each line; a `null` value is absent."""
        layout = self._layout
        names = {
            theirs: ours
            for theirs in (*READERS, *layout.columns.values())
            if (ours := layout.ours(theirs)) is not None
        }
        lines = rows_of(self.name, self._lines, map(_unless_blank, self._lines))
        for index, (number, text) in enumerate(lines, 1):
            if isinstance(text, Problem):
                yield Row(number, None, (text,))
                continue
            try:
                found = pairs(text)
            except Wrong as wrong:
                yield Row(number, None, (self._problem(number, "line", wrong),))
                continue
            if layout.ignore:
                found = tuple(pair for pair in found if pair[0] not in layout.ignore)
            if self._has_ids is None:
                self._has_ids = any(names.get(theirs) == "id" for theirs, _ in found)
            values = {names[theirs]: value for theirs, value in found if theirs in names}
            faults = []
            if len(values) < len(found):
                values |= _averages(layout, found)
                faults = given_twice(found) + layout.unknown(theirs for theirs, _ in found)
            if layout.constants or not self._has_ids:
                faults += self._overruled(values)
                values |= layout.constants
            yield self._plain_row(number, index, values, faults)

    def _overruled(self, values: Named[str, object]) -> Iterator[Fault]:
        """Yield a fault for each of *values* that the row must not give itself."""
        for ours in self._layout.constants:
            if ours in values:
                hint = "remove one of the two"
                yield ours, Wrong("is given in this row and is set for all rows", hint)
        if not self._has_ids and values.get("id") is not None:
            hint = "give every row an `id`, or no row"
            yield "id", Wrong("is given, but the first row has no `id`", hint)

    def _plain_row(
        self, number: int, index: int, values: dict[str, object], faults: list[Fault]
    ) -> Row:
        """Return the row that no mapping reads; compare its amount with price times quantity."""
        row = self._row(number, index, values, faults)
        event = row.event
        if event is not None and event.amount is not None:
            self.totals.compare(number, event.id, event)
        return row

    def _row(
        self,
        number: int,
        index: int,
        values: dict[str, object],
        faults: list[Fault],
    ) -> Row:
        """Return the row with the event in *values*, or with its problems: *faults* and others."""
        if not self._has_ids:
            values["id"] = f"row-{index}"
        event, more = decode(values)
        if event is None or faults:
            return Row(number, None, self._faulty(number, faults + more))
        return Row(number, event, (), digest(event) if self._has_ids else None)

    def _problem(self, number: int, subject: str, wrong: Wrong) -> Problem:
        return Problem(f"the {subject} {wrong.what}", wrong.hint, self.name, number)


def _skipped(name: str, lines: Sequence[int]) -> Problem:
    """Return what a person must know if a mapping skips the *lines*, which read as trades."""
    what = "the mapping skips this row, which has a day and a quantity"
    if len(lines) > 1:
        what = f"the mapping skips this row and {len(lines) - 1:,} more with a day and a quantity"
    return Problem(what, "if it is a trade, give `skip` more words", name, lines[0])


def _unpacked(stream: BinaryIO) -> BinaryIO:
    """Return *stream*, or what it holds if it is compressed."""
    first = stream.peek(_MARK_BYTES) if isinstance(stream, io.BufferedReader) else b""
    return unpacked(stream, first) if is_packed(first) else stream


def _parquet(stream: BinaryIO, path: Path) -> Table | None:
    """Return the table in *stream*, the file *path*, if it is a Parquet file."""
    if not isinstance(stream, io.BufferedReader) or not stream.peek(4).startswith(PARQUET):
        return None
    # Imported here, because only Parquet files need the package that reads them.
    from repurchase.intake.parquet import parquet_rows

    rows = parquet_rows(path)
    return Table(next(rows)[1], 1, rows)


def _check_start(line: bytes) -> None:
    if not line:
        raise Wrong("is empty", "write a header line and rows, or a JSON object on each line")
    for start, format_ in _OTHER_FORMATS.items():
        if line.startswith(start):
            hint = f"{_SAVE}, {_MAP}" if start in _MAPPED else _SAVE
            raise Wrong(f"is {format_}", hint)
    if b"\0" in line:
        raise Wrong("contains NUL bytes", f"{_SAVE}, {_MAP}")


def _averages(layout: Layout, found: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Return the averages in *found*: an event may state any, which only its name tells."""
    named = ((layout.ours(theirs), value) for theirs, value in found if is_average(theirs))
    return {ours: value for ours, value in named if ours is not None}


def _unless_blank(line: str) -> str:
    return "" if line.isspace() else line


def _size(stream: BinaryIO) -> int | None:
    try:
        status = os.fstat(stream.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _unreadable(name: str, error: OSError | ValueError) -> UsageError:
    why = (getattr(error, "strerror", None) or str(error)).lower()
    return UsageError(Problem(f"the log cannot be read: {why}", file=name))
