"""A trade log judged event by event: a loop around `program.step`, and what it comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

import msgspec
from msgspec.structs import replace

from repurchase.domain.decisions import Decision
from repurchase.domain.errors import InputError, Problem, UsageError
from repurchase.domain.events import Event
from repurchase.domain.quantities import Exact, exact, percent
from repurchase.evaluation.step import Decided, Step, position_report, refusal, step
from repurchase.intake.ids import Ids
from repurchase.intake.log import Log
from repurchase.intake.order import Order, sorted_rows
from repurchase.intake.rows import Row
from repurchase.ledger.position import Position
from repurchase.market.feed import Feed, read_feed
from repurchase.rulebook.editions import Edition, Editions

BAD_ROWS_LISTED: Final = 20


class RuleCount(msgspec.Struct, frozen=True):
    """How often a rule failed and how often it could not be decided."""

    fail: int
    indeterminate: int


class Tainted(msgspec.Struct, frozen=True):
    """A day on which all purchases lost what *pack* gives, those before the *first* event too.

    *day* is that of the venue. *failed* are the rules that one purchase or order of that day at
    least did not meet, *undecided* those of which it is not known; *events* are as many.
    """

    pack: str
    day: date
    failed: tuple[str, ...]
    undecided: tuple[str, ...]
    first: str
    events: int


class Summary(msgspec.Struct, frozen=True):
    """What a log came to: counts of events, use of the caps, and why events were not approved.

    Quantities are exact strings, `None` where unknown or without a cap. *unknown* names the
    fills whose shares or amount could not be computed; *days* are those on which a flag of a pack
    that judges by the day was raised.
    """

    authorization: str
    rule_file: str
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
    days: tuple[Tainted, ...]
    skipped: int


class Program:
    """A program while its events are judged one after the other: the position and the counts."""

    def __init__(
        self, editions: Editions, *, every_rule: bool = False, feed: Feed | None = None
    ) -> None:
        self.editions = editions
        self._market = (feed or read_feed(())).of(editions.authorization)
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
        packs = editions.authorization.packs
        self._by_day = {pack.name for pack in packs if pack.by_day}
        self._tainted: dict[tuple[date, str], Tainted] = {}

    def decide(self, event: Event) -> Decided:
        """Return the decision on *event*, and go on from the position that it leaves."""
        if event.kind != "brought_forward" or event.time or event.date:
            self.last_day = self.editions.day_of(event)
        edition = self.edition = self.editions.of(event, self.position)
        before = self.position
        taken = self._step(event, before, edition)
        self.position = taken.position
        decision = taken.decision
        self._outcomes[decision.outcome] += 1
        if decision.findings:
            self._count(decision)
            if self._by_day and (decision.outcome == "approved" or event.kind == "fill"):
                self._taint(event, decision, before)
        return Decided(decision, edition)

    def decided_at(self, event: Event, position: Position) -> Decided:
        """Return what the decision on *event* would be at another *position*; nothing counts it."""
        edition = self.editions.of(event, position)
        return Decided(self._step(event, position, edition).decision, edition)

    def summary(self) -> Summary:
        """Return what the events so far came to."""
        edition = self.edition or self.editions.on(self.editions.first_day())
        position = self.position
        now = position_report(position, edition)
        return Summary(
            authorization=self.editions.authorization.name,
            rule_file=self.editions.authorization.text_hash(),
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
            days=tuple(self._tainted[key] for key in sorted(self._tainted)),
            skipped=self.skipped,
        )

    def _step(self, event: Event, position: Position, edition: Edition) -> Step:
        return step(event, position, edition, every_rule=self._every_rule, market=self._market)

    def _taint(self, event: Event, decision: Decision, before: Position) -> None:
        """Note of each pack that judges by the day what *decision* found, on the venue's day."""
        day = self.editions.venue_day(event, before) or self.editions.day_of(event)
        for pack in self._by_day:
            failed, undecided = (
                {
                    finding.rule
                    for finding in decision.findings
                    if finding.rule.startswith(f"{pack}.") and finding.result == result
                }
                for result in ("fail", "indeterminate")
            )
            if not failed and not undecided:
                continue
            old = self._tainted.get((day, pack)) or Tainted(pack, day, (), (), event.id, 0)
            self._tainted[day, pack] = Tainted(
                pack,
                day,
                tuple(sorted(failed.union(old.failed))),
                tuple(sorted(undecided.union(old.undecided))),
                old.first,
                old.events + 1,
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
    and tells how many there are.
    """
    return Reader(program, reading).decisions(log)


class Reader:
    """What events must keep to beside their own form: order, names, and one id each.

    *asked* is one event more, which is held to the same and is answered after the log. Of programs
    *beside* the first, which the same log is read for, a name or a symbol will do as well.
    """

    def __init__(
        self,
        program: Program,
        reading: Reading,
        asked: Event | None = None,
        beside: Sequence[Program] = (),
    ) -> None:
        self._program = program
        self._programs = (program, *beside)
        self._reading = reading
        self._asked = asked
        self._held: tuple[Event, Decided] | None = None
        self._order = Order(program.editions.zone)
        files = [one.editions.authorization for one in self._programs]
        self._authorizations = tuple(dict.fromkeys(file.name for file in files))
        self._symbols = {one.symbol for file in files for one in file.instruments}
        self._rules = "either rule file" if beside else "the rule file"
        self._name: str | None = None
        self._started = False
        self._repeated = False

    def decisions(self, log: Log | None) -> Iterator[Decided]:
        """Yield the decisions on what is brought forward and on the rows of *log*; see `replay`."""
        asked_id = None if self._asked is None else self._asked.id
        for line, event in self.events(log):
            decided = self._program.decide(event)
            if event.id == asked_id and line is not None:
                self._held = event, decided
            yield decided

    def events(self, log: Log | None) -> Iterator[tuple[int | None, Event]]:
        """Yield what is to be decided, each event with its line of *log*; see `replay`.

        What is brought forward by the option has no line. Each program counts what is left out.
        """
        if self._reading.brought_forward is not None:
            self._started = True
            yield None, self._reading.brought_forward
        if log is not None:
            yield from self._logged(log)

    def answer(self) -> Decided:
        """Return the decision on the event that is asked about, now that the log is judged.

        What the log holds already has the decision that it had; its id with other content is
        refused. Raise InputError where it is no event that can follow the log.
        """
        event = self._asked
        assert event is not None, "an event is asked about"
        if self._held is not None:
            before, decided = self._held
            if before == event:
                return replace(decided, repeated=True)
            edition = self._program.editions.of(event, self._program.position)
            return Decided(refusal(event, self._program.position, edition), edition)
        amiss = self._mismatch(event)
        if amiss is not None:
            raise InputError(Problem(*amiss))
        backwards = self._order.backwards(event, 0)
        if backwards is not None:
            hint = "give the log as it stood at the time of the event"
            raise InputError(Problem(f"the event's {backwards}", hint, self._name))
        return self._program.decide(event)

    def _logged(self, log: Log) -> Iterator[tuple[int, Event]]:
        rows = sorted_rows(log, self._program.editions.zone) if self._reading.sort else log.rows()
        self._name = log.name
        bad: list[Problem] = []
        count = judged = 0
        with Ids() as ids:
            for row in rows:
                problems = row.problems or self._problems(row, ids)
                if problems:
                    count += 1
                    bad.extend(problems if count <= BAD_ROWS_LISTED else ())
                elif not count and self._is_new(row):
                    assert row.event is not None, "a row without problems has an event"
                    judged += 1
                    yield row.number, row.event
        if count:
            raise InputError([*bad, _nothing_concluded(count, log.name)])
        # A log that is asked about may be that of a program's first day.
        if not judged and self._asked is None:
            raise InputError(_nothing_judged(self._program.skipped, log.name, self._rules))

    def _problems(self, row: Row, ids: Ids) -> tuple[Problem, ...]:
        """Return what makes *row* unusable in this log, and note whether it repeats another."""
        event = row.event
        assert event is not None, "a row without problems has an event"
        self._repeated = False
        if row.digest is not None:
            seen = ids.seen(event.id, row.digest)
            if seen == "other":
                what = f"the id `{event.id}` was used before with other content"
                return (self._problem(row, what, "give each event its own id"),)
            if seen == "same":
                # Sent again it is the same event, however much happened in between.
                self._repeated = True
                return ()
        backwards = self._order.backwards(event, row.number)
        # Sorted rows are in order, but for what is brought forward.
        if backwards is not None and not self._reading.sort:
            hint = "put the log in order of time, or have it sorted with --sort"
            return (self._problem(row, backwards, hint),)
        amiss = self._mismatch(event)
        if amiss is not None:
            return (self._problem(row, *amiss),)
        if self._is_other(event):
            if self._reading.skip_other_symbols:
                return ()
            what = f"`{event.symbol}` is no symbol of {self._rules}"
            return (self._problem(row, what, "--skip-other-symbols leaves such rows out"),)
        self._started = True
        return ()

    def _mismatch(self, event: Event) -> tuple[str, str] | None:
        """Return what keeps *event* out of this program at this place, and what would be right."""
        if event.authorization is not None and event.authorization not in self._authorizations:
            what = f"the event is of authorization `{event.authorization}`"
            return what, f"the rules are those of `{'` and `'.join(self._authorizations)}`"
        if event.kind != "brought_forward" or not self._started:
            return None
        if self._reading.brought_forward is not None:
            return "something is brought forward here and with the option", "give one of them"
        return "something is brought forward after other events", "put it first"

    def _is_new(self, row: Row) -> bool:
        """Return whether *row* is to be decided; count it where it is not."""
        is_other = row.event is not None and self._is_other(row.event)
        if not is_other and not self._repeated:
            return True
        for program in self._programs:
            if is_other:
                program.skipped += 1
            else:
                program.duplicates += 1
        return False

    def _is_other(self, event: Event) -> bool:
        return event.symbol is not None and event.symbol not in self._symbols

    def _problem(self, row: Row, what: str, hint: str) -> Problem:
        return Problem(what, hint, self._name, row.number)


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


def _used(executed: Exact | None, cap: Exact | None) -> str | None:
    return None if executed is None or cap is None else percent(executed, cap)


def _nothing_concluded(count: int, name: str) -> Problem:
    rows = "1 row cannot be used" if count == 1 else f"{count:,} rows cannot be used"
    listed = f" (the first {BAD_ROWS_LISTED} are listed)" if count > BAD_ROWS_LISTED else ""
    return Problem(f"{rows}{listed}; nothing is concluded from this log", file=name)


def _nothing_judged(skipped: int, name: str, rules: str) -> Problem:
    if not skipped:
        return Problem("the log has no rows; nothing is concluded from it", file=name)
    what = "every row is of another symbol; nothing is concluded from this log"
    return Problem(what, f"compare its symbols with those of {rules}", name)
