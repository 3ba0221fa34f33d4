"""Facts to findings, failing closed: what durable-rules cannot decide is denied.

An event passes only if every pass condition fired and no deny condition did. If nothing fires, if
both fire, or if the engine fails, the event is denied. The Python below never decides a rule: it
only reads which conditions fired.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Literal

from repurchase.domain.decisions import Finding, Outcome, Result
from repurchase.domain.errors import EngineFault
from repurchase.domain.quantities import Exact
from repurchase.evaluation.rete import Network
from repurchase.evaluation.sides import Numbers, Sides, Values
from repurchase.facts.fact import Situation, Value
from repurchase.facts.table import TABLE
from repurchase.language.expression import composed
from repurchase.language.linear import AllOf, AnyOf, Constants, Form, all_of, atoms, engine_form
from repurchase.rulebook.editions import UNKNOWN_WORD, Edition, RuleInForce

Scope = Literal["order", "fill", "all"]
JOINED_MAX: Final = 20
# One scope of an edition takes 200 to 700 kB, and a thread mostly evaluates a few.
LOADED_MAX: Final = 64
# Of the last kinds of failure, those that came more often have a screen of their own.
FAILURES_MAX: Final = 64
FREQUENT: Final = 2
REPEATS_MAX: Final = 4

_PASS: Final = ":pass"
_FAIL: Final = ":fail"
_BOTH: Final = ":both"
_NOT_APPLICABLE: Final = ":not_applicable"


Answer = tuple[RuleInForce, Result]


class Compiled:
    """The rule sets of one edition and scope, for one thread."""

    rules: tuple[RuleInForce, ...]
    facts: tuple[str, ...]
    readers: tuple[tuple[str, Callable[[Situation], Value | None]], ...]
    coded: tuple[str, ...]
    expected: set[str]
    screen: Network

    def __init__(self, edition: Edition, scope: Scope) -> None:
        self.edition = edition
        self.rules = tuple(
            rule for rule in edition.rules if scope == "all" or rule.rule.at in (scope, "both")
        )
        self.facts = tuple(sorted({name for rule in self.rules for name in rule.facts}))
        fact = edition.authorization.fact
        self.readers = tuple((name, fact(name).of) for name in self.facts)
        self.coded = tuple(
            name for name in self.facts if TABLE[name].dimension.kind in ("word", "flag")
        )
        self.expected, self.screen = screen_of(self.rules, frozenset())
        # Only findings need these: they are built with the first finding.
        self._detail: Network | None = None
        self._sides: dict[str, Sides] = {}
        # How often the same rules failed, the last ones at the end, and screens for it.
        self._failures: dict[frozenset[str], int] = {}
        self._repeats: dict[frozenset[str], tuple[set[str], Network]] = {}

    def found(self, values: Values, *, every_rule: bool = False) -> tuple[Finding, ...]:
        """Return the findings on the facts *values*; raise EngineFault on any fault.

        They are of the rules that fail or are undecided, or of all rules if *every_rule*.
        """
        numbers = self.numbers(values)
        if every_rule or not self.rules:
            return self._findings(self._one_by_one(numbers), values, numbers)
        fired = self.screen.fired(numbers)
        if fired == self.expected:
            return ()
        results = self._failing_again(frozenset(fired - self.expected), numbers)
        if results is None:
            results = [
                (rule, result)
                for rule, result in self._one_by_one(numbers)
                if result in ("fail", "indeterminate")
            ]
        if not results:
            raise EngineFault("the rules pass one by one, but not together")
        return self._findings(results, values, numbers)

    def numbers(self, values: Values) -> dict[str, Any]:
        """Return *values*, which have all words, as the engine is given them.

        `rete` refuses whatever is not an exact quantity.
        """
        coded = {name: word_code(values[name], self.edition.constants) for name in self.coded}
        return {**values, **coded}

    def is_sound(self) -> bool:
        """Return whether no evaluation by its rule sets ended half-way."""
        return all(network.is_sound() for network in self._networks())

    def distrust(self) -> None:
        """Treat the state of its rule sets as unknown, after a fault."""
        for network in self._networks():
            network.distrust()

    def _networks(self) -> list[Network]:
        repeats = (network for _, network in self._repeats.values())
        return [one for one in (self.screen, self._detail, *repeats) if one is not None]

    def _failing_again(self, failed: frozenset[str], numbers: Numbers) -> list[Answer] | None:
        """Return the rules that *failed* if all others pass; `None` if it must be found one by one.

        Most denials are of a few kinds, and to evaluate each rule alone takes longer than all the
        rest. A screen for the same failures takes longer still to build, and is built if they are
        frequent.
        """
        if not failed:
            return None
        times = self._failures[failed] = self._failures.pop(failed, 0) + 1
        if len(self._failures) > FAILURES_MAX:
            del self._failures[next(iter(self._failures))]
        if times > FREQUENT and failed not in self._repeats:
            if len(self._repeats) >= REPEATS_MAX:
                del self._repeats[next(iter(self._repeats))]
            self._repeats[failed] = screen_of(self.rules, failed)
        if failed not in self._repeats:
            return None
        expected, screen = self._repeats[failed] = self._repeats.pop(failed)
        if screen.fired(numbers) != expected:
            return None
        return [(rule, "fail") for rule in self.rules if rule.rule.id + _FAIL in failed]

    def _one_by_one(self, numbers: Numbers) -> list[Answer]:
        if self._detail is None:
            self._detail = Network(_each_alone(self.rules))
        fired = self._detail.fired(numbers)
        return [(rule, result_of(rule.rule.id, fired)) for rule in self.rules]

    def _findings(
        self, results: Iterable[Answer], values: Values, numbers: Numbers
    ) -> tuple[Finding, ...]:
        return tuple(self._finding(rule, result, values, numbers) for rule, result in results)

    def _finding(
        self, rule: RuleInForce, result: Result, values: Values, numbers: Numbers
    ) -> Finding:
        name = rule.rule.id
        missing = missing_of(rule, values, self.edition) if result == "indeterminate" else ()
        if result == "indeterminate" and not missing:
            raise EngineFault(f"rule `{name}` neither passes nor fails")
        if name not in self._sides:
            self._sides[name] = Sides(rule, self.edition.constants)
        sides = self._sides[name].shown(result, values, numbers)
        return Finding(name, result, rule.rule.effect, *sides, missing)


class _Loaded(threading.local):
    """The rule sets of this thread, the last used at the end: a rule set belongs to one thread."""

    def __init__(self) -> None:
        self.by_edition: dict[tuple[str, Scope], Compiled] = {}


_loaded = _Loaded()


def judge(
    edition: Edition, scope: Scope, situation: Situation, *, every_rule: bool = False
) -> tuple[Finding, ...]:
    """Return the findings on *situation* of the rules of *edition* that apply in *scope*.

    They are of the rules that fail or are undecided, or of all rules if *every_rule*. `outcome`
    says what they come to. On an engine fault, the only finding is `engine.fault`, which denies.
    """
    try:
        loaded = compiled(edition, scope)
        values = {name: of(situation) for name, of in loaded.readers}
        return loaded.found(values, every_rule=every_rule)
    except EngineFault as fault:
        # The state of the rule sets is unknown: they are replaced whole.
        faulty = _loaded.by_edition.pop((edition.hash, scope), None)
        if faulty is not None:
            faulty.distrust()
        return (Finding("engine.fault", "indeterminate", "deny", observed=str(fault)),)


def compiled(edition: Edition, scope: Scope) -> Compiled:
    """Return the rule sets of *edition* for *scope*; a thread keeps the last ones that it used."""
    kept, key = _loaded.by_edition, (edition.hash, scope)
    loaded = kept.pop(key, None)
    if loaded is None or not loaded.is_sound():
        loaded = Compiled(edition, scope)
    kept[key] = loaded
    if len(kept) > LOADED_MAX:
        del kept[next(iter(kept))]
    return loaded


def forget() -> None:
    """Drop the rule sets that this thread has loaded; they are loaded again when needed."""
    _loaded.by_edition.clear()


def outcome(findings: Iterable[Finding]) -> Outcome:
    """Return the outcome of *findings*: by the strictest effect of those that do not pass."""
    effects = {
        finding.effect for finding in findings if finding.result in ("fail", "indeterminate")
    }
    if "deny" in effects:
        return "denied"
    return "held" if "review" in effects else "approved"


def result_of(rule: str, fired: set[str]) -> Result:
    passed, failed = rule + _PASS in fired, rule + _FAIL in fired
    if passed and failed:
        raise EngineFault(f"rule `{rule}` both passes and fails")
    if failed:
        return "fail"
    if not passed:
        return "indeterminate"
    return "not_applicable" if rule + _NOT_APPLICABLE in fired else "pass"


def screen_of(rules: Iterable[RuleInForce], failed: frozenset[str]) -> tuple[set[str], Network]:
    """Return the names that fire if the rules *failed* fail and all others pass, and the rule sets.

    Conditions that are plain conjunctions share a pass rule: an event that passes fires few.
    """
    alone: list[list[Form]] = []
    joined: list[list[Form]] = [[]]
    room = JOINED_MAX
    each: list[tuple[str, Form]] = []
    for rule in rules:
        each.append((rule.rule.id + _FAIL, rule.fails))
        if rule.rule.id + _FAIL in failed:
            # If it passes as well, the engine contradicts itself.
            each.append((rule.rule.id + _BOTH, rule.passes))
            continue
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
    return {*together, *failed}, Network((*together.items(), *each))


def _plain(form: Form) -> bool:
    return not isinstance(form, AnyOf) and (
        not isinstance(form, AllOf) or all(_plain(part) for part in form.parts)
    )


def _each_alone(rules: Iterable[RuleInForce]) -> Iterator[tuple[str, Form]]:
    for rule in rules:
        yield rule.rule.id + _PASS, rule.passes
        yield rule.rule.id + _FAIL, rule.fails
        yield rule.rule.id + _NOT_APPLICABLE, rule.not_applicable


def word_code(fact: Value | None, constants: Constants) -> Exact | None:
    """Return the number that stands for a word or a yes/no fact in the engine."""
    if isinstance(fact, str):
        return constants.words.get(composed(fact), UNKNOWN_WORD)
    return None if fact is None else int(fact)


def missing_of(rule: RuleInForce, values: Values, edition: Edition) -> tuple[str, ...]:
    """Return the facts that *rule* reads and no source supplied, and its terms not in force."""
    absent = sorted(name for name in rule.facts if values[name] is None)
    unset = sorted(name for name in rule.rule.constants if edition.terms.get(name) is None)
    return (*absent, *unset)
