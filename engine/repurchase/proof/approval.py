"""Where an event of a kind is approved, and where a claim holds of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from repurchase.proof.claims import Bound
from repurchase.proof.fields import FILLS, Kind
from repurchase.proof.logic import COMPARED, holds, number
from repurchase.proof.model import Request
from repurchase.proof.solver import Term, z3
from repurchase.rulebook.editions import Edition, RuleInForce

# What asks to use the authorization: a fill happened, and counts whatever the verdict.
KINDS: Final[tuple[Kind, ...]] = ("order", "replace", "release", "release-replace")
# As what it was held that is released.
HELD: Final[dict[Kind, Kind]] = {"release": "order", "release-replace": "replace"}
# Which rules judge a kind are those that are not for the other moment; of a fill alone, all.
_NOT_JUDGED_BY: Final[dict[Kind, str]] = {
    "order": "fill",
    "replace": "fill",
    "release": "fill",
    "release-replace": "fill",
    "fill": "order",
}


def judging(edition: Edition, kind: Kind) -> list[RuleInForce]:
    """Return the rules of *edition* that judge events of *kind*."""
    return [rule for rule in edition.rules if rule.rule.at != _NOT_JUDGED_BY.get(kind)]


def passes(request: Request, kind: Kind | None = None) -> Term:
    """Return where *request* is approved: no `deny` rule stops it, nor one for review.

    What is released no rule for review stops any more, and what happened cannot wait for it. The
    program itself denies a sale, what is no instrument, a wrong rate, and what no rule judges; a
    fill also where its money is not known. It is judged as one of *kind*, without it as what it is.
    """
    return by_moment(request, kind or request.kind, partial(_passes, request))


def by_moment(request: Request, kind: Kind, of: Callable[[Kind], Term]) -> Term:
    """Return what holds *of* the kind by whose rules *request* is judged as one of *kind*.

    A fill of an order and a correct are judged by all rules, as if asked for, if they were made
    otherwise than it was ordered; so is a correct that raises anything.
    """
    if kind not in ("fill", "correct"):
        return of(kind)
    is_new_use = request.otherwise
    if kind == "correct":
        is_new_use = z3.Or(is_new_use, request.more[0] > 0, request.more[1] > 0)
    return z3.If(is_new_use, of("fill-alone"), of("fill"))


def _passes(request: Request, kind: Kind) -> Term:
    asked = judging(request.edition, kind)
    stopping = ("deny", "review") if kind in ("order", "replace") else ("deny",)
    is_judged = bool(request.edition.rules if kind in FILLS else asked)
    is_sale = request.words["trade.side"].is_one("sell")
    return z3.And(
        [z3.BoolVal(is_judged), request.listed, z3.Not(request.is_odd), z3.Not(is_sale)]
        + ([request.amount_present] if kind in FILLS else [])
        + [holds(rule.passes, request.facts) for rule in asked if rule.rule.effect in stopping]
    )


def meets(request: Request, bounds: Iterable[Bound]) -> Term:
    """Return where *request* is within all *bounds*."""
    return z3.And([_within(request, bound) for bound in bounds])


def _within(request: Request, bound: Bound) -> Term:
    if isinstance(bound.limit, str):
        return request.words[bound.fact].is_one(bound.limit)
    fact = request.facts[bound.fact]
    return z3.And(fact.present, COMPARED[bound.operator](fact.value, number(bound.limit)))
