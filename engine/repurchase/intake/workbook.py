"""The rows of cells of a workbook (.xlsx), read exactly or refused.

Importing this module without the package `python-calamine` raises UsageError. A workbook holds each
number as a float: one with more digits than a float keeps is refused. A cell with an error, or with
a formula that was never computed, would be read as empty: it is refused.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from numbers import Real
from typing import IO, BinaryIO, Final

from repurchase.domain.errors import InputError, Problem, UsageError, short
from repurchase.intake.printed import Typed

try:
    import python_calamine
except ImportError as _missing:
    what_to_do = "install it with: pip install 'repurchase[replay]'"
    raise UsageError(
        Problem("workbooks need the package python-calamine", what_to_do)
    ) from _missing

FILE_BYTES_MAX: Final = 100_000_000
# All that is packed in it: a few kilobytes can unpack to more than a machine has.
CONTENT_BYTES_MAX: Final = 200_000_000
_FLOAT_DIGITS: Final = 15
_CHUNK: Final = 1 << 20
# A cell that holds an error, or a formula without a value; the group is its place.
_UNKNOWN: Final = re.compile(
    rb'<c\b[^>]*?\br="([A-Z]+[0-9]+)"[^>]*?(?:\bt="e"[^>]*>'
    rb"|>\s*<f\b(?:[^>]*/>|[^>]*>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>)"
)
_SHEETS: Final = "xl/worksheets/"
_OVERLAP: Final = 4_096


def workbook_cells(
    name: str, stream: BinaryIO, sheet: str | None
) -> Iterator[tuple[int, Sequence[str] | Problem]]:
    """Yield each row of a *sheet* of the workbook *name*, of the first one without, by its number.

    Raise InputError if the file is no workbook, is too long, has no such sheet, or has a cell whose
    value is not known.
    """
    data = stream.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise _wrong(name, f"the workbook is longer than {FILE_BYTES_MAX:,} bytes")
    _check(name, data)
    try:
        book = python_calamine.load_workbook(io.BytesIO(data))
        names = book.sheet_names
        if sheet is not None and sheet not in names:
            listed = ", ".join(f"`{short(one)}`" for one in names)
            raise _wrong(name, f"the workbook has no sheet `{short(sheet)}`", f"it has {listed}")
        if sheet is None and len(names) > 1:
            listed = ", ".join(f"`{short(one)}`" for one in names)
            raise _wrong(name, f"the workbook has {len(names)} sheets", f"name one of {listed}")
        found = book.get_sheet_by_name(sheet if sheet is not None else names[0])
        first = 1 if found.start is None else found.start[0] + 1
        before = 0 if found.start is None else found.start[1]
        for number, row in enumerate(found.iter_rows(), first):
            yield number, _cells(name, number, before, row)
    except (python_calamine.CalamineError, IndexError, ValueError) as error:
        raise _wrong(name, f"the workbook cannot be read: {short(str(error))}") from error


def sheet_names(name: str, data: bytes) -> list[tuple[str, bool]]:
    """Return the sheets of the workbook *name*, each with whether it is visible.

    Raise InputError if *data* is no workbook.
    """
    _check(name, data)
    try:
        found = python_calamine.load_workbook(io.BytesIO(data)).sheets_metadata
    except (python_calamine.CalamineError, IndexError, ValueError) as error:
        raise _wrong(name, f"the workbook cannot be read: {short(str(error))}") from error
    return [(one.name, one.visible == python_calamine.SheetVisibleEnum.Visible) for one in found]


def _cells(name: str, number: int, before: int, row: Sequence[object]) -> Sequence[str] | Problem:
    texts = [""] * before
    for cell in row:
        text = _text(cell)
        if text is None:
            what = f"the row has a number of more than {_FLOAT_DIGITS} digits, `{short(str(cell))}`"
            return Problem(what, "write it as text", name, number)
        texts.append(text)
    return texts


def _text(cell: object) -> str | None:
    """Return the text of *cell*; `None` if it is a number that is not known exactly."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, Real):
        return _number(repr(cell))
    if isinstance(cell, datetime):
        return Typed(cell.date().isoformat() if cell.time() == time() else cell.isoformat(" "))
    if isinstance(cell, date | time):
        return Typed(cell.isoformat())
    if isinstance(cell, timedelta):
        # A time of day may be stored as the length of a day's part.
        return Typed(_clock(cell)) if cell.days == 0 else str(cell)
    return str(cell)


def _clock(since: timedelta) -> str:
    minutes, seconds = divmod(since.seconds, 60)
    text = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    return f"{text}.{since.microseconds:06}" if since.microseconds else text


def _number(text: str) -> str | None:
    """Return the number that Python writes as *text*; `None` if a float may not keep all of it."""
    digits = text.lstrip("-").replace(".", "").strip("0")
    if len(digits) > _FLOAT_DIGITS or "e" in text or "n" in text:
        return None
    return Typed(text.removesuffix(".0"))


def _check(name: str, data: bytes) -> None:
    """Raise InputError if a sheet has a cell without a known value, or the content is too long."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            files = packed.infolist()
            if sum(one.file_size for one in files) > CONTENT_BYTES_MAX:
                raise _wrong(name, f"the workbook holds more than {CONTENT_BYTES_MAX:,} bytes")
            for one in files:
                # All of it is read, since its checksums are compared then.
                with packed.open(one) as part:
                    _check_part(name, part, is_sheet=one.filename.startswith(_SHEETS))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise _wrong(name, "the file is no workbook, or is damaged") from error


def _check_part(name: str, part: IO[bytes], *, is_sheet: bool) -> None:
    rest = b""
    for chunk in iter(lambda: part.read(_CHUNK), b""):
        text = rest + chunk
        found = _UNKNOWN.search(text) if is_sheet else None
        if found is not None:
            what = f"the cell {found[1].decode('ascii')} has an error or an uncomputed formula"
            raise _wrong(name, what, "save the workbook with its values")
        rest = text[-_OVERLAP:]


def _wrong(name: str, what: str, hint: str | None = None) -> InputError:
    return InputError(Problem(what, hint, name))
