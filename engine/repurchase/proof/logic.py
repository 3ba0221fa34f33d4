"""Conditions as z3 terms: the same and/or over sums of facts that the engine evaluates.

Each fact is a pair: whether it is known, and its value. A comparison is true only if every fact in
it is known. An undecided condition is therefore neither passed nor failed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Final, NamedTuple

from repurchase.domain.quantities import Exact
from repurchase.facts.domains import Domain, Numbers
from repurchase.language.linear import AllOf, AnyOf, Atom, Form, Undecided
from repurchase.proof.solver import Term, every, some, z3


class Fact(NamedTuple):
    """A fact in z3: whether it is *present*, and its *value*, always a number."""

    present: Term
    value: Term


Facts = Mapping[str, Fact]

COMPARED: Final[Mapping[str, Callable[[Term, Term], Term]]] = {
    "<=": le,
    "<": lt,
    ">=": ge,
    ">": gt,
    "==": eq,
    "!=": ne,
}


def inside(domain: Domain, value: Term) -> list[Term]:
    """Return the conditions that *value* is in *domain*, a domain of numbers.

    If the domain is whole, *value* must be an integer.
    """
    assert isinstance(domain, Numbers), f"`{value}` is not a number"
    bounds = ((ge, domain.least), (gt, domain.above), (le, domain.most), (lt, domain.below))
    # A comparison of an integer with an int needs no real numbers.
    return [
        compared(value, bound if isinstance(bound, int) else number(bound))
        for compared, bound in bounds
        if bound is not None
    ]


def free(domain: Domain, name: str, ties: list[Term]) -> Term:
    """Return a variable *name* for any number of *domain*, and add to *ties* that it is in it."""
    assert isinstance(domain, Numbers), f"`{name}` is not a number"
    value = z3.Int(name) if domain.is_whole else z3.Real(name)
    ties += inside(domain, value)
    return value


def real(value: Term) -> Term:
    """Return *value* as a real number."""
    return z3.ToReal(value) if z3.is_int(value) else value


@lru_cache(maxsize=4096)
def number(value: Exact) -> Term:
    """Return *value* as an exact z3 number."""
    # From text, z3 makes the number in a tenth of the time that a division takes.
    return z3.RealVal(f"{value.numerator}/{value.denominator}")


def chosen(index: Term, values: Sequence[Term]) -> Term:
    """Return the term for the value at *index* of *values*, counted from 0."""
    found = values[-1]
    for at, value in enumerate(values[:-1]):
        # Most words have no number of their own, and most listings share a ratio.
        if not value.eq(values[-1]):
            found = z3.If(index == at, value, found)
    return found


def holds(form: Form, facts: Facts) -> Term:
    """Return the condition that *form* is true and decided."""
    match form:
        case AllOf(parts):
            return every([holds(part, facts) for part in parts])
        case AnyOf(parts):
            return some([holds(part, facts) for part in parts])
        case Undecided():
            return z3.BoolVal(False)
        case Atom():
            return _atom(form, facts)


def _atom(atom: Atom, facts: Facts) -> Term:
    parts = [
        facts[name].value if coefficient == 1 else number(coefficient) * facts[name].value
        for name, coefficient in atom.terms
    ]
    total = parts[0] if len(parts) == 1 else z3.Sum(parts)
    holding = COMPARED[atom.operator](total, number(atom.constant))
    present = [facts[name].present for name, _ in atom.terms]
    unsure = [term for term in present if not z3.is_true(term)]
    return every([*unsure, holding])
