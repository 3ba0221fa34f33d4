"""A checked tree in the engine's form: and/or over `sum of facts OP constant`, and its negation.

Each comparison becomes integer coefficients and one integer constant. Both sides are multiplied by
the denominators, so the form is exact. A comparison is decided only if every fact written in it is
known, even a fact whose coefficient becomes zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from fractions import Fraction
from math import lcm, prod
from operator import eq, ge, gt, le, lt, ne
from typing import Final

import msgspec
from msgspec.structs import replace

from repurchase.domain.calendars import months_after
from repurchase.domain.errors import Wrong
from repurchase.domain.quantities import Exact
from repurchase.domain.sessions import sessions_after
from repurchase.language.expression import (
    All,
    Comparison,
    Constant,
    Expression,
    Extreme,
    Leaf,
    Member,
    Name,
    Node,
    Not,
    Operator,
    Product,
    Quotient,
    Rounded,
    Shift,
    Some,
    Sum,
    Truth,
    Word,
    parts_of,
)
from repurchase.language.expression import (
    Condition as Tree,
)

COMPARISONS_MAX: Final = 24
# The most that the engine can take; `rete` states what was measured.
CONSTANT_MAX: Final = 2**61
GROUPS_MAX: Final = 14
WEIGHT_MAX: Final = 56
PATHS_MAX: Final = 512

NEGATED: Final[Mapping[Operator, Operator]] = {
    "<=": ">",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "==": "!=",
    "!=": "==",
}
_HOLDS: Final[Mapping[Operator, Callable[[Exact, Exact], bool]]] = {
    "<=": le,
    "<": lt,
    ">=": ge,
    ">": gt,
    "==": eq,
    "!=": ne,
}
MIRRORED: Final[Mapping[Operator, Operator]] = {
    "<=": ">=",
    "<": ">",
    ">=": "<=",
    ">": "<",
    "==": "==",
    "!=": "!=",
}
_WHOLE: Final = ("word", "flag", "date", "units")


class Atom(msgspec.Struct, frozen=True):
    """`sum of coefficient * fact OP constant`; *whole* if the sum is always an integer."""

    terms: tuple[tuple[str, int], ...]
    operator: Operator
    constant: int
    whole: bool


class Undecided(msgspec.Struct, frozen=True):
    """A comparison with a constant that is not in force: neither it nor its negation is true."""

    constants: tuple[str, ...]


class AllOf(msgspec.Struct, frozen=True):
    """True if all parts are true; also without parts."""

    parts: tuple[Form, ...]


class AnyOf(msgspec.Struct, frozen=True):
    """True if at least one part is true; false without parts."""

    parts: tuple[Form, ...]


Form = Atom | Undecided | AllOf | AnyOf
TRUE: Final = AllOf(())
FALSE: Final = AnyOf(())


class Linear(msgspec.Struct, frozen=True):
    """A sum of facts and a constant; *missing* names the constants in it that are not in force.

    *whole* is whether all of its facts are always integers.
    """

    coefficients: Mapping[str, Exact]
    constant: Exact
    missing: tuple[str, ...] = ()
    whole: bool = True


class Lowest(msgspec.Struct, frozen=True):
    """The smallest of its parts."""

    parts: tuple[Lattice, ...]


class Highest(msgspec.Struct, frozen=True):
    """The largest of its parts."""

    parts: tuple[Lattice, ...]


# min(a, b) + c is min(a + c, b + c), so every sum becomes extremes over linear sums.
Lattice = Linear | Lowest | Highest


class Constants(msgspec.Struct, frozen=True):
    """The values of an edition for conditions: terms (`None`: not in force) and word codes."""

    terms: Mapping[str, Exact | None]
    words: Mapping[str, int]


def form(tree: Tree, constants: Constants) -> Form:
    """Return the form of *tree* with the values of *constants*; raise Wrong if it has none."""
    if isinstance(tree, Not):
        return negated(form(tree.of, constants))
    if isinstance(tree, All):
        return all_of(form(part, constants) for part in tree.parts)
    if isinstance(tree, Some):
        return any_of(form(part, constants) for part in tree.parts)
    return _comparison(tree, constants)


def _comparison(leaf: Leaf, constants: Constants) -> Form:
    """Return one written comparison as and/or over atoms."""
    if isinstance(leaf, Truth):
        return Atom(((leaf.name, 1),), ">=", 1, whole=True)
    left = expanded(leaf.left, constants)
    if isinstance(leaf, Comparison):
        difference = added(left, scaled(expanded(leaf.right, constants), -1))
        return _compared(difference, leaf.operator)
    choices = (scaled(expanded(choice, constants), -1) for choice in leaf.choices)
    return any_of(_compared(added(left, choice), "==") for choice in choices)


def negated(form: Form) -> Form:
    """Return the form that is true exactly if *form* is known to be false."""
    if isinstance(form, AllOf):
        return any_of(negated(part) for part in form.parts)
    if isinstance(form, AnyOf):
        return all_of(negated(part) for part in form.parts)
    return replace(form, operator=NEGATED[form.operator]) if isinstance(form, Atom) else form


def all_of(parts: Iterable[Form]) -> Form:
    """Return the conjunction of *parts*, without repeated or redundant parts."""
    flat: dict[Form, None] = {}
    for part in parts:
        if part == FALSE:
            return FALSE
        flat.update(dict.fromkeys(part.parts if isinstance(part, AllOf) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else AllOf(tuple(flat))


def any_of(parts: Iterable[Form]) -> Form:
    """Return the disjunction of *parts*, without repeated or redundant parts."""
    flat: dict[Form, None] = {}
    for part in parts:
        if part == TRUE:
            return TRUE
        flat.update(dict.fromkeys(part.parts if isinstance(part, AnyOf) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else AnyOf(tuple(flat))


def engine_form(form: Form) -> Form:
    """Return *form* with equations as pairs of inequalities, and undecided parts as false.

    A sum reaches the engine rounded, up or down as each inequality needs; with a single rounding, a
    half would equal one. Neither an undecided comparison nor its negation is ever true.
    """
    if isinstance(form, Undecided):
        return FALSE
    if isinstance(form, AllOf):
        return all_of(engine_form(part) for part in form.parts)
    if isinstance(form, AnyOf):
        return any_of(engine_form(part) for part in form.parts)
    if form.whole or form.operator not in ("==", "!="):
        return form
    if form.operator == "==":
        return all_of((replace(form, operator="<="), replace(form, operator=">=")))
    return any_of((replace(form, operator="<"), replace(form, operator=">")))


def check_size(form: Form) -> None:
    """Raise Wrong if *form* is larger than the engine can take as one rule."""
    shape = engine_form(form)
    if _groups(shape) > GROUPS_MAX:
        raise Wrong("it nests too many groups of and/or", "split it into two rules")
    if _weight(shape) > WEIGHT_MAX:
        raise Wrong("it expands to too many comparisons", "split it into two rules")
    if _paths(shape) > PATHS_MAX:
        raise Wrong("its alternatives combine in too many ways", "write a rule for each")


def _groups(form: Form) -> int:
    if isinstance(form, AllOf | AnyOf):
        return 1 + sum(_groups(part) for part in form.parts)
    return 0


def _paths(form: Form) -> int:
    """Return in how many ways *form* can be true: a rule fires once for each way that is."""
    if isinstance(form, AnyOf):
        return sum(_paths(part) for part in form.parts)
    return prod(_paths(part) for part in form.parts) if isinstance(form, AllOf) else 1


def _weight(form: Form) -> int:
    parts = form.parts if isinstance(form, AllOf | AnyOf) else ()
    return 1 + sum(_weight(part) for part in parts)


def atoms(form: Form) -> Iterator[Atom]:
    """Yield the comparisons of *form*."""
    if isinstance(form, Atom):
        yield form
    elif isinstance(form, AllOf | AnyOf):
        for part in form.parts:
            yield from atoms(part)


def comparisons(expression: Expression) -> int:
    """Return the number of comparisons in *expression* after min and max are expanded."""
    return _count(expression.root)


def evaluated(lattice: Lattice, facts: Mapping[str, Exact | None]) -> Exact | None:
    """Return the value of *lattice* for *facts*; `None` if a fact that it needs is missing."""
    if isinstance(lattice, Lowest | Highest):
        values = [evaluated(part, facts) for part in lattice.parts]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        return min(known) if isinstance(lattice, Lowest) else max(known)
    if lattice.missing:
        return None
    total = lattice.constant
    for name, coefficient in lattice.coefficients.items():
        fact = facts.get(name)
        if fact is None:
            return None
        total += coefficient * fact
    return total


def _count(tree: Tree) -> int:
    if isinstance(tree, Not):
        return _count(tree.of)
    if isinstance(tree, All | Some):
        return sum(_count(part) for part in tree.parts)
    if isinstance(tree, Truth):
        return 1
    equation = isinstance(tree, Member) or tree.operator in ("==", "!=")
    others = tree.choices if isinstance(tree, Member) else (tree.right,)
    pairs = [_leaf_count(tree.left) * _leaf_count(other) for other in others]
    # An equation between extremes becomes two inequalities for each pair.
    return sum(2 * count if count > 1 and equation else count for count in pairs)


def _leaf_count(node: Node) -> int:
    """Return the number of linear sums into which *node* expands."""
    counts = [_leaf_count(part) for part in parts_of(node)]
    return sum(counts) if isinstance(node, Extreme) else prod(counts)


def expanded(node: Node, constants: Constants) -> Lattice:
    """Return *node* as extremes over linear sums, with the values of *constants*."""
    if isinstance(node, Constant):
        return Linear({}, node.value)
    if isinstance(node, Word):
        return Linear({}, constants.words[node.text])
    if isinstance(node, Name):
        return named(node, constants)
    if isinstance(node, Extreme):
        parts = tuple(expanded(part, constants) for part in node.parts)
        return Lowest(parts) if node.which == "min" else Highest(parts)
    if isinstance(node, Sum):
        total: Lattice = Linear({}, 0)
        for sign, part in node.parts:
            total = added(total, scaled(expanded(part, constants), sign))
        return total
    if isinstance(node, Product | Quotient):
        return _scaled_by_constant(node, constants)
    return _shifted(node, constants) if isinstance(node, Shift) else _rounded(node, constants)


def _rounded(node: Rounded, constants: Constants) -> Linear:
    """Return the price *node* on its tick, exactly."""
    price, tick = _factor(expanded(node.of, constants)), constants.terms[node.tick]
    if price is None:
        raise Wrong("a fact cannot be rounded to ticks")
    if tick is None or price.missing:
        return Linear({}, 0, (*price.missing, *([node.tick] if tick is None else [])))
    ticks = Fraction(price.constant) / tick
    return Linear({}, (ticks.__floor__() if node.is_down else ticks.__ceil__()) * tick)


def _shifted(node: Shift, constants: Constants) -> Linear:
    """Return the date *node* by calendar; raise Wrong if there is no such date."""
    day = _factor(expanded(node.of, constants))
    if day is None:
        raise Wrong("months cannot be added to a fact")
    if day.missing:
        return day
    if day.constant.denominator != 1 or not 1 <= day.constant <= date.max.toordinal():
        raise Wrong(f"`{node.text}` can be added only to a date of the calendar")
    begin = date.fromordinal(int(day.constant))
    if not node.sessions:
        return Linear({}, months_after(begin, node.months).toordinal())
    if node.calendar is None:
        # A pack alone has no venue.
        return Linear({}, 0, (f"the sessions in `{node.text}`",))
    return Linear({}, sessions_after(node.calendar, begin, node.sessions).toordinal())


def named(node: Name, constants: Constants) -> Linear:
    """Return the fact or the constant *node* as a linear sum."""
    if node.is_fact:
        return Linear({node.name: 1}, 0, whole=node.dimension.kind in _WHOLE)
    constant = constants.terms[node.name]
    if constant is None:
        return Linear({}, 0, (node.name,))
    return Linear({}, constant)


def _scaled_by_constant(node: Product | Quotient, constants: Constants) -> Lattice:
    left, right = expanded(node.left, constants), expanded(node.right, constants)
    factor = _factor(right)
    if isinstance(node, Product) and (factor is None or factor.missing):
        # Of two constants, the one in force scales the other: `3 * x` means the same as `x * 3`.
        other = _factor(left)
        if other is not None and (factor is None or not other.missing):
            left, factor = right, other
    if factor is None:
        raise Wrong("two facts cannot be multiplied")
    if factor.missing:
        # The product is unknown; only the facts that it needs are known.
        return _without(left, factor.missing)
    if isinstance(node, Product):
        return scaled(left, factor.constant)
    if not factor.constant:
        raise Wrong("it divides by zero")
    return scaled(left, Fraction(1) / factor.constant)


def _factor(lattice: Lattice) -> Linear | None:
    """Return the constant that *lattice* is equal to; `None` if it reads a fact."""
    if isinstance(lattice, Linear):
        return None if lattice.coefficients else lattice
    parts = [_factor(part) for part in lattice.parts]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    missing = tuple(name for part in known for name in part.missing)
    if missing:
        return Linear({}, 0, missing)
    constant_values = [part.constant for part in known]
    best = min(constant_values) if isinstance(lattice, Lowest) else max(constant_values)
    return Linear({}, best)


def _without(lattice: Lattice, missing: tuple[str, ...]) -> Lattice:
    """Return *lattice*, undecided because the constants *missing* are not in force."""
    if isinstance(lattice, Linear):
        return replace(lattice, missing=(*lattice.missing, *missing))
    return type(lattice)(tuple(_without(part, missing) for part in lattice.parts))


def scaled(lattice: Lattice, factor: Exact) -> Lattice:
    """Return *lattice* times *factor*; a negative factor turns lowest into highest."""
    if isinstance(lattice, Linear):
        coefficients = {name: one * factor for name, one in lattice.coefficients.items()}
        return Linear(coefficients, lattice.constant * factor, lattice.missing, lattice.whole)
    parts = tuple(scaled(part, factor) for part in lattice.parts)
    lowest = isinstance(lattice, Lowest)
    return Lowest(parts) if lowest == (factor >= 0) else Highest(parts)


def added(left: Lattice, right: Lattice) -> Lattice:
    """Return *left* plus *right*."""
    if isinstance(left, Lowest | Highest):
        parts = tuple(added(part, right) for part in left.parts)
        return type(left)(parts)
    if isinstance(right, Lowest | Highest):
        return added(right, left)
    coefficients = dict(left.coefficients)
    for name, coefficient in right.coefficients.items():
        coefficients[name] = coefficients.get(name, 0) + coefficient
    return Linear(
        coefficients,
        left.constant + right.constant,
        (*left.missing, *right.missing),
        left.whole and right.whole,
    )


def _compared(lattice: Lattice, operator: Operator) -> Form:
    """Return `lattice OP 0` as and/or over atoms."""
    if isinstance(lattice, Linear):
        return atom(lattice, operator)
    if operator == "==":
        return all_of(_compared(lattice, one) for one in ("<=", ">="))
    if operator == "!=":
        return any_of(_compared(lattice, one) for one in ("<", ">"))
    parts = (_compared(part, operator) for part in lattice.parts)
    below = operator in ("<=", "<")
    return any_of(parts) if below == isinstance(lattice, Lowest) else all_of(parts)


def atom(linear: Linear, operator: Operator) -> Form:
    """Return `linear OP 0` with integers; raise Wrong if its constant is too large."""
    if linear.missing:
        return Undecided(tuple(dict.fromkeys(linear.missing)))
    if not linear.coefficients:
        return TRUE if holds(linear.constant, operator) else FALSE
    numbers = (*linear.coefficients.values(), linear.constant)
    scale = lcm(*(number.denominator for number in numbers))
    terms = tuple(
        (name, int(coefficient * scale))
        for name, coefficient in sorted(linear.coefficients.items())
    )
    constant = int(-linear.constant * scale)
    if abs(constant) >= CONSTANT_MAX:
        raise Wrong("its figures are too large to compare exactly")
    # A single fact gets a positive sign, so that rules can share one comparison.
    if len(terms) == 1 and terms[0][1] < 0:
        terms, constant = ((terms[0][0], -terms[0][1]),), -constant
        operator = MIRRORED[operator]
    return Atom(terms, operator, constant, linear.whole and scale == 1)


def holds(number: Exact, operator: Operator) -> bool:
    """Return whether `number OP 0` is true."""
    return _HOLDS[operator](number, 0)
