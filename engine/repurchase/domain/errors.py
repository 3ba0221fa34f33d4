"""What can go wrong, as sentences with a place; one class for each reader who can act on it.

* RepurchaseError
  x RuleFileError   the rule author corrects the file
  x InputError      the sender corrects the event or the log
  x UsageError      the operator corrects the call
  x JournalError    the keeper of the journal looks into it
    + Tampering     what stands in it is not what was written
  x EngineFault     ours: the engine gave no usable answer, and the event is denied
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

import msgspec

_SHORT_MAX: Final = 60


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong: where, what, and what would be right."""

    what: str
    hint: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        sentence = f"{self.what}; {self.hint}" if self.hint else self.what
        return plain(f"{place}: {sentence}" if place else sentence)


class RepurchaseError(Exception):
    """An error that its reader can act on; *problems* holds all that was found, not the first."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class RuleFileError(RepurchaseError):
    """A rule file or a cases file that cannot be used; nothing is decided by it."""


class InputError(RepurchaseError):
    """An event or a log that cannot be read; nothing is decided on a guess."""


class UsageError(RepurchaseError):
    """A call that cannot be carried out as it was made."""


class JournalError(RepurchaseError):
    """A journal that cannot be read, written or believed; nothing is answered from it."""


class Tampering(JournalError):
    """A record, or what is kept beside it, that is not what was written there."""


class EngineFault(RepurchaseError):
    """The rule engine gave no usable answer; whoever asked is denied."""

    def __init__(self, what: str) -> None:
        super().__init__(Problem(what))


class Wrong(ValueError):
    """A text that is not what its field takes: what is wrong, and what would be right."""

    def __init__(self, what: str, hint: str | None = None) -> None:
        super().__init__(what if hint is None else f"{what}; {hint}")
        self.what = what
        self.hint = hint


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the hint "did you mean `x`?" for the *known* word closest to *word*, if one is."""
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f"did you mean `{close[0]}`?" if close else None


def reason(error: OSError) -> str:
    """Return why the operating system refused, in its own words: `no space left on device`."""
    return (error.strerror or str(error)).lower()


def plain(text: str) -> str:
    """Return *text* on one line, what is not printable escaped: control codes, bidi marks."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _escaped(one) for one in text)


def short(text: str) -> str:
    """Return *text* fit for a message: `plain`, and not longer than a line has room for."""
    return plain(text if len(text) <= _SHORT_MAX else text[: _SHORT_MAX - 1] + "…")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
