"""PingSources: an event whenever a cron line says so."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from croniter import croniter

from eventing.codec import to_binary
from eventing.event import Event
from knative.local.addresses import Addresses
from knative.local.log import warn
from knative.local.resources.kinds import Json
from knative.local.resources.objects import Key
from knative.local.resources.store import Store
from knative.local.sources.sending import Send, send_patiently
from knative.local.sources.sinks import resolve, sink_status

TYPE = "dev.knative.sources.ping"
_FIRST_WAIT_S = 0.2


class PingSources:
    """Runs a clock for every PingSource."""

    def __init__(self, store: Store, addresses: Addresses, send: Send) -> None:
        self._store = store
        self._addresses = addresses
        self._send = send
        self._clocks: dict[Key, tuple[Json, asyncio.Task[None]]] = {}
        self._sending: set[asyncio.Task[None]] = set()

    def reconcile(self, key: Key) -> None:
        """Start, change or stop the clock of the PingSource at `key`."""
        source = self._store.find(key)
        uri, problem = "", ""
        if source is not None:
            uri, problem = resolve(source["spec"]["sink"], key.namespace, self._store, self._addresses)
            attributes = [{"source": source_of(key), "type": TYPE}]
            status = {**sink_status(source, uri, problem), "ceAttributes": attributes}
            self._store.set_status(key, status)
        wanted = {"spec": source["spec"], "uri": uri} if source is not None and uri else None
        known = self._clocks.get(key)
        if known is not None and known[0] != wanted:
            known[1].cancel()
            del self._clocks[key]
        if wanted is not None and key not in self._clocks:
            self._clocks[key] = (wanted, asyncio.ensure_future(self._run(key, wanted)))

    async def close(self) -> None:
        """Stop every clock."""
        tasks = [task for _, task in self._clocks.values()] + list(self._sending)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, key: Key, wanted: Json) -> None:
        spec = wanted["spec"]
        while True:
            now = datetime.now(ZoneInfo(spec.get("timezone") or "UTC"))
            await asyncio.sleep(seconds_to_tick(spec.get("schedule") or "* * * * *", now))
            task = asyncio.ensure_future(self._emit(key, wanted))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
            # A clock that was woken a hair early must not see the same tick again.
            await asyncio.sleep(0.01)

    async def _emit(self, key: Key, wanted: Json) -> None:
        headers, body = to_binary(ping(key, wanted["spec"], datetime.now(UTC)))
        status = await send_patiently(self._send, wanted["uri"], headers, body, first_wait_s=_FIRST_WAIT_S)
        if not 200 <= status < 300:
            warn(
                "ping not taken", source=key.name, namespace=key.namespace, sink=wanted["uri"], status=status
            )


def source_of(key: Key) -> str:
    """Return the CloudEvents source of a PingSource."""
    return f"/apis/v1/namespaces/{key.namespace}/pingsources/{key.name}"


def next_tick(schedule: str, now: datetime) -> datetime:
    """Return the first time after `now` that the cron line names, in the zone of `now`."""
    found = croniter(schedule, now, second_at_beginning=True).get_next(datetime)
    assert isinstance(found, datetime)  # noqa: S101 - asked for above
    return found


def seconds_to_tick(schedule: str, now: datetime) -> float:
    """Return how long it is until the next tick, also when the clocks change before it."""
    return max(0.0, next_tick(schedule, now).timestamp() - now.timestamp())


def ping(key: Key, spec: Mapping[str, Any], now: datetime) -> Event:
    """Build the event of one tick."""
    data: bytes | None = None
    if spec.get("dataBase64"):
        data = base64.b64decode(spec["dataBase64"])
    elif spec.get("data"):
        data = str(spec["data"]).encode()
    extensions = (spec.get("ceOverrides") or {}).get("extensions") or {}
    return Event(
        id=str(uuid.uuid4()),
        source=source_of(key),
        type=TYPE,
        time=now,
        datacontenttype=spec.get("contentType") or "application/json",
        data=data,
        extensions={name: str(value) for name, value in extensions.items()},
    )
