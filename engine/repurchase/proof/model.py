"""A request and the position before it as z3 has them: every value that an event can have.

What the position does not fix is free, and may be absent: so what holds here holds of whatever
arrives. Numbers stand for words as they do in the engine, days are counted from 0001-01-01. One
name of z3 is one thing of the event: so the same event can be read under two rule files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal

import msgspec

from repurchase.domain.calendars import VENUE_ZONES
from repurchase.domain.terms import Listing
from repurchase.evaluation.headroom import QUANTITY_MAX
from repurchase.facts.table import TABLE
from repurchase.proof.free import (
    Scope,
    Word,
    any_day,
    any_days,
    any_outside,
    any_words,
    code,
    scope_of,
)
from repurchase.proof.logic import Fact, Facts, chosen, number
from repurchase.proof.solver import Term, z3
from repurchase.rulebook.editions import Edition
from repurchase.rulebook.periods import Period

# What the rules judge. A fill is one within an open order, unless it is alone, as in a log of
# fills; what is released is an order, or a replace of one.
Kind = Literal["order", "replace", "release", "release-replace", "fill", "fill-alone", "correct"]
FILLS: Final = ("fill", "fill-alone", "correct")
REPLACES: Final = ("replace", "release-replace")

DAY_SECONDS: Final = 86_400

VENUES: Final = tuple(VENUE_ZONES)

_ALWAYS: Final = z3.BoolVal(True)
# What cannot be counted without an instrument, and what may be without one, too.
_OF_AN_INSTRUMENT: Final = {
    name: {"symbol", "venue"} <= {*fact.given_by} and name != "trade.venue"
    for name, fact in TABLE.items()
}
_MAY_BE: Final = ("trade.last_date", *(name for name in TABLE if name.startswith("program.")))


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


class Said(msgspec.Struct, frozen=True):
    """An event of *kind* as it is told, whoever reads it: its fields, and what *ties* them.

    *listing* counts the pairs of a symbol and a venue of its *scope*. *cost* is price times
    quantity times rate, *paid* that of one unit; *is_even* is whether that rate is 1. *has_amount*
    is whether a fill says what was paid in one sum, *timed* whether its time of day is known, and
    *otherwise* whether a fill or a correct has another method than what it is of.
    """

    name: str
    kind: Kind
    scope: Scope
    words: dict[str, Word]
    listing: Term
    units: Term
    price: Term
    cost: Term
    paid: Term
    fees: Term
    seconds: Term
    has_price: Term
    has_rate: Term
    is_even: Term
    has_fees: Term
    has_amount: Term
    timed: Term
    otherwise: Term
    ties: list[Term]


class Request(msgspec.Struct, frozen=True):
    """An event that rules judge, as *edition* reckons what is *said* of it.

    *listings* are what it can be of, `None` for what is no instrument, and *listed* is whether it
    is one; *is_odd* is whether its rate is not 1 where it must be. *amount_present* is whether its
    money can be computed. *more* are the shares and the money that it adds to what is used,
    *after* is the position with it, *ties* are what every one meets.
    """

    edition: Edition
    said: Said
    listings: Sequence[Listing | None]
    listed: Term
    is_odd: Term
    facts: Facts
    amount_present: Term
    more: tuple[Term, Term]
    after: Sums
    ties: list[Term]

    @property
    def kind(self) -> Kind:
        """Return what kind of event it is."""
        return self.said.kind

    def day(self, name: str) -> Term:
        """Return the day `trade.NAME`, as z3 has it."""
        return self.facts[f"trade.{name}"].value

    def by_listing(self, read: Callable[[Listing], Term], other: Term) -> Term:
        """Return what *read* gives of its instrument, *other* where it is of none."""
        return _by_listing(self.said, self.listings, read, other)


def unlisted(asked: Request) -> Facts:
    """Return the facts of what is no instrument of the rule file: many are absent, some may be."""
    name, edition = asked.said.name, asked.edition
    found = {}
    for fact, of in asked.facts.items():
        is_there = of.present
        if fact in _MAY_BE:
            is_there = z3.Bool(f"{name}.{fact}??")
        elif _OF_AN_INSTRUMENT[fact]:
            is_there = z3.BoolVal(False)
        found[fact] = Fact(is_there, of.value)
    for fact, choices in (("trade.symbol", asked.said.scope.words), ("trade.venue", VENUES)):
        word = z3.Int(f"{name}.other.{fact}")
        codes = [code(edition, one) for one in choices]
        # One that is out of reach stands for none.
        is_said = z3.And(word >= 0, word < len(choices))
        found[fact] = Fact(is_said, chosen(word, codes))
    return found


def said_of(scope: Scope, name: str, kind: Kind) -> Said:
    """Return any event of *kind* and *scope*; what z3 calls *name* is one event."""
    listing, units = z3.Int(f"{name}.listing"), z3.Int(f"{name}.units")
    price, cost, paid, fees, seconds = (
        z3.Real(f"{name}.{one}") for one in ("price", "cost", "paid", "fees", "seconds")
    )
    has_price, has_rate, is_even, has_fees, has_amount, timed, otherwise = (
        z3.Bool(f"{name}.{one}?")
        for one in ("price", "rate", "even", "fees", "amount", "time", "otherwise")
    )
    words = dict(any_words(scope, name))
    ties = [listing >= 0, listing < len(scope.pairs), units >= 1, units <= QUANTITY_MAX, price > 0]
    ties += [cost > 0, paid > 0, fees >= 0, seconds >= 0, seconds < DAY_SECONDS]
    for word in words.values():
        ties += [word.chosen >= -1, word.chosen < len(word.choices)]
    # What says no method has that of its order.
    ties.append(z3.Implies(otherwise, words["trade.method"].chosen >= 0))
    if kind not in FILLS:
        # What a market order says of a price binds nobody.
        ties.append(z3.Implies(words["trade.order_type"].is_one("market"), z3.Not(has_price)))
    return Said(
        name,
        kind,
        scope,
        words,
        listing,
        units,
        price,
        cost,
        paid,
        fees,
        seconds,
        has_price,
        has_rate,
        is_even,
        has_fees,
        has_amount,
        timed,
        otherwise,
        ties,
    )


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

    *scope* is what it can be of, without it what the edition lists and names. *own* tells apart
    what two editions make of one event where a ratio changes with the days. *day* gives the facts
    of the day; without it, they are any that there can be.
    """
    scope = scope or scope_of([edition])
    said = said_of(scope, name, kind)
    counted = _Counted(edition, said)
    ties = [*said.ties]
    more = counted.more(before, own, ties)
    if day is None:
        before = counted.with_own(before)
    after = _after(before, more, counted.bounded, said)
    facts = {**counted.facts(), **_program(before, ""), **_program(after, "_after")}
    facts |= dict(
        any_days(
            edition.counting.zone,
            scope,
            said.listing,
            said.timed,
            name,
            ties,
            is_fill=kind in FILLS,
        )
    )
    facts |= dict(any_outside(name, ties))
    found = Request(
        edition,
        said,
        counted.listings,
        counted.listed,
        counted.is_odd,
        facts,
        counted.bounded,
        more,
        after,
        ties,
    )
    if day is None:
        facts |= dict(any_day(kind, counted.shares_of, said.units, name, ties))
    else:
        facts |= day(found)
    return found


class _Counted:
    """The figures of an event as an edition has them."""

    def __init__(self, edition: Edition, said: Said) -> None:
        self._edition = edition
        self._said = said
        counting = edition.counting
        self.listings = [counting.listings.get(pair) for pair in said.scope.pairs]
        self.listed = self._by_listing(lambda _: _ALWAYS, z3.BoolVal(False))
        is_own = self._by_listing(
            lambda one: z3.BoolVal(one.currency == counting.currency), _ALWAYS
        )
        # A rate between a currency and itself is 1, or it is none.
        self.is_odd = z3.And(is_own, said.has_rate, z3.Not(said.is_even))
        # A fill may say what was paid in one sum.
        is_fill = said.kind in FILLS
        is_priced = z3.Or(said.has_price, said.has_amount) if is_fill else said.has_price
        self.priced = z3.And(is_priced, z3.Or(said.has_rate, is_own), z3.Not(self.is_odd))
        self.bounded = z3.And(self.priced, said.has_fees if counting.with_fees else True)
        self.amount = self._worst(said.cost, said.fees)
        if is_fill:
            self.amount = said.cost + said.fees if counting.with_fees else said.cost

    def _by_listing(self, read: Callable[[Listing], Term], other: Term) -> Term:
        return _by_listing(self._said, self.listings, read, other)

    def shares_of(self, units: Term) -> Term:
        """Return so many *units* in shares."""
        return self._by_listing(lambda one: units * number(one.shares_each), units)

    def _worst(self, cost: Term, fees: Term) -> Term:
        """Return what an order of *cost* and *fees* reserves."""
        worst = self._by_listing(lambda one: cost * number(1 + one.fx_margin), cost)
        return worst + fees if self._edition.counting.with_fees else worst

    def more(self, before: Sums, own: str, ties: list[Term]) -> tuple[Term, Term]:
        """Return the shares and the money that the event adds to what is used.

        An order adds all that it asks for, a replace what it raises, and a fill of an order
        nothing: that was reserved, in as many shares but where a ratio changes. A correct may add
        less than nothing.
        """
        said, name = self._said, self._said.name
        if said.kind in REPLACES:
            raised = z3.Real(f"{name}{own}.raised")
            dearer, fees = z3.Reals(f"{name}.dearer {name}.fees_more")
            ties += [raised >= 0, raised <= said.units]
            ties += [z3.Real(f"{name}.own_cost") >= 0, z3.Real(f"{name}.own_fees") >= 0]
            ties.append(z3.Implies(self.bounded, z3.And(dearer <= said.cost, fees <= said.fees)))
            worse = self._worst(dearer, fees)
            return self.shares_of(raised), z3.If(worse > 0, worse, 0)
        if said.kind == "fill":
            fewer = z3.Real(f"{name}{own}.fewer") if self._edition.counting.dated else number(0)
            lent, fees = z3.Reals(f"{name}.lent {name}.fees_lent")
            ties += [fewer <= 0, lent >= said.cost, fees >= said.fees]
            freed = self.amount - self._worst(lent, fees)
            # Of what nobody knew it is known now.
            return fewer, z3.If(before.bounded, freed, z3.Real(f"{name}.{own}freed"))
        if said.kind == "correct":
            shares, money = z3.Reals(f"{name}{own}.more_s {name}{own}.more_a")
            ties += [shares <= self.shares_of(z3.ToReal(said.units))]
            ties.append(z3.Implies(self.bounded, money <= self.amount))
            return shares, money
        return self.shares_of(z3.ToReal(said.units)), z3.If(self.bounded, self.amount, 0)

    def with_own(self, rest: Sums) -> Sums:
        """Return the sums before a replace or a fill: what its order reserves, and the *rest*."""
        name = self._said.name
        if self._said.kind == "fill":
            money = self._worst(z3.Real(f"{name}.lent"), z3.Real(f"{name}.fees_lent"))
        elif self._said.kind in REPLACES:
            money = self._worst(z3.Real(f"{name}.own_cost"), z3.Real(f"{name}.own_fees"))
        else:
            return rest
        return msgspec.structs.replace(rest, reserved_amount=rest.reserved_amount + money)

    def facts(self) -> dict[str, Fact]:
        """Return the facts of the trade that are no days."""
        said, edition = self._said, self._edition
        found = {
            "trade.venue_time": Fact(said.timed, said.seconds),
            "trade.units": Fact(_ALWAYS, z3.ToReal(said.units)),
            "trade.shares": Fact(_ALWAYS, self.shares_of(z3.ToReal(said.units))),
            "trade.price": Fact(said.has_price, said.price),
            "trade.price_per_share": Fact(
                self.priced,
                self._by_listing(lambda one: said.paid / number(one.shares_each), said.paid),
            ),
            "trade.amount": Fact(self.bounded, self.amount),
            "trade.share_class": Fact(
                self.listed,
                self._by_listing(lambda one: code(edition, one.instrument), code(edition, "")),
            ),
        }
        symbols = [code(edition, symbol) for symbol, _ in said.scope.pairs]
        found["trade.symbol"] = Fact(_ALWAYS, chosen(said.listing, symbols))
        venues = [
            venue if one is None else one.venue
            for (_, venue), one in zip(said.scope.pairs, self.listings, strict=True)
        ]
        found["trade.venue"] = Fact(
            chosen(said.listing, [z3.BoolVal(venue is not None) for venue in venues]),
            chosen(said.listing, [code(edition, venue or "") for venue in venues]),
        )
        for fact, word in said.words.items():
            codes = [code(edition, one) for one in word.choices]
            found[fact] = Fact(word.chosen >= 0, chosen(word.chosen, codes))
        return found


def _by_listing(
    said: Said,
    listings: Sequence[Listing | None],
    read: Callable[[Listing], Term],
    other: Term,
) -> Term:
    return chosen(said.listing, [other if one is None else read(one) for one in listings])


def _after(before: Sums, more: tuple[Term, Term], bounded: Term, said: Said) -> Sums:
    """Return the sums of *before* with *more*: of a fill it is executed, of an order reserved."""
    is_fill = said.kind in FILLS
    stays = before.bounded
    if said.kind == "fill":
        # It may have closed the one order whose money nobody could compute.
        stays = z3.Or(stays, z3.Bool(f"{said.name}.closes"))
    shares_known, amount_known = before.shares_known, before.amount_known
    if said.kind == "correct":
        # It may have settled the one fill of which something was not known.
        shares_known = z3.Or(shares_known, z3.Bool(f"{said.name}.settles_s"))
        amount_known = z3.Or(amount_known, z3.Bool(f"{said.name}.settles_a"))
    executed, reserved = (more, (0, 0)) if is_fill else ((0, 0), more)
    return Sums(
        before.executed_shares + executed[0],
        before.executed_amount + executed[1],
        before.reserved_shares + reserved[0],
        before.reserved_amount + reserved[1],
        shares_known,
        z3.And(amount_known, bounded) if is_fill else amount_known,
        stays if is_fill else z3.And(stays, bounded),
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


def within(period: Period, one: Request) -> Iterator[Term]:
    """Yield that *one* is of a day of *period*, here and at the venue."""
    yield one.day("date") >= period.first.toordinal()
    yield one.day("date") <= period.last.toordinal()
    if period.venue_day is not None:
        yield one.day("venue_date") == period.venue_day.toordinal()
