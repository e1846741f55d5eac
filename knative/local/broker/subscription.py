"""One trigger at work: every attempt at delivery, what its outcome means, and what the log records."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson

from knative.local.broker import outcomes, structured, ttl
from knative.local.broker.courier import Courier
from knative.local.broker.dead_letter import error_headers
from knative.local.broker.errors import LogUnavailable, Unreachable
from knative.local.broker.event import Incoming, Record
from knative.local.broker.filters import Filter
from knative.local.broker.filters.never import why_never
from knative.local.broker.headers import with_trace
from knative.local.broker.lane import Lane
from knative.local.broker.log import Log, resolve
from knative.local.broker.metrics import BrokerMetrics
from knative.local.broker.model import Delivery, TriggerSpec
from knative.local.broker.outcomes import Answer, Delivered, Failed
from knative.local.broker.pages import Item
from knative.local.broker.rebuilding import Rebuilt
from knative.local.broker.retries import backoff_s, wait_s, waits_s
from knative.local.broker.settings import BrokerSettings

_LOG = logging.getLogger(__name__)


class Publish(Protocol):
    """Publishes a reply to the trigger's broker, and with it finishes the delivery that it answers."""

    def __call__(self, reply: Incoming, hops: int, finishes: tuple[int, int], /) -> Awaitable[Failed | None]:
        """Return None, or why the broker refused. Raises LogUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What every subscription works with."""

    log: Log
    courier: Courier
    settings: BrokerSettings
    metrics: BrokerMetrics
    clock: Callable[[], float]


class Subscription:
    """Delivers one trigger's events to its subscriber, and what fails for good to the dead letter sink."""

    def __init__(self, spec: TriggerSpec, delivery: Delivery, tools: Tools, publish: Publish) -> None:
        """Make a subscription that delivers nothing until `start`."""
        self._tools = tools
        self._publish = publish
        log, settings, clock = tools.log, tools.settings, tools.clock
        key = f"{spec.namespace}/{spec.name}"
        self.lane = Lane(log.lane(key), log, settings, self._to_subscriber, clock, self._waits)
        dead = log.lane(f"{key}#dead")
        self.dead_lane = Lane(dead, log, settings, self._to_dead_letter_sink, clock, self._waits)
        labels = (spec.namespace, spec.name)
        metrics = tools.metrics
        self._delivered = metrics.delivered.labels(*labels)
        self._failed = metrics.failed.labels(*labels)
        self._retried = metrics.retried.labels(*labels)
        self._dead_lettered = metrics.dead_lettered.labels(*labels)
        self._parked = metrics.parked.labels(*labels)
        self._never = metrics.never_matching.labels(*labels)
        self.never_matches: str | None = None
        self._unjudged = metrics.unjudged.labels(*labels)
        self.change(spec, delivery)

    @property
    def lanes(self) -> dict[str, Lane]:
        """Return the lanes by where they lead to."""
        return {"subscriber": self.lane, "dead letter sink": self.dead_lane}

    @property
    def filter(self) -> Filter:
        """Return what the trigger takes."""
        return self.spec.filter

    def change(self, spec: TriggerSpec, delivery: Delivery) -> None:
        """Go on by another spec of the same trigger; what waits already stays."""
        self.spec = spec
        self.delivery = delivery
        self._filter_broken = False
        self._warn_if_it_never_matches()
        self._longest_waits = waits_s(delivery, self._tools.settings.linear_backoff)
        self._extra = {"Prefer": "reply", "Kn-Namespace": spec.namespace}
        self._timeout_s = delivery.timeout_s or self._tools.settings.attempt_timeout_s

    def take_stock(self, rebuilt: Rebuilt) -> None:
        """Count anew after the log was rebuilt, and deliver what is to be delivered again."""
        for end, lane in (("", self.lane), ("#dead", self.dead_lane)):
            key = f"{self.spec.namespace}/{self.spec.name}{end}"
            again = rebuilt.again.get(key, 0)
            lane.backlog = max(0, lane.backlog + again - rebuilt.lost.get(key, 0))
            if again:
                lane.expect(self._tools.clock())

    def filter_broke(self, error: Exception) -> None:
        """Count an event that the filter could not judge; it does not pass, and the first one is told."""
        if not self._filter_broken:
            name = f"{self.spec.namespace}/{self.spec.name}"
            _LOG.error("the filter of trigger %s fails, events do not pass it: %r", name, error)
        self._filter_broken = True
        self._unjudged.inc()

    def _warn_if_it_never_matches(self) -> None:
        before, self.never_matches = self.never_matches, why_never(self.spec.filter)
        self._never.set(self.never_matches is not None)
        if self.never_matches not in (None, before):
            name = f"{self.spec.namespace}/{self.spec.name}"
            _LOG.warning("no event can pass the filter of trigger %s: %s", name, self.never_matches)

    def _waits(self) -> list[float]:
        return self._longest_waits

    def start(self) -> None:
        """Start delivering."""
        self.lane.start()
        self.dead_lane.start()

    async def stop(self, wait_s: float) -> None:
        """Stop delivering; wait for what is under way."""
        await asyncio.gather(self.lane.stop(wait_s), self.dead_lane.stop(wait_s))

    async def _to_subscriber(self, item: Item) -> None:
        try:
            await self._deliver(item)
        except Exception:
            failure = self._defect()
            if not self._retry(self.lane, item, failure):
                self._give_up(item, failure)

    async def _to_dead_letter_sink(self, item: Item) -> None:
        try:
            await self._dead_letter(item)
        except Exception:
            if not self._retry(self.dead_lane, item, self._defect()):
                self._park(self.dead_lane, item, item.error or b"{}")

    def _defect(self) -> Failed:
        """Count a bug as a failed attempt, with its traceback: it must not lose the event."""
        _LOG.exception("a delivery by trigger %s/%s broke", self.spec.namespace, self.spec.name)
        return Failed(500, traceback.format_exc().encode(), retriable=True)

    async def _deliver(self, item: Item) -> None:
        uri = self.spec.subscriber_uri
        outcome = await self._attempt(item, uri, self._extra, self._judge)
        if isinstance(outcome, Delivered) and outcome.reply is not None:
            refused = await self._reply(item, outcome.reply)
            if refused is None:
                self._delivered.inc()
                self.lane.backlog -= 1
                return
            outcome = refused
        if isinstance(outcome, Delivered):
            self._delivered.inc()
            self._finish(self.lane, item)
        elif not self._retry(self.lane, item, outcome):
            self._give_up(item, outcome)

    async def _dead_letter(self, item: Item) -> None:
        uri = self.delivery.dead_letter_uri
        if uri is None:  # the sink was taken away meanwhile
            self._park(self.dead_lane, item, item.error or b"{}")
            return
        extra = {
            f"ce-{ttl.EXTENSION}": str(item.record.ttl),
            **orjson.loads(item.error or b"{}"),
            "Kn-Namespace": self.spec.namespace,
        }
        outcome = await self._attempt(item, uri, extra, outcomes.judge_dead_letter_sink)
        if isinstance(outcome, Delivered):
            self._dead_lettered.inc()
            self._finish(self.dead_lane, item)
        elif not self._retry(self.dead_lane, item, outcome):
            self._park(self.dead_lane, item, item.error or b"{}")

    def _judge(self, answer: Answer) -> Delivered | Failed:
        return outcomes.judge(answer, self._tools.settings.reply_statuses)

    async def _attempt(
        self, item: Item, uri: str, extra: dict[str, str], judged: Callable[[Answer], Delivered | Failed]
    ) -> Delivered | Failed:
        headers, body = item.record.headers | extra, item.record.body
        try:
            if self.delivery.format == "json":
                headers, body = structured.from_binary(headers, body)
            return judged(await self._tools.courier.post(uri, headers, body, self._timeout_s))
        except Unreachable as error:
            return outcomes.unreachable(uri, str(error))

    async def _reply(self, item: Item, reply: Incoming) -> Failed | None:
        """Publish a reply; if it cannot be stored, try that again by the trigger's own rules."""
        settings = self._tools.settings
        reply.headers = with_trace(reply.headers, item.record.headers)
        for retry in range(1, self.delivery.retry + 2):
            try:
                return await self._publish(reply, item.record.ttl, (self.lane.number, item.seq))
            except LogUnavailable as error:
                reason = str(error).encode()
            if settings.refused_reply == "redeliver":
                return Failed(500, reason, retriable=True, destination=self._ingress)
            if retry <= self.delivery.retry:
                await asyncio.sleep(backoff_s(self.delivery, retry, settings.linear_backoff))
        return Failed(500, reason, retriable=False, destination=self._ingress)

    @property
    def _ingress(self) -> str:
        return f"{self._tools.settings.ingress_url}/{self.spec.namespace}/{self.spec.broker}"

    def _finish(self, lane: Lane, item: Item) -> None:
        lane.backlog -= 1
        self._tools.log.finish(lane.number, item.seq, shared=item.shared)

    def _retry(self, lane: Lane, item: Item, failure: Failed) -> bool:
        """Have it tried again if its failure and the policy allow that."""
        now = self._tools.clock()
        linear = self._tools.settings.linear_backoff
        attempts = item.attempts + 1
        wait = wait_s(self.delivery, attempts, failure.status, failure.headers, now, linear)
        self._failed.inc()
        if not failure.retriable or attempts > self.delivery.retry:
            return False
        due = now + wait
        self._tools.log.retry(lane.number, item.seq, attempts, due, item.error)
        self._retried.inc()
        lane.expect(due)
        return True

    def _give_up(self, item: Item, failure: Failed) -> None:
        error = orjson.dumps(error_headers(failure, self.spec.subscriber_uri))
        if self.delivery.dead_letter_uri is None:
            self._park(self.lane, item, error)
            return
        due = self._tools.clock()
        self._tools.log.move(self.lane.number, item.seq, self.dead_lane.number, due, error)
        self.lane.backlog -= 1
        self.dead_lane.backlog += 1
        self.dead_lane.expect(due)

    def _park(self, lane: Lane, item: Item, error: bytes) -> None:
        lane.backlog -= 1
        self._parked.inc()
        self._tools.log.park(lane.number, item.seq, self.lane.number, self._tools.clock(), error)


def offer(
    record: Record,
    matching: Sequence[Subscription],
    stored: asyncio.Future[int],
    result: int | LogUnavailable,
) -> None:
    """Hand a stored event to its lanes, whether or not the producer still waits for the answer."""
    if isinstance(result, int):
        shared = len(matching) > 1
        for subscription in matching:
            subscription.lane.backlog += 1
            subscription.lane.offer(result, record, shared=shared)
    resolve(stored, result)
