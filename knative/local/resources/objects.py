"""Reading objects: identity, labels, selectors, conditions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from knative.local.resources.kinds import Json, Kind


class Key(NamedTuple):
    """Which object: its kind, its namespace (empty when it has none) and its name."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind.name} {where}{self.name}"


def key_of(kind: Kind, body: Mapping[str, Any]) -> Key:
    """Return the key of an object of this kind."""
    metadata = body["metadata"]
    return Key(kind, metadata.get("namespace", "") if kind.namespaced else "", metadata["name"])


def labels_of(body: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the labels of an object."""
    return (body.get("metadata") or {}).get("labels") or {}


def annotations_of(body: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the annotations of an object."""
    return (body.get("metadata") or {}).get("annotations") or {}


def stamp(at: datetime | None = None) -> str:
    """Return `at` (now when absent) as Kubernetes writes times."""
    return (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Tell whether a LabelSelector (matchLabels and matchExpressions, all of them) selects `labels`."""
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_holds(rule, labels) for rule in selector.get("matchExpressions") or ())


def _holds(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(rule["key"])
    values = rule.get("values") or ()
    match rule["operator"]:
        case "In":
            return value is not None and value in values
        case "NotIn":
            return value is None or value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None


def condition(
    type_: str, status: bool | None, reason: str = "", message: str = "", severity: str = ""
) -> dict[str, str]:
    """Build a condition; `status` None is Unknown."""
    words = {True: "True", False: "False", None: "Unknown"}
    made = {"type": type_, "status": words[status]}
    for key, value in (("reason", reason), ("message", message), ("severity", severity)):
        if value:
            made[key] = value
    return made


def with_times(conditions: Iterable[Mapping[str, str]], before: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return `conditions` with the object's own lastTransitionTime where their status did not change."""
    old = {entry["type"]: entry for entry in conditions_of(before)}
    timed = []
    for entry in conditions:
        known = old.get(entry["type"])
        same = known is not None and known["status"] == entry["status"] and "lastTransitionTime" in known
        at = known["lastTransitionTime"] if known is not None and same else stamp()
        timed.append({**entry, "lastTransitionTime": at})
    return timed


def ready_of(body: Mapping[str, Any]) -> str:
    """Return the status of the Ready condition: True, False or Unknown."""
    return ready_condition(body).get("status", "Unknown")


def ready_condition(body: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the Ready condition, empty when there is none."""
    return next((entry for entry in conditions_of(body) if entry["type"] == "Ready"), {})


def conditions_of(body: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    """Return the conditions of an object."""
    return status_of(body).get("conditions") or ()


def status_of(body: Mapping[str, Any]) -> Json:
    """Return the status of an object, empty when there is none."""
    return body.get("status") or {}


def address_of(body: Mapping[str, Any]) -> str:
    """Return the URL that an object's status gives, empty when it has none."""
    return (status_of(body).get("address") or {}).get("url") or ""
