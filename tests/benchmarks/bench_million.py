"""A journal of a million events on one machine: what it takes to write, open, submit and verify."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from desk_events import FIRST, LAST, PROGRAM, clock, order
from repurchase.domain.events import Event
from repurchase.journal.book import stored_book
from repurchase.journal.desk import GROUP_MAX, Desk
from repurchase.journal.records import event_object
from repurchase.journal.rule_texts import rule_text
from repurchase.journal.seen import snapshot
from stores import Store

EVENTS: Final = int(os.environ.get("EVENTS", "20000"))
DAYS: Final = (LAST - FIRST).days
RULES: Final = f"""\
repurchase: 1
authorization: {PROGRAM}
issuer: Acme K.K.
timezone: Asia/Tokyo
currency: JPY
amount_basis: with_fees
instruments:
  common: {{symbol: "9999", venues: [XTKS]}}
terms:
  max_shares: {{value: "9,000,000 shares"}}
  max_amount: {{value: "JPY 9,000,000,000"}}
  first_day: {{value: {FIRST}}}
  last_day: {{value: {LAST}}}
rules:
  - {{id: share-cap, require: program.shares_after <= terms.max_shares}}
  - {{id: amount-cap, require: program.amount_after <= terms.max_amount}}
  - {{id: window, require: terms.first_day <= trade.date and trade.last_date <= terms.last_day}}
  - {{id: buys-only, require: trade.side == buy}}
  - {{id: one-broker, effect: flag, require: trade.broker == north}}
"""


def events() -> Iterator[Event]:
    """Yield orders, each with its fill, as many on each day of the program."""
    for number in range(EVENTS // 2):
        day = FIRST + timedelta(2 * number * DAYS // EVENTS)
        asked = order(f"o{number}", date=day)
        yield asked
        yield replace(asked, kind="fill", id=f"f{number}", order=asked.id, by=None)


def run(*command: str) -> tuple[float, int]:
    """Return the seconds that a command of the package took, and its most memory in MB."""
    start = time.perf_counter()
    script = str(Path(sys.executable).with_name("repurchase"))
    process = subprocess.Popen((script, *command), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return time.perf_counter() - start, usage.ru_maxrss >> 10


def test_million(sqlite: Store, tmp_path: Path) -> None:
    """Report the times, the size of a record and the memory."""
    with sqlite.journal() as journal:
        desk = Desk(journal, PROGRAM, clock(), rule_text(RULES.encode(), "roomy.yaml"))
        start = time.perf_counter()
        waiting = events()
        while group := list(islice(waiting, GROUP_MAX)):
            desk.answer(group)
        took = time.perf_counter() - start
        desk.close()
    print(f"\n{EVENTS:,} events, {GROUP_MAX} a transaction: {took:,.0f} s, {EVENTS / took:,.0f}/s")
    with sqlite.journal() as journal:
        start = time.perf_counter()
        book = stored_book(journal, PROGRAM)
        print(f"opened in {time.perf_counter() - start:.2f} s: {book.head.sequence:,} records")
        kept = snapshot(journal, PROGRAM)
        assert kept is not None
        named, position = kept
    fills = len(book.position.fills.newer) + len(book.position.fills.older)
    known = f"{len(book.position.orders):,} orders, {fills:,} fills known"
    print(f"position kept at {named.record:,}; {known}")
    ((size,),) = sqlite.rows("SELECT sum(length(body)) FROM records")
    each = Path(sqlite.url).stat().st_size / book.head.sequence
    print(
        f"{size / book.head.sequence:,.0f} bytes a record, {each:,.0f} in the file;"
        f" position {len(position) / 1e6:,.1f} MB"
    )
    one = tmp_path / "one.jsonl"
    one.write_bytes(msgspec.json.encode(event_object(order("last", date=LAST))))
    for name, command in (("submit", ("submit", str(one))), ("verify", ("verify",))):
        took, memory = run(*command, "--journal", sqlite.url)
        print(f"`repurchase {name}`: {took:,.2f} s from start to end, {memory:,} MB")
