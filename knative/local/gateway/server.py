"""The gateway: one port, requests sent on by host and path."""

from __future__ import annotations

import asyncio
import json
import socket
import time

from knative.local.addresses import Addresses
from knative.local.broker.engine import BrokerEngine
from knative.local.errors import NotServed
from knative.local.gateway.exchange import Exchange
from knative.local.gateway.ingress import take_event
from knative.local.gateway.places import Place, place_of
from knative.local.gateway.proxy import Proxy
from knative.local.gateway.wire import Connection
from knative.local.jobs.sink import JobSinks
from knative.local.log import warn
from knative.local.services.controller import Services
from knative.local.sources.brokers import Brokers

_SWEEP_S = 1.0
_DRAIN_S = 10.0
_JSON = [(b"content-type", b"application/json")]


class Gateway:
    """Serves the gateway port."""

    def __init__(
        self,
        services: Services,
        job_sinks: JobSinks,
        engine: BrokerEngine,
        brokers: Brokers,
        addresses: Addresses,
    ) -> None:
        self._services = services
        self._brokers = brokers
        self._job_sinks = job_sinks
        self._engine = engine
        self._addresses = addresses
        self._proxy = Proxy(services)
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, listener: socket.socket) -> None:
        """Serve on `listener`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._take, self._connections), sock=listener
        )
        self._sweeper = asyncio.ensure_future(self._sweep())

    async def close(self) -> None:
        """Take no more requests; those in hand have ten seconds to end."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.close_when_idle()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_DRAIN_S)
        for task in tuple(self._tasks):
            task.cancel()
        for connection in tuple(self._connections):
            connection.transport.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._proxy.upstreams.close()

    def _take(self, exchange: Exchange) -> None:
        task = asyncio.ensure_future(self._answer(exchange))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, exchange: Exchange) -> None:
        place = place_of(exchange.header(b"host").decode("latin-1"), exchange.target.decode("latin-1"))
        try:
            await self._send_on(place, exchange)
        except NotServed as error:
            self._refuse(exchange, error)
        except Exception as error:
            warn("request failed", why=f"{type(error).__name__}: {error}", target=place.path)
            if exchange.started:
                exchange.break_off()
            elif not exchange.done:
                exchange.answer(500, b"the gateway failed; its log says why\n")

    async def _send_on(self, place: Place, exchange: Exchange) -> None:
        match place.kind:
            case "service":
                if place.from_outside and self._services.is_private(place.namespace, place.name):
                    raise NotServed(404, f"{place.name} is cluster-local: it is served inside only")
                await self._proxy.serve(place, exchange)
            case "broker":
                await take_event(self._engine, self._brokers, place, exchange)
            case "jobsink":
                await self._make_job(place, exchange)
            case "index" if exchange.method in (b"GET", b"HEAD"):
                exchange.answer(200, self._index(), _JSON)
            case _:
                host = exchange.header(b"host").decode("latin-1")
                raise NotServed(404, f"nothing is served at {host}{exchange.target.decode('latin-1')}")

    async def _make_job(self, place: Place, exchange: Exchange) -> None:
        if exchange.method != b"POST":
            raise NotServed(405, "POST an event")
        body = await exchange.body()
        headers = {
            name.decode("latin-1"): value.decode("utf-8", "replace") for name, value in exchange.headers
        }
        status, why = await self._job_sinks.accept(place.namespace, place.name, headers, body)
        if status != 202:
            raise NotServed(status, why)
        location = f"/apis/batch/v1/namespaces/{place.namespace}/jobs/{why}"
        exchange.answer(202, b"", [(b"location", location.encode())])

    def _index(self) -> bytes:
        services = {
            f"{namespace}/{name}": self._addresses.service(namespace, name)
            for namespace, name in self._services.names()
        }
        return json.dumps({"services": services}, indent=2).encode() + b"\n"

    def _refuse(self, exchange: Exchange, error: NotServed) -> None:
        if exchange.done:
            return
        text = error.reason
        if error.status == 404:
            known = [self._addresses.service(*each) for each in self._services.names()]
            text += "; known are" + "".join(f"\n  {url}" for url in known) if known else "; nothing is served"
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        if error.status == 503:
            headers.append((b"retry-after", b"1"))
        exchange.answer(error.status, f"{text}\n".encode(), headers)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            self._proxy.upstreams.sweep()
            for connection in tuple(self._connections):
                connection.leave_if_idle(time.monotonic())
