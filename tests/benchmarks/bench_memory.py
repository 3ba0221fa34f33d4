"""A program in memory that meets a great many orders, each of another broker, and all cancelled."""

from __future__ import annotations

import os
import resource
import time
from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from desk_events import FIRST, LAST, about, order, rules
from repurchase.evaluation.step import step
from repurchase.ledger.position import Position
from repurchase.rulebook.life import life

ORDERS: Final = int(os.environ.get("ORDERS", "20000"))
DAYS: Final = (LAST - FIRST).days
PARTS: Final = 10


def test_orders_with_unique_brokers() -> None:
    """Report the time of each tenth, which is to be the same, and the memory at the end."""
    editions, position = rules().editions, Position()
    for part in range(PARTS):
        start = time.perf_counter()
        for number in range(part * ORDERS // PARTS, (part + 1) * ORDERS // PARTS):
            day = FIRST + timedelta(number * DAYS // ORDERS)
            asked = replace(order(f"o{number}", date=day), broker=f"broker {number}")
            end = about("cancel", f"c{number}", order=asked.id, date=day)
            for event in (asked, end):
                position = step(
                    event, position, life(editions, event, position), live=True
                ).position
        took = time.perf_counter() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        known = f"{len(position.orders):,} orders known"
        print(f"{(part + 1) * ORDERS // PARTS:>9,} orders: {took:6.1f} s, {memory:,} MB, {known}")
