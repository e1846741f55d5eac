"""Opens the state database, SQLite or PostgreSQL, and runs transactions in it.

On SQLite every writing transaction begins with BEGIN IMMEDIATE: it takes the write lock first and waits for
it, so two processes never meet "database is locked" in the middle of their work.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    Table,
    create_engine,
    event,
    inspect,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import TypeDecorator

from functions.state.failures import Unstorable, check_storable, outcome_of

HEAD = "0024"
"""The newest migration's revision; a test compares it with Alembic's own answer."""

BUSY_TIMEOUT_S = 30.0

READY_FOR_S, UNREADY_FOR_S = 5.0, 0.5
"""How long readiness is remembered: Knative asks tens of times a second until a replica is ready."""

_PATIENCE = {"connect_timeout": 5, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""libpq's settings for when a server counts as gone; those in the URL take precedence."""

_READ_ONLY = "kascade_read_only"


class StateError(Exception):
    """The base of what this package raises."""


class NotMigrated(StateError):
    """The database lacks tables of this release; run `python -m functions.state upgrade`."""


class Base(DeclarativeBase):
    """The base of every table, so that migrations see all of them in one metadata."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


Row = TypeVar("Row", bound=Base)

Serial = BigInteger().with_variant(Integer, "sqlite")
"""The type of an automatically increasing key."""


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time. It takes aware datetimes only, and always gives them back in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC.

        Raises:
            ValueError: it is without a time zone.
            Unstorable: in some time zone its year is none that Python knows.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a datetime without a time zone names no point in time: {value!r}")
        if not MINYEAR < value.year < MAXYEAR:
            raise Unstorable(f"{value.isoformat()} is too far away a time")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read as UTC; SQLite keeps no time zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def make_engine(url: str) -> Engine:
    """Open the database at `url`: `sqlite:///path` or `postgresql+psycopg://user:password@host/name`.

    No connection is made yet. SQLite gets write-ahead logging, foreign keys and a wait of 30 s for locks.
    A value that only one of the two databases can store is refused for both.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, json_serializer=_dump)
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        patience = {name: value for name, value in _PATIENCE.items() if name not in parsed.query}
        engine = create_engine(
            url,
            connect_args=patience,
            json_serializer=_dump,
            pool_pre_ping=True,
            pool_size=4,
            max_overflow=8,
        )
    event.listen(engine, "before_cursor_execute", _check_parameters)
    return engine


def session_factory(engine: Engine) -> sessionmaker[Session]:
    """Build the factory that `transaction` takes; loaded rows stay readable after the transaction."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def transaction(factory: sessionmaker[Session], *, read_only: bool = False) -> Iterator[Session]:
    """Run one transaction: commit at the end, roll back on an exception.

    Args:
        factory: from `session_factory`.
        read_only: on SQLite, do not take the write lock, so that readers run beside a writer.

    Raises:
        RetryLater: the database is away, overloaded, or ended this transaction for the sake of another one.
        Rejected: it cannot keep what it was given.
    """
    try:
        with factory() as session, session.begin():
            if read_only:
                session.connection(execution_options={_READ_ONLY: True})
            yield session
    except (SQLAlchemyError, Unstorable) as error:
        outcome = outcome_of(error)
        if outcome is None:
            raise
        raise outcome from error


def insert_if_absent(session: Session, table: type[Base], values: Mapping[str, Any]) -> bool:
    """Insert one row unless its key exists; return whether it was inserted.

    A concurrent transaction that inserted the same key is waited for: if it rolls back, this one inserts.
    """
    statement = insert_into(session, table).values(**values).on_conflict_do_nothing()
    return session.execute(statement.returning(text("1"))).first() is not None


def insert_into(session: Session, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """Return an insertion in the database's own dialect, which knows what to do on a conflict."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    return insert(cast(Table, table.__table__))


def lock_row(session: Session, table: type[Row], model: str, **empty: Any) -> Row:
    """Return the model's row, made of `empty` if absent, locked until the transaction ends."""
    locked = select(table).filter_by(model=model).with_for_update()
    while True:
        insert_if_absent(session, table, {"model": model, **empty})
        # Who held the lock may have removed the row.
        row = session.scalars(locked.execution_options(populate_existing=True)).first()
        if row is not None:
            return row


def lock_name(session: Session, name: str) -> None:
    """Lock a name until this transaction ends.

    On SQLite a writing transaction has the whole database to itself already.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})


def check_migrated(engine: Engine) -> None:
    """Compare the database's revision with this release's, for a readiness probe.

    A newer one will do: a release's migrations only add to what the release before works with, so that its
    functions serve on while the next one is brought in. What was found is remembered, for `READY_FOR_S` or
    `UNREADY_FOR_S`: most probes ask no database.

    Raises:
        NotMigrated: the tables are missing or of an earlier release.
        sqlalchemy.exc.SQLAlchemyError: the database cannot be reached.
    """
    with _readiness_lock:
        known = _readiness.get(engine)
        if known is None or known.until <= time.monotonic():
            known = _readiness[engine] = _check_readiness(engine)
    if known.problem is not None:
        raise known.problem.with_traceback(None)


def check_revision(engine: Engine) -> None:
    """Do what `check_migrated` does, and ask the database each time."""
    with engine.connect().execution_options(**{_READ_ONLY: True}) as connection:
        found = revision_in(connection)
    if found is None or found < HEAD:
        raise NotMigrated(
            f"the database is at revision {found or 'none'}, this release needs {HEAD}: "
            "run `python -m functions.state upgrade`"
        )


@dataclass(frozen=True)
class _Readiness:
    """What a probe found, and until when it counts."""

    until: float
    problem: Exception | None = None


_readiness_lock = threading.Lock()
_readiness: WeakKeyDictionary[Engine, _Readiness] = WeakKeyDictionary()


def _check_readiness(engine: Engine) -> _Readiness:
    try:
        check_revision(engine)
    except (NotMigrated, SQLAlchemyError) as error:
        return _Readiness(time.monotonic() + UNREADY_FOR_S, error)
    return _Readiness(time.monotonic() + READY_FOR_S)


def revision_in(connection: Connection) -> str | None:
    """Return the revision that a database is at, four digits; None where there are no tables."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)


def _dump(value: Any) -> str:
    """Write a JSON column. PostgreSQL refuses NaN in it; so SQLite is not given any either."""
    return json.dumps(value, allow_nan=False)


def _check_parameters(
    _connection: Connection, _cursor: object, _statement: str, parameters: Any, *_: object
) -> None:
    check_storable(parameters)


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, in _begin_sqlite
    cursor = connection.cursor()
    try:
        _enable_wal(cursor)
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA synchronous=FULL")
    finally:
        cursor.close()


def _enable_wal(cursor: Any) -> None:
    # Changing the mode needs the whole file and does not wait: processes opening a new file together collide.
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    try:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
    except OperationalError:
        connection.invalidate()
        raise
