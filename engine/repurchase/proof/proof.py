"""A rule file proved, edition by edition: or a history that it should have stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from repurchase.domain.version import __version__
from repurchase.proof.certificate import FORMAT, STATEMENT, Certificate, Certified
from repurchase.proof.claims import HELD, KINDS, claims, judging, passes, window
from repurchase.proof.engine import History, answered, confirmed
from repurchase.proof.logic import holds
from repurchase.proof.model import (
    Kind,
    Request,
    any_sums,
    from_zero,
    request,
    unlisted,
    within,
)
from repurchase.proof.search import ALONE, histories
from repurchase.proof.solver import Term, Time, z3
from repurchase.proof.steps import raising
from repurchase.rulebook.editions import Edition, Editions
from repurchase.rulebook.periods import Period, periods

# So long a proof may take where nobody says otherwise.
MILLISECONDS: Final = 60_000


class Failure(msgspec.Struct, frozen=True):
    """A claim that is not proved of an edition; *history* shows why, where one was found."""

    claim: str
    edition: str
    first: date
    last: date
    history: History | None


class Proved(msgspec.Struct, frozen=True):
    """What holds of one edition, whatever arrives: the claims, by name.

    It is in force from *first* to *last*, of which a day is *in_window* or none. *approves* is
    whether it lets any order of these days pass; *example* are events that end with one which the
    engine approves, where one was found. *always_satisfied* are the rules that stop no order,
    *unsatisfiable* those that let none pass, and *redundant* those that stop none which the others
    let pass.
    """

    edition: str
    first: date
    last: date
    claims: tuple[str, ...]
    in_window: bool
    approves: bool
    always_satisfied: tuple[str, ...]
    unsatisfiable: tuple[str, ...]
    redundant: tuple[str, ...]
    venue_day: date | None = None
    example: tuple[dict[str, Any], ...] | None = None


class Proof(msgspec.Struct, frozen=True):
    """What was proved of a rule file, and what was not.

    *raising* are the kinds of events that could raise what is used though no rule is asked: there
    is one only where the program itself is wrong.
    """

    authorization: str
    editions: tuple[Proved, ...]
    failures: tuple[Failure, ...]
    raising: tuple[str, ...]
    solver: str
    version: str

    @property
    def holds(self) -> bool:
        """Return whether everything was proved."""
        return not self.failures and not self.raising

    def certificate(self, day: date) -> Certificate:
        """Return what was proved on *day*, for commands that prove nothing; all of it must hold."""
        assert self.holds, "what does not hold is not certified"
        editions = tuple(
            Certified(one.edition, one.first, one.last, one.claims, one.venue_day, one.example)
            for one in self.editions
        )
        return Certificate(
            FORMAT, self.authorization, editions, STATEMENT, self.solver, self.version, day
        )


def proved(editions: Editions, now: Callable[[], int], milliseconds: int = MILLISECONDS) -> Proof:
    """Return what can be proved of all *editions* within so many *milliseconds*.

    *now* is a clock that counts nanoseconds.
    """
    time = Time(milliseconds, now)
    found: list[Proved] = []
    failures: list[Failure] = []
    judged: dict[str, _Judged] = {}
    for period in periods(editions):
        (edition,) = period.editions
        if edition.hash not in judged:
            judged[edition.hash] = _judged(edition, time)
        one = judged[edition.hash]
        days = (edition.hash, period.first, period.last)
        found.append(
            Proved(
                *days,
                one.held,
                _is_in_window(period),
                _approves(period, time),
                one.always_satisfied,
                one.unsatisfiable,
                one.redundant,
                period.venue_day,
            )
        )
        for claim, kind in one.failing:
            history = _history(period, editions, claim, kind, time)
            failures.append(Failure(claim, *days, history))
    if not failures:
        # What lets nothing pass is easily proved: who reads a proof wants to see that it does.
        with_examples = zip(found, periods(editions), strict=True)
        found = [
            replace(one, example=_example(period, editions, time)) if one.approves else one
            for one, period in with_examples
        ]
    solver = f"z3 {z3.get_version_string()}"
    name = editions.authorization.name
    return Proof(name, tuple(found), tuple(failures), tuple(raising()), solver, __version__)


def _is_in_window(period: Period) -> bool:
    """Return whether a day of *period* is within the window of its edition."""
    first, last = window(period.editions[0])
    return (first is None or period.last.toordinal() >= first) and (
        last is None or period.first.toordinal() <= last
    )


def _approves(period: Period, time: Time) -> bool:
    """Return whether any order of the days of *period* may be let pass."""
    sums = any_sums("s")
    asked = request(period.editions[0], sums, "r")
    known = [*from_zero(sums), *asked.ties, *within(period, asked)]
    return not time.never(*known, passes(asked))


def _example(period: Period, editions: Editions, time: Time) -> tuple[dict[str, Any], ...] | None:
    """Return events that end with an order which the engine approves, `None` if none is found."""

    def goal(asked: Sequence[Request]) -> Term:
        return passes(asked[-1])

    for events in histories(period, "order", goal, time.milliseconds, ALONE):
        decided = answered(events, editions)
        if decided is None or decided.edition.hash != period.editions[0].hash:
            continue
        if decided.decision.outcome == "approved":
            return tuple(events)
    return None


def _history(
    period: Period, editions: Editions, claim: str, kind: Kind, time: Time
) -> History | None:
    """Return a history against *claim* that the engine confirms, `None` where none is found."""

    def goal(asked: Sequence[Request]) -> Term:
        (last,) = asked
        broken = [passes(last), z3.Not(dict(claims(last))[claim])]
        # What is released was held.
        held = HELD.get(kind)
        return z3.And([*broken, *([z3.Not(passes(last, held))] if held else [])])

    for events in histories(period, kind, goal, time.milliseconds):
        history = confirmed(events, editions, claim)
        if history is not None:
            return history
    return None


def _is_kept(edition: Edition, claim: str, kind: Kind, time: Time) -> bool:
    """Return whether no request of *kind* is let pass against *claim*, whatever came before."""
    sums = any_sums("s")
    asked = request(edition, sums, "r", kind)
    stated = dict(claims(asked))[claim]
    return time.never(*from_zero(sums), *asked.ties, passes(asked), z3.Not(stated))


class _Judged(msgspec.Struct, frozen=True):
    """What was proved of an edition, whenever it is in force; *failing* are claims that were not,
    each with a kind of request for which it was not.
    """

    held: tuple[str, ...]
    failing: tuple[tuple[str, Kind], ...]
    always_satisfied: tuple[str, ...]
    unsatisfiable: tuple[str, ...]
    redundant: tuple[str, ...]


def _judged(edition: Edition, time: Time) -> _Judged:
    sums = any_sums("s")
    asked = request(edition, sums, "r")
    names = [name for name, _ in claims(asked)]
    failing: dict[str, Kind] = {}
    for name in names:
        kinds = (kind for kind in KINDS if not _is_kept(edition, name, kind, time))
        kind = next(kinds, None)
        if kind is not None:
            failing[name] = kind
    known = [*from_zero(sums), *asked.ties, asked.listed]
    elsewhere = unlisted(asked)
    rules = judging(edition, "order")
    let = {rule.rule.id: holds(rule.passes, asked.facts) for rule in rules}
    stops = {
        rule.rule.id: z3.Or(z3.Not(let[rule.rule.id]), z3.Not(holds(rule.passes, elsewhere)))
        for rule in rules
    }
    deny = [rule.rule.id for rule in rules if rule.rule.effect == "deny"]
    always_satisfied = [name for name, stopped in stops.items() if time.never(*known, stopped)]
    return _Judged(
        held=tuple(name for name in names if name not in failing),
        failing=tuple(failing.items()),
        always_satisfied=tuple(always_satisfied),
        unsatisfiable=tuple(name for name, passing in let.items() if time.never(*known, passing)),
        redundant=tuple(
            name
            for name in deny
            if name not in always_satisfied
            and time.never(
                *known, *(let[other] for other in deny if other != name), z3.Not(let[name])
            )
        ),
    )
