"""The statements of a transaction, sent to the driver itself, which keeps them prepared.

SQLAlchemy writes each statement once, for the database at hand. It would otherwise spend more time
on each execution than SQLite does.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
import sqlalchemy as sa

# Each statement of a journal, for each number of ids that it may look up.
_WRITTEN_MAX: Final = 1 << 10
_Shape = tuple[tuple[str, int | None], ...]


class _Written(msgspec.Struct, frozen=True):
    """A statement as the driver takes it; *names* are its values in order, `None` if by name."""

    text: str
    names: tuple[str, ...] | None

    def values(self, given: Mapping[str, Any]) -> Any:
        """Return those of the *given* values that the statement names, as the driver takes them."""
        return given if self.names is None else [given[name] for name in self.names]


class Prepared:
    """The driver of an open connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._dialect = connection.dialect
        self._cursor: Any = connection.connection.cursor()

    def send(self, text: str) -> None:
        """Execute *text*, a statement without values and without rows."""
        self._cursor.execute(text)

    def rows(self, statement: sa.Executable, values: Mapping[str, Any]) -> Sequence[Any]:
        """Execute *statement* and return its rows, each with the names of its columns."""
        shape: _Shape = ()
        plain = values
        if list in map(type, values.values()):
            shape, plain = _shape(values), _without_lists(values)
        written = _written(statement, self._dialect, shape)
        self._cursor.execute(written.text, written.values(plain))
        if self._cursor.description is None:
            return ()
        row = _row(tuple([column[0] for column in self._cursor.description]))
        return [row(*found) for found in self._cursor.fetchall()]

    def all(self, text: str, values: Mapping[str, Any] | None = None) -> list[Any]:
        """Execute *text*, which is written for this database, and return its rows as tuples."""
        self._cursor.execute(*((text,) if values is None else (text, values)))
        found: list[Any] = self._cursor.fetchall()
        return found

    def add(self, statement: sa.Executable, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute *statement*, which returns nothing, once for each of *rows*."""
        written = _written(statement, self._dialect, ())
        if len(rows) == 1:
            self._cursor.execute(written.text, written.values(rows[0]))
        else:
            self._cursor.executemany(written.text, [written.values(row) for row in rows])


def _without_lists(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *values* with the members of each list by the names that SQLAlchemy gives to them."""
    plain: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, list):
            plain |= {f"{name}_{place}": one for place, one in enumerate(value, 1)}
        else:
            plain[name] = value
    return plain


def _shape(values: Mapping[str, Any]) -> _Shape:
    """Return the name of each of *values* with the length of a list, `None` for a plain one."""
    return tuple((name, len(one) if type(one) is list else None) for name, one in values.items())


@lru_cache(_WRITTEN_MAX)
def _written(statement: Any, dialect: sa.Dialect, shape: _Shape) -> _Written:
    """Return *statement* for values of *shape*, which is empty if there is no list among them."""
    if shape:
        statement = statement.params({name: [None] * (length or 0) for name, length in shape})
    compiled = statement.compile(
        dialect=dialect, compile_kwargs={"render_postcompile": bool(shape)}
    )
    return _Written(str(compiled), tuple(compiled.positiontup) if compiled.positional else None)


@lru_cache(_WRITTEN_MAX)
def _row(names: tuple[str, ...]) -> Any:
    return namedtuple("Row", names)
