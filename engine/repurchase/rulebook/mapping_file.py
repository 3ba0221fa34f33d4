"""A mapping file as `intake.mapping` applies it: each field with what reads its text."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Named
from typing import Any, Final

from repurchase.domain.calendars import zone
from repurchase.domain.errors import Problem, RuleFileError, Wrong, short
from repurchase.domain.quantities import Exact
from repurchase.facts.averages import is_average
from repurchase.facts.domains import FIELDS, Numbers
from repurchase.facts.outside import FACTS
from repurchase.intake.dates import Printed, day_reader, has_offset, has_time, moment_reader
from repurchase.intake.mapping import (
    ALL,
    OPEN,
    SEPARATORS,
    Checks,
    Expected,
    Field,
    Mapping,
    Rows,
    Tolerance,
    TotalRow,
    plain,
)
from repurchase.intake.printed import Reader, Style, number_reader
from repurchase.rulebook.keys import Part, Reading
from repurchase.rulebook.mapping_keys import MAPPING, MAPPING_FORMAT
from repurchase.rulebook.yaml_reader import Document, Path, open_document, read_document, ticked

_BEGINS: Final = f"mapping: {MAPPING_FORMAT}"
_DOMAINS: Final = {**FIELDS, **{fact.name: fact.domain for fact in FACTS}}
_CALENDAR: Final = ("time", "date", "expires")
_EXACTLY: Final = Tolerance()
# A pattern that quotes the sign of UTC away.
_ZULU: Final = re.compile(r"'(?:Z|UTC)'")
_UTC: Final = (None, "UTC", "Etc/UTC")


def read_mapping(path: str | os.PathLike[str]) -> Mapping:
    """Return the mapping in the file *path*.

    Raise UsageError if it cannot be opened, RuleFileError with every fault in it.
    """
    return _mapping(open_document(path, _BEGINS))


def read_mapping_text(data: bytes, name: str) -> Mapping:
    """Return the mapping in *data*, which messages call *name*; raise RuleFileError if wrong."""
    return _mapping(read_document(data, name, _BEGINS))


def check_draft(data: bytes, name: str) -> None:
    """Raise RuleFileError if keys or values in *data*, a mapping with open questions, are wrong."""
    reading = Reading(read_document(data, name, _BEGINS))
    reading.lost.update(_open(reading.document.value))
    reading.file(MAPPING)
    reading.refuse_if_wrong()


def _mapping(document: Document) -> Mapping:
    reading = Reading(document)
    if {"authorization", "pack"} & document.value.keys():
        what = "this is a rule file, not a mapping; `repurchase map` drafts a mapping"
        raise RuleFileError(Problem(what, "give rule files with --rules", document.name))
    for path in _open(document.value):
        reading.note(path, "this question is open", "answer it with one of its candidates")
    reading.refuse_if_wrong()
    file = reading.file(MAPPING)
    numbers = file["numbers"]
    style = Style() if numbers is None else _style(numbers)
    fields = {
        name: found
        for name, part in file["columns"].items()
        if (found := _field(reading, name, part, style, file["dates"])) is not None
    }
    ignored: list[str | int] = file["ignore"]
    _check_apart(reading, file, fields, ignored)
    reading.refuse_if_wrong()
    return Mapping(
        fields,
        {name: str(value) for name, value in file["set"].items()},
        ALL if ignored == [ALL] else frozenset(ignored),
        file["header"],
        file["encoding"],
        SEPARATORS[file["separator"]],
        file["sheet"],
        Rows() if file["rows"] is None else _rows(file["rows"]),
        _checks(file),
    )


def _check_apart(
    reading: Reading, file: Part, fields: Named[str, Field], ignored: Sequence[str | int]
) -> None:
    """Note what contradicts itself: a field or a column that has two meanings."""
    for name in fields.keys() & file["set"].keys():
        reading.note(("set", name), f"`{name}` is a column, and is set for all rows", "keep one")
    named = [plain(str(one)) for field in fields.values() for one in field.columns]
    for one in {*named}:
        if named.count(one) > 1:
            reading.note(("columns",), f"the column `{short(one)}` gives two fields", "keep one")
    for at, column in enumerate(ignored):
        if plain(str(column)) in named:
            what = f"the column `{short(str(column))}` is read and ignored"
            reading.note(("ignore", at), what, "keep one")
    rows = file["rows"]
    if rows is not None and rows["select"] is not None and rows["each"] == "row":
        reading.note(("rows", "select"), "`select` is for forms", "say `each: column`")


def _open(value: object, path: Path = ()) -> Iterator[Path]:
    """Yield the path of each value within *value* that is a question without an answer."""
    if value == OPEN:
        yield path
    inner = value.items() if isinstance(value, dict) else ()
    for key, one in enumerate(value) if isinstance(value, list) else inner:
        yield from _open(one, (*path, key))


def _style(part: Part) -> Style:
    none = tuple(part["none"])
    return Style(part["decimal"], part["thousands"], tuple(part["around"]), none)


def _field(
    reading: Reading, name: str, part: Part, style: Style, dates: Part | None
) -> Field | None:
    """Return where the field *name* stands and how it is read; `None` once its faults are noted."""
    given = [key for key in ("column", "columns") if part[key] is not None]
    if len(given) > 1 or not (given or part["title"]):
        what = f"`{name}` needs one of `column` and `columns`, or a `title`"
        reading.note(part.path, what, "keep one" if given else "name its column")
        return None
    columns = part["columns"] or ([] if part["column"] is None else [part["column"]])
    try:
        read = _reader(name, part, style, dates)
    except Wrong as wrong:
        reading.note(part.path, wrong.what, wrong.hint)
        return None
    return Field(tuple(columns), read, part["title"])


def _reader(name: str, part: Part, style: Style, dates: Part | None) -> Reader | None:
    """Return what reads the texts of the field *name*; `None` if they are values as they stand."""
    if part["words"]:
        return _words(part["words"])
    if name in _CALENDAR:
        return _calendar(name, part, dates)
    if isinstance(_DOMAINS.get(name), Numbers) or is_average(name):
        return number_reader(style, part["unit"])
    if part["unit"] is not None:
        raise Wrong(f"`{name}` is no number, and has a `unit`", "remove the unit")
    return str.strip


def _calendar(name: str, part: Part, dates: Part | None) -> Reader | None:
    usual: Named[str, Any] = {} if dates is None else dates.values
    said = {
        key: part[key] if part[key] is not None else usual.get(key)
        for key in ("pattern", "language", "year", "zone", "twice")
    }
    zones = part["zones"] or usual.get("zones") or {}
    if said["pattern"] is None:
        return str.strip
    printed = Printed(said["pattern"], said["language"] or "en", said["year"], said["twice"], zones)
    if name == "date" and has_time(printed.pattern):
        what = f"the pattern {ticked(printed.pattern)} of `date` has a time of day"
        raise Wrong(what, "map it to `time`, with a `zone`")
    if _ZULU.search(printed.pattern) and said["zone"] not in _UTC:
        what = f"{ticked(printed.pattern)} says that times are in UTC, and `zone` says otherwise"
        raise Wrong(what, "write `zone: UTC`")
    if name == "date" or (name == "expires" and not has_time(printed.pattern)):
        return day_reader(printed)
    if has_offset(printed.pattern):
        if said["zone"] is not None:
            what = f"{ticked(printed.pattern)} reads the clock of each time, and `zone` is given"
            raise Wrong(what, "keep one")
        return moment_reader(printed, lambda: None)
    if said["zone"] is None:
        what = f"`{name}` is printed without an offset, and no `zone` says whose clock it is"
        raise Wrong(what, "write `zone: Europe/London`, or map the day alone to `date`")
    clock = zone(said["zone"])
    return moment_reader(printed, lambda: clock)


def _words(words: Named[str, str]) -> Reader:
    meant = {plain(text): str(value) for text, value in words.items()}

    def read(text: str) -> str | None:
        bare = plain(text)
        if not bare:
            return None
        if bare not in meant:
            # No word is proposed: the nearest one may be its opposite.
            what = f"is `{short(text)}`, which `words` does not list"
            raise Wrong(what, "say what it means under `words` of the mapping")
        return meant[bare]

    return read


def _rows(part: Part) -> Rows:
    return Rows(
        tuple(part["skip"]),
        part["opening"],
        tuple(TotalRow(one["row"], one["of"], frozenset(one["without"])) for one in part["totals"]),
        tuple(part["filled_down"]),
        part["each"] == "column",
        part["lone"] == "skip",
        part["select"],
        tuple(_words_of_rows(part)),
    )


def _words_of_rows(part: Part) -> Iterator[tuple[str | int, dict[str, bool]]]:
    """Yield each column that says whether a row is read, and by which of its texts it is."""
    for column, words in part["words"].items():
        is_read = {plain(text): value == "read" for text, value in words.items()}
        yield int(column) if column.isdecimal() else column, is_read


def _checks(file: Part) -> Checks:
    part = file["tolerances"]
    expected = tuple(_expected(one) for one in file["expect"])
    if part is None:
        return Checks(expected=expected)
    row, amount, price = (part[key] or _EXACTLY for key in ("row", "amount", "price"))
    known = tuple((plain(one["row"]), one["why"]) for one in part["known"])
    return Checks(row, amount, price, known, expected)


def _expected(part: Part) -> Expected:
    shares, amount = (_figure(part[key]) for key in ("shares", "amount"))
    vwap, decimals = part["vwap"] or (None, 0)
    return Expected(shares, amount, vwap, part["date"], decimals)


def _figure(figure: Any) -> Exact | None:
    if figure is None:
        return None
    value: Exact = figure.value
    return value
