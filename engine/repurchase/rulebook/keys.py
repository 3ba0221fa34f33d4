"""Read nested text by tables of keys: each value by its kind, all problems at once.

The tables themselves are in `schema`. A kind reads a value and describes it in JSON Schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NoReturn

import msgspec

from repurchase.domain.errors import Problem, Wrong, nearest
from repurchase.rulebook.yaml_reader import (
    NODES_MAX,
    PROBLEMS_MAX,
    Document,
    Path,
    Place,
    Plain,
    file_error,
    ticked,
)

PARTS_MAX: Final = 1000
# The result for a value that cannot be used; the problems say why.
LOST: Final = object()

Schema = Mapping[str, Any]


class Kind(msgspec.Struct, frozen=True):
    """What a value may be: how it is read, and its JSON Schema.

    *read* returns the value of the nested text at a path, or LOST after it has noted the problems
    inside the text. It raises Wrong if the value as a whole is wrong.
    """

    read: Callable[[Reading, Path, object], Any]
    schema: Schema


class Key(msgspec.Struct, frozen=True):
    """A key of a mapping: what it may hold, and what it means.

    *default* is its value if it is absent, and at the top of a file also if it cannot be used.
    """

    name: str
    kind: Kind
    meaning: str
    default: object = None
    required: bool = False


def needed(name: str, kind: Kind, meaning: str, default: object = None) -> Key:
    """Return a key that must be present."""
    return Key(name, kind, meaning, default, required=True)


class Part(msgspec.Struct, frozen=True):
    """A mapping of a file as it was read: the value of each key of its table, and where it is."""

    path: Path
    values: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.values[key]


class Table(msgspec.Struct, frozen=True):
    """The keys that a mapping may have, and what it is; *name* is that of its JSON Schema."""

    name: str
    meaning: str
    keys: tuple[Key, ...]

    def kind(self) -> Kind:
        """Return what a mapping with these keys is to the mapping around it."""
        return Kind(self.read, {"$ref": f"#/$defs/{self.name}"})

    def read(self, reading: Reading, path: Path, raw: object) -> Any:
        """Return the Part that *raw* writes; LOST if one of its keys is wrong.

        At the top of a file, the default takes the place of what is wrong.
        """
        if not isinstance(raw, dict):
            raise misfit(path, raw, "a mapping")
        unknown = reading.unknown(path, raw, [key.name for key in self.keys])
        values = {key.name: reading.key(path, raw, key) for key in self.keys}
        if not path:
            return self.part(path, values)
        return LOST if unknown or LOST in values.values() else Part(path, values)

    def part(self, path: Path, values: Mapping[str, object]) -> Part:
        """Return the Part with *values*; the default takes the place of each that is not there."""
        written = {name: value for name, value in values.items() if value is not LOST}
        return Part(path, {key.name: key.default for key in self.keys} | written)

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of a mapping with these keys."""
        return {
            "type": "object",
            "description": self.meaning,
            "properties": {key.name: _described(key) for key in self.keys},
            "required": [key.name for key in self.keys if key.required],
            "additionalProperties": False,
        }


def _described(key: Key) -> dict[str, Any]:
    said = {"description": key.meaning, **key.kind.schema}
    is_usual = isinstance(key.default, str) and not key.required
    return said | {"default": key.default} if is_usual else said


class Reading:
    """One file as it is read: its problems so far, and the paths *lost*, that cannot be used."""

    lost: set[Path]

    def __init__(self, document: Document) -> None:
        self.document = document
        self._problems = list(document.problems)
        self.lost = set(document.broken)

    def file(self, table: Table) -> Part:
        """Return the whole file by *table*; raise RuleFileError if it is not to be read at all."""
        if () in self.lost:
            self.refuse()
        part = table.read(self, (), self.document.value)
        assert isinstance(part, Part), "the top of a file always comes to one"
        return part

    def value(self, kind: Kind, path: Path, raw: object) -> Any:
        """Return what *raw*, at *path*, comes to as *kind*; LOST once its problems are noted."""
        if path in self.lost:
            return LOST
        try:
            return kind.read(self, path, raw)
        except Wrong as wrong:
            return self._lose(path, self.document.place(path), wrong.what, wrong.hint)

    def key(self, path: Path, raw: Mapping[str, object], key: Key) -> Any:
        """Return the value of *key* in the mapping *raw* at *path*; its default if it is absent."""
        own = (*path, key.name)
        if key.name in raw:
            return self.value(key.kind, own, raw[key.name])
        if not key.required:
            return key.default
        return self._lose(own, self.document.place(path), f"the key `{key.name}` is missing")

    def unknown(self, path: Path, raw: Mapping[str, object], known: Sequence[str]) -> bool:
        """Return whether the mapping *raw* at *path* has a key that is not *known*; note each."""
        unknown = [name for name in raw if name not in known]
        for name in unknown:
            # To look for the nearest key takes long: past a hundred problems, nobody reads on.
            near = nearest(name, known) if len(self._problems) < PROBLEMS_MAX else None
            hint = near or f"the keys here are {', '.join(f'`{one}`' for one in known)}"
            own = (*path, name)
            self._lose(own, self.document.key_place(own), f"unknown key {ticked(name)}", hint)
        return bool(unknown)

    def name(self, kind: Kind, path: Path) -> bool:
        """Return whether the last key of *path* is a name of *kind*; note the problem if not."""
        try:
            kind.read(self, path, str(path[-1]))
        except Wrong as wrong:
            self._lose(path, self.document.key_place(path), wrong.what, wrong.hint)
            return False
        return True

    def is_lost(self, *paths: Path) -> bool:
        """Return whether one of *paths*, or something within it, cannot be used."""
        return any(lost[: len(path)] == path for lost in self.lost for path in paths)

    def note(
        self, path: Path, what: str, hint: str | None = None, offset: int | None = None
    ) -> None:
        """Add a problem of the value at *path*, or of the letter *offset* of its text."""
        self._add(self.document.place(path, offset), what, hint)

    def note_key(self, path: Path, what: str, hint: str | None = None) -> None:
        """Add a problem of the key that *path* ends in."""
        self._add(self.document.key_place(path), what, hint)

    def refuse(self, others: Iterable[Problem] = ()) -> NoReturn:
        """Raise RuleFileError with the problems found, and those of *others*."""
        raise file_error(self.document.name, self._problems, others)

    def refuse_if_wrong(self, others: Sequence[Problem] = ()) -> None:
        """Raise RuleFileError with the problems found, and those of *others*, if there are any."""
        if self._problems or others:
            self.refuse(others)

    def _lose(self, path: Path, place: Place, what: str, hint: str | None = None) -> object:
        self._add(place, what, hint)
        self.lost.add(path)
        return LOST

    def _add(self, place: Place, what: str, hint: str | None) -> None:
        self._problems.append(self.document.problem(place, what, hint))


def misfit(path: Path, raw: object, expected: str) -> Wrong:
    """Return the error that *raw* at *path* is not what is *expected*: text, a list, ..."""
    key = ticked(next((part for part in reversed(path) if isinstance(part, str)), "the file"))
    if isinstance(raw, str) and not raw.strip():
        return Wrong(f"{key} has no value")
    whose = f"an entry of {key}" if isinstance(path[-1], int) else key
    found = "a mapping" if isinstance(raw, dict) else "a list" if isinstance(raw, list) else "text"
    return Wrong(f"{whose} takes {expected}, but its value is {found}")


# --- kinds ---------------------------------------------------------------------------------------


def text(read: Callable[[str], object], schema: Schema, *, may_be_empty: bool = False) -> Kind:
    """Return the kind of a text that *read* accepts; *read* raises Wrong for any other text."""

    def value(_: Reading, path: Path, raw: object) -> object:
        # An empty text in quotes is intended; without quotes the value was forgotten.
        is_empty = may_be_empty and raw == "" and not isinstance(raw, Plain)
        if not isinstance(raw, str) or not (raw.strip() or is_empty):
            raise misfit(path, raw, "text")
        return read(raw)

    return Kind(value, schema)


def listed(kind: Kind, least: int = 0, most: int = NODES_MAX) -> Kind:
    """Return the kind of a list of *kind* with *least* to *most* entries."""

    def values(reading: Reading, path: Path, raw: object) -> object:
        if not isinstance(raw, list):
            raise misfit(path, raw, "a list")
        _check_number(raw, least, most)
        found = [reading.value(kind, (*path, index), one) for index, one in enumerate(raw)]
        return _usable(path, found, [one for one in found if one is not LOST])

    return Kind(values, {"type": "array", "items": kind.schema, **_number("Items", least, most)})


def named(kind: Kind, name_kind: Kind | None = None, least: int = 0, most: int = NODES_MAX) -> Kind:
    """Return the kind of a mapping from names of *name_kind* to *kind*, *least* to *most* of it."""

    def values(reading: Reading, path: Path, raw: object) -> object:
        if not isinstance(raw, dict):
            raise misfit(path, raw, "a mapping")
        _check_number(raw, least, most)
        found = {name: reading.value(kind, (*path, name), one) for name, one in raw.items()}
        if name_kind is not None:
            found |= {name: LOST for name in raw if not reading.name(name_kind, (*path, name))}
        usable = {name: one for name, one in found.items() if one is not LOST}
        return _usable(path, found.values(), usable)

    names = {} if name_kind is None else {"propertyNames": name_kind.schema}
    schema = {"type": "object", **names, "additionalProperties": kind.schema}
    return Kind(values, schema | _number("Properties", least, most))


def _number(of: str, least: int, most: int) -> dict[str, int]:
    """Return the bounds of JSON Schema on a number *of* items or properties."""
    upper = {} if most == NODES_MAX else {f"max{of}": most}
    return ({f"min{of}": least} if least else {}) | upper


def brief(table: Table, key: Key) -> Kind:
    """Return the kind of a mapping by *table*, or of the text of its *key* alone."""

    def value(reading: Reading, path: Path, raw: object) -> object:
        if not isinstance(raw, str):
            return table.read(reading, path, raw)
        return table.part(path, {key.name: key.kind.read(reading, path, raw)})

    return Kind(value, {"anyOf": [key.kind.schema, table.kind().schema]})


def _check_number(entries: Sequence[object] | Mapping[str, object], least: int, most: int) -> None:
    if len(entries) < least:
        if least > 1:
            raise Wrong(f"the list has {len(entries):,} of {least} entries", f"give {least}")
        raise Wrong("the list is empty", "name at least one")
    if len(entries) > most:
        raise Wrong(f"there are {len(entries):,} entries", f"give at most {most:,}")


def _usable(path: Path, found: Iterable[object], usable: object) -> object:
    """Return *usable*, the entries at *path* that are right, or LOST if one of them is wrong.

    A section at the top of the file keeps its right entries; any other list is lost as a whole.
    """
    return usable if len(path) == 1 or all(one is not LOST for one in found) else LOST
