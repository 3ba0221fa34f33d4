"""The largest quantity of an order that would pass now, exactly, and what stops one unit more.

Each fact is linear in the quantity, so each comparison turns at one quantity. Between two turns
the verdict is the same, so the largest that passes lies beside one: those few are asked of the
engine itself, from the top.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Final

import msgspec
from msgspec.structs import replace

from repurchase.condition import Atom, atoms
from repurchase.edition import Edition
from repurchase.errors import EngineFault
from repurchase.events import Event
from repurchase.facts import TABLE, Market, Situation
from repurchase.position import Position, after, trade
from repurchase.program import Decided, step
from repurchase.quantities import DIGITS_MAX, Exact

QUANTITY_MAX: Final = 10**DIGITS_MAX - 1

# The quantities that three points of each fact are taken at: two make a line, one tests it.
_POINTS: Final = (1, 2, 3)
# The last that passes is the turn itself, rounded down, or the one before it.
_BESIDE: Final = (-1, 0)


class Headroom(msgspec.Struct, frozen=True):
    """The largest *quantity* that passes, 0 where none does; the answers to it and to one more.

    *passing* is `None` where none passes, *stopped* where a quantity of 18 digits still does.
    """

    quantity: int
    passing: Decided | None
    stopped: Decided | None


def headroom(
    order: Event, position: Position, edition: Edition, market: Market | None = None
) -> Headroom:
    """Return how large *order* may be, whatever quantity it has itself, and what binds it.

    *market* gives the facts of the market that it does not carry.
    """

    def asked(quantity: int) -> Decided:
        event = replace(order, quantity=quantity)
        return Decided(step(event, position, edition, market=market).decision, edition)

    for quantity in sorted(set(_turns(order, position, edition, market)), reverse=True):
        answer = asked(quantity)
        if answer.decision.outcome == "approved":
            if quantity == QUANTITY_MAX:
                return Headroom(quantity, answer, None)
            more = asked(quantity + 1)
            if more.decision.outcome == "approved":
                raise EngineFault("a larger quantity passes between two turns of the rules")
            return Headroom(quantity, answer, more)
    return Headroom(0, None, asked(1))


def _turns(
    order: Event, position: Position, edition: Edition, market: Market | None
) -> Iterator[int]:
    """Yield the quantities beside each at which some comparison turns, and both ends."""
    yield from (1, QUANTITY_MAX)
    lines = _lines(order, position, edition, market)
    for rule in edition.rules:
        for atom in atoms(rule.passes):
            turn = _turn(atom, lines)
            if turn is not None:
                beside = (turn.__floor__() + step for step in _BESIDE)
                yield from (one for one in beside if 1 <= one <= QUANTITY_MAX)


_Line = tuple[Fraction, Fraction]


def _lines(
    order: Event, position: Position, edition: Edition, market: Market | None
) -> Mapping[str, _Line]:
    """Return of each fact that is a number how much a unit adds to it, and what it is at none."""
    samples = [
        _numbers(replace(order, quantity=quantity), position, edition, market)
        for quantity in _POINTS
    ]
    lines = {}
    for name in samples[0]:
        one, two, three = (sample.get(name) for sample in samples)
        if one is None or two is None or three is None:
            continue
        rise = Fraction(two) - one
        if three - two != rise:
            raise EngineFault(f"`{name}` is not linear in the quantity")
        lines[name] = (rise, one - rise)
    return lines


def _numbers(
    order: Event, position: Position, edition: Edition, market: Market | None
) -> dict[str, Exact | None]:
    proposed = trade(order, edition.reckoning, position)
    assert not isinstance(proposed, str), "an order is always a trade"
    situation = Situation(proposed, position, after(position, proposed), market)
    found = {name: TABLE[name].of(situation) for name in edition.facts}
    return {
        name: value
        for name, value in found.items()
        if value is None or type(value) is int or type(value) is Fraction
    }


def _turn(atom: Atom, lines: Mapping[str, _Line]) -> Fraction | None:
    """Return the quantity at which *atom* turns, `None` where none does."""
    rise, start = Fraction(0), Fraction(0)
    for name, coefficient in atom.terms:
        # A word or a flag, or what is not known, does not change with the quantity.
        line = lines.get(name, (Fraction(0), Fraction(0)))
        rise += coefficient * line[0]
        start += coefficient * line[1]
    return None if rise == 0 else (atom.constant - start) / rise
