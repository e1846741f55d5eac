"""A replica is asked tens of times a second whether it is ready; the database is asked now and then."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, event
from support.tables import create_tables

from functions.state import database
from functions.state.database import READY_FOR_S, UNREADY_FOR_S, NotMigrated, check_migrated


class Clock:
    """What `time.monotonic` says, as far as the database's module asks."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(database, "time", clock)
    return clock


def counted(engine: Engine, ask: Callable[[], object]) -> int:
    """Return how many statements the database was sent meanwhile."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    ask()
    event.remove(engine, "before_cursor_execute", note)
    return len(sent)


def ready(engine: Engine) -> bool:
    try:
        check_migrated(engine)
    except NotMigrated:
        return False
    return True


def test_a_hundred_probes_ask_the_database_once(engine: Engine, clock: Clock) -> None:
    once = counted(engine, lambda: check_migrated(engine))
    assert 0 < once <= 3
    assert counted(engine, lambda: [check_migrated(engine) for _ in range(100)]) == 0
    clock.now += READY_FOR_S
    assert counted(engine, lambda: check_migrated(engine)) == once


def test_probes_at_the_same_time_ask_once(engine: Engine) -> None:
    def probe() -> None:
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(lambda _: ready(engine), range(40)))

    assert 0 < counted(engine, probe) <= 3


def test_what_is_not_ready_is_not_asked_at_every_probe_either_and_is_found_ready_soon(
    empty_engine: Engine, clock: Clock
) -> None:
    assert not ready(empty_engine)
    assert counted(empty_engine, lambda: [ready(empty_engine) for _ in range(100)]) == 0
    create_tables(empty_engine)
    assert not ready(empty_engine)
    clock.now += UNREADY_FOR_S
    assert ready(empty_engine)


def test_one_database_says_nothing_about_another(engine: Engine, empty_engine: Engine) -> None:
    assert ready(engine)
    assert not ready(empty_engine)
