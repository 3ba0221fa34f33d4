"""What one rule file says otherwise than another, for a terminal and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from repurchase.domain.errors import plain
from repurchase.report.tables import plain_table
from repurchase.rulebook.changes import Change


def changed_view(changed: Iterable[Change]) -> RenderableType:
    """Return what is said otherwise, for a terminal."""
    table = plain_table("what is said of", "line", "before", "now")
    for one in changed:
        line = str(one.line or one.old_line or "")
        cells = (one.name, line, one.before or "-", one.after or "-")
        table.add_row(*(Text(plain(cell)) for cell in cells))
    return table if table.rows else Text("both files say the same")


def uncompared_object(changed: Iterable[Change]) -> dict[str, Any]:
    """Return what programs read of a `diff` that knows what *changed*, and no more."""
    return {
        "verdict": "undecided",
        "same_accounting": None,
        "changed": tuple(changed),
        "compared": None,
    }
