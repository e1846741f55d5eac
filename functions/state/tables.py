"""Names every module that defines tables, so that the metadata is complete."""

from __future__ import annotations

from sqlalchemy import Engine, text

from functions.state import (  # noqa: F401 - imported for their tables
    datasets,
    drift,
    features,
    governor,
    handled,
    inferences,
    judges,
    labels,
    launches,
    ledger,
    objects,
    pools,
    rollouts,
    runs,
    specs,
    timers,
    versions,
)
from functions.state.database import HEAD, Base

METADATA = Base.metadata


def create_tables(engine: Engine) -> None:
    """Create every table at this release's revision, for tests; a real database is migrated instead."""
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        )
        connection.execute(text("DELETE FROM alembic_version"))
        connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": HEAD})
