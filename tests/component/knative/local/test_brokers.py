"""Broker and Trigger objects over a real engine and log, with subscribers in memory."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path

from knative.local.addresses import Addresses
from knative.local.broker.engine import BrokerEngine
from knative.local.broker.outcomes import Answer
from knative.local.broker.settings import BrokerSettings
from knative.local.reconciling import Reconciler
from knative.local.resources.journal import Journal
from knative.local.resources.kinds import BROKER, TRIGGER
from knative.local.resources.objects import Key, ready_of
from knative.local.resources.store import Store
from knative.local.sources.brokers import Brokers

KEY = Key(TRIGGER, "ns", "t")


class Subscriber:
    """Answers every event with `status`; one whose id is `hang` never."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.got: list[str] = []

    async def post(self, uri: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Answer:
        self.got.append(headers["ce-id"])
        if headers["ce-id"] == "hang":
            await asyncio.Event().wait()
        return Answer(self.status)

    async def close(self) -> None:
        return


class BrokerRun:
    """One run of a broker over the objects and the log of a folder."""

    def __init__(self, folder: Path, status: int = 204) -> None:
        self.subscriber = Subscriber(status)
        self._journal = Journal(folder / "objects.db")
        self.store = Store(self._journal)
        self.engine = BrokerEngine(
            folder / "broker.db", self.subscriber, settings=BrokerSettings(drain_s=0.3)
        )
        brokers = Brokers(self.store, self.engine, Addresses(80))
        handlers = {BROKER: brokers.reconcile_broker, TRIGGER: brokers.reconcile_trigger}
        self._reconciler = Reconciler(self.store, handlers, {BROKER: (TRIGGER,)})

    async def start(self) -> None:
        self._reconciler.add_all()
        self._reconciler.run_due()
        await self.engine.start()

    async def stop(self) -> None:
        self._reconciler.close()
        await self.engine.stop()
        self._journal.close()

    def broker(self) -> None:
        self.store.create(Key(BROKER, "ns", "default"), {"metadata": {"name": "default"}, "spec": {}})

    def trigger(self) -> None:
        delivery = {"retry": 100, "backoffDelay": "PT60S"}
        spec = {"broker": "default", "subscriber": {"uri": "http://ear/"}, "delivery": delivery}
        self.store.create(KEY, {"metadata": {"name": KEY.name}, "spec": spec})

    @property
    def ready(self) -> str:
        return ready_of(self.store.get(KEY))

    async def send(self, id_: str) -> None:
        told = {"specversion": "1.0", "id": id_, "source": "/s", "type": "t"}
        headers = [(f"ce-{name}".encode(), value.encode()) for name, value in told.items()]
        assert (await self.engine.accept("ns", "default", headers, b"")).status == 202


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


def in_a_loop(test: Callable[[Path], Coroutine[None, None, None]]) -> Callable[[Path], None]:
    """Run a test in an event loop of its own."""

    @functools.wraps(test)
    def run(tmp_path: Path) -> None:
        asyncio.run(test(tmp_path))

    return run


@in_a_loop
async def test_a_trigger_made_again_is_ready_once_it_takes_events(tmp_path: Path) -> None:
    world = BrokerRun(tmp_path)
    world.broker()
    world.trigger()
    await world.start()
    await until(lambda: world.ready == "True")
    await world.send("hang")
    await until(lambda: world.subscriber.got == ["hang"])

    world.store.delete(KEY)
    await asyncio.sleep(0.05)
    world.trigger()

    seen = []
    async with asyncio.timeout(5):
        while world.ready != "True":
            seen.append(world.store.get(KEY).get("status", {}).get("conditions", ()))
            await asyncio.sleep(0.01)
    assert any(c.get("reason") == "PredecessorLeaving" for c in seen[-1])
    await world.send("new")
    await until(lambda: "new" in world.subscriber.got)
    await world.stop()


async def left_waiting(folder: Path) -> BrokerRun:
    """Stop a world whose subscriber refuses an event; return the next one, not started yet."""
    world = BrokerRun(folder, status=503)
    world.broker()
    world.trigger()
    await world.start()
    await world.send("old")
    await until(lambda: world.subscriber.got)
    await world.stop()
    return BrokerRun(folder)


@in_a_loop
async def test_what_waits_for_a_trigger_that_left_while_nothing_ran_is_not_delivered_when_it_is_back(
    tmp_path: Path,
) -> None:
    world = await left_waiting(tmp_path)
    world.store.delete(KEY)
    await world.start()
    world.trigger()
    await until(lambda: world.ready == "True")
    await world.send("new")
    await until(lambda: "new" in world.subscriber.got)
    assert world.engine.leftovers() == {}
    await until(lambda: world.engine.backlog()["ns", "t", "subscriber"] == 0)
    assert world.subscriber.got == ["new"]
    await world.stop()


@in_a_loop
async def test_what_waits_for_a_trigger_whose_subscriber_is_not_there_yet_is_kept(tmp_path: Path) -> None:
    world = await left_waiting(tmp_path)
    kept = world.store.get(KEY)
    subscriber = {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "later"}}
    world.store.replace(KEY, {**kept, "spec": {**kept["spec"], "subscriber": subscriber}})
    await world.start()
    await asyncio.sleep(0.05)
    assert world.engine.leftovers() == {"ns/t": 1}
    await world.stop()
