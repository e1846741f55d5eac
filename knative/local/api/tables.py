"""The columns `kubectl get` shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from knative.local.resources.kinds import Json, Kind
from knative.local.resources.objects import address_of, conditions_of, ready_condition, ready_of, status_of

Column = tuple[str, Callable[[Json], Any]]


def _status(field: str) -> Callable[[Json], Any]:
    return lambda body: status_of(body).get(field, "")


def _spec(field: str) -> Callable[[Json], Any]:
    return lambda body: (body.get("spec") or {}).get(field, "")


def _reason(body: Json) -> str:
    return ready_condition(body).get("reason", "")


def _job_state(body: Json) -> str:
    return next((c["type"] for c in conditions_of(body) if c["status"] == "True"), "Running")


_READY: tuple[Column, ...] = (("Ready", ready_of), ("Reason", _reason))
_COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "Service": (
        ("URL", _status("url")),
        ("LatestCreated", _status("latestCreatedRevisionName")),
        ("LatestReady", _status("latestReadyRevisionName")),
        *_READY,
    ),
    "Configuration": (
        ("LatestCreated", _status("latestCreatedRevisionName")),
        ("LatestReady", _status("latestReadyRevisionName")),
        *_READY,
    ),
    "Route": (("URL", _status("url")), *_READY),
    "Revision": (
        ("Config Name", lambda body: body["metadata"]["labels"].get("serving.knative.dev/configuration", "")),
        ("Actual Replicas", _status("actualReplicas")),
        *_READY,
    ),
    "Broker": (("URL", address_of), *_READY),
    "Trigger": (("Broker", _spec("broker")), ("Subscriber_URI", _status("subscriberUri")), *_READY),
    "ApiServerSource": (("Sink", _status("sinkUri")), *_READY),
    "PingSource": (("Sink", _status("sinkUri")), ("Schedule", _spec("schedule")), *_READY),
    "SinkBinding": (("Sink", _status("sinkUri")), *_READY),
    "JobSink": (("URL", address_of), *_READY),
    "Job": (("Status", _job_state), ("Failed", _status("failed"))),
    "ConfigMap": (("Data", lambda body: len(body.get("data") or {})),),
    "Secret": (
        ("Type", lambda body: body.get("type", "Opaque")),
        ("Data", lambda body: len(body.get("data") or {})),
    ),
}


def table_of(kind: Kind, bodies: list[Json], version: str, *, now: datetime | None = None) -> Json:
    """Return the meta.k8s.io/v1 Table of objects of one kind."""
    columns = _COLUMNS.get(kind.name, ())
    names = ["Name", *(name for name, _ in columns), "Age"]
    definitions = [
        {
            "name": name,
            "type": "string",
            "format": "name" if name == "Name" else "",
            "description": "",
            "priority": 0,
        }
        for name in names
    ]
    rows = [
        {"cells": _cells(columns, body, now or datetime.now(UTC)), "object": _partial(body)}
        for body in bodies
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        "columnDefinitions": definitions,
        "rows": rows,
    }


def _cells(columns: tuple[Column, ...], body: Json, now: datetime) -> list[str]:
    metadata = body["metadata"]
    age = now - datetime.fromisoformat(metadata["creationTimestamp"])
    return [metadata["name"], *(str(read(body)) for _, read in columns), _age(age.total_seconds())]


def _partial(body: Json) -> Json:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": body["metadata"]}


def _age(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"
