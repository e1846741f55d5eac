"""The log's file: it has space again once its events are delivered."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from knative.local.broker.disk_guard import HEADROOM, bytes_of
from knative.local.broker.log_file import LogFile
from knative.local.broker.settings import BrokerSettings

DISK = HEADROOM + (12 << 20)
EVENT = b"x" * 200_000
ROW = "INSERT INTO events (ttl, fanout, open, headers, body) VALUES (255, 1, 1, x'', ?)"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LogFile:
    """A log on a disk that holds it alone."""

    def free(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(free=DISK - sum(each.stat().st_size for each in tmp_path.iterdir()))

    monkeypatch.setattr(shutil, "disk_usage", free)
    return LogFile(tmp_path / "broker.db", BrokerSettings(), lambda rebuilt: None)


def test_a_disk_that_was_full_takes_events_again_once_those_on_it_are_delivered(log: LogFile) -> None:
    count = 0
    while log.admits(bytes_of(b"", EVENT)) and count < 1000:
        log.connection.execute(ROW, (EVENT,))
        count += 1
    assert 10 < count < 1000
    log.connection.execute("DELETE FROM events")
    while log.tidied():
        pass

    assert eventually(lambda: log.admits(bytes_of(b"", EVENT)))


def eventually(holds: Callable[[], bool]) -> bool:
    """Ask again after the guard's own pause."""
    deadline = time.monotonic() + 5
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
