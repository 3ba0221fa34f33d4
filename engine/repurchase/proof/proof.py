"""Proof of a rule file, edition by edition; for what fails, a counterexample."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from repurchase.domain.version import __version__
from repurchase.proof.approval import HELD, is_within, meets, passes
from repurchase.proof.certificate import FORMAT, STATEMENT, Certificate, Certified
from repurchase.proof.claims import ASSUMPTIONS, Claim, Sum, claims, left_open, widest
from repurchase.proof.engine import History, answered, approved_beyond, confirmed
from repurchase.proof.fields import Kind
from repurchase.proof.model import Request, lives_in, within
from repurchase.proof.obligations import Asked, Obligation, digest
from repurchase.proof.of_rules import OfRules, of_rules
from repurchase.proof.questions import Questions
from repurchase.proof.search import ALONE, histories, in_part_of_day
from repurchase.proof.solver import Known, Term, Time, z3
from repurchase.rulebook.editions import Edition, Editions
from repurchase.rulebook.foreseen import Judging, judging
from repurchase.rulebook.periods import Period

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


class Gap(msgspec.Struct, frozen=True):
    """Days from *first* to *last* on which nothing limits the program's shares, amount or days.

    *venue_day*, *known* and *moment* are those of the edition, as in `Proved`. *history* shows an
    approval beyond the widest limit that any rule names; `None` if none was found.
    """

    of: Sum
    edition: str
    first: date
    last: date
    venue_day: date | None = None
    known: tuple[date, date] | None = None
    moment: datetime | None = None
    history: History | None = None


class Proved(msgspec.Struct, frozen=True):
    """What is proved of one edition, for every event: the properties, *claims*.

    The edition is in force from *first* to *last*; *in_window* says whether any of these days is in
    the window. *approves* says whether the rules may approve an order on these days, and
    *unbounded* what none of them always limits: the shares, the amount, or the days. *example* is
    the witness: events that end with an order which the engine approves; `None` if none was found.
    *always_satisfied* are the rules that every order passes, *unsatisfiable* those that no order
    passes, and *redundant* those that deny nothing which the other `deny` rules permit.

    *venue_day* is the day at the venue, if that can be another day than on the authorization's
    clock. *known* are the first and the last day of requests that this edition judges ahead of its
    days; `None` for the edition that is in force on these days, as known on each. *moment* is one
    of the part of the day for which the edition has figures of its own.
    """

    edition: str
    first: date
    last: date
    claims: tuple[Claim, ...]
    in_window: bool
    approves: bool
    unbounded: tuple[Sum, ...]
    always_satisfied: tuple[str, ...]
    unsatisfiable: tuple[str, ...]
    redundant: tuple[str, ...]
    venue_day: date | None = None
    known: tuple[date, date] | None = None
    moment: datetime | None = None
    example: tuple[dict[str, Any], ...] | None = None


class Proof(msgspec.Struct, frozen=True):
    """What is proved of a rule file, and what is not."""

    authorization: str
    unlimited: tuple[str, ...]
    editions: tuple[Proved, ...]
    failures: tuple[Failure, ...]
    gaps: tuple[Gap, ...]
    solver: str
    version: str

    @property
    def holds(self) -> bool:
        """Return whether every property is proved of every edition, and nothing is unlimited."""
        return not self.failures and not self.gaps

    def certificate(self, day: date, editions: Editions) -> Certificate:
        """Return the certificate of this proof of *editions*, dated *day*; all must be proved."""
        assert self.holds, "only a proof without failures has a certificate"
        certified = tuple(
            Certified(
                one.edition,
                one.first,
                one.last,
                one.claims,
                one.venue_day,
                one.known,
                one.example,
            )
            for one in self.editions
        )
        return Certificate(
            FORMAT,
            self.authorization,
            self.unlimited,
            certified,
            STATEMENT,
            ASSUMPTIONS,
            digest(obligations(editions)),
            self.solver,
            self.version,
            day,
        )


# The days of an edition: on the authorization's clock, at the venue, and of the requests.
_Days = tuple[date, date, date | None, tuple[date, date] | None, datetime | None]


class _Edition:
    """An edition with what z3 answers of it, each question once."""

    def __init__(self, edition: Edition, time: Time) -> None:
        self.questions = Questions(edition, time)

    @cached_property
    def failing(self) -> dict[str, Kind]:
        """Return the properties that are not proved, each with the first kind of request."""
        claimed = list(self.questions.about.claimed())
        # Most files keep all properties, so that each need not be asked of alone.
        if self.questions.are_proved(claimed):
            return {}
        failing: dict[str, Kind] = {}
        for one in claimed:
            if one.about not in failing and not self.questions.are_proved([one]):
                failing[one.about] = one.kind
        return failing

    @cached_property
    def rules(self) -> OfRules:
        """Return what the rules of the edition do to orders."""
        return of_rules(self.questions)

    def is_open(self, of: Sum, one: Judging) -> bool:
        """Return whether the rules may approve a request in *one*, where nothing limits *of*."""
        return not self.questions.are_proved(self.questions.about.unlimited(of, [one]))

    def approves(self, one: Judging) -> bool:
        """Return whether an order may be approved in *one*; `False` only if proved never.

        The order is of a day of the period, or before it if the edition judges ahead of its days.
        """
        asked, period = self.questions.asked(), one.period
        days = within(period, asked) if one.known is None else lives_in(period, asked)
        return not self._kept.never(*days, self.questions.passes())

    @cached_property
    def _kept(self) -> Known:
        return self.questions.kept()


def proved(editions: Editions, now: Callable[[], int], milliseconds: int = MILLISECONDS) -> Proof:
    """Return what can be proved of all *editions* within *milliseconds*.

    *now* is a clock that counts nanoseconds.
    """
    time = Time(milliseconds, now)
    judges = list(judging(editions))
    of_each = {one.edition.hash: one.edition for one in judges}
    each = {key: _Edition(edition, time) for key, edition in of_each.items()}
    found = [_proved(one, each[one.edition.hash]) for one in judges]
    gaps = tuple(
        Gap(of, one.edition.hash, *_days(one), _beyond(one, editions, of, time))
        for one in judges
        for of in open_in(one, editions)
        if each[one.edition.hash].is_open(of, one)
    )
    failures = tuple(
        Failure(
            claim,
            one.edition.hash,
            one.period.first,
            one.period.last,
            _history(one.period, editions, claim, kind, time),
        )
        for one in judges
        for claim, kind in each[one.edition.hash].failing.items()
    )
    if not failures:
        # Rules that deny everything are easily proved; a witness shows that these do not.
        found = [
            replace(one, example=_example(its, editions, time))
            if one.approves and its.known is None
            else one
            for one, its in zip(found, judges, strict=True)
        ]
    solver = f"z3 {z3.get_version_string()}"
    name = editions.authorization.name
    of_none = editions.authorization.unlimited
    return Proof(name, of_none, tuple(found), failures, gaps, solver, __version__)


def obligations(editions: Editions) -> Iterator[Obligation]:
    """Yield all that must be shown of *editions*, each obligation of an edition once."""
    open_: defaultdict[tuple[str, Sum], list[Judging]] = defaultdict(list)
    of_each: dict[str, Edition] = {}
    for one in judging(editions):
        of_each[one.edition.hash] = one.edition
        for of in open_in(one, editions):
            open_[one.edition.hash, of].append(one)
    for key, edition in of_each.items():
        asked = Asked(edition)
        yield from asked.claimed()
        for of in left_open(edition):
            if (key, of) in open_:
                yield from asked.unlimited(of, open_[key, of])


def open_in(one: Judging, editions: Editions) -> Iterator[Sum]:
    """Yield what no rule limits in *one*, so that it must be shown that nothing is approved then.

    If the file ever caps the sum, the engine approves nothing that can fill on a day for which no
    cap was known; that day is a gap only if no cap is in force when it comes.
    """
    meant: set[str] = {*editions.authorization.unlimited}
    if one.known is not None:
        meant |= {*editions.limited(), "days"}
    yield from (of for of in left_open(one.edition) if of not in meant)


def _days(one: Judging) -> _Days:
    return one.period.first, one.period.last, one.period.venue_day, one.known, one.period.moment


def _proved(one: Judging, of: _Edition) -> Proved:
    first, last, venue_day, known, moment = _days(one)
    return Proved(
        one.edition.hash,
        first,
        last,
        tuple(claim for claim in claims(one.edition) if claim.name not in of.failing),
        known is None and one.edition.window.is_open(one.period.first, one.period.last),
        of.approves(one),
        left_open(one.edition),
        *of.rules,
        venue_day,
        known,
        moment,
    )


def _example(one: Judging, editions: Editions, time: Time) -> tuple[dict[str, Any], ...] | None:
    """Return events that end with an order which the engine approves; `None` if none are found."""
    if one.known is not None:
        return None
    period = one.period

    def goal(asked: Sequence[Request]) -> Term:
        return passes(asked[-1])

    for events in histories(period, "order", goal, time.milliseconds, ALONE):
        decided = answered(in_part_of_day(period, events), editions)
        if decided is None or decided.edition.hash != period.editions[0].hash:
            continue
        if decided.decision.outcome == "approved":
            return tuple(in_part_of_day(period, events))
    return None


def _beyond(one: Judging, editions: Editions, of: Sum, time: Time) -> History | None:
    """Return events of which the engine approves the last beyond the widest limit of *of*."""
    limit = widest(one.edition, of)
    # If the file ever limits the sum, the engine denies what can fill without a limit.
    if limit is None or one.known is not None or of in editions.limited():
        return None

    def goal(asked: Sequence[Request]) -> Term:
        return z3.And(passes(asked[-1]), z3.Not(is_within(asked[-1], limit)))

    for events in histories(one.period, "order", goal, time.milliseconds):
        history = approved_beyond(events, editions, of, limit)
        if history is not None:
            return history
    return None


def _history(
    period: Period, editions: Editions, name: str, kind: Kind, time: Time
) -> History | None:
    """Return a counterexample to the claim *name* that the engine confirms; `None` without one."""

    def goal(asked: Sequence[Request]) -> Term:
        (last,) = asked
        (claim,) = (one for one in claims(last.edition) if one.name == name)
        broken = [passes(last), z3.Not(meets(last, claim))]
        # A released request must have been held.
        held = HELD.get(kind)
        return z3.And([*broken, *([z3.Not(passes(last, held))] if held else [])])

    for events in histories(period, kind, goal, time.milliseconds):
        history = confirmed(events, editions, name)
        if history is not None:
            return history
    return None
