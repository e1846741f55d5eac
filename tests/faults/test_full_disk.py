"""A full disk: producers hear that nothing is taken, and what was answered 202 is delivered."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.subscribers import Subscribers, wait_until
from faults.targets import Process, Producer, send, trigger

pytestmark = pytest.mark.slow
OWN_PROCESS = "it fills the disk of our log"

AWAY = {"retry": 1000, "backoffDelay": "PT0.2S", "backoffPolicy": "linear"}
MOUNTED = 'mount -t tmpfs -o size=24m tmpfs "$0" && exec "$@"'


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, tuple[str, ...]]:
    """A folder and what makes it, for one process, a disk of 24 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    within = ("unshare", "--map-root-user", "--mount", "sh", "-c", MOUNTED, str(folder))
    try:
        tried = subprocess.run([*within, "true"], capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError:
        pytest.skip("`unshare` is missing: it is a part of util-linux")
    if tried.returncode:
        pytest.skip(f"no file system can be mounted here; run as root or allow it: {tried.stderr.strip()}")
    return folder, within


def fill_up(broker: Process, subscribers: Subscribers, deadline_s: float) -> None:
    """Send events until the disk is full, then let the subscriber take them.

    Raises:
        AssertionError: an accepted event did not arrive, or no event was refused.
    """
    broker.subscribe([trigger("one", subscribers.url("failing"), **AWAY)])
    subscribers.tried["failing"] = Away()
    producer = Producer(broker.url, "f", senders=2, size=200_000)
    producer.start()
    wait_until(
        lambda: len(producer.refused) >= 3 or len(producer.accepted) > 400,
        30,
        lambda: f"{len(producer.accepted)} accepted, none refused",
    )
    accepted = set(producer.stop())
    assert set(producer.refused) <= {507, 500}, set(producer.refused)
    subscribers.tried.pop("failing")
    wait_until(
        lambda: accepted <= subscribers.ids("failing"),
        deadline_s,
        lambda: f"{len(accepted - subscribers.ids('failing'))} of {len(accepted)} accepted events were lost",
    )
    wait_until(lambda: send(broker.url, "after") == 202, 10, lambda: "no event is taken after all")


class Away(dict[str, int]):
    """Counts each attempt as the first, so that the subscriber goes on failing."""

    def __getitem__(self, key: str) -> int:
        return 1


def test_what_was_accepted_on_a_disk_that_fills_up_is_delivered(
    process: Callable[..., Process], subscribers: Subscribers, small: tuple[Path, tuple[str, ...]]
) -> None:
    folder, within = small
    fill_up(process(folder=folder, within=within), subscribers, 30)


def test_a_broker_that_says_it_took_what_found_no_space_is_caught(
    process: Callable[..., Process], subscribers: Subscribers, small: tuple[Path, tuple[str, ...]]
) -> None:
    folder, within = small
    broker = process("--mutant", "says_that_it_took_what_found_no_space", folder=folder, within=within)

    with pytest.raises(AssertionError, match="accepted events were lost"):
        fill_up(broker, subscribers, 5)
