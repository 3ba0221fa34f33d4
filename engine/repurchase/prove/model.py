"""A request and the position before it as z3 has them: every value that an event can have.

What the position does not fix is free, and may be absent: so what holds here holds of whatever
arrives. Numbers stand for words as they do in the engine, days are counted from 0001-01-01.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import z3

from repurchase.clocks import YEAR_MIN
from repurchase.edition import UNKNOWN_WORD, Edition
from repurchase.expression import composed
from repurchase.facts import TABLE
from repurchase.headroom import QUANTITY_MAX
from repurchase.prove.logic import Fact, Facts, Term, number
from repurchase.terms import Listing

DAY_SECONDS: Final = 86_400
OTHER: Final = "Other"

# A year by which the rules of all zones repeat.
_REPEATING: Final = 2040
_ALWAYS: Final = z3.BoolVal(True)
_DAY_FACTS: Final = tuple(
    name for name in TABLE if name.startswith("day.") and not name.endswith("_after")
)
_OF_LISTING: Final = ("trade.share_class", "trade.symbol", "trade.venue")
# What cannot be reckoned without an instrument.
_OF_AN_INSTRUMENT: Final = {
    name: {"symbol", "venue"} <= {*fact.given_by} and name != "trade.venue"
    for name, fact in TABLE.items()
}
_OUTSIDE: Final = tuple(name for name in TABLE if name.startswith(("market.", "issuer.")))


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


class Word(msgspec.Struct, frozen=True):
    """A fact of words: *chosen* counts the *choices*, and is -1 where none is said."""

    chosen: Term
    choices: tuple[str, ...]

    def is_one(self, word: str) -> Term:
        """Return where it is *word*."""
        return self.chosen == self.choices.index(word)


class Request(msgspec.Struct, frozen=True):
    """An order, or a replace of one: its own values, its facts, and what ties them.

    *listing* counts *listings*; *amount_present* is whether its money can be computed. *after* is
    the position with it, *ties* are what every request meets.
    """

    listings: Sequence[Listing]
    listing: Term
    units: Term
    has_rate: Term
    has_fees: Term
    fees: Term
    timed: Term
    words: dict[str, Word]
    facts: Facts
    amount_present: Term
    after: Sums
    ties: list[Term]

    def day(self, name: str) -> Term:
        """Return the day `trade.NAME`, as z3 has it."""
        return self.facts[f"trade.{name}"].value


def chosen(index: Term, values: Sequence[Term]) -> Term:
    """Return that of *values* which *index* counts, from 0."""
    found = values[-1]
    for number_, value in enumerate(values[:-1]):
        found = z3.If(index == number_, value, found)
    return found


def unlisted(facts: Facts) -> Facts:
    """Return *facts* as they are of what is no instrument of the rule file: many are absent."""
    return {
        name: Fact(z3.BoolVal(False), fact.value) if _OF_AN_INSTRUMENT[name] else fact
        for name, fact in facts.items()
    }


def listings_of(edition: Edition) -> tuple[Listing, ...]:
    """Return what can be bought, each instrument on each venue."""
    found = edition.reckoning.listings
    return tuple(found[key] for key in sorted(key for key in found if key[1] is not None))


def request(
    edition: Edition,
    before: Sums,
    name: str,
    *,
    day: Callable[[Request], Facts] | None = None,
    is_replace: bool = False,
) -> Request:
    """Return any request that *edition* can judge at a position of the sums *before*.

    A replace adds to what is reserved no more than all that it asks for. *day* gives the facts of
    the day; without it, they are any that there can be.
    """
    listings = listings_of(edition)
    listing, units = z3.Int(f"{name}.listing"), z3.Int(f"{name}.units")
    price, amount, each, fees, seconds = (
        z3.Real(f"{name}.{one}") for one in ("price", "amount", "each", "fees", "seconds")
    )
    has_price, has_rate, has_fees, timed = (
        z3.Bool(f"{name}.{one}?") for one in ("price", "rate", "fees", "time")
    )
    ties = [listing >= 0, listing < len(listings), units >= 1, units <= QUANTITY_MAX, price > 0]
    ties += [amount > 0, each > 0, fees >= 0, seconds >= 0, seconds < DAY_SECONDS]
    ratios = [number(one.shares_each) for one in listings]
    shares = z3.Sum([z3.If(listing == at, units * one, 0) for at, one in enumerate(ratios)])
    own = edition.reckoning.currency
    rate_known = z3.Or(
        has_rate, chosen(listing, [z3.BoolVal(one.currency == own) for one in listings])
    )
    bounded = z3.And(has_price, rate_known, has_fees if edition.reckoning.with_fees else True)
    words = dict(_words(edition, name))
    facts: dict[str, Fact] = {
        "trade.venue_time": Fact(timed, seconds),
        "trade.units": Fact(_ALWAYS, z3.ToReal(units)),
        "trade.shares": Fact(_ALWAYS, shares),
        "trade.price": Fact(has_price, price),
        "trade.price_per_share": Fact(z3.And(has_price, rate_known), each),
        "trade.amount": Fact(bounded, amount),
    }
    for fact, word in words.items():
        ties += [word.chosen >= -1, word.chosen < len(word.choices)]
        codes = [_code(edition, one) for one in word.choices]
        facts[fact] = Fact(word.chosen >= 0, chosen(word.chosen, codes))
    # What a market order says of a price binds nobody.
    ties.append(z3.Implies(words["trade.order_type"].is_one("market"), z3.Not(has_price)))
    for fact, of in (
        ("trade.share_class", [one.instrument for one in listings]),
        ("trade.symbol", [one.symbol for one in listings]),
        ("trade.venue", [one.venue for one in listings]),
    ):
        facts[fact] = Fact(_ALWAYS, chosen(listing, [_code(edition, one) for one in of]))
    facts |= dict(_days(edition, listings, listing, timed, name, ties))
    more_shares, more_amount = shares, z3.If(bounded, amount, 0)
    if is_replace:
        more_shares, more_amount = z3.Real(f"{name}.more_s"), z3.Real(f"{name}.more_a")
        ties += [more_shares >= 0, more_shares <= shares]
        ties += [more_amount >= 0, z3.Implies(bounded, more_amount <= amount)]
    after = Sums(
        before.executed_shares,
        before.executed_amount,
        before.reserved_shares + more_shares,
        before.reserved_amount + more_amount,
        before.shares_known,
        before.amount_known,
        z3.And(before.bounded, bounded),
    )
    facts |= _program(before, "") | _program(after, "_after")
    facts |= dict(_outside(name, ties))
    found = Request(
        listings,
        listing,
        units,
        has_rate,
        has_fees,
        fees,
        timed,
        words,
        facts,
        bounded,
        after,
        ties,
    )
    if day is None:
        added = shares
        if is_replace:
            # It is not what is reserved that is ordered more, where a ratio or the day is another.
            added = z3.Real(f"{name}.added")
            ties.append(added >= 0)
        facts |= dict(_any_day(added, name, ties))
    else:
        facts |= day(found)
    return found


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


def _words(edition: Edition, name: str) -> Iterator[tuple[str, Word]]:
    """Yield the facts of words that a request says itself."""
    for fact in TABLE.values():
        if fact.dimension.kind == "word" and fact.name not in _OF_LISTING:
            named = fact.words or tuple(sorted({*edition.constants.words, _other(edition)}))
            yield fact.name, Word(z3.Int(f"{name}.{fact.name}"), named)


def _other(edition: Edition) -> str:
    """Return a word that no rule names: it stands for every other."""
    word = OTHER
    while word in edition.constants.words:
        word += "-"
    return word


def _code(edition: Edition, word: str) -> Term:
    return number(edition.constants.words.get(composed(word), UNKNOWN_WORD))


def _days(
    edition: Edition,
    listings: Sequence[Listing],
    listing: Term,
    timed: Term,
    name: str,
    ties: list[Term],
) -> Iterator[tuple[str, Fact]]:
    """Yield the days of a request on both clocks, as far apart as these can show."""
    here, there, last, there_last = (
        z3.Int(f"{name}.{one}") for one in ("date", "venue_date", "last_date", "venue_last_date")
    )
    ties += [here <= last, there <= there_last, z3.Implies(z3.Not(timed), here == there)]
    clock = edition.reckoning.zone
    for index, one in enumerate(listings):
        ahead = sorted(differences(clock, one.zone))
        ties += [
            z3.Implies(listing == index, z3.Or([first - second == gap for gap in ahead]))
            for first, second in ((here, there), (last, there_last))
        ]
    for fact, value in (
        ("trade.date", here),
        ("trade.venue_date", there),
        ("trade.last_date", last),
        ("trade.venue_last_date", there_last),
    ):
        yield fact, Fact(_ALWAYS, z3.ToReal(value))


@cache
def differences(clock: ZoneInfo, venue: ZoneInfo) -> frozenset[int]:
    """Return by how many days *clock* can be ahead of *venue*: what the zones' data shows.

    An event that has only a day has it on both. The offsets are looked at on each day until 2040:
    after 2037 the tables of zones repeat themselves.
    """
    found = {0}
    day = datetime(YEAR_MIN, 1, 1, 12, tzinfo=UTC)
    while day.year <= _REPEATING:
        here, there = day.astimezone(clock).utcoffset(), day.astimezone(venue).utcoffset()
        assert here is not None, "a zone has an offset"
        assert there is not None, "a zone has an offset"
        if here != there:
            found.add(1 if here > there else -1)
        day += timedelta(days=1)
    return frozenset(found)


def _any_day(more: Term, name: str, ties: list[Term]) -> Iterator[tuple[str, Fact]]:
    """Yield the facts of the day of an order: any use before, and no more after than it adds."""
    for fact in _DAY_FACTS:
        quantity = fact.removeprefix("day.")
        before, after = z3.Real(f"{name}.{fact}"), z3.Real(f"{name}.{fact}_after")
        known, known_after = z3.Bool(f"{name}.{fact}?"), z3.Bool(f"{name}.{fact}_after?")
        most = before + (more if quantity.endswith("shares") else 1)
        ties += [before >= 0, after >= before, after <= most, z3.Implies(known_after, known)]
        if quantity == "ordered_shares":
            ties.append(after == most)
        if quantity == "executed_shares":
            ties.append(after == before)
        yield fact, Fact(known, before)
        yield f"{fact}_after", Fact(known_after, after)


def _outside(name: str, ties: list[Term]) -> Iterator[tuple[str, Fact]]:
    """Yield the facts that others give: each any value of its kind, or none."""
    for fact in _OUTSIDE:
        kind = TABLE[fact].dimension.kind
        value = z3.Int(f"{name}.{fact}") if kind == "flag" else z3.Real(f"{name}.{fact}")
        if kind == "flag":
            ties += [value >= 0, value <= 1]
        elif kind == "price":
            ties.append(value > 0)
        elif kind == "shares":
            ties.append(value >= 0)
        yield fact, Fact(z3.Bool(f"{name}.{fact}?"), z3.ToReal(value) if kind == "flag" else value)
