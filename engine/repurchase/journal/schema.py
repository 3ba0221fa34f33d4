"""What the database of a journal is made of, compared with what this package creates there.

A trigger, a view, a rule or another collation changes what a statement does, and the chain of
records does not show it: a trigger can remove a record before its commit. The catalog is
therefore read before the tables are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa

from repurchase.domain.errors import short
from repurchase.journal.tables import META, TABLES


class Part(NamedTuple):
    """A table or something that belongs to one: its kind and name, the table, and the details."""

    kind: str
    name: str
    table: str
    detail: str


Parts = frozenset[Part]


def fault(found: Parts, made: Parts) -> str | None:
    """Return how *found* differs from what this package *made*; `None` if it does not.

    What was added comes first: what is changed or missing often follows from it.
    """
    known, there = ({part[:3] for part in parts} for parts in (made, found))
    for part in sorted(found - made, key=_order):
        if part[:3] not in known:
            return f"its {part.kind} `{short(part.name)}` is not of this package"
    for part in sorted(made - found, key=_order):
        how = "is not as this package creates it" if part[:3] in there else "is missing"
        return f"its {part.kind} `{short(part.name)}` {how}"
    return None


def _order(part: Part) -> tuple[bool, Part]:
    """Return the key that puts what belongs to a table after the table itself."""
    return part.kind in ("column", "constraint", "index"), part


def is_journal(found: Parts) -> bool:
    """Return whether *found* is a journal, whole or not: other software has a `meta`, too."""
    names = {part.name for part in found if part.name == part.table}
    return META.name in names and len(names & set(TABLES.tables)) > 1


def can_tell_format(found: Parts, made: Parts) -> bool:
    """Return whether the table that holds the format is as *made*, whatever the others are."""
    return {part for part in made if part.table == META.name} <= found


def keys(table: sa.Table) -> Iterator[tuple[bool, tuple[str, ...]]]:
    """Yield the columns of each key of *table*, the primary key first, and whether it is that."""
    yield True, tuple(table.primary_key.columns.keys())
    for one in table.constraints:
        if isinstance(one, sa.UniqueConstraint):
            yield False, tuple(one.columns.keys())
