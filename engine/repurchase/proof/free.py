"""The days and facts that the position does not fix, each a free variable within its domain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from repurchase.domain.calendars import YEAR_MIN
from repurchase.facts.table import TABLE
from repurchase.proof.fields import FILLS, REPLACES, Counted
from repurchase.proof.logic import Fact, free, number, real
from repurchase.proof.solver import Term, z3

# After this year, the rules of all time zones repeat.
_REPEATING: Final = 2040
_DAY_FACTS: Final = tuple(
    name for name in TABLE if name.startswith("day.") and not name.endswith("_after")
)
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
_OUTSIDE: Final = tuple(name for name in TABLE if name.startswith(("market.", "issuer.")))


def any_days(asked: Counted, ties: list[Term]) -> Iterator[tuple[str, Fact]]:
    """Yield the days of an event on both clocks, at most as far apart as the clocks can be."""
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
        ahead = sorted(differences(clock, venue))
        ties += [
            z3.Implies(asked.listing == index, z3.Or([first - second == gap for gap in ahead]))
            for first, second in ((here, there), (last, there_last))
        ]
    days = {"date": here, "venue_date": there, "last_date": last, "venue_last_date": there_last}
    for day, value in days.items():
        yield f"trade.{day}", Fact(z3.BoolVal(True), z3.ToReal(value))


@cache
def differences(clock: ZoneInfo, venue: ZoneInfo) -> frozenset[int]:
    """Return the numbers of days by which *clock* can be ahead of *venue*.

    0 is always one of them, since an event with only a date has it on both clocks. The offsets are
    compared on each day until 2040, because after 2037 the tables of time zones repeat.
    """
    found = {0}
    day = datetime(YEAR_MIN, 1, 1, 12, tzinfo=UTC)
    while day.year <= _REPEATING:
        here, there = day.astimezone(clock).utcoffset(), day.astimezone(venue).utcoffset()
        assert here is not None, "each time zone has an offset"
        assert there is not None, "each time zone has an offset"
        if here != there:
            found.add(1 if here > there else -1)
        day += timedelta(days=1)
    return frozenset(found)


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
        most = all_units if is_shares else number(1)
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


def any_outside(name: str, ties: list[Term]) -> Iterator[tuple[str, Fact]]:
    """Yield the facts that feeds supply: each any value of its domain, or missing."""
    for fact in _OUTSIDE:
        value = free(TABLE[fact].domain, f"{name}.{fact}", ties)
        yield fact, Fact(z3.Bool(f"{name}.{fact}?"), real(value))
