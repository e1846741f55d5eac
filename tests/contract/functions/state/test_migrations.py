"""The migrations give the tables that the models say, on either database."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect

from functions.state.database import HEAD, NotMigrated, check_migrated
from functions.state.migrate import downgrade, head, upgrade
from functions.state.tables import METADATA, create_tables


def differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, METADATA))


def test_a_migrated_database_is_what_the_models_say(empty_engine: Engine) -> None:
    with pytest.raises(NotMigrated):
        check_migrated(empty_engine)
    upgrade(empty_engine)
    assert differences(empty_engine) == []
    check_migrated(empty_engine)


def test_upgrading_again_changes_nothing(empty_engine: Engine) -> None:
    upgrade(empty_engine)
    upgrade(empty_engine)
    assert differences(empty_engine) == []


def test_tables_made_for_tests_count_as_migrated(empty_engine: Engine) -> None:
    create_tables(empty_engine)
    upgrade(empty_engine)
    assert differences(empty_engine) == []


def test_several_who_upgrade_at_once_all_succeed(empty_engine: Engine) -> None:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            upgrade(empty_engine)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    check_migrated(empty_engine)


def test_undoing_all_migrations_leaves_no_table(empty_engine: Engine) -> None:
    upgrade(empty_engine)
    downgrade(empty_engine, "base")
    assert set(inspect(empty_engine).get_table_names()) == {"alembic_version"}


def test_the_head_that_readiness_asks_for_is_the_newest_migration() -> None:
    assert head() == HEAD


def test_the_command_upgrades_the_database_that_it_is_told(empty_database: str, empty_engine: Engine) -> None:
    command = [sys.executable, "-m", "functions.state", "upgrade"]
    run = subprocess.run(
        command,
        env={**os.environ, "DATABASE_URL": empty_database},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, f"the database is at revision {HEAD}\n"), run.stderr
    check_migrated(empty_engine)


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("", 2, "DATABASE_URL is not set"),
        ("sqlite:////no/such/folder/state.db", 1, "cannot upgrade the database"),
        ("mysql://x", 1, "cannot upgrade the database"),
    ],
)
def test_a_database_that_cannot_be_opened_is_a_message_not_a_traceback(
    url: str, code: int, said: str
) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "functions.state", "upgrade"],
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == code
    assert run.stderr.startswith(said)
    assert "Traceback" not in run.stderr
