"""How far a Service's change has come, and what a later change does to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from knative.local.resources.kinds import SERVICE
from knative.local.resources.objects import Key
from knative.local.services.lag import Lag, Stage

KEY = Key(SERVICE, "ns", "a")


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def test_without_a_lag_a_change_is_followed_at_once() -> None:
    assert Lag(lambda _: None).stage(KEY, 1) is Stage.REVISED


def test_a_change_is_seen_then_configured_then_revised_and_each_step_is_told() -> None:
    async def run() -> list[Stage]:
        seen: list[Stage] = []
        lag = Lag(lambda key: seen.append(lag.stage(key, 1)))
        lag.seconds = 0.02
        seen.append(lag.stage(KEY, 1))
        await until(lambda: len(seen) == 3)
        return seen

    assert asyncio.run(run()) == [Stage.UNSEEN, Stage.CONFIGURED, Stage.REVISED]


def test_a_later_change_starts_over_and_a_deleted_service_is_forgotten() -> None:
    async def run() -> list[Stage]:
        told: list[Stage] = []
        lag = Lag(lambda key: told.append(lag.stage(key, 2)))
        lag.seconds = 0.02
        gone = Key(SERVICE, "ns", "gone")
        lag.stage(gone, 1)
        lag.forget(gone)
        lag.stage(KEY, 1)
        lag.stage(KEY, 2)
        # What was due before this has been told by then.
        await until(lambda: len(told) == 2)
        return told

    assert asyncio.run(run()) == [Stage.CONFIGURED, Stage.REVISED]
