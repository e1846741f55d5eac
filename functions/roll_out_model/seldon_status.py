"""What a model's Experiment and Models of Seldon Core 2 say, read from plain objects.

Seldon's status gives no shares and does not say which spec it is about: `observedGeneration` stays empty.
What an Experiment asks for is taken as served once it is Ready, and Ready is believed when it turned so
after the change. Sources: operator/scheduler/{model,experiment}.go and
scheduler/pkg/envoy/processor/incremental.go of Seldon Core.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from functions.roll_out_model.deployer import FOREIGN, Observed, Readiness, Status
from functions.roll_out_model.seldon_objects import mirror_in, shares_in, version_of
from functions.roll_out_model.seldon_roles import (
    LATEST,
    Json,
    changed_at,
    requested_in,
    time_in,
    version_in,
)

_SECOND = timedelta(seconds=1)
DOUBTFUL = timedelta(seconds=1.5)
"""How long a Ready is doubted that turned so in the very second of the change: times have no fractions."""
LOST = timedelta(seconds=30)
"""How long an older Ready is not believed. Seldon answers a change by not Ready and then Ready; a controller
that was started anew between the two says Ready without having turned."""
REFUSED = "ModelReady"
"""The condition that an Experiment gets when the scheduler refuses it, of all names; it stays for good."""


def observed_in(
    model: str, experiment: Json | None, models: Sequence[Json], now: datetime, url: str
) -> Observed:
    """Read what a model's Experiment and Models say; Models that are being deleted are gone."""
    versions = {version_of(model, each["metadata"]["name"]): status_of(each) for each in not_deleted(models)}
    versions.pop(FOREIGN, None)
    if experiment is None:
        return Observed(versions=versions)
    latest = version_in(experiment, LATEST)
    shares = shares_in(model, experiment)
    requested, in_force = requested_in(experiment, shares), is_in_force(experiment, now)
    running = () if requested is None else (requested.champion, requested.challenger, requested.previous)
    return Observed(
        latest=latest if latest in versions else None,
        versions=versions,
        requested=requested,
        serving=shares if in_force else {},
        in_force=in_force
        and requested is not None
        and all(
            each is None or versions.get(each, Status(Readiness.ABSENT)).readiness is Readiness.READY
            for each in running
        ),
        url=url,
        mirror=mirror_in(model, experiment),
    )


def not_deleted(models: Sequence[Json]) -> list[Json]:
    """Return the objects that are not being deleted."""
    return [each for each in models if "deletionTimestamp" not in each["metadata"]]


def is_in_force(experiment: Json, now: datetime) -> bool:
    """Say whether the requests go as the Experiment asks for."""
    ready, changed = _condition(experiment, "Ready"), changed_at(experiment)
    if ready.get("status") != "True":
        return False
    turned, refused = time_in(ready.get("lastTransitionTime")), _refused_at(experiment)
    if turned is not None and refused is not None and refused > turned:
        return False
    if changed is None:
        return True
    if turned is None or turned + _SECOND <= changed:
        return now - changed >= LOST
    return turned > changed or now - changed >= DOUBTFUL


def _refused_at(experiment: Json) -> datetime | None:
    refused = _condition(experiment, REFUSED)
    return time_in(refused.get("lastTransitionTime")) if refused.get("status") == "False" else None


def status_of(found: Json) -> Status:
    """Return what a Model says of itself: in `message` its state, in `reason` why.

    A Model that no Server can take now is tried again when one can.
    """
    ready = _condition(found, "ModelReady")
    state, reason = ready.get("message") or "", ready.get("reason") or ""
    if ready.get("status") == "True":
        return Status(Readiness.READY)
    failed = state == "ModelFailed"
    words = ": ".join(part for part in (state, reason) if part)
    return Status(Readiness.FAILED if failed else Readiness.PENDING, words)


def _condition(found: Json, name: str) -> Json:
    conditions = (found.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each.get("type") == name), {})
