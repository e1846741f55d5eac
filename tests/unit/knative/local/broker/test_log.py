"""The log by itself: what it cannot open, and that nothing stops its writer."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from knative.local.broker.disk_guard import DiskGuard
from knative.local.broker.errors import LogUnavailable
from knative.local.broker.event import Record
from knative.local.broker.log import BROKEN, Log
from knative.local.broker.pages import read_page
from knative.local.broker.schema import open_log
from knative.local.broker.settings import BrokerSettings

SETTINGS = BrokerSettings(notes_wait_s=0.001)


def test_a_file_that_is_no_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broker.db").write_text("no database at all, whatever its name says" * 100)

    with pytest.raises(LogUnavailable, match="cannot be opened"):
        Log(tmp_path / "broker.db", SETTINGS)


def test_a_log_of_another_format_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "broker.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(LogUnavailable, match="format 99"):
        Log(tmp_path / "broker.db", SETTINGS)


def test_a_log_that_was_never_started_can_be_closed_and_opened_again(tmp_path: Path) -> None:
    for _ in range(2):
        asyncio.run(Log(tmp_path / "broker.db", SETTINGS).close())


def test_a_defect_in_a_read_or_an_event_is_told_and_the_writer_goes_on(tmp_path: Path) -> None:
    async def scenario() -> list[object]:
        log = Log(tmp_path / "broker.db", SETTINGS)
        lane = log.lane("a/b")
        log.start()
        with pytest.raises(LogUnavailable, match="ZeroDivisionError"):
            await log.call(lambda _: 1 // 0)
        with pytest.raises(LogUnavailable, match="no such table"):
            await log.call(lambda connection: connection.execute("SELECT * FROM missing"))
        told: list[object] = []
        log.append(Record({"ce-id": "1"}, b"", 2**70), [lane], told.append)
        await log.call(lambda _: None)
        log.append(Record({"ce-id": "2"}, b"x", 255), [lane], told.append)
        await log.call(lambda _: None)
        await log.close()
        return told

    refused, stored = asyncio.run(scenario())

    assert isinstance(refused, LogUnavailable)
    assert stored == 2


def test_numbers_go_on_after_what_is_still_in_the_log(tmp_path: Path) -> None:
    async def append() -> int:
        log = Log(tmp_path / "broker.db", SETTINGS)
        lane = log.lane("a/b")
        log.start()
        told: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        log.append(Record({"ce-id": "1"}, b"", 1), [lane], told.set_result)
        number = await told
        await log.close()
        return number

    assert [asyncio.run(append()) for _ in range(3)] == [1, 2, 3]
    log = Log(tmp_path / "broker.db", SETTINGS)
    assert log.lanes() == {"a/b": 1}
    asyncio.run(log.close())


def test_a_failure_to_tidy_up_is_tried_again_and_the_writer_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tidied: list[bool] = []

    def fail_once(_: sqlite3.Connection) -> bool:
        tidied.append(bool(tidied))
        if len(tidied) == 1:
            raise sqlite3.OperationalError("database or disk is full")
        return False

    monkeypatch.setattr("knative.local.broker.log._TIDY_S", 0.01)
    monkeypatch.setattr("knative.local.broker.log_file.tidy", fail_once)

    async def scenario() -> None:
        log = Log(tmp_path / "broker.db", SETTINGS)
        log.start()
        await log.call(lambda _: None)
        async with asyncio.timeout(5):
            while len(tidied) < 2:
                await asyncio.sleep(0.005)
            await log.call(lambda _: None)
        await log.close()

    asyncio.run(scenario())


def steps_of_a_page_and_a_start(folder: Path, waiting: int) -> int:
    """Return how many instructions of SQLite's machine both take with so many deliveries in the lane."""
    connection = open_log(folder / f"{waiting}.db", SETTINGS)
    connection.execute("INSERT INTO lanes VALUES (1, 'a/b', ?)", (waiting,))
    connection.execute("BEGIN")
    for seq in range(1, waiting + 1):
        connection.execute("INSERT INTO events VALUES (?, 255, 1, 1, X'7b7d', X'', NULL, '1')", (seq,))
        due = 5.0 + seq if seq % 2 else 0
        connection.execute("INSERT INTO deliveries VALUES (1, ?, 1, ?, NULL)", (seq, due))
    connection.execute("COMMIT")
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(count, 1)
    page = read_page(
        connection, 1, 0, now=100.0, events=64, fresh=True, held=(), max_bytes=1 << 20, waits=[0.0, 1e6]
    )
    connection.execute("SELECT max(seq) FROM events").fetchone()
    connection.execute("SELECT id, key, waiting FROM lanes").fetchall()
    assert (len(page.fresh), page.next_due) == (64, 102.0)
    connection.close()
    return steps


@pytest.mark.case("T7", "a page of a lane, and a start, beside a backlog")
def test_a_page_and_a_start_cost_the_same_whatever_waits(tmp_path: Path) -> None:
    small, large = (steps_of_a_page_and_a_start(tmp_path, waiting) for waiting in (400, 8_000))

    assert large < small * 1.1


WITH_A_BROKEN_WRITER = """
import asyncio, sys
from pathlib import Path
from knative.local.broker.batch import Batch
from knative.local.broker.log import Log
from knative.local.broker.settings import BrokerSettings

def fail(*_):
    raise MemoryError

async def main():
    log = Log(Path(sys.argv[1]), BrokerSettings())
    log.start()
    Batch.absorb = fail
    await log.call(lambda _: None)

asyncio.run(main())
"""


def test_a_process_whose_writer_breaks_ends_and_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITH_A_BROKEN_WRITER, str(tmp_path / "broker.db")]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert ended.returncode == BROKEN
    assert "MemoryError" in ended.stderr


def test_when_space_is_short_new_events_are_refused_and_replies_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> tuple[list[object], list[tuple[int]]]:
        log = Log(tmp_path / "broker.db", SETTINGS)
        first, second = log.lane("a/b"), log.lane("a/c")
        log.start()
        told: list[object] = []
        log.append(Record({"ce-id": "asked"}, b"x", 255), [first], told.append)
        await log.call(lambda _: None)
        monkeypatch.setattr(DiskGuard, "admits", lambda *_: False)
        log.append(Record({"ce-id": "new"}, b"x", 255), [first], told.append)
        log.append(Record({"ce-id": "answer"}, b"x", 255), [second], told.append, finishes=(first, 1))
        await log.call(lambda _: None)
        left = await log.call(lambda connection: connection.execute("SELECT seq FROM events").fetchall())
        await log.close()
        return told, left

    (asked, new, answer), left = asyncio.run(scenario())

    assert (asked, answer, left) == (1, 3, [(3,)])
    assert isinstance(new, LogUnavailable)
    assert new.full
