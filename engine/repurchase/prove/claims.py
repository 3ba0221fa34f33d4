"""What a rule file must guarantee of every request that it lets pass, whatever came before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import z3

from repurchase.edition import Edition
from repurchase.prove.logic import Term, holds, number
from repurchase.prove.model import Request
from repurchase.quantities import Exact

Kind = Literal["order", "replace", "release"]
KINDS: Final[tuple[Kind, ...]] = ("order", "replace", "release")


def passes(edition: Edition, request: Request, *, released: bool) -> Term:
    """Return where *request* is approved: no `deny` rule stops it, nor one for review.

    What is *released* no rule for review stops any more. The program itself denies a sale, and
    what no rule judges.
    """
    asked = [rule for rule in edition.rules if rule.rule.at != "fill"]
    stopping = ("deny",) if released else ("deny", "review")
    return z3.And(
        [z3.BoolVal(bool(asked)), z3.Not(request.words["trade.side"].is_one("sell"))]
        + [holds(rule.passes, request.facts) for rule in asked if rule.rule.effect in stopping]
    )


def window(edition: Edition) -> tuple[Exact | None, Exact | None]:
    """Return the first and the last day that *edition* has, counted; `None` where it has none."""
    terms = edition.constants.terms
    return terms.get("terms.first_day"), terms.get("terms.last_day")


def claims(edition: Edition, request: Request) -> Iterator[tuple[str, Term]]:
    """Yield what must hold of *request* once it is approved, each under its name."""
    after = request.after
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
    yield "buys", request.words["trade.side"].is_one("buy")
