"""The keys of a mapping file: how one person's file expresses events."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Final, get_args

from repurchase.domain.calendars import zone_names
from repurchase.domain.errors import Wrong
from repurchase.domain.quantities import Exact
from repurchase.intake.cells import WIDE
from repurchase.intake.fields import READERS
from repurchase.intake.mapping import HEADER_WITHIN, SEPARATORS, Of
from repurchase.intake.months import LANGUAGES
from repurchase.intake.printed import DECIMAL_MARKS, THOUSANDS_MARKS, UNITS
from repurchase.intake.totals import tolerance
from repurchase.rulebook.keys import (
    PARTS_MAX,
    Key,
    Kind,
    Reading,
    Table,
    brief,
    listed,
    named,
    needed,
    text,
)
from repurchase.rulebook.kinds import FIGURE, LINE, PROSE, choice, or_average
from repurchase.rulebook.yaml_reader import Path, Plain, ticked

MAPPING_FORMAT: Final = 1
YEARS: Final = (1900, 2199)
# The place of a title that the text of a field takes.
TAKEN: Final = "{}"
_ASCII: Final = bytes(range(32, 127))
_ENCODINGS: Final = ("utf-8", "utf-16", "cp1252", "iso8859-15", "cp932", "euc_jp", "gb18030")
_DIGITS: Final = re.compile("[0-9]{1,4}")


def _whole(least: int, most: int, what: str) -> Callable[[str], int]:
    def read(raw: str) -> int:
        if not _DIGITS.fullmatch(raw) or not least <= int(raw) <= most:
            raise Wrong(f"{ticked(raw)} is not {what}", f"write a number from {least} to {most}")
        return int(raw)

    return read


def _column(raw: str) -> str | int:
    if isinstance(raw, Plain) and _DIGITS.fullmatch(raw):
        return int(raw)
    return str(raw)


def _header(raw: str) -> int:
    return 0 if raw == "none" else _whole(1, HEADER_WITHIN, "a row, or `none`")(raw)


def _encoding(raw: str) -> str:
    try:
        name = codecs.lookup(str(raw)).name
        # Python also has codecs that are no encodings of texts, such as `rot13`.
        if name in WIDE or _ASCII.decode(name) == _ASCII.decode("ascii"):
            return name
    except (LookupError, UnicodeError):
        pass
    hint = f"write one such as {', '.join(_ENCODINGS)}"
    raise Wrong(f"{ticked(raw)} is no encoding", hint)


def _format(raw: str) -> int:
    if raw != str(MAPPING_FORMAT):
        what = f"the format version {ticked(raw)} is unknown"
        raise Wrong(what, f"write `mapping: {MAPPING_FORMAT}`")
    return MAPPING_FORMAT


def _titled(raw: str) -> re.Pattern[str]:
    before, taken, after = str(raw).partition(TAKEN)
    if not taken or TAKEN in after:
        raise Wrong(f"{ticked(raw)} does not have `{TAKEN}` once", "it stands for what is taken")
    first, last = (re.escape(one).replace(r"\ ", " ") for one in (before, after))
    return re.compile(f"{first}(.+?){last}", re.IGNORECASE)


# What is printed may look like a number, or like a word of YAML.
_PRINTED: Final = {"type": ["string", "number", "boolean"]}
COLUMN: Final = text(_column, _PRINTED)
SIGN: Final = text(str, _PRINTED)
EVENT_FIELD: Final = or_average(tuple(READERS))
SET: Final = named(SIGN, EVENT_FIELD, most=PARTS_MAX)
WORDS: Final = named(SIGN, most=PARTS_MAX)
ZONE: Final = text(lambda raw: _zone(str(raw)), {"type": "string"})


def _average(reading: Reading, path: Path, raw: object) -> tuple[Exact, int]:
    """Return an average price and the number of its decimals, which say how it was rounded."""
    value: Exact = FIGURE.read(reading, path, raw).value
    return value, len(str(raw).partition(".")[2])


def _zone(raw: str) -> str:
    if raw not in zone_names():
        raise Wrong(f"unknown time zone {ticked(raw)}", "write it as `Europe/London`")
    return raw


NUMBERS: Final = Table("numbers", "How the numbers of the file are printed.", (
    Key("decimal", choice(DECIMAL_MARKS), "The mark before decimals.", "."),
    Key("thousands", choice(THOUSANDS_MARKS),
        "The mark that groups digits by threes; `space` is every kind of space. Without it, no "
        "digits are grouped."),
    Key("around", listed(SIGN), "Texts that may stand before or after a number: `A$`, `CUFS`.", []),
    Key("none", listed(SIGN), "Texts that stand for no number: `-`, `N/A`.", []),
))  # fmt: skip
_DATE_KEYS: Final = (
    Key("pattern", LINE,
        "How a day or a time is printed: `dd/MM/yyyy HH:mm:ss`, `d MMMM yyyy`, `serial` for the "
        "number that a spreadsheet gives a day, or `epoch-ms` for milliseconds since 1970."),
    Key("language", choice(LANGUAGES), "The language of its months."),
    Key("year", text(_whole(*YEARS, "a year"), {"type": ["integer", "string"]}),
        "The year, if it is not printed with each day."),
    Key("zone", ZONE, "The clock of times that are printed without an offset."),
    Key("zones", named(ZONE, most=PARTS_MAX),
        "The clocks that printed words such as `CET` stand for; `z` in the pattern reads them.",
        {}),
    Key("twice", choice(("earlier", "later")),
        "Which moment a time means that the clock shows twice."),
)  # fmt: skip
DATES: Final = Table("dates", "How days and times are printed.", _DATE_KEYS)
FIELD: Final = Table("field", "Where an event field stands, and how its text is read.", (
    Key("column", COLUMN, "Its column: by its name, or by its place, from 1 on."),
    Key("columns", listed(COLUMN, least=2, most=4), "Its columns, read with a blank between them."),
    Key("title", text(_titled, {"type": "string"}),
        "A row above that gives it, or its beginning, to all below: `Purchases on {}`."),
    Key("unit", choice(tuple(UNITS)), "The unit of a number."),
    Key("words", WORDS, "What each text means; a text that is not here is an error."),
    *_DATE_KEYS,
))  # fmt: skip
TOTAL: Final = Table("total-row", "A row that prints a total, which is compared.", (
    needed("row", SIGN, "How its first cell begins."),
    Key("of", choice(get_args(Of)),
        "`rows`: of those since the last such total; `program`: of all, with the opening balance.",
        "rows"),
    Key("without", listed(choice(("quantity", "amount", "price"))),
        "What it does not print, or prints otherwise.", []),
))  # fmt: skip
ROWS: Final = Table("rows", "Rows that are no trades, by how their first cell begins.", (
    Key("skip", listed(SIGN), "Rows that are not read.", []),
    Key("words", named(named(choice(("read", "skip")), most=PARTS_MAX), most=PARTS_MAX),
        "What becomes of a row by what a column says: `{Status: {Filled: read, Cancelled: skip}}`; "
        "another text is an error.", {}),
    Key("opening", SIGN, "The row with what was bought before."),
    Key("totals", listed(TOTAL.kind()), "Rows that print totals.", []),
    Key("filled_down", listed(COLUMN), "Columns whose empty cells repeat the one above.", []),
    Key("each", choice(("row", "column")), "What a trade is: a row, or a column of a form.", "row"),
    Key("lone", choice(("skip", "refuse")),
        "What becomes of a row with only one filled cell, as headings and page numbers are.",
        "refuse"),
    Key("select", SIGN, "How the title of the one section begins that is read."),
))  # fmt: skip
TOLERANCE: Final = text(lambda raw: tolerance(str(raw)), {"type": ["string", "number"]})
KNOWN: Final = Table("known-row", "One row whose figures contradict each other in the source.", (
    needed("row", SIGN, "Its first cell, as it is printed."),
    needed("why", PROSE, "What is wrong with it."),
))  # fmt: skip
TOLERANCES: Final = Table("tolerances", "By how much figures may differ; without it, by nothing.", (
    Key("row", TOLERANCE, "Price times quantity from the amount, in a row."),
    Key("amount", TOLERANCE, "A total of money."),
    Key("price", TOLERANCE, "An average price, besides its own rounding."),
    Key("known", listed(KNOWN.kind()), "Rows that differ by more.", []),
))  # fmt: skip
AVERAGE: Final = Kind(_average, FIGURE.schema)
EXPECTED_TOTALS: Final = Table("expected", "Totals that the file must come to.", (
    Key("date", LINE, "The day of the totals; without it, they are of the whole file."),
    Key("shares", FIGURE, "The number of shares."),
    Key("amount", FIGURE, "The money."),
    Key("vwap", AVERAGE, "The average price, weighted by volume."),
))  # fmt: skip
MAPPING: Final = Table("mapping-file", "How one person's file expresses events.", (
    needed("mapping", text(_format, {"const": MAPPING_FORMAT}), "The version of this format: 1.",
        MAPPING_FORMAT),
    Key("title", LINE, "What the file is."),
    Key("encoding", text(_encoding, {"type": "string"}), "The encoding of the text.", "utf-8"),
    Key("separator", choice(tuple(SEPARATORS)), "What separates the cells of a text file.", ","),
    Key("sheet", LINE, "The sheet of a workbook; without it, the first."),
    Key("header", text(_header, {"type": ["integer", "string"]}),
        "The row with the names of the columns; `none` if there is none.", 1),
    Key("numbers", NUMBERS.kind(), "How its numbers are printed."),
    Key("dates", DATES.kind(), "How its days and times are printed."),
    needed("columns", named(brief(FIELD, FIELD.keys[0]), EVENT_FIELD, least=1),
        "Where each event field stands.", {}),
    Key("set", SET, "Fields with one value for every row.", {}),
    Key("ignore", listed(COLUMN), "Columns that are not read; `[all]`: all others.", []),
    Key("rows", ROWS.kind(), "Rows that are no trades."),
    Key("tolerances", TOLERANCES.kind(), "By how much figures may differ."),
    Key("expect", listed(EXPECTED_TOTALS.kind()), "Totals that the file must come to.", []),
))  # fmt: skip
PARTS: Final = (NUMBERS, DATES, FIELD, TOTAL, ROWS, KNOWN, TOLERANCES, EXPECTED_TOTALS)
