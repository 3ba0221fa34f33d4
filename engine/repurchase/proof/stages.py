"""The editions of two rule files that evaluate one event: those of its own day, or of its life.

Each edition in force while a request can still fill evaluates it, as known on the day of the
request. The edition of its own day alone evaluates a fill or a correct.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta

import msgspec

from repurchase.domain.terms import Listing
from repurchase.proof.fields import FILLS, REPLACES
from repurchase.proof.model import Request, within
from repurchase.proof.solver import Term, z3
from repurchase.rulebook.editions import Edition, Editions
from repurchase.rulebook.periods import Period, periods


class Stage(msgspec.Struct, frozen=True):
    """The editions of a *period* as known on the days from *first* to *last*.

    They evaluate requests of these days that can still fill in the period.
    """

    period: Period
    first: date
    last: date

    @property
    def editions(self) -> tuple[Edition, ...]:
        """Return the edition of each file."""
        return self.period.editions


# Stages in which each file has one edition.
Group = Sequence[Stage]


def own_stages(old: Editions, new: Editions) -> list[Group]:
    """Return the stages of events that the edition of their own day evaluates, by editions."""
    return _grouped(Stage(one, one.first, one.last) for one in periods(old, new))


def life_stages(old: Editions, new: Editions) -> list[Group]:
    """Return the stages of requests, which every edition of their life evaluates, by editions."""
    return _grouped(_of_lives(old, new))


def _of_lives(old: Editions, new: Editions) -> Iterator[Stage]:
    files = (old, new)
    days = (day for of in files if of.known_at is None for day in of.knowledge_days())
    starts = sorted({date.min, *days})
    for first, after in zip(starts, [*starts[1:], None], strict=True):
        last = date.max if after is None else after - timedelta(1)
        as_known = [
            Editions(of.authorization, of.known_at or first, of) if starts[1:] else of
            for of in files
        ]
        for period in periods(*as_known):
            if period.last >= first:
                yield Stage(period, first, min(last, period.last))


def _grouped(stages: Iterable[Stage]) -> list[Group]:
    groups: dict[tuple[str, ...], list[Stage]] = {}
    for stage in stages:
        groups.setdefault(tuple(one.hash for one in stage.editions), []).append(stage)
    return list(groups.values())


def evaluated_in(group: Group, asked: Sequence[Request]) -> Term:
    """Return the condition that the editions of a stage of *group* evaluate the event *asked*."""
    return z3.Or([z3.And([tie for one in asked for tie in _days(stage, one)]) for stage in group])


def dated_in(group: Group, asked: Sequence[Request]) -> Term:
    """Return the condition that the event *asked* is dated in a period of *group*."""
    return z3.Or(
        [z3.And([tie for one in asked for tie in within(stage.period, one)]) for stage in group]
    )


def _days(stage: Stage, one: Request) -> Iterator[Term]:
    period = stage.period
    if one.kind in FILLS:
        yield from within(period, one)
        return
    yield one.day("date") >= stage.first.toordinal()
    yield one.day("date") <= stage.last.toordinal()
    if period.venue_day is not None:
        yield one.day("venue_date") <= period.venue_day.toordinal()
    if one.kind not in REPLACES:
        # The order that a replace is about may last longer than what the replace requests.
        yield lasts_into(period, one)


def asked_before(stage: Stage, one: Request) -> Term:
    """Return the condition that *one* is requested before the end of *stage*, as known then."""
    return z3.And(
        one.day("date") >= stage.first.toordinal(), one.day("date") <= stage.last.toordinal()
    )


def lasts_into(period: Period, one: Request) -> Term:
    """Return the condition that what *one* requests can still fill in *period*."""
    if period.venue_day is not None:
        return one.day("venue_last_date") >= period.venue_day.toordinal()
    return one.day("last_date") >= period.first.toordinal()


def ratio_ties(one: Request, groups: Sequence[Group], *, is_routed: bool = False) -> list[Term]:
    """Return the conditions that the share ratio of a request is the highest one of its life.

    *groups* are all stages of requests. The ratios are in ascending order. If *is_routed*, the
    order may have other venues, where it can last into a higher ratio.
    """
    if one.each is None:
        return []
    lived: list[list[Term]] = [[] for _ in one.ratios]
    ties = [one.each >= 0, one.each < len(lived)]
    for stage in (stage for group in groups for stage in group):
        days = z3.And(*_days(stage, one), lasts_into(stage.period, one))
        for at, pair in enumerate(one.scope.pairs):
            for listing in _listed(stage, pair):
                index = one.ratios.index(listing.shares_each)
                is_lived = z3.And(one.listing == at, days)
                lived[index].append(is_lived)
                if _is_sure(groups, pair):
                    ties.append(z3.Implies(is_lived, one.each >= index))
    if is_routed:
        return ties
    each = [z3.Implies(one.each == index, z3.Or(of)) for index, of in enumerate(lived)]
    return [*ties, z3.Implies(one.listed, z3.And(each))]


def _listed(stage: Stage, pair: tuple[str, str | None]) -> Iterator[Listing]:
    """Yield the instruments that the symbol and venue *pair* may name in *stage*."""
    symbol, venue = pair
    for listing in dict.fromkeys(stage.editions[0].counting.listings.values()):
        if listing.symbol == symbol and venue in (None, listing.venue):
            yield listing


def _is_sure(groups: Sequence[Group], pair: tuple[str, str | None]) -> bool:
    """Return whether the symbol and venue *pair* names the same venue in each stage of *groups*."""
    listed = (of for group in groups for stage in group for of in _listed(stage, pair))
    return len({of.venue for of in listed}) == 1
