"""What the governor's rules decide from, and what they can answer, as immutable values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import PlainSerializer

from eventing.catalogue import TrainingReason


@dataclass(frozen=True)
class Digests:
    """What a training depends on: the same three give the same model."""

    dataset: str
    code: str
    config: str


@dataclass(frozen=True)
class Run:
    """What is known of one approved run.

    Attributes:
        rows: rows of the dataset when it was approved.
        train_rows: rows it trained on, once completed.
        lease_until: when a run that says nothing counts as lost.
        hold_until: until when its candidate's gate or rollout keeps other runs waiting.
        outcome: `completed`, `failed`, `lost`, or None while it runs.
        verdict: `approved`, `rejected`, `asked` while it waits for a person, `superseded` by a newer one
            while it did, or None.
        rollout: `promoted`, `rolled_back`, `inconclusive`, `retired`, or None.
        answers_harm: labels had proven the champion's harm when it was approved.
        registered: it trained nothing, as its model was made elsewhere.
    """

    run_id: str
    version: int
    automatic: bool
    digests: Digests
    rows: int
    approved_at: datetime
    lease_until: datetime
    train_rows: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str | None = None
    verdict: str | None = None
    rollout: str | None = None
    hold_until: datetime | None = None
    answers_harm: bool = False
    registered: bool = False

    @property
    def length(self) -> timedelta:
        """How long it ran; nothing while it runs, or when it was lost."""
        if self.ended_at is None or self.outcome == "lost":
            return timedelta(0)
        return max(timedelta(0), self.ended_at - (self.started_at or self.approved_at))


@dataclass(frozen=True)
class Request:
    """All triggers since the last start, merged.

    Attributes:
        digests: of the newest dataset, the code and the model.yaml; None when there is no dataset.
        total_rows: of the newest dataset.
        first_at: when the first trigger came.
        last_at: when the newest came.
        depth: events between the chain's first and this one, of the shallowest trigger.
        trained_in_chain: runs of this model among the causes of the trigger that has fewest.
        known: the model has a model.yaml.
        retired: the model is out of service, and its model.yaml is from before that.
        forced: a person wants a run also on what has been trained on, or is being trained on.
    """

    reasons: Annotated[frozenset[TrainingReason], PlainSerializer(sorted)]
    total_rows: int
    first_at: datetime
    last_at: datetime
    digests: Digests | None = None
    depth: int = 0
    trained_in_chain: int = 0
    known: bool = True
    retired: bool = False
    forced: bool = False

    @property
    def manual(self) -> bool:
        """Whether a person asks."""
        return TrainingReason.MANUAL in self.reasons


@dataclass(frozen=True)
class Inputs:
    """All that a decision is made from.

    Attributes:
        request: what asks for a training.
        now: aware.
        runs: the model's, oldest first: the newest, and earlier ones with the request's digests.
    """

    request: Request
    now: datetime
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True)
class Start:
    """Train now, for `reason`."""

    rule: str
    reason: TrainingReason


@dataclass(frozen=True)
class Wait:
    """Not yet: decide again at `until`, or when something changes."""

    rule: str
    message: str
    until: datetime | None


@dataclass(frozen=True)
class Refuse:
    """No; the request is forgotten. `run_id` names the run that stands in its way."""

    rule: str
    message: str
    run_id: str | None = None


Decision = Start | Wait | Refuse
