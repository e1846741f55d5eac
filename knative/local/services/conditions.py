"""The conditions of a Service, in Knative's words."""

from __future__ import annotations

from knative.local.resources.kinds import Json
from knative.local.resources.objects import condition, ready_condition, ready_of

Condition = dict[str, str]

OUT_OF_DATE: Condition = condition(
    "ConfigurationsReady",
    None,
    "OutOfDate",
    "The Configuration is still working to reflect the latest desired specification.",
)


def configured(created: Json, taken: str) -> Condition:
    """Return ConfigurationsReady: of the newest revision, or of a name that another one has."""
    if taken:
        why = (
            f'Revision creation failed with message: revisions.serving.knative.dev "{taken}" already exists.'
        )
        return condition("ConfigurationsReady", False, "RevisionFailed", why)
    ready = ready_of(created)
    if ready == "True":
        return condition("ConfigurationsReady", True)
    why_not = ready_condition(created)
    if ready == "False":
        name = created["metadata"]["name"]
        message = f'Revision "{name}" failed with message: {why_not.get("message", "")}'
        return condition("ConfigurationsReady", False, "RevisionFailed", message)
    return condition("ConfigurationsReady", None, why_not.get("reason", ""), why_not.get("message", ""))


def routed(missing: str, taken: str) -> Condition:
    """Return RoutesReady: False when a revision is gone or its name taken, Unknown while it waits for one."""
    if taken:
        why = (
            f'The revision name "{taken}" is taken by a conflicting Revision, so traffic will not be migrated'
        )
        return condition("RoutesReady", False, "RevisionNameTaken", why)
    if not missing:
        return condition("RoutesReady", True)
    return condition("RoutesReady", False if "not found" in missing else None, "RevisionMissing", missing)


def all_of(configurations: Condition, routes: Condition) -> list[Condition]:
    """Return both parts with Ready between them: what failed last, else what is waited for first."""
    failed = [part for part in (routes, configurations) if part["status"] == "False"]
    waiting = [part for part in (configurations, routes) if part["status"] == "Unknown"]
    ready = next(iter([*failed, *waiting]), None)
    return [configurations, {**ready, "type": "Ready"} if ready else condition("Ready", True), routes]
