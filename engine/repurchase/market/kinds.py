"""The kinds of market files, each recognized by its columns, and readers for their cells."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from repurchase.domain.errors import Wrong, nearest, short
from repurchase.domain.quantities import Exact, exact
from repurchase.facts.domains import Domain, Numbers
from repurchase.intake.fields import TEXT_LENGTH_MAX

PROBLEMS_MAX: Final = 20
# At one venue or another, of one kind of file. What is known of each takes some kilobytes.
INSTRUMENTS_MAX: Final = 20_000
Row = Mapping[str, str]
# An instrument at a venue: its symbol and the venue's code.
Key = tuple[str, str]
_FLAGS: Final[Mapping[str, bool | None]] = {"yes": True, "no": False, "": None}


class Kind(msgspec.Struct, frozen=True):
    """A kind of file: what its rows are called, the columns that are needed, and the optional ones.

    With *one_more*, a file must have at least one of the optional columns. All files together have
    at most *rows_max* rows, since they are kept in memory.
    """

    name: str
    needed: tuple[str, ...]
    optional: tuple[str, ...]
    rows_max: int
    one_more: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Return all columns that the file may have."""
        return (*self.needed, *self.optional)

    def __str__(self) -> str:
        may = f"may have {', '.join(self.optional)}"
        return f"{self.name} have {', '.join(self.needed)} and {may}"

    def mismatch(self, header: Sequence[str]) -> str | None:
        """Return why *header* does not fit this kind; `None` if it fits."""
        for column in header:
            if column not in self.columns:
                return f"`{short(column)}` is not one of their columns"
            if header.count(column) > 1:
                return f"`{column}` appears twice"
        for column in self.needed:
            if column not in header:
                return f"`{column}` is missing"
        if self.one_more and len(header) == len(self.needed):
            return f"{', '.join(self.optional)} are all missing"
        return None


def kind_of(header: Sequence[str], kinds: Sequence[Kind]) -> Kind:
    """Return the one of *kinds* that fits *header*; if none fits, raise Wrong with the nearest."""
    for kind in kinds:
        if kind.mismatch(header) is None:
            return kind
    closest = max(kinds, key=lambda kind: len({*header}.intersection(kind.columns)))
    unknown = next((column for column in header if column not in closest.columns), "")
    hints = (nearest(unknown, closest.columns), *map(str, kinds))
    what = "the header does not fit any kind of market file; for the nearest kind, "
    mismatch = f"{closest.name}, {closest.mismatch(header)}"
    raise Wrong(what + mismatch, "; ".join(hint for hint in hints if hint))


def row_of(header: Sequence[str], cells: Sequence[str]) -> Row:
    """Return *cells* by the columns of *header*; raise Wrong if their numbers differ."""
    if len(cells) != len(header):
        what = f"the row has {len(cells)} fields, but the header has {len(header)}"
        raise Wrong(what, "write numbers without commas, such as `1000`")
    return dict(zip(header, cells, strict=True))


def instrument(row: Row, known: Collection[Key]) -> Key:
    """Return the symbol and the venue of *row*, by which rows are *known*.

    Raise Wrong if the symbol is empty or too long, or if it is one instrument too many.
    """
    key = (row["symbol"], row["venue"])
    if key in known:
        return key
    if not key[0]:
        raise Wrong("`symbol` is empty", "write the symbol from the rule file")
    if len(key[0]) > TEXT_LENGTH_MAX:
        what = f"`symbol` has {len(key[0])} characters"
        raise Wrong(what, f"write at most {TEXT_LENGTH_MAX}")
    if len(known) >= INSTRUMENTS_MAX:
        hint = "leave out the instruments that the rule files do not name"
        raise Wrong(f"there are more than {INSTRUMENTS_MAX:,} instruments", hint)
    return key


def number(text: str, column: str, domain: Domain) -> Exact | None:
    """Return the number in *text*, a cell of *column*; `None` if the cell is empty.

    Raise Wrong if the text is not a number in *domain*, a domain of numbers.
    """
    assert isinstance(domain, Numbers), f"`{column}` is not a number"
    if not text:
        return None
    try:
        value = exact(text)
    except ValueError:
        what = f"`{column}` is `{short(text)}`, not a number"
        raise Wrong(what, "write numbers without grouping") from None
    if value not in domain:
        what = f"`{column}` is `{text}`, but must be {domain.said}"
        raise Wrong(what, "leave the cell empty if there is none" if value == 0 else None)
    return value


def flag(row: Row, column: str) -> bool | None:
    """Return the yes or no in *column* of *row*, `None` if empty; raise Wrong for other texts."""
    text = row.get(column, "")
    if text not in _FLAGS:
        hint = "write `yes` or `no`, or leave it empty if unknown"
        raise Wrong(f"`{column}` is `{short(text)}`, not yes or no", hint)
    return _FLAGS[text]
