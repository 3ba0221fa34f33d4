"""The desk with its journal: events a second, the wait for an answer, and how it is shared."""

from __future__ import annotations

import os
import platform
import statistics
import threading
import time
from pathlib import Path
from typing import Final

import pytest

from desk_events import PROGRAM, RULES, clock, order
from repurchase.journal.book import stored_book
from repurchase.journal.desk import Desk, rule_text
from stores import Store
from test_desk_crashes import children

EVENTS: Final = int(os.environ.get("EVENTS", "3000"))
CALLERS: Final = (1, 16, 64)
# So that every order passes: what is measured is not the denials.
ROOMY: Final = RULES.replace("40 shares", "9000000 shares").replace("60 shares", "9000000 shares")


@pytest.mark.parametrize("callers", CALLERS)
def test_desk_rate(store: Store, callers: int) -> None:
    """Report events a second, the median and 99th percentile of an answer, and bytes a record."""
    rules = rule_text(ROOMY.replace("JPY 50,000", "JPY 9,000,000,000").encode(), "roomy.yaml")
    waits: list[float] = []
    with store.journal() as journal:
        desk = Desk(journal, PROGRAM, clock(), rules)
        desk.submit(order("first"))

        def submit(caller: int) -> None:
            for number in range(EVENTS // callers):
                event = order(f"o{caller}-{number}")
                start = time.perf_counter()
                desk.submit(event)
                waits.append(time.perf_counter() - start)

        threads = [threading.Thread(target=submit, args=(number,)) for number in range(callers)]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = len(waits) / (time.perf_counter() - start)
        book = stored_book(journal, PROGRAM)
        assert book.position.reserved_shares == len(waits) + 1
    ((size,),) = store.rows("SELECT sum(length(body)) FROM records")
    waits.sort()
    print(
        f"\n{store.kind:9}{callers:>3} callers: {rate:>7,.0f} events a second,"
        f" median {statistics.median(waits) * 1e3:.1f} ms,"
        f" p99 {waits[len(waits) * 99 // 100] * 1e3:.1f} ms,"
        f" {size // book.head.sequence} bytes a record"
    )


def test_disk(tmp_path: Path) -> None:
    """Report the machine, and how long one fsync takes: no desk of one caller can be quicker."""
    with (tmp_path / "file").open("wb", buffering=0) as file:
        times = []
        for _ in range(200):
            file.write(b"x" * 4096)
            start = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - start)
    print(f"\n{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(f"fsync of 4 kB: median {statistics.median(times) * 1e3:.2f} ms, {os.cpu_count()} cores")


def test_spread_over_processes(store: Store) -> None:
    """Report how 8 processes with 8 threads each share the decisions of one program."""
    found = children("together", store.url, 8, 8)
    shares = sorted(one["approved"] for one in found)
    begin = min(one["first"] for one in found)
    print(f"\n{store.kind:9}8 processes of 8 threads: {shares} approved of {sum(shares)}")
    late = max(one["first"] for one in found) - begin
    done = max(one["done"] for one in found) - begin
    print(f"{'':9}first answer of the last process after {late:.2f} s of {done:.2f} s")
