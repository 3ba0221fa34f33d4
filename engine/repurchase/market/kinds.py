"""The kinds of market files, each known by its columns, and how the cells of their rows read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from repurchase.domain.errors import Wrong, nearest, short
from repurchase.domain.quantities import Exact, exact

PROBLEMS_MAX: Final = 20
Row = Mapping[str, str]
# An instrument on a venue: its symbol and the venue.
Key = tuple[str, str]
_FLAGS: Final[Mapping[str, bool | None]] = {"yes": True, "no": False, "": None}


class Kind(msgspec.Struct, frozen=True):
    """A kind of file: what its rows are called, and the columns that it must and may have.

    With *one_more* it must have one at least of those that it may.
    """

    name: str
    needed: tuple[str, ...]
    optional: tuple[str, ...]
    one_more: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Return all that it may have."""
        return (*self.needed, *self.optional)

    def __str__(self) -> str:
        may = f"may have {', '.join(self.optional)}"
        return f"{self.name} have {', '.join(self.needed)} and {may}"

    def mismatch(self, header: Sequence[str]) -> str | None:
        """Return why *header* is not that of this kind, if it is not."""
        for column in header:
            if column not in self.columns:
                return f"`{short(column)}` is none of their columns"
            if header.count(column) > 1:
                return f"`{column}` is there twice"
        for column in self.needed:
            if column not in header:
                return f"`{column}` is missing"
        if self.one_more and len(header) == len(self.needed):
            return f"none of {', '.join(self.optional)} is there"
        return None


def kind_of(header: Sequence[str], kinds: Sequence[Kind]) -> Kind:
    """Return which of *kinds* has *header*; raise Wrong, with the nearest, if none has."""
    for kind in kinds:
        if kind.mismatch(header) is None:
            return kind
    closest = max(kinds, key=lambda kind: len({*header}.intersection(kind.columns)))
    unknown = next((column for column in header if column not in closest.columns), "")
    hints = (nearest(unknown, closest.columns), *map(str, kinds))
    what = "the header is that of no kind of file: of the nearest, "
    mismatch = f"{closest.name}, {closest.mismatch(header)}"
    raise Wrong(what + mismatch, "; ".join(hint for hint in hints if hint))


def row_of(header: Sequence[str], cells: Sequence[str]) -> Row:
    """Return *cells* by the columns of *header*; raise Wrong where they are not as many."""
    if len(cells) != len(header):
        what = "the row has more or fewer fields than the header"
        raise Wrong(what, "commas separate them: a number has none, `1000`")
    return dict(zip(header, cells, strict=True))


def number(text: str) -> Exact | None:
    """Return the number that *text* writes, `None` where it is empty; raise Wrong otherwise."""
    if not text:
        return None
    try:
        value = exact(text)
    except ValueError as error:
        raise Wrong(str(error), "write numbers without grouping") from None
    if value < 0:
        raise Wrong(f"`{text}` is less than zero")
    return value


def flag(row: Row, column: str) -> bool | None:
    """Return what *row* says in *column*, `None` where it does not; raise Wrong else."""
    text = row.get(column, "")
    if text not in _FLAGS:
        hint = "write `yes`, `no`, or nothing where it is not known"
        raise Wrong(f"`{column}` is `{short(text)}`", hint)
    return _FLAGS[text]
