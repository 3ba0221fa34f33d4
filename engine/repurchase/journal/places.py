"""Where a journal is kept, a SQLite file or a PostgreSQL database: opened, locked and checked."""

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
# Any number that no other software on the same server is likely to lock.
_SETUP_LOCK: Final = 0x7265_7075


class SqlitePlace:
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

    def _check(self, *, create: bool) -> None:
        """Raise UsageError if there is no journal, before anything is put beside it."""
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
            raise no_journal(str(path))

    def engine(self, *, create: bool) -> sa.Engine:
        """Return what connects to it; raise UsageError if there is no journal to connect to."""
        self._check(create=create)
        engine = sa.create_engine(
            self._url(),
            isolation_level="AUTOCOMMIT",
            connect_args={"check_same_thread": False, "timeout": self._busy_max_ms / 1000},
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

    def _url(self) -> sa.URL:
        # What cannot be written is read, and nothing is put beside it.
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
        """Raise JournalError if what is read as if nobody wrote to it was written to."""
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

    def fault(self, connection: sa.Connection) -> str | None:
        """Return what is wrong with the file, or with the tables that it says it has."""
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
        """Return which file it is, `None` if there is none."""
        try:
            found = self._named.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Wait for the lock file and hold it; raise JournalError if another keeps it."""
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


def _schema(connection: sa.Connection) -> set[tuple[str, str, str]]:
    rows = connection.exec_driver_sql("SELECT type, name, coalesce(sql, '') FROM sqlite_master")
    return {(str(kind), str(name), str(sql)) for kind, name, sql in rows}


def _any_text(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


class PostgresPlace:
    """A PostgreSQL database; the row of the program is its lock."""

    # Whatever is usual on this server: what is read after the lock is what was committed before.
    begin = "BEGIN ISOLATION LEVEL READ COMMITTED"
    # Two that create the same tables at once would each fail on the other's.
    setup = (begin, f"SELECT pg_advisory_xact_lock({_SETUP_LOCK})")
    afterwards = ()

    def __init__(self, url: sa.URL, busy_max_ms: int) -> None:
        self._url = url
        self._busy_max_ms = busy_max_ms

    def engine(self, *, create: bool) -> sa.Engine:  # noqa: ARG002 - the server has it, or not
        """Return what connects to it; raise UsageError if its package is not installed."""
        given = self._url.query.get("options", ())
        options = (
            *((given,) if isinstance(given, str) else given),
            "-c synchronous_commit=on",
            # Whoever lost its network holds its lock until the server notices.
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
        """Check nothing: the server shows each reader one state of it."""

    def files(self) -> tuple[Path, ...]:
        """Return none: its files are the server's."""
        return ()

    def fault(self, connection: sa.Connection) -> None:
        """Return nothing: see `Journal.check_tables`."""

    def settle(self, connection: sa.Connection) -> None:
        """Do nothing: see `Journal.settle`."""

    def is_there(self) -> bool:
        """Return that there is a database: the server has it, or says that it has not."""
        return True

    def is_free(self, tables: frozenset[str]) -> bool:
        """Return whether a journal can be made where there are *tables*, of others too."""
        return tables.isdisjoint(TABLES.tables)

    def file(self) -> None:
        """Return nothing: where it is kept is the server's business."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold nothing: the row lock of the transaction is enough."""
        yield


Place = SqlitePlace | PostgresPlace


def _parsed(url: str) -> sa.URL | None:
    try:
        return sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # The other is for a port that is no number.
        return None


def place_at(url: str, busy_max_ms: int) -> Place:
    """Return the place that *url* names; raise UsageError if it names none."""
    if not url:
        raise UsageError(Problem("no journal is named", "name a file"))
    if "://" not in url:
        return SqlitePlace(Path(url), busy_max_ms)
    parsed = _parsed(url)
    if parsed is None:
        raise _no_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database and not parsed.host:
        return SqlitePlace(Path(parsed.database), busy_max_ms)
    if "@" in (parsed.host or "") or "?" in url.rpartition("@")[0]:
        # The rest of a password would be looked up as a host, and named when it is not found.
        problem = Problem("its password holds an `@`", "write that as %40", shown_url(url))
        raise UsageError(problem)
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        return PostgresPlace(parsed.set(drivername="postgresql+psycopg"), busy_max_ms)
    raise _no_url(url)


def no_journal(url: str) -> UsageError:
    """Return the error that what is at *url* is not a journal."""
    return UsageError(Problem("it is no journal", "`submit --rules FILE` makes a new one", url))


def _no_url(url: str) -> UsageError:
    hint = "name a file, or a database as postgresql://user@host/name"
    return UsageError(Problem("it is no journal that can be opened", hint, shown_url(url)))


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
