"""Conditions to a durable-rules rule set, and exact quantities to the rules that fire.

The only module that touches durable-rules. Its C core is called directly: no host, no threads,
no actions. What it is given is shaped by what it was measured to do (each line has a test):

* A rule compares properties with integer constants under nested and/or, nothing else. Facts are
  asserted one at a time and retracted, so that every rule that matches fires.
* Only integers reach it. An exact x is sent rounded the way its comparison needs: for an integer
  c, `x <= c` is `ceil(x) <= c` and `x >= c` is `floor(x) >= c`, so no verdict is lost. Sums past
  2**61 are sent as 2**61: every constant is smaller, so each comparison stands.
* A missing quantity is left out of the fact, and what compares it does not fire.
* It holds 64 alternatives at once, 31 marks of and/or groups a rule, and 255 properties a fact;
  rules are spread over as many rule sets as that takes.
* It tells properties apart by a 32-bit hash of their names: the names used here have none equal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final, Literal

import durable_rules_engine as engine
import msgspec

from repurchase.condition import (
    CONSTANT_MAX,
    FALSE,
    AllOf,
    AnyOf,
    Atom,
    ConditionError,
    Form,
    Undecided,
    all_of,
    any_of,
)
from repurchase.errors import EngineFault
from repurchase.expression import Operator
from repurchase.quantities import Exact

GROUPS_MAX: Final = 14
WEIGHT_MAX: Final = 56
RULES_MAX: Final = 50
PROPERTIES_MAX: Final = 200

_NOT_HANDLED: Final = 1
_ALWAYS: Final = "one"

Rounding = Literal["up", "down"]
Rule = tuple[str, Form]


class Property(msgspec.Struct, frozen=True):
    """An integer that a rule set compares: a sum of facts, rounded up or down."""

    terms: tuple[tuple[str, int], ...]
    rounding: Rounding


class _Plan:
    """One rule set in the making: its definition and the properties that it compares."""

    def __init__(self) -> None:
        self.definition: dict[str, Any] = {}
        self.properties: dict[Property, str] = {}
        self.weight = 0

    def fits(self, addition: _Plan) -> bool:
        """Return whether *addition* can stand in the same rule set."""
        return (
            self.weight + addition.weight <= WEIGHT_MAX
            and len(self.definition) + len(addition.definition) <= RULES_MAX
            and len(self.properties | addition.properties) <= PROPERTIES_MAX
        )

    def add(self, name: str, form: Form) -> None:
        """Add the rule *name*, which fires where *form* holds."""
        self.definition[name] = {"all": [{"m": self._test(form)}]}

    def _test(self, form: Form) -> dict[str, Any]:
        self.weight += 1
        if isinstance(form, Atom):
            return self._comparison(form)
        if isinstance(form, AllOf) and not form.parts:
            return {"$gte": {_ALWAYS: 0}}
        if isinstance(form, AllOf):
            return {"$and": [self._test(part) for part in form.parts]}
        if isinstance(form, AnyOf) and form.parts:
            return {"$or": [self._test(part) for part in form.parts]}
        raise ConditionError("nothing can make it hold")

    def _comparison(self, atom: Atom) -> dict[str, Any]:
        sign = _SIGNS[atom.operator]
        rounding: Rounding = "up" if atom.operator in ("<=", ">") else "down"
        return {sign: {self._property(Property(atom.terms, rounding)): atom.constant}}

    def _property(self, wanted: Property) -> str:
        return self.properties.setdefault(wanted, f"p{len(self.properties)}")


_SIGNS: Final = {"<=": "$lte", "<": "$lt", ">=": "$gte", ">": "$gt", "==": "$eq", "!=": "$neq"}


class Network:
    """Rules loaded into durable-rules. It belongs to one thread and is never modified."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._sets = [_RuleSet(batch) for batch in _batches(rules)]

    def fired(self, facts: Mapping[str, Exact | None]) -> set[str]:
        """Return the names of the rules whose condition holds with *facts*.

        Raise EngineFault where durable-rules fails; the rule set is loaded anew for the next.
        """
        names: set[str] = set()
        for rule_set in self._sets:
            rule_set.fire(facts, names)
        return names


class _RuleSet:
    """One durable-rules rule set, its handle, and the properties that it is sent."""

    def __init__(self, plan: _Plan) -> None:
        self._definition = json.dumps(plan.definition)
        self._properties = [
            (f',"{name}":', wanted.terms, wanted.rounding == "up")
            for wanted, name in plan.properties.items()
        ]
        self._handle = self._load()

    def fire(self, facts: Mapping[str, Exact | None], names: set[str]) -> None:
        """Add to *names* the rules that hold with *facts*."""
        fact = self._fact(facts)
        try:
            result, state = engine.assert_fact(self._handle, fact)
            if result != _NOT_HANDLED:
                self._collect(state, names)
                engine.retract_fact(self._handle, fact)
        except Exception as error:
            # What the rule set still holds is not known: it is replaced whole.
            self._handle = self._load()
            raise EngineFault(f"durable-rules failed on a fact: {error}") from error

    def _collect(self, state: int, names: set[str]) -> None:
        # Each action tells of one rule; one that is not completed would stay pending.
        first = engine.start_action_for_state(self._handle, state)
        action = first[1] if first else None
        while action:
            # An action reads {"rule name":{"m":{...}}}; the names here hold no quote.
            names.add(action[2 : action.index('"', 2)])
            action = engine.complete_and_start_action(self._handle, state)

    def _load(self) -> int:
        try:
            handle: int = engine.create_ruleset("rules", self._definition)
        except Exception as error:
            raise EngineFault(f"durable-rules did not take the rules: {error}") from error
        return handle

    def _fact(self, facts: Mapping[str, Exact | None]) -> str:
        parts = ['{"id":1,"sid":"0","one":1']
        for prefix, terms, up in self._properties:
            total: Exact = 0
            for name, coefficient in terms:
                value = facts[name]
                if value is None:
                    break
                total += value * coefficient
            else:
                parts.append(f"{prefix}{sent(total, up=up)}")
        parts.append("}")
        return "".join(parts)


def sent(value: Exact, *, up: bool) -> int:
    """Return the integer that stands for *value* in a comparison with an integer.

    Raise EngineFault for anything but an int or a Fraction: a float or a truth value has no
    place among quantities.
    """
    if type(value) is int:
        whole = value
    elif type(value) is Fraction:
        whole = value.__ceil__() if up else value.__floor__()
    else:
        raise EngineFault(f"a {type(value).__name__} is no exact quantity")
    return max(-CONSTANT_MAX, min(CONSTANT_MAX, whole))


def _batches(rules: Iterable[Rule]) -> Sequence[_Plan]:
    plans: list[_Plan] = []
    for name, form in rules:
        engine_form = _for_engine(form)
        if engine_form == FALSE:
            continue
        _check(engine_form)
        addition = _Plan()
        addition.add(name, engine_form)
        if addition.weight > WEIGHT_MAX:
            raise ConditionError("it comes to too many comparisons; make two rules of it")
        if not plans or not plans[-1].fits(addition):
            plans.append(_Plan())
        plans[-1].add(name, engine_form)
    return plans


def _for_engine(form: Form) -> Form:
    """Return *form* with equations as pairs of roundings, and without what can never hold."""
    if isinstance(form, Undecided):
        return FALSE
    if isinstance(form, AllOf):
        return all_of(_for_engine(part) for part in form.parts)
    if isinstance(form, AnyOf):
        return any_of(_for_engine(part) for part in form.parts)
    if form.whole or form.operator not in ("==", "!="):
        return form
    if form.operator == "==":
        return all_of((_with(form, "<="), _with(form, ">=")))
    return any_of((_with(form, "<"), _with(form, ">")))


def _with(atom: Atom, operator: Operator) -> Atom:
    return Atom(atom.terms, operator, atom.constant, whole=False)


def _check(form: Form) -> None:
    if _groups(form) > GROUPS_MAX:
        raise ConditionError("it nests too many groups of and/or; make two rules of it")


def _groups(form: Form) -> int:
    if isinstance(form, AllOf | AnyOf):
        return 1 + sum(_groups(part) for part in form.parts)
    return 0
