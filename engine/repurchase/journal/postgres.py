"""A journal in a PostgreSQL database: how to connect, to lock, and to check what it is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from repurchase.domain.errors import Problem, UsageError
from repurchase.journal.prepared import Prepared
from repurchase.journal.schema import Part, Parts, fault, keys
from repurchase.journal.tables import EDITIONS, META, PROGRAMS, RECORDS, TABLES, TEXTS

# An arbitrary number that other software on the same server is unlikely to lock.
_SETUP_LOCK: Final = 0x7265_7075
# A statement that takes longer does not end by itself. The longest of ours read a whole table.
STATEMENT_MAX_MS: Final = 300_000
_SCHEMA: Final = "public"
_NAMES: Final = list(TABLES.tables)
_PLAIN_NAME: Final = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")
_SEARCH_PATH: Final = re.compile(r"(?:^|\s)(?:-c\s*|--)search[-_]path=(\S+)", re.IGNORECASE)

# Set here, whatever the server's default: reads after the lock must see earlier commits.
_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
_WRITTEN: Final = (PROGRAMS, RECORDS, TEXTS, EDITIONS)
# Whoever would add a trigger or a rule to a table must wait for these locks, so that nothing is
# added between the check and the commit. Other desks need not wait.
_LOCK: Final = (
    f"LOCK TABLE {', '.join(f'ONLY {table.name}' for table in _WRITTEN)} IN ROW EXCLUSIVE MODE"
)


class PostgresPlace:
    """A PostgreSQL database; the lock of a program is its row in the table of programs."""

    begin = _BEGIN
    # A lock, because two processes that create the same tables at once would both fail. The name is
    # qualified: anybody who may create functions could have made one of the same name.
    setup: tuple[str, ...] = (
        _BEGIN,
        f"SELECT pg_catalog.pg_advisory_xact_lock({_SETUP_LOCK}::bigint)",
    )
    afterwards: tuple[str, ...] = ()

    def __init__(self, url: sa.URL, busy_max_ms: int, shown: str) -> None:
        """Take the place at *url*, which messages call *shown*; raise UsageError for its options.

        *busy_max_ms* is the longest wait for a lock, in milliseconds.
        """
        self._shown = shown
        self._schema, self._is_default = _schema(url, shown)
        self._url = url.difference_update_query(["schema"])
        self._busy_max_ms = busy_max_ms
        # The tables that were found to be as made, and what asks whether they still are.
        self._tables: str | None = None
        self._same: str | None = None

    def engine(self, *, create: bool) -> sa.Engine:  # noqa: ARG002 - the server has it, or not
        """Return the engine that connects to it; raise UsageError if psycopg is not installed."""
        given = self._url.query.get("options", ())
        options = (
            f"-c statement_timeout={STATEMENT_MAX_MS}",
            *((given,) if isinstance(given, str) else given),
            "-c synchronous_commit=on",
            # A client that lost its network holds its lock until the server notices.
            f"-c lock_timeout={self._busy_max_ms}",
            # Whatever the server has set for the role: another schema first could hold tables of
            # the same names. Temporary tables would come first unless they are named last.
            f"-c search_path={self._schema},pg_temp",
            # A policy that hides rows from this role is an error then.
            "-c row_security=off",
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

    # -- what it is made of ---------------------------------------------------------------------

    @property
    def made(self) -> Parts:
        """Return the parts that this package creates."""
        return made(self._schema)

    def parts(self, prepared: Prepared) -> Parts:
        """Return what the tables of the journal are made of, as the statements find them."""
        return frozenset(Part(*row) for row in prepared.all(_PARTS, {"names": _NAMES}))

    def start(self, prepared: Prepared) -> str | None:
        """Begin to write, and return what differs from the tables as made; `None` if nothing."""
        # One message: waiting for the server takes longer than what it does.
        prepared.send(f"{self.begin}; {_LOCK}")
        return self.fault(prepared)

    def fault(self, prepared: Prepared) -> str | None:
        """Return what differs from the tables as this package creates them; `None` if nothing."""
        same = self._same
        if same is not None and prepared.all(same) == _YES:
            return None
        return self._whole_fault(prepared)

    def _whole_fault(self, prepared: Prepared) -> str | None:
        # The state is read first: a change in between is then found by the next check.
        tables, has_more, *state = prepared.all(_STATE, {"names": _NAMES})[0]
        wrong = fault(self.parts(prepared), self.made)
        if wrong is not None:
            return wrong
        if self._tables not in (None, tables):
            return "its tables were replaced while it was open"
        self._tables = tables
        self._same = None if has_more else _same(tables, *state)
        return None

    def damage(self, prepared: Prepared) -> None:
        """Return `None`: the server checks its own files."""

    @contextmanager
    def bounded(self, connection: sa.Connection) -> Iterator[None]:  # noqa: ARG002 - the server does
        """Do nothing: the session has a time limit for each statement."""
        yield

    def remarks(self, prepared: Prepared, connection: sa.Connection) -> Iterator[str]:
        """Yield a sentence for each right that the role need not have, and for the connection."""
        rights = [one for (one,) in prepared.all(_RIGHTS, {"rights": _TOO_MUCH})]
        yield from role_remarks(prepared.all(_ROLE, {"names": _NAMES})[0], sorted(rights))
        info: Any = connection.connection.dbapi_connection
        yield from server_remarks(info.info.host, info.info.get_parameters())

    # -- how to make, lock and leave it ---------------------------------------------------------

    def role(self, connection: sa.Connection) -> str:
        """Return the role that logged in, which SET ROLE does not change."""
        return str(connection.exec_driver_sql("SELECT session_user").scalar_one())

    def settle(self, connection: sa.Connection) -> None:
        """Do nothing: see `Journal.settle`."""

    def is_there(self) -> bool:
        """Return `True`: if the server lacks the database, connecting raises the error."""
        return True

    def make(self) -> bool:
        """Return `False`: the server makes its files."""
        return False

    def is_free(self, prepared: Prepared) -> bool:
        """Return whether a journal can be created: beside the tables of others, if they have them.

        Raise UsageError if the URL names no schema and another schema has a journal: it would be
        begun a second time.
        """
        if self.parts(prepared):
            return False
        known = {"names": _NAMES, "schema": self._schema}
        if self._is_default and (others := prepared.all(_OTHERS, known)):
            what = f"its schema `{_SCHEMA}` has no journal, but the schema `{others[0][0]}` has"
            hint = f"add `?schema={others[0][0]}` to the URL, or `?schema={_SCHEMA}` for a new one"
            raise UsageError(Problem(what, hint, self._shown))
        return True

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


def _schema(url: sa.URL, shown: str) -> tuple[str, bool]:
    """Return the schema that *url* names, or `public`, and whether it names none."""
    given = url.query.get("options", ())
    options = given if isinstance(given, str) else " ".join(given)
    named = url.query.get("schema") or _SEARCH_PATH.findall(options)[-1:] or ()
    names = (named,) if isinstance(named, str) else tuple(named)
    if not names:
        return _SCHEMA, True
    if len(names) > 1 or not _PLAIN_NAME.fullmatch(names[0]):
        what = f"the URL does not name one schema: {', '.join(names)}"
        hint = "give `?schema=NAME`, in lower-case letters, digits and `_`"
        raise UsageError(Problem(what, hint, shown))
    return names[0], False


# -- the catalog ----------------------------------------------------------------------------------

# Each function and catalog is qualified: somebody may have created one of the same name. Our tables
# are not, because they must be found as each statement finds them.
_PARTS: Final = """
WITH ours AS MATERIALIZED (
    SELECT c.* FROM pg_catalog.unnest(%(names)s::pg_catalog.text[]) AS one
    JOIN pg_catalog.pg_class AS c ON c.oid = pg_catalog.to_regclass(one)
)
SELECT
    CASE
        WHEN relispartition THEN 'partition'
        WHEN relkind = 'v' THEN 'view'
        WHEN relkind = 'm' THEN 'materialized view'
        WHEN relkind = 'f' THEN 'foreign table'
        WHEN relkind = 'p' THEN 'partitioned table'
        WHEN relkind <> 'r' THEN 'relation'
        WHEN relpersistence = 'u' THEN 'unlogged table'
        WHEN relpersistence = 't' THEN 'temporary table'
        ELSE 'table'
    END AS kind,
    relname::pg_catalog.text AS name,
    relname::pg_catalog.text AS "table",
    pg_catalog.concat_ws(' ', nspname, reloftype, relam IN (0, 2)) AS detail
    FROM ours JOIN pg_catalog.pg_namespace AS n ON n.oid = relnamespace
UNION ALL
SELECT 'row security on', relname, relname, ''
    FROM ours WHERE relrowsecurity OR relforcerowsecurity
UNION ALL
SELECT 'column', pg_catalog.concat(relname, '.', attname), relname, pg_catalog.concat_ws(
        ' ', attnum, atttypid::pg_catalog.oid, atttypmod, attcollation, attnotnull, atthasdef,
        attisdropped, attinhcount, attidentity <> '' OR attgenerated <> ''
    )
    FROM ours JOIN pg_catalog.pg_attribute ON attrelid = ours.oid WHERE attnum > 0
UNION ALL
SELECT 'index', i.relname, ours.relname, pg_catalog.concat_ws(
        ' ', indisunique, indisprimary, indisvalid, indimmediate, '(', indkey, ') (', indoption,
        ') (', indcollation, ') (', indclass, ')', indexprs IS NULL, indpred IS NULL,
        coalesce(pg_catalog.to_jsonb(x) ->> 'indnullsnotdistinct', 'false')
    )
    FROM ours JOIN pg_catalog.pg_index AS x ON indrelid = ours.oid
    JOIN pg_catalog.pg_class AS i ON i.oid = indexrelid
UNION ALL
-- From version 18 on, a column that is not null has a constraint, too.
SELECT 'constraint', conname, relname, contype::pg_catalog.text
    FROM ours JOIN pg_catalog.pg_constraint ON conrelid = ours.oid WHERE contype <> 'n'
UNION ALL
SELECT 'trigger', tgname, relname, ''
    FROM ours JOIN pg_catalog.pg_trigger ON tgrelid = ours.oid
UNION ALL
SELECT 'rule', rulename, relname, ''
    FROM ours JOIN pg_catalog.pg_rewrite ON ev_class = ours.oid WHERE relkind NOT IN ('v', 'm')
UNION ALL
SELECT 'child table', c.relname, ours.relname, ''
    FROM ours JOIN pg_catalog.pg_inherits ON inhparent = ours.oid
    JOIN pg_catalog.pg_class AS c ON c.oid = inhrelid
UNION ALL
SELECT 'parent table', c.relname, ours.relname, ''
    FROM ours JOIN pg_catalog.pg_inherits ON inhrelid = ours.oid
    JOIN pg_catalog.pg_class AS c ON c.oid = inhparent
"""

# What changes with every change of what the statement above reads: a changed row of a catalog names
# the transaction that changed it. Only of what a table has already had one, such as a trigger, can
# another come without a change of its row; `more` says so.
_STATE: Final = """
WITH ours AS MATERIALIZED (
    SELECT c.oid, c.xmin, relhastriggers OR relhasrules OR relhassubclass AS has_more
    FROM pg_catalog.unnest(%(names)s::pg_catalog.text[]) AS one
    JOIN pg_catalog.pg_class AS c ON c.oid = pg_catalog.to_regclass(one)
),
indexes AS (SELECT x.xmin FROM ours JOIN pg_catalog.pg_index AS x ON indrelid = ours.oid),
columns AS (
    SELECT a.xmin FROM ours JOIN pg_catalog.pg_attribute AS a ON attrelid = ours.oid
    WHERE attnum > 0
)
SELECT
    (SELECT pg_catalog.array_agg(pg_catalog.to_regclass(one)::pg_catalog.oid)
        FROM pg_catalog.unnest(%(names)s::pg_catalog.text[]) AS one)::pg_catalog.text AS tables,
    (SELECT pg_catalog.bool_or(has_more) FROM ours) AS more,
    (SELECT pg_catalog.count(*) FROM ours) AS "tables in all",
    (SELECT pg_catalog.count(*) FROM indexes) AS "indexes in all",
    (SELECT pg_catalog.count(*) FROM columns) AS "columns in all",
    (SELECT pg_catalog.array_agg(DISTINCT one::pg_catalog.text) FROM (
        SELECT xmin FROM ours UNION ALL SELECT xmin FROM indexes UNION ALL SELECT xmin FROM columns
    ) AS changed (one))::pg_catalog.text AS changes
"""
# Asks whether the state is still the same. It is much cheaper than to compare all parts, and
# cheapest if all that it compares with is in its text: the server plans it once.
_SAME: Final = """
SELECT (
        SELECT pg_catalog.array_agg(pg_catalog.to_regclass(one)::pg_catalog.oid)
        FROM pg_catalog.unnest('{:names}'::pg_catalog.text[]) AS one
    ) = ':tables'::pg_catalog.oid[]
    AND (
        SELECT pg_catalog.count(*) FROM pg_catalog.pg_class
        WHERE oid = ANY (':tables'::pg_catalog.oid[])
        AND xmin = ANY (':changes'::pg_catalog.xid[])
        AND NOT (relhastriggers OR relhasrules OR relhassubclass)
    ) = :all_tables
    AND (
        SELECT pg_catalog.count(*) = :all_indexes
            AND pg_catalog.bool_and(xmin = ANY (':changes'::pg_catalog.xid[]))
        FROM pg_catalog.pg_index WHERE indrelid = ANY (':tables'::pg_catalog.oid[])
    )
    AND (
        SELECT pg_catalog.count(*) = :all_columns
            AND pg_catalog.bool_and(xmin = ANY (':changes'::pg_catalog.xid[]))
        FROM pg_catalog.pg_attribute
        WHERE attrelid = ANY (':tables'::pg_catalog.oid[]) AND attnum > 0
    )
"""
_YES: Final = [(True,)]


def _same(tables: str, all_tables: int, all_indexes: int, all_columns: int, changes: str) -> str:
    """Return the statement that asks whether the catalog is still in the state of the arguments."""
    values = {
        ":names": ",".join(_NAMES),
        ":tables": tables,
        ":changes": changes,
        ":all_tables": str(all_tables),
        ":all_indexes": str(all_indexes),
        ":all_columns": str(all_columns),
    }
    text = _SAME
    for name, value in values.items():
        text = text.replace(name, value)
    return text


# Without the schema itself: another process may have created its tables since they were looked for.
_OTHERS: Final = """
SELECT nspname FROM pg_catalog.pg_namespace AS n
WHERE nspname <> %(schema)s AND pg_catalog.cardinality(%(names)s::pg_catalog.text[]) = (
    SELECT pg_catalog.count(*) FROM pg_catalog.pg_class
    WHERE relnamespace = n.oid AND relname = ANY (%(names)s::pg_catalog.text[])
)
ORDER BY nspname LIMIT 1
"""
# The numbers by which every server knows a type, its collation, and how an index orders it.
_TYPES: Final = {sa.Text: (25, 100, 3126), sa.BigInteger: (20, 0, 3124), sa.LargeBinary: (17, 0, 0)}


@cache
def made(schema: str) -> Parts:
    """Return the parts that this package creates in *schema*."""
    parts = []
    for table in TABLES.tables.values():
        name = table.name
        parts.append(Part("table", name, name, f"{schema} 0 t"))
        for number, column in enumerate(table.columns, 1):
            kind, collation, _ = _type(column)
            is_set = "f" if column.nullable else "t"
            detail = f"{number} {kind} -1 {collation} {is_set} f f 0 f"
            parts.append(Part("column", f"{name}.{column.name}", name, detail))
        for is_primary, columns in keys(table):
            full = f"{name}_pkey" if is_primary else f"{name}_{'_'.join(columns)}_key"
            parts.append(Part("index", full, name, _index(table, columns, is_primary=is_primary)))
            parts.append(Part("constraint", full, name, "p" if is_primary else "u"))
    return frozenset(parts)


def _index(table: sa.Table, columns: Sequence[str], *, is_primary: bool) -> str:
    names = list(table.columns.keys())
    types = [_type(table.columns[one]) for one in columns]
    places = " ".join(str(names.index(one) + 1) for one in columns)
    ways = " ".join("0" for _ in columns)
    collations = " ".join(str(collation) for _, collation, _ in types)
    orders = " ".join(str(order) for _, _, order in types)
    first = "t" if is_primary else "f"
    return f"t {first} t t ( {places} ) ( {ways} ) ( {collations} ) ( {orders} ) t t false"


def _type(column: sa.Column[Any]) -> tuple[int, int, int]:
    return _TYPES[type(column.type)]


# -- the role and the connection ------------------------------------------------------------------

_ROLE: Final = """
SELECT
    rolname AS name,
    rolsuper AS is_super,
    EXISTS (
        SELECT 1 FROM pg_catalog.unnest(%(names)s::pg_catalog.text[]) AS one
        JOIN pg_catalog.pg_class AS c ON c.oid = pg_catalog.to_regclass(one)
        WHERE pg_catalog.pg_has_role(relowner, 'MEMBER')
    ) AS is_owner,
    rolbypassrls OR rolcreaterole OR rolreplication AS is_special,
    pg_catalog.has_schema_privilege(pg_catalog.current_schema(), 'CREATE') AS may_create
FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER
"""
_ALL_RIGHTS: Final = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
# What a desk needs beside SELECT, by table.
_NEEDED: Final = {
    META.name: (),
    PROGRAMS.name: ("INSERT", "UPDATE"),
    RECORDS.name: ("INSERT",),
    TEXTS.name: ("INSERT",),
    EDITIONS.name: ("INSERT",),
}
_TOO_MUCH: Final = [
    f"{right} on {name}"
    for name, needed in _NEEDED.items()
    for right in _ALL_RIGHTS
    if right not in needed
]
_RIGHTS: Final = """
WITH more AS (
    SELECT pg_catalog.split_part(one, ' ', 1) AS right_, pg_catalog.split_part(one, ' ', 3) AS name
    FROM pg_catalog.unnest(%(rights)s::pg_catalog.text[]) AS one
)
SELECT pg_catalog.concat(right_, ' on ', name) FROM more
WHERE pg_catalog.has_table_privilege(pg_catalog.to_regclass(name), right_)
    OR (right_ IN ('INSERT', 'UPDATE', 'REFERENCES')
        AND pg_catalog.has_any_column_privilege(pg_catalog.to_regclass(name), right_))
UNION ALL
-- The name of a program, under which its records are found, never changes.
SELECT 'UPDATE on programs.name'
WHERE pg_catalog.has_column_privilege(pg_catalog.to_regclass('programs'), 'name', 'UPDATE')
"""
_LEAST: Final = "docs/journal.md lists the rights that a desk needs"


def role_remarks(role: Any, rights: Sequence[str]) -> Iterator[str]:
    """Yield a sentence on what *role* could do to the journal with its *rights*, if it is much."""
    name, is_super, is_owner, is_special, may_create = role
    if is_super:
        yield f"the role `{name}` is a superuser and could rewrite the journal; {_LEAST}"
    elif is_owner:
        yield f"the role `{name}` owns the journal's tables and could rewrite them; {_LEAST}"
    else:
        more = [*rights, *["CREATE in the schema"] * may_create]
        more += ["rights over other roles"] * is_special
        if more:
            yield f"the role `{name}` has more rights than it needs: {', '.join(more)}; {_LEAST}"


def server_remarks(host: str, parameters: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence if anybody on the network could pretend to be the server at *host*."""
    is_local = not host or host.startswith(("/", "@"))
    if not is_local and parameters.get("sslmode") != "verify-full":
        yield (
            f"the connection does not verify that the server is {host};"
            " add `sslmode=verify-full` to the URL"
        )
