"""The model of a proof has every event that there is, and lets it pass where the engine does.

Random rule files and events: each event that the engine judges is found in the model by its facts,
and passes there exactly where the engine approves it; so does the oracle of `test_verdicts.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import pytest
import z3
from hypothesis import event, given
from hypothesis import strategies as st

from desk_events import Draft, drafts, rules
from repurchase.domain.decisions import Decision
from repurchase.domain.events import JUDGED, Event
from repurchase.evaluation.step import step
from repurchase.facts.fact import Situation
from repurchase.facts.table import TABLE
from repurchase.intake import fields
from repurchase.ledger.fold import after
from repurchase.ledger.position import Position
from repurchase.ledger.trades import Trade, raises, trade
from repurchase.proof.approval import passes
from repurchase.proof.fields import Kind
from repurchase.proof.logic import number
from repurchase.proof.model import Request, any_sums
from repurchase.proof.solver import Term
from repurchase.rulebook.editions import Edition
from strategies import History, histories
from test_verdicts import check_history, coded, loaded

# What the program finds beside the rules of an event in itself; the rest is of its order or of
# the position, and is no concern of what the rules let pass.
OF_THE_EVENT: Final = {
    "engine.unknown-instrument",
    "engine.wrong-rate",
    "engine.sale",
    "engine.unknown-amount",
    "engine.no-rule",
}


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


def pinned(asked: Request, proposed: Trade, position: Position) -> Iterator[Term]:
    """Yield that what is *asked* is what is *proposed* at *position*, fact by fact."""
    situation = Situation(proposed, position, after(position, proposed))
    words = dict(asked.edition.constants.words)
    for name, fact in asked.facts.items():
        value = coded(TABLE[name].of(situation), words)
        yield fact.present == (value is not None)
        if value is not None:
            yield fact.value == number(value)
    yield z3.Or(
        [
            asked.listing == at
            for at, one in enumerate(asked.listings)
            if one is not None and one == proposed.listing
        ]
    )
    side = asked.words["trade.side"]
    if proposed.event.side is not None:
        yield side.is_one(proposed.event.side)
    if proposed.contract is not None and proposed.fx is not None:
        cost = Fraction(proposed.contract) * proposed.fx
        yield asked.cost == number(cost)
        yield asked.paid == number(cost / (proposed.event.quantity or 1))
    yield asked.has_fees == (proposed.event.fees is not None)
    if proposed.event.fees is not None:
        yield asked.fees == number(proposed.event.fees)
    yield asked.otherwise == proposed.is_made_otherwise
    yield asked.has_rate == (proposed.event.fx is not None)
    if proposed.event.fx is not None:
        yield asked.is_even == (proposed.event.fx == 1)


def check(happened: Event, position: Position, edition: Edition, decision: Decision) -> None:
    """Assert that the model has *happened*, and that it passes there where it is approved."""
    proposed = trade(happened, edition.counting, position)
    if happened.kind not in JUDGED or not isinstance(proposed, Trade) or not proposed.counts:
        return
    if happened.kind == "replace" and not raises(proposed):
        return
    if proposed.listing is None or position.halted is not None or proposed.fault is not None:
        assert decision.outcome != "approved"
        return
    kind = kind_of(proposed, happened, position)
    asked = Request(edition, any_sums("s"), "r", kind)
    solver = z3.Solver()
    solver.add([*asked.ties, *pinned(asked, proposed, position)])
    assert solver.check() == z3.sat, (kind, "the model has no such event")
    own = {one.rule for one in decision.findings if one.rule.startswith("engine.")}
    if own - OF_THE_EVENT:
        return
    solver.add(passes(asked))
    event(f"{kind} {decision.outcome}")
    assert (solver.check() == z3.sat) == (decision.outcome == "approved"), kind


@pytest.mark.slow
@given(history=histories(most=5))
def test_model_has_every_event_of_a_log(history: History) -> None:
    """Whatever the rules, z3, the engine and the oracle agree on each order and fill of a log."""
    check_history(history)
    editions = loaded(history.file)
    if editions is None:
        return
    position = Position()
    for row in history.rows:
        happened = fields.event(row)
        edition = editions.of(happened, position)
        taken = step(happened, position, edition)
        check(happened, position, edition, taken.decision)
        position = taken.position


@pytest.mark.slow
@given(plan=st.lists(drafts(), min_size=3, max_size=15))
def test_model_has_every_event_of_a_desk(plan: list[Draft]) -> None:
    """So do a replace, a release and a correct, of what was held or filled in part before."""
    editions, position = rules().editions, Position()
    for count, draft in enumerate(plan):
        happened = draft.event(f"e-{count}", position)
        edition = editions.of(happened, position)
        taken = step(happened, position, edition)
        check(happened, position, edition, taken.decision)
        position = taken.position
