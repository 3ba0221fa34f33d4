"""A short history, event by event, in which a rule file lets pass what it must not.

The model of it is exact, unlike that of the proof: what was brought forward, at most two open
orders, and the event. The engine judges it again; without its word there is no history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from itertools import product
from typing import Any, Final, NamedTuple

import msgspec
import z3

from repurchase.clocks import YEAR_MAX, YEAR_MIN
from repurchase.edition import Edition, Editions
from repurchase.prove.claims import Kind, claims, passes, window
from repurchase.prove.engine import History, confirmed
from repurchase.prove.events import order_of, whole
from repurchase.prove.logic import Fact, Facts, Term, number
from repurchase.prove.model import Request, Sums, request

PRIORS_MAX: Final = 2
# What an event can be of, and last until, with a year to spare.
_EARLIEST: Final = date(YEAR_MIN + 1, 1, 1)
_LATEST: Final = date(YEAR_MAX - 1, 1, 1)
# So long, in milliseconds, small figures are looked for where any would do.
_PATIENCE: Final = 1_000
# Amounts are prices times quantities times rates: with one of the first two at 1, they are sums.
_AT_ONE: Final = ("quantity", "price")


class Stretch(msgspec.Struct, frozen=True):
    """Days on which one edition is in force, as known on each of them.

    *venue_day* is the day at the venue, where it is to be another than the one here.
    """

    first: date
    last: date
    edition: Edition
    venue_day: date | None = None


class Shape(NamedTuple):
    """How a history is looked for: what came before, and which part of an amount is 1."""

    forward: bool
    priors: int
    at_one: str


SHAPES: Final = [
    Shape(forward, priors, at_one)
    for priors in range(PRIORS_MAX + 1)
    for forward, at_one in product((False, True), _AT_ONE)
]


def histories(
    stretch: Stretch, editions: Editions, claim: str, kind: Kind, left: Callable[[], int]
) -> Iterator[History]:
    """Yield histories against *claim*, the shortest first, each confirmed by the engine.

    *left* tells how many milliseconds may still be spent.
    """
    for shape in SHAPES:
        events = _events(stretch, claim, kind, shape, left())
        history = confirmed(events, editions, claim) if events else None
        if history is not None:
            yield history


def _events(
    stretch: Stretch, claim: str, kind: Kind, shape: Shape, milliseconds: int
) -> list[dict[str, Any]]:
    """Return the events of a history of *shape* as z3 has them, small figures first."""
    if not milliseconds:
        return []
    edition = stretch.edition
    forward = z3.Ints("forward.shares forward.amount")
    formulas, asked = _all(stretch, claim, kind, shape, forward)
    # What is used says more than that nobody can tell what is.
    for more in ([asked[-1].amount_present, *formulas], formulas):
        plain = z3.Solver()
        plain.set("timeout", milliseconds)
        plain.add(more)
        if plain.check() == z3.sat:
            model = _smaller(more, asked, edition, milliseconds) or plain.model()
            return _told(model, asked, forward if shape.forward else None, edition, kind)
    return []


def _all(
    stretch: Stretch, claim: str, kind: Kind, shape: Shape, forward: Sequence[Term]
) -> tuple[list[Term], list[Request]]:
    """Return what a history of *shape* against *claim* is, and the orders in it."""
    edition = stretch.edition
    formulas = _brought(forward, edition, is_any=shape.forward)
    sums = Sums(z3.ToReal(forward[0]), z3.ToReal(forward[1]), number(0), number(0))
    asked: list[Request] = []
    for index in range(shape.priors + 1):
        before = tuple(asked)
        one = request(edition, sums, f"r{index}", day=_after(before))
        asked.append(one)
        sums = one.after
        formulas += [*one.ties, *_written(one, edition, shape.at_one), *_dated(one, stretch)]
        formulas += [earlier.day("date") <= one.day("date") for earlier in before[-1:]]
        is_last = index == shape.priors
        formulas.append(passes(edition, one, released=is_last and kind == "release"))
    # What cannot be computed would leave the figures unknown, which is another matter.
    formulas += [earlier.amount_present for earlier in asked[:-1]]
    formulas.append(z3.Not(dict(claims(edition, asked[-1]))[claim]))
    if kind == "release":
        formulas.append(z3.Not(passes(edition, asked[-1], released=False)))
    return formulas, asked


def _smaller(
    formulas: Sequence[Term], asked: Sequence[Request], edition: Edition, milliseconds: int
) -> Any:
    """Return a model with small figures, `None` where it would take long to find one."""
    solver = z3.Optimize()
    solver.set("timeout", min(milliseconds, _PATIENCE))
    solver.add(list(formulas))
    _prefer(solver, asked, edition)
    return solver.model() if solver.check() == z3.sat else None


def _brought(forward: Sequence[Term], edition: Edition, *, is_any: bool) -> list[Term]:
    """Return what may be brought forward: nothing, or what is within the caps."""
    if not is_any:
        return [one == 0 for one in forward]
    caps = (edition.max_shares, edition.max_amount)
    within = [one <= number(cap) for one, cap in zip(forward, caps, strict=True) if cap is not None]
    return [*(one >= 0 for one in forward), *within]


def _dated(one: Request, stretch: Stretch) -> list[Term]:
    """Return that *one* is of a day of *stretch* and can be written."""
    there = stretch.venue_day
    return [
        *([] if there is None else [one.day("venue_date") == there.toordinal()]),
        one.day("date") >= max(stretch.first, _EARLIEST).toordinal(),
        one.day("date") <= min(stretch.last, _LATEST).toordinal(),
        one.day("venue_last_date") <= _LATEST.toordinal(),
    ]


def _prefer(solver: Any, asked: Sequence[Request], edition: Edition) -> None:
    """Let *solver* look for small figures, and for what a reader expects."""
    first, last = window(edition)
    for one in asked:
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
    model: Any,
    asked: Sequence[Request],
    forward: Sequence[Term] | None,
    edition: Edition,
    kind: Kind,
) -> list[dict[str, Any]]:
    """Return the events of *model* as a sender would write them."""
    events = [order_of(model, one, edition, f"o-{at}") for at, one in enumerate(asked, 1)]
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


def _written(one: Request, edition: Edition, at_one: str) -> list[Term]:
    """Return what keeps the figures of *one* to what an event can write, and products to sums."""
    price, amount = one.facts["trade.price"].value, one.facts["trade.amount"].value
    each = one.facts["trade.price_per_share"].value
    fees = one.fees if edition.reckoning.with_fees else number(0)
    is_price_one = at_one == "price"
    cost = z3.ToReal(one.units) if is_price_one else price
    ties = [price == 1 if is_price_one else one.units == 1, z3.IsInt(price), z3.IsInt(one.fees)]
    for at, listing in enumerate(one.listings):
        own = [
            amount == cost * number(1 + listing.fx_margin) + fees,
            each == price / number(listing.shares_each),
        ]
        ties.append(z3.Implies(one.listing == at, z3.And(own)))
    ties += [
        z3.Implies(fact.present, z3.IsInt(fact.value))
        for name, fact in one.facts.items()
        if name.startswith(("market.", "issuer.")) or name == "trade.venue_time"
    ]
    return ties


def _after(past: Sequence[Request]) -> Callable[[Request], Facts]:
    """Return what gives the facts of the day of a request after the orders *past*, exactly."""

    def facts(now: Request) -> Facts:
        # One broker for all of a history: with more, a rule on brokers says less.
        broker = now.words["trade.broker"].chosen
        now.ties.extend(one.words["trade.broker"].chosen == broker for one in past)
        same = [
            z3.And(one.listing == now.listing, one.day("venue_date") == now.day("venue_date"))
            for one in past
        ]
        return dict(_day(now, list(zip(past, same, strict=True))))

    return facts


def _day(now: Request, past: Sequence[tuple[Request, Term]]) -> Iterator[tuple[str, Fact]]:
    """Yield the facts of the day of *now*; with each order *past*, whether it is of that day."""

    def shares(one: Request) -> Term:
        return one.facts["trade.shares"].value

    def by(one: Request, method: str) -> Term:
        return one.words["trade.method"].is_one(method)

    def count(of: Callable[[Request], Term]) -> tuple[Term, Term]:
        before = z3.Sum([number(0), *(z3.If(same, of(one), number(0)) for one, same in past)])
        return before, before + of(now)

    def said(fact: str) -> tuple[Term, Term]:
        each = [z3.Implies(same, one.words[fact].chosen >= 0) for one, same in past]
        before = z3.And([z3.BoolVal(True), *each])
        return before, z3.And(before, now.words[fact].chosen >= 0)

    always = (z3.BoolVal(True), z3.BoolVal(True))
    any_before = z3.Or([z3.BoolVal(False), *(same for _, same in past)])
    counts: Mapping[str, tuple[tuple[Term, Term], tuple[Term, Term]]] = {
        "ordered_shares": (count(shares), always),
        "executed_shares": ((number(0), number(0)), always),
        "brokers": ((z3.If(any_before, number(1), number(0)), number(1)), said("trade.broker")),
        "blocks": (
            count(lambda one: z3.If(by(one, "block"), number(1), number(0))),
            said("trade.method"),
        ),
        "auction_ordered_shares": (
            count(lambda one: z3.If(by(one, "auction"), shares(one), number(0))),
            said("trade.method"),
        ),
        "off_auction_shares": (
            count(lambda one: z3.If(by(one, "off_auction"), shares(one), number(0))),
            said("trade.method"),
        ),
    }
    for name, ((before, after), (known, known_after)) in counts.items():
        yield f"day.{name}", Fact(known, before)
        yield f"day.{name}_after", Fact(known_after, after)
