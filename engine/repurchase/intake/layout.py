"""How the names in a log become ours, and what is wrong with a layout or with a header under it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from repurchase.domain.errors import Wrong, nearest, short
from repurchase.domain.events import KINDS
from repurchase.intake.fields import (
    READERS,
    TEXT_LENGTH_MAX,
    Fault,
    misplaced,
    missing,
    nearest_name,
)

_NOTHING: Final[Mapping[str, str]] = {}
_SEPARATORS: Final = {";": "`;`", "\t": "a tab", "|": "`|`"}


class Layout(msgspec.Struct, frozen=True):
    """The log's own name of each field in *columns*, what all rows share, and what is left out.

    *columns* and *constants* are keyed by our names.
    """

    columns: Mapping[str, str] = _NOTHING
    constants: Mapping[str, str] = _NOTHING
    ignore: frozenset[str] = frozenset()

    def ours(self, theirs: str) -> str | None:
        """Return our name for what a log calls *theirs*, or `None` if it has none."""
        for ours, column in self.columns.items():
            if column == theirs:
                return ours
        return theirs if theirs in READERS and theirs not in self.columns else None

    def unknown(self, names: Iterable[str]) -> list[Fault]:
        """Return each of the *names* in a log that is none of ours, and is not left out."""
        return [
            (theirs, self._unknown(theirs))
            for theirs in names
            if theirs not in self.ignore and self.ours(theirs) is None
        ]

    def labels(self) -> dict[str, str]:
        """Return how messages call what is not simply called by our name."""
        return {
            "": "a column",
            **{ours: f"`{ours}` (set for all rows)" for ours in self.constants},
            **{
                ours: f"`{ours}` (column `{short(theirs)}`)"
                for ours, theirs in self.columns.items()
            },
        }

    def _unknown(self, theirs: str) -> Wrong:
        if not theirs:
            return Wrong("has no name", "name it, or remove it")
        if theirs in self.columns:
            column = short(self.columns[theirs])
            return Wrong(f"is given beside the column `{column}`", "keep one of them")
        hint = nearest_name(theirs, READERS)
        ways = "say what it is with --column, or leave it out with --ignore"
        return Wrong("is no field of an event", hint or ways)


def contradictions(layout: Layout) -> Iterator[Fault]:
    """Yield what is wrong with *layout* whatever the log."""
    for name in (*layout.columns, *layout.constants):
        if name not in READERS:
            yield name, Wrong("is no field of an event", nearest_name(name, READERS))
    theirs = list(layout.columns.values())
    for ours, column in layout.columns.items():
        if theirs.count(column) > 1:
            yield ours, Wrong(f"shares the column `{short(column)}`", "each has its own")
        if column in layout.ignore:
            hint = "read the column or ignore it"
            yield ours, Wrong(f"is the ignored column `{short(column)}`", hint)
        if ours in layout.constants:
            yield ours, Wrong("is a column, and is set for all rows", "do one of them")
    yield from _misread(layout.constants)


def _misread(constants: Mapping[str, str]) -> Iterator[Fault]:
    for name, text in constants.items():
        if name == "id":
            yield name, Wrong("is set for all rows", "each row has its own")
        elif name in READERS:
            try:
                READERS[name](text)
            except Wrong as wrong:
                yield name, wrong


def nameless(header: Sequence[str]) -> Wrong:
    """Return what is wrong with a *header* that names no known column."""
    if len(header) == 1:
        for sign, called in _SEPARATORS.items():
            if sign in header[0]:
                hint = f"is the separator {called}? write the log with commas"
                return Wrong("has no comma", hint)
    return Wrong("names no known column", "begin the log with a line such as time,symbol,quantity")


def header_faults(
    layout: Layout, header: Sequence[str], names: Sequence[str], kind: str | None
) -> Iterator[Fault]:
    """Yield what keeps every row from being read under *header*, whose columns we call *names*.

    *kind* is that of all rows, if they share one.
    """
    yield from layout.unknown(header)
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield name, Wrong(f"is given by {names.count(name)} columns", "keep one")
        if name in layout.constants:
            hint = "leave out the column or the setting"
            yield name, Wrong("is a column, and is set for all rows", hint)
    for ours, theirs in layout.columns.items():
        if theirs not in header:
            closest = nearest(theirs[:TEXT_LENGTH_MAX], header)
            yield ours, Wrong(f"has no column `{short(theirs)}`", closest)
    for theirs in sorted(layout.ignore.difference(header)):
        closest = nearest(theirs[:TEXT_LENGTH_MAX], header)
        yield theirs, Wrong("is to be left out, and no column is called so", closest)
    yield from _unfit(layout, names, kind)


def _unfit(layout: Layout, names: Sequence[str], kind: str | None) -> Iterator[Fault]:
    given = ("id", *names, *(name for name in layout.constants if name != "id"))
    if kind is not None:
        for name, wrong in misplaced(kind, given):
            hint = f"say what it is with --column, or --ignore {name}"
            yield name, Wrong(wrong.what, hint)
    elif not all(missing(each, given) for each in KINDS):
        return
    for name, wrong in missing(kind or "fill", given):
        if name not in layout.columns:
            hint = f"{wrong.hint}: name its column, --column {name}=COLUMN"
            yield name, Wrong(wrong.what, hint)
