"""What Knative Serving's webhook refuses in a template, with its feature flags at their defaults."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from knative.local.resources.fields import Problem, denied, out_of_bounds

MOST = 2**31 - 1
_LONGEST_TIMEOUT_S = 600
_RESERVED_VARIABLES = frozenset({"PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"})
_RESERVED_PORTS = frozenset({8008, 8012, 8013, 8022, 9090, 9091})
_RESERVED_PATHS = frozenset({"/", "/dev", "/dev/log"})
# Off unless an operator turns them on in config-features, or never known.
_NOT_IN_A_REVISION = (
    *("affinity", "topologySpreadConstraints", "nodeSelector", "runtimeClassName", "tolerations"),
    *("securityContext", "priorityClassName", "schedulerName", "dnsPolicy", "hostNetwork"),
    *("terminationGracePeriodSeconds", "restartPolicy", "activeDeadlineSeconds"),
)
_NOT_IN_A_SECURITY_CONTEXT = ("seLinuxOptions", "procMount", "windowsOptions", "appArmorProfile")


def check_pod(spec: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Yield what the webhook refuses in `spec.template.spec`, which is otherwise sound."""
    timeout_s = spec.get("timeoutSeconds") or 0
    if timeout_s > _LONGEST_TIMEOUT_S:
        yield out_of_bounds(f"{path}.timeoutSeconds", timeout_s, 0, _LONGEST_TIMEOUT_S)
    for name in _NOT_IN_A_REVISION:
        if spec.get(name):
            yield _not_set(f"{path}.{name}")
    if spec.get("automountServiceAccountToken"):
        yield _not_set(f"{path}.automountServiceAccountToken")
    for index, container in enumerate(spec["containers"]):
        place = f"{path}.containers[{index}]"
        yield from _container(container, place)
        yield from _mounts(container, spec.get("volumes") or (), place)
    mounted = {m["name"] for c in spec["containers"] for m in c.get("volumeMounts") or ()}
    for index, volume in enumerate(spec.get("volumes") or ()):
        if volume["name"] not in mounted:
            message = f'volume with name "{volume["name"]}" not mounted'
            yield denied(f"{path}.volumes[{index}].name", message)


def _container(container: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if container.get("name") == "queue-proxy":
        yield denied(f"{path}.name", '"queue-proxy" is a reserved container name')
    for index, entry in enumerate(container.get("env") or ()):
        place = f"{path}.env[{index}]"
        if not entry["name"]:
            yield denied(f"{place}.name", "missing field(s)")
        if entry["name"] in _RESERVED_VARIABLES:
            yield denied(f"{place}.name", f'"{entry["name"]}" is a reserved environment variable')
        if (entry.get("valueFrom") or {}).get("fieldRef"):
            yield _not_set(f"{place}.valueFrom.fieldRef")
    for index, port in enumerate(container.get("ports") or ()):
        if port.get("name") == "http":
            details = "Name must be empty, or one of: 'h2c', 'http1'"
            yield denied(f"{path}.ports", "Port name http is not allowed", details)
        number = port.get("containerPort")
        if number in _RESERVED_PORTS:
            message = f"invalid value: {number} is a reserved port"
            details = f"{number} is a reserved port, please use a different value"
            yield denied(f"{path}.ports[{index}].containerPort", message, details)
    yield from _security(container.get("securityContext") or {}, f"{path}.securityContext")
    if container.get("readinessProbe"):
        yield from _readiness(container["readinessProbe"], f"{path}.readinessProbe")


def _readiness(probe: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if not probe.get("periodSeconds"):
        # Without a period the probe is Knative's own, which asks all the time until it succeeds.
        for name in ("failureThreshold", "timeoutSeconds"):
            if probe.get(name):
                yield denied(f"{path}.{name}", f"{name} is disallowed when periodSeconds is zero")
    if probe.get("httpGet") is not None and probe.get("tcpSocket") is not None:
        yield denied(f"{path}.httpGet, {path}.tcpSocket", "expected exactly one, got both")


def _security(context: Mapping[str, Any], path: str) -> Iterator[Problem]:
    for name in _NOT_IN_A_SECURITY_CONTEXT:
        if context.get(name):
            yield _not_set(f"{path}.{name}")
    if context.get("privileged"):
        yield _not_set(f"{path}.privileged")
    if (context.get("capabilities") or {}).get("add"):
        yield _not_set(f"{path}.capabilities.add")
    for name in ("runAsUser", "runAsGroup"):
        number = context.get(name)
        if isinstance(number, int) and not 0 <= number <= MOST:
            yield out_of_bounds(f"{path}.{name}", number, 0, MOST)


def _mounts(container: Mapping[str, Any], volumes: Any, path: str) -> Iterator[Problem]:
    known, seen = {volume["name"] for volume in volumes}, set()
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        place = f"{path}.volumeMounts[{index}]"
        clean = posixpath.normpath(mount["mountPath"])
        if mount["name"] not in known:
            yield denied(f"{place}.name", "volumeMount has no matching volume")
        if clean in _RESERVED_PATHS:
            yield denied(f"{place}.mountPath", f'mountPath "{clean}" is a reserved path')
        elif not clean.startswith("/"):
            yield denied(f"{place}.mountPath", f"invalid value: {mount['mountPath']}")
        elif clean in seen:
            yield denied(f"{place}.mountPath", f'invalid value: "{mount["mountPath"]}" must be unique')
        seen.add(clean)


def _not_set(path: str) -> Problem:
    return denied(path, "must not set the field(s)")
