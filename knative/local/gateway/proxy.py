"""Passing a request on to a replica of a Service, and its answer back."""

from __future__ import annotations

import asyncio
import uuid

from knative.local.errors import NotServed
from knative.local.gateway.exchange import Exchange
from knative.local.gateway.places import Place
from knative.local.gateway.upstream import HOP_BY_HOP, Lost, Upstreams
from knative.local.services.controller import Services
from knative.local.services.pool import Pool
from knative.local.services.replicas import Replica

_TRIES = 3
# Who broke off an answer may be about to end; its death is awaited for so long.
_DYING_S = 0.1
_DROPPED = HOP_BY_HOP | {b"expect", b"x-forwarded-for"}
_REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS"})


class Proxy:
    """Takes replicas for requests; a request is sent again only if no process can have seen it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.upstreams = Upstreams()

    async def serve(self, place: Place, exchange: Exchange) -> None:
        """Answer `exchange` by a replica of the Service at `place`.

        Raises:
            NotServed: no replica took the request.
        """
        for left in reversed(range(_TRIES)):
            pool = self._services.pool_for(place.namespace, place.name)
            try:
                replica = pool.try_acquire() or await pool.acquire()
            except NotServed as error:
                if error.going and left:
                    await asyncio.sleep(0)
                    continue
                raise
            try:
                if exchange.done:
                    return
                if await self._pass_on(place, exchange, pool, replica, last=not left):
                    return
            finally:
                pool.release(replica)
        raise NotServed(502, f"{place.name} does not answer")

    async def _pass_on(
        self, place: Place, exchange: Exchange, pool: Pool, replica: Replica, *, last: bool
    ) -> bool:
        """Send the request to `replica`; return False when it may be sent to another one."""
        upstream = self.upstreams.idle(replica.port)
        try:
            if upstream is None:
                upstream = await self.upstreams.connect(replica.port)
        except OSError:
            pool.forget(replica)
            return False
        if exchange.done:  # the client left meanwhile, and will not tell again
            self.upstreams.keep(replica.port, upstream)
            return True
        was_used = upstream.used
        head, chunked = _head(exchange, place)
        answered = upstream.start(exchange, head, chunked=chunked, timeout_s=pool.plan.timeout_s)
        try:
            await answered
        except TimeoutError:
            raise NotServed(504, f"{place.name} did not answer within {pool.plan.timeout_s:g} s") from None
        except Lost as error:
            if exchange.started or exchange.done:
                exchange.break_off()
                return True
            # The process may have closed an idle connection just as the request was sent.
            if was_used and not last and exchange.method in _REPEATABLE and exchange.can_repeat:
                return False
            if replica.task is not None:  # it ends with its process
                await asyncio.wait({replica.task}, timeout=_DYING_S)
            raise NotServed(502, f"{place.name} broke off: {error}") from error
        self.upstreams.keep(replica.port, upstream)
        return True


def _head(exchange: Exchange, place: Place) -> tuple[bytes, bool]:
    """Return the head of the request for the replica, and whether its body goes in chunks."""
    options = b",".join(value for name, value in exchange.headers if name == b"connection")
    # Length and host are for everyone on the way, whatever the client calls them (RFC 9110, section 7.6.1).
    dropped = _DROPPED | {each.strip().lower() for each in options.split(b",")} - {b"content-length", b"host"}
    passed = [header for header in exchange.headers if header[0] not in dropped]
    before = exchange.header(b"x-forwarded-for")
    peer = exchange.client.peer.encode()
    passed.append((b"x-forwarded-for", b"%s, %s" % (before, peer) if before else peer))
    seen = {name for name, _ in passed}
    if b"x-forwarded-host" not in seen:
        passed.append((b"x-forwarded-host", exchange.header(b"host")))
    if b"x-forwarded-proto" not in seen:
        passed.append((b"x-forwarded-proto", b"http"))
    if b"x-request-id" not in seen:
        passed.append((b"x-request-id", uuid.uuid4().hex.encode()))
    chunked = b"chunked" in exchange.header(b"transfer-encoding").lower()
    if chunked:
        passed.append((b"transfer-encoding", b"chunked"))
    lines = b"".join([b"%s: %s\r\n" % header for header in passed])
    return b"%s %s HTTP/1.1\r\n%s\r\n" % (exchange.method, place.path.encode("latin-1"), lines), chunked
