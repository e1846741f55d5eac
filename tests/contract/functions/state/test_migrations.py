"""The migrations give the tables that the models say, on either database."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from support.tables import create_tables

from eventing.errors import RetryLater
from eventing.event import originate
from functions.state import handled, ledger, timers
from functions.state.database import (
    HEAD,
    NotMigrated,
    check_revision,
    make_engine,
    session_factory,
    transaction,
)
from functions.state.migrate import FOLDER, downgrade, head, upgrade
from functions.state.tables import METADATA

pytestmark = pytest.mark.slow

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
REVISIONS = sorted(
    revision
    for path in (FOLDER / "versions").glob("[0-9]*.py")
    if (revision := path.name.partition("_")[0]) != HEAD
)


def differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, METADATA))


def test_a_migrated_database_is_what_the_models_say(empty_engine: Engine) -> None:
    with pytest.raises(NotMigrated):
        check_revision(empty_engine)
    upgrade(empty_engine)
    assert differences(empty_engine) == []
    check_revision(empty_engine)


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
    check_revision(empty_engine)


@pytest.mark.parametrize("revision", REVISIONS)
def test_two_who_upgrade_from_an_earlier_release_at_once_both_end_well(
    empty_database: str, empty_engine: Engine, revision: str
) -> None:
    upgrade(empty_engine, revision)
    with pytest.raises(NotMigrated, match=f"at revision {revision}"):
        check_revision(empty_engine)
    engines = [make_engine(empty_database) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(upgrade, engines))
    for engine in engines:
        engine.dispose()
    check_revision(empty_engine)
    assert differences(empty_engine) == []


def test_functions_of_a_release_go_on_with_the_tables_of_a_later_one(empty_engine: Engine) -> None:
    upgrade(empty_engine)
    with empty_engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    check_revision(empty_engine)
    upgrade(empty_engine)
    check_revision(empty_engine)


def test_functions_go_on_while_the_database_is_migrated(empty_engine: Engine) -> None:
    upgrade(empty_engine, "0001")
    factory, stop, failed = session_factory(empty_engine), threading.Event(), []
    done: list[int] = []

    def work(writer: int) -> None:
        number = 0
        while not stop.is_set() or number < 5:
            event = originate("t", f"/{writer}", "churn", {}, id_=f"{number}")
            try:
                with transaction(factory) as session:
                    ledger.append(session, event, NOON)
                    handled.once(session, "f", event, list)
                    timers.set_timer(session, "f", f"{writer}", NOON)
            except RetryLater:
                continue
            except BaseException as error:
                failed.append(error)
                return
            number += 1
        done.append(number)

    writers = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for writer in writers:
        writer.start()
    upgrade(empty_engine)
    stop.set()
    for writer in writers:
        writer.join(60)
    assert failed == []
    check_revision(empty_engine)
    with transaction(factory, read_only=True) as session:
        assert len(ledger.find_events(session, limit=100_000)) == sum(done) >= 10


def test_undoing_all_migrations_leaves_no_table(empty_engine: Engine) -> None:
    upgrade(empty_engine)
    downgrade(empty_engine, "base")
    assert set(inspect(empty_engine).get_table_names()) == {"alembic_version"}


def test_the_head_that_readiness_asks_for_is_the_newest_migration() -> None:
    assert head() == HEAD


def test_two_jobs_that_upgrade_one_database_at_once_both_end_well(
    empty_database: str, empty_engine: Engine
) -> None:
    command = [sys.executable, "-m", "functions.state", "upgrade"]
    jobs = [
        subprocess.Popen(
            command,
            env={**os.environ, "DATABASE_URL": empty_database},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ends = [(*job.communicate(timeout=100), job.returncode) for job in jobs]
    assert ends == [(f"the database is at revision {HEAD}\n", "", 0)] * 2
    check_revision(empty_engine)


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
