"""Two drawn rule files compared: nothing that is proved of both is disproved by random events.

The files have dated terms and rules, a share ratio that changes, a margin, fees, and rules for
fills alone. A desk receives the events, and adopts the other file whenever it likes. Fills are
reported late, at another rate or price than their order's, and with more fees.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import date
from fractions import Fraction
from typing import Final, NamedTuple

import pytest
import z3
from hypothesis import event as seen
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from desk_events import AMENDED, RULES, Draft, drafts
from refinement import OF_THE_EVENT, kind_of, pinned, view_of
from repurchase.domain.calendars import day_at, zone
from repurchase.domain.decisions import Decision
from repurchase.domain.errors import RuleFileError
from repurchase.domain.events import JUDGED, Event
from repurchase.domain.quantities import date_number, simplest
from repurchase.evaluation.step import Step, is_breach, step
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade, at_each_venue, raises, trade
from repurchase.proof.apart import Aspect
from repurchase.proof.approval import halts, passes
from repurchase.proof.diff import Comparison
from repurchase.proof.equal import same
from repurchase.proof.fields import Kind
from repurchase.proof.in_play import IN_PLAY, Terms, of_order
from repurchase.proof.model import Request, any_sums, from_zero
from repurchase.proof.solver import Time
from repurchase.proof.stages import Group, evaluated_in
from repurchase.rulebook.editions import Editions, load_text
from repurchase.rulebook.life import life

# What the tests' program may have instead, one of each.
RATIOS: Final = (
    "per_share: 4, ",
    "per_share: [{value: 4, until: 2008-11-30}, {value: 2, from: 2008-12-01}], ",
    "per_share: [{value: 2, until: 2008-11-17}, {value: 4, from: 2008-11-18}], ",
    "per_share: [{value: 4, until: 2008-11-30}, {value: 1, from: 2008-12-01, known: 2008-11-18}], ",
)
BASES: Final = ("amount_basis: with_fees\n", "")
CAPS: Final = (
    "{value: 60 shares, from: 2008-12-01, known: 2008-11-20}",
    "{value: 20 shares, from: 2008-12-01, known: 2008-11-18}",
    "{value: 20 shares, from: 2008-12-01}",
)
REQUIRED: Final = (
    "trade.units <= 4",
    "trade.units <= 8",
    "trade.shares <= 2 shares",
    "trade.shares <= 4 shares",
    "trade.price_per_share <= JPY 999",
    "trade.amount <= JPY 2000",
    "trade.amount <= JPY 2040",
    "trade.date >= 2008-11-18",
    "trade.date >= 2008-12-01",
    "trade.last_date <= 2008-12-01",
    "trade.venue_date <= 2008-12-01",
    "trade.method == auction",
    "trade.broker == north",
    "trade.share_class == ads",
    "trade.price <= market.day_high",
    "program.shares_after <= 30 shares",
    "program.shares_after <= program.shares",
    "program.amount_after + 1% * trade.amount <= program.amount",
    "program.amount_after >= program.amount - JPY 10",
    "program.reserved_amount >= trade.amount",
    "day.executed_shares_after <= 4 shares",
    "day.ordered_shares_after <= 10 shares",
)
WHENS: Final = (None, "trade.venue_time >= 00:00", "trade.share_class == ads")
VALIDITIES: Final = ("", "", "from: 2008-12-01, ", "until: 2008-11-30, ", "known: 2008-11-18, ")
EFFECTS: Final = ("deny", "deny", "deny", "deny", "review")


class Rule(NamedTuple):
    """A rule that a drawn file has beside those of the tests' program."""

    required: str
    at: str
    effect: str
    when: str | None
    validity: str

    def text(self, name: str) -> str:
        """Return it as a line of a rule file, called *name*."""
        when = "" if self.when is None else f'when: "{self.when}", '
        rest = f'at: {self.at}, effect: {self.effect}, {when}require: "{self.required}"'
        return f"  - {{id: {name}, {self.validity}{rest}}}\n"


class Drawn(NamedTuple):
    """What a drawn file says; an edit replaces one part of it."""

    ratio: str
    basis: str
    cap: str
    rules: tuple[Rule, ...]

    def editions(self) -> Editions | None:
        """Return its editions; `None` if it does not load."""
        text = RULES.replace(RATIOS[0], self.ratio).replace(BASES[0], self.basis)
        text = text.replace(CAPS[0], self.cap)
        text += "".join(rule.text(f"drawn-{at}") for at, rule in enumerate(self.rules))
        try:
            return load_text(text.encode(), "drawn.yaml")
        except RuleFileError:
            return None


RULE: Final = st.builds(
    Rule,
    st.sampled_from(REQUIRED),
    st.sampled_from(("fill", "fill", "order", "both")),
    st.sampled_from(EFFECTS),
    st.sampled_from(WHENS),
    st.sampled_from(VALIDITIES),
)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Drawn, Drawn]:
    """Draw a file, and the same file after an edit."""
    old = Drawn(
        draw(st.sampled_from(RATIOS)),
        draw(st.sampled_from(BASES)),
        draw(st.sampled_from(CAPS)),
        tuple(draw(st.lists(RULE, min_size=1, max_size=2))),
    )
    at = draw(st.integers(0, len(old.rules) - 1))
    first, last = old.rules[:at], old.rules[at + 1 :]
    edited = old.rules[at]
    how = draw(
        st.sampled_from(("gone", "gone", "required", "at", "when", "when", "validity", "cap"))
    )
    if how == "gone":
        return old, old._replace(rules=(*first, *last))
    if how == "cap":
        return old, old._replace(cap=draw(st.sampled_from(CAPS)))
    other = getattr(draw(RULE), how)
    return old, old._replace(rules=(*first, edited._replace(**{how: other}), *last))


class Told(NamedTuple):
    """How an event differs from its draft, and which file the desk uses from then on."""

    draft: Draft
    fees: Fraction
    dearer: Fraction
    is_amount: bool
    high: int | None
    adopted: int

    def event(self, name: str, position: Position) -> Event:
        """Return it as an event called *name* at *position*."""
        event = self.draft.event(name, position)
        if event.kind in JUDGED and self.high is not None:
            event = structs.replace(event, outside={"market.day_high": self.high})
        if event.kind not in ("fill", "correct"):
            return event
        changes: dict[str, object] = {}
        if event.fx is not None:
            changes["fx"] = simplest(event.fx * self.dearer)
        if event.fees is not None:
            changes["fees"] = simplest(event.fees + self.fees)
        if event.price is not None:
            changes["price"] = simplest(event.price * (2 - self.dearer))
            if self.is_amount and event.quantity is not None:
                changes["amount"] = simplest(event.price * event.quantity)
                changes["price"] = simplest(event.price * 2)
        return structs.replace(event, **changes)


def told(kind: str) -> st.SearchStrategy[Told]:
    """Draw an event of *kind*, mostly one that the tests' program approves."""
    draft = st.builds(
        Draft,
        kind=st.just(kind),
        pick=st.sampled_from((1, 3, 4, 4, 5)),
        is_ads=st.booleans(),
        quantity=st.sampled_from((2, 4, 4, 8)),
        price=st.sampled_from((10, 999, 1_000)),
        fx=st.sampled_from((100, 100, 98)),
        fees=st.sampled_from((0, 5)),
        day=st.sampled_from(DAYS),
        timed=st.sampled_from((False, False, True)),
        method=st.sampled_from(("auction", "auction", "block")),
        broker=st.sampled_from(("north", "north", "south")),
        by=st.sampled_from(("ann", "bob")),
        lasting=st.sampled_from((0, 14, 60)),
        slip=st.none(),
    )
    return st.builds(
        Told,
        draft,
        st.sampled_from((Fraction(0), Fraction(0), Fraction(1, 2), Fraction(7))),
        st.sampled_from((Fraction(1), Fraction(1), Fraction(101, 100), Fraction(102, 100))),
        st.sampled_from((False, False, False, True)),
        st.sampled_from((None, 10, 1_000)),
        st.sampled_from((0, 1)),
    )


# On both sides of what changes, and fills may be reported late.
DAYS: Final = (date(2008, 11, 17), date(2008, 11, 18), date(2008, 11, 24), AMENDED)
ANY: Final = st.builds(
    Told,
    drafts(),
    st.just(Fraction(0)),
    st.just(Fraction(1)),
    st.just(value=False),
    st.just(10),
    st.sampled_from((0, 1)),
)
# An order that fills and is corrected, one that is replaced while it is open, and whatever else.
PLANS: Final = st.one_of(
    st.tuples(*map(told, ("order", "fill", "correct", "correct", "fill"))),
    st.tuples(*map(told, ("order", "replace", "replaced", "fill", "order"))),
    st.tuples(*map(told, ("order", "order", "fill", "replace", "fill", "correct"))),
    st.lists(ANY, min_size=5, max_size=15),
)


class Claims:
    """What is proved of two files, each when it is first asked for."""

    def __init__(self, old: Editions, new: Editions) -> None:
        self._files = (old, new)
        self._comparison = Comparison(old, new, Time(600_000, time.monotonic_ns))
        self._never: dict[tuple[Kind, int], bool] = {}
        self._same: bool | None = None

    def is_never(self, kind: Kind, which: int) -> bool:
        """Return whether file *which* is proved to permit no *kind* that the other does not."""
        key = (kind, which)
        if key not in self._never:
            of = self._comparison
            self._never[key] = of.is_comparable and all(
                of.is_never(group, kind, which) for group in of.groups(kind)
            )
        return self._never[key]

    def is_same(self) -> bool:
        """Return whether both files are proved to give the same findings."""
        if self._same is None:
            self._same = same(*self._files, time.monotonic_ns, 600_000)
        return self._same


def permitted(now: Step, live: Step, kind: Kind) -> dict[Aspect, bool]:
    """Return in what one file permits an event of *kind*, in a log and at a desk."""
    found: dict[Aspect, bool] = {"approved": now.decision.outcome == "approved"}
    if kind in ("fill", "correct"):
        found["halted"] = not is_breach(live.decision.findings)
    return found


def check(now: Told, name: str, position: Position, files: list[Editions], of: Claims) -> Position:
    """Assert that both files decide *now* as is proved; return the position after it."""
    event = now.event(name, position)
    lives = [life(one, event, position) for one in files]
    steps = [step(event, position, one) for one in lives]
    asked = trade(event, lives[0].edition.counting, position, lives[0].counting)
    if isinstance(asked, Trade) and event.kind in JUDGED and asked.counts:
        kind = kind_of(asked, event, position)
        live = [step(event, position, one, live=True) for one in lives]
        each = [permitted(*both, kind) for both in zip(steps, live, strict=True)]
        for aspect in each[0]:
            if each[0][aspect] != each[1][aspect]:
                seen(f"{kind} differs: {[of for of in each[0] if each[0][of] != each[1][of]]}")
                assert not of.is_never(kind, int(each[1][aspect])), (kind, aspect)
    old, new = (one.decision for one in steps)
    if found(old) != found(new):
        assert not of.is_same()
    return steps[now.adopted].position


def found(decision: Decision) -> list[tuple[str, str]]:
    """Return the rules that do not pass, with their results."""
    return [(one.rule, one.result) for one in decision.findings]


@pytest.mark.slow
@given(
    drawn=pairs(),
    plans=st.lists(PLANS, min_size=12, max_size=12),
)
def test_no_event_is_against_what_is_proved_of_two_files(
    drawn: tuple[Drawn, Drawn], plans: list[Sequence[Told]]
) -> None:
    """Whatever a desk meets under either file, no event differs in a way that is proved never."""
    old, new = (one.editions() for one in drawn)
    if old is None or new is None:
        return
    claims = Claims(old, new)
    for plan in plans:
        position = Position()
        for count, now in enumerate(plan):
            position = check(now, f"e-{count}", position, [old, new], claims)


@pytest.mark.slow
@given(drawn=pairs(), plan=PLANS)
def test_comparison_has_every_event_of_a_desk(
    drawn: tuple[Drawn, Drawn], plan: Sequence[Told]
) -> None:
    """Each event is in the model, with the order that it is about, and is decided there alike."""
    old, new = (one.editions() for one in drawn)
    if old is None or new is None:
        return
    comparison = Comparison(old, new, Time(600_000, time.monotonic_ns))
    position = Position()
    orders: dict[str, Event] = {}
    for count, now in enumerate(plan):
        event = now.event(f"e-{count}", position)
        its = life((old, new)[now.adopted], event, position)
        asked = trade(event, its.edition.counting, position, its.counting)
        if comparison.is_comparable and isinstance(asked, Trade) and _is_evaluated(asked, event):
            live = step(event, position, its, live=True)
            # The model has an order of several venues as it is at each of them.
            for there in at_each_venue(asked, its.edition.counting):
                moment = Moment(event, there, position, comparison, now.adopted)
                moment.check(its.edition.hash, live.decision, orders.get(event.order or ""))
        orders[event.id] = event
        position = step(event, position, its).position


def _is_evaluated(asked: Trade, event: Event) -> bool:
    """Return whether rules evaluate *asked*, and nothing but them decides."""
    is_plain = event.kind in JUDGED and asked.counts and asked.listing is not None
    return is_plain and asked.fault is None and (event.kind != "replace" or raises(asked))


class Moment(NamedTuple):
    """An *event*, as it is *asked* at a *position* of file *which* of a *comparison*."""

    event: Event
    asked: Trade
    position: Position
    comparison: Comparison
    which: int

    def check(self, edition: str, decision: Decision, order: Event | None) -> None:
        """Assert that the model has the event of *order*, and decides it as the *edition* did."""
        kind = kind_of(self.asked, self.event, self.position)
        groups = (
            group
            for group in self.comparison.groups(kind)
            if group[0].editions[self.which].hash == edition
        )
        models = (self.in_z3(group, kind, order) for group in groups)
        found_ = next((one for one in models if one[0].check() == z3.sat), None)
        assert found_ is not None, f"the model has no such {kind}"
        seen(f"{kind} {decision.outcome}")
        if kind in ("fill", "correct"):
            solver, request = found_
            own = {one.rule for one in decision.findings if one.rule.startswith("engine.")}
            assert not own - OF_THE_EVENT
            is_approved = solver.check(passes(request)) == z3.sat
            assert is_approved == (decision.outcome == "approved")
            assert (solver.check(halts(request)) == z3.sat) == is_breach(decision.findings)

    def in_z3(self, group: Group, kind: Kind, order: Event | None) -> tuple[z3.Solver, Request]:
        """Return what the model says of the event of *order* in *group*, and the request."""
        both = self.comparison.asked(group[0].editions, kind, "r")
        solver = z3.Solver()
        solver.add([*from_zero(any_sums("r.s")), *both[0].ties, *both[1].ties])
        model = both[self.which]
        view = view_of(self.asked, kind, self.position, model.edition)
        solver.add([term for _, term in pinned(model, model.facts, view)])
        if kind != "correct":
            solver.add(evaluated_in(group, both))
        if kind in ("fill", "replace", "release-replace"):
            terms = [self.comparison.order(name) for name in IN_PLAY]
            solver.add(of_order(both[0], terms))
            solver.add([*self._pinned(terms, order)])
        return solver, model

    def _pinned(self, terms: Sequence[Terms], order: Event | None) -> Iterator[z3.BoolRef]:
        """Yield that *terms* are those of *order*, if nothing has changed it."""
        own = self.asked.before
        if own is None or own.asked is not None or own.terms.event != order:
            return
        day = day_at(order.time, zone("Asia/Tokyo")) if order.time else order.date
        assert day is not None
        for one in terms:
            yield one.asked.day("date") == date_number(day)
            yield one.asked.day("last_date") == date_number(own.terms.last_date)
            yield one.asked.units == own.terms.quantity
