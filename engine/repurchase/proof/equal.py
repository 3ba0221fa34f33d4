"""Proof that two rule files give the same findings for every event, rule by rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from repurchase.facts.averages import is_average
from repurchase.language.linear import FALSE, TRUE, Form
from repurchase.proof.approval import evaluating
from repurchase.proof.fields import Kind, Scope, scope_of, scope_of_lives, scope_then
from repurchase.proof.logic import Facts, holds
from repurchase.proof.model import Request, any_sums, from_zero, unlisted, unquantified
from repurchase.proof.solver import Term, Time, z3
from repurchase.proof.stages import life_stages, own_stages
from repurchase.rulebook.editions import Edition, Editions, RuleInForce

# The kinds of events, each with a kind whose rules can evaluate it. A release has the facts of an
# order or a replace. The rules for a fill without an order evaluate a fill by another method than
# its order; those for a fill evaluate a correct that raises nothing. A fill beyond its order and a
# sell fill add less than their quantity, or nothing; the corrects, which may, include them.
_Kinds = tuple[tuple[Kind, Kind], ...]
_REQUESTS: Final[_Kinds] = (("order", "order"), ("replace", "replace"))
_HAPPENED: Final[_Kinds] = (
    ("fill", "fill"),
    ("fill", "fill-alone"),
    ("fill-alone", "fill-alone"),
    ("correct", "fill-alone"),
    ("correct", "fill"),
)


def same(old: Editions, new: Editions, now: Callable[[], int], milliseconds: int) -> bool:
    """Return whether it is proved that both files give the same findings for every event.

    The caps and the accounting basis must be the same, and each rule must have the same effect and
    pass and fail under the same conditions. A rule that does not evaluate a kind of event gives no
    finding for it. *now* is a clock that counts nanoseconds.
    """
    time = Time(milliseconds, now)
    if old.zone != new.zone or _by_day(old) != _by_day(new) or old.limited() != new.limited():
        return False
    lives = life_stages(old, new)
    pairs = [group[0].editions for group in lives]
    if any(before.counting != after.counting for before, after in pairs):
        return False
    every = [edition for pair in pairs for edition in pair]
    stages = ((_REQUESTS, lives), (_HAPPENED, own_stages(old, new)))
    return all(
        before.hash == after.hash or _same(before, after, every, kinds, time)
        for kinds, groups in stages
        for before, after in (group[0].editions for group in groups)
    )


def _by_day(editions: Editions) -> dict[str, bool]:
    """Return which packs disqualify whole days, which is not visible in their rules."""
    return {pack.name: pack.by_day for pack in editions.authorization.packs}


def _same(old: Edition, new: Edition, every: Sequence[Edition], kinds: _Kinds, time: Time) -> bool:
    """Return whether two editions give the same findings for every event of *kinds*.

    A correct may be of a fill that any edition of *every* counted, and a request may count by the
    share ratio of any.
    """
    scope = scope_of([old, new])
    scopes = {kind: scope_of_lives(scope, every) for kind, _ in _REQUESTS}
    scopes["correct"] = scope_then(scope, every)
    effects = [{of.rule.id: of.rule.effect for of in edition.rules} for edition in (old, new)]
    shared = effects[0].keys() & effects[1].keys()
    return (
        scope.is_sure
        and _limits(old) == _limits(new)
        and _has_same_averages(old, new)
        and all(effects[0][name] == effects[1][name] for name in shared)
        and all(
            _finds_the_same(old, new, scopes.get(kind, scope), kind, rules_for, time)
            for kind, rules_for in kinds
        )
    )


def _has_same_averages(old: Edition, new: Edition) -> bool:
    """Return whether each average that both editions read is the same in both."""
    shared = {name for name in {*old.facts} & {*new.facts} if is_average(name)}
    before, after = (
        [(name, edition.authorization.average(name)) for name in sorted(shared)]
        + [(one.name, one.venues) for one in edition.authorization.instruments if shared]
        for edition in (old, new)
    )
    return before == after


def _limits(edition: Edition) -> tuple[object, ...]:
    """Return what bounds the program and its rates: findings and remaining figures depend on it."""
    standing = {cap.rule for cap in edition.caps if cap.is_standing}
    own = edition.unbounded, edition.judges_money, edition.rates
    return edition.max_shares, edition.max_amount, standing, *own


def _finds_the_same(
    old: Edition, new: Edition, scope: Scope, kind: Kind, rules_for: Kind, time: Time
) -> bool:
    """Return whether both editions' rules for *rules_for* give *kind* events the same findings."""
    before, after = (
        {of.rule.id: of for of in evaluating(edition, rules_for)} for edition in (old, new)
    )
    if bool(before) != bool(after):
        # An event that no rule evaluates is denied.
        return False
    rules = [
        (_forms(before.get(name)), _forms(after.get(name)))
        for name in sorted(before.keys() | after.keys())
    ]
    # If the files name other words, each word has another number in each, so all rules can differ.
    has_words = old.constants.words != new.constants.words
    unlike = [(here, there) for here, there in rules if has_words or here != there]
    if not unlike:
        return True
    asked = [Request(old, any_sums("r.s"), "r", kind, scope=scope)]
    # If the numbers of the words are the same, and the new edition reads no further average, one
    # request serves for both files.
    is_other = has_words or any(map(is_average, {*new.facts} - {*old.facts}))
    asked += [Request(new, any_sums("r.s"), "r", kind, scope=scope)] if is_other else asked
    known = [*from_zero(any_sums("r.s")), *(tie for of in asked for tie in of.ties)]
    # A fill of an open order has a listed instrument; any other event may have an unlisted one.
    is_listed = z3.And([of.listed for of in asked])
    apart = [
        z3.And(is_listed, differing) for differing in _apart(unlike, *(of.facts for of in asked))
    ]
    if "fill" not in (kind, rules_for):
        apart += _apart(unlike, *(unlisted(of) for of in asked))
    if (kind, rules_for) == ("correct", "fill-alone"):
        # It can lack a quantity if the fill that it names is unknown.
        for facts in ([of.facts for of in asked], [unlisted(of) for of in asked]):
            apart += _apart(unlike, *(unquantified(of, "r") for of in facts))
    return not apart or time.never(*known, z3.Or(apart))


# The conditions under which a rule passes, and under which it fails.
_Forms = tuple[Form, Form]


def _forms(rule: RuleInForce | None) -> _Forms:
    """Return the forms of *rule*; a missing rule gives no finding, like one that always passes."""
    return (TRUE, FALSE) if rule is None else (rule.passes, rule.fails)


def _apart(
    rules: Sequence[tuple[_Forms, _Forms]], old_facts: Facts, new_facts: Facts
) -> list[Term]:
    """Return the conditions under which a rule of *rules* passes or fails in only one file."""
    results = [
        (holds(here, old_facts), holds(there, new_facts))
        for old, new in rules
        for here, there in zip(old, new, strict=True)
    ]
    return [here != there for here, there in results if not here.eq(there)]
