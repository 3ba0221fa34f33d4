"""The comparison that decided a rule, and the values of its two sides: what a finding shows people.

The linear forms are made once for each rule, so that a finding costs little more than its values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from repurchase.domain.decisions import Result, listed
from repurchase.domain.quantities import Dimension, Exact, value_written
from repurchase.evaluation.comparisons import NO_FORM, Compared, compared, form_of, is_open
from repurchase.facts.fact import Value
from repurchase.language.expression import All, Condition, Name, Node, Not, Some, Truth, Word
from repurchase.language.linear import (
    AllOf,
    AnyOf,
    Constants,
    Form,
    Highest,
    Lattice,
    Linear,
    Lowest,
    Undecided,
    evaluated,
    expanded,
    holds,
)
from repurchase.rulebook.editions import RuleInForce

Values = Mapping[str, Value | None]
Numbers = Mapping[str, Exact | None]
# The extremes that one known part decides: an upper bound is known by any part of a `max`.
Enough = type[Lowest] | type[Highest] | None
Side = Callable[[Values, Numbers, Enough], str | None]


class _Part(msgspec.Struct, frozen=True):
    """A condition of an edition: a comparison with its sides, or the parts of a group."""

    form: Form
    reads: bool
    parts: tuple[_Part, ...] = ()
    is_negation: bool = False
    compared: Compared | None = None
    observed: Side = lambda *_: None
    limits: tuple[Side, ...] = ()


class Sides:
    """A rule in force with the forms of its comparisons, which show what decided it."""

    def __init__(self, rule: RuleInForce, constants: Constants) -> None:
        when = rule.rule.when
        self._when = None if when is None else _part(when.root, constants)
        self._require = _part(rule.rule.require.root, constants)

    def shown(
        self, result: Result, values: Values, numbers: Numbers
    ) -> tuple[str | None, str | None, str]:
        """Return the observed value, the limit and their dimension, as decisions write them.

        They are the two sides of the first comparison that brought *result* about. A side is
        `None` if it is unknown.
        """
        part, state, is_wanted = self._deciding(result, numbers)
        assert part.compared is not None, "a group decides by one of its comparisons"
        dimension = part.compared.dimension
        if dimension == "flag":
            return part.observed(values, numbers, None), "true" if is_wanted else "false", "flag"
        below, above = _enough(part.compared, state)
        # What is not known is not a limit: a list shows the choices that are known.
        limits = [
            text for side in part.limits if (text := side(values, numbers, above)) is not None
        ]
        return part.observed(values, numbers, below), listed(limits) if limits else None, dimension

    def _deciding(self, result: Result, numbers: Numbers) -> tuple[_Part, bool | None, bool]:
        """Return the comparison that decided, whether it holds, and whether the rule wants that.

        A part that facts decide comes before one that constants alone decide.
        """
        when, state = self._when, {"pass": True, "fail": False}.get(result)
        part, is_wanted = self._require, True
        if when is not None and result == "not_applicable":
            part, state = when, False
        elif when is not None and state is None and _state(when.form, numbers) is None:
            part = when
        while part.parts:
            if part.is_negation:
                state, is_wanted = None if state is None else not state, not is_wanted
            alike = [one for one in part.parts if _state(one.form, numbers) is state]
            part = next((one for one in alike if one.reads), (alike or part.parts)[0])
        return part, state, is_wanted


def _enough(shown: Compared, state: bool | None) -> tuple[Enough, Enough]:
    """Return which extremes one part decides, on the observed side and on the other."""
    relation = None if state is None else (shown if state else shown.contrary()).operator
    if relation in ("<=", "<"):
        return Lowest, Highest
    return (Highest, Lowest) if relation in (">=", ">") else (None, None)


def _part(tree: Condition, constants: Constants) -> _Part:
    own = form_of(tree, constants)
    reads = is_open(own)
    if isinstance(tree, Not):
        return _Part(own, reads, (_part(tree.of, constants),), is_negation=True)
    if isinstance(tree, All | Some):
        return _Part(own, reads, tuple(_part(part, constants) for part in tree.parts))
    shown = compared(tree)
    if own == NO_FORM:
        return _Part(own, reads, compared=shown)
    if isinstance(tree, Truth):
        return _Part(own, reads, compared=shown, observed=_word(tree.name))
    observed, *limits = (
        _side(node, tree.dimension, constants) for node in (shown.observed, *shown.limits)
    )
    return _Part(own, reads, compared=shown, observed=observed, limits=tuple(limits))


def _word(name: str) -> Side:
    """Return how the fact *name*, a word or a yes/no fact, is shown."""

    def side(values: Values, *_: object) -> str | None:
        value = values[name]
        return value if value is None or isinstance(value, str) else str(value).lower()

    return side


def _side(node: Node, dimension: Dimension, constants: Constants) -> Side:
    if isinstance(node, Word):
        return lambda *_: node.text
    if isinstance(node, Name) and node.is_fact and node.dimension.kind == "word":
        return _word(node.name)
    amount = expanded(node, constants)
    if isinstance(amount, Linear) and not amount.coefficients:
        text = None if amount.missing else value_written(amount.constant, dimension)
        return lambda *_: text

    def side(_: Values, numbers: Numbers, enough: Enough) -> str | None:
        number = _known(amount, numbers, enough)
        return None if number is None else value_written(number, dimension)

    return side


def _known(lattice: Lattice, numbers: Numbers, enough: Enough) -> Exact | None:
    """Return what *lattice* comes to, of the extremes in *enough* by their known parts alone."""
    if isinstance(lattice, Linear):
        return evaluated(lattice, numbers)
    values = [_known(part, numbers, enough) for part in lattice.parts]
    known = [value for value in values if value is not None]
    if not known or (len(known) < len(values) and type(lattice) is not enough):
        return None
    return min(known) if isinstance(lattice, Lowest) else max(known)


def _state(form: Form, numbers: Numbers) -> bool | None:
    """Return whether *form* holds with *numbers*, `None` if it is undecided."""
    if isinstance(form, AllOf | AnyOf):
        states = [_state(part, numbers) for part in form.parts]
        settled = isinstance(form, AnyOf)
        if settled in states:
            return settled
        return None if None in states else not settled
    if isinstance(form, Undecided):
        return None
    total: Exact = -form.constant
    for name, coefficient in form.terms:
        number = numbers[name]
        if number is None:
            return None
        total += coefficient * number
    return holds(total, form.operator)
