"""The model of a proof has every event that there is, and lets it pass where the engine does.

Random rule files and events: each event that the engine judges is found in the model by its facts,
under each edition that judges it, and passes there if and only if the engine approves it.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import pytest
import z3
from hypothesis import event, given, settings
from hypothesis import strategies as st

import programs
from desk_events import Draft, drafts, rules
from refinement import Refinement
from repurchase.evaluation.step import step
from repurchase.intake import fields
from repurchase.ledger.fold import counting
from repurchase.ledger.position import Position
from repurchase.proof.approval import passes
from repurchase.proof.claims import bounds, claims
from repurchase.proof.diff import KINDS
from repurchase.proof.fields import Kind
from repurchase.proof.model import Request, any_sums, from_zero
from repurchase.rulebook.editions import load_text
from repurchase.rulebook.life import Life, life
from strategies import History, histories
from test_prove import SOUND
from test_verdicts import check_history, loaded


@pytest.mark.slow
def test_model_has_every_event_that_the_readers_accept() -> None:
    """Each event of random histories, and each edition that judges it, is in the models."""
    seen = programs.run(1, range(5), histories=8)
    assert seen["events"] > 200
    assert seen["by a later edition"] > 20


# The seed of the files that also find each strictness of test_breaks_refinement.py.
SEED: Final = 2


@pytest.mark.slow
def test_model_has_every_event_of_many_programs() -> None:
    """Events of each kind and outcome are among them, so that the test is not empty."""
    seen = programs.run(SEED, range(12))
    assert set(seen) >= {
        "order approved",
        "order denied",
        "order held",
        "replace approved",
        "replace denied",
        "release approved",
        "release denied",
        "fill approved",
        "fill denied",
        "fill-alone approved",
        "correct approved",
        "correct denied",
        "not listed",
        "by a later edition",
        "at another venue",
        "within, elsewhere",
    }
    assert seen["events"] > 2_000


@pytest.mark.slow
@settings(max_examples=15)
@given(seed=st.integers(0))
def test_model_has_every_event_of_any_program(seed: int) -> None:
    """So it is with other files and histories."""
    for what in programs.run(seed, range(1), histories=4):
        event(what)


@pytest.mark.slow
@given(history=histories(most=5))
def test_model_has_every_event_of_a_log(history: History) -> None:
    """Whatever the rules, z3, the engine and the oracle agree on each order and fill of a log."""
    check_history(history)
    editions = loaded(history.file)
    if editions is None:
        return
    refinement = Refinement(editions)
    position = counting(Position(), editions.authorization.kept())
    for row in history.rows:
        happened = fields.event(row)
        refinement.check(happened, position)
        position = step(happened, position, Life(editions.of(happened, position))).position


@pytest.mark.slow
@given(plan=st.lists(drafts(), min_size=3, max_size=15))
def test_model_has_every_event_of_a_desk(plan: list[Draft]) -> None:
    """So do a replace, a release and a correct, of what was held or filled in part before."""
    editions, position = rules().editions, Position()
    refinement = of_desk()
    for count, draft in enumerate(plan):
        happened = draft.event(f"e-{count}", position)
        refinement.check(happened, position)
        position = step(happened, position, life(editions, happened, position)).position


@cache
def of_desk() -> Refinement:
    return Refinement(rules().editions)


# -- the model is not empty -----------------------------------------------------------------------

SUMS: Final = ("program.shares_after", "program.amount_after")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_event_can_pass_at_each_boundary(kind: Kind) -> None:
    """Of a sound file, an event of each kind passes that uses each cap to the last, each day too.

    A model in which no event passes would prove everything.
    """
    (edition,) = load_text(SOUND.encode(), "sound.yaml").all()
    asked = Request(edition, any_sums("s"), "r", kind)
    solver = z3.Solver()
    solver.add([*from_zero(any_sums("s")), *asked.ties, passes(asked)])
    found = [bound for claim in claims(edition) for bound in bounds(claim, edition)]
    at_bounds = [
        asked.facts[bound.fact].value == z3.RealVal(str(bound.limit))
        for bound in found
        if not isinstance(bound.limit, str)
    ]
    assert len(at_bounds) >= len(SUMS)
    for at_bound in at_bounds:
        assert solver.check(at_bound) == z3.sat, at_bound
    assert solver.check(asked.words["trade.side"].is_one("buy")) == z3.sat
