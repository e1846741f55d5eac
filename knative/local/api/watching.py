"""Watches: a line of JSON for every change, from a version on."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from knative.local.api.selectors import Selection
from knative.local.api.tables import table_of
from knative.local.errors import Refused
from knative.local.resources.kinds import Json, Kind
from knative.local.resources.store import Store, WatchEvent

_LONGEST_S, _MOST_DIGITS = 3600.0, 20


async def watch(
    request: web.Request, store: Store, kind: Kind, namespace: str, selection: Selection
) -> web.StreamResponse:
    """Stream the changes of a kind until the client leaves or `timeoutSeconds` are over."""
    limit_s = _limit_s(request.query.get("timeoutSeconds") or "0")
    changes: asyncio.Queue[WatchEvent] = asyncio.Queue()

    def collect(event: WatchEvent) -> None:
        if event.key.kind is kind and namespace in ("", event.key.namespace):
            changes.put_nowait(event)

    end = store.listen(collect)
    table = "as=Table" in request.headers.get("Accept", "")
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Cache-Control": "no-cache"})
    try:
        first = _first(request, store, kind, namespace, selection)
        await response.prepare(request)
        for change, body in first:
            await response.write(_line(change, body, kind, table))
        if not first or first[0][0] != "ERROR":
            await _stream(response, changes, selection, kind, table, limit_s)
    except ConnectionError:
        return response
    finally:
        end()
    return response


def _limit_s(text: str) -> float:
    if not _is_whole(text):
        raise Refused(f"timeoutSeconds must be a whole number of seconds, not {text!r}")
    return min(float(text) or _LONGEST_S, _LONGEST_S)


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < _MOST_DIGITS


def _first(
    request: web.Request, store: Store, kind: Kind, namespace: str, selection: Selection
) -> list[tuple[str, Json]]:
    """Return what comes before the live changes: all objects, or the changes since the version asked for."""
    asked = request.query.get("resourceVersion", "")
    if asked in ("", "0"):
        return [("ADDED", body) for body in store.all_of(kind, namespace) if selection.holds(body)]
    missed = store.since(int(asked)) if _is_whole(asked) else None
    if missed is None:
        return [("ERROR", _gone(asked))]
    lines = (
        selected(event, selection)
        for event in missed
        if event.key.kind is kind and namespace in ("", event.key.namespace)
    )
    return [line for line in lines if line is not None]


def selected(event: WatchEvent, selection: Selection) -> tuple[str, Json] | None:
    """Return what a watch sends about a change: an object that leaves the selection counts as deleted."""
    before, body = event.before, event.body
    held = before is not None and selection.holds(before)
    if event.change == "DELETED":
        return ("DELETED", body) if held else None
    if selection.holds(body):
        return ("MODIFIED" if held else "ADDED"), body
    if before is None or not held:
        return None
    version = body["metadata"]["resourceVersion"]
    return "DELETED", {**before, "metadata": {**before["metadata"], "resourceVersion": version}}


async def _stream(
    response: web.StreamResponse,
    changes: asyncio.Queue[WatchEvent],
    selection: Selection,
    kind: Kind,
    table: bool,
    limit_s: float,
) -> None:
    try:
        async with asyncio.timeout(limit_s):
            while True:
                line = selected(await changes.get(), selection)
                if line is not None:
                    await response.write(_line(*line, kind, table))
    except TimeoutError:
        return


def _line(change: str, body: Json, kind: Kind, table: bool) -> bytes:
    if table and change != "ERROR":
        body = table_of(kind, [body], body["metadata"]["resourceVersion"])
    return json.dumps({"type": change, "object": body}).encode() + b"\n"


def _gone(version: str) -> Json:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"too old resource version: {version}",
        "reason": "Expired",
        "code": 410,
    }
