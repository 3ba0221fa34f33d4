"""Tests of the tests: the machines and the tests of the desk find what is broken on purpose."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

import test_desk
import test_journal
from chance import run_machine
from desk_breaks import BREAKS
from repurchase.domain.errors import JournalError, RepurchaseError
from repurchase.journal import book, desk
from stores import Store
from test_desk_machine import KEEP_EVERY, Interrupted, Program, loading_once

# Enough to find each many times over; a failure ends it.
EXAMPLES: Final = 400
STEPS: Final = 25
FOUND_BY: Final = {
    "never_commits": Program,
    "answers_before_commit": Interrupted,
    "ids_not_looked_up": Program,
    "position_kept_after_failure": Interrupted,
    "others_not_read": Program,
    "refusal_changes": Program,
    "retry_judged_anew": Program,
    "order_reserves_nothing": Program,
    "breach_does_not_halt": Program,
    "cancel_keeps_its_money": Program,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FOUND_BY)
def test_machine_finds_what_is_broken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A desk that breaks one promise fails the state machine."""
    monkeypatch.setattr(book, "KEEP_EVERY", KEEP_EVERY)
    monkeypatch.setattr(desk, "KEEP_EVERY", KEEP_EVERY)
    monkeypatch.setattr(book, "load_text", loading_once())
    BREAKS[name](monkeypatch.setattr)
    # Not any exception: a break that no longer fits the desk would be one too.
    with pytest.raises((AssertionError, RepurchaseError, pytest.fail.Exception)):
        run_machine(FOUND_BY[name], EXAMPLES, STEPS)


def test_trusted_snapshot_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kept position that is taken as it is fails the test that keeps that of another chain."""
    monkeypatch.setattr(book, "KEEP_EVERY", 5)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    BREAKS["snapshot_trusted"](monkeypatch.setattr)
    store = Store("sqlite", str(tmp_path / "journal.db"))
    with pytest.raises((AssertionError, JournalError)):
        test_journal.test_kept_position_of_another_chain_is_not_believed(store, monkeypatch)


def test_unchecked_chain_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records that are believed as they are fail the test that changes one."""
    BREAKS["chain_not_checked"](monkeypatch.setattr)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test_journal.test_opening_refuses_a_broken_chain(
            Store("sqlite", str(tmp_path / "journal.db")), "link"
        )


def test_orders_of_a_halted_program_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A halt that stops no order fails the test that asks for one."""
    BREAKS["halted_orders_pass"](monkeypatch.setattr)
    with pytest.raises(AssertionError):
        test_desk.test_events_are_answered_as_they_should_be(
            Store("sqlite", str(tmp_path / "journal.db"))
        )


def test_lost_ids_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A desk that looks up no ids fails the test that sends events again."""
    BREAKS["ids_not_looked_up"](monkeypatch.setattr)
    with pytest.raises(Exception, match="UNIQUE constraint failed"):
        test_desk.test_same_event_again_has_the_same_answer(
            Store("sqlite", str(tmp_path / "journal.db")), reopened=False, adopted=False
        )
