"""What keeps a request from its answer, as RFC 9457 problem details: a code, the place, the fix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Final

import msgspec

from repurchase.domain.errors import (
    InputError,
    JournalError,
    Problem,
    RepurchaseError,
    RuleFileError,
    Tampering,
    UsageError,
)

MEDIA_TYPE: Final = "application/problem+json"
# Each code with the status of the answer, and its title.
CODES: Final[Mapping[str, tuple[int, str]]] = {
    "unreadable": (400, "the request cannot be read"),
    "no-key": (401, "the request has no key"),
    "unknown-key": (401, "the key is not known"),
    "expired-key": (401, "the key has expired"),
    "revoked-key": (401, "the key was revoked"),
    "forged-header": (401, "a header may be set only by the trusted proxy"),
    "not-local": (403, "without keys, only programs on this machine are answered"),
    "role": (403, "the role of the key does not permit this"),
    "other-program": (403, "the key is not for this program"),
    "other-person": (403, "the event names another person"),
    "not-found": (404, "there is no such thing"),
    "method": (405, "the address does not have this method"),
    "late": (408, "the request did not arrive in time"),
    "conflict": (409, "the program cannot take the event now"),
    "too-large": (413, "the request is too large"),
    "rule-file": (422, "the rule file has faults"),
    "media-type": (415, "the request has another content type"),
    "too-many": (429, "the key sends too many requests"),
    "fault": (500, "a fault of the service"),
    "tampered": (500, "the journal is not as it was written"),
    "busy": (503, "too much is waiting"),
    "journal": (503, "the journal cannot be used"),
}
# Whoever made such a call was kept out; all others may have made a mistake.
KEPT_OUT: Final = frozenset(code for code, (status, _) in CODES.items() if status in (401, 403))
AGAIN_SECONDS: Final = 1


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fault of a request: what is wrong, how to fix it, and the line of the body.

    In a rule file, the *line* and the *column* are those of the text that *file* names.
    """

    what: str
    hint: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None


class ProblemDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a request has no answer: a *code* with its meaning, and each fault that was found.

    *instance* is the name of the request, which the log of the service has, too.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    errors: tuple[Place, ...]


class Trouble(Exception):
    """A request that is not answered: its *code* is one of CODES.

    If it may be sent again unchanged, *again* says after how many seconds.
    """

    code: str
    problems: tuple[Problem, ...]
    again: int | None

    def __init__(
        self, code: str, problems: Problem | Iterable[Problem], again: int | None = None
    ) -> None:
        self.code = code
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        self.again = again
        super().__init__(code)

    @property
    def status(self) -> int:
        """Return the status of the answer."""
        return CODES[self.code][0]

    def details(self, request: str) -> ProblemDetails:
        """Return what the sender of *request* is told. It names no place on this machine."""
        is_in_rules = self.code == "rule-file"
        places = tuple(
            Place(
                one.what,
                one.hint,
                PurePath(one.file).name if is_in_rules and one.file else None,
                one.line,
                one.column,
            )
            for one in self.problems
        )
        said = (f"{one.what}; {one.hint}" if one.hint else one.what for one in places)
        return ProblemDetails(
            type=f"/docs#{self.code}",
            title=CODES[self.code][1],
            status=self.status,
            code=self.code,
            detail="; ".join(said),
            instance=request,
            errors=places,
        )


def trouble_of(error: RepurchaseError, usage: str = "unreadable") -> Trouble:
    """Return the trouble that *error* makes; *usage* is the code of a call that was wrong."""
    if isinstance(error, Tampering):
        return Trouble("tampered", error.problems)
    if isinstance(error, JournalError):
        return Trouble("journal", error.problems, AGAIN_SECONDS)
    if isinstance(error, UsageError):
        return Trouble(usage, error.problems)
    if isinstance(error, InputError):
        return Trouble("unreadable", error.problems)
    if isinstance(error, RuleFileError):
        return Trouble("rule-file", error.problems)
    return Trouble("fault", Problem("the rule engine gave no usable answer", "the log says why"))
