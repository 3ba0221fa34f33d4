"""What all views are made of: plain tables, counts and moments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from repurchase.domain.errors import plain

Rows = Iterable[Sequence[str | Text]]


def plain_table(
    *headings: str, rows: Rows = (), headed: bool = True, right: Sequence[int] = ()
) -> Table:
    """Return a table of *rows* without lines, which has *headings* above it if it is *headed*.

    The columns *right* hold figures, and are aligned so.
    """
    table = Table(box=None, pad_edge=False, show_header=headed, padding=(0, 2, 0, 0))
    for place, heading in enumerate(headings):
        # A name or a figure of which letters are cut off is another one: it is broken instead.
        table.add_column(heading, overflow="fold", justify="right" if place in right else "left")
    for row in rows:
        table.add_row(*(Text(plain(cell)) if isinstance(cell, str) else cell for cell in row))
    return table


def quoted(text: str | None) -> str:
    """Return *text* as words of a source, if there are any."""
    return f"“{text}”" if text else ""


def counted(count: int, noun: str) -> str:
    """Return *count* and its *noun*, of one or of several."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def moment_shown(moment: datetime) -> str:
    """Return *moment* to the second, with its zone."""
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}"
