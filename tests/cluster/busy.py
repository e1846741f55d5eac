"""What the tests of faults do to a cluster: load it, starve it, and see what its users see."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from cluster.reach import Cluster, Json

from eventing.store import S3Store
from kascade.demo.digits import Digits
from kascade.demo.traffic import Traffic
from kascade.stream.labelling import Labeller

SHARES = Path("/sys/fs/cgroup/cpu/kascade/cpu.shares")


@contextmanager
def asking(cluster: Cluster, model: str, digits: Digits, *, per_s: float = 20.0) -> Iterator[Traffic]:
    """Ask a model about digits without pause, and send labels; what failed is in its tally."""
    labeller = Labeller(S3Store.from_env(cluster.store_environment()), model, delay_s=1.0)
    traffic = Traffic(cluster.gateway, model, digits, labeller, per_s=per_s)
    traffic.start()
    labeller.start()
    try:
        yield traffic
    finally:
        traffic.stop()
        labeller.stop()


@contextmanager
def starved(shares: int = 2048) -> Iterator[None]:
    """Leave the cluster a third of a machine with two cores, little more than it needs at rest."""
    before = SHARES.read_text()
    loop = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(loop) for _ in range(2 * (os.cpu_count() or 1))]
    SHARES.write_text(str(shares))
    try:
        yield
    finally:
        SHARES.write_text(before)
        for each in others:
            each.kill()
            each.wait()


class Storm:
    """Sends events from some threads until each is accepted; `accepted` holds the ids the broker took."""

    def __init__(self, cluster: Cluster, type_: str, *, events: int, senders: int = 4) -> None:
        self._broker, self._type = cluster.broker, type_
        self._left = [str(uuid.uuid4()) for _ in range(events)]
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(senders)]
        self.accepted: set[str] = set()
        self.tries = 0

    def run(self, timeout_s: float) -> None:
        """Send all of them. Fails at the deadline."""
        self._deadline = time.monotonic() + timeout_s
        for each in self._threads:
            each.start()
        for each in self._threads:
            each.join()
        assert not self._left, f"{len(self._left)} events were not accepted within {timeout_s} s"

    def _work(self) -> None:
        session = requests.Session()
        while time.monotonic() < self._deadline:
            with self._lock:
                if not self._left:
                    return
                event_id = self._left.pop()
            taken = self._send(session, event_id)
            with self._lock:
                self.tries += 1
                (self.accepted.add if taken else self._left.append)(event_id)

    def _send(self, session: requests.Session, event_id: str) -> bool:
        headers = {
            "ce-specversion": "1.0",
            "ce-id": event_id,
            "ce-source": "/storm",
            "ce-type": self._type,
            "ce-subject": "storm",
        }
        try:
            return session.post(self._broker, json={}, headers=headers, timeout=120).ok
        except requests.RequestException:
            return False


def kill(cluster: Cluster, pod: Json) -> None:
    """End a pod at once, as when its node is lost: nothing is drained."""
    metadata = pod["metadata"]
    cluster.tried(
        "-n", metadata["namespace"], "delete", "pod", metadata["name"], "--force", "--grace-period=0"
    )
