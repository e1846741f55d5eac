"""The loop on Seldon Core 2, which is played in the laptop's API and starts real servers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from support import trained_on_request
from support.crowd import Crowd
from support.live_system import LiveSystem, eventually
from support.seldon.core2 import GROUP, VERSION
from support.seldon.playing import Mesh, MeshClient, PlayedCore2
from support.trained_on_request import FEATURES, GOOD, POOR, begin, train

from eventing import catalogue as c

from .conftest import api_of, started

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]

MODEL = "visitors"
OVERLAY = Path(__file__).parent / "overlays" / "seldon"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSystem]:
    yield from started("embedded", tmp_path_factory, "--manifests", str(OVERLAY))


@pytest.fixture(scope="module")
def api(system: LiveSystem) -> client.CustomObjectsApi:
    return api_of(system)


@pytest.fixture(scope="module")
def mesh(system: LiveSystem, api: client.CustomObjectsApi) -> Iterator[Mesh]:
    platform = PlayedCore2(api)
    with platform.playing(), Mesh(platform, system.home.endpoints().gateway).running() as mesh:
        yield mesh


def spec(candidate: dict[str, Any], **gate: float) -> bytes:
    rollout = {"min_labels": 60, "canary_percent": 50, "phases": ["canary"]}
    return trained_on_request.spec(MODEL, candidate, rollout=rollout, labels="10s", **gate)


def crowd_of(system: LiveSystem, mesh: Mesh) -> Crowd:
    return Crowd(system, MODEL, lambda: MeshClient(mesh.url, MODEL))


def weights(api: client.CustomObjectsApi) -> dict[str, int]:
    found = api.get_namespaced_custom_object(GROUP, VERSION, "kascade", "experiments", MODEL)
    return {each["name"]: each["weight"] for each in found["spec"]["candidates"]}


def models(api: client.CustomObjectsApi) -> set[str]:
    found = api.list_namespaced_custom_object(GROUP, VERSION, "kascade", "models")
    return {each["metadata"]["name"] for each in found["items"]}


def test_a_dropped_file_becomes_a_model_and_an_experiment_that_answers(
    system: LiveSystem, api: client.CustomObjectsApi, mesh: Mesh
) -> None:
    completed = begin(system, MODEL, spec(POOR))
    assert completed["data"]["outcome"] == "promoted"
    mesh_inside = "http://seldon-mesh.kascade.svc.cluster.local"
    assert completed["data"]["url"] == f"{mesh_inside}/v2/models/{MODEL}.experiment"
    assert (models(api), weights(api)) == ({f"{MODEL}-v1"}, {f"{MODEL}-v1": 100})
    assert MeshClient(mesh.url, MODEL).predict(FEATURES).version == 1


def test_a_better_version_goes_through_a_canary_to_its_promotion(
    system: LiveSystem, api: client.CustomObjectsApi, mesh: Mesh
) -> None:
    with crowd_of(system, mesh) as crowd:
        train(system, MODEL, spec(GOOD))
        started = system.wait_for(c.RolloutStarted.type, subject=f"{MODEL}/v2")
        assert (started["data"]["phase"], started["data"]["percent"]) == ("canary", 50)
        completed = system.wait_for(c.RolloutCompleted.type, subject=f"{MODEL}/v2")
        settled = time.time()
        eventually(lambda: crowd.between(settled, time.time()).total() > 50, 30, what="more answers")
    assert completed["data"]["outcome"] == "promoted"
    assert crowd.failed == []
    assert set(crowd.between(0, settled)) == {1, 2}
    assert set(crowd.between(settled, time.time())) == {2}
    assert weights(api) == {f"{MODEL}-v2": 100}


def test_a_worse_version_that_was_forced_past_the_gate_is_taken_back(
    system: LiveSystem, api: client.CustomObjectsApi, mesh: Mesh
) -> None:
    with crowd_of(system, mesh) as crowd:
        train(system, MODEL, spec(POOR, margin=1.0))
        completed = system.wait_for(c.RolloutCompleted.type, subject=f"{MODEL}/v3")
        settled = time.time()
        eventually(lambda: crowd.between(settled, time.time()).total() > 50, 30, what="more answers")
    assert completed["data"]["outcome"] == "rolled_back"
    assert crowd.failed == []
    assert set(crowd.between(settled, time.time())) == {2}
    assert weights(api) == {f"{MODEL}-v2": 100}
    eventually(lambda: f"{MODEL}-v3" not in models(api), 30, what="removal of v3")
