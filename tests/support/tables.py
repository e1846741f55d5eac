"""Every table at once, without the migrations."""

from __future__ import annotations

from sqlalchemy import Engine, text

from functions.state.database import HEAD
from functions.state.tables import METADATA


def create_tables(engine: Engine) -> None:
    """Create every table, at the revision of this release."""
    METADATA.create_all(engine)
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        )
        connection.execute(text("DELETE FROM alembic_version"))
        connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": HEAD})
