"""The rows of a file before it has a mapping: its encoding, its separator, its header, its totals.

Nothing here is certain. What is found goes into a draft, whose reader sees it beside the file.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Final

import msgspec

from repurchase.domain.errors import Wrong
from repurchase.intake.draft.styles import LENGTH_MAX, is_number
from repurchase.intake.mapping import (
    HEADER_WITHIN,
    SEPARATORS,
    begins,
    filled,
    first_filled,
    plain,
    single,
)

Row = tuple[int, Sequence[str]]

ROWS_READ: Final = 100_000
_LABEL_MAX: Final = 4 * LENGTH_MAX
_NUL_PART: Final = Fraction(1, 20)
_ENCODINGS: Final = ("utf-8-sig", "cp932", "cp1252")
_BEYOND_ASCII: Final = bytes(range(128, 256))
_EAST_ASIAN: Final = Fraction(1, 5)
_TOTALS: Final = re.compile(
    r"\b(?:sub|grand[ -]?)?-?(?:totals?|total[ei]|totaux|totaal|totalt)\b|\bsum(?:me|ma|a)?\b"
    r"|gesamt|summe\b|yhteens|accumulated|akkum|\bi ?alt\b|\bcumul|razem|計|合計|累計",
    re.IGNORECASE,
)
# A longer text with such a word may be the name of a company.
_TOTAL_WORDS_MAX: Final = 2
_OPENINGS: Final = re.compile(
    r"(?:latest|last) announcement|seneste meddelelse|previous|tidligere|brought forward|before"
    r"|vortrag|prior\b|tidigare",
    re.IGNORECASE,
)


class Table(msgspec.Struct, frozen=True):
    """The table of a file: the line of its header, 0 without one, its *names*, and rows below.

    *heads* are the names together with those of a row right above, which may span several columns.
    """

    line: int
    names: tuple[str, ...]
    heads: tuple[str, ...]
    body: tuple[Row, ...]


class Sorted(msgspec.Struct, frozen=True):
    """The rows of a table that are trades, that print totals, that open it, and of one cell."""

    trades: tuple[Row, ...]
    totals: tuple[Row, ...]
    openings: tuple[Row, ...]
    lone: tuple[Row, ...]


def decoded(data: bytes, encoding: str | None = None) -> tuple[str, str]:
    """Return the encoding of *data* and its text; East Asian if many bytes are not ASCII.

    Raise Wrong if it is in no known *encoding*, or not in the one that is given.
    """
    wide = _wide(data)
    known = (wide,) if wide else _ENCODINGS
    for name in known if encoding is None else (encoding,):
        try:
            text = data.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
        beyond = len(data) - len(data.translate(None, _BEYOND_ASCII))
        if encoding is None and name == "cp932" and beyond < _EAST_ASIAN * len(data):
            continue
        return name.removesuffix("-sig"), text
    called = "no encoding that is known here" if encoding is None else f"another than `{encoding}`"
    raise Wrong(f"is in {called}", "give its encoding: --answer encoding=NAME")


def _wide(data: bytes) -> str | None:
    """Return the encoding of *data* if it has two bytes for each letter."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    first, second = (data[at:4_096:2].count(0) for at in (0, 1))
    least = _NUL_PART * min(len(data), 4_096) / 2
    if second > least and not first:
        return "utf-16-le"
    return "utf-16-be" if first > least and not second else None


def separated(text: str, separator: str | None = None) -> tuple[str, list[Row]]:
    """Return the separator of *text* by its name, and the rows of cells that it makes."""
    best: tuple[int, str, list[Row]] = (-1, ",", [])
    for name, sign in SEPARATORS.items():
        if separator not in (None, name):
            continue
        rows = _parsed(text, sign)
        widths = Counter(len(cells) for _, cells in rows if filled(cells) > 1)
        score = widths.most_common(1)[0][1] if widths else 0
        if score > best[0]:
            best = (score, name, rows)
    return best[1], best[2]


def _parsed(text: str, sign: str) -> list[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign)
    rows: list[Row] = []
    line = 1
    try:
        for cells in reader:
            if cells and len(rows) < ROWS_READ:
                rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error:
        return []
    return rows


def table_of(rows: Sequence[Row], header: int | None = None) -> Table:
    """Return the table in *rows*, whose names stand in the line *header* if that is given.

    Raise Wrong if there is none.
    """
    wide = [row for row in rows if filled(row[1]) > 1]
    if header == 0:
        return _nameless(wide)
    for one, (_, below) in pairwise(wide[:HEADER_WITHIN]):
        is_names = not any(map(is_number, one[1])) and any(map(is_number, below))
        if one[0] == header or (header is None and is_names):
            above = next((row for row in reversed(rows) if row[0] < one[0]), (0, ()))
            head = [plain(cell) for cell in one[1]]
            body = [row for row in rows if row[0] > one[0]]
            body = [row for row in body if [plain(cell) for cell in row[1]] != head]
            return Table(one[0], tuple(one[1]), tuple(_heads(above[1], one[1])), tuple(body))
    if header is None and any(sum(map(is_number, cells)) > 1 for _, cells in wide):
        return _nameless(wide)
    what = "has no table that could be found" if header is None else f"has no names in row {header}"
    raise Wrong(what, "name the row of its header: --answer header=N")


def _nameless(rows: Sequence[Row]) -> Table:
    names = ("",) * max((len(cells) for _, cells in rows), default=0)
    return Table(0, names, names, tuple(rows))


def _heads(above: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """Yield *names* with what stands *above* each, which spans the empty cells to its right."""
    is_title = filled(above) == 1 and bool(above[0].strip())
    is_spanning = len(above) == len(names) and not all(map(str.strip, above)) and not is_title
    is_spanning, over = is_spanning and not any(map(is_number, above)), ""
    for at, name in enumerate(names):
        over = above[at].strip() or over if is_spanning else ""
        yield single(f"{over} {name}")


def sorted_rows(
    body: Sequence[Row], skip: Iterable[str], opening: str | None, totals: Iterable[str] | None
) -> Sorted:
    """Return which rows of *body* are trades, by their labels.

    *skip*, *opening* and *totals* are how rows begin that are known to be such; `None` if unknown.
    An empty *opening* is that of no row.
    """
    skip = [plain(one) for one in skip]
    known = None if totals is None else [plain(one) for one in totals]
    opening = None if opening is None else plain(opening)
    found: dict[str, list[Row]] = {"trades": [], "totals": [], "openings": [], "lone": []}
    wide = [row for row in body if filled(row[1]) > 1]
    # A company may be called so in each of its rows.
    labels = Counter(label(cells) for _, cells in wide)
    is_name = any(_TOTALS.search(one) and of * 2 > len(wide) for one, of in labels.items())
    most = max((filled(cells) for _, cells in wide), default=0)
    for row in body:
        text = label(row[1])
        begin = plain(text)
        if not begin or any(begins(begin, one) for one in skip):
            continue
        if filled(row[1]) < 2:
            kind = "lone"
        elif _OPENINGS.search(text) if opening is None else opening and begins(begin, opening):
            kind = "openings"
        elif known is not None:
            kind = "totals" if any(begins(begin, one) for one in known) else "trades"
        else:
            is_total = _TOTALS.search(text) and not (is_name and filled(row[1]) == most)
            kind = "totals" if is_total else "trades"
        found[kind].append(row)
    return Sorted(*(tuple(found[one]) for one in ("trades", "totals", "openings", "lone")))


def label(cells: Sequence[str]) -> str:
    """Return the first of *cells* that is not blank, by which a row is named."""
    return single(first_filled(cells)[:_LABEL_MAX])


def names_total(text: str) -> bool:
    """Return whether *text*, of a cell within a row, says that the row is a total."""
    return len(text.split()) <= _TOTAL_WORDS_MAX and _TOTALS.search(text) is not None


def at_place(cells: Sequence[str], at: int) -> str:
    """Return the cell *at* a place, if it is there; a text is cut that is too long for a figure."""
    text = cells[at] if at < len(cells) else ""
    return text if len(text) <= 2 * LENGTH_MAX else text[: 2 * LENGTH_MAX]
