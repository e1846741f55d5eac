"""The loop with KServe as its platform, which is played in the laptop's API and starts real servers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from support import trained_on_request
from support.crowd import Crowd
from support.kserve.playing import ISVC, PlayedKServe
from support.live_system import LiveSystem, eventually
from support.trained_on_request import FEATURES, GOOD, POOR, begin, train

from eventing import catalogue as c
from eventing.store import S3Store
from kascade.stream.predicting import PredictionClient

from .conftest import api_of, started

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]

MODEL, SERVICE = "guests", "guests-predictor"
OVERLAY = Path(__file__).parent / "overlays" / "kserve"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSystem]:
    yield from started("embedded", tmp_path_factory, "--manifests", str(OVERLAY))


@pytest.fixture(scope="module")
def api(system: LiveSystem) -> client.CustomObjectsApi:
    return api_of(system)


@pytest.fixture(scope="module")
def kserve(
    system: LiveSystem, api: client.CustomObjectsApi, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PlayedKServe]:
    store = S3Store.from_env(system.environment)
    player = PlayedKServe(api, system.home.path, store, tmp_path_factory.mktemp("models"))
    with player.playing():
        yield player


def spec(candidate: dict[str, Any], **gate: float) -> bytes:
    rollout = {"min_labels": 60, "canary_percent": 20}
    return trained_on_request.spec(MODEL, candidate, rollout=rollout, labels="10s", **gate)


def crowd_of(system: LiveSystem) -> Crowd:
    gateway = system.home.endpoints().gateway
    return Crowd(system, MODEL, lambda: PredictionClient(gateway, MODEL, service=SERVICE))


def inference_service(api: client.CustomObjectsApi) -> dict[str, Any]:
    found: dict[str, Any] = api.get_namespaced_custom_object(*ISVC, "kascade", "inferenceservices", MODEL)
    return found


def served_versions(api: client.CustomObjectsApi, splits: list[dict[str, int]]) -> list[dict[str, int]]:
    """Return the splits of traffic with versions for revisions, those that are the same in a row once."""
    where = ("serving.knative.dev", "v1", "kascade", "revisions")
    labels = {
        each["metadata"]["name"]: each["metadata"]["labels"].get("endpoint", "")
        for each in api.list_namespaced_custom_object(*where)["items"]
    }
    found: list[dict[str, int]] = []
    for split in splits:
        shares: dict[str, int] = {}
        for revision, percent in split.items():
            shares[labels[revision]] = shares.get(labels[revision], 0) + percent
        if not found or found[-1] != shares:
            found.append(shares)
    return found


def test_a_dropped_file_becomes_an_inference_service_that_answers(
    system: LiveSystem, api: client.CustomObjectsApi, kserve: PlayedKServe
) -> None:
    completed = begin(system, MODEL, spec(POOR))
    assert completed["data"]["outcome"] == "promoted"
    assert f"{SERVICE}.kascade.localhost" in completed["data"]["url"]

    found = inference_service(api)
    assert found["spec"]["predictor"]["model"]["storageUri"].endswith("/v1/model.onnx")
    assert "canaryTrafficPercent" not in found["spec"]["predictor"]
    (answer,) = system.client.predict_rows(MODEL, [FEATURES])
    assert answer["model_version"] == 1


def test_a_better_version_goes_through_shadow_and_canary_to_its_promotion(
    system: LiveSystem, api: client.CustomObjectsApi, kserve: PlayedKServe
) -> None:
    with crowd_of(system) as crowd:
        train(system, MODEL, spec(GOOD))
        started = system.wait_for(c.RolloutStarted.type, subject=f"{MODEL}/v2")
        assert started["data"]["phase"] == "shadow"
        advanced = system.wait_for(c.RolloutAdvanced.type, subject=f"{MODEL}/v2")
        assert advanced["data"]["percent"] == 20
        completed = system.wait_for(c.RolloutCompleted.type, subject=f"{MODEL}/v2")
        settled = time.time()
        eventually(lambda: crowd.between(settled, time.time()).total() > 50, 30, what="more answers")
    assert completed["data"]["outcome"] == "promoted"
    assert crowd.failed == []
    assert set(crowd.between(settled, time.time())) == {2}
    assert "canaryTrafficPercent" not in inference_service(api)["spec"]["predictor"]
    assert served_versions(api, kserve.splits[MODEL]) == [{"v1": 100}, {"v1": 80, "v2": 20}, {"v2": 100}]


def test_a_worse_version_that_was_forced_past_the_gate_is_taken_back(
    system: LiveSystem, api: client.CustomObjectsApi, kserve: PlayedKServe
) -> None:
    with crowd_of(system) as crowd:
        train(system, MODEL, spec(POOR, margin=1.0))
        completed = system.wait_for(c.RolloutCompleted.type, subject=f"{MODEL}/v3")
        settled = time.time()
        eventually(lambda: crowd.between(settled, time.time()).total() > 50, 30, what="more answers")
    assert completed["data"]["outcome"] == "rolled_back"
    assert crowd.failed == []
    assert set(crowd.between(0, time.time())) == {2}, "it was still in its shadow"
    assert served_versions(api, kserve.splits[MODEL])[-1] == {"v2": 100}
