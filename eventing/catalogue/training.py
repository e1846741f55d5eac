"""Payloads about training runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

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
from eventing.catalogue.data import OwnCode
from eventing.catalogue.decisions import DecisionInputs


class TrainingReason(StrEnum):
    """Why a training run was asked for."""

    MANUAL = "manual"
    DATASET = "dataset"
    DRIFT = "drift"
    PRECAUTIONARY = "precautionary"
    PERFORMANCE = "performance"
    AGE = "age"
    REGISTERED = "registered"


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


ClassName = bool | int | float | Annotated[str, Field(max_length=200)]
ColumnName = Annotated[str, Field(min_length=1, max_length=200)]


class OutsideModel(Payload):
    """A model that was made elsewhere: an ONNX file, and how it is to be read.

    `features` names the columns of its one tensor; without, they are all features in the order of the data.
    `classes` says what its probabilities stand for; without, the classes in order. `origin` says where it is
    from.
    """

    file: Claim
    features: Annotated[list[ColumnName], Field(min_length=1, max_length=1000)] | None = None
    classes: Annotated[list[ClassName], Field(min_length=2, max_length=200)] | None = None
    origin: Annotated[str, Field(max_length=1000)] = ""


class ModelRegistered(OutsidePayload, OutsideModel, type="model.registered", subject="<model>"):
    """A model that was made elsewhere is offered: it becomes a version, judged and rolled out as any other.

    `force`: also where the same file has become a version before.
    """

    model: ModelName
    registered_by: Annotated[str, Field(max_length=200)] = "unknown"
    comment: Annotated[str, Field(max_length=2000)] = ""
    force: bool = False


class TrainingApproved(Payload, type="training.approved", emitted_by=("govern_training",)):
    """The governor starts run `run_id`, which produces version `version` under `output`.

    With `registered` nothing is trained: the version is that model. `code` is there when the model.yaml names
    code of its own. `harmed_version` is the champion whose harm labels had proven by then, if they had.
    """

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
    harmed_version: Version | None = None
    output: ObjectUri
    registered: OutsideModel | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    code: OwnCode | None = None
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


MAX_EXPERIMENTS = 100
MAX_LOG_CHARS = 8_000


class Experiment(Payload):
    """An estimator with its parameters; the metric in each round of cross-validation, or why it failed."""

    estimator: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    folds: list[float] = Field(default_factory=list)
    mean: float | None = None
    failed: str | None = None
    seconds: float | None = None


class TrainingCompleted(Payload, type="training.completed", emitted_by=("launch_training", "run_training")):
    """The run produced a candidate. `experiments` are the first of those it was chosen from, by `metric`."""

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
    divided_by: str | None = None
    order: str | None = None
    learnt_holdout: bool = False
    seconds: float
    run_url: str | None = None
    window: TrainingWindow | None = None
    metric: str | None = None
    experiments: Annotated[list[Experiment], Field(max_length=MAX_EXPERIMENTS)] = Field(default_factory=list)


class TrainingFailed(
    Payload,
    type="training.failed",
    emitted_by=(
        "govern_training",
        "launch_training",
        "run_training",
    ),
):
    """The run ended without a candidate; `fix` says what its owner can do.

    `log` is the end of what the step said, if it is known.
    """

    model: ModelName
    version: Version
    run_id: str
    step: str
    error: str
    fix: str = ""
    log: Annotated[str, Field(max_length=MAX_LOG_CHARS)] = ""
    run_url: str | None = None
