"""Keeping browsers out: a page from elsewhere must not be able to drive the API of this machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from knative.local.errors import Refused

_OURS = frozenset({"localhost", "127.0.0.1", "::1"})


class Foreign(Refused):
    """The request came by another name than this machine's, as from a web page."""

    status = 403
    reason = "Forbidden"


def is_ours(host: str) -> bool:
    """Tell whether a Host, or the host of an Origin, is this machine's loopback name or address."""
    try:
        return urlsplit(f"//{host}").hostname in _OURS
    except ValueError:
        return False


@web.middleware
async def guarded(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse requests whose Host is not this machine, or whose Origin is anywhere else."""
    origin = request.headers.get("Origin")
    host = request.headers.get("Host", "")
    if not is_ours(host) or (origin is not None and not is_ours(urlsplit(origin).netloc)):
        body = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "reason": Foreign.reason,
            "code": Foreign.status,
            "message": f"not taken for {host!r} from {origin!r}: this API is for this machine only",
        }
        return web.json_response(body, status=Foreign.status)
    return await handler(request)
