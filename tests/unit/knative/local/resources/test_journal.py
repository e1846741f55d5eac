"""The objects on disk while the disk is full for a time."""

from __future__ import annotations

import asyncio
import functools
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from knative.local.resources.journal import Entry, Journal
from knative.local.resources.kinds import CONFIG_MAP
from knative.local.resources.objects import Key


def in_a_loop(test: Callable[[Path], Coroutine[None, None, None]]) -> Callable[[Path], None]:
    """Run a test in an event loop of its own."""

    @functools.wraps(test)
    def run(tmp_path: Path) -> None:
        asyncio.run(test(tmp_path))

    return run


class SmallDisk(Journal):
    """A journal whose disk can be full."""

    def fill(self) -> None:
        pages = self._database.execute("PRAGMA page_count").fetchone()[0]
        self._database.execute(f"PRAGMA max_page_count = {pages + 1}")

    def clear(self) -> None:
        self._database.execute("PRAGMA max_page_count = 1000000")


def entry(name: str, size: int = 1) -> Entry:
    return Entry(Key(CONFIG_MAP, "ns", name), {"data": {"x": "y" * size}}, None)


def names_in(path: Path) -> list[str]:
    journal = Journal(path)
    names = [kept.key.name for kept in journal.entries()]
    journal.close()
    return names


@in_a_loop
async def test_what_a_full_disk_refused_is_written_once_there_is_room(tmp_path: Path) -> None:
    journal = SmallDisk(tmp_path / "objects.db")
    journal.fill()
    journal.put(entry("refused", 200_000))
    with pytest.raises(sqlite3.OperationalError, match="full"):
        await journal.durable()
    with pytest.raises(sqlite3.OperationalError, match="full"):
        await journal.durable()

    journal.clear()
    journal.put(entry("later"))
    await journal.durable()

    journal.close()
    assert names_in(tmp_path / "objects.db") == ["later", "refused"]


async def refusing(folder: Path, name: str) -> SmallDisk:
    """Return a journal whose disk is full and has no room for an object that it was given."""
    journal = SmallDisk(folder / "objects.db")
    journal.fill()
    journal.put(entry(name, 200_000))
    with pytest.raises(sqlite3.OperationalError):
        await journal.durable()
    return journal


@in_a_loop
async def test_an_object_deleted_while_the_disk_is_full_does_not_come_back(tmp_path: Path) -> None:
    journal = await refusing(tmp_path, "gone")
    journal.drop(entry("gone").key)
    await journal.durable()
    journal.close()
    assert names_in(tmp_path / "objects.db") == []


@in_a_loop
async def test_what_nobody_waits_for_is_written_too_once_there_is_room(tmp_path: Path) -> None:
    journal = await refusing(tmp_path, "status")
    journal.clear()
    with sqlite3.connect(tmp_path / "objects.db") as reader:
        async with asyncio.timeout(5):
            while not reader.execute("SELECT name FROM objects").fetchall():
                await asyncio.sleep(0.05)
    reader.close()
    journal.close()
