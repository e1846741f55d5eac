"""A target that breaks every promise, each at an input of its own."""

from __future__ import annotations

import os
import signal
import time

SEEDS = [b"nothing", b"they raise it", b"slow", b"large"]
TOKENS = [b"die"]


def run(data: bytes) -> None:
    """Do what a token says."""
    if b"raise" in data:
        raise ValueError("planted")
    if b"slow" in data:
        until = time.process_time() + 2.5
        while time.process_time() < until:
            pass
    if b"large" in data:
        bytearray(400 << 20)
    if b"die" in data:
        os.kill(os.getpid(), signal.SIGKILL)
