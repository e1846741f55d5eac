"""`kascade up` whose object store dies: it is back on the same port, with everything that was in it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from eventing.store import S3Store, StoreError
from kascade.system.home import Home

pytestmark = pytest.mark.slow

BROKER = """\
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {name: default, namespace: kascade}
spec: {}
"""


class Up:
    """A `kascade up` with a broker and no functions."""

    def __init__(self, folder: Path, store: str) -> None:
        self.server = {"embedded": "kascade.system.stores.s3", "minio": "minio"}[store]
        (folder / "broker.yaml").write_text(BROKER)
        self.home = Home(folder / "state")
        self.log = folder / "up.log"
        command = [sys.executable, "-m", "kascade", "up", "--home", str(self.home.path)]
        command += ["--manifests", str(folder / "broker.yaml"), "--store", store]
        for port in ("--gateway-port", "--api-port", "--store-port"):
            command += [port, "0"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def store_process(self) -> psutil.Process | None:
        for child in psutil.Process(self.process.pid).children():
            if child.status() != psutil.STATUS_ZOMBIE and self.server in " ".join(child.cmdline()):
                return child
        return None

    def store(self) -> S3Store:
        return S3Store.from_env(self.home.store_environment())

    def drop(self, file: Path) -> None:
        command = [sys.executable, "-m", "kascade", "drop", str(file), "--model", "m", "--no-wait"]
        subprocess.run([*command, "--home", str(self.home.path)], check=True, timeout=60)


def until(condition: Callable[[], object], what: str, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.05)


@pytest.fixture(params=["embedded", "minio"])
def up(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Up]:
    if request.param == "minio" and shutil.which("minio") is None:
        assert not os.environ.get("CI"), "CI builds MinIO"
        pytest.skip("there is no minio on the PATH; run: make minio")
    made = Up(tmp_path, request.param)
    until((made.home.path / "endpoints.json").exists, "the system is up")
    yield made
    made.process.send_signal(signal.SIGINT)
    assert made.process.wait(60) == 0, made.log.read_text()


def test_a_store_that_was_killed_is_back_with_its_data_and_takes_files(up: Up, tmp_path: Path) -> None:
    file = tmp_path / "before.csv"
    file.write_text("a\n1\n")
    up.drop(file)
    address = up.home.endpoints().store
    killed = up.store_process()
    assert killed is not None

    os.kill(killed.pid, signal.SIGKILL)

    def back() -> bool:
        try:
            return up.store().get("s3://raw/m/before.csv") == b"a\n1\n"
        except StoreError:
            return False

    until(back, "the store answers again")
    up.drop(file.rename(tmp_path / "after.csv"))
    assert up.store().get("s3://raw/m/after.csv") == b"a\n1\n"
    assert up.home.endpoints().store == address
    started = up.store_process()
    assert started is not None
    assert started.pid != killed.pid
    assert "the object store ended (-9); starting it again in 0.2 s" in up.log.read_text()


@pytest.mark.case("S1", "what lies in the state folder is its owner's alone")
def test_no_other_user_could_read_what_lies_in_the_state_folder(up: Up, tmp_path: Path) -> None:
    file = tmp_path / "private.csv"
    file.write_text("a\n1\n")
    up.drop(file)
    open_ = [
        each for each in up.home.path.rglob("*") if not each.is_symlink() and each.stat().st_mode & 0o077
    ]

    assert [str(each.relative_to(up.home.path)) for each in open_] == []
    assert up.home.path.stat().st_mode & 0o077 == 0
