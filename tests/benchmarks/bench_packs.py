"""What packs cost: one log judged without them, with the law of Tokyo, and with all of them."""

from __future__ import annotations

import os
import platform
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from generate import RULES, write_log
from msgspec.structs import replace

from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact
from repurchase.domain.sessions import sessions
from repurchase.intake.log import open_log
from repurchase.market.averages import Bar
from repurchase.market.feed import Feed
from repurchase.replay.run import Program
from repurchase.rulebook.editions import load_text
from repurchase.rulebook.library import pack_names

EVENTS: Final = int(os.environ.get("EVENTS", "30000"))
ROUNDS: Final = 3
# One for each day of the log and of the half year before it.
BARS: Final = {date(2019, 6, 1) + timedelta(day): Bar(1_000, 10**9, 0) for day in range(600)}

CARRIED: Final[dict[str, Exact | bool]] = {"market.day_high": 2_000, "market.last_price": 2_000}


def test_rate_with_packs(tmp_path: Path) -> None:
    """Report the events a second by packs included, round by round in turn."""
    log = tmp_path / "log.csv"
    write_log(log, EVENTS)
    with open_log(log) as trades:
        logged = [row.event for row in trades.rows() if row.event is not None]
    # With all that the packs ask for, in sessions alone: a denial takes longer, whoever denies it.
    events = [
        replace(event, broker="A", method="auction", outside=CARRIED)
        for event in logged
        if event.time is not None and _in_session(event.time)
    ]
    packs = {"without": "", "jp-order-59": "jp-order-59", "all": ", ".join(pack_names())}
    rates: dict[str, list[float]] = {name: [] for name in packs}
    for _ in range(ROUNDS):
        for name, included in packs.items():
            rates[name].append(_rate(included, events))
    print(f"\n{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    for name, found in rates.items():
        ratios = sorted(one / other for one, other in zip(found, rates["without"], strict=True))
        rate, ratio = sorted(found)[ROUNDS // 2], ratios[ROUNDS // 2]
        print(f"{name:12}{rate:>10,.0f} events a second, {ratio:.2f} of the rate without packs")


def _in_session(moment: datetime) -> bool:
    tokyo = sessions("XTKS")
    assert tokyo is not None
    return tokyo.on(moment.date()) is not None


def _rate(included: str, events: list[Event]) -> float:
    text = RULES.replace("\nrules:", f"\ninclude: [{included}]\nrules:")
    feed = Feed()
    feed.bars.bars["9999", "XTKS"] = BARS
    program = Program(load_text(text.encode(), "generated.yaml"), feed=feed)
    start = time.perf_counter()
    for event in events:
        program.decide(event)
    return len(events) / (time.perf_counter() - start)
