"""ApiServerSources: an event at every change of the objects they name.

As Knative's: at the start of a source what is there already is told as added; what cannot be delivered in
five tries is dropped.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from eventing.codec import to_binary
from eventing.event import Event
from knative.local.addresses import Addresses
from knative.local.log import warn
from knative.local.resources.kinds import Json, Kind, kind_of
from knative.local.resources.objects import Key, key_of, labels_of, selects
from knative.local.resources.store import Change, Store, WatchEvent
from knative.local.sources.sending import Send, send_patiently
from knative.local.sources.sinks import resolve, sink_status

TYPES: Mapping[Change, str] = MappingProxyType({"ADDED": "add", "MODIFIED": "update", "DELETED": "delete"})
_FIRST_WAIT_S = 0.05
_Sent = tuple[Change, Key, Json]


class ApiServerSources:
    """Watches for every ApiServerSource, and sends what it asks for in the order of the changes."""

    def __init__(self, store: Store, addresses: Addresses, send: Send) -> None:
        self._store = store
        self._addresses = addresses
        self._send = send
        self._watches: dict[Key, _Watch] = {}
        self._end = store.listen(self._on_change)

    def reconcile(self, key: Key) -> None:
        """Start, change or stop the watch of the ApiServerSource at `key`."""
        source = self._store.find(key)
        uri, problem = "", ""
        if source is not None:
            uri, problem = resolve(source["spec"]["sink"], key.namespace, self._store, self._addresses)
            self._store.set_status(key, sink_status(source, uri, problem))
        known = self._watches.get(key)
        wanted = (source["spec"], uri) if source is not None and uri else None
        if known is not None and (known.spec, known.uri) != wanted:
            known.task.cancel()
            del self._watches[key]
        if wanted is not None and key not in self._watches:
            watch = self._watches[key] = _Watch(key, *wanted, f"http://127.0.0.1:{self._addresses.port}")
            for kind in {kind for kind, _ in watch.resources}:
                for body in self._store.all_of(kind, key.namespace):
                    watch.tell("ADDED", key_of(kind, body), body)
            watch.task = asyncio.ensure_future(self._run(watch))

    async def close(self) -> None:
        """Stop every watch."""
        self._end()
        tasks = [watch.task for watch in self._watches.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_change(self, event: WatchEvent) -> None:
        for watch in self._watches.values():
            watch.tell(event.change, event.key, event.body)

    async def _run(self, watch: _Watch) -> None:
        while True:
            change, key, body = await watch.changes.get()
            headers, content = to_binary(event_of(watch.spec, watch.source, change, key, body))
            status = await send_patiently(self._send, watch.uri, headers, content, first_wait_s=_FIRST_WAIT_S)
            if not 200 <= status < 300:
                warn(
                    "change not taken", source=watch.key.name, object=str(key), sink=watch.uri, status=status
                )


class _Watch:
    """What one source watches, and the changes that it has not sent yet."""

    task: asyncio.Task[None]

    def __init__(self, key: Key, spec: Json, uri: str, source: str) -> None:
        self.key, self.spec, self.uri, self.source = key, spec, uri, source
        self.changes: asyncio.Queue[_Sent] = asyncio.Queue()
        named = [(kind_of(each), each.get("selector") or {}) for each in spec["resources"]]
        self.resources: list[tuple[Kind, Json]] = [(kind, each) for kind, each in named if kind is not None]

    def tell(self, change: Change, key: Key, body: Json) -> None:
        """Note a change if the source asks for it."""
        if key.namespace == self.key.namespace and any(
            kind is key.kind and selects(selector, labels_of(body)) for kind, selector in self.resources
        ):
            self.changes.put_nowait((change, key, body))


def event_of(spec: Mapping[str, Any], source: str, change: Change, key: Key, body: Json) -> Event:
    """Build the event of one change: with the object, or in the mode Reference with what names it."""
    kind = key.kind
    names = {"kind": kind.name, "name": key.name, "namespace": key.namespace}
    whole = spec.get("mode") == "Resource"
    data = {**body, "apiVersion": kind.api_version, "kind": kind.name} if whole else None
    overrides = (spec.get("ceOverrides") or {}).get("extensions") or {}
    return Event(
        id=str(uuid.uuid4()),
        source=source,
        type=f"dev.knative.apiserver.{'resource' if whole else 'ref'}.{TYPES[change]}",
        subject=f"/apis/{kind.api_version}/namespaces/{key.namespace}/{kind.plural}/{key.name}",
        time=datetime.now(UTC),
        data=data or {**names, "apiVersion": kind.api_version},
        extensions={
            **names,
            "apiversion": kind.api_version,
            **{name: str(value) for name, value in overrides.items()},
        },
    )
