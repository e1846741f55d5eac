"""What a revision's template asks for: scale, limits, probe and command."""

from __future__ import annotations

import math
from typing import Any

import pytest

from knative.local.errors import CannotStart
from knative.local.services.plan import Defaults, Probe, command_of, plan_of, split_image


def template(container: dict[str, Any], notes: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"annotations": notes or {}}, "spec": {"containers": [container], **spec}}


def test_a_plan_reads_scale_limits_and_probe_from_the_template() -> None:
    notes = {
        "autoscaling.knative.dev/min-scale": "1",
        "autoscaling.knative.dev/max-scale": "0",
        "autoscaling.knative.dev/target": "80",
        "autoscaling.knative.dev/window": "1m30s",
        "autoscaling.knative.dev/scale-down-delay": "2m",
        "serving.knative.dev/progress-deadline": "10s",
    }
    probe = {"httpGet": {"path": "/up", "httpHeaders": [{"name": "A", "value": "b"}]}, "timeoutSeconds": 3}
    probe |= {"periodSeconds": 5, "successThreshold": 2, "failureThreshold": 4}
    made = plan_of(
        template(
            {"image": "x", "command": ["true"], "args": ["a"], "readinessProbe": probe},
            notes,
            containerConcurrency=10,
            timeoutSeconds=30,
            responseStartTimeoutSeconds=5,
        ),
        Defaults(),
    )
    assert (made.min_scale, made.max_scale, made.target, made.idle_s) == (1, math.inf, 10, 120.0)
    assert (made.timeout_s, made.progress_deadline_s, made.command.argv) == (5.0, 10.0, ("true", "a"))
    assert made.probe == Probe("/up", (("A", "b"),), 3.0, 0.0, 5.0, 2, 4)
    plain = plan_of(template({"image": "x", "command": ["true"]}), Defaults(idle_s=7, max_scale=3))
    assert (plain.concurrency, plain.target, plain.idle_s, plain.max_scale, plain.probe.path) == (
        0,
        100.0,
        7.0,
        3,
        None,
    )


def test_an_image_leads_to_the_function_of_its_name() -> None:
    command = command_of(
        {"image": "ghcr.io:443/kascade/serve-model@sha256:1", "args": ["a"], "workingDir": "/tmp"}
    )
    assert command.argv[1:] == ("-m", "functions.serve_model", "a")
    assert command.folder == "/tmp"
    with pytest.raises(CannotStart, match="functions/none"):
        command_of({"image": "kascade/none"})


@pytest.mark.parametrize(
    ("image", "name", "rest"),
    [
        ("a", "a", ""),
        ("a:1", "a", ":1"),
        ("r:5000/a", "r:5000/a", ""),
        ("r:5000/a:1", "r:5000/a", ":1"),
        ("a@sha256:b", "a", "@sha256:b"),
        ("r:5000/a:1@sha256:b", "r:5000/a", "@sha256:b"),
    ],
)
def test_an_image_is_a_name_and_a_tag_or_digest(image: str, name: str, rest: str) -> None:
    assert split_image(image) == (name, rest)
