"""The HTTP routes by which operators ask the broker: `GET /metrics` and `GET /waiting`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from eventing.metrics import CONTENT_TYPE
from knative.local.broker.engine import BrokerEngine

DEFAULT_EVENTS = 10
MOST_EVENTS = 1_000

Handler = Callable[[web.BaseRequest], Awaitable[web.Response]]


def operator_routes(engine: BrokerEngine, registry: CollectorRegistry) -> Mapping[str, Handler]:
    """Return the handlers of GET by their paths."""

    async def metrics(request: web.BaseRequest) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE})

    async def waiting(request: web.BaseRequest) -> web.Response:
        text = request.query.get("events", str(DEFAULT_EVENTS))
        if not (text.isascii() and text.isdigit() and int(text) <= MOST_EVENTS):
            return web.Response(status=400, text=f"events must be a number up to {MOST_EVENTS}, not {text!r}")
        triggers = [asdict(each) for each in await engine.waiting(int(text))]
        damaged = [asdict(each) for each in engine.damaged()]
        document = {"triggers": triggers, "without_trigger": engine.leftovers(), "damaged": damaged}
        return web.json_response(document)

    return {"/metrics": metrics, "/waiting": waiting}
