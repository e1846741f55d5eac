"""Broker and Trigger objects: passed on to the broker engine, and its state to their conditions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from knative.local.addresses import Addresses
from knative.local.broker.engine import BrokerEngine
from knative.local.broker.errors import InvalidSpec
from knative.local.broker.model import BrokerSpec, TriggerSpec, parse_broker, parse_trigger
from knative.local.log import info, warn
from knative.local.resources.kinds import BROKER, TRIGGER, Json
from knative.local.resources.objects import Key, address_of, condition, ready_condition, ready_of, status_of
from knative.local.resources.store import Store
from knative.local.sources.sinks import resolve


class Brokers:
    """Keeps the engine's brokers and triggers as the store's objects say."""

    def __init__(self, store: Store, engine: BrokerEngine, addresses: Addresses) -> None:
        self._store = store
        self._engine = engine
        self._addresses = addresses
        self._known: dict[Key, BrokerSpec | TriggerSpec] = {}
        self._leaving: dict[Key, asyncio.Task[None]] = {}
        self._dropped_gone = False

    def reconcile_broker(self, key: Key) -> None:
        """Open, change or close the Broker at `key`."""
        self._drop_gone()
        broker = self._store.find(key)
        if broker is None:
            if self._known.pop(key, None) is not None:
                self._engine.remove_broker(key.namespace, key.name)
                info("broker closed", broker=key.name, namespace=key.namespace)
            return
        dead_letter, problem = self._dead_letter(broker, key.namespace)
        # As on a cluster, a Broker keeps its address, whatever becomes of its dead letter sink.
        address = address_of(broker)
        if not problem or address:
            address = self._addresses.broker(key.namespace, key.name)
            self._open(key, parse_broker(broker, self._url_of))
        status: Json = {"address": {"url": address}} if address else {}
        conditions = [
            condition("Addressable", True) if address else condition("Addressable", None),
            _resolved("DeadLetterSinkResolved", problem, bool(dead_letter)),
        ]
        self._report(key, broker, status, conditions, dead_letter)

    def _open(self, key: Key, spec: BrokerSpec) -> None:
        if self._known.get(key) == spec:
            return
        self._engine.add_broker(spec)
        if key not in self._known:
            info("broker open", broker=key.name, namespace=key.namespace)
        self._known[key] = spec

    def why_closed(self, namespace: str, name: str) -> str:
        """Return why a Broker that is there takes no events, empty when it does, and when it is not there."""
        key = Key(BROKER, namespace, name)
        broker = self._store.find(key)
        if broker is None or key in self._known:
            return ""
        return f"the Broker {name} has no address yet: {ready_condition(broker).get('message', '')}"

    def reconcile_trigger(self, key: Key) -> None:
        """Add, change or remove the Trigger at `key`; it is added once its subscriber exists."""
        self._drop_gone()
        trigger = self._store.find(key)
        if trigger is None:
            if self._known.pop(key, None) is not None:
                self._leaving[key] = asyncio.ensure_future(self._remove(key))
            return
        subscriber, missing = self._resolve(trigger["spec"]["subscriber"], key.namespace)
        dead_letter, problem = self._dead_letter(trigger, key.namespace)
        broker = self._store.find(Key(BROKER, key.namespace, trigger["spec"]["broker"]))
        subscribed = condition("SubscriptionReady", None)
        # A Trigger that works goes on working; a new one waits until everything it needs has an address.
        if subscriber and (key in self._known or (not problem and _is_ready(broker))):
            subscribed = self._subscribe(key, trigger)
        status: Json = {"subscriberUri": subscriber} if subscriber else {}
        conditions = [
            _broker_ready(broker, trigger["spec"]["broker"]),
            _resolved("DeadLetterSinkResolved", problem, bool(dead_letter)),
            condition("DependencyReady", True),
            _resolved("SubscriberResolved", missing, True),
            subscribed,
        ]
        inherited = status_of(broker or {}).get("deadLetterSinkUri", "")
        self._report(key, trigger, status, conditions, dead_letter or inherited)

    def _drop_gone(self) -> None:
        """Drop, once, what waits for Triggers that were deleted while no runtime ran."""
        if self._dropped_gone:
            return
        self._dropped_gone = True
        for lane, count in self._engine.leftovers().items():
            namespace, _, name = lane.partition("#")[0].partition("/")
            key = Key(TRIGGER, namespace, name)
            if self._store.find(key) is not None:
                continue
            info("events dropped", trigger=name, namespace=namespace, events=count, why="the Trigger is gone")
            if key not in self._leaving:
                self._leaving[key] = asyncio.ensure_future(self._drop(key))

    async def _drop(self, key: Key) -> None:
        # Removing a Trigger drops what waits for it, and one removed at once delivers nothing.
        self._engine.add_trigger(TriggerSpec(key.namespace, key.name, broker="", subscriber_uri=""))
        await self._engine.remove_trigger(key.namespace, key.name)

    def _subscribe(self, key: Key, trigger: Json) -> dict[str, str]:
        """Have the engine deliver by a Trigger; return whether it does, as a condition."""
        try:
            spec = parse_trigger(trigger, self._url_of)
        except InvalidSpec as error:
            warn("trigger refused", trigger=key.name, why=str(error))
            return condition("SubscriptionReady", False, "Refused", str(error))
        leaving = self._leaving.get(key)
        if leaving is not None and not leaving.done():
            leaving.add_done_callback(lambda _: self.reconcile_trigger(key))
            why = "deliveries of the deleted Trigger of this name are still under way"
            return condition("SubscriptionReady", None, "PredecessorLeaving", why)
        if key not in self._known:
            self._engine.add_trigger(spec)
            info("trigger added", trigger=key.name, namespace=key.namespace, subscriber=spec.subscriber_uri)
        elif self._known[key] != spec:
            self._engine.update_trigger(spec)
        self._known[key] = spec
        return condition("SubscriptionReady", True)

    async def _remove(self, key: Key) -> None:
        await self._engine.remove_trigger(key.namespace, key.name)
        info("trigger removed", trigger=key.name, namespace=key.namespace)

    def _resolve(self, destination: Mapping[str, Any], namespace: str) -> tuple[str, str]:
        return resolve(destination, namespace, self._store, self._addresses)

    def _url_of(self, destination: Mapping[str, Any], namespace: str) -> str:
        return self._resolve(destination, namespace)[0]

    def _dead_letter(self, body: Json, namespace: str) -> tuple[str, str]:
        """Return the URL of an object's dead letter sink, and why there is none."""
        sink = ((body.get("spec") or {}).get("delivery") or {}).get("deadLetterSink")
        return self._resolve(sink, namespace) if sink else ("", "")

    def _report(
        self, key: Key, body: Json, status: Json, conditions: list[dict[str, str]], dead_letter: str
    ) -> None:
        bad = next((c for c in conditions if c["status"] == "False"), None)
        bad = bad or next((c for c in conditions if c["status"] == "Unknown"), None)
        ready = {**bad, "type": "Ready"} if bad else condition("Ready", True)
        status["conditions"] = sorted([*conditions, ready], key=lambda c: c["type"])
        status["observedGeneration"] = body["metadata"]["generation"]
        if dead_letter:
            status["deadLetterSinkUri"] = dead_letter
        self._store.set_status(key, status)


def _resolved(type_: str, problem: str, configured: bool) -> dict[str, str]:
    if problem:
        return condition(type_, False, "NotFound", problem)
    return condition(type_, True) if configured else condition(type_, True, "DeadLetterSinkNotConfigured", "")


def _broker_ready(broker: Json | None, name: str) -> dict[str, str]:
    if broker is None:
        return condition("BrokerReady", False, "BrokerDoesNotExist", f'Broker "{name}" does not exist')
    if _is_ready(broker):
        return condition("BrokerReady", True)
    why = ready_condition(broker)
    failed = False if why.get("status") == "False" else None
    return condition("BrokerReady", failed, why.get("reason", ""), why.get("message", ""))


def _is_ready(broker: Json | None) -> bool:
    return broker is not None and ready_of(broker) == "True"
