"""How a champion is watched: what a label changes, when an alarm is raised, what a new champion changes."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Protocol

from pydantic import PlainSerializer

from functions.watch_performance import confidence_bounds
from functions.watch_performance.sequential_test import FIRST_WINDOW, SequentialTest, add_loss, restart
from pipelines.card import Card

FUNCTION = "watch_performance"
Duration = Annotated[timedelta, PlainSerializer(timedelta.total_seconds)]
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class MaturedLabel(Protocol):
    """A label that no later event can change."""

    @property
    def at(self) -> datetime:
        """When the prediction was made."""
        ...

    @property
    def prediction_id(self) -> str:
        """The prediction's id."""
        ...

    @property
    def loss(self) -> float | None:
        """In [0, 1]; None where it cannot be told."""
        ...


@dataclass(frozen=True)
class Progress:
    """How far a model's champion has been watched.

    Attributes:
        version: the champion.
        test: the sequential test of that version.
        at: every matured label of predictions up to (`at`, `prediction_id`) is in the test; without an id,
            every one up to `at`.
        through: up to which time labels were joined when the last event was handled.
        alarmed_at: the champion's last alarm.
        alarms: the last alarm of each champion before, by version (ISO 8601).
    """

    version: int | None = None
    test: SequentialTest = field(default_factory=SequentialTest)
    at: datetime | None = None
    prediction_id: str | None = None
    through: datetime | None = None
    alarmed_at: datetime | None = None
    alarms: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Policy:
    """Which labels count: `entity` says that an entity's second one of a day does not."""

    label_window: Duration
    entity: bool


@dataclass(frozen=True)
class Inputs:
    """What an alarm is made from.

    Attributes:
        test: as it was before.
        baseline: upper bound on the loss without harm, as the holdout promises.
        losses: of the labels that were taken in then and count, in the order of their predictions.
    """

    test: SequentialTest
    baseline: float
    losses: tuple[float, ...]


@dataclass(slots=True)
class _Counted:
    at: datetime
    prediction_id: str
    loss: float | None


def inputs_of(
    before: SequentialTest, labels: Sequence[MaturedLabel], repeated: Collection[str], baseline: float
) -> Inputs:
    """Return what `add_labels` makes an alarm from."""
    losses = [each.loss for each in labels if each.loss is not None and each.prediction_id not in repeated]
    return Inputs(before, baseline, tuple(losses))


def decide(policy: Policy, inputs: Inputs) -> SequentialTest | None:
    """Return the test as it was when it raised an alarm; None when it raises none."""
    labels: list[MaturedLabel] = [
        _Counted(_NEVER, str(place), loss) for place, loss in enumerate(inputs.losses)
    ]
    return add_labels(Progress(test=inputs.test), labels, (), inputs.baseline)[1]


def quiet_period(window: timedelta) -> timedelta:
    """Return how long after an alarm no second one is raised about a version."""
    return min(10 * window, timedelta(days=1))


def is_in_quiet_period(progress: Progress, window: timedelta, now: datetime) -> bool:
    """Say whether the champion's last alarm is so recent that no other one is raised."""
    return progress.alarmed_at is not None and now - progress.alarmed_at < quiet_period(window)


def for_champion(progress: Progress, version: int | None, window: timedelta) -> Progress:
    """Start a new test if the champion is another one than before.

    It is watched by what matures from now on, even if it has been champion before. The position never goes
    back, so no label is counted twice. Each version's last alarm is kept.
    """
    if version == progress.version:
        return progress
    alarms = dict(progress.alarms)
    if progress.version is not None and progress.alarmed_at is not None:
        alarms[str(progress.version)] = progress.alarmed_at.isoformat()
    last = alarms.get(str(version))
    progress = replace(
        progress,
        version=version,
        # How labels depend on each other is not a property of one version, but harm looks like dependence.
        test=SequentialTest(block=progress.test.block if progress.alarmed_at is None else 1),
        alarmed_at=None if last is None else datetime.fromisoformat(last),
        alarms=alarms,
    )
    matured = None if progress.through is None else progress.through - window
    if matured is None or (progress.at is not None and progress.at >= matured):
        return progress
    return replace(progress, at=matured, prediction_id=None)


def add_labels(
    progress: Progress, labels: Sequence[MaturedLabel], repeated: Collection[str], baseline: float
) -> tuple[Progress, SequentialTest | None]:
    """Observe the next labels; return the progress, and the test as it was when it first raised an alarm.

    Args:
        labels: in the order of their predictions, all after the progress's position.
        repeated: prediction ids of labels that do not count.
        baseline: upper bound on the loss without harm, in [0, 1], as the holdout promises.
    """
    test, alarm = progress.test, None
    for label in labels:
        if label.loss is None or label.prediction_id in repeated:
            continue
        test = add_loss(test, label.loss, baseline=with_gap(baseline, test))
        if test.crossed is not None:
            alarm, test = alarm or test, restart(test)
    if labels:
        progress = replace(progress, test=test, at=labels[-1].at, prediction_id=labels[-1].prediction_id)
    return progress, alarm


def with_gap(baseline: float, test: SequentialTest) -> float:
    """Return the baseline with the gap between holdout and first window of labels, where that lost more.

    A holdout may promise too much, and that is no harm done since. Chance alone makes no gap, and one counts
    up to the baseline itself, so that a version that is far worse than promised is told of all the same.
    """
    if test.first is None:
        return baseline
    doubt = 2 * math.sqrt(test.first * (1 - test.first) * test.block / FIRST_WINDOW)
    if test.first - doubt <= baseline:
        return baseline
    return min(test.first + doubt, 2 * baseline, 1.0)


def baseline_of(card: Card) -> float | None:
    """Return the upper confidence bound on a version's loss, from its holdout; None if its card has none.

    Where losses of the holdout depend on each other, it counts as having fewer rows.
    """
    loss = card.evaluation.loss
    if loss is None:
        return None
    rows = max(2, loss.rows // loss.block)
    if loss.costs is not None:
        independent = [(value, round(n * rows / loss.rows)) for value, n in loss.counts]
        return confidence_bounds.bound_on_costs(rows, independent)
    if card.classes is not None:
        return confidence_bounds.clopper_pearson(round(loss.mean * rows), rows)
    return confidence_bounds.bound_on_mean(rows, loss.mean, loss.variance)


def block_of(card: Card) -> int:
    """Return how many labels a block needs, as far as the version's holdout shows."""
    return card.evaluation.loss.block if card.evaluation.loss else 1
