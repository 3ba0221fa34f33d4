"""A progress bar for long work, on standard error and at a terminal alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from repurchase.logs import Log
    from repurchase.program import Decided

T = TypeVar("T")
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


def counted(records: Iterator[T], total: int, /) -> Iterator[T]:
    """Yield *records*, showing how many of the *total* were taken."""
    if not sys.stderr.isatty():
        yield from records
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("judging again"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} records"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("judging again", total=total)
        for count, record in enumerate(records, 1):
            yield record
            if count % EVENTS_A_STEP == 0:
                progress.update(task, completed=count)
