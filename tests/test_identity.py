"""Who is who: a program may take `by` from the operating system or from the database."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import pytest

from desk_events import PROGRAM, about, clock, order, other_rules, rules
from repurchase.audit.verify import verify
from repurchase.domain.errors import InputError, UsageError
from repurchase.domain.events import Event
from repurchase.domain.people import Identity
from repurchase.journal.book import stored_book
from repurchase.journal.desk import Desk
from repurchase.journal.records import event_of, read_record
from repurchase.journal.store import Journal
from stores import Store
from test_cli import run

USER = getpass.getuser()


def begun(journal: Journal, by: str | None = None) -> Desk:
    """Begin the program so that the store tells who sends: its role, or else the system's user."""
    identity: Identity = "os" if journal.role() is None else "database"
    return Desk(journal, PROGRAM, clock(), rules(), by, identity=identity)


def last(journal: Journal) -> Event:
    """Return the event of the last record."""
    return event_of(read_record(list(journal.records(PROGRAM))[-1].body).event or {})


def name_of(journal: Journal) -> str:
    return journal.role() or USER


def test_event_is_of_whoever_sends_it(store: Store) -> None:
    """A name that is left out is filled in; the same person in another spelling is the same."""
    with store.journal() as journal:
        begun(journal).submit(order("o1", by=None))
        # A later desk need not say it again.
        desk = Desk(journal, PROGRAM, clock())
        assert last(journal).by == name_of(journal)
        desk.submit(order("o2", by=name_of(journal).upper()))
        assert last(journal).by == name_of(journal)
        assert desk.submit(order("o1", by=None)).repeated
        assert verify(journal, PROGRAM).records == 3
        assert stored_book(journal, PROGRAM).position.identity is not None


def test_event_cannot_say_another(store: Store) -> None:
    """It is not taken, and leaves no record; nor is an adoption in another name."""
    with store.journal() as journal:
        with pytest.raises(UsageError, match="`by` is `somebody`, but this program takes it from"):
            begun(journal, "somebody").submit(order("o1", by=None))
        assert journal.programs() == ()
        desk = begun(journal)
        desk.submit(order("o1", by=None))
        confirm = about("confirm", "c1", of="x", by="somebody")
        for event in (order("o2", by="somebody"), confirm):
            for decide in (desk.submit, desk.would_answer):
                with pytest.raises(InputError, match="but this program takes it from"):
                    decide(event)
        with pytest.raises(UsageError, match="but this program takes it from"):
            desk.adopt(other_rules(), "somebody", "x")
        assert journal.head(PROGRAM).sequence == 2


def test_halt_stops_under_any_name(store: Store) -> None:
    """What stops is never refused for a name; the record has the true one."""
    with store.journal() as journal:
        desk = begun(journal)
        desk.submit(order("o1", by=None))
        assert desk.submit(about("halt", "h1", by="somebody")).decision.halted_by == ("h1",)
        assert last(journal).by == name_of(journal)
        # A report of the venue names nobody.
        desk.submit(order("f1", kind="fill", order="o1", by=None))
        assert last(journal).by is None


def test_file_has_no_roles(sqlite: Store) -> None:
    """A journal in a file cannot take names from a database."""
    with sqlite.journal() as journal, pytest.raises(UsageError, match="SQLite has no roles"):
        Desk(journal, PROGRAM, clock(), rules(), identity="database").submit(order("o1"))


def test_name_is_bound_when_a_program_begins(tmp_path: Path) -> None:
    """The command says so once; later it has no effect, and an event of another is not taken."""
    text: dict[str, object] = {
        "kind": "order",
        "id": "o1",
        "time": "2008-11-14T10:00:00-05:00",
        "side": "buy",
    }
    text |= {"symbol": "IIJI", "quantity": 400, "price": "2.65", "fx": 96}
    call = ("submit", "-", "--journal", tmp_path / "desk.db", "--identity", "os")
    begin = run(*call, "--rules", "iij-2008", stdin=json.dumps(text) + "\n")
    assert begin.code == 0
    again = run(*call, stdin=json.dumps(text | {"id": "o2", "by": "somebody"}) + "\n")
    assert (again.code, "--identity has no effect" in again.err) == (2, True)
    assert f"whose user is `{USER}`; leave `by` out" in again.err
    halted = run("halt", "--journal", tmp_path / "desk.db", "--by", "somebody", "--json")
    assert (halted.code, bool(halted.json["halted_by"])) == (0, True)
