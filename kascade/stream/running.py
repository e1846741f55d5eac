"""A local system started for the time of one command, on free ports, in a folder of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console

from kascade.client import connect
from kascade.reach.port import CallError
from kascade.system.home import Home, HomeError

_START_TIMEOUT_S = 120.0


@contextmanager
def running_system(
    home: Home, *, store: str, console: Console, fresh: bool = False, manifests: Sequence[Path] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `kascade up` in a state folder until the block ends; SIGTERM ends the block.

    Args:
        fresh: remove what an earlier system left in the folder.
        manifests: applied in place of ours.

    Raises:
        HomeError: the folder is in use, or the system did not start; then the message has the end of its log.
    """
    signals = [
        each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is not signal.SIG_IGN
    ]
    before = {each: signal.signal(each, _leave) for each in signals}
    try:
        with home.held(fresh=fresh) as lock, _started(home, store, lock, manifests) as system:
            with console.status("starting the broker, the functions and the object store"):
                _wait_until_it_answers(home, system)
            yield system
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _started(
    home: Home, store: str, lock: int, manifests: Sequence[Path]
) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "kascade", "up", "--home", str(home.path), "--store", store]
    for port in ("--gateway-port", "--api-port", "--store-port"):
        command += [port, "0"]
    command += ["--lock-fd", str(lock)]
    for each in manifests:
        command += ["--manifests", str(each)]
    with _log(home).open("wb") as log:
        system = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, pass_fds=(lock,))
    try:
        yield system
    finally:
        system.terminate()
        system.wait()


def _wait_until_it_answers(home: Home, system: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not is_up(home):
        if system.poll() is not None or time.monotonic() > deadline:
            end = _log(home).read_text(errors="replace")[-2000:]
            raise HomeError(f"the system did not start:\n{end}")
        time.sleep(0.1)


def _log(home: Home) -> Path:
    return home.path / "up.log"


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


def is_up(home: Home) -> bool:
    """Say whether a system runs in a state folder and its ledger answers."""
    try:
        client = connect(home.path, timeout_s=30)
        next(iter(client.ledger()), None)
    except (HomeError, CallError):
        return False
    return True
