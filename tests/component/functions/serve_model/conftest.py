"""A real serve_model process over a small model."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from support import tiny_models

from functions.serve_model.settings import Settings

DEADLINE_S = 30.0


@dataclass
class Server:
    """A running process and where it listens."""

    process: subprocess.Popen[str]
    port: int

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        finally:
            connection.close()

    def wait_ready(self) -> Server:
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}")
            try:
                if self.request("GET", "/readyz")[0] == 200:
                    return self
            except OSError:
                time.sleep(0.02)
        raise AssertionError("the server is not ready in time")


def environment(settings: Settings, **more: str) -> dict[str, str]:
    own = ("PATH", "HOME", "PYTHONPATH", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
    return {
        **{name: os.environ[name] for name in own if name in os.environ},
        "HOST": "127.0.0.1",
        "MODEL_NAME": settings.model,
        "MODEL_VERSION": str(settings.version),
        "MODEL_URI": settings.uri,
        "MODEL_SHA256": settings.sha256,
        **more,
    }


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    """Start servers; what still runs at the end is stopped."""
    started: list[subprocess.Popen[str]] = []

    def begin(settings: Settings, **more: str) -> Server:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", "functions.serve_model"],
            env=environment(settings, **{"PORT": str(port), **more}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return Server(process, port)

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=DEADLINE_S)


@pytest.fixture
def churn(tmp_path: Path, start: Callable[..., Server]) -> Any:
    """A served classifier of two numbers."""
    data = tiny_models.classifier(tiny_models.numbers("age", "amount"))
    return start(tiny_models.write(tmp_path, data)).wait_ready()
