"""How the labels of before a rollout depend on each other: what the judge's blocks are learnt from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate

from sqlalchemy import select
from sqlalchemy.orm import Session

from functions.judge_rollout.dependence import blocks_for
from functions.judge_rollout.pairing import number_of
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.wealth import SINGLE, Blocks
from functions.state.labels import JoinedLabel
from pipelines.serial_dependence import independent_length, series_of

MOST_LOSSES = 5_000
_ERRORS = 2.25
"""Of the correlation that is left after a change was taken out: little must be."""
Loss = tuple[int, float]
"""A version, and the loss of one of its answers."""


def past_losses(session: Session, model: str, policy: Policy, before: datetime) -> list[float]:
    """Return the newest losses of served answers, each held against its version's mean.

    They are in the order of the predictions, and an entity counts as the judge counts it.
    """
    newest = (
        select(JoinedLabel.version, JoinedLabel.loss, JoinedLabel.entity, JoinedLabel.at)
        .where(
            JoinedLabel.model == model,
            JoinedLabel.at < before,
            JoinedLabel.loss.is_not(None),
            JoinedLabel.late.is_(False),
        )
        .order_by(JoinedLabel.at.desc(), JoinedLabel.prediction_id.desc())
        .limit(MOST_LOSSES)
    )
    losses: list[Loss] = []
    counted: set[tuple[str, int]] = set()
    for version, loss, entity, at in reversed(session.execute(newest).all()):
        if entity is not None:
            period = 0 if policy.entity_period is None else number_of(at, policy.entity_period)
            if (entity, period) in counted:
                continue
            counted.add((entity, period))
        losses.append((version, loss or 0.0))
    return centred(losses)


def blocks_of_past(losses: Sequence[float]) -> Blocks:
    """Return the blocks that losses of before ask for.

    The world may have changed once, as a successor is often made because it did. Where that is all, the
    losses on both sides depend on nothing, and labels are bet on one by one.
    """
    if independent_length(series_of(without_change(losses)), _ERRORS) == 1:
        return SINGLE
    return blocks_for(series_of(losses))


def centred(losses: Sequence[Loss]) -> list[float]:
    """Return each loss minus its version's mean: that one version is better is no dependence of labels."""
    by_version: dict[int, list[float]] = defaultdict(list)
    for version, loss in losses:
        by_version[version].append(loss)
    means = {version: sum(found) / len(found) for version, found in by_version.items()}
    return [loss - means[version] for version, loss in losses]


def without_change(values: Sequence[float]) -> list[float]:
    """Return a series with both sides of its clearest change each held against their own mean.

    The place is where both sides differ most clearly (CUSUM, weighted by what chance would make of it).
    """
    if len(values) < 2:
        return list(values)
    mean = sum(values) / len(values)
    sums = list(accumulate(value - mean for value in values))
    n = len(values)
    place = max(range(1, n), key=lambda i: sums[i - 1] ** 2 / (i * (n - i)))
    segments = values[:place], values[place:]
    means = [sum(segment) / len(segment) for segment in segments]
    return [value - mean for segment, mean in zip(segments, means, strict=True) for value in segment]
