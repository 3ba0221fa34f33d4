"""The answers to a draft's questions: what a person says of a file before the draft is made."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from repurchase.intake.fields import READERS
from repurchase.intake.mapping import OPEN, plain

_PLACES: Final = ("column", "columns", "title")
_CALENDAR: Final = ("date", "time")
# Keys whose answer, given as a whole, leaves nothing open below it.
_WHOLE: Final = ("numbers", "dates", "rows", "tolerances", "ignore")

# The answer that no row is the header, or the opening balance.
_NO_ROW: Final = "none"

Path = tuple[str, ...]


class Answers:
    """Answers by key, such as `columns.price.unit`; a value is nested text, or a column's place."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = {_path(key): value for key, value in given.items()}
        self._tree: dict[str, Any] = {}
        self._put_all(self._tree, self._given)

    def get(self, *path: str) -> Any:
        """Return the answer at *path*, or what the answers around it say there; else `None`."""
        found: Any = self._tree
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def says(self, path: Sequence[str]) -> bool:
        """Return whether the key at *path* is answered."""
        top, *rest = path
        if (top,) in self._given and top in _WHOLE:
            return True
        if top == "columns" and len(rest) == 1:
            twins = {*_CALENDAR} if rest[0] in _CALENDAR else {rest[0]}
            return not twins.isdisjoint(self.placed()) or self.get("set", rest[0]) is not None
        if top == "columns" and rest[0] in _CALENDAR:
            every = (("dates",), *((top, one) for one in _CALENDAR))
            return any(self.get(*one, rest[1]) is not None for one in every)
        if rest[:1] == ["totals"]:
            return not {("rows", "totals"), tuple(path)}.isdisjoint(self._given)
        return bool(rest) and self.get(*path) is not None

    def columns(self) -> dict[str, list[str | int]]:
        """Return the columns of each field that an answer places in some."""
        found = {name: list(places(value)) for name, value in self._fields().items()}
        return {name: of for name, of in found.items() if of}

    def read(self) -> set[str]:
        """Return the columns that answers place a field in, as `plain` text."""
        return {plain(str(one)) for of in self.columns().values() for one in of}

    def placed(self) -> set[str]:
        """Return the fields that answers place in a column, or in a title."""
        titled = {one for one in self._fields() if self.get("columns", one, "title") is not None}
        return {*self.columns(), *titled}

    def pattern(self) -> str | None:
        """Return how days or times are printed, if an answer says it."""
        found = [self.get("columns", one, "pattern") for one in _CALENDAR]
        said = next((one for one in (*found, self.get("dates", "pattern")) if one), None)
        return None if said is None else str(said)

    def ignored(self) -> frozenset[str]:
        """Return the columns that an answer ignores, as `plain` text; `all` is all the others."""
        found = self.get("ignore")
        every = found if isinstance(found, list) else [] if found is None else [found]
        return frozenset(plain(str(one)) for one in every)

    def opening(self) -> str | None:
        """Return how an answer says that the opening balance begins: `""` if no row is that."""
        found = self.get("rows", "opening")
        return None if found is None else "" if found == _NO_ROW else str(found)

    def totals(self) -> list[str] | None:
        """Return how the rows begin that an answer lists as totals; `None` without a list."""
        is_given = not {("rows",), ("rows", "totals")}.isdisjoint(self._given)
        found = self.get("rows", "totals")
        return [str(one["row"]) for one in found] if is_given and found else None

    def header(self) -> int | None:
        """Return the row of the header that an answer gives, 0 for none; `None` without one."""
        found = str(self.get("header") or "")
        return 0 if found == _NO_ROW else int(found) if found.isdecimal() else None

    def over(self, values: dict[str, Any], calendar: str) -> dict[str, Any]:
        """Return *values* with the answers, which count more; *calendar* is the field of days."""
        given = {}
        for path, value in self._given.items():
            if path == ("rows", "opening") and value == _NO_ROW:
                continue
            is_day = path[0] == "columns" and path[1:2] and path[1] in _CALENDAR
            moved = ("columns", calendar, *path[2:]) if is_day and calendar else path
            is_used = len(moved) == 2 and moved[0] == "columns" and not isinstance(value, dict)
            if not (is_used and moved[1] in values.get("columns", {})):
                given[moved] = value
        self._put_all(values, given)
        if isinstance(values.get("ignore"), list):
            # A column that an answer reads is not ignored, whatever an earlier one says.
            read = self.read()
            values["ignore"] = [one for one in values["ignore"] if plain(str(one)) not in read]
        return values

    def _fields(self) -> dict[str, Any]:
        found = self.get("columns")
        return found if isinstance(found, dict) else {}

    def _put_all(self, values: dict[str, Any], given: Mapping[Path, Any]) -> None:
        """Set *given* in *values*, the shortest paths first."""
        for path in sorted(given, key=len):
            put(values, path, copy.deepcopy(given[path]))


def places(value: Any) -> Iterator[str | int]:
    """Yield the columns that *value*, what a mapping says of a field, names."""
    if isinstance(value, dict):
        yield from value.get("columns", ())
        yield from [value["column"]] if "column" in value else ()
    elif isinstance(value, str | int) and value != OPEN:
        yield value


def _path(key: str) -> Path:
    """Return the path that *key* stands for: names of fields, columns and rows may have dots."""
    top, _, rest = key.partition(".")
    if key.startswith("rows.totals.") and key.endswith((".of", ".without")):
        label, _, last = key.removeprefix("rows.totals.").rpartition(".")
        return ("rows", "totals", label, last)
    if key.startswith("rows.words."):
        return ("rows", "words", key.removeprefix("rows.words."))
    if top in ("columns", "set") and "." in rest:
        field, _, last = rest.rpartition(".")
        return (top, rest) if rest in READERS else (top, field, last)
    return (top, *rest.split(".")) if rest else (top,)


def put(values: dict[str, Any], path: Path, value: Any) -> None:
    """Set *value* at *path* within nested *values*; a list is of rows by their label."""
    first, *rest = path
    inner = values.get(first)
    if not rest:
        values[first] = _merged(inner, value) if isinstance(value, dict) else value
        return
    if first == "totals" and inner is None:
        values[first] = inner = []
    if isinstance(inner, list) and len(rest) > 1:
        row = next((one for one in inner if one.get("row") == rest[0]), None)
        if row is None:
            inner.append(row := {"row": rest[0]})
        row[rest[1]] = value
        return
    if not isinstance(inner, dict):
        is_column = isinstance(inner, str | int) and inner != OPEN
        values[first] = inner = {"column": inner} if is_column else {}
    put(inner, tuple(rest), value)


def _merged(inner: Any, value: dict[str, Any]) -> dict[str, Any]:
    """Return *value* with what *inner*, a field's place and more, says beside it."""
    is_placed = not value.keys().isdisjoint(_PLACES)
    if isinstance(inner, dict) and not inner.keys().isdisjoint(_PLACES):
        kept = {name: of for name, of in inner.items() if not (is_placed and name in _PLACES)}
        return kept | value
    is_column = isinstance(inner, str | int) and inner != OPEN and not is_placed
    return {"column": inner, **value} if is_column else value
