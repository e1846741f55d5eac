"""Real clients in an environment of their own, and real servers for them to call."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import tiny_models

from functions.serve_model.settings import Settings
from pipelines.encoding import Encoding, Feature
from pipelines.encoding.categories import OneHot
from pipelines.encoding.columns import Boolean, Number

HERE = Path(__file__).parent
LOCK = HERE / "clients.txt"
CACHE = Path(__file__).parents[4] / ".cache"
DEADLINE_S = 30.0
MIXED = Encoding(
    (
        Feature("amount", "number", Number()),
        Feature("country", "category", OneHot(("DE", "FR"), missing=False)),
        Feature("active", "boolean", Boolean()),
    )
)


@pytest.fixture(scope="session")
def client_python() -> Path:
    """The interpreter of the clients' environment, made on first use and kept by the lock's digest."""
    digest = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = CACHE / f"clients-{digest}"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "clients.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            _make(folder)
    return folder / "bin" / "python"


def _make(folder: Path) -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert uv, "uv is part of the development environment: run make install"
    python = str(folder / "bin" / "python")
    commands = [
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", str(LOCK)],
    ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            continue
        said = f"the clients' environment cannot be made; with a network, run: {' '.join(command)}"
        if os.environ.get("CI"):
            pytest.fail(f"{said}\n{done.stderr}")
        pytest.skip(said)
    (folder / "made").touch()


@pytest.fixture
def run_client(client_python: Path) -> Callable[..., Any]:
    """Run a client script; return the JSON it prints."""

    def run(script: str, *arguments: str) -> Any:
        command = [str(client_python), str(HERE / "clients" / script), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The addresses of a classifier of three numbers, `churn`, and of `mixed`, which has a category too."""
    churn = tiny_models.classifier(tiny_models.numbers("age", "amount", "visits"))
    mixed = tiny_models.classifier(MIXED, ("no", "yes"), model="mixed", version=7)
    started = []
    try:
        for data in (churn, mixed):
            started.append(_start(tiny_models.write(tmp_path_factory.mktemp("model"), data)))
        for _, address in started:
            _wait_ready(address)
        yield started[0][1], started[1][1]
    finally:
        for process, _ in started:
            process.terminate()
            process.wait(DEADLINE_S)


def _start(settings: Settings) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        **os.environ,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "MODEL_NAME": settings.model,
        "MODEL_VERSION": str(settings.version),
        "MODEL_URI": settings.uri,
        "MODEL_SHA256": settings.sha256,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "functions.serve_model"], env=env
    ), f"http://127.0.0.1:{port}"


def _wait_ready(address: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{address}/readyz", timeout=5).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError(f"{address} is not ready in time")
