"""What each kind of event that no rule asks about does to the four sums of a position.

One order or one fill is in focus, the rest is a sum: so this holds of any number of them. Each
step is a row of a table, and what is proved of one is proved of whatever stands in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from repurchase.proof.model import Sums, any_sums, from_zero
from repurchase.proof.solver import Term, z3


class Step(NamedTuple):
    """What is so *before* an event, the sums *after* it, and the *items* that it leaves.

    An item is what an open order reserves or what a fill counts: it is never below zero.
    """

    before: list[Term]
    after: Sums
    items: list[Term]


def _order(sums: Sums) -> tuple[Term, Term, list[Term]]:
    shares, amount = z3.Reals("o.shares o.amount")
    rest = [sums.reserved_shares >= shares, sums.reserved_amount >= amount]
    return shares, amount, [shares >= 0, amount >= 0, *rest]


def _fill(sums: Sums) -> tuple[Term, Term, list[Term]]:
    shares, amount = z3.Reals("f.shares f.amount")
    rest = [sums.executed_shares >= shares, sums.executed_amount >= amount]
    return shares, amount, [shares >= 0, amount >= 0, *rest]


def filled(sums: Sums) -> Step:
    """Return the step of a fill within its order: its shares, and at most what was for them."""
    shares, amount, before = _order(sums)
    part, money, cost = z3.Reals("part money cost")
    before += [part >= 0, part <= shares, money >= 0, money <= amount, cost >= 0, cost <= money]
    after = Sums(
        sums.executed_shares + part,
        sums.executed_amount + cost,
        sums.reserved_shares - part,
        sums.reserved_amount - money,
    )
    return Step(before, after, [shares - part, amount - money, part, cost])


def ended(sums: Sums) -> Step:
    """Return the step of an order of which nothing more can fill."""
    shares, amount, before = _order(sums)
    after = Sums(
        sums.executed_shares,
        sums.executed_amount,
        sums.reserved_shares - shares,
        sums.reserved_amount - amount,
    )
    return Step(before, after, [])


def replaced(sums: Sums) -> Step:
    """Return the step of an answer to a replace: one of both terms, each within the worst."""
    shares, amount, before = _order(sums)
    left, money = z3.Reals("left money")
    before += [left >= 0, left <= shares, money >= 0, money <= amount]
    after = Sums(
        sums.executed_shares,
        sums.executed_amount,
        sums.reserved_shares - shares + left,
        sums.reserved_amount - amount + money,
    )
    return Step(before, after, [left, money])


def unchanged(sums: Sums) -> Step:
    """Return the step of what changes no figure: a halt, a resume, a replace that lowers."""
    return Step([], sums, [])


def busted(sums: Sums) -> Step:
    """Return the step of a fill that never was; its order is not opened again."""
    shares, amount, before = _fill(sums)
    after = Sums(
        sums.executed_shares - shares,
        sums.executed_amount - amount,
        sums.reserved_shares,
        sums.reserved_amount,
    )
    return Step(before, after, [])


def corrected(sums: Sums) -> Step:
    """Return the step of a fill that was less, in shares and in money."""
    shares, amount, before = _fill(sums)
    new, cost = z3.Reals("new cost")
    before += [new >= 0, new <= shares, cost >= 0, cost <= amount]
    after = Sums(
        sums.executed_shares - shares + new,
        sums.executed_amount - amount + cost,
        sums.reserved_shares,
        sums.reserved_amount,
    )
    return Step(before, after, [new, cost])


STEPS: Final[Mapping[str, Callable[[Sums], Step]]] = {
    "fill": filled,
    "cancel": ended,
    "expire": ended,
    "rejected": replaced,
    "replaced": replaced,
    "bust": busted,
    "correct": corrected,
    "halt": unchanged,
    "resume": unchanged,
}


def raising(table: Mapping[str, Callable[[Sums], Step]] = STEPS) -> list[str]:
    """Return the kinds of *table* that can raise what is used, or leave something below zero."""
    sums = any_sums("s")
    found = []
    for kind, of in table.items():
        step = of(sums)
        after = step.after
        kept = [
            after.executed_shares + after.reserved_shares
            <= sums.executed_shares + sums.reserved_shares,
            after.executed_amount + after.reserved_amount
            <= sums.executed_amount + sums.reserved_amount,
            *from_zero(after),
            *(item >= 0 for item in step.items),
        ]
        solver = z3.Solver()
        solver.add([*from_zero(sums), *step.before, z3.Not(z3.And(kept))])
        if solver.check() != z3.unsat:
            found.append(kind)
    return found
