"""The map of a stored position whose values are read when they are asked for, and the desk's close.

The map must do all that the ledger asks of a plain one, whatever is still unread.
"""

from __future__ import annotations

import threading
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rpds import HashTrieMap

from desk_events import PROGRAM, clock, order, roomy_rules, rules
from repurchase.audit.verify import verify
from repurchase.domain.errors import JournalError
from repurchase.evaluation.step import step
from repurchase.journal import book, desk
from repurchase.journal.book import stored_book
from repurchase.journal.desk import Desk
from repurchase.journal.seen import snapshot
from repurchase.journal.snapshot import StoredMap, position_bytes, read_position
from repurchase.ledger.position import Position
from repurchase.rulebook.life import life
from stores import Store

NAMES: Final = st.sampled_from("abcdefgh")
CHANGES: Final = st.one_of(
    st.tuples(st.just("insert"), NAMES, st.integers()),
    st.tuples(st.just("remove"), NAMES, st.none()),
    st.tuples(st.just("update"), st.dictionaries(NAMES, st.integers(), max_size=3), st.none()),
    st.tuples(st.just("read"), NAMES, st.none()),
)


def both(plain: dict[str, int]) -> tuple[StoredMap[int], HashTrieMap[str, int]]:
    """Return *plain* as a stored map and as a map of the ledger."""
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in plain.items()}
    return StoredMap(raw, lambda one: msgspec.json.decode(one, type=int)), HashTrieMap(plain)


def changed(found: Any, kind: str, name: Any, value: Any) -> Any:
    """Return the map *found* after a change; `KeyError` if it raises one."""
    try:
        if kind == "insert":
            return found.insert(name, value)
        if kind == "read":
            return found if found[name] == found.get(name) else None
        return getattr(found, kind)(name)
    except KeyError:
        return KeyError


@given(st.dictionaries(NAMES, st.integers()), st.lists(CHANGES, max_size=12))
def test_stored_map_does_what_a_plain_one_does(plain: dict[str, int], changes: list[Any]) -> None:
    """After any changes both hold the same, and an earlier state of neither has changed."""
    stored, usual = both(plain)
    first = stored
    for change in changes:
        after, expected = changed(stored, *change), changed(usual, *change)
        assert (after is KeyError) == (expected is KeyError)
        if after is KeyError:
            continue
        stored, usual = after, expected
        assert dict(stored) == dict(usual)
        assert len(stored) == len(usual)
        assert {name for name in "abcdefgh" if name in stored} == set(usual)
        assert stored == usual
        assert usual == stored
        written = msgspec.json.encode(dict(stored.unread()), order="deterministic")
        assert written == msgspec.json.encode(dict(usual), order="deterministic")
    assert dict(first) == plain


def test_equal_stored_maps_have_equal_hashes() -> None:
    """A stored map may be a key, as a plain one may."""
    one, _ = both({"a": 1})
    other, _ = both({})
    assert one == other.insert("a", 1)
    assert hash(one) == hash(other.insert("a", 1))
    assert repr(one) == "StoredMap({'a': 1})"


def test_value_that_cannot_be_read_is_an_error_when_it_is_asked_for() -> None:
    """What is wrong in one order decides nothing, and leaves no traceback."""
    stored = StoredMap({"o1": msgspec.Raw(b'{"state": 1}')}, msgspec.json.Decoder(int).decode)
    assert "o1" in stored
    with pytest.raises(JournalError, match="the stored position cannot be read"):
        stored.get("o1")


def test_order_that_was_not_asked_for_is_copied_unread() -> None:
    """The next snapshot has the same bytes as one of a position that was read whole."""
    position = Position()
    for number in range(4):
        event = order(f"o{number}", date=date(2008, 11, 17) + timedelta(number), expires=None)
        its = life(rules().editions, event, position)
        position = step(event, position, its, live=True).position
    again = read_position(position_bytes(position))
    assert position_bytes(again) == position_bytes(position)
    event = replace(order("f1"), kind="fill", order="o3", by=None, date=date(2008, 11, 20))
    its = life(rules().editions, event, position)
    after = [step(event, each, its, live=True).position for each in (position, again)]
    assert position_bytes(after[0]) == position_bytes(after[1])


@pytest.mark.parametrize(
    ("every", "per_record", "is_kept"),
    [(12, 64, True), (13, 64, False), (12, 1, True), (1, 0, False)],
)
def test_desk_that_closes_keeps_its_position_if_that_is_worth_while(
    store: Store, monkeypatch: pytest.MonkeyPatch, every: int, per_record: int, is_kept: bool
) -> None:
    """Many records since the last one are worth it, but not if much is remembered."""
    monkeypatch.setattr(book, "KEEP_EVERY", every)
    monkeypatch.setattr(book, "REMEMBERED_PER_RECORD_MAX", per_record)
    with store.journal() as journal:
        one = Desk(journal, PROGRAM, clock(), roomy_rules())
        one.close()
        assert snapshot(journal, PROGRAM) is None
        one.answer([order(f"o{number}") for number in range(11)])
        before = one.refresh()
        one.close()
        assert (snapshot(journal, PROGRAM) is not None) is is_kept
        found = stored_book(journal, PROGRAM)
        assert (found.position, found.since) == (before.position, 12 if is_kept else 0)
        # Another that closes at once has nothing to add.
        Desk(journal, PROGRAM, clock()).close()
        assert journal.head(PROGRAM) == found.head
        assert verify(journal, PROGRAM).records == found.head.sequence


def test_desk_that_stays_open_keeps_its_position_now_and_then(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A desk that is killed leaves few records to read."""
    monkeypatch.setattr(desk, "KEEP_EVERY", 4)
    kept: list[int] = []
    with store.journal() as journal:
        one = Desk(journal, PROGRAM, clock(), roomy_rules())
        for number in range(11):
            one.submit(order(f"o{number}"))
            for thread in threading.enumerate():
                if thread.name == "snapshot":
                    thread.join()
            found = snapshot(journal, PROGRAM)
            kept.append(0 if found is None else found[0].record)
        assert kept == [0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12]
        assert stored_book(journal, PROGRAM).since == 12
        assert stored_book(journal, PROGRAM).position == one.refresh().position


def test_position_that_cannot_be_kept_disturbs_nobody(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a place for it, events are answered, and the program is read from its records."""
    monkeypatch.setattr(desk, "KEEP_EVERY", 2)
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with store.journal() as journal:
        one = Desk(journal, PROGRAM, clock(), roomy_rules())
        answers = [one.submit(order(f"o{number}")) for number in range(6)]
        one.close()
        assert {found.decision.outcome for found in answers} == {"approved"}
        found = stored_book(journal, PROGRAM)
        assert (found.head.sequence, found.since) == (7, 0)


def test_closing_waits_for_the_position_that_is_being_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is half written when the desk closes is finished at once, without pauses."""
    monkeypatch.setattr(desk, "KEEP_EVERY", 4)
    monkeypatch.setattr(desk, "_PAUSE_SECONDS", 3_600)
    with store.journal() as journal:
        one = Desk(journal, PROGRAM, clock(), roomy_rules())
        for number in range(6):
            one.submit(order(f"o{number}"))
        one.close()
        found = snapshot(journal, PROGRAM)
        assert found is not None
        assert found[0].record == 4
