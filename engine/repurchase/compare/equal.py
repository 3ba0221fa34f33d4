"""Whether two rule files find the same of every event, rule by rule."""

from __future__ import annotations

from collections.abc import Callable

import z3

from repurchase.edition import Edition, Editions
from repurchase.prove import Time, stretches
from repurchase.prove.free import scope_of
from repurchase.prove.logic import Term, holds
from repurchase.prove.model import Kind, any_sums, from_zero, request, unlisted

# An order and a fill have all facts that there are; a replace and a release have those of an order.
_KINDS: tuple[Kind, ...] = ("order", "replace", "fill", "fill-alone")


def same(old: Editions, new: Editions, now: Callable[[], int], milliseconds: int) -> bool:
    """Return whether it is proved that each rule of both finds the same of every event.

    The rules, their effects and moments, the caps and how events are reckoned are the same, and
    each rule passes, fails and is spared in the same places. *now* is a clock that counts
    nanoseconds.
    """
    time = Time(milliseconds, now)
    if old.zone != new.zone or _reckoned(old) != _reckoned(new):
        return False
    pairs = {tuple(one.hash for one in of.editions): of.editions for of in stretches(old, new)}
    return all(_same(before, after, time) for before, after in pairs.values())


def _reckoned(editions: Editions) -> object:
    """Return what no rule reads and decides nonetheless: by which days each thing is dated."""
    return {pack.name: pack.by_day for pack in editions.authorization.packs}


def _same(old: Edition, new: Edition, time: Time) -> bool:
    said = [
        [(one.rule.id, one.rule.effect, one.rule.at) for one in edition.rules]
        for edition in (old, new)
    ]
    if said[0] != said[1] or old.reckoning != new.reckoning:
        return False
    if (old.max_shares, old.max_amount) != (new.max_shares, new.max_amount):
        return False
    return all(_finds_the_same(old, new, kind, time) for kind in _KINDS)


def _finds_the_same(old: Edition, new: Edition, kind: Kind, time: Time) -> bool:
    scope = scope_of([old, new])
    sums = any_sums("r.s")
    asked = [request(edition, sums, "r", kind, scope=scope) for edition in (old, new)]
    known = [*from_zero(sums), *(tie for one in asked for tie in one.ties)]
    apart: list[Term] = []
    for one, other in zip(old.rules, new.rules, strict=True):
        for facts, others in (
            (asked[0].facts, asked[1].facts),
            (unlisted(asked[0].facts), unlisted(asked[1].facts)),
        ):
            for shape in ("passes", "fails", "spared"):
                here, there = (
                    holds(getattr(one, shape), facts),
                    holds(getattr(other, shape), others),
                )
                if not here.eq(there):
                    apart.append(here != there)
    return not apart or time.never(*known, z3.Or(apart))
