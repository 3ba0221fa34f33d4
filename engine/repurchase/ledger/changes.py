"""Which fills an event makes count, and which it takes back: the difference of two positions."""

from __future__ import annotations

from collections.abc import Iterator

from repurchase.domain.events import Event
from repurchase.ledger.position import Counted, Position


def changed(event: Event, before: Position, after: Position) -> Iterator[tuple[Counted, int]]:
    """Yield the fills that *event* made count (1) or takes back (-1).

    A bust of a fill that is not known, or that was taken back already, changes nothing; nor does a
    sell fill.
    """
    if event.kind in ("bust", "correct"):
        old = before.fills.last(event.fill or "")
        now = None if old is None or old.settled else after.fills.get(old.event.id)
        if old is not None and now is not None and now.settled:
            yield old, -1
    if event.kind in ("fill", "correct"):
        new = after.fills.get(event.id)
        if new is not None and new is not before.fills.get(event.id):
            yield new, 1
