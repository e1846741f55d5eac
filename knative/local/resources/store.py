"""The objects in memory, with versions, watches and a journal; the only place that changes them."""

from __future__ import annotations

import json
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from knative.local.errors import AlreadyExists, Conflict, NotFound
from knative.local.resources.journal import Entry, Journal
from knative.local.resources.kinds import Json, Kind
from knative.local.resources.objects import Key, stamp, with_times

Change = Literal["ADDED", "MODIFIED", "DELETED"]
_REMEMBERED = 4096
_BY_THE_STORE = ("uid", "generation", "creationTimestamp", "resourceVersion", "deletionTimestamp")


@dataclass(frozen=True)
class WatchEvent:
    """One change of one object, as a watch shows it; `before` is what it was, None when it was not there."""

    version: int
    change: Change
    key: Key
    body: Json
    before: Json | None


Listener = Callable[[WatchEvent], None]


class Store:
    """Keeps every object by key. Bodies given out are never changed afterwards: do not change them either."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._entries: dict[Key, Entry] = {entry.key: entry for entry in journal.entries()}
        versions = (int(entry.body["metadata"]["resourceVersion"]) for entry in self._entries.values())
        self.version = max(versions, default=0) + 1
        self._listeners: list[Listener] = []
        self._history: deque[WatchEvent] = deque(maxlen=_REMEMBERED)

    def find(self, key: Key) -> Json | None:
        """Return the object at `key`, or None."""
        entry = self._entries.get(key)
        return entry.body if entry else None

    def get(self, key: Key) -> Json:
        """Return the object at `key`.

        Raises:
            NotFound: there is none.
        """
        body = self.find(key)
        if body is None:
            raise NotFound(f'{key.kind.resource} "{key.name}" not found', details=_details(key))
        return body

    def manifest_of(self, key: Key) -> Json | None:
        """Return the manifest that last made the object at `key`; None for one made by the API."""
        entry = self._entries.get(key)
        return entry.manifest if entry else None

    def all_of(self, kind: Kind, namespace: str = "") -> list[Json]:
        """Return the objects of a kind, of one namespace when given, by namespace and name."""
        keys = [k for k in self._entries if k.kind is kind and (not namespace or k.namespace == namespace)]
        return [self._entries[key].body for key in sorted(keys, key=lambda k: (k.namespace, k.name))]

    def every_key(self) -> Iterator[Key]:
        """Yield the key of every object."""
        yield from tuple(self._entries)

    def create(self, key: Key, body: Json, *, manifest: Json | None = None) -> Json:
        """Add an object and return it as kept, with uid, versions and time.

        Raises:
            AlreadyExists: there is one of that name.
        """
        if key in self._entries:
            raise AlreadyExists(f'{key.kind.resource} "{key.name}" already exists', details=_details(key))
        own = {"uid": str(uuid.uuid4()), "generation": 1, "creationTimestamp": stamp()}
        metadata = {**body["metadata"], **own}
        if key.namespace:
            metadata["namespace"] = key.namespace
        fresh = {**_type_of(key), **body, "metadata": metadata}
        return self._keep("ADDED", key, fresh, manifest)

    def replace(
        self, key: Key, body: Json, *, expected: str | None = None, manifest: Json | None = None
    ) -> Json:
        """Change an object and return it as kept.

        Its status stays; its generation grows when more than its metadata changed.

        Raises:
            NotFound: there is none.
            Conflict: its resourceVersion is not `expected`.
        """
        now = self.get(key)
        metadata = now["metadata"]
        if expected and expected != metadata["resourceVersion"]:
            raise modified(key)
        kept = {name: metadata[name] for name in _BY_THE_STORE if name in metadata}
        fresh = {**_type_of(key), **body, "metadata": {**body["metadata"], **kept}}
        if key.namespace:
            fresh["metadata"]["namespace"] = key.namespace
        fresh.pop("status", None)
        if "status" in now:
            fresh["status"] = now["status"]
        if _content(fresh) != _content(now):
            fresh["metadata"]["generation"] = metadata["generation"] + 1
        stays = manifest if manifest is not None else self.manifest_of(key)
        if fresh == now and stays == self.manifest_of(key):
            return now
        return self._keep("MODIFIED", key, fresh, stays)

    def put(self, key: Key, body: Json) -> Json:
        """Create an object, or replace the one that is there, and return it as kept."""
        return self.replace(key, body) if key in self._entries else self.create(key, body)

    def set_status(self, key: Key, status: Mapping[str, Any], *, timed: bool = True) -> None:
        """Set the status of the object at `key` if it is there and the status is another one.

        With `timed` its conditions get the time of their last change.
        """
        entry = self._entries.get(key)
        if entry is None:
            return
        if timed and "conditions" in status:
            status = {**status, "conditions": with_times(status["conditions"], entry.body)}
        if entry.body.get("status") == status:
            return
        body = {**entry.body, "metadata": dict(entry.body["metadata"]), "status": dict(status)}
        self._keep("MODIFIED", key, body, entry.manifest)

    def mark_as_going(self, key: Key) -> Json:
        """Say of the object at `key` that it goes once its finalizers have, and return it as kept."""
        entry = self._entries[key]
        metadata = {**entry.body["metadata"], "deletionTimestamp": stamp()}
        return self._keep("MODIFIED", key, {**entry.body, "metadata": metadata}, entry.manifest)

    def delete(self, key: Key) -> Json:
        """Remove the object at `key` and return it as it was.

        Raises:
            NotFound: there is none.
        """
        body = self.get(key)
        del self._entries[key]
        self._journal.drop(key)
        self.version += 1
        last = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        self._notify(WatchEvent(self.version, "DELETED", key, last, body))
        return last

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` at every change from now on; return what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def since(self, version: int) -> list[WatchEvent] | None:
        """Return the changes after `version`, or None when they are no longer remembered."""
        if version > self.version:
            return None
        if version == self.version:
            return []
        if not self._history or self._history[0].version > version + 1:
            return None
        return [event for event in self._history if event.version > version]

    async def durable(self) -> None:
        """Return once every change so far is on disk."""
        await self._journal.durable()

    def _keep(self, change: Change, key: Key, body: Json, manifest: Json | None) -> Json:
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        kept: Json = json.loads(json.dumps(body))
        entry = Entry(key, kept, manifest)
        before = self.find(key)
        self._entries[key] = entry
        self._journal.put(entry)
        self._notify(WatchEvent(self.version, change, key, kept, before))
        return kept

    def _notify(self, event: WatchEvent) -> None:
        self._history.append(event)
        for listener in tuple(self._listeners):
            listener(event)


def _type_of(key: Key) -> Json:
    return {"apiVersion": key.kind.api_version, "kind": key.kind.name}


def _content(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in ("metadata", "status")}


def modified(key: Key) -> Conflict:
    """Build the refusal of a change based on an older version of the object at `key`."""
    return Conflict(
        f'Operation cannot be fulfilled on {key.kind.resource} "{key.name}": the object has been modified; '
        "please apply your changes to the latest version and try again",
        details=_details(key),
    )


def _details(key: Key) -> Json:
    return {"name": key.name, "group": key.kind.group, "kind": key.kind.plural}
