"""Where records are kept: tables in SQLite or PostgreSQL, and the one way to add to them.

Whoever writes holds the program's lock from the moment it reads the head until its commit: in
SQLite a lock file beside the database (its own lock lets processes starve), in PostgreSQL the
row of the program. What is committed has reached the disk.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import NoneType, TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import msgspec
import sqlalchemy as sa

from repurchase.domain.errors import JournalError, Problem, Tampering, UsageError, reason, short
from repurchase.journal.records import BEGINNING, Sealed

FORMAT: Final = "5"
PAGE: Final = 1_000
# How long another process may hold the journal before a write gives up, in milliseconds.
BUSY_MAX_MS: Final = 10_000
_BY_URI: Final = {"uri": "true"}
# Any number that no other software on the same server is likely to lock.
_SETUP_LOCK: Final = 0x7265_7075

_TABLES: Final = sa.MetaData()
META: Final = sa.Table(
    "meta",
    _TABLES,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
PROGRAMS: Final = sa.Table(
    "programs",
    _TABLES,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("head", sa.Text, nullable=False),
)
RECORDS: Final = sa.Table(
    "records",
    _TABLES,
    sa.Column("program", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    # The event's own id; other records have none.
    sa.Column("id", sa.Text),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("program", "id"),
)
TEXTS: Final = sa.Table(
    "texts",
    _TABLES,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
EDITIONS: Final = sa.Table(
    "editions",
    _TABLES,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
)
SNAPSHOTS: Final = sa.Table(
    "snapshots",
    _TABLES,
    sa.Column("program", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

# A named point of the work, so that tests can end the process there; nothing else listens.
Reached = Callable[[str], None]


class Head(msgspec.Struct, frozen=True):
    """The end of a program's chain: how many records it has, and the hash of the last."""

    sequence: int = 0
    hash: str = BEGINNING


class Stored(msgspec.Struct, frozen=True, gc=False):
    """A record as the store has it, before anything of it is believed."""

    sequence: int
    id: str | None
    hash: str
    body: bytes


class Extent(msgspec.Struct, frozen=True):
    """A program as its tables have it at one moment: its head, and the number of its first record.

    *beyond* is the first that stands after the head, *snapshot* the stored position with the number
    of its record.
    """

    head: Head
    first: int | None
    beyond: int | None
    snapshot: tuple[int, bytes] | None


class Journal:
    """An open journal. Its methods may be called from several threads.

    *url* is where it is, as it may be printed.
    """

    def __init__(
        self,
        url: str,
        *,
        create: bool = False,
        reached: Reached | None = None,
        busy_max_ms: int = BUSY_MAX_MS,
    ) -> None:
        """Open the journal at *url*, a file or a PostgreSQL URL; make a new one with *create*.

        Raise UsageError for a URL that names none, JournalError where it cannot be opened.
        """
        self.url = shown_url(url)
        self.reached: Reached = reached or _nothing
        self._place = _place(url, busy_max_ms)
        self._engine = _engine(self._place, busy_max_ms, create=create)
        # One connection is enough for writing: programs commit one after the other anyway.
        self._writing = threading.Lock()
        try:
            with self.failing("cannot be opened"):
                self._set_up(create=create)
                self._file = self._place.file()
        except BaseException:
            self.close()
            raise

    def files(self) -> tuple[Path, ...]:
        """Return the files that it is made of: none where a server keeps it."""
        return self._place.files()

    def programs(self) -> tuple[str, ...]:
        """Return the names of the programs that it holds, sorted."""
        with self._reading() as connection:
            return tuple(_name(one, self.url) for one in connection.scalars(_SELECT_BEGUN))

    def head(self, program: str) -> Head:
        """Return the end of the chain of *program* as it says itself."""
        begun = sa.select(PROGRAMS.c.sequence, PROGRAMS.c.head).where(PROGRAMS.c.name == program)
        with self._reading() as connection:
            row = connection.execute(begun).one_or_none()
        return Head() if row is None else _head(row, program, self.url)

    def extent(self, program: str) -> Extent:
        """Return the head of *program* and what its other tables say of it, all of one moment."""
        with self._reading() as connection:
            row = connection.execute(_SELECT_EXTENT, {"program": program}).one()
        head = Head() if row.head is None else _head(row, program, self.url)
        kept = None if row.body is None else (row.kept, row.body)
        return Extent(head, row.first, row.beyond, kept)

    def stray(self) -> tuple[str, int] | None:
        """Return a program that has records but has not begun, and the first of those."""
        with self._reading() as connection:
            row = connection.execute(_SELECT_STRAY).one_or_none()
        return None if row is None else (_name(row.program, self.url), row.first)

    def repeated(self, program: str) -> int | None:
        """Return the number of a record whose id an earlier one of *program* has already."""
        with self._reading() as connection:
            found: int | None = connection.scalar(_SELECT_REPEATED, {"program": program})
        return found

    def records(self, program: str, after: int = 0, until: int | None = None) -> Iterator[Stored]:
        """Yield the records of *program* after the *after*th, in their order.

        With *until* none after that one: what is added meanwhile comes after it.
        """
        while True:
            with self._reading() as connection:
                page = _page(connection, program, after)
            for row in page:
                # One by one, so that of several that are wrong the first is told.
                stored = _stored(row, self.url)
                if until is not None and stored.sequence > until:
                    return
                yield stored
            if len(page) < PAGE:
                return
            after = page[-1].sequence

    def record(self, program: str, id_: str) -> Stored | None:
        """Return the record of the event of *program* called *id_*, `None` where there is none."""
        with self._reading() as connection:
            wanted = {"program": program, "ids": [id_]}
            row = connection.execute(_SELECT_IDS, wanted).one_or_none()
        return None if row is None else _stored(row, self.url)

    def naming(self, program: str, sequence: int) -> Stored | None:
        """Return the last record of *program* up to *sequence* that names its rule file."""
        with self._reading() as connection:
            return _naming(connection, program, sequence, self.url)

    def of_no_event(self, program: str) -> Iterator[Stored]:
        """Yield the records of *program* that are of no event, in their order."""
        with self._reading() as connection:
            rows = connection.execute(_SELECT_OF_NO_EVENT, {"program": program}).all()
        yield from (_stored(row, self.url) for row in rows)

    def text(self, hash_: str) -> bytes | None:
        """Return the source text with the SHA-256 *hash_*, `None` where it is not kept."""
        with self._reading() as connection:
            return _text(connection, hash_)

    def edition(self, hash_: str) -> str | None:
        """Return the content of the edition with the hash *hash_*, `None` where it is not kept."""
        with self._reading() as connection:
            content = sa.cast(EDITIONS.c.content, sa.Text)
            return connection.scalar(sa.select(content).where(EDITIONS.c.hash == hash_))

    def snapshot(self, program: str) -> tuple[int, bytes] | None:
        """Return the last stored position of *program*, and the number of its record, if any."""
        with self._reading() as connection:
            found = connection.execute(
                sa.select(SNAPSHOTS.c.sequence, _bytes(SNAPSHOTS.c.body)).where(
                    SNAPSHOTS.c.program == program
                )
            ).one_or_none()
        if found is None or type(found.sequence) is not int:
            return None
        return found.sequence, found.body

    @contextmanager
    def writing(self, program: str) -> Iterator[Writer]:
        """Hold the lock of *program* and a transaction, committed at the end; else nothing is."""
        with (
            self._writing,
            self.failing("cannot be written"),
            self._place.locked(),
            self._engine.connect() as connection,
        ):
            self.reached("locked")
            connection.exec_driver_sql(self._place.begin)
            try:
                yield Writer(connection, program, self.reached, self.url)
                self.reached("written")
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                with suppress(sa.exc.SQLAlchemyError):
                    connection.exec_driver_sql("ROLLBACK")
                raise
            if self._place.file() != self._file:
                # What was written is where nobody will look for it.
                what = "the journal was moved or replaced while it was open"
                raise JournalError(Problem(what, "put it back and open it again", self.url))
            self.reached("committed")

    def settle(self) -> None:
        """Put what was committed into the file itself, where it lies beside it so far."""
        with self._reading() as connection:
            self._place.settle(connection)

    def check_tables(self) -> None:
        """Raise Tampering where its tables and their indexes are not as they were made.

        SQLite finds what it is asked by its indexes, which anyone can change; of PostgreSQL, which
        keeps its files to itself, nothing is asked.
        """
        with self._reading() as connection:
            wrong = self._place.amiss(connection)
        if wrong is not None:
            raise Tampering(Problem(wrong, "restore it from a copy", self.url))

    def close(self) -> None:
        """Close the journal."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def failing(self, what: str) -> Iterator[None]:
        """Tell what the database says as a sentence with its place: the journal *what*."""
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            problem = Problem(f"the journal {what}: {said}", file=self.url)
            raise JournalError(problem) from error
        except UnicodeError as error:
            problem = Problem(f"the journal {what}: a name in it is no text", file=self.url)
            raise JournalError(problem) from error
        except OSError as error:
            raise JournalError(
                Problem(f"the journal {what}: {reason(error)}", file=self.url)
            ) from error

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self.failing("cannot be read"), self._engine.connect() as connection:
            try:
                yield connection
            except sa.exc.SQLAlchemyError:
                self._place.check_still()
                raise
            self._place.check_still()

    def _set_up(self, *, create: bool) -> None:
        # What cannot be a journal is told before anything is put beside it.
        if create and (not self._place.is_there() or self._is_free()):
            with self._place.locked(), self._engine.connect() as connection:
                self._make(connection)
        with self._engine.connect() as connection:
            if META.name not in _tables(connection):
                raise _no_journal(self.url)
            found = _format(connection)
        if found != FORMAT:
            what = f"it is a journal of format {found}, and this package writes {FORMAT}"
            raise UsageError(Problem(what, "export it with the package that wrote it", self.url))

    def _is_free(self) -> bool:
        with self._engine.connect() as connection:
            return self._place.is_free(_tables(connection))

    def _make(self, connection: sa.Connection) -> None:
        for statement in self._place.setup:
            connection.exec_driver_sql(statement)
        # Another may have made them while this one waited.
        if self._place.is_free(_tables(connection)):
            _TABLES.create_all(connection)
            connection.execute(META.insert().values(name="format", value=FORMAT))
        connection.exec_driver_sql("COMMIT")
        for statement in self._place.afterwards:
            connection.exec_driver_sql(statement)


class Writer:
    """What may be read and written of one program while its lock is held."""

    def __init__(
        self, connection: sa.Connection, program: str, reached: Reached, place: str
    ) -> None:
        self.place = place
        self._connection = connection
        self._program = program
        self._reached = reached
        self.head = self._locked_head()

    def records(self, after: int) -> Iterator[Stored]:
        """Yield the records after the *after*th, in their order."""
        while page := _page(self._connection, self._program, after):
            yield from (_stored(row, self.place) for row in page)
            after = page[-1].sequence

    def naming(self, sequence: int) -> Stored | None:
        """Return the last record up to *sequence* that names the rule file."""
        return _naming(self._connection, self._program, sequence, self.place)

    def text(self, hash_: str) -> bytes | None:
        """Return the source text with the SHA-256 *hash_*, `None` where it is not kept."""
        return _text(self._connection, hash_)

    def with_ids(self, ids: Sequence[str]) -> dict[str, Stored]:
        """Return the records of the events called *ids*, those that there are."""
        found = self._connection.execute(_SELECT_IDS, {"program": self._program, "ids": ids})
        return {row.id: _stored(row, self.place) for row in found}

    def append(self, records: Sequence[Sealed]) -> None:
        """Add *records* at the end of the chain."""
        rows = [
            {
                "program": self._program,
                "sequence": one.record.sequence,
                "id": None if one.record.event is None else one.record.event["id"],
                "hash": one.hash,
                "body": one.body,
            }
            for one in records
        ]
        self._connection.execute(RECORDS.insert(), rows)
        self._reached("appended")
        last = records[-1]
        self.head = Head(last.record.sequence, last.hash)
        self._connection.execute(
            _MOVE_HEAD,
            {"program": self._program, "to": self.head.sequence, "hash": self.head.hash},
        )

    def keep_text(self, hash_: str, body: bytes) -> None:
        """Keep the source text *body* under its hash."""
        if self._connection.scalar(sa.select(TEXTS.c.hash).where(TEXTS.c.hash == hash_)) is None:
            self._connection.execute(TEXTS.insert().values(hash=hash_, body=body))

    def keep_edition(self, hash_: str, content: str) -> None:
        """Keep the content of an edition under its hash."""
        found = sa.select(EDITIONS.c.hash).where(EDITIONS.c.hash == hash_)
        if self._connection.scalar(found) is None:
            self._connection.execute(EDITIONS.insert().values(hash=hash_, content=content))

    def keep_snapshot(self, sequence: int, body: bytes) -> None:
        """Keep the position of the record *sequence*, in the place of the one before."""
        self._connection.execute(SNAPSHOTS.delete().where(SNAPSHOTS.c.program == self._program))
        self._connection.execute(
            SNAPSHOTS.insert().values(program=self._program, sequence=sequence, body=body)
        )

    def _locked_head(self) -> Head:
        # Two that begin one program at once must find one row to lock.
        begun = {"name": self._program, "sequence": 0, "head": BEGINNING}
        self._connection.execute(_BEGIN_PROGRAM, begun)
        row = self._connection.execute(_LOCK_HEAD, {"program": self._program}).one()
        return _head(row, self._program, self.place)


class _SqlitePlace:
    """A SQLite file and the lock file beside it."""

    begin = "BEGIN IMMEDIATE"
    # Readers never stop a writer. The file remembers it, and has its tables by then, so that it is
    # a journal also without what lies beside it.
    afterwards = ("PRAGMA journal_mode=WAL",)
    setup = (begin,)

    def __init__(self, path: Path, busy_max_ms: int) -> None:
        self.path = path
        # In full, `:memory:` too: what lies beside it lies beside the file, not beside a link.
        self._real = path.resolve()
        self._named = path.absolute()
        self._busy_max_ms = busy_max_ms
        self._as_it_was: tuple[int, ...] | None = None

    def files(self) -> tuple[Path, ...]:
        """Return the database and what SQLite and we put beside it."""
        return (self.path, *(self._beside(end) for end in ("", "-wal", "-shm", ".lock")))

    def check(self, *, create: bool) -> None:
        """Raise UsageError where there is no journal, before anything is put beside it."""
        path = self.path
        if path.is_dir():
            raise UsageError(Problem("it is a directory", "name a file in it", str(path)))
        if not path.exists():
            if create:
                return
            hint = "name the file, or begin one with `repurchase submit --rules FILE`"
            raise UsageError(Problem("there is no such journal", hint, str(path)))
        # Nobody may open it but SQLite: whoever closes a file lets go of all locks on it that the
        # process has, those of SQLite too, and another process would take it for its own.
        if not path.is_file():
            raise _no_journal(str(path))

    def url(self) -> sa.URL:
        """Return how it is opened: what cannot be written is read, and nothing put beside it."""
        needed = (self._real, self._real.parent)
        if not self._real.exists() or all(
            os.access(path, os.W_OK, effective_ids=True) for path in needed
        ):
            return sa.URL.create("sqlite", database=str(self._real))
        # What a reader put beside it, its writer could not use. So what a writer put there must be
        # there, or not be needed.
        if self._beside("-shm").exists():
            way = {"mode": "ro"}
        elif self._unwritten():
            what = f"its last records are still in {self._beside('-wal').name}"
            hint = "it cannot be read here: copy both to where files can be written"
            raise UsageError(Problem(what, hint, str(self.path)))
        else:
            way = {"immutable": "1"}
            self._as_it_was = _state(self._real)
        name = f"file:{quote(os.fsencode(self._real))}"
        return sa.URL.create("sqlite", database=name, query=way | _BY_URI)

    def check_still(self) -> None:
        """Raise JournalError where what is read as if nobody wrote to it was written to."""
        if self._as_it_was is not None and (
            _state(self._real) != self._as_it_was or self._unwritten()
        ):
            problem = Problem("it was written to while it was read", "try again", str(self.path))
            raise JournalError(problem)

    def _beside(self, end: str) -> Path:
        return Path(f"{self._real}{end}")

    def _unwritten(self) -> bool:
        wal = self._beside("-wal")
        return wal.exists() and wal.stat().st_size > 0

    def amiss(self, connection: sa.Connection) -> str | None:
        """Return what is wrong with the file, or with the tables that it says it has."""
        said = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
        if said != "ok":
            return f"the file is damaged: {said}"
        made = sa.create_engine("sqlite://")
        with made.connect() as plain:
            _TABLES.create_all(plain)
            differing = _schema(plain) ^ _schema(connection)
        made.dispose()
        if differing:
            kind, name, _ = min(differing)
            return f"its {kind} `{short(str(name))}` is not the one that this package makes"
        return None

    def settle(self, connection: sa.Connection) -> None:
        """Put the log into the database, as far as nobody reads what was before."""
        connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def is_there(self) -> bool:
        """Return whether there is a file that could hold tables."""
        return self.path.exists()

    def is_free(self, tables: frozenset[str]) -> bool:
        """Return whether a journal can be made where there are *tables*: a file is for one."""
        return not tables

    def file(self) -> tuple[int, int] | None:
        """Return which file it is, `None` where there is none."""
        try:
            found = self._named.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Wait for the lock file and hold it; raise JournalError where another keeps it."""
        # Enough for a lock, also where another user made the file.
        lock = os.open(self._beside(".lock"), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            self._hold(lock)
            yield
        finally:
            os.close(lock)

    def _hold(self, lock: int) -> None:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        # The system wakes who waits, without a limit; who only tries now and then would starve.
        # What a thread that was given up gets in the end goes with the file that is closed.
        held = threading.Event()
        threading.Thread(target=_wait_for, args=(lock, held), daemon=True).start()
        if not held.wait(self._busy_max_ms / 1000):
            hint = "try again, or see which one it is"
            problem = Problem("the journal is held by another process", hint, str(self.path))
            raise JournalError(problem)


def _state(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _wait_for(lock: int, held: threading.Event) -> None:
    fcntl.flock(lock, fcntl.LOCK_EX)
    held.set()


class _PostgresPlace:
    """A PostgreSQL database; the row of the program is its lock."""

    # Whatever is usual on this server: what is read after the lock is what was committed before.
    begin = "BEGIN ISOLATION LEVEL READ COMMITTED"
    # Two that create the same tables at once would each fail on the other's.
    setup = (begin, f"SELECT pg_advisory_xact_lock({_SETUP_LOCK})")
    afterwards = ()

    def __init__(self, url: sa.URL) -> None:
        self.url = url

    def check_still(self) -> None:
        """Check nothing: the server shows each reader one state of it."""

    def files(self) -> tuple[Path, ...]:
        """Return none: its files are the server's."""
        return ()

    def amiss(self, connection: sa.Connection) -> None:
        """Return nothing: see `Journal.check_tables`."""

    def settle(self, connection: sa.Connection) -> None:
        """Do nothing: see `Journal.settle`."""

    def is_there(self) -> bool:
        """Return that there is a database: the server has it, or says that it has not."""
        return True

    def is_free(self, tables: frozenset[str]) -> bool:
        """Return whether a journal can be made where there are *tables*, of others too."""
        return tables.isdisjoint(_TABLES.tables)

    def file(self) -> None:
        """Return nothing: where it is kept is the server's business."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold nothing: the row lock of the transaction is enough."""
        yield


def shown_url(url: str) -> str:
    """Return *url* as it may be printed: without a password, wherever it stands."""
    scheme, separator, rest = url.partition("://")
    if not separator or (scheme.startswith("sqlite") and rest.startswith("/")):
        return url
    # Also where it is no URL that anyone could open: it is printed then above all.
    user, at, place = rest.rpartition("@")
    if "?" in user:
        # Nobody can say whether a password or an option holds the `@`.
        return f"{scheme}://..."
    name = re.split(r"[:/]", user, maxsplit=1)[0]
    secret = ":***" if user != name else ""
    return f"{scheme}://{name}{secret}{at}{place.partition('?')[0]}"


def _parsed(url: str) -> sa.URL | None:
    try:
        return sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # The other is for a port that is no number.
        return None


def _place(url: str, busy_max_ms: int) -> _SqlitePlace | _PostgresPlace:
    if not url:
        raise UsageError(Problem("no journal is named", "name a file"))
    if "://" not in url:
        return _SqlitePlace(Path(url), busy_max_ms)
    parsed = _parsed(url)
    if parsed is None:
        raise _no_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database and not parsed.host:
        return _SqlitePlace(Path(parsed.database), busy_max_ms)
    if "@" in (parsed.host or "") or "?" in url.rpartition("@")[0]:
        # The rest of a password would be looked up as a host, and named when it is not found.
        problem = Problem("its password holds an `@`", "write that as %40", shown_url(url))
        raise UsageError(problem)
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        return _PostgresPlace(parsed.set(drivername="postgresql+psycopg"))
    raise _no_url(url)


def _no_journal(url: str) -> UsageError:
    return UsageError(Problem("it is no journal", "`submit --rules FILE` makes a new one", url))


def _no_url(url: str) -> UsageError:
    hint = "name a file, or a database as postgresql://user@host/name"
    return UsageError(Problem("it is no journal that can be opened", hint, shown_url(url)))


def _engine(place: _SqlitePlace | _PostgresPlace, busy_max_ms: int, *, create: bool) -> sa.Engine:
    if isinstance(place, _PostgresPlace):
        return _postgres(place, busy_max_ms)
    place.check(create=create)
    engine = sa.create_engine(
        place.url(),
        isolation_level="AUTOCOMMIT",
        connect_args={"check_same_thread": False, "timeout": busy_max_ms / 1000},
    )

    def connected(connection: Any, _: object) -> None:
        # What someone changed is to be found as a change, also where it is no text any more.
        connection.text_factory = _any_text
        cursor = connection.cursor()
        # A commit has reached the disk when it returns.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    sa.event.listen(engine, "connect", connected)
    return engine


def _postgres(place: _PostgresPlace, busy_max_ms: int) -> sa.Engine:
    given = place.url.query.get("options", ())
    options = (
        *((given,) if isinstance(given, str) else given),
        "-c synchronous_commit=on",
        # Whoever lost its network holds its lock until the server notices.
        f"-c lock_timeout={busy_max_ms}",
    )
    try:
        return sa.create_engine(
            place.url,
            isolation_level="AUTOCOMMIT",
            connect_args={"options": " ".join(options)},
        )
    except ModuleNotFoundError as error:
        hint = "install it with: pip install 'repurchase[postgres]'"
        problem = Problem("PostgreSQL needs the package psycopg", hint)
        raise UsageError(problem) from error


# SQLite takes a value of any type in any column: what a row holds is looked at before it is used.
_OF_AN_EVENT: Final = (int, str, str, bytes)
_OF_ANOTHER: Final = (int, NoneType, str, bytes)


def _stored(row: Any, place: str) -> Stored:
    if tuple(map(type, row)) not in (_OF_AN_EVENT, _OF_ANOTHER):
        wrong = (
            name
            for name, value, *kinds in zip(
                Stored.__struct_fields__, row, _OF_AN_EVENT, _OF_ANOTHER, strict=True
            )
            if type(value) not in kinds
        )
        what = f"record {short(str(row.sequence))}: its {next(wrong)} is of another type"
        raise Tampering(Problem(what, file=place))
    return Stored(*row)


def _head(row: Any, program: str, place: str) -> Head:
    if (type(row.sequence), type(row.head)) != (int, str):
        what = f"the program `{short(program)}` does not say at which record it ends"
        raise Tampering(Problem(what, file=place))
    return Head(row.sequence, row.head)


def _name(value: object, place: str) -> str:
    if type(value) is not str:
        raise Tampering(Problem("the name of a program in it is no text", file=place))
    return value


def _page(connection: sa.Connection, program: str, after: int) -> Sequence[Any]:
    return connection.execute(_SELECT_PAGE, {"program": program, "after": after}).all()


def _naming(connection: sa.Connection, program: str, sequence: int, place: str) -> Stored | None:
    wanted = {"program": program, "sequence": sequence}
    row = connection.execute(_SELECT_NAMING, wanted).one_or_none()
    return None if row is None else _stored(row, place)


def _text(connection: sa.Connection, hash_: str) -> bytes | None:
    return connection.scalar(sa.select(_bytes(TEXTS.c.body)).where(TEXTS.c.hash == hash_))


def _tables(connection: sa.Connection) -> frozenset[str]:
    return frozenset(sa.inspect(connection).get_table_names())


def _format(connection: sa.Connection) -> str | None:
    return connection.scalar(sa.select(META.c.value).where(META.c.name == "format"))


def _schema(connection: sa.Connection) -> set[tuple[str, str, str]]:
    rows = connection.exec_driver_sql("SELECT type, name, coalesce(sql, '') FROM sqlite_master")
    return {(str(kind), str(name), str(sql)) for kind, name, sql in rows}


def _any_text(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def _nothing(_: str) -> None:
    """Reach a named point of the work without doing anything there."""


def _bytes(column: sa.Column[bytes]) -> sa.ColumnElement[bytes]:
    # SQLite lets anyone store a text there, which would come back as one.
    return sa.cast(column, sa.LargeBinary).label(column.name)


def _whole(column: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return sa.cast(column, sa.BigInteger)


# In the order of `Stored`; the body as it is, were it a text that someone put there.
_COLUMNS: Final = (
    RECORDS.c.sequence,
    RECORDS.c.id,
    RECORDS.c.hash,
    sa.type_coerce(RECORDS.c.body, sa.types.NullType()).label("body"),
)
# Both databases know these words, and SQLAlchemy only each one's own.
_BEGIN_PROGRAM: Final = sa.text(
    "INSERT INTO programs (name, sequence, head) VALUES (:name, :sequence, :head)"
    " ON CONFLICT DO NOTHING"
)
_LOCK_HEAD: Final = (
    sa.select(PROGRAMS.c.sequence, PROGRAMS.c.head)
    .where(PROGRAMS.c.name == sa.bindparam("program"))
    .with_for_update()
)
_MOVE_HEAD: Final = (
    PROGRAMS.update()
    .where(PROGRAMS.c.name == sa.bindparam("program"))
    .values(sequence=sa.bindparam("to"), head=sa.bindparam("hash"))
)
_SELECT_BEGUN: Final = (
    sa.select(PROGRAMS.c.name).where(PROGRAMS.c.sequence > 0).order_by(PROGRAMS.c.name)
)
_SELECT_FIRST: Final = sa.select(_whole(sa.func.min(RECORDS.c.sequence))).where(
    RECORDS.c.program == sa.bindparam("program")
)
_SELECT_BEYOND: Final = (
    sa.select(_whole(sa.func.min(RECORDS.c.sequence)))
    .where(RECORDS.c.program == sa.bindparam("program"))
    .where(
        RECORDS.c.sequence
        > sa.select(PROGRAMS.c.sequence)
        .where(PROGRAMS.c.name == sa.bindparam("program"))
        .scalar_subquery()
    )
)
_SELECT_STRAY: Final = (
    sa.select(RECORDS.c.program, _whole(sa.func.min(RECORDS.c.sequence)).label("first"))
    .where(RECORDS.c.program.not_in(sa.select(PROGRAMS.c.name).where(PROGRAMS.c.sequence > 0)))
    .group_by(RECORDS.c.program)
    .order_by(RECORDS.c.program)
    .limit(1)
)
# One statement sees one moment, also where another process writes on.
_SELECT_EXTENT: Final = sa.select(
    sa.select(PROGRAMS.c.sequence)
    .where(PROGRAMS.c.name == sa.bindparam("program"))
    .scalar_subquery()
    .label("sequence"),
    sa.select(PROGRAMS.c.head)
    .where(PROGRAMS.c.name == sa.bindparam("program"))
    .scalar_subquery()
    .label("head"),
    _SELECT_FIRST.scalar_subquery().label("first"),
    _SELECT_BEYOND.scalar_subquery().label("beyond"),
    sa.select(SNAPSHOTS.c.sequence)
    .where(SNAPSHOTS.c.program == sa.bindparam("program"))
    .scalar_subquery()
    .label("kept"),
    sa.select(_bytes(SNAPSHOTS.c.body))
    .where(SNAPSHOTS.c.program == sa.bindparam("program"))
    .scalar_subquery()
    .label("body"),
)
_OF_ONE_ID: Final = (
    sa.select(sa.func.max(RECORDS.c.sequence).label("again"))
    .where(RECORDS.c.program == sa.bindparam("program"))
    .where(RECORDS.c.id.is_not(None))
    .group_by(RECORDS.c.id)
    .having(sa.func.count() > 1)
    .subquery()
)
_SELECT_REPEATED: Final = sa.select(sa.func.min(_OF_ONE_ID.c.again))
_SELECT_PAGE: Final = (
    sa.select(*_COLUMNS)
    .where(RECORDS.c.program == sa.bindparam("program"))
    .where(RECORDS.c.sequence > sa.bindparam("after"))
    .order_by(RECORDS.c.sequence)
    .limit(PAGE)
)
# Adoptions and snapshots.
_OF_NO_EVENT: Final = (
    sa.select(*_COLUMNS)
    .where(RECORDS.c.program == sa.bindparam("program"))
    .where(RECORDS.c.id.is_(None))
)
_SELECT_OF_NO_EVENT: Final = _OF_NO_EVENT.order_by(RECORDS.c.sequence)
# Both name the rule file.
_SELECT_NAMING: Final = (
    _OF_NO_EVENT.where(RECORDS.c.sequence <= sa.bindparam("sequence"))
    .order_by(RECORDS.c.sequence.desc())
    .limit(1)
)
_SELECT_IDS: Final = (
    sa.select(*_COLUMNS)
    .where(RECORDS.c.program == sa.bindparam("program"))
    .where(RECORDS.c.id.in_(sa.bindparam("ids", expanding=True)))
)
