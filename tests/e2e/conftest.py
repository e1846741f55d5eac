"""A whole system in a folder of its own: real processes, real HTTP, a real object store."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from kubernetes import client, config
from support.live_system import BIN, LiveSystem, eventually, untraced

from kascade.system.home import Home

OVERLAYS = Path(__file__).parent / "overlays"
"""Systems on one machine whose models a platform serves that a test plays."""


@contextmanager
def running(folder: Path, store: str, *arguments: str) -> Iterator[LiveSystem]:
    """Run a system on a store; it is ended with Ctrl-C and must leave no process behind."""
    command = [str(BIN / "kascade"), "up", "--home", str(folder / "state"), "--store", store, *arguments]
    for port in ("--gateway-port", "--api-port", "--store-port"):
        command += [port, "0"]
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=untraced())
    live = LiveSystem(Home(folder / "state"), process)
    try:
        eventually(lambda: live.events() is not None, 120, what="answering system")
        yield live
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, (folder / "up.log").read_text()
        assert [each for each in family if each.is_running()] == []
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def started(store: str, tmp_path_factory: pytest.TempPathFactory, *arguments: str) -> Iterator[LiveSystem]:
    """Run a system in a folder of its own."""
    with running(tmp_path_factory.mktemp(store), store, *arguments) as live:
        yield live


def api_of(system: LiveSystem) -> client.CustomObjectsApi:
    """Open the API of a system."""
    settings = client.Configuration()
    config.load_kube_config(str(system.home.path / "kubeconfig"), client_configuration=settings)
    return client.CustomObjectsApi(client.ApiClient(settings))


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSystem]:
    """A system on the embedded store."""
    yield from started("embedded", tmp_path_factory)


@pytest.fixture(scope="module")
def announcing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveSystem]:
    """A system whose MinIO announces objects by itself; where none is built, that on the embedded store."""
    if shutil.which("minio") is None:
        assert not os.environ.get("CI"), "CI builds MinIO"
        yield request.getfixturevalue("system")
    else:
        yield from started("minio", tmp_path_factory)
