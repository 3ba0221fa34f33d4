"""What an edit of a rule file changes for events: which are newly approved or no longer approved.

For a fill and a correct, it also says which newly halt a desk, or no longer do. z3 evaluates both
files on the same event, at any position. A kind of event is proved unchanged, or a counterexample
shows the change, which the engine confirms with both files, or it is undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from itertools import product
from typing import Any, Final, Literal, get_args

import msgspec

from repurchase.evaluation.step import Decided
from repurchase.proof.apart import Aspect, Difference, Event, event_of, resumed
from repurchase.proof.approval import HELD
from repurchase.proof.counted import no_more
from repurchase.proof.engine import answered
from repurchase.proof.fields import FILLS, REPLACES, Kind, scope_of, scope_of_lives, scope_then
from repurchase.proof.in_play import IN_PLAY, Option, Terms, any_terms, of_order
from repurchase.proof.model import Request, any_sums, from_zero, within
from repurchase.proof.proof import MILLISECONDS
from repurchase.proof.search import PLAIN, Course, Shape, histories, in_part_of_day
from repurchase.proof.solver import Term, Time, z3
from repurchase.proof.stages import (
    Group,
    Stage,
    asked_before,
    dated_in,
    evaluated_in,
    lasts_into,
    life_stages,
    own_stages,
    ratio_ties,
)
from repurchase.rulebook.changes import Change, changes
from repurchase.rulebook.editions import Edition, Editions, RuleInForce
from repurchase.rulebook.periods import Period

Verdict = Literal["equivalent", "tighter", "looser", "incomparable", "undecided"]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_OF_ORDERS: Final = (*REPLACES, "fill")
# The name in z3 of another open order, for which the caps of its days must hold.
_OTHER: Final = "o"
_FILES: Final[tuple[Literal["old", "new"], ...]] = ("old", "new")


class Shown(msgspec.Struct, frozen=True):
    """Events of which the two files decide the last differently, with both decisions.

    *is_looser* says whether the new file permits more; *is_halt* says whether the difference is
    that only one file halts the desk. If the last event is a release, *held* is the decision of the
    file that does not approve it on the released request. If *approved_by* names a file, only that
    file approves the earlier orders: the desk adopted the other file while they were open.
    """

    events: tuple[dict[str, Any], ...]
    old: Decided
    new: Decided
    is_looser: bool
    held: Decided | None = None
    is_halt: bool = False
    approved_by: Literal["old", "new"] | None = None


class Side(msgspec.Struct, frozen=True):
    """Whether one file permits an event that the other does not: *shown* by events, or *never*.

    A file permits a fill or a correct less if it denies it, and least if it also halts the desk.

    If *never* is false and *shown* is `None`, the question is undecided: z3 ran out of time, or no
    such events were found.
    """

    never: bool
    shown: Shown | None = None


class Compared(msgspec.Struct, frozen=True):
    """What changed for events of one *kind*, or for the one *flag* rule on such events.

    *days* are the periods for which it is not proved that nothing changed.
    """

    kind: Kind
    flag: str | None
    looser: Side
    tighter: Side
    days: tuple[tuple[date, date], ...]

    @property
    def verdict(self) -> Verdict:
        """Return how the new file compares with the old one for these events."""
        if self.looser.shown is not None:
            return "looser" if self.tighter.shown is None else "incomparable"
        if not self.looser.never:
            return "undecided"
        if self.tighter.shown is not None:
            return "tighter"
        return "equivalent" if self.tighter.never else "undecided"


class Diff(msgspec.Struct, frozen=True):
    """How two rule files differ, and what that changes for each kind of event.

    *same_accounting* says whether both files compute days, shares and money alike. If they do not,
    nothing is proved. *freed* are the facts that only a feed may supply by the old file, but also
    an event by the new one; *reserved* are the reverse. The proof takes any value of a fact,
    whoever supplies it, so these count beside it.
    """

    changed: tuple[Change, ...]
    compared: tuple[Compared, ...]
    same_accounting: bool
    freed: tuple[str, ...] = ()
    reserved: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Return how the new file compares with the old one: the worst verdict of any kind."""
        verdicts = {one.verdict for one in self.compared}
        verdicts |= {"looser"} if self.freed else set()
        verdicts |= {"tighter"} if self.reserved else set()
        if {"looser", "tighter"} <= verdicts:
            return "incomparable"
        ranked: tuple[Verdict, ...] = ("incomparable", "looser", "undecided", "tighter")
        return next((one for one in ranked if one in verdicts), "equivalent")

    @property
    def is_looser(self) -> bool:
        """Return whether the new file is shown to approve more, for any kind of event."""
        shown = any(one.looser.shown is not None for one in self.compared)
        return shown or bool(self.freed)

    @property
    def is_no_looser(self) -> bool:
        """Return whether the new file is proved to approve nothing that the old one denies."""
        return self.verdict in ("equivalent", "tighter")


def diff(
    old: Editions, new: Editions, now: Callable[[], int], milliseconds: int = MILLISECONDS
) -> Diff:
    """Return what *new* changes compared with *old*, as far as *milliseconds* allow.

    Both files are compared at each position in which one of them approved the open orders. *now* is
    a clock that counts nanoseconds.
    """
    comparison = Comparison(old, new, Time(milliseconds, now))
    found = [comparison.compared(kind) for kind in comparison.kinds()]
    flagged = [comparison.compared(kind, flag) for flag, kind in comparison.flags()]
    found += [one for one in flagged if one.verdict != "equivalent"]
    before, after = (one.authorization.all_feed_only() for one in (old, new))
    return Diff(
        changes(old.authorization, new.authorization),
        tuple(found),
        comparison.is_comparable,
        tuple(sorted(before - after)),
        tuple(sorted(after - before)),
    )


class Comparison:
    """The comparison of two files, for each pair of editions that ever evaluate one event."""

    def __init__(self, old: Editions, new: Editions, time: Time) -> None:
        self._files = (old, new)
        self._limited = (old.limited(), new.limited())
        self._time = time
        self._own, self._lives = own_stages(old, new), life_stages(old, new)
        # Everything of the one is among the other, since a request is evaluated on its own day.
        editions = [one for group in self._lives for one in group[0].editions]
        self._scope = scope_of(editions)
        self._scope_of_lives = scope_of_lives(self._scope, editions)
        self._scope_then = scope_then(self._scope, editions)
        self._ordered: dict[str, Terms] = {}
        self._of_course: dict[tuple[object, ...], Terms] = {}
        self._events: dict[tuple[str, ...], Event] = {}

    def groups(self, kind: Kind) -> list[Group]:
        """Return the stages in which two editions evaluate events of *kind*, by editions."""
        return self._own if kind in FILLS else self._lives

    def _rules(self, *which: int) -> Iterator[RuleInForce]:
        """Yield the rules in force at any time in the files *which* (0 old, 1 new)."""
        return (rule for group in self._own for at in which for rule in group[0].editions[at].rules)

    def _is_held(self, *which: int) -> bool:
        """Return whether one of the files *which* ever holds an order for second approval."""
        return any(of.rule.effect == "review" for of in self._rules(*which))

    def kinds(self) -> list[Kind]:
        """Return the kinds of events to compare; there are no releases without `review` rules."""
        return [kind for kind in KINDS if kind not in HELD or self._is_held(0, 1)]

    def flags(self) -> list[tuple[str, Kind]]:
        """Return the `flag` rules, each with the kinds of events that it may evaluate."""
        names = {of.rule.id for of in self._rules(0, 1) if of.rule.effect == "flag"}
        return list(product(sorted(names), ("order", "fill")))

    @property
    def is_comparable(self) -> bool:
        """Return whether both files have the same accounting basis on all days."""
        return all(self._is_comparable(group) for group in self._lives)

    def _is_comparable(self, group: Group) -> bool:
        """Return whether both editions have the same accounting basis.

        With another clock, ratio, margin or currency, the same events give another position.
        """
        old, new = group[0].editions
        return self._scope.is_sure and old.counting == new.counting

    def compared(self, kind: Kind, flag: str | None = None) -> Compared:
        """Return what changed for events of *kind*, or for the *flag* rule on them."""
        groups = self.groups(kind)
        unlike = [group for group in groups if not self._is_comparable(group)]
        days = [(one.period.first, one.period.last) for group in unlike for one in group]
        possible: list[list[Group]] = [[], []]
        for group in groups:
            ways = [at for at in (1, 0) if not self.is_never(group, kind, at, flag)]
            for at in ways:
                possible[at].append(group)
            days += (
                (one.period.first, one.period.last)
                for one in (group if ways else ())
                if not all(self.is_never([one], kind, at, flag) for at in ways)
            )
        # The new file is looser if it alone approves, and tighter if the old one does.
        looser, tighter = (
            Side(
                never=not possible[at] and not unlike,
                shown=self._shown(possible[at], kind, at, flag),
            )
            for at in (1, 0)
        )
        return Compared(kind, flag, looser, tighter, tuple(_joined(days)))

    def is_never(self, group: Group, kind: Kind, which: int, flag: str | None = None) -> bool:
        """Return whether it is proved that *which* permits no *kind* event that the other does not.

        With a *flag*, return whether *which* never omits that flag if the other raises it.
        """
        return next(self._possible(group, kind, which, flag), None) is None

    def _possible(
        self, group: Group, kind: Kind, which: int, flag: str | None
    ) -> Iterator[Difference]:
        """Yield the ways in which it is not proved that *which* never permits more."""
        editions = group[0].editions
        is_held = kind not in HELD or self._is_held(which)
        if is_held and editions[0].hash != editions[1].hash:
            event = self._event(editions, kind)
            aspects: tuple[Aspect, ...] = tuple(event.permitted) if flag is None else ("approved",)
            for aspect in aspects:
                way = Difference(kind, which, aspect, flag)
                if not self._is_proved(group, event, way):
                    yield way

    def _is_proved(self, group: Group, event: Event, way: Difference) -> bool:
        """Return whether it is proved that the files never differ in this *way* on an *event*.

        It is one that the editions of *group* evaluate.
        """
        apart = way.apart(event)
        if z3.is_false(apart):
            return True
        known = [*_known(event), self._evaluated(group, event, way), apart]
        if self._time.never(*known):
            return True
        # A second try, with more known: a replace or a fill is of an order that a file approved.
        return way.kind in _OF_ORDERS and self._time.never(
            *known, *of_order(event.asked[0], [self.order(name) for name in IN_PLAY])
        )

    def _evaluated(self, group: Group, event: Event, way: Difference) -> Term:
        """Return the condition that the editions of *group* evaluate *event* in this *way*.

        The caps bind a request also while another order can fill, which a file approved.
        """
        if way.kind == "correct":
            # A correct has the days of its fill, and the edition of its own day evaluates it.
            return z3.BoolVal(True)
        if way.aspect != "capped":
            return evaluated_in(group, event.asked)
        other = self.order(_OTHER)
        open_then = [
            z3.And(asked_before(stage, event.asked[0]), lasts_into(stage.period, other.asked))
            for stage in group
        ]
        return z3.And(other.is_approved, z3.Or(open_then))

    def _event(self, editions: Sequence[Edition], kind: Kind) -> Event:
        """Return an arbitrary event of *kind* as each of *editions* counts it."""
        key = (kind, *(one.hash for one in editions))
        if key not in self._events:
            self._events[key] = event_of(self.asked(editions, kind, "r"), self._limited)
        return self._events[key]

    def asked(self, editions: Sequence[Edition], kind: Kind, name: str) -> list[Request]:
        """Return an arbitrary event of *kind*, at any position, as each of *editions* counts it."""
        # If share ratios change by date, each file computes an earlier order's shares in its way.
        is_alike = all(one.counting == editions[0].counting for one in editions) or not any(
            one.counting.dated for one in editions
        )
        scope = self._scope_of_lives if kind not in FILLS else self._scope
        if kind == "correct":
            scope = self._scope_then
        found = [
            Request(
                one,
                any_sums(f"{name}.s"),
                name,
                kind,
                scope=scope,
                own="" if is_alike else f"'{at}",
            )
            for at, one in enumerate(editions)
        ]
        for one in found:
            one.ties += ratio_ties(one, self._lives, is_routed=scope.is_routed)
        if len(found) == len(self._files):
            old, new = found
            new.ties += no_more(old, new, (old.facts, new.facts))
        return found

    def order(self, name: str) -> Terms:
        """Return arbitrary terms *name* of an open order, which one of the files approved."""
        if name not in self._ordered:
            days: dict[str, tuple[Request, list[Term]]] = {}
            for group in self._own:
                for one in self.asked(group[0].editions, "replace", name):
                    of_edition = days.setdefault(one.edition.hash, (one, []))
                    of_edition[1].append(dated_in(group, [one]))
            options = [Option([one], z3.Or(dated)) for one, dated in days.values()]
            self._ordered[name] = any_terms(name, options)
        return self._ordered[name]

    def _order_of(self, course: Course) -> Terms:
        """Return arbitrary terms of an open order that comes about as *course* says."""
        period = course.period
        key = (period.first, period.venue_day, course.approving)
        if key not in self._of_course:
            both = self.asked(period.editions, "replace", IN_PLAY[0])
            asked = [both[at] for at in course.approving]
            dated = z3.And([tie for one in asked for tie in within(period, one)])
            self._of_course[key] = any_terms(IN_PLAY[0], [Option(asked, dated)])
        return self._of_course[key]

    def _shown(
        self, groups: Sequence[Group], kind: Kind, which: int, flag: str | None
    ) -> Shown | None:
        """Return events that the engine decides as z3 predicts; `None` if none are found."""
        ways = [
            (stage, way)
            for group in groups
            for way in self._possible(group, kind, which, flag)
            for stage in group
            if way.aspect != "capped"
        ]
        for courses, shapes in ((_likely, None), (self._rarer, PLAIN)):
            for stage, way in ways:
                for course in courses(stage, kind):
                    shown = self._found(stage, way, course, shapes)
                    if shown is not None:
                        return shown
        return None

    def _found(
        self, stage: Stage, way: Difference, course: Course, shapes: Sequence[Shape] | None
    ) -> Shown | None:
        """Return events on *course* that end in *stage* and differ in this *way*, if any."""
        if not self._is_possible(stage, way, course):
            return None
        alone = _alone(course)
        holding = way.which if alone is None else alone
        goal = partial(way.goal, limited=self._limited, holding=holding)
        remaining = self._time.milliseconds
        for events in histories(stage.period, way.kind, goal, remaining, shapes, course):
            shown = self._confirmed(in_part_of_day(stage.period, events), way, course)
            if shown is not None:
                return shown
        return None

    def _is_possible(self, stage: Stage, way: Difference, course: Course) -> bool:
        """Return whether z3 finds no proof that files never differ in this *way* on this *course*.

        The search for events is slower than such a proof.
        """
        event = self._event(stage.editions, way.kind)
        last = course.asked or (course.period if way.kind == "correct" else stage.period)
        known = [*_known(event), *(tie for one in event.asked for tie in within(last, one))]
        if way.kind not in FILLS:
            known.append(asked_before(stage, event.asked[0]))
        if course.asked is not None and way.kind not in REPLACES:
            known.append(lasts_into(stage.period, event.asked[0]))
        elif course.is_brief:
            known.append(event.asked[0].day("last_date") <= stage.period.last.toordinal())
        if way.kind in _OF_ORDERS:
            terms = [self._order_of(course)]
            known += of_order(event.asked[0], terms, is_late=course.is_late)
        return not self._time.never(*known, way.apart(event))

    def _rarer(self, stage: Stage, kind: Kind) -> Iterator[Course]:
        """Yield the rarer ways to an event of *kind* that differs in *stage*.

        A fill is reported late; an order or a corrected fill is of another period; one file alone
        approves an order, and the desk adopts the other while the order is open; a request is of a
        period before, and can still fill in this one.
        """
        period, both, is_fill = stage.period, (0, 1), kind == "fill"
        if kind not in FILLS:
            yield Course(period, both)
        others = [one.period for group in self._own for one in group if one.period != period]
        for other in others if period.venue_day is None else ():
            if other.venue_day is None:
                yield from _of_another(period, other, kind)
        for by in (both, (0,), (1,)) if kind in _OF_ORDERS else ():
            if by != both:
                yield Course(period, by)
            if is_fill:
                yield Course(period, by, is_late=True)

    def _confirmed(
        self, events: Sequence[dict[str, Any]], way: Difference, course: Course
    ) -> Shown | None:
        """Return *events* with both decisions on the last, if these differ as z3 predicts."""
        is_halt = way.aspect == "halted"
        if is_halt:
            events = list(resumed(events))
        alone = _alone(course)
        earlier = None if alone is None else self._files[alone]
        old, new = (answered(events, of, earlier, live=is_halt) for of in self._files)
        if old is None or new is None or not way.is_so((old, new), events[-1]["id"]):
            return None
        held = None
        if way.kind in HELD and alone is None:
            held = answered(events[:-1], self._files[1 - way.which])
        approved_by = None if alone is None else _FILES[alone]
        return Shown(tuple(events), old, new, way.which == 1, held, is_halt, approved_by)


def _known(event: Event) -> list[Term]:
    return [*from_zero(any_sums("r.s")), *(tie for of in event.asked for tie in of.ties)]


def _likely(stage: Stage, kind: Kind) -> Iterator[Course]:
    """Yield the likely way: all in one period, and what is requested can fill in no other."""
    yield Course(stage.period, (0, 1), is_brief=kind not in FILLS)


def _of_another(period: Period, other: Period, kind: Kind) -> Iterator[Course]:
    """Yield the ways from events of the period *other* to one that is evaluated in *period*."""
    both, is_late = (0, 1), other.first > period.first
    if kind == "fill" or (kind in (*REPLACES, "correct") and not is_late):
        yield Course(other, both, is_late)
    if kind not in FILLS and not is_late:
        yield Course(other, both, asked=other)


def _alone(course: Course) -> int | None:
    """Return the place of the only edition that approves the orders; `None` if both do."""
    return None if len(course.approving) > 1 else course.approving[0]


def _joined(days: Sequence[tuple[date, date]]) -> Iterator[tuple[date, date]]:
    """Yield *days* with adjacent and overlapping periods joined."""
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
