"""Tests of a model's Knative Service as written and read."""

from __future__ import annotations

from functions.roll_out_model.knative_service import ServingOptions, observed_in, service_of, shadow_of
from functions.roll_out_model.logic import Readiness, RevisionStatus, Route, Wanted

WANTED = Wanted("churn", 7, "s3://models/churn/v7/model.onnx", "a" * 64)


def test_the_service_names_the_model_the_version_and_the_digest() -> None:
    service = service_of(WANTED, None, ServingOptions(namespace="ml", image="registry/serve:1"))

    assert service["metadata"] == {
        "name": "churn",
        "namespace": "ml",
        "labels": {"kascade.dev/model": "churn"},
    }
    template = service["spec"]["template"]
    assert template["metadata"]["name"] == "churn-v7"
    (container,) = template["spec"]["containers"]
    assert container["image"] == "registry/serve:1"
    assert {entry["name"]: entry["value"] for entry in container["env"]} == {
        "MODEL_NAME": "churn",
        "MODEL_VERSION": "7",
        "MODEL_URI": "s3://models/churn/v7/model.onnx",
        "MODEL_SHA256": "a" * 64,
    }
    assert service["spec"]["traffic"] == [{"latestRevision": True, "percent": 100}]


def test_the_model_is_told_what_it_is_to_be_told() -> None:
    told = {"K_SINK": "https://broker/default", "K_CA_CERTS": "PEM"}
    service = service_of(WANTED, None, ServingOptions(told=told))

    (container,) = service["spec"]["template"]["spec"]["containers"]
    given = {entry["name"]: entry["value"] for entry in container["env"]}
    assert {name: given[name] for name in told} == told


def test_a_model_server_is_confined_as_it_is_asked() -> None:
    options = ServingOptions(
        told={"SINK_TOKEN_FILE": "/var/run/sink/token"},
        limits={"cpu": "1", "memory": "512Mi"},
        read_only_root=True,
        service_account="functions",
        sink_audience="eventing.knative.dev/broker/ml/default",
    )

    pod = service_of(WANTED, None, options)["spec"]["template"]["spec"]

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
    pod = service_of(WANTED, None, ServingOptions())["spec"]["template"]["spec"]

    assert set(pod) == {"containers", "enableServiceLinks"}
    assert "volumeMounts" not in pod["containers"][0]


def test_traffic_is_kept_by_the_revisions_name() -> None:
    service = service_of(WANTED, "churn-v6", ServingOptions())

    assert service["spec"]["traffic"] == [{"revisionName": "churn-v6", "percent": 100}]


def test_what_the_platform_reports_is_read() -> None:
    service = service_of(WANTED, "churn-v6", ServingOptions())
    service["metadata"]["generation"] = 3
    service["spec"]["traffic"].append({"revisionName": "churn-v7", "tag": "canary"})
    service["spec"]["traffic"].append({"revisionName": "churn-v6", "tag": "old"})
    service["status"] = {
        "observedGeneration": 3,
        "url": "http://churn.kascade.localhost",
        "traffic": [
            {"revisionName": "churn-v6", "percent": 90, "latestRevision": True},
            {"revisionName": "churn-v7", "percent": 10, "tag": "canary"},
            {"revisionName": "churn-v5", "tag": "old"},
        ],
    }
    failed = {"type": "Ready", "status": "False", "reason": "ExitCode4", "message": "boom"}
    revisions = [
        {"metadata": {"name": "churn-v6"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}},
        {"metadata": {"name": "churn-v7"}, "status": {"conditions": [failed]}},
        {"metadata": {"name": "churn-v8"}},
    ]

    seen = observed_in(service, revisions, None, ServingOptions(namespace="ml", cluster_domain="site"))

    assert seen.template == "churn-v7"
    assert seen.pinned == {"churn-v6": 100}
    assert seen.serving == {"churn-v6": 90, "churn-v7": 10}
    assert seen.tags == {"canary": "churn-v7", "old": "churn-v6"}
    # The host that the status names is one of outside; and `old` still leads to another revision.
    assert seen.tag_urls == {"canary": "http://canary-churn.ml.svc.site"}
    assert seen.current
    assert seen.status("churn-v6") == RevisionStatus(Readiness.READY)
    assert seen.status("churn-v7") == RevisionStatus(Readiness.FAILED, "ExitCode4", "boom")
    assert seen.status("churn-v8").readiness is Readiness.PENDING
    assert seen.status("churn-v9").readiness is Readiness.ABSENT


def test_a_service_without_traffic_sends_it_to_the_newest_ready_revision() -> None:
    service = service_of(WANTED, None, ServingOptions())
    del service["spec"]["traffic"]

    assert observed_in(service, [], None, ServingOptions()).pinned == {"": 100}


def test_a_status_that_is_behind_its_spec_does_not_say_that_the_traffic_has_arrived() -> None:
    service = service_of(WANTED, "churn-v6", ServingOptions())
    service["metadata"]["generation"] = 4
    service["status"] = {"observedGeneration": 3, "traffic": [{"revisionName": "churn-v6", "percent": 100}]}
    route = Route({"churn-v6": 100})

    assert not observed_in(service, [], None, ServingOptions()).has(route)
    service["status"]["observedGeneration"] = 4
    assert observed_in(service, [], None, ServingOptions()).has(route)


def test_what_a_shadow_never_took_is_no_dead_letter_of_its_own() -> None:
    delivery = shadow_of("churn", 6, "http://challenger", "ml")["spec"]["delivery"]
    assert delivery["deadLetterSink"] == {
        "ref": {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "name": "record-events",
            "namespace": "ml",
        },
        "uri": "/dead-letters/copies",
    }
