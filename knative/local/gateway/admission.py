"""Who may ask the gateway: no page from elsewhere; the machine's own user, or who shows a token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from eventing.tokens import Tokens
from knative.local.errors import NotServed
from knative.local.gateway.targets import Target
from knative.local.gateway.tokens import VARIABLE, scope_of
from knative.local.strangers import is_from_elsewhere

_DAY_S = "86400"


@dataclass(frozen=True)
class Admission:
    """The rules of one gateway.

    Args:
        origins: of web pages that may ask, as browsers write them (`https://shop.example`).
        tokens: of clients; None: whoever the machine's user is may ask everything.
    """

    origins: frozenset[str] = frozenset()
    tokens: Tokens | None = None

    def check_origin(self, request: web.BaseRequest, host: str) -> None:
        """Raise NotServed (403) for what a web page from elsewhere made a browser send."""
        if self.origins and request.headers.get("Origin") in self.origins:
            return
        if is_from_elsewhere(request.headers, host):
            origin = request.headers.get("Origin", "another site")
            raise NotServed(403, f"refused: it comes from a web page of {origin} (--cors-origin lets one in)")

    def check_client(self, request: web.BaseRequest, target: Target, *, foreign: bool) -> None:
        """Raise NotServed (401, 403) unless who asks may ask for `target`."""
        if self.tokens is None:
            if foreign:
                raise NotServed(403, f"refused: another user of this machine asks ({VARIABLE} gives tokens)")
            return
        holder = self.tokens.holder(request.headers.get("Authorization"))
        if holder is None:
            raise NotServed(401, f"a bearer token is needed, one of those that {VARIABLE} names here")
        if not holder.may(scope := scope_of(target)):
            raise NotServed(403, f"the token of {holder.name} is not for this: {scope}")

    def preflight(self, request: web.BaseRequest) -> web.Response | None:
        """Return the answer to a browser that asks what a page may send, None for any other request."""
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        if not self.sharing(request):
            return None
        headers = {
            **self.sharing(request),
            "Access-Control-Allow-Methods": "GET, HEAD, POST",
            "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", ""),
            "Access-Control-Max-Age": _DAY_S,
        }
        return web.Response(status=204, headers=headers)

    def sharing(self, request: web.BaseRequest) -> Mapping[str, str]:
        """Return the headers that let a page that is let in read the answer."""
        origin = request.headers.get("Origin") if self.origins else None
        if origin is None or origin not in self.origins:
            return {}
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
