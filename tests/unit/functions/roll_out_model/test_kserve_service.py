"""Tests of the InferenceServices that are written, against KServe's published fields."""

from __future__ import annotations

from typing import Any

import pytest

from functions.roll_out_model.deployer import Refused, ServedVersion
from functions.roll_out_model.knative_service import ServingOptions
from functions.roll_out_model.kserve_service import (
    MAX_NAME,
    KServeOptions,
    check_name,
    inference_service_of,
    with_percent,
)
from knative.local.resources.kinds import problems_of

VERSION = ServedVersion("churn", 7, "s3://models/churn/ü 7.onnx", "a" * 64)
SERVING = ServingOptions(
    variables={"K_SINK": "http://broker/kascade/default", "SINK_TOKEN_FILE": "/var/run/sink/token"},
    limits={"cpu": "1", "memory": "512Mi"},
    read_only_root=True,
    sink_audience="broker",
    min_scale=2,
    max_scale=5,
)


def written(percent: int | None = 0, **options: Any) -> dict[str, Any]:
    found = inference_service_of(VERSION, percent, "first", KServeOptions(serving=SERVING, **options))
    assert problems_of(found) == []
    return found


def test_our_own_server_is_told_which_model_it_serves_and_where_kserve_put_it() -> None:
    predictor = written()["spec"]["predictor"]

    assert predictor["model"] | {"env": None, "volumeMounts": None} == {
        "modelFormat": {"name": "onnx", "version": "1"},
        "protocolVersion": "v2",
        "runtime": "kascade-onnx",
        "storageUri": "s3://models/churn/ü 7.onnx",
        "env": None,
        "resources": {"limits": {"cpu": "1", "memory": "512Mi"}},
        "volumeMounts": None,
        "securityContext": {"readOnlyRootFilesystem": True},
    }
    assert {each["name"]: each["value"] for each in predictor["model"]["env"]} == {
        "MODEL_NAME": "churn",
        "MODEL_VERSION": "7",
        "MODEL_URI": "file:///mnt/models/%C3%BC%207.onnx",
        "MODEL_SHA256": "a" * 64,
        "K_SINK": "http://broker/kascade/default",
        "SINK_TOKEN_FILE": "/var/run/sink/token",
    }
    names = [each["name"] for each in predictor["volumes"]]
    assert names == [each["name"] for each in predictor["model"]["volumeMounts"]] == ["tmp", "sink-token"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (2, 5)
    assert (predictor["serviceAccountName"], predictor["canaryTrafficPercent"]) == ("model-store", 0)
    assert "logger" not in predictor, "our server logs by itself"


def test_another_runtime_logs_through_kserve_with_the_version_as_its_endpoint() -> None:
    predictor = written(runtime="kserve-tritonserver")["spec"]["predictor"]

    assert predictor["logger"] == {"mode": "all", "url": "http://broker/kascade/default"}
    assert predictor["labels"] == {"endpoint": "v7", "kascade.dev/version": "7"}
    assert predictor["model"].keys() == {"modelFormat", "protocolVersion", "runtime", "storageUri"}


def test_nothing_that_differs_from_version_to_version_is_in_the_objects_own_metadata() -> None:
    other = inference_service_of(
        ServedVersion("churn", 8, "s3://x/y", "b" * 64), None, "second", KServeOptions(serving=SERVING)
    )

    assert written()["metadata"] == other["metadata"]
    assert written()["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Knative"


@pytest.mark.parametrize("percent", [None, 0, 25])
def test_a_change_of_the_percent_changes_nothing_else_whatever_the_options_are_by_now(
    percent: int | None,
) -> None:
    live = written(10)
    live["metadata"] |= {"resourceVersion": "5", "uid": "u", "managedFields": []}
    live["metadata"]["labels"]["team"] = "somebody's"
    live["spec"]["predictor"]["model"] |= {"name": ""}
    live["spec"]["predictor"]["timeout"] = 60
    live["status"] = {}

    changed = with_percent(live, percent)

    expected = written(percent)
    expected["metadata"]["resourceVersion"] = "5"
    assert changed == expected


def test_a_name_that_kserve_cannot_split_traffic_for_is_refused() -> None:
    check_name("m" * MAX_NAME)
    with pytest.raises(Refused, match="rename the model"):
        check_name("m" * (MAX_NAME + 1))
