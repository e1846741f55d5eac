"""The broker under test: a process of its own that can be killed, or any broker that has a URL."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from faults.subscribers import ASKED

TESTS = Path(__file__).parents[1]
Manifest = dict[str, Any]


class Target(Protocol):
    """A broker, wherever it is."""

    url: str

    def subscribe(self, triggers: Sequence[Manifest]) -> None:
        """Have it deliver by these triggers, and by no others of ours."""
        ...


def trigger(name: str, uri: str, type_: str = ASKED, **delivery: Any) -> Manifest:
    """Return the manifest of a Trigger; the rest is its delivery."""
    spec: Manifest = {
        "broker": "default",
        "filter": {"attributes": {"type": type_}},
        "subscriber": {"uri": uri},
    }
    if delivery:
        spec["delivery"] = delivery
    return {
        "apiVersion": "eventing.knative.dev/v1",
        "kind": "Trigger",
        "metadata": {"name": name, "namespace": "kascade"},
        "spec": spec,
    }


class Process:
    """The stand-alone broker, started over and over on one log."""

    def __init__(self, folder: Path, *options: str, within: Sequence[str] = ()) -> None:
        """Keep the log in a folder; `options` are of `faults.process`, `within` stands before the command."""
        self.folder = folder
        self.options = options
        self.within = within
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    @property
    def log(self) -> Path:
        """Return the log's file."""
        return self.folder / "broker.db"

    def subscribe(self, triggers: Sequence[Manifest]) -> None:
        """Write the manifests and start; a running one is stopped first."""
        if self._process is not None:
            self.end(signal.SIGTERM)
        file = self.folder.with_name(f"{self.folder.name}.yaml")
        file.write_text("\n---\n".join(json.dumps(each) for each in triggers))
        command = [sys.executable, "-m", "faults.process", *self.options, "--port", "0"]
        with (self.folder / "errors.txt").open("a") as errors:
            self._process = subprocess.Popen(
                [*self.within, *command, "--trigger", str(file), "--log", str(self.log)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert "http://" in line, f"the broker did not start: {self.said()}"
        self.url = f"http://{urlsplit(line.split()[-1]).netloc}/kascade/default"

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Kill it, or stop it."""
        if self._process is None:
            return
        assert self._process.stdout is not None
        self._process.send_signal(how)
        self._process.wait(30)
        self._process.stdout.close()
        self._process = None

    def said(self) -> str:
        """Return what it wrote to standard error so far."""
        return (self.folder / "errors.txt").read_text()

    def ask(self, path: str) -> bytes:
        """GET one of its pages for operators."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()


class Remote:
    """A broker at a URL `…/<namespace>/<broker>`; its Triggers are made through the Kubernetes API.

    The API is that of `$KUBECONFIG`, and has to be the one that the broker belongs to.
    """

    _GROUP = ("eventing.knative.dev", "v1")
    _WITHIN_S = 120

    def __init__(self, url: str) -> None:
        from kubernetes import client, config

        self.url = url.rstrip("/")
        self.namespace, self.broker = urlsplit(self.url).path.strip("/").split("/")[-2:]
        config.load_kube_config()
        self._api = client.CustomObjectsApi()
        self._where = (*self._GROUP, self.namespace, "triggers")
        self._gone = client.ApiException
        self._made: list[str] = []

    def subscribe(self, triggers: Sequence[Manifest]) -> None:
        """Make the Triggers, under new names, one after the other, and wait until each is ready."""
        self.close()
        suffix = uuid.uuid4().hex[:8]
        for each in triggers:
            name = f"faults-{each['metadata']['name']}-{suffix}"
            spec = {**each["spec"], "broker": self.broker}
            body = {**each, "metadata": {"name": name, "namespace": self.namespace}, "spec": spec}
            self._api.create_namespaced_custom_object(*self._where, body)
            self._made.append(name)
            self._wait(lambda name=name: _is_ready(self._get(name) or {}), f"Trigger {name} is not ready")

    def close(self) -> None:
        """Delete what was made, one after the other, each with all that the broker made for it.

        Knative's channel may keep a subscriber for ever whose Trigger was deleted together with others; it
        fails, and every producer is then answered 500.
        """
        while self._made:
            name = self._made.pop()
            self._api.delete_namespaced_custom_object(*self._where, name, propagation_policy="Foreground")
            self._wait(lambda name=name: self._get(name) is None, f"Trigger {name} is not deleted")

    def _get(self, name: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = self._api.get_namespaced_custom_object(*self._where, name)
        except self._gone as error:
            if error.status != 404:
                raise
            return None
        return found

    def _wait(self, condition: Callable[[], bool], says: str) -> None:
        end = time.monotonic() + self._WITHIN_S
        while not condition():
            assert time.monotonic() < end, says
            time.sleep(0.2)


def _is_ready(body: Mapping[str, Any]) -> bool:
    conditions = body.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


class Producer:
    """Sends events from several threads; remembers which were answered 2xx."""

    def __init__(self, url: str, prefix: str, *, senders: int = 4, size: int = 500) -> None:
        self.accepted: list[str] = []
        self.refused: list[int] = []
        self._address = urlsplit(url)
        self._size = size
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._send_all, args=(f"{prefix}-{number}",), daemon=True)
            for number in range(senders)
        ]

    def start(self) -> None:
        """Send until stopped, or until the broker is gone."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> list[str]:
        """Stop; return the ids of the events that were accepted."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(20)
        return self.accepted

    def _send_all(self, prefix: str) -> None:
        connection = http.client.HTTPConnection(self._address.netloc, timeout=20)
        number = 0
        try:
            while not self._stopped.is_set():
                number += 1
                status = post(connection, self._address.path, f"{prefix}-{number}", b"x" * self._size)
                if 200 <= status < 300:
                    self.accepted.append(f"{prefix}-{number}")
                else:
                    self.refused.append(status)
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()


def post(connection: http.client.HTTPConnection, path: str, id_: str, body: bytes, **attributes: str) -> int:
    """Send one event; return the status of the answer."""
    given = {"specversion": "1.0", "id": id_, "source": "/faults", "type": ASKED, **attributes}
    connection.request("POST", path, body, {f"ce-{name}": value for name, value in given.items()})
    response = connection.getresponse()
    response.read()
    return response.status


def send(url: str, id_: str, body: bytes = b"", **attributes: str) -> int:
    """Send one event over a connection of its own; return the status of the answer."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=60)
    try:
        return post(connection, address.path, id_, body, **attributes)
    finally:
        connection.close()
