"""One runtime: every part made, wired and started in order, and stopped in the other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry

from eventing.tokens import ADMIN, EVENTS
from knative.local.addresses import Addresses
from knative.local.api.admission import problems_of_object
from knative.local.api.server import Api
from knative.local.applying import apply
from knative.local.broker.engine import BrokerEngine
from knative.local.broker.errors import Unreachable
from knative.local.broker.operator_routes import operator_routes
from knative.local.broker.settings import BrokerSettings
from knative.local.gateway.admission import Admission
from knative.local.gateway.connections import Limits
from knative.local.gateway.courier import LocalCourier
from knative.local.gateway.metrics import GatewayMetrics
from knative.local.gateway.server import Gateway
from knative.local.gateway.tokens import read_tokens
from knative.local.jobs.runner import Jobs
from knative.local.jobs.sink import JobSinks
from knative.local.log import info, warn
from knative.local.manifests.documents import Manifest
from knative.local.manifests.loading import load
from knative.local.options import Options
from knative.local.processes import guardian
from knative.local.processes.logs import rotate
from knative.local.processes.ports import listen
from knative.local.processes.workplace import Workplace
from knative.local.reconciling import Reconciler
from knative.local.resources.journal import Journal
from knative.local.resources.kinds import (
    API_SERVER_SOURCE,
    BROKER,
    JOB,
    JOB_SINK,
    PING_SOURCE,
    REVISION,
    SERVICE,
    SINK_BINDING,
    TRIGGER,
    Kind,
)
from knative.local.resources.objects import Key, labels_of, ready_of
from knative.local.resources.store import Store
from knative.local.services.controller import Services
from knative.local.services.plan import Defaults
from knative.local.services.revisions import SERVICE_LABEL, Revisions
from knative.local.sources.apiserver import ApiServerSources
from knative.local.sources.binding import SinkBindings
from knative.local.sources.brokers import Brokers
from knative.local.sources.ping import PingSources
from knative.local.state import API_TOKEN, SINK_TOKEN, make_token, opening, write_endpoints

_SENDING = (BROKER, TRIGGER, PING_SOURCE, API_SERVER_SOURCE, SINK_BINDING)
_DEPENDANTS: Mapping[Kind, tuple[Kind, ...]] = {SERVICE: _SENDING, BROKER: _SENDING, JOB_SINK: _SENDING}
_LONGEST_TICK_S = 0.5
_START_TICK_S, _LONGEST_START_S = 0.05, 60.0


def read_manifests(options: Options) -> list[Manifest]:
    """Load and check the manifests; raises ManifestError with everything that is wrong."""
    return load(options.manifests, options.config, problems_of_object)


class Runtime:
    """Runs manifests in a state folder that the caller holds."""

    def __init__(self, options: Options, manifests: list[Manifest], state_dir: Path) -> None:
        """Raises TokensUnusable."""
        self._options = options
        self._manifests = manifests
        self._token = make_token(state_dir, API_TOKEN)
        ours = {"owner": (self._token, ADMIN), "process": (make_token(state_dir, SINK_TOKEN), EVENTS)}
        tokens = read_tokens(os.environ, ours)
        self._admission = Admission(frozenset(options.cors_origin), tokens)
        offered = {"SINK_TOKEN_FILE": str(state_dir.resolve() / SINK_TOKEN)} if tokens else {}
        self._workplace = Workplace(state_dir.resolve(), offered)

    async def run(self, stop: asyncio.Event) -> None:
        """Start, write down the addresses, go on until `stop`, and leave no process behind.

        Raises:
            PortInUse, StateUnusable: before anything was started.
        """
        gateway_socket = listen(self._options.gateway_port, "--gateway-port")
        try:
            api_socket = listen(self._options.api_port, "--api-port")
        except Exception:
            gateway_socket.close()
            raise
        left = guardian.end_marked(self._workplace.state_mark)
        if left:
            info("leftovers ended", processes=len(left))
        addresses = Addresses(gateway_socket.getsockname()[1])
        self._guardian = guardian.start(self._workplace.run_mark)
        self._wire(addresses)
        try:
            apply(self._store, self._manifests)
            self._reconciler.add_all()
            self._reconciler.run_due()
            self._services.lag.seconds = self._options.lag_s
            await self._engine.start()
            await self._gateway.start(gateway_socket)
            await self._api.start(api_socket)
            await self._until_decided(stop)
            await self._store.durable()
            api_port = api_socket.getsockname()[1]
            write_endpoints(self._workplace.state_dir, addresses.port, api_port, self._token)
            info(
                "ready",
                gateway=addresses.base,
                api=f"http://127.0.0.1:{api_port}",
                state=self._workplace.state_dir,
            )
            await self._tick_until(stop)
        finally:
            info("stopping")
            await self._close()

    def _wire(self, addresses: Addresses) -> None:
        options, state_dir = self._options, self._workplace.state_dir
        objects, events = state_dir / "objects.db", state_dir / "broker.db"
        with opening(objects, "what was made through the API, rollouts included, is lost"):
            self._journal = Journal(objects)
            self._store = store = Store(self._journal)
        defaults = Defaults(idle_s=options.idle_s, max_scale=options.max_scale)
        bindings = SinkBindings(store, addresses, lambda: self._revisions.rebind())
        self._revisions = Revisions(
            store, self._workplace, defaults, bindings.for_revision, self._service_changed
        )
        self._services = Services(store, self._revisions, addresses, lambda key: self._reconciler.add(key))
        self._jobs = Jobs(store, self._workplace, bindings.for_job, limit=options.max_jobs)
        job_sinks = JobSinks(store, self._jobs, addresses)
        self._courier = LocalCourier(self._services, job_sinks, addresses.port, self._token)
        settings = BrokerSettings(ingress_url=addresses.base)
        registry = CollectorRegistry()
        with opening(
            events, "the events that were not delivered yet are lost; `kascade repair` keeps what it can"
        ):
            self._engine = engine = BrokerEngine(events, self._courier, settings=settings, registry=registry)
        brokers = Brokers(store, engine, addresses)
        self._pings = PingSources(store, addresses, self._send)
        self._changes = ApiServerSources(store, addresses, self._send)
        limits = Limits(body_bytes=options.max_body_mib << 20)
        metrics = GatewayMetrics(registry)
        self._gateway = Gateway(
            self._services, job_sinks, engine, brokers, addresses, self._admission, limits, metrics
        )
        self._api = Api(store, operator_routes(engine, registry), self._token)
        handlers = {
            SERVICE: self._services.reconcile,
            REVISION: self._revision_changed,
            BROKER: brokers.reconcile_broker,
            TRIGGER: brokers.reconcile_trigger,
            JOB_SINK: job_sinks.reconcile,
            JOB: self._jobs.reconcile,
            SINK_BINDING: bindings.reconcile,
            PING_SOURCE: self._pings.reconcile,
            API_SERVER_SOURCE: self._changes.reconcile,
        }
        self._reconciler = Reconciler(store, handlers, _DEPENDANTS)

    def _service_changed(self, namespace: str, name: str) -> None:
        self._reconciler.add(Key(SERVICE, namespace, name))

    def _revision_changed(self, key: Key) -> None:
        revision = self._store.find(key)
        if revision is None:
            self._revisions.forget(key)
        else:
            self._service_changed(key.namespace, labels_of(revision)[SERVICE_LABEL])

    async def _send(self, uri: str, headers: Mapping[str, str], body: bytes) -> int:
        try:
            return (await self._courier.post(uri, headers, body, 60.0)).status
        except Unreachable as error:
            raise ConnectionError(str(error)) from error

    async def _until_decided(self, stop: asyncio.Event) -> None:
        """Return once every Service works or has failed: until then nobody's events could be delivered."""
        until = asyncio.get_running_loop().time() + _LONGEST_START_S
        while any(ready_of(service) == "Unknown" for service in self._store.all_of(SERVICE)):
            if stop.is_set() or asyncio.get_running_loop().time() > until:
                break
            await self._round(stop, _START_TICK_S)
        not_ready = [
            f"{kind.name} {body['metadata']['name']}"
            for kind in (SERVICE, *_SENDING)
            for body in self._store.all_of(kind)
            if ready_of(body) != "True"
        ]
        if not_ready:
            warn("not everything is ready", objects=", ".join(not_ready))

    async def _tick_until(self, stop: asyncio.Event) -> None:
        period_s = min(_LONGEST_TICK_S, max(0.05, self._options.idle_s / 4))
        rounds = 0
        while not stop.is_set():
            rounds += 1
            if rounds % 60 == 0:
                for log in (self._workplace.state_dir / "logs").glob("*.log"):
                    rotate(log)
            await self._round(stop, period_s)

    async def _round(self, stop: asyncio.Event, period_s: float) -> None:
        """Let every pool scale by the clock, and wait for so long, or until `stop`."""
        self._revisions.tick()
        try:
            async with asyncio.timeout(period_s):
                await stop.wait()
        except TimeoutError:
            return

    async def _close(self) -> None:
        self._reconciler.close()
        await self._pings.close()
        await self._changes.close()
        await self._api.close()
        # Subscribers outlive deliveries, and the broker outlives everything that sends events while it ends.
        await asyncio.gather(self._engine.pause(), self._jobs.close())
        await self._revisions.close()
        await self._gateway.close()
        await self._engine.stop()
        self._journal.close()
        guardian.release(self._guardian)
        info("stopped")
