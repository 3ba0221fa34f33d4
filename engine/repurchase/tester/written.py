"""A rule file as it is written: where its values, keys and entries begin and end in the text."""

from __future__ import annotations

import json

from repurchase.rulebook.yaml_reader import Document, Path, Place

# From one offset of the text to another, what stands at the second not included.
Validity = tuple[int, int]


class Written:
    """The text of a file that reads without an error, and the place of each of its parts."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.text = document.text
        self._lines = [0]
        for line in self.text.split("\n")[:-1]:
            self._lines.append(self._lines[-1] + len(line) + 1)

    def value(self, path: Path) -> object:
        """Return the value at *path*, `None` where there is none."""
        held: object = self._document.value
        for part in path:
            if isinstance(held, dict):
                held = held.get(str(part))
            elif isinstance(held, list) and isinstance(part, int):
                held = held[part]
            else:
                return None
        return held

    def place(self, offset: int) -> Place:
        """Return the line and the column of *offset*."""
        line = self.text.count("\n", 0, offset) + 1
        return Place(line, offset - self._lines[line - 1] + 1)

    def span(self, path: Path) -> Validity:
        """Return where the value at *path* stands, its quotes or brackets included."""
        start = self._offset(self._document.places[path])
        end = self._document.ends.get(path)
        if end is None:
            return start, self.span((*path, self._parts(path)[-1]))[1]
        # A text in lines of its own ends at the line after it.
        return start, start + len(self.text[start : self._offset(end)].rstrip())

    def key(self, path: Path) -> Validity:
        """Return where the key stands that *path* ends in."""
        start = self._offset(self._document.keys[path])
        quote = self.text[start] if self.text[start] in "\"'" else ""
        return start, start + len(f"{quote}{path[-1]}{quote}")

    def part(self, path: Path, start: int, end: int) -> Validity | None:
        """Return where the letters from *start* to *end* of the text at *path* stand.

        `None` where they are not written as they are read: where a letter is escaped.
        """
        offsets = self._letters(path)
        if start not in offsets:
            return None
        if end in offsets:
            return offsets[start], offsets[end]
        return offsets[start], offsets[max(one for one in offsets if one < end)] + 1

    def entry(self, path: Path) -> Validity:
        """Return what to cut so that the entry at *path* is gone: with it what it alone is in."""
        around, part = path[:-1], path[-1]
        parts = self._parts(around)
        index = parts.index(part)
        if len(parts) == 1 and around:
            return self.entry(around)
        if index + 1 < len(parts):
            return self._begins(path), self._begins((*around, parts[index + 1]))
        if not index:
            return self._begins(path), self.span(path)[1]
        return self.span((*around, parts[index - 1]))[1], self.span(path)[1]

    def opening(self, path: Path) -> tuple[int, str]:
        """Return where the first key of the mapping at *path* stands, and what follows another."""
        start = self._begins((*path, self._parts(path)[0]))
        if self.text[self.span(path)[0]] == "{":
            return start, ", "
        return start, "\n" + " " * (self.place(start).column - 1)

    def closing(self, path: Path) -> tuple[int, str]:
        """Return where the list at *path* ends, and what stands before one more entry."""
        parts = self._parts(path)
        start, end = self.span(path)
        if self.text[start] == "[":
            return end - 1, ", " if parts else ""
        last = self.span((*path, parts[-1]))[0]
        return end, "\n" + self.text[self._lines[self.place(last).line - 1] : last]

    def _parts(self, path: Path) -> list[str | int]:
        held = self.value(path)
        return [*held] if isinstance(held, dict) else [*range(len(held))]  # type: ignore[arg-type]

    def _begins(self, path: Path) -> int:
        return self._offset(self._document.key_place(path))

    def _offset(self, place: Place) -> int:
        return self._lines[place.line - 1] + place.column - 1

    def _letters(self, path: Path) -> dict[int, int]:
        """Return where each letter of the text at *path* stands, white space aside."""
        value = str(self.value(path))
        start, end = self.span(path)
        if self.text[start] in "\"'":
            start, end = start + 1, end - 1
        elif self.text[start] in "|>":
            start = self.text.index("\n", start)
        there = [offset for offset in range(start, end) if not self.text[offset].isspace()]
        here = [offset for offset, letter in enumerate(value) if not letter.isspace()]
        if [self.text[offset] for offset in there] != [value[offset] for offset in here]:
            return {}
        return dict(zip(here, there, strict=True))


def quoted(text: str) -> str:
    """Return *text* as YAML in quotes, on one line."""
    return json.dumps(text, ensure_ascii=False)
