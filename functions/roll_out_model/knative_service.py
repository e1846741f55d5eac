"""The Knative Service of a model, written and read as plain objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from functions.roll_out_model.logic import Observed, Readiness, RevisionStatus, Route, Wanted

Json = dict[str, Any]

GROUP = "serving.knative.dev"
EVENTING_GROUP = "eventing.knative.dev"
API_VERSION = "v1"
MODEL_LABEL = "kascade.dev/model"
SERVICE_LABEL = "serving.knative.dev/service"
LATEST = ""


@dataclass(frozen=True)
class ServingOptions:
    """How model servers are run: their image, where their settings come from, where they log predictions.

    A revision with traffic or a tag keeps `min_scale` processes, so the champion before is warm to go back
    to; any other scales to zero. One that does not become ready is given up after `progress_deadline_s`.
    `told` are variables they are given as they are, such as K_SINK: a SinkBinding would change the template
    under a revision's name. `limits` are those of a container; `read_only_root` leaves /tmp to write to;
    `service_account` is who they are, where one is named. With `sink_audience` they are given a token for it,
    in the file that SINK_TOKEN_FILE of `told` names.
    """

    namespace: str = "kascade"
    image: str = "kascade/serve-model:0.1.0"
    config_map: str = "kascade"
    secret: str = "object-store"  # noqa: S105 - the name of a Secret
    min_scale: int = 1
    max_scale: int = 10
    progress_deadline_s: int = 90
    cluster_domain: str = "cluster.local"
    told: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    read_only_root: bool = False
    service_account: str = ""
    sink_audience: str = ""


def service_of(wanted: Wanted, keep: str | None, options: ServingOptions) -> Json:
    """Return the whole Service that serves a version, with its traffic kept on another revision if given."""
    return {
        "apiVersion": f"{GROUP}/{API_VERSION}",
        "kind": "Service",
        "metadata": {
            "name": wanted.model,
            "namespace": options.namespace,
            "labels": {MODEL_LABEL: wanted.model},
        },
        "spec": {"template": template_of(wanted, options), "traffic": traffic_to(keep)},
    }


def template_of(wanted: Wanted, options: ServingOptions) -> Json:
    """Return the revision template of a version."""
    return {
        "metadata": {
            "name": wanted.revision,
            "labels": {MODEL_LABEL: wanted.model},
            "annotations": {
                "autoscaling.knative.dev/min-scale": str(options.min_scale),
                "autoscaling.knative.dev/max-scale": str(options.max_scale),
                # Knative looks at why a process ends when this is over; before, it says that it deploys.
                "serving.knative.dev/progress-deadline": f"{options.progress_deadline_s}s",
            },
        },
        "spec": _pod(wanted, options),
    }


def _pod(wanted: Wanted, options: ServingOptions) -> Json:
    volumes = _volumes(options)
    account = {"serviceAccountName": options.service_account} if options.service_account else {}
    mounts = [mount for _, mount in volumes]
    return {
        "containers": [_container(wanted, options) | ({"volumeMounts": mounts} if mounts else {})],
        "enableServiceLinks": False,
        **account,
        **({"volumes": [volume for volume, _ in volumes]} if volumes else {}),
    }


def _container(wanted: Wanted, options: ServingOptions) -> Json:
    root = {"readOnlyRootFilesystem": True} if options.read_only_root else {}
    return {
        "name": "user-container",
        "image": options.image,
        "envFrom": [
            {"configMapRef": {"name": options.config_map}},
            {"secretRef": {"name": options.secret}},
        ],
        "env": [
            {"name": "MODEL_NAME", "value": wanted.model},
            {"name": "MODEL_VERSION", "value": str(wanted.version)},
            {"name": "MODEL_URI", "value": wanted.uri},
            {"name": "MODEL_SHA256", "value": wanted.sha256},
            *({"name": name, "value": value} for name, value in options.told.items()),
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


def _volumes(options: ServingOptions) -> list[tuple[Json, Json]]:
    """Return each volume with its mount."""
    found: list[tuple[Json, Json]] = []
    if options.read_only_root:
        found.append(({"name": "tmp", "emptyDir": {}}, {"name": "tmp", "mountPath": "/tmp"}))  # noqa: S108 - the container's
    if options.sink_audience:
        folder, _, file = options.told["SINK_TOKEN_FILE"].rpartition("/")
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


def traffic_of(route: Route) -> list[Json]:
    """Return a route as traffic targets."""
    tags = {revision: tag for tag, revision in route.tags.items()}
    names = [*route.shares, *(name for name in tags if name not in route.shares)]
    return [
        {"revisionName": name, "percent": route.shares.get(name, 0)}
        | ({"tag": tags[name]} if name in tags else {})
        for name in names
    ]


def shadow_name(model: str) -> str:
    """Return the name of the Trigger that copies what a champion answered."""
    return f"shadow-{model}"


def shadow_of(model: str, champion: int, address: str, namespace: str) -> Json:
    """Return the Trigger that sends what a champion logs to its challenger.

    Copies are worth little later: a challenger that does not answer soon is not waited for long, and what it
    never took is no dead letter. Knative's filter forgets a Trigger before its channel does, so that whatever
    is sent as a phase ends fails here for a while, events of any type. A channel in memory answers no sender
    before it has given up, so it gives up soon.
    """
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
            "subscriber": {"uri": address},
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


def is_up_to_date(service: Json) -> bool:
    """Say whether the status is about the spec as it is, not about one before."""
    seen = (service.get("status") or {}).get("observedGeneration")
    return bool(seen == service["metadata"].get("generation"))


def has_taken(service: Json, revision: str) -> bool:
    """Say whether the platform works by a template of this name, and by no other any more."""
    status = service.get("status") or {}
    return is_up_to_date(service) and status.get("latestCreatedRevisionName") == revision


def observed_in(
    service: Json, revisions: Sequence[Json], shadow: Json | None, options: ServingOptions
) -> Observed:
    """Read what a Service, its revisions and its shadow's Trigger say."""
    spec, status = service["spec"], service.get("status") or {}
    routed = status.get("traffic") or []
    name, asked = service["metadata"]["name"], _by_tag(spec.get("traffic") or [])
    return Observed(
        template=(spec["template"].get("metadata") or {}).get("name"),
        revisions={revision["metadata"]["name"]: _status_of(revision) for revision in revisions},
        pinned=_shares(spec.get("traffic") or traffic_to(None), latest=True),
        serving=_shares(routed, latest=False),
        url=status.get("url"),
        tags=asked,
        tag_urls={
            tag: f"http://{tag}-{name}.{options.namespace}.svc.{options.cluster_domain}"
            for tag, revision in _by_tag(routed).items()
            if asked.get(tag) == revision
        },
        shadow=shadow["spec"]["subscriber"].get("uri") if shadow else None,
        current=is_up_to_date(service),
    )


def _by_tag(targets: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {t["tag"]: t["revisionName"] for t in targets if t.get("tag") and t.get("revisionName")}


def _shares(targets: Sequence[Mapping[str, Any]], *, latest: bool) -> dict[str, int]:
    shares: dict[str, int] = {}
    for target in targets:
        name = LATEST if latest and target.get("latestRevision") else target.get("revisionName", LATEST)
        shares[name] = shares.get(name, 0) + (target.get("percent") or 0)
    return {name: share for name, share in shares.items() if share}


def _status_of(revision: Json) -> RevisionStatus:
    conditions = (revision.get("status") or {}).get("conditions") or []
    ready: Json = next((c for c in conditions if c.get("type") == "Ready"), {})
    found = {"True": Readiness.READY, "False": Readiness.FAILED}.get(
        ready.get("status", ""), Readiness.PENDING
    )
    return RevisionStatus(found, ready.get("reason", ""), ready.get("message", ""))
