"""The state's two databases: a SQLite file, and a real PostgreSQL with a database for each test."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.lending import Lender, closing_connections
from support.postgres import PostgresServer

from functions.state.database import make_engine
from functions.state.migrate import upgrade

KINDS = ("sqlite", "postgresql")

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # as in the background of a script; children would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for all tests of this process."""
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def lender(postgres: PostgresServer) -> Iterator[Lender]:
    """Who has the migrated databases of the server."""
    lender = Lender(postgres)
    yield lender
    lender.close()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database to copy."""
    path = tmp_path_factory.mktemp("state") / "migrated.db"
    engine = make_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture(params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Which database a test runs on."""
    return str(request.param)


@pytest.fixture
def new_database(
    request: pytest.FixtureRequest, database_kind: str, tmp_path: Path
) -> Iterator[Callable[[], str]]:
    """Make a migrated database at each call; return its address."""
    made: list[str] = []

    def on_sqlite() -> str:
        path = tmp_path / f"state-{len(made)}.db"
        shutil.copyfile(request.getfixturevalue("migrated_file"), path)
        return f"sqlite:///{path}"

    if database_kind == "sqlite":
        make, forget = on_sqlite, lambda _: None
    else:
        lender: Lender = request.getfixturevalue("lender")
        make, forget = lender.lend, lender.take_back

    def note() -> str:
        made.append(make())
        return made[-1]

    with closing_connections():
        yield note
    for url in made:
        forget(url)


@pytest.fixture
def database(new_database: Callable[[], str]) -> str:
    """The address of a migrated database of the test's own, on SQLite and again on PostgreSQL."""
    return new_database()


@pytest.fixture
def empty_database(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> Iterator[str]:
    """The address of a database without tables, on SQLite and again on PostgreSQL."""
    with closing_connections():
        if database_kind == "sqlite":
            yield f"sqlite:///{tmp_path / 'empty.db'}"
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            yield server.create()


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """The migrated database, opened."""
    opened = make_engine(database)
    yield opened
    opened.dispose()
