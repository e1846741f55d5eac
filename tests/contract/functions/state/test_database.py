"""The state database behaves the same on SQLite and PostgreSQL, also between processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session, sessionmaker
from support.tables import create_tables

from eventing.event import Event, answer, originate
from functions.state import handled, timers
from functions.state.database import (
    NotMigrated,
    check_revision,
    insert_if_absent,
    make_engine,
    session_factory,
    transaction,
)
from functions.state.stored_event import dump_event, load_event

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def factory(engine: Engine) -> sessionmaker[Session]:
    return session_factory(engine)


def ingested(id_: str = "e1") -> Event:
    return originate("dev.kascade.dataset.ingested", "/test", "churn", {"rows": 3}, id_=id_, now=NOON)


def test_readiness_says_which_command_is_missing_and_passes_after_it(empty_engine: Engine) -> None:
    with pytest.raises(NotMigrated, match=r"revision none.*python -m functions\.state upgrade"):
        check_revision(empty_engine)
    create_tables(empty_engine)
    check_revision(empty_engine)


def test_an_error_rolls_everything_back(factory: sessionmaker[Session]) -> None:
    def set_and_fail() -> None:
        with transaction(factory) as session:
            timers.set_timer(session, "a", "b", NOON)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        set_and_fail()
    with transaction(factory, read_only=True) as session:
        assert timers.due(session, NOON, 10) == []


def test_times_come_back_in_utc_and_naive_ones_are_refused(factory: sessionmaker[Session]) -> None:
    with transaction(factory) as session:
        timers.set_timer(session, "a", "b", NOON.astimezone(timezone(timedelta(hours=5, minutes=30))))
    with transaction(factory, read_only=True) as session:
        (timer,) = timers.due(session, NOON, 10)
    assert timer.due == NOON
    assert timer.due.tzinfo == UTC
    with pytest.raises(StatementError, match="without a time zone"), transaction(factory) as session:
        timers.set_timer(session, "a", "c", datetime(2026, 3, 1))


def test_work_is_done_once_and_its_answer_kept(factory: sessionmaker[Session]) -> None:
    event = ingested()
    calls: list[int] = []

    def work() -> list[Event]:
        calls.append(1)
        return [
            answer(event, "dev.kascade.training.approved", "/test", "churn", {"nul": "\x00 \ud800", "n": 1})
        ]

    with transaction(factory) as session:
        first = handled.once(session, "govern_training", event, work)
    with transaction(factory) as session:
        again = handled.once(session, "govern_training", event, work)
    with transaction(factory) as session:
        other_function = handled.once(session, "record_events", event, list)
    assert calls == [1]
    assert again == first
    assert other_function == []


def test_failed_work_leaves_no_trace_and_is_done_again(factory: sessionmaker[Session]) -> None:
    def fail() -> list[Event]:
        raise RuntimeError

    with pytest.raises(RuntimeError), transaction(factory) as session:
        handled.once(session, "f", ingested(), fail)
    with transaction(factory) as session:
        assert handled.once(session, "f", ingested(), lambda: [ingested("e2")]) == [ingested("e2")]


def test_concurrent_redeliveries_work_once(factory: sessionmaker[Session]) -> None:
    event = ingested()
    calls: list[int] = []
    answers: list[list[Event]] = []
    together = threading.Barrier(6)

    def deliver() -> None:
        together.wait(30)
        with transaction(factory) as session:

            def work() -> list[Event]:
                calls.append(1)
                return [ingested("answer")]

            answers.append(handled.once(session, "f", event, work))

    threads = [threading.Thread(target=deliver) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert calls == [1]
    assert answers == [[ingested("answer")]] * 6


def test_old_handled_rows_are_purged(factory: sessionmaker[Session]) -> None:
    with transaction(factory) as session:
        handled.once(session, "f", ingested("old"), list, now=NOON - timedelta(days=15))
        handled.once(session, "f", ingested("new"), list, now=NOON)
    with transaction(factory) as session:
        assert handled.purge(session, NOON - timedelta(days=14)) == 1
    with transaction(factory, read_only=True) as session:
        assert list(session.scalars(select(handled.Handled.event_id))) == ["new"]


def test_timers_are_moved_cancelled_and_rung_in_order(factory: sessionmaker[Session]) -> None:
    with transaction(factory) as session:
        timers.set_timer(session, "g", "later", NOON + timedelta(hours=1))
        timers.set_timer(session, "g", "second", NOON)
        timers.set_timer(session, "g", "first", NOON + timedelta(hours=9))
        timers.set_timer(session, "g", "first", NOON - timedelta(seconds=1), cause=ingested())
        timers.set_timer(session, "g", "gone", NOON)
        timers.cancel_timer(session, "g", "gone")
        timers.cancel_timer(session, "g", "never set")
        assert [t.key for t in timers.due(session, NOON, 1)] == ["first"]
        found = timers.due(session, NOON, 10)
    assert [(t.key, t.cause_id) for t in found] == [("first", "e1"), ("second", None)]
    with transaction(factory) as session:
        timers.set_timer(session, "g", "second", NOON + timedelta(seconds=5))
        for timer in found:
            timers.mark_rung(session, timer)
    with transaction(factory, read_only=True) as session:
        assert [t.key for t in timers.due(session, NOON + timedelta(days=1), 9)] == ["second", "later"]


def test_insert_if_absent_says_whether_it_inserted(factory: sessionmaker[Session]) -> None:
    row = {"owner": "o", "key": "k", "due": NOON}
    with transaction(factory) as session:
        assert insert_if_absent(session, timers.TimerRow, row)
        assert not insert_if_absent(session, timers.TimerRow, {**row, "due": NOON + timedelta(days=1)})
        assert timers.due(session, NOON, 2)[0].due == NOON


@pytest.mark.parametrize(
    "data", [None, b"\x00\xff", {"a": [1, 2.5, None, True, "é\u2028\x00"]}, "text", 0, False, [], {}]
)
def test_a_stored_event_reads_back_equal(data: object) -> None:
    event = Event("i", "/s", "t", "sub", NOON, "x/y", "urn:d", data, {"correlationid": "c", "z": "1"})
    assert load_event(dump_event(event)) == event


WRITER = """
import sys
from datetime import UTC, datetime
from sqlalchemy import select
from functions.state import timers
from functions.state.database import make_engine, session_factory, transaction
engine = make_engine(sys.argv[1])
factory = session_factory(engine)
print("ready", flush=True)
sys.stdin.readline()
for n in range(20):
    with transaction(factory) as session:  # reads, then writes: needs the lock from its beginning
        session.scalars(select(timers.TimerRow)).all()
        timers.set_timer(session, sys.argv[2], f"{n}", datetime(2026, 1, 1, tzinfo=UTC))
engine.dispose()
print("done", flush=True)
"""


def test_processes_that_read_and_write_never_meet_a_lock(
    database: str, factory: sessionmaker[Session]
) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", WRITER, database, f"p{n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(3)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    results = []
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        out, err = process.communicate(timeout=100)
        results.append((out, err))
    assert results == [("done\n", "")] * 3
    with transaction(factory, read_only=True) as session:
        assert len(timers.due(session, datetime(2027, 1, 1, tzinfo=UTC), 1000)) == 60


def test_a_reader_runs_beside_a_writer(database: str, factory: sessionmaker[Session]) -> None:
    other = make_engine(database)
    try:
        with transaction(factory) as writer:
            timers.set_timer(writer, "a", "b", NOON)
            with transaction(session_factory(other), read_only=True) as reader:
                assert timers.due(reader, NOON, 1) == []
    finally:
        other.dispose()
