"""What an edit of a rule file changes for events: which are approved now and were not, or were.

Both files are read by z3 over one and the same event at any position. What it proves is final;
what it does not is shown by a history, which the engine judges by both files, or is undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any, Final, Literal, NamedTuple

import msgspec

from repurchase.evaluation.step import Decided
from repurchase.proof.claims import HELD, OF_ORDER, is_new_use, judging, passes
from repurchase.proof.engine import answered
from repurchase.proof.free import Scope, scope_of
from repurchase.proof.logic import holds, number
from repurchase.proof.model import Kind, Request, any_sums, from_zero, request, within
from repurchase.proof.proof import MILLISECONDS
from repurchase.proof.search import Goal, histories
from repurchase.proof.solver import Term, Time, z3
from repurchase.rulebook.changes import Change, changes
from repurchase.rulebook.editions import Edition, Editions, RuleInForce
from repurchase.rulebook.periods import Period, periods

Verdict = Literal["equivalent", "tighter", "looser", "incomparable", "undecided"]

KINDS: Final[tuple[Kind, ...]] = (
    "order",
    "replace",
    "release",
    "release-replace",
    "fill",
    "fill-alone",
    "correct",
)
_OF_ORDERS: Final = ("replace", "release-replace", "fill")
# The terms of an order, and those of a replace that waits for the venue: both are in play.
_IN_PLAY: Final = ("p", "q")


class Shown(msgspec.Struct, frozen=True):
    """A history whose last event the two files answer otherwise, and their answers to it.

    Of what is released, *held* is what the file that does not approve it answered when it was
    asked for.
    """

    events: tuple[dict[str, Any], ...]
    old: Decided
    new: Decided
    held: Decided | None = None


class Side(msgspec.Struct, frozen=True):
    """Whether one file approves what the other does not: *shown* by a history, or *never*.

    Neither is known where z3 ran out of time, or no history was found.
    """

    never: bool
    shown: Shown | None = None


class Compared(msgspec.Struct, frozen=True):
    """What changed for events of one *kind*, or for the one *flag* that such events may raise.

    *days* are the periods on which it is not proved that nothing did.
    """

    kind: Kind
    flag: str | None
    looser: Side
    tighter: Side
    days: tuple[tuple[date, date], ...]

    @property
    def verdict(self) -> Verdict:
        """Return what the new file is, beside the old one: looser, as soon as that is shown."""
        if self.looser.shown is not None:
            return "looser" if self.tighter.shown is None else "incomparable"
        if not self.looser.never:
            return "undecided"
        if self.tighter.shown is not None:
            return "tighter"
        return "equivalent" if self.tighter.never else "undecided"


class Diff(msgspec.Struct, frozen=True):
    """What two rule files say otherwise, and what that changes for each kind of event.

    *same_accounting* is whether both count days, shares and money in one way: else nothing is
    proved of them.
    """

    changed: tuple[Change, ...]
    compared: tuple[Compared, ...]
    same_accounting: bool

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
    alike = all(_is_comparable(pairs, one.editions) for one, *_ in pairs.periods.values())
    return Diff(changes(old.authorization, new.authorization), tuple(found), alike)


class Event(NamedTuple):
    """One event as each edition reckons it, and where each approves it."""

    asked: Sequence[Request]
    approved: Sequence[Term]


class Pairs:
    """Both files on each period of days, each pair of editions once, and what both approve."""

    def __init__(self, old: Editions, new: Editions) -> None:
        self.files = (old, new)
        self.periods: dict[tuple[str, ...], list[Period]] = {}
        for period in periods(old, new):
            hashes = tuple(edition.hash for edition in period.editions)
            self.periods.setdefault(hashes, []).append(period)
        self.scope = scope_of(
            [one for (first, *_) in self.periods.values() for one in first.editions]
        )
        self._ordered: dict[str, tuple[Request, Term]] = {}
        self._events: dict[tuple[str, ...], Event] = {}

    def rules(self, which: int) -> Iterator[RuleInForce]:
        """Yield the rules that are in force at any time in the file *which*."""
        for first, *_ in self.periods.values():
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

    def ordered(self, name: str) -> tuple[Request, Term]:
        """Return any order called *name*, and that both files approved it, at any time."""
        if name not in self._ordered:
            approved = z3.Or([self._approved(found, name) for found in self.periods.values()])
            (first, *_) = next(iter(self.periods.values()))
            self._ordered[name] = (self._order(first, name)[0], approved)
        return self._ordered[name]

    def _order(self, period: Period, name: str) -> tuple[Request, ...]:
        # As a replace, it may add less than all of its quantity; it may have been released.
        return event_under(period.editions, "replace", self.scope, name)

    def _approved(self, found: Sequence[Period], name: str) -> Term:
        asked = self._order(found[0], name)
        approved = [z3.And(*one.ties, passes(one, "release-replace")) for one in asked]
        return z3.And(*from_zero(any_sums(f"{name}.s")), *approved, _on_days(found, asked))


def _on_days(found: Sequence[Period], asked: Sequence[Request]) -> Term:
    """Return that what is *asked* is of the days of one of the periods *found*."""
    return z3.Or([z3.And([of for one in asked for of in within(each, one)]) for each in found])


def _kinds(pairs: Pairs) -> Iterator[Kind]:
    """Yield the kinds of events that there can be: without reviews nothing is ever released."""
    is_held = pairs.holds(0) or pairs.holds(1)
    return (kind for kind in KINDS if kind not in HELD or is_held)


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
    for found in pairs.periods.values():
        is_comparable = _is_comparable(pairs, found[0].editions)
        # The new file is looser where it alone approves, and tighter where the old one does.
        is_looser, is_tighter = (
            not _is_never(pairs, found, kind, flag, which, time) for which in (1, 0)
        )
        if is_looser and looser.shown is None:
            looser = Side(never=False, shown=_shown(pairs, found, kind, flag, 1, time))
        if is_tighter and tighter.shown is None:
            tighter = Side(never=False, shown=_shown(pairs, found, kind, flag, 0, time))
        if not is_comparable:
            looser, tighter = (Side(never=False, shown=one.shown) for one in (looser, tighter))
        if is_looser or is_tighter or not is_comparable:
            days += (
                (one.first, one.last)
                for one in found
                if not is_comparable
                or not all(_is_never(pairs, [one], kind, flag, which, time) for which in (1, 0))
            )
    return Compared(kind, flag, looser, tighter, tuple(_joined(days)))


def _joined(days: Sequence[tuple[date, date]]) -> Iterator[tuple[date, date]]:
    """Yield the periods of *days* as few as they can be."""
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
    pairs: Pairs, found: Sequence[Period], kind: Kind, flag: str | None, which: int, time: Time
) -> bool:
    """Return whether it is proved that the file *which* alone approves no event of *kind*."""
    editions = found[0].editions
    if kind in HELD and not pairs.holds(which):
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
    return kind in _OF_ORDERS and time.never(*known, *_of_order(pairs, asked[0]), apart)


def _is_comparable(pairs: Pairs, editions: Sequence[Edition]) -> bool:
    """Return whether what one file has used is what the other has, and one event one event.

    By another clock, ratio, margin or currency both come to other positions by the same events.
    """
    return pairs.scope.is_sure and editions[0].counting == editions[1].counting


def event_under(
    editions: Sequence[Edition], kind: Kind, scope: Scope, name: str = "r"
) -> tuple[Request, ...]:
    """Return any one event of *kind* at any position, as each of *editions* reckons it."""
    # What a ratio that changes with the days makes of an order of before, each file says itself.
    are_alike = all(one.counting == editions[0].counting for one in editions) or not any(
        one.counting.dated for one in editions
    )
    sums = any_sums(f"{name}.s")
    return tuple(
        request(one, sums, name, kind, scope=scope, own="" if are_alike else f"'{at}")
        for at, one in enumerate(editions)
    )


def _of_order(pairs: Pairs, one: Request) -> list[Term]:
    """Return that a replace or a fill is of an order which both files approved."""
    found: list[Term] = []
    orders = [pairs.ordered(name) for name in _IN_PLAY]
    for own, approved in orders:
        found += [
            approved,
            one.said.listing == own.said.listing,
            one.day("date") >= own.day("date"),
        ]
        words = own.said.words
        if one.kind != "fill":
            found += [word.chosen == words[name].chosen for name, word in one.said.words.items()]
            continue
        method = words["trade.method"].chosen
        found += [
            one.said.words["trade.side"].chosen == words["trade.side"].chosen,
            z3.Or(
                one.said.otherwise,
                method == -1,
                one.said.words["trade.method"].chosen == method,
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
            z3.Or([one.said.units <= own.said.units for own in terms]),
            z3.Or([z3.Or(z3.Not(own.amount_present), _is_paid(one, own)) for own in terms]),
            z3.Or(
                z3.Not(price.present),
                *(
                    z3.Or(z3.Not(own.said.has_price), price.value <= own.said.price)
                    for own in terms
                ),
            ),
        ]
    return found


def _is_paid(fill: Request, own: Request) -> Term:
    """Return that a unit of *fill* cost no more than the order *own* reserved for it."""
    reserved = own.by_listing(lambda of: own.said.paid * number(1 + of.fx_margin), own.said.paid)
    return fill.said.paid <= reserved


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
    if asked.kind not in OF_ORDER:
        return _without(asked, flag, asked.kind)
    is_new = is_new_use(asked, asked.kind)
    return z3.If(is_new, _without(asked, flag, "fill-alone"), _without(asked, flag, "fill"))


def _without(asked: Request, flag: str, kind: Kind) -> Term:
    return z3.And(
        [
            holds(one.passes, asked.facts)
            for one in judging(asked.edition, kind)
            if one.rule.id == flag and one.rule.effect == "flag"
        ]
    )


def _shown(
    pairs: Pairs, found: Sequence[Period], kind: Kind, flag: str | None, which: int, time: Time
) -> Shown | None:
    """Return a history that the engine answers as z3 says, `None` where none is found."""

    def goal(asked: Sequence[Request]) -> Term:
        said = [_apart(Event(asked, [passes(one) for one in asked]), flag, which)]
        # What is released was held.
        held = HELD.get(kind)
        return z3.And([*said, *([z3.Not(passes(asked[which], held))] if held else [])])

    for events in _all_histories(found, kind, goal, time):
        old, new = (answered(events, editions) for editions in pairs.files)
        if old is not None and new is not None and _differ((old, new), flag, which):
            held = answered(events[:-1], pairs.files[1 - which]) if kind in HELD else None
            return Shown(tuple(events), old, new, held)
    return None


def _all_histories(
    found: Sequence[Period], kind: Kind, goal: Goal, time: Time
) -> Iterator[list[dict[str, Any]]]:
    for period in found:
        yield from histories(period, kind, goal, time.milliseconds)


def _differ(answers: Sequence[Decided], flag: str | None, which: int) -> bool:
    """Return whether the engine's answers are apart as they should be."""
    approved = [one.decision.outcome == "approved" for one in answers]
    if flag is None:
        return approved[which] and not approved[1 - which]
    flagged = [any(one.rule == flag for one in each.decision.findings) for each in answers]
    return all(approved) and flagged[1 - which] and not flagged[which]
