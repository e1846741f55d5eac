"""Who a version is in the traffic, kept in annotations: Seldon's own objects know shares and no roles.

Neither generation of Seldon says in a status which spec it is about, so the time of the last change of the
traffic is kept beside. Seldon acts on changes of the spec alone: an annotation starts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from functions.roll_out_model.deployer import Refused, Traffic

Json = dict[str, Any]
MODEL_LABEL = "kascade.dev/model"
CHAMPION, CHALLENGER = "kascade.dev/champion", "kascade.dev/challenger"
PREVIOUS, LATEST = "kascade.dev/previous", "kascade.dev/latest"
CHANGED = "kascade.dev/traffic-changed-at"


@dataclass(frozen=True)
class SeldonOptions:
    """How models are served by Seldon Core 2, and where either generation answers.

    Attributes:
        requirements: what a Server must offer that a Model is put on.
        secret: with the rclone configuration of the store that models are read from.
        memory: what a Model is planned with; empty: what Seldon plans.
        mesh: the address of Core 2's Envoy; empty: `seldon-mesh` in the models' namespace.
        gateway: the address of the ingress that Core v1 routes by.
        ingress: `istio`, whose VirtualService shows the shares of Core v1, or `ambassador`.
    """

    requirements: tuple[str, ...] = ("mlserver", "kascade")
    secret: str = "seldon-rclone-object-store"  # noqa: S105 - the name of a Secret
    memory: str = ""
    replicas: int = 1
    mesh: str = ""
    gateway: str = "http://istio-ingressgateway.istio-system.svc.cluster.local"
    ingress: str = "istio"


def metadata_of(model: str, name: str, namespace: str) -> Json:
    """Return the metadata of an object of a model's."""
    return {"name": name, "namespace": namespace, "labels": {MODEL_LABEL: model}}


def check_ours(found: Json, model: str) -> None:
    """Raise Refused for an object that is not of this model."""
    metadata = found["metadata"]
    if (metadata.get("labels") or {}).get(MODEL_LABEL) != model:
        raise Refused(
            f"the {found.get('kind')} {metadata['name']} exists and is not a model's: it has no label "
            f"{MODEL_LABEL}={model}; rename the model, or delete it"
        )


def annotations_of(traffic: Traffic | None, latest: int, changed: datetime | None = None) -> Json:
    """Return the annotations of a model's traffic, null for what a merge patch takes away."""
    roles = (None, None, None) if traffic is None else _roles(traffic)
    return {
        CHAMPION: roles[0],
        CHALLENGER: roles[1],
        PREVIOUS: roles[2],
        LATEST: str(latest),
        **({CHANGED: changed.isoformat(timespec="milliseconds")} if changed else {}),
    }


def _roles(traffic: Traffic) -> tuple[str | None, ...]:
    given = (traffic.champion, traffic.challenger, traffic.previous)
    return tuple(None if version is None else str(version) for version in given)


def requested_in(found: Json, shares: Mapping[int, int]) -> Traffic | None:
    """Return the traffic that was asked for; None where the spec is another, as after a person's edit."""
    champion = version_in(found, CHAMPION)
    if champion is None:
        return None
    challenger = version_in(found, CHALLENGER)
    percent = shares.get(challenger, 0) if challenger is not None else 0
    traffic = Traffic(champion, challenger, percent, version_in(found, PREVIOUS))
    asked = {version: share for version, share in traffic.shares.items() if share}
    return traffic if asked == shares else None


def version_in(found: Json, annotation: str) -> int | None:
    """Return the version that an annotation names, if any."""
    text = (found["metadata"].get("annotations") or {}).get(annotation) or ""
    return int(text) if text.isdecimal() and text.isascii() and int(text) else None


def changed_at(found: Json) -> datetime | None:
    """Return when the traffic was last changed by us."""
    return time_in((found["metadata"].get("annotations") or {}).get(CHANGED))


def time_in(text: object) -> datetime | None:
    """Return a time as Kubernetes writes it, None where it is none."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
