"""What an event and its market say that no position fixes: each any value that there can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from repurchase.domain.calendars import VENUE_ZONES, YEAR_MIN, zone
from repurchase.facts.table import TABLE
from repurchase.language.expression import composed
from repurchase.proof.logic import Fact, number
from repurchase.proof.solver import Term, z3
from repurchase.rulebook.editions import UNKNOWN_WORD, Edition

OTHER: Final = "Other"

# A year by which the rules of all zones repeat.
_REPEATING: Final = 2040
_DAY_FACTS: Final = tuple(
    name for name in TABLE if name.startswith("day.") and not name.endswith("_after")
)
# What grows by all of an event's shares.
_WHOLLY: Final = {
    "order": ("ordered_shares",),
    "release": ("ordered_shares",),
    "fill": ("executed_shares",),
    "fill-alone": ("ordered_shares", "executed_shares"),
}
_ASKING: Final = ("order", "release", "replace", "release-replace")
_OF_LISTING: Final = ("trade.share_class", "trade.symbol", "trade.venue")
_OUTSIDE: Final = tuple(name for name in TABLE if name.startswith(("market.", "issuer.")))


class Scope(msgspec.Struct, frozen=True):
    """What events can be of: *pairs* of a symbol and a venue, and *words*, one that no rule names.

    The venue is `None` where an event does not say it; *clocks* are those of the venues that are
    meant. So one event can be read under several rule files: it has each word and each pair of
    them. *is_sure* is whether all of them mean the same venue, where none is said.
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
    unsaid = {
        symbol: {
            found.zone
            for edition in editions
            if (found := edition.counting.listings.get((symbol, None))) is not None
        }
        for symbol, _ in listed
    }
    meant = sorted(symbol for symbol, clocks in unsaid.items() if clocks)
    pairs = sorted(listed)
    clocks = [zone(VENUE_ZONES[venue]) for _, venue in pairs]
    clocks += [min(unsaid[symbol], key=lambda one: one.key) for symbol in meant]
    named = {word for edition in editions for word in edition.constants.words}
    other = OTHER
    while other in named:
        other += "-"
    return Scope(
        (*pairs, *((symbol, None) for symbol in meant)),
        tuple(clocks),
        tuple(sorted({*named, other})),
        all(len(unsaid[symbol]) == 1 for symbol in meant),
    )


class Word(msgspec.Struct, frozen=True):
    """A fact of words: *chosen* counts the *choices*, and is -1 where none is said."""

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


def any_days(
    clock: ZoneInfo,
    scope: Scope,
    listing: Term,
    timed: Term,
    name: str,
    ties: list[Term],
    *,
    is_fill: bool,
) -> Iterator[tuple[str, Fact]]:
    """Yield the days of an event on both clocks, as far apart as these can show."""
    # What two clocks show of one event are two things.
    here, last = (z3.Int(f"{name}.{one}@{clock.key}") for one in ("date", "last_date"))
    there, there_last = (z3.Int(f"{name}.{one}") for one in ("venue_date", "venue_last_date"))
    if is_fill:
        last, there_last = here, there
    ties += [here <= last, there <= there_last, z3.Implies(z3.Not(timed), here == there)]
    for index, venue in enumerate(scope.clocks):
        ahead = sorted(differences(clock, venue))
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
        yield fact, Fact(z3.BoolVal(True), z3.ToReal(value))


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


def any_day(
    kind: str, shares_of: Callable[[Term], Term], units: Term, name: str, ties: list[Term]
) -> Iterator[tuple[str, Fact]]:
    """Yield the facts of the day: any use before, and after it no more than the event can add.

    *shares_of* makes shares of a number of the *units* that it has.
    """
    all_units = z3.ToReal(units)
    for fact in _DAY_FACTS:
        quantity = fact.removeprefix("day.")
        before, more = z3.Real(f"{name}.{fact}"), z3.Real(f"{name}.{fact}_more")
        known, known_after = z3.Bool(f"{name}.{fact}?"), z3.Bool(f"{name}.{fact}_after?")
        ties.append(before >= 0)
        if kind != "correct" or quantity != "executed_shares":
            # A correct takes back what was bought, and nothing that was ordered.
            ties.append(more >= 0)
        if kind != "correct":
            # What a correct takes back may be what nobody knew.
            ties.append(z3.Implies(known_after, known))
        is_shares = quantity.endswith("shares")
        most = all_units if is_shares else number(1)
        if quantity in _WHOLLY.get(kind, ()):
            ties.append(more == most)
        elif quantity == "executed_shares" and kind in _ASKING:
            ties.append(more == 0)
        elif kind not in ("replace", "release-replace") or not is_shares:
            # A replace on another day than its order's asks for all that this may still buy.
            ties.append(more <= most)
        yield fact, Fact(known, before)
        yield f"{fact}_after", Fact(known_after, before + (shares_of(more) if is_shares else more))


def any_outside(name: str, ties: list[Term]) -> Iterator[tuple[str, Fact]]:
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
