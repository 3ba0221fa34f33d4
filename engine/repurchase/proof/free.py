"""The days and facts that the position does not fix, each a free variable within its domain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from repurchase.domain.averages import ALL, LISTING, Average
from repurchase.domain.clocks import Ahead, ahead
from repurchase.domain.counters import Counter
from repurchase.facts.day import OF_DAY
from repurchase.facts.domains import Domain
from repurchase.facts.outside import is_outside
from repurchase.facts.table import TABLE
from repurchase.proof.counted import Used, clocks, facts_of, is_in_scope, marked, named, touches
from repurchase.proof.fields import FILLS, REPLACES, Counted
from repurchase.proof.logic import Fact, Facts, chosen, free, number, real
from repurchase.proof.solver import Term, z3

# Whether a sum, by its name, is known before an event and after it.
KnownSums = Mapping[str, tuple[Term, Term]]

_DAY_FACTS: Final = tuple(
    name
    for name in TABLE
    if name.startswith("day.") and not name.endswith("_after") and name not in OF_DAY
)
# What an event of each kind adds to the counts of a counter, at least and at most.
_ADDED: Final[Mapping[str, Mapping[str, tuple[int, int]]]] = {
    "orders": {"order": (0, 1), "release": (0, 1)},
    "messages": dict.fromkeys(("order", "replace", "release", "release-replace"), (0, 1)),
    "cancels": {},
    "open_orders": {
        **dict.fromkeys(("order", "replace", "release", "release-replace"), (0, 1)),
        **dict.fromkeys(("fill", "correct"), (-1, 0)),
    },
    "brokers": {
        **dict.fromkeys(("order", "replace", "release", "release-replace"), (0, 1)),
        "fill-alone": (0, 1),
        # An order of another broker than its fill can be the last of that broker.
        **dict.fromkeys(("fill", "correct"), (-1, 1)),
    },
}
# The facts of the day that grow by all shares of an event, by kind.
_WHOLLY: Final = {
    "order": ("ordered_shares",),
    "release": ("ordered_shares",),
    "fill": ("executed_shares",),
    "fill-alone": ("ordered_shares", "executed_shares"),
}
_ASKING: Final = ("order", "release", *REPLACES)
_DAYS: Final = ("date", "last_date")
_VENUE_DAYS: Final = ("venue_date", "venue_last_date")
# What an event states, or a feed supplies for it, and nothing else decides.
_STATED: Final = tuple(name for name in TABLE if is_outside(name) or name == "trade.solicited")


def any_days(asked: Counted, ties: list[Term]) -> Iterator[tuple[str, Fact]]:
    """Yield the days of an event on both clocks, as far apart as the clocks show at some moment."""
    name, clock = asked.name, asked.edition.counting.zone
    # Each clock has its own variable, because two clocks can show two days for one event.
    here, last, there, there_last = (
        free(TABLE[f"trade.{day}"].domain, f"{name}.{day}{on}", ties)
        for on, days in ((f"@{clock.key}", _DAYS), ("", _VENUE_DAYS))
        for day in days
    )
    if asked.kind in FILLS:
        last, there_last = here, there
    ties += [here <= last, there <= there_last, z3.Implies(z3.Not(asked.timed), here == there)]
    for index, venue in enumerate(asked.scope.clocks):
        clocks = ahead(clock, venue)
        ties += [
            z3.Implies(asked.listing == index, _apart(first, second, clocks))
            for first, second in ((here, there), (last, there_last))
        ]
    days = {"date": here, "venue_date": there, "last_date": last, "venue_last_date": there_last}
    for day, value in days.items():
        yield f"trade.{day}", Fact(z3.BoolVal(True), z3.ToReal(value))


def _apart(here: Term, there: Term, clocks: Sequence[Ahead]) -> Term:
    """Return the condition that the days *here* and *there* are as far apart as *clocks* can be.

    They can always be the same day, because an event with only a date has it on both clocks.
    """
    return z3.Or([here == there, *(_is_ahead(here, there, by) for by in clocks if by.days)])


def _is_ahead(here: Term, there: Term, by: Ahead) -> Term:
    ends = [here >= by.first.toordinal()] if by.first else []
    ends += [here <= by.last.toordinal()] if by.last else []
    return z3.And([here - there == by.days, *ends]) if ends else here - there == by.days


def any_day(asked: Counted, ties: list[Term]) -> Iterator[tuple[str, Fact]]:
    """Yield the facts of the day: any use before the event, plus at most what it can add."""
    name, kind, all_units = asked.name, asked.kind, z3.ToReal(asked.units)
    for fact in _DAY_FACTS:
        quantity = fact.removeprefix("day.")
        is_shares = quantity.endswith("shares")
        before = real(free(TABLE[fact].domain, f"{name}.{fact}", ties))
        more = real((z3.Real if is_shares else z3.Int)(f"{name}.{fact}_more"))
        known, known_after = z3.Bool(f"{name}.{fact}?"), z3.Bool(f"{name}.{fact}_after?")
        if kind != "correct" or quantity != "executed_shares":
            # A correct can reduce the executed shares of a day, and no other count.
            ties.append(more >= 0)
        if kind != "correct":
            # A correct can take back the fill that made a fact unknown.
            ties.append(z3.Implies(known_after, known))
        most = z3.If(asked.has_units, all_units, 0) if is_shares else number(1)
        if quantity in _WHOLLY.get(kind, ()):
            ties.append(more == most)
        elif quantity == "executed_shares" and kind in _ASKING:
            ties.append(more == 0)
        elif kind not in REPLACES or not is_shares:
            # A replace on a later day than its order requests all that the order may still buy.
            ties.append(more <= most)
        yield fact, Fact(known, before)
        yield (
            f"{fact}_after",
            Fact(known_after, before + (asked.shares_of(more) if is_shares else more)),
        )


def any_limits_of_day(
    asked: Counted, known: KnownSums, ties: list[Term]
) -> Iterator[tuple[str, Fact]]:
    """Yield the facts of the counter of the day, which counts every event.

    *known* says of each sum whether it is known before the event and after it.
    """
    for of, (is_known, is_known_after) in known.items():
        before, more = _used(asked, named(asked, "day"), of, z3.BoolVal(True), ties)
        yield f"day.{of}", Fact(is_known, before)
        yield f"day.{of}_after", Fact(is_known_after, before + more)


def any_counters(
    asked: Counted, days: Facts, known: KnownSums, ties: list[Term]
) -> Iterator[tuple[str, Fact]]:
    """Yield the facts of the edition's counters: any use, plus what the event can add.

    A counter that does not count the event, on its *days*, has the same sums before and after it.
    *known* says of each sum whether it is known before the event and after it.
    """
    for counter in asked.edition.authorization.counters:
        first, last = (days[f"trade.{day}"].value for day in clocks(counter))
        is_counted = z3.And(is_in_scope(asked, counter), touches(counter, first, last))
        name = named(asked, counter.name, counter)
        # What is long past is forgotten.
        is_kept = z3.Bool(f"{name}.kept") if counter.is_short else z3.BoolVal(True)
        added = [
            (
                of,
                *(z3.And(one, is_kept) for one in known[of]),
                *_used(asked, name, of, is_counted, ties),
            )
            for of in known
        ]
        added.append(
            (
                "ordered_shares",
                *(z3.And(one, is_kept, z3.Bool(f"{name}.ordered?")) for one in known["shares"]),
                *_ordered(asked, name, (is_counted, _is_of_one(counter, first, last)), ties),
            )
        )
        added += (_counted(asked, name, of, is_counted, ties) for of in _ADDED)
        yield from facts_of(asked, counter, is_counted, added)


def _counted(asked: Counted, name: str, of: str, is_counted: Term, ties: list[Term]) -> Used:
    """Return the count *of* the counter *name*: any before an event, and what that can add."""
    before, more = z3.Int(f"{name}.{of}"), z3.Int(f"{name}.{of}_more")
    least, most = _ADDED[of].get(asked.kind, (0, 0))
    ties += [before >= 0, more >= least, more <= most, before + more >= 0]
    ties += _none_elsewhere(asked, is_counted, more)
    known, known_after = z3.Bool(f"{name}.{of}?"), z3.Bool(f"{name}.{of}_after?")
    return of, known, known_after, real(before), real(more)


def _none_elsewhere(asked: Counted, is_counted: Term, more: Term) -> list[Term]:
    """Return the condition that an event which a counter does not count adds nothing to it.

    There is none if the counter can count an order for another of its venues. A fill by another
    method or broker than its order can end what that reserved.
    """
    if asked.scope.is_routed:
        return []
    nothing = more <= 0 if asked.kind in FILLS else more == 0
    return [z3.Implies(z3.Not(is_counted), nothing)]


def _used(
    asked: Counted, name: str, of: str, is_counted: Term, ties: list[Term]
) -> tuple[Term, Term]:
    """Return what a sum *of* the counter *name* is before an event, and what that adds to it."""
    before, more = z3.Real(f"{name}.{of}"), z3.Real(f"{name}.{of}_more")
    most = asked.shares if of == "shares" else asked.amount
    ties += [before >= 0, more <= most, before + more >= 0]
    ties += _none_elsewhere(asked, is_counted, more)
    if asked.kind in ("order", "release", "fill-alone"):
        ties.append(z3.Implies(is_counted, more == most))
    elif asked.kind in REPLACES and not asked.edition.counting.dated:
        # A fill can cost less than was reserved, and a correct take back more than it adds.
        ties.append(more >= 0)
    return before, more


def _is_of_one(counter: Counter, first: Term, last: Term) -> Term:
    """Return a condition that all days from *first* to *last* are of one period of *counter*."""
    is_begun = touches(counter, first, first)
    return is_begun if counter.per is None else z3.And(is_begun, first == last)


def _ordered(
    asked: Counted, name: str, counted: tuple[Term, Term], ties: list[Term]
) -> tuple[Term, Term]:
    """Return what was ordered in the counter *name* before an event, and what that orders.

    *counted* says whether it counts the event, and in the period in which that is requested alone.
    """
    is_counted, is_of_one = counted
    before, more = z3.Reals(f"{name}.ordered {name}.ordered_more")
    ties += [before >= 0, more >= 0]
    ties += _none_elsewhere(asked, is_counted, more)
    if asked.kind in ("order", "release", "fill-alone"):
        ties.append(z3.Implies(z3.And(is_counted, is_of_one), more == asked.shares))
    if asked.kind not in REPLACES:
        # A replace in a later period than its order requests all that the order may still buy.
        ties.append(more <= asked.shares)
    return before, more


def any_outside(asked: Counted, ties: list[Term]) -> Iterator[tuple[str, Fact]]:
    """Yield the facts that only a source decides: each any value of its domain, or missing."""
    for fact in _STATED:
        yield fact, _any_value(TABLE[fact].domain, f"{asked.name}.{fact}", ties)
    authorization = asked.edition.authorization
    for fact in sorted(asked.edition.facts):
        average = authorization.average(fact)
        if average is not None:
            yield fact, _any_average(asked, fact, average, ties)


def _any_value(domain: Domain, name: str, ties: list[Term]) -> Fact:
    return Fact(z3.Bool(f"{name}?"), real(free(domain, name, ties)))


def _any_average(asked: Counted, fact: str, average: Average, ties: list[Term]) -> Fact:
    """Return *average*, any value of the domain of *fact*.

    Two rule files can call different averages the same, or give an instrument other venues or
    another ratio: those have different values.
    """
    authorization, found, each = asked.edition.authorization, {}, []
    venues = {one.name: one.venues for one in authorization.instruments}
    for listing in asked.listings:
        of_bars = None
        if listing is not None:
            own = venues[listing.instrument] if average.venue in (LISTING, ALL) else ()
            of_bars = (own, listing.shares_each, listing.currency, authorization.currency)
        name = f"{asked.name}.{fact}@{marked((average, of_bars))}"
        if name not in found:
            found[name] = _any_value(authorization.fact(fact).domain, name, ties)
        each.append(found[name])
    presents, values = ([getattr(one, of) for one in each] for of in ("present", "value"))
    return Fact(chosen(asked.listing, presents), chosen(asked.listing, values))
