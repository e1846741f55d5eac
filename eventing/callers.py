"""A port of one machine that only the runtime's gateway may use.

Where processes have no network of their own, as pods have, their ports are open to every user of the machine
and, by a name that is made to lead here, to web pages. So the local runtime gives each process a key, and
shows it with each request and each probe. A container has no such variable, and takes requests from everyone
who reaches it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping
from typing import Any

KEY_VARIABLE = "GATEWAY_KEY"
KEY_HEADER = "X-Gateway-Key"
REFUSAL = b"this port is for the gateway alone; call the Service by its address there\n"

_ENVIRON = "HTTP_" + KEY_HEADER.upper().replace("-", "_")
_NAME = KEY_HEADER.lower().encode()
_HEADERS = [("Content-Type", "text/plain"), ("Content-Length", str(len(REFUSAL)))]

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Asgi = Callable[[Any, Any, Any], Any]


def wsgi_for_gateway(app: Wsgi, env: Mapping[str, str]) -> Wsgi:
    """Return an application that answers 403 to who does not show the key, or itself where there is none."""
    key = env.get(KEY_VARIABLE, "").encode()
    if not key:
        return app

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if hmac.compare_digest(str(environ.get(_ENVIRON, "")).encode("latin-1", "replace"), key):
            return app(environ, start_response)
        start_response("403 Forbidden", _HEADERS)
        return (REFUSAL,)

    return guarded


def asgi_for_gateway(app: Asgi, env: Mapping[str, str]) -> Asgi:
    """Return an application that answers 403 to who does not show the key, or itself where there is none."""
    key = env.get(KEY_VARIABLE, "").encode()
    if not key:
        return app

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        for name, value in scope["headers"]:
            if name == _NAME and hmac.compare_digest(value, key):
                await app(scope, receive, send)
                return
        headers = [(name.lower().encode(), value.encode()) for name, value in _HEADERS]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": REFUSAL})

    return guarded
