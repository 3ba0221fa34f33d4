"""The desk with its journal: events a second, the wait for an answer, and how it is shared."""

from __future__ import annotations

import fcntl
import os
import platform
import sqlite3
import statistics
import threading
import time
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa

from desk_events import PROGRAM, RULES, clock, order
from repurchase.journal import desk
from repurchase.journal.book import stored_book
from repurchase.journal.desk import GROUP_MAX, Desk
from repurchase.journal.rule_texts import RuleText, rule_text
from repurchase.journal.snapshot import position_bytes
from repurchase.journal.tables import TABLES
from stores import Store
from test_desk_crashes import children

EVENTS: Final = int(os.environ.get("EVENTS", "3000"))
CALLERS: Final = (1, 16, 64)
OPEN: Final = 16_384


def roomy() -> RuleText:
    """Return rules that every order passes: what is measured is not the denials."""
    text = RULES.replace("40 shares", "9000000 shares").replace("60 shares", "9000000 shares")
    return rule_text(text.replace("JPY 50,000", "JPY 9,000,000,000").encode(), "roomy.yaml")


@pytest.mark.parametrize("callers", CALLERS)
def test_desk_rate(store: Store, callers: int) -> None:
    """Report events a second, the median and 99th percentile of an answer, and bytes a record."""
    waits: list[float] = []
    with store.journal() as journal:
        one = Desk(journal, PROGRAM, clock(), roomy())
        one.submit(order("first"))

        def submit(caller: int) -> None:
            for number in range(EVENTS // callers):
                event = order(f"o{caller}-{number}")
                start = time.perf_counter()
                one.submit(event)
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


class Bare:
    """The driver alone, with the statements and the lock file of a desk that records one event."""

    def __init__(self, path: Path, body: bytes) -> None:
        self._lock = path.with_suffix(".lock")
        self._body = body
        self._sqlite = sqlite3.connect(path, isolation_level=None)
        self._sqlite.execute("PRAGMA journal_mode=WAL")
        self._sqlite.execute("PRAGMA synchronous=FULL")
        for table in TABLES.sorted_tables:
            self._sqlite.execute(str(sa.schema.CreateTable(table)))
        self._sqlite.execute("INSERT INTO programs VALUES (?, 0, ?)", (PROGRAM, "0" * 64))

    def record(self, name: str) -> None:
        """Record an event called *name*."""
        lock = os.open(self._lock, os.O_RDONLY | os.O_CREAT)
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = self._sqlite.execute
        run("BEGIN IMMEDIATE")
        ((last, head),) = run("SELECT sequence, head FROM programs WHERE name = ?", (PROGRAM,))
        found = "SELECT * FROM records WHERE program = ? AND key IN (?)"
        assert run(found, (PROGRAM, name)).fetchall() == []
        row = (PROGRAM, last + 1, name, head, self._body)
        run("INSERT INTO records VALUES (?, ?, ?, ?, ?)", row)
        run("UPDATE programs SET sequence = ?, head = ? WHERE name = ?", (last + 1, head, PROGRAM))
        run("COMMIT")
        os.close(lock)


def test_desk_against_bare_sqlite(sqlite: Store, tmp_path: Path) -> None:
    """Report the time of an event that has a transaction of its own, and of the driver alone."""
    with sqlite.journal() as journal:
        one = Desk(journal, PROGRAM, clock(), roomy())
        one.submit(order("first"))
        body = max(stored.body for stored in journal.records(PROGRAM, 1))
        bare = Bare(tmp_path / "bare.db", body)
        times: dict[str, list[float]] = {"desk": [], "bare": []}
        # In turn, so that whatever else the machine does meets both.
        for number in range(EVENTS // 2):
            event = order(f"o{number}")
            start = time.perf_counter()
            bare.record(event.id)
            middle = time.perf_counter()
            one.submit(event)
            times["desk"].append(time.perf_counter() - middle)
            times["bare"].append(middle - start)
    each = {name: statistics.median(found) for name, found in times.items()}
    print(
        f"\none event a transaction: {each['desk'] * 1e6:,.0f} us with its decision,"
        f" {each['bare'] * 1e6:,.0f} us in bare sqlite3: {each['desk'] / each['bare']:.2f} times"
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


def test_wait_while_the_position_is_kept(sqlite: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Report the longest waits over many open orders, with the position kept often and never."""
    waits: dict[str, list[float]] = {"often": [], "never": []}
    with sqlite.journal() as journal:
        one = Desk(journal, PROGRAM, clock(), roomy())
        for number in range(OPEN // GROUP_MAX):
            one.answer([order(f"o{number}-{each}") for each in range(GROUP_MAX)])
        for number in range(200):
            # In turn, so that whatever else the machine does meets both.
            name, every = ("often", OPEN // 16) if number % 2 else ("never", OPEN * 1_000)
            monkeypatch.setattr(desk, "KEEP_EVERY", every)
            start = time.perf_counter()
            one.answer([order(f"{name}{number}-{each}") for each in range(64)])
            waits[name].append(time.perf_counter() - start)
        one.close()
        begun = time.perf_counter()
        whole = position_bytes(one.refresh().position)
        took = time.perf_counter() - begun
    print(
        f"\na position of {OPEN:,} orders: {len(whole) / 1e6:.1f} MB, {took * 1e3:.0f} ms at once"
    )
    for name, found in waits.items():
        found.sort()
        longest = ", ".join(f"{wait * 1e3:.1f}" for wait in found[-3:])
        print(f"kept {name}: median {statistics.median(found) * 1e3:.1f} ms, longest {longest} ms")


def test_spread_over_processes(store: Store) -> None:
    """Report how 8 processes with 8 threads each share the decisions of one program."""
    found = children("together", store.url, 8, 8)
    shares = sorted(one["approved"] for one in found)
    begin = min(one["first"] for one in found)
    print(f"\n{store.kind:9}8 processes of 8 threads: {shares} approved of {sum(shares)}")
    late = max(one["first"] for one in found) - begin
    done = max(one["done"] for one in found) - begin
    print(f"{'':9}first answer of the last process after {late:.2f} s of {done:.2f} s")
