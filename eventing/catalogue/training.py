"""Payloads about training runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from eventing.catalogue.base import (
    Claim,
    ModelName,
    ObjectUri,
    OutsidePayload,
    Payload,
    Rows,
    Sha256,
    Time,
    Version,
)
from eventing.catalogue.decisions import DecisionInputs


class TrainingReason(StrEnum):
    """Why a training run was asked for."""

    MANUAL = "manual"
    DATASET = "dataset"
    DRIFT = "drift"
    PRECAUTIONARY = "precautionary"
    PERFORMANCE = "performance"
    AGE = "age"


class TrainingRequested(
    OutsidePayload, type="training.requested", subject="<model>", emitted_by=("console",)
):
    """A person or another system asks for a training run now.

    `force`: also where a run on the same data, code and model.yaml has been, or is under way.
    """

    model: ModelName
    requested_by: str = "unknown"
    comment: str = ""
    force: bool = False


class TrainingApproved(Payload, type="training.approved", emitted_by=("govern_training",)):
    """The governor starts run `run_id`, which produces version `version` under `output`."""

    model: ModelName
    version: Version
    run_id: str
    reason: TrainingReason
    rule: str
    dataset: Claim
    spec: Claim
    data_schema: Claim
    champion: Claim | None = None
    champion_version: Version | None = None
    output: ObjectUri
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    decided_from: DecisionInputs | None = None


class TrainingDeferred(Payload, type="training.deferred", subject="<model>", emitted_by=("govern_training",)):
    """The governor waits (`until` says till when) or refuses (`refused`), and names the rule."""

    model: ModelName
    reason: TrainingReason
    rule: str
    message: str
    refused: bool = False
    until: Time | None = None
    run_id: str | None = None
    decided_from: DecisionInputs | None = None


class TrainingStarted(Payload, type="training.started", emitted_by=("launch_training", "run_training")):
    """A launcher began the run."""

    model: ModelName
    version: Version
    run_id: str
    launcher: str
    run_url: str | None = None


class TrainingProgressed(Payload, type="training.progressed", emitted_by=("run_training",)):
    """The run is in the step `step`, the `number`th of `steps`, for `seconds` since its attempt began.

    It is said when a step begins and, while one lasts, every few minutes. `attempt` names the attempt.
    """

    model: ModelName
    version: Version
    run_id: str
    attempt: str
    step: str
    number: Annotated[int, Field(ge=1, le=1000)]
    steps: Annotated[int, Field(ge=1, le=1000)]
    seconds: float


class TriedWindow(Payload):
    """The best estimator in a window of so many rows, and its mean loss on the newest rows."""

    rows: Rows
    estimator: str
    loss: float


class TrainingWindow(Payload):
    """How much of the past a version learnt from: `rows` of `of`, as the `newest` rows showed, and why."""

    rows: Rows
    of: Rows
    newest: Rows = 0
    reason: str
    tried: list[TriedWindow] = Field(default_factory=list)


class TrainingCompleted(Payload, type="training.completed", emitted_by=("launch_training", "run_training")):
    """The run produced a candidate."""

    model: ModelName
    version: Version
    run_id: str
    candidate: Claim
    card: Claim
    holdout: Claim
    reference: Claim
    metrics: dict[str, float]
    dataset_digest: Sha256
    config_digest: Sha256
    code_digest: Sha256
    train_rows: Rows
    seconds: float
    run_url: str | None = None
    window: TrainingWindow | None = None


class TrainingFailed(
    Payload,
    type="training.failed",
    emitted_by=(
        "govern_training",
        "launch_training",
        "run_training",
    ),
):
    """The run ended without a candidate; `fix` says what its owner can do."""

    model: ModelName
    version: Version
    run_id: str
    step: str
    error: str
    fix: str = ""
    run_url: str | None = None
