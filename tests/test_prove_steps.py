"""What no rule is asked about never raises what is used: what proofs of rule files rest on.

One order or one fill is in focus, the rest of the position is a sum: so each row of a table says
what a kind of event does to any number of orders and fills. It is proved of the table that no row
raises what is executed and reserved; and whatever conforms moves a position as its row says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

from desk_events import Draft, drafts, rules
from repurchase.domain.events import Event
from repurchase.evaluation.step import step
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade, trade
from repurchase.proof.logic import number
from repurchase.proof.model import Sums, any_sums, from_zero
from repurchase.proof.solver import Term
from repurchase.rulebook.editions import Editions
from repurchase.rulebook.life import Life


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


def raising(table: Mapping[str, Callable[[Sums], Step]]) -> list[str]:
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


def concrete(position: Position) -> Sums | None:
    """Return the sums of *position*, `None` while one of them is not known."""
    figures = (
        position.known_executed_shares(),
        position.known_executed_amount(),
        position.reserved_shares,
        position.known_reserved_amount(),
    )
    known = [number(one) for one in figures if one is not None]
    return Sums(*known) if len(known) == len(figures) else None


def is_step(kind: str, before: Sums, after: Sums) -> bool:
    """Return whether the table has a step of *kind* from one to the other."""
    of = STEPS[kind](before)
    same = [
        getattr(of.after, name) == getattr(after, name)
        for name in ("executed_shares", "executed_amount", "reserved_shares", "reserved_amount")
    ]
    solver = z3.Solver()
    solver.add([*of.before, *same, *(item >= 0 for item in of.items)])
    return bool(solver.check() == z3.sat)


@pytest.mark.slow
@given(plan=st.lists(drafts(), min_size=1, max_size=25))
def test_steps_are_those_of_the_position(plan: list[Draft]) -> None:
    """Whatever conforms moves the four sums as the table says, and nothing else does."""
    editions, position = rules().editions, Position()
    for count, draft in enumerate(plan):
        event = draft.event(f"e-{count}", position)
        edition = editions.of(event, position)
        conforms = _conforms(event, position, editions)
        before = concrete(position)
        position = step(event, position, Life(edition), live=True).position
        after = concrete(position)
        if conforms and before is not None and after is not None:
            assert is_step(event.kind, before, after), event


def _conforms(event: Event, position: Position, editions: Editions) -> bool:
    """Return whether *event* is of a kind in the table, and no breach and no fault."""
    if event.kind not in STEPS:
        return False
    if event.kind not in ("fill", "correct"):
        return True
    asked = trade(event, editions.of(event, position).counting, position)
    return (
        isinstance(asked, Trade) and not asked.is_new_use and asked.fault is None and asked.counts
    )


def test_no_step_raises_what_is_used() -> None:
    """Of no kind of event in the table, whatever the position and however many orders are open."""
    assert raising(STEPS) == []


# -- rows that are wrong --------------------------------------------------------------------------


def _bust_reserves_again(sums: Sums) -> Step:
    of = busted(sums)
    shares_, amount_ = z3.Reals("f.shares f.amount")
    after = of.after
    reserved = (after.reserved_shares + shares_ * 2, after.reserved_amount + amount_)
    return Step(of.before, Sums(after.executed_shares, after.executed_amount, *reserved), [])


def _fill_costs_more(sums: Sums) -> Step:
    of = filled(sums)
    return Step(of.before[:-1], of.after, of.items)


def _replace_below_zero(sums: Sums) -> Step:
    of = replaced(sums)
    is_left = z3.Real("left") >= 0
    return Step([one for one in of.before if not one.eq(is_left)], of.after, of.items)


def _correct_up(sums: Sums) -> Step:
    of = corrected(sums)
    return Step(of.before[:-1], of.after, of.items)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("bust", _bust_reserves_again),
        ("fill", _fill_costs_more),
        ("replaced", _replace_below_zero),
        ("correct", _correct_up),
    ],
)
def test_step_that_raises_what_is_used_is_not_proved(
    kind: str, wrong: Callable[[Sums], Step]
) -> None:
    """With one row done wrong, that kind is named, and no other is."""
    assert raising({**STEPS, kind: wrong}) == [kind]
