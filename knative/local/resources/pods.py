"""Which fields of a container and of a pod the runtime honours when the container is a local process."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from knative.local.resources.fields import (
    FLAG,
    TEXT,
    Accepted,
    Fields,
    Items,
    Mapped,
    Problem,
    Rule,
    Scalar,
    Unsupported,
    denied,
    one_of,
    whole,
)

_NO_POD = Accepted("there is no pod, the process runs as the user who started the runtime")
_NO_LIMIT = Accepted("processes share the machine, none is limited")
_PULL = Accepted("nothing is pulled: an image's name leads to the project's own code")
_PLACE = Accepted("there is one machine")

_KEY_REF = Fields({"name": TEXT, "key": TEXT, "optional": FLAG}, required=("name", "key"))
_FIELD_REF = Fields(
    {"apiVersion": TEXT, "fieldPath": one_of("metadata.name", "metadata.namespace")}, required=("fieldPath",)
)


def _one_source(value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if len([v for v in value.values() if v is not None]) != 1:
        yield Problem(path, "needs exactly one source")


def _value_or_from(value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if value.get("value") and value.get("valueFrom"):
        yield Problem(path, "may not have both value and valueFrom")


_VALUE_FROM = Fields(
    {
        "configMapKeyRef": _KEY_REF,
        "secretKeyRef": _KEY_REF,
        "fieldRef": _FIELD_REF,
        "resourceFieldRef": Unsupported("processes have no resource limits"),
    },
    checks=(_one_source,),
)
_ENV = Fields(
    {"name": TEXT, "value": TEXT, "valueFrom": _VALUE_FROM}, required=("name",), checks=(_value_or_from,)
)
_SOURCE_REF = Fields({"name": TEXT, "optional": FLAG}, required=("name",))
_ENV_FROM = Fields({"prefix": TEXT, "configMapRef": _SOURCE_REF, "secretRef": _SOURCE_REF})

_NAME_OR_NUMBER = Scalar((int, str), "a port number or name")
_HEADER = Fields({"name": TEXT, "value": TEXT}, required=("name", "value"))
_HTTP_GET = Fields(
    {
        "path": TEXT,
        "port": _NAME_OR_NUMBER,
        "scheme": one_of("HTTP", ""),
        "host": Unsupported("probes go to the process itself"),
        "httpHeaders": Items(_HEADER),
    }
)
PROBE = Fields(
    {
        "httpGet": _HTTP_GET,
        "tcpSocket": Fields(
            {"port": _NAME_OR_NUMBER, "host": Unsupported("probes go to the process itself")}
        ),
        "exec": Unsupported("use httpGet or tcpSocket"),
        "grpc": Unsupported("use httpGet or tcpSocket"),
        "timeoutSeconds": whole(0),
        "initialDelaySeconds": whole(0),
        "successThreshold": whole(0),
        "periodSeconds": whole(0),
        "failureThreshold": whole(0),
        "terminationGracePeriodSeconds": Accepted("a process that is not ready in time is simply stopped"),
    }
)
_PORT = Fields(
    {
        "containerPort": whole(1, 65535),
        "name": one_of("", "http1", "http"),
        "protocol": one_of("TCP"),
    }
)
_MOUNT = Fields(
    {
        "name": TEXT,
        "mountPath": TEXT,
        "readOnly": FLAG,
        "subPath": Unsupported("mount the whole volume"),
        "subPathExpr": Unsupported("mount the whole volume"),
        "mountPropagation": Unsupported("there are no mounts"),
    },
    required=("name", "mountPath"),
)
_NO_MOUNTS = Unsupported(
    "a process sees the machine's own files; pass the values through env, envFrom or valueFrom"
)
_SCRATCH_PATHS = ("/tmp", "/var/tmp")  # noqa: S108 - names of places in a container


def _one_volume(value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if "emptyDir" not in value:
        yield denied(path, "expected exactly one, got neither: configMap, emptyDir, projected, secret")


_VOLUME = Fields(
    {
        "name": TEXT,
        "emptyDir": Accepted(f"a process writes to the machine's own {' and '.join(_SCRATCH_PATHS)}"),
        **dict.fromkeys(
            ("configMap", "secret", "projected", "persistentVolumeClaim", "hostPath", "csi", "ephemeral"),
            _NO_MOUNTS,
        ),
    },
    required=("name",),
    checks=(_one_volume,),
)


def check_mounts(spec: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Yield a problem for each mount that a process of this machine would not find."""
    for number, container in enumerate(spec["containers"]):
        for index, mount in enumerate(container.get("volumeMounts") or ()):
            if posixpath.normpath(mount["mountPath"]) not in _SCRATCH_PATHS:
                place = f"{path}.containers[{number}].volumeMounts[{index}].mountPath"
                why = f"only {' and '.join(_SCRATCH_PATHS)} are there without it; {_NO_MOUNTS.why}"
                yield Problem(place, f"the local runtime cannot honour this: {why}")


CONTAINER: dict[str, Rule] = {
    "name": TEXT,
    "image": TEXT,
    "command": Items(TEXT),
    "args": Items(TEXT),
    "workingDir": TEXT,
    "env": Items(_ENV),
    "envFrom": Items(_ENV_FROM),
    "ports": Items(_PORT, at_most=1, too_many="one port is served; it becomes PORT"),
    "readinessProbe": PROBE,
    "startupProbe": Accepted("the readiness probe alone decides when traffic begins"),
    "livenessProbe": Accepted("a process that ends is started again; one that hangs is not noticed"),
    "resources": _NO_LIMIT,
    "securityContext": _NO_POD,
    "imagePullPolicy": _PULL,
    "terminationMessagePath": _NO_POD,
    "terminationMessagePolicy": _NO_POD,
    "volumeMounts": Items(_MOUNT),
    "lifecycle": Unsupported("there are no hooks; handle SIGTERM"),
    "stdin": Unsupported("processes have no terminal"),
    "tty": Unsupported("processes have no terminal"),
}

POD: dict[str, Rule] = {
    "containers": Items(
        Fields(CONTAINER, required=("image",)),
        at_least=1,
        at_most=1,
        too_many="sidecars cannot be honoured: one container becomes one process",
    ),
    "initContainers": Unsupported("one container becomes one process; use a Job"),
    "volumes": Items(_VOLUME),
    "serviceAccountName": Accepted("the API on one machine has one token, for everything"),
    "automountServiceAccountToken": Accepted("the API on one machine has one token, for everything"),
    "imagePullSecrets": _PULL,
    "securityContext": _NO_POD,
    "nodeSelector": _PLACE,
    "affinity": _PLACE,
    "tolerations": _PLACE,
    "topologySpreadConstraints": _PLACE,
    "priorityClassName": _PLACE,
    "schedulerName": _PLACE,
    "runtimeClassName": _PLACE,
    "enableServiceLinks": Accepted("no service variables are made"),
    "terminationGracePeriodSeconds": whole(0),
    "dnsPolicy": _NO_POD,
    "shareProcessNamespace": Unsupported("there are no sidecars"),
    "hostNetwork": _NO_POD,
}

LABEL_SELECTOR = Fields(
    {
        "matchLabels": Mapped(TEXT),
        "matchExpressions": Items(
            Fields(
                {
                    "key": TEXT,
                    "operator": one_of("In", "NotIn", "Exists", "DoesNotExist"),
                    "values": Items(TEXT),
                },
                required=("key", "operator"),
            )
        ),
    }
)
