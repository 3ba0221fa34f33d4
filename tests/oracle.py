"""A second meaning of rules, for tests: plain Fractions, intervals and Kleene's tables.

It shares nothing with the engine but the nodes of a parsed tree. Every quantity is an interval,
and one that is missing can be anything: a comparison is decided only where it comes out the same
for all of the interval.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Final, NamedTuple

from repurchase.language.expression import (
    All,
    Comparison,
    Condition,
    Constant,
    Extreme,
    Leaf,
    Member,
    Name,
    Node,
    Not,
    Product,
    Quotient,
    Shift,
    Some,
    Sum,
    Truth,
    Word,
)

Value = Fraction | int | str | bool
Facts = Mapping[str, Value | None]
Terms = Mapping[str, Fraction | None]


class Interval(NamedTuple):
    """All that a quantity can be; an end that is `None` is unbounded."""

    low: Fraction | None
    high: Fraction | None

    @property
    def point(self) -> Fraction | None:
        """Return the one value that it can have, `None` where it can have others."""
        return self.low if self.low == self.high else None


ANYTHING: Final = Interval(None, None)


# --- one condition -----------------------------------------------------------------------------


def truth(tree: Condition, facts: Facts, terms: Terms) -> bool | None:
    """Return whether *tree* holds, `None` where that depends on what is missing."""
    if isinstance(tree, Not):
        return contrary(truth(tree.of, facts, terms))
    if isinstance(tree, All):
        return both([truth(part, facts, terms) for part in tree.parts])
    if isinstance(tree, Some):
        return either([truth(part, facts, terms) for part in tree.parts])
    if isinstance(tree, Truth):
        flag = facts[tree.name]
        assert flag is None or isinstance(flag, bool)
        return flag
    if isinstance(tree, Member):
        return either([_same(tree.left, choice, facts, terms) for choice in tree.choices])
    return _compared(tree, facts, terms)


def contrary(one: bool | None) -> bool | None:
    """Return Kleene's `not`."""
    return None if one is None else not one


def both(parts: Sequence[bool | None]) -> bool | None:
    """Return Kleene's `and`: false where one part is, whatever the others are."""
    if False in parts:
        return False
    return None if None in parts else True


def either(parts: Sequence[bool | None]) -> bool | None:
    """Return Kleene's `or`: true where one part is, whatever the others are."""
    if True in parts:
        return True
    return None if None in parts else False


def difference(leaf: Comparison, facts: Facts, terms: Terms) -> Interval:
    """Return what the left side of *leaf* less its right side can be."""
    left, right = quantity(leaf.left, facts, terms), quantity(leaf.right, facts, terms)
    return _plus(left, _times(right, Fraction(-1)))


def quantity(node: Node, facts: Facts, terms: Terms) -> Interval:
    """Return all that *node* can be, given what is known."""
    if isinstance(node, Constant):
        return _only(Fraction(node.value))
    if isinstance(node, Name):
        return _known(facts[node.name] if node.is_fact else terms[node.name])
    if isinstance(node, Sum):
        total = _only(Fraction(0))
        for sign, part in node.parts:
            total = _plus(total, _times(quantity(part, facts, terms), Fraction(sign)))
        return total
    if isinstance(node, Extreme):
        return _extreme(node.which, [quantity(part, facts, terms) for part in node.parts])
    if isinstance(node, Shift):
        day = quantity(node.of, facts, terms).point
        return ANYTHING if day is None else _only(Fraction(_by_calendar(day, node.months)))
    assert isinstance(node, Product | Quotient), f"{node} is no quantity"
    return _scaled(node, facts, terms)


def _by_calendar(day: Fraction, months: int) -> int:
    """Return the date *months* after *day*, month by month; a month too short has its last day."""
    begin = date.fromordinal(int(day))
    first = begin.replace(day=1)
    for _ in range(abs(months)):
        beside = first + timedelta(31) if months > 0 else first - timedelta(1)
        first = beside.replace(day=1)
    after = (first + timedelta(31)).replace(day=1)
    return min(first + timedelta(begin.day - 1), after - timedelta(1)).toordinal()


def _scaled(node: Product | Quotient, facts: Facts, terms: Terms) -> Interval:
    left, right = quantity(node.left, facts, terms), quantity(node.right, facts, terms)
    if isinstance(node, Quotient):
        return ANYTHING if right.point is None else _times(left, 1 / right.point)
    # What scales is a side without facts that is known; nothing is told of what others scale.
    for scaled, factor, side in ((left, right, node.right), (right, left, node.left)):
        if factor.point is not None and not any(facts_in(side)):
            return _times(scaled, factor.point)
    return ANYTHING


def _compared(leaf: Comparison, facts: Facts, terms: Terms) -> bool | None:
    if leaf.operator == "==":
        return _same(leaf.left, leaf.right, facts, terms)
    if leaf.operator == "!=":
        return contrary(_same(leaf.left, leaf.right, facts, terms))
    low, high = difference(leaf, facts, terms)
    if leaf.operator == "<=":
        return _settled(high is not None and high <= 0, low is not None and low > 0)
    if leaf.operator == "<":
        return _settled(high is not None and high < 0, low is not None and low >= 0)
    if leaf.operator == ">=":
        return _settled(low is not None and low >= 0, high is not None and high < 0)
    assert leaf.operator == ">"
    return _settled(low is not None and low > 0, high is not None and high <= 0)


def _same(left: Node, right: Node, facts: Facts, terms: Terms) -> bool | None:
    if isinstance(left, Word):
        left, right = right, left
    if isinstance(right, Word):
        assert isinstance(left, Name)
        word = facts[left.name]
        assert word is None or isinstance(word, str)
        return None if word is None else _spelled(word) == _spelled(right.text)
    one, other = quantity(left, facts, terms), quantity(right, facts, terms)
    low, high = _plus(one, _times(other, Fraction(-1)))
    outside = (low is not None and low > 0) or (high is not None and high < 0)
    return _settled(low == high == 0, outside)


def _settled(holds: bool, fails: bool) -> bool | None:
    if holds:
        return True
    return False if fails else None


def _spelled(word: str) -> str:
    return unicodedata.normalize("NFC", word)


def _only(value: Fraction) -> Interval:
    return Interval(value, value)


def _known(value: Value | None) -> Interval:
    if value is None:
        return ANYTHING
    assert not isinstance(value, str | bool), f"{value!r} is no quantity"
    return _only(Fraction(value))


def _plus(one: Interval, other: Interval) -> Interval:
    return Interval(
        None if one.low is None or other.low is None else one.low + other.low,
        None if one.high is None or other.high is None else one.high + other.high,
    )


def _times(one: Interval, factor: Fraction) -> Interval:
    # Zero times anything stays anything: a missing fact is never argued away.
    low, high = (None if end is None else end * factor for end in one)
    return Interval(high, low) if factor < 0 else Interval(low, high)


def _extreme(which: str, parts: Sequence[Interval]) -> Interval:
    lows = [part.low for part in parts if part.low is not None]
    highs = [part.high for part in parts if part.high is not None]
    if which == "min":
        return Interval(min(lows) if len(lows) == len(parts) else None, min(highs, default=None))
    return Interval(max(lows, default=None), max(highs) if len(highs) == len(parts) else None)


# --- a walk over the tree ----------------------------------------------------------------------


def leaves_in(tree: Condition) -> Iterator[Leaf]:
    """Yield the comparisons of *tree*."""
    if isinstance(tree, Not):
        yield from leaves_in(tree.of)
    elif isinstance(tree, All | Some):
        for part in tree.parts:
            yield from leaves_in(part)
    else:
        yield tree


def nodes_in(node: Node) -> Iterator[Node]:
    """Yield *node* and all of which it is made."""
    yield node
    if isinstance(node, Sum):
        parts: tuple[Node, ...] = tuple(part for _, part in node.parts)
    elif isinstance(node, Extreme):
        parts = node.parts
    else:
        parts = (node.left, node.right) if isinstance(node, Product | Quotient) else ()
        parts = (node.of,) if isinstance(node, Shift) else parts
    for part in parts:
        yield from nodes_in(part)


def sides_in(tree: Condition) -> Iterator[Node]:
    """Yield every quantity and word that *tree* compares."""
    for leaf in leaves_in(tree):
        if isinstance(leaf, Comparison):
            yield from (leaf.left, leaf.right)
        elif isinstance(leaf, Member):
            yield from (leaf.left, *leaf.choices)


def facts_in(node: Node) -> Iterator[str]:
    """Yield the facts that *node* reads."""
    yield from (one.name for one in nodes_in(node) if isinstance(one, Name) and one.is_fact)


def facts_read(tree: Condition) -> set[str]:
    """Return the facts that *tree* reads."""
    flags = {leaf.name for leaf in leaves_in(tree) if isinstance(leaf, Truth)}
    return flags | {name for side in sides_in(tree) for name in facts_in(side)}


def terms_read(tree: Condition) -> set[str]:
    """Return the terms that *tree* reads."""
    nodes = (node for side in sides_in(tree) for node in nodes_in(side))
    return {node.name for node in nodes if isinstance(node, Name) and not node.is_fact}


# --- rules and their verdict -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Clause:
    """A rule that is in force, as parsed."""

    id: str
    require: Condition
    when: Condition | None
    effect: str
    at: str


@dataclass(frozen=True, slots=True)
class Found:
    """What one rule came to, and the facts and terms that an undecided one lacks."""

    rule: str
    effect: str
    result: str
    missing: tuple[str, ...] = ()


def found(clause: Clause, facts: Facts, terms: Terms) -> Found:
    """Return what *clause* comes to: it means `(not when) or require`."""
    applies = True if clause.when is None else truth(clause.when, facts, terms)
    if applies is False:
        return Found(clause.id, clause.effect, "not_applicable")
    holds = either([contrary(applies), truth(clause.require, facts, terms)])
    if holds is None:
        return Found(clause.id, clause.effect, "indeterminate", _missing(clause, facts, terms))
    return Found(clause.id, clause.effect, "pass" if holds else "fail")


def outcome(answers: Iterable[Found]) -> str:
    """Return what follows: silence stops an event as a failure does, unless the rule is a flag."""
    stopping = {one.effect for one in answers if one.result in ("fail", "indeterminate")}
    if "deny" in stopping:
        return "denied"
    return "held" if "review" in stopping else "approved"


def _missing(clause: Clause, facts: Facts, terms: Terms) -> tuple[str, ...]:
    trees = [tree for tree in (clause.require, clause.when) if tree is not None]
    lacking_facts = {name for tree in trees for name in facts_read(tree) if facts[name] is None}
    lacking_terms = {name for tree in trees for name in terms_read(tree) if terms[name] is None}
    return (*sorted(lacking_facts), *sorted(lacking_terms))


# --- what is in force --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Days:
    """The days on which something holds, and the day on which it became known."""

    first: date | None = None
    last: date | None = None
    known: date | None = None

    def hold(self, day: date, known_at: date) -> bool:
        """Return whether *day* is one of them, as known at *known_at*."""
        if self.known is not None and known_at < self.known:
            return False
        return (self.first or date.min) <= day <= (self.last or date.max)


ALWAYS: Final = Days()


@dataclass(frozen=True, slots=True)
class Dated:
    """A figure with the text that writes it and the days on which it holds."""

    text: str
    value: Fraction
    days: Days = ALWAYS


def in_force(versions: Sequence[Dated], day: date, known_at: date) -> Fraction | None:
    """Return the figure that holds on *day*: of several the one that became known last."""
    best: Dated | None = None
    for version in versions:
        if not version.days.hold(day, known_at):
            continue
        if best is None or (version.days.known or date.min) > (best.days.known or date.min):
            best = version
    return None if best is None else best.value
