"""The broker's ingress on aiohttp: methods and paths as Knative's has them."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from knative.local.broker.engine import BrokerEngine
from knative.local.broker.response import ALLOW, Response

_OPTIONS = Response(200, {**ALLOW, "WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "*"})

WhyClosed = Callable[[str, str], str]


async def receive(
    engine: BrokerEngine,
    request: web.BaseRequest,
    path: str,
    why_closed: WhyClosed = lambda namespace, name: "",
) -> web.Response:
    """Answer a request to the ingress: 202 once its event is stored.

    Args:
        engine: takes the event.
        request: what came, its body not read yet.
        path: of the request: `/<namespace>/<broker>`.
        why_closed: says why a broker (namespace, name) takes no events now, empty when it does.
    """
    answer = await _answer(engine, request, path, why_closed)
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


async def go_ahead(request: web.BaseRequest) -> None:
    """Tell a client that waits for it to send its body."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _answer(
    engine: BrokerEngine, request: web.BaseRequest, path: str, why_closed: WhyClosed
) -> Response:
    if request.method == "OPTIONS":
        return _OPTIONS
    if request.method != "POST":
        return Response(405, body=b"POST an event")
    if path == "/":
        return Response(404, body=b"POST to /<namespace>/<broker>")
    namespace, _, name = path.removeprefix("/").removesuffix("/").partition("/")
    if not namespace or not name or "/" in name:
        return Response(400, body=b"the path must be /<namespace>/<broker>")
    if why := why_closed(namespace, name):
        return Response(500, body=why.encode())
    await go_ahead(request)
    # Straight from the stream: BaseRequest.read() would refuse bodies over 1 MiB.
    body = await request.content.read()
    return await engine.accept(namespace, name, request.raw_headers, body)
