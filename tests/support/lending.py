"""Migrated databases of one PostgreSQL, lent to one test after another: emptied they are as good as new."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.pool import Pool
from support.postgres import PostgresServer

from functions.state.database import make_engine
from functions.state.migrate import upgrade
from functions.state.tables import METADATA

_TEMPLATE = "migrated"
_EMPTY = "; ".join(str(table.delete()) for table in METADATA.sorted_tables)
_RESTART = "SELECT setval(format('%I', sequencename)::regclass, 1, false) FROM pg_sequences"
_CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class Lender:
    """Making a database takes ten times as long as emptying one."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._free: list[str] = []
        self._cleaners: dict[str, Engine] = {}
        engine = make_engine(server.create(name=_TEMPLATE))
        upgrade(engine)
        engine.dispose()

    def lend(self) -> str:
        """Return the address of a migrated database without rows that nobody else has."""
        return self._free.pop() if self._free else self._server.create(_TEMPLATE)

    def take_back(self, url: str) -> None:
        """Empty a database and keep it for the next test."""
        if url not in self._cleaners:
            self._cleaners[url] = create_engine(url)
        with self._cleaners[url].begin() as connection:
            connection.execute(text(_CUT))
            connection.exec_driver_sql(_EMPTY)
            connection.execute(text(_RESTART))
        self._free.append(url)

    def close(self) -> None:
        """Close the lender's own connections."""
        for cleaner in self._cleaners.values():
            cleaner.dispose()


@contextmanager
def closing_connections() -> Iterator[None]:
    """Close at the end what was opened meanwhile: nobody else closes an application's engine."""
    opened: list[Any] = []

    def note(connection: Any, _record: object) -> None:
        opened.append(connection)

    event.listen(Pool, "connect", note)
    try:
        yield
    finally:
        event.remove(Pool, "connect", note)
        for connection in opened:
            connection.close()
