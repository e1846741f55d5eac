"""The gateway: one port, requests sent on by host and path."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from typing import cast

from aiohttp import EMPTY_PAYLOAD, web
from aiohttp.http_exceptions import PayloadEncodingError

from knative.local.addresses import Addresses
from knative.local.broker.engine import BrokerEngine
from knative.local.broker.ingress import go_ahead, receive
from knative.local.errors import NotServed
from knative.local.gateway.proxy import Proxy
from knative.local.gateway.targets import Target, target_of
from knative.local.jobs.sink import JobSinks
from knative.local.log import warn
from knative.local.services.controller import Services
from knative.local.sources.brokers import Brokers

_IDLE_S, _DRAIN_S = 75.0, 10.0
_MAX_FIELD, _BUFFER = 64 * 1024, 256 * 1024
# What is malformed is answered 400; aiohttp would log a traceback for each.
_QUIET = logging.getLogger(__name__)
_QUIET.disabled = True


class _Connection(web.RequestHandler):
    """A client's connection: one that has ended its side still gets the answers to its whole requests."""

    __slots__ = ("_half_closed", "_last_body")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._half_closed, self._last_body = False, EMPTY_PAYLOAD
        super().connection_made(transport)
        cast(asyncio.Transport, transport).set_write_buffer_limits(_BUFFER)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, and fail the reader of a body that turns out malformed, which aiohttp omits."""
        super().data_received(data)
        if self._messages and self._messages[-1][1] is not self._last_body:
            if not self._last_body.is_eof():  # and yet something follows: the parser's complaint
                self._last_body.set_exception(web.RequestPayloadError("it is malformed"))
            self._last_body = self._messages[-1][1]

    def eof_received(self) -> bool:  # type: ignore[override] # aiohttp's closes the connection at once
        """Keep the connection while there are whole requests to answer."""
        in_hand = self._waiter is None and self._request_count > len(self._messages)
        try:
            if self._parser is not None:
                self._parser.feed_eof()
        except PayloadEncodingError:  # the last request will never be whole
            if len(self._messages) + in_hand < 2:
                return False
            self._messages.pop()
        self._half_closed = in_hand or bool(self._messages)
        self.close_if_last()
        return self._half_closed

    def close_if_last(self) -> None:
        """Close after the request in hand if it is the last one of a client that has ended its side."""
        if self._half_closed and not self._messages:
            self.close()


class _Server(web.Server):
    """Makes those connections."""

    def __call__(self) -> web.RequestHandler:
        """Make one."""
        return _Connection(self, loop=self._loop, **self._kwargs)


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
        self._runner: web.ServerRunner | None = None

    async def start(self, listener: socket.socket) -> None:
        """Serve on `listener`."""
        server = _Server(
            self._answer,
            handler_cancellation=True,
            access_log=None,
            logger=_QUIET,
            auto_decompress=False,
            keepalive_timeout=_IDLE_S,
            read_bufsize=_BUFFER,
            max_line_size=_MAX_FIELD,
            max_field_size=_MAX_FIELD,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=_DRAIN_S)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def close(self) -> None:
        """Take no more requests; those in hand have ten seconds to end."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._proxy.upstreams.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        answer: web.StreamResponse
        try:
            answer = await self._send_on(request)
        except NotServed as error:
            answer = self._refusal(error)
        except web.RequestPayloadError as error:
            answer = self._refusal(NotServed(400, f"the body of the request cannot be read: {error}"))
        except ConnectionError:
            raise  # the client has left
        except Exception as error:
            warn("request failed", why=f"{type(error).__name__}: {error}", target=request.raw_path)
            answer = web.Response(status=500, text="the gateway failed; its log says why\n")
        finally:
            cast(_Connection, request.protocol).close_if_last()
        if ("Upgrade" in request.headers or request.method == "CONNECT") and not answer.prepared:
            answer.force_close()  # aiohttp does not read on behind an upgrade that was not taken
        return answer

    async def _send_on(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "CONNECT" or "websocket" in request.headers.get("Upgrade", "").lower():
            raise NotServed(501, "upgrading the connection is not supported")
        host, path = request.headers.get("Host", ""), request.raw_path
        target = target_of(host, path)
        match target.kind:
            case "service":
                if target.from_outside and self._services.is_private(target.namespace, target.name):
                    raise NotServed(404, f"{target.name} is cluster-local: it is served inside only")
                await go_ahead(request)
                return await self._proxy.serve(target, request)
            case "broker":
                return await receive(self._engine, request, self._brokers.why_closed)
            case "jobsink":
                return await self._make_job(target, request)
            case "index" if request.method in ("GET", "HEAD"):
                return web.json_response(text=self._index())
        raise NotServed(404, f"nothing is served at {host}{path}")

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

    def _index(self) -> str:
        services = {
            f"{namespace}/{name}": self._addresses.service(namespace, name)
            for namespace, name in self._services.names()
        }
        return json.dumps({"services": services}, indent=2) + "\n"

    def _refusal(self, error: NotServed) -> web.Response:
        text = error.reason
        if error.status == 404:
            known = [self._addresses.service(*each) for each in self._services.names()]
            text += "; known are" + "".join(f"\n  {url}" for url in known) if known else "; nothing is served"
        headers = {"Retry-After": "1"} if error.status == 503 else {}
        return web.Response(status=error.status, text=f"{text}\n", headers=headers)
