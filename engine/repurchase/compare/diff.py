"""What an edit of a rule file changes for events: which are approved now and were not, or were.

Both files are read by z3 over one and the same event at any position. What it proves is final;
what it does not is shown by a history, which the engine judges by both files, or is undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any, Final, Literal, NamedTuple

import msgspec

from repurchase.compare.moved import Moved, moved
from repurchase.edition import Edition, Editions, RuleInForce
from repurchase.program import Decided
from repurchase.prove import MILLISECONDS, Time, z3
from repurchase.prove.claims import judging, passes
from repurchase.prove.engine import answered
from repurchase.prove.exact import dated
from repurchase.prove.free import Scope, scope_of
from repurchase.prove.logic import Term, holds
from repurchase.prove.model import Kind, Request, any_sums, from_zero, request
from repurchase.prove.search import Goal, histories
from repurchase.stretches import Stretch, stretches

Verdict = Literal["equivalent", "tighter", "looser", "incomparable", "undecided"]

KINDS: Final[tuple[Kind, ...]] = ("order", "replace", "release", "fill", "fill-alone")


class Shown(msgspec.Struct, frozen=True):
    """A history whose last event the two files answer otherwise, and their answers to it."""

    events: tuple[dict[str, Any], ...]
    old: Decided
    new: Decided


class Side(msgspec.Struct, frozen=True):
    """Whether one file approves what the other does not: *shown* by a history, or *never*.

    Neither is known where z3 ran out of time, or no history was found.
    """

    never: bool
    shown: Shown | None = None


class Compared(msgspec.Struct, frozen=True):
    """What changed for events of one *kind*, or for the one *flag* that such events may raise.

    *days* are the stretches on which it is not proved that nothing did.
    """

    kind: Kind
    flag: str | None
    looser: Side
    tighter: Side
    days: tuple[tuple[date, date], ...]

    @property
    def verdict(self) -> Verdict:
        """Return what the new file is, beside the old one."""
        if self.looser.shown is not None or self.tighter.shown is not None:
            if self.tighter.never:
                return "looser"
            if self.looser.never:
                return "tighter"
            is_both = self.looser.shown is not None and self.tighter.shown is not None
            return "incomparable" if is_both else "undecided"
        return "equivalent" if self.looser.never and self.tighter.never else "undecided"


class Diff(msgspec.Struct, frozen=True):
    """What two rule files say otherwise, and what that changes for each kind of event."""

    moved: tuple[Moved, ...]
    compared: tuple[Compared, ...]

    @property
    def verdict(self) -> Verdict:
        """Return what the new file is beside the old one, in all: of the worst that is known."""
        verdicts = {one.verdict for one in self.compared}
        if {"looser", "tighter"} <= verdicts:
            return "incomparable"
        ranked: tuple[Verdict, ...] = ("incomparable", "looser", "undecided", "tighter")
        return next((one for one in ranked if one in verdicts), "equivalent")

    @property
    def is_looser(self) -> bool:
        """Return whether anything is known to be looser."""
        return any(one.looser.shown is not None for one in self.compared)


def diff(
    old: Editions, new: Editions, now: Callable[[], int], milliseconds: int = MILLISECONDS
) -> Diff:
    """Return what *new* changes beside *old*, as far as it is found in so many *milliseconds*.

    *now* is a clock that counts nanoseconds.
    """
    time = Time(milliseconds, now)
    pairs = Pairs(old, new)
    found = [compared(pairs, kind, None, time) for kind in _kinds(pairs)]
    for flag, kind in _flags(pairs):
        one = compared(pairs, kind, flag, time)
        if one.verdict != "equivalent":
            found.append(one)
    return Diff(moved(old.authorization, new.authorization), tuple(found))


class Event(NamedTuple):
    """One event as each edition reckons it, and where each approves it."""

    asked: Sequence[Request]
    approved: Sequence[Term]


class Pairs:
    """Both files on each stretch of days, each pair of editions once, and what both approve."""

    def __init__(self, old: Editions, new: Editions) -> None:
        self.files = (old, new)
        self.stretches: dict[tuple[str, ...], list[Stretch]] = {}
        for stretch in (*stretches(old, new), *_between(old, new)):
            hashes = tuple(edition.hash for edition in stretch.editions)
            self.stretches.setdefault(hashes, []).append(stretch)
        self.scope = scope_of([one for (first, *_) in self._all() for one in first.editions])
        self._ordered: Term | None = None
        self._events: dict[tuple[str, ...], Event] = {}

    def _all(self) -> Iterator[list[Stretch]]:
        yield from self.stretches.values()

    def rules(self, which: int) -> Iterator[RuleInForce]:
        """Yield the rules that are in force at any time in the file *which*."""
        for first, *_ in self._all():
            yield from first.editions[which].rules

    def holds(self, which: int) -> bool:
        """Return whether the file *which* ever holds an order, so that it can be released."""
        return any(one.rule.effect == "review" for one in self.rules(which))

    def event(self, editions: Sequence[Edition], kind: Kind) -> Event:
        """Return any one event of *kind*, as each of *editions* reckons it."""
        key = (kind, *(one.hash for one in editions))
        if key not in self._events:
            asked = event_under(editions, kind, self.scope)
            self._events[key] = Event(asked, tuple(passes(one) for one in asked))
        return self._events[key]

    def ordered(self) -> tuple[Request, Term]:
        """Return any order that both files approved at any time, as it may stand by now."""
        if self._ordered is None:
            self._ordered = z3.Or([self._approved(found) for found in self._all()])
        (first, *_) = next(self._all())
        return self._order(first)[0], self._ordered

    def _order(self, stretch: Stretch) -> tuple[Request, ...]:
        # As a replace, it may add less than all of its quantity; it may have been released.
        return event_under(stretch.editions, "replace", self.scope, "p")

    def _approved(self, found: Sequence[Stretch]) -> Term:
        asked = self._order(found[0])
        approved = [z3.And(*one.ties, passes(one, "release")) for one in asked]
        return z3.And(*from_zero(any_sums("p.s")), *approved, _on_days(found, asked))


def _between(old: Editions, new: Editions) -> Iterator[Stretch]:
    """Yield the days between two editions where the two files go by different clocks."""
    if old.zone == new.zone:
        return
    for after in sorted({*old.turns(), *new.turns()} - {date.min}):
        before = date.fromordinal(after.toordinal() - 1)
        for here, there in ((before, after), (after, before)):
            yield Stretch(before, after, (old.on(here), new.on(there)))


def _on_days(found: Sequence[Stretch], asked: Sequence[Request]) -> Term:
    """Return that what is *asked* is of the days of one of the stretches *found*."""
    return z3.Or(
        [
            z3.And(
                [of for one in asked for of in dated(one, each.first, each.last, each.venue_day)]
            )
            for each in found
        ]
    )


def _kinds(pairs: Pairs) -> Iterator[Kind]:
    """Yield the kinds of events that there can be: without reviews nothing is ever released."""
    is_held = pairs.holds(0) or pairs.holds(1)
    return (kind for kind in KINDS if kind != "release" or is_held)


def _flags(pairs: Pairs) -> Iterator[tuple[str, Kind]]:
    """Yield the rules that only flag, with each kind of event that may be judged by them."""
    rules = (*pairs.rules(0), *pairs.rules(1))
    for name in sorted({one.rule.id for one in rules if one.rule.effect == "flag"}):
        yield name, "order"
        yield name, "fill"


def compared(pairs: Pairs, kind: Kind, flag: str | None, time: Time) -> Compared:
    """Return what changed for events of *kind*, or for the *flag* that such events may raise."""
    looser, tighter = Side(never=True), Side(never=True)
    days: list[tuple[date, date]] = []
    for found in pairs.stretches.values():
        # The new file is looser where it alone approves, and tighter where the old one does.
        is_looser, is_tighter = (
            not _is_never(pairs, found, kind, flag, which, time) for which in (1, 0)
        )
        if is_looser and looser.shown is None:
            looser = Side(never=False, shown=_shown(pairs, found, kind, flag, 1, time))
        if is_tighter and tighter.shown is None:
            tighter = Side(never=False, shown=_shown(pairs, found, kind, flag, 0, time))
        if is_looser or is_tighter:
            days += (
                (one.first, one.last)
                for one in found
                if not all(_is_never(pairs, [one], kind, flag, which, time) for which in (1, 0))
            )
    return Compared(kind, flag, looser, tighter, tuple(_joined(days)))


def _joined(days: Sequence[tuple[date, date]]) -> Iterator[tuple[date, date]]:
    """Yield the stretches of *days* as few as they can be."""
    waiting: tuple[date, date] | None = None
    for first, last in sorted(days):
        if waiting is None:
            waiting = (first, last)
        elif first.toordinal() <= waiting[1].toordinal() + 1:
            waiting = (waiting[0], max(waiting[1], last))
        else:
            yield waiting
            waiting = (first, last)
    if waiting is not None:
        yield waiting


def _is_never(
    pairs: Pairs, found: Sequence[Stretch], kind: Kind, flag: str | None, which: int, time: Time
) -> bool:
    """Return whether it is proved that the file *which* alone approves no event of *kind*."""
    editions = found[0].editions
    if kind == "release" and not pairs.holds(which):
        return True
    if editions[0].hash == editions[1].hash:
        return True
    event = pairs.event(editions, kind)
    asked, apart = event.asked, _apart(event, flag, which)
    if z3.is_false(apart):
        return True
    known = [*from_zero(any_sums("r.s")), *(tie for one in asked for tie in one.ties)]
    known.append(_on_days(found, asked))
    if time.never(*known, apart):
        return True
    # What a replace or a fill is of was an order that both approved.
    return kind in ("replace", "fill") and time.never(*known, *_of_order(pairs, asked[0]), apart)


def event_under(
    editions: Sequence[Edition], kind: Kind, scope: Scope, name: str = "r"
) -> tuple[Request, ...]:
    """Return any one event of *kind* at any position, as each of *editions* reckons it."""
    # What a ratio that changes with the days makes of an order of before, each file says itself.
    are_alike = all(one.reckoning == editions[0].reckoning for one in editions) or not any(
        one.reckoning.dated for one in editions
    )
    sums = any_sums(f"{name}.s")
    return tuple(
        request(one, sums, name, kind, scope=scope, own="" if are_alike else f"'{at}")
        for at, one in enumerate(editions)
    )


def _of_order(pairs: Pairs, one: Request) -> list[Term]:
    """Return that a replace or a fill is of an order which both files approved."""
    own, approved = pairs.ordered()
    same = [
        one.said.listing == own.said.listing,
        *(one.day(day) >= own.day(day) for day in ("date", "venue_date")),
        one.day("date") <= own.day("last_date"),
        one.day("venue_date") <= own.day("venue_last_date"),
    ]
    if one.kind == "replace":
        same += [
            word.chosen == own.said.words[name].chosen for name, word in one.said.words.items()
        ]
        return [approved, *same]
    method, price, limit = (
        own.said.words["trade.method"].chosen,
        one.facts["trade.price"],
        own.facts["trade.price"],
    )
    same += [
        one.said.words["trade.side"].chosen == own.said.words["trade.side"].chosen,
        z3.Or(method == -1, one.said.words["trade.method"].chosen == method),
        one.said.units <= own.said.units,
        z3.Implies(z3.And(price.present, limit.present), price.value <= limit.value),
    ]
    return [approved, *same]


def _apart(event: Event, flag: str | None, which: int) -> Term:
    """Return where the edition *which* approves and the other does not; or the *flag* is apart."""
    asked, approved = event
    if flag is None:
        this, other = approved[which], approved[1 - which]
    else:
        this, other = (_unflagged(asked[at], flag) for at in (which, 1 - which))
    # Most rules are the same in both, to the letter.
    if this.eq(other):
        return z3.BoolVal(False)
    return z3.And([*(approved if flag is not None else ()), this, z3.Not(other)])


def _unflagged(asked: Request, flag: str) -> Term:
    """Return where the rule *flag* is not among the findings of an event that is approved."""
    return z3.And(
        [
            holds(one.passes, asked.facts)
            for one in judging(asked.edition, asked.kind)
            if one.rule.id == flag and one.rule.effect == "flag"
        ]
    )


def _shown(
    pairs: Pairs, found: Sequence[Stretch], kind: Kind, flag: str | None, which: int, time: Time
) -> Shown | None:
    """Return a history that the engine answers as z3 says, `None` where none is found."""

    def goal(asked: Sequence[Request]) -> Term:
        said = [_apart(Event(asked, [passes(one) for one in asked]), flag, which)]
        # What is released was held.
        return z3.And([*said, *([z3.Not(passes(asked[which], "order"))] * (kind == "release"))])

    for events in _all_histories(found, kind, goal, time):
        old, new = (answered(events, editions) for editions in pairs.files)
        if old is not None and new is not None and _differ((old, new), flag, which):
            return Shown(tuple(events), old, new)
    return None


def _all_histories(
    found: Sequence[Stretch], kind: Kind, goal: Goal, time: Time
) -> Iterator[list[dict[str, Any]]]:
    for stretch in found:
        yield from histories(stretch, kind, goal, time.milliseconds)


def _differ(answers: Sequence[Decided], flag: str | None, which: int) -> bool:
    """Return whether the engine's answers are apart as they should be."""
    approved = [one.decision.outcome == "approved" for one in answers]
    if flag is None:
        return approved[which] and not approved[1 - which]
    flagged = [any(one.rule == flag for one in each.decision.findings) for each in answers]
    return all(approved) and flagged[1 - which] and not flagged[which]
