"""A database is looked at before it is believed: what somebody changed in it ends the answers."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa

from desk_events import PROGRAM, clock, order, roomy_rules, rules
from repurchase.audit.verify import verify
from repurchase.domain.errors import JournalError, Tampering, UsageError
from repurchase.journal.book import stored_book
from repurchase.journal.desk import Desk
from repurchase.journal.postgres import PostgresPlace, server_remarks
from repurchase.journal.prepared import Prepared
from repurchase.journal.schema import Parts
from repurchase.journal.store import Journal
from stores import Store

JOURNAL_PAGE: Final = Path(__file__).parents[1] / "docs" / "journal.md"


def begun(store: Store) -> None:
    """Record a first order."""
    with store.journal() as journal:
        Desk(journal, PROGRAM, clock(), rules(), "ann").submit(order("o1"))


def attacked(store: Store, *statements: str) -> None:
    """Carry out *statements* behind the back of whoever has the journal open."""
    with store.connected() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


# -- what somebody changed ------------------------------------------------------------------------


@dataclass(frozen=True)
class Attack:
    """What somebody does to the database, and what each command says of it."""

    statements: tuple[str, ...]
    said: str


def remade(columns: str) -> tuple[str, ...]:
    """Return the statements that make the table of records anew, with *columns*."""
    return (
        f"CREATE TABLE other ({columns})",
        "INSERT INTO other SELECT * FROM records",
        "DROP TABLE records",
        "ALTER TABLE other RENAME TO records",
    )


RECORDS: Final = (
    'program TEXT NOT NULL, sequence BIGINT NOT NULL, "key" TEXT, hash TEXT NOT NULL,'
    " body BLOB NOT NULL, PRIMARY KEY (program, sequence)"
)
FOREVER: Final = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i"
# Compared in more ways than there are atoms, by a function that no step counter interrupts.
SLOW: Final = f"CHECK (printf('%0200d', 0) NOT LIKE '{'%0' * 99}%1')"
CHANGED: Final = "its table `records` is not as this package creates it"

IN_SQLITE: Final = {
    "a trigger that undoes what is recorded": Attack(
        (
            """CREATE TRIGGER gone AFTER UPDATE ON programs WHEN NEW.sequence > 2 BEGIN
                DELETE FROM records WHERE sequence > 2;
                UPDATE programs SET sequence = 2, head = OLD.head;
            END""",
        ),
        "its trigger `gone` is not of this package",
    ),
    "a view that drops what is inserted": Attack(
        (
            "ALTER TABLE records RENAME TO hidden",
            "CREATE VIEW records AS SELECT * FROM hidden",
            "CREATE TRIGGER drops INSTEAD OF INSERT ON records BEGIN SELECT 1; END",
        ),
        "its table `hidden` is not of this package",
    ),
    "a view that never ends": Attack(
        ("DROP TABLE editions", f"CREATE VIEW editions AS {FOREVER} AS hash, i AS content FROM n"),
        "its view `editions` is not of this package",
    ),
    "a view that never ends in the place of the format": Attack(
        ("DROP TABLE meta", f"CREATE VIEW meta AS {FOREVER} AS name, i AS value FROM n"),
        "its view `meta` is not of this package",
    ),
    "an index of another collation": Attack(
        ('CREATE INDEX other ON records (program, "key" COLLATE NOCASE)',),
        "its index `other` is not of this package",
    ),
    "a table without the key of events": Attack(remade(RECORDS), CHANGED),
    "a table of another collation": Attack(
        remade(
            RECORDS.replace('"key" TEXT', '"key" TEXT COLLATE NOCASE') + ', UNIQUE (program, "key")'
        ),
        CHANGED,
    ),
    "a generated column": Attack(
        ("ALTER TABLE records ADD COLUMN size INT AS (length(body))",),
        CHANGED,
    ),
    "a check that never ends": Attack(
        ("DELETE FROM records", *remade(f'{RECORDS}, UNIQUE (program, "key"), {SLOW}')),
        CHANGED,
    ),
    "a table that is not there": Attack(
        ("DROP TABLE editions",), "its table `editions` is missing"
    ),
    "statistics, which choose the indexes": Attack(
        ("ANALYZE",), "its table `sqlite_stat1` is not of this package"
    ),
}
IN_POSTGRES: Final = {
    "a trigger that undoes what is recorded": Attack(
        (
            """CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                DELETE FROM records WHERE sequence > 2;
                UPDATE programs SET sequence = 2, head = OLD.head;
                RETURN NULL;
            END $$""",
            (
                "CREATE TRIGGER gone AFTER UPDATE ON programs FOR EACH ROW"
                " WHEN (NEW.sequence > 2) EXECUTE FUNCTION undo()"
            ),
        ),
        "its trigger `gone` is not of this package",
    ),
    "a view that drops what is inserted": Attack(
        (
            "ALTER TABLE records RENAME TO hidden",
            "CREATE VIEW records AS SELECT * FROM hidden",
            (
                "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RETURN NEW; END $$"
            ),
            (
                "CREATE TRIGGER drops INSTEAD OF INSERT ON records FOR EACH ROW"
                " EXECUTE FUNCTION nothing()"
            ),
        ),
        "its trigger `drops` is not of this package",
    ),
    "a view that never ends": Attack(
        (
            "DROP TABLE meta",
            "CREATE VIEW meta AS SELECT 'format' AS name, pg_sleep(1000)::text AS value",
        ),
        "its view `meta` is not of this package",
    ),
    "a materialized view": Attack(
        (
            "ALTER TABLE texts RENAME TO hidden",
            "CREATE MATERIALIZED VIEW texts AS SELECT * FROM hidden",
        ),
        "its materialized view `texts` is not of this package",
    ),
    "a foreign table": Attack(
        (
            "DROP TABLE editions",
            "CREATE FOREIGN DATA WRAPPER elsewhere",
            "CREATE SERVER elsewhere FOREIGN DATA WRAPPER elsewhere",
            (
                "CREATE FOREIGN TABLE editions (hash text NOT NULL, content text NOT NULL)"
                " SERVER elsewhere"
            ),
        ),
        "its foreign table `editions` is not of this package",
    ),
    "a partitioned table": Attack(
        (
            "ALTER TABLE records RENAME TO hidden",
            "CREATE TABLE records (LIKE hidden) PARTITION BY LIST (program)",
            "CREATE TABLE part PARTITION OF records DEFAULT",
        ),
        "its child table `part` is not of this package",
    ),
    "a table that inherits": Attack(
        ("CREATE TABLE more () INHERITS (records)",),
        "its child table `more` is not of this package",
    ),
    "a table that is inherited": Attack(
        ("CREATE TABLE more (hash text NOT NULL)", "ALTER TABLE texts INHERIT more"),
        "its parent table `more` is not of this package",
    ),
    "an index of another collation": Attack(
        ('CREATE INDEX other ON records (key COLLATE "C")',),
        "its index `other` is not of this package",
    ),
    "a table without the key of events": Attack(
        ("ALTER TABLE records DROP CONSTRAINT records_program_key_key",),
        "its constraint `records_program_key_key` is missing",
    ),
    "a key that takes another null for the same": Attack(
        (
            "DELETE FROM records WHERE key IS NULL",
            (
                "ALTER TABLE records DROP CONSTRAINT records_program_key_key,"
                " ADD UNIQUE NULLS NOT DISTINCT (program, key)"
            ),
        ),
        "its index `records_program_key_key` is not as this package creates it",
    ),
    "a key that is compared at the commit": Attack(
        (
            (
                "ALTER TABLE records DROP CONSTRAINT records_program_key_key,"
                " ADD UNIQUE (program, key) DEFERRABLE INITIALLY DEFERRED"
            ),
        ),
        "its trigger `.*ConstraintTrigger.*` is not of this package",
    ),
    "a column of another collation": Attack(
        ('ALTER TABLE records ALTER COLUMN key TYPE text COLLATE "C"',),
        "its column `records.key` is not as this package creates it",
    ),
    "a column whose type may get a check": Attack(
        ("CREATE DOMAIN loose AS text", "ALTER TABLE records ALTER COLUMN hash TYPE loose"),
        "its column `records.hash` is not as this package creates it",
    ),
    "a default": Attack(
        ("ALTER TABLE programs ALTER COLUMN head SET DEFAULT pg_sleep(1000)",),
        "its column `programs.head` is not as this package creates it",
    ),
    "a generated column": Attack(
        ("ALTER TABLE records ADD COLUMN size int GENERATED ALWAYS AS (length(body)) STORED",),
        "its column `records.size` is not of this package",
    ),
    "a column that was dropped": Attack(
        ("ALTER TABLE texts ADD COLUMN more int", "ALTER TABLE texts DROP COLUMN more"),
        "its column `texts.*dropped.*` is not of this package",
    ),
    "a check that never ends": Attack(
        ("ALTER TABLE records ADD CONSTRAINT slow CHECK (pg_sleep(1000) IS NULL) NOT VALID",),
        "its constraint `slow` is not of this package",
    ),
    "a rule that drops what is inserted": Attack(
        ("CREATE RULE drops AS ON INSERT TO records DO INSTEAD NOTHING",),
        "its rule `drops` is not of this package",
    ),
    "row security": Attack(
        ("ALTER TABLE records ENABLE ROW LEVEL SECURITY",),
        "its row security on `records` is not of this package",
    ),
    "row security for the owner": Attack(
        ("ALTER TABLE records FORCE ROW LEVEL SECURITY",),
        "its row security on `records` is not of this package",
    ),
    "a table that a crash empties": Attack(
        ("ALTER TABLE records SET UNLOGGED",),
        "its unlogged table `records` is not of this package",
    ),
    "a table that is not there": Attack(
        ("DROP TABLE editions",), "its table `editions` is missing"
    ),
}
ATTACKS: Final = {"sqlite": IN_SQLITE, "postgres": IN_POSTGRES}
ALL: Final = [(kind, name) for kind, attacks in ATTACKS.items() for name in attacks]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), ALL)
def test_changed_database_ends_the_answers(
    request: pytest.FixtureRequest, kind: str, name: str
) -> None:
    """Neither an open desk nor who opens the journal afterwards believes what was changed."""
    store: Store = request.getfixturevalue(kind)
    attack = ATTACKS[kind][name]
    begun(store)
    with Journal(store.url) as journal:
        desk = Desk(journal, PROGRAM, clock())
        assert desk.submit(order("o2")).decision.outcome == "approved"
        attacked(store, *attack.statements)
        for ask in (
            lambda: desk.submit(order("o3")),
            desk.refresh,
            lambda: stored_book(journal, PROGRAM),
            lambda: verify(journal, PROGRAM),
        ):
            with pytest.raises(Tampering, match=attack.said):
                ask()
    for create in (False, True):
        with pytest.raises(Tampering, match=attack.said):
            Journal(store.url, create=create)


def test_trigger_that_changes_no_version_is_found(sqlite: Store) -> None:
    """Whoever writes to the catalog by hand need not change the number that SQLite compares."""
    begun(sqlite)
    with Journal(sqlite.url) as journal:
        desk = Desk(journal, PROGRAM, clock())
        desk.submit(order("o2"))
        trigger = "CREATE TRIGGER gone AFTER UPDATE ON programs BEGIN DELETE FROM records; END"
        attacked(
            sqlite,
            "PRAGMA writable_schema = ON",
            f"INSERT INTO sqlite_master VALUES ('trigger', 'gone', 'programs', 0, '{trigger}')",
        )
        with pytest.raises(Tampering, match="its trigger `gone` is not of this package"):
            desk.submit(order("o3"))
    assert len(sqlite.rows("SELECT 1 FROM records")) == 3


def test_second_trigger_is_found_although_the_first_is_gone(postgres: Store) -> None:
    """A table that has had a trigger does not change when it gets another."""
    begun(postgres)
    function, trigger = IN_POSTGRES["a trigger that undoes what is recorded"].statements
    attacked(postgres, function, trigger, "DROP TRIGGER gone ON programs")
    with Journal(postgres.url) as journal:
        desk = Desk(journal, PROGRAM, clock())
        assert desk.submit(order("o2")).decision.outcome == "approved"
        attacked(postgres, trigger)
        with pytest.raises(Tampering, match="its trigger `gone` is not of this package"):
            desk.submit(order("o3"))
        attacked(postgres, "DROP TRIGGER gone ON programs")
        assert desk.submit(order("o3")).decision.outcome == "approved"


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_the_keeper_of_a_database_does_changes_nothing(
    request: pytest.FixtureRequest, kind: str
) -> None:
    """Files are put in order and rights are given while a desk is open: it goes on."""
    store: Store = request.getfixturevalue(kind)
    begun(store)
    with Journal(store.url) as journal:
        desk = Desk(journal, PROGRAM, clock())
        desk.submit(order("o2"))
        url = store.url if "://" in store.url else f"sqlite:///{store.url}"
        engine = sa.create_engine(
            url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as keeper:
            keeper.exec_driver_sql("VACUUM" if kind == "sqlite" else "VACUUM FULL ANALYZE")
            if kind == "postgres":
                keeper.exec_driver_sql("REINDEX TABLE records")
                keeper.exec_driver_sql("GRANT SELECT ON records TO PUBLIC")
                keeper.exec_driver_sql("ALTER TABLE records SET (fillfactor = 90)")
        engine.dispose()
        assert desk.submit(order("o3")).decision.outcome == "approved"
    with Journal(store.url) as journal:
        assert stored_book(journal, PROGRAM).head.sequence == 4


def test_trigger_cannot_come_between_the_check_and_the_commit(postgres: Store) -> None:
    """Whoever would add one waits for the desk, and then the desk finds it."""
    begun(postgres)
    function, trigger = IN_POSTGRES["a trigger that undoes what is recorded"].statements
    attacked(postgres, function)
    said = []

    def reached(step: str) -> None:
        if step == "appended":
            with pytest.raises(sa.exc.OperationalError) as caught:
                attacked(postgres, "SET lock_timeout = 100", trigger)
            said.append(str(caught.value))

    with Journal(postgres.url, reached=reached) as journal:
        desk = Desk(journal, PROGRAM, clock())
        assert desk.submit(order("o2")).decision.outcome == "approved"
    assert len(said) == 1
    assert "lock timeout" in said[0]


# -- where PostgreSQL looks for tables ------------------------------------------------------------


SHADOW: Final = (
    "CREATE SCHEMA shadow",
    *(
        f"CREATE TABLE shadow.{name} (LIKE public.{name} INCLUDING ALL)"
        for name in ("meta", "programs", "records", "texts", "editions")
    ),
    "INSERT INTO shadow.meta SELECT * FROM public.meta",
)


@pytest.mark.parametrize("of", ["DATABASE {name}", "ROLE postgres IN DATABASE {name}"])
def test_search_path_of_the_server_is_not_followed(postgres: Store, of: str) -> None:
    """A schema that somebody put first has tables of the same names, and nobody reads them."""
    begun(postgres)
    ((name,),) = postgres.rows("SELECT current_database()")
    attacked(postgres, *SHADOW, f"ALTER {of.format(name=name)} SET search_path = shadow, public")
    assert postgres.rows("SELECT count(*) FROM records") == [(0,)]
    with postgres.journal() as journal:
        desk = Desk(journal, PROGRAM, clock(), rules())
        assert desk.submit(order("o2")).decision.position.reserved_shares == "2"
    assert postgres.rows("SELECT count(*) FROM public.records") == [(3,)]


def test_table_of_the_catalog_is_not_taken_for_ours(postgres: Store) -> None:
    """PostgreSQL looks into its own catalog first, whatever the search path."""
    begun(postgres)
    with Journal(postgres.url) as journal:
        desk = Desk(journal, PROGRAM, clock())
        desk.submit(order("o2"))
        attacked(
            postgres,
            "SET allow_system_table_mods = on",
            "CREATE TABLE pg_catalog.texts (LIKE public.texts INCLUDING ALL)",
        )
        with pytest.raises(Tampering, match="its table `texts` is not as this package creates it"):
            desk.submit(order("o3"))


def test_tables_that_were_exchanged_are_not_taken_for_the_same(postgres: Store) -> None:
    """A schema that was renamed leaves its name to another, with tables made alike."""
    begun(postgres)
    with Journal(postgres.url) as journal:
        desk = Desk(journal, PROGRAM, clock())
        desk.submit(order("o2"))
        attacked(
            postgres,
            *SHADOW,
            "ALTER SCHEMA public RENAME TO old",
            "ALTER SCHEMA shadow RENAME TO public",
        )
        with pytest.raises(Tampering, match="its tables were replaced while it was open"):
            desk.submit(order("o3"))


def with_query(store: Store, query: str) -> Store:
    """Return *store* with *query* added to its URL."""
    return Store(store.kind, f"{store.url}{'&' if '?' in store.url else '?'}{query}")


def test_schema_of_the_url_is_used(postgres: Store) -> None:
    """Two journals in one database do not meet; one that the URL does not name is not passed by."""
    attacked(postgres, "CREATE SCHEMA desk")
    named = with_query(postgres, "schema=desk")
    begun(named)
    found = postgres.rows("SELECT schemaname FROM pg_tables WHERE tablename = 'records'")
    assert found == [("desk",)]
    with pytest.raises(UsageError, match="this is not a journal"):
        Journal(postgres.url)
    said = r"`public` has no journal, but the schema `desk` has; add `\?schema=desk` to the URL"
    with pytest.raises(UsageError, match=said):
        postgres.journal()
    begun(with_query(postgres, "schema=public"))
    assert postgres.rows("SELECT count(*) FROM desk.records, public.records") == [(4,)]
    # Now that the default schema has one, it is the one that is meant.
    Journal(postgres.url).close()


def test_journal_that_another_process_makes_meanwhile_is_used(
    postgres: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables that appear after they were looked for are not those of another schema."""
    parts = PostgresPlace.parts

    def then_made(place: PostgresPlace, prepared: Prepared) -> Parts:
        found = parts(place, prepared)
        monkeypatch.undo()
        begun(postgres)
        return found

    monkeypatch.setattr(PostgresPlace, "parts", then_made)
    with postgres.journal() as journal:
        assert journal.head(PROGRAM).sequence == 2


@pytest.mark.parametrize(
    "query",
    [
        "schema=pg_temp",
        "schema=Desk",
        "schema=a,b",
        "schema=a&schema=b",
        "schema=a%20-c%20fsync=off",
        "options=-csearch_path%3Da,b",
        "options=--search-path%3D%22$user%22",
    ],
)
def test_url_that_names_no_schema_is_refused(postgres: Store, query: str) -> None:
    """What a schema is called is one plain name, so that no other option hides in it."""
    with pytest.raises(UsageError, match="the URL does not name one schema: "):
        Journal(with_query(postgres, query).url)


# -- queries that do not end ----------------------------------------------------------------------


def test_query_that_does_not_end_is_ended_by_the_server(postgres: Store) -> None:
    """The session has a time limit, which the URL may set."""
    begun(postgres)
    with Journal(postgres.url) as journal, journal.writing(PROGRAM) as writer:
        limit = writer.connection.exec_driver_sql("SHOW statement_timeout").scalar()
    assert limit == "5min"
    quick = with_query(postgres, "options=-c%20statement_timeout%3D200")
    said = "cannot be written: canceling statement due to statement timeout"
    with (
        Journal(quick.url) as journal,
        pytest.raises(JournalError, match=said),
        journal.writing(PROGRAM) as writer,
    ):
        writer.connection.exec_driver_sql("SELECT pg_sleep(1000)")


def test_pages_that_lead_to_each_other_end(sqlite: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of some pages can be forged so that no time is enough to read all of its records."""
    monkeypatch.setattr("repurchase.journal.places.MILLIONS_MAX", 1)
    begun(sqlite)
    endless(Path(sqlite.url), "sqlite_autoindex_records_1")
    with Journal(sqlite.url) as journal:
        with pytest.raises(JournalError, match="a query takes more steps than a file of this size"):
            journal.stray()
        # The next query has as many steps as the first had.
        assert journal.programs() == (PROGRAM,)


def endless(path: Path, index: str) -> None:
    """Put eight pages above the only page of *index*, each of which leads to the next 40 times."""
    with closing(sqlite3.connect(path)) as forger:
        ((root, size, count),) = forger.execute(
            "SELECT rootpage, page_size, page_count"
            " FROM sqlite_master, pragma_page_size, pragma_page_count WHERE name = ?",
            (index,),
        )
        # Into the file, out of the write-ahead log.
        forger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    body = bytearray(path.read_bytes())
    leaf = bytes(body[(root - 1) * size : root * size])
    (start,) = struct.unpack(">H", leaf[8:10])
    cell = leaf[start : start + 1 + leaf[start]]
    pages = [leaf]
    for number in range(count + 1, count + 9):
        child = struct.pack(">I", number)
        cells = [size - (at + 1) * (4 + len(cell)) for at in range(40)]
        page = bytearray(size)
        page[:12] = struct.pack(">BHHHBI", 2, 0, len(cells), cells[-1], 0, number)
        page[12 : 12 + 2 * len(cells)] = struct.pack(f">{len(cells)}H", *cells)
        for at in cells:
            page[at : at + 4 + len(cell)] = child + cell
        pages.append(bytes(page))
    # The last of them takes the place of the only page.
    body[(root - 1) * size : root * size] = pages.pop()
    body[28:32] = struct.pack(">I", count + len(pages))
    path.write_bytes(bytes(body) + b"".join(pages))


# -- files ----------------------------------------------------------------------------------------


@pytest.fixture
def no_mask() -> Iterator[None]:
    """Let files be made for everybody, unless whoever makes them says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_mask")
def test_files_are_for_their_owner_alone(sqlite: Store, tmp_path: Path) -> None:
    """Nobody else can read what is bought, or write to the journal."""
    with sqlite.journal() as journal:
        Desk(journal, PROGRAM, clock(), rules()).submit(order("o1"))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        assert journal.remarks() == ()
    names = ("journal.db", "journal.db-shm", "journal.db-wal", "journal.db.lock")
    assert modes == dict.fromkeys(names, 0o600)


@pytest.mark.usefixtures("no_mask")
def test_files_that_others_may_open_are_left_and_told(sqlite: Store, tmp_path: Path) -> None:
    """A journal that a group shares stays shared; who verifies it is told with whom."""
    begun(sqlite)
    path = Path(sqlite.url)
    path.chmod(0o660)
    Path(f"{sqlite.url}.lock").unlink()
    tmp_path.chmod(0o770)
    begun(sqlite)
    with Journal(sqlite.url) as journal:
        said = journal.remarks()
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert said == (
        (
            "others than the owner can open journal.db (mode 660), journal.db-wal (mode 660),"
            " journal.db-shm (mode 660), journal.db.lock (mode 660); `chmod 600` stops that"
        ),
        f"others than the owner can replace files in {tmp_path} (mode 770)",
    )


def test_second_name_of_the_file_is_told(sqlite: Store, tmp_path: Path) -> None:
    """Two desks at two names of one file would each have a lock of its own."""
    begun(sqlite)
    (tmp_path / "other.db").hardlink_to(sqlite.url)
    with Journal(sqlite.url) as journal:
        (said,) = journal.remarks()
    assert said.startswith("journal.db has 2 names (hard links); a desk that uses another name")


def put_link(path: Path) -> None:
    path.symlink_to(path.parent / "victim")


def put_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


PUT: Final[dict[str, Callable[[Path], None]]] = {
    "a link": put_link,
    "a link to a device": put_device,
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
}


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal", ".lock"])
@pytest.mark.parametrize("put", PUT)
def test_something_else_beside_the_file_is_refused(
    sqlite: Store, tmp_path: Path, put: str, end: str
) -> None:
    """What is beside the journal is a file or is not there: nothing is made through a link."""
    begun(sqlite)
    beside = Path(f"{sqlite.url}{end}")
    beside.unlink(missing_ok=True)
    PUT[put](beside)
    before = sorted(tmp_path.iterdir())
    for create in (False, True):
        said = rf"journal\.db{end}, beside it, is not a file"
        with pytest.raises(JournalError, match=said):
            Journal(sqlite.url, create=create)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("put", PUT)
def test_lock_that_is_exchanged_meanwhile_locks_nothing(
    sqlite: Store, tmp_path: Path, put: str
) -> None:
    """An open desk does not wait for a pipe, nor make a file where a link leads."""
    begun(sqlite)
    with Journal(sqlite.url) as journal:
        desk = Desk(journal, PROGRAM, clock())
        lock = Path(f"{sqlite.url}.lock")
        lock.unlink()
        PUT[put](lock)
        with pytest.raises(JournalError, match=r"lock, beside it, is not a file|is a directory"):
            desk.submit(order("o2"))
        assert not (tmp_path / "victim").exists()
        (lock.rmdir if put == "a folder" else lock.unlink)()
        assert desk.submit(order("o2")).decision.outcome == "approved"


# -- rights ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Roles:
    """The database of *owner*, and how another role connects to it."""

    owner: Store
    desk: Store
    audit: Store


@pytest.fixture
def roles(postgres: Store) -> Iterator[Roles]:
    """Create the roles by the statements of the documentation, in a new database."""
    ((name,),) = postgres.rows("SELECT current_database()")
    blocks = re.findall(r"^```sql\n(.*?)^```", JOURNAL_PAGE.read_text(), re.DOTALL | re.MULTILINE)
    before, after = (block.replace("buyback", name) for block in blocks)
    attacked(postgres, before)
    keeper, desk, audit = (as_role(postgres, role) for role in ("keeper", "desk", "audit"))
    # No role of these may make the tables, except their keeper.
    for other in (desk, audit):
        with pytest.raises(JournalError, match="permission denied for schema public"):
            other.journal()
    keeper.journal().close()
    attacked(postgres, after)
    yield Roles(postgres, desk, audit)
    attacked(postgres, "DROP OWNED BY keeper, desk, audit CASCADE", "DROP ROLE keeper, desk, audit")


def as_role(store: Store, name: str) -> Store:
    """Return *store* as the role *name* connects to it."""
    return Store(store.kind, store.url.replace("postgres:@", f"{name}@"))


def test_least_rights_are_enough_and_no_more(roles: Roles) -> None:
    """A desk with the documented rights does all that a desk does, and can undo none of it."""
    with roles.desk.journal() as journal:
        one = Desk(journal, PROGRAM, clock(), rules(), "ann", one_person=True)
        for number in range(8):
            one.submit(order(f"o{number}"))
        one.adopt(roomy_rules(), "ann", "more room")
        assert journal.remarks() == ()
    with Journal(roles.audit.url) as journal:
        last = journal.head(PROGRAM).sequence
        assert verify(journal, PROGRAM).records == last
        assert stored_book(journal, PROGRAM).head.sequence == last
        assert journal.remarks() == ()
        with pytest.raises(JournalError, match="permission denied"):
            Desk(journal, PROGRAM, clock()).submit(order("other"))
    for statement in (
        "DELETE FROM records",
        "UPDATE records SET body = 'x'",
        "TRUNCATE records",
        "UPDATE programs SET name = 'x'",
        "DELETE FROM programs",
        "UPDATE texts SET body = 'x'",
        "INSERT INTO meta VALUES ('x', 'x')",
        "DROP TABLE records",
        "ALTER TABLE records ADD COLUMN x int",
        "CREATE INDEX i ON records (hash)",
        "CREATE TABLE x (y int)",
        "CREATE RULE r AS ON INSERT TO records DO INSTEAD NOTHING",
        "ALTER TABLE records ENABLE ROW LEVEL SECURITY",
    ):
        for role in (roles.desk, roles.audit):
            with pytest.raises(sa.exc.ProgrammingError, match=r"permission denied|must be owner"):
                attacked(role, statement)


def test_policy_that_hides_records_from_a_role_is_found(roles: Roles) -> None:
    """A role that row security binds reads nothing under it, not even at the first look."""
    begun(roles.desk)
    with Journal(roles.audit.url) as journal:
        attacked(
            roles.owner,
            "ALTER TABLE records ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY less ON records FOR SELECT USING (sequence < 2)",
        )
        with pytest.raises(Tampering, match="its row security on `records` is not of this package"):
            stored_book(journal, PROGRAM)


def test_role_with_more_rights_is_told(roles: Roles) -> None:
    """Who verifies a journal is told what the role could do that no desk needs to."""
    least = "docs/journal.md lists the rights that a desk needs"
    with Journal(roles.owner.url) as journal:
        said = "the role `postgres` is a superuser and could rewrite the journal"
        assert journal.remarks() == (f"{said}; {least}",)
    attacked(
        roles.owner,
        "GRANT DELETE, TRIGGER ON records TO desk",
        "GRANT UPDATE (name) ON programs TO desk",
        "GRANT UPDATE (hash) ON texts TO desk",
        "GRANT CREATE ON SCHEMA public TO desk",
        "ALTER ROLE desk CREATEROLE",
    )
    with Journal(roles.desk.url) as journal:
        assert journal.remarks() == (
            (
                "the role `desk` has more rights than it needs: DELETE on records, TRIGGER on"
                " records, UPDATE on programs.name, UPDATE on texts, CREATE in the schema, rights"
                f" over other roles; {least}"
            ),
        )
    attacked(roles.owner, "GRANT keeper TO desk")
    with Journal(roles.desk.url) as journal:
        said = "the role `desk` owns the journal's tables and could rewrite them"
        assert journal.remarks() == (f"{said}; {least}",)


@pytest.mark.parametrize(
    ("host", "parameters", "is_told"),
    [
        ("", {}, False),
        ("/run/postgresql", {}, False),
        ("@abstract", {}, False),
        ("db.example.com", {"sslmode": "verify-full"}, False),
        ("db.example.com", {"sslmode": "verify-ca"}, True),
        ("db.example.com", {"sslmode": "require"}, True),
        ("127.0.0.1", {}, True),
    ],
)
def test_server_that_is_not_verified_is_told(
    host: str, parameters: dict[str, str], is_told: bool
) -> None:
    """Anybody on the way could pretend to be the server, unless its certificate is compared."""
    said = f"the connection does not verify that the server is {host}; add `sslmode=verify-full`"
    found = list(server_remarks(host, parameters))
    assert [one.startswith(said) for one in found] == [True] * is_told
