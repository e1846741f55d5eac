"""A local system started for the time of one command, on free ports, in a folder of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console

from eventing.cli.client import CallError, Client
from eventing.cli.home import Home, HomeError

_START_TIMEOUT_S = 120.0


@contextmanager
def running_system(home: Home, *, store: str, console: Console) -> Iterator[subprocess.Popen[bytes]]:
    """Run `kascade up` in a prepared state folder until the block ends; SIGTERM ends the block.

    Raises:
        HomeError: it did not start; the message has the end of its log.
    """
    command = [sys.executable, "-m", "eventing.cli", "up", "--home", str(home.path), "--store", store]
    for port in ("--gateway-port", "--api-port", "--store-port"):
        command += [port, "0"]
    log = home.path / "up.log"
    before = signal.signal(signal.SIGTERM, _leave)
    with log.open("wb") as stream:
        system = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True)
    try:
        with console.status("starting the broker, the functions and the object store"):
            deadline = time.monotonic() + _START_TIMEOUT_S
            while not answers(home):
                if system.poll() is not None or time.monotonic() > deadline:
                    raise HomeError(f"the system did not start:\n{log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.1)
        yield system
    finally:
        system.terminate()
        system.wait()
        signal.signal(signal.SIGTERM, before)


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


def answers(home: Home) -> bool:
    """Say whether a system runs in a state folder and its ledger answers."""
    try:
        client = Client(home.endpoints(), timeout_s=30)
        next(iter(client.events()), None)
    except (HomeError, CallError):
        return False
    return True
