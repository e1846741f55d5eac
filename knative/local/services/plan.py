"""What a revision's template asks for, as one value: the command, the probe, the limits, the scale."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import knative
from knative.local.errors import CannotStart
from knative.local.resources.fields import Problem
from knative.local.resources.names import go_duration_s

_ROOT = Path(knative.__path__[0]).parent
_SCALING = "autoscaling.knative.dev/"


@dataclass(frozen=True)
class Defaults:
    """What holds for a revision that does not say otherwise; durations in seconds."""

    idle_s: float = 60.0
    max_scale: int = 2
    progress_deadline_s: float = 600.0
    grace_s: float = 30.0


@dataclass(frozen=True)
class Probe:
    """How readiness is asked for: GET `path`, or a TCP connection when `path` is None.

    `period_s` 0 is Knative's own way: to ask all the time until the first success.
    """

    path: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    timeout_s: float = 1.0
    initial_delay_s: float = 0.0
    period_s: float = 0.0
    success_threshold: int = 1
    failure_threshold: int = 3


@dataclass(frozen=True)
class Command:
    """A program to run: its arguments, and the folder to run it in (None: where the runtime runs)."""

    argv: tuple[str, ...]
    folder: str | None = None


@dataclass(frozen=True)
class Plan:
    """One revision: what to run, when it is ready, how much of it; `concurrency` 0 has no limit."""

    command: Command
    probe: Probe
    concurrency: int
    target: float
    timeout_s: float
    min_scale: int
    max_scale: float
    initial_scale: int
    idle_s: float
    progress_deadline_s: float
    grace_s: float


def command_of(container: Mapping[str, Any]) -> Command:
    """Return what runs a container: its own command, or the project's function that its image is named after.

    Raises:
        CannotStart: neither exists.
    """
    folder = container.get("workingDir")
    args = tuple(container.get("args") or ())
    if container.get("command"):
        return Command((*container["command"], *args), folder)
    name, _ = split_image(str(container["image"]))
    module = name.rpartition("/")[2].replace("-", "_")
    if not (_ROOT / "functions" / module / "__main__.py").is_file():
        raise CannotStart(
            f"no functions/{module} can stand for the image {container['image']}; "
            "name a command, or add that folder with a __main__.py"
        )
    return Command((sys.executable, "-m", f"functions.{module}", *args), folder)


def split_image(image: str) -> tuple[str, str]:
    """Return the name of an image and the rest, its tag or digest: `a.b:5000/c:1` → (`a.b:5000/c`, `:1`)."""
    name, at, digest = image.partition("@")
    if at:
        return name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name, f"@{digest}"
    head, colon, tag = image.rpartition(":")
    if colon and "/" not in tag:
        return head, f":{tag}"
    return image, ""


def command_problems(body: Mapping[str, Any]) -> list[Problem]:
    """Return why a Service, Job or JobSink that is otherwise sound has nothing to run."""
    match body["kind"]:
        case "Service" | "Job":
            spec, path = body["spec"], "spec"
        case "JobSink":
            spec, path = body["spec"]["job"]["spec"], "spec.job.spec"
        case _:
            return []
    try:
        command_of(spec["template"]["spec"]["containers"][0])
    except CannotStart as error:
        return [Problem(f"{path}.template.spec.containers[0].image", str(error))]
    return probe_problems(spec["template"]["spec"]["containers"][0], f"{path}.template.spec.containers[0]")


def probe_problems(container: Mapping[str, Any], path: str) -> list[Problem]:
    """Return a problem when the readiness probe asks for another port than the one served."""
    probe = container.get("readinessProbe") or {}
    handler = probe.get("httpGet") or probe.get("tcpSocket") or {}
    port = handler.get("port")
    served = (container.get("ports") or [{}])[0]
    known = {None, 0, "", served.get("containerPort", 8080), served.get("name")}
    if port in known:
        return []
    return [Problem(f"{path}.readinessProbe", f"probes port {port}, but only the container's port is served")]


def plan_of(template: Mapping[str, Any], defaults: Defaults) -> Plan:
    """Return the plan of a revision from its template (metadata and spec).

    Raises:
        CannotStart: there is nothing to run.
    """
    notes = (template.get("metadata") or {}).get("annotations") or {}
    spec = template["spec"]
    container = spec["containers"][0]
    concurrency = int(spec.get("containerConcurrency") or 0)
    timeouts = [spec.get("timeoutSeconds") or 300, spec.get("responseStartTimeoutSeconds") or math.inf]
    max_scale = int(_note(notes, "max-scale", "maxScale") or defaults.max_scale)
    return Plan(
        command=command_of(container),
        probe=_probe(container.get("readinessProbe") or {}),
        concurrency=concurrency,
        target=_target(concurrency, notes),
        timeout_s=float(min(timeouts)),
        min_scale=int(_note(notes, "min-scale", "minScale") or 0),
        max_scale=max_scale or math.inf,
        initial_scale=int(_note(notes, "initial-scale") or 1),
        idle_s=_idle_s(notes, defaults.idle_s),
        progress_deadline_s=go_duration_s(
            notes.get("serving.knative.dev/progress-deadline", f"{defaults.progress_deadline_s}s")
        ),
        grace_s=float(spec.get("terminationGracePeriodSeconds") or defaults.grace_s),
    )


def _note(notes: Mapping[str, Any], *names: str) -> str | None:
    return next((str(notes[_SCALING + name]) for name in names if _SCALING + name in notes), None)


def _target(concurrency: int, notes: Mapping[str, Any]) -> float:
    asked = float(_note(notes, "target") or (concurrency or 100))
    return min(asked, concurrency) if concurrency else asked


def _idle_s(notes: Mapping[str, Any], default_s: float) -> float:
    window = _note(notes, "window")
    waits: Sequence[str | None] = (
        _note(notes, "scale-to-zero-pod-retention-period"),
        _note(notes, "scale-down-delay"),
    )
    return max(go_duration_s(window) if window else default_s, *(go_duration_s(w or "0s") for w in waits))


def _probe(probe: Mapping[str, Any]) -> Probe:
    http = probe.get("httpGet")
    headers = tuple((h["name"], h["value"]) for h in (http or {}).get("httpHeaders") or ())
    return Probe(
        path=(http.get("path") or "/") if http is not None else None,
        headers=headers,
        timeout_s=float(probe.get("timeoutSeconds") or 1),
        initial_delay_s=float(probe.get("initialDelaySeconds") or 0),
        period_s=float(probe.get("periodSeconds") or 0),
        success_threshold=int(probe.get("successThreshold") or 1),
        failure_threshold=int(probe.get("failureThreshold") or 3),
    )
