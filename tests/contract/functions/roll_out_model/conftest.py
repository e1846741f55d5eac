"""The deployers that the contract is run over: the twin in memory, and the real ones against the local API.

Knative is the local runtime itself. Both generations of Seldon are played over its API.
"""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from contract.functions.roll_out_model.subject import DEADLINE_S, Subject, redirect_shadow
from kubernetes import client, config
from support import tiny_models
from support.kserve.controller import Failure
from support.kserve.reach import objects_of
from support.kserve.server import Platform
from support.playing import Player
from support.seldon.core1 import Core1
from support.seldon.core2 import Core2

from functions.roll_out_model.deployer import Deployer, ServedVersion
from functions.roll_out_model.knative_deployer import KnativeDeployer
from functions.roll_out_model.knative_service import ServingOptions, shadow_name
from functions.roll_out_model.kserve_deployer import KServeDeployer
from functions.roll_out_model.kserve_service import OWN_RUNTIME, KServeOptions
from functions.roll_out_model.kubernetes_objects import KubernetesObjects
from functions.roll_out_model.memory_deployer import MemoryDeployer
from functions.roll_out_model.seldon_deployer import SeldonDeployer
from functions.roll_out_model.seldon_roles import SeldonOptions
from functions.roll_out_model.seldon_v1_deployer import SeldonV1Deployer

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
    with (folder / "runtime.log").open("wb") as log:  # a pipe that nobody reads stops it once it is full
        process = subprocess.Popen([*command, *options], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + DEADLINE_S
        while not (state / "endpoints.json").exists():
            assert process.poll() is None, (folder / "runtime.log").read_text()
            assert time.monotonic() < deadline, "the runtime is not ready in time"
            time.sleep(0.05)
        endpoints = json.loads((state / "endpoints.json").read_text())
        settings = client.Configuration()
        config.load_kube_config(str(state / "kubeconfig"), client_configuration=settings)
        yield Runtime(client.CustomObjectsApi(client.ApiClient(settings)), endpoints["gateway"], folder)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(DEADLINE_S)


@pytest.fixture(scope="session")
def kserve() -> Iterator[Platform]:
    """KServe played, with the runtime that models are served by."""
    platform = Platform(fails=_is_another_model)
    platform.add_runtime(OWN_RUNTIME)
    with platform.running():
        yield platform


@pytest.fixture(scope="session")
def core2(runtime: Runtime) -> Iterator[Core2]:
    yield from _played(Core2(runtime.api, "kascade"))


@pytest.fixture(scope="session")
def core1(runtime: Runtime) -> Iterator[Core1]:
    yield from _played(Core1(runtime.api, "kascade"))


_Player = TypeVar("_Player", bound=Player)


def _played(player: _Player) -> Iterator[_Player]:
    with player.playing():
        yield player


@pytest.fixture(params=["memory", "local runtime", "kserve", "seldon", "seldon-v1"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    model = f"model-{next(_numbers)}"
    match request.param:
        case "memory":
            return _in_memory(model)
        case "kserve":
            return on_kserve(request.getfixturevalue("kserve"), model)
        case "seldon":
            return on_core2(request.getfixturevalue("runtime"), request.getfixturevalue("core2"), model)
        case "seldon-v1":
            return on_core1(request.getfixturevalue("runtime"), request.getfixturevalue("core1"), model)
    return _real(request.getfixturevalue("runtime"), model, tmp_path)


@pytest.fixture
def on_seldon(runtime: Runtime, core2: Core2) -> Subject:
    return on_core2(runtime, core2, f"model-{next(_numbers)}")


@pytest.fixture
def on_seldon_v1(runtime: Runtime, core1: Core1) -> Subject:
    return on_core1(runtime, core1, f"model-{next(_numbers)}")


def on_kserve(platform: Platform, model: str, deployer: Deployer | None = None) -> Subject:
    """Return the deployer of KServe, or another one, with KServe played."""

    def end_start(_: int) -> None:
        """Nothing to do: the pods that are played start by themselves."""

    def predict(_: str) -> int | None:
        serving = platform.serving(model)
        return max(serving, key=lambda each: serving[each], default=None)

    def redirect_mirror() -> None:
        trigger = platform.objects["triggers", shadow_name(model)]
        trigger["spec"]["subscriber"] = {"uri": "http://elsewhere"}

    deployer = deployer or KServeDeployer(objects_of(platform), KServeOptions())
    return Subject(deployer, model, partial(_version_of, model), end_start, predict, redirect_mirror)


def _is_another_model(container: dict[str, Any]) -> Failure | None:
    wrong = {"name": "MODEL_SHA256", "value": "0" * 64} in container["env"]
    return Failure("model.onnx has another digest: it is not the approved model") if wrong else None


def on_core2(runtime: Runtime, platform: Core2, model: str) -> Subject:
    objects = KubernetesObjects(runtime.api, "kascade")
    deployer = SeldonDeployer(objects, "kascade", SeldonOptions(), clock=platform.clock)

    def predict(url: str) -> int | None:
        with platform.lock:
            return _version(platform.answerer(url))

    def redirect_mirror() -> None:
        spec = {"spec": {"mirror": {"name": f"{model}-elsewhere", "percent": 100}}}
        where = ("mlops.seldon.io", "v1alpha1", "kascade", "experiments", model)
        runtime.api.patch_namespaced_custom_object(*where, spec)

    return Subject(
        deployer,
        model,
        partial(_version_of, model),
        lambda number: platform.finish(f"{model}-v{number}"),
        predict,
        redirect_mirror,
    )


def on_core1(runtime: Runtime, platform: Core1, model: str) -> Subject:
    objects = KubernetesObjects(runtime.api, "kascade")
    deployer = SeldonV1Deployer(objects, ServingOptions(), SeldonOptions(), clock=platform.clock)
    return Subject(
        deployer,
        model,
        partial(_version_of, model),
        lambda number: platform.finish(model, f"v{number}"),
        lambda url: _version(platform.answerer(url)),
        lambda: redirect_shadow(runtime.api, model),
        "Deployment is no longer progressing and not available",
    )


def _version_of(model: str, number: int, good: bool) -> ServedVersion:
    uri = f"s3://models/{model}/v{number}/model.onnx"
    return ServedVersion(model, number, uri, ("1" if good else "0") * 64)


def _version(name: str | None) -> int | None:
    return int(name.rpartition("v")[2]) if name else None


def _in_memory(model: str) -> Subject:
    deployer, bad = MemoryDeployer(), set[int]()

    def version(number: int, good: bool) -> ServedVersion:
        found = ServedVersion(model, number, f"s3://models/{model}/v{number}/model.onnx", "0" * 64)
        if not good:
            bad.add(number)
        return found

    def end_start(number: int) -> None:
        if number in bad:
            deployer.make_failed(model, number, "Exited: it is not the approved model")
        else:
            deployer.make_ready(model, number)

    def predict(_: str) -> int | None:
        serving = deployer.observe(model).serving
        return max(serving, key=lambda each: serving[each], default=None)

    return Subject(deployer, model, version, end_start, predict, lambda: deployer.mirror_by_hand(model))


def _real(runtime: Runtime, model: str, folder: Path) -> Subject:
    def version(number: int, good: bool) -> ServedVersion:
        data = tiny_models.classifier(tiny_models.numbers("a"), model=model, version=number)
        (folder / str(number)).mkdir(exist_ok=True)
        settings = tiny_models.write(folder / str(number), data)
        found = ServedVersion(model, number, settings.uri, settings.sha256)
        return found if good else replace(found, sha256="0" * 64)

    def end_start(_: int) -> None:
        """Nothing to do: a real revision becomes ready, or fails, by itself."""

    def predict(url: str) -> int | None:
        host = url.removeprefix("http://").split(":")[0].split("/")[0]
        request = urllib.request.Request(
            f"{runtime.gateway}/v1/models/{model}:predict", b'{"instances": [[1]]}', {"Host": host}
        )
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return int(json.load(answer)["model_version"])

    deployer = KnativeDeployer(KubernetesObjects(runtime.api, "kascade"), ServingOptions())
    return Subject(deployer, model, version, end_start, predict, lambda: redirect_shadow(runtime.api, model))
