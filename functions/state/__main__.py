"""Migrates the state database: `python -m functions.state upgrade`."""

from __future__ import annotations

import argparse
import os
import sys

from sqlalchemy.exc import SQLAlchemyError

from functions.state.database import make_engine, revision_in
from functions.state.migrate import upgrade, write_revision


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m functions.state", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("upgrade", help="bring the database at $DATABASE_URL to this release's tables")
    revision = commands.add_parser("revision", help="write a migration from the changed models")
    revision.add_argument("-m", "--message", required=True, help="what changes, such as 'note rollouts'")
    options = parser.parse_args(arguments)
    if options.command == "revision":
        print(f"wrote {write_revision(options.message).name}; set HEAD in functions/state/database.py to it")
        return 0
    return _upgrade(os.environ.get("DATABASE_URL", ""))


def _upgrade(url: str) -> int:
    if not url:
        print("DATABASE_URL is not set: give sqlite:///path or postgresql+psycopg://…", file=sys.stderr)
        return 2
    try:
        engine = make_engine(url)
        upgrade(engine)
        with engine.connect() as connection:
            found = revision_in(connection)
        engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        print(f"cannot upgrade the database: {error}", file=sys.stderr)
        return 1
    print(f"the database is at revision {found}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
