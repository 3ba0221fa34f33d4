"""Facts to a verdict, failing closed: what durable-rules cannot decide is denied.

An event passes only on positive proof: every pass rule fired and no deny rule did. Silence, a
contradiction and a fault all deny. The Python below never decides a rule; it reads what fired.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

import msgspec

from repurchase.condition import (
    AllOf,
    AnyOf,
    Constants,
    Form,
    Undecided,
    all_of,
    atoms,
    form,
    holds,
    value,
)
from repurchase.decision import Finding, Outcome, Result
from repurchase.edition import UNKNOWN_WORD, Edition, RuleInForce
from repurchase.errors import EngineFault
from repurchase.expression import (
    All,
    Condition,
    Leaf,
    Member,
    Name,
    Node,
    Not,
    Some,
    Truth,
    Word,
    composed,
    facts_of,
)
from repurchase.facts import TABLE, Situation, Value
from repurchase.quantities import Exact, value_written
from repurchase.rete import Network

Scope = Literal["order", "fill", "all"]
JOINED_MAX: Final = 20

_PASS: Final = ":pass"
_FAIL: Final = ":fail"
_SPARED: Final = ":spared"


class Verdict(msgspec.Struct, frozen=True):
    """What the rules of one edition say of one event."""

    outcome: Outcome
    findings: tuple[Finding, ...]


class _Compiled:
    """The rule sets of one edition and scope, for one thread."""

    def __init__(self, edition: Edition, scope: Scope) -> None:
        self.rules = tuple(
            rule for rule in edition.rules if scope == "all" or rule.rule.at in (scope, "both")
        )
        self.facts = tuple(sorted({name for rule in self.rules for name in rule.facts}))
        self.expected, self.screen = _screen(self.rules)
        self._detail: Network | None = None

    @property
    def detail(self) -> Network:
        """Return the rules one by one, loaded when an event first does not pass."""
        if self._detail is None:
            self._detail = Network(_one_by_one(self.rules))
        return self._detail


class _Loaded(threading.local):
    """What this thread has loaded: one rule set belongs to one thread."""

    def __init__(self) -> None:
        self.by_edition: dict[tuple[str, Scope], _Compiled] = {}


_loaded = _Loaded()


def judge(
    edition: Edition, scope: Scope, situation: Situation, *, every_rule: bool = False
) -> Verdict:
    """Return what the rules of *edition* that apply in *scope* say of *situation*.

    The findings are the rules that neither pass nor are spared; all of them with *every_rule*.
    """
    compiled = _compiled(edition, scope)
    values = {name: TABLE[name].of(situation) for name in compiled.facts}
    return verdict(edition, compiled, values, every_rule=every_rule)


def verdict(
    edition: Edition,
    compiled: _Compiled,
    values: Mapping[str, Value | None],
    *,
    every_rule: bool = False,
) -> Verdict:
    """Return what *compiled* says of the facts *values*."""
    try:
        numbers = {name: _number(fact, edition.constants) for name, fact in values.items()}
        if (
            not every_rule
            and compiled.rules
            and compiled.screen.fired(numbers) == compiled.expected
        ):
            return _PASSED
        return _explained(edition, compiled, values, numbers, every_rule=every_rule)
    except EngineFault as fault:
        return Verdict("denied", (fault_finding(fault),))


def fault_finding(fault: EngineFault) -> Finding:
    """Return the finding of a fault: the engine gave no usable answer."""
    return Finding("engine.fault", "indeterminate", "deny", observed=str(fault))


def outcome(findings: Iterable[Finding]) -> Outcome:
    """Return what *findings* come to: the strictest effect of those that do not pass."""
    effects = {
        finding.effect for finding in findings if finding.result in ("fail", "indeterminate")
    }
    if "deny" in effects:
        return "denied"
    return "held" if "review" in effects else "approved"


_PASSED: Final = Verdict("approved", ())


def _compiled(edition: Edition, scope: Scope) -> _Compiled:
    key = (edition.hash, scope)
    found = _loaded.by_edition.get(key)
    if found is None:
        found = _loaded.by_edition[key] = _Compiled(edition, scope)
    return found


def _explained(
    edition: Edition,
    compiled: _Compiled,
    values: Mapping[str, Value | None],
    numbers: Mapping[str, Exact | None],
    *,
    every_rule: bool,
) -> Verdict:
    fired = compiled.detail.fired(numbers)
    findings = []
    for rule in compiled.rules:
        result = _result(rule.rule.id, fired)
        if every_rule or result in ("fail", "indeterminate"):
            findings.append(_finding(edition, rule, result, values, numbers))
    if not every_rule and not findings and compiled.rules:
        raise EngineFault("the rules pass one by one, but not together")
    return Verdict(outcome(findings), tuple(findings))


def _result(rule: str, fired: set[str]) -> Result:
    passed, failed = rule + _PASS in fired, rule + _FAIL in fired
    if passed and failed:
        raise EngineFault(f"rule `{rule}` both passes and fails")
    if failed:
        return "fail"
    if not passed:
        return "indeterminate"
    return "not_applicable" if rule + _SPARED in fired else "pass"


def _screen(rules: Iterable[RuleInForce]) -> tuple[set[str], Network]:
    """Return the rule sets that tell at once whether all pass, and the names that then fire.

    Conditions that are plain conjunctions share a pass rule: an event that passes fires few.
    """
    groups: list[list[Form]] = []
    room = 0
    for rule in rules:
        size = sum(1 for _ in atoms(rule.passes))
        if not _plain(rule.passes):
            groups.insert(0, [rule.passes])
        elif size > room:
            groups.append([rule.passes])
            room = JOINED_MAX - size
        else:
            groups[-1].append(rule.passes)
            room -= size
    together = {f"{number}{_PASS}": all_of(forms) for number, forms in enumerate(groups)}
    denials = ((rule.rule.id + _FAIL, rule.fails) for rule in rules)
    return set(together), Network((*together.items(), *denials))


def _plain(form: Form) -> bool:
    return not isinstance(form, AnyOf) and (
        not isinstance(form, AllOf) or all(_plain(part) for part in form.parts)
    )


def _one_by_one(rules: Iterable[RuleInForce]) -> Iterator[tuple[str, Form]]:
    for rule in rules:
        yield rule.rule.id + _PASS, rule.passes
        yield rule.rule.id + _FAIL, rule.fails
        yield rule.rule.id + _SPARED, rule.spared


def _number(fact: Value | None, constants: Constants) -> Exact | None:
    """Return the number that stands for *fact* in the engine: words and flags have codes."""
    if isinstance(fact, bool):
        return int(fact)
    if isinstance(fact, str):
        return constants.words.get(composed(fact), UNKNOWN_WORD)
    return fact


def _finding(
    edition: Edition,
    rule: RuleInForce,
    result: Result,
    values: Mapping[str, Value | None],
    numbers: Mapping[str, Exact | None],
) -> Finding:
    chosen = _deciding(rule, result, edition.constants, numbers)
    observed, limit, dimension = _sides(chosen, edition.constants, values, numbers)
    missing: tuple[str, ...] = ()
    if result == "indeterminate":
        absent = {name for name in rule.facts if values[name] is None}
        missing = (*sorted(absent), *_terms_not_in_force(rule, edition))
    return Finding(rule.rule.id, result, rule.rule.effect, observed, limit, dimension, missing)


def _terms_not_in_force(rule: RuleInForce, edition: Edition) -> tuple[str, ...]:
    when = rule.rule.when
    read = rule.rule.require.constants | (when.constants if when is not None else frozenset())
    return tuple(sorted(name for name in read if edition.terms.get(name) is None))


class _Chosen(msgspec.Struct, frozen=True):
    """The written comparison that decided a rule, and whether the rule wants it to hold."""

    leaf: Leaf
    wanted: bool


def _deciding(
    rule: RuleInForce,
    result: Result,
    constants: Constants,
    numbers: Mapping[str, Exact | None],
) -> _Chosen:
    """Return the first comparison that has *result* and brought it about: for people alone."""

    def state(tree: Condition) -> bool | None:
        return _state(form(tree, constants), numbers)

    def chosen(tree: Condition, holds: bool | None, wanted: bool) -> _Chosen:
        if isinstance(tree, Not):
            return chosen(tree.of, None if holds is None else not holds, not wanted)
        if isinstance(tree, All | Some):
            alike = (part for part in tree.parts if state(part) is holds)
            return chosen(next(alike, tree.parts[0]), holds, wanted)
        return _Chosen(tree, wanted)

    when, require = rule.rule.when, rule.rule.require.root
    if when is not None and result == "not_applicable":
        return chosen(when.root, False, True)
    if when is not None and result == "indeterminate" and state(when.root) is None:
        return chosen(when.root, None, True)
    holds = {"pass": True, "fail": False}.get(result)
    return chosen(require, holds, True)


def _state(form: Form, numbers: Mapping[str, Exact | None]) -> bool | None:
    if isinstance(form, AllOf | AnyOf):
        states = [_state(part, numbers) for part in form.parts]
        settled = isinstance(form, AnyOf)
        if settled in states:
            return settled
        return None if None in states else not settled
    if isinstance(form, Undecided):
        return None
    total: Exact = 0
    for name, coefficient in form.terms:
        number = numbers[name]
        if number is None:
            return None
        total += coefficient * number
    return holds(total - form.constant, form.operator)


def _sides(
    chosen: _Chosen,
    constants: Constants,
    values: Mapping[str, Value | None],
    numbers: Mapping[str, Exact | None],
) -> tuple[str | None, str | None, str]:
    """Return both sides as written, the one that reads facts first, and their dimension."""
    leaf = chosen.leaf

    def side(node: Node) -> str | None:
        if isinstance(node, Word):
            return node.text
        if isinstance(node, Name) and node.is_fact and node.dimension.kind == "word":
            word = values[node.name]
            return word if isinstance(word, str) else None
        number = value(node, constants, numbers)
        return None if number is None else value_written(number, leaf_dimension)

    if isinstance(leaf, Truth):
        flag = values[leaf.name]
        limit = "true" if chosen.wanted else "false"
        return None if flag is None else str(flag).lower(), limit, "flag"
    leaf_dimension = leaf.dimension
    if isinstance(leaf, Member):
        choices = [side(choice) for choice in leaf.choices]
        return side(leaf.left), ", ".join(str(choice) for choice in choices), str(leaf_dimension)
    one, other = leaf.left, leaf.right
    if next(facts_of(one), None) is None:
        one, other = other, one
    return side(one), side(other), str(leaf_dimension)
