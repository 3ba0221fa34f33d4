"""A progress bar for long work, on standard error and at a terminal alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from repurchase.intake.log import Log

T = TypeVar("T")
EVENTS_A_STEP = 1_000


def watched(decisions: Iterator[T], log: Log | None) -> Iterator[T]:
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


def counted(
    items: Iterator[T], total: int, /, doing: str = "judging again", noun: str = "records"
) -> Iterator[T]:
    """Yield *items*, showing how many of the *total*, which *noun* they are, were taken."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(doing),
        BarColumn(),
        TextColumn(f"{{task.completed:,.0f}} of {{task.total:,.0f}} {noun}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(doing, total=total)
        # What comes fast is not shown one by one.
        step = min(EVENTS_A_STEP, max(total // 100, 1))
        for count, item in enumerate(items, 1):
            yield item
            if count % step == 0:
                progress.update(task, completed=count)
