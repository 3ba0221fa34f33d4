"""Formulas for z3: the conditions under which an event is approved, and a property holds of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from repurchase.language.linear import form
from repurchase.proof.claims import Bound, Claim, bounds
from repurchase.proof.fields import FILLS, Kind
from repurchase.proof.logic import COMPARED, holds, number
from repurchase.proof.model import Request
from repurchase.proof.solver import Term, every, z3
from repurchase.rulebook.editions import Edition, RuleInForce

# The requests. A fill is not among them: it happened, and counts whatever the decision.
KINDS: Final[tuple[Kind, ...]] = ("order", "replace", "release", "release-replace")
# The kind of the held request that a release releases.
HELD: Final[dict[Kind, Kind]] = {"release": "order", "release-replace": "replace"}
# The value of `at` whose rules do not evaluate a kind. All rules evaluate a fill without an order.
_NOT_EVALUATED_AT: Final[dict[Kind, str]] = {
    "order": "fill",
    "replace": "fill",
    "release": "fill",
    "release-replace": "fill",
    "fill": "order",
}


def evaluating(edition: Edition, kind: Kind) -> list[RuleInForce]:
    """Return the rules of *edition* that evaluate events of *kind*."""
    return [rule for rule in edition.rules if rule.rule.at != _NOT_EVALUATED_AT.get(kind)]


def passes(request: Request, kind: Kind | None = None) -> Term:
    """Return the condition under which *request* is approved: each `deny` and `review` rule passes.

    `review` rules do not apply to a release or a fill. The program itself denies a sell order, an
    unlisted instrument, a wrong rate, a rate out of bounds, an event that no rule evaluates, a
    prepayment of an unknown amount, and, if a rule of the file reads an amount, such a fill. If
    *kind* is given, the rules for *kind* evaluate the request, not those for its own.
    """
    return by_moment(request, kind or request.kind, partial(_passes, request))


def by_moment(request: Request, kind: Kind, of: Callable[[Kind], Term]) -> Term:
    """Return the term that *of* gives for the kind whose rules evaluate *request*, taken as *kind*.

    All rules evaluate a fill or a correct that uses another method than its order or fill, and a
    correct that raises shares or money.
    """
    if kind not in ("fill", "correct"):
        return of(kind)
    is_new_use = request.otherwise
    if kind == "correct":
        is_new_use = z3.Or(is_new_use, request.more[0] > 0, request.more[1] > 0)
    return z3.If(is_new_use, of("fill-alone"), of("fill"))


def _passes(request: Request, kind: Kind) -> Term:
    asked = evaluating(request.edition, kind)
    stopping = ("deny", "review") if kind in ("order", "replace") else ("deny",)
    is_evaluated = bool(request.edition.rules if kind in FILLS else asked)
    is_sale = request.words["trade.side"].is_one("sell")
    return every(
        [z3.BoolVal(is_evaluated), request.listed, z3.Not(request.is_odd), z3.Not(is_sale)]
        + [z3.Not(request.is_out)]
        + ([request.amount_present] if kind in FILLS and request.edition.judges_money else [])
        + ([z3.Implies(request.ahead, request.amount_present)] if request.kind == "order" else [])
        + [holds(rule.passes, request.facts) for rule in asked if rule.rule.effect in stopping]
    )


def halts(request: Request) -> Term:
    """Return the condition under which a fill or correct halts a desk: it fails a `deny` rule.

    The program itself halts for a sell fill, an unlisted instrument, a rate out of bounds, and a
    file without rules. An undecided rule denies a fill, and does not halt.
    """
    return by_moment(request, request.kind, partial(_halts, request))


def _halts(request: Request, kind: Kind) -> Term:
    is_sale = request.words["trade.side"].is_one("sell")
    return z3.Or(
        [z3.BoolVal(not request.edition.rules), z3.Not(request.listed), is_sale, request.is_out]
        + [
            holds(rule.fails, request.facts)
            for rule in evaluating(request.edition, kind)
            if rule.rule.effect == "deny"
        ]
    )


def relied_on(request: Request, kind: Kind, claim: Claim) -> Term | None:
    """Return the condition on *request* on which *claim* relies; `None` for all of its approval.

    An edition that comes into force only while other orders can still fill evaluates a request by
    the file's own unconditional caps alone. Such a cap therefore relies on these rules alone.
    """
    standing = [cap for cap in request.edition.caps if cap.is_standing]
    if not any((cap.rule, cap.fact) == (claim.rule, claim.sum) for cap in standing):
        return None
    capping = {cap.rule for cap in standing}
    rules = (of for of in evaluating(request.edition, kind) if of.rule.id in capping)
    return z3.And([holds(of.passes, request.facts) for of in rules if of.rule.effect == "deny"])


def meets(request: Request, claim: Claim) -> Term:
    """Return the condition under which *claim* holds of *request*."""
    edition, facts = request.edition, request.facts
    within = [is_within(request, bound) for bound in bounds(claim, edition)]
    rule = next((of.rule for of in edition.rules if of.rule.id == claim.rule), None)
    if rule is None:
        return z3.And(within)
    if claim.figure is None:
        within = [holds(form(rule.require.root, edition.constants), facts)]
    if claim.when is None or rule.when is None:
        return z3.And(within)
    return z3.Implies(holds(form(rule.when.root, edition.constants), facts), z3.And(within))


def is_within(request: Request, bound: Bound) -> Term:
    """Return the condition under which the fact of *bound* is known and within it."""
    if isinstance(bound.limit, str):
        return request.words[bound.fact].is_one(bound.limit)
    fact = request.facts[bound.fact]
    return z3.And(fact.present, COMPARED[bound.operator](fact.value, number(bound.limit)))
