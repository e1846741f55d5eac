"""A log whose file was damaged, page by page: what it still holds is found, what it does not is counted."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knative.local.broker.batch import Batch
from knative.local.broker.errors import LogUnavailable
from knative.local.broker.event import Record
from knative.local.broker.log import Log
from knative.local.broker.pages import drop_some, read_page, read_parked, redrive
from knative.local.broker.rebuilding import Rebuilt, check, rebuild, reports_beside
from knative.local.broker.schema import create_log, open_log
from knative.local.broker.settings import BrokerSettings

SETTINGS = BrokerSettings(notes_wait_s=0.001)
PAGE = 4096
EVENTS = 200
LANES = ["kascade/one", "kascade/one#dead", "kascade/two"]


def body_of(number: int) -> bytes:
    """Return a body that may go on in other pages."""
    return f"{number} ".encode() * (40 if number % 10 else 4_000)


def write_log(path: Path) -> None:
    """Write events for one lane, the other or both; some wait for a retry, some are parked, some are done."""
    log = open_log(path, SETTINGS)
    batch = Batch(lanes=list(enumerate(LANES, start=1)))
    for number in range(1, EVENTS + 1):
        lanes = [[1], [3], [1, 3]][number % 3]
        batch.add_event(number, Record({"ce-id": str(number)}, body_of(number), 255), lanes, lambda _: None)
    batch.write(log)
    later = Batch(
        finished=[(1, 3), (1, 6)],
        retried=[(1, 5.0, None, 1, 9)],
        moved=[(2, 6.0, b"{}", 1, 12)],
        parked=[(1, 15, 7.0, b"{}", 1)],
    )
    later.write(log)
    log.close()


def contents(path: Path) -> dict[str, set[int]]:
    """Return the numbers of the whole events that wait in each lane, and of those that are parked."""
    log = open_log(path, SETTINGS)
    found: dict[str, set[int]] = {}
    for lane, key in enumerate(LANES, start=1):
        page = read_page(
            log, lane, 0, now=time.time() + 1, events=1_000, fresh=True, held=(), max_bytes=1 << 30
        )
        items = [*page.due, *page.fresh]
        assert [item.record.body for item in items] == [body_of(item.seq) for item in items]
        found[key] = {item.seq for item in items}
    counted = dict(log.execute("SELECT key, waiting FROM lanes"))
    assert counted == {key: len(found[key]) for key in LANES}
    found["parked"] = {int(each.headers["ce-id"]) for each in read_parked(log, 1_000)}
    log.close()
    return found


def overwrite(path: Path, page: int, how: str) -> None:
    content = {
        "zeros": bytes(PAGE),
        "noise": random.Random(page).randbytes(PAGE),
        "text": b"somebody else's file " * 196,
    }[how]
    with path.open("r+b") as opened:
        opened.seek(page * PAGE)
        opened.write(content[:PAGE])


def change_a_byte(path: Path, at: int) -> None:
    with path.open("r+b") as opened:
        opened.seek(at)
        opened.write(b"?")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "broker.db"
    write_log(path)
    return path


@pytest.mark.case("T1", "every page of the log in turn, overwritten in three ways")
@pytest.mark.parametrize("how", ["zeros", "noise", "text"])
def test_one_damaged_page_costs_at_most_what_lay_on_it_and_all_that_is_lost_is_counted(
    written: Path, tmp_path: Path, how: str
) -> None:
    whole = contents(written)
    pages = written.stat().st_size // PAGE
    assert pages > 60

    for page in range(0, pages, 1 if how == "zeros" else 3):
        folder = tmp_path / str(page)
        folder.mkdir()
        path = folder / "broker.db"
        path.write_bytes(written.read_bytes())
        overwrite(path, page, how)

        rebuilt = rebuild(path, "a test")

        found = contents(path)
        assert check(path) == []
        missing = sum(len(whole[lane] - found[lane]) for lane in LANES)
        lost = {lane: count for lane, count in rebuilt.lost.items() if count}
        assert sum(lost.values()) >= missing, f"page {page}: {lost}"
        assert len(set.union(*whole.values()) - set.union(*found.values())) <= PAGE // len(body_of(1)), page
        new = {lane: found[lane] - whole[lane] for lane in LANES}
        assert all(len(new[lane]) <= rebuilt.again.get(lane, 0) for lane in LANES)
        assert Path(rebuilt.kept).stat().st_size == pages * PAGE
        assert reports_beside(path) == [rebuilt]


@pytest.mark.case("T1", "a single bit of an event")
def test_a_changed_bit_in_an_event_is_found_and_never_delivered(written: Path, tmp_path: Path) -> None:
    content = written.read_bytes()
    for number in range(21, EVENTS, 20):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = folder / "broker.db"
        at = content.index(body_of(number)) + 7
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])

        assert check(path) == [f"event {number} is not what was stored"]
        rebuilt = rebuild(path, "a test")

        assert sum(rebuilt.lost.values()) == [1, 1, 2][number % 3]
        assert not any(number in numbers for numbers in contents(path).values())


@pytest.mark.case("T1", "the damaged log at a start and while it is open")
@pytest.mark.parametrize("when", ["at the start", "while it is open", "a byte, while it is open"])
def test_a_log_that_meets_damage_goes_on_with_what_is_left(written: Path, tmp_path: Path, when: str) -> None:
    path = tmp_path / "broker.db"
    path.write_bytes(written.read_bytes())
    page = written.read_bytes().index(body_of(52)) // PAGE
    told: list[Rebuilt] = []

    async def scenario() -> tuple[set[int], int]:
        log = Log(path, SETTINGS, told.append)
        log.start()
        if when.startswith("a byte"):
            change_a_byte(path, written.read_bytes().index(body_of(52)) + 20)
        else:
            overwrite(path, page, "noise")
        await log.call(lambda connection: connection.execute("PRAGMA shrink_memory"))
        found: set[int] = set()
        for lane in (1, 2, 3):
            page_of = partial(read_page, lane=lane, after=0, now=time.time(), fresh=True, held=())
            read = await log.call(partial(page_of, events=1_000, max_bytes=1 << 30))
            found |= {item.seq for item in (*read.due, *read.fresh)}
        stored: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        log.append(Record({"ce-id": "new"}, b"new", 255), [1], stored.set_result)
        number = await stored
        await log.close()
        return found, number

    if when == "at the start":
        overwrite(path, page, "noise")
    found, number = asyncio.run(scenario())

    assert number == EVENTS + 1
    assert len(found) >= EVENTS - 20
    assert 52 not in found
    (rebuilt,) = told
    assert sum(rebuilt.lost.values()) >= 1
    assert Path(rebuilt.kept).exists()
    assert check(path) == []


@pytest.mark.case("T1", "no log at all, or one that cannot be opened")
@pytest.mark.parametrize("content", [b"no database at all, whatever its name says " * 300, bytes(PAGE * 4)])
def test_what_is_no_log_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broker.db"
    path.write_bytes(content)

    with pytest.raises(LogUnavailable, match="nothing of it can be read"):
        rebuild(path, "a test")

    assert path.read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == ["broker.db"]


def test_a_log_of_the_format_before_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "broker.db"
    old = sqlite3.connect(path)
    old.executescript(
        "CREATE TABLE events (seq INTEGER PRIMARY KEY, ttl INTEGER NOT NULL, fanout INTEGER NOT NULL, "
        "open INTEGER NOT NULL, headers BLOB NOT NULL, body BLOB NOT NULL);"
        "CREATE TABLE lanes (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);"
        "CREATE TABLE deliveries (lane INTEGER NOT NULL, seq INTEGER NOT NULL, attempts INTEGER NOT NULL, "
        "due REAL NOT NULL, error BLOB, PRIMARY KEY (lane, seq)) WITHOUT ROWID;"
        "CREATE INDEX deliveries_due ON deliveries (lane, due) WHERE due > 0;"
        "CREATE TABLE parked (id INTEGER PRIMARY KEY, lane INTEGER NOT NULL, seq INTEGER NOT NULL, "
        "parked_at REAL NOT NULL, error BLOB);"
        "CREATE INDEX parked_lane ON parked (lane, id);"
        "INSERT INTO lanes VALUES (1, 'kascade/one');"
        "INSERT INTO events VALUES (7, 255, 1, 1, X'7b7d', X'61');"
        "INSERT INTO deliveries VALUES (1, 7, 0, 0, NULL);"
        "PRAGMA user_version = 1;"
    )
    old.close()

    log = open_log(path, SETTINGS)

    assert log.execute("SELECT key, waiting FROM lanes").fetchall() == [("kascade/one", 1)]
    page = read_page(log, 1, 0, now=1.0, events=9, fresh=True, held=(), max_bytes=9)
    assert [(item.seq, item.record.body) for item in page.fresh] == [(7, b"a")]
    log.close()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["append", "finish", "share", "retry", "move", "park", "redrive", "drop"]),
        st.integers(0, 30),
    ),
    max_size=40,
)


@given(STEPS)
@settings(max_examples=100, deadline=None)
def test_the_count_of_a_lane_is_what_it_holds_whatever_happens(steps: list[tuple[str, int]]) -> None:
    log = create_log(Path(":memory:"))
    Batch(lanes=list(enumerate(LANES, start=1))).write(log)
    number = 0
    for what, which in steps:
        lane, batch = which % 3 + 1, Batch()
        if what == "append":
            number += 1
            lanes = sorted({lane, 1})
            batch.add_event(number, Record({}, b"", 1), lanes, lambda _: None)
        elif what in ("finish", "share"):
            (batch.finished if what == "finish" else batch.shared).extend([(lane, which), (1, which)])
        elif what == "retry":
            batch.retried.append((1, 5.0, None, lane, which))
        elif what == "move":
            batch.moved.extend([(2, 5.0, b"{}", 1, which), (2, 5.0, b"{}", 3, which)])
        elif what == "park":
            batch.parked.append((lane, which, 1.0, b"{}", lane))
        elif what == "redrive":
            redrive(log, lane, None)
        else:
            drop_some(log, lane, at_most=which)
        batch.write(log)

        counted = log.execute("SELECT id, waiting FROM lanes").fetchall()
        held = dict(log.execute("SELECT lane, count(*) FROM deliveries GROUP BY lane").fetchall())
        assert counted == [(lane, held.get(lane, 0)) for lane in (1, 2, 3)]
    log.close()
