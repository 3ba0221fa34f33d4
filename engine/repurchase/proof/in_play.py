"""The open order that a replace or a fill is about: its terms, and that a rule file approved it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from repurchase.proof.approval import passes
from repurchase.proof.fields import OF_MOMENT
from repurchase.proof.logic import number
from repurchase.proof.model import Request, any_sums, from_zero, states_same
from repurchase.proof.solver import Term, z3

# Names in z3 for an order's terms, and for those of a replace that the venue has not acknowledged.
IN_PLAY: Final = ("p", "q")


class Terms(NamedTuple):
    """Arbitrary terms of an open order, *asked* for by a request.

    *each* is the most program currency that a unit may cost, with the margin but without fees;
    *is_bounded* says whether the order's money can be computed. *is_approved* is the condition that
    a rule file approved these terms.
    """

    asked: Request
    each: Term
    is_bounded: Term
    is_approved: Term


class Option(NamedTuple):
    """One way in which terms were approved: by the editions of all requests *asked*, if *dated*."""

    asked: Sequence[Request]
    dated: Term


def any_terms(name: str, options: Sequence[Option]) -> Terms:
    """Return arbitrary terms *name* of an open order, approved in one of the ways *options*.

    The requests are replaces, which may add only part of their quantity. One file is enough to
    approve terms: the desk may adopt another file while the order is open.
    """
    each, is_bounded = z3.Real(f"{name}.each"), z3.Bool(f"{name}.is_bounded")
    approved = [_approved(option, each, is_bounded) for option in options]
    known = z3.And(*from_zero(any_sums(f"{name}.s")), z3.Or(approved))
    return Terms(options[0].asked[0], each, is_bounded, known)


def _approved(option: Option, each: Term, is_bounded: Term) -> Term:
    one = option.asked[0]
    return z3.And(
        *(tie for asked in option.asked for tie in asked.ties),
        # The order may have been held, and released.
        *(passes(asked, "release-replace") for asked in option.asked),
        option.dated,
        each == z3.If(one.ahead, 0, one.by_listing(_most(one), one.paid)),
        is_bounded == one.amount_present,
    )


def _most(one: Request) -> Callable[..., Term]:
    return lambda of: one.paid * number(1 + of.fx_margin)


def of_order(one: Request, terms: Sequence[Terms], *, is_late: bool | None = None) -> list[Term]:
    """Return the conditions that tie a replace or a fill to an open order with *terms*.

    A fill beyond its order is not among them: both files deny it, and both halt the program.
    *is_late* says whether a fill is reported late, with a day before the order's; `None` if it may.
    """
    found: list[Term] = []
    for own in terms:
        found += [own.is_approved, _is_listed_as(one, own.asked)]
        words = own.asked.words
        if one.kind == "fill":
            method = words["trade.method"].chosen
            found += [
                one.words["trade.side"].chosen == words["trade.side"].chosen,
                z3.Or(one.otherwise, method == -1, one.words["trade.method"].chosen == method),
            ]
        else:
            found += [
                word.chosen == words[name].chosen
                for name, word in one.words.items()
                if name not in OF_MOMENT
            ]
            found += states_same(one, own.asked)
        if is_late is not None or one.kind != "fill":
            # A request is never dated before the program's latest day.
            is_before = one.day("date") < own.asked.day("date")
            found.append(is_before if is_late else z3.Not(is_before))
    found.append(z3.Or([_lasts(one, own.asked) for own in terms]))
    return [*found, *_within(one, terms)] if one.kind == "fill" else found


def _is_listed_as(one: Request, own: Request) -> Term:
    """Return the condition that *one* is at a venue where its order can fill, with terms *own*.

    An order with several venues is approved at each of them, so *own* are its terms at that venue.
    A fill at another venue of the instrument is judged by all rules, as one by another method is.
    """
    is_same = one.listing == own.listing
    if one.kind != "fill" or not one.scope.is_routed:
        return is_same
    elsewhere = [
        z3.And(one.listing == here, own.listing == there)
        for here, at in enumerate(one.listings)
        for there, first in enumerate(own.listings)
        if at is not None and first is not None and at.instrument == first.instrument
    ]
    return z3.Or(is_same, z3.And(one.otherwise, z3.Or(elsewhere)))


def _lasts(one: Request, own: Request) -> Term:
    """Return the condition that an order with the terms *own* has not ended before *one*.

    A fill may be reported late, with a day before the order's. If only the day of a replace is
    known, it is compared with the order's end on one of the two clocks. At a venue that the order
    does not name, the authorization's clock alone ends it.
    """
    days = (
        one.day("date") <= own.day("last_date"),
        one.day("venue_date") <= own.day("venue_last_date"),
    )
    is_routed = one.scope.is_routed
    if one.kind != "fill":
        return z3.Or(days)
    return z3.And(days[0], z3.Or(days[1], one.listing != own.listing) if is_routed else days[1])


def _within(fill: Request, terms: Sequence[Terms]) -> list[Term]:
    """Return the conditions that *fill* is within an order with *terms*: its quantity and price.

    A fill that states its amount may state any price beside it. The money of a fill is compared
    only if it can be computed.
    """
    paid = [z3.Or(z3.Not(own.is_bounded), fill.paid <= own.each) for own in terms]
    priced = [z3.Or(z3.Not(own.asked.has_price), fill.price <= own.asked.price) for own in terms]
    return [
        z3.Or([fill.units <= own.asked.units for own in terms]),
        z3.Or(z3.Not(fill.amount_present), fill.ahead, *paid),
        z3.Or(z3.Not(fill.has_price), fill.has_amount, *priced),
    ]
