"""What a journal keeps and what it refuses to believe, on both kinds of store."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rpds import HashTrieMap

from desk_events import PROGRAM, Draft, about, clock, drafts, order, roomy_rules, rules
from repurchase.domain.errors import JournalError, RepurchaseError, UsageError
from repurchase.domain.events import JUDGED
from repurchase.domain.version import __version__
from repurchase.evaluation.step import step
from repurchase.journal import book
from repurchase.journal.book import stored_book
from repurchase.journal.desk import Desk
from repurchase.journal.records import (
    BEGINNING,
    Record,
    digest,
    event_object,
    event_of,
    read_record,
    sealed,
)
from repurchase.journal.snapshot import position_bytes, read_position
from repurchase.journal.store import _SELECT_NO_KEY, Head, Journal
from repurchase.ledger.position import Fills, Position
from repurchase.rulebook.life import Life, life
from stores import Store

# A position is kept after so many records, where a test is about that.
EVERY: Final = 5


def submitted(store: Store, count: int = 8) -> Position:
    """Record *count* orders of one share each, and return the position that they come to."""
    with store.journal() as journal:
        one = Desk(journal, PROGRAM, clock(), rules(), "ann")
        for number in range(count):
            one.submit(order(f"o{number}"))
        return one.refresh().position


def opened(store: Store) -> Position:
    """Return the position of the program, read anew."""
    with Journal(store.url) as journal:
        return stored_book(journal, PROGRAM).position


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give the folder of a user who keeps a position every few records."""
    monkeypatch.setattr(book, "KEEP_EVERY", EVERY)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "repurchase"


def folded(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Open the program, and return the numbers of the records that were read for it."""
    numbers: list[int] = []
    known = book.following

    def counted(head: Head, stored: Any) -> Record:
        numbers.append(stored.sequence)
        return known(head, stored)

    with monkeypatch.context() as patch:
        patch.setattr(book, "following", counted)
        opened(store)
    return numbers


# -- the chain --------------------------------------------------------------------------------


def test_records_chain_from_the_adoption_on(store: Store) -> None:
    """Each record is stored with its SHA-256 and names that of the one before it."""
    submitted(store, 3)
    with Journal(store.url) as journal:
        found = list(journal.records(PROGRAM))
        head = journal.head(PROGRAM)
    records = [read_record(one.body) for one in found]
    hashes = [hashlib.sha256(one.body).hexdigest() for one in found]
    assert [one.hash for one in found] == hashes
    assert [one.previous for one in records] == [BEGINNING, *hashes[:-1]]
    assert [one.sequence for one in records] == [1, 2, 3, 4]
    assert [one.key for one in found] == [None, "request o0", "request o1", "request o2"]
    assert {one.version for one in records} == {__version__}
    assert head == Head(4, hashes[-1])
    first = records[0].adoption
    assert first is not None
    assert (first.authorization, first.by) == (PROGRAM, "ann")
    assert first.rules.file == hashlib.sha256(rules().body).hexdigest()


def test_journal_keeps_texts_and_editions_by_their_hash(store: Store) -> None:
    """Whoever reads a record finds the rule file adopted, and the edition that judged, in full."""
    submitted(store, 1)
    with Journal(store.url) as journal:
        adoption, asked = (read_record(one.body) for one in journal.records(PROGRAM))
        assert adoption.adoption is not None
        assert asked.answer is not None
        assert journal.text(adoption.adoption.rules.file) == rules().body
        content = journal.edition(asked.answer.edition)
        assert content is not None
        assert hashlib.sha256(content.encode()).hexdigest() == asked.answer.edition
        assert (journal.text("0"), journal.edition("0")) == (None, None)


def test_records_are_read_page_by_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program longer than a page is read in full, by whoever reads and by whoever writes."""
    monkeypatch.setattr("repurchase.journal.store.PAGE", 3)
    position = submitted(store, 11)
    with Journal(store.url) as journal:
        assert [one.sequence for one in journal.records(PROGRAM)] == list(range(1, 13))
        with journal.writing(PROGRAM) as writer:
            assert [one.sequence for one in writer.records(PROGRAM, 4)] == list(range(5, 13))
    assert opened(store) == position


def test_programs_of_one_journal_do_not_meet(store: Store) -> None:
    """A journal holds several programs, each with a chain of its own."""
    submitted(store, 2)
    with store.journal() as journal, pytest.raises(UsageError, match="has not begun"):
        Desk(journal, "another", clock()).submit(order("o1"))
    with Journal(store.url) as journal:
        assert journal.programs() == (PROGRAM,)
        assert stored_book(journal, "another").head == Head()


@given(st.lists(drafts(), max_size=12))
def test_event_is_recorded_as_it_was(chosen: list[Draft]) -> None:
    """What is read back from a record is the event that was sent, to the last digit."""
    for number, draft in enumerate(chosen):
        event = draft.event(f"e{number}", Position())
        if event.kind in JUDGED:
            outside = {"market.last_price": draft.price, "issuer.closed_period": draft.timed}
            event = replace(event, outside=outside)
        plain = msgspec.json.decode(msgspec.json.encode(event_object(event)))
        assert event_of(plain) == event
        assert event_object(event_of(plain)) == plain


@pytest.mark.parametrize(
    "changed",
    [
        {"price": "ten"},
        {"price": "1/0"},
        {"price": 10},
        {"date": "2008-13-01"},
        {"quantities": "1"},
        {"quantity": "1"},
        {"by": 1},
        {"issuer.closed_period": 1},
        {"market.last_price": "1e3"},
        {"kind": None, "id": None},
    ],
    ids=str,
)
def test_recorded_event_that_is_none_is_refused(changed: dict[str, Any]) -> None:
    """A record that holds no event is an error, whatever it holds."""
    plain = {**event_object(order("o1")), **changed}
    with pytest.raises(JournalError, match="its event is not a valid event"):
        event_of({name: value for name, value in plain.items() if value is not None})


# -- positions and their snapshots --------------------------------------------------------------


def reached(chosen: list[Draft]) -> Position:
    """Return the position that the events drafted lead to."""
    position = Position()
    for number, draft in enumerate(chosen):
        event = draft.event(f"e{number}", position)
        position = step(
            event, position, life(rules().editions, event, position), live=True
        ).position
    return position


@given(st.lists(drafts(), max_size=30))
def test_position_is_read_back_exactly(chosen: list[Draft]) -> None:
    """Whatever happened, the position is the same once it was written and read."""
    position = reached(chosen)
    body = position_bytes(position)
    again = read_position(body)
    assert again == position
    assert position_bytes(again) == body


@given(st.lists(drafts(), min_size=2, max_size=20))
def test_position_read_back_decides_as_the_one_written(chosen: list[Draft]) -> None:
    """A desk that was opened anew gives the answers of one that never closed."""
    position = Position()
    for number, draft in enumerate(chosen):
        event = draft.event(f"e{number}", position)
        its = life(rules().editions, event, position)
        taken = step(event, position, its, live=True)
        again = step(event, read_position(position_bytes(position)), its, live=True)
        assert again == taken
        position = taken.position


@pytest.mark.slow
@given(st.lists(drafts(), min_size=5, max_size=20), st.randoms(use_true_random=False))
def test_same_position_gives_the_same_bytes(chosen: list[Draft], random: Any) -> None:
    """How a position came about does not show: not in the order of what it holds either."""
    position = reached(chosen)

    def shuffled(found: HashTrieMap[Any, Any]) -> HashTrieMap[Any, Any]:
        items = list(found.items())
        random.shuffle(items)
        other = HashTrieMap(items)
        return other.insert("gone", None).remove("gone") if items else other

    same = replace(
        position,
        orders=shuffled(position.orders),
        fills=Fills(shuffled(position.fills.newer), shuffled(position.fills.older)),
        days=shuffled(position.days),
    )
    assert same == position
    assert position_bytes(same) == position_bytes(position)


@pytest.mark.parametrize("cut", [0, 1, 10, -2])
def test_bytes_that_hold_no_position_are_refused(cut: int) -> None:
    """A position that was cut off anywhere is an error and not another position."""
    body = position_bytes(reached([]))
    with pytest.raises(JournalError, match="the stored position cannot be read"):
        read_position(body[:cut])


def test_kept_position_spares_reading_what_came_before(
    store: Store, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who opens a program reads what came after the last position that this user kept."""
    position = submitted(store)
    assert not list(state.glob("*.position"))
    assert opened(store) == position
    assert folded(store, monkeypatch) == []
    submitted(store, 11)
    assert folded(store, monkeypatch) == [10, 11, 12]
    assert folded(store, monkeypatch) == [10, 11, 12]
    submitted(store, 13)
    assert folded(store, monkeypatch) == [10, 11, 12, 13, 14]
    assert folded(store, monkeypatch) == []
    (file,) = state.glob("*.position")
    assert file.stat().st_mode & 0o777 == 0o600


def with_body(content: bytes, body: bytes) -> bytes:
    """Return the file *content* with another position, of which it names the hash."""
    named = msgspec.json.decode(content.splitlines()[0])
    named["position"] = digest(body)
    return b"%b\n%b" % (msgspec.json.encode(named), body)


LOST: Final[dict[str, Callable[[bytes], bytes | None]]] = {
    "gone": lambda _: None,
    "empty": lambda _: b"",
    "cut": lambda content: content[: len(content) // 2],
    "torn": lambda content: content[:-64] + b"\0" * 64,
    "its hash": lambda content: content.replace(b'"hash":"', b'"hash":"0'),
    "a record that is not there": lambda content: content.replace(b'"record":9', b'"record":99'),
    "another record": lambda content: content.replace(b'"record":9', b'"record":8'),
    "another version": lambda content: content.replace(b'"version":"', b'"version":"9'),
    "another position": lambda content: (
        b"%b\n%b"
        % (
            content.splitlines()[0],
            position_bytes(Position(started=True)),
        )
    ),
    "no position": lambda content: with_body(content, b"{}"),
    "no text of the rules": lambda content: content.replace(b'"file":"', b'"file":"0'),
}


@pytest.mark.parametrize("how", LOST)
def test_kept_position_that_was_lost_or_changed_costs_only_time(
    store: Store, state: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """A position other than the one kept is not believed: the records say what happened."""
    position = submitted(store)
    assert opened(store) == position
    (file,) = state.glob("*.position")
    content = LOST[how](file.read_bytes())
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    assert folded(store, monkeypatch) == list(range(1, 10))
    # It was kept anew.
    assert folded(store, monkeypatch) == []
    with store.journal() as journal:
        one = Desk(journal, PROGRAM, clock())
        assert one.submit(order("next")).decision.position.reserved_shares == "9"


@pytest.mark.usefixtures("state")
def test_kept_position_of_another_chain_is_not_believed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal that was made anew at the same place is read from its first record."""
    submitted(store)
    assert folded(store, monkeypatch) == list(range(1, 10))
    store.change("DELETE FROM records")
    store.change("DELETE FROM programs")
    position = submitted(store, 9)
    assert opened(store) == position
    assert position.reserved_shares == 9


@pytest.mark.usefixtures("state")
def test_kept_position_has_the_rules_then_in_force(store: Store) -> None:
    """Whoever hides an adoption that was read before does not bring the older rules back."""
    with store.journal() as journal:
        desk = Desk(journal, PROGRAM, clock(), rules(), one_person=True)
        desk.submit(order("first"))
        desk.adopt(roomy_rules(), "ann", "more room")
        for number in range(EVERY):
            desk.submit(order(f"o{number}"))
        assert stored_book(journal, PROGRAM).since == 0
    store.change("DELETE FROM records WHERE key IS NULL AND sequence = 3")
    with store.journal() as journal:
        found = stored_book(journal, PROGRAM)
        assert (found.rules, found.since) == (roomy_rules().rules, 3 + EVERY)


def test_search_for_an_adoption_passes_no_event(store: Store) -> None:
    """The rules of then are found by the key that adoptions lack, however many events follow."""
    submitted(store)
    where = {"program": PROGRAM, "sequence": 9, "page": 1}
    with store.connected() as connection:
        if store.kind == "sqlite":
            plan = connection.execute(sa.text(f"EXPLAIN QUERY PLAN {_SELECT_NO_KEY}"), where)
            assert "(program=? AND key=?)" in str(plan.all())
        else:
            connection.execute(sa.text("SET enable_seqscan = off"))
            plan = connection.execute(sa.text(f"EXPLAIN {_SELECT_NO_KEY}"), where)
            assert "records_program_key_key" in str(plan.all())


def test_position_is_written_with_pauses() -> None:
    """While a long position is written, others get their turn again and again."""
    orders = HashTrieMap({f"o{number}": Position() for number in range(1_000)})
    turns: list[None] = []
    body = position_bytes(replace(Position(), orders=orders), lambda: turns.append(None))
    assert body == position_bytes(replace(Position(), orders=orders))
    assert len(turns) >= 1_000 // 32


# -- what is not believed -------------------------------------------------------------------------


@dataclass(frozen=True)
class Tampering:
    """A change of the stored records, and what opening says of it."""

    change: Callable[[Store], None]
    said: str


def _flip(store: Store) -> None:
    ((body,),) = store.rows("SELECT body FROM records WHERE sequence = 4")
    changed = body.replace(b'"quantity":1', b'"quantity":2')
    store.change("UPDATE records SET body = :body WHERE sequence = 4", body=changed)


def _delete(store: Store) -> None:
    store.change("DELETE FROM records WHERE sequence = 4")


def _truncate(store: Store) -> None:
    store.change("DELETE FROM records WHERE sequence > 7")


def _swap(store: Store) -> None:
    for old, new in ((4, 99), (5, 4), (99, 5)):
        store.change("UPDATE records SET sequence = :new WHERE sequence = :old", old=old, new=new)


def _rename(store: Store) -> None:
    store.change("UPDATE records SET key = 'request other' WHERE sequence = 4")


def _reseal(change: Callable[[Record], Record]) -> Callable[[Store], None]:
    """Return a tampering that changes record 4 and gives it a hash that fits."""

    def changed(store: Store) -> None:
        ((body,),) = store.rows("SELECT body FROM records WHERE sequence = 4")
        found = sealed(change(read_record(body)))
        statement = "UPDATE records SET body = :body, hash = :hash WHERE sequence = 4"
        store.change(statement, body=found.body, hash=found.hash)

    return changed


def _no_text(store: Store) -> None:
    store.change("DELETE FROM texts")


def _other_text(store: Store) -> None:
    store.change("UPDATE texts SET body = :body", body=rules().body + b"# changed\n")


def _with_use(record: Record) -> Record:
    assert record.answer is not None
    position = replace(record.answer.position, reserved_shares="1")
    return replace(record, answer=replace(record.answer, position=position))


TAMPERINGS: Final = {
    "a byte": Tampering(_flip, "record 4: its content was changed"),
    "deleted": Tampering(_delete, "record 5: record 4 is missing"),
    "truncated": Tampering(_truncate, "the records end at 7, but the program's head is 9"),
    "swapped": Tampering(_swap, "record 4: it does not follow"),
    "id": Tampering(_rename, "record 4: it is stored in the place of another record"),
    "position": Tampering(_reseal(_with_use), "record 4: its position is not"),
    "link": Tampering(_reseal(lambda one: replace(one, previous=BEGINNING)), "does not follow"),
    "no answer": Tampering(
        _reseal(lambda one: replace(one, answer=None)),
        "record 4: it is not an event with a decision",
    ),
    "no text": Tampering(_no_text, "record 1: the rule file .* is missing"),
    "other text": Tampering(_other_text, "record 1: the rule file .* was changed"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_opening_refuses_a_broken_chain(store: Store, name: str) -> None:
    """Nothing is built upon records that do not fit together; the first such record is named."""
    submitted(store)
    TAMPERINGS[name].change(store)
    with pytest.raises(JournalError, match=TAMPERINGS[name].said) as caught:
        opened(store)
    assert "repurchase verify" in str(caught.value)
    with store.journal() as journal, pytest.raises(JournalError):
        Desk(journal, PROGRAM, clock())


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM programs",
        "UPDATE programs SET sequence = sequence - 1",
        "UPDATE programs SET head = 'other'",
    ],
)
def test_nothing_is_answered_when_the_head_is_not_the_last_record(
    store: Store, change: str
) -> None:
    """An open desk too refuses to go on from a chain that no longer ends where it says."""
    submitted(store)
    with store.journal() as journal:
        one = Desk(journal, PROGRAM, clock())
        store.change(change)
        with pytest.raises(JournalError, match="the records end at 9, but the program's head is"):
            one.submit(order("next"))
    assert len(store.rows("SELECT 1 FROM records")) == 9


# -- what is no journal ---------------------------------------------------------------------------


@pytest.mark.parametrize("create", [False, True])
def test_journal_of_another_format_is_refused(store: Store, create: bool) -> None:
    """A store that another version wrote is neither read on a guess nor written to."""
    submitted(store, 1)
    store.change("UPDATE meta SET value = '8' WHERE name = 'format'")
    said = "the journal has format 8, but this package writes format 13; use it"
    with pytest.raises(UsageError, match=said):
        Journal(store.url, create=create)


def test_missing_file_is_no_journal_and_is_not_made(sqlite: Store) -> None:
    """Who only reads makes no file."""
    with pytest.raises(UsageError, match="the journal does not exist"):
        Journal(sqlite.url)
    assert list(Path(sqlite.url).parent.iterdir()) == []


def test_empty_database_is_no_journal(postgres: Store) -> None:
    """Who only reads makes no tables."""
    with pytest.raises(
        UsageError, match="this is not a journal; `repurchase submit --rules FILE` creates"
    ):
        Journal(postgres.url)
    postgres.journal().close()
    Journal(postgres.url).close()


@pytest.mark.parametrize("create", [False, True])
def test_directory_is_no_journal(tmp_path: Path, create: bool) -> None:
    """A directory is named as what it is, and nothing is put beside it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(UsageError, match="this is a directory; name a file in it"):
        Journal(str(folder), create=create)
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("create", [False, True])
def test_file_of_something_else_is_refused(tmp_path: Path, create: bool) -> None:
    """A file that is no database stays as it was, and nothing is put beside it."""
    path = tmp_path / "notes.txt"
    path.write_text("buy milk\n" * 100)
    with pytest.raises(JournalError, match="cannot be opened: file is not a database"):
        Journal(str(path), create=create)
    assert path.read_text() == "buy milk\n" * 100
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("create", [False, True])
def test_what_is_no_file_is_no_journal(tmp_path: Path, create: bool) -> None:
    """A pipe or a device is not written to, and nothing is put beside it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="this is not"):
        Journal(str(pipe), create=create)
    assert list(tmp_path.iterdir()) == [pipe]


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("to", ["journal.db", "nowhere.db"])
def test_link_is_no_journal(tmp_path: Path, sqlite: Store, to: str, create: bool) -> None:
    """Whoever may write to a directory could let a link lead to an older copy of the journal."""
    submitted(sqlite, 1)
    link = tmp_path / "link.db"
    link.symlink_to(to)
    before = sorted(tmp_path.iterdir())
    said = f"link.db: this is a symbolic link to {to}; name the file itself"
    with pytest.raises(UsageError, match=said):
        Journal(str(link), create=create)
    assert sorted(tmp_path.iterdir()) == before


def test_order_of_outside_facts_changes_no_byte() -> None:
    """A sender may name its facts in any order: the position is the same, to the byte."""
    facts = {"market.previous_close": 100, "market.last_price": 101, "issuer.closed_period": False}
    bodies = set()
    for names in (sorted(facts), sorted(facts, reverse=True)):
        event = replace(order("o1"), outside={name: facts[name] for name in names})
        edition = rules().editions.of(event, Position())
        position = step(event, Position(), Life(edition), live=True).position
        bodies.add(position_bytes(position))
        assert read_position(position_bytes(position)) == position
    assert len(bodies) == 1


def test_whole_number_is_written_alike_however_it_came_about() -> None:
    """What is left of fees may be a fraction that is whole: read back it is an integer."""
    edition = rules().editions.of(order("o1"), Position())
    bodies = set()
    for fees in (2, Fraction(2), Fraction(4, 2)):
        event = replace(order("o1"), fees=fees, outside={"market.last_price": Fraction(100)})
        position = step(event, Position(), Life(edition), live=True).position
        body = position_bytes(position)
        assert position_bytes(read_position(body)) == body
        bodies.add(body)
    whole = replace(order("o1"), fees=2, outside={"market.last_price": 100})
    bodies.add(position_bytes(step(whole, Position(), Life(edition), live=True).position))
    assert len(bodies) == 1


def read_whole(body: bytes) -> Position:
    """Return the position that *body* encodes, with every order and fill read."""
    position = read_position(body)
    for kept in (position.orders, position.fills.newer, position.fills.older):
        list(kept.values())
    return position


def with_value(plain: Any, path: tuple[Any, ...], value: object) -> bytes:
    """Return the position *plain* as bytes, with *value* at the end of *path*."""
    *above, last = path
    place = plain
    for step_down in above:
        place = place[step_down]
    place[last] = value
    return msgspec.json.encode(plain)


@pytest.mark.parametrize("event", [[], 3, {}, {"outside": 3}, {"price": {}}])
def test_position_with_an_event_that_is_none_is_refused(event: object) -> None:
    """What a forger puts in the place of an event is no position, and no traceback."""
    edition = rules().editions.of(order("o1"), Position())
    position = step(order("o1"), Position(), Life(edition), live=True).position
    body = position_bytes(position)
    terms = ("orders", "o1", "terms", "event")
    plain = msgspec.json.decode(body)
    kept = plain["orders"]["o1"]["terms"]["event"]
    assert read_position(with_value(plain, terms, kept)) == position
    with pytest.raises(JournalError, match="cannot be read"):
        read_whole(with_value(msgspec.json.decode(body), terms, event))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("executed_shares",), 1.5),
        (("executed_shares",), "1/0"),
        (("executed_shares",), True),
        (("unbounded",), "1"),
        (("started",), 1),
        (("halted",), 1),
        (("today",), "2026-13-01"),
        (("unknown_shares",), {}),
        (("unknown_shares",), [1]),
        (("more",), 1),
        (("orders",), []),
        (("orders",), [["o1", {}]]),
        (("orders", "o1"), []),
        (("orders", "o1", "state"), "closed"),
        (("orders", "o1", "more"), 1),
        (("orders", "o1", "terms"), None),
        (("orders", "o1", "terms", "listing", "zone"), "../../etc/passwd"),
        (("orders", "o1", "terms", "listing", "fx_margin"), []),
        (("days",), {"common": {}}),
        (("days", 0, 0), ["common"]),
        (("days", 0, 1, "brokers"), [["b1"]]),
        (("fills", "newer"), None),
    ],
    ids=str,
)
def test_position_with_a_value_of_another_type_is_refused(
    path: tuple[Any, ...], value: object
) -> None:
    """Each value is what its field takes, or there is no position, and no traceback."""
    edition = rules().editions.of(order("o1"), Position())
    position = step(order("o1"), Position(), Life(edition), live=True).position
    plain = msgspec.json.decode(position_bytes(position))
    with pytest.raises(JournalError, match="the stored position cannot be read"):
        read_whole(with_value(plain, path, value))


@pytest.mark.parametrize("body", [b"[" * 100_000, b"[]", b"3", b"\xff", b"1" * 10_000])
def test_bytes_of_something_else_are_refused(body: bytes) -> None:
    """Whatever stands in the place of a position, there is no traceback."""
    with pytest.raises(JournalError, match="the stored position cannot be read"):
        read_position(body)


def test_journal_without_a_name_is_refused() -> None:
    """No text is no name of a file."""
    with pytest.raises(UsageError, match="the name of the journal is empty"):
        Journal("")


@pytest.mark.parametrize("create", [False, True])
def test_database_of_something_else_is_refused(tmp_path: Path, create: bool) -> None:
    """A database of another program is an error, and no table is added to it."""
    path = tmp_path / "browser.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(UsageError, match="this is not"):
        Journal(str(path), create=create)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_postgresql_of_others_is_shared_but_their_tables_are_not(postgres: Store) -> None:
    """A journal may stand beside other tables, unless one has the name of one of its own."""
    with postgres.connected() as connection:
        connection.exec_driver_sql("CREATE TABLE records (title TEXT)")
    with pytest.raises(UsageError, match="this is not"):
        postgres.journal()
    with postgres.connected() as connection:
        connection.exec_driver_sql("ALTER TABLE records RENAME TO albums")
    submitted(postgres, 1)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://ann:hush@host/name", "mysql://ann:***@host/name: this is not"),
        (
            "postgresql://ann:hush@host:port/name",
            "postgresql://ann:***@host:port/name: this is not",
        ),
        ("sqlite://", "sqlite://: this is not"),
        ("://ann:hush@host", "://ann:***@host: this is not"),
        ("postgresql://ann:hush@127.0.0.1:1/name", "ann:***@127.0.0.1:1/name: the journal cannot"),
        (
            "postgresql://ann@127.0.0.1:1/name?password=hush",
            "//ann@127.0.0.1:1/name: the journal cannot",
        ),
    ],
)
def test_bad_url_is_a_sentence_without_the_password(url: str, said: str) -> None:
    """What cannot be opened is told with its place, and never with a password."""
    with pytest.raises(RepurchaseError) as caught:
        Journal(url, create=True)
    assert said in str(caught.value)
    assert re.search("hush", f"{caught.value!r} {caught.value.problems}") is None


def test_postgresql_that_refuses_is_a_sentence(postgres: Store) -> None:
    """A server that lets nobody in under that name, or has no such database, is an error."""
    strangers = {
        "role .stranger. does not exist": ("postgres:@", "stranger:hush@"),
        "database .nowhere. does not exist": ("/test_", "/nowhere?was=test_"),
    }
    for said, (old, new) in strangers.items():
        url = postgres.url.replace(old, new) if "nowhere" not in said else _elsewhere(postgres.url)
        with pytest.raises(JournalError, match=f"cannot be opened: .*{said}") as caught:
            Journal(url)
        assert "hush" not in str(caught.value)


def _elsewhere(url: str) -> str:
    return re.sub("/test_[0-9]+", "/nowhere", url)


def test_options_of_the_url_are_kept(postgres: Store) -> None:
    """Where the URL names a schema, the journal is made there, and commits still reach the disk."""
    with postgres.connected() as connection:
        connection.exec_driver_sql("CREATE SCHEMA desk")
    joint = "&" if "?" in postgres.url else "?"
    moved = Store("postgres", f"{postgres.url}{joint}options=-csearch_path%3Ddesk")
    submitted(moved, 1)
    found = postgres.rows(
        "SELECT table_schema FROM information_schema.tables WHERE table_name = 'records'"
    )
    assert found == [("desk",)]
    with Journal(moved.url) as journal, journal.writing(PROGRAM) as writer:
        connection = writer.connection
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_memory_is_a_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that SQLite would take for no file at all is a file: what is answered is kept."""
    monkeypatch.chdir(tmp_path)
    submitted(Store("sqlite", ":memory:"), 1)
    assert Path(":memory:").stat().st_size > 0
    assert opened(Store("sqlite", ":memory:")).reserved_shares == 1


@pytest.mark.parametrize(
    ("name", "kind"),
    [("synchronous", 2), ("journal_mode", "wal")],
)
def test_sqlite_commits_reach_the_disk(sqlite: Store, name: str, kind: object) -> None:
    """Each connection waits for the disk; the write-ahead log lets readers be."""
    submitted(sqlite, 1)
    with Journal(sqlite.url) as journal, journal.writing(PROGRAM) as writer:
        assert writer.connection.exec_driver_sql(f"PRAGMA {name}").scalar() == kind


def test_held_events_are_read_back(sqlite: Store) -> None:
    """What waits for its release is in the position that is stored."""
    with sqlite.journal() as journal:
        one = Desk(journal, PROGRAM, clock(), rules())
        one.submit(order("o1"))
        one.submit(order("o2", method="block"))
        one.submit(about("replace", "r1", order="o1", quantity=2, reason=None))
        position = one.refresh().position
    assert read_position(position_bytes(position)) == position
    assert opened(sqlite) == position


def test_journal_that_another_process_holds_is_told(sqlite: Store) -> None:
    """Who cannot have the lock is told after a while, and has it once it is free."""
    submitted(sqlite, 1)
    with Journal(sqlite.url, busy_max_ms=20) as journal:
        one = Desk(journal, PROGRAM, clock())
        with Path(f"{sqlite.url}.lock").open("rb") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            for name in ("next", "next but one"):
                with pytest.raises(
                    JournalError, match="another process holds the journal; try again"
                ):
                    one.submit(order(name))
        # Those that were given up no longer stand in the way.
        assert one.submit(order("next")).decision.outcome == "approved"
    assert len(sqlite.rows("SELECT 1 FROM records")) == 3
