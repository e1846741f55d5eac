"""JobSinks: an event becomes a Job, once, and is answered 202 when the Job is on disk."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from eventing.codec import decode, to_structured
from eventing.errors import InvalidEvent
from eventing.event import Event
from knative.local.addresses import Addresses
from knative.local.jobs.runner import Jobs
from knative.local.log import info
from knative.local.resources.defaulting import in_batch
from knative.local.resources.kinds import JOB, JOB_SINK, Json
from knative.local.resources.objects import Key, condition
from knative.local.resources.store import Store

_NAME_LIMIT = 63


class JobSinks:
    """Takes events for JobSinks."""

    def __init__(self, store: Store, jobs: Jobs, addresses: Addresses) -> None:
        self._store = store
        self._jobs = jobs
        self._addresses = addresses

    def reconcile(self, key: Key) -> None:
        """Give the JobSink at `key` its address."""
        sink = self._store.find(key)
        if sink is None:
            return
        status = {
            "address": {"url": self._addresses.job_sink(key.namespace, key.name)},
            "conditions": [condition("Addressable", True), condition("Ready", True)],
            "observedGeneration": sink["metadata"]["generation"],
        }
        self._store.set_status(key, status)

    async def accept(
        self, namespace: str, name: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, str]:
        """Make the Job for an event; return the status to answer and why.

        The Job is named by the JobSink, the source and the id: an event delivered again starts no second.
        """
        sink = self._store.find(Key(JOB_SINK, namespace, name))
        if sink is None:
            return 404, f"there is no JobSink {name} in namespace {namespace}"
        try:
            event = decode(headers, body)
            _, written = to_structured(event)
        except InvalidEvent as error:
            return 400, str(error)
        key = Key(JOB, namespace, job_name(name, event))
        if self._store.find(key) is None:
            path = self._jobs.folder(key) / "event"
            _write(path, written)
            if self._store.find(key) is None:
                self._store.create(key, _job(sink, key, event, path))
                info("job made", job=key.name, event=event.id, type=event.type)
        await self._store.durable()
        return 202, key.name


def job_name(sink: str, event: Event) -> str:
    """Return the name of a JobSink's Job for an event, the same for the same source and id."""
    digest = hashlib.sha256(f"{sink}\x1f{event.source}\x1f{event.id}".encode()).hexdigest()[:20]
    return f"{sink[: _NAME_LIMIT - 21]}-{digest}"


def _job(sink: Json, key: Key, event: Event, path: Path) -> Json:
    template = copy.deepcopy(sink["spec"]["job"])
    given = template.get("metadata") or {}
    container = template["spec"]["template"]["spec"]["containers"][0]
    where = {"name": "K_EVENT_PATH", "value": str(path.resolve())}
    container["env"] = [*in_batch(container)["env"], where]
    name = sink["metadata"]["name"]
    own = {"sinks.knative.dev/job-sink": name, "sinks.knative.dev/job-sink-name": name}
    labels = {**(given.get("labels") or {}), **own}
    annotations = {
        **(given.get("annotations") or {}),
        "kascade.dev/event-id": event.id,
        "kascade.dev/event-source": event.source,
        "kascade.dev/event-type": event.type,
    }
    owner = {
        "apiVersion": JOB_SINK.api_version,
        "kind": "JobSink",
        "name": sink["metadata"]["name"],
        "uid": sink["metadata"]["uid"],
    }
    metadata = {"name": key.name, "labels": labels, "annotations": annotations, "ownerReferences": [owner]}
    return {"metadata": metadata, "spec": template["spec"]}


def _write(path: Path, content: bytes) -> None:
    """Write a file so that it is whole and on disk, and its folder too, when this returns."""
    _make(path.parent)
    draft = path.with_name(".event")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync(path.parent)


def _make(folder: Path) -> None:
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    """Have the names in a folder on disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
