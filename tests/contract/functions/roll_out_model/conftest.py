"""The deployers that the contract is run over: the twin, and the real one against the local runtime's API."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from kubernetes import client, config
from support import tiny_models

from functions.roll_out_model.deployer import Deployer
from functions.roll_out_model.knative_deployer import KnativeDeployer
from functions.roll_out_model.knative_service import ServingOptions
from functions.roll_out_model.logic import Observed, Wanted
from functions.roll_out_model.memory_deployer import MemoryDeployer

DEADLINE_S = 40.0
MANIFESTS = """\
apiVersion: v1
kind: Namespace
metadata: {name: kascade}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kascade, namespace: kascade}
data: {MAX_ROWS: "100"}
---
apiVersion: v1
kind: Secret
metadata: {name: object-store, namespace: kascade}
stringData: {AWS_ACCESS_KEY_ID: access}
"""
_numbers = itertools.count(1)


@dataclass
class Subject:
    """A deployer under test with a model of its own, and how its revisions come to an end."""

    deployer: Deployer
    model: str
    version: Callable[[int, bool], Wanted]
    settle: Callable[[str], None]
    predict: Callable[[str], int | None]

    def good(self, number: int) -> Wanted:
        """Return a version that becomes ready."""
        return self.version(number, True)

    def bad(self, number: int) -> Wanted:
        """Return a version that cannot start."""
        return self.version(number, False)

    def observe(self) -> Observed:
        return self.deployer.observe(self.model)

    def until(self, condition: Callable[[Observed], bool]) -> Observed:
        """Return the first observation that fulfils the condition; fail at the deadline."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            observed = self.observe()
            if condition(observed):
                return observed
            assert time.monotonic() < deadline, observed
            time.sleep(0.05)


@dataclass
class Runtime:
    """A running local runtime."""

    api: client.CustomObjectsApi
    gateway: str
    folder: Path


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    folder = tmp_path_factory.mktemp("runtime")
    (folder / "manifests.yaml").write_text(MANIFESTS)
    state = folder / "state"
    command = [sys.executable, "-m", "knative.local", "--manifests", str(folder / "manifests.yaml")]
    options = ["--state-dir", str(state), "--gateway-port", "0", "--api-port", "0"]
    process = subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        deadline = time.monotonic() + DEADLINE_S
        while not (state / "endpoints.json").exists():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, "the runtime is not ready in time"
            time.sleep(0.05)
        endpoints = json.loads((state / "endpoints.json").read_text())
        settings = client.Configuration()
        config.load_kube_config(str(state / "kubeconfig"), client_configuration=settings)
        yield Runtime(client.CustomObjectsApi(client.ApiClient(settings)), endpoints["gateway"], folder)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=DEADLINE_S)


@pytest.fixture(params=["memory", "local runtime"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    model = f"model-{next(_numbers)}"
    if request.param == "memory":
        return _in_memory(model)
    return _real(request.getfixturevalue("runtime"), model, tmp_path)


def _in_memory(model: str) -> Subject:
    deployer, bad = MemoryDeployer(), set[str]()

    def version(number: int, good: bool) -> Wanted:
        wanted = Wanted(model, number, f"s3://models/{model}/v{number}/model.onnx", "0" * 64)
        if not good:
            bad.add(wanted.revision)
        return wanted

    def settle(revision: str) -> None:
        if revision in bad:
            deployer.make_failed(model, revision, "Exited", "it is not the approved model")
        else:
            deployer.make_ready(model, revision)

    def predict(_: str) -> int | None:
        serving = deployer.observe(model).serving
        return int(max(serving, key=lambda name: serving[name]).rpartition("v")[2]) if serving else None

    return Subject(deployer, model, version, settle, predict)


def _real(runtime: Runtime, model: str, folder: Path) -> Subject:
    def version(number: int, good: bool) -> Wanted:
        data = tiny_models.classifier(tiny_models.numbers("a"), model=model, version=number)
        (folder / str(number)).mkdir(exist_ok=True)
        settings = tiny_models.write(folder / str(number), data)
        wanted = Wanted(model, number, settings.uri, settings.sha256)
        return wanted if good else replace(wanted, sha256="0" * 64)

    def settle(_: str) -> None:
        """Nothing to do: a real revision becomes ready, or fails, by itself."""

    def predict(url: str) -> int | None:
        host = url.removeprefix("http://").split(":")[0].split("/")[0]
        request = urllib.request.Request(
            f"{runtime.gateway}/v1/models/{model}:predict", b'{"instances": [[1]]}', {"Host": host}
        )
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return int(json.load(answer)["model_version"])

    return Subject(KnativeDeployer(runtime.api, ServingOptions()), model, version, settle, predict)
