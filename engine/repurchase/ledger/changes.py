"""Which fills an event makes count, and which it takes back: the difference of two positions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact
from repurchase.ledger.position import Counted, Position
from repurchase.ledger.trades import contract_of


class DaySums:
    """What a program's fills come to by day at the venue and by instrument, in bounded memory."""

    def __init__(self) -> None:
        # Fills, units, what they cost, and of how many the cost is unknown.
        self._sums: dict[tuple[date, str], tuple[int, int, Exact, int]] = {}

    def add(self, event: Event, before: Position, after: Position) -> None:
        """Count what *event* changed from the position *before* it to the one *after* it."""
        for fill, sign in changed(event, before, after):
            key = day_of_fill(fill), instrument_of(fill)
            fills, units, cost, unknown = self._sums.get(key, (0, 0, 0, 0))
            own = contract_of(fill.event)
            self._sums[key] = (
                fills + sign,
                units + sign * (fill.event.quantity or 0),
                cost + sign * (own or 0),
                unknown + sign * (own is None),
            )

    def totals(
        self, first: date | None, last: date | None
    ) -> dict[str, tuple[int, int, Exact | None]]:
        """Return by instrument the fills, the units and the cost of the days *first* to *last*.

        A cost is `None` if that of one fill is unknown. An instrument without fills is left out.
        """
        found: dict[str, tuple[int, int, Exact | None]] = {}
        for (day, name), (fills, units, cost, unknown) in self._sums.items():
            if not fills or not (first or day) <= day <= (last or day):
                continue
            before = found.get(name, (0, 0, 0))
            known = None if unknown or before[2] is None else before[2] + cost
            found[name] = before[0] + fills, before[1] + units, known
        return found


def day_of_fill(fill: Counted) -> date:
    """Return the day of *fill* at its venue; on the authorization's clock if that is unknown."""
    return fill.venue_date or fill.date


def instrument_of(fill: Counted) -> str:
    """Return the instrument of *fill*, or its symbol if the rule file does not list it."""
    return (fill.event.symbol or "") if fill.listing is None else fill.listing.instrument


def changed(event: Event, before: Position, after: Position) -> Iterator[tuple[Counted, int]]:
    """Yield the fills that *event* made count (1) or takes back (-1).

    A split takes each fill before its day back, and makes it count anew. A bust of a fill that is
    not known, or that was taken back already, changes nothing; nor does a sell fill.
    """
    if event.kind in ("bust", "correct"):
        old = before.fills.last(event.fill or "")
        now = None if old is None or old.settled else after.fills.get(old.event.id)
        if old is not None and now is not None and now.settled:
            yield old, -1
    if event.kind == "split" and before.splits != after.splits:
        for fill in before.fills.counting():
            now = after.fills.get(fill.event.id)
            if now is not None and now != fill:
                yield fill, -1
                yield now, 1
    if event.kind in ("fill", "correct"):
        new = after.fills.get(event.id)
        if new is not None and new is not before.fills.get(event.id):
            yield new, 1
