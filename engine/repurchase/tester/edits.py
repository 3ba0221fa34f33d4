"""One change of a rule file or a pack, made in the document that was read from the file."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from repurchase.rulebook.model import Authorization, Pack
from repurchase.rulebook.yaml_reader import Document, Path, Place, read_document


class Mutant(msgspec.Struct, frozen=True):
    """A file with one change: *what* was changed, at which *line* and *column*.

    In its document, *value* replaces what is at *path*.
    """

    line: int
    column: int
    what: str
    path: Path
    value: object

    def of(self, document: Document) -> Document:
        """Return *document*, that of the file, with the change, and without recorded problems."""
        value = _with(document.value, self.path, self.value)
        return replace(document, value=value, broken=set(), problems=[])


def document_of(file: Authorization | Pack) -> Document:
    """Return the document of *file*: its text as nested mappings and lists."""
    return read_document(file.text.encode(), file.file)


def mutant(place: Place, what: str, path: Path, value: object) -> Mutant:
    """Return the mutant with *value* at *path*, reported at *place*."""
    return Mutant(place.line, place.column, what, path, value)


def left_out(document: Document, path: Path, what: str, place: Place | None = None) -> Mutant:
    """Return the mutant without the entry at *path*, and without what would then be empty.

    It is reported at *place*, or else where the entry is.
    """
    place = place or document.place(path)
    while len(path) > 1 and len(value_at(document, path[:-1])) == 1:
        path = path[:-1]
    around, gone = value_at(document, path[:-1]), path[-1]
    value: object
    if isinstance(around, dict):
        value = {key: held for key, held in around.items() if key != gone}
    else:
        value = [held for index, held in enumerate(around) if index != gone]
    return mutant(place, f"{what} was left out", path[:-1], value)


def renamed(document: Document, path: Path, key: str) -> Mutant:
    """Return the mutant with *key* instead of the last key of *path*."""
    old, around = path[-1], value_at(document, path[:-1])
    value = {key if name == old else name: held for name, held in around.items()}
    return mutant(document.key_place(path), f"`{old}` became `{key}`", path[:-1], value)


def rewritten(document: Document, path: Path, start: int, end: int, other: str) -> Mutant:
    """Return the mutant with *other* in place of *start* to *end* of the text at *path*.

    A text without quotes stays one.
    """
    text = value_at(document, path)
    value = type(text)(text[:start] + other + text[end:])
    what = f"`{text[start:end].strip()}` became `{other}`"
    return mutant(letter_place(document, path, start), what, path, value)


def value_at(document: Document, path: Path) -> Any:
    """Return the value at *path*: a text, a list or a mapping."""
    held: Any = document.value
    for part in path:
        held = held[part]
    return held


def letter_place(document: Document, path: Path, offset: int) -> Place:
    """Return the place in the file of the letter at *offset* of the text at *path*.

    If the file writes the text otherwise than it is read, as with an escaped letter, return the
    place where the text begins.
    """
    begins, written = document.place(path), document.text
    at = found = _text_start(written, begins)
    for index, letter in enumerate(value_at(document, path)):
        if letter.isspace():
            continue
        while written[at : at + 1].isspace():
            at += 1
        if written[at : at + 1] != letter:
            return begins
        found = at if index == offset else found
        at += 1
    return Place(written.count("\n", 0, found) + 1, found - written.rfind("\n", 0, found))


def _text_start(written: str, begins: Place) -> int:
    """Return the offset of the first letter of a text at *begins*: after a quote, `|` or `>`."""
    lines = written.split("\n", begins.line - 1)
    at = len(written) - len(lines[-1]) + begins.column - 1
    if written[at] in "|>":
        return written.index("\n", at)
    return at + 1 if written[at] in "\"'" else at


def _with(held: Any, path: Path, value: object) -> Any:
    """Return *held* with *value* at *path*."""
    if not path:
        return value
    other = held.copy()
    other[path[0]] = _with(held[path[0]], path[1:], value)
    return other
