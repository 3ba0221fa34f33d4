"""The comparison that a finding shows, found again in its rule: which fact, which way, which bound.

A finding stores the values of both sides. The rule that it names, in the edition that decided, has
the comparison itself. Usually one comparison of a rule fits the stored values; `fitting` returns
all that fit, so that a sentence never names a fact that did not decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from itertools import chain, islice, product
from typing import Final, Literal

import msgspec

from repurchase.domain.decisions import Finding, Result, choices_of, listed
from repurchase.domain.errors import Wrong
from repurchase.domain.quantities import FLAG, NO_DAY, Dimension, value_written
from repurchase.language.expression import (
    All,
    Condition,
    Leaf,
    Member,
    Name,
    Node,
    Not,
    Operator,
    Some,
    Truth,
    Word,
    composed,
    facts_of,
)
from repurchase.language.linear import (
    FALSE,
    MIRRORED,
    NEGATED,
    TRUE,
    Constants,
    Form,
    Undecided,
    evaluated,
    expanded,
    form,
    holds,
    negated,
)
from repurchase.rulebook.model import Rule

Relation = Operator | Literal["in", "not in"]
# Of a part that the engine cannot be given, nor needs to be: a constant decides without it.
NO_FORM: Final = Undecided(())
_CONTRARY: Final[Mapping[Relation, Relation]] = {
    **dict(NEGATED.items()),
    "in": "not in",
    "not in": "in",
}


class Compared(msgspec.Struct, frozen=True):
    """A comparison: *observed*, the side that reads facts, its *operator*, and the other side.

    The other side has several *limits* if it is a list. That of a yes/no fact is what is wanted.
    """

    observed: Node
    operator: Relation
    limits: tuple[Node, ...]
    dimension: str

    def contrary(self) -> Compared:
        """Return the comparison that holds exactly if this one does not."""
        return msgspec.structs.replace(self, operator=_CONTRARY[self.operator])


# Comparisons that hold together.
Way = tuple[Compared, ...]
# No more ways are looked for, and no more are told one by one.
WAYS_MAX: Final = 16
TOLD_MAX: Final = 3


def compared(leaf: Leaf) -> Compared:
    """Return *leaf* with the side that reads facts first."""
    if isinstance(leaf, Truth):
        return Compared(Name(leaf.name, FLAG, is_fact=True), "==", (Word("true"),), "flag")
    dimension = str(leaf.dimension)
    if isinstance(leaf, Member):
        return Compared(leaf.left, "in", leaf.choices, dimension)
    if _reads(leaf.left) or not _reads(leaf.right):
        return Compared(leaf.left, leaf.operator, (leaf.right,), dimension)
    return Compared(leaf.right, MIRRORED[leaf.operator], (leaf.left,), dimension)


def form_of(tree: Condition, constants: Constants) -> Form:
    """Return the form of *tree*; `NO_FORM` if it has none, which a constant beside it allows."""
    try:
        return form(tree, constants)
    except Wrong:
        return NO_FORM


def is_open(own: Form) -> bool:
    """Return whether facts decide the condition of the form *own*, and not constants alone."""
    return own not in (TRUE, FALSE, NO_FORM)


def _reads(node: Node) -> bool:
    return next(facts_of(node), None) is not None


class Candidate(msgspec.Struct, frozen=True):
    """A comparison that can have decided a rule, and what may hold instead of it: *others*.

    *limit* is its bound as a finding stores it, `None` if it *is_of_facts* or is unknown.
    """

    shown: Compared
    others: tuple[Way, ...]
    limit: str | None
    is_of_facts: bool


def candidates(rule: Rule, result: Result, constants: Constants) -> tuple[Candidate, ...]:
    """Return the comparisons of *rule* that can decide its *result*; none if it is undecided."""
    tree, state = rule.require.root, result == "pass"
    if result == "not_applicable" and rule.when is not None:
        tree = rule.when.root
    if result == "indeterminate":
        return ()
    return tuple(
        Candidate(one, others, constant_limit(one, constants), is_of_facts(one))
        for one, others in _deciding(tree, constants, state=state, is_wanted=True)
    )


def fitting(finding: Finding, every: Iterable[Candidate]) -> list[Candidate]:
    """Return those of *every* that *finding* can show, each as the rule wants it.

    They are those whose constant bound, dimension and truth are those of *finding*.
    """
    state = finding.result == "pass"
    return [
        one
        for one in every
        if one.shown.dimension == finding.dimension
        and _has_limit(one, finding)
        and is_true(finding, one.shown.operator) in (None, state)
    ]


def alternatives(found: Sequence[Candidate]) -> tuple[tuple[Way, ...], bool]:
    """Return the first ways that may hold instead of what is *found*, and if there are more.

    They are the other branches of each failed `or`; there is none of a pass. If an event passes,
    one of the comparisons found or all of a way hold.
    """
    own = {one.shown for one in found}
    ways = dict.fromkeys(way for one in found for way in one.others)
    left = tuple(way for way in ways if own.isdisjoint(way))
    is_cut = any(len(one.others) >= WAYS_MAX for one in found)
    return left[:TOLD_MAX], is_cut or len(left) > TOLD_MAX


def together(rule: Rule) -> tuple[Compared, ...]:
    """Return the comparisons that *rule* requires together, in order; none if it has an `or`."""
    return tuple(_together(rule.require.root)) if _is_plain(rule.require.root) else ()


def _is_plain(tree: Condition) -> bool:
    if isinstance(tree, Not):
        return not isinstance(tree.of, Not | All | Some)
    return not isinstance(tree, Some) and (
        not isinstance(tree, All) or all(_is_plain(part) for part in tree.parts)
    )


def _together(tree: Condition) -> Iterator[Compared]:
    if isinstance(tree, All):
        for part in tree.parts:
            yield from _together(part)
    elif isinstance(tree, Not):
        assert not isinstance(tree.of, Not | All | Some), "`_is_plain` looks into it"
        yield _wanted(tree.of, is_wanted=False)
    elif not isinstance(tree, Some):
        yield _wanted(tree, is_wanted=True)


def _deciding(
    tree: Condition,
    constants: Constants,
    *,
    state: bool,
    is_wanted: bool,
    others: tuple[Way, ...] = (),
) -> Iterator[tuple[Compared, tuple[Way, ...]]]:
    """Yield the comparisons that can have decided that *tree* holds, or that it does not.

    Each has what may hold instead of it: *others*, and what *tree* adds to them.
    """
    if isinstance(tree, Not):
        state, is_wanted = not state, not is_wanted
        yield from _deciding(tree.of, constants, state=state, is_wanted=is_wanted, others=others)
    elif isinstance(tree, All | Some):
        parts = tree.parts
        if state == isinstance(tree, All):
            # All parts are alike: the first that facts decide is shown.
            by_facts = tuple(part for part in parts if is_open(form_of(part, constants)))
            parts = by_facts[:1] or parts[:1]
            if state != is_wanted:
                for part in by_facts[1:]:
                    others += tuple(_ways(part, constants, is_wanted=is_wanted))
        for part in parts:
            yield from _deciding(part, constants, state=state, is_wanted=is_wanted, others=others)
    else:
        yield _wanted(tree, is_wanted=is_wanted), others


def _ways(tree: Condition, constants: Constants, *, is_wanted: bool) -> Iterator[Way]:
    """Yield the first `WAYS_MAX` ways in which *tree* can hold, or fail to, with *constants*."""
    if isinstance(tree, Not):
        yield from _ways(tree.of, constants, is_wanted=not is_wanted)
    elif isinstance(tree, All | Some):
        each = [tuple(_ways(part, constants, is_wanted=is_wanted)) for part in tree.parts]
        if isinstance(tree, All) == is_wanted:
            joined = (tuple(dict.fromkeys(chain(*ways))) for ways in product(*each))
            yield from islice(joined, WAYS_MAX)
        else:
            yield from islice(chain(*each), WAYS_MAX)
    else:
        own = form_of(tree, constants)
        own = own if is_wanted else negated(own)
        if own == TRUE:
            yield ()
        elif own != FALSE and not isinstance(own, Undecided):
            yield (_wanted(tree, is_wanted=is_wanted),)


def _wanted(leaf: Leaf, *, is_wanted: bool) -> Compared:
    one = compared(leaf)
    if is_wanted:
        return one
    if isinstance(leaf, Truth):
        # A finding stores which of the two is wanted as the limit.
        return msgspec.structs.replace(one, limits=(Word("false"),))
    return one.contrary()


def is_of_facts(one: Compared) -> bool:
    """Return whether the limit of *one* is computed from facts."""
    return any(map(_reads, one.limits))


def _has_limit(one: Candidate, finding: Finding) -> bool:
    """Return whether the bound of *one* is that of *finding*; a bound that reads facts may be."""
    limit = finding.limit
    if limit == one.limit and len(one.shown.limits) == 1:
        return True
    if len(choices_of(limit or "")) > max(1, len(one.shown.limits)):
        # Some of its choices may be unknown, but there are no others.
        return False
    # A constant that is not in force may leave an extreme that one part decided.
    return one.is_of_facts or one.limit in (None, limit)


def constant_limit(one: Compared, constants: Constants) -> str | None:
    """Return the limit of *one* as a finding stores it, `None` if it reads facts or is unknown."""
    texts = [_constant(node, one.dimension, constants) for node in one.limits]
    known = [text for text in texts if text is not None]
    return listed(known) if known else None


def _constant(node: Node, dimension: str, constants: Constants) -> str | None:
    if isinstance(node, Word):
        return node.text
    try:
        value = evaluated(expanded(node, constants), {})
    except Wrong:
        return None
    kind = Dimension("date" if dimension == "date" else "time" if dimension == "time" else "number")
    return None if value is None else value_written(value, kind)


def is_true(finding: Finding, operator: Relation) -> bool | None:
    """Return whether the stored sides stand in the relation *operator*; `None` if one is unknown.

    The arithmetic is exact.
    """
    observed, limit = finding.observed, finding.limit
    if observed is None or limit is None:
        return None
    if operator == "in" or operator == "not in" or operator == "==" or operator == "!=":
        # One word has two spellings in Unicode, and the engine was given one code for both.
        is_one = composed(observed) in map(composed, choices_of(limit))
        return is_one == (operator in ("in", "=="))
    return holds(number(observed, finding.dimension) - number(limit, finding.dimension), operator)


def number(text: str, dimension: str | None) -> Fraction:
    """Return the number that *text* of a finding writes: a date as its day, a time in seconds."""
    if dimension == "date" and text == "none":
        return Fraction(NO_DAY)
    if dimension == "date" and text.count("-") == 2 and not text.startswith("-"):
        return Fraction(date.fromisoformat(text).toordinal())
    if dimension == "time" and ":" in text:
        hours, minutes, seconds = text.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    return Fraction(text)
