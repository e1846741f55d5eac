"""The broker's HTTP door on aiohttp: methods and paths as Knative's ingress has them."""

from __future__ import annotations

from aiohttp import web

from knative.local.broker.engine import ALLOW, BrokerEngine, Response

_OPTIONS = Response(200, {**ALLOW, "WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "*"})


async def receive(engine: BrokerEngine, request: web.BaseRequest) -> web.Response:
    """Answer a request to the ingress; usable as the handler of an aiohttp `web.Server`, or called by one."""
    answer = await _answer(engine, request)
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


async def _answer(engine: BrokerEngine, request: web.BaseRequest) -> Response:
    if request.method == "OPTIONS":
        return _OPTIONS
    if request.method != "POST":
        return Response(405, body=b"POST an event")
    url = request.rel_url
    path = f"{url.raw_path}?{url.raw_query_string}" if url.raw_query_string else url.raw_path
    if path == "/":
        return Response(404, body=b"POST to /<namespace>/<broker>")
    parts = path.strip("/").split("/")
    if len(parts) != 2 or path.startswith("//"):
        return Response(400, body=b"the path must be /<namespace>/<broker>")
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # Straight from the stream: BaseRequest.read() would refuse bodies over 1 MiB.
    body = await request.content.read()
    return await engine.accept(parts[0], parts[1], request.raw_headers, body)
