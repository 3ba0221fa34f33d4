"""Proof of a rule file, edition by edition; for what fails, a counterexample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from repurchase.domain.version import __version__
from repurchase.proof.approval import HELD, KINDS, evaluating, meets, passes
from repurchase.proof.certificate import FORMAT, STATEMENT, Certificate, Certified
from repurchase.proof.claims import claims, window
from repurchase.proof.engine import History, answered, confirmed
from repurchase.proof.fields import Kind
from repurchase.proof.logic import holds
from repurchase.proof.model import Request, any_sums, from_zero, unlisted, within
from repurchase.proof.search import ALONE, histories
from repurchase.proof.solver import Term, Time, z3
from repurchase.rulebook.editions import Edition, Editions
from repurchase.rulebook.periods import Period, periods

# The time limit of a proof, unless the caller gives another.
MILLISECONDS: Final = 60_000


class Failure(msgspec.Struct, frozen=True):
    """A property, *claim*, that is not proved of an edition.

    *history* is the counterexample; `None` if none was found.
    """

    claim: str
    edition: str
    first: date
    last: date
    history: History | None


class Proved(msgspec.Struct, frozen=True):
    """What is proved of one edition, for every event: the properties, *claims*, by name.

    The edition is in force from *first* to *last*; *in_window* says whether any of these days is in
    the window. *approves* says whether the rules may approve an order on these days. *example* is
    the witness: events that end with an order which the engine approves; `None` if none was found.
    *always_satisfied* are the rules that every order passes, *unsatisfiable* those that no order
    passes, and *redundant* those that deny nothing which the other `deny` rules permit.
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
    """What is proved of a rule file, and what is not."""

    authorization: str
    editions: tuple[Proved, ...]
    failures: tuple[Failure, ...]
    solver: str
    version: str

    @property
    def holds(self) -> bool:
        """Return whether every property is proved of every edition."""
        return not self.failures

    def certificate(self, day: date) -> Certificate:
        """Return the certificate of this proof, dated *day*; everything must be proved."""
        assert self.holds, "only a proof without failures has a certificate"
        editions = tuple(
            Certified(one.edition, one.first, one.last, one.claims, one.venue_day, one.example)
            for one in self.editions
        )
        return Certificate(
            FORMAT, self.authorization, editions, STATEMENT, self.solver, self.version, day
        )


def proved(editions: Editions, now: Callable[[], int], milliseconds: int = MILLISECONDS) -> Proof:
    """Return what can be proved of all *editions* within *milliseconds*.

    *now* is a clock that counts nanoseconds.
    """
    time = Time(milliseconds, now)
    in_force = list(periods(editions))
    found: list[Proved] = []
    failures: list[Failure] = []
    failing: dict[str, Mapping[str, Kind]] = {}
    of_rules: dict[str, OfRules] = {}
    for period in in_force:
        (edition,) = period.editions
        key = edition.hash
        if key not in failing:
            failing[key], of_rules[key] = _failing(edition, time), _of_rules(edition, time)
        days = (key, period.first, period.last)
        found.append(
            Proved(
                *days,
                tuple(name for name in claims(edition) if name not in failing[key]),
                _is_in_window(period),
                _approves(period, time),
                *of_rules[key],
                period.venue_day,
            )
        )
        for claim, kind in failing[key].items():
            history = _history(period, editions, claim, kind, time)
            failures.append(Failure(claim, *days, history))
    if not failures:
        # Rules that deny everything are easily proved; a witness shows that these do not.
        found = [
            replace(one, example=_example(period, editions, time)) if one.approves else one
            for one, period in zip(found, in_force, strict=True)
        ]
    solver = f"z3 {z3.get_version_string()}"
    return Proof(editions.authorization.name, tuple(found), tuple(failures), solver, __version__)


def _failing(edition: Edition, time: Time) -> dict[str, Kind]:
    """Return the properties that are not proved of *edition*.

    Each comes with the first kind of request for which it is not proved.
    """
    stated = claims(edition)
    failing: dict[str, Kind] = {}
    for kind in KINDS:
        asked = Request(edition, any_sums("s"), "r", kind)
        approved = [*asked.assumed, passes(asked)]
        for name, bounds in stated.items():
            if name not in failing and not time.never(*approved, z3.Not(meets(asked, bounds))):
                failing[name] = kind
    return {name: failing[name] for name in stated if name in failing}


class OfRules(NamedTuple):
    """The rules of an edition that every order passes, that none passes, and that are redundant.

    A redundant rule denies nothing that the other `deny` rules permit.
    """

    always_satisfied: tuple[str, ...]
    unsatisfiable: tuple[str, ...]
    redundant: tuple[str, ...]


def _of_rules(edition: Edition, time: Time) -> OfRules:
    asked = Request(edition, any_sums("s"), "r")
    known = [*from_zero(any_sums("s")), *asked.ties, asked.listed]
    elsewhere = unlisted(asked)
    rules = evaluating(edition, "order")
    passing = {of.rule.id: holds(of.passes, asked.facts) for of in rules}
    always_satisfied = tuple(
        of.rule.id
        for of in rules
        if time.never(*known, z3.Not(z3.And(passing[of.rule.id], holds(of.passes, elsewhere))))
    )
    deny = [of.rule.id for of in rules if of.rule.effect == "deny"]
    return OfRules(
        always_satisfied,
        tuple(name for name, passes_ in passing.items() if time.never(*known, passes_)),
        tuple(
            name
            for name in deny
            if name not in always_satisfied
            and time.never(
                *known,
                *(passing[other] for other in deny if other != name),
                z3.Not(passing[name]),
            )
        ),
    )


def _is_in_window(period: Period) -> bool:
    """Return whether a day of *period* is within the window of its edition."""
    first, last = window(period.editions[0])
    return (first is None or period.last.toordinal() >= first) and (
        last is None or period.first.toordinal() <= last
    )


def _approves(period: Period, time: Time) -> bool:
    """Return whether an order within *period* may be approved; `False` only if proved never."""
    sums = any_sums("s")
    asked = Request(period.editions[0], sums, "r")
    known = [*from_zero(sums), *asked.ties, *within(period, asked)]
    return not time.never(*known, passes(asked))


def _example(period: Period, editions: Editions, time: Time) -> tuple[dict[str, Any], ...] | None:
    """Return events that end with an order which the engine approves; `None` if none are found."""

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
    """Return a counterexample to *claim* that the engine confirms; `None` if none is found."""

    def goal(asked: Sequence[Request]) -> Term:
        (last,) = asked
        broken = [passes(last), z3.Not(meets(last, claims(last.edition)[claim]))]
        # A released request must have been held.
        held = HELD.get(kind)
        return z3.And([*broken, *([z3.Not(passes(last, held))] if held else [])])

    for events in histories(period, kind, goal, time.milliseconds):
        history = confirmed(events, editions, claim)
        if history is not None:
            return history
    return None
