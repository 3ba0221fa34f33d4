"""What an event may be: its fields, each any value that there can be, and how an edition counts it.

Numbers stand for words as they do in the engine. One name of z3 is one thing of the event: so the
same event can be read under two rule files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from repurchase.domain.calendars import VENUE_ZONES, zone
from repurchase.domain.terms import Listing
from repurchase.evaluation.headroom import QUANTITY_MAX
from repurchase.facts.table import TABLE
from repurchase.language.expression import composed
from repurchase.proof.logic import chosen, number
from repurchase.proof.solver import Term, z3
from repurchase.rulebook.editions import UNKNOWN_WORD, Edition

# What the rules judge. A fill is one within an open order, unless it is alone, as in a log of
# fills; what is released is an order, or a replace of one.
Kind = Literal["order", "replace", "release", "release-replace", "fill", "fill-alone", "correct"]
FILLS: Final = ("fill", "fill-alone", "correct")
REPLACES: Final = ("replace", "release-replace")

# A word that no rule names.
OTHER: Final = "Other"
DAY_SECONDS: Final = 86_400

_ALWAYS: Final = z3.BoolVal(True)
_OF_LISTING: Final = ("trade.share_class", "trade.symbol", "trade.venue")


class Scope(msgspec.Struct, frozen=True):
    """What events can be of: *pairs* of a symbol and a venue, and *words*, one that no rule names.

    The venue is `None` if an event names none; *clocks* are those of the venues that are
    meant. So one event can be read under several rule files: it has each word and each pair of
    them. *is_sure* is whether all of them mean the same venue if an event names none.
    """

    pairs: tuple[tuple[str, str | None], ...]
    clocks: tuple[ZoneInfo, ...]
    words: tuple[str, ...]
    is_sure: bool


def scope_of(editions: Sequence[Edition]) -> Scope:
    """Return what the events of *editions* can be of."""
    listed = {
        (one.symbol, venue)
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
    clocks = [zone(VENUE_ZONES[venue]) for _, venue in pairs]
    clocks += [min(unnamed[symbol], key=lambda one: one.key) for symbol in meant]
    named = {word for edition in editions for word in edition.constants.words}
    other = OTHER
    while other in named:
        other += "-"
    return Scope(
        (*pairs, *((symbol, None) for symbol in meant)),
        tuple(clocks),
        tuple(sorted({*named, other})),
        all(len(unnamed[symbol]) == 1 for symbol in meant),
    )


class Word(msgspec.Struct, frozen=True):
    """A fact of words: *chosen* counts the *choices*, and is -1 if there is none."""

    chosen: Term
    choices: tuple[str, ...]

    def is_one(self, word: str) -> Term:
        """Return where it is *word*."""
        return self.chosen == self.choices.index(word)


def any_words(scope: Scope, name: str) -> Iterator[tuple[str, Word]]:
    """Yield the facts of words that an event says itself."""
    for fact in TABLE.values():
        if fact.dimension.kind == "word" and fact.name not in _OF_LISTING:
            yield fact.name, Word(z3.Int(f"{name}.{fact.name}"), fact.words or scope.words)


def code(edition: Edition, word: str) -> Term:
    """Return the number by which the engine knows *word*."""
    return number(edition.constants.words.get(composed(word), UNKNOWN_WORD))


class Counted:
    """Any event of *kind* and *scope*, as *edition* counts it.

    *listing* counts the pairs of a symbol and a venue of its scope. *cost* is price times quantity
    times rate, *paid* that of one unit; *is_even* is whether that rate is 1. *has_amount* is
    whether a fill has what was paid in one sum, *timed* whether its time of day is known, and
    *otherwise* whether a fill or a correct has another method than what it is of.

    *listings* are what it can be of, `None` for what is not an instrument, and *listed* is whether
    it is one; *is_odd* is whether its rate is not 1 where it must be. *amount* is its money, and
    *amount_present* whether that can be computed; *priced* is the same without its fees. *ties*
    hold of every such event.
    """

    def __init__(self, edition: Edition, scope: Scope, name: str, kind: Kind) -> None:
        self.edition, self.scope, self.name, self.kind = edition, scope, name, kind
        self.words = dict(any_words(scope, name))
        self.listing, self.units = z3.Ints(f"{name}.listing {name}.units")
        self.price, self.cost, self.paid, self.fees, self.seconds = (
            z3.Real(f"{name}.{field}") for field in ("price", "cost", "paid", "fees", "seconds")
        )
        self.has_price, self.has_rate, self.has_fees, self.has_amount = (
            z3.Bool(f"{name}.has_{field}") for field in ("price", "rate", "fees", "amount")
        )
        self.is_even, self.timed, self.otherwise = (
            z3.Bool(f"{name}.{field}") for field in ("is_even", "timed", "otherwise")
        )
        self.ties = self._ties()
        counting = edition.counting
        self.listings = [counting.listings.get(pair) for pair in scope.pairs]
        self.listed = self.by_listing(lambda _: _ALWAYS, z3.BoolVal(False))
        is_own = self.by_listing(lambda of: z3.BoolVal(of.currency == counting.currency), _ALWAYS)
        # A rate between a currency and itself is 1, or it is none.
        self.is_odd = z3.And(is_own, self.has_rate, z3.Not(self.is_even))
        is_fill = kind in FILLS
        is_priced = z3.Or(self.has_price, self.has_amount) if is_fill else self.has_price
        self.priced = z3.And(is_priced, z3.Or(self.has_rate, is_own), z3.Not(self.is_odd))
        self.amount_present = z3.And(self.priced, self.has_fees if counting.with_fees else True)
        self.shares = self.shares_of(z3.ToReal(self.units))
        self.amount = self.reserved(self.cost, self.fees)
        if is_fill:
            self.amount = self.cost + self.fees if counting.with_fees else self.cost

    def _ties(self) -> list[Term]:
        ties = [self.listing >= 0, self.listing < len(self.scope.pairs)]
        ties += [self.units >= 1, self.units <= QUANTITY_MAX, self.price > 0, self.cost > 0]
        ties += [self.paid > 0, self.fees >= 0, self.seconds >= 0, self.seconds < DAY_SECONDS]
        for word in self.words.values():
            ties += [word.chosen >= -1, word.chosen < len(word.choices)]
        # An event without a method has that of its order.
        ties.append(z3.Implies(self.otherwise, self.words["trade.method"].chosen >= 0))
        if self.kind not in FILLS:
            # The price of a market order binds nobody.
            is_market = self.words["trade.order_type"].is_one("market")
            ties.append(z3.Implies(is_market, z3.Not(self.has_price)))
        return ties

    def by_listing(self, read: Callable[[Listing], Term], other: Term) -> Term:
        """Return what *read* gives of its instrument, *other* if it is of none."""
        each = [other if of is None else read(of) for of in self.listings]
        return chosen(self.listing, each)

    def shares_of(self, units: Term) -> Term:
        """Return so many *units* in shares."""
        return self.by_listing(lambda of: units * number(of.shares_each), units)

    def reserved(self, cost: Term, fees: Term) -> Term:
        """Return what an order of *cost* and *fees* reserves."""
        most = self.by_listing(lambda of: cost * number(1 + of.fx_margin), cost)
        return most + fees if self.edition.counting.with_fees else most
