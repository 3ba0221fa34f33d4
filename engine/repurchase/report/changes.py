"""What one rule file says otherwise than another, for a terminal and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from repurchase.domain.errors import plain
from repurchase.report.tables import plain_table
from repurchase.rulebook.changes import Moved


def moved_view(moved: Iterable[Moved]) -> RenderableType:
    """Return what is said otherwise, for a terminal."""
    table = plain_table("what is said of", "line", "before", "now")
    for one in moved:
        line = str(one.line or one.old_line or "")
        cells = (one.name, line, one.before or "-", one.after or "-")
        table.add_row(*(Text(plain(cell)) for cell in cells))
    return table if table.rows else Text("both files say the same")


def uncompared_object(moved: Iterable[Moved]) -> dict[str, Any]:
    """Return what programs read of a `diff` that knows what *moved*, and no more."""
    return {"verdict": "undecided", "alike": None, "moved": tuple(moved), "compared": None}
