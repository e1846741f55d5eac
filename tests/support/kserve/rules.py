"""What KServe 0.20 makes of an InferenceService in Knative mode, whoever runs its pods.

What is rolled out follows `PropagateStatus`, in its pkg/apis/serving/v1beta1; the traffic follows its
ksvc_reconciler.go.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
SOURCE_URI = "internal.serving.kserve.io/storage-initializer-sourceuri"
_TAGS = "serving.kserve.io/enable-tag-routing"


def notes_of(service: Json) -> Json:
    """Return the annotations of a revision: all of the object's, its predictor's, and where its model is."""
    predictor = service["spec"]["predictor"]
    return {
        **service["metadata"].get("annotations", {}),
        **predictor.get("annotations", {}),
        SOURCE_URI: predictor["model"]["storageUri"],
    }


def traffic_of(service: Json, component: Json) -> list[Json]:
    """Return the traffic of the Knative Service, by what the status says is rolled out."""
    percent = service["spec"]["predictor"].get("canaryTrafficPercent")
    rolled_out = component.get("latestRolledoutRevision")
    tag = {"tag": "latest"} if service["metadata"].get("annotations", {}).get(_TAGS) == "true" else {}
    if percent is None or not rolled_out:
        return [{"latestRevision": True, "percent": 100, **tag}]
    latest = {"latestRevision": True, "percent": percent, **tag}
    stable = {"revisionName": rolled_out, "latestRevision": False, "percent": 100 - percent, "tag": "prev"}
    return [latest, *([stable] if percent < 100 else [])]


def shares_of(routed: list[Json]) -> dict[str, int]:
    """Return the percent of each revision, over all its targets."""
    shares: dict[str, int] = {}
    for target in routed:
        shares[target["revisionName"]] = shares.get(target["revisionName"], 0) + target["percent"]
    return shares


def propagated(component: Json, created: str, ready: str, routed: list[Json]) -> Json:
    """Return the predictor's status, by what the Knative Service's says."""
    after = {**component, "latestCreatedRevision": created, "traffic": routed}
    shares = shares_of(routed)
    for target in routed:
        if target["revisionName"] != ready or not target.get("latestRevision"):
            continue
        if after.get("latestRolledoutRevision") != ready:
            if target["percent"] == 100:
                after["previousRolledoutRevision"] = after.get("latestRolledoutRevision", "")
                after["latestRolledoutRevision"] = ready
        elif ready == created and target["percent"] < 100 and shares[ready] == 100:
            before = after.get("previousRolledoutRevision")
            after["latestRolledoutRevision"] = before or after["latestRolledoutRevision"]
    after["latestReadyRevision"] = ready
    return after


def traffic_problem(name: str, service: Json) -> str:
    """Return what Knative's webhook refuses of the Service that is made of this one."""
    percent = service["spec"]["predictor"].get("canaryTrafficPercent")
    if percent is not None and not 0 <= percent <= 100:
        return f"Traffic targets sum to {percent if percent > 100 else 100 - percent}, want 100"
    notes = service["metadata"].get("annotations", {})
    tags = ["prev"] if percent is not None else []
    tags += ["latest"] if notes.get(_TAGS) == "true" else []
    for tag in tags:
        host = f"{tag}-{name}-predictor"
        if len(host) > 63:
            return f"invalid value: {host}: must be no more than 63 characters"
    return ""
