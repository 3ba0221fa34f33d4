"""A progress bar for long work, on standard error and at a terminal alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repurchase.logs import Log
    from repurchase.replay import Decided

EVENTS_A_STEP = 1_000


def watched(decisions: Iterator[Decided], log: Log | None) -> Iterator[Decided]:
    """Yield *decisions*, showing how far the reading of *log* has come."""
    if log is None or not sys.stderr.isatty():
        yield from decisions
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("judging"),
        BarColumn(),
        TextColumn("{task.fields[count]:,} events"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("judging", total=log.bytes_total, count=0)
        for count, decided in enumerate(decisions, 1):
            yield decided
            if count % EVENTS_A_STEP == 0:
                progress.update(task, completed=log.bytes_read, count=count)
