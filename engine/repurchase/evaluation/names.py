"""What sentences call a fact, and a quantity that a rule computes from facts."""

from __future__ import annotations

from collections.abc import Sequence

from repurchase.domain.formats import unit
from repurchase.domain.quantities import value_written
from repurchase.facts.table import TABLE
from repurchase.language.expression import (
    Constant,
    Extreme,
    Name,
    Node,
    Product,
    Quotient,
    Rounded,
    Shift,
    Sum,
    Word,
    facts_of,
)
from repurchase.language.linear import Constants


def fact_name(fact: str) -> str:
    """Return what a sentence calls *fact*."""
    return TABLE[fact].short


def named(node: Node, constants: Constants, any_of: str | None = None) -> str:
    """Return what a sentence calls *node*, with the values of *constants* in it.

    *any_of* is `min` or `max` if such an extreme may be known by some of its parts alone; its name
    then does not say that it is the lowest or the highest of all.
    """
    if isinstance(node, Constant | Word):
        return node.text
    if isinstance(node, Name):
        return fact_name(node.name) if node.is_fact else _constant(node, constants)
    if isinstance(node, Sum):
        return _sum(node, constants)
    if isinstance(node, Extreme):
        parts = [named(part, constants, any_of) for part in node.parts]
        if node.which == any_of:
            return listing(parts, "or")
        which = ("lower", "lowest") if node.which == "min" else ("higher", "highest")
        return f"the {which[len(parts) > 2]} of {listing(parts)}"
    if isinstance(node, Shift):
        sign = "plus" if node.is_later else "minus"
        return f"{named(node.of, constants)} {sign} {node.text}"
    if isinstance(node, Rounded):
        way = "down" if node.is_down else "up"
        return f"{named(node.of, constants)}, rounded {way} to the tick"
    return _scaled(node, constants)


def _constant(name: Name, constants: Constants) -> str:
    value = constants.terms.get(name.name)
    if value is None:
        return constant_name(name)
    return unit(value_written(value, name.dimension), str(name.dimension))


def constant_name(name: Name) -> str:
    """Return what a sentence calls a term or a limit: `quiet minutes`."""
    return name.name.rpartition(".")[2].replace("_", " ")


def _sum(node: Sum, constants: Constants) -> str:
    (sign, first), *others = node.parts
    text = f"{'minus ' * (sign < 0)}{named(first, constants)}"
    for sign, part in others:
        text += f" {'plus' if sign > 0 else 'minus'} {named(part, constants)}"
    return text


def _scaled(node: Product | Quotient, constants: Constants) -> str:
    left, right = node.left, node.right
    if isinstance(node, Quotient):
        return f"{named(left, constants)} divided by {named(right, constants)}"
    if next(facts_of(left), None) is not None:
        left, right = right, left
    factor = named(left, constants)
    return f"{factor} {'of' if factor.endswith('%') else 'times'} {named(right, constants)}"


def listing(texts: Sequence[str], last: str = "and") -> str:
    """Return *texts* as one list: `a, b and c`, or with another word before the *last*."""
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} {last} {texts[-1]}"
