"""What an edit of its rules would have changed in a log: each verdict that flips, and why.

Two programs go through the log side by side, each from its own position. A flip is of its own where
it would be one though every verdict before it had been the old file's, and consequent where it
flips only because an earlier one did. So a consequent flip is found by asking the new file again,
from the position that it would have by the old file's verdicts: wherever both files count alike,
that is the very position of the old one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from repurchase.domain.decisions import Decision, Effect, Outcome, Result
from repurchase.domain.events import Event
from repurchase.evaluation.step import Decided, apply
from repurchase.intake.log import Log
from repurchase.ledger.position import Position
from repurchase.replay.run import Program, Reader, Reading, Summary
from repurchase.rulebook.editions import Edition

_AS_IT_IS: Final = Reading()


class Compared(msgspec.Struct, frozen=True, gc=False):
    """One event as two rule files answer it.

    *line* is that of the log, `None` of what is brought forward by the option. *own* is whether it
    flips of its own or only because an earlier one did, and `None` where it does not flip.
    """

    line: int | None
    old: Decided
    new: Decided
    own: bool | None

    @property
    def differing(self) -> tuple[str, ...]:
        """Return the rules of which both did not find the same, whatever the figures."""
        return _differing(self.old.decision, self.new.decision)


class Direction(msgspec.Struct, frozen=True):
    """How many verdicts flip from one outcome to another, of their own and consequently."""

    old: Outcome
    new: Outcome
    own: int
    consequent: int


class RuleFindings(msgspec.Struct, frozen=True):
    """At how many events a rule found what it did by one file alone, or found otherwise there."""

    old: int
    new: int


class OtherFindings(msgspec.Struct, frozen=True):
    """The events that both files answer alike for other reasons: no flips, but counted."""

    events: int
    by_rule: dict[str, RuleFindings]
    first: Compared | None


class Changes(msgspec.Struct, frozen=True):
    """What the new file would have changed in a log.

    *edited* counts the events for whose day the files do not say the same, to the letter; *old* and
    *new* are what `replay` says of each alone.
    """

    events: int
    edited: int
    flips: int
    own: int
    consequent: int
    by_direction: tuple[Direction, ...]
    first: Compared | None
    other_findings: OtherFindings
    old: Summary
    new: Summary


class WhatIf:
    """The programs of an old and of a new rule file, while both judge the same events."""

    def __init__(self, old: Program, new: Program, reading: Reading = _AS_IT_IS) -> None:
        self.old = old
        self.new = new
        self._reader = Reader(reading, old.editions, new.editions)
        # Where the new program would be by the old one's verdicts: until one flips, where it is.
        self.unflipped = new.position
        # Whether all events so far count alike, and the editions of which that is known.
        self._alike = True
        self._same_counting: dict[tuple[str, str], bool] = {}
        self._first: Compared | None = None
        self._first_other: Compared | None = None
        self._events = 0
        self._edited = 0
        self._flips: Counter[tuple[Outcome, Outcome, bool]] = Counter()
        self._others = 0
        self._only_old: Counter[str] = Counter()
        self._only_new: Counter[str] = Counter()

    def compared(self, log: Log) -> Iterator[Compared]:
        """Yield the answers of both to each row of *log*; raise InputError as `replay` does."""
        for line, event in self._reader.events(log):
            yield self.decide(event, line)

    def decide(self, event: Event, line: int | None = None) -> Compared:
        """Return the answers of both to *event*, and go on from where it leaves each."""
        old, new = self.old.decide(event), self.new.decide(event)
        own = self._own(event, old.decision, new.decision)
        compared = Compared(line, old, new, own)
        if own is not None and self._first is None:
            self._first = compared
        self._alike = self._alike and self._counts_alike(old.edition, new.edition)
        self.unflipped = self._following(event, old.decision)
        self._count(compared)
        return compared

    def changes(self) -> Changes:
        """Return what the events so far came to."""
        left_out = {"duplicates": self._reader.duplicates, "skipped": self._reader.skipped}
        own = sum(count for (*_, is_own), count in self._flips.items() if is_own)
        flips = self._flips.total()
        return Changes(
            events=self._events,
            edited=self._edited,
            flips=flips,
            own=own,
            consequent=flips - own,
            by_direction=tuple(
                Direction(old, new, self._flips[old, new, True], self._flips[old, new, False])
                for old, new in sorted({(old, new) for old, new, _ in self._flips})
            ),
            first=self._first,
            other_findings=OtherFindings(
                events=self._others,
                by_rule={
                    rule: RuleFindings(self._only_old[rule], self._only_new[rule])
                    for rule in sorted({*self._only_old, *self._only_new})
                },
                first=self._first_other,
            ),
            old=self.old.summary(**left_out),
            new=self.new.summary(**left_out),
        )

    def _own(self, event: Event, old: Decision, new: Decision) -> bool | None:
        """Return whether it flips of its own, `None` where it does not flip."""
        if old.outcome == new.outcome:
            return None
        if self._first is None:
            # There is no earlier one that it could rest on.
            return True
        return self.new.decided_at(event, self.unflipped).decision.outcome != old.outcome

    def _following(self, event: Event, old: Decision) -> Position:
        """Return where the new program would be after *event* by the decisions of the *old* one."""
        if self._first is None:
            return self.new.position
        if self._alike:
            return self.old.position
        edition = self.new.editions.of(event, self.unflipped)
        return apply(event, old, self.unflipped, edition, live=False)

    def _counts_alike(self, old: Edition, new: Edition) -> bool:
        """Return whether shares, money and days are counted alike by both."""
        key = (old.hash, new.hash)
        if key not in self._same_counting:
            self._same_counting[key] = old.counting == new.counting
        return self._same_counting[key]

    def _count(self, compared: Compared) -> None:
        old, new = compared.old, compared.new
        self._events += 1
        self._edited += old.edition.hash != new.edition.hash
        if compared.own is not None:
            self._flips[old.decision.outcome, new.decision.outcome, compared.own] += 1
        elif old.decision.findings or new.decision.findings:
            self._count_others(compared)

    def _count_others(self, compared: Compared) -> None:
        differing = set(compared.differing)
        if not differing:
            return
        self._others += 1
        self._first_other = self._first_other or compared
        self._only_old.update(differing & _found(compared.old.decision).keys())
        self._only_new.update(differing & _found(compared.new.decision).keys())


def _differing(old: Decision, new: Decision) -> tuple[str, ...]:
    one, other = _found(old), _found(new)
    rules = one.keys() | other.keys()
    return tuple(sorted(rule for rule in rules if one.get(rule) != other.get(rule)))


def _found(decision: Decision) -> dict[str, tuple[Result, Effect]]:
    return {finding.rule: (finding.result, finding.effect) for finding in decision.findings}
