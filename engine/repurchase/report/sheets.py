"""Spreadsheets: rows of texts and numbers as an .xlsx file.

To import this module raises UsageError, which says what to install, if XlsxWriter is missing.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from repurchase.domain.errors import Problem, UsageError, plain

try:
    import xlsxwriter
except ImportError as _missing:
    what_to_do = "install it with: pip install 'repurchase[report]'"
    raise UsageError(Problem("a spreadsheet needs XlsxWriter", what_to_do)) from _missing

# A spreadsheet keeps no more digits of a number than these.
_DIGITS_MAX: Final = 15
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
# Equal rows give equal bytes, so the file does not say when it was made.
_CREATED: Final = datetime(2000, 1, 1)  # noqa: DTZ001  a spreadsheet has no zones
# No text becomes a formula, a link or a number.
_SETTINGS: Final = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}


def sheet(name: str, lines: Iterable[Sequence[str | int | None]], *, texts: int) -> bytes:
    """Return an .xlsx file with one sheet called *name* that has *lines*; equal ones, equal bytes.

    The first *texts* columns hold texts alone. In the others, a text that is a number is written as
    one, if a spreadsheet keeps all of its digits.
    """
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, _SETTINGS)
    book.set_properties({"created": _CREATED})
    page = book.add_worksheet(name)
    for row, line in enumerate(lines):
        for column, cell in enumerate(line):
            if cell is None:
                continue
            if column >= texts and _is_kept(str(cell)):
                page.write_number(row, column, Decimal(cell))
            else:
                page.write_string(row, column, plain(str(cell)))
    book.close()
    return content.getvalue()


def _is_kept(text: str) -> bool:
    """Return whether *text* is a number of which a spreadsheet keeps all digits."""
    return bool(_NUMBER.fullmatch(text)) and sum(map(str.isdigit, text)) <= _DIGITS_MAX
