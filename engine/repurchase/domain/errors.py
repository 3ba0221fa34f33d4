"""The errors, as sentences with a place: one class for each reader who can act on it.

* RepurchaseError
  x RuleFileError   the rule author must fix the file
  x InputError      the sender must fix the event or the log
  x UsageError      the operator must fix the call
  x JournalError    the keeper of the journal must investigate
    + Tampering     the stored content is not what was written
  x EngineFault     a fault of this package: the engine gave no usable answer; the event is denied
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

import msgspec

_SHORT_MAX: Final = 60


class Problem(msgspec.Struct, frozen=True):
    """One fault: where it is, what is wrong, and how to fix it."""

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
    """An error that its reader can act on; *problems* holds all problems found, not just one."""

    problems: tuple[Problem, ...]

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class RuleFileError(RepurchaseError):
    """A rule file, pack or cases file cannot be used; it decides nothing."""


class InputError(RepurchaseError):
    """An event, a log or a market file cannot be read; nothing is guessed."""


class UsageError(RepurchaseError):
    """A call cannot be carried out with these arguments or files."""


class JournalError(RepurchaseError):
    """A journal cannot be read, written or trusted; nothing is answered from it."""


class Tampering(JournalError):
    """A record, or the content stored with it, is not what was written."""


class EngineFault(RepurchaseError):
    """The rule engine gave no usable answer; the event is denied."""

    def __init__(self, what: str) -> None:
        super().__init__(Problem(what))


class Wrong(ValueError):
    """A text is not valid for its field: *what* is wrong, and the *hint* says how to fix it."""

    def __init__(self, what: str, hint: str | None = None) -> None:
        super().__init__(what if hint is None else f"{what}; {hint}")
        self.what = what
        self.hint = hint


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the hint "did you mean `x`?" with the *known* word closest to *word*; else `None`."""
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f"did you mean `{close[0]}`?" if close else None


def reason(error: OSError) -> str:
    """Return the operating system's reason, in lower case: `no space left on device`."""
    return (error.strerror or str(error)).lower()


def plain(text: str) -> str:
    """Return *text* on one line; characters that do not print, such as bidi marks, are escaped."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _escaped(one) for one in text)


def short(text: str) -> str:
    """Return *text* for a message: `plain`, and cut to 60 characters before escaping."""
    return plain(text if len(text) <= _SHORT_MAX else text[: _SHORT_MAX - 1] + "…")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
