"""Brings a database to this release's tables, and writes new migrations from the models."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text
from sqlalchemy.engine import Connection

from functions.state.database import HEAD, UtcDateTime, make_engine, revision_in
from functions.state.keys import Key

FOLDER = Path(__file__).parent / "migrations"
_UPGRADE_LOCK = 0x6B617374


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run the migrations that the database lacks, in one transaction; others who try meanwhile wait.

    A database of a later release stays as it is: this release works with it.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
        if (revision_in(connection) or "") > HEAD:
            return
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Undo migrations down to a revision; `base` undoes all."""
    with engine.begin() as connection:
        command.downgrade(_config(connection), revision)


def head() -> str:
    """Return the newest revision's id, read from the migrations' files."""
    found = ScriptDirectory.from_config(_config(None)).get_current_head()
    if found is None:
        raise LookupError(f"there is no migration in {FOLDER}")
    return found


def write_revision(message: str) -> Path:
    """Write a migration from what the migrations give to what the models say.

    Both are compared on an empty SQLite file, so no database is needed and none is touched.
    """
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{folder}/state.db")
        names = sorted(path.name[:4] for path in (FOLDER / "versions").glob("[0-9]*.py"))
        if names:
            upgrade(engine)
        with engine.begin() as connection:
            number = f"{int(names[-1]) + 1 if names else 1:04d}"
            command.revision(_config(connection), message, autogenerate=True, rev_id=number)
        engine.dispose()
    written = next((FOLDER / "versions").glob(f"{number}_*.py"))
    lines = written.read_text().splitlines(keepends=True)
    written.write_text("".join(line for line in lines if not line.lstrip().startswith("# ###")))
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(written)], check=True)
    return written


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["render_item"] = _render
    return config


def _render(kind: str, item: Any, context: object) -> str | Literal[False]:
    """Write our own types as the plain ones they are stored as, so that migrations outlive our code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Key):
        return "sa.Text()"
    return False
