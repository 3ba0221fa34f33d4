"""Whether two rule files find the same of every event, rule by rule."""

from __future__ import annotations

from collections.abc import Callable

from repurchase.edition import Edition, Editions, RuleInForce
from repurchase.prove import Time, z3
from repurchase.prove.claims import judging
from repurchase.prove.free import scope_of
from repurchase.prove.logic import Facts, Term, holds
from repurchase.prove.model import Kind, any_sums, from_zero, request, unlisted
from repurchase.stretches import stretches

# What is released has the facts of an order or a replace.
_KINDS: tuple[Kind, ...] = ("order", "replace", "fill", "fill-alone", "correct")


def same(old: Editions, new: Editions, now: Callable[[], int], milliseconds: int) -> bool:
    """Return whether it is proved that both files find the same of every event.

    Their caps and how events are reckoned are the same, and each rule has one effect and passes
    and fails in the same places; one that judges no event of a kind finds nothing of it. *now* is
    a clock that counts nanoseconds.
    """
    time = Time(milliseconds, now)
    if old.zone != new.zone or _by_day(old) != _by_day(new):
        return False
    pairs = {tuple(one.hash for one in of.editions): of.editions for of in stretches(old, new)}
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
        old.reckoning == new.reckoning
        and (old.max_shares, old.max_amount) == (new.max_shares, new.max_amount)
        and all(effects[0][name] == effects[1][name] for name in shared)
    )
    return is_reckoned_so and all(_finds_the_same(old, new, kind, time) for kind in _KINDS)


def _finds_the_same(old: Edition, new: Edition, kind: Kind, time: Time) -> bool:
    scope, sums = scope_of([old, new]), any_sums("r.s")
    asked = [request(edition, sums, "r", kind, scope=scope) for edition in (old, new)]
    if any(bool(judging(one.edition, kind)) != bool(judging(old, kind)) for one in asked):
        # What no rule judges is denied for that.
        return False
    if not scope.is_sure:
        return False
    known = [*from_zero(sums), *(tie for one in asked for tie in one.ties)]
    # What is within an open order is of its instrument; any other event may be of none.
    is_listed = z3.And([one.listed for one in asked])
    apart = [z3.And(is_listed, one) for one in _apart(old, new, kind, *(of.facts for of in asked))]
    if kind == "fill":
        # Made otherwise than it was ordered, it is judged by all rules.
        apart += [
            z3.And(is_listed, one)
            for one in _apart(old, new, "fill-alone", *(of.facts for of in asked))
        ]
    else:
        apart += _apart(old, new, kind, *(unlisted(of) for of in asked))
    return not apart or time.never(*known, z3.Or(apart))


def _apart(
    old: Edition, new: Edition, kind: Kind, old_facts: Facts, new_facts: Facts
) -> list[Term]:
    """Return where a rule passes or fails in one file and not in the other."""
    before, after = ({one.rule.id: one for one in judging(edition, kind)} for edition in (old, new))
    found: list[Term] = []
    for name in sorted(before.keys() | after.keys()):
        here, there = _results(before.get(name), old_facts), _results(after.get(name), new_facts)
        found += [one != other for one, other in zip(here, there, strict=True) if not one.eq(other)]
    return found


def _results(rule: RuleInForce | None, facts: Facts) -> tuple[Term, Term]:
    """Return where *rule* passes and where it fails; without it nothing is found."""
    if rule is None:
        return z3.BoolVal(True), z3.BoolVal(False)
    return holds(rule.passes, facts), holds(rule.fails, facts)
