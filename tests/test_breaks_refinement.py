"""Tests of a test: the refinement test finds each model that is stricter than what can arrive.

A model that lacks some events proves too much. Each strictness here is one tie too many: it is
true of usual events, and false of an event that the readers accept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any, Final

import pytest
import z3
from msgspec.structs import replace

import programs
from repurchase.domain import clocks
from repurchase.proof import approval, free, in_play, stages
from repurchase.proof.approval import HELD
from repurchase.proof.fields import OTHER, REPLACES, Kind
from repurchase.proof.model import Request
from repurchase.proof.solver import Term
from repurchase.rulebook.editions import Edition, RuleInForce
from test_prove_events import SEED

Patch = pytest.MonkeyPatch
Tie = Callable[[Request], Term]
# Enough to find each of them; most are found by the first file.
FILES: Final = 60
# The file that finds a strictness soonest, if the first ones take long.
SOONEST: Final = {
    "fills by the method of their order": 4,
    "other fills by a stated method": 13,
    "no day in 1900": 1,
    "a replace that never lowers shares": 4,
    "a replace that raises money": 9,
    "a fill of the shares that were reserved": 4,
    "a fill of the money that was reserved": 4,
    "a fill that closes no unbounded order": 6,
    "the share ratio of the day itself": 3,
    "clocks are never behind": 4,
    "all rules evaluate all": 6,
    "rates have no bounds": 3,
}


def _of(kinds: Sequence[str], tie: Tie) -> Tie:
    """Return *tie* for events of *kinds* alone."""
    return lambda one: tie(one) if one.kind in kinds else z3.BoolVal(True)


def _known(name: str) -> Tie:
    return lambda one: one.facts[name].present


def _grows(one: Request, name: str) -> Term:
    return one.facts[f"{name}_after"].value >= one.facts[name].value


def _day(year: int, month: int, day: int) -> int:
    return date(year, month, day).toordinal()


def _is_named(one: Request, fact: str) -> Term:
    word = one.words[fact]
    return word.chosen != next(at for at, text in enumerate(word.choices) if text.startswith(OTHER))


def _states_its_venue(one: Request) -> Term:
    unnamed = [at for at, (_, venue) in enumerate(one.scope.pairs) if venue is None]
    return z3.And([one.listing != at for at in unnamed])


def _is_of_own_ratio(one: Request) -> Term:
    units = z3.ToReal(one.units)
    return one.shares == one.by_listing(lambda of: units * z3.RealVal(str(of.shares_each)), units)


# The ties that are too many, by what they say of each event of the model.
TIES: Final[dict[str, Tie]] = {
    # The numbers of an event, and what it leaves out.
    "at most a million units": lambda one: one.units <= 10**6,
    "prices below a billion": lambda one: one.price < 10**9,
    "fees below a million": lambda one: one.fees < 10**6,
    "costs of at least one": lambda one: one.cost >= 1,
    "moments to the second": lambda one: z3.IsInt(one.seconds),
    "no market order": lambda one: one.has_price,
    "stated fees": lambda one: one.has_fees,
    "a time of day": lambda one: one.timed,
    "a price and no amount": lambda one: z3.Not(one.has_amount),
    "a rate that is not 1": lambda one: z3.Not(z3.And(one.has_rate, one.is_even)),
    "a rate that is 1 at home": lambda one: z3.Not(one.is_odd),
    "rates within their bounds": lambda one: z3.Not(one.is_out),
    "a stated venue": _states_its_venue,
    "a stated side": lambda one: one.words["trade.side"].chosen >= 0,
    "a broker that rules name": lambda one: _is_named(one, "trade.broker"),
    "fills by the method of their order": lambda one: z3.Not(one.otherwise),
    "other fills by a stated method": _of(
        ("fill", "correct"),
        lambda one: z3.Implies(one.otherwise, one.words["trade.method"].chosen >= 0),
    ),
    # The days.
    "one day on both clocks": lambda one: one.day("date") == one.day("venue_date"),
    "one last day on both clocks": lambda one: one.day("last_date") == one.day("venue_last_date"),
    "orders of at most a year": lambda one: one.day("last_date") <= one.day("date") + 365,
    "no day in 1900": lambda one: one.day("date") >= _day(1901, 1, 1),
    "no day after 2199": lambda one: one.day("last_date") <= _day(2199, 12, 31),
    # What happened that day, and facts from outside.
    "a known number of brokers": _known("day.brokers"),
    "a known number of blocks": _known("day.blocks_after"),
    "shares of a day that never fall": lambda one: _grows(one, "day.executed_shares"),
    "facts of a day that a correct leaves unknown": _of(
        ("correct",),
        lambda one: z3.Implies(_known("day.brokers_after")(one), _known("day.brokers")(one)),
    ),
    "a day on which a replace orders its quantity": _of(
        REPLACES,
        lambda one: (
            one.facts["day.ordered_shares_after"].value
            <= one.facts["day.ordered_shares"].value + one.shares
        ),
    ),
    "minutes after the opening": lambda one: one.facts["market.minutes_from_open"].value >= 0,
    "a known closed period": _known("issuer.closed_period"),
    # The sums.
    "known shares": _known("program.shares_after"),
    "money that is known before": _known("program.amount"),
    "a replace that never lowers shares": _of(REPLACES, lambda one: one.more[0] >= 0),
    "a replace that raises money": _of(REPLACES, lambda one: one.more[1] > 0),
    "a fill of the shares that were reserved": _of(("fill",), lambda one: one.more[0] == 0),
    "a fill of the money that was reserved": _of(("fill",), lambda one: one.more[1] == 0),
    "a correct that never lowers shares": _of(("correct",), lambda one: one.more[0] >= 0),
    "a correct that never lowers money": _of(("correct",), lambda one: one.more[1] >= 0),
    "a fill that closes no unbounded order": lambda one: z3.Not(z3.Bool(f"{one.name}.closes")),
    "a correct that settles no shares": lambda one: z3.Not(z3.Bool(f"{one.name}.settles_s")),
    "a correct that settles no amount": lambda one: z3.Not(z3.Bool(f"{one.name}.settles_a")),
    "the share ratio of the day itself": _is_of_own_ratio,
}


def clocks_are_never_ahead(patch: Patch) -> None:
    """The authorization's clock never shows a later day than the venue's."""
    whole = clocks.ahead
    patch.setattr(free, "ahead", lambda *both: tuple(one for one in whole(*both) if one.days <= 0))


def clocks_are_never_behind(patch: Patch) -> None:
    """The authorization's clock never shows an earlier day than the venue's."""
    whole = clocks.ahead
    patch.setattr(free, "ahead", lambda *both: tuple(one for one in whole(*both) if one.days >= 0))


def all_rules_evaluate_all(patch: Patch) -> None:
    """Rules `at: fill` evaluate orders, too."""
    patch.setattr(approval, "evaluating", lambda edition, _: list(edition.rules))


def rates_have_no_bounds(patch: Patch) -> None:
    """A rate outside its bounds is approved."""
    patch.setattr(Request, "_is_out", lambda _: z3.BoolVal(False))


def flags_deny(patch: Patch) -> None:
    """A `flag` rule must pass."""
    whole = approval.evaluating

    def evaluating(edition: Edition, kind: Kind) -> list[RuleInForce]:
        return [replace(one, rule=replace(one.rule, effect="deny")) for one in whole(edition, kind)]

    patch.setattr(approval, "evaluating", evaluating)


def releases_are_reviewed(patch: Patch) -> None:
    """A `review` rule must pass for a release, as it must for an order."""
    whole = approval.passes

    def passes(request: Request, kind: Kind | None = None) -> Term:
        asked = kind or request.kind
        return whole(request, HELD.get(asked, asked))

    patch.setattr(approval, "passes", passes)


def later_editions_judge_nothing(patch: Patch) -> None:
    """Only the edition in force on its day judges a request."""
    whole = stages.evaluated_in

    def evaluated_in(group: Any, asked: Sequence[Request]) -> Term:
        days = [
            z3.And(
                asked[0].day("date") >= stage.period.first.toordinal(),
                asked[0].day("date") <= stage.period.last.toordinal(),
            )
            for stage in group
        ]
        return z3.And(whole(group, asked), z3.Or(days))

    patch.setattr(stages, "evaluated_in", evaluated_in)


def _of_orders(patch: Patch, tie: Callable[[Request, Request], Term]) -> None:
    """Tie each fill and replace also to the terms of its order."""
    whole = in_play.of_order

    def of_order(one: Request, terms: Any) -> list[Term]:
        return [*whole(one, terms), *(tie(one, own.asked) for own in terms)]

    patch.setattr(in_play, "of_order", of_order)


PATCHES: Final = (
    clocks_are_never_ahead,
    clocks_are_never_behind,
    all_rules_evaluate_all,
    rates_have_no_bounds,
    flags_deny,
    releases_are_reviewed,
    later_editions_judge_nothing,
)


def _tied(patch: Patch, tie: Tie) -> None:
    """Make *tie* true of every event of the model."""
    whole = Request.__init__

    def init(one: Request, *args: Any, **named: Any) -> None:
        whole(one, *args, **named)
        one.ties.append(tie(one))
        one.assumed = (*one.assumed, tie(one))

    patch.setattr(Request, "__init__", init)


# Those that only many histories find.
LONG: Final = (
    "a day on which a replace orders its quantity",
    "other fills by a stated method",
    "a correct that settles no shares",
    "facts of a day that a correct leaves unknown",
    "releases are reviewed",
)


def _strictnesses() -> Iterator[Any]:
    patches = {one.__name__.replace("_", " "): one for one in PATCHES}
    ties = {name: (lambda patch, tie=tie: _tied(patch, tie)) for name, tie in TIES.items()}
    for name, strict in (ties | patches).items():
        marks = [pytest.mark.long] if name in LONG else []
        yield pytest.param(strict, SOONEST.get(name, 0), id=name, marks=marks)


@pytest.mark.slow
@pytest.mark.parametrize(("strict", "soonest"), [*_strictnesses()])
def test_strictness_is_found(
    strict: Callable[[Patch], None], soonest: int, monkeypatch: Patch
) -> None:
    """Some event that the readers accept is not in the model, or passes it only in the engine."""
    strict(monkeypatch)
    with pytest.raises(AssertionError, match=r"no such event|in the model it is not"):
        programs.run(SEED, (soonest, *range(FILES)))
