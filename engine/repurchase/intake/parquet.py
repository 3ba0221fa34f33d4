"""Tables from Parquet files, read by DuckDB: each value becomes the text that a CSV would have.

Importing this module without the package `duckdb` raises UsageError, which says what to install.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Final

from repurchase.domain.errors import InputError, Problem, UsageError, short

try:
    import duckdb
except ImportError as _missing:
    what_to_do = "install it with: pip install 'repurchase[replay]'"
    raise UsageError(Problem("Parquet files need the package duckdb", what_to_do)) from _missing

_ROWS_AT_ONCE: Final = 10_000
# No field has so long a text; longer ones would fill the memory before they are refused.
_TEXT_LENGTH_READ: Final = 1_000
_MEMORY_MAX: Final = "128MB"
# DuckDB downloads nothing, and one thread returns the rows in file order. It writes nothing either:
# what does not fit into its memory is refused.
_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "memory_limit": _MEMORY_MAX,
    "temp_directory": "",
    "threads": 1,
}
# The path names one file: it is not a pattern, and folder names do not add columns.
_FROM: Final = "FROM read_parquet(?, hive_partitioning = false)"
_PATTERN: Final = re.compile(r"([*?\[])")

_AS_IT_IS: Final = "{}::VARCHAR"
# With the time zone UTC, DuckDB writes a time with the offset +00.
_TIME: Final = "{}::VARCHAR || ':00'"
# Trailing zeros of a scale carry no information, and could exceed the decimals of a number.
_DECIMAL: Final = r"regexp_replace({}::VARCHAR, '(\.[0-9]*?)0+$', '\1').rtrim('.')"
_INTEGERS: Final = (
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
)
_TEXTS: Final = {
    "VARCHAR": _AS_IT_IS,
    '"NULL"': _AS_IT_IS,
    "DATE": _AS_IT_IS,
    "BOOLEAN": "CASE WHEN {0} THEN 'yes' WHEN NOT {0} THEN 'no' END",
    "TIMESTAMP WITH TIME ZONE": _TIME,
    "TIMESTAMPTZ_NS": _TIME,
    **dict.fromkeys(_INTEGERS, _AS_IT_IS),
}
_REFUSED: Final = {
    "FLOAT": ("floating-point numbers", "save it as DECIMAL or as text"),
    "DOUBLE": ("floating-point numbers", "save it as DECIMAL or as text"),
    "TIMESTAMP": ("times without a zone", "save it with its time zone or as text"),
    "TIMESTAMP_NS": ("times without a zone", "save it with its time zone or as text"),
}


def parquet_rows(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield the column names of the Parquet file *path* as row 0, and then its rows from 1.

    Raise InputError if the file or a column cannot be read.
    """
    name = str(path)
    file = _PATTERN.sub(r"[\1]", str(path.absolute()))
    try:
        with duckdb.connect(config=_SETTINGS) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            columns = [
                (str(column), str(kind))
                for column, kind, *_ in connection.execute(
                    f"DESCRIBE SELECT * {_FROM}", [file]
                ).fetchall()
            ]
            texts = ", ".join(_text(name, column, kind) for column, kind in columns)
            yield 0, [column for column, _ in columns]
            found = connection.execute(f"SELECT {texts} {_FROM}", [file])
            numbers = count(1)
            while some := found.fetchmany(_ROWS_AT_ONCE):
                yield from zip(numbers, some, strict=False)
    except duckdb.OutOfMemoryException as error:
        what = f"the Parquet file needs more than {_MEMORY_MAX} of memory at once"
        hint = "write it with smaller row groups, or as CSV"
        raise InputError(Problem(what, hint, name)) from error
    except duckdb.Error as error:
        why = str(error).partition("\n")[0]
        raise InputError(Problem(f"the Parquet file cannot be read: {why}", None, name)) from error


def _text(name: str, column: str, kind: str) -> str:
    """Return the SQL that writes *column* as text; raise InputError if *kind*, its type, cannot."""
    is_decimal = kind.startswith("DECIMAL")
    template = _DECIMAL if is_decimal else _TEXTS.get(kind)
    if template is None:
        holds, hint = _REFUSED.get(kind, (f"values of type {short(kind)}", "save it as text"))
        raise InputError(Problem(f"the column `{short(column)}` contains {holds}", hint, name))
    quoted = '"' + column.replace('"', '""') + '"'
    return f"coalesce(left({template.format(quoted)}, {_TEXT_LENGTH_READ}), '')"
