"""What an edit of a rule file would have changed in a log: each changed outcome, and why.

Two programs read the log side by side, each from its own position. A change is direct if the new
file decides differently even from the position that the old file's decisions left. Otherwise it is
a knock-on change: only an earlier change explains it. To tell them apart, the new file decides the
event once more, from that position. If both files use the same accounting basis, that position is
the old program's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from repurchase.domain.counters import Kept
from repurchase.domain.decisions import Decision, Effect, Outcome, Result
from repurchase.domain.events import Event
from repurchase.evaluation.step import Decided, apply
from repurchase.intake.log import Log
from repurchase.ledger.position import Position
from repurchase.replay.run import Program, Reader, Reading, Summary
from repurchase.rulebook.editions import Editions
from repurchase.rulebook.life import Life, life

_AS_IT_IS: Final = Reading()


class Compared(msgspec.Struct, frozen=True, gc=False):
    """One event with the decisions that two rule files make on it.

    *line* is the event's line in the log, `None` for the option `--brought-forward`; *record* is
    its record, if the events are those of a journal. *direct* is
    True for a direct change of outcome, False for a knock-on change, None if nothing changed.
    """

    line: int | None
    old: Decided
    new: Decided
    direct: bool | None
    record: int | None = None

    @property
    def differing(self) -> tuple[str, ...]:
        """Return the IDs of the rules whose results or effects differ between the files."""
        return _differing(self.old.decision, self.new.decision)


class Direction(msgspec.Struct, frozen=True):
    """How many events change from the *old* outcome to the *new* one: direct, and knock-on."""

    old: Outcome
    new: Outcome
    direct: int
    knock_on: int


class RuleFindings(msgspec.Struct, frozen=True):
    """How many events have a result of a rule that only the *old* or the *new* file gives."""

    old: int
    new: int


class OtherFindings(msgspec.Struct, frozen=True):
    """The events with the same outcome by both files, but with different findings."""

    events: int
    by_rule: dict[str, RuleFindings]
    first: Compared | None


class Changes(msgspec.Struct, frozen=True):
    """What the new file would have changed in a log.

    *edited* counts the events on whose day the two files differ in any letter. *changed* counts the
    events whose outcome changes. *old* and *new* are the summaries that `replay` gives each file.
    """

    events: int
    edited: int
    changed: int
    direct: int
    knock_on: int
    by_direction: tuple[Direction, ...]
    first: Compared | None
    other_findings: OtherFindings
    old: Summary
    new: Summary


class WhatIf:
    """The programs of an old and a new rule file while both decide the same events."""

    retraced: Position

    def __init__(
        self, old: Program, new: Program, reading: Reading = _AS_IT_IS, *, live: bool = False
    ) -> None:
        """Begin where *old* and *new* stand; if *live*, a breach halts, as it does at the desk."""
        self.old = old
        self.new = new
        self._live = live
        self._reader = Reader(reading, old.editions, new.editions)
        # The new program's position if it had made the old decisions. Until an outcome changes,
        # that is its own position.
        self.retraced = new.position
        # Whether both files kept the same, and used the same accounting basis so far.
        self._alike = _kept(old) == _kept(new)
        # For which editions they use the same.
        self._same_counting: dict[tuple[tuple[str, ...], ...], bool] = {}
        self._first: Compared | None = None
        self._first_other: Compared | None = None
        self._events = 0
        self._edited = 0
        self._changed: Counter[tuple[Outcome, Outcome, bool]] = Counter()
        self._others = 0
        self._only_old: Counter[str] = Counter()
        self._only_new: Counter[str] = Counter()

    def compared(self, log: Log) -> Iterator[Compared]:
        """Yield both decisions on each row of *log*; raise InputError as `replay` does."""
        for line, event in self._reader.events(log):
            yield self.decide(event, line)

    def decide(self, event: Event, line: int | None = None, record: int | None = None) -> Compared:
        """Return both decisions on *event*, and update both positions."""
        old, new = self.old.decide(event), self.new.decide(event)
        direct = self._direct(event, old.decision, new.decision)
        compared = Compared(line, old, new, direct, record)
        if direct is not None and self._first is None:
            self._first = compared
        self._alike = self._alike and self._counts_alike(old.life, new.life)
        self.retraced = self._following(event, old.decision)
        self._count(compared)
        return compared

    def adopt(
        self, rules: Editions, position: Position, told: Callable[[Position], Position]
    ) -> None:
        """Go on with other old *rules*, which left the old program at *position*.

        The rules of the new program stay; *told* returns a position of its that knows of it.
        """
        self.old.editions, self.old.position = rules, position
        self.new.position, self.retraced = told(self.new.position), told(self.retraced)
        self._alike = self._alike and _kept(self.old) == _kept(self.new)

    def changes(self) -> Changes:
        """Return the changes of all events so far."""
        left_out = {"duplicates": self._reader.duplicates, "skipped": self._reader.skipped}
        direct = sum(count for (*_, is_direct), count in self._changed.items() if is_direct)
        changed = self._changed.total()
        return Changes(
            events=self._events,
            edited=self._edited,
            changed=changed,
            direct=direct,
            knock_on=changed - direct,
            by_direction=tuple(
                Direction(old, new, self._changed[old, new, True], self._changed[old, new, False])
                for old, new in sorted({(old, new) for old, new, _ in self._changed})
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

    def _direct(self, event: Event, old: Decision, new: Decision) -> bool | None:
        """Return whether the change of outcome is direct, None if there is none."""
        if old.outcome == new.outcome:
            return None
        if self._first is None:
            # No earlier change could explain it.
            return True
        return self.new.decided_at(event, self.retraced).decision.outcome != old.outcome

    def _following(self, event: Event, old: Decision) -> Position:
        """Return the new program's position after *event* if it had made the *old* decisions."""
        if self._first is None:
            return self.new.position
        if self._alike:
            return self.old.position
        its = life(self.new.editions, event, self.retraced)
        return apply(event, old, self.retraced, its, live=self._live).position

    def _counts_alike(self, old: Life, new: Life) -> bool:
        """Return whether both use the same accounting basis: shares, money and days."""
        key = (old.hashes, new.hashes)
        if key not in self._same_counting:
            own = old.edition.counting == new.edition.counting
            self._same_counting[key] = own and old.counting == new.counting
        return self._same_counting[key]

    def _count(self, compared: Compared) -> None:
        old, new = compared.old, compared.new
        self._events += 1
        self._edited += old.life.hashes != new.life.hashes
        if compared.direct is not None:
            self._changed[old.decision.outcome, new.decision.outcome, compared.direct] += 1
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


def _kept(program: Program) -> Kept:
    return program.editions.authorization.kept()


def _differing(old: Decision, new: Decision) -> tuple[str, ...]:
    one, other = _found(old), _found(new)
    rules = one.keys() | other.keys()
    return tuple(sorted(rule for rule in rules if one.get(rule) != other.get(rule)))


def _found(decision: Decision) -> dict[str, tuple[Result, Effect]]:
    return {finding.rule: (finding.result, finding.effect) for finding in decision.findings}
