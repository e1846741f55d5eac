"""The gateway: one port, requests sent on by host and path."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import cast

from aiohttp import web

from knative.local.addresses import SERVICE_PATH, Addresses
from knative.local.broker.engine import BrokerEngine
from knative.local.broker.ingress import go_ahead, receive
from knative.local.errors import NotServed
from knative.local.gateway.admission import Admission
from knative.local.gateway.connections import (
    BodyStalled,
    BodyTooLarge,
    Connection,
    Limits,
    Server,
    too_large,
)
from knative.local.gateway.metrics import GatewayMetrics
from knative.local.gateway.peers import Peers, foreign_to, open_peers
from knative.local.gateway.proxy import Proxy
from knative.local.gateway.targets import Target, addressed, is_ours, target_of
from knative.local.jobs.sink import JobSinks
from knative.local.log import warn
from knative.local.services.controller import Services
from knative.local.sources.brokers import Brokers

CONSOLE = "console"
"""The Service whose pages a browser gets at the gateway's front door."""
_DRAIN_S = 10.0


_HEADERS: Mapping[int, dict[str, str]] = {503: {"Retry-After": "1"}, 401: {"WWW-Authenticate": "Bearer"}}
_STATUS: Mapping[type[Exception], int] = {BodyTooLarge: 413, BodyStalled: 408}


class _Misdirected(NotServed):
    """The request names a host that is not ours, as in an attack by DNS rebinding."""


class Gateway:
    """Serves the gateway port."""

    def __init__(
        self,
        services: Services,
        job_sinks: JobSinks,
        engine: BrokerEngine,
        brokers: Brokers,
        addresses: Addresses,
        admission: Admission,
        limits: Limits,
        metrics: GatewayMetrics,
    ) -> None:
        self._services = services
        self._brokers = brokers
        self._job_sinks = job_sinks
        self._engine = engine
        self._addresses = addresses
        self._admission = admission
        self._limits = limits
        self._metrics = metrics
        self._proxy = Proxy(services)
        self._peers: Peers | None = None
        self._runner: web.ServerRunner | None = None

    async def start(self, listener: socket.socket) -> None:
        """Serve on `listener`."""
        self._runner = web.ServerRunner(
            Server(self._answer, self._limits, self._foreigners()), shutdown_timeout=_DRAIN_S
        )
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    def _foreigners(self) -> Callable[[asyncio.Transport], bool]:
        """Return what recognises connections of other users of this machine."""
        if self._admission.tokens is None:
            self._peers = open_peers()
            if self._peers is not None:
                return foreign_to(os.getuid(), self._peers)
            warn(
                "every user of this machine may use the gateway", why="the kernel does not tell who connects"
            )
        return lambda transport: False

    async def close(self) -> None:
        """Take no more requests; those in hand have ten seconds to end."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._peers is not None:
            self._peers.close()
        self._proxy.upstreams.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        answer: web.StreamResponse
        connection = cast(Connection, request.protocol)
        try:
            answer = await self._send_on(request, connection)
        except NotServed as error:
            answer = self._refusal(error)
        except web.RequestPayloadError as error:
            answer = self._refusal(
                NotServed(_STATUS.get(type(error), 400), f"the body cannot be read: {error}")
            )
            answer.force_close()
        except ConnectionError:
            raise  # the client has left
        except Exception as error:
            warn("request failed", why=f"{type(error).__name__}: {error}", target=request.raw_path)
            answer = web.Response(status=500, text="the gateway failed; its log says why\n")
        finally:
            connection.close_if_last()
        if not answer.prepared:
            answer.headers.update(self._admission.sharing(request))
            if "Upgrade" in request.headers or request.method == "CONNECT":
                answer.force_close()  # aiohttp does not read on behind an upgrade that was not taken
        return answer

    async def _send_on(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
        if request.method == "CONNECT" or "websocket" in request.headers.get("Upgrade", "").lower():
            raise NotServed(501, "upgrading the connection is not supported")
        host, path = addressed(request)
        self._admission.check_origin(request, host)
        if (answer := self._admission.preflight(request)) is not None:
            return answer
        target = target_of(host, path)
        self._admission.check_client(request, target, foreign=connection.foreign)
        if (request.content_length or 0) > self._limits.body_bytes:
            raise NotServed(413, too_large(self._limits))
        match target.kind:
            case "service":
                if target.from_outside and self._services.is_private(target.namespace, target.name):
                    raise NotServed(404, f"{target.name} is cluster-local: it is served inside only")
                await go_ahead(request)
                return await self._serve(target, request)
            case "broker":
                return await receive(self._engine, request, path, self._brokers.why_closed)
            case "jobsink":
                return await self._make_job(target, request)
            case "index" if request.method in ("GET", "HEAD"):
                return self._front_door(request)
            case "nowhere" if not is_ours(host):
                raise _Misdirected(404, f"{host!r} is no address of this gateway")
        raise NotServed(404, f"nothing is served at {host}{path}")

    async def _serve(self, target: Target, request: web.BaseRequest) -> web.StreamResponse:
        """Have a Service answer; count it, unless no Service has the name."""
        started, status = time.perf_counter(), 500
        try:
            answer = await self._proxy.serve(target, request, self._admission.sharing(request))
            status = answer.status
            return answer
        except NotServed as error:
            status = error.status
            raise
        finally:
            if self._services.knows(target.namespace, target.name):
                seconds = time.perf_counter() - started
                self._metrics.observe(target.namespace, target.name, status, seconds)

    async def _make_job(self, target: Target, request: web.BaseRequest) -> web.Response:
        if request.method != "POST":
            raise NotServed(405, "POST an event")
        await go_ahead(request)
        body = await request.content.read()
        headers = {
            name.decode("latin-1").lower(): value.decode("utf-8", "replace")
            for name, value in request.raw_headers
        }
        status, why = await self._job_sinks.accept(target.namespace, target.name, headers, body)
        if status != 202:
            raise NotServed(status, why)
        location = f"/apis/batch/v1/namespaces/{target.namespace}/jobs/{why}"
        return web.Response(status=202, headers={"Location": location})

    def _front_door(self, request: web.BaseRequest) -> web.Response:
        """Lead a browser to the console, where there is one; list the Services for everyone else."""
        namespaces = self._services.namespaces_of(CONSOLE)
        if namespaces and "text/html" in request.headers.get("Accept", ""):
            page = f"{SERVICE_PATH}/{namespaces[0]}/{CONSOLE}/"
            return web.Response(status=302, headers={"Location": page})
        return web.json_response(text=self._index())

    def _index(self) -> str:
        services = {
            f"{namespace}/{name}": self._addresses.service(namespace, name)
            for namespace, name in self._services.names()
        }
        return json.dumps({"services": services}, indent=2) + "\n"

    def _refusal(self, error: NotServed) -> web.Response:
        text = error.reason
        if error.status == 404 and not isinstance(error, _Misdirected):
            known = [self._addresses.service(*each) for each in self._services.names()]
            text += "; known are" + "".join(f"\n  {url}" for url in known) if known else "; nothing is served"
        headers = _HEADERS.get(error.status, {})
        return web.Response(status=error.status, text=f"{text}\n", headers=headers)
