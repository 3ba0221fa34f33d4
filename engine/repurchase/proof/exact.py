"""What a history that can be written says: its figures, its days, and what came before, exactly.

The model of a proof lets more be than there is; of what is to be shown nothing may be left open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final, Literal, NamedTuple

from repurchase.domain.calendars import YEAR_MAX, YEAR_MIN
from repurchase.proof.logic import Fact, Facts, number
from repurchase.proof.model import FILLS, REPLACES, Request, Sums
from repurchase.proof.solver import Term, z3

# What became of an event before the last: an order stays open, at once or once it is released, is
# filled in part or whole, or is cancelled; a breach is a fill of no order, whatever the verdict.
Prior = Literal["open", "released", "filled", "cancelled", "breach"]

# What an event can be of, and last until, with a year to spare.
EARLIEST: Final = date(YEAR_MIN + 1, 1, 1)
LATEST: Final = date(YEAR_MAX - 1, 1, 1)

# A rate that is not 1.
RATE: Final = 2

_NOTHING: Final = number(0)
_ALWAYS: Final = z3.BoolVal(True)


class Past(NamedTuple):
    """An event before the last, what became of it, and how many *units* of it are filled."""

    asked: Request
    prior: Prior
    units: Term


def figures(one: Request, at_one: str, grid: int) -> list[Term]:
    """Return what keeps the figures of *one* to what an event can write, and products to sums.

    Its price or its quantity is 1, whichever is *at_one*, and its rate is 1 or 2: each is a whole
    number of so many parts of 1 as *grid* has.
    """
    price = one.facts["trade.price"].value
    is_price_one = at_one == "price"
    ties = [
        price == 1 if is_price_one else one.said.units == 1,
        z3.IsInt(price * grid),
        z3.IsInt(one.said.fees * grid),
        one.said.paid == _at_rate(one, price),
        one.said.cost == _at_rate(one, z3.ToReal(one.said.units) if is_price_one else price),
        z3.Not(one.said.has_amount),
    ]
    ties += [
        z3.Implies(fact.present, z3.IsInt(fact.value * grid))
        for name, fact in one.facts.items()
        if name.startswith(("market.", "issuer."))
    ]
    return [*ties, z3.IsInt(one.facts["trade.venue_time"].value)]


def _at_rate(one: Request, money: Term) -> Term:
    return z3.If(z3.And(one.said.has_rate, z3.Not(one.said.is_even)), RATE * money, money)


def became(one: Request, prior: Prior, name: str) -> tuple[Past, list[Term]]:
    """Return *one* as what it became, and what must be so of it for that."""
    if prior != "filled":
        units = one.said.units if prior == "breach" else z3.IntVal(0)
        return Past(one, prior, units), []
    units = z3.Int(f"{name}.filled")
    return Past(one, prior, units), [units >= 1, units <= one.said.units, one.said.fees == 0]


def left(before: Sums, past: Past) -> Sums:
    """Return the sums after *past*, which came at *before*."""
    one, units = past.asked, past.units
    if past.prior == "cancelled":
        return before
    if past.prior != "filled":
        return one.after
    # With a price or a quantity of 1 a part costs as many as it has units, or all.
    cost = z3.If(units == one.said.units, one.said.cost, _at_rate(one, z3.ToReal(units)))
    rest = one.by_listing(lambda of: (one.said.cost - cost) * number(1 + of.fx_margin), _NOTHING)
    return Sums(
        before.executed_shares + _part(past),
        before.executed_amount + cost,
        before.reserved_shares + _shares(one) - _part(past),
        before.reserved_amount + rest,
    )


def follows(one: Request, about: Past | None) -> list[Term]:
    """Return what ties *one* to the order that it is *about*, and what it adds to what is used."""
    shares, amount = one.facts["trade.shares"].value, one.facts["trade.amount"].value
    money = z3.If(one.amount_present, amount, 0)
    if about is None:
        return [one.more[0] == shares, one.more[1] == money]
    own = about.asked
    price, limit = one.facts["trade.price"], own.facts["trade.price"]
    is_open = about.units < own.said.units
    same = [
        one.said.listing == own.said.listing,
        limit.present,
        price.present,
        one.said.has_rate == own.said.has_rate,
        one.said.is_even == own.said.is_even,
        one.said.has_fees == own.said.has_fees,
        is_open,
        *(_is_lent(one, own, name) for name in one.said.words),
    ]
    if one.kind == "correct":
        # It is of the fill's day, and of an other number or price.
        return [
            *(part for part in same if not part.eq(is_open)),
            z3.Not(one.said.otherwise),
            *(one.day(day) == own.day(day) for day in ("date", "venue_date")),
            one.more[0] == shares - own.facts["trade.shares"].value,
            one.more[1] == money - own.facts["trade.amount"].value,
        ]
    if one.kind == "fill":
        is_whole = one.said.units == own.said.units
        cost = z3.If(is_whole, own.said.cost, _at_rate(own, z3.ToReal(one.said.units)))
        lent = own.by_listing(lambda of: cost * number(1 + of.fx_margin), _NOTHING)
        with_fees = own.edition.counting.with_fees
        return [
            *same,
            one.said.units <= own.said.units,
            price.value <= limit.value,
            one.said.fees == own.said.fees,
            z3.Or(is_whole, own.said.fees == 0),
            one.day("date") <= own.day("last_date"),
            one.day("venue_date") <= own.day("venue_last_date"),
            one.more[0] == 0,
            one.more[1] == money - lent - (own.said.fees if with_fees else 0),
        ]
    raised = [
        (one.said.units, own.said.units),
        (price.value, limit.value),
        (one.said.fees, own.said.fees),
        (one.day("last_date"), own.day("last_date")),
        (one.day("venue_last_date"), own.day("venue_last_date")),
    ]
    return [
        *same,
        *(one.day(day) == own.day(day) for day in ("date", "venue_date")),
        one.said.units >= about.units,
        z3.Or([new > old for new, old in raised]),
        one.more[0] == _above(shares, own.facts["trade.shares"].value),
        one.more[1] == _above(money, own.facts["trade.amount"].value),
    ]


def _is_lent(one: Request, own: Request, name: str) -> Term:
    """Return that a word is that of the order; a fill may say another broker or method."""
    word, lent = one.said.words[name].chosen, own.said.words[name].chosen
    if one.kind == "fill" and name == "trade.method":
        is_other = z3.And(word != lent, lent >= 0, word >= 0)
        return z3.If(one.said.otherwise, is_other, word == lent)
    if one.kind == "fill" and name == "trade.broker":
        return z3.Or(word == lent, word >= 0)
    return word == lent


def _above(new: Term, old: Term) -> Term:
    """Return by how much *new* is above *old*: the larger of both stays reserved."""
    return z3.If(new > old, new - old, _NOTHING)


def dated(one: Request, first: date, last: date, venue_day: date | None) -> list[Term]:
    """Return that *one* is of a day from *first* to *last*, at the venue *venue_day* if given."""
    return [
        *([] if venue_day is None else [one.day("venue_date") == venue_day.toordinal()]),
        one.day("date") >= max(first, EARLIEST).toordinal(),
        one.day("date") <= min(last, LATEST).toordinal(),
        one.day("venue_last_date") <= LATEST.toordinal(),
    ]


def after(past: Sequence[Past]) -> Callable[[Request], Facts]:
    """Return what gives the facts of the day of an event after *past*, exactly."""

    def facts(now: Request) -> Facts:
        # One broker for all of a history: with more, a rule on brokers says less.
        broker = now.said.words["trade.broker"].chosen
        if now.kind != "fill":
            now.ties.extend(one.asked.said.words["trade.broker"].chosen == broker for one in past)
        return dict(_day(now, past))

    return facts


def _day(now: Request, past: Sequence[Past]) -> Iterator[tuple[str, Fact]]:
    """Yield the facts of the day of *now* after *past*."""
    same = [
        z3.And(
            one.asked.said.listing == now.said.listing,
            one.asked.day("venue_date") == now.day("venue_date"),
        )
        for one in past
    ]
    # What a fill of an order buys was ordered by that; and on its day by that method, too, unless
    # it was made otherwise.
    is_covered = z3.BoolVal(False)
    if now.kind == "fill":
        is_covered = z3.And(z3.Or([z3.BoolVal(False), *same]), z3.Not(now.said.otherwise))
    asked = now.more[0] if now.kind in (*REPLACES, "correct") else _shares(now)
    ordered = _NOTHING if now.kind == "fill" else asked
    if now.kind == "correct":
        ordered = _above(asked, _NOTHING)

    def count(of: Callable[[Past], Term], new: Term) -> tuple[Term, Term]:
        each = (z3.If(day, of(one), _NOTHING) for one, day in zip(past, same, strict=True))
        before = z3.Sum([_NOTHING, *each])
        return before, before + new

    def by(method: str, of: Callable[[Past], Term]) -> tuple[Term, Term]:
        return count(
            lambda one: z3.If(_is_by(one.asked, method), of(one), _NOTHING),
            z3.If(z3.And(_is_by(now, method), z3.Not(is_covered)), asked, _NOTHING),
        )

    def said(fact: str) -> tuple[Term, Term]:
        each = [
            z3.Implies(day, one.asked.said.words[fact].chosen >= 0)
            for one, day in zip(past, same, strict=True)
        ]
        before = z3.And([_ALWAYS, *each])
        return before, z3.And(before, now.said.words[fact].chosen >= 0)

    is_made = z3.BoolVal(now.kind not in (*REPLACES, "correct"))
    if now.kind == "fill":
        is_made = now.said.otherwise
    block = z3.If(z3.And(is_made, _is_by(now, "block")), number(1), _NOTHING)
    any_before = z3.Or([z3.BoolVal(False), *same])
    counts: Mapping[str, tuple[tuple[Term, Term], tuple[Term, Term]]] = {
        "ordered_shares": (count(lambda one: _shares(one.asked), ordered), (_ALWAYS, _ALWAYS)),
        "executed_shares": (
            count(_part, asked if now.kind in FILLS else _NOTHING),
            (_ALWAYS, _ALWAYS),
        ),
        "brokers": ((z3.If(any_before, number(1), _NOTHING), number(1)), said("trade.broker")),
        "blocks": (
            count(lambda one: z3.If(_is_by(one.asked, "block"), number(1), _NOTHING), block),
            said("trade.method"),
        ),
        "auction_ordered_shares": (
            by("auction", lambda one: _shares(one.asked)),
            said("trade.method"),
        ),
        "off_auction_shares": (by("off_auction", _kept), said("trade.method")),
    }
    for name, ((before, later), (known, known_after)) in counts.items():
        yield f"day.{name}", Fact(known, before)
        yield f"day.{name}_after", Fact(known_after, later)


def _is_by(one: Request, method: str) -> Term:
    return one.said.words["trade.method"].is_one(method)


def _shares(one: Request) -> Term:
    return one.facts["trade.shares"].value


def _part(past: Past) -> Term:
    """Return how many shares of *past* are filled."""
    return past.asked.by_listing(lambda of: past.units * number(of.shares_each), _NOTHING)


def _kept(past: Past) -> Term:
    """Return the shares of *past* that were bought or still may be."""
    return _NOTHING if past.prior == "cancelled" else _shares(past.asked)
