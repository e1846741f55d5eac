"""The broker's door at the gateway: methods and paths as Knative's ingress has them."""

from __future__ import annotations

from knative.local.broker.engine import ALLOW, BrokerEngine, Response
from knative.local.gateway.exchange import Exchange
from knative.local.gateway.places import Place
from knative.local.sources.brokers import Brokers

_OPTIONS = Response(200, {**ALLOW, "WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "*"})


async def take_event(engine: BrokerEngine, brokers: Brokers, place: Place, exchange: Exchange) -> None:
    """Answer a request for a broker: 202 once its event is stored."""
    response = await _response(engine, brokers, place, exchange)
    headers = [(name.lower().encode(), value.encode()) for name, value in response.headers.items()]
    exchange.answer(response.status, response.body, headers)


async def _response(engine: BrokerEngine, brokers: Brokers, place: Place, exchange: Exchange) -> Response:
    if exchange.method == b"OPTIONS":
        return _OPTIONS
    if exchange.method != b"POST":
        return Response(405, body=b"POST an event")
    if not place.name:
        return Response(400, body=b"the path must be /<namespace>/<broker>")
    if why := brokers.why_closed(place.namespace, place.name):
        return Response(500, body=why.encode())
    body = await exchange.body()
    return await engine.accept(place.namespace, place.name, exchange.headers, body)
