"""The comparison that decided a rule and its two sides, as a finding shows them: for people alone.

The linear forms are made once for each rule, so that a finding costs little more than its figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from repurchase.domain.decisions import Result, listed
from repurchase.domain.quantities import Dimension, Exact, value_written
from repurchase.facts.fact import Value
from repurchase.language.expression import (
    All,
    Comparison,
    Condition,
    Member,
    Name,
    Node,
    Not,
    Some,
    Truth,
    Word,
    facts_of,
)
from repurchase.language.linear import (
    AllOf,
    AnyOf,
    Constants,
    Form,
    Linear,
    Undecided,
    evaluated,
    expanded,
    form,
    holds,
)
from repurchase.rulebook.editions import RuleInForce

Values = Mapping[str, Value | None]
Numbers = Mapping[str, Exact | None]
Side = Callable[[Values, Numbers], str | None]


class _Part(msgspec.Struct, frozen=True):
    """A condition as an edition has it: a comparison with its sides, or the parts of a group."""

    form: Form
    parts: tuple[_Part, ...] = ()
    is_negation: bool = False
    observed: Side = lambda _, __: None
    limits: tuple[Side, ...] = ()
    dimension: str = "flag"


class Sides:
    """A rule in force with the forms of its comparisons, which show what decided it."""

    def __init__(self, rule: RuleInForce, constants: Constants) -> None:
        when = rule.rule.when
        self._when = None if when is None else _part(when.root, constants)
        self._require = _part(rule.rule.require.root, constants)

    def shown(
        self, result: Result, values: Values, numbers: Numbers
    ) -> tuple[str | None, str | None, str]:
        """Return both sides of the first comparison that brought *result* about, as written.

        The one that reads facts comes first, then the limit, then their dimension.
        """
        part, is_wanted = self._deciding(result, numbers)
        observed = part.observed(values, numbers)
        if part.dimension == "flag":
            return observed, "true" if is_wanted else "false", "flag"
        # What is not known is no limit: a list tells the choices that are.
        limits = [text for side in part.limits if (text := side(values, numbers)) is not None]
        return observed, listed(limits) if limits else None, part.dimension

    def _deciding(self, result: Result, numbers: Numbers) -> tuple[_Part, bool]:
        """Return the comparison that decided, and whether the rule wants it to hold."""
        when, state = self._when, {"pass": True, "fail": False}.get(result)
        part, is_wanted = self._require, True
        if when is not None and result == "not_applicable":
            part, state = when, False
        elif when is not None and state is None and _state(when.form, numbers) is None:
            part = when
        while part.parts:
            if part.is_negation:
                state, is_wanted = None if state is None else not state, not is_wanted
            alike = (one for one in part.parts if _state(one.form, numbers) is state)
            part = next(alike, part.parts[0])
        return part, is_wanted


def _part(tree: Condition, constants: Constants) -> _Part:
    own = form(tree, constants)
    if isinstance(tree, Not):
        return _Part(own, (_part(tree.of, constants),), is_negation=True)
    if isinstance(tree, All | Some):
        return _Part(own, tuple(_part(part, constants) for part in tree.parts))
    if isinstance(tree, Truth):
        return _Part(own, observed=_word(tree.name))
    one, *others = (tree.left, *(tree.choices if isinstance(tree, Member) else (tree.right,)))
    if isinstance(tree, Comparison) and next(facts_of(one), None) is None:
        one, others = tree.right, [tree.left]
    observed, *limits = (_side(node, tree.dimension, constants) for node in (one, *others))
    return _Part(own, (), False, observed, tuple(limits), str(tree.dimension))


def _word(name: str) -> Side:
    """Return how the fact *name*, a word or a flag, is shown."""

    def side(values: Values, _: Numbers) -> str | None:
        value = values[name]
        return value if value is None or isinstance(value, str) else str(value).lower()

    return side


def _side(node: Node, dimension: Dimension, constants: Constants) -> Side:
    if isinstance(node, Word):
        return lambda _, __: node.text
    if isinstance(node, Name) and node.is_fact and node.dimension.kind == "word":
        return _word(node.name)
    amount = expanded(node, constants)
    if isinstance(amount, Linear) and not amount.coefficients:
        text = None if amount.missing else value_written(amount.constant, dimension)
        return lambda _, __: text

    def side(_: Values, numbers: Numbers) -> str | None:
        number = evaluated(amount, numbers)
        return None if number is None else value_written(number, dimension)

    return side


def _state(form: Form, numbers: Numbers) -> bool | None:
    """Return whether *form* holds with *numbers*, `None` where it is undecided."""
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
