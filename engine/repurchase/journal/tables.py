"""The tables of a journal, the same in SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

TABLES: Final = sa.MetaData()
META: Final = sa.Table(
    "meta",
    TABLES,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
PROGRAMS: Final = sa.Table(
    "programs",
    TABLES,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("head", sa.Text, nullable=False),
)
RECORDS: Final = sa.Table(
    "records",
    TABLES,
    sa.Column("program", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    # The event's id, with what kind of id it is. Adoptions have none, nor has what came again under
    # the id of another record.
    sa.Column("key", sa.Text),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("program", "key"),
)
TEXTS: Final = sa.Table(
    "texts",
    TABLES,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
EDITIONS: Final = sa.Table(
    "editions",
    TABLES,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
)
