"""The runtime in a real MLServer, loaded as Seldon Core 2's agent loads it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sysconfig
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from support import tiny_models
from support.receiver import Receiver

from benchmarks.serving.environments import CACHE
from pipelines import layout
from pipelines.prediction_ids import time_of, uuid7
from pipelines.steps.export import MLSERVER_SETTINGS

ROOT = Path(__file__).resolve().parents[4]
STARTS_S = 90.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Agent:
    """Does what Seldon's agent does: writes names and parameters into the settings, and asks to load."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.url = folder, f"http://127.0.0.1:{port}"

    def put(self, name: str, data: bytes, **parameters: str) -> None:
        where = self.folder / name / "1"
        where.mkdir(parents=True)
        (where / layout.ONNX).write_bytes(data)
        settings = json.loads(json.dumps(MLSERVER_SETTINGS))
        settings["name"] = f"{name}_1"
        settings["parameters"] |= {"version": "1", "extra": parameters}
        (where / layout.MLSERVER).write_text(json.dumps(settings))

    def post(self, path: str, body: Any = None, **headers: str) -> requests.Response:
        return requests.post(self.url + path, json=body or {}, headers=headers, timeout=30)


@pytest.fixture(scope="module")
def sink() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory, sink: Receiver) -> Iterator[Agent]:
    made = [each for each in CACHE.glob("peer-mlserver-*") if (each / "made").exists()]
    if not made:
        pytest.skip("needs MLServer in an environment of its own: make test-mlserver")
    folder, port = tmp_path_factory.mktemp("models"), free_port()
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    more = {"load_models_at_startup": False, "parallel_workers": 0, "metrics_endpoint": None}
    (folder / "settings.json").write_text(json.dumps(settings | more))
    # Kascade's own packages go before MLServer's, as they would where both are installed.
    path = os.pathsep.join([str(ROOT), sysconfig.get_paths()["purelib"]])
    env = {**os.environ, "PYTHONPATH": path, "K_SINK": sink.url, "LOG_INTERVAL_S": "0.1"}
    command = [str(made[0] / "bin" / "python"), "-c", "from mlserver.cli import main; main()"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "start", str(folder)], env=env, stdout=log, stderr=log)
    try:
        until(lambda: _is_live(port), lambda: (folder / "log").read_text()[-2000:])
        yield Agent(folder, port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def until(condition: Callable[[], Any], why: Callable[[], str] = str) -> Any:
    deadline = time.monotonic() + STARTS_S
    while not (found := condition()):
        assert time.monotonic() < deadline, why()
        time.sleep(0.1)
    return found


def _is_live(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/v2/health/live", timeout=2).ok
    except requests.ConnectionError:
        return False


def logged(sink: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in list(sink.requests)]


def test_a_version_answers_and_logs_as_our_own_server_does(agent: Agent, sink: Receiver) -> None:
    data = tiny_models.classifier(tiny_models.numbers("a"), ("no", "yes"), model="churn", version=7)
    agent.put("churn-v7", data, model="churn", version="7", sha256=hashlib.sha256(data).hexdigest())
    agent.post("/v2/repository/models/churn-v7_1/load").raise_for_status()
    asked = {"inputs": [{"name": "a", "shape": [2], "datatype": "FP64", "data": [5.0, -5.0]}]}
    given = uuid7(datetime.now(UTC), "a client's")

    answer = agent.post("/v2/models/churn-v7_1/infer", asked, **{"x-request-id": given}).json()
    other = agent.post("/v2/models/churn-v7_1/infer", asked, **{"x-request-id": str(uuid.uuid4())}).json()

    outputs = {each["name"]: each["data"] for each in answer["outputs"]}
    assert outputs["label"] == ["yes", "no"]
    assert outputs["prediction_id"][0] == given
    own = next(each["data"] for each in other["outputs"] if each["name"] == "prediction_id")
    assert time_of(own[0]) is not None
    until(lambda: sum(len(each["ids"]) for each in logged(sink)) == 4)
    first = logged(sink)[0]
    assert first["ids"][:2] == outputs["prediction_id"]
    assert (first["model"], first["version"], first["labels"][:2]) == ("churn", 7, ["yes", "no"])


def test_what_is_wrong_in_a_request_is_said_as_our_own_server_says_it(agent: Agent) -> None:
    asked = {"inputs": [{"name": "b", "shape": [2, 2], "datatype": "FP64", "data": [1, 2, 3, 4]}]}

    answer = agent.post("/v2/models/churn-v7_1/infer", asked)

    assert answer.status_code == 400
    assert "'b'" in answer.text


def test_a_file_that_is_not_the_approved_one_is_not_loaded(agent: Agent) -> None:
    data = tiny_models.classifier(tiny_models.numbers("a"), model="churn", version=8)
    agent.put("churn-v8", data, model="churn", version="8", sha256="0" * 64)

    answer = agent.post("/v2/repository/models/churn-v8_1/load")

    assert not answer.ok
    assert "0" * 64 in answer.text
