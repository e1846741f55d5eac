"""Loss of power: what was not forced to the disk is gone, every event that was answered 202 is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from faults.subscribers import Subscribers, wait_until
from faults.targets import Process, Producer, trigger
from faults.writes import after_power_loss

pytestmark = pytest.mark.slow
OWN_PROCESS = "it records and throws away what the process writes"

AWAY = {"retry": 1000, "backoffDelay": "PT0.2S", "backoffPolicy": "linear"}


def lose_power(
    process: Callable[..., Process], subscribers: Subscribers, folder: Path, *options: str
) -> Path:
    """Accept events while the subscriber is away, and lose power; return the record of what was written."""
    record = folder / "writes"
    broker = process("--writes", str(record), *options)
    broker.subscribe([trigger("one", "http://127.0.0.1:9/", **AWAY)])
    producer = Producer(broker.url, "p")
    producer.start()
    wait_until(lambda: len(producer.accepted) >= 150, 30, lambda: "the broker takes no events")
    broker.end()
    (folder / "accepted").write_text("\n".join(producer.stop()))
    assert subscribers.ids("plain") == set()
    return record


def all_arrive(
    process: Callable[..., Process],
    subscribers: Subscribers,
    record: Path,
    seed: int | None,
    deadline_s: float,
) -> None:
    """Start a broker on what the disk has after the power loss, and wait for every accepted event.

    Raises:
        AssertionError: some did not arrive.
    """
    accepted = set((record.parent / "accepted").read_text().split())
    folder = record.parent / f"after-{seed}"
    folder.mkdir()
    after_power_loss(record, folder, seed)
    subscribers.got.clear()
    broker = process(folder=folder)
    broker.subscribe([trigger("one", subscribers.url("plain"), **AWAY)])
    try:
        wait_until(
            lambda: accepted <= subscribers.ids("plain"),
            deadline_s,
            lambda: (
                f"{len(accepted - subscribers.ids('plain'))} of {len(accepted)} accepted events were lost"
            ),
        )
    finally:
        broker.end()


@pytest.fixture(autouse=True)
def recorder() -> None:
    """Skip where SQLite is built into Python so that nobody can get between it and the disk."""
    import _sqlite3
    import ctypes

    if not hasattr(ctypes.CDLL(_sqlite3.__file__), "sqlite3_vfs_register"):
        pytest.skip("this Python's SQLite hides its VFS; use a Python that links libsqlite3")


@pytest.mark.case("T9", "power loss: writes that were not fsynced are thrown away, or some of them")
def test_what_was_answered_202_survives_a_power_loss(
    process: Callable[..., Process], subscribers: Subscribers, tmp_path: Path, rounds: int
) -> None:
    record = lose_power(process, subscribers, tmp_path)

    for seed in [None, *range(rounds - 1)]:
        all_arrive(process, subscribers, record, seed, 30)


@pytest.mark.case("T9", "synchronous=OFF and NORMAL are caught")
@pytest.mark.parametrize("options", [("--mutant", "never_forces_to_disk"), ("--synchronous", "NORMAL")])
def test_a_broker_that_does_not_force_events_to_the_disk_is_caught(
    process: Callable[..., Process], subscribers: Subscribers, tmp_path: Path, options: tuple[str, ...]
) -> None:
    record = lose_power(process, subscribers, tmp_path, *options)

    with pytest.raises(AssertionError, match="accepted events were lost"):
        all_arrive(process, subscribers, record, None, 4)
