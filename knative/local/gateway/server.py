"""The gateway: routes by host and path, and passes requests on to replicas."""

from __future__ import annotations

import asyncio
import json
import socket
import uuid

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from knative.local.addresses import Addresses
from knative.local.broker.engine import BrokerEngine
from knative.local.broker.ingress import receive
from knative.local.errors import NotServed
from knative.local.gateway.places import Place, place_of
from knative.local.jobs.sink import JobSinks
from knative.local.services.controller import Services
from knative.local.services.pool import Pool, Replica

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "upgrade"}
    | {"transfer-encoding", "proxy-connection"}
)
_TRIES = 3


class Gateway:
    """Serves the gateway port."""

    def __init__(
        self, services: Services, job_sinks: JobSinks, engine: BrokerEngine, addresses: Addresses
    ) -> None:
        self._services = services
        self._job_sinks = job_sinks
        self._engine = engine
        self._addresses = addresses
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.ServerRunner | None = None

    async def start(self, listener: socket.socket) -> None:
        """Serve on `listener`."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=1.5),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), handle_signals=False)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def close(self) -> None:
        """Take no more requests; those in hand end first."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        place = place_of(request.headers.get("Host", ""), request.path_qs)
        match place.kind:
            case "service":
                return await self._serve(place, request)
            case "broker":
                return await receive(self._engine, request)
            case "jobsink":
                return await self._take_event(place, request)
            case "index":
                return self._index()
        return self._nowhere(request)

    async def _serve(self, place: Place, request: web.BaseRequest) -> web.StreamResponse:
        for left in reversed(range(_TRIES)):
            try:
                pool = self._services.pool_for(place.namespace, place.name)
                replica = await pool.acquire()
            except NotServed as error:
                if error.status == 503 and left and "going away" in error.reason:
                    await asyncio.sleep(0)
                    continue
                return self._refuse(error)
            try:
                return await self._pass_on(place, request, pool, replica)
            except aiohttp.ClientConnectorError as error:
                pool.forget(replica)
                if not left:
                    return _text(502, f"{place.name} does not answer: {error}")
            finally:
                pool.release(replica)
        return _text(503, f"{place.name} is going away")

    async def _pass_on(
        self, place: Place, request: web.BaseRequest, pool: Pool, replica: Replica
    ) -> web.StreamResponse:
        assert self._session is not None  # noqa: S101 - started
        headers = _forwarded(request)
        url = URL(f"http://127.0.0.1:{replica.port}{place.path}", encoded=True)
        body = request.content if request.body_exists else None
        try:
            async with asyncio.timeout(pool.plan.timeout_s) as bound:
                async with self._session.request(
                    request.method, url, headers=headers, data=body, allow_redirects=False
                ) as answer:
                    bound.reschedule(None)
                    response = web.StreamResponse(status=answer.status, reason=answer.reason)
                    for name, value in answer.headers.items():
                        if name.lower() not in _HOP_BY_HOP:
                            response.headers.add(name, value)
                    await response.prepare(request)
                    async for chunk in answer.content.iter_any():
                        await response.write(chunk)
                    await response.write_eof()
                    return response
        except TimeoutError:
            return _text(504, f"{place.name} did not answer within {pool.plan.timeout_s:g} s")
        except aiohttp.ClientConnectorError:
            raise
        except aiohttp.ClientError as error:
            return _text(502, f"{place.name} broke off: {error}")

    async def _take_event(self, place: Place, request: web.BaseRequest) -> web.Response:
        if request.method != "POST":
            return _text(405, "POST an event")
        body = await request.content.read()
        status, why = await self._job_sinks.accept(place.namespace, place.name, request.headers, body)
        if status != 202:
            return _text(status, why)
        return web.Response(status=202, headers={"Location": f"/namespaces/{place.namespace}/jobs/{why}"})

    def _index(self) -> web.Response:
        services = {
            f"{namespace}/{name}": self._addresses.service(namespace, name)
            for namespace, name in self._services.names()
        }
        return web.Response(
            text=json.dumps({"services": services}, indent=2) + "\n", content_type="application/json"
        )

    def _nowhere(self, request: web.BaseRequest) -> web.Response:
        known = "".join(f"\n  {self._addresses.service(ns, name)}" for ns, name in self._services.names())
        asked = f"{request.headers.get('Host', '')}{request.path}"
        return _text(404, f"nothing is served at {asked}; known are{known or ' no services'}")

    def _refuse(self, error: NotServed) -> web.Response:
        response = _text(error.status, error.reason)
        if error.status == 404:
            return _text(
                404,
                error.reason
                + "; known are"
                + "".join(f"\n  {self._addresses.service(*n)}" for n in self._services.names()),
            )
        response.headers["Retry-After"] = "1"
        return response


def _forwarded(request: web.BaseRequest) -> CIMultiDict[str]:
    headers = CIMultiDict(
        (name, value) for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP
    )
    peer = request.remote or "127.0.0.1"
    before = headers.get("X-Forwarded-For")
    headers["X-Forwarded-For"] = f"{before}, {peer}" if before else peer
    headers.setdefault("X-Forwarded-Host", headers.get("Host", ""))
    headers.setdefault("X-Forwarded-Proto", "http")
    headers.setdefault("X-Request-Id", str(uuid.uuid4()))
    return headers


def _text(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text + "\n")
