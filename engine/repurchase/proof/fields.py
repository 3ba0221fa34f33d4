"""An arbitrary event in z3: a free variable for each field, and what an edition computes from them.

Numbers stand for words, as in the engine. A field has the same z3 variable under every edition, so
that two rule files can evaluate the same event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from repurchase.domain.calendars import zone
from repurchase.domain.currencies import whole
from repurchase.domain.quantities import Exact
from repurchase.domain.terms import Listing
from repurchase.domain.venues import area_of, country_of, market_of
from repurchase.facts.domains import FIELDS, Domain
from repurchase.facts.table import TABLE
from repurchase.language.expression import composed
from repurchase.proof.logic import chosen, free, number
from repurchase.proof.solver import Term, z3
from repurchase.rulebook.editions import UNKNOWN_WORD, Edition

# The kinds of events that rules evaluate. `fill` is a fill of an open order, `fill-alone` one
# without an open order, as in a log of fills. A release releases an order, or a replace.
Kind = Literal["order", "replace", "release", "release-replace", "fill", "fill-alone", "correct"]
FILLS: Final = ("fill", "fill-alone", "correct")
REPLACES: Final = ("replace", "release-replace")

# Stands for every word that no rule names.
OTHER: Final = "Other"

# The numbers of an event, each with its domain.
_FREE: Final[Mapping[str, Domain]] = {
    "units": FIELDS["quantity"],
    "price": FIELDS["price"],
    "cost": TABLE["trade.amount"].domain,
    "paid": TABLE["trade.price_per_share"].domain,
    "fees": FIELDS["fees"],
    "seconds": TABLE["trade.venue_time"].domain,
}
_ALWAYS: Final = z3.BoolVal(True)
# The facts of a venue, each by its code.
OF_VENUE: Final[Mapping[str, Callable[[str], str | None]]] = {
    "trade.venue": str,
    "trade.venue_country": country_of,
    "trade.venue_area": area_of,
    "trade.venue_market": market_of,
}
# The words that a replace does not take from its order.
OF_MOMENT: Final = ("trade.phase", "trade.by")
_OF_LISTING: Final = ("trade.share_class", "trade.symbol", *OF_VENUE)


class Scope(msgspec.Struct, frozen=True):
    """The symbols, venues and words that events can have, under all the editions compared.

    *pairs* are a symbol with a venue, or with `None` for an event that names no venue. *clocks* are
    the time zones of these venues. *words* are all words that rules or counters name, and one
    that none names. *is_sure* says whether all editions mean the same venue if an event names none.
    *listings* are the instruments of the pairs, if they are not those of the edition. *ratios* are
    the ordinary shares that one unit of a request can count as, if that changes by date. *rates*
    are the bounds that any of the editions sets on the rate of an instrument. *is_routed* says
    whether an order of some instrument can be filled at another of its venues.
    """

    pairs: tuple[tuple[str, str | None], ...]
    clocks: tuple[ZoneInfo, ...]
    words: tuple[str, ...]
    is_sure: bool
    listings: tuple[Listing, ...] | None = None
    ratios: tuple[Exact, ...] = ()
    rates: tuple[tuple[Exact, Exact], ...] = ()
    is_routed: bool = False


def scope_of(editions: Sequence[Edition]) -> Scope:
    """Return the symbols, venues and words that events can have under *editions*."""
    listed = {
        (one.symbol, venue): zone(edition.authorization.zone_of(venue))
        for edition in editions
        for one in edition.authorization.instruments
        for venue in one.venues
    }
    unnamed = {
        symbol: {
            found.zone
            for edition in editions
            if (found := edition.counting.listings.get((symbol, None))) is not None
        }
        for symbol, _ in listed
    }
    meant = sorted(symbol for symbol, clocks in unnamed.items() if clocks)
    pairs = sorted(listed)
    clocks = [listed[pair] for pair in pairs]
    clocks += [min(unnamed[symbol], key=lambda one: one.key) for symbol in meant]
    named = {word for edition in editions for word in edition.constants.words}
    named |= {
        broker
        for edition in editions
        for counter in edition.authorization.counters
        for broker in counter.brokers
    }
    other = OTHER
    while other in named:
        other += "-"
    return Scope(
        (*pairs, *((symbol, None) for symbol in meant)),
        tuple(clocks),
        tuple(sorted({*named, other})),
        all(len(unnamed[symbol]) == 1 for symbol in meant),
        rates=tuple(sorted({of for edition in editions for of in edition.rates.values()})),
        is_routed=any(
            len(one.venues) > 1 for edition in editions for one in edition.authorization.instruments
        ),
    )


def scope_of_lives(scope: Scope, editions: Sequence[Edition]) -> Scope:
    """Return *scope* with every share ratio of *editions*, if one of them changes by date.

    A request counts by the ratio that makes the most of it in its life.
    """
    if not any(edition.counting.dated for edition in editions):
        return scope
    ratios = {of.shares_each for edition in editions for of in edition.counting.listings.values()}
    return msgspec.structs.replace(scope, ratios=tuple(sorted(ratios)))


def scope_of_any_life(edition: Edition) -> Scope:
    """Return the scope of requests that *edition* may judge on any day of their lives.

    They count by any share ratio that the file ever gives, if one changes by date.
    """
    scope = scope_of([edition])
    if not edition.counting.dated:
        return scope
    ratios = {
        version.figure.value
        for instrument in edition.authorization.instruments
        for version in instrument.shares_each
    }
    return msgspec.structs.replace(scope, ratios=tuple(sorted(ratios)))


def scope_then(scope: Scope, editions: Sequence[Edition]) -> Scope:
    """Return *scope* with each pair once for each instrument that a corrected fill can have.

    A correct is counted as its fill was: with the instrument and the share ratio of the fill's day,
    even if the edition that evaluates the correct has another ratio, or no such instrument.
    """
    kept: list[tuple[tuple[str, str | None], Listing]] = []
    for symbol, venue in scope.pairs:
        listed = [
            of
            for edition in editions
            for of in edition.counting.listings.values()
            if of.symbol == symbol
        ]
        ratios = sorted({of.shares_each for of in listed})
        # A correct that names another venue of its symbol keeps the ratio of its fill.
        found = {
            msgspec.structs.replace(of, shares_each=ratio): None
            for of in listed
            if venue in (None, of.venue)
            for ratio in ratios
        }
        kept += (((symbol, venue), of) for of in found)
    if not kept:
        return scope
    pairs, listings = zip(*kept, strict=True)
    clocks = tuple(of.zone for of in listings)
    return msgspec.structs.replace(scope, pairs=pairs, clocks=clocks, listings=listings)


class Word(msgspec.Struct, frozen=True):
    """A fact that is a word: *chosen* is its index in *choices*, or -1 if it is missing."""

    chosen: Term
    choices: tuple[str, ...]

    def is_one(self, word: str) -> Term:
        """Return the condition that this is *word*."""
        return self.chosen == self.choices.index(word)


def any_words(scope: Scope, name: str) -> Iterator[tuple[str, Word]]:
    """Yield the facts that are words and that the event itself states, by name."""
    for fact in TABLE.values():
        if fact.dimension.kind == "word" and fact.name not in _OF_LISTING:
            yield fact.name, Word(z3.Int(f"{name}.{fact.name}"), fact.words or scope.words)


def code(edition: Edition, word: str) -> Term:
    """Return the number that stands for *word* in the engine under *edition*."""
    return number(edition.constants.words.get(composed(word), UNKNOWN_WORD))


class Counted:
    """An arbitrary event of *kind* and *scope*, as *edition* counts it.

    *listing* is the index of its symbol and venue in the pairs of the scope. *cost* is price times
    quantity times rate, *paid* the same for one unit. *is_even* says whether that rate is 1.
    *has_amount* says whether a fill states its amount, *timed* whether the time of day is known.
    *otherwise* says whether a fill or a correct uses another method than its order or fill, or a
    fill is at another venue than its order names.

    *listings* are the instruments of the pairs, `None` for a pair that is not listed. *listed* says
    whether the event's pair is listed. *each* is the index in *ratios* of the share ratio that
    counts; without *ratios*, it is that of the instrument. *is_odd* says whether its rate is not 1
    although it must be. *rate* is the rate itself, if an edition of the scope bounds one, and
    *is_out* says whether it is outside the bounds of *edition*. *amount* is its money in program
    currency, *amount_present* whether that can be computed, and *priced* whether it can be computed
    without fees. *ahead* says whether an order is a prepayment, or a fill a delivery that costs
    nothing, and *has_units* whether its quantity is known. *ties* are true of every such event.
    """

    edition: Edition
    scope: Scope
    name: str
    kind: Kind
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
    has_fees: Term
    has_amount: Term
    is_even: Term
    timed: Term
    otherwise: Term
    ties: list[Term]
    listings: Sequence[Listing | None]
    listed: Term
    ratios: Sequence[Exact]
    each: Term | None
    is_odd: Term
    rate: Term | None
    is_out: Term
    priced: Term
    amount_present: Term
    ahead: Term
    has_units: Term
    shares: Term
    amount: Term

    def __init__(self, edition: Edition, scope: Scope, name: str, kind: Kind) -> None:
        self.edition, self.scope, self.name, self.kind = edition, scope, name, kind
        self.words = dict(any_words(scope, name))
        self.ties = []
        self.listing = z3.Int(f"{name}.listing")
        self.units, self.price, self.cost, self.paid, self.fees, self.seconds = (
            free(domain, f"{name}.{field}", self.ties) for field, domain in _FREE.items()
        )
        self.has_price, self.has_rate, self.has_fees, self.has_amount = (
            z3.Bool(f"{name}.has_{field}") for field in ("price", "rate", "fees", "amount")
        )
        self.is_even, self.timed, self.otherwise = (
            z3.Bool(f"{name}.{field}") for field in ("is_even", "timed", "otherwise")
        )
        # The terms of an open order are modelled as those of a replace.
        is_asked = kind in ("order", *REPLACES)
        self.ahead = z3.Bool(f"{name}.ahead") if is_asked or kind in FILLS else z3.BoolVal(False)
        has_units = z3.Bool(f"{name}.has_units") if is_asked else _ALWAYS
        self.has_units = z3.Or(z3.Not(self.ahead), has_units)
        self.ratios = () if kind in FILLS else scope.ratios
        self.each = z3.Int(f"{name}.each_of") if self.ratios else None
        self.ties += self._ties()
        counting = edition.counting
        self.listings = scope.listings or [counting.listings.get(pair) for pair in scope.pairs]
        self.listed = self.by_listing(lambda _: _ALWAYS, z3.BoolVal(False))
        is_own = self.by_listing(
            lambda of: z3.BoolVal(whole(of.currency) == counting.currency), _ALWAYS
        )
        # A rate between a currency and itself must be 1.
        self.is_odd = z3.And(is_own, self.has_rate, z3.Not(self.is_even))
        self.rate = free(FIELDS["fx"], f"{name}.rate", self.ties) if scope.rates else None
        self.is_out = self._is_out()
        is_fill = kind in FILLS
        is_priced = z3.Or(self.has_price, self.has_amount if is_fill else self.ahead)
        self.priced = z3.And(is_priced, z3.Or(self.has_rate, is_own), z3.Not(self.is_odd))
        self.amount_present = z3.And(self.priced, self.has_fees if counting.with_fees else True)
        self.shares = self.shares_of(z3.ToReal(self.units))
        spent = self.cost + self.fees if counting.with_fees else self.cost
        self.amount = spent if is_fill else self.reserved(self.cost, self.fees)
        if is_asked:
            self.amount = z3.If(self.ahead, spent, self.amount)

    def _is_out(self) -> Term:
        """Return the condition that the event states a rate outside its instrument's bounds."""
        rate, rates = self.rate, self.edition.rates
        if rate is None:
            return z3.BoolVal(False)
        self.ties.append(z3.Implies(self.has_rate, self.is_even == (rate == 1)))

        def outside(of: Listing) -> Term:
            bounds = rates.get(of.instrument)
            if bounds is None:
                return z3.BoolVal(False)
            return z3.Or(rate < number(bounds[0]), rate > number(bounds[1]))

        return z3.And(self.has_rate, self.by_listing(outside, z3.BoolVal(False)))

    def _ties(self) -> list[Term]:
        ties = [self.listing >= 0, self.listing < len(self.scope.pairs)]
        for word in self.words.values():
            ties += [word.chosen >= -1, word.chosen < len(word.choices)]
        if self.kind not in ("fill", "correct") or not self.scope.is_routed:
            # An event that states no method has the method of its order. (A correct stands for a
            # fill beyond its order, too, which can be at another venue.)
            ties.append(z3.Implies(self.otherwise, self.words["trade.method"].chosen >= 0))
        is_prepaid = self.words["trade.method"].is_one("prepaid")
        if self.kind in FILLS:
            ties.append(z3.Implies(self.ahead, z3.And(is_prepaid, self.cost == 0)))
        else:
            is_buy = self.words["trade.side"].is_one("buy")
            has_none = z3.And(self.words["trade.order_type"].chosen == -1, z3.Not(self.has_price))
            ties += [self.ahead == is_prepaid, z3.Implies(self.ahead, z3.And(is_buy, has_none))]
            # The price of a market order binds nobody.
            is_market = self.words["trade.order_type"].is_one("market")
            ties.append(z3.Implies(is_market, z3.Not(self.has_price)))
        return ties

    def by_listing(self, read: Callable[[Listing], Term], other: Term) -> Term:
        """Return what *read* gives for the event's instrument; *other* if it is not listed."""
        each = [other if of is None else read(of) for of in self.listings]
        return chosen(self.listing, each)

    def shares_of(self, units: Term) -> Term:
        """Return the ordinary-share equivalents of *units* of the event's instrument."""
        if self.each is not None:
            return chosen(self.each, [units * number(ratio) for ratio in self.ratios])
        return self.by_listing(lambda of: units * number(of.shares_each), units)

    def reserved(self, cost: Term, fees: Term) -> Term:
        """Return the money that an order of *cost* and *fees* reserves, in program currency."""
        most = self.by_listing(lambda of: cost * number(1 + of.fx_margin), cost)
        return most + fees if self.edition.counting.with_fees else most
