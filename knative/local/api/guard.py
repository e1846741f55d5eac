"""Who may use the API: who shows its token, from this machine, in JSON.

Whoever drives the API runs programs as the user who started the runtime. The token lies in files that only
that user can read, which keeps other users of the machine out. A web page does not have it either, and is
refused before that by its Host (a name that was made to lead here) or its Origin.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from eventing.media_types import is_media_type, media_type_of
from knative.local.api.protobuf import MEDIA_TYPE as PROTOBUF
from knative.local.errors import Refused
from knative.local.strangers import is_loopback, is_of

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PUBLIC = frozenset({"/healthz", "/readyz", "/livez", "/version"})
"""What Kubernetes, too, tells everyone: whether it is there, and which version it is."""
_READ = ("application/json", "application/apply-patch+yaml", PROTOBUF)


class Foreign(Refused):
    """The request came by another name than this machine's, or from a web page."""

    status = 403
    reason = "Forbidden"


class Unauthorized(Refused):
    """The request does not show the token."""

    status = 401
    reason = "Unauthorized"


class UnsupportedMediaType(Refused):
    """The body is in a form that the API does not read."""

    status = 415
    reason = "UnsupportedMediaType"


def guarding(token: str) -> Middleware:
    """Return the middleware that lets in who shows `token`; it raises Refused for everyone else."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
        if not is_loopback(host) or not is_of(origin, host):
            raise Foreign(f"not taken for {host!r} from {origin!r}: this API is for this machine only")
        if request.path not in PUBLIC and not shows(token, request.headers.get("Authorization", "")):
            raise Unauthorized("Unauthorized: the token is in the file kubeconfig of the state folder")
        typed = request.body_exists or "Content-Type" in request.headers
        if typed and not _is_read(request.headers.get("Content-Type", "")):
            raise UnsupportedMediaType(
                f"the body is {request.headers.get('Content-Type') or 'of no type'}; "
                "the API reads application/json and the patches of it"
            )
        return await handler(request)

    return guarded


def shows(token: str, authorization: str) -> bool:
    """Tell whether an Authorization header shows `token`: as a bearer token, or as the password of any user.

    kubectl sends bearer tokens over TLS only, but the user and password of a server's URL always.
    """
    scheme, _, given = authorization.partition(" ")
    given = given.strip()
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode("latin-1").partition(":")[2]
        except (binascii.Error, ValueError):
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())


def _is_read(content_type: str) -> bool:
    if not is_media_type(content_type):
        return False
    media_type = media_type_of(content_type)
    return media_type in _READ or (media_type.startswith("application/") and media_type.endswith("+json"))
