"""Every field is honoured, accepted by name, or an error at its place."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from knative.local.api.admission import problems_of_object
from knative.local.resources.accepted import accepted_table
from knative.local.resources.fields import TEXT, Fields, Items, Mapped, Unsupported, whole
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
NOTES = ("spec", "template", "metadata", "annotations")


@pytest.mark.parametrize(
    ("path", "value", "place", "says"),
    [
        (("spec", "templat"), {}, "spec.templat", "did you mean template?"),
        ((*POD, "initContainers"), [{"name": "a"}], "spec.template.spec.initContainers", "cannot honour"),
        ((*POD, "volumes"), [{"name": "a"}], "spec.template.spec.volumes[0]", "cannot honour"),
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
            "spec.template.metadata.annotations[autoscaling.knative.dev/min-scale]",
            "whole number",
        ),
        (
            NOTES,
            {"autoscaling.knative.dev/class": "hpa"},
            "spec.template.metadata.annotations[autoscaling.knative.dev/class]",
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
            "spec.template.metadata.annotations[autoscaling.knative.dev/window]",
            "60s",
        ),
        (
            ("spec", "traffic"),
            [{"latestRevision": True, "percent": 90}],
            "spec.traffic",
            "sum to 100, not 90",
        ),
        (("spec", "traffic"), [{"percent": 100}], "spec.traffic[0]", "revisionName or latestRevision"),
        (
            ("spec", "traffic"),
            [{"revisionName": "churn-a", "latestRevision": True, "percent": 100}],
            "spec.traffic[0]",
            "both",
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
            "begin with churn-",
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
        ((*POD, "nodeSelector"), {"disk": "fast"}),
        (("status",), {"anything": 1}),
        (NOTES, {"example.org/free": "text", "autoscaling.knative.dev/panic-threshold-percentage": "200"}),
        (("spec", "traffic"), None),
    ],
)
def test_what_has_no_local_effect_is_accepted(path: tuple[str | int, ...], value: Any) -> None:
    assert problems_of(with_field(SERVICE, path, value)) == []


def test_the_documented_list_is_the_list_in_the_code() -> None:
    page = Path(__file__).parents[4] / "docs" / "local-runtime.md"
    assert accepted_table() in page.read_text(encoding="utf-8")


def test_two_tags_of_one_name_are_refused() -> None:
    traffic = [
        {"revisionName": "churn-a", "percent": 50, "tag": "x"},
        {"revisionName": "churn-b", "percent": 50, "tag": "x"},
    ]
    problems = problems_of(with_field(SERVICE, ("spec", "traffic"), traffic))
    assert [str(problem) for problem in problems] == ["spec.traffic: the tag x is given twice"]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_kinds_that_cannot_run_here_are_refused(kind: str) -> None:
    problems = problems_of({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "a"}})
    assert "cannot run a apps/v1" in problems[0].message


def test_a_wrong_version_is_told_the_right_one() -> None:
    problems = problems_of({"apiVersion": "serving.knative.dev/v1beta1", "kind": "Service"})
    assert "did you mean serving.knative.dev/v1 Service?" in problems[0].message


def test_revisions_are_not_written_by_users() -> None:
    body = {"apiVersion": "serving.knative.dev/v1", "kind": "Revision", "metadata": {"name": "a"}}
    assert "write the Service instead" in problems_of(body)[0].message


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


def ping(**spec: Any) -> list[str]:
    sink = {"uri": "http://127.0.0.1:1/"}
    body = {"apiVersion": "sources.knative.dev/v1", "kind": "PingSource", "metadata": {"name": "a"}}
    return [str(problem) for problem in problems_of({**body, "spec": {"sink": sink, **spec}})]


def test_ping_sources_are_checked() -> None:
    assert ping(schedule="*/5 * * * *", timezone="Europe/Berlin") == []
    assert ping(schedule="* * * * * *") == []
    assert ping(schedule="@hourly") == []
    assert "@every is not known" in ping(schedule="@every 5s")[0]
    assert ping(schedule="0 0 29 2 *") == []
    assert "names a day that never comes" in ping(schedule="0 0 30 2 *")[0]
    assert "is no cron line" in ping(schedule="61 * * * *")[0]
    assert "is no cron line" in ping(schedule="* * *")[0]
    assert "is no time zone" in ping(timezone="Mars/Base")[0]
    assert "both data and dataBase64" in ping(data="a", dataBase64="YQ==")[0]
    assert (
        "relative when there is a ref"
        in ping(sink={"ref": {"kind": "Broker", "name": "a"}, "uri": "http://b/"})[0]
    )
    assert "absolute when there is no ref" in ping(sink={"uri": "/a"})[0]


def test_sink_bindings_name_or_select_services_and_jobs() -> None:
    body = {"apiVersion": "sources.knative.dev/v1", "kind": "SinkBinding", "metadata": {"name": "a"}}
    sink = {"uri": "http://127.0.0.1:1/"}
    subject = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "b"}
    problems = problems_of({**body, "spec": {"subject": subject, "sink": sink}})
    assert [p.path for p in problems] == ["spec.subject.kind"]
    both = {"apiVersion": "batch/v1", "kind": "Job", "name": "b", "selector": {"matchLabels": {"a": "b"}}}
    assert "exactly one of" in problems_of({**body, "spec": {"subject": both, "sink": sink}})[0].message


def test_a_trigger_with_two_dialects_in_one_filter_is_refused_by_the_broker_itself() -> None:
    spec = {
        "broker": "default",
        "subscriber": {"uri": "http://a/"},
        "filters": [{"exact": {"type": "a"}, "suffix": {"type": "b"}}],
    }
    body = {
        "apiVersion": "eventing.knative.dev/v1",
        "kind": "Trigger",
        "metadata": {"name": "t"},
        "spec": spec,
    }
    assert problems_of(body)[0].path.startswith("spec.filters[0]")


def test_rules_say_what_they_want() -> None:
    rule = Fields({"list": Items(TEXT), "map": Mapped(whole(1)), "never": Unsupported("of the moon")})
    said = [
        str(problem) for problem in rule.check({"list": "a", "map": {"x": 0, 3: 1}, "never": {"a": 1}}, "")
    ]
    assert said == [
        "list: must be a list, not 'a'",
        "map[x]: must be 1 or more",
        "map[3]: keys must be strings",
        "never: the local runtime cannot honour this: of the moon",
    ]
    assert list(rule.check({"never": {}, "list": None}, "")) == []
    assert [str(problem) for problem in rule.check([], "spec")] == ["spec: must be a mapping, not []"]
