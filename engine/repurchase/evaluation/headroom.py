"""The largest quantity or the highest price with which an order is approved now, with a proof.

Every numeric fact is linear in the quantity or price, or always missing. Each comparison therefore
has at most one threshold. The thresholds of all rules that can deny or hold the order cut the
values into ranges. Within a range no comparison of these rules changes its result, so the outcome
is the same. The engine evaluates both ends of each range, from the top, until a range is approved:
its last value is the answer. Every larger value lies in a range above, which is not approved. The
answer is therefore the largest approved value, also if there are gaps in the permitted range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from fractions import Fraction
from functools import partial
from itertools import product
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from repurchase.domain.decisions import Finding
from repurchase.domain.errors import EngineFault
from repurchase.domain.events import Event
from repurchase.domain.quantities import DIGITS_MAX, Exact, simplest
from repurchase.evaluation.step import Decided, judging, step
from repurchase.facts.fact import Market, Situation, Value
from repurchase.language.linear import Atom, atoms
from repurchase.ledger.fold import after, since_opening
from repurchase.ledger.position import Position, Requests
from repurchase.ledger.trades import Trade, at_each_venue, trade
from repurchase.rulebook.editions import Edition
from repurchase.rulebook.life import Later, Life

QUANTITY_MAX: Final = 10**DIGITS_MAX - 1
# The default tick size: that of most currencies, and finer than the others'.
TICK: Final = Fraction(1, 100)


class Grid(msgspec.Struct, frozen=True):
    """The values to try as the *field* of an order: 1 to *most* times *step*."""

    field: Literal["quantity", "price"]
    step: Exact
    most: int

    def figure(self, count: int) -> Exact:
        """Return the value of *count* steps."""
        return simplest(count * self.step)

    def order(self, order: Event, count: int) -> Event:
        """Return *order* with the value of *count* steps."""
        return replace(order, **{self.field: self.figure(count)})


QUANTITIES: Final = Grid("quantity", 1, QUANTITY_MAX)


def prices(tick: Exact) -> Grid:
    """Return the prices that an event can have and that are multiples of *tick*."""
    return Grid("price", tick, (Fraction(10**DIGITS_MAX) / tick).__ceil__() - 1)


class Range(msgspec.Struct, frozen=True):
    """The values from *first* to *last*, none of which is approved; *answer* is for the first.

    The last value got the same outcome by the same rules.
    """

    first: Exact
    last: Exact
    answer: Decided

    @property
    def binding(self) -> tuple[Finding, ...]:
        """Return the findings that deny or hold the first value."""
        return _stopping(self.answer)


class Headroom(msgspec.Struct, frozen=True):
    """The *largest* approved value of *grid*, and its decision; 0 and `None` if there is none.

    *above* is the proof: the ranges of all larger values, in order, each evaluated at both ends.
    """

    grid: Grid
    largest: Exact
    passing: Decided | None
    above: tuple[Range, ...]

    @property
    def stopped(self) -> Range | None:
        """Return the range that one step more begins, `None` if no event can have more."""
        return self.above[0] if self.above else None


def headroom(
    order: Event,
    position: Position,
    life: Life,
    market: Market | None = None,
    grid: Grid = QUANTITIES,
) -> Headroom:
    """Return the largest value of *grid* with which *order* is approved, with a proof.

    The field that *grid* varies is ignored in *order*. *market* supplies facts beside *order*.
    Raise EngineFault if the two ends of a range get different decisions: then nothing is proved.
    """
    position = since_opening(position, order, life.edition.counting.zone)
    # Whether an order is like an earlier one depends on its quantity: here it is always a new one.
    position = replace(position, requests=position.requests and Requests())

    def decided(count: int) -> Decided:
        event = grid.order(order, count)
        decision = step(event, position, life, market=market).decision
        return Decided(decision, life, event=event)

    def asked(count: int) -> Trade:
        proposed = trade(grid.order(order, count), life.edition.counting, position, life.counting)
        assert not isinstance(proposed, str), "an order is always a trade"
        return proposed

    def facts(judge: Later | None, venue: int, count: int) -> dict[str, Value | None]:
        proposed = asked(count)
        following = after(position, proposed)
        there = at_each_venue(proposed, life.edition.counting)[venue]
        edition, then = (life.edition, there) if judge is None else judging(judge, there)
        situation = Situation(then, position, following, market)
        fact = edition.authorization.fact
        return {name: fact(name).of(situation) for rule in edition.rules for name in rule.facts}

    venues = range(len(at_each_venue(asked(1), life.edition.counting)))
    ends = set[int]()
    for judge, venue in product((None, *life.later), venues):
        edition = life.edition if judge is None else judge.edition
        ends |= _ends(edition, _lines(partial(facts, judge, venue), grid.most))
    above: list[Range] = []
    for first, last in _ranges(ends, grid.most):
        answer = decided(last)
        if answer.decision.outcome == "approved":
            return Headroom(grid, grid.figure(last), answer, tuple(reversed(above)))
        lowest = decided(first)
        if _verdict(lowest) != _verdict(answer):
            raise EngineFault("the two ends of a range got different decisions")
        above.append(Range(grid.figure(first), grid.figure(last), lowest))
    return Headroom(grid, 0, None, tuple(reversed(above)))


def _stopping(answer: Decided) -> tuple[Finding, ...]:
    """Return the findings of *answer* that deny or hold an order: a flag never does."""
    return tuple(finding for finding in answer.decision.findings if finding.effect != "flag")


def _verdict(answer: Decided) -> tuple[object, ...]:
    found = [(finding.rule, finding.result) for finding in _stopping(answer)]
    return answer.decision.outcome, found


def cuts(threshold: Fraction) -> tuple[int, int]:
    """Return the last count below *threshold* and the last one not above it."""
    return threshold.__ceil__() - 1, threshold.__floor__()


_Line = tuple[Fraction, Fraction]


def _ends(edition: Edition, lines: Mapping[str, _Line]) -> set[int]:
    """Return the counts next to which a rule of *edition* can change its result."""
    stopping = (
        rule for rule in edition.rules if rule.rule.at != "fill" and rule.rule.effect != "flag"
    )
    found = (threshold(atom, lines) for rule in stopping for atom in atoms(rule.passes))
    return {end for count in found if count is not None for end in cuts(count)}


def _ranges(ends: Set[int], most: int) -> Iterator[tuple[int, int]]:
    """Yield the first and the last count of each range, from the top: all from 1 to *most*."""
    last = most
    for end in sorted((end for end in ends if 1 <= end < most), reverse=True):
        yield end + 1, last
        last = end
    yield 1, last


def _lines(facts: Callable[[int], Mapping[str, Value | None]], most: int) -> Mapping[str, _Line]:
    """Return for each numeric fact how much a step adds to it, and its value at no step.

    Two points make a line; a third, far away, shows if the fact is not linear.
    """
    far = max(most, 3)
    at_one, at_two, at_far = facts(1), facts(2), facts(far)
    lines = {}
    for name, one in at_one.items():
        two, other = at_two[name], at_far[name]
        if type(one) is int or type(one) is Fraction:
            line = _line(one, two, other, far)
            if line is not None:
                lines[name] = line
                continue
        elif two == one == other:
            continue
        raise EngineFault(f"`{name}` is not linear in the quantity or price")
    return lines


def _line(one: Exact, two: Value | None, other: Value | None, far: int) -> _Line | None:
    """Return the line through *one*, *two* and, at *far*, the *other*; `None` if there is none."""
    if two is None or other is None or isinstance(two, str) or isinstance(other, str):
        return None
    rise = Fraction(two - one)
    return (rise, one - rise) if other - one == rise * (far - 1) else None


def threshold(atom: Atom, lines: Mapping[str, _Line]) -> Fraction | None:
    """Return the count, whole or not, at which *atom* changes its result; `None` if none does."""
    # A word, a yes/no fact or an unknown fact is the same at every count.
    if any(name not in lines for name, _ in atom.terms):
        return None
    rise = sum(coefficient * lines[name][0] for name, coefficient in atom.terms)
    start = sum(coefficient * lines[name][1] for name, coefficient in atom.terms)
    return None if rise == 0 else (atom.constant - start) / rise
