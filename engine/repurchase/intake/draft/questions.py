"""A draft in progress: what is known of the mapping so far, and what the file leaves open."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from repurchase.domain.errors import short
from repurchase.intake.draft.answers import Answers
from repurchase.intake.mapping import ALL, OPEN, plain

_ESCAPED: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_PLAIN_KEY: Final = re.compile("[a-z_]{2,}")


class Question(msgspec.Struct, frozen=True):
    """What the file leaves open: the *path* of a key, and the *candidates* for it as YAML."""

    path: tuple[str, ...]
    what: str
    candidates: tuple[str, ...]

    @property
    def key(self) -> str:
        """Return the path as an answer gives it."""
        return ".".join(self.path)


class Known(msgspec.Struct, frozen=True):
    """What a rule file knows of the log: its symbols, the zones of its venues, and its venues.

    *in_hundredths* says that its instruments are priced in pence or cents themselves. *part* is the
    unit, pence or cents, in which prices are often printed that are in its currency. A trade must
    name its venue if there are several *venues*. *currencies* are those of its prices.
    """

    symbols: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    in_hundredths: bool = False
    venues: tuple[str, ...] = ()
    part: str | None = None
    currencies: tuple[str, ...] = ()


class Drafting:
    """The *values* of a mapping by key and its *columns* by field, as far as they are drafted.

    *calendar* is the field that holds the days, *choosing* are the columns that rows are chosen by,
    and *rivals* the columns of which one is a field, by the field.
    """

    values: dict[str, Any]
    columns: dict[str, Any]
    known: Known
    answers: Answers
    questions: list[Question]
    settled: list[str]
    calendar: str
    choosing: set[str | int]
    rivals: dict[str, Sequence[str | int]]

    def __init__(self, values: dict[str, Any], known: Known, answers: Answers) -> None:
        self.values, self.columns = dict(values), {}
        self.known, self.answers = known, answers
        self.questions, self.settled = [], []
        self.calendar, self.choosing, self.rivals = "", set(), {}

    def ask(self, path: Sequence[str], what: str, candidates: Iterable[str] = ()) -> None:
        """Leave the key at *path* open, unless an answer says it."""
        if not self.answers.says(path):
            self.questions.append(Question(tuple(path), what, tuple(candidates)))

    def ask_which(self, field: str, what: str, called: Sequence[str | int]) -> None:
        """Leave open which of the columns *called* so is *field*, unless an answer says it."""
        self.ask(("columns", field), what, map(flow, called))
        if not self.answers.says(("columns", field)):
            self.rivals[field] = called
            self.columns[field] = OPEN

    def is_named(self, called: str | int) -> bool:
        """Return whether an answer ignores the column *called* so, by its name or place."""
        return plain(str(called)) in self.answers.ignored()

    def is_ignored(self, called: str | int) -> bool:
        """Return whether an answer ignores the column *called* so, or all that nothing reads."""
        return self.is_named(called) or ALL in self.answers.ignored()

    def is_open(self, top: str) -> bool:
        """Return whether a question is open below the key *top*."""
        return any(one.path[0] == top for one in self.questions)


def quoted(texts: Iterable[str | int]) -> str:
    """Return *texts* of the file for a sentence."""
    return ", ".join(f"`{short(str(one))}`" for one in texts)


def flow(value: Any) -> str:
    """Return *value*, of nested mappings and lists, as YAML on one line."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{flow_key(name)}: {flow(one)}' for name, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    return f'"{str(value).translate(_ESCAPED)}"'


def flow_key(name: str) -> str:
    """Return *name* as a key of YAML."""
    return name if _PLAIN_KEY.fullmatch(name) else flow(name)
