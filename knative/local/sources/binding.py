"""SinkBindings: the variables that say where a Service or a Job sends its events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from knative.local.addresses import Addresses
from knative.local.resources.kinds import JOB, SERVICE, SINK_BINDING, Json, Kind, kind_of
from knative.local.resources.objects import Key, labels_of, selects, status_of
from knative.local.resources.store import Store
from knative.local.services.revisions import SERVICE_LABEL
from knative.local.sources.sinks import resolve, sink_status


class SinkBindings:
    """Answers what the SinkBindings of the store give to a process."""

    def __init__(self, store: Store, addresses: Addresses, on_change: Callable[[], None]) -> None:
        self._store = store
        self._addresses = addresses
        self._on_change = on_change

    def for_revision(self, revision: Json) -> dict[str, str]:
        """Return the variables for the processes of a revision: its Service is the subject."""
        namespace = revision["metadata"]["namespace"]
        name = labels_of(revision)[SERVICE_LABEL]
        service = self._store.find(Key(SERVICE, namespace, name))
        return self._variables(SERVICE, service) if service else {}

    def for_job(self, job: Json) -> dict[str, str]:
        """Return the variables for the processes of a Job."""
        return self._variables(JOB, job)

    def reconcile(self, key: Key) -> None:
        """Resolve the sink of the SinkBinding at `key`; processes bound otherwise until now are replaced."""
        binding = self._store.find(key)
        if binding is not None:
            uri, problem = resolve(binding["spec"]["sink"], key.namespace, self._store, self._addresses)
            self._store.set_status(key, sink_status(binding, uri, problem))
        self._on_change()

    def _variables(self, kind: Kind, subject: Json) -> dict[str, str]:
        metadata = subject["metadata"]
        for binding in self._store.all_of(SINK_BINDING, metadata["namespace"]):
            uri = status_of(binding).get("sinkUri")
            if uri and _binds(binding["spec"]["subject"], kind, subject):
                overrides = binding["spec"].get("ceOverrides") or {}
                written = json.dumps(overrides) if overrides else ""
                return {"K_SINK": self._addresses.reachable(uri), "K_CE_OVERRIDES": written}
        return {}


def _binds(subject: dict[str, Any], kind: Kind, body: Json) -> bool:
    if kind_of({"apiVersion": subject["apiVersion"], "kind": subject["kind"]}) is not kind:
        return False
    if subject.get("namespace") and subject["namespace"] != body["metadata"]["namespace"]:
        return False
    if subject.get("name"):
        return bool(subject["name"] == body["metadata"]["name"])
    return selects(subject.get("selector") or {}, labels_of(body))
