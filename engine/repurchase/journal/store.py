"""The store of records: tables in SQLite or PostgreSQL, and the only way to add to them.

A writer holds the program's lock from before it reads the head until its commit. In SQLite the
lock is a file beside the database, because SQLite's own lock lets processes starve. In PostgreSQL
it is the row of the program. A commit returns only after its data is on disk.
"""

from __future__ import annotations

import sys
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import NoneType
from typing import Any, Final, Self

import msgspec
import sqlalchemy as sa

from repurchase.domain.errors import JournalError, Problem, Tampering, UsageError, reason, short
from repurchase.journal.places import no_journal, place_at, shown_url
from repurchase.journal.prepared import Prepared
from repurchase.journal.records import BEGINNING, Sealed
from repurchase.journal.schema import can_tell_format, fault, is_journal
from repurchase.journal.tables import META, PROGRAMS, RECORDS, TABLES, TEXTS

FORMAT: Final = "13"
PAGE: Final = 1_000
# How long a write waits for another process that holds the journal, in milliseconds.
BUSY_MAX_MS: Final = 10_000

# What SQLite says of a file that is damaged.
_OTHER_FILE: Final = "not a database"
_DAMAGED: Final = ("malformed", _OTHER_FILE, "corrupt")
_RESTORE: Final = (
    "stop the desk and keep the file; `repurchase verify --repairable` says what is lost; restore"
    " a copy of it, or import the last export into a new journal, check that against a checkpoint"
    " kept elsewhere, and submit again all that came after"
)

# What SQLite says of a query that took too many steps, and what that means.
_CAUSES: Final = {"interrupted": "a query takes more steps than a file of this size can need"}
_CHANGED: Final = "find out who changed it, and restore a copy that was made before"

# Called with the name of each step reached, so that tests can end the process there.
Reached = Callable[[str], None]


class Head(msgspec.Struct, frozen=True):
    """The end of a program's chain: how many records it has, and the hash of the last."""

    sequence: int = 0
    hash: str = BEGINNING


class Stored(msgspec.Struct, frozen=True, gc=False):
    """A record as read from the store, before any check."""

    sequence: int
    key: str | None
    hash: str
    body: bytes


class Extent(msgspec.Struct, frozen=True):
    """What the tables say of a program at one moment: its head, and its first record's number.

    *beyond* is the number of the first record after the head. Each is `None` if there is none.
    """

    head: Head
    first: int | None
    beyond: int | None


class Reader(ABC):
    """The queries that readers and writers of a journal share.

    *url* is the journal's address without its password, for messages.
    """

    url: str

    def records(self, program: str, after: int = 0, until: int | None = None) -> Iterator[Stored]:
        """Yield the records of *program* after number *after*, in order.

        With *until*, stop after that number, so that records added meanwhile are left out.
        """
        while page := self._rows(_SELECT_PAGE, program=program, after=after, page=PAGE):
            for row in page:
                # Check row by row, so that the error names the first wrong record.
                stored = _stored(row, self.url)
                if until is not None and stored.sequence > until:
                    return
                yield stored
            if len(page) < PAGE:
                return
            after = page[-1].sequence

    def record(self, program: str, key: str) -> Stored | None:
        """Return the record of *program* that has *key*; `None` if there is none."""
        return self.with_keys(program, [key]).get(key)

    def with_keys(self, program: str, keys: Sequence[str]) -> dict[str, Stored]:
        """Return the records of *program* that have one of *keys*, by key."""
        rows = self._rows(_SELECT_KEYS, program=program, keys=keys)
        return {row.key: _stored(row, self.url) for row in rows}

    def without_key(self, program: str, sequence: int) -> Iterator[Stored]:
        """Yield the records of *program* up to *sequence* that have no key, the last first.

        The adoptions, which name the rule file in force, are among them, and mostly the last.
        """
        page = 1
        while rows := self._rows(_SELECT_NO_KEY, program=program, sequence=sequence, page=page):
            yield from (_stored(row, self.url) for row in rows)
            sequence, page = rows[-1].sequence - 1, min(2 * page, PAGE)

    @abstractmethod
    def _rows(self, statement: sa.Executable, **values: object) -> Sequence[Any]:
        """Return all rows that *statement* finds."""


class Journal(Reader):
    """An open journal. Its methods may be called from several threads."""

    def __init__(
        self,
        url: str,
        *,
        create: bool = False,
        reached: Reached | None = None,
        busy_max_ms: int = BUSY_MAX_MS,
    ) -> None:
        """Open the journal at *url*, a file or a PostgreSQL URL; make a new one with *create*.

        *busy_max_ms* is the longest wait for another process, in milliseconds. Raise UsageError
        if *url* does not name a journal, JournalError if it cannot be opened.
        """
        self.url: str = shown_url(url)
        self.reached: Reached = reached or _nothing
        self._place = place_at(url, busy_max_ms)
        self._engine = self._place.engine(create=create)
        # One writer at a time: programs commit one after the other anyway.
        self._writing = threading.Lock()
        self._is_new = False
        self._file: tuple[int, int] | None = None
        try:
            with self.failing("cannot be opened"):
                self._set_up(create=create)
        except BaseException:
            self.close()
            raise

    def role(self) -> str | None:
        """Return the role that this connection logged in with; `None` if the store has no roles."""
        with self._reading() as connection:
            return self._place.role(connection)

    @property
    def address(self) -> str:
        """Return where the journal is, as a full path or without a password."""
        files = self._place.files()
        return str(files[1]) if files else self.url

    def files(self) -> tuple[Path, ...]:
        """Return the files of the journal; none if a server holds it."""
        return self._place.files()

    def programs(self) -> tuple[str, ...]:
        """Return the names of the programs in the journal, sorted."""
        return tuple(_name(row.name, self.url) for row in self._rows(_SELECT_BEGUN))

    def head(self, program: str) -> Head:
        """Return the end of the chain of *program*, as the table of programs states it."""
        row = self._row(_SELECT_HEAD, program=program)
        return Head() if row is None else _head(row, program, self.url)

    def numbered(self, program: str, sequence: int) -> Stored | None:
        """Return record *sequence* of *program*; `None` if there is no such record."""
        row = self._row(_SELECT_NUMBERED, program=program, sequence=sequence)
        return None if row is None else _stored(row, self.url)

    def hashes(self, program: str, until: int) -> list[str]:
        """Return the hashes of the records of *program* up to number *until*, in order."""
        rows = self._rows(_SELECT_HASHES, program=program, until=until)
        return [str(row.hash) for row in rows]

    def hash_of(self, program: str, sequence: int) -> str | None:
        """Return the hash of record *sequence* of *program*; `None` if there is no such record."""
        row = self._row(_SELECT_HASH, program=program, sequence=sequence)
        return None if row is None else str(row.hash)

    def extent(self, program: str) -> Extent:
        """Return what the tables say of *program*, all read at one moment."""
        row = self._row(_SELECT_EXTENT, program=program)
        head = Head() if row.head is None else _head(row, program, self.url)
        return Extent(head, row.first, row.beyond)

    def stray(self) -> tuple[str, int] | None:
        """Return a program with records but without a head, and its first record's number."""
        row = self._row(_SELECT_STRAY)
        return None if row is None else (_name(row.program, self.url), row.first)

    def repeated(self, program: str) -> int | None:
        """Return the number of a record that repeats the key of an earlier one, if there is one."""
        found: int | None = self._row(_SELECT_REPEATED, program=program).again
        return found

    def text(self, hash_: str) -> bytes | None:
        """Return the source text whose SHA-256 is *hash_*; `None` if it is not stored."""
        row = self._row(_SELECT_TEXT, hash=hash_)
        return None if row is None else row.body

    def edition(self, hash_: str) -> str | None:
        """Return the content of the edition whose hash is *hash_*; `None` if it is not stored."""
        row = self._row(_SELECT_EDITION, hash=hash_)
        return None if row is None else row.content

    @contextmanager
    def writing(self, program: str) -> Iterator[Writer]:
        """Hold the lock of *program* and a transaction; commit at the end, or roll back an error.

        Raise JournalError if the journal cannot be locked or written, or was replaced meanwhile.
        """
        with (
            self._writing,
            self.failing("cannot be written"),
            self._place.locked(),
            self._engine.connect() as connection,
        ):
            self.reached("locked")
            prepared = Prepared(connection)
            try:
                self._start(prepared)
                writer = Writer(connection, program, self.reached, self.url)
                yield writer
                self.reached("written")
                writer.check_written()
                prepared.send("COMMIT")
            except BaseException:
                with suppress(sa.exc.SQLAlchemyError):
                    connection.exec_driver_sql("ROLLBACK")
                raise
            if self._place.file() != self._file:
                # The records are in a file that no other process will find at this path.
                what = "the journal was moved or replaced while it was open"
                raise JournalError(Problem(what, "put it back and open it again", self.url))
            writer.check_written()
            self.reached("committed")

    def _start(self, prepared: Prepared) -> None:
        """Begin a transaction; raise Tampering as `_check` does, within it."""
        driver = self._engine.dialect.loaded_dbapi
        try:
            wrong = self._place.start(prepared)
        except driver.Error:
            # What cannot be locked may be something else in the place of a table.
            with suppress(driver.Error):
                prepared.send("ROLLBACK")
            with suppress(driver.Error):
                self._check(prepared)
            raise
        self._refuse(wrong)

    def _check(self, prepared: Prepared) -> None:
        """Raise Tampering unless the database is made of what this package creates, and no more."""
        self._refuse(self._place.fault(prepared))

    def _refuse(self, wrong: str | None) -> None:
        if wrong is not None:
            raise Tampering(Problem(wrong, _CHANGED, self.url))

    def remarks(self) -> tuple[str, ...]:
        """Return a sentence for each right that others, or this role, have and need not have.

        None of them is a fault: whoever has the right may be meant to have it.
        """
        with self._reading() as connection:
            return tuple(self._place.remarks(Prepared(connection), connection))

    def settle(self) -> None:
        """Move committed records from SQLite's `-wal` file into the database file."""
        with self._reading() as connection:
            self._place.settle(connection)

    def check_tables(self) -> None:
        """Raise Tampering if the tables or their indexes are not as this package wrote them.

        Every other call checks only what they are made of; this one reads all pages of a file.
        """
        with self._reading() as connection:
            wrong = self._place.damage(Prepared(connection))
        if wrong is not None:
            raise Tampering(Problem(wrong, "restore it from a copy", self.url))

    def close(self) -> None:
        """Close the journal. If this call made its file and no program has begun, remove it."""
        if self._is_new:
            self._is_new = False
            # Whoever closes it may report another error, which matters more than an empty file.
            with suppress(JournalError):
                self._remove_unused()
        self._engine.dispose()

    def _remove_unused(self) -> None:
        _end_queries(sys.exception())
        self._engine.dispose()
        # If the file was moved, connecting would make another one.
        if self._place.file() != self._file:
            return
        with self.failing("cannot be removed"), self._place.locked():
            with self._looking() as connection:
                is_unused = self._is_unbegun(connection) and self._place.is_alone(connection)
            self._engine.dispose()
            if is_unused:
                # Who opens it only now waits for the lock, and then makes another, see `_set_up`.
                self._place.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def failing(self, what: str) -> Iterator[None]:
        """Turn a database error into a JournalError that says "the journal *what*", and why."""
        try:
            yield
        except (sa.exc.SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error) as error:
            cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            cause = _CAUSES.get(cause, cause)
            hint = _RESTORE if any(sign in cause for sign in _DAMAGED) else None
            if hint is not None and _OTHER_FILE in cause:
                hint = f"name the journal; if this file was one, {hint}"
            problem = Problem(f"the journal {what}: {cause}", hint, self.url)
            raise JournalError(problem) from error
        except UnicodeError as error:
            problem = Problem(f"the journal {what}: a name in it is not text", file=self.url)
            raise JournalError(problem) from error
        except OSError as error:
            raise JournalError(
                Problem(f"the journal {what}: {reason(error)}", file=self.url)
            ) from error

    def _rows(self, statement: sa.Executable, **values: object) -> Sequence[Any]:
        with self._reading() as connection:
            return connection.execute(statement, values).all()

    def _row(self, statement: sa.Executable, **values: object) -> Any:
        """Return the first row that *statement* finds; `None` if it finds none."""
        return next(iter(self._rows(statement, **values)), None)

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self.failing("cannot be read"), self._looking() as connection:
            try:
                self._check(Prepared(connection))
                yield connection
            except (sa.exc.SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error):
                self._place.check_still()
                raise
            self._place.check_still()

    @contextmanager
    def _looking(self) -> Iterator[sa.Connection]:
        """Yield a connection that may be used before the database is checked."""
        with self._engine.connect() as connection, self._place.bounded(connection):
            yield connection

    def _set_up(self, *, create: bool) -> None:
        # Refuse a file that cannot be a journal before SQLite puts any file beside it.
        if create and (not self._place.is_there() or self._may_vanish()):
            with self._place.locked():
                # The process that made the file may have removed it while this one waited.
                self._engine.dispose()
                self._is_new = self._place.make()
                try:
                    with self._looking() as connection:
                        self._make(connection)
                finally:
                    self._file = self._place.file()
        before = self._place.file()
        with self._looking() as connection:
            self._check_opened(connection)
        self._file = self._file or self._place.file()
        if self._file != before:
            what = "the journal was moved or replaced while it was being opened"
            raise JournalError(Problem(what, "open it again", self.url))

    def _check_opened(self, connection: sa.Connection) -> None:
        """Raise UsageError unless the database is a journal of this format, Tampering if changed.

        The tables of another format may differ, so the format is read first if that is safe.
        """
        prepared = Prepared(connection)
        found, made = self._place.parts(prepared), self._place.made
        if not is_journal(found):
            raise no_journal(self.url)
        if can_tell_format(found, made) and (format_ := _format(connection)) != FORMAT:
            what = f"the journal has format {format_}, but this package writes format {FORMAT}"
            hint = (
                "use it with the version of the package that wrote it; to go on here, begin the"
                " program in a new journal with `brought_forward`, what it has executed"
            )
            raise UsageError(Problem(what, hint, self.url))
        self._check(prepared)

    def _may_vanish(self) -> bool:
        """Return whether the process that made the journal may remove it, as it is not in use."""
        with self._looking() as connection:
            return self._is_unbegun(connection)

    def _is_unbegun(self, connection: sa.Connection) -> bool:
        """Return whether the database is empty, or is a journal in which no program has begun."""
        prepared = Prepared(connection)
        if self._place.is_free(prepared):
            return True
        # What was changed is not read here: whoever opens it is told.
        is_whole = fault(self._place.parts(prepared), self._place.made) is None
        is_ours = is_whole and _format(connection) == FORMAT
        return is_ours and connection.execute(_SELECT_BEGUN).first() is None

    def _make(self, connection: sa.Connection) -> None:
        for statement in self._place.setup:
            connection.exec_driver_sql(statement)
        # Another process may have created the tables while this one waited.
        if self._place.is_free(Prepared(connection)):
            TABLES.create_all(connection)
            connection.execute(META.insert().values(name="format", value=FORMAT))
        connection.exec_driver_sql("COMMIT")
        for statement in self._place.afterwards:
            connection.exec_driver_sql(statement)


class Writer(Reader):
    """The queries and changes of one program while its lock is held."""

    head: Head

    def __init__(self, connection: sa.Connection, program: str, reached: Reached, url: str) -> None:
        self.url = url
        self.connection = connection
        self._prepared = Prepared(connection)
        self.program = program
        self._reached = reached
        self._written: Sequence[Sealed] = ()
        self.head = self._locked_head()

    def append(self, records: Sequence[Sealed]) -> None:
        """Add *records* to the end of the chain, and move the head."""
        rows = [
            {
                "program": self.program,
                "sequence": one.record.sequence,
                "key": one.record.key,
                "hash": one.hash,
                "body": one.body,
            }
            for one in records
        ]
        self._prepared.add(_ADD_RECORD, rows)
        self._reached("appended")
        last = records[-1]
        self.head = Head(last.record.sequence, last.hash)
        self._rows(_MOVE_HEAD, to=self.head.sequence, hash=self.head.hash)
        self._written = records

    def check_written(self) -> None:
        """Raise Tampering unless the store holds the records appended last, and names the head.

        The store may contain what this package did not put there, and which undoes a change.
        """
        if not self._written:
            return
        first, last = self._written[0].record.sequence, self._written[-1].record.sequence
        rows = self._rows(_SELECT_WRITTEN, after=first - 1, until=last)
        is_there = [
            (one.record.sequence, one.record.key, one.hash, one.body) for one in self._written
        ] == [tuple(row[:4]) for row in rows]
        # After the commit, another process may have added records.
        if not is_there or not _is_at(rows[-1], self.head):
            what = f"records {first} to {last} are not in the journal as they were written"
            hint = "nothing was decided; stop the desk, and run `repurchase verify`"
            raise Tampering(Problem(what, hint, self.url))

    def touch(self) -> None:
        """Write the head as another, and then as it is: the journal can be written, or this fails.

        SQLite writes nothing if a row is only set to what it is.
        """
        for hash_ in (BEGINNING, self.head.hash):
            self._rows(_MOVE_HEAD, to=self.head.sequence, hash=hash_)

    def keep_text(self, hash_: str, body: bytes) -> None:
        """Store the source text *body* under its hash."""
        self._rows(_KEEP_TEXT, hash=hash_, body=body)

    def keep_edition(self, hash_: str, content: str) -> None:
        """Store the content of an edition under its hash."""
        self._rows(_KEEP_EDITION, hash=hash_, content=content)

    def _locked_head(self) -> Head:
        if not (rows := self._rows(LOCK_HEAD)):
            # Two processes that begin one program at once must find one row to lock.
            self._rows(_BEGIN_PROGRAM, head=BEGINNING)
            rows = self._rows(LOCK_HEAD)
        return _head(rows[0], self.program, self.url)

    def _rows(self, statement: sa.Executable, **values: object) -> Sequence[Any]:
        return self._prepared.rows(statement, {"program": self.program, **values})


# SQLite accepts a value of any type in any column, so each row is checked before use.
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
        what = f"record {short(str(row.sequence))}: its {next(wrong)} has the wrong type"
        raise Tampering(Problem(what, file=place))
    return Stored(*row)


def _head(row: Any, program: str, place: str) -> Head:
    if (type(row.sequence), type(row.head)) != (int, str):
        what = f"the head of the program `{short(program)}` is not a record number and a hash"
        raise Tampering(Problem(what, file=place))
    return Head(row.sequence, row.head)


def _is_at(row: Any, head: Head) -> bool:
    """Return whether *row* names *head*, or a later one, as the head of its program."""
    if type(row.last) is int and row.last > head.sequence:
        return True
    return (row.last, row.head) == (head.sequence, head.hash)


def _name(value: object, place: str) -> str:
    if type(value) is not str:
        raise Tampering(Problem("the name of a program in the journal is not text", file=place))
    return value


def _format(connection: sa.Connection) -> str | None:
    return connection.scalar(sa.select(META.c.value).where(META.c.name == "format"))


def _end_queries(error: BaseException | None) -> None:
    """End the queries that the calls still hold in which *error*, such as Ctrl-C, was raised.

    SQLite keeps a file in use as long as a query on it has not ended.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


def _nothing(_: str) -> None:
    """Do nothing at a step that was reached."""


# The columns in the order of `Stored`, without conversion, so that changed types are found.
_RECORDS: Final = "SELECT sequence, key, hash, body FROM records WHERE program = :program"

_SELECT_BEGUN: Final = sa.text("SELECT name FROM programs WHERE sequence > 0 ORDER BY name")
_SELECT_HEAD: Final = sa.text("SELECT sequence, head FROM programs WHERE name = :program")
_SELECT_HASHES: Final = sa.text(
    "SELECT hash FROM records WHERE program = :program AND sequence <= :until ORDER BY sequence"
)
_SELECT_HASH: Final = sa.text(
    "SELECT hash FROM records WHERE program = :program AND sequence = :sequence"
)
# One statement reads one moment, even while another process writes.
_SELECT_EXTENT: Final = sa.text("""
    SELECT
        (SELECT sequence FROM programs WHERE name = :program) AS sequence,
        (SELECT head FROM programs WHERE name = :program) AS head,
        (SELECT CAST(min(sequence) AS BIGINT) FROM records WHERE program = :program) AS first,
        (SELECT CAST(min(sequence) AS BIGINT) FROM records WHERE program = :program
            AND sequence > (SELECT sequence FROM programs WHERE name = :program)) AS beyond
""")
_SELECT_STRAY: Final = sa.text(
    "SELECT program, CAST(min(sequence) AS BIGINT) AS first FROM records"
    " WHERE program NOT IN (SELECT name FROM programs WHERE sequence > 0)"
    " GROUP BY program ORDER BY program LIMIT 1"
)
_SELECT_REPEATED: Final = sa.text(
    "SELECT min(last) AS again FROM ("
    "SELECT max(sequence) AS last FROM records WHERE program = :program AND key IS NOT NULL"
    " GROUP BY key HAVING count(*) > 1) AS repeated"
)
_SELECT_NUMBERED: Final = sa.text(f"{_RECORDS} AND sequence = :sequence")
# With the head in each row: one statement takes half the time of two.
_SELECT_WRITTEN: Final = sa.text("""
    SELECT r.sequence, r.key, r.hash, r.body, p.sequence AS last, p.head
    FROM records AS r JOIN programs AS p ON p.name = r.program
    WHERE r.program = :program AND r.sequence > :after AND r.sequence <= :until
    ORDER BY r.sequence
""")
_SELECT_PAGE: Final = sa.text(f"{_RECORDS} AND sequence > :after ORDER BY sequence LIMIT :page")
_SELECT_KEYS: Final = sa.text(f"{_RECORDS} AND key IN :keys").bindparams(
    sa.bindparam("keys", expanding=True)
)
# The sign keeps SQLite from the index of the numbers: it would read each record on the way back.
_SELECT_NO_KEY: Final = sa.text(
    f"{_RECORDS} AND key IS NULL AND +sequence <= :sequence ORDER BY +sequence DESC LIMIT :page"
)
# The cast, because someone may have stored text in this SQLite column, and it would return text.
_SELECT_TEXT: Final = sa.select(sa.cast(TEXTS.c.body, sa.LargeBinary).label("body")).where(
    TEXTS.c.hash == sa.bindparam("hash")
)
_SELECT_EDITION: Final = sa.text(
    "SELECT CAST(content AS TEXT) AS content FROM editions WHERE hash = :hash"
)
_BEGIN_PROGRAM: Final = sa.text(
    "INSERT INTO programs (name, sequence, head) VALUES (:program, 0, :head) ON CONFLICT DO NOTHING"
)
# Built by SQLAlchemy, because SQLite has no such clause and needs none.
LOCK_HEAD: Final = (
    sa.select(PROGRAMS.c.sequence, PROGRAMS.c.head)
    .where(PROGRAMS.c.name == sa.bindparam("program"))
    .with_for_update()
)
_ADD_RECORD: Final = RECORDS.insert()
_MOVE_HEAD: Final = sa.text(
    "UPDATE programs SET sequence = :to, head = :hash WHERE name = :program"
)
_KEEP_TEXT: Final = sa.text(
    "INSERT INTO texts (hash, body) VALUES (:hash, :body) ON CONFLICT DO NOTHING"
)
_KEEP_EDITION: Final = sa.text(
    "INSERT INTO editions (hash, content) VALUES (:hash, :content) ON CONFLICT DO NOTHING"
)
