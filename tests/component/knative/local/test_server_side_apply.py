"""Server-side apply: what a manager leaves out goes, what another one has set is a conflict."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from .conftest import Local

SERVICES = "/apis/serving.kserve.io/v1beta1/namespaces/default/inferenceservices"
MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture(scope="module")
def local(make_local: Callable[..., Local]) -> Iterator[Local]:
    local = make_local()
    local.write(config_map("settings", level="1"))
    local.start()
    yield local
    assert local.stop() == 0


def apply(local: Local, path: str, body: Any, manager: str = "kascade", **query: str) -> requests.Response:
    headers = {"Content-Type": "application/apply-patch+yaml"}
    asked = "&".join(f"{name}={value}" for name, value in {"fieldManager": manager, **query}.items() if value)
    return local.api("PATCH", f"{path}?{asked}", data=json.dumps(body), headers=headers)


def inference_service(name: str, **predictor: Any) -> dict[str, Any]:
    model = {"modelFormat": {"name": "onnx"}, "storageUri": "s3://models/churn/v1/model.onnx"}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name},
        "spec": {"predictor": {"model": model, **predictor}},
    }


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_a_field_that_is_left_out_goes_and_one_that_nobody_applied_stays(local: Local) -> None:
    path = f"{SERVICES}/churn"
    assert apply(local, path, inference_service("churn", canaryTrafficPercent=0)).status_code == 200
    local.api("PATCH", path, json={"spec": {"predictor": {"minReplicas": 2}}})
    after = apply(local, path, inference_service("churn")).json()
    assert "canaryTrafficPercent" not in after["spec"]["predictor"]
    assert after["spec"]["predictor"]["minReplicas"] == 2

    again = apply(local, path, inference_service("churn")).json()
    assert again["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]


def test_what_another_manager_has_set_is_a_conflict_that_names_both_unless_it_is_forced(local: Local) -> None:
    path = f"{SERVICES}/held"
    apply(local, path, inference_service("held", canaryTrafficPercent=10))
    patched = local.api(
        "PATCH",
        f"{path}?fieldManager=ann",
        json={"spec": {"predictor": {"canaryTrafficPercent": 50}}},
    )
    owners = {each["manager"]: each["fieldsV1"] for each in patched.json()["metadata"]["managedFields"]}
    assert owners["ann"] == {"f:spec": {"f:predictor": {"f:canaryTrafficPercent": {}}}}

    refused = apply(local, path, inference_service("held", canaryTrafficPercent=0))
    assert refused.status_code == 409
    assert refused.json()["message"] == (
        'Apply failed with 1 conflict: conflict with "ann" using serving.kserve.io/v1beta1: '
        ".spec.predictor.canaryTrafficPercent"
    )
    same = apply(local, path, inference_service("held", canaryTrafficPercent=50))
    assert same.status_code == 200
    forced = apply(local, path, inference_service("held", canaryTrafficPercent=0), force="true")
    assert forced.json()["spec"]["predictor"]["canaryTrafficPercent"] == 0


def test_a_field_that_two_have_applied_stays_until_neither_does(local: Local) -> None:
    path = f"{MAPS}/shared"
    apply(local, path, config_map("shared", level="1", mine="x"), "ann")
    apply(local, path, config_map("shared", level="1"), "bob")
    assert apply(local, path, config_map("shared"), "ann").json()["data"] == {"level": "1"}
    assert not apply(local, path, config_map("shared"), "bob").json().get("data")


@pytest.mark.parametrize(
    ("manager", "metadata", "status", "said"),
    [
        ("", {}, 422, "fieldManager: Required value"),
        ("kascade", {"resourceVersion": "1"}, 409, "the object has been modified"),
        ("kascade", {"name": "another"}, 400, "the path says refused"),
        ("kascade", {"namespace": "another"}, 400, "for namespace another"),
    ],
)
def test_an_apply_that_cannot_be_is_refused(
    local: Local, manager: str, metadata: dict[str, str], status: int, said: str
) -> None:
    body = config_map("refused", level="1")
    body["metadata"] |= metadata
    answer = apply(local, f"{MAPS}/refused", body, manager)
    assert (answer.status_code, said in answer.json()["message"]) == (status, True), answer.text


def test_owners_are_the_servers_word_and_no_clients(local: Local) -> None:
    claimed = [{"manager": "eve", "fieldsV1": {"f:data": {}}}]
    body = config_map("claimed", level="1")
    body["metadata"]["managedFields"] = claimed
    assert "managedFields" not in local.api("POST", MAPS, json=body).json()["metadata"]
    applied = apply(local, f"{MAPS}/claimed", body).json()
    assert [each["manager"] for each in applied["metadata"]["managedFields"]] == ["kascade"]


def test_an_object_takes_the_place_of_a_value_and_a_value_that_of_an_object(local: Local) -> None:
    path = f"{MAPS}/shape"
    apply(local, path, config_map("shape", level="1"))
    assert apply(local, path, config_map("shape", level={"a": "1"})).status_code == 422  # type: ignore[arg-type]
    assert apply(local, path, {**config_map("shape"), "data": None}).status_code == 200
