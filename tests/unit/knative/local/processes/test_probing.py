"""When a process counts as ready, asked as queue-proxy and the kubelet ask, by a clock of the test's own."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress

import pytest

from knative.local.processes import probing
from knative.local.services.plan import Probe


class ProbedProcess:
    """A process whose answers are given beforehand, and a clock that only sleeping moves."""

    def __init__(self, answers: str) -> None:
        self.answers: Iterator[str] = iter(answers)
        self.now = 0.0
        self.asked_at: list[float] = []
        self.awaited = False
        self.told: list[bool] = []

    async def sleep(self, seconds: float) -> None:
        self.now = round(self.now + seconds, 6)

    async def is_ready(self, probe: Probe, port: int) -> bool:
        self.asked_at.append(self.now)
        answer = next(self.answers, None)
        if answer is None:
            raise asyncio.CancelledError
        return answer == "y"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ProbedProcess]:
    def make(answers: str) -> ProbedProcess:
        made = ProbedProcess(answers)
        monkeypatch.setattr(probing.asyncio, "sleep", made.sleep)
        monkeypatch.setattr(probing, "is_ready", made.is_ready)
        return made

    return make


def in_a_loop(test: Callable[..., Coroutine[None, None, None]]) -> Callable[..., None]:
    """Run a test in an event loop of its own."""

    @functools.wraps(test)
    def run(*arguments: object, **named: object) -> None:
        asyncio.run(test(*arguments, **named))

    return run


async def become_ready(world: ProbedProcess, probe: Probe) -> list[float]:
    await probing.until_ready(probe, 1, lambda: world.awaited)
    return world.asked_at


@in_a_loop
async def test_without_a_period_a_process_is_asked_every_50_ms(world: Callable[[str], ProbedProcess]) -> None:
    assert await become_ready(world("nnny"), Probe()) == [0.0, 0.05, 0.1, 0.15]


@in_a_loop
async def test_with_a_period_it_is_asked_once_a_period(world: Callable[[str], ProbedProcess]) -> None:
    assert await become_ready(world("nny"), Probe(period_s=10)) == [0.0, 10.0, 20.0]


@in_a_loop
async def test_while_requests_wait_it_is_asked_as_the_activator_does(
    world: Callable[[str], ProbedProcess],
) -> None:
    made = world("nnny")
    made.awaited = True
    assert await become_ready(made, Probe(period_s=10)) == [0.0, 0.2, 0.4, 0.6]


@in_a_loop
async def test_it_is_first_asked_after_its_delay(world: Callable[[str], ProbedProcess]) -> None:
    assert await become_ready(world("y"), Probe(initial_delay_s=3)) == [3.0]


@in_a_loop
async def test_as_many_successes_in_a_row_are_wanted_as_its_threshold_says(
    world: Callable[[str], ProbedProcess],
) -> None:
    assert len(await become_ready(world("ynyy"), Probe(period_s=1, success_threshold=2))) == 4


async def watched(world: ProbedProcess, probe: Probe) -> ProbedProcess:
    with suppress(asyncio.CancelledError):
        await probing.watch_readiness(probe, 1, lambda: world.awaited, world.told.append)
    return world


@in_a_loop
async def test_three_failures_in_a_row_take_it_from_service_and_one_success_gives_it_back(
    world: Callable[[str], ProbedProcess],
) -> None:
    made = await watched(world("ynnynnnny"), Probe(period_s=5))
    assert made.told == [False, True]
    assert made.asked_at[:3] == [5.0, 10.0, 15.0]


@in_a_loop
async def test_the_threshold_of_failures_is_its_own(world: Callable[[str], ProbedProcess]) -> None:
    assert (await watched(world("nny"), Probe(period_s=1, failure_threshold=2))).told == [False, True]
    assert (await watched(world("n"), Probe(period_s=1, failure_threshold=1))).told == [False]


@in_a_loop
async def test_without_a_period_a_ready_process_is_not_asked_again(
    world: Callable[[str], ProbedProcess],
) -> None:
    made = await watched(world("yyy"), Probe())
    assert made.asked_at == []


@in_a_loop
async def test_while_requests_wait_for_one_that_is_not_ready_it_is_asked_more_often(
    world: Callable[[str], ProbedProcess],
) -> None:
    made = world("nny")
    made.awaited = True
    await watched(made, Probe(period_s=5, failure_threshold=1))
    assert made.asked_at[:3] == [5.0, 5.2, 5.4]
