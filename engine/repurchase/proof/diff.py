"""What an edit of a rule file changes for events: which are newly approved or no longer approved.

z3 evaluates both files on the same event, at any position. A kind of event is proved unchanged, or
a counterexample shows the change, which the engine confirms with both files, or it is undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import product
from typing import Any, Final, Literal, NamedTuple, get_args

import msgspec

from repurchase.evaluation.step import Decided
from repurchase.proof.approval import HELD, by_moment, evaluating, passes
from repurchase.proof.engine import answered
from repurchase.proof.fields import Kind, scope_of
from repurchase.proof.logic import holds, number
from repurchase.proof.model import Request, any_sums, from_zero, within
from repurchase.proof.proof import MILLISECONDS
from repurchase.proof.search import histories
from repurchase.proof.solver import Term, Time, z3
from repurchase.rulebook.changes import Change, changes
from repurchase.rulebook.editions import Edition, Editions, RuleInForce
from repurchase.rulebook.periods import Period, periods

Verdict = Literal["equivalent", "tighter", "looser", "incomparable", "undecided"]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_OF_ORDERS: Final = ("replace", "release-replace", "fill")
# Names in z3 for an order's terms, and for those of a replace that the venue has not acknowledged.
_IN_PLAY: Final = ("p", "q")


class Shown(msgspec.Struct, frozen=True):
    """Events of which the two files decide the last differently, with both decisions.

    If the last event is a release, *held* is the decision of the file that does not approve it on
    the released request.
    """

    events: tuple[dict[str, Any], ...]
    old: Decided
    new: Decided
    held: Decided | None = None


class Side(msgspec.Struct, frozen=True):
    """Whether one file approves an event that the other does not: *shown* by events, or *never*.

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
    nothing is proved.
    """

    changed: tuple[Change, ...]
    compared: tuple[Compared, ...]
    same_accounting: bool

    @property
    def verdict(self) -> Verdict:
        """Return how the new file compares with the old one: the worst verdict of any kind."""
        verdicts = {one.verdict for one in self.compared}
        if {"looser", "tighter"} <= verdicts:
            return "incomparable"
        ranked: tuple[Verdict, ...] = ("incomparable", "looser", "undecided", "tighter")
        return next((one for one in ranked if one in verdicts), "equivalent")

    @property
    def is_looser(self) -> bool:
        """Return whether the new file is shown to approve more, for any kind of event."""
        return any(one.looser.shown is not None for one in self.compared)


def diff(
    old: Editions, new: Editions, now: Callable[[], int], milliseconds: int = MILLISECONDS
) -> Diff:
    """Return what *new* changes compared with *old*, as far as *milliseconds* allow.

    *now* is a clock that counts nanoseconds.
    """
    comparison = Comparison(old, new, Time(milliseconds, now))
    found = [comparison.compared(kind) for kind in comparison.kinds()]
    flagged = [comparison.compared(kind, flag) for flag, kind in comparison.flags()]
    found += [one for one in flagged if one.verdict != "equivalent"]
    return Diff(
        changes(old.authorization, new.authorization),
        tuple(found),
        all(comparison.is_comparable(first.editions) for first, *_ in comparison.periods),
    )


class Event(NamedTuple):
    """One event as each edition counts it, with the condition under which each approves it."""

    asked: Sequence[Request]
    approved: Sequence[Term]


class Comparison:
    """The comparison of two files, for each pair of editions that is ever in force together."""

    periods: list[list[Period]]

    def __init__(self, old: Editions, new: Editions, time: Time) -> None:
        self._files = (old, new)
        self._time = time
        by_editions: dict[tuple[str, ...], list[Period]] = {}
        for period in periods(old, new):
            hashes = tuple(edition.hash for edition in period.editions)
            by_editions.setdefault(hashes, []).append(period)
        self.periods = list(by_editions.values())
        self._scope = scope_of([one for first, *_ in self.periods for one in first.editions])
        self._ordered: dict[str, tuple[Request, Term]] = {}
        self._events: dict[tuple[str, ...], Event] = {}

    def _rules(self, *which: int) -> Iterator[RuleInForce]:
        """Yield the rules in force at any time in the files *which* (0 old, 1 new)."""
        return (
            rule for first, *_ in self.periods for at in which for rule in first.editions[at].rules
        )

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

    def is_comparable(self, editions: Sequence[Edition]) -> bool:
        """Return whether both editions have the same accounting basis.

        With another clock, ratio, margin or currency, the same events give another position.
        """
        return self._scope.is_sure and editions[0].counting == editions[1].counting

    def compared(self, kind: Kind, flag: str | None = None) -> Compared:
        """Return what changed for events of *kind*, or for the *flag* rule on them."""
        sides = [Side(never=True), Side(never=True)]
        days: list[tuple[date, date]] = []
        for found in self.periods:
            is_comparable = self.is_comparable(found[0].editions)
            possible = [at for at in (1, 0) if not self.is_never(found, kind, at, flag)]
            for at in possible:
                if sides[at].shown is None:
                    sides[at] = Side(never=False, shown=self._shown(found, kind, at, flag))
            if not is_comparable:
                sides = [Side(never=False, shown=side.shown) for side in sides]
            if possible or not is_comparable:
                days += (
                    (one.first, one.last)
                    for one in found
                    if not is_comparable
                    or not all(self.is_never([one], kind, at, flag) for at in (1, 0))
                )
        # The new file is looser if it alone approves, and tighter if the old one does.
        tighter, looser = sides
        return Compared(kind, flag, looser, tighter, tuple(_joined(days)))

    def is_never(
        self, found: Sequence[Period], kind: Kind, which: int, flag: str | None = None
    ) -> bool:
        """Return whether it is proved that *which* approves no *kind* event that the other denies.

        With a *flag*, return whether *which* never omits that flag if the other raises it.
        """
        editions = found[0].editions
        if kind in HELD and not self._is_held(which):
            return True
        if editions[0].hash == editions[1].hash:
            return True
        event = self._event(editions, kind)
        apart = _apart(event, flag, which)
        if z3.is_false(apart):
            return True
        known = [*from_zero(any_sums("r.s")), *(tie for of in event.asked for tie in of.ties)]
        known.append(_on_days(found, event.asked))
        if self._time.never(*known, apart):
            return True
        # A second try, with more known: a replace or a fill is of an order that both approved.
        return kind in _OF_ORDERS and self._time.never(
            *known, *_of_order(event.asked[0], [self._order(name) for name in _IN_PLAY]), apart
        )

    def _event(self, editions: Sequence[Edition], kind: Kind) -> Event:
        """Return an arbitrary event of *kind* as each of *editions* counts it."""
        key = (kind, *(one.hash for one in editions))
        if key not in self._events:
            asked = self._asked(editions, kind, "r")
            self._events[key] = Event(asked, [passes(one) for one in asked])
        return self._events[key]

    def _asked(self, editions: Sequence[Edition], kind: Kind, name: str) -> list[Request]:
        """Return an arbitrary event of *kind*, at any position, as each of *editions* counts it."""
        # If share ratios change by date, each file computes an earlier order's shares in its way.
        is_alike = all(one.counting == editions[0].counting for one in editions) or not any(
            one.counting.dated for one in editions
        )
        return [
            Request(
                one,
                any_sums(f"{name}.s"),
                name,
                kind,
                scope=self._scope,
                own="" if is_alike else f"'{at}",
            )
            for at, one in enumerate(editions)
        ]

    def _order(self, name: str) -> tuple[Request, Term]:
        """Return an arbitrary order *name*, and the condition that both files approved it."""
        if name not in self._ordered:
            # Taken as a replace, it may add only part of its quantity; it may have been released.
            each = [self._asked(found[0].editions, "replace", name) for found in self.periods]
            approved = [
                z3.And(
                    *from_zero(any_sums(f"{name}.s")),
                    *(z3.And(*one.ties, passes(one, "release-replace")) for one in asked),
                    _on_days(found, asked),
                )
                for found, asked in zip(self.periods, each, strict=True)
            ]
            self._ordered[name] = (each[0][0], z3.Or(approved))
        return self._ordered[name]

    def _shown(
        self, found: Sequence[Period], kind: Kind, which: int, flag: str | None
    ) -> Shown | None:
        """Return events that the engine decides as z3 predicts; `None` if none are found."""
        held_kind = HELD.get(kind)

        def goal(asked: Sequence[Request]) -> Term:
            apart = _apart(Event(asked, [passes(one) for one in asked]), flag, which)
            # A released request must have been held.
            return (
                apart
                if held_kind is None
                else z3.And(apart, z3.Not(passes(asked[which], held_kind)))
            )

        for period in found:
            for events in histories(period, kind, goal, self._time.milliseconds):
                old, new = (answered(events, editions) for editions in self._files)
                if old is not None and new is not None and _differ((old, new), flag, which):
                    other = self._files[1 - which]
                    held = None if held_kind is None else answered(events[:-1], other)
                    return Shown(tuple(events), old, new, held)
        return None


def _on_days(found: Sequence[Period], asked: Sequence[Request]) -> Term:
    """Return the condition that the requests *asked* are within one of the periods *found*."""
    return z3.Or([z3.And([of for one in asked for of in within(each, one)]) for each in found])


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


def _of_order(one: Request, orders: Sequence[tuple[Request, Term]]) -> list[Term]:
    """Return the conditions that ties a replace or a fill to one of *orders*, approved by both."""
    found: list[Term] = []
    for own, approved in orders:
        found += [
            approved,
            one.listing == own.listing,
            one.day("date") >= own.day("date"),
        ]
        words = own.words
        if one.kind != "fill":
            found += [word.chosen == words[name].chosen for name, word in one.words.items()]
            continue
        method = words["trade.method"].chosen
        found += [
            one.words["trade.side"].chosen == words["trade.side"].chosen,
            z3.Or(
                one.otherwise,
                method == -1,
                one.words["trade.method"].chosen == method,
            ),
        ]
    terms = [own for own, _ in orders]
    found += [
        z3.Or([one.day("date") <= own.day("last_date") for own in terms]),
        z3.Or([one.day("venue_date") <= own.day("venue_last_date") for own in terms]),
    ]
    if one.kind == "fill":
        price = one.facts["trade.price"]
        found += [
            z3.Or([one.units <= own.units for own in terms]),
            z3.Or([z3.Or(z3.Not(own.amount_present), _is_paid(one, own)) for own in terms]),
            z3.Or(
                z3.Not(price.present),
                *(z3.Or(z3.Not(own.has_price), price.value <= own.price) for own in terms),
            ),
        ]
    return found


def _is_paid(fill: Request, own: Request) -> Term:
    """Return the condition that a unit of *fill* cost no more than the order *own* reserved."""
    reserved = own.by_listing(lambda of: own.paid * number(1 + of.fx_margin), own.paid)
    return fill.paid <= reserved


def _apart(event: Event, flag: str | None, which: int) -> Term:
    """Return the condition that edition *which* approves *event* and the other does not.

    With a *flag*, return the condition that both approve, and only the other raises the flag.
    """
    asked, approved = event
    if flag is None:
        this, other = approved[which], approved[1 - which]
    else:
        this, other = (_unflagged(asked[at], flag) for at in (which, 1 - which))
    # Most rules are identical in both files.
    if this.eq(other):
        return z3.BoolVal(False)
    return z3.And([*(approved if flag is not None else ()), this, z3.Not(other)])


def _unflagged(asked: Request, flag: str) -> Term:
    """Return the condition that the rule *flag* does not flag the event *asked*."""

    def without(kind: Kind) -> Term:
        return z3.And(
            [
                holds(of.passes, asked.facts)
                for of in evaluating(asked.edition, kind)
                if of.rule.id == flag and of.rule.effect == "flag"
            ]
        )

    return by_moment(asked, asked.kind, without)


def _differ(answers: Sequence[Decided], flag: str | None, which: int) -> bool:
    """Return whether the engine's decisions differ as z3 predicts."""
    approved = [one.decision.outcome == "approved" for one in answers]
    if flag is None:
        return approved[which] and not approved[1 - which]
    flagged = [any(one.rule == flag for one in each.decision.findings) for each in answers]
    return all(approved) and flagged[1 - which] and not flagged[which]
