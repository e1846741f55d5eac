"""Every field of a Service is honoured, accepted by name, or an error at its place."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from knative.local.api.admission import problems_of_object
from knative.local.resources.kinds import problems_of

SERVICE: dict[str, Any] = {
    "apiVersion": "serving.knative.dev/v1",
    "kind": "Service",
    "metadata": {"name": "churn", "namespace": "default"},
    "spec": {"template": {"spec": {"containers": [{"image": "x", "command": ["true"]}]}}},
}


def with_field(body: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(body)
    place: Any = changed
    for step in path[:-1]:
        place = place[step] if isinstance(step, int) else place.setdefault(step, {})
    place[path[-1]] = value
    return changed


POD = ("spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)


def with_scratch(path: str) -> dict[str, Any]:
    """Return a pod whose container mounts an empty volume at `path`."""
    mount = {"name": "scratch", "mountPath": path}
    container = {"image": "x", "command": ["true"], "volumeMounts": [mount]}
    return {"containers": [container], "volumes": [{"name": "scratch", "emptyDir": {}}]}


NOTES = ("spec", "template", "metadata", "annotations")


@pytest.mark.parametrize(
    ("path", "value", "place", "says"),
    [
        (("spec", "templat"), {}, "spec.templat", "did you mean template?"),
        ((*POD, "initContainers"), [{"name": "a"}], "spec.template.spec.initContainers", "cannot honour"),
        (
            (*POD, "volumes"),
            [{"name": "a", "secret": {"secretName": "s"}}],
            "spec.template.spec.volumes[0].secret",
            "cannot honour",
        ),
        ((*CONTAINER, "tty"), True, "spec.template.spec.containers[0].tty", "cannot honour"),
        ((*CONTAINER, "image"), None, "spec.template.spec.containers[0].image", "required"),
        ((*CONTAINER, "env"), [{"value": "1"}], "spec.template.spec.containers[0].env[0].name", "required"),
        (
            (*CONTAINER, "env"),
            [{"name": "A", "value": 1}],
            "spec.template.spec.containers[0].env[0].value",
            "a string",
        ),
        ((*POD, "containerConcurrency"), -1, "spec.template.spec.containerConcurrency", "between 0 and 1000"),
        ((*POD, "timeoutSeconds"), True, "spec.template.spec.timeoutSeconds", "an integer"),
        ((*POD, "containers"), [], "spec.template.spec.containers", "at least 1"),
        ((*POD, "containers"), [{"image": "a"}, {"image": "b"}], "spec.template.spec.containers", "sidecars"),
        (
            (*CONTAINER, "readinessProbe"),
            {"exec": {"command": ["a"]}},
            "spec.template.spec.containers[0].readinessProbe.exec",
            "httpGet",
        ),
        (
            NOTES,
            {"autoscaling.knative.dev/min-scale": "few"},
            "spec.template.metadata.annotations.autoscaling.knative.dev/min-scale",
            "invalid value: few",
        ),
        (
            NOTES,
            {"autoscaling.knative.dev/class": "hpa"},
            "spec.template.metadata.annotations.autoscaling.knative.dev/class",
            "kpa",
        ),
        (
            NOTES,
            {"autoscaling.knative.dev/mystery": "1"},
            "spec.template.metadata.annotations[autoscaling.knative.dev/mystery]",
            "cannot honour",
        ),
        (
            NOTES,
            {"autoscaling.knative.dev/window": "soon"},
            "spec.template.metadata.annotations.autoscaling.knative.dev/window",
            "invalid value: soon",
        ),
        (
            ("spec", "traffic"),
            [{"latestRevision": True, "percent": 90}],
            "spec.traffic",
            "Traffic targets sum to 90, want 100",
        ),
        (
            ("spec", "traffic"),
            [{"latestRevision": False, "percent": 100}],
            "spec.traffic[0].latestRevision",
            'may not set revisionName "" when latestRevision is false',
        ),
        (
            ("spec", "traffic"),
            [{"revisionName": "churn-a", "latestRevision": True, "percent": 100}],
            "spec.traffic[0].latestRevision",
            'may not set revisionName "churn-a" when latestRevision is true',
        ),
        (
            ("spec", "traffic"),
            [{"revisionName": "churn-a", "percent": 100, "tag": "A"}],
            "spec.traffic[0].tag",
            "DNS label",
        ),
        (
            ("spec", "template", "metadata"),
            {"name": "other-v1"},
            "spec.template.metadata.name",
            '"other-v1" must have prefix "churn-"',
        ),
        (("metadata", "name"), "Churn", "metadata.name", "DNS"),
        (("metadata", "labels"), {"a": 1}, "metadata.labels[a]", "a string"),
    ],
)
def test_what_cannot_be_honoured_is_named_at_its_place(
    path: tuple[str | int, ...], value: Any, place: str, says: str
) -> None:
    problems = problems_of(with_field(SERVICE, path, value))
    assert [problem.path for problem in problems] == [place]
    assert says in problems[0].message


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*CONTAINER, "resources"), {"limits": {"cpu": "1"}}),
        ((*CONTAINER, "livenessProbe"), {"exec": {"command": ["a"]}}),
        ((*POD, "serviceAccountName"), "robot"),
        ((*CONTAINER, "imagePullPolicy"), "IfNotPresent"),
        ((*POD, "automountServiceAccountToken"), False),
        ((*CONTAINER, "securityContext"), {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}),
        (POD, with_scratch("/tmp")),
        ((*CONTAINER, "readinessProbe"), {"periodSeconds": 5, "timeoutSeconds": 2, "failureThreshold": 4}),
        (("metadata", "labels"), {"networking.knative.dev/visibility": "cluster-local"}),
        (("status",), {"anything": 1}),
        (NOTES, {"example.org/free": "text", "autoscaling.knative.dev/panic-threshold-percentage": "200"}),
        (("spec", "traffic"), None),
        (("spec", "traffic"), [{"percent": 100}]),
    ],
)
def test_what_has_no_local_effect_is_accepted(path: tuple[str | int, ...], value: Any) -> None:
    assert problems_of(with_field(SERVICE, path, value)) == []


def test_an_empty_volume_where_this_machine_has_no_such_folder_is_an_error() -> None:
    problem = problems_of(with_field(SERVICE, POD, with_scratch("/data")))[0]
    assert problem.path == "spec.template.spec.containers[0].volumeMounts[0].mountPath"
    assert "only /tmp and /var/tmp are there without it" in problem.message


def test_two_tags_of_one_name_are_refused() -> None:
    traffic = [
        {"revisionName": "churn-a", "percent": 50, "tag": "x"},
        {"revisionName": "churn-b", "percent": 50, "tag": "x"},
    ]
    problems = problems_of(with_field(SERVICE, ("spec", "traffic"), traffic))
    assert [str(problem) for problem in problems] == [
        'spec.traffic[0].tag, spec.traffic[1].tag: Multiple definitions for "x"'
    ]


def test_an_image_that_is_no_function_is_an_error_and_one_that_is_runs() -> None:
    body = with_field(SERVICE, CONTAINER, {"image": "registry.example:5000/team/nothing-here:1"})
    problem = problems_of_object(body)[0]
    assert problem.path == "spec.template.spec.containers[0].image"
    assert "functions/nothing_here" in problem.message
    assert problems_of_object(with_field(SERVICE, CONTAINER, {"image": "kascade/serve-model:0.1.0"})) == []


def test_a_probe_of_another_port_than_the_served_one_is_an_error() -> None:
    probe = {"httpGet": {"path": "/", "port": 9999}}
    problems = problems_of_object(with_field(SERVICE, (*CONTAINER, "readinessProbe"), probe))
    assert "only the container's port is served" in problems[0].message
