"""Whether the model of a proof has an event that the engine judged: its facts and its findings.

A proof is about all events of the model. It says nothing of a real event that the model lacks. So
each event that the readers accept must be in the model of each edition that judges it: with the
same facts before and after it, and with the same result of each rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import z3

from repurchase.domain.counters import DAY_APART
from repurchase.domain.decisions import Finding, Result
from repurchase.domain.events import JUDGED, Event
from repurchase.domain.quantities import Exact
from repurchase.evaluation.judge import Scope, judge
from repurchase.evaluation.step import outcome_of, own_findings, scope_of
from repurchase.facts.averages import is_average
from repurchase.facts.counters import facts_of
from repurchase.facts.day import OF_DAY
from repurchase.facts.fact import Situation
from repurchase.facts.table import TABLE
from repurchase.facts.trade import SECONDS_SINCE_SAME
from repurchase.language.expression import composed
from repurchase.ledger import orders
from repurchase.ledger.fold import after, since_opening
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade, at_each_venue, listed_by, raises, trade
from repurchase.proof import approval, in_play, stages
from repurchase.proof.approval import HELD, evaluating, meets
from repurchase.proof.claims import bounds, claims
from repurchase.proof.diff import Comparison
from repurchase.proof.fields import FILLS, OTHER, REPLACES, Kind
from repurchase.proof.in_play import IN_PLAY, Terms
from repurchase.proof.logic import Facts, holds, number
from repurchase.proof.model import Request, any_sums, from_zero, unlisted, unquantified
from repurchase.proof.obligations import Asked
from repurchase.proof.solver import Term, Time
from repurchase.rulebook.editions import Edition, Editions, with_rules
from repurchase.rulebook.life import Later, Life, life
from test_verdicts import coded

# What the program finds of an event in itself. The rest is of its order, of the position or of the
# whole life, and is no concern of what the rules of one edition let pass.
OF_THE_EVENT: Final = {
    "engine.unknown-instrument",
    "engine.other-venue",
    "engine.wrong-rate",
    "engine.rate-out-of-bounds",
    "engine.sale",
    "engine.unknown-amount",
    "engine.no-rule",
}
_MINUTE: Final = 60_000


def kind_of(asked: Trade, event: Event, position: Position) -> Kind:
    """Return what kind of event *asked* is to a prover."""
    if event.kind == "fill":
        return "fill" if asked.of_order else "fill-alone"
    if event.kind == "correct":
        return "correct"
    own = position.orders.get(event.order or "")
    if event.kind == "release":
        return "release-replace" if own is not None and own.state != "held" else "release"
    return "replace" if event.kind == "replace" else "order"


def _modelled_as(asked: Trade, kind: Kind) -> Kind:
    """Return the kind of model that has the facts of *asked*.

    A fill beyond its order and a sell fill add less than they are, or nothing, as a correct may.
    """
    is_beyond = asked.of_order and asked.fault is not None
    return "correct" if asked.is_fill and (is_beyond or not asked.counts) else kind


@dataclass(frozen=True)
class View:
    """An event of *kind* as one edition judges it: the *situation* and the *scope* of its rules.

    *is_alone* says whether the edition judges it by its standing caps alone.
    """

    edition: Edition
    kind: Kind
    situation: Situation
    scope: Scope
    is_alone: bool = False

    @property
    def trade(self) -> Trade:
        return self.situation.trade

    @property
    def has(self) -> tuple[bool, bool]:
        """Return whether it has a listed instrument, and a quantity."""
        return self.trade.listing is not None, self.trade.event.quantity is not None

    def values(self) -> Iterator[tuple[str, Exact | None]]:
        """Yield each fact as the engine compares it, by its name."""
        words = dict(self.edition.constants.words)
        authorization = self.edition.authorization
        counted = (fact for one in authorization.counters for fact in facts_of(one.name))
        averages = filter(is_average, self.edition.facts)
        # A position keeps these only if a rule reads them.
        before = self.situation.before
        unkept = {SECONDS_SINCE_SAME} if before.requests is None else set()
        if not any(name.startswith(DAY_APART.name) for name in before.counters):
            unkept |= OF_DAY
        for name in (*(name for name in TABLE if name not in unkept), *counted, *averages):
            yield name, coded(authorization.fact(name).of(self.situation), words)


def views(event: Event, position: Position, of: Life) -> Iterator[View]:
    """Yield *event* as each edition of its life judges it; nothing if no rule evaluates it."""
    position = since_opening(position, event, of.edition.counting.zone)
    proposed = trade(event, of.edition.counting, position, of.counting)
    if event.kind not in JUDGED or not isinstance(proposed, Trade):
        return
    if event.kind == "replace" and not raises(proposed):
        return
    kind = _modelled_as(proposed, kind_of(proposed, event, position))
    # The position after it holds the order at all of its venues.
    following = after(position, proposed)
    for one, there in of.judges(at_each_venue(proposed, of.edition.counting)):
        now = Situation(there, position, following)
        if one is None:
            yield View(of.edition, kind, now, scope_of(there))
        else:
            yield _later(one, kind, now)


def view_of(proposed: Trade, kind: Kind, position: Position, edition: Edition) -> View:
    """Return the event *proposed*, of *kind*, as the *edition* of its own moment judges it."""
    now = Situation(proposed, position, after(position, proposed))
    return View(edition, kind, now, scope_of(proposed))


def _later(one: Later, kind: Kind, now: Situation) -> View:
    if not one.is_own:
        return View(one.edition, kind, now, "order", is_alone=True)
    listed = listed_by(one.edition.counting, now.trade)
    return View(one.edition, kind, Situation(listed, now.before, now.after), "order")


class Model:
    """An arbitrary event of one kind under one edition, which z3 reads once."""

    def __init__(self, asked: Request, given: Sequence[Term], sums: str) -> None:
        self.asked = asked
        self.sums = any_sums(sums)
        self._solver = z3.Solver()
        self._solver.add([*given])
        self._facts: dict[tuple[bool, bool], Facts] = {}
        self._terms: dict[tuple[object, ...], Term] = {}

    def facts(self, view: View) -> Facts:
        """Return the facts of an event that has a listed instrument and a quantity, or not."""
        has = has_listing, has_quantity = view.has
        if has not in self._facts:
            facts = self.asked.facts if has_listing else unlisted(self.asked)
            self._facts[has] = facts if has_quantity else unquantified(facts, self.asked.name)
        return self._facts[has]

    def point(self, pins: Sequence[Term], *more: Term) -> z3.ModelRef | None:
        """Return an event of the model with all *pins*, and *more*; `None` if there is none."""
        self._solver.push()
        try:
            self._solver.add([*pins, *more])
            found = self._solver.check()
            assert found != z3.unknown, "z3 can decide a question of given values"
            return self._solver.model() if found == z3.sat else None
        finally:
            self._solver.pop()

    def results(self, view: View, at: z3.ModelRef, kind: Kind) -> dict[str, Result]:
        """Return the result of each rule for *kind* in the model, *at* a point."""
        facts = self.facts(view)
        found: dict[str, Result] = {}
        for of in evaluating(view.edition, kind):
            key = (of.rule.id, *view.has)
            for way, form in (("pass", of.passes), ("fail", of.fails)):
                if (*key, way) not in self._terms:
                    self._terms[*key, way] = holds(form, facts)
            passes, fails = (
                z3.is_true(at.eval(self._terms[*key, way], True)) for way in ("pass", "fail")
            )
            assert not (passes and fails), of.rule.id
            found[of.rule.id] = "pass" if passes else "fail" if fails else "indeterminate"
        return found

    def passes(self, kind: Kind) -> Term:
        """Return the condition under which the model approves the event, taken as *kind*."""
        if ("passes", kind) not in self._terms:
            self._terms["passes", kind] = approval.passes(self.asked, kind)
        return self._terms["passes", kind]


def pinned(asked: Request, facts: Facts, view: View) -> Iterator[tuple[str, Term]]:
    """Yield that the event *asked*, with *facts*, is that of *view*: each part with its name."""
    read = _read_by_caps(view.edition) if view.is_alone else None
    for name, value in view.values():
        if read is not None and name not in read:
            continue
        yield f"{name} is known", facts[name].present == (value is not None)
        if value is not None:
            yield f"{name} is {value}", facts[name].value == number(value)
    if not view.is_alone:
        yield from _stated(asked, view)
        yield from _paid(asked, view.trade)


def _stated(asked: Request, view: View) -> Iterator[tuple[str, Term]]:
    """Yield what the event itself states, and what it leaves out."""
    event = view.trade.event
    yield f"listed as {event.symbol} at {event.venue}", _is_listed(asked, view)
    for name, word in asked.words.items():
        text = TABLE[name].of(view.situation)
        assert text is None or isinstance(text, str)
        at = -1 if text is None else _index(word.choices, text)
        yield f"{name} is {text}", word.chosen == at
    if view.kind in FILLS:
        yield "states its amount", asked.has_amount == (event.amount is not None)
        is_other = view.trade.is_made_otherwise or view.trade.is_elsewhere
        yield "uses another method, or another venue", asked.otherwise == is_other
    yield "states a rate", asked.has_rate == (event.fx is not None)
    yield "states fees", asked.has_fees == (event.fees is not None)
    yield "has a time", asked.timed == (event.time is not None)


def _paid(asked: Request, proposed: Trade) -> Iterator[tuple[str, Term]]:
    """Yield what the event costs, and by how much a correct raises its fill."""
    event = proposed.event
    if proposed.contract is not None and proposed.fx is not None:
        cost = Fraction(proposed.contract) * proposed.fx
        yield f"costs {cost}", asked.cost == number(cost)
        if cost:
            yield "a unit costs", asked.paid == number(cost / (event.quantity or 1))
    if event.fx is not None:
        yield "rate is 1", asked.is_even == (event.fx == 1)
        if asked.rate is not None:
            yield f"rate is {event.fx}", asked.rate == number(event.fx)
    if event.fees is not None:
        yield f"fees are {event.fees}", asked.fees == number(event.fees)
    yield from _raised(asked, proposed)


def _read_by_caps(edition: Edition) -> set[str]:
    """Return the facts that the standing caps of *edition* read and bound."""
    standing = [cap for cap in edition.caps if cap.is_standing]
    rules = {cap.rule for cap in standing}
    read = {name for of in edition.rules if of.rule.id in rules for name in of.facts}
    return read | {cap.fact for cap in standing}


def _is_listed(asked: Request, view: View) -> Term:
    """Return the condition that the event names its instrument as it does in *view*."""
    event, listing = view.trade.event, view.trade.listing
    named = [
        asked.listing == at
        for at, (pair, one) in enumerate(zip(asked.scope.pairs, asked.listings, strict=True))
        if pair == (event.symbol, event.venue) and one == listing
    ]
    # Of an instrument that no edition lists, only its facts count.
    return z3.BoolVal(listing is None) if not named else z3.Or(named)


def _index(choices: Sequence[str], text: str) -> int:
    """Return the choice that *text* is: letters with combining marks are the whole letters."""
    whole = [composed(one) for one in choices]
    if composed(text) in whole:
        return whole.index(composed(text))
    return next(at for at, one in enumerate(choices) if one.startswith(OTHER))


def _raised(asked: Request, proposed: Trade) -> Iterator[tuple[str, Term]]:
    """Yield by how much a correct raises the shares and the money of its fill."""
    old = proposed.corrects
    known = () if old is None else (proposed.shares, proposed.amount, old.shares, old.amount)
    if old is None or None in known or not proposed.counts:
        return
    raised = (
        Fraction(proposed.shares or 0) - (old.shares or 0),
        Fraction(proposed.amount or 0) - (old.amount or 0),
    )
    for term, value in zip(asked.more, raised, strict=True):
        yield f"raises by {value}", term == number(value)


class Refinement:
    """The models of all editions of one rule file, and the check of events against them."""

    def __init__(self, editions: Editions) -> None:
        self.editions = editions
        self._comparison = Comparison(editions, editions, Time(_MINUTE, lambda: 0))
        self._proved: dict[str, Asked] = {}
        self._models: dict[tuple[str, Kind, str], Model] = {}
        self._orders: dict[str, list[Terms]] = {}
        self.checked = 0

    def check(self, event: Event, position: Position) -> list[View]:
        """Assert that the models have *event* at *position* as each edition judges it."""
        found = [*views(event, position, life(self.editions, event, position))]
        for view in found:
            self.checked += 1
            answers = answered(view)
            for of in ("proof", "diff"):
                model = self._model(view, of)
                if model is not None and not (view.is_alone and of == "diff"):
                    self._check(model, view, answers, of)
        return found

    def _model(self, view: View, of: str) -> Model | None:
        edition, kind = view.edition, view.kind
        if of == "proof":
            # Properties are proved of requests alone; a release is one that was held.
            kind = HELD.get(kind, kind)
            if kind in FILLS:
                return None
        key = (edition.hash, kind, of)
        if key not in self._models:
            self._models[key] = self._made(edition, kind, of)
        return self._models[key]

    def _made(self, edition: Edition, kind: Kind, of: str) -> Model:
        if of == "proof":
            asked = self._proved.setdefault(edition.hash, Asked(edition)).of(kind)
            return Model(asked, asked.assumed, "s")
        (asked,) = self._comparison.asked([edition], kind, "r")
        return Model(asked, [*from_zero(any_sums("r.s")), *asked.ties], "r.s")

    def _check(self, model: Model, view: View, answers: Mapping[str, Result], of: str) -> None:
        pins = dict(pinned(model.asked, model.facts(view), view))
        more = self._about(model, view) if of == "diff" else []
        at = model.point([*pins.values()], *more)
        if at is None:
            raise AssertionError(f"{of} of {view.kind}: no such event: {_first(model, pins, more)}")
        kind: Kind = "fill-alone" if view.scope == "all" and view.kind in FILLS else view.kind
        if view.kind == "correct" and view.scope == "fill":
            kind = "fill"
        results = model.results(view, at, kind)
        if view.is_alone:
            results = {name: results[name] for name in answers}
        assert results == answers, f"{of} of {view.kind}: other results"
        if not view.is_alone and view.has == (True, True):
            self._check_claims(model, view, at)
            self._check_passing(model, view, at, [*pins.values(), *more])

    def _check_passing(
        self, model: Model, view: View, at: z3.ModelRef, pins: Sequence[Term]
    ) -> None:
        """Assert that the model approves the event if and only if the engine does."""
        if view.kind == "correct" and view.trade.corrects is None:
            # It stands for what the program denies itself, such as an overrun.
            return
        passes = model.passes(view.kind)
        is_approved = approved(view)
        if z3.is_true(at.eval(passes, True)) == is_approved:
            return
        found = model.point(pins, passes if is_approved else z3.Not(passes))
        assert found is not None, f"{view.kind}: approved is {is_approved}, in the model it is not"

    def _check_claims(self, model: Model, view: View, at: z3.ModelRef) -> None:
        """Assert that a property holds of the event in the model if and only if it does in fact."""
        for claim in claims(view.edition):
            if claim.when is not None or (claim.kind == "cap" and claim.figure is None):
                continue
            facts = dict(view.values())
            is_so = all(
                view.trade.event.side == bound.limit
                if isinstance(bound.limit, str)
                else _is_within(facts[bound.fact], bound.operator, bound.limit)
                for bound in bounds(claim, view.edition)
            )
            assert z3.is_true(at.eval(meets(model.asked, claim), True)) == is_so, claim

    def _about(self, model: Model, view: View) -> list[Term]:
        """Return what a comparison of files assumes besides: the days, and the open order."""
        asked = model.asked
        if view.trade.listing is None or view.kind == "correct":
            return []
        groups = [
            group
            for group in self._comparison.groups(view.kind)
            if group[0].editions[0].hash == view.edition.hash
        ]
        found = [z3.Or([stages.evaluated_in(group, [asked]) for group in groups])]
        before = view.trade.before
        if view.kind in (*REPLACES, "fill") and before is not None:
            real = before.in_play()
            terms = [self._comparison.order(name) for name in IN_PLAY[: len(real)]]
            found += in_play.of_order(asked, terms)
            found += _of_terms(real, terms)
        return found


def _of_terms(real: Sequence[orders.Terms], terms: Sequence[Terms]) -> Iterator[Term]:
    """Yield that the order of an event has its *real* terms: two while a replace is pending."""
    for own, one in zip(real, terms, strict=True):
        yield one.asked.units == own.quantity
        yield one.asked.has_price == (own.price is not None)
        if own.price is not None:
            yield one.asked.price == number(own.price)
        yield one.is_bounded == (own.amount_each is not None and own.fees is not None)
        if not own.places:
            # Of several venues, each has a last day of its own.
            yield one.asked.day("last_date") == own.last_date.toordinal()


def _is_within(value: Exact | None, operator: str, limit: Exact) -> bool:
    if value is None:
        return False
    return value <= limit if operator == "<=" else value >= limit


def answered(view: View) -> dict[str, Result]:
    """Return the result of each rule of the edition of *view*, by the engine."""
    edition = view.edition
    if view.is_alone:
        edition = with_rules(edition, {cap.rule for cap in edition.caps if cap.is_standing})
    return {
        one.rule: "pass" if one.result == "not_applicable" else one.result
        for one in judge(edition, view.scope, view.situation, every_rule=True)
    }


def approved(view: View) -> bool:
    """Return whether the rules of the edition of *view* approve it, and the program itself."""
    proposed, event = view.trade, view.trade.event
    asked = {"release": "release", "release-replace": "release", "replace": "replace"}
    own = own_findings(event, proposed, view.situation.before, Life(view.edition), live=False)
    found: list[Finding] = [one for one in own if one.rule in OF_THE_EVENT]
    found += judge(view.edition, view.scope, view.situation)
    kind = event.kind if view.kind in FILLS else asked.get(view.kind, "order")
    as_asked = Event(kind=kind, id=event.id)
    return outcome_of(as_asked, tuple(found)) == "approved"


def _first(model: Model, pins: Mapping[str, Term], more: Sequence[Term]) -> str:
    """Return the first of *pins* with which the model has no such event."""
    names = [*pins]
    for at in range(len(names)):
        if model.point([pins[name] for name in names[: at + 1]], *more) is None:
            return f"{names[at]} ({at} of {len(names)})"
    return "its order or its days"
