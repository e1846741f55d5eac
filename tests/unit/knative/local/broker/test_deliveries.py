"""Deliveries as neither HTTP nor a real clock brings them about: over a courier that answers from memory."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from knative.local.broker.engine import BrokerEngine
from knative.local.broker.model import BrokerSpec, Delivery, TriggerSpec
from knative.local.broker.outcomes import Answer
from knative.local.broker.settings import BrokerSettings

Answers = Callable[[str, int], Awaitable[Answer]]
SETTINGS = BrokerSettings(notes_wait_s=0.001, drain_s=0.1)


class MemoryCourier:
    """Answers each attempt by the event's id and the number of the attempt, 1 for the first."""

    def __init__(self, answers: Answers) -> None:
        self.attempts: Counter[str] = Counter()
        self._answers = answers

    async def post(self, uri: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Answer:
        id_ = headers["ce-id"]
        self.attempts[id_] += 1
        return await self._answers(id_, self.attempts[id_])

    async def close(self) -> None:
        pass


def engine_over(courier: MemoryCourier, folder: Path, clock: Callable[[], float] = time.time) -> BrokerEngine:
    engine = BrokerEngine(folder / "broker.db", courier, settings=SETTINGS, clock=clock)
    engine.add_broker(BrokerSpec("kascade", "default"))
    delivery = Delivery(retry=3, backoff_delay_s=0.1, backoff_policy="linear")
    engine.add_trigger(TriggerSpec("kascade", "all", "default", "http://subscriber/", delivery=delivery))
    return engine


async def send(engine: BrokerEngine, id_: str, body: bytes = b"") -> int:
    headers = {"specversion": "1.0", "id": id_, "source": "/tests", "type": "dev.kascade.tested"}
    raw = [(f"ce-{name}".encode(), value.encode()) for name, value in headers.items()]
    return (await engine.accept("kascade", "default", raw, body)).status


async def until(condition: Callable[[], bool], within_s: float = 5.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)


async def fail_once(id_: str, attempt: int) -> Answer:
    return Answer(503 if attempt == 1 else 204)


def test_a_retry_comes_though_the_clock_is_set_back_meanwhile(tmp_path: Path) -> None:
    async def scenario() -> None:
        back_s = [0.0]
        courier = MemoryCourier(fail_once)
        engine = engine_over(courier, tmp_path, lambda: time.time() - back_s[0])
        await engine.start()
        assert await send(engine, "1") == 202
        await until(lambda: courier.attempts["1"] == 1)
        await asyncio.sleep(0)
        back_s[0] = 0.3

        await until(lambda: courier.attempts["1"] == 2)
        await until(lambda: sum(engine.backlog().values()) == 0)
        await engine.stop()

    asyncio.run(scenario())


async def refuse(id_: str, attempt: int) -> Answer:
    return Answer(400)


async def reply(id_: str, attempt: int) -> Answer:
    attributes = {"specversion": "1.0", "id": "reply", "source": "/tests", "type": "dev.kascade.replied"}
    headers = tuple((f"ce-{name}".encode(), value.encode()) for name, value in attributes.items())
    return Answer(204) if id_ == "reply" else Answer(200, headers)


@pytest.mark.parametrize(
    ("defect", "answers"), [("wait_s", fail_once), ("with_trace", reply), ("error_headers", refuse)]
)
def test_a_defect_around_an_attempt_counts_as_a_failed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defect: str, answers: Answers
) -> None:
    def break_once(*_: object) -> None:
        monkeypatch.undo()
        raise ZeroDivisionError

    async def scenario() -> None:
        courier = MemoryCourier(answers)
        engine = engine_over(courier, tmp_path)
        await engine.start()
        monkeypatch.setattr(f"knative.local.broker.subscription.{defect}", break_once)
        assert await send(engine, "1") == 202

        await until(lambda: courier.attempts["1"] == 2)
        await until(lambda: sum(engine.backlog().values()) == 0)
        await engine.stop()

    asyncio.run(scenario())


def test_large_retries_do_not_wait_behind_one_that_hangs(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def hang(id_: str, attempt: int) -> Answer:
        if attempt > 1 and id_ == "0":
            await ended.wait()
        return await fail_once(id_, attempt)

    async def scenario() -> None:
        courier = MemoryCourier(hang)
        engine = engine_over(courier, tmp_path)
        await engine.start()
        for number in range(3):
            assert await send(engine, str(number), b"x" * (SETTINGS.page_bytes + 1)) == 202

        await until(lambda: courier.attempts == {"0": 2, "1": 2, "2": 2})
        await until(lambda: sum(engine.backlog().values()) == 1)
        worked_s = time.process_time()
        await asyncio.sleep(0.2)
        assert time.process_time() - worked_s < 0.1
        ended.set()
        await engine.stop()

    asyncio.run(scenario())
