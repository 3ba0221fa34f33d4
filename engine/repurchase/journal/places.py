"""Where a journal is: a SQLite file, which is opened, locked and checked here, or a server."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from repurchase.domain.errors import JournalError, Problem, UsageError
from repurchase.journal.postgres import PostgresPlace
from repurchase.journal.prepared import Prepared
from repurchase.journal.schema import Part, Parts, fault, keys
from repurchase.journal.tables import TABLES

_HARDENED: Final = {"trusted_schema": "OFF", "cell_size_check": "ON", "mmap_size": "0"}
_BY_URI: Final = {"uri": "true"}
# The files that SQLite and we put beside the database.
_BESIDE: Final = ("-wal", "-shm", "-journal", ".lock")
_OTHERS_ANY: Final = 0o077
_OTHERS_WRITE: Final = 0o022

# A query ends after so many million steps of SQLite's machine, and ten more for each byte of the
# file: a forged file can hold pages that lead to each other for ever. Ours take fewer than a
# hundred steps for a record, which has some hundred bytes.
MILLIONS_MAX: Final = 200
_MILLION: Final = 1_000_000
_BYTES_A_MILLION: Final = 100_000


# Read access is enough for a lock, even if another user created the file. A pipe must not make this
# process wait.
_LOCK_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


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
        self._lock = self._beside(".lock")
        self._busy_max_ms = busy_max_ms
        self._as_it_was: tuple[int, ...] | None = None
        # Each connection that was opened, whether or not it is closed by now.
        self._opened: list[Any] = []
        # The rows of the catalog that were found to be as made.
        self._good: list[Any] | None = None

    def files(self) -> tuple[Path, ...]:
        """Return the paths of the database, and of the files that SQLite and we put beside it."""
        return (self.path, self._real, *map(self._beside, _BESIDE))

    def _check(self, *, create: bool) -> None:
        """Raise UsageError if there is no journal, before SQLite puts any file beside it.

        Raise JournalError if something else than a file is where SQLite puts one.
        """
        path = self.path
        if path.is_symlink():
            # Whoever may write to the directory could let it lead to another journal between two
            # orders, such as an older copy.
            what = f"this is a symbolic link to {path.readlink()}"
            raise UsageError(Problem(what, "name the file itself", str(path)))
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
        for beside in map(self._beside, _BESIDE):
            if _exists(beside) and not _is_file(beside):
                raise self._no_file(beside)

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
            # What the file itself defines may not call a function with effects, and SQLite checks
            # each page that it reads.
            for name, value in _HARDENED.items():
                cursor.execute(f"PRAGMA {name}={value}")
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

    # -- what it is made of ---------------------------------------------------------------------

    @property
    def made(self) -> Parts:
        """Return the parts that this package creates."""
        return _made()

    def parts(self, prepared: Prepared) -> Parts:
        """Return what the database is made of."""
        return _parts(prepared.all(_CATALOG))

    def start(self, prepared: Prepared) -> str | None:
        """Begin to write, and return what differs from the tables as made; `None` if nothing."""
        prepared.send(self.begin)
        return self.fault(prepared)

    def fault(self, prepared: Prepared) -> str | None:
        """Return what differs from the tables as this package creates them; `None` if nothing."""
        rows = prepared.all(_CATALOG)
        if rows == self._good:
            return None
        wrong = fault(_parts(rows), _made())
        if wrong is None:
            self._good = rows
        return wrong

    def damage(self, prepared: Prepared) -> str | None:
        """Return what is wrong with the pages of the file; `None` if nothing is.

        SQLite answers queries from its indexes, which anyone can change who can write the file.
        """
        ((found,),) = prepared.all("PRAGMA integrity_check(1)")
        return None if found == "ok" else f"the file is damaged: {found}"

    @contextmanager
    def bounded(self, connection: sa.Connection) -> Iterator[None]:
        """End each query on *connection* that takes more steps than a file of this size needs."""
        driver: Any = connection.connection.dbapi_connection
        size = sum(_size(path) for path in (self._real, self._beside("-wal")))
        left = chain(repeat(0, MILLIONS_MAX + size // _BYTES_A_MILLION), repeat(1))
        # Not a function in Python: Ctrl-C would be raised within it, and SQLite would ignore that.
        driver.set_progress_handler(left.__next__, _MILLION)
        try:
            yield
        finally:
            driver.set_progress_handler(None, 0)

    def remarks(self, *_: object) -> Iterator[str]:
        """Yield a sentence on who else can read or replace the files, if anybody can."""
        shared = [
            f"{path.name} (mode {mode:o})"
            for path, mode in map(_mode, (self._real, *map(self._beside, _BESIDE)))
            if mode & _OTHERS_ANY
        ]
        if shared:
            yield f"others than the owner can open {', '.join(shared)}; `chmod 600` stops that"
        folder, mode = _mode(self._real.parent)
        if mode & _OTHERS_WRITE and not mode & stat.S_ISVTX:
            yield f"others than the owner can replace files in {folder} (mode {mode:o})"
        names = self._real.stat().st_nlink
        if names > 1:
            yield (
                f"{self._real.name} has {names} names (hard links); a desk that uses another name"
                " sees neither its lock nor its newest records"
            )

    # -- how to make, lock and leave it ---------------------------------------------------------

    def role(self, connection: sa.Connection) -> None:
        """Return `None`: a file has no roles."""

    def settle(self, connection: sa.Connection) -> None:
        """Move the write-ahead log into the database, as far as no reader needs the old pages."""
        connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def is_there(self) -> bool:
        """Return whether the file exists."""
        return self.path.exists()

    def make(self) -> bool:
        """Make the file for its owner alone, and return whether it was not there.

        SQLite gives the files beside it the same mode. Call this only while the lock is held.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            # Closing it releases the locks of this process on it; a new file has none.
            os.close(os.open(self._real, flags, 0o600))
        except FileExistsError:
            return False
        return True

    def is_free(self, prepared: Prepared) -> bool:
        """Return whether a journal can be created: in SQLite, only in an empty database."""
        return not self.parts(prepared)

    def file(self) -> tuple[int, int] | None:
        """Return the device and inode of the file; `None` if it does not exist."""
        try:
            # Of a link that was put in its place, not of what that leads to.
            found = self._named.lstat()
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
        for path in (self._real, *map(self._beside, _BESIDE)):
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
            lock = self._opened_lock()
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

    def _opened_lock(self) -> int:
        path = self._lock
        try:
            try:
                lock = os.open(path, _LOCK_FLAGS)
            except FileNotFoundError:
                # It is for those for whom the database is.
                mode = _mode(self._real)[1] & 0o666 or 0o600
                lock = os.open(path, _LOCK_FLAGS | os.O_CREAT, mode)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise self._no_file(path) from error
        if not stat.S_ISREG(os.fstat(lock).st_mode):
            os.close(lock)
            raise self._no_file(path)
        return lock

    def _no_file(self, path: Path) -> JournalError:
        what = f"{path.name}, beside it, is not a file"
        return JournalError(Problem(what, "find out who put it there", str(self.path)))

    def _is_lock(self, lock: int) -> bool:
        try:
            return os.path.samestat(os.fstat(lock), self._lock.stat())
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


def _exists(path: Path) -> bool:
    return os.path.lexists(path)


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _mode(path: Path) -> tuple[Path, int]:
    """Return *path* and who may do what with the file there: nobody anything if there is none."""
    try:
        return path, stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return path, 0


# As bytes, which are quicker to read, and are compared exactly, even if they are not valid text.
_CATALOG: Final = (
    "SELECT CAST(type AS BLOB), CAST(name AS BLOB), CAST(tbl_name AS BLOB), CAST(sql AS BLOB)"
    " FROM sqlite_master"
)


def _parts(rows: Sequence[Sequence[bytes | None]]) -> Parts:
    """Return the parts that *rows* of SQLite's catalog describe."""
    return frozenset(Part(*(_words(_any_text(one or b"")) for one in row)) for row in rows)


@cache
def _made() -> Parts:
    parts = []
    for table in TABLES.tables.values():
        written = str(CreateTable(table).compile(dialect=sqlite.dialect()))
        parts.append(Part("table", table.name, table.name, _words(written)))
        # SQLite names the index of a key itself, by its number in the table.
        for number, _ in enumerate(keys(table), 1):
            name = f"sqlite_autoindex_{table.name}_{number}"
            parts.append(Part("index", name, table.name, ""))
    return frozenset(parts)


def _words(text: str) -> str:
    """Return *text* with one space for all white space: the versions of SQLAlchemy differ there."""
    return " ".join(text.split())


def _any_text(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


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
        return PostgresPlace(
            parsed.set(drivername="postgresql+psycopg"), busy_max_ms, shown_url(url)
        )
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
