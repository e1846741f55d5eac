"""A Service that Knative's webhook refuses is refused in the webhook's words."""

from __future__ import annotations

import copy
from typing import Any

import pytest

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
    assert [problem.webhook_message() for problem in problems] == [said]
    assert all(problem.by_webhook for problem in problems)
