"""The Knative Service of a model and the Trigger of its shadow, written as plain objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from functions.roll_out_model.deployer import ServedVersion, Traffic, version_name

Json = dict[str, Any]

GROUP = "serving.knative.dev"
EVENTING_GROUP = "eventing.knative.dev"
API_VERSION = "v1"
MODEL_LABEL = "kascade.dev/model"
SERVICE_LABEL = "serving.knative.dev/service"
STORE_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
CHALLENGER, PREVIOUS = "challenger", "previous"
"""Tags of the traffic: a tagged revision keeps its processes, and is reachable at an address of its own."""


@dataclass(frozen=True)
class ServingOptions:
    """How model servers are run: their image, where their settings come from, where they log predictions.

    A revision with traffic or a tag keeps `min_scale` processes, so the champion before is warm to go back
    to; any other scales to zero. One that does not become ready is given up after `progress_deadline_s`.
    `variables` are given to them as they are, such as K_SINK: a SinkBinding would change the template
    under a revision's name. `limits` are those of a container; `read_only_root` leaves /tmp to write to;
    `service_account` is who they are, where one is named. With `sink_audience` they are given a token for it,
    in the file that SINK_TOKEN_FILE of `variables` names. Of `secret` they get the keys of the object store
    and nothing else; `tokens_secret`, where it exists, says who may ask them.
    """

    namespace: str = "kascade"
    image: str = "kascade/serve-model:0.1.0"
    config_map: str = "kascade"
    secret: str = "object-store"  # noqa: S105 - the name of a Secret
    tokens_secret: str = "tokens"  # noqa: S105 - the name of a Secret
    min_scale: int = 1
    max_scale: int = 10
    progress_deadline_s: int = 90
    cluster_domain: str = "cluster.local"
    variables: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    read_only_root: bool = False
    service_account: str = ""
    sink_audience: str = ""


def service_of(version: ServedVersion, keep: str | None, options: ServingOptions) -> Json:
    """Return the whole Service that serves a version, with its traffic kept on another revision if given."""
    return {
        "apiVersion": f"{GROUP}/{API_VERSION}",
        "kind": "Service",
        "metadata": {
            "name": version.model,
            "namespace": options.namespace,
            "labels": {MODEL_LABEL: version.model},
        },
        "spec": {"template": template_of(version, options), "traffic": traffic_to(keep)},
    }


def template_of(version: ServedVersion, options: ServingOptions) -> Json:
    """Return the revision template of a version."""
    return {
        "metadata": {
            "name": version.name,
            "labels": {MODEL_LABEL: version.model},
            "annotations": {
                "autoscaling.knative.dev/min-scale": str(options.min_scale),
                "autoscaling.knative.dev/max-scale": str(options.max_scale),
                # Only after this does Knative report why a process ends; before, it says `Deploying`.
                "serving.knative.dev/progress-deadline": f"{options.progress_deadline_s}s",
            },
        },
        "spec": _pod(version, options),
    }


def _pod(version: ServedVersion, options: ServingOptions) -> Json:
    volumes = volumes_of(options)
    account = {"serviceAccountName": options.service_account} if options.service_account else {}
    mounts = [mount for _, mount in volumes]
    return {
        "containers": [_container(version, options) | ({"volumeMounts": mounts} if mounts else {})],
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        **account,
        **({"volumes": [volume for volume, _ in volumes]} if volumes else {}),
    }


def _container(version: ServedVersion, options: ServingOptions) -> Json:
    root = {"readOnlyRootFilesystem": True} if options.read_only_root else {}
    return {
        "name": "user-container",
        "image": options.image,
        "envFrom": [{"configMapRef": {"name": options.config_map}}],
        "env": [
            {"name": "MODEL_NAME", "value": version.model},
            {"name": "MODEL_VERSION", "value": str(version.version)},
            {"name": "MODEL_URI", "value": version.uri},
            {"name": "MODEL_SHA256", "value": version.sha256},
            *({"name": name, "value": value} for name, value in options.variables.items()),
            *(_secret(name, options.secret) for name in STORE_KEYS),
            _secret("KASCADE_TOKENS", options.tokens_secret),
        ],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "successThreshold": 1},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}}
        | ({"limits": dict(options.limits)} if options.limits else {}),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
            **root,
        },
    }


def _secret(name: str, secret: str) -> Json:
    """Return a variable that has its value from a Secret, if that is there."""
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": name, "optional": True}}}


def volumes_of(options: ServingOptions) -> list[tuple[Json, Json]]:
    """Return each volume with its mount."""
    found: list[tuple[Json, Json]] = []
    if options.read_only_root:
        found.append(({"name": "tmp", "emptyDir": {}}, {"name": "tmp", "mountPath": "/tmp"}))  # noqa: S108 - the container's
    if options.sink_audience:
        folder, _, file = options.variables["SINK_TOKEN_FILE"].rpartition("/")
        token = {"audience": options.sink_audience, "expirationSeconds": 3600, "path": file}
        found.append(
            (
                {"name": "sink-token", "projected": {"sources": [{"serviceAccountToken": token}]}},
                {"name": "sink-token", "mountPath": folder, "readOnly": True},
            )
        )
    return found


def traffic_to(revision: str | None) -> list[Json]:
    """Return the traffic that goes to one revision, or to the newest ready one."""
    return [
        {"revisionName": revision, "percent": 100} if revision else {"latestRevision": True, "percent": 100}
    ]


def traffic_of(model: str, traffic: Traffic) -> list[Json]:
    """Return a model's traffic as traffic targets."""
    tags = {traffic.challenger: CHALLENGER, traffic.previous: PREVIOUS}
    versions = [traffic.champion, *(version for version in tags if version is not None)]
    return [
        {"revisionName": version_name(model, version), "percent": traffic.shares.get(version, 0)}
        | ({"tag": tags[version]} if version in tags else {})
        for version in versions
    ]


def challenger_address(model: str, options: ServingOptions) -> str:
    """Return the address at which the challenger answers inside the cluster."""
    return f"http://{CHALLENGER}-{model}.{options.namespace}.svc.{options.cluster_domain}"


def shadow_name(model: str) -> str:
    """Return the name of the Trigger that copies what a champion answered."""
    return f"shadow-{model}"


def shadow_of(model: str, champion: int, options: ServingOptions) -> Json:
    """Return the Trigger that sends what a champion logs to its challenger.

    Copies are worth little later: a challenger that does not answer soon is not waited for long, and what it
    never took is no dead letter. Knative's filter forgets a Trigger before its channel does, so that whatever
    is sent as a phase ends fails here for a while, events of any type. A channel in memory answers no sender
    before it has given up, so it gives up soon.
    """
    namespace = options.namespace
    record = {"apiVersion": f"{GROUP}/{API_VERSION}", "kind": "Service", "namespace": namespace}
    return {
        "apiVersion": f"{EVENTING_GROUP}/{API_VERSION}",
        "kind": "Trigger",
        "metadata": {"name": shadow_name(model), "namespace": namespace, "labels": {MODEL_LABEL: model}},
        "spec": {
            "broker": "default",
            "filters": [
                {"exact": {"type": "dev.kascade.inference.logged", "subject": f"{model}/v{champion}"}}
            ],
            "subscriber": {"uri": challenger_address(model, options)},
            "delivery": {
                "retry": 2,
                "backoffPolicy": "exponential",
                "backoffDelay": "PT0.2S",
                "timeout": "PT10S",
                "deadLetterSink": {
                    "ref": {**record, "name": "record-events"},
                    "uri": "/dead-letters/copies",
                },
            },
        },
    }
