"""Reading objects: identity, labels, selectors, conditions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def with_times(
    conditions: Iterable[dict[str, str]], before: Iterable[Mapping[str, str]]
) -> list[dict[str, str]]:
    """Return `conditions` with lastTransitionTime kept from `before` where the status did not change."""
    old = {entry["type"]: entry for entry in before}
    timed = []
    for entry in conditions:
        known = old.get(entry["type"])
        same = known is not None and known["status"] == entry["status"] and "lastTransitionTime" in known
        at = known["lastTransitionTime"] if known is not None and same else stamp()
        timed.append({**entry, "lastTransitionTime": at})
    return timed


def ready_of(body: Mapping[str, Any]) -> str:
    """Return the status of the Ready condition: True, False or Unknown."""
    for entry in (body.get("status") or {}).get("conditions") or ():
        if entry["type"] == "Ready":
            return str(entry["status"])
    return "Unknown"


__all__ = [
    "Json",
    "Key",
    "annotations_of",
    "condition",
    "labels_of",
    "ready_of",
    "selects",
    "stamp",
    "with_times",
]
