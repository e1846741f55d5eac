"""Clients that ask a served model about an entity without pause, and what they are answered."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

CLIENTS = 4
BODY = json.dumps({"entities": [{"customer_id": 7, "amount": 1.0}]}).encode()
PATH = "/v1/models/churn:predict"


@dataclass
class Load:
    """What clients were answered: status, whether it was told that values are stood in for, seconds."""

    answers: list[tuple[int, bool, float]] = field(default_factory=list)
    failed: list[Exception] = field(default_factory=list)

    def since(self, place: int) -> set[tuple[int, bool]]:
        return {(status, told) for status, told, _ in self.answers[place:]}


@contextmanager
def asking(server: Any) -> Iterator[Load]:
    """Let clients ask without pause until the block ends."""
    load, ending = Load(), threading.Event()

    def ask() -> None:
        while not ending.is_set():
            began = time.monotonic()
            try:
                status, headers, body = server.request("POST", PATH, BODY)
            except OSError as error:
                load.failed.append(error)
                return
            told = "kascade-missing-features" in headers and "missing_features" in json.loads(body)
            load.answers.append((status, told, time.monotonic() - began))

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        ending.set()
        for thread in threads:
            thread.join(20)


def settled(load: Load, expected: tuple[int, bool]) -> None:
    """Wait until clients are answered so, and no longer as before."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        place = len(load.answers) + CLIENTS  # those under way may still be answered as before
        while len(load.answers) < place + 2 * CLIENTS and time.monotonic() < deadline:
            time.sleep(0.01)
        if load.since(place) == {expected}:
            return
    raise AssertionError(f"expected {expected}, the last answers are {load.answers[-5:]}")
