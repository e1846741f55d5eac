"""A real broker over HTTP, real subscribers, and a producer; all on free loopback ports."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from aiohttp import web
from multidict import CIMultiDictProxy
from prometheus_client import CollectorRegistry, generate_latest

from knative.local.addresses import Addresses
from knative.local.broker.courier import HttpCourier
from knative.local.broker.engine import BrokerEngine
from knative.local.broker.model import BrokerSpec, parse_broker, parse_trigger
from knative.local.broker.settings import BrokerSettings
from knative.local.gateway.admission import Admission
from knative.local.gateway.connections import Limits
from knative.local.gateway.metrics import GatewayMetrics
from knative.local.gateway.server import Gateway
from knative.local.processes.ports import listen

T = TypeVar("T")
EVENT = {"specversion": "1.0", "id": "1", "source": "/tests", "type": "dev.kascade.tested"}


@dataclass
class Received:
    """A request as a subscriber got it."""

    method: str
    path: str
    headers: CIMultiDictProxy[str]
    body: bytes
    at: float

    def attribute(self, name: str) -> str | None:
        return self.headers.get(f"ce-{name}")


@dataclass
class Reply:
    """What a subscriber answers."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    after_s: float = 0.0


@dataclass
class Answered:
    """What a producer is answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Subscriber:
    """A real HTTP server that records what it gets and answers as told, the last answer over and over."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies) or [Reply()]
        self.received: list[Received] = []
        self.url = ""
        self.runner: web.ServerRunner | None = None

    async def start(self) -> None:
        self.runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}/"

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        body = await request.content.read()
        at = time.monotonic()
        self.received.append(Received(request.method, str(request.rel_url), request.headers, body, at))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        await asyncio.sleep(reply.after_s)
        return web.Response(status=reply.status, headers=dict(reply.headers), body=reply.body)

    def wait_for(self, count: int, deadline_s: float = 10.0) -> list[Received]:
        """Return what came, once it is `count` requests."""
        wait_until(
            lambda: len(self.received) >= count, deadline_s, lambda: f"got {len(self.received)} of {count}"
        )
        return list(self.received)


def wait_until(
    condition: Callable[[], bool], deadline_s: float = 10.0, says: Callable[[], str] = lambda: "not in time"
) -> None:
    """Wait for a condition; fail after the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, says()
        time.sleep(0.005)


class RunningBroker:
    """One event loop in a thread, with a broker behind the gateway, as users meet it, and subscribers."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.settings = BrokerSettings(notes_wait_s=0.005, drain_s=2.0)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.subscribers: list[Subscriber] = []
        self.gateway: Gateway | None = None
        self.engine: BrokerEngine | None = None
        self.triggers: list[Any] = []
        self.brokers: list[Any] = [BrokerSpec("kascade", "default")]
        self.registry = CollectorRegistry()
        self.port = 0
        self.clock_ahead_s = 0.0

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def on_loop(self, function: Callable[[], T]) -> T:
        async def call() -> T:
            return function()

        return self.run(call())

    def start(self, **settings: Any) -> None:
        """Start the broker; again after `stop`, with the same log, brokers and triggers."""
        self.settings = replace(self.settings, **settings)
        self.run(self._start())

    async def _start(self) -> None:
        self.registry = CollectorRegistry()
        engine = BrokerEngine(
            self.log, HttpCourier(), settings=self.settings, registry=self.registry, clock=self.clock
        )
        for broker in self.brokers:
            engine.add_broker(broker)
        for trigger in self.triggers:
            engine.add_trigger(trigger)
        await engine.start()
        self.engine = engine
        listener = listen(0, "")
        self.port = listener.getsockname()[1]
        nothing: Any = SimpleNamespace(names=list, why_closed=lambda namespace, name: "")
        addresses = Addresses(self.port)
        self.gateway = Gateway(
            nothing,
            nothing,
            engine,
            nothing,
            addresses,
            Admission(),
            Limits(),
            GatewayMetrics(CollectorRegistry()),
        )
        await self.gateway.start(listener)

    def clock(self) -> float:
        """The broker's clock; a test makes it jump."""
        return time.time() + self.clock_ahead_s

    def stop(self) -> None:
        if self.engine is not None and self.gateway is not None:
            self.run(self.gateway.close())
            self.run(self.engine.stop())
        self.engine = None

    def close(self) -> None:
        self.stop()
        for subscriber in self.subscribers:
            if subscriber.runner is not None:
                self.run(subscriber.runner.cleanup())
        self.run(self._cancel_what_hangs())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()

    async def _cancel_what_hangs(self) -> None:
        """Subscribers that were told to answer late still do when a test is over."""
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def subscriber(self, *replies: Reply) -> Subscriber:
        """Start a subscriber."""
        subscriber = Subscriber(*replies)
        self.run(subscriber.start())
        self.subscribers.append(subscriber)
        return subscriber

    def broker(self, name: str = "default", **delivery: Any) -> None:
        """Add a Broker, or change it."""
        spec = {"delivery": delivery} if delivery else {}
        parsed = parse_broker({"metadata": {"name": name, "namespace": "kascade"}, "spec": spec})
        self.brokers = [broker for broker in self.brokers if broker.name != name] + [parsed]
        if self.engine is not None:
            self.on_loop(partial(self.engine.add_broker, parsed))

    def trigger(self, subscriber: Subscriber | str, name: str = "all", **spec: Any) -> None:
        """Add a Trigger, or change it."""
        uri = subscriber if isinstance(subscriber, str) else subscriber.url
        manifest = {
            "metadata": {"name": name, "namespace": "kascade"},
            "spec": {"broker": "default", "subscriber": {"uri": uri}, **spec},
        }
        parsed = parse_trigger(manifest)
        self.triggers = [trigger for trigger in self.triggers if trigger.name != name] + [parsed]
        if self.engine is not None:
            self.on_loop(partial(self.engine.add_trigger, parsed))

    def request(
        self,
        method: str = "POST",
        path: str = "/kascade/default",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answered:
        """Make one HTTP request to the ingress."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            return Answered(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def send(
        self, body: bytes = b"{}", headers: Mapping[str, str] | None = None, **attributes: str | None
    ) -> Answered:
        """Send a binary event; an attribute that is None is left out."""
        given = {**EVENT, **attributes}
        sent = {f"ce-{name}": value for name, value in given.items() if value is not None}
        return self.request(
            headers={"content-type": "application/json", **sent, **(headers or {})}, body=body
        )

    def send_structured(self, event: Mapping[str, Any] | bytes, content_type: str = "") -> Answered:
        """Send a structured event."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return self.request(
            headers={"content-type": content_type or "application/cloudevents+json"}, body=body
        )

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        lines = generate_latest(self.registry).decode().splitlines()
        return sum(
            float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name}{{", f"{name} "))
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RunningBroker]:
    made = RunningBroker(tmp_path / "log" / "broker.db")
    made.start()
    yield made
    made.close()


@pytest.fixture
def until() -> Callable[..., None]:
    return wait_until


@pytest.fixture
def answer() -> type[Reply]:
    return Reply
