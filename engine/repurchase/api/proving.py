"""What holds of every event under a rule file: proofs, and what an edit changes, from Python."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import date
from typing import Any, Final, Literal, TypeVar

import msgspec

from repurchase.api.answers import Decision, answer_of
from repurchase.domain.errors import Problem, UsageError
from repurchase.proof import diff as differences
from repurchase.proof.claims import ASSUMPTIONS
from repurchase.proof.diff import Verdict
from repurchase.proof.fields import Kind
from repurchase.proof.proof import Failure, Gap, Proved, proved
from repurchase.proof.solver import interrupt
from repurchase.rulebook.changes import Change
from repurchase.rulebook.editions import Editions

T = TypeVar("T")
_AGAIN_SECONDS: Final = 1 / 20
_MILLISECONDS: Final = 1_000
# z3 keeps one state for the whole process.
_ONE_AT_A_TIME: Final = threading.Lock()

# An event as its sender would write it: its fields by name.
Fields = Mapping[str, Any]


class Unproved(msgspec.Struct, frozen=True):
    """A claim that is not proved of the rules in force from *first* to *last*, both included.

    *claim* is `window`, `window-at-venue`, `buys`, or a sum and the rule that caps it, such as
    `program.shares_after by share-cap`; *edition* is the SHA-256 of these rules. *events* are a
    counterexample, the last of which the engine approves; `None` if none was found in time.
    """

    claim: str
    edition: str
    first: date
    last: date
    events: tuple[Fields, ...] | None


class Proof(msgspec.Struct, frozen=True):
    """What holds of every sequence of events under a rule file, and what is not proved.

    *editions* are the periods of its rules with what is proved of each; *failures* are the claims
    that are not. *gaps* are the days on which nothing limits the program's shares, or its amount;
    *unlimited* are the sums that the file leaves without a limit on purpose. *assumptions* are
    sentences: what the proof assumes, and what it does not cover. *solver* and *version* name the
    prover and the package.
    """

    authorization: str
    unlimited: tuple[str, ...]
    editions: tuple[Proved, ...]
    failures: tuple[Unproved, ...]
    gaps: tuple[Gap, ...]
    solver: str
    version: str
    assumptions: tuple[str, ...] = ASSUMPTIONS

    @property
    def holds(self) -> bool:
        """Return whether everything is proved."""
        return not self.failures and not self.gaps


class Shown(msgspec.Struct, frozen=True):
    """Events whose last one the two rule files decide differently, with both decisions on it.

    If the last one is a release, *held* is the decision on its order by the file that does not
    approve the release; else it is `None`. If *is_halt*, the difference is that only one file halts
    the desk. *approved_by* is `old` or `new` if only that file approves the earlier orders: the
    desk adopts the other file while they are open; else it is `None`.
    """

    events: tuple[Fields, ...]
    old: Decision
    new: Decision
    held: Decision | None
    is_halt: bool = False
    approved_by: Literal["old", "new"] | None = None


class Compared(msgspec.Struct, frozen=True):
    """What an edit changes for events of one *kind*, or for one *flag* that they may raise.

    *verdict* is `equivalent`, `tighter`, `looser`, `incomparable` or `undecided`. *days* are the
    periods, first and last day included, in which it is not proved equivalent. *looser* shows
    events that only the new file approves, *tighter* events that only the old file approves; each
    is `None` if none is found.
    """

    kind: Kind
    flag: str | None
    verdict: Verdict
    days: tuple[tuple[date, date], ...]
    looser: Shown | None
    tighter: Shown | None


class Diff(msgspec.Struct, frozen=True):
    """What an edit of a rule file changes for every event that can be.

    *verdict* is that of the new file beside the old one, in all. *changed* lists the terms, dates
    and rules that the two files state differently. If *same_accounting* is false, the files compute
    shares or money differently, and nothing is proved equivalent.
    """

    verdict: Verdict
    same_accounting: bool
    changed: tuple[Change, ...]
    compared: tuple[Compared, ...]


def _check_positive(seconds: int) -> None:
    if seconds <= 0:
        what = f"`seconds` is {seconds}, but a time limit must be more than 0"
        raise UsageError(Problem(what, "leave it out for 60 seconds"))


def proved_rules(editions: Editions, seconds: int) -> Proof:
    """Return what can be proved of *editions* in so many *seconds*."""
    _check_positive(seconds)
    with _ONE_AT_A_TIME:
        found = interruptible(lambda clock: proved(editions, clock, seconds * _MILLISECONDS))
    failures = tuple(map(_unproved, found.failures))
    return Proof(
        found.authorization,
        found.unlimited,
        found.editions,
        failures,
        found.gaps,
        found.solver,
        found.version,
    )


def _unproved(failure: Failure) -> Unproved:
    events = None if failure.history is None else failure.history.events
    return Unproved(failure.claim, failure.edition, failure.first, failure.last, events)


def compared_rules(old: Editions, new: Editions, seconds: int) -> Diff:
    """Return what *new* changes beside *old*, as far as it is found in so many *seconds*."""
    _check_positive(seconds)
    with _ONE_AT_A_TIME:
        found = interruptible(
            lambda clock: differences.diff(old, new, clock, seconds * _MILLISECONDS)
        )
    compared = tuple(
        Compared(
            one.kind,
            one.flag,
            one.verdict,
            one.days,
            _shown(one.looser.shown),
            _shown(one.tighter.shown),
        )
        for one in found.compared
    )
    return Diff(found.verdict, found.same_accounting, found.changed, compared)


def _shown(found: differences.Shown | None) -> Shown | None:
    if found is None:
        return None
    held = None if found.held is None else answer_of(found.held)
    old, new = answer_of(found.old), answer_of(found.new)
    return Shown(found.events, old, new, held, found.is_halt, found.approved_by)


def interruptible(work: Callable[[Callable[[], int]], T]) -> T:
    """Return the result of *work*, a proof that takes a clock which counts nanoseconds.

    The proof runs in its own thread, because Python notices Ctrl-C only in the main thread, and
    not during a call of z3. At Ctrl-C, interrupt z3 and let the clock raise KeyboardInterrupt
    until the work has ended, then raise KeyboardInterrupt.
    """
    is_stopped = threading.Event()

    def clock() -> int:
        if is_stopped.is_set():
            raise KeyboardInterrupt
        return time.monotonic_ns()

    with ThreadPoolExecutor(max_workers=1) as pool:
        # The thread starts before there is anything to stop. If Ctrl-C came amid the start, the
        # pool would not know the thread, and would start a second one beside it.
        pool.submit(int).result()
        try:
            done = pool.submit(work, clock)
            # The waits are short, because a signal just before an endless wait would not end it.
            while not done.done():
                wait([done], _AGAIN_SECONDS)
            return done.result()
        except KeyboardInterrupt:
            is_stopped.set()
            # The pool's only thread takes this task when the work has ended.
            ended = pool.submit(is_stopped.is_set)
            while not ended.done():
                # z3 ignores an interrupt between two of its calls, so repeat it.
                interrupt()
                wait([ended], _AGAIN_SECONDS)
            raise
