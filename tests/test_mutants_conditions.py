"""What is changed in a condition, beside trees that are taken apart without any text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from repurchase.language.expression import (
    All,
    Comparison,
    Condition,
    ExpressionError,
    Extreme,
    Member,
    Node,
    Not,
    Product,
    Quotient,
    Some,
    Sum,
    parse,
    pieces,
)
from repurchase.tester.conditions import Change, changes
from strategies import NAMES, conditions, leaves
from test_expression import shown

U: Final = "trade.units"
A, B, C, D = (f"{U} == {number}" for number in "1234")

# A condition, and all changes of its parts and brackets: the new text, and what is said of it.
PARTS: Final[list[tuple[str, dict[str, str]]]] = [
    (A, {}),
    (f"{A} and {B}", {B: f"`{A}` was left out", A: f"`{B}` was left out"}),
    (
        f"{A}\n  or {B} or {C}",
        {
            f"{B} or {C}": f"`{A}` was left out",
            f"{A}\n  or {C}": f"`{B}` was left out",
            f"{A}\n  or {B}": f"`{C}` was left out",
        },
    ),
    (
        f"{A} and ({B} or {C})",
        {
            f"({B} or {C})": f"`{A}` was left out",
            A: f"`({B} or {C})` was left out",
            f"{A} and ({C})": f"`{B}` was left out",
            f"{A} and ({B})": f"`{C}` was left out",
            f"{A} and {B} or {C}": f"the brackets around `{B} or {C}` were left out",
        },
    ),
    (
        f"{A} and not {B} or {C} and {D}",
        {
            f"{C} and {D}": f"`{A} and not {B}` was left out",
            f"{A} and not {B}": f"`{C} and {D}` was left out",
            f"not {B} or {C} and {D}": f"`{A}` was left out",
            f"{A} or {C} and {D}": f"`not {B}` was left out",
            f"{A} and not {B} or {D}": f"`{C}` was left out",
            f"{A} and not {B} or {C}": f"`{D}` was left out",
            f"{A} and (not {B} or {C}) and {D}": f"`not {B} or {C}` was put in brackets",
        },
    ),
    (
        f"{A} or {B} and {C}",
        {
            f"{B} and {C}": f"`{A}` was left out",
            A: f"`{B} and {C}` was left out",
            f"{A} or {C}": f"`{B}` was left out",
            f"{A} or {B}": f"`{C}` was left out",
            f"({A} or {B}) and {C}": f"`{A} or {B}` was put in brackets",
        },
    ),
    (
        f"not({A} and {B})",
        {
            f"not({B})": f"`{A}` was left out",
            f"not({A})": f"`{B}` was left out",
            f"not {A} and {B}": f"the brackets around `{A} and {B}` were left out",
        },
    ),
    # Brackets without effect stay.
    (f"(({A}))", {}),
    (f"not ({A})", {}),
    (
        f"({A} and {B}) or {C}",
        {
            C: f"`({A} and {B})` was left out",
            f"({A} and {B})": f"`{C}` was left out",
            f"({B}) or {C}": f"`{A}` was left out",
            f"({A}) or {C}": f"`{B}` was left out",
        },
    ),
    # Words stay apart that only brackets keep apart.
    (
        f"{A} and({B} or {C})and {D}",
        {
            f"({B} or {C})and {D}": f"`{A}` was left out",
            f"{A} and {D}": f"`({B} or {C})` was left out",
            f"{A} and({B} or {C})": f"`{D}` was left out",
            f"{A} and({C})and {D}": f"`{B}` was left out",
            f"{A} and({B})and {D}": f"`{C}` was left out",
            f"{A} and {B} or {C} and {D}": f"the brackets around `{B} or {C}` were left out",
        },
    ),
    (f"1 <= {U}", {}),
    (f"1 <= {U} < 5", {f"{U} < 5": "`1 <=` was left out", f"1 <= {U}": "`< 5` was left out"}),
    (
        f"not 1 <= {U} < 5 < 6",
        {f"not {U} < 5 < 6": "`1 <=` was left out", f"not 1 <= {U} < 5": "`< 6` was left out"},
    ),
    (
        f"{A} or 1 <= ({U}) <= (5)and {B}",
        {
            f"1 <= ({U}) <= (5)and {B}": f"`{A}` was left out",
            A: f"`1 <= ({U}) <= (5)and {B}` was left out",
            f"{A} or {B}": f"`1 <= ({U}) <= (5)` was left out",
            f"{A} or 1 <= ({U}) <= (5)": f"`{B}` was left out",
            f"{A} or ({U}) <= (5)and {B}": "`1 <=` was left out",
            f"{A} or 1 <= ({U})and {B}": "`<= (5)` was left out",
            f"({A} or 1 <= ({U}) <= (5))and {B}": f"`{A} or 1 <= ({U}) <= (5)` was put in brackets",
        },
    ),
    (
        "trade.side in [buy, sell]",
        {
            "trade.side in [sell]": "`buy` was left out",
            "trade.side in [buy]": "`sell` was left out",
        },
    ),
    (
        f"{U} <= min(1, 2, 3)",
        {
            f"{U} <= min(2, 3)": "`1` was left out",
            f"{U} <= min(1, 3)": "`2` was left out",
            f"{U} <= min(1, 2)": "`3` was left out",
        },
    ),
    (
        f"{U} <= 2 * max ( 1 + 2, 3 )",
        {f"{U} <= 2 * (3)": "`1 + 2` was left out", f"{U} <= 2 * (1 + 2)": "`3` was left out"},
    ),
    (
        f"{U} <= 2 * (1 + 2) - (3 - 4) - (5 * 6)",
        {
            f"{U} <= 2 * 1 + 2 - (3 - 4) - (5 * 6)": "the brackets around `1 + 2` were left out",
            f"{U} <= 2 * (1 + 2) - 3 - 4 - (5 * 6)": "the brackets around `3 - 4` were left out",
        },
    ),
    (
        f"{U} <= 8 / (4 / 2) + (1 + 2) + (3) * -(5 - 6)",
        {
            f"{U} <= 8 / 4 / 2 + (1 + 2) + (3) * -(5 - 6)": (
                "the brackets around `4 / 2` were left out"
            ),
            f"{U} <= 8 / (4 / 2) + (1 + 2) + (3) * -5 - 6": (
                "the brackets around `5 - 6` were left out"
            ),
        },
    ),
]


def restructured(text: str) -> list[Change]:
    """Return the changes of the parts and the brackets of the condition *text*."""
    made = changes(text, NAMES.constants, NAMES.instruments)
    return [one for one in made if "became" not in one.what and one.what != "`not` was left out"]


@pytest.mark.parametrize(("text", "expected"), PARTS, ids=[text for text, _ in PARTS])
def test_each_part_is_left_out_and_each_bracket_that_matters(
    text: str, expected: dict[str, str]
) -> None:
    """Each change is told by what is gone, with the place at which it was."""
    made = restructured(text)
    assert {one.text: one.what for one in made} == expected
    assert len(made) == len(expected)
    for one in made:
        named = one.what.split("`")[1]
        place = text[one.offset :]
        assert place.startswith(f"({named}" if "around" in one.what else named)


def test_long_part_is_told_on_one_line_and_short() -> None:
    """A list of many words would fill the terminal."""
    text = f"{A} or\n{B}\n and trade.broker in [{', '.join(['North'] * 20)}]"
    told = [one.what for one in restructured(text)]
    assert f"`{B} and trade.broker in [North, North, North, …` was left out" in told


# --- beside the trees ----------------------------------------------------------------------------


@st.composite
def loose(draw: st.DrawFn, depth: int = 3) -> str:
    """Draw a condition with few brackets, so that what binds first decides how it is read."""
    shape = draw(st.sampled_from(("leaf", "not", "and", "or", "group") if depth else ("leaf",)))
    if shape == "leaf":
        return draw(leaves())
    one = draw(loose(depth - 1))
    if shape == "not":
        return f"not {one}"
    return f"({one})" if shape == "group" else f"{one} {shape} {draw(loose(depth - 1))}"


TEXTS: Final = conditions() | loose()
Tree = Condition | Node
Meaning = tuple[Any, ...]


def meaning(tree: Tree) -> Meaning:
    """Return what *tree* says, alike for an `and` within an `and`, and so on."""
    match tree:
        case All(parts=parts) | Some(parts=parts):
            kind = type(tree).__name__
            whole = [meaning(one) for one in parts]
            return (kind, *(part for one in whole for part in _within(kind, one)))
        case Not(of=of):
            return ("not", meaning(of))
        case Comparison(left=left, operator=operator, right=right):
            return (operator, meaning(left), meaning(right))
        case Member(left=left, choices=choices):
            return ("in", meaning(left), *map(meaning, choices))
        case _:
            return _amount(tree)


def _amount(tree: Tree) -> Meaning:
    """Return the same of a quantity; the negative of one is its product with -1."""
    match tree:
        case Extreme(which=which, parts=extremes):
            return (which, *map(meaning, extremes))
        case Sum(parts=((-1, negative),)):
            return ("product", (1, ("leaf", "-1")), *_signed("product", ((1, negative),)))
        case Sum(parts=summands):
            return ("sum", *_signed("sum", summands))
        case Product(left=left, right=right):
            return ("product", *_signed("product", ((1, left), (1, right))))
        case Quotient(left=left, right=right):
            return ("product", *_signed("product", ((1, left), (-1, right))))
        case _:
            return ("leaf", shown(tree))


def _within(kind: str, one: Meaning) -> Meaning:
    return one[1:] if one[0] == kind else (one,)


def _signed(kind: str, parts: Sequence[tuple[int, Node]]) -> Iterator[tuple[int, Meaning]]:
    for sign, part in parts:
        one = meaning(part)
        for its, inner in one[1:] if one[0] == kind else ((1, one),):
            yield sign * its, inner


def fewer(tree: Any) -> Iterator[Any]:
    """Yield *tree* without each part of it, at each depth."""
    match tree:
        case All(parts=parts) if _is_chain(parts):
            yield from _fewer_in_chain(parts)
            return
        case All(parts=parts) | Some(parts=parts) | Extreme(parts=parts):
            for index in range(len(parts)):
                rest = parts[:index] + parts[index + 1 :]
                yield rest[0] if len(rest) == 1 else replace(tree, parts=rest)
        case Member(choices=choices) if len(choices) > 1:
            for index in range(len(choices)):
                yield replace(tree, choices=choices[:index] + choices[index + 1 :])
        case _:
            pass
    for name in tree.__struct_fields__:
        for other in _fewer_in(getattr(tree, name)):
            yield replace(tree, **{name: other})


def _fewer_in_chain(parts: Sequence[Any]) -> Iterator[Any]:
    """Yield the chain *parts* without its first side, its last, and each part of any side."""
    for rest in (parts[1:], parts[:-1]):
        yield rest[0] if len(rest) == 1 else All(tuple(rest))
    sides = (parts[0].left, *(one.right for one in parts))
    for others in _fewer_in(sides):
        pairs = zip(parts, pairwise(others), strict=True)
        yield All(tuple(replace(one, left=left, right=right) for one, (left, right) in pairs))


def _fewer_in(held: Any) -> Iterator[Any]:
    """Yield *held*, a field of a tree, with one part less in each tree that it holds."""
    if isinstance(held, TREES):
        yield from fewer(held)
    if isinstance(held, tuple):
        for index, one in enumerate(held):
            for other in _fewer_in(one):
                yield (*held[:index], other, *held[index + 1 :])


TREES: Final = (All, Some, Not, Comparison, Member, Sum, Product, Quotient, Extreme)


def _is_chain(parts: Sequence[Any]) -> bool:
    """Return whether *parts* are the comparisons of a chain."""
    return all(isinstance(one, Comparison) for one in parts) and all(
        one.right == other.left for one, other in pairwise(parts)
    )


def read(text: str) -> Meaning | None:
    """Return what *text* says; `None` if its dimensions do not fit."""
    pieces(text)
    try:
        return meaning(parse(text, NAMES).root)
    except ExpressionError:
        return None


@settings(max_examples=30)
@given(TEXTS.filter(lambda text: ".." not in text))
def test_parts_that_are_left_out_are_those_of_the_tree(text: str) -> None:
    """Neither one more nor one less, however little the text is bracketed.

    An interval is one part of the text, and two comparisons of the tree.
    """
    made = [one for one in restructured(text) if one.what.endswith("was left out")]
    expected = {meaning(one) for one in fewer(parse(text, NAMES).root)}
    assert {read(one.text) for one in made} - {None} == expected


def _unbracketed(text: str) -> Iterator[str]:
    """Yield *text* without each pair of brackets that is not around what `min` or `max` takes."""
    opened: list[tuple[int, bool]] = []
    before = ""
    for piece in pieces(text):
        if piece.kind == "LPAR":
            opened.append((piece.offset, before == "EXTREME"))
        if piece.kind == "RPAR":
            start, is_extreme = opened.pop()
            if not is_extreme:
                yield f"{text[:start]} {text[start + 1 : piece.offset]} {text[piece.end :]}"
        before = piece.kind


@settings(max_examples=30)
@given(TEXTS.filter(lambda text: read(text) is not None))
def test_brackets_that_are_left_out_are_those_that_matter(text: str) -> None:
    """Without them the condition says another thing; without any others it says the same."""
    made = [one for one in restructured(text) if "brackets" in one.what]
    assert read(text) not in {read(one.text) for one in made}
    gone = {read(one.text) for one in made if "around" in one.what}
    assert gone - {None} == {read(one) for one in _unbracketed(text)} - {None, read(text)}
