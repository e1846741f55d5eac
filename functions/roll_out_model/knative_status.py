"""What a model's Knative Service, its revisions and its shadow's Trigger say, read from plain objects."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from typing import Any

from functions.roll_out_model.deployer import FOREIGN, Observed, Readiness, Status, Traffic
from functions.roll_out_model.knative_service import (
    CHALLENGER,
    PREVIOUS,
    Json,
    ServingOptions,
    challenger_address,
)

TRANSIENT = frozenset(
    {"", "Deploying", "Unschedulable", "NotReady", "Unknown", "ResolvingDigests", "RevisionMissing"}
)
"""Reasons of a failed revision which may pass."""
EXITED, NEVER = "ExitCode", "ExitCode4"
"""How the reason begins when a process ended, which Knative starts again; and the whole reason when a model
server ended since no start of it will succeed: see serve_model."""


def is_up_to_date(service: Json) -> bool:
    """Say whether the status is about the spec as it is, not about one before."""
    seen = (service.get("status") or {}).get("observedGeneration")
    return bool(seen == service["metadata"].get("generation"))


def works_by(service: Json, revision: str) -> bool:
    """Say whether the platform works by a template of this name, and by no other any more."""
    status = service.get("status") or {}
    return is_up_to_date(service) and status.get("latestCreatedRevisionName") == revision


def observed_in(
    service: Json, revisions: Sequence[Json], shadow: Json | None, options: ServingOptions
) -> Observed:
    """Read what a Service, its revisions and its shadow's Trigger say."""
    model, spec, status = service["metadata"]["name"], service["spec"], service.get("status") or {}
    routed = status.get("traffic") or []
    requested, serving = _requested(model, spec.get("traffic") or []), _shares(model, routed)
    mirror = FOREIGN if shadow is not None else None
    if shadow is not None and shadow["spec"]["subscriber"].get("uri") == challenger_address(model, options):
        mirror = _tags(model, spec.get("traffic") or []).get(CHALLENGER, FOREIGN)
    versions = {_version(model, each["metadata"]["name"]): revision_status(each) for each in revisions}
    versions.pop(FOREIGN, None)
    return Observed(
        latest=_version(model, (spec["template"].get("metadata") or {}).get("name")) or None,
        versions=versions,
        requested=requested,
        serving=serving,
        in_force=requested is not None
        and is_up_to_date(service)
        and serving == requested.shares
        and all(
            version in (None, _tags(model, routed).get(tag))
            for tag, version in ((CHALLENGER, requested.challenger), (PREVIOUS, requested.previous))
        ),
        url=status.get("url"),
        mirror=mirror,
    )


def serving_most(service: Json, revisions: Set[str]) -> str | None:
    """Return which of these revisions has most of a Service's traffic as it is; None when none has any."""
    shares = dict.fromkeys(revisions, 0)
    for target in (service.get("status") or {}).get("traffic") or []:
        if target.get("revisionName") in shares:
            shares[target["revisionName"]] += target.get("percent") or 0
    return max((name for name in shares if shares[name]), key=lambda name: shares[name], default=None)


def _version(model: str, revision: str | None) -> int:
    """Return the version that a revision serves; `FOREIGN` for one that was not named here."""
    prefix, _, number = (revision or "").rpartition("-v")
    return int(number) if prefix == model and re.fullmatch("[1-9][0-9]*", number) else FOREIGN


def _requested(model: str, targets: Sequence[Mapping[str, Any]]) -> Traffic | None:
    """Read the traffic that is requested; None where `traffic_of` cannot have written it."""
    if not targets or any(target.get("latestRevision") for target in targets):
        return None
    shares, tags = _shares(model, targets), _tags(model, targets)
    challenger, previous = tags.get(CHALLENGER), tags.get(PREVIOUS)
    champion = next((version for version in shares if version != challenger), FOREIGN)
    percent = shares.get(challenger, 0) if challenger is not None else 0
    found = Traffic(champion, challenger, percent, previous)
    return found if found.shares == shares and FOREIGN not in shares else None


def _tags(model: str, targets: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {t["tag"]: _version(model, t.get("revisionName")) for t in targets if t.get("tag")}


def _shares(model: str, targets: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    shares: dict[int, int] = {}
    for target in targets:
        version = _version(model, target.get("revisionName"))
        shares[version] = shares.get(version, 0) + (target.get("percent") or 0)
    return {version: share for version, share in shares.items() if share}


def revision_status(revision: Json) -> Status:
    """Read how it stands with a revision."""
    conditions = (revision.get("status") or {}).get("conditions") or []
    ready: Json = next((each for each in conditions if each.get("type") == "Ready"), {})
    reason, message = ready.get("reason", ""), ready.get("message", "")
    found = Readiness.PENDING
    if ready.get("status") == "True":
        found = Readiness.READY
    elif ready.get("status") == "False" and reason not in TRANSIENT:
        crashed = reason.startswith(EXITED) and reason != NEVER
        found = Readiness.CRASHED if crashed else Readiness.FAILED
    return Status(found, ": ".join(part for part in (reason, message) if part))
