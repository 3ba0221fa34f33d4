"""How the names in a log become event fields, and the faults of a layout or of a header."""

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
# To find the field nearest to an unknown name takes longer than to read a row.
SEARCHED_MAX: Final = 20
_SEPARATORS: Final = {";": "`;`", "\t": "a tab", "|": "`|`"}


class Layout(msgspec.Struct, frozen=True):
    """How to read a log: its own column names, the values that all rows share, and what to skip.

    *columns* and *constants* are keyed by event fields. *ignore* holds names of the log. Live
    events have neither.
    """

    columns: Mapping[str, str] = _NOTHING
    constants: Mapping[str, str] = _NOTHING
    ignore: frozenset[str] = frozenset()
    is_live: bool = False

    def ours(self, theirs: str) -> str | None:
        """Return the event field that a log calls *theirs*; `None` if there is none."""
        for ours, column in self.columns.items():
            if column == theirs:
                return ours
        return theirs if theirs in READERS and theirs not in self.columns else None

    def unknown(self, names: Iterable[str]) -> list[Fault]:
        """Return a fault for each of the *names* that is neither an event field nor ignored."""
        unknown = [one for one in names if one not in self.ignore and self.ours(one) is None]
        return [
            (theirs, self._unknown(theirs, is_searched=count < SEARCHED_MAX))
            for count, theirs in enumerate(unknown)
        ]

    def labels(self) -> dict[str, str]:
        """Return what messages call each field that they do not simply call by its name."""
        return {
            "": "a column",
            **{ours: f"`{ours}` (set for all rows)" for ours in self.constants},
            **{
                ours: f"`{ours}` (column `{short(theirs)}`)"
                for ours, theirs in self.columns.items()
            },
        }

    def _unknown(self, theirs: str, *, is_searched: bool) -> Wrong:
        """Return what is wrong with *theirs*; with the nearest field if it *is_searched*."""
        if not theirs:
            return Wrong("has no name", "name it, or remove it")
        if theirs in self.columns:
            what = f"is in the log, and --column maps `{short(self.columns[theirs])}` to it"
            return Wrong(what, "keep one of them")
        hint = nearest_name(theirs, READERS) if is_searched else None
        options = "name its field with --column, or skip it with --ignore"
        ways = "remove it" if self.is_live else options
        return Wrong("is not an event field", hint or ways)


def contradictions(layout: Layout) -> Iterator[Fault]:
    """Yield the faults that *layout* has for every log."""
    for name in (*layout.columns, *layout.constants):
        if name not in READERS:
            yield name, Wrong("is not an event field", nearest_name(name, READERS))
    theirs = list(layout.columns.values())
    for ours, column in layout.columns.items():
        if theirs.count(column) > 1:
            hint = "give each field a column of its own"
            yield ours, Wrong(f"shares the column `{short(column)}`", hint)
        if column in layout.ignore:
            hint = "read the column or ignore it"
            yield ours, Wrong(f"is the ignored column `{short(column)}`", hint)
        if ours in layout.constants:
            hint = "use --column or --set, not both"
            yield ours, Wrong("is a column and is also set for all rows", hint)
    yield from _misread(layout.constants)


def _misread(constants: Mapping[str, str]) -> Iterator[Fault]:
    for name, text in constants.items():
        if name == "id":
            yield name, Wrong("is set for all rows", "give each row an `id` of its own, or none")
        elif name in READERS:
            try:
                READERS[name](text)
            except Wrong as wrong:
                yield name, wrong


def nameless(header: Sequence[str]) -> Wrong:
    """Return the fault of a *header* that does not name any known column."""
    if len(header) == 1:
        for sign, called in _SEPARATORS.items():
            if sign in header[0]:
                hint = f"the separator seems to be {called}: write the log with commas"
                hint += ", or draft a mapping with `repurchase map`"
                return Wrong("has no comma", hint)
    hint = "begin the log with a line such as time,symbol,quantity, or draft a mapping with"
    hint += " `repurchase map`"
    return Wrong("does not name any known column", hint)


def header_faults(
    layout: Layout, header: Sequence[str], names: Sequence[str], kind: str | None
) -> Iterator[Fault]:
    """Yield each fault of *header*, whose fields are *names*, that makes every row unreadable.

    *kind* is the kind of all rows, if they share one.
    """
    yield from layout.unknown(header)
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield name, Wrong(f"is given by {names.count(name)} columns", "keep one")
        if name in layout.constants:
            hint = "remove the column or the setting"
            yield name, Wrong("is a column and is also set for all rows", hint)
    for ours, theirs in layout.columns.items():
        if theirs not in header:
            closest = nearest(theirs[:TEXT_LENGTH_MAX], header)
            what = f"is read from the column `{short(theirs)}`, which is not in the header"
            yield ours, Wrong(what, closest)
    for theirs in sorted(layout.ignore.difference(header)):
        closest = nearest(theirs[:TEXT_LENGTH_MAX], header)
        yield theirs, Wrong("is ignored, but is not in the header", closest)
    yield from _unfit(layout, names, kind)


def _unfit(layout: Layout, names: Sequence[str], kind: str | None) -> Iterator[Fault]:
    given = ("id", *names, *(name for name in layout.constants if name != "id"))
    if kind is not None:
        for name, wrong in misplaced(kind, given):
            hint = f"name its field with --column, or skip it with --ignore {name}"
            yield name, Wrong(wrong.what, hint)
    elif not all(missing(each, given) for each in KINDS):
        return
    for name, wrong in missing(kind or "fill", given):
        if name not in layout.columns:
            hint = f"{wrong.hint}: name its column with --column {name}=COLUMN"
            yield name, Wrong(wrong.what, hint)
