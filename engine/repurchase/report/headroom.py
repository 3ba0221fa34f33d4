"""The largest order that would be approved, for a terminal, with its proof."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace
from rich.console import Group, RenderableType
from rich.text import Text

from repurchase.domain.errors import plain
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact, written
from repurchase.evaluation.headroom import Headroom, Range
from repurchase.evaluation.step import Decided
from repurchase.evaluation.wording import WordedDecision, worded
from repurchase.report.decisions import reasons, remainder
from repurchase.rulebook.editions import Edition

_OUTCOMES: Final = ("denied", "held")


def headroom_view(found: Headroom, order: Event) -> RenderableType:
    """Return the largest quantity or highest price of *order*, what binds it, and the proof."""
    parts: list[RenderableType] = [Text.assemble(*_answer(found, order))]
    if found.passing is not None:
        decision, edition = _worded(found.passing), found.passing.edition
        parts += [*reasons(decision, edition), remainder(decision, edition)]
    if found.stopped is not None:
        more, edition = _one_more(found, found.stopped, order), found.stopped.answer.edition
        parts += [Text(f"{more}:"), *reasons(_binding(found.stopped), edition)]
    return Group(*parts, Text(_proof(found)))


def _answer(found: Headroom, order: Event) -> Iterator[str | tuple[str, str]]:
    if found.grid.field == "quantity":
        yield (_grouped(found.largest), "bold")
        yield plain(f" units of {order.symbol}")
        return
    if found.passing is None:
        yield ("no price", "bold")
        yield f" that is a multiple of {_grouped(found.grid.step)} is approved"
    else:
        yield (_price(found.largest, found.passing.edition, order), "bold")
        yield " a unit"
    units = "1 unit" if order.quantity == 1 else f"{order.quantity:,} units"
    yield plain(f" for {units} of {order.symbol}")


def _one_more(found: Headroom, stopped: Range, order: Event) -> str:
    outcome = stopped.answer.decision.outcome
    is_price = found.grid.field == "price"
    at = f", {_price(stopped.first, stopped.answer.edition, order)}," if is_price else ""
    if found.passing is None:
        return f"The lowest{at} is {outcome}" if is_price else f"Even one unit is {outcome}"
    return f"One {'tick' if is_price else 'unit'} more{at} is {outcome}"


def _binding(stopped: Range) -> WordedDecision:
    """Return the decision on *stopped* with the findings that deny or hold it alone."""
    answer = stopped.answer
    return _worded(replace(answer, decision=replace(answer.decision, findings=stopped.binding)))


def _proof(found: Headroom) -> str:
    """Return that no larger value is approved, and how many ranges show it."""
    field = found.grid.field
    if not found.above:
        return f"No rule denies or holds more: an event cannot have a larger {field}."
    given = {one.answer.decision.outcome for one in found.above}
    outcomes = " or ".join(outcome for outcome in _OUTCOMES if outcome in given)
    every = f"Every larger {field}" if found.passing is not None else f"Every {field}"
    count = len(found.above)
    ranges = "1 range" if count == 1 else f"{count:,} ranges"
    return (
        f"{every} is {outcomes}: {ranges} in which no rule changes its result,"
        " evaluated at both ends."
    )


def _price(price: Exact, edition: Edition, order: Event) -> str:
    listing = edition.counting.listings.get((order.symbol or "", order.at_venues[0]))
    figure = _grouped(price)
    return figure if listing is None else f"{listing.currency} {figure}"


def _grouped(number: Exact) -> str:
    """Return *number* with its thousands grouped and nothing rounded: someone will order it."""
    whole, point, decimals = written(number).partition(".")
    return f"{int(whole):,}{point}{decimals}"


def _worded(answer: Decided) -> WordedDecision:
    return worded(answer.decision, answer.life, answer.event)
