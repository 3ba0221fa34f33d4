"""A trade log judged event by event: a loop around `program.step`, and what it comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Final

import msgspec

from repurchase.decision import Decision
from repurchase.edition import Edition, Editions
from repurchase.errors import InputError, Problem, UsageError
from repurchase.events import Event
from repurchase.logs import Ids, Log, Order, Row, sorted_rows
from repurchase.position import Position
from repurchase.program import standing, step
from repurchase.quantities import Exact, exact, percent

BAD_ROWS_LISTED: Final = 20


class Decided(msgspec.Struct, frozen=True, gc=False):
    """A decision and the edition that made it, which has the words for it."""

    decision: Decision
    edition: Edition


class RuleCount(msgspec.Struct, frozen=True):
    """How often a rule failed and how often it could not be decided."""

    fail: int
    indeterminate: int


class Summary(msgspec.Struct, frozen=True):
    """What a log came to: counts of events, use of the caps, and why events were not approved.

    Quantities are exact strings, `None` where unknown or without a cap. *unknown* names the
    fills whose shares or amount could not be computed; *days* is for flags that taint a day.
    """

    authorization: str
    rules: str
    events: int
    approved: int
    denied: int
    held: int
    recorded: int
    refused: int
    duplicates: int
    indeterminate: int
    unknown: tuple[str, ...]
    executed_shares: str | None
    executed_amount: str | None
    remaining_shares: str | None
    remaining_amount: str | None
    shares_used_percent: str | None
    amount_used_percent: str | None
    first_denied: str | None
    by_rule: dict[str, RuleCount]
    days: tuple[str, ...]
    skipped: int


class Program:
    """A program while its events are judged one after the other: the position and the counts."""

    def __init__(self, editions: Editions, *, every_rule: bool = False) -> None:
        self.editions = editions
        self.position = Position()
        self.edition: Edition | None = None
        self.duplicates = 0
        self.skipped = 0
        self.last_day: date | None = None
        self._every_rule = every_rule
        self._outcomes: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._undecided: Counter[str] = Counter()
        self._indeterminate = 0
        self._first_denied: str | None = None

    def decide(self, event: Event) -> Decided:
        """Return the decision on *event*, and go on from the position that it leaves."""
        day = self.last_day = self.editions.day_of(event)
        edition = self.edition = self.editions.on(day)
        taken = step(event, self.position, edition, every_rule=self._every_rule)
        self.position = taken.position
        decision = taken.decision
        self._outcomes[decision.outcome] += 1
        if decision.findings:
            self._count(decision)
        return Decided(decision, edition)

    def summary(self) -> Summary:
        """Return what the events so far came to."""
        edition = self.edition or self.editions.on(self.editions.first_day())
        position = self.position
        now = standing(position, edition)
        return Summary(
            authorization=self.editions.authorization.name,
            rules=edition.hash,
            events=self._outcomes.total(),
            approved=self._outcomes["approved"],
            denied=self._outcomes["denied"],
            held=self._outcomes["held"],
            recorded=self._outcomes["recorded"],
            refused=self._outcomes["refused"],
            duplicates=self.duplicates,
            indeterminate=self._indeterminate,
            unknown=tuple(dict.fromkeys((*position.unknown_shares, *position.unknown_amount))),
            executed_shares=now.executed_shares,
            executed_amount=now.executed_amount,
            remaining_shares=now.remaining_shares,
            remaining_amount=now.remaining_amount,
            shares_used_percent=_used(position.known_executed_shares(), edition.max_shares),
            amount_used_percent=_used(position.known_executed_amount(), edition.max_amount),
            first_denied=self._first_denied,
            by_rule={
                rule: RuleCount(self._failed[rule], self._undecided[rule])
                for rule in sorted({*self._failed, *self._undecided})
            },
            days=(),
            skipped=self.skipped,
        )

    def _count(self, decision: Decision) -> None:
        failed = False
        for finding in decision.findings:
            if finding.result == "fail":
                self._failed[finding.rule] += 1
                failed = failed or finding.effect == "deny"
            elif finding.result == "indeterminate":
                self._undecided[finding.rule] += 1
        if decision.outcome == "denied":
            self._indeterminate += not failed
            if self._first_denied is None:
                self._first_denied = decision.id


class Reading(msgspec.Struct, frozen=True):
    """How a log is taken beside its form: what was executed before it, its order, its symbols."""

    brought_forward: Event | None = None
    sort: bool = False
    skip_other_symbols: bool = False


def replay(log: Log, program: Program, reading: Reading) -> Iterator[Decided]:
    """Yield the decision of *program* on each row of *log*, in their order.

    After the first bad row nothing more is decided; at the end InputError names the first twenty
    and tells how many there are. Raise UsageError where something is brought forward twice.
    """
    rows = sorted_rows(log, program.editions.zone) if reading.sort else log.rows()
    if reading.brought_forward is not None:
        yield program.decide(reading.brought_forward)
    bad: list[Problem] = []
    count = 0
    with Ids() as ids:
        reader = _Reader(program, ids, log.name, reading)
        for row in rows:
            problems = row.problems or reader.problems(row)
            if problems:
                count += 1
                bad.extend(problems if count <= BAD_ROWS_LISTED else ())
            elif not count and reader.is_new(row):
                assert row.event is not None, "a row without problems has an event"
                yield program.decide(row.event)
    if count:
        raise InputError([*bad, _nothing_concluded(count, log.name)])


def brought_forward(text: str) -> Event:
    """Return the event that *text*, `SHARES,AMOUNT`, stands for; raise UsageError otherwise."""
    try:
        shares, amount = (exact(part) for part in text.split(","))
    except ValueError:
        shares = amount = -1
    if shares < 0 or amount < 0:
        what = f"`{text}` is not what was brought forward"
        hint = "write shares and amount without grouping, such as 1671100,1809601097"
        raise UsageError(Problem(what, hint))
    return Event(kind="brought_forward", id="brought-forward", shares=shares, amount=amount)


class _Reader:
    """What a log's rows must keep to beside their own form: order, names, and one id each."""

    def __init__(self, program: Program, ids: Ids, name: str, reading: Reading) -> None:
        self._program = program
        self._ids = ids
        self._name = name
        self._reading = reading
        self._order = Order(name, program.editions.zone)
        self._authorization = program.editions.authorization.name
        self._symbols = {one.symbol for one in program.editions.authorization.instruments}
        self._repeated = False

    def problems(self, row: Row) -> tuple[Problem, ...]:
        """Return what makes *row* unusable in this log, and note whether it repeats another."""
        event = row.event
        assert event is not None, "a row without problems has an event"
        # Sorted rows are in order, but for what comes without a time.
        found = None if self._reading.sort else self._order.backwards(row)
        if found is not None:
            return (found,)
        if event.kind == "brought_forward" and self._reading.brought_forward is not None:
            what = "the log brings something forward itself"
            return (self._problem(row, what, "leave out --brought-forward"),)
        if event.authorization not in (None, self._authorization):
            what = f"the row is of authorization `{event.authorization}`"
            return (self._problem(row, what, f"the rules are those of `{self._authorization}`"),)
        if self._is_other(event) and not self._reading.skip_other_symbols:
            what = f"`{event.symbol}` is no symbol of the rule file"
            return (self._problem(row, what, "--skip-other-symbols leaves such rows out"),)
        self._repeated = False
        if row.digest is not None:
            seen = self._ids.seen(event.id, row.digest)
            self._repeated = seen == "same"
            if seen == "other":
                what = f"the id `{event.id}` was used before with other content"
                return (self._problem(row, what, "give each event its own id"),)
        return ()

    def is_new(self, row: Row) -> bool:
        """Return whether *row* is to be decided; count it where it is not."""
        if row.event is not None and self._is_other(row.event):
            self._program.skipped += 1
            return False
        self._program.duplicates += self._repeated
        return not self._repeated

    def _is_other(self, event: Event) -> bool:
        return event.symbol is not None and event.symbol not in self._symbols

    def _problem(self, row: Row, what: str, hint: str) -> Problem:
        return Problem(what, hint, self._name, row.number)


def _used(executed: Exact | None, cap: Exact | None) -> str | None:
    return None if executed is None or cap is None else percent(executed, cap)


def _nothing_concluded(count: int, name: str) -> Problem:
    rows = "1 row cannot be used" if count == 1 else f"{count:,} rows cannot be used"
    listed = f" (the first {BAD_ROWS_LISTED} are listed)" if count > BAD_ROWS_LISTED else ""
    return Problem(f"{rows}{listed}; nothing is concluded from this log", file=name)


def checked(program: Program, event: Event) -> Decided:
    """Return the decision of *program* on one *event* more.

    Raise InputError where it is of another authorization, or lies before what was judged.
    """
    name = program.editions.authorization.name
    if event.authorization not in (None, name):
        what = f"the event is of authorization `{event.authorization}`"
        raise InputError(Problem(what, f"the rules are those of `{name}`"))
    before = program.last_day
    decided = program.decide(event)
    if before is not None and program.last_day is not None and program.last_day < before:
        what = f"the event is of {program.last_day}, before the log's last, of {before}"
        raise InputError(Problem(what, "give the log as it stood at the time of the event"))
    return decided
