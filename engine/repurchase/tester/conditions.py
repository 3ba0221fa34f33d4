"""What can be changed in a condition: its words, figures and signs, its parts and its brackets."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from repurchase.domain.errors import short
from repurchase.domain.quantities import Dimension
from repurchase.language.expression import Piece, on_one_line, pieces
from repurchase.tester import operators

# How tightly each kind of token binds what is beside it; brackets and commas separate.
_BINDING: Final[Mapping[str, int]] = {
    "_OR": 1,
    "_AND": 2,
    "_NOT": 3,
    "OPERATOR": 4,
    "_IN": 4,
    "_TO": 4,
    "SIGN": 5,
    "STAR": 6,
    "SLASH": 6,
}
_ALONE: Final = 7
# Before brackets, these signs apply to each part in them: `a - (b + c)`, `a / (b * c)`.
_REVERSING: Final[Mapping[str, int]] = {"-": 5, "/": 6}
_LETTER: Final = re.compile(r"\w")
_OPENING: Final = ("LPAR", "LSQB")
_CLOSING: Final = ("RPAR", "RSQB")


class Change(msgspec.Struct, frozen=True):
    """One change of a condition: its new *text*, and *what* was changed, at which *offset*."""

    offset: int
    text: str
    what: str


class _Group(msgspec.Struct, frozen=True):
    """The content of a pair of brackets, or the whole condition: the numbers of its *tokens*.

    Of brackets within the group, only the two brackets are among its tokens. The token *opening* is
    the bracket just before the group; `None` for the whole condition.
    """

    opening: int | None
    tokens: tuple[int, ...]


def changes(
    text: str, constants: Mapping[str, Dimension], instruments: tuple[str, ...]
) -> Iterator[Change]:
    """Yield each change of the condition *text*, which must be valid.

    *constants* are the terms and limits that it may read, *instruments* the words of
    `trade.share_class`.
    """
    condition = _Condition(text)
    yield from condition.replaced(constants, instruments)
    for group in condition.groups:
        yield from condition.shortened(group)
        yield from condition.regrouped(group)


class _Condition:
    """A condition as its text, its tokens, and its groups of tokens."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found = pieces(text)
        self.groups = _groups(self._found)

    # --- one token

    def replaced(
        self, constants: Mapping[str, Dimension], instruments: tuple[str, ...]
    ) -> Iterator[Change]:
        """Yield a change for each text that can replace a token, and one without each `not`."""
        for index, piece in enumerate(self._found):
            before, after = self._at(index - 1), self._at(index + 1)
            others = operators.of_piece(piece, before, after, constants)
            if operators.is_word(piece):
                # A word that the list contains already would have the effect of leaving this out.
                listed = self._beside(index)
                words = operators.of_word(piece, instruments)
                others = tuple(other for other in words if other not in listed)
            for other in others:
                what = f"`{piece.text}` became `{other}`"
                yield self._with(piece.offset, piece.end, other, what)
            if piece.kind == "_NOT" and after is not None:
                yield self._with(piece.offset, after.offset, "", "`not` was left out")

    def _beside(self, index: int) -> Collection[str]:
        """Return the texts in the same list as the word at *index*; empty if it is in no list."""
        group = next(one for one in self.groups if index in one.tokens)
        is_list = self._opened_by(group, "LSQB")
        return {self._found[one].text for one in group.tokens} if is_list else ()

    # --- parts

    def shortened(self, group: _Group) -> Iterator[Change]:
        """Yield a change without each part of *group*.

        A part is an element of a list, of a `min` or of a `max`, one side of an `and` or an `or`,
        or an end of a chain.
        """
        elements = self._split(group.tokens, "COMMA")
        if self._opened_by(group, "EXTREME") and len(elements) == 2:
            yield from self._either_left_out(group, *elements)
            return
        yield from self._each_left_out(elements)
        if len(elements) == 1:
            yield from self._parts_left_out(group)

    def _parts_left_out(self, group: _Group) -> Iterator[Change]:
        alternatives = self._split(group.tokens, "_OR")
        yield from self._each_left_out(alternatives)
        for alternative in alternatives:
            parts = self._split(alternative, "_AND")
            yield from self._each_left_out(parts)
            for part in parts:
                yield from self._ends_left_out(part)

    def _each_left_out(self, parts: Sequence[Sequence[int]]) -> Iterator[Change]:
        """Yield a change without each of *parts*, and the comma, `and` or `or` beside it."""
        for before, one, after in zip((None, *parts), parts, (*parts[1:], None), strict=False):
            if before or after:
                # The separator after the part goes with it; with the last part, the one before.
                start = self._start(one) if after or not before else self._end(before)
                end = self._start(after) if after else self._end(one)
                yield self._with(start, end, "", self._gone(one), self._start(one))

    def _either_left_out(
        self, group: _Group, one: Sequence[int], other: Sequence[int]
    ) -> Iterator[Change]:
        """Yield a change of a `min` or `max` of two to *other* alone, and to *one* alone."""
        start, end = self._found[group.tokens[0] - 2].offset, self._found[group.tokens[-1] + 1].end
        for gone, rest in ((one, other), (other, one)):
            text = f"({self._text[self._start(rest) : self._end(rest)]})"
            yield self._with(start, end, text, self._gone(gone), self._start(gone))

    def _ends_left_out(self, comparison: Sequence[int]) -> Iterator[Change]:
        """Yield the chain *comparison* without its first side, and without its last."""
        sides = [one for one in comparison if self._found[one].kind != "_NOT"]
        signs = [one for one in sides if self._found[one].kind == "OPERATOR"]
        if len(signs) > 1:
            first = [one for one in sides if one <= signs[0]]
            last = [one for one in sides if one >= signs[-1]]
            start, next_ = self._start(first), self._found[signs[0] + 1].offset
            yield self._with(start, next_, "", self._gone(first))
            end = self._found[signs[-1] - 1].end
            yield self._with(end, self._end(last), "", self._gone(last), self._start(last))

    # --- brackets

    def regrouped(self, group: _Group) -> Iterator[Change]:
        """Yield a change without the brackets of *group*, and one with brackets around each `or`.

        Brackets without effect are neither left out nor added.
        """
        if group.opening is not None and self._needs_brackets(group, group.opening):
            start, end = self._start(group.tokens), self._end(group.tokens)
            inner = self._text[start:end]
            what = f"the brackets around `{_shown(inner)}` were left out"
            opened, closed = self._found[group.opening], self._found[group.tokens[-1] + 1]
            yield self._with(opened.offset, closed.end, inner, what)
        for one, other in pairwise(self._split(group.tokens, "_OR")):
            left, right = self._split(one, "_AND"), self._split(other, "_AND")
            if len(left) > 1 or len(right) > 1:
                start, end = self._start(left[-1]), self._end(right[0])
                inner = self._text[start:end]
                what = f"`{_shown(inner)}` was put in brackets"
                yield self._with(start, end, f"({inner})", what)

    def _needs_brackets(self, group: _Group, opening: int) -> bool:
        """Return whether the condition reads otherwise without the brackets around *group*."""
        if self._opened_by(group, "LSQB") or self._opened_by(group, "EXTREME"):
            return False
        before, after = self._at(opening - 1), self._at(group.tokens[-1] + 2)
        inner = self._binding(group)
        outer = max((_BINDING.get(one.kind, 0) for one in (before, after) if one), default=0)
        return outer > inner or (before is not None and _REVERSING.get(before.text) == inner)

    def _binding(self, group: _Group) -> int:
        """Return how tightly the loosest sign or word between two parts of *group* binds them."""
        kinds = [self._found[one].kind for one in group.tokens]
        # A sign that follows another sign, or begins the group, belongs to one quantity.
        between = (kind for last, kind in pairwise(kinds) if kind != "SIGN" or last not in _BINDING)
        first = (kind for kind in kinds[:1] if kind == "_NOT")
        return min((_BINDING.get(kind, _ALONE) for kind in (*first, *between)), default=_ALONE)

    # --- tokens

    def _opened_by(self, group: _Group, kind: str) -> bool:
        """Return whether *group* is a list, opened by `LSQB`, or what follows `EXTREME`."""
        if group.opening is None:
            return False
        opening = self._at(group.opening if kind == "LSQB" else group.opening - 1)
        return opening is not None and opening.kind == kind

    def _at(self, index: int) -> Piece | None:
        """Return the token at *index*; `None` if it is outside the condition."""
        return self._found[index] if 0 <= index < len(self._found) else None

    def _split(self, tokens: Sequence[int], separator: str) -> list[list[int]]:
        """Return *tokens* as the runs between those of the kind *separator*."""
        runs: list[list[int]] = [[]]
        for one in tokens:
            if self._found[one].kind == separator:
                runs.append([])
            else:
                runs[-1].append(one)
        return runs

    def _start(self, tokens: Sequence[int]) -> int:
        return self._found[tokens[0]].offset

    def _end(self, tokens: Sequence[int]) -> int:
        return self._found[tokens[-1]].end

    def _gone(self, tokens: Sequence[int]) -> str:
        text = self._text[self._start(tokens) : self._end(tokens)]
        return f"`{_shown(text)}` was left out"

    def _with(
        self, start: int, end: int, other: str, what: str, offset: int | None = None
    ) -> Change:
        """Return the change with *other* in place of *start* to *end*, reported at *offset*."""
        text = _apart(_apart(self._text[:start], other), self._text[end:])
        return Change(start if offset is None else offset, text, what)


def _groups(found: Sequence[Piece]) -> tuple[_Group, ...]:
    """Return the groups of the tokens *found*, inner ones first."""
    groups: list[_Group] = []
    opened: list[tuple[int | None, list[int]]] = [(None, [])]
    for index, piece in enumerate(found):
        if piece.kind in _CLOSING:
            opening, tokens = opened.pop()
            groups.append(_Group(opening, tuple(tokens)))
        opened[-1][1].append(index)
        if piece.kind in _OPENING:
            opened.append((index, []))
    return (*groups, _Group(None, tuple(opened[0][1])))


def _apart(one: str, other: str) -> str:
    """Return *one* and then *other*, with a space between two words that brackets kept apart."""
    is_one_word = _LETTER.fullmatch(one[-1:]) and _LETTER.fullmatch(other[:1])
    return f"{one} {other}" if is_one_word else one + other


def _shown(text: str) -> str:
    """Return *text*, a part of a condition, for a message."""
    return short(on_one_line(text))
