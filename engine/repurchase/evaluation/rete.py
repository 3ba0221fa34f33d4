"""Conditions to a durable-rules rule set, and exact quantities to the rules that fire.

This is the only module that uses durable-rules. It calls the C core directly: no host, no threads,
no actions. These measured properties of the core decide what it is given (each has a test):

* A rule compares properties with integer constants under nested and/or, nothing else. Facts are
  asserted one at a time and retracted, so that every rule that matches fires.
* Only integers reach it. An exact x is sent rounded the way its comparison needs: for an integer
  c, `x <= c` is `ceil(x) <= c` and `x >= c` is `floor(x) >= c`, so each result stays exact. Sums
  beyond 2**61 are sent as 2**61: every constant is smaller, so each comparison stands.
* A missing quantity is left out of the fact, and a rule that compares it does not fire.
* It holds 64 alternatives at once, 31 marks of and/or groups a rule, and 254 properties a fact;
  rules are spread over as many rule sets as that takes.
* With a rule set it does not free the 200 kB that it took for the first fact. The call that frees
  them reads what is written when an action starts, so each rule set has a rule that ends it.
* It distinguishes properties by a 32-bit hash of their names: all names used here differ in it.
* It is loaded on Python 3.13 too, which lacks a function that it names. No callback of it may be
  registered: there, the call would end the process.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from importlib import import_module
from operator import itemgetter
from typing import Any, Final, Literal

import msgspec

from repurchase.domain.errors import EngineFault, Problem, UsageError
from repurchase.domain.quantities import Exact, simplest
from repurchase.language.linear import (
    CONSTANT_MAX,
    FALSE,
    WEIGHT_MAX,
    AllOf,
    AnyOf,
    Atom,
    Form,
    engine_form,
)

VERSION: Final = "2.0.28"
# It names a function that Python 3.13 removed, and that its build can replace.
BUILD: Final = "CPPFLAGS=-DPyEval_CallObject=PyObject_CallObject"


def _bound_late(error: ImportError) -> Any:
    """Return durable-rules after *error*, with each of its functions looked up when it is called.

    Nothing here calls the function that Python 3.13 removed. Raise UsageError, with the command
    that mends it, if this system cannot do that, or durable-rules is not installed.
    """
    if isinstance(error, ModuleNotFoundError):
        hint = f"install it with: {BUILD} pip install durable-rules=={VERSION}"
        raise UsageError(Problem("the package durable-rules is not installed", hint)) from error
    flags = sys.getdlopenflags() if hasattr(sys, "getdlopenflags") else None
    try:
        if flags is None:
            raise error
        sys.setdlopenflags(os.RTLD_LAZY)
        return import_module("durable_rules_engine")
    except ImportError as fault:
        again = "pip install --force-reinstall --no-deps --no-cache-dir"
        what = f"the package durable-rules cannot be loaded: {fault}"
        hint = f"build it again with: {BUILD} {again} durable-rules=={VERSION}"
        raise UsageError(Problem(what, hint)) from fault
    finally:
        if flags is not None:
            sys.setdlopenflags(flags)


try:
    import durable_rules_engine as engine
except ImportError as _plainly:
    engine = _bound_late(_plainly)

RULES_MAX: Final = 50
PROPERTIES_MAX: Final = 200

_NOT_HANDLED: Final = 1
_ALWAYS: Final = "one"
START: Final = '{"id":1,"sid":"0","one":1'
_STATE: Final = "0"
_END: Final = '{"id":1,"sid":"0","end":1}'
_ENDING: Final = {":end": {"all": [{"m": {"$gte": {"end": 0}}}]}}
_INTS: Final = {int}

Rounding = Literal["up", "down"]
Rule = tuple[str, Form]
Terms = tuple[tuple[str, int], ...]


class Property(msgspec.Struct, frozen=True):
    """An integer that a rule set compares: a sum of facts, rounded up or down."""

    terms: Terms
    rounding: Rounding


class _Plan:
    """One rule set in the making: its definition and the properties that it compares."""

    weight: int

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
        """Add the rule *name*, which fires if *form* holds."""
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
        raise EngineFault("a condition that can never hold cannot be a rule of the engine")

    def _comparison(self, atom: Atom) -> dict[str, Any]:
        rounding: Rounding = "up" if atom.operator in ("<=", ">") else "down"
        wanted = Property(atom.terms, rounding)
        name = self.properties.setdefault(wanted, f"p{len(self.properties)}")
        return {SIGNS[atom.operator]: {name: atom.constant}}


SIGNS: Final = {"<=": "$lte", "<": "$lt", ">=": "$gte", ">": "$gt", "==": "$eq", "!=": "$neq"}


class Network:
    """Rules loaded into durable-rules. It belongs to one thread and is never modified."""

    rule_sets: list[RuleSet]

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rule_sets = [RuleSet(batch) for batch in _batches(rules)]

    def fired(self, facts: Mapping[str, Exact | None]) -> set[str]:
        """Return the names of the rules whose condition holds with *facts*.

        Raise EngineFault if durable-rules fails; its state is then unknown, and the network must
        not be used again.
        """
        names: set[str] = set()
        for rule_set in self.rule_sets:
            rule_set.fire(facts, names)
        return names

    def is_sound(self) -> bool:
        """Return whether the state of each rule set is known, so that it may be used again."""
        return all(rule_set.is_sound for rule_set in self.rule_sets)

    def distrust(self) -> None:
        """Treat the state of the rule sets as unknown: they are deleted as they are."""
        for rule_set in self.rule_sets:
            rule_set.is_sound = False


class RuleSet:
    """One durable-rules rule set, its handle, and the properties that it is sent.

    Each of the *properties* is how it begins in a fact, its sum of facts, and whether that is
    rounded up.
    """

    is_sound: bool
    definition: str
    properties: Sequence[tuple[str, Terms, bool]]

    def __init__(self, plan: _Plan) -> None:
        self.is_sound = True
        self.definition = json.dumps(plan.definition | _ENDING)
        named = self.properties = [
            (f',"{name}":', wanted.terms, wanted.rounding == "up")
            for wanted, name in plan.properties.items()
        ]
        self._single = [(prefix, *terms[0], up) for prefix, terms, up in named if len(terms) == 1]
        self._sums = [(prefix, terms, up) for prefix, terms, up in named if len(terms) > 1]
        # Mostly each rule compares one fact as it is, and all are there and whole: `_whole`.
        names = [name for _, name, coefficient, _ in self._single if coefficient == 1]
        self._template = START + "".join(f"{prefix}%d" for prefix, *_ in self._single) + "}"
        # One name alone would be got without a tuple around it.
        self._values = itemgetter(*names) if len(names) == len(named) > 1 else None
        self._handle = self._load()

    def fire(self, facts: Mapping[str, Exact | None], names: set[str]) -> None:
        """Add to *names* the rules that hold with *facts*."""
        self.react(self.fact(facts), names)

    def react(self, fact: str, names: set[str]) -> None:
        """Add to *names* the rules that hold with *fact*, the text of what the rules compare.

        Raise EngineFault if durable-rules fails, or has failed on an earlier fact.
        """
        if not self.is_sound:
            raise EngineFault("durable-rules failed before, and nobody knows its state")
        # Whatever ends this half-way, Ctrl-C too, leaves a state that nobody knows.
        handle, self.is_sound = self._handle, False
        try:
            result, state = engine.assert_fact(handle, fact)
            if result != _NOT_HANDLED:
                # Each action names one rule; an action that is not completed stays pending.
                first = engine.start_action_for_state(handle, state)
                action = first[1] if first else None
                while action:
                    # An action reads {"rule name":{"m":{...}}}; no name here holds a quote. An
                    # action left over from another fact would answer for that fact.
                    if fact not in action:
                        raise EngineFault("durable-rules answered for another fact")
                    names.add(action[2 : action.index('"', 2)])
                    action = engine.complete_and_start_action(handle, state)
                engine.retract_fact(handle, fact)
        except Exception as error:
            # Foreign code: whatever goes wrong in it, there is no usable answer.
            raise EngineFault(f"durable-rules failed on a fact: {error}") from error
        self.is_sound = True

    def _load(self) -> int:
        try:
            handle: int = engine.create_ruleset("rules", self.definition)
        except engine.error as error:
            raise EngineFault(f"durable-rules did not take the rules: {error}") from error
        return handle

    def __del__(self) -> None:
        # The C core keeps rule sets until they are deleted, and has room for 131,072.
        handle = getattr(self, "_handle", None)
        if handle is not None:
            # An action that is still pending would be freed twice.
            if self.is_sound:
                _empty(handle)
            engine.delete_ruleset(handle)

    def fact(self, facts: Mapping[str, Exact | None]) -> str:
        """Return the fact to assert, as JSON; raise EngineFault if a quantity is not exact."""
        return (self._values and self._whole(self._values(facts))) or self._partial(facts)

    def _whole(self, values: tuple[Any, ...]) -> str | None:
        """Return the fact to assert if all *values* are ints in bounds, `None` otherwise."""
        if set(map(type, values)) != _INTS:
            return None
        if max(values) >= CONSTANT_MAX or min(values) <= -CONSTANT_MAX:
            return None
        return self._template % values

    def _partial(self, facts: Mapping[str, Exact | None]) -> str:
        """Return the fact to assert, without the missing quantities."""
        parts = [START]
        for prefix, name, coefficient, up in self._single:
            value = facts[name]
            if value is not None:
                parts.append(f"{prefix}{sent(value, coefficient, up=up)}")
        for prefix, terms, up in self._sums:
            values = [(facts[name], coefficient) for name, coefficient in terms]
            if all(value is not None for value, _ in values):
                total = simplest(sum(exactly(value) * coefficient for value, coefficient in values))
                parts.append(f"{prefix}{sent(total, 1, up=up)}")
        parts.append("}")
        return "".join(parts)


def _empty(handle: int) -> None:
    """Let the rule set *handle*, which is no longer used, free the memory of its facts."""
    try:
        _, state = engine.assert_fact(handle, _END)
        started = engine.start_action_for_state(handle, state)
        # An action left over from another fact would be freed while it is pending.
        if started is not None and _END in started[1]:
            engine.delete_state(handle, _STATE)
    except engine.error:
        # It then keeps that memory, as it does by itself.
        return


def sent(value: Exact, coefficient: int, *, up: bool) -> int:
    """Return the integer that stands for *coefficient* times *value* in comparisons with integers.

    Raise EngineFault for anything but an int or a Fraction, such as a float or a bool.
    """
    if type(value) is int:
        whole = value * coefficient
    else:
        product = exactly(value) * coefficient
        whole = product.__ceil__() if up else product.__floor__()
    if -CONSTANT_MAX < whole < CONSTANT_MAX:
        return whole
    return CONSTANT_MAX if whole > 0 else -CONSTANT_MAX


def exactly(value: Exact | None) -> Exact:
    """Return *value*; raise EngineFault if it is neither an int nor a Fraction."""
    if type(value) is int or type(value) is Fraction:
        return value
    raise EngineFault(f"a {type(value).__name__} is not an exact quantity")


def _batches(rules: Iterable[Rule]) -> Sequence[_Plan]:
    plans: list[_Plan] = []
    for name, form in rules:
        shape = engine_form(form)
        if shape == FALSE:
            # It can never fire, so the engine does not need it.
            continue
        addition = _Plan()
        addition.add(name, shape)
        if not plans or not plans[-1].fits(addition):
            plans.append(_Plan())
        plans[-1].add(name, shape)
    return plans
