"""`kill -9` of the broker's process under load: no accepted event is lost."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ROUNDS = 3


class Process:
    """The stand-alone broker as a real process, started over and over on one log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[str] | None = None
        self.port = 0

    def start(self, manifests: list[dict[str, Any]]) -> None:
        file = self.folder / "triggers.yaml"
        file.write_text("\n---\n".join(json.dumps(manifest) for manifest in manifests))
        command = [sys.executable, "-m", "knative.local.broker", "--port", "0", "--trigger", str(file)]
        self.process = subprocess.Popen(
            [*command, "--log", str(self.folder / "broker.db")], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.port = int(line.split("127.0.0.1:")[1].split("/")[0])

    def kill(self, how: signal.Signals = signal.SIGKILL) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        os.kill(self.process.pid, how)
        code = self.process.wait(20)
        self.process.stdout.close()
        self.process = None
        return code


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path)
    yield made
    if made.process is not None:
        made.kill()


def trigger(url: str, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "kind": "Trigger",
        "metadata": {"name": name, "namespace": "kascade"},
        "spec": {"broker": "default", "subscriber": {"uri": url}, **spec},
    }


def send_until_dead(port: int, prefix: str, accepted: list[str]) -> None:
    """Send events over one connection until the broker is gone; remember those it has accepted."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    number = 0
    try:
        while True:
            number += 1
            id_ = f"{prefix}-{number}"
            headers = {"ce-specversion": "1.0", "ce-id": id_, "ce-source": "/s", "ce-type": "t"}
            connection.request("POST", "/kascade/default", body=b"x" * 500, headers=headers)
            response = connection.getresponse()
            response.read()
            if response.status == 202:
                accepted.append(id_)
    except (OSError, http.client.HTTPException):
        connection.close()


def test_33_every_accepted_event_reaches_every_trigger_through_kills(
    world: Any, answer: Any, until: Callable[..., None], process: Process
) -> None:
    """Given a good and a flaky subscriber, when the broker is killed under load, both get all."""
    good, flaky, sink = world.subscriber(), world.subscriber(answer(503)), world.subscriber()
    retry = {"retry": 2, "backoffDelay": "PT0.2S", "deadLetterSink": {"uri": sink.url}}
    manifests = [trigger(good.url, "good"), trigger(flaky.url, "flaky", delivery=retry)]
    accepted: list[str] = []
    for round_ in range(ROUNDS):
        process.start(manifests)
        senders = [
            threading.Thread(target=send_until_dead, args=(process.port, f"{round_}-{n}", accepted))
            for n in range(4)
        ]
        for sender in senders:
            sender.start()
        target = len(accepted) + 150
        until(lambda target=target: len(accepted) >= target)
        process.kill()
        for sender in senders:
            sender.join(10)

    process.start(manifests)

    for subscriber in (good, sink):
        until(
            lambda subscriber=subscriber: (
                set(accepted) <= {each.attribute("id") for each in subscriber.received}
            ),
            30,
        )
    assert len(accepted) >= ROUNDS * 150


def test_a_stopped_broker_leaves_nothing_undone_that_was_under_way(
    world: Any, answer: Any, process: Process
) -> None:
    subscriber = world.subscriber(answer(204, after_s=0.3))
    process.start([trigger(subscriber.url, "one")])
    accepted: list[str] = []
    sender = threading.Thread(target=send_until_dead, args=(process.port, "a", accepted))
    sender.start()
    subscriber.wait_for(3)

    assert process.kill(signal.SIGTERM) == 0

    sender.join(10)
    delivered = [each.attribute("id") for each in subscriber.received]
    assert len(delivered) == len(set(delivered))


def test_a_second_broker_on_the_same_log_says_that_it_is_held(world: Any, process: Process) -> None:
    process.start([trigger("http://127.0.0.1:9/", "one")])
    command = [
        sys.executable,
        "-m",
        "knative.local.broker",
        "--port",
        "0",
        "--log",
        str(process.folder / "broker.db"),
    ]

    second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert second.returncode != 0
    assert "locked" in second.stderr
