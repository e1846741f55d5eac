"""What a rollout is judged by. It is fixed when the rollout starts: a later model.yaml changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import PlainSerializer, TypeAdapter

from pipelines.card import Card
from pipelines.spec import ModelSpec
from pipelines.spec.losses import spell

Duration = Annotated[timedelta, PlainSerializer(timedelta.total_seconds)]


@dataclass(frozen=True, slots=True)
class Policy:
    """The `rollout` and `labels` parts of model.yaml, as far as the judge reads them.

    Attributes:
        margin: loss by which the challenger may be worse and still be promoted; 0: it must be better.
        alpha: chance, for each side, of a wrong verdict.
        min_labels: scores needed before a promotion.
        deadline: from the start of a phase until the rollout is inconclusive.
        label_window: from a prediction until its label is mature.
        canary_percent: share of the requests that the canary answers.
        period: only answers of one period are set against each other in a canary.
        entity_period: an entity counts once in it; None: once in the whole phase.
        by_entity: predictions are about entities, each of which counts once.
        strict: a missing matured label is loss 1 for the challenger and 0 for the champion.
        loss_unit: mean loss of the best answer that is always the same; the margin is a share of it. 1 where
            each error counts 1.
        randomised: share of the predictions whose label is asked for at random; None: of none.
        loss: `rollout.loss` as it is written; errors count by the cards.
        wanted_randomised: `labels.randomised`, of which versions know that were trained since.
    """

    margin: float = 0.01
    alpha: float = 0.05
    min_labels: int = 100
    deadline: Duration = timedelta(days=14)
    label_window: Duration = timedelta(days=7)
    canary_percent: int = 10
    period: Duration = timedelta(days=1)
    entity_period: Duration | None = None
    by_entity: bool = False
    strict: bool = False
    loss_unit: float = 1.0
    randomised: float | None = None
    loss: str = "zero_one"
    wanted_randomised: float = 0.0

    def __post_init__(self) -> None:
        problems = [
            message
            for bad, message in (
                (not 0 <= self.margin <= 1, "margin must lie in [0, 1]"),
                (not 0 < self.alpha < 1, "alpha must lie in (0, 1)"),
                (self.min_labels < 1, "min_labels must be at least 1"),
                (self.deadline <= timedelta(0), "deadline must be positive"),
                (not 0 < self.loss_unit <= 1, "loss_unit must lie in (0, 1]"),
                (
                    self.randomised is not None and not 0 < self.randomised <= 1,
                    "randomised must lie in (0, 1]",
                ),
                (self.label_window < timedelta(0), "label_window must not be negative"),
                (not 1 <= self.canary_percent <= 50, "canary_percent must lie in [1, 50]"),
                (self.period <= timedelta(0), "period must be positive"),
                (
                    self.entity_period is not None and self.entity_period <= timedelta(0),
                    "entity_period must be positive",
                ),
            )
            if bad
        ]
        if problems:
            raise ValueError("; ".join(problems))

    @property
    def threshold(self) -> float:
        """The wealth at which a null hypothesis is rejected."""
        return 1.0 / self.alpha

    @property
    def slack(self) -> float:
        """The margin as a difference of losses."""
        return self.margin * self.loss_unit

    @property
    def grace(self) -> timedelta:
        """How long after the deadline earlier labels may be joined: through a pause, or a backlog."""
        return min(max(self.label_window / 10, timedelta(minutes=1)), timedelta(hours=2))

    @property
    def group(self) -> int:
        """How many champion labels are set against one challenger label in a canary: 9 at 10 %."""
        return max(1, (100 - self.canary_percent) // self.canary_percent)


_STORED = TypeAdapter(Policy)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the cards of a rollout's versions say that its judge goes by: see the policy."""

    loss_unit: float = 1.0
    randomised: float | None = None


NO_TERMS = Terms()


def terms_of(newest: Card, other: Card) -> Terms:
    """Read them. Errors count by the newer version's card, which both arms are scored by.

    A label is asked for at random where both arms say so.
    """
    loss = newest.evaluation.loss
    unit = loss.costs.unit if loss is not None and loss.costs is not None else 1.0
    return Terms(unit, min(newest.randomised, other.randomised) or None)


def policy_of(spec: ModelSpec, terms: Terms = NO_TERMS) -> Policy:
    """Read the judge's policy from a model.yaml."""
    rollout = spec.rollout
    return Policy(
        margin=rollout.margin,
        alpha=rollout.alpha,
        min_labels=rollout.min_labels,
        deadline=rollout.deadline,
        label_window=spec.labels.window,
        canary_percent=rollout.canary_percent,
        entity_period=rollout.entity_period,
        by_entity=spec.entity is not None,
        strict=rollout.strict,
        loss_unit=terms.loss_unit,
        randomised=terms.randomised,
        loss=spell(rollout.loss),
        wanted_randomised=spec.labels.randomised,
    )


def policy_to_json(policy: Policy) -> dict[str, Any]:
    """Return a policy as JSON values, durations in seconds."""
    document: dict[str, Any] = _STORED.dump_python(policy, mode="json")
    return document


def policy_from_json(document: Mapping[str, Any]) -> Policy:
    """Read what `policy_to_json` wrote. Raises: ValueError when it is no policy."""
    return _STORED.validate_python(document)
