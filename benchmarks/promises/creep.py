"""A chain of rollouts, each worse than the one before by less than the margin: where does its error end?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from functions.evaluate_model.pool import Pool, Recall, decide, observe, promise
from functions.evaluate_model.pool_records import for_reign
from pipelines.spec import Rollout

_START = datetime(2026, 3, 1, tzinfo=UTC)
_POLICY = Rollout()
_TOGETHER = 0.6
"""Labels of which all versions find the same ones hard; of the others each errs by itself."""


def error_after(
    rng: np.random.Generator, *, rollouts: int, step: float, anchored: bool, labels: int = 1_000
) -> float:
    """Return the error of who serves after so many rollouts, from 0.10 on.

    Args:
        step: by how much each successor is worse than the champion it replaces.
        anchored: with the anchor; else the pool has the last three champions alone.
    """
    pool: Pool | None = None
    errors, before, champion = {1: 0.10}, list[int](), 1
    for number in range(rollouts):
        successor = max(errors) + 1
        errors[successor] = errors[champion] + step
        before = [champion, *(each for each in before if each != champion)]
        champion = successor
        pool = _reign(pool, champion, before, errors, number, anchored=anchored)
        pool, recalled = _serve(rng, pool, errors, labels)
        if recalled is not None:
            before = [champion, *(each for each in before if each != recalled)]
            champion = recalled
            pool = _reign(pool, champion, before, errors, number + 0.5, anchored=anchored)
    return errors[champion]


def _reign(
    pool: Pool | None,
    champion: int,
    before: list[int],
    errors: dict[int, float],
    number: float,
    *,
    anchored: bool,
) -> Pool:
    at = _START + timedelta(hours=number)
    made = for_reign(pool, champion, at, before[: _POLICY.pool], before)

    def promised(version: int) -> float:
        return promise(errors[version], errors[version] * (1 - errors[version]), _POLICY.margin)

    formers = tuple(replace(each, promised=promised(each.version)) for each in made.formers)
    anchor = made.anchor if anchored else None
    if anchor is not None:
        anchor = replace(anchor, former=replace(anchor.former, promised=promised(anchor.former.version)))
    return replace(made, formers=formers, anchor=anchor)


def _serve(
    rng: np.random.Generator, pool: Pool, errors: dict[int, float], labels: int
) -> tuple[Pool, int | None]:
    held = {each.version for each in pool.formers}
    if pool.anchor is not None:
        held.add(pool.anchor.former.version)
    versions = sorted(held | {pool.champion})
    bounds = np.array([errors[each] for each in versions])
    common = rng.random((labels, 1))
    own = rng.random((labels, len(versions)))
    draws = np.where(rng.random((labels, 1)) < _TOGETHER, common, own) < bounds
    for row in draws.astype(float).tolist():
        losses = dict(zip(versions, row, strict=True))
        pool = observe(_POLICY, pool, losses.pop(pool.champion), losses)
        found = decide(_POLICY, pool)
        if isinstance(found, Recall):
            return pool, found.former.version
    return pool, None
