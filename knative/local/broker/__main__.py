"""Run brokers on their own, without the rest of the runtime: `python -m knative.local.broker --help`."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
import yaml
from aiohttp import web
from prometheus_client import CollectorRegistry

from knative.local.broker.courier import HttpCourier
from knative.local.broker.engine import BrokerEngine
from knative.local.broker.errors import InvalidSpec
from knative.local.broker.ingress import receive
from knative.local.broker.memory import keep_what_is_loaded
from knative.local.broker.model import BrokerSpec, parse_broker, parse_trigger
from knative.local.broker.operator_routes import Handler, operator_routes
from knative.local.broker.settings import BrokerSettings


def load(engine: BrokerEngine, path: Path) -> None:
    """Add the Brokers and Triggers of a YAML file; a broker that only Triggers name has Knative's defaults.

    Raises:
        SystemExit: a manifest cannot be honoured; says which and why.
    """
    brokers: dict[tuple[str, str], BrokerSpec] = {}
    triggers = []
    for manifest in yaml.safe_load_all(path.read_text()):
        try:
            if _kind(manifest) == "Broker":
                broker = parse_broker(manifest)
                brokers[broker.namespace, broker.name] = broker
            elif _kind(manifest) == "Trigger":
                triggers.append(parse_trigger(manifest))
        except InvalidSpec as error:
            raise SystemExit(f"{path}: {manifest.get('metadata')}: {error}") from error
    for trigger in triggers:
        key = trigger.namespace, trigger.broker
        brokers.setdefault(key, BrokerSpec(*key))
    for broker in brokers.values():
        engine.add_broker(broker)
    for trigger in triggers:
        engine.add_trigger(trigger)


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    registry = CollectorRegistry()
    settings = BrokerSettings(synchronous=options.synchronous, concurrency=options.concurrency)
    engine = BrokerEngine(options.log, HttpCourier(), settings=settings, registry=registry)
    for path in options.trigger:
        load(engine, path)
    await engine.start()
    runner = web.ServerRunner(
        web.Server(partial(_route, engine, operator_routes(engine, registry)), access_log=None)
    )
    await runner.setup()
    site = web.TCPSite(runner, options.host, options.port)
    await site.start()
    host, port = runner.addresses[0][:2]
    print(f"broker ingress on http://{host}:{port}/<namespace>/<broker>", flush=True)
    stop = asyncio.Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_, stop.set)
    await stop.wait()
    await runner.cleanup()
    await engine.stop()


async def _route(
    engine: BrokerEngine, routes: Mapping[str, Handler], request: web.BaseRequest
) -> web.Response:
    if request.method == "GET" and (handler := routes.get(request.path)):
        return await handler(request)
    return await receive(engine, request, request.raw_path)


def _kind(manifest: Any) -> str:
    return manifest.get("kind", "") if isinstance(manifest, dict) else ""


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m knative.local.broker", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one")
    parser.add_argument("--log", type=Path, default=Path(".kascade/broker.db"), help="the durable log")
    parser.add_argument(
        "--trigger", type=Path, action="append", default=[], help="YAML of Brokers and Triggers"
    )
    parser.add_argument("--concurrency", type=int, default=BrokerSettings.concurrency)
    parser.add_argument("--synchronous", choices=("FULL", "NORMAL"), default="FULL")
    options = parser.parse_args()
    keep_what_is_loaded()
    uvloop.run(serve(options))


if __name__ == "__main__":
    main()
