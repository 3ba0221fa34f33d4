"""Whether two rule files find the same of every event, rule by rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from repurchase.language.linear import FALSE, TRUE, Form
from repurchase.proof.approval import judging
from repurchase.proof.fields import Kind, Scope, scope_of
from repurchase.proof.logic import Facts, holds
from repurchase.proof.model import Request, any_sums, from_zero, unlisted
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
    scope = scope_of([old, new])
    effects = [{of.rule.id: of.rule.effect for of in edition.rules} for edition in (old, new)]
    shared = effects[0].keys() & effects[1].keys()
    return (
        scope.is_sure
        and old.counting == new.counting
        and (old.max_shares, old.max_amount) == (new.max_shares, new.max_amount)
        and all(effects[0][name] == effects[1][name] for name in shared)
        and all(_finds_the_same(old, new, scope, *pair, time) for pair in _JUDGED)
    )


def _finds_the_same(
    old: Edition, new: Edition, scope: Scope, kind: Kind, judged: Kind, time: Time
) -> bool:
    before, after = ({of.rule.id: of for of in judging(edition, judged)} for edition in (old, new))
    if bool(before) != bool(after):
        # What no rule judges is denied for that.
        return False
    rules = [
        (_forms(before.get(name)), _forms(after.get(name)))
        for name in sorted(before.keys() | after.keys())
    ]
    # If other words are named, the engine knows each by another number: no rule is the same, then.
    has_words = old.constants.words != new.constants.words
    unlike = [(here, there) for here, there in rules if has_words or here != there]
    if not unlike:
        return True
    asked = [Request(old, any_sums("r.s"), "r", kind, scope=scope)]
    # If both know each word by one number, what one reads of an event the other reads.
    asked += [Request(new, any_sums("r.s"), "r", kind, scope=scope)] if has_words else asked
    known = [*from_zero(any_sums("r.s")), *(tie for of in asked for tie in of.ties)]
    # What is within an open order is of its instrument; any other event may be of none.
    is_listed = z3.And([of.listed for of in asked])
    apart = [
        z3.And(is_listed, differing) for differing in _apart(unlike, *(of.facts for of in asked))
    ]
    if "fill" not in (kind, judged):
        apart += _apart(unlike, *(unlisted(of) for of in asked))
    return not apart or time.never(*known, z3.Or(apart))


# Where a rule passes, and where it fails.
_Forms = tuple[Form, Form]


def _forms(rule: RuleInForce | None) -> _Forms:
    """Return the forms of *rule*; without a rule nothing is found, as if it always passed."""
    return (TRUE, FALSE) if rule is None else (rule.passes, rule.fails)


def _apart(
    rules: Sequence[tuple[_Forms, _Forms]], old_facts: Facts, new_facts: Facts
) -> list[Term]:
    """Return where one of *rules* passes or fails in one file and not in the other."""
    results = [
        (holds(here, old_facts), holds(there, new_facts))
        for old, new in rules
        for here, there in zip(old, new, strict=True)
    ]
    return [here != there for here, there in results if not here.eq(there)]
