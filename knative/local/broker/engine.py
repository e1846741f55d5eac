"""The broker itself, pure of any HTTP server: accept, store, match, deliver."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from knative.local.broker import broker_events, pages, ttl
from knative.local.broker.courier import Courier
from knative.local.broker.durations import rfc3339_nano
from knative.local.broker.errors import LogUnavailable, MalformedEvent
from knative.local.broker.event import Incoming, RawHeaders, Record, read_event
from knative.local.broker.index import TriggerIndex
from knative.local.broker.log import Log
from knative.local.broker.metrics import BacklogCollector, BrokerMetrics
from knative.local.broker.model import DEFAULT_DELIVERY, BrokerSpec, TriggerSpec, effective_delivery
from knative.local.broker.outcomes import Failed
from knative.local.broker.rebuilding import Rebuilt, reports_beside
from knative.local.broker.response import ALLOW, Response
from knative.local.broker.settings import BrokerSettings
from knative.local.broker.subscription import Subscription, Tools, offer
from knative.local.broker.waiting import Waiting, read_waiting

_TTL_HEADER = f"ce-{ttl.EXTENSION}"
_NO_LANES: TriggerIndex[Subscription] = TriggerIndex(())


_ACCEPTED = Response(202)


class BrokerEngine:
    """All brokers and triggers of one runtime, over one log.

    Triggers may come before their broker, and both may change while events flow.
    """

    def __init__(
        self,
        log_path: Path,
        courier: Courier,
        *,
        settings: BrokerSettings | None = None,
        registry: CollectorRegistry | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open the log; nothing is delivered until `start`.

        Args:
            log_path: the log's SQLite file, made if missing; this process alone may hold it.
            courier: reaches subscribers and sinks; closed by `stop`.
            settings: see BrokerSettings.
            registry: where the metrics go; a new one if None.
            clock: seconds since the epoch.

        Raises:
            LogUnavailable: the log cannot be opened.
        """
        self._settings = settings or BrokerSettings()
        self._started = False
        self._stopping = False
        registry = registry or CollectorRegistry()
        self._log_path = log_path
        self._rebuilt: list[Rebuilt] = []
        self._reporting: set[asyncio.Task[None]] = set()
        self._log = Log(log_path, self._settings, self._log_was_rebuilt)
        self._metrics = BrokerMetrics(registry)
        registry.register(BacklogCollector(self.backlog))
        self._tools = Tools(self._log, courier, self._settings, self._metrics, clock)
        self._brokers: dict[tuple[str, str], BrokerSpec] = {}
        self._triggers: dict[tuple[str, str], Subscription] = {}
        self._indexes: dict[tuple[str, str], TriggerIndex[Subscription]] = {}
        self._counts = self._log.counts()

    def add_broker(self, spec: BrokerSpec) -> None:
        """Open a broker for events, or change the delivery that its triggers inherit."""
        self._brokers[spec.namespace, spec.name] = spec
        for subscription in self._triggers.values():
            self._refresh(subscription, subscription.spec)

    def remove_broker(self, namespace: str, name: str) -> None:
        """Close a broker: no event is accepted any more; those accepted are still delivered."""
        self._brokers.pop((namespace, name), None)

    def add_trigger(self, spec: TriggerSpec) -> None:
        """Deliver by this trigger from now on, and what the log holds for a trigger of that name."""
        key = spec.namespace, spec.name
        if key in self._triggers:
            self.update_trigger(spec)
            return
        publish = partial(self._publish_reply, spec.namespace, spec.broker)
        subscription = Subscription(spec, DEFAULT_DELIVERY, self._tools, publish)
        for lane in subscription.lanes.values():
            lane.backlog = self._counts.pop(lane.number, 0)
        self._triggers[key] = subscription
        self._refresh(subscription, spec)
        self._reindex(spec.namespace, spec.broker)
        if self._started:
            subscription.start()

    def update_trigger(self, spec: TriggerSpec) -> None:
        """Go on by another spec of a trigger; events that wait for it already stay.

        Raises:
            KeyError: there is no such trigger.
            ValueError: its broker may not change.
        """
        subscription = self._triggers[spec.namespace, spec.name]
        if spec.broker != subscription.spec.broker:
            raise ValueError(f"spec.broker of trigger {spec.name!r} is immutable")
        self._refresh(subscription, spec)
        self._reindex(spec.namespace, spec.broker)

    async def remove_trigger(self, namespace: str, name: str) -> None:
        """Stop delivering by this trigger and drop what waits for it."""
        subscription = self._triggers.pop((namespace, name))
        self._reindex(namespace, subscription.spec.broker)
        await subscription.stop(self._settings.drain_s)
        for lane in subscription.lanes.values():
            await self._drop(lane.number)

    def leftovers(self) -> dict[str, int]:
        """Return how many deliveries the log holds for triggers that are not there, by the trigger's key."""
        keys = {number: key for key, number in self._log.lanes().items()}
        return {keys[number]: count for number, count in self._counts.items()}

    def damaged(self) -> list[Rebuilt]:
        """Return what became of the log where it was damaged, until someone deletes the damaged files."""
        return reports_beside(self._log_path)

    async def _drop(self, lane: int) -> None:
        while await self._log.call(partial(pages.drop_some, lane=lane)):
            pass

    async def start(self) -> None:
        """Start delivering, first of all what a former process left."""
        self._log.start()
        self._started = True
        for subscription in self._triggers.values():
            subscription.start()
        for rebuilt in self._rebuilt:
            self._report_losses(rebuilt)

    async def pause(self) -> None:
        """Deliver nothing more, and wait for deliveries under way. Events are still taken into the log."""
        await asyncio.gather(*(each.stop(self._settings.drain_s) for each in self._triggers.values()))

    async def stop(self) -> None:
        """Accept nothing more, wait for deliveries under way, close the log; the rest waits there."""
        self._stopping = True
        await self.pause()
        await self._log.close()
        await self._tools.courier.close()

    async def accept(self, namespace: str, broker: str, headers: RawHeaders, body: bytes) -> Response:
        """Take an event from a producer; 202 means that it is stored, whatever its subscribers do.

        Args:
            namespace: of the broker.
            broker: its name.
            headers: as they came.
            body: the whole body.
        """
        if (namespace, broker) not in self._brokers:
            return Response(404, body=f"there is no broker {broker!r} in namespace {namespace!r}".encode())
        if self._stopping or not self._started:
            return Response(503, {**ALLOW, "Retry-After": "1"}, b"the broker is starting or stopping")
        try:
            incoming = read_event(headers, body)
        except MalformedEvent as error:
            self._metrics.malformed.labels(namespace, broker).inc()
            return Response(400, body=str(error).encode())
        try:
            refused = await self._publish(namespace, broker, incoming, None)
        except LogUnavailable as error:
            self._metrics.refused.labels(namespace, broker).inc()
            return Response(507 if error.full else 500, body=str(error).encode())
        return _ACCEPTED if refused is None else Response(400, body=refused.encode())

    def backlog(self) -> dict[tuple[str, str, str], int]:
        """Return how many deliveries wait, by (namespace, trigger, `subscriber` or `dead letter sink`)."""
        waiting: dict[tuple[str, str, str], int] = {}
        for (namespace, name), subscription in self._triggers.items():
            for target, lane in subscription.lanes.items():
                waiting[namespace, name, target] = lane.backlog
        return waiting

    async def waiting(self, limit: int) -> list[Waiting]:
        """Return what is not finished by trigger, with the first `limit` events for each of its targets."""
        return await read_waiting(self._log, list(self._triggers.values()), limit)

    async def parked(self, limit: int = 100) -> list[pages.Parked]:
        """Return the events that neither subscriber nor dead letter sink took, the newest first."""
        found: list[pages.Parked] = await self._log.call(partial(pages.read_parked, limit=limit))
        return found

    async def redrive(self, namespace: str, trigger: str, ids: list[int] | None = None) -> int:
        """Deliver parked events of a trigger anew, all or those of these ids; return how many.

        Raises:
            KeyError: there is no such trigger.
        """
        lane = self._triggers[namespace, trigger].lane
        count: int = await self._log.call(partial(pages.redrive, lane=lane.number, ids=ids))
        if count:
            lane.backlog += count
            lane.expect(self._tools.clock())
        return count

    async def discard(self, ids: list[int]) -> int:
        """Delete parked events for good; return how many there were."""
        count: int = await self._log.call(partial(pages.discard_parked, ids=ids))
        return count

    def _log_was_rebuilt(self, rebuilt: Rebuilt) -> None:
        self._rebuilt.append(rebuilt)
        if not self._started:  # the waiting deliveries are counted at the start
            return
        for subscription in self._triggers.values():
            subscription.take_stock(rebuilt)
        self._report_losses(rebuilt)

    def _report_losses(self, rebuilt: Rebuilt) -> None:
        """Count what a damaged log cost, and send an event about it to the brokers of the triggers."""
        self._metrics.rebuilt.inc()
        for (namespace, name), lost, event in broker_events.deliveries_lost(rebuilt):
            self._metrics.lost.labels(namespace, name).inc(lost)
            if (subscription := self._triggers.get((namespace, name))) is not None:
                publish = self._publish_own(namespace, subscription.spec.broker, event)
                task = asyncio.get_running_loop().create_task(publish)
                self._reporting.add(task)
                task.add_done_callback(self._reporting.discard)

    async def _publish_own(self, namespace: str, broker: str, event: Incoming) -> None:
        with suppress(LogUnavailable):  # the metric and the log report it all the same
            await self._publish(namespace, broker, event, None)

    def _refresh(self, subscription: Subscription, spec: TriggerSpec) -> None:
        broker = self._brokers.get((spec.namespace, spec.broker)) or BrokerSpec(spec.namespace, spec.broker)
        subscription.change(spec, effective_delivery(broker, spec))

    def _reindex(self, namespace: str, broker: str) -> None:
        members = [
            each
            for each in self._triggers.values()
            if (each.spec.namespace, each.spec.broker) == (namespace, broker)
        ]
        self._indexes[namespace, broker] = TriggerIndex(members, Subscription.filter_broke)

    async def _publish(
        self, namespace: str, broker: str, incoming: Incoming, finishes: tuple[int, int] | None
    ) -> str | None:
        """Store an event for the triggers it matches; return why it is refused, if it is."""
        headers = incoming.headers
        hops = ttl.next_ttl(headers.pop(_TTL_HEADER, None), self._settings.max_ttl)
        if hops <= 0:
            self._metrics.refused.labels(namespace, broker).inc()
            return f"{ttl.EXTENSION} is used up: the event passed the broker too many times"
        incoming.attributes.pop(ttl.EXTENSION, None)
        arrival = rfc3339_nano(time.time_ns())
        headers["ce-knativearrivaltime"] = incoming.attributes["knativearrivaltime"] = arrival
        matching = self._indexes.get((namespace, broker), _NO_LANES).match(incoming.attributes)
        await self._store(Record(headers, incoming.body, hops), matching, finishes)
        self._metrics.accept(namespace, broker)
        return None

    async def _store(
        self, record: Record, matching: list[Subscription], finishes: tuple[int, int] | None
    ) -> None:
        if not matching:
            if finishes is not None:
                self._log.finish(*finishes, shared=True)
            return
        stored: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        callback = partial(offer, record, matching, stored)
        self._log.append(record, [each.lane.number for each in matching], callback, finishes=finishes)
        await stored

    async def _publish_reply(
        self, namespace: str, broker: str, reply: Incoming, hops: int, finishes: tuple[int, int]
    ) -> Failed | None:
        ingress = f"{self._settings.ingress_url}/{namespace}/{broker}"
        if (namespace, broker) not in self._brokers:
            return Failed(404, b"the broker is gone", retriable=True, destination=ingress)
        reply.headers[_TTL_HEADER] = str(hops)
        refused = await self._publish(namespace, broker, reply, finishes)
        if refused is None:
            return None
        return Failed(400, refused.encode(), retriable=False, destination=ingress)
