"""The Knative Service of a model, written and read as plain objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.roll_out_model.logic import Observed, Readiness, RevisionStatus, Wanted

Json = dict[str, Any]

GROUP = "serving.knative.dev"
API_VERSION = "v1"
MODEL_LABEL = "kascade.dev/model"
SERVICE_LABEL = "serving.knative.dev/service"
LATEST = ""


@dataclass(frozen=True)
class ServingOptions:
    """How model servers are run: their image, and where their settings come from."""

    namespace: str = "kascade"
    image: str = "kascade/serve-model:0.1.0"
    config_map: str = "kascade"
    secret: str = "object-store"  # noqa: S105 - the name of a Secret
    min_scale: int = 0
    max_scale: int = 10


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
            },
        },
        "spec": {
            "containers": [
                {
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
                    ],
                    "readinessProbe": {"httpGet": {"path": "/readyz"}},
                    "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
                }
            ]
        },
    }


def traffic_to(revision: str | None) -> list[Json]:
    """Return the traffic that goes to one revision, or to the newest ready one."""
    return [
        {"revisionName": revision, "percent": 100} if revision else {"latestRevision": True, "percent": 100}
    ]


def observed_in(service: Json, revisions: Sequence[Json]) -> Observed:
    """Read what a Service and its revisions say."""
    spec, status = service["spec"], service.get("status") or {}
    return Observed(
        template=(spec["template"].get("metadata") or {}).get("name"),
        revisions={revision["metadata"]["name"]: _status_of(revision) for revision in revisions},
        pinned=_shares(spec.get("traffic") or traffic_to(None), latest=True),
        serving=_shares(status.get("traffic") or [], latest=False),
        url=status.get("url"),
    )


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
