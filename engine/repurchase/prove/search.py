"""A short history, event by event, at the end of which rules let pass what they must not.

The model of it is exact, unlike that of the proof: what was brought forward, at most two open
orders, and the event. The engine judges it again; without its word there is no history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import product
from typing import Any, Final, NamedTuple

import msgspec
import z3

from repurchase.edition import Edition
from repurchase.prove.claims import passes, window
from repurchase.prove.events import event_of, whole
from repurchase.prove.exact import after, dated, figures, follows
from repurchase.prove.free import scope_of
from repurchase.prove.logic import Term, number
from repurchase.prove.model import FILLS, Kind, Request, Sums, request

PRIORS_MAX: Final = 2
# So long, in milliseconds, small figures are looked for where any would do.
_PATIENCE: Final = 1_000
# Amounts are prices times quantities times rates: with one of the first two at 1, they are sums.
_AT_ONE: Final = ("quantity", "price")
# Figures are whole where they can be, else on the grid of what an event can write.
_GRIDS: Final = (1, 10**12)


class Stretch(msgspec.Struct, frozen=True):
    """Days on which one edition of each rule file is in force, as known on each of them.

    *venue_day* is the day at the venue, where it is to be another than the one here.
    """

    first: date
    last: date
    editions: tuple[Edition, ...]
    venue_day: date | None = None


class Shape(NamedTuple):
    """How a history is looked for: what came before, what is 1, and on which grid figures are."""

    forward: bool
    priors: int
    at_one: str
    grid: int


SHAPES: Final = [
    Shape(forward, priors, at_one, grid)
    for grid in _GRIDS
    for priors in range(PRIORS_MAX + 1)
    for forward, at_one in product((False, True), _AT_ONE)
]

# What is looked for, of the last event as each edition reckons it.
Goal = Callable[[Sequence[Request]], Term]


def histories(
    stretch: Stretch, kind: Kind, goal: Goal, left: Callable[[], int]
) -> Iterator[list[dict[str, Any]]]:
    """Yield the events of histories whose last is of *kind* and meets *goal*, the shortest first.

    All before it are approved by every edition of *stretch*. *left* tells how many milliseconds
    may still be spent.
    """
    for shape in SHAPES:
        # A replace and a fill are of the order before them.
        if shape.priors or kind not in ("replace", "fill"):
            events = _events(stretch, kind, goal, shape, left())
            if events:
                yield events


def _events(
    stretch: Stretch, kind: Kind, goal: Goal, shape: Shape, milliseconds: int
) -> list[dict[str, Any]]:
    """Return the events of a history of *shape* as z3 has them, small figures first."""
    if not milliseconds:
        return []
    forward = z3.Ints("forward.shares forward.amount")
    formulas, asked = _all(stretch, kind, goal, shape, forward)
    # What is used says more than that nobody can tell what is.
    known = [one.amount_present for one in asked[-1]]
    for more in ([*known, *formulas], formulas):
        plain = z3.Solver()
        plain.set("timeout", milliseconds)
        plain.add(more)
        if plain.check() == z3.sat:
            model = _smaller(more, asked, milliseconds) or plain.model()
            return _told(model, asked, forward if shape.forward else None)
    return []


def _all(
    stretch: Stretch, kind: Kind, goal: Goal, shape: Shape, forward: Sequence[Term]
) -> tuple[list[Term], list[list[Request]]]:
    """Return what a history of *shape* towards *goal* is, and its events under each edition."""
    editions = stretch.editions
    scope = scope_of(editions)
    formulas = _brought(forward, editions, is_any=shape.forward)
    brought = Sums(z3.ToReal(forward[0]), z3.ToReal(forward[1]), number(0), number(0))
    sums = [brought] * len(editions)
    asked: list[list[Request]] = []
    for index in range(shape.priors + 1):
        is_last = index == shape.priors
        own_kind: Kind = kind if is_last else "order"
        now = []
        for at, edition in enumerate(editions):
            past = tuple(before[at] for before in asked)
            one = request(
                edition,
                sums[at],
                f"r{index}",
                own_kind,
                scope=scope,
                own=f"'{at}",
                day=after(past),
            )
            about = past[-1] if own_kind in ("replace", "fill") else None
            formulas += [*one.ties, *figures(one, shape.at_one, shape.grid), *follows(one, about)]
            formulas += dated(one, stretch.first, stretch.last, stretch.venue_day)
            formulas += [earlier.day("date") <= one.day("date") for earlier in past[-1:]]
            if not is_last:
                # What cannot be computed would leave the figures unknown, which is another matter.
                formulas += [passes(one), one.amount_present]
            now.append(one)
        asked.append(now)
        sums = [one.after for one in now]
    return [*formulas, goal(asked[-1])], asked


def _smaller(formulas: Sequence[Term], asked: Sequence[Sequence[Request]], limit: int) -> Any:
    """Return a model with small figures, `None` where it would take long to find one."""
    solver = z3.Optimize()
    solver.set("timeout", min(limit, _PATIENCE))
    solver.add(list(formulas))
    for event in asked:
        _prefer(solver, event[0])
    return solver.model() if solver.check() == z3.sat else None


def _brought(forward: Sequence[Term], editions: Sequence[Edition], *, is_any: bool) -> list[Term]:
    """Return what may be brought forward: nothing, or what is within the caps."""
    if not is_any:
        return [one == 0 for one in forward]
    within = [one >= 0 for one in forward]
    for edition in editions:
        caps = (edition.max_shares, edition.max_amount)
        within += [
            one <= number(cap) for one, cap in zip(forward, caps, strict=True) if cap is not None
        ]
    return within


def _prefer(solver: Any, one: Request) -> None:
    """Let *solver* look for small figures, and for what a reader expects."""
    first, last = window(one.edition)
    solver.minimize(one.units)
    solver.minimize(one.facts["trade.price"].value)
    solver.add_soft(one.listing == 0)
    solver.add_soft(z3.Not(one.timed))
    solver.add_soft(one.day("venue_last_date") == one.day("venue_date"))
    solver.add_soft(one.day("last_date") == one.day("date"))
    if first is not None:
        solver.add_soft(one.day("date") >= number(first))
    if last is not None:
        solver.add_soft(one.day("date") <= number(last) + 1)


def _told(
    model: Any, asked: Sequence[Sequence[Request]], forward: Sequence[Term] | None
) -> list[dict[str, Any]]:
    """Return the events of *model* as a sender would write them."""
    names = [f"{'f' if one[0].kind in FILLS else 'o'}-{at}" for at, one in enumerate(asked, 1)]
    kind = asked[-1][0].kind
    if kind == "replace":
        names[-1] = "replace-1"
    about = [
        names[-2] if kind in ("replace", "fill") and at == len(asked) else None
        for at in range(1, len(asked) + 1)
    ]
    events = [
        event_of(model, one, name, of) for one, name, of in zip(asked, names, about, strict=True)
    ]
    if kind == "release":
        held = events[-1]
        held["by"] = "Ann"
        now = {name: held[name] for name in held if name in ("time", "date") or "." in name}
        release = {"kind": "release", "id": "r-1", "order": held["id"], "by": "Bob"}
        events.append({**release, "reason": "seen", **now})
    if forward is not None:
        shares, amount = (str(whole(model, one)) for one in forward)
        brought = {"kind": "brought_forward", "id": "before", "shares": shares, "amount": amount}
        events.insert(0, brought)
    return events
