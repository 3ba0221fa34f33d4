"""The database that holds a journal, SQLite or PostgreSQL: how to open, lock and check it."""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa

from repurchase.domain.errors import JournalError, Problem, UsageError, short
from repurchase.journal.tables import TABLES

_BY_URI: Final = {"uri": "true"}
# An arbitrary number that other software on the same server is unlikely to lock.
_SETUP_LOCK: Final = 0x7265_7075


class SqlitePlace:
    """A SQLite file and the lock file beside it."""

    begin = "BEGIN IMMEDIATE"
    # In WAL mode, readers never block a writer. The mode is set after the tables are made, so that
    # the database file is a journal even without its `-wal` file.
    afterwards: tuple[str, ...] = ("PRAGMA journal_mode=WAL",)
    setup: tuple[str, ...] = (begin,)

    def __init__(self, path: Path, busy_max_ms: int) -> None:
        self.path = path
        # The full path, also of a file named `:memory:`. SQLite puts its other files beside the
        # database itself, not beside a link to it.
        self._real = path.resolve()
        self._named = path.absolute()
        self._busy_max_ms = busy_max_ms
        self._as_it_was: tuple[int, ...] | None = None
        # Each connection that was opened, whether or not it is closed by now.
        self._opened: list[Any] = []

    def files(self) -> tuple[Path, ...]:
        """Return the paths of the database, and of the files that SQLite and we put beside it."""
        return (self.path, *(self._beside(end) for end in ("", "-wal", "-shm", ".lock")))

    def _check(self, *, create: bool) -> None:
        """Raise UsageError if there is no journal, before SQLite puts any file beside it."""
        path = self.path
        if path.is_dir():
            raise UsageError(Problem("this is a directory", "name a file in it", str(path)))
        if not path.exists():
            if create:
                return
            hint = "check the path, or create a journal with `repurchase submit --rules FILE`"
            raise UsageError(Problem("the journal does not exist", hint, str(path)))
        # Only SQLite may open the file: when a process closes a file, it loses all its locks on the
        # file, including those of SQLite, and another process could write at the same time.
        if not path.is_file():
            raise no_journal(str(path))

    def engine(self, *, create: bool) -> sa.Engine:
        """Return the engine that connects to the file; raise UsageError if it is not a journal."""
        self._check(create=create)
        engine = sa.create_engine(
            self._url(),
            isolation_level="AUTOCOMMIT",
            connect_args={"check_same_thread": False, "timeout": self._busy_max_ms / 1000},
        )

        def connected(connection: Any, _: object) -> None:
            self._opened.append(connection)
            # A changed value must be found as a change, even if it is no longer valid text.
            connection.text_factory = _any_text
            cursor = connection.cursor()
            # A commit returns only after its data is on disk.
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.close()

        sa.event.listen(engine, "connect", connected)
        return engine

    def _url(self) -> sa.URL:
        # If the file or its directory is read-only, open it so that SQLite creates no file.
        needed = (self._real, self._real.parent)
        if not self._real.exists() or all(
            os.access(path, os.W_OK, effective_ids=True) for path in needed
        ):
            return sa.URL.create("sqlite", database=str(self._real))
        # A writer could not use files that a reader creates. The writer's files must therefore be
        # there already, or not be needed.
        if self._beside("-shm").exists():
            way = {"mode": "ro"}
        elif self._unwritten():
            what = f"its newest records are still in {self._beside('-wal').name}, beside it"
            hint = "copy both files to a directory that can be written, and read them there"
            raise UsageError(Problem(what, hint, str(self.path)))
        else:
            way = {"immutable": "1"}
            self._as_it_was = _state(self._real)
        name = f"file:{quote(os.fsencode(self._real))}"
        return sa.URL.create("sqlite", database=name, query=way | _BY_URI)

    def check_still(self) -> None:
        """Raise JournalError if the file changed although it was opened as immutable."""
        if self._as_it_was is not None and (
            _state(self._real) != self._as_it_was or self._unwritten()
        ):
            what = "the journal was written to while it was being read"
            raise JournalError(Problem(what, "try again", str(self.path)))

    def _beside(self, end: str) -> Path:
        return Path(f"{self._real}{end}")

    def _unwritten(self) -> bool:
        wal = self._beside("-wal")
        return wal.exists() and wal.stat().st_size > 0

    def fault(self, connection: sa.Connection) -> str | None:
        """Return what is wrong with the file or its tables; `None` if nothing is."""
        damage = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
        if damage != "ok":
            return f"the file is damaged: {damage}"
        made = sa.create_engine("sqlite://")
        with made.connect() as plain:
            TABLES.create_all(plain)
            differing = _schema(plain) ^ _schema(connection)
        made.dispose()
        if differing:
            kind, name, _ = min(differing)
            return f"its {kind} `{short(str(name))}` is not as this package creates it"
        return None

    def role(self, connection: sa.Connection) -> None:
        """Return `None`: a file has no roles."""

    def settle(self, connection: sa.Connection) -> None:
        """Move the write-ahead log into the database, as far as no reader needs the old pages."""
        connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def is_there(self) -> bool:
        """Return whether the file exists."""
        return self.path.exists()

    def is_free(self, tables: frozenset[str]) -> bool:
        """Return whether a journal can be created beside *tables*: in SQLite, if there are none."""
        return not tables

    def file(self) -> tuple[int, int] | None:
        """Return the device and inode of the file; `None` if it does not exist."""
        try:
            found = self._named.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def is_alone(self, connection: sa.Connection) -> bool:
        """Return whether no other connection has the file open; raise SQLite's error if one has.

        SQLite leaves the WAL mode only for the last connection. This place closes its other
        connections first: Ctrl-C may have left one open.
        """
        this = connection.connection.dbapi_connection
        for one in self._opened:
            if one is not this:
                one.close()
        mode = connection.exec_driver_sql("PRAGMA journal_mode=DELETE").scalar()
        return bool(mode == "delete")

    def remove(self) -> None:
        """Remove the file and the files beside it; call this only while the lock is held."""
        for path in (self._real, *map(self._beside, ("-wal", "-shm", "-journal", ".lock"))):
            path.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Wait for the lock file and hold it; raise JournalError after the longest wait."""
        lock = self._held_lock()
        try:
            yield
        finally:
            os.close(lock)

    def _held_lock(self) -> int:
        while True:
            # Read access is enough for a lock, even if another user created the file.
            flags = os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC
            lock = os.open(self._beside(".lock"), flags, 0o666)
            try:
                self._hold(lock)
                is_held = self._is_lock(lock)
            except BaseException:
                os.close(lock)
                raise
            if is_held:
                return lock
            # Another process has removed the journal with its lock file, see `remove`.
            os.close(lock)

    def _is_lock(self, lock: int) -> bool:
        try:
            return os.path.samestat(os.fstat(lock), self._beside(".lock").stat())
        except FileNotFoundError:
            return False

    def _hold(self, lock: int) -> None:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        # A blocking wait has no time limit, so it runs in a thread; repeated attempts could starve.
        # If the thread gets the lock after we gave up, closing the file releases the lock.
        held = threading.Event()
        threading.Thread(target=_wait_for, args=(lock, held), daemon=True).start()
        if not held.wait(self._busy_max_ms / 1000):
            hint = "try again when it has finished"
            problem = Problem("another process holds the journal", hint, str(self.path))
            raise JournalError(problem)


def _state(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _wait_for(lock: int, held: threading.Event) -> None:
    fcntl.flock(lock, fcntl.LOCK_EX)
    held.set()


def _schema(connection: sa.Connection) -> set[tuple[str, str, str]]:
    rows = connection.exec_driver_sql("SELECT type, name, coalesce(sql, '') FROM sqlite_master")
    return {(str(kind), str(name), str(sql)) for kind, name, sql in rows}


def _any_text(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


class PostgresPlace:
    """A PostgreSQL database; the lock of a program is its row in the table of programs."""

    # Set here, whatever the server's default: reads after the lock must see earlier commits.
    begin = "BEGIN ISOLATION LEVEL READ COMMITTED"
    # A lock, because two processes that create the same tables at once would both fail.
    setup: tuple[str, ...] = (begin, f"SELECT pg_advisory_xact_lock({_SETUP_LOCK})")
    afterwards: tuple[str, ...] = ()

    def __init__(self, url: sa.URL, busy_max_ms: int) -> None:
        self._url = url
        self._busy_max_ms = busy_max_ms

    def engine(self, *, create: bool) -> sa.Engine:  # noqa: ARG002 - the server has it, or not
        """Return the engine that connects to it; raise UsageError if psycopg is not installed."""
        given = self._url.query.get("options", ())
        options = (
            *((given,) if isinstance(given, str) else given),
            "-c synchronous_commit=on",
            # A client that lost its network holds its lock until the server notices.
            f"-c lock_timeout={self._busy_max_ms}",
        )
        try:
            return sa.create_engine(
                self._url,
                isolation_level="AUTOCOMMIT",
                connect_args={"options": " ".join(options)},
            )
        except ModuleNotFoundError as error:
            hint = "install it with: pip install 'repurchase[postgres]'"
            problem = Problem("PostgreSQL needs the package psycopg", hint)
            raise UsageError(problem) from error

    def check_still(self) -> None:
        """Check nothing: the server shows each reader one consistent state."""

    def files(self) -> tuple[Path, ...]:
        """Return no paths: the files belong to the server."""
        return ()

    def fault(self, connection: sa.Connection) -> None:
        """Return `None`, and check nothing: see `Journal.check_tables`."""

    def role(self, connection: sa.Connection) -> str:
        """Return the role that logged in, which SET ROLE does not change."""
        return str(connection.exec_driver_sql("SELECT session_user").scalar_one())

    def settle(self, connection: sa.Connection) -> None:
        """Do nothing: see `Journal.settle`."""

    def is_there(self) -> bool:
        """Return `True`: if the server lacks the database, connecting raises the error."""
        return True

    def is_free(self, tables: frozenset[str]) -> bool:
        """Return whether a journal can be created beside *tables*, which may be of others."""
        return tables.isdisjoint(TABLES.tables)

    def file(self) -> None:
        """Return `None`: the server decides where it keeps the database."""

    def is_alone(self, connection: sa.Connection) -> bool:  # noqa: ARG002 - see `remove`
        """Return `False`: others may use the database."""
        return False

    def remove(self) -> None:
        """Remove nothing: the database belongs to the server."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold no lock: the row lock of the transaction is enough."""
        yield


Place = SqlitePlace | PostgresPlace


def _parsed(url: str) -> sa.URL | None:
    try:
        return sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # A port that is not a number raises ValueError.
        return None


def place_at(url: str, busy_max_ms: int) -> Place:
    """Return the place that *url* names, a path or a URL; raise UsageError if it names none.

    *busy_max_ms* is the longest wait for a lock, in milliseconds.
    """
    if not url:
        raise UsageError(Problem("the name of the journal is empty", "give the path of a file"))
    if "://" not in url:
        return SqlitePlace(Path(url), busy_max_ms)
    parsed = _parsed(url)
    if parsed is None:
        raise _no_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database and not parsed.host:
        return SqlitePlace(Path(parsed.database), busy_max_ms)
    if "@" in (parsed.host or "") or "?" in url.rpartition("@")[0]:
        # Part of the password would be taken for the host, and printed if the host is not found.
        problem = Problem("its password contains `@`", "write `@` as %40", shown_url(url))
        raise UsageError(problem)
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        return PostgresPlace(parsed.set(drivername="postgresql+psycopg"), busy_max_ms)
    raise _no_url(url)


def no_journal(url: str) -> UsageError:
    """Return the error for a file or database at *url* that is not a journal."""
    hint = "`repurchase submit --rules FILE` creates a new one"
    return UsageError(Problem("this is not a journal", hint, url))


def _no_url(url: str) -> UsageError:
    hint = "give a file, or a database as postgresql://user@host/name"
    return UsageError(Problem("this is not the address of a journal", hint, shown_url(url)))


def shown_url(url: str) -> str:
    """Return *url* without its password, wherever that stands, so that it can be printed."""
    scheme, separator, rest = url.partition("://")
    if not separator or (scheme.startswith("sqlite") and rest.startswith("/")):
        return url
    # An invalid URL needs this most: its error message prints it.
    user, at, place = rest.rpartition("@")
    if "?" in user:
        # The `@` may belong to a password or to an option; print neither.
        return f"{scheme}://..."
    name = re.split(r"[:/]", user, maxsplit=1)[0]
    secret = ":***" if user != name else ""
    return f"{scheme}://{name}{secret}{at}{place.partition('?')[0]}"
