"""A progress bar for long work, on standard error, and only at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from repurchase.intake.log import Log

T = TypeVar("T")
EVENTS_A_STEP = 1_000


def watched(decisions: Iterator[T], log: Log | None) -> Iterator[T]:
    """Yield *decisions*, and show how much of *log* has been read."""
    if log is None:
        return decisions
    events = "{task.fields[count]:,} events"
    return _shown(decisions, "evaluating", events, log.bytes_total, lambda _: log.bytes_read)


def counted(
    items: Iterator[T], total: int, /, doing: str = "re-evaluating", noun: str = "records"
) -> Iterator[T]:
    """Yield *items*, and show how many of the *total* were taken.

    *doing* and *noun* are the words on the bar for the work and for the items.
    """
    text = f"{{task.completed:,.0f}} of {{task.total:,.0f}} {noun}"
    # Update the bar at most about a hundred times, since items can come fast.
    step = min(EVENTS_A_STEP, max(total // 100, 1))
    return _shown(items, doing, text, total, lambda count: count, step)


def folded(items: Iterator[T], total: int, /) -> Iterator[T]:
    """Yield *items*, records of a journal, and show how many of the *total* were read."""
    return counted(items, total, "reading the journal")


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
