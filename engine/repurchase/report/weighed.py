"""What a proposed rule file would change, as the service answers it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

import msgspec

from repurchase.audit.shadow import Shadow
from repurchase.domain.errors import Problem
from repurchase.journal.queries import Adopted, AdoptedThen
from repurchase.replay.what_if import Compared
from repurchase.report.outcomes import ChangedOutcome, changed_outcome, changes_object
from repurchase.tester.cases import CaseResult

# An answer lists so many changes; `changes` counts all.
LISTED: Final = 100

# What the prover says of the rules in force.
Proved = Literal["proved", "not proved", "not proved yet", "no prover"]


class CaseLine(msgspec.Struct, frozen=True):
    """A test case of the rule file; *wrong* says how it differs from what is expected."""

    name: str
    line: int | None
    wrong: str | None


class Beside(msgspec.Struct, frozen=True):
    """The records after *after*, up to *until*, decided by the proposed rules, too.

    *changes* is what `repurchase what-if` says of them, and *changed* are the first of the events
    that change outcome. *is_end* is whether no later record was there; if not, the time was over.
    """

    after: int
    until: int
    is_end: bool
    changes: dict[str, Any]
    changed: tuple[ChangedOutcome, ...]


class Weighing(msgspec.Struct, frozen=True):
    """A rule file beside the one in force, whose SHA-256 is *in_force*.

    *gaps* is what `repurchase lint` finds, *cases* are the results of the cases that came with it,
    *proof* and *diff* what the prover finds: `None` if there are none, or no prover. *adoption*
    says whether the use and the open orders fit it, and *what_if* what it would have changed.
    """

    in_force: str
    gaps: tuple[Problem, ...]
    cases: tuple[CaseLine, ...] | None
    proof: dict[str, Any] | None
    diff: dict[str, Any] | None
    adoption: Adopted
    what_if: Beside


class Proposed(msgspec.Struct, frozen=True):
    """A rule file that was weighed: whether it was *adopted*, or waits under the name *pending*."""

    adopted: bool
    pending: str | None
    weighing: Weighing


class Waiting(msgspec.Struct, frozen=True):
    """A proposal, and what its rules have decided beside those in force since it was made.

    *shadow* is `None` once the proposal waits no more.
    """

    proposal: AdoptedThen
    shadow: Beside | None


class Watched:
    """A *shadow* with the first changes of outcome that it has met."""

    shadow: Shadow

    def __init__(self, shadow: Shadow) -> None:
        self.shadow = shadow
        self._after = shadow.book.head.sequence
        self._changed: list[Compared] = []

    def follow(self, until: int) -> Iterator[Compared]:
        """Yield what the shadow yields of the later records, up to *until*."""
        for one in self.shadow.follow(until):
            if one.direct is not None and len(self._changed) < LISTED:
                self._changed.append(one)
            yield one

    def beside(self, last: int) -> Beside:
        """Return what was found so far, if *last* is the last record of the program."""
        until = self.shadow.book.head.sequence
        changed = tuple(map(changed_outcome, self._changed))
        found = changes_object(self.shadow.what_if.changes())
        return Beside(self._after, until, until >= last, found, changed)


def case_lines(results: Iterable[CaseResult]) -> tuple[CaseLine, ...]:
    """Return the *results* of cases as they are answered."""
    return tuple(CaseLine(one.case.name, one.case.line, one.wrong) for one in results)
