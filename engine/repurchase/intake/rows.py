"""The nouns of a log: its rows, their texts before they are read, and how its names are ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Final

import msgspec

from repurchase.domain.errors import Problem, Wrong, short
from repurchase.domain.events import Event
from repurchase.intake import fields
from repurchase.intake.fields import READERS, Complaint

DIGEST_BYTES: Final = 16

_NOTHING: Final[Mapping[str, str]] = {}


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row of a log: its event, or else its *problems*.

    *number* is that of its first line. *digest* stands for the texts of the row, so that the same
    id with other content is found; it is `None` where the log gives no ids.
    """

    number: int
    event: Event | None
    problems: tuple[Problem, ...] = ()
    digest: bytes | None = None


class Record(msgspec.Struct, frozen=True, gc=False):
    """The texts of one row before they are read, or else its *problem*.

    *number* is that of its first line, *index* its place among the rows, from 1.
    """

    number: int
    index: int
    texts: list[str] | str
    problem: Problem | None = None


class Layout(msgspec.Struct, frozen=True):
    """How the names in a log become ours: *columns* and *constants* are keyed by our names."""

    columns: Mapping[str, str] = _NOTHING
    constants: Mapping[str, str] = _NOTHING
    ignore: frozenset[str] = frozenset()

    def ours(self, theirs: str) -> str | None:
        """Return our name for what a log calls *theirs*, or `None` where it has none."""
        for ours, column in self.columns.items():
            if column == theirs:
                return ours
        return theirs if theirs in READERS and theirs not in self.columns else None

    def unknown(self, names: Iterable[str]) -> list[Complaint]:
        """Return a complaint for each of the *names* in a log that is none of ours."""
        return [
            self._unknown(theirs)
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

    def _unknown(self, theirs: str) -> Complaint:
        if not theirs:
            return Complaint("", "has no name", "name it, or remove it")
        if theirs in self.columns:
            column = short(self.columns[theirs])
            return Complaint(theirs, f"is given beside the column `{column}`", "keep one of them")
        hint = fields.nearest_name(theirs, READERS)
        ways = "say what it is with --column, or leave it out with --ignore"
        return Complaint(theirs, "is no field of an event", hint or ways)


def digest(content: str) -> bytes:
    """Return what stands for *content* where ids are compared."""
    return blake2b(content.encode(), digest_size=DIGEST_BYTES).digest()


def refused(name: str, number: int, subject: str, wrong: Wrong) -> Problem:
    """Return what is *wrong* with *subject*, on line *number* of the log *name*."""
    return Problem(f"{subject} {wrong.what}", wrong.hint, name, number)
