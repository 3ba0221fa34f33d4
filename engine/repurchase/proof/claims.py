"""What a rule file must guarantee of every request that it lets pass, whatever came before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from repurchase.domain.quantities import Exact
from repurchase.proof.logic import holds, number
from repurchase.proof.model import FILLS, Kind, Request
from repurchase.proof.solver import Term, z3
from repurchase.rulebook.editions import Edition, RuleInForce

# What asks to use the authorization: a fill happened, and counts whatever the verdict.
KINDS: Final[tuple[Kind, ...]] = ("order", "replace", "release", "release-replace")
# As what it was held that is released.
HELD: Final[dict[Kind, Kind]] = {"release": "order", "release-replace": "replace"}
# What is judged by the rules for fills alone, while it uses nothing new.
OF_ORDER: Final[tuple[Kind, ...]] = ("fill", "correct")
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
    kind = kind or request.kind
    if kind not in OF_ORDER:
        return _passes(request, kind)
    return z3.If(
        is_new_use(request, kind), _passes(request, "fill-alone"), _passes(request, "fill")
    )


def is_new_use(request: Request, kind: Kind) -> Term:
    """Return where a fill of an order, or a correct, is judged by all rules as if asked for.

    Such is what was made otherwise than it was ordered, and a correct that raises anything.
    """
    if kind == "fill":
        return request.said.otherwise
    return z3.Or(request.said.otherwise, request.more[0] > 0, request.more[1] > 0)


def _passes(request: Request, kind: Kind) -> Term:
    asked = judging(request.edition, kind)
    stopping = ("deny", "review") if kind in ("order", "replace") else ("deny",)
    is_judged = bool(request.edition.rules if kind in FILLS else asked)
    is_sale = request.said.words["trade.side"].is_one("sell")
    return z3.And(
        [z3.BoolVal(is_judged), request.listed, z3.Not(request.is_odd), z3.Not(is_sale)]
        + ([request.amount_present] if kind in FILLS else [])
        + [holds(rule.passes, request.facts) for rule in asked if rule.rule.effect in stopping]
    )


def window(edition: Edition) -> tuple[Exact | None, Exact | None]:
    """Return the first and the last day that *edition* has, counted; `None` where it has none."""
    terms = edition.constants.terms
    return terms.get("terms.first_day"), terms.get("terms.last_day")


def claims(request: Request) -> Iterator[tuple[str, Term]]:
    """Yield what must hold of *request* once it is approved, each under its name."""
    after, edition = request.after, request.edition
    if edition.max_shares is not None:
        used = after.executed_shares + after.reserved_shares
        yield "shares", z3.And(after.shares_known, used <= number(edition.max_shares))
    if edition.max_amount is not None:
        used = after.executed_amount + after.reserved_amount
        known = z3.And(after.amount_known, after.bounded)
        yield "amount", z3.And(known, used <= number(edition.max_amount))
    first, last = window(edition)
    for name, begin, end in (
        ("window", "date", "last_date"),
        ("window-at-venue", "venue_date", "venue_last_date"),
    ):
        bounds = []
        if first is not None:
            bounds.append(request.day(begin) >= number(first))
        if last is not None:
            bounds.append(request.day(end) <= number(last))
        if bounds:
            yield name, z3.And(bounds)
    yield "buys", request.said.words["trade.side"].is_one("buy")
