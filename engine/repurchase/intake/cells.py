"""The rows of cells in a file as people send it: text in any encoding, and workbooks."""

from __future__ import annotations

import csv
import errno
import io
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO, Final

from repurchase.domain.errors import InputError, Problem
from repurchase.intake.lines import Lines
from repurchase.intake.mapping import Cells, Mapping
from repurchase.intake.tables import Table, rows_of

WORKBOOK: Final = b"PK\x03\x04"
# Encodings in which a line feed is not one byte.
WIDE: Final = ("utf-16", "utf-16-le", "utf-16-be", "utf-32")


class _Narrow:
    """A stream of text in a wide encoding, read by lines of UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._text = io.TextIOWrapper(stream, encoding, newline="")

    def readline(self, size: int, /) -> bytes:
        try:
            return self._text.readline(size).encode()
        except UnicodeError as error:
            what = f"it is not {self._text.encoding}; correct the `encoding` of the mapping"
            raise OSError(errno.EILSEQ, what) from error


def cells_of(
    name: str, stream: BinaryIO, mapping: Mapping, table: Table | None = None
) -> tuple[Lines, Iterator[tuple[int, Cells | Problem]]]:
    """Return the lines of the file *name*, and its rows of cells as *mapping* says how to read it.

    A workbook has no lines; a *table* was opened already. Raise InputError for JSON lines, whose
    fields have names of their own.
    """
    if table is not None:
        below = ((number + 1, cells) for number, cells in table.rows)
        return Lines(io.BytesIO()), chain([(1, table.header)], below)
    start = stream.peek(len(WORKBOOK)) if isinstance(stream, io.BufferedReader) else b""
    if start.startswith(WORKBOOK):
        # Imported here, because only workbooks need the package that reads them.
        from repurchase.intake.workbook import workbook_cells

        return Lines(io.BytesIO()), workbook_cells(name, stream, mapping.sheet)
    if start.lstrip().startswith(b"{"):
        hint = "give --column, --set and --ignore instead"
        raise InputError(Problem("a mapping reads tables, and these are JSON lines", hint, name))
    is_wide = mapping.encoding in WIDE
    source = _Narrow(stream, mapping.encoding) if is_wide else stream
    lines = Lines(source, "utf-8" if is_wide else mapping.encoding)
    reader = csv.reader(lines, delimiter=mapping.separator, strict=True)
    return lines, rows_of(name, lines, reader)
