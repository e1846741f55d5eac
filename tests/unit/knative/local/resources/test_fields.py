"""Every field is honoured, accepted by name, or an error at its place."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from knative.local.api.admission import problems_of_object
from knative.local.resources.accepted import accepted_list
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


PROBE = "spec.template.spec.containers[0].readinessProbe"
SCALE = "spec.template.metadata.annotations.autoscaling.knative.dev"


def scale(**notes: str) -> dict[str, str]:
    return {f"autoscaling.knative.dev/{name.replace('_', '-')}": value for name, value in notes.items()}


@pytest.mark.case("H", "min-scale over max-scale, window 1s, env PORT")
@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            NOTES,
            scale(min_scale="3", max_scale="2"),
            f"max-scale=2 is less than min-scale=3: {SCALE}/max-scale, {SCALE}/min-scale",
        ),
        (NOTES, scale(window="5s"), f"expected 6s <= 5s <= 1h0m0s: {SCALE}/window"),
        (NOTES, scale(window="61m"), f"expected 6s <= 61m <= 1h0m0s: {SCALE}/window"),
        (NOTES, scale(window="6500ms"), f"must be specified with at most second precision: {SCALE}/window"),
        (NOTES, scale(scale_down_delay="2h"), f"expected 0s <= 2h <= 1h0m0s: {SCALE}/scale-down-delay"),
        (
            NOTES,
            scale(initial_scale="0"),
            f"invalid value: 0: {SCALE}/initial-scale=0 not allowed by cluster",
        ),
        (NOTES, scale(initial_scale="x"), f"invalid value: x: {SCALE}/initial-scale"),
        (NOTES, scale(target="0"), f"target 0 should be at least 0.01: {SCALE}/target"),
        (NOTES, scale(min_scale="-1"), f"expected 0 <= -1 <= 2147483647: {SCALE}/min-scale"),
        (
            NOTES,
            scale(panic_window_percentage="0"),
            f"expected 1 <= 0 <= 100: {SCALE}/panic-window-percentage",
        ),
        (
            NOTES,
            scale(activation_scale="1"),
            f"activation-scale=1 must be greater than 1: {SCALE}/activation-scale",
        ),
        (NOTES, scale(target_burst_capacity="-2"), f"invalid value: -2: {SCALE}/target-burst-capacity"),
        (
            NOTES,
            {"serving.knative.dev/progress-deadline": "1500ms"},
            "progress-deadline=1500ms is not at second precision: "
            "spec.template.metadata.annotations.serving.knative.dev/progress-deadline",
        ),
        (
            ("metadata", "annotations"),
            scale(min_scale="1"),
            'invalid key name "autoscaling.knative.dev/min-scale": metadata.annotations\nautoscaling '
            'annotations must be put under "spec.template.metadata.annotations" to work',
        ),
        *(
            (
                (*CONTAINER, "env"),
                [{"name": name, "value": "1"}],
                f'"{name}" is a reserved environment variable: spec.template.spec.containers[0].env[0].name',
            )
            for name in ("PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION")
        ),
        (
            (*CONTAINER, "env"),
            [{"name": "", "value": "1"}],
            "missing field(s): spec.template.spec.containers[0].env[0].name",
        ),
        (
            ("spec", "template", "spec", "timeoutSeconds"),
            601,
            "expected 0 <= 601 <= 600: spec.template.spec.timeoutSeconds",
        ),
        (
            (*CONTAINER, "env"),
            [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "must not set the field(s): spec.template.spec.containers[0].env[0].valueFrom.fieldRef",
        ),
        (
            (*CONTAINER, "readinessProbe"),
            {"failureThreshold": 3},
            f"failureThreshold is disallowed when periodSeconds is zero: {PROBE}.failureThreshold",
        ),
        (
            (*CONTAINER, "readinessProbe"),
            {"timeoutSeconds": 1},
            f"timeoutSeconds is disallowed when periodSeconds is zero: {PROBE}.timeoutSeconds",
        ),
        *(
            ((*POD, name), value, f"must not set the field(s): spec.template.spec.{name}")
            for name, value in (
                ("nodeSelector", {"disk": "fast"}),
                ("tolerations", [{"key": "a"}]),
                ("securityContext", {"runAsUser": 1}),
                ("terminationGracePeriodSeconds", 10),
                ("automountServiceAccountToken", True),
            )
        ),
        (
            (*CONTAINER, "securityContext"),
            {"privileged": True},
            "must not set the field(s): spec.template.spec.containers[0].securityContext.privileged",
        ),
        (
            (*CONTAINER, "name"),
            "queue-proxy",
            '"queue-proxy" is a reserved container name: spec.template.spec.containers[0].name',
        ),
        (
            (*POD, "volumes"),
            [{"name": "a", "emptyDir": {}}],
            'volume with name "a" not mounted: spec.template.spec.volumes[0].name',
        ),
        (
            (*CONTAINER, "volumeMounts"),
            [{"name": "a", "mountPath": "/tmp"}],
            "volumeMount has no matching volume: spec.template.spec.containers[0].volumeMounts[0].name",
        ),
    ],
)
def test_what_the_webhook_refuses_is_refused_in_its_words(
    path: tuple[str | int, ...], value: Any, said: str
) -> None:
    problems = problems_of(with_field(SERVICE, path, value))
    assert [problem.as_webhook_says_it() for problem in problems] == [said]
    assert all(problem.by_webhook for problem in problems)


def test_an_empty_volume_where_this_machine_has_no_such_folder_is_an_error() -> None:
    problem = problems_of(with_field(SERVICE, POD, with_scratch("/data")))[0]
    assert problem.path == "spec.template.spec.containers[0].volumeMounts[0].mountPath"
    assert "only /tmp and /var/tmp are there without it" in problem.message


def test_the_documented_list_is_the_list_in_the_code() -> None:
    page = Path(__file__).parents[5] / "docs" / "local-runtime.md"
    assert accepted_list() in page.read_text(encoding="utf-8")


def test_two_tags_of_one_name_are_refused() -> None:
    traffic = [
        {"revisionName": "churn-a", "percent": 50, "tag": "x"},
        {"revisionName": "churn-b", "percent": 50, "tag": "x"},
    ]
    problems = problems_of(with_field(SERVICE, ("spec", "traffic"), traffic))
    assert [str(problem) for problem in problems] == [
        'spec.traffic[0].tag, spec.traffic[1].tag: Multiple definitions for "x"'
    ]


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


@pytest.mark.case("H", "PingSource 0 9 * * 7, 0 0 L * *, bad JSON data")
def test_ping_sources_are_checked() -> None:
    assert ping(schedule="*/5 * * * *", timezone="Europe/Berlin") == []
    assert ping(schedule="* * * * * *") == []
    assert ping(schedule="@hourly") == []
    assert "unsupported descriptor @every" in ping(schedule="@every 5s")[0]
    assert ping(schedule="0 0 29 2 *") == []
    assert "names a day that never comes" in ping(schedule="0 0 30 2 *")[0]
    assert ping(schedule="0 9 * * MON-FRI") == ping(schedule="0/20 1,2 ? JAN *") == []
    assert "end of range (7) above maximum (6)" in ping(schedule="0 9 * * 7")[0]
    assert "failed to parse int from L" in ping(schedule="0 0 L * *")[0]
    assert "beginning of range (5) beyond end of range (1)" in ping(schedule="0 9 * * 5-1")[0]
    assert "step of range should be a positive number" in ping(schedule="*/0 * * * *")[0]
    assert "unrecognized descriptor: @often" in ping(schedule="@often")[0]
    assert ping(data="no JSON", contentType="text/plain") == []
    for data in ("no JSON", "[1]", "[" * 100_000):
        assert "spec.data: invalid value" in ping(data=data, contentType="application/json")[0]
    assert "spec.dataBase64: invalid value" in ping(dataBase64="not base64!")[0]
    assert ping(sink={"ref": {"kind": "Broker", "name": "a"}}) == [
        "spec.sink.ref.apiVersion: missing field(s)"
    ]
    assert "end of range (61) above maximum (59)" in ping(schedule="61 * * * *")[0]
    assert "expected 5 to 6 fields" in ping(schedule="* * *")[0]
    assert "is no time zone" in ping(timezone="Mars/Base")[0]
    assert "expected exactly one, got both" in ping(data="a", dataBase64="YQ==")[0]
    assert (
        "relative when there is a ref"
        in ping(sink={"ref": {"apiVersion": "v1", "kind": "Broker", "name": "a"}, "uri": "http://b/"})[0]
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


def trigger(**spec: Any) -> list[str]:
    body = {"apiVersion": "eventing.knative.dev/v1", "kind": "Trigger", "metadata": {"name": "t"}}
    return [
        problem.as_webhook_says_it()
        for problem in problems_of({**body, "spec": {"subscriber": {"uri": "http://a/"}, **spec}})
    ]


@pytest.mark.case("H", "Trigger without broker")
def test_triggers_are_refused_as_the_webhook_refuses_them() -> None:
    assert trigger(broker="default") == []
    assert trigger() == ["missing field(s): spec.broker"]
    assert trigger(broker="b", subscriber={"ref": {"kind": "Service", "name": "a"}}) == [
        "missing field(s): spec.subscriber.ref.apiVersion"
    ]
    assert trigger(broker="b", delivery={"retryAfterMax": "PT1S"}) == [
        "must not set the field(s): spec.delivery.retryAfterMax"
    ]


@pytest.mark.parametrize(
    "kind",
    [
        ("policy/v1", "PodDisruptionBudget"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("eventing.knative.dev/v1alpha1", "EventPolicy"),
    ],
)
def test_policies_of_a_cluster_are_accepted(kind: tuple[str, str]) -> None:
    body = {"apiVersion": kind[0], "kind": kind[1], "metadata": {"name": "a"}, "spec": {"any": "thing"}}
    assert problems_of(body) == []


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
