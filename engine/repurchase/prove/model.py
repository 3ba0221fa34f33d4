"""A request and the position before it as z3 has them: every value that an event can have.

What the position does not fix is free, and may be absent: so what holds here holds of whatever
arrives. Numbers stand for words as they do in the engine, days are counted from 0001-01-01. One
name of z3 is one thing of the event: so the same event can be read under two rule files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal

import msgspec
import z3

from repurchase.edition import Edition
from repurchase.facts import TABLE
from repurchase.headroom import QUANTITY_MAX
from repurchase.prove.free import (
    Scope,
    Word,
    any_day,
    any_days,
    any_outside,
    any_words,
    code,
    scope_of,
)
from repurchase.prove.logic import Fact, Facts, Term, chosen, number
from repurchase.terms import Listing

# What the rules judge. A fill is one within an open order, unless it is alone, as in a log of
# fills.
Kind = Literal["order", "replace", "release", "fill", "fill-alone"]
FILLS: Final = ("fill", "fill-alone")

DAY_SECONDS: Final = 86_400

_ALWAYS: Final = z3.BoolVal(True)
# What cannot be reckoned without an instrument.
_OF_AN_INSTRUMENT: Final = {
    name: {"symbol", "venue"} <= {*fact.given_by} and name != "trade.venue"
    for name, fact in TABLE.items()
}


class Sums(msgspec.Struct, frozen=True):
    """The four sums of a position; *shares_known* and *amount_known* are whether fills are.

    *bounded* is whether the money of every open order can be computed.
    """

    executed_shares: Term
    executed_amount: Term
    reserved_shares: Term
    reserved_amount: Term
    shares_known: Term = _ALWAYS
    amount_known: Term = _ALWAYS
    bounded: Term = _ALWAYS


def any_sums(name: str) -> Sums:
    """Return the sums of any position."""
    reals = (z3.Real(f"{name}.{one}") for one in ("es", "ea", "rs", "ra"))
    known = (z3.Bool(f"{name}.{one}") for one in ("sk", "ak", "bk"))
    return Sums(*reals, *known)


def from_zero(sums: Sums) -> list[Term]:
    """Return that none of *sums* is below zero."""
    return [
        sums.executed_shares >= 0,
        sums.executed_amount >= 0,
        sums.reserved_shares >= 0,
        sums.reserved_amount >= 0,
    ]


class Request(msgspec.Struct, frozen=True):
    """An event that rules judge, under one edition: its own values, its facts, what ties them.

    *listing* counts the *pairs* of symbol and venue, and *listings*, `None` for what is no
    instrument of the edition; *listed* is whether it is one. *cost* is price times quantity times
    rate, *paid* that of one unit; *is_even* is whether that rate is 1, and *is_odd* whether it is
    not where it must be. *has_amount* is whether a fill says what was paid in one sum,
    *amount_present* whether its money can be computed. *more* are the shares and the money that it
    adds to what is used, *after* is the position with it, *ties* are what every one meets.
    """

    edition: Edition
    kind: Kind
    pairs: Sequence[tuple[str, str]]
    listings: Sequence[Listing | None]
    listing: Term
    listed: Term
    units: Term
    cost: Term
    paid: Term
    has_rate: Term
    is_even: Term
    is_odd: Term
    has_fees: Term
    fees: Term
    has_amount: Term
    timed: Term
    words: dict[str, Word]
    facts: Facts
    amount_present: Term
    more: tuple[Term, Term]
    after: Sums
    ties: list[Term]

    def day(self, name: str) -> Term:
        """Return the day `trade.NAME`, as z3 has it."""
        return self.facts[f"trade.{name}"].value

    def by_listing(self, read: Callable[[Listing], Term], other: Term) -> Term:
        """Return what *read* gives of its instrument, *other* where it is of none."""
        return chosen(self.listing, [other if one is None else read(one) for one in self.listings])


def unlisted(facts: Facts) -> Facts:
    """Return *facts* as they are of what is no instrument of the rule file: many are absent."""
    return {
        name: Fact(z3.BoolVal(False), fact.value) if _OF_AN_INSTRUMENT[name] else fact
        for name, fact in facts.items()
    }


def request(
    edition: Edition,
    before: Sums,
    name: str,
    kind: Kind = "order",
    *,
    scope: Scope | None = None,
    own: str = "",
    day: Callable[[Request], Facts] | None = None,
) -> Request:
    """Return any event of *kind* that *edition* can judge at a position of the sums *before*.

    *scope* is what it can be of, without it what the edition lists and names. What another edition
    would reckon otherwise of the same event is called by its *own* name. *day* gives the facts of
    the day; without it, they are any that there can be.
    """
    scope = scope or scope_of([edition])
    reckoning = edition.reckoning
    listings = [reckoning.listings.get(pair) for pair in scope.pairs]
    listing, units = z3.Int(f"{name}.listing"), z3.Int(f"{name}.units")
    price, cost, paid, fees, seconds = (
        z3.Real(f"{name}.{one}") for one in ("price", "cost", "paid", "fees", "seconds")
    )
    has_price, has_rate, is_even, has_fees, has_amount, timed = (
        z3.Bool(f"{name}.{one}?") for one in ("price", "rate", "even", "fees", "amount", "time")
    )
    ties = [listing >= 0, listing < len(listings), units >= 1, units <= QUANTITY_MAX, price > 0]
    ties += [cost > 0, paid > 0, fees >= 0, seconds >= 0, seconds < DAY_SECONDS]

    def of_listing(read: Callable[[Listing], Term], other: Term) -> Term:
        return chosen(listing, [other if one is None else read(one) for one in listings])

    is_fill = kind in FILLS
    listed = of_listing(lambda _: _ALWAYS, z3.BoolVal(False))
    # A fill may say what was paid in one sum.
    is_priced = z3.Or(has_price, has_amount) if is_fill else has_price
    is_own = of_listing(lambda one: z3.BoolVal(one.currency == reckoning.currency), _ALWAYS)
    # A rate between a currency and itself is 1, or it is none.
    is_odd = z3.And(is_own, has_rate, z3.Not(is_even))
    is_rated = z3.And(z3.Or(has_rate, is_own), z3.Not(is_odd))
    bounded = z3.And(is_priced, is_rated, has_fees if reckoning.with_fees else True)
    each = [number(1 if one is None else one.shares_each) for one in listings]
    shares = z3.Sum([z3.If(listing == at, units * one, 0) for at, one in enumerate(each)])
    worst = cost if is_fill else of_listing(lambda one: cost * number(1 + one.fx_margin), cost)
    amount = worst + fees if reckoning.with_fees else worst
    words = dict(any_words(scope, name))
    facts: dict[str, Fact] = {
        "trade.venue_time": Fact(timed, seconds),
        "trade.units": Fact(_ALWAYS, z3.ToReal(units)),
        "trade.shares": Fact(_ALWAYS, shares),
        "trade.price": Fact(has_price, price),
        "trade.price_per_share": Fact(
            z3.And(is_priced, is_rated),
            of_listing(lambda one: paid / number(one.shares_each), paid),
        ),
        "trade.amount": Fact(bounded, amount),
    }
    for fact, word in words.items():
        ties += [word.chosen >= -1, word.chosen < len(word.choices)]
        codes = [code(edition, one) for one in word.choices]
        facts[fact] = Fact(word.chosen >= 0, chosen(word.chosen, codes))
    if not is_fill:
        # What a market order says of a price binds nobody.
        ties.append(z3.Implies(words["trade.order_type"].is_one("market"), z3.Not(has_price)))
    unknown = code(edition, "")
    facts |= {
        "trade.share_class": Fact(
            listed, of_listing(lambda one: code(edition, one.instrument), unknown)
        ),
        "trade.symbol": Fact(
            _ALWAYS, chosen(listing, [code(edition, pair[0]) for pair in scope.pairs])
        ),
        "trade.venue": Fact(
            _ALWAYS, chosen(listing, [code(edition, pair[1]) for pair in scope.pairs])
        ),
    }
    facts |= dict(any_days(reckoning.zone, scope, listing, timed, name, ties, is_fill=is_fill))
    more = _more(kind, shares, amount, bounded, name + own, ties)
    if kind == "fill" and not reckoning.dated:
        # Its order reserved as many as it is: only a ratio that changes makes it fewer.
        ties.append(more[0] == 0)
    after = _after(before, more, bounded, is_fill=is_fill)
    facts |= _program(before, "") | _program(after, "_after")
    facts |= dict(any_outside(name, ties))
    found = Request(
        edition,
        kind,
        scope.pairs,
        listings,
        listing,
        listed,
        units,
        cost,
        paid,
        has_rate,
        is_even,
        is_odd,
        has_fees,
        fees,
        has_amount,
        timed,
        words,
        facts,
        bounded,
        more,
        after,
        ties,
    )
    facts |= dict(any_day(kind, shares, name, own, ties)) if day is None else day(found)
    return found


def _more(
    kind: Kind, shares: Term, amount: Term, bounded: Term, name: str, ties: list[Term]
) -> tuple[Term, Term]:
    """Return what an event adds to what is used: an order all it asks for, a fill of it nothing.

    A replace adds no more than all that it asks for.
    """
    money = z3.If(bounded, amount, 0)
    if kind not in ("replace", "fill"):
        return shares, money
    more_shares, more_amount = z3.Real(f"{name}.more_s"), z3.Real(f"{name}.more_a")
    if kind == "fill":
        ties += [more_shares <= 0, more_amount <= 0]
    else:
        ties += [more_shares >= 0, more_shares <= shares]
        ties += [more_amount >= 0, z3.Implies(bounded, more_amount <= amount)]
    return more_shares, more_amount


def _after(before: Sums, more: tuple[Term, Term], bounded: Term, *, is_fill: bool) -> Sums:
    """Return the sums of *before* with *more*: of a fill it is executed, of an order reserved."""
    executed, reserved = (more, (0, 0)) if is_fill else ((0, 0), more)
    return Sums(
        before.executed_shares + executed[0],
        before.executed_amount + executed[1],
        before.reserved_shares + reserved[0],
        before.reserved_amount + reserved[1],
        before.shares_known,
        z3.And(before.amount_known, bounded) if is_fill else before.amount_known,
        before.bounded if is_fill else z3.And(before.bounded, bounded),
    )


def _program(sums: Sums, suffix: str) -> dict[str, Fact]:
    """Return the facts of the program at *sums*: those of before also one by one."""
    money = z3.And(sums.amount_known, sums.bounded)
    found = {
        f"program.shares{suffix}": Fact(
            sums.shares_known, sums.executed_shares + sums.reserved_shares
        ),
        f"program.amount{suffix}": Fact(money, sums.executed_amount + sums.reserved_amount),
    }
    if not suffix:
        found |= {
            "program.executed_shares": Fact(sums.shares_known, sums.executed_shares),
            "program.reserved_shares": Fact(_ALWAYS, sums.reserved_shares),
            "program.executed_amount": Fact(sums.amount_known, sums.executed_amount),
            "program.reserved_amount": Fact(sums.bounded, sums.reserved_amount),
        }
    return found
