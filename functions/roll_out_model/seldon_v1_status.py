"""What a model's SeldonDeployment of Seldon Core v1 says, read from plain objects.

Its status names each predictor's Deployment with how many replicas are there, and says of the whole only
that it is Available, Creating or Failed: not about which spec, not for which predictor, and not why. Its
address is that of the first predictor, past the traffic. The shares are those of Istio's VirtualService,
which Seldon writes when every predictor is ready; behind Ambassador no object shows them. Source:
operator/controllers/seldondeployment_controller.go of Seldon Core 1.18.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from functions.roll_out_model.deployer import FOREIGN, Observed, Readiness, Status
from functions.roll_out_model.knative_service import ServingOptions
from functions.roll_out_model.seldon_roles import LATEST, Json, changed_at, requested_in, version_in
from functions.roll_out_model.seldon_v1_objects import (
    address_of,
    shares_in,
    version_of,
    versions_in,
    workload_name,
)

UNSHOWN = timedelta(seconds=5)
"""How long after a change its shares are not believed where no object shows them."""


def observed_in(
    deployment: Json,
    route: Json | None,
    shadow: Json | None,
    options: ServingOptions,
    url: str,
    now: datetime,
    *,
    is_shown: bool,
) -> Observed:
    """Read what a model's SeldonDeployment, its VirtualService and its shadow's Trigger say.

    `is_shown`: the shares are read from the VirtualService; otherwise they are what was asked for a while
    ago.
    """
    model = deployment["metadata"]["name"]
    versions = {each: status_of(deployment, each) for each in versions_in(deployment) if each != FOREIGN}
    asked, latest = shares_in(deployment), version_in(deployment, LATEST)
    requested = requested_in(deployment, asked)
    serving = shares_of(route) if is_shown else _believed(deployment, now)
    running = () if requested is None else (requested.champion, requested.challenger, requested.previous)
    return Observed(
        latest=latest if latest in versions else None,
        versions=versions,
        requested=requested,
        serving=serving,
        in_force=requested is not None
        and serving == asked
        and all(
            each is None or (each in versions and versions[each].readiness is Readiness.READY)
            for each in running
        ),
        url=url,
        mirror=None if shadow is None else _mirrored(model, shadow, set(versions), options),
    )


def status_of(deployment: Json, version: int) -> Status:
    """Return a predictor's status."""
    status = deployment.get("status") or {}
    name = workload_name(deployment["metadata"]["name"], version)
    workload = (status.get("deploymentStatus") or {}).get(name) or {}
    if workload.get("availableReplicas"):
        return Status(Readiness.READY)
    state, description = status.get("state") or "", status.get("description") or ""
    words = ": ".join(part for part in (state, description) if part)
    return Status(Readiness.FAILED if state == "Failed" else Readiness.PENDING, words)


def shares_of(route: Json | None) -> dict[int, int]:
    """Return the shares that a VirtualService gives, by version."""
    rules = (route or {}).get("spec", {}).get("http") or []
    targets = (rules[0].get("route") or []) if rules else []
    if len(targets) == 1:
        return {version_of(targets[0]["destination"].get("subset") or ""): 100}
    found: dict[int, int] = {}
    for each in targets:
        version = version_of(each["destination"].get("subset") or "")
        found[version] = found.get(version, 0) + (each.get("weight") or 0)
    return {version: share for version, share in found.items() if share}


def leftovers(deployment: Json, version: int) -> bool:
    """Say whether the platform still has something of a version that the spec no longer names."""
    status = deployment.get("status") or {}
    return workload_name(deployment["metadata"]["name"], version) in (status.get("deploymentStatus") or {})


def _believed(deployment: Json, now: datetime) -> dict[int, int]:
    changed, state = changed_at(deployment), (deployment.get("status") or {}).get("state")
    late = changed is None or now - changed >= UNSHOWN
    return shares_in(deployment) if state == "Available" and late else {}


def _mirrored(model: str, shadow: Json, versions: set[int], options: ServingOptions) -> int:
    address = shadow["spec"]["subscriber"].get("uri")
    return next((each for each in versions if address == address_of(model, each, options)), FOREIGN)
