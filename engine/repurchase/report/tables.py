"""What all views are made of: plain tables, counts and moments."""

from __future__ import annotations

from datetime import datetime

from rich.table import Table


def plain_table(*headings: str, headed: bool = True) -> Table:
    """Return a table without lines, which has *headings* above it where it is *headed*."""
    table = Table(box=None, pad_edge=False, show_header=headed, padding=(0, 2, 0, 0))
    for heading in headings:
        # A name or a figure of which letters are cut off is another one: it is broken instead.
        table.add_column(heading, overflow="fold")
    return table


def counted(count: int, noun: str) -> str:
    """Return *count* and its *noun*, of one or of several."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def moment_shown(moment: datetime) -> str:
    """Return *moment* to the second, with its zone."""
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}"
