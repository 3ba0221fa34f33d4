"""Tests of the tests: each promise of the service's door is broken once, and its test fails."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

import services
import test_service as reads
import test_service_access as doors
import test_service_document as documents
import test_service_hostile as hostile
import test_service_writer as writers
from service_breaks import BREAKS
from services import serving
from stores import Store

Test = Callable[[Path, Store], None]
ORDERS: Final = ("GET", "/v1/orders")
TOKENS: Final = ("GET", "/v1/tokens")


def _stranger(name: str) -> Test:
    """Return the test that a stranger of this sort gets no answer."""

    def test(folder: Path, _: Store) -> None:
        with doors.guarded(folder) as running:
            doors.test_stranger_gets_no_answer(running, ORDERS, name)

    return test


def _roles(folder: Path, _: Store) -> None:
    with doors.guarded(folder) as running:
        admin = frozenset(("admin",))
        doors.test_route_is_for_its_roles_alone(running, TOKENS, admin, "trader")


def _kinds(folder: Path, _: Store) -> None:
    with doors.guarded(folder) as running:
        doors.test_kind_of_event_is_for_its_roles_alone(running, "release")


def _programs(folder: Path, _: Store) -> None:
    with doors.guarded(folder) as running:
        doors.test_key_of_another_program_opens_nothing_of_this_one(running, ORDERS)


def _secrets(folder: Path, _: Store) -> None:
    with doors.guarded(folder) as running:
        doors.test_listed_keys_have_no_secret(running)


def _bodies(folder: Path, store: Store) -> None:
    with serving(folder, store.url, "--patience", "1") as running:
        writers.test_body_that_is_too_long_is_refused_before_it_is_read(running)


def _heads(folder: Path, store: Store) -> None:
    flood = b"".join(b"X-%d: 1\r\n" % number for number in range(101))
    with serving(folder, store.url, "--patience", "1") as running:
        writers.test_flood_of_headers_is_ended(running, flood)


def _rows(folder: Path, store: Store) -> None:
    with serving(folder, store.url, "--patience", "1") as running:
        running.submit(**services.order("o-1"))
        hostile.test_request_before_a_wrong_one_has_its_own_answer(running)


def _lines(folder: Path, store: Store) -> None:
    with serving(folder, store.url) as running:
        reads.test_lines_of_events_are_recorded_together_or_not_at_all(running)


def _document(role: str) -> Test:
    """Return the test that asks, as this role, whether the document is kept to."""

    def test(folder: Path, store: Store) -> None:
        with serving(folder, store.url, "--rate", "100000") as running:
            documents.test_document_is_kept_to(running, role)

    return test


# Tests that run elsewhere as they run here, and take long.
DOCUMENTS: Final = {role: _document(role) for role in ("trader", "none")}
# Each break, and the tests that must notice it.
NOTICED: Final[tuple[tuple[str, Test], ...]] = (
    ("roles_are_ignored", _roles),
    ("roles_are_ignored", _kinds),
    ("key_is_not_needed", _stranger("none")),
    ("key_is_not_needed", DOCUMENTS["trader"]),
    ("problems_are_plain_text", DOCUMENTS["none"]),
    ("expiry_is_ignored", _stranger("expired")),
    ("revocation_is_ignored", _stranger("revoked")),
    ("programs_are_ignored", _programs),
    ("proxy_may_be_anywhere", _stranger("forged")),
    ("event_says_who_sent_it", doors.test_record_names_whose_key_it_was),
    ("anybody_is_local", doors.test_without_keys_only_this_machine_is_let_in),
    ("rate_is_unlimited", doors.test_key_that_sends_too_much_waits),
    ("body_is_unbounded", _bodies),
    ("head_is_unbounded", _heads),
    ("wrong_request_is_answered_first", _rows),
    ("answers_before_commit", writers.test_disk_that_is_full_is_told_and_comes_back),
    ("queue_is_unbounded", writers.test_queue_that_is_full_takes_nothing),
    ("batch_is_recorded_by_halves", _lines),
    ("retry_is_recorded_again", reads.test_what_is_answered_is_recorded),
    ("token_is_logged", _secrets),
)


def test_every_break_has_its_test() -> None:
    """None is left out."""
    assert {name for name, _ in NOTICED} == BREAKS.keys()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "test"), NOTICED, ids=lambda one: one if type(one) is str else "")
def test_break_is_noticed(
    tmp_path: Path, sqlite: Store, monkeypatch: pytest.MonkeyPatch, name: str, test: Test
) -> None:
    """The test fails with the broken service, and not before it asks."""
    broken = (sys.executable, str(Path(__file__).with_name("service_breaks.py")), name)
    monkeypatch.setattr(services, "CALLED", broken)
    with pytest.raises(AssertionError):
        test(tmp_path, sqlite)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "test"), [one for one in NOTICED if one[1] not in DOCUMENTS.values()]
)
def test_what_is_not_broken_passes(tmp_path: Path, sqlite: Store, name: str, test: Test) -> None:
    """The same tests fail for the breaks alone."""
    assert name in BREAKS
    test(tmp_path, sqlite)
