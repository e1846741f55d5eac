"""Goals of roll_out_model, and coming again until they are reached, as its timers do."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from support.kserve.server import Platform

from functions.roll_out_model.deployer import ServedVersion
from functions.roll_out_model.kserve_deployer import KServeDeployer
from functions.roll_out_model.logic import Goal, Promote, Rollout, Stage
from functions.roll_out_model.platform import Progress, reconcile

DEADLINE_S = 30.0
LATER = datetime(2027, 1, 1, tzinfo=UTC)
NOW = LATER - timedelta(minutes=1)


def version(number: int, model: str = "churn") -> ServedVersion:
    """Return a version of a model."""
    return ServedVersion(model, number, f"s3://models/{model}/v{number}/model.onnx", str(number) * 64)


def rollout(number: int, champion: int | None, stage: Stage, **more: Any) -> Rollout:
    """Return a rollout in a stage."""
    beside = None if champion is None else version(champion)
    return Rollout(version(number), beside, LATER, stage, **more)


def until(deployer: KServeDeployer, goal: Goal, *ends: type, now: datetime = NOW) -> Progress:
    """Come again, as the timers do, until a goal ends so."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        progress = reconcile(deployer, goal, now)
        if isinstance(progress.last, ends):
            return progress
        assert time.monotonic() < deadline, progress
        time.sleep(0.03)


def champion(deployer: KServeDeployer) -> None:
    """Bring v1 to all traffic."""
    until(deployer, rollout(1, None, Stage.REPLACE), Promote)


def splits(platform: Platform) -> list[dict[int, int]]:
    """Return each split of traffic that there was, those that were the same in a row as one."""
    return [each for each, _ in itertools.groupby(platform.history("churn"))]


def wait(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
