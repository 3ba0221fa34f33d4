"""What a history that can be written says: its figures, its days, and what came before, exactly.

The model of a proof lets more be than there is; of what is to be shown nothing may be left open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final

import z3

from repurchase.clocks import YEAR_MAX, YEAR_MIN
from repurchase.prove.logic import Fact, Facts, Term, number
from repurchase.prove.model import FILLS, Request

# What an event can be of, and last until, with a year to spare.
EARLIEST: Final = date(YEAR_MIN + 1, 1, 1)
LATEST: Final = date(YEAR_MAX - 1, 1, 1)


def figures(one: Request, at_one: str, grid: int) -> list[Term]:
    """Return what keeps the figures of *one* to what an event can write, and products to sums.

    Its rate is 1, and so is its price or its quantity, whichever is *at_one*: each is a whole
    number of so many parts of 1 as *grid* has.
    """
    price = one.facts["trade.price"].value
    is_price_one = at_one == "price"
    ties = [
        price == 1 if is_price_one else one.units == 1,
        z3.IsInt(price * grid),
        z3.IsInt(one.fees * grid),
        one.paid == price,
        one.cost == (z3.ToReal(one.units) if is_price_one else price),
        z3.Not(one.has_amount),
    ]
    ties += [
        z3.Implies(fact.present, z3.IsInt(fact.value * grid))
        for name, fact in one.facts.items()
        if name.startswith(("market.", "issuer."))
    ]
    return [*ties, z3.IsInt(one.facts["trade.venue_time"].value)]


def follows(one: Request, own: Request | None) -> list[Term]:
    """Return what ties *one* to the order *own* that it is about, and what it adds to its use."""
    shares, amount = one.facts["trade.shares"].value, one.facts["trade.amount"].value
    money = z3.If(one.amount_present, amount, 0)
    if own is None:
        return [one.more[0] == shares, one.more[1] == money]
    price, limit = one.facts["trade.price"], own.facts["trade.price"]
    same = [
        one.listing == own.listing,
        limit.present,
        price.present,
        one.has_rate == own.has_rate,
        one.has_fees == own.has_fees,
        *(word.chosen == own.words[name].chosen for name, word in one.words.items()),
    ]
    reserved = own.facts["trade.amount"].value
    if one.kind == "fill":
        return [
            *same,
            one.units == own.units,
            price.value == limit.value,
            one.fees == own.fees,
            one.day("date") <= own.day("last_date"),
            one.day("venue_date") <= own.day("venue_last_date"),
            one.day("venue_date") >= own.day("venue_date"),
            one.more[0] == 0,
            one.more[1] == money - reserved,
        ]
    days = ("date", "venue_date", "last_date", "venue_last_date")
    return [
        *same,
        *(one.day(day) == own.day(day) for day in days),
        one.units >= own.units,
        price.value >= limit.value,
        one.units + price.value > own.units + limit.value,
        one.fees >= own.fees,
        one.more[0] == shares - own.facts["trade.shares"].value,
        one.more[1] == money - reserved,
    ]


def dated(one: Request, first: date, last: date, venue_day: date | None) -> list[Term]:
    """Return that *one* is of a day from *first* to *last*, at the venue *venue_day* if given."""
    return [
        *([] if venue_day is None else [one.day("venue_date") == venue_day.toordinal()]),
        one.day("date") >= max(first, EARLIEST).toordinal(),
        one.day("date") <= min(last, LATEST).toordinal(),
        one.day("venue_last_date") <= LATEST.toordinal(),
    ]


def after(past: Sequence[Request]) -> Callable[[Request], Facts]:
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
    # What a fill of an order of the same day buys was ordered by that.
    covers = past[-1][1] if now.kind == "fill" else z3.BoolVal(False)
    new_by_method = z3.If(covers, number(0), _new_shares(now))
    new_ordered = number(0) if now.kind == "fill" else _new_shares(now)
    is_made = now.kind not in ("replace", "fill")

    def by(one: Request, method: str) -> Term:
        return one.words["trade.method"].is_one(method)

    def count(of: Callable[[Request], Term], new: Term) -> tuple[Term, Term]:
        before = z3.Sum([number(0), *(z3.If(same, of(one), number(0)) for one, same in past)])
        return before, before + new

    def by_method(method: str) -> tuple[Term, Term]:
        return count(
            lambda one: z3.If(by(one, method), _shares(one), number(0)),
            z3.If(by(now, method), new_by_method, number(0)),
        )

    def said(fact: str) -> tuple[Term, Term]:
        each = [z3.Implies(same, one.words[fact].chosen >= 0) for one, same in past]
        before = z3.And([z3.BoolVal(True), *each])
        return before, z3.And(before, now.words[fact].chosen >= 0)

    always = (z3.BoolVal(True), z3.BoolVal(True))
    any_before = z3.Or([z3.BoolVal(False), *(same for _, same in past)])
    bought = _shares(now) if now.kind in FILLS else number(0)
    blocks = z3.If(by(now, "block"), number(1), number(0)) if is_made else number(0)
    counts: Mapping[str, tuple[tuple[Term, Term], tuple[Term, Term]]] = {
        "ordered_shares": (count(_shares, new_ordered), always),
        "executed_shares": ((number(0), bought), always),
        "brokers": ((z3.If(any_before, number(1), number(0)), number(1)), said("trade.broker")),
        "blocks": (
            count(lambda one: z3.If(by(one, "block"), number(1), number(0)), blocks),
            said("trade.method"),
        ),
        "auction_ordered_shares": (by_method("auction"), said("trade.method")),
        "off_auction_shares": (by_method("off_auction"), said("trade.method")),
    }
    for name, ((before, later), (known, known_after)) in counts.items():
        yield f"day.{name}", Fact(known, before)
        yield f"day.{name}_after", Fact(known_after, later)


def _shares(one: Request) -> Term:
    return one.facts["trade.shares"].value


def _new_shares(now: Request) -> Term:
    """Return what an event asks for beyond what was: a replace no more than it raises."""
    return now.more[0] if now.kind == "replace" else _shares(now)
