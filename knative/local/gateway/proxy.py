"""Passing a request on to a replica of a Service, and its answer back, both as they stream."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from types import MappingProxyType

from aiohttp import web
from multidict import CIMultiDict

from eventing.callers import KEY_HEADER as KEY_NAME
from knative.local.errors import NotServed
from knative.local.gateway.targets import Target, addressed
from knative.local.gateway.upstream import ConnectionLost, Headers, Upstream, Upstreams
from knative.local.services.controller import Services
from knative.local.services.pool import Pool
from knative.local.services.replicas import Replica

KEY_HEADER = KEY_NAME.lower().encode()
_TRIES = 3
# A process that broke off an answer may be about to end: so long its end is waited for.
_DYING_S = 0.1
_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"}
    | {b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
# Length and host are end-to-end, whatever a Connection header says (RFC 9110, section 7.6.1).
_FOR_ALL = frozenset({b"content-length", b"host"})
_OURS = frozenset({b"expect", b"x-forwarded-for", KEY_HEADER})
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})


class Proxy:
    """Takes replicas for requests; a request is sent again only if no process can have seen it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.upstreams = Upstreams()

    async def serve(
        self, target: Target, request: web.BaseRequest, added: Mapping[str, str] = MappingProxyType({})
    ) -> web.StreamResponse:
        """Answer `request` by a replica of the Service at `target`, with some headers added to its answer.

        Raises:
            NotServed: no replica took the request.
            aiohttp.web.RequestPayloadError: its body is malformed.
        """
        body = request.content.read_nowait(-1) if request.content.is_eof() else None
        for left in reversed(range(_TRIES)):
            pool = self._services.pool_for(target.namespace, target.name)
            try:
                replica = pool.try_acquire() or await pool.acquire()
            except NotServed as error:
                if error.going and left:
                    await asyncio.sleep(0)
                    continue
                raise
            try:
                answer = await self._pass_on(target, request, body, pool, replica, added, last=not left)
            finally:
                pool.release(replica)
            if answer is not None:
                return answer
        raise NotServed(502, f"{target.name} does not answer")

    async def _pass_on(
        self,
        target: Target,
        request: web.BaseRequest,
        body: bytes | None,
        pool: Pool,
        replica: Replica,
        added: Mapping[str, str],
        *,
        last: bool,
    ) -> web.StreamResponse | None:
        """Send the request to `replica`; return None when it may be sent to another one."""
        upstream = self.upstreams.idle(replica.port)
        try:
            upstream = upstream or await self.upstreams.connect(replica.port)
        except OSError:
            pool.forget(replica)
            return None
        answer: web.StreamResponse | None = None
        try:
            async with asyncio.timeout(pool.plan.timeout_s):
                await _send(upstream, target, request, body, replica.key)
            answer = _answer_of(upstream, added)
            await _pass_back(upstream, answer, request)
            return answer
        except TimeoutError:
            raise NotServed(504, f"{target.name} did not answer within {pool.plan.timeout_s:g} s") from None
        except (ConnectionLost, web.RequestPayloadError) as error:
            if answer is not None:
                request.protocol.force_close()  # the client sees it cut off, too
                return answer
            if not isinstance(error, ConnectionLost):
                raise
            # The process may have closed an idle connection just as the request was sent.
            if upstream.used and not last and body is not None and request.method in _REPEATABLE:
                return None
            if replica.task is not None:  # it ends with its process
                await asyncio.wait({replica.task}, timeout=_DYING_S)
            raise NotServed(502, f"{target.name} broke off: {error}") from error
        finally:
            self.upstreams.keep(replica.port, upstream)


async def _send(
    upstream: Upstream, target: Target, request: web.BaseRequest, body: bytes | None, key: str
) -> None:
    headers = _request_headers(request, target)
    headers.append((KEY_HEADER, key.encode()))
    chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    if chunked and body is None:
        headers.append((b"transfer-encoding", b"chunked"))
    elif chunked:
        headers.append((b"content-length", b"%d" % len(body or b"")))
    lines = b"".join([b"%s: %s\r\n" % header for header in headers])
    head = b"%s %s HTTP/1.1\r\n%s\r\n" % (request.method.encode(), target.path.encode(), lines)
    rest = request.content if body is None else body
    await upstream.send(head, rest, chunked=chunked, bodiless=request.method == "HEAD")


def _request_headers(request: web.BaseRequest, target: Target) -> Headers:
    headers = _passed_on([(name.lower(), value) for name, value in request.raw_headers])
    before = b", ".join(value for name, value in headers if name == b"x-forwarded-for")
    headers = [header for header in headers if header[0] not in _OURS]
    peer = (request.remote or "127.0.0.1").encode()
    headers.append((b"x-forwarded-for", b"%s, %s" % (before, peer) if before else peer))
    seen = {name for name, _ in headers}
    if b"x-forwarded-host" not in seen:
        headers.append(
            (b"x-forwarded-host", request.headers.get("Host", "").encode(errors="surrogateescape"))
        )
    if b"x-forwarded-proto" not in seen:
        headers.append((b"x-forwarded-proto", b"http"))
    path, below = (each.partition("?")[0] for each in (addressed(request)[1], target.path))
    prefix = path.removesuffix(below)  # empty where a host names the Service
    if prefix and b"x-forwarded-prefix" not in seen:
        headers.append((b"x-forwarded-prefix", prefix.encode(errors="surrogateescape")))
    if b"x-request-id" not in seen:
        headers.append((b"x-request-id", uuid.uuid4().hex.encode()))
    return headers


def _passed_on(headers: Headers) -> Headers:
    """Return the headers that are not of one connection alone."""
    options = b",".join([value for name, value in headers if name == b"connection"])
    dropped = _HOP_BY_HOP
    if options:
        dropped |= {each.strip().lower() for each in options.split(b",")} - _FOR_ALL
    return [header for header in headers if header[0] not in dropped]


def _answer_of(upstream: Upstream, added: Mapping[str, str]) -> web.StreamResponse:
    headers = CIMultiDict([(name.decode(), _text(value)) for name, value in _passed_on(upstream.headers)])
    headers.update(added)
    reason, whole = _text(upstream.reason), upstream.whole()
    if whole is None or ("Content-Length" in headers and not whole):
        return web.StreamResponse(status=upstream.status, reason=reason, headers=headers)
    return web.Response(status=upstream.status, reason=reason, headers=headers, body=whole)


async def _pass_back(upstream: Upstream, answer: web.StreamResponse, request: web.BaseRequest) -> None:
    if isinstance(answer, web.Response):
        return  # it is whole, and the server writes it
    if "Upgrade" in request.headers:
        answer.force_close()
    await answer.prepare(request)
    async for piece in upstream.pieces():
        await answer.write(piece)


def _text(value: bytes) -> str:
    """Return a header's value; aiohttp writes it as UTF-8, so what is not UTF-8 is read as Latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
