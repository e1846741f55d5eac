"""Tests of a model's Knative Service as written."""

from __future__ import annotations

import pytest

from functions.roll_out_model.deployer import ServedVersion
from functions.roll_out_model.knative_service import ServingOptions, service_of, shadow_of

V7 = ServedVersion("churn", 7, "s3://models/churn/v7/model.onnx", "a" * 64)


def test_the_service_names_the_model_the_version_and_the_digest() -> None:
    service = service_of(V7, None, ServingOptions(namespace="ml", image="registry/serve:1"))

    assert service["metadata"] == {
        "name": "churn",
        "namespace": "ml",
        "labels": {"kascade.dev/model": "churn"},
    }
    template = service["spec"]["template"]
    assert template["metadata"]["name"] == "churn-v7"
    (container,) = template["spec"]["containers"]
    assert container["image"] == "registry/serve:1"
    assert {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry} == {
        "MODEL_NAME": "churn",
        "MODEL_VERSION": "7",
        "MODEL_URI": "s3://models/churn/v7/model.onnx",
        "MODEL_SHA256": "a" * 64,
    }
    assert service["spec"]["traffic"] == [{"latestRevision": True, "percent": 100}]


def test_the_model_server_is_given_the_variables() -> None:
    variables = {"K_SINK": "https://broker/default", "K_CA_CERTS": "PEM"}
    service = service_of(V7, None, ServingOptions(variables=variables))

    (container,) = service["spec"]["template"]["spec"]["containers"]
    given = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert {name: given[name] for name in variables} == variables


@pytest.mark.case("S13", "what a model server is given")
def test_a_model_server_is_given_keys_that_read_and_the_tokens_it_asks_for_and_no_other_secret() -> None:
    options = ServingOptions(secret="model-store", tokens_secret="tokens")
    pod = service_of(V7, None, options)["spec"]["template"]["spec"]

    (container,) = pod["containers"]
    given = {
        entry["name"]: (entry["valueFrom"]["secretKeyRef"]["name"], entry["valueFrom"]["secretKeyRef"]["key"])
        for entry in container["env"]
        if "valueFrom" in entry
    }
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    assert given == {
        **{name: ("model-store", name) for name in keys},
        "KASCADE_TOKENS": ("tokens", "KASCADE_TOKENS"),
    }
    assert container["envFrom"] == [{"configMapRef": {"name": "kascade"}}]
    assert pod["automountServiceAccountToken"] is False


def test_a_model_server_is_confined_as_it_is_asked() -> None:
    options = ServingOptions(
        variables={"SINK_TOKEN_FILE": "/var/run/sink/token"},
        limits={"cpu": "1", "memory": "512Mi"},
        read_only_root=True,
        service_account="functions",
        sink_audience="eventing.knative.dev/broker/ml/default",
    )

    pod = service_of(V7, None, options)["spec"]["template"]["spec"]

    (container,) = pod["containers"]
    assert pod["serviceAccountName"] == "functions"
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "512Mi"}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["volumeMounts"] == [
        {"name": "tmp", "mountPath": "/tmp"},
        {"name": "sink-token", "mountPath": "/var/run/sink", "readOnly": True},
    ]
    tmp, token = pod["volumes"]
    assert tmp == {"name": "tmp", "emptyDir": {}}
    (source,) = token["projected"]["sources"]
    assert source["serviceAccountToken"] == {
        "audience": "eventing.knative.dev/broker/ml/default",
        "expirationSeconds": 3600,
        "path": "token",
    }


def test_a_model_server_asks_for_no_volume_unless_it_must() -> None:
    pod = service_of(V7, None, ServingOptions())["spec"]["template"]["spec"]

    assert set(pod) == {"containers", "enableServiceLinks", "automountServiceAccountToken"}
    assert "volumeMounts" not in pod["containers"][0]


def test_traffic_is_kept_by_the_revisions_name() -> None:
    service = service_of(V7, "churn-v6", ServingOptions())

    assert service["spec"]["traffic"] == [{"revisionName": "churn-v6", "percent": 100}]


def test_what_a_shadow_never_took_is_no_dead_letter_of_its_own() -> None:
    delivery = shadow_of("churn", 6, ServingOptions(namespace="ml"))["spec"]["delivery"]
    assert delivery["deadLetterSink"] == {
        "ref": {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "name": "record-events",
            "namespace": "ml",
        },
        "uri": "/dead-letters/copies",
    }
