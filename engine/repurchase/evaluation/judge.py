"""Facts to findings, failing closed: what durable-rules cannot decide is denied.

An event passes only on positive proof: every pass rule fired and no deny rule did. Silence, a
contradiction and a fault all deny. The Python below never decides a rule; it reads what fired.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from repurchase.domain.decisions import Finding, Outcome, Result, listed
from repurchase.domain.errors import EngineFault
from repurchase.domain.quantities import Exact, value_written
from repurchase.evaluation.rete import Network
from repurchase.facts.fact import Situation, Value
from repurchase.facts.table import TABLE
from repurchase.language.expression import (
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
from repurchase.language.linear import (
    AllOf,
    AnyOf,
    Constants,
    Form,
    Undecided,
    all_of,
    atoms,
    engine_form,
    form,
    holds,
    value,
)
from repurchase.rulebook.editions import UNKNOWN_WORD, Edition, RuleInForce

Scope = Literal["order", "fill", "all"]
JOINED_MAX: Final = 20

_PASS: Final = ":pass"
_FAIL: Final = ":fail"
_NOT_APPLICABLE: Final = ":not_applicable"


class Compiled:
    """The rule sets of one edition and scope, for one thread."""

    def __init__(self, edition: Edition, scope: Scope) -> None:
        self.rules = tuple(
            rule for rule in edition.rules if scope == "all" or rule.rule.at in (scope, "both")
        )
        self.facts = tuple(sorted({name for rule in self.rules for name in rule.facts}))
        self.readers = tuple((name, TABLE[name].of) for name in self.facts)
        self.coded = tuple(
            name for name in self.facts if TABLE[name].dimension.kind in ("word", "flag")
        )
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
        self.by_edition: dict[tuple[str, Scope], Compiled] = {}


_loaded = _Loaded()


def judge(
    edition: Edition, scope: Scope, situation: Situation, *, every_rule: bool = False
) -> tuple[Finding, ...]:
    """Return what the rules of *edition* that apply in *scope* find of *situation*.

    These are the rules that fail or are undecided, and all rules with *every_rule*; together they
    make the `outcome`.
    """
    try:
        loaded = compiled(edition, scope)
        values = {name: of(situation) for name, of in loaded.readers}
        return found(edition, loaded, values, every_rule=every_rule)
    except EngineFault as fault:
        # What the rule sets still hold is not known: they are replaced whole.
        _loaded.by_edition.pop((edition.hash, scope), None)
        return (fault_finding(fault),)


def found(
    edition: Edition,
    loaded: Compiled,
    values: Mapping[str, Value | None],
    *,
    every_rule: bool = False,
) -> tuple[Finding, ...]:
    """Return what *loaded* finds of the facts *values*; raise EngineFault on any fault."""
    # Whatever is no exact quantity here is refused by `rete`.
    numbers: dict[str, Any] = dict(values)
    for name in loaded.coded:
        numbers[name] = _code(values[name], edition.constants)
    if not every_rule and loaded.rules and loaded.screen.fired(numbers) == loaded.expected:
        return ()
    return _explained(edition, loaded, values, numbers, every_rule=every_rule)


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


def compiled(edition: Edition, scope: Scope) -> Compiled:
    """Return the rule sets of *edition* for *scope*, loaded once a thread."""
    key = (edition.hash, scope)
    loaded = _loaded.by_edition.get(key)
    if loaded is None:
        loaded = _loaded.by_edition[key] = Compiled(edition, scope)
    return loaded


def forget() -> None:
    """Let go of the rule sets that this thread has loaded; what is asked for is loaded again.

    Who judges by one edition after another, each once, would fill the memory with them.
    """
    _loaded.by_edition.clear()


def _explained(
    edition: Edition,
    loaded: Compiled,
    values: Mapping[str, Value | None],
    numbers: Mapping[str, Exact | None],
    *,
    every_rule: bool,
) -> tuple[Finding, ...]:
    fired = loaded.detail.fired(numbers)
    findings = []
    for rule in loaded.rules:
        result = _result(rule.rule.id, fired)
        if result == "indeterminate" and not _missing(rule, values, edition):
            raise EngineFault(f"rule `{rule.rule.id}` neither passes nor fails")
        if every_rule or result in ("fail", "indeterminate"):
            findings.append(_finding(edition, rule, result, values, numbers))
    if not every_rule and not findings and loaded.rules:
        raise EngineFault("the rules pass one by one, but not together")
    return tuple(findings)


def _result(rule: str, fired: set[str]) -> Result:
    passed, failed = rule + _PASS in fired, rule + _FAIL in fired
    if passed and failed:
        raise EngineFault(f"rule `{rule}` both passes and fails")
    if failed:
        return "fail"
    if not passed:
        return "indeterminate"
    return "not_applicable" if rule + _NOT_APPLICABLE in fired else "pass"


def _screen(rules: Iterable[RuleInForce]) -> tuple[set[str], Network]:
    """Return the rule sets that tell at once whether all pass, and the names that then fire.

    Conditions that are plain conjunctions share a pass rule: an event that passes fires few.
    """
    alone: list[list[Form]] = []
    joined: list[list[Form]] = [[]]
    room = JOINED_MAX
    for rule in rules:
        shape = engine_form(rule.passes)
        size = sum(1 for _ in atoms(shape))
        if not _plain(shape):
            alone.append([shape])
            continue
        if size > room:
            joined.append([])
            room = JOINED_MAX
        joined[-1].append(shape)
        room -= size
    together = {
        f"{number}{_PASS}": all_of(forms) for number, forms in enumerate([*joined, *alone]) if forms
    }
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
        yield rule.rule.id + _NOT_APPLICABLE, rule.not_applicable


def _code(fact: Value | None, constants: Constants) -> Exact | None:
    """Return the number that stands for a word or a flag in the engine."""
    if isinstance(fact, str):
        return constants.words.get(composed(fact), UNKNOWN_WORD)
    return None if fact is None else int(fact)


def _finding(
    edition: Edition,
    rule: RuleInForce,
    result: Result,
    values: Mapping[str, Value | None],
    numbers: Mapping[str, Exact | None],
) -> Finding:
    chosen = _deciding(rule, result, edition.constants, numbers)
    observed, limit, dimension = _sides(chosen, edition.constants, values, numbers)
    missing = _missing(rule, values, edition) if result == "indeterminate" else ()
    return Finding(rule.rule.id, result, rule.rule.effect, observed, limit, dimension, missing)


def _missing(
    rule: RuleInForce, values: Mapping[str, Value | None], edition: Edition
) -> tuple[str, ...]:
    """Return the facts that *rule* reads and no source gave, and its terms not in force."""
    when = rule.rule.when
    terms = rule.rule.require.constants | (when.constants if when is not None else frozenset())
    absent = {name for name in rule.facts if values[name] is None}
    return (*sorted(absent), *sorted(name for name in terms if edition.terms.get(name) is None))


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
        one, others = leaf.left, leaf.choices
    else:
        one, others = leaf.left, (leaf.right,)
        if next(facts_of(one), None) is None:
            one, others = leaf.right, (leaf.left,)
    # What is not known is no limit: a list tells the choices that are.
    limits = [text for other in others if (text := side(other)) is not None]
    return side(one), listed(limits) if limits else None, str(leaf_dimension)
