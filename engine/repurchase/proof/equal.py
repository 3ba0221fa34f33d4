"""Whether two rule files find the same of every event, rule by rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from repurchase.proof.claims import judging
from repurchase.proof.free import scope_of
from repurchase.proof.logic import Facts, holds
from repurchase.proof.model import Kind, any_sums, from_zero, request, unlisted
from repurchase.proof.solver import Term, Time, z3
from repurchase.rulebook.editions import Edition, Editions, RuleInForce
from repurchase.rulebook.periods import periods

# The kinds of events, each with the kind by whose rules it is judged: what is made otherwise than
# it was ordered is judged as what nobody ordered is, and a correct that raises nothing as a fill.
# What is released has the facts of an order or a replace. A fill beyond its order, and a sale, add
# to what is used less than they say, or nothing: they are among the corrects, which may.
_JUDGED: tuple[tuple[Kind, Kind], ...] = (
    ("order", "order"),
    ("replace", "replace"),
    ("fill", "fill"),
    ("fill", "fill-alone"),
    ("fill-alone", "fill-alone"),
    ("correct", "fill-alone"),
    ("correct", "fill"),
)


def same(old: Editions, new: Editions, now: Callable[[], int], milliseconds: int) -> bool:
    """Return whether it is proved that both files find the same of every event.

    Their caps and how events are counted are the same, and each rule has one effect and passes
    and fails in the same places; one that judges no event of a kind finds nothing of it. *now* is
    a clock that counts nanoseconds.
    """
    time = Time(milliseconds, now)
    if old.zone != new.zone or _by_day(old) != _by_day(new):
        return False
    pairs = {tuple(one.hash for one in of.editions): of.editions for of in periods(old, new)}
    return all(_same(before, after, time) for before, after in pairs.values())


def _by_day(editions: Editions) -> dict[str, bool]:
    """Return which packs taint a whole day: no rule says that."""
    return {pack.name: pack.by_day for pack in editions.authorization.packs}


def _same(old: Edition, new: Edition, time: Time) -> bool:
    if old.hash == new.hash:
        return True
    effects = [{one.rule.id: one.rule.effect for one in edition.rules} for edition in (old, new)]
    shared = effects[0].keys() & effects[1].keys()
    is_reckoned_so = (
        old.counting == new.counting
        and (old.max_shares, old.max_amount) == (new.max_shares, new.max_amount)
        and all(effects[0][name] == effects[1][name] for name in shared)
    )
    return is_reckoned_so and all(
        _finds_the_same(old, new, kind, judged, time) for kind, judged in _JUDGED
    )


def _finds_the_same(old: Edition, new: Edition, kind: Kind, judged: Kind, time: Time) -> bool:
    before, after = (
        {one.rule.id: one for one in judging(edition, judged)} for edition in (old, new)
    )
    if bool(before) != bool(after):
        # What no rule judges is denied for that.
        return False
    scope, sums = scope_of([old, new]), any_sums("r.s")
    if not scope.is_sure:
        return False
    has_words = old.constants.words != new.constants.words
    names = _unlike(before, after, has_words=has_words)
    if not names:
        return True
    asked = [request(old, sums, "r", kind, scope=scope)]
    # Where both know each word by one number, what one reads of an event the other reads.
    asked.append(request(new, sums, "r", kind, scope=scope) if has_words else asked[0])
    known = [*from_zero(sums), *(tie for one in asked for tie in one.ties)]
    # What is within an open order is of its instrument; any other event may be of none.
    is_listed = z3.And([one.listed for one in asked])
    rules = [(before.get(name), after.get(name)) for name in names]
    apart = [z3.And(is_listed, one) for one in _apart(rules, *(of.facts for of in asked))]
    if "fill" not in (kind, judged):
        apart += _apart(rules, *(unlisted(of) for of in asked))
    return not apart or time.never(*known, z3.Or(apart))


def _unlike(
    before: Mapping[str, RuleInForce], after: Mapping[str, RuleInForce], *, has_words: bool
) -> list[str]:
    """Return the rules that are not, to the letter, in both files what they are in the other.

    Where other words are named, the engine knows each by another number: all rules are, then.
    """
    return [
        name
        for name in sorted(before.keys() | after.keys())
        if has_words
        or name not in before
        or name not in after
        or (before[name].passes, before[name].fails) != (after[name].passes, after[name].fails)
    ]


def _apart(
    rules: Sequence[tuple[RuleInForce | None, RuleInForce | None]],
    old_facts: Facts,
    new_facts: Facts,
) -> list[Term]:
    """Return where one of *rules* passes or fails in one file and not in the other."""
    found: list[Term] = []
    for old, new in rules:
        here, there = _results(old, old_facts), _results(new, new_facts)
        found += [one != other for one, other in zip(here, there, strict=True) if not one.eq(other)]
    return found


def _results(rule: RuleInForce | None, facts: Facts) -> tuple[Term, Term]:
    """Return where *rule* passes and where it fails; without it nothing is found."""
    if rule is None:
        return z3.BoolVal(True), z3.BoolVal(False)
    return holds(rule.passes, facts), holds(rule.fails, facts)
