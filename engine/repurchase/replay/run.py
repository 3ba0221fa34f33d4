"""Replay of a trade log, event by event: a loop around `step`, and its summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime
from fractions import Fraction
from functools import partial
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace

from repurchase.domain.decisions import Decision
from repurchase.domain.errors import InputError, Problem, UsageError, Wrong, short
from repurchase.domain.events import Event, key_of
from repurchase.domain.quantities import Exact, exact, percent
from repurchase.domain.venues import listed_venue, out_of_use
from repurchase.evaluation.step import Decided, Step, position_report, refusal, step
from repurchase.intake.ids import Ids, Seen, unread
from repurchase.intake.log import Log, OfOrder, Row
from repurchase.intake.mapping import Expected
from repurchase.intake.order import Order, sorted_rows
from repurchase.intake.scratch import temporary_database
from repurchase.intake.totals import Comparison, Difference
from repurchase.ledger.fold import counting
from repurchase.ledger.position import Position
from repurchase.market.feed import Feed, read_feed
from repurchase.replay.lane import Lane, Passed
from repurchase.replay.places import FIGURES
from repurchase.rulebook.editions import Edition, Editions
from repurchase.rulebook.life import Life, life
from repurchase.rulebook.reach import can_apply

BAD_ROWS_LISTED: Final = 20
REPEATED_LISTED: Final = 5
_NOTHING: Final = Expected()
_UNUSED: Final = Position()


class RuleCount(msgspec.Struct, frozen=True):
    """How many events a rule failed, and for how many it was undecided."""

    fail: int
    indeterminate: int


class Tainted(msgspec.Struct, frozen=True):
    """A day whose purchases are all outside the safe harbour of *pack*, or not shown to be inside.

    *day* is the venue's date. *failed* are the rules that at least one order or purchase of the day
    failed, *undecided* those that were undecided for at least one. *first* is the id of the first
    such event, and *events* is the number of them. Purchases before the first are outside, too.
    """

    pack: str
    day: date
    failed: tuple[str, ...]
    undecided: tuple[str, ...]
    first: str
    events: int


class Summary(msgspec.Struct, frozen=True):
    """The summary of a log: counts of events, use of the caps, and why events were not approved.

    Quantities are exact strings; `None` if unknown or without a cap. Amounts are in program
    currency. *indeterminate* counts the events denied although no `deny` rule failed. *unknown*
    names the fills whose shares or amount could not be computed. *days* are the days on which an
    event raised a flag of a pack that disqualifies whole days. *skipped* counts the rows left out
    because of their symbol. *quarantined* counts the messages of a FIX log that could not be read.
    *idle_packs* are the packs whose rules apply at none of the log's
    venues, and *expired_venues* the venues whose code was no longer in use on the day of an event.
    *open_orders* can still fill at the end of the log; *disputed* are the fills of a FIX log that
    the desk disputes, and that count.
    *compared* are the figures that were compared, with the tolerances. *differences* are those that
    the log prints, or that a person expects, and that its rows do not come to.
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
    idle_packs: tuple[str, ...]
    expired_venues: tuple[str, ...]
    differences: tuple[Difference, ...] = ()
    quarantined: int = 0
    compared: Comparison = Comparison()
    open_orders: tuple[str, ...] = ()
    disputed: tuple[str, ...] = ()


class Tally(msgspec.Struct):
    """What the decisions so far are counted by: their outcomes, and the rules that did not pass.

    *places* has the last day of an event of each symbol at each venue.
    """

    outcomes: Counter[str] = msgspec.field(default_factory=Counter)
    failed: Counter[str] = msgspec.field(default_factory=Counter)
    undecided: Counter[str] = msgspec.field(default_factory=Counter)
    indeterminate: int = 0
    first_denied: str | None = None
    days: dict[tuple[date, str], Tainted] = msgspec.field(default_factory=dict)
    places: dict[tuple[str, str | None], date] = msgspec.field(default_factory=dict)

    def copy(self) -> Tally:
        """Return the same counts, which no later decision changes."""
        return replace(
            self,
            outcomes=self.outcomes.copy(),
            failed=self.failed.copy(),
            undecided=self.undecided.copy(),
            days=self.days.copy(),
            places=self.places.copy(),
        )


# Decides an event at a position, by the editions of its life.
Judge = Callable[[Event, Position, Life], Step]


class Program:
    """A program in a replay: its position, and the counts of the events decided so far."""

    editions: Editions
    tally: Tally

    def __init__(
        self,
        editions: Editions,
        *,
        every_rule: bool = False,
        feed: Feed | None = None,
        judge: Judge | None = None,
        position: Position = _UNUSED,
    ) -> None:
        """Begin at *position*, by default that of a program that has used nothing.

        Unless another *judge* is given, events are decided as those of a log: *feed* supplies facts
        beside them, and with *every_rule* the rules that pass or do not apply are listed, too.
        """
        self.editions = editions
        market = (feed or read_feed(())).of(editions.authorization)
        self._judge = judge or partial(step, every_rule=every_rule, market=market)
        self._market = market
        self._is_own = judge is None and not every_rule
        self._lane: Lane | None = None
        self._position = counting(position, editions.authorization.kept())
        self.edition: Edition | None = None
        self.last_day: date | None = None
        self.tally = Tally()
        packs = editions.authorization.packs
        self._by_day = {pack.name for pack in packs if pack.by_day}

    @property
    def position(self) -> Position:
        """Return the position after the events so far."""
        return self._position if self._lane is None else self._lane.settled()

    @position.setter
    def position(self, position: Position) -> None:
        self._position, self._lane = position, None

    @property
    def sums(self) -> Position:
        """Return the position as far as its sums go; its orders and fills may be behind."""
        return self._position if self._lane is None else self._lane.sums()

    def open_orders(self) -> tuple[str, ...]:
        """Return the ids of the orders that can still fill, in order."""
        if self._lane is not None:
            return self._lane.open_orders()
        orders = self._position.orders
        return tuple(name for name in sorted(orders) if orders[name].is_open)

    @property
    def latest_edition(self) -> Edition:
        """Return the edition of the latest event; before the first, that of the first day."""
        return self.edition or self.editions.on(self.editions.first_day())

    def decide(self, event: Event) -> Decided:
        """Return the decision on *event*, and take the position after it."""
        if event.kind != "brought_forward" or event.time or event.date:
            self.last_day = self.editions.day_of(event)
        its = life(self.editions, event, self.position)
        self.edition = its.edition
        if event.symbol is not None and self.last_day is not None:
            for venue in event.at_venues:
                self.tally.places[event.symbol, venue] = self.last_day
        before = self.position
        taken = self._judge(event, before, its)
        self.position = taken.position
        self._note(event, taken.decision, before)
        return Decided(taken.decision, its, event=event)

    def lane(self, log: Log, line: Callable[[Decided], str] | None) -> Lane | None:
        """Return a lane for rows of *log*, whose decisions *line* writes; `None` if it has none."""
        columns = log.columns
        # What taints a day is found by the position, which a lane does not have.
        is_plain = self._is_own and not self._by_day
        if columns is None or not is_plain or not {"kind", *FIGURES} <= {*columns.names}:
            return None
        return Lane(columns, self.editions, self._market, line)

    def along(self, lane: Lane, reader: Reader) -> Iterator[Decided | Passed]:
        """Yield the decisions on the rows that *lane* can take next."""
        ids, last = reader.ids, reader.last_time()
        if ids is None or last is None or not (self._lane or lane.begin(self._position)):
            return
        self._lane = lane
        for found in lane.rows(ids, last):
            if isinstance(found, Passed):
                self.tally.outcomes["approved"] += found.count
            else:
                assert found.event is not None, "a lane decides events"
                self._note(found.event, found.decision, self._position)
            yield found
        at_last = lane.last()
        if at_last is None:
            return
        place, time, line = at_last
        reader.took(time, line)
        self.edition, self.last_day = place.edition, place.date
        days = self.tally.places
        for place in lane.visited():
            for venue in place.event.at_venues:
                key = place.event.symbol or "", venue
                days[key] = max(place.date, days.get(key, place.date))

    def _note(self, event: Event, decision: Decision, before: Position) -> None:
        """Count *decision*, and note the days that it taints."""
        self.tally.outcomes[decision.outcome] += 1
        if decision.findings:
            self._count(decision)
            if self._by_day and (decision.outcome == "approved" or event.kind == "fill"):
                self._taint(event, decision, before)

    def decided_at(self, event: Event, position: Position) -> Decided:
        """Return the decision on *event* at another *position*; change no position or count."""
        its = life(self.editions, event, position)
        return Decided(self._judge(event, position, its).decision, its, event=event)

    def summary(self, *, duplicates: int = 0, skipped: int = 0, quarantined: int = 0) -> Summary:
        """Return the summary of the events so far.

        *duplicates*, *skipped* and *quarantined* are the numbers of what was left out of the log.
        """
        edition = self.latest_edition
        position, tally = self.sums, self.tally
        now = position_report(position, edition)
        return Summary(
            authorization=self.editions.authorization.name,
            rule_file=self.editions.authorization.text_hash(),
            events=tally.outcomes.total(),
            approved=tally.outcomes["approved"],
            denied=tally.outcomes["denied"],
            held=tally.outcomes["held"],
            recorded=tally.outcomes["recorded"],
            refused=tally.outcomes["refused"],
            duplicates=duplicates,
            indeterminate=tally.indeterminate,
            unknown=position.unknown_fills(money=edition.judges_money),
            executed_shares=now.executed_shares,
            executed_amount=now.executed_amount,
            remaining_shares=now.remaining_shares,
            remaining_amount=now.remaining_amount,
            shares_used_percent=_used(position.known_executed_shares(), edition.max_shares),
            amount_used_percent=_used(position.known_executed_amount(), edition.max_amount),
            first_denied=tally.first_denied,
            by_rule={
                rule: RuleCount(tally.failed[rule], tally.undecided[rule])
                for rule in sorted({*tally.failed, *tally.undecided})
            },
            days=tuple(tally.days[key] for key in sorted(tally.days)),
            skipped=skipped,
            quarantined=quarantined,
            idle_packs=self._idle_packs(edition),
            expired_venues=tuple(sorted({*self._codes(edition, expired=True)})),
        )

    def _idle_packs(self, edition: Edition) -> tuple[str, ...]:
        """Return the packs whose rules apply at none of the venues of the events so far."""
        codes = set(self._codes(edition))
        packs = self.editions.authorization.packs if codes else ()
        return tuple(
            pack.name
            for pack in packs
            if pack.rules and not any(can_apply(pack, code) for code in codes)
        )

    def _codes(self, edition: Edition, *, expired: bool = False) -> Iterator[str]:
        """Yield the codes of the venues so far; if *expired*, those out of use on a later day."""
        for (symbol, venue), day in self.tally.places.items():
            listing = edition.counting.listings.get((symbol, venue))
            code = venue if listing is None else listing.venue
            ended = None if code is None else out_of_use(code)
            if code is not None and (not expired or (ended is not None and ended <= day)):
                yield code

    def _taint(self, event: Event, decision: Decision, before: Position) -> None:
        """Note the rules of *decision* that disqualify the venue's day, for each such pack."""
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
            old = self.tally.days.get((day, pack)) or Tainted(pack, day, (), (), event.id, 0)
            self.tally.days[day, pack] = Tainted(
                pack,
                day,
                tuple(sorted(failed.union(old.failed))),
                tuple(sorted(undecided.union(old.undecided))),
                old.first,
                old.events + 1,
            )

    def _count(self, decision: Decision) -> None:
        failed, tally = False, self.tally
        for finding in decision.findings:
            if finding.result == "fail":
                tally.failed[finding.rule] += 1
                failed = failed or finding.effect == "deny"
            elif finding.result == "indeterminate":
                tally.undecided[finding.rule] += 1
        if decision.outcome == "denied":
            tally.indeterminate += not failed
            if tally.first_denied is None:
                tally.first_denied = decision.id


class Source(Protocol):
    """Whatever gives the rows of a log; messages call it by its *name*."""

    name: str

    def rows(self) -> Iterator[Row]:
        """Yield the rows."""


class Reading(msgspec.Struct, frozen=True):
    """How to take events from a log: what was brought forward, whether to sort, what to skip."""

    brought_forward: Event | None = None
    sort: bool = False
    skip_other_symbols: bool = False


class Reader:
    """The events of a log for the programs of *editions*, in order and each once.

    An event may have the authorization or a symbol of any of the programs. Events left out are
    counted in *duplicates* or *skipped*; *repeated* has the line and id of the first duplicates.
    With *repeats*, duplicates are counted and yielded too.
    """

    skipped: int
    duplicates: int

    def __init__(self, reading: Reading, *editions: Editions, repeats: bool = False) -> None:
        self.duplicates = 0
        self.repeated: list[tuple[int, str]] = []
        self.skipped = 0
        self.ids: Ids | None = None
        # What reads a row again whose text stands for it.
        self.event_of: Callable[[str], Event | None] = unread
        self._reading = reading
        self._repeats = repeats
        self._clock = editions[0].zone
        self._order = Order(self._clock)
        files = [one.authorization for one in editions]
        self._authorizations = tuple(dict.fromkeys(file.name for file in files))
        instruments = [one for file in files for one in file.instruments]
        self._symbols = {one.symbol for one in instruments}
        self._currencies = {(one.symbol, one.currency) for one in instruments}
        self._rules = "either rule file" if len(editions) > 1 else "the rule file"
        self._venues: set[str | None] = {None, *(venue for file in files for venue in file.venues)}
        self._started = False

    def events(
        self, log: Source | None, *, may_be_empty: bool = False
    ) -> Iterator[tuple[int | None, Event]]:
        """Yield the events to decide, each with its line of *log*; `None` for the option's event.

        After the first bad row, yield no more. At the end, raise InputError with the first twenty
        bad rows and the number of all. Raise InputError, too, if the log gives no event, unless it
        *may_be_empty*.
        """
        if self._reading.brought_forward is not None:
            self._started = True
            yield None, self._reading.brought_forward
        if log is None:
            return
        bad: list[Problem] = []
        count = yielded = 0
        for row in self._rows(log):
            if row.problems:
                count += 1
                bad.extend(row.problems if count <= BAD_ROWS_LISTED else ())
            elif row.event is not None and not count:
                yielded += 1
                yield row.number, row.event
        if count:
            raise InputError([*bad, _nothing_concluded(count, log.name)])
        if not yielded and not may_be_empty:
            raise InputError(_no_events(self.skipped, log.name, self._rules))

    @property
    def is_sorting(self) -> bool:
        """Return whether the rows are sorted first."""
        return self._reading.sort

    def last_time(self) -> datetime | None:
        """Return the time before which no row may be; `None` if a day decides it, or nothing."""
        return self._order.last_time()

    def took(self, time: datetime, line: int) -> None:
        """Note that a row at *time*, on *line*, was taken elsewhere."""
        self._order.took(time, line)

    def check(self, event: Event) -> None:
        """Raise Wrong if *event* is not of these programs, or is not allowed at this place."""
        if event.authorization is not None and event.authorization not in self._authorizations:
            what = f"the event is of authorization `{event.authorization}`"
            raise Wrong(what, f"give events of `{'` or `'.join(self._authorizations)}`")
        if event.kind == "brought_forward" and self._started:
            if self._reading.brought_forward is not None:
                what = (
                    "two starting positions: this `brought_forward` event and `--brought-forward`"
                )
                raise Wrong(what, "remove one")
            raise Wrong("a `brought_forward` event follows other events", "put it first")

    def _check_venues(self, event: Event) -> None:
        """Raise Wrong if *event* names a venue that neither ISO 10383 nor a rule file has."""
        for venue in event.at_venues:
            if venue in self._venues:
                continue
            if listed_venue(str(venue)) is None:
                what = f"unknown venue `{short(str(venue))}`; ISO 10383 does not list it"
                hint = f"correct it, or add it under `venues` of {self._rules}, with its time zone"
                raise Wrong(what, hint)
            self._venues.add(venue)

    def backwards(self, event: Event, line: int) -> str | None:
        """Return what is wrong if *event*, on *line*, is dated before an event already yielded."""
        return self._order.backwards(event, line)

    def _rows(self, log: Source) -> Iterator[Row]:
        """Yield the rows of *log* that must be decided or are bad; count the others."""
        with temporary_database() as database:
            self.ids = ids = Ids(database, event_of=self.event_of)
            rows = log.rows()
            if self._reading.sort:
                rows = sorted_rows(rows, self._clock, database)
            for row in rows:
                try:
                    is_taken = row.event is None or self._takes(row.event, row, ids)
                except Wrong as wrong:
                    problem = Problem(wrong.what, wrong.hint, log.name, row.number)
                    yield Row(row.number, None, (problem,))
                    continue
                if is_taken:
                    yield row

    def _takes(self, event: Event, row: Row, ids: Ids) -> bool:
        """Return whether *event* must be decided; if not, count it.

        Raise Wrong if it cannot be used in this log.
        """
        symbol, of_order = event.symbol, row.of_order
        if of_order is not None:
            symbol = of_order.symbol
        is_other = symbol is not None and symbol not in self._symbols
        # A repeated event is never too late, however many events came in between.
        is_repeated = row.digest is not None and _is_repeated(
            event, ids.seen(_key(event), row.digest)
        )
        if not is_repeated:
            backwards = self.backwards(event, row.number)
            # Sorted rows are in order, except a `brought_forward`. A FIX log numbers its messages.
            if backwards is not None and not self._reading.sort and of_order is None:
                hint = "put the log in order of time, or use --sort"
                raise Wrong(backwards, hint)
            self.check(event)
            self._check_named(event, of_order, None if is_other else symbol)
        self.skipped += is_other
        if is_repeated and not is_other:
            self.duplicates += 1
            if self.duplicates <= REPEATED_LISTED:
                self.repeated.append((row.number, event.id))
        is_taken = not is_other and (self._repeats or not is_repeated)
        self._started |= is_taken
        return is_taken

    def _check_named(self, event: Event, order: OfOrder | None, own: str | None) -> None:
        """Raise Wrong if what *event* names is not of these programs; *own* is a symbol that is."""
        symbol = event.symbol if order is None else order.symbol
        if symbol is not None and own is None:
            if not self._reading.skip_other_symbols:
                what = f"`{symbol}` is not a symbol of {self._rules}"
                raise Wrong(what, "to leave out such rows, use --skip-other-symbols")
            return
        if order is not None:
            self._check_currency(order)
        self._check_venues(event)

    def _check_currency(self, order: OfOrder) -> None:
        """Raise Wrong if *order* is in another currency than its instrument in the rule files."""
        its = (order.symbol, order.currency)
        if order.currency and order.symbol is not None and its not in self._currencies:
            what = f"the order is in `{order.currency}`, which is not the currency of"
            raise Wrong(f"{what} `{order.symbol}` in {self._rules}", "compare their units")


def completed(
    summary: Summary,
    program: Program,
    log: Log,
    before: Event | None = None,
    expected: Expected = _NOTHING,
) -> Summary:
    """Return the *summary* of *program* with what only the whole *log* says, which was read.

    These are the orders that it leaves open, the fills that it disputes, and how its rows compare
    with what it prints and with what was *expected* of the program as a whole. *before* is what was
    brought forward beside the log. The tolerances are those of the log.
    """
    shares, amount = summary.executed_shares, summary.executed_amount
    differing, totals = log.totals.of_program(
        expected,
        None if shares is None else Fraction(shares),
        None if amount is None else Fraction(amount),
    )
    printed = log.comparison(before)
    symbols = {one.symbol for one in program.editions.authorization.instruments}
    noted, open_ = log.noted, program.open_orders()
    if noted.open is not None:
        # Orders that the rules denied can fill, too.
        open_ = tuple(one.id for one in noted.open if one.symbol in symbols)
    return replace(
        summary,
        open_orders=open_,
        disputed=tuple(one.id for one in noted.disputed if one.symbol in symbols),
        differences=(*log.differences(before), *differing),
        compared=replace(printed, totals=(*printed.totals, *totals)),
    )


def replay(log: Log, program: Program, reader: Reader) -> Iterator[Decided]:
    """Yield the decision of *program* on each event that *reader* takes from *log*."""
    return (program.decide(event) for _, event in reader.events(log))


def replay_by_line(
    log: Log, program: Program, reader: Reader, line: Callable[[Decided], str] | None = None
) -> Iterator[Decided | Passed]:
    """Yield the same, but together the decisions on rows that all rules pass, as their lines.

    *line* writes a decision; without it, the lines are empty.
    """
    lane = None if reader.is_sorting else program.lane(log, line)
    if log.columns is not None:
        reader.event_of = log.columns.event
    for _, event in reader.events(log):
        yield program.decide(event)
        if lane is not None:
            yield from program.along(lane, reader)


class Question:
    """One event to decide after a log, under the same conditions as the log's events."""

    def __init__(self, event: Event, program: Program, reading: Reading) -> None:
        self._event = event
        self._program = program
        self._reader = Reader(reading, program.editions)
        self._in_log: tuple[Event, Decided, int] | None = None
        self._log: str | None = None

    def decisions(self, log: Log | None) -> Iterator[Decided]:
        """Yield the decisions on the `brought_forward` option and on the events of *log*."""
        self._log = None if log is None else log.name
        # The log may be empty, as on the first day of a program.
        for line, event in self._reader.events(log, may_be_empty=True):
            decided = self._program.decide(event)
            if line is not None and _key(event) == _key(self._event):
                self._in_log = event, decided, line
            yield decided

    def answer(self) -> Decided:
        """Return the decision on the event, after all decisions on the log were taken.

        If the log contains the event, return its earlier decision; if the log uses its id for
        another event, refuse it. Raise InputError if the event cannot follow the log.
        """
        event, program = self._event, self._program
        if self._in_log is not None:
            before, decided, line = self._in_log
            place = f"line {line:,} of {self._log}"
            if before == event:
                return replace(decided, repeated=True, place=place)
            edition = program.editions.of(event, program.position)
            refused = refusal(event, program.position, edition).decision
            return Decided(refused, Life(edition), event=event, place=place)
        try:
            self._reader.check(event)
        except Wrong as wrong:
            raise InputError(Problem(wrong.what, wrong.hint)) from None
        backwards = self._reader.backwards(event, 0)
        if backwards is not None:
            hint = "give the log as it was at the time of the event"
            raise InputError(Problem(f"the event's {backwards}", hint, self._log))
        return program.decide(event)


def brought_forward(text: str) -> Event:
    """Return the `brought_forward` event for *text*, SHARES,AMOUNT; raise UsageError if invalid."""
    try:
        shares, amount = (exact(part) for part in text.split(","))
    except ValueError:
        shares = amount = -1
    if shares < 0 or amount < 0:
        what = f"`{text}` is not SHARES,AMOUNT"
        hint = "write both numbers without grouping, such as 1671100,1809601097"
        raise UsageError(Problem(what, hint))
    return Event(kind="brought_forward", id="brought-forward", shares=shares, amount=amount)


def _key(event: Event) -> str:
    return key_of(event.kind, event.id)


def _used(executed: Exact | None, cap: Exact | None) -> str | None:
    return None if executed is None or cap is None else percent(executed, cap)


def _is_repeated(event: Event, seen: Seen) -> bool:
    if seen == "other":
        what = f"the id `{event.id}` was used before with other content"
        raise Wrong(what, "give each event its own id")
    return seen == "same"


def _nothing_concluded(count: int, name: str) -> Problem:
    rows = "1 row cannot be used" if count == 1 else f"{count:,} rows cannot be used"
    listed = f" (the first {BAD_ROWS_LISTED} are listed)" if count > BAD_ROWS_LISTED else ""
    return Problem(f"{rows}{listed}, so there is no conclusion from this log", file=name)


def _no_events(skipped: int, name: str, rules: str) -> Problem:
    if not skipped:
        return Problem("the log has no rows, so there is no conclusion from it", file=name)
    what = f"no row has a symbol of {rules}, so there is no conclusion from this log"
    return Problem(what, f"compare its symbols with those of {rules}", name)
