"""The replicas of a revision, with processes that exist only in memory."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

import pytest

from knative.local.errors import CannotStart, NotServed
from knative.local.services.plan import Command, Plan, Probe
from knative.local.services.pool import Pool


def in_a_loop(test: Callable[..., Coroutine[None, None, None]]) -> Callable[..., None]:
    """Run a test in an event loop of its own."""

    @functools.wraps(test)
    def run(*arguments: object, **named: object) -> None:
        asyncio.run(test(*arguments, **named))

    return run


@dataclass
class MemoryProcess:
    """A process that becomes ready, and ends, when told to."""

    port: int
    key: str = "a key"
    tell: Callable[[bool], None] = bool
    readiness: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def ready(self, awaited: Callable[[], bool]) -> None:
        await self.readiness.wait()

    async def watch(self, awaited: Callable[[], bool], tell: Callable[[bool], None]) -> None:
        self.tell = tell

    async def wait(self) -> int:
        return await asyncio.shield(self.ended)

    async def stop(self, grace_s: float) -> int:
        if not self.ended.done():
            self.ended.set_result(0)
        return 0


class MemoryLauncher:
    """Starts processes in memory, ready at once if `eager`."""

    def __init__(self, *, eager: bool = True, refuses: Exception | None = None) -> None:
        self.eager, self.refuses = eager, refuses
        self.started: list[MemoryProcess] = []

    async def launch(self) -> MemoryProcess:
        if self.refuses:
            raise self.refuses
        process = MemoryProcess(len(self.started) + 1)
        if self.eager:
            process.readiness.set()
        self.started.append(process)
        return process

    def last_lines(self) -> str:
        return "the last words"


def plan(**changes: float) -> Plan:
    known = {
        "concurrency": 0,
        "target": 100.0,
        "timeout_s": 2.0,
        "min_scale": 0,
        "max_scale": 2.0,
        "initial_scale": 1,
        "idle_s": 0.0,
        "progress_deadline_s": 5.0,
        "grace_s": 1.0,
    }
    return Plan(command=Command(("true",)), probe=Probe(), **{**known, **changes})  # type: ignore[arg-type]


def pool_of(launcher: MemoryLauncher, **changes: float) -> Pool:
    return Pool("churn-v1", plan(**changes), launcher, lambda: None)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(3):
        while not condition():
            await asyncio.sleep(0.005)


@in_a_loop
async def test_the_first_request_starts_a_process_and_idleness_stops_it() -> None:
    launcher = MemoryLauncher()
    pool = pool_of(launcher)
    replica = await pool.acquire()
    assert (replica.port, pool.in_flight) == (1, 1)
    pool.tick()
    assert pool.ready_replicas == 1
    pool.release(replica)
    pool.tick()
    await until(lambda: not pool.replicas)
    assert launcher.started[0].ended.done()
    await pool.close()


@in_a_loop
async def test_requests_beyond_the_limit_wait_in_turn() -> None:
    pool = pool_of(MemoryLauncher(), concurrency=1, target=1.0, max_scale=1)
    first = await pool.acquire()
    order: list[int] = []

    async def ask(number: int) -> None:
        replica = await pool.acquire()
        order.append(number)
        pool.release(replica)

    waiting = [asyncio.ensure_future(ask(number)) for number in range(3)]
    await asyncio.sleep(0)
    assert order == []
    pool.release(first)
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2]
    assert pool.in_flight == 0
    await pool.close()


@pytest.mark.parametrize(("demand", "expected"), [(1, 1), (2, 1), (3, 2), (9, 4)])
@in_a_loop
async def test_as_many_processes_run_as_the_demand_asks_for(demand: int, expected: int) -> None:
    launcher = MemoryLauncher()
    pool = pool_of(launcher, target=2.0, max_scale=4)
    replicas = await asyncio.gather(*(pool.acquire() for _ in range(demand)))
    await until(lambda: pool.ready_replicas == expected)
    assert len(launcher.started) == expected
    for replica in replicas:
        pool.release(replica)
    assert pool.in_flight == 0
    await pool.close()


@in_a_loop
async def test_a_request_that_gives_up_takes_nothing_with_it() -> None:
    launcher = MemoryLauncher(eager=False)
    pool = pool_of(launcher, max_scale=1)
    waiting = asyncio.ensure_future(pool.acquire())
    with pytest.raises(NotServed) as caught:
        await pool.acquire(0.01)
    assert caught.value.status == 504
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await until(lambda: launcher.started)
    launcher.started[0].readiness.set()
    await until(lambda: pool.ready_replicas)
    assert pool.in_flight == 0
    await pool.close()


@pytest.mark.parametrize(
    "refusal",
    [
        CannotStart("no ConfigMap"),
        OSError("no ConfigMap: too many open files"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no ConfigMap, but a Secret that is no text"),
    ],
)
@in_a_loop
async def test_a_process_that_cannot_start_is_told_to_those_who_wait(refusal: Exception) -> None:
    pool = pool_of(MemoryLauncher(refuses=refusal))
    with pytest.raises(NotServed, match="no ConfigMap") as caught:
        await pool.acquire()
    assert caught.value.status == 503
    with pytest.raises(NotServed, match="cannot start"):
        await pool.acquire()
    assert pool.failure is not None
    assert "the last words" in pool.failure.message
    await pool.close()


@in_a_loop
async def test_a_process_not_ready_in_time_is_ended() -> None:
    launcher = MemoryLauncher(eager=False)
    pool = pool_of(launcher, progress_deadline_s=0.05)
    pool.prove()
    await until(lambda: pool.failure)
    assert pool.failure is not None
    assert pool.failure.reason == "ProgressDeadlineExceeded"
    assert launcher.started[0].ended.done()
    await pool.close()


@in_a_loop
async def test_a_crash_is_answered_by_a_new_process() -> None:
    launcher = MemoryLauncher()
    pool = pool_of(launcher, min_scale=1, idle_s=60.0)
    pool.reachable = True
    pool.scale()
    await until(lambda: pool.ready_replicas)
    launcher.started[0].ended.set_result(1)
    await until(lambda: len(launcher.started) == 2 and pool.ready_replicas)
    assert pool.failure is None
    await pool.close()


@in_a_loop
async def test_min_scale_holds_only_where_requests_can_arrive() -> None:
    launcher = MemoryLauncher()
    pool = pool_of(launcher, min_scale=2, max_scale=2)
    pool.scale()
    assert pool.replicas == []
    pool.reachable = True
    pool.scale()
    await until(lambda: pool.ready_replicas == 2)
    pool.reachable = False
    pool.tick()
    await until(lambda: not pool.replicas)
    await pool.close()


@in_a_loop
async def test_a_process_keeps_its_requests_until_they_end() -> None:
    launcher = MemoryLauncher()
    pool = pool_of(launcher)
    replica = await pool.acquire()
    closing = asyncio.ensure_future(pool.close())
    await asyncio.sleep(0.02)
    assert not launcher.started[0].ended.done()
    with pytest.raises(NotServed) as caught:
        await pool.acquire()
    assert caught.value.going
    pool.release(replica)
    await closing
    assert launcher.started[0].ended.done()


@in_a_loop
async def test_a_process_dismissed_while_it_starts_is_ended() -> None:
    launcher = MemoryLauncher(eager=False)
    pool = pool_of(launcher)
    pool.prove()
    await pool.close()
    assert pool.replicas == []


@in_a_loop
async def test_changed_variables_replace_processes() -> None:
    launcher = MemoryLauncher()
    pool = pool_of(launcher, min_scale=1, idle_s=60.0)
    pool.reachable = True
    pool.scale()
    await until(lambda: pool.ready_replicas)
    pool.recycle()
    await until(lambda: len(launcher.started) == 2 and launcher.started[0].ended.done())
    await pool.close()


@in_a_loop
async def test_a_process_that_is_no_longer_ready_gets_requests_again_when_it_is() -> None:
    launcher = MemoryLauncher()
    pool = pool_of(launcher, max_scale=1, idle_s=60.0)
    pool.release(await pool.acquire())
    await asyncio.sleep(0)
    launcher.started[0].tell(False)
    assert pool.try_acquire() is None
    waiting = asyncio.ensure_future(pool.acquire())
    await asyncio.sleep(0)
    launcher.started[0].tell(True)
    assert (await waiting).port == 1
    assert len(launcher.started) == 1
    await pool.close()


@in_a_loop
async def test_an_idle_process_that_is_no_longer_ready_is_stopped_too() -> None:
    launcher = MemoryLauncher()
    pool = pool_of(launcher)
    pool.release(await pool.acquire())
    await asyncio.sleep(0)
    launcher.started[0].tell(False)
    pool.tick()
    await until(lambda: not pool.replicas)
    await pool.close()
