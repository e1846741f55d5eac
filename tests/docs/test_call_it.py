"""What a function's README says to type is typed, in bash, and answered as the README shows."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from support.receiver import Receiver

from functions.state.database import make_engine
from functions.state.migrate import upgrade
from kascade.system.home import BUCKETS
from kascade.system.stores.embedded import EmbeddedStore

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
READMES = {path.parent.name: path for path in sorted(ROOT.glob("functions/*/README.md"))}
NOT_TYPED = {
    "console": "it needs a cluster with an ingress",
    "ingest_data": "it tells of a file that lies in the store, and of one before it",
    "launch_training": "it needs Kubeflow",
    "log_experiments": "it needs MLflow: make test-mlflow",
    "roll_out_model": "it needs a Kubernetes API and a version that was approved",
    "run_training": "it is a job that needs the event of an approved training, and its dataset",
    "score_batch": "it is a job that needs the event of a dropped file, and a champion",
    "serve_model": "it needs a model file",
}
"""Why the block of a README is only read here; the function's component tests say and hear the same."""
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
KEYS = ("access", "secretsecret")
CHANGES = re.compile(r'^ce-time: .*|"(?:recorded_at|time)":"[^"]*"|^content-type: .*', re.M | re.I)
"""What differs each time, or in capitals alone."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with EmbeddedStore(tmp_path_factory.mktemp("store"), 0, *KEYS) as running:
        s3 = boto3.client(
            "s3",
            endpoint_url=running.env["AWS_ENDPOINT_URL_S3"],
            aws_access_key_id=KEYS[0],
            aws_secret_access_key=KEYS[1],
            region_name="us-east-1",
        )
        for bucket in BUCKETS:
            s3.create_bucket(Bucket=bucket)
        yield dict(running.env)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def steps(block: str) -> list[tuple[str, str]]:
    """Return each command of a block with the output that is shown of it."""
    found: list[tuple[str, str]] = []
    goes_on = False
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif goes_on:
            found[-1] = (f"{found[-1][0]}\n{line}", "")
        else:
            found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
            continue
        goes_on = line.endswith("\\") or found[-1][0].count("'") % 2 == 1
    return found


def pattern_of(line: str) -> Callable[[str], object]:
    """Return what tells whether a line of output is as one that is shown; `…` stands for anything."""
    return re.compile(re.escape(line).replace("…", ".*")).fullmatch


def plain(text: str) -> str:
    return CHANGES.sub("", text).strip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("name", [name for name in READMES if name not in NOT_TYPED])
def test_what_a_readme_says_to_type_is_answered_as_it_shows(
    name: str, tmp_path: Path, store: dict[str, str], receiver: Receiver
) -> None:
    upgrade(make_engine(f"sqlite:///{tmp_path}/state.db"))
    port = free_port()
    block = BLOCK.findall(READMES[name].read_text(encoding="utf-8"))[0]
    script = ["trap 'kill $(jobs -p); wait' EXIT"]
    typed = steps(block)
    if not any(command.endswith("&") for command, _ in typed):
        typed.insert(0, (f"python -m functions.{name} &", ""))
    for command, _ in typed:
        script.append(command.replace("127.0.0.1:8080", f"127.0.0.1:{port}"))
        if command.endswith("&"):
            address = f"http://127.0.0.1:{port}/metrics"
            script.append(f"curl -s -o /dev/null --retry 120 --retry-delay 1 --retry-connrefused {address}")
        script.append("echo; echo '-- next'")
    environment = {
        **os.environ,
        **store,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DATABASE_URL": "sqlite:///state.db",
        "K_SINK": receiver.url,
    }
    text = re.sub(r"http://127\.0\.0\.1:(8081|9999)", receiver.url, "\n".join(script))

    done = subprocess.run(
        ["bash", "-c", text], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240
    )

    answers = done.stdout.replace("\r", "").split("-- next\n")
    for (command, shown), answered in zip(typed, answers, strict=False):
        lines = plain(answered).splitlines()
        missing = [line for line in plain(shown).splitlines() if not any(map(pattern_of(line), lines))]
        assert not missing, f"{command}\n{answered}\n{done.stderr[-2000:]}"


def test_readmes_that_are_not_typed_are_there() -> None:
    assert NOT_TYPED.keys() <= READMES.keys()
