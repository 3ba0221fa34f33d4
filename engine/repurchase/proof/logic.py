"""Conditions as z3 reads them: the same and/or over sums of facts that the engine is given.

Each fact is a pair: whether a source gave it, and its value. A comparison holds only where every
fact that it was written with is there, so what cannot be decided neither passes nor fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Final, NamedTuple

from repurchase.domain.quantities import Exact
from repurchase.language.linear import AllOf, AnyOf, Atom, Form, Undecided
from repurchase.proof.solver import Term, z3


class Fact(NamedTuple):
    """A fact in z3: whether it is *present*, and its *value*, a number."""

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


@lru_cache(maxsize=4096)
def number(value: Exact) -> Term:
    """Return *value* as z3 has it, exactly."""
    # Written out it is made in a tenth of the time that a quotient takes.
    return z3.RealVal(f"{value.numerator}/{value.denominator}")


def chosen(index: Term, values: Sequence[Term]) -> Term:
    """Return that of *values* which *index* counts, from 0."""
    found = values[-1]
    for at, value in enumerate(values[:-1]):
        found = z3.If(index == at, value, found)
    return found


def holds(form: Form, facts: Facts) -> Term:
    """Return where *form* is known to hold."""
    match form:
        case AllOf(parts):
            return z3.And([holds(part, facts) for part in parts])
        case AnyOf(parts):
            return z3.Or([holds(part, facts) for part in parts])
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
    return z3.And([*unsure, holding]) if unsure else holding
