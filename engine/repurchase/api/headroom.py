"""The largest order that would be approved: the question asked, and the answer in exact strings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from repurchase.api.answers import Decision, answer_of
from repurchase.domain.decisions import Outcome
from repurchase.domain.errors import Problem, UsageError, short
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact, exact, written
from repurchase.evaluation import headroom as room
from repurchase.evaluation.step import Decided
from repurchase.intake.fields import event

# The question is of an order, and which program it is of is known.
_NOT_ASKED: Final = ("kind", "id", "authorization")


class Range(msgspec.Struct, frozen=True):
    """Values from *first* to *last*, all with one *outcome*: the same *rules* keep them out.

    They are quantities in the instrument's own units, or prices in its currency per unit.
    """

    first: str
    last: str
    outcome: Outcome
    rules: tuple[str, ...]


class Headroom(msgspec.Struct, frozen=True):
    """The largest order that would be approved.

    *quantity* is in the instrument's own units, *price* in its currency per unit: one of them was
    given, and the other is the answer, `"0"` if no order is approved. *price* is `None` for a
    market order. *tick* is the tick size, `None` if the quantity was asked for. *binding* are
    the rules that stop one unit or one tick more. *passing* is the decision on the order itself,
    *stopped* that on one step more; each is `None` if there is no such order. *proof* lists all
    larger values in ranges; the engine evaluated both ends of each.
    """

    price: str | None
    quantity: str | None
    tick: str | None
    binding: tuple[str, ...]
    passing: Decision | None
    stopped: Decision | None
    proof: tuple[Range, ...]


def question(values: Mapping[str, object], tick: str | None = None) -> tuple[Event, room.Grid]:
    """Return the order that the fields *values* describe, and the values to be tried for it.

    It buys unless they say otherwise. Of `price` and `quantity` the one left out is asked for; of
    a market order it is the quantity. The price asked for is a multiple of *tick*. Raise
    UsageError if both or neither are given, InputError for a field that cannot be read.
    """
    for name in _NOT_ASKED:
        if name in values:
            hint = "give the fields of an order, such as `symbol` and `price`"
            raise UsageError(Problem(f"`{name}` is not a field to ask with", hint))
    grid = _grid(values, tick)
    own = {"kind": "order", "id": "headroom", "side": "buy"}
    return event({**own, **values, grid.field: "1"}), grid


def _grid(values: Mapping[str, object], tick: str | None) -> room.Grid:
    is_market = values.get("order_type") == "market"
    if values.get("quantity") is not None:
        _refuse_without_a_price_to_find(values, is_market=is_market)
        return room.prices(room.TICK if tick is None else _step(tick))
    if values.get("price") is None and not is_market:
        hint = "give `price` for the largest quantity, or `quantity` for the highest price"
        raise UsageError(Problem("neither `price` nor `quantity` is given", hint))
    if tick is not None:
        what = "a tick size is given, but it applies only to the highest price"
        hint = "give `quantity` instead of `price`, or leave the tick size out"
        raise UsageError(Problem(what, hint))
    return room.QUANTITIES


def _refuse_without_a_price_to_find(values: Mapping[str, object], *, is_market: bool) -> None:
    if values.get("price") is not None:
        hint = "leave one out; `check` evaluates a whole order"
        raise UsageError(Problem("`price` and `quantity` are both given", hint))
    if is_market:
        hint = "leave out `quantity` for the largest one, or set `order_type` to `limit`"
        what = "a market order has no limit price, so it has no highest price"
        raise UsageError(Problem(what, hint))


def _step(tick: str) -> Exact:
    try:
        step = exact(tick)
    except ValueError:
        step = 0
    if step <= 0:
        hint = "write a number above zero, of at most 18 digits and 12 decimals, such as 0.01"
        raise UsageError(Problem(f"the tick `{short(tick)}` is not a tick size", hint))
    return step


def headroom_of(found: room.Headroom, order: Event) -> Headroom:
    """Return what was *found* for *order*, in exact strings and in words."""
    grid, stopped = found.grid, found.stopped
    asked: dict[str, Exact | None] = {"price": order.price, "quantity": order.quantity}
    asked[grid.field] = found.largest
    price, quantity = (None if value is None else written(value) for value in asked.values())
    return Headroom(
        price=price,
        quantity=quantity,
        tick=written(grid.step) if grid.field == "price" else None,
        binding=() if stopped is None else _rules(stopped),
        passing=_answer(found.passing),
        stopped=_answer(None if stopped is None else stopped.answer),
        proof=tuple(
            Range(written(one.first), written(one.last), one.answer.decision.outcome, _rules(one))
            for one in found.above
        ),
    )


def _answer(decided: Decided | None) -> Decision | None:
    return None if decided is None else answer_of(decided)


def _rules(range_: room.Range) -> tuple[str, ...]:
    return tuple(finding.rule for finding in range_.binding)
