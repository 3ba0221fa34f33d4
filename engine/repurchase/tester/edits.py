"""One change of a file at a time: of a figure, a word, a sign, a rule; each with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from repurchase.domain.decisions import EFFECTS
from repurchase.domain.quantities import Dimension
from repurchase.language.expression import Piece, pieces
from repurchase.rulebook.model import ATS, Authorization, Pack
from repurchase.rulebook.yaml_reader import Path, read_document
from repurchase.tester import operators
from repurchase.tester.written import Validity, Written, quoted

_DAYS: Final = ("from", "until", "known")
_BRACKETS: Final = ("LSQB", "RSQB")


class Mutant(msgspec.Struct, frozen=True):
    """One change of a rule file or a pack: *what* became of it at its *line* and *column*.

    What stands in its text from *start* to *end* is written *instead*.
    """

    line: int
    column: int
    what: str
    start: int
    end: int
    instead: str

    def of(self, text: str) -> str:
        """Return *text*, that of the file, so changed."""
        return text[: self.start] + self.instead + text[self.end :]


class Edits:
    """The changes of the text of *file* that a rule file and a pack have in common.

    Its conditions may read *constants*, terms and limits, and the names of *instruments*.
    """

    def __init__(
        self,
        file: Authorization | Pack,
        constants: Mapping[str, Dimension],
        instruments: tuple[str, ...] = (),
    ) -> None:
        document = read_document(file.text.encode(), file.file)
        self._written = Written(document)
        self._constants = constants
        self._instruments = instruments

    def _figures(self, path: Path) -> Iterator[Mutant]:
        """Yield those of the figure at *path*, of each of its versions, and of their days."""
        held = self._written.value(path)
        if isinstance(held, str):
            yield from self._figure(path)
            return
        for version in self._paths(*path) if isinstance(held, list) else [path]:
            for key in ("value", *_DAYS):
                yield from self._figure((*version, key))

    def _rule(self, path: Path) -> Iterator[Mutant]:
        name = self._text((*path, "id"))
        yield self._left_out(path, f"rule `{name}`")
        yield from self._choice((*path, "effect"), EFFECTS, "deny")
        yield from self._choice((*path, "at"), ATS, "both")
        for key in _DAYS:
            yield from self._figure((*path, key))
        yield from self._scope((*path, "when"), f"rule `{name}`")
        yield from self._condition((*path, "require"))

    def _scope(self, path: Path, of: str) -> Iterator[Mutant]:
        """Yield those of the `when` at *path*, if there is one, *of* a rule or of all of a pack."""
        if self._written.value(path) is not None:
            yield self._left_out(path, f"`when` of {of}")
            yield from self._condition(path)

    # --- conditions

    def _condition(self, path: Path) -> Iterator[Mutant]:
        found = pieces(str(self._written.value(path)))
        for index, piece in enumerate(found):
            before = found[index - 1] if index else None
            after = found[index + 1] if index + 1 < len(found) else None
            for instead in operators.of_piece(piece, before, after, self._constants):
                yield self._part(path, piece.offset, piece.end, instead)
            if piece.kind == "_NOT" and after is not None:
                yield self._part(path, piece.offset, after.offset, "")
            if piece.kind == "LSQB":
                yield from self._listed(path, _elements(found[index + 1 :]))
            elif operators.is_word(piece):
                yield from self._words(path, piece, _beside(found, index))

    def _words(self, path: Path, piece: Piece, beside: Sequence[str]) -> Iterator[Mutant]:
        for other in operators.of_word(piece, self._instruments):
            # One that is listed already would come to the same as leaving this one out.
            if other not in beside:
                yield self._part(path, piece.offset, piece.end, other)

    def _listed(self, path: Path, elements: list[Validity]) -> Iterator[Mutant]:
        """Yield the list at *path* without each of its *elements*."""
        for index, (start, end) in enumerate(elements):
            what = f"`{str(self._written.value(path))[start:end]}` was left out"
            if index + 1 < len(elements):
                yield self._part(path, start, elements[index + 1][0], "", what)
            elif index:
                yield self._part(path, elements[index - 1][1], end, "", what, start)

    # --- one change

    def _figure(self, path: Path) -> Iterator[Mutant]:
        if self._written.value(path) is not None:
            yield from self._changed(path, operators.of_figure(self._text(path)))

    def _choice(
        self, path: Path, choices: tuple[str, ...], default: str | None = None
    ) -> Iterator[Mutant]:
        """Yield the other *choices* at *path*, which is *default* where it is not written."""
        word = self._text(path)
        if word:
            yield from self._changed(path, operators.of_choice(word, choices))
        elif default is not None:
            rule = path[:-1]
            start, joint = self._written.opening(rule)
            for other in operators.of_choice(default, choices):
                said = f"{path[-1]}: {other}"
                what = f"rule `{self._text((*rule, 'id'))}` was given `{said}`"
                place = self._written.span(rule)[0]
                yield self._mutant((start, start), said + joint, what, place)

    def _changed(self, path: Path, others: Sequence[str]) -> Iterator[Mutant]:
        written = str(self._written.value(path))
        start = len(written) - len(written.lstrip())
        for other in others:
            yield self._part(path, start, len(written.rstrip()), other)

    def _part(
        self,
        path: Path,
        start: int,
        end: int,
        instead: str,
        what: str | None = None,
        told: int | None = None,
    ) -> Mutant:
        """Return the mutant that has *instead* in the text at *path* from *start* to *end*.

        Its place is that of the letter *told*, the first if none.
        """
        text = str(self._written.value(path))
        old = text[start:end].strip()
        if what is None:
            what = f"`{old}` became `{instead}`" if instead else f"`{old}` was left out"
        span = self._written.part(path, start, end)
        if span is None:
            span = self._written.span(path)
            instead = quoted(text[:start] + instead + text[end:])
            return self._mutant(span, instead, what)
        place = None if told is None else self._written.part(path, told, end)
        return self._mutant(span, instead, what, place and place[0])

    def _renamed(self, path: Path, key: str) -> Iterator[Mutant]:
        yield self._mutant(self._written.key(path), key, f"`{path[-1]}` became `{key}`")

    def _left_out(self, path: Path, what: str) -> Mutant:
        place = self._written.span(path)[0]
        return self._mutant(self._written.entry(path), "", f"{what} was left out", place)

    def _mutant(self, span: Validity, instead: str, what: str, at: int | None = None) -> Mutant:
        place = self._written.place(span[0] if at is None else at)
        return Mutant(place.line, place.column, what, *span, instead)

    def _paths(self, *path: str | int) -> list[Path]:
        held = self._written.value(path)
        if isinstance(held, dict):
            return [(*path, key) for key in held]
        return [(*path, index) for index in range(len(held))] if isinstance(held, list) else []

    def _text(self, path: Path) -> str:
        held = self._written.value(path)
        return held.strip() if isinstance(held, str) else ""


def _elements(found: Sequence[Piece]) -> list[Validity]:
    """Return where each element stands of the list that *found* begins within."""
    elements: list[Validity] = []
    start, depth = found[0].offset, 0
    for index, piece in enumerate(found):
        depth += (piece.kind == "LPAR") - (piece.kind == "RPAR")
        if piece.kind in ("COMMA", "RSQB") and not depth:
            elements.append((start, found[index - 1].end))
            start = found[index + 1].offset if piece.kind == "COMMA" else start
        if piece.kind == "RSQB":
            break
    return elements


def _beside(found: Sequence[Piece], index: int) -> list[str]:
    """Return what is in one list with the word at *index*, none where it is in no list."""
    opened = next((one for one in reversed(range(index)) if found[one].kind in _BRACKETS), None)
    if opened is None or found[opened].kind == "RSQB":
        return []
    closed = next(one for one in range(index, len(found)) if found[one].kind == "RSQB")
    return [piece.text for piece in found[opened:closed]]
