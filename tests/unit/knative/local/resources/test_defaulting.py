"""Objects as Knative's webhooks complete them, held against what a cluster with Knative 0.50 returned."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knative.local.resources.changes import template_changes
from knative.local.resources.defaulting import defaulted, written_template

Json = dict[str, Any]


def object_of(api: str, kind: str, spec: Json, **metadata: Any) -> Json:
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": "a", "namespace": "ns", **metadata},
        "spec": spec,
    }


def service(*, name: str = "", probe: Json | None = None, **spec: Any) -> Json:
    container: Json = {"image": "x"} | ({"readinessProbe": probe} if probe is not None else {})
    template = {"metadata": {"name": name} if name else {}, "spec": {"containers": [container], **spec}}
    return object_of("serving.knative.dev/v1", "Service", {"template": template})


def container_of(body: Json) -> Json:
    found: Json = body["spec"]["template"]["spec"]["containers"][0]
    return found


def test_a_new_service_gets_what_a_cluster_gives_it() -> None:
    made = defaulted(service(probe={"httpGet": {"path": "/readyz"}}))
    assert made["spec"] == {
        "template": {
            "metadata": {},
            "spec": {
                "containerConcurrency": 0,
                "timeoutSeconds": 300,
                "enableServiceLinks": False,
                "containers": [
                    {
                        "name": "user-container",
                        "image": "x",
                        "resources": {},
                        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 0}, "successThreshold": 1},
                    }
                ],
            },
        },
        "traffic": [{"latestRevision": True, "percent": 100}],
    }
    assert made["metadata"]["annotations"] == {
        "serving.knative.dev/creator": "kascade",
        "serving.knative.dev/lastModifier": "kascade",
    }


@pytest.mark.parametrize(
    ("probe", "completed"),
    [
        (None, {"tcpSocket": {"port": 0}, "successThreshold": 1}),
        ({"tcpSocket": {}}, {"tcpSocket": {"port": 0}, "successThreshold": 1}),
        (
            {"periodSeconds": 5},
            {
                "tcpSocket": {"port": 0},
                "successThreshold": 1,
                "periodSeconds": 5,
                "timeoutSeconds": 1,
                "failureThreshold": 3,
            },
        ),
        (
            {"httpGet": {"port": 8080}, "periodSeconds": 5, "timeoutSeconds": 2},
            {
                "httpGet": {"port": 8080},
                "successThreshold": 1,
                "periodSeconds": 5,
                "timeoutSeconds": 2,
                "failureThreshold": 3,
            },
        ),
    ],
)
def test_a_probe_is_completed(probe: Json | None, completed: Json) -> None:
    assert container_of(defaulted(service(probe=probe)))["readinessProbe"] == completed


def test_traffic_targets_are_completed() -> None:
    body = service()
    body["spec"]["traffic"] = [{"revisionName": "a-1", "tag": "t"}, {"percent": 100}]
    assert defaulted(body)["spec"]["traffic"] == [
        {"revisionName": "a-1", "tag": "t", "latestRevision": False, "percent": 0},
        {"latestRevision": True, "percent": 100},
    ]


def test_a_template_that_keeps_its_name_gets_no_defaults_but_is_written_as_its_type_writes_it() -> None:
    before = defaulted(service(name="a-v1", probe={"httpGet": {"path": "/readyz"}}))
    again = defaulted(service(name="a-v1", probe={"httpGet": {"path": "/readyz"}}), before)
    assert container_of(again) == {
        "image": "x",
        "resources": {},
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 0}},
    }


def test_a_changed_template_is_told_by_the_fields_of_its_go_types() -> None:
    before = defaulted(service(name="a-v1", probe={"httpGet": {"path": "/readyz"}}, containerConcurrency=1))
    body = service(name="a-v1", probe={"httpGet": {"path": "/up"}}, timeoutSeconds=300)
    body["spec"]["template"]["spec"] |= {"containerConcurrency": 2, "enableServiceLinks": False}
    container_of(body)["env"] = [{"name": "A", "value": "1"}]
    told = template_changes(before["spec"]["template"], defaulted(body, before)["spec"]["template"])
    root = "{*v1.RevisionTemplateSpec}.Spec"
    first = f"{root}.PodSpec.Containers[0]"
    assert f'{first}.Name:\n\t-: "user-container"\n\t+: ""\n' in told
    assert f'{first}.ReadinessProbe.SuccessThreshold:\n\t-: "1"\n\t+: "0"\n' in told
    assert f'{first}.ReadinessProbe.ProbeHandler.HTTPGet.Path:\n\t-: "/readyz"\n\t+: "/up"\n' in told
    assert f'*{root}.ContainerConcurrency:\n\t-: "1"\n\t+: "2"\n' in told
    assert f"{first}.Env:\n\t+: " in told
    assert told.count(":\n") == 5


def test_a_service_made_before_there_were_defaults_differs_only_where_its_template_does() -> None:
    old = service(name="a-v1", probe={"httpGet": {"path": "/readyz"}})
    same = defaulted(copy.deepcopy(old), old)
    assert template_changes(written_template(old["spec"]["template"]), same["spec"]["template"]) == ""


def test_a_broker_gets_its_class_its_channel_and_its_delivery() -> None:
    made = defaulted(object_of("eventing.knative.dev/v1", "Broker", {}))
    assert made["metadata"]["annotations"] == {"eventing.knative.dev/broker.class": "MTChannelBasedBroker"}
    assert made["spec"] == {
        "config": {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": "config-br-default-channel",
            "namespace": "knative-eventing",
        },
        "delivery": {"retry": 10, "backoffPolicy": "exponential", "backoffDelay": "PT0.2S"},
    }
    sink = {"ref": {"kind": "Service", "name": "s"}, "uri": "/d"}
    own = defaulted(object_of("eventing.knative.dev/v1", "Broker", {"delivery": {"deadLetterSink": sink}}))
    assert own["spec"]["delivery"] == {
        "deadLetterSink": {"ref": {"kind": "Service", "name": "s", "namespace": "ns"}, "uri": "/d"}
    }


def test_refs_get_the_namespace_of_their_object_except_a_ping_source_s() -> None:
    to = {"ref": {"apiVersion": "v1", "kind": "Service", "name": "s"}}
    placed = {"ref": {**to["ref"], "namespace": "ns"}}
    trigger = defaulted(
        object_of("eventing.knative.dev/v1", "Trigger", {"broker": "default", "subscriber": to})
    )
    assert trigger["spec"] == {"broker": "default", "filter": {}, "subscriber": placed}
    assert trigger["metadata"]["labels"] == {"eventing.knative.dev/broker": "default"}
    subject = {"apiVersion": "batch/v1", "kind": "Job", "name": "j"}
    binding = defaulted(object_of("sources.knative.dev/v1", "SinkBinding", {"subject": subject, "sink": to}))
    assert binding["spec"] == {"subject": {**subject, "namespace": "ns"}, "sink": placed}
    ping = defaulted(object_of("sources.knative.dev/v1", "PingSource", {"sink": to}))
    assert ping["spec"] == {"sink": to, "schedule": "* * * * *"}


def test_a_job_sink_says_that_its_job_runs_in_batch_mode_once() -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}
    sink = object_of("sinks.knative.dev/v1alpha1", "JobSink", {"job": {"spec": {"template": {"spec": pod}}}})
    made = defaulted(sink)
    job = made["spec"]["job"]
    assert job["spec"]["template"]["spec"]["containers"] == [
        {
            "name": "c",
            "image": "x",
            "resources": {},
            "env": [{"name": "K_EXECUTION_MODE", "value": "batch"}],
        }
    ]
    assert (job["metadata"], job["status"], job["spec"]["template"]["metadata"]) == ({}, {}, {})
    assert defaulted(made) == made


names = st.sampled_from(["", "a-v1"])
probes = st.sampled_from([None, {"httpGet": {}}, {"periodSeconds": 3}, {"tcpSocket": {"port": 80}}])


@given(name=names, probe=probes, links=st.sampled_from([None, True, False]), again=st.booleans())
def test_defaults_are_added_once(name: str, probe: Json | None, links: bool | None, again: bool) -> None:
    body = service(name=name, probe=probe, enableServiceLinks=links)
    made = defaulted(copy.deepcopy(body))
    assert defaulted(copy.deepcopy(made), made if again else None) == made
