"""The differences between two rule files, for a terminal and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from repurchase.report.tables import plain_table
from repurchase.rulebook.changes import Change


def changed_view(changed: Iterable[Change]) -> RenderableType:
    """Return what changed, for a terminal."""
    rows = [
        (one.name, str(one.line or one.old_line or ""), one.before or "-", one.after or "-")
        for one in changed
    ]
    if not rows:
        return Text("both files have the same terms and rules")
    return plain_table("changed", "line", "before", "now", rows=rows)


def uncompared_object(changed: Iterable[Change]) -> dict[str, Any]:
    """Return the answer of a `diff` that knows only what *changed*, as programs read it."""
    return {
        "verdict": "undecided",
        "same_accounting": None,
        "feed_only": None,
        "changed": tuple(changed),
        "compared": None,
    }
