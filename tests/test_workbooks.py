"""Workbooks: what a sheet holds is read exactly, or the workbook is refused."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Final

import pytest

from repurchase.domain.errors import InputError
from repurchase.domain.events import Event
from repurchase.intake.log import open_log
from repurchase.rulebook.mapping_file import read_mapping_text

SHARED: Final = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "files"
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS: Final = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES: Final = "http://schemas.openxmlformats.org/package/2006/content-types"
_SHEET: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"

# A cell of a sheet: as a text, or as what the sheet holds itself.
Cell = str | bytes


def number(value: str, style: int = 0) -> bytes:
    """Return a cell that holds a number; style 1 is a day, 2 a day with a time."""
    return f'<c r="{{}}" s="{style}"><v>{value}</v></c>'.encode()


def workbook(sheets: Mapping[str, Sequence[Sequence[Cell]]]) -> bytes:
    """Return a workbook with *sheets* of rows of cells."""
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_TYPES}">'
        '<Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType="' + _SHEET + '.sheet.main+xml"/>'
        '<Override PartName="/xl/styles.xml" ContentType="'
        + _SHEET
        + '.styles+xml"/>'
        + "".join(
            f'<Override PartName="/xl/worksheets/sheet{at}.xml"'
            f' ContentType="{_SHEET}.worksheet+xml"/>'
            for at in range(1, len(sheets) + 1)
        )
        + "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="r1"'
        f' Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        + "".join(
            f'<sheet name="{name}" sheetId="{at}" r:id="r{at}"/>'
            for at, name in enumerate(sheets, 1)
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_RELATIONS}">'
        + "".join(
            f'<Relationship Id="r{at}" Type="{_OFFICE}/worksheet"'
            f' Target="worksheets/sheet{at}.xml"/>'
            for at in range(1, len(sheets) + 1)
        )
        + f'<Relationship Id="s" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><cellXfs count="3"><xf numFmtId="0"/>'
        '<xf numFmtId="14"/><xf numFmtId="22"/></cellXfs></styleSheet>',
    }
    for at, rows in enumerate(sheets.values(), 1):
        lines = "".join(_row(number, row) for number, row in enumerate(rows, 1))
        parts[f"xl/worksheets/sheet{at}.xml"] = (
            f'<worksheet xmlns="{_MAIN}"><sheetData>{lines}</sheetData></worksheet>'
        )
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in parts.items():
            packed.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return made.getvalue()


def _row(line: int, cells: Sequence[Cell]) -> str:
    found = []
    for column, cell in zip("ABCDEFGH", cells, strict=False):
        place = f"{column}{line}"
        if isinstance(cell, bytes):
            found.append(cell.decode().replace("{}", place))
        else:
            found.append(f'<c r="{place}" t="inlineStr"><is><t>{cell}</t></is></c>')
    return f'<row r="{line}">{"".join(found)}</row>'


MAPPING: Final = """\
mapping: 1
numbers: {decimal: ",", thousands: "."}
dates: {pattern: dd.MM.yyyy, zone: Europe/Berlin}
columns: {date: Tag, quantity: Stück, price: Kurs}
set: {symbol: X, side: buy}
"""
HEAD: Final = ("Tag", "Stück", "Kurs")


def read(data: bytes, mapping: str = MAPPING) -> tuple[list[Event], list[str]]:
    """Return the events of a workbook, and what is wrong with its rows."""
    source = io.BufferedReader(io.BytesIO(data))
    found = read_mapping_text(mapping.encode(), "m.yaml")
    with open_log(source, "a.xlsx", mapping=found) as log:
        rows = list(log.rows())
    events = [row.event for row in rows if row.event is not None]
    return events, [one.what for row in rows for one in row.problems]


def test_what_a_cell_holds_is_not_read_in_the_style_of_texts() -> None:
    """1234.5 as a number is that number, also in a file whose texts have decimal commas."""
    rows: list[Sequence[Cell]] = [HEAD]
    rows.append((number("43269", 1), number("1234"), number("0.1")))
    rows.append(("18.06.2018", "1.234", "1.234,5"))
    events, wrong = read(workbook({"Blatt": rows}))
    assert wrong == []
    found = [(one.date, one.quantity, one.price) for one in events]
    day = date(2018, 6, 18)
    assert found == [(day, 1234, Fraction(1, 10)), (day, 1234, Fraction(12345, 10))]


def test_time_in_a_cell_is_one_of_the_clock_of_the_mapping() -> None:
    """A day and a time of day may stand in two cells, or in one."""
    mapping = MAPPING.replace(
        "date: Tag", 'time: {columns: [Tag, Zeit], pattern: "dd.MM.yyyy HH:mm:ss"}'
    )
    rows = [("Tag", "Zeit", "Stück", "Kurs")]
    cells: list[Sequence[Cell]] = [*rows]
    cells.append(("18.06.2018", "09:30:00", number("5"), number("2")))
    (event,), wrong = read(workbook({"a": cells}), mapping)
    assert wrong == []
    assert event.time == datetime.fromisoformat("2018-06-18T09:30:00+02:00")
    alone = mapping.replace("columns: [Tag, Zeit]", "column: Tag").replace("Zeit", "")
    cells = [HEAD, (number("43269.395833333336", 2), number("5"), number("2"))]
    (event,), wrong = read(workbook({"a": cells}), alone)
    assert (wrong, event.time) == ([], datetime.fromisoformat("2018-06-18T09:30:00+02:00"))


@pytest.mark.parametrize("value", ["1234567890123456", "0.12345678901234567", "1e22", "1e-9"])
def test_number_that_a_float_does_not_keep_is_refused(value: str) -> None:
    """The workbook may hold another one than was typed."""
    _, wrong = read(workbook({"a": [HEAD, ("18.06.2018", number("5"), number(value))]}))
    assert ["more than 15 digits" in one for one in wrong] == [True]


@pytest.mark.parametrize(
    "cell",
    [
        b'<c r="{}" t="e"><v>#N/A</v></c>',
        b'<c r="{}" t="e"><f>1/0</f><v>#DIV/0!</v></c>',
        b'<c r="{}"><f>SUM(A1:A2)</f></c>',
        b'<c r="{}"><f>SUM(A1:A2)</f><v></v></c>',
        b'<c r="{}" s="1"><f t="shared" si="0"/></c>',
    ],
)
def test_cell_without_a_value_ends_the_reading(cell: bytes) -> None:
    """It would look empty, and an empty amount is no amount."""
    data = workbook({"a": [HEAD, ("18.06.2018", number("5"), cell)]})
    with pytest.raises(InputError, match="the cell C2 has an error or an uncomputed formula"):
        read(data)


def test_formula_with_a_value_is_its_value() -> None:
    """Most sums in workbooks are formulas."""
    cell = b'<c r="{}"><f>1+1</f><v>2</v></c>'
    (event,), wrong = read(workbook({"a": [HEAD, ("18.06.2018", number("5"), cell)]}))
    assert (wrong, event.price) == ([], 2)


def test_sheet_is_read_by_its_name() -> None:
    """With several, one must be named; a wrong name lists those that there are."""
    cells = [HEAD, ("18.06.2018", "5", "2")]
    data = workbook({"Deckblatt": [("nichts",)], "Käufe": cells})
    (event,), _ = read(data, MAPPING + "sheet: Käufe\n")
    assert event.quantity == 5
    with pytest.raises(InputError, match="has 2 sheets; name one of `Deckblatt`, `Käufe`"):
        read(data, MAPPING)
    with pytest.raises(InputError, match="has no sheet `kaeufe`; it has `Deckblatt`, `Käufe`"):
        read(data, MAPPING + "sheet: kaeufe\n")


@pytest.mark.parametrize("damage", ["cut", "no workbook", "flipped"])
def test_damaged_workbook_is_refused(damage: str) -> None:
    """Whatever is wrong with it, in a sentence."""
    data = workbook({"a": [HEAD, *[("18.06.2018", "5", "2")] * 50]})
    inside = data.index(b"xl/worksheets/sheet1.xml") + 60
    damaged = {
        "cut": data[: len(data) // 2],
        "no workbook": b"PK\x03\x04" + b"\0" * 100,
        "flipped": data[:inside] + bytes([data[inside] ^ 0xFF]) + data[inside + 1 :],
    }[damage]
    with pytest.raises(InputError):
        read(damaged)


@pytest.mark.slow
def test_workbook_that_unpacks_to_too_much_is_refused() -> None:
    """Before anything of it is unpacked."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed,
        packed.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet,
    ):
        for _ in range(201):
            sheet.write(b"\0" * 1_000_000)
    with pytest.raises(InputError, match="holds more than"):
        read(made.getvalue())


def test_published_workbook_is_the_published_table() -> None:
    """The same week, as text and as a workbook, with a title above."""
    file = SHARED / "04_danske_2016w51.xlsx"
    if not file.is_file():
        pytest.skip("the folder `shared`, with the published files, is not beside this checkout")
    mapping = (Path(__file__).parent / "mappings" / "04_danske.yaml").read_text()
    found = read_mapping_text(f"{mapping}header: 2\n".encode(), "m.yaml")
    with open_log(file, mapping=found) as log:
        rows = list(log.rows())
        assert log.differences() == ()
    fills = [row.event for row in rows if row.event is not None and row.event.kind == "fill"]
    assert sum(one.quantity or 0 for one in fills) == 817_000
