"""A progress bar for long work, on standard error and at a terminal alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from repurchase.intake.log import Log

T = TypeVar("T")
EVENTS_A_STEP = 1_000


def watched(decisions: Iterator[T], log: Log | None) -> Iterator[T]:
    """Yield *decisions*, showing how far the reading of *log* has come."""
    if log is None:
        return decisions
    events = "{task.fields[count]:,} events"
    return _shown(decisions, "judging", events, log.bytes_total, lambda _: log.bytes_read)


def counted(
    items: Iterator[T], total: int, /, doing: str = "judging again", noun: str = "records"
) -> Iterator[T]:
    """Yield *items*, showing how many of the *total*, which *noun* they are, were taken."""
    text = f"{{task.completed:,.0f}} of {{task.total:,.0f}} {noun}"
    # What comes fast is not shown one by one.
    step = min(EVENTS_A_STEP, max(total // 100, 1))
    return _shown(items, doing, text, total, lambda count: count, step)


def _shown(
    items: Iterator[T],
    doing: str,
    text: str,
    total: int | None,
    completed: Callable[[int], int],
    step: int = EVENTS_A_STEP,
) -> Iterator[T]:
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(doing), BarColumn(), TextColumn(text), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(doing, total=total, count=0)
        for count, item in enumerate(items, 1):
            yield item
            if count % step == 0:
                progress.update(task, completed=completed(count), count=count)
