"""What a condition implies: the largest or the smallest value that a fact can have if it is true.

Each member of an `and` bounds alone, and an `or` bounds as far as its widest member does. A bound
that only several conditions give together is not found; what is found is always implied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Final

import msgspec

from repurchase.facts.domains import Numbers
from repurchase.facts.table import TABLE
from repurchase.language.linear import AllOf, AnyOf, Atom, Form, Undecided

# The fold keeps these within their domains, not a reader: no bound rests on that.
_KEPT: Final = ("program.", "day.")
# For a fact, the facts whose sum is never below it: together, they bound it as it would itself.
Parts = Mapping[str, tuple[str, ...]]


class Reach(msgspec.Struct, frozen=True, order=True):
    """How far a value can go: *rank* -1 is nowhere, 0 as far as *value*, 1 without end."""

    rank: int
    value: Fraction = Fraction(0)


NOWHERE: Final = Reach(-1)
ENDLESS: Final = Reach(1)


def most(form: Form, name: str, parts: Parts) -> Reach:
    """Return the largest value that the fact *name* can have if *form* is true."""
    return _reach(form, lambda facts: _counted(facts, name, parts))


def least(form: Form, name: str) -> Reach:
    """Return the smallest value that the fact *name* can have if *form* is true, negated."""
    return _reach(form, lambda facts: _counted(_turned(facts), name, {}))


def is_moving(form: Form, name: str, parts: Parts) -> bool:
    """Return whether *form* holds the fact *name* to a figure that other facts move."""
    if isinstance(form, AllOf):
        return any(is_moving(part, name, parts) for part in form.parts)
    sums = (facts for facts, _ in _ends(form)) if isinstance(form, Atom) else ()
    return any(
        min(facts.values(), default=0) < 0
        and _counted({fact: by for fact, by in facts.items() if by > 0}, name, parts) > 0
        for facts in sums
    )


def _reach(form: Form, counted: Callable[[Mapping[str, int]], int]) -> Reach:
    """Return how far *form* lets a value go, of which *counted* says how often a sum has it."""
    if isinstance(form, AllOf):
        return min((_reach(part, counted) for part in form.parts), default=ENDLESS)
    if isinstance(form, AnyOf):
        return max((_reach(part, counted) for part in form.parts), default=NOWHERE)
    if isinstance(form, Undecided):
        # Neither an undecided comparison nor its negation is ever true.
        return NOWHERE
    if any(_is_beyond(facts, end, form.operator) for facts, end in _ends(form)):
        return NOWHERE
    found = [Reach(0, end / times) for facts, end in _ends(form) if (times := counted(facts))]
    return min(found, default=ENDLESS)


def _ends(atom: Atom) -> Iterator[tuple[dict[str, int], Fraction]]:
    """Yield each sum of facts, by their coefficients, that *atom* ends, and where it does."""
    terms = {name: by for name, by in atom.terms if by}
    if atom.operator in ("<=", "<", "=="):
        yield terms, Fraction(atom.constant)
    if atom.operator in (">=", ">", "=="):
        yield _turned(terms), Fraction(-atom.constant)


def _is_beyond(facts: Mapping[str, int], end: Fraction, operator: str) -> bool:
    """Return whether no readable event has so small a sum of *facts* as to meet its *end*."""
    lowest = Fraction(0)
    is_open = operator in ("<", ">")
    for name, by in facts.items():
        domain = TABLE[name].domain
        if name.startswith(_KEPT) or not isinstance(domain, Numbers):
            return False
        least, beyond = (domain.least, domain.above) if by > 0 else (domain.most, domain.below)
        bound = beyond if least is None else least
        if bound is None:
            return False
        is_open = is_open or least is None
        lowest += by * Fraction(bound)
    return lowest > end or (lowest == end and is_open)


def _turned(facts: Mapping[str, int]) -> dict[str, int]:
    return {name: -by for name, by in facts.items()}


def _counted(facts: Mapping[str, int], name: str, parts: Parts) -> int:
    """Return how many times the sum *facts* is at least the fact *name*; 0 if that is not sure."""
    rest = {**facts}
    for whole, its in parts.items():
        times = min(rest.get(part, 0) for part in its)
        if times > 0:
            rest |= {part: rest[part] - times for part in its}
            rest[whole] = rest.get(whole, 0) + times
    times = rest.pop(name, 0)
    return times if times > 0 and not any(rest.values()) else 0
