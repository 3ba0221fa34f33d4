"""The largest quantity of an order that would pass now, or its highest price, exactly, with proof.

Every fact is linear in the quantity, and in the price, or absent at all of them; so a comparison
turns at one figure at most. All figures are cut below each turn, after the last one before it, and
after the turn where it is a figure itself. In a range between two cuts no comparison changes that
a rule which can stop the order makes, so neither does the verdict. From the top the engine itself
is asked, at both ends of each range, until one passes: its last figure is the answer. Every
larger one lies in one of the ranges above, which do not pass, and one step more is the first of
them; so the answer is the largest of all that pass, whatever holes the rules leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from repurchase.domain.decisions import Finding
from repurchase.domain.errors import EngineFault
from repurchase.domain.events import Event
from repurchase.domain.quantities import DIGITS_MAX, Exact, simplest
from repurchase.evaluation.step import Decided, step
from repurchase.facts.fact import Market, Situation, Value
from repurchase.facts.table import TABLE
from repurchase.language.linear import Atom, atoms
from repurchase.ledger.fold import after
from repurchase.ledger.position import Position
from repurchase.ledger.trades import trade
from repurchase.rulebook.editions import Edition

QUANTITY_MAX: Final = 10**DIGITS_MAX - 1
# The step of prices where none is said: that of most currencies, and finer than the others'.
TICK: Final = Fraction(1, 100)


class Grid(msgspec.Struct, frozen=True):
    """The figures that an order is asked with as its *field*: 1 to *most* times *step*."""

    field: Literal["quantity", "price"]
    step: Exact
    most: int

    def figure(self, count: int) -> Exact:
        """Return what *count* steps come to."""
        return simplest(count * self.step)

    def order(self, order: Event, count: int) -> Event:
        """Return *order* with the figure that *count* steps come to."""
        return replace(order, **{self.field: self.figure(count)})


QUANTITIES: Final = Grid("quantity", 1, QUANTITY_MAX)


def prices(tick: Exact) -> Grid:
    """Return the prices that an event can have and that are multiples of *tick*."""
    return Grid("price", tick, (Fraction(10**DIGITS_MAX) / tick).__ceil__() - 1)


class Range(msgspec.Struct, frozen=True):
    """Figures from *first* to *last* of which none passes; *answer* is that to the first.

    The last was asked too, and came to the same by the same rules.
    """

    first: Exact
    last: Exact
    answer: Decided

    @property
    def binding(self) -> tuple[Finding, ...]:
        """Return what stops them, by the figures of the first."""
        return _stopping(self.answer)


class Headroom(msgspec.Struct, frozen=True):
    """The *largest* figure of *grid* that passes, and the answer to it; 0 and `None` without one.

    *above* is the proof: the ranges of all larger figures, in order, each asked at both ends.
    """

    grid: Grid
    largest: Exact
    passing: Decided | None
    above: tuple[Range, ...]

    @property
    def stopped(self) -> Range | None:
        """Return where one step more lies, `None` where no event can have more."""
        return self.above[0] if self.above else None


def headroom(
    order: Event,
    position: Position,
    edition: Edition,
    market: Market | None = None,
    grid: Grid = QUANTITIES,
) -> Headroom:
    """Return the largest figure of *grid* with which *order* passes, whichever it has itself.

    *market* gives the facts of the market that it does not carry. Raise EngineFault where the two
    ends of a range are answered differently: then nothing is proved.
    """

    def decided(count: int) -> Decided:
        event = grid.order(order, count)
        return Decided(step(event, position, edition, market=market).decision, edition)

    def facts(count: int) -> dict[str, Value | None]:
        proposed = trade(grid.order(order, count), edition.counting, position)
        assert not isinstance(proposed, str), "an order is always a trade"
        situation = Situation(proposed, position, after(position, proposed), market)
        return {name: TABLE[name].of(situation) for name in edition.facts}

    above: list[Range] = []
    for first, last in _ranges(edition, _lines(facts, grid.most), grid.most):
        answer = decided(last)
        if answer.decision.outcome == "approved":
            return Headroom(grid, grid.figure(last), answer, tuple(reversed(above)))
        lowest = decided(first)
        if _verdict(lowest) != _verdict(answer):
            raise EngineFault("the answers differ between two turns of the rules")
        above.append(Range(grid.figure(first), grid.figure(last), lowest))
    return Headroom(grid, 0, None, tuple(reversed(above)))


def _stopping(answer: Decided) -> tuple[Finding, ...]:
    """Return the findings of *answer* that stop an order: a flag never does."""
    return tuple(finding for finding in answer.decision.findings if finding.effect != "flag")


def _verdict(answer: Decided) -> tuple[object, ...]:
    found = [(finding.rule, finding.result) for finding in _stopping(answer)]
    return answer.decision.outcome, found


def cuts(turn: Fraction) -> tuple[int, int]:
    """Return the last count below *turn* and the last one not above it, which may be the turn."""
    return turn.__ceil__() - 1, turn.__floor__()


_Line = tuple[Fraction, Fraction]


def _ranges(edition: Edition, lines: Mapping[str, _Line], most: int) -> Iterator[tuple[int, int]]:
    """Yield the first and the last count of each range, from the top: all from 1 to the *most*."""
    ends: set[int] = set()
    for rule in edition.rules:
        if rule.rule.at != "fill" and rule.rule.effect != "flag":
            for atom in atoms(rule.passes):
                turn = threshold(atom, lines)
                if turn is not None:
                    ends.update(cuts(turn))
    last = most
    for end in sorted((end for end in ends if 1 <= end < most), reverse=True):
        yield end + 1, last
        last = end
    yield 1, last


def _lines(facts: Callable[[int], Mapping[str, Value | None]], most: int) -> Mapping[str, _Line]:
    """Return of each fact that is a number how much a step adds to it, and what it is at none.

    Two points make a line; a third, as far as there is one, shows whatever bends between.
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
        raise EngineFault(f"`{name}` is not linear in what is asked for")
    return lines


def _line(one: Exact, two: Value | None, other: Value | None, far: int) -> _Line | None:
    """Return the line through *one*, *two* and, at *far*, the *other*; `None` if there is none."""
    if two is None or other is None or isinstance(two, str) or isinstance(other, str):
        return None
    rise = Fraction(two - one)
    return (rise, one - rise) if other - one == rise * (far - 1) else None


def threshold(atom: Atom, lines: Mapping[str, _Line]) -> Fraction | None:
    """Return the count at which *atom* turns, a fraction of a step too; `None` where none does."""
    # A word, a flag, or what is not known, and so never decides: none of them turns.
    if any(name not in lines for name, _ in atom.terms):
        return None
    rise = sum(coefficient * lines[name][0] for name, coefficient in atom.terms)
    start = sum(coefficient * lines[name][1] for name, coefficient in atom.terms)
    return None if rise == 0 else (atom.constant - start) / rise
