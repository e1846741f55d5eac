"""The event catalogue: each type of event, who emits it, and the one class its payload has.

The JSON Schemas in `eventing/schemas/` are generated from these classes (`python -m eventing.schemas`).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ModelName = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$")]
Version = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class Payload(BaseModel):
    """The base of every payload. Fields that a newer emitter added are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class OutsidePayload(Payload):
    """A payload that people and other systems write: an unknown field is an error, so a typo is seen."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Claim(Payload):
    """What is too large for an event: where it lies in the object store, and its digest (claim check)."""

    uri: str
    sha256: Sha256


class Problem(Payload):
    """One thing wrong in something a person wrote."""

    where: str
    problem: str
    fix: str = ""


class SpecRegistered(Payload):
    """A model.yaml was accepted; `spec` is its immutable copy."""

    model: ModelName
    spec: Claim


class SpecRejected(Payload):
    """A model.yaml was refused; `problems` names each place and its fix."""

    model: str
    key: str
    problems: list[Problem]


class DatasetIngested(Payload):
    """A validated part was added to the model's dataset; `dataset` is the manifest of all parts so far."""

    model: ModelName
    part: Claim
    profile: Claim
    dataset: Claim
    spec: Claim
    data_schema: Claim
    rows: int
    total_rows: int
    parts: int
    quarantined_rows: int = 0
    quarantine_uri: str | None = None
    key: str


class DatasetRejected(Payload):
    """A dropped file was refused whole; it is kept where it was dropped."""

    model: str
    key: str
    reason: str
    problems: list[Problem]
    report_uri: str | None = None
    rows: int = 0
    bad_rows: int = 0


class FeaturesMaterialized(Payload):
    """The online feature store is up to date to a point in time."""

    model: ModelName
    until: datetime
    feature_view: str
    rows: int


class TrainingReason(StrEnum):
    """Why a training run was asked for."""

    MANUAL = "manual"
    DATASET = "dataset"
    DRIFT = "drift"
    PERFORMANCE = "performance"
    AGE = "age"


class TrainingRequested(OutsidePayload):
    """A person or another system asks for a training run now."""

    model: ModelName
    requested_by: str = "unknown"
    comment: str = ""


class TrainingApproved(Payload):
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
    output: str
    seed: int = 0


class TrainingDeferred(Payload):
    """The governor waits (`until` says till when) or refuses (`refused`), and names the rule."""

    model: ModelName
    reason: TrainingReason
    rule: str
    message: str
    refused: bool = False
    until: datetime | None = None
    run_id: str | None = None


class TrainingStarted(Payload):
    """A launcher began the run."""

    model: ModelName
    version: Version
    run_id: str
    launcher: str
    run_url: str | None = None


class TrainingCompleted(Payload):
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
    train_rows: int
    seconds: float
    run_url: str | None = None


class TrainingFailed(Payload):
    """The run ended without a candidate; `fix` says what its owner can do."""

    model: ModelName
    version: Version
    run_id: str
    step: str
    error: str
    fix: str = ""
    run_url: str | None = None


class SliceResult(Payload):
    """How one slice of the holdout compares."""

    column: str
    value: str
    rows: int
    metric: float
    champion_metric: float | None = None
    passed: bool


class GateVerdict(Payload):
    """The offline gate's comparison of a candidate with the champion on the same holdout."""

    model: ModelName
    version: Version
    candidate: Claim
    metric: str
    value: float
    minimum: float
    champion_version: Version | None = None
    champion_value: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    slices: list[SliceResult] = []
    rows: int
    rule: str
    message: str


class ModelApproved(Payload):
    """The candidate may be rolled out. A person sends it with model, version and approved_by alone."""

    model: ModelName
    version: Version
    approved_by: str
    verdict: GateVerdict | None = None


class ModelRejected(Payload):
    """The candidate is refused by the gate, or by a person."""

    model: ModelName
    version: Version
    rejected_by: str
    message: str = ""
    verdict: GateVerdict | None = None


class ModelApprovalRequested(Payload):
    """The gate passed and the spec asks for a person; answer with model.approved or model.rejected."""

    model: ModelName
    version: Version
    verdict: GateVerdict


class RolloutPhase(StrEnum):
    """Where a rollout stands."""

    REPLACE = "replace"
    SHADOW = "shadow"
    CANARY = "canary"


class RolloutOutcome(StrEnum):
    """How a rollout ended."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    INCONCLUSIVE = "inconclusive"


class RolloutStarted(Payload):
    """A revision of `version` was created and has not traffic yet, or only copies of it."""

    model: ModelName
    version: Version
    champion_version: Version | None = None
    phase: RolloutPhase
    revision: str


class RolloutAdvanced(Payload):
    """The rollout moved to its next phase."""

    model: ModelName
    version: Version
    phase: RolloutPhase
    percent: Annotated[int, Field(ge=0, le=100)]


class RolloutDecided(Payload):
    """The judge's verdict with the numbers it used."""

    model: ModelName
    version: Version
    outcome: RolloutOutcome
    labels: int
    wealth_worse: float
    wealth_better: float
    coverage_champion: Share | None = None
    coverage_challenger: Share | None = None
    label_digest: Sha256 | None = None
    message: str


class RolloutCompleted(Payload):
    """The rollout ended; `url` is where the model answers."""

    model: ModelName
    version: Version
    outcome: RolloutOutcome
    champion_version: Version | None = None
    message: str
    url: str | None = None


class InferenceLogged(Payload):
    """A batch of predictions lies in the store."""

    model: ModelName
    version: Version
    rows: int
    batch: Claim | None = None
    first: datetime
    last: datetime


class WindowClosed(Payload):
    """Enough new inferences to test."""

    model: ModelName
    version: Version
    window: Annotated[int, Field(ge=1)]
    rows: int
    batches: list[Claim]


class FeatureDrift(Payload):
    """What a detector observed of one feature."""

    feature: str
    statistic: float
    p_value: float
    p_value_corrected: float
    effect: float
    drifted: bool


class DriftChecked(Payload):
    """The statistics of one window; `alpha` is the budget spent on it."""

    model: ModelName
    version: Version
    window: int
    detector: str
    alpha: float
    features: list[FeatureDrift]
    report_uri: str | None = None


class DriftDetected(DriftChecked):
    """The budgeted rule fired."""


class FeedbackReceived(OutsidePayload):
    """A label: by prediction id, or by entity and time."""

    model: ModelName
    label: str | float | int | bool
    prediction_id: str | None = None
    entity: str | None = None
    time: datetime | None = None


class FeedbackJoined(Payload):
    """Labels were joined to the predictions they belong to."""

    model: ModelName
    labels: Claim
    joined: int
    unknown: int = 0
    duplicate: int = 0
    contradictory: int = 0


class PerformanceDegraded(Payload):
    """Labelled error rose beyond the baseline."""

    model: ModelName
    version: Version
    statistic: float
    threshold: float
    baseline: float
    labels: int


class TimerDue(Payload):
    """The time something waited for has come. The subject is `<owner>/<key>`."""

    owner: str
    key: str
    due: datetime


class DeliveryFailed(Payload):
    """An event reached the dead letter sink."""

    event_id: str
    event_type: str
    event_source: str
    event_subject: str | None = None
    destination: str
    code: int | None = None
    error: str
    redrive: str


PREFIX = "dev.kascade."
S3_PREFIX = "com.amazonaws.s3."
S3_CREATED_PREFIX = "com.amazonaws.s3.ObjectCreated"
S3_REMOVED_PREFIX = "com.amazonaws.s3.ObjectRemoved"
PING = "dev.knative.sources.ping"

SPEC_REGISTERED = PREFIX + "spec.registered"
SPEC_REJECTED = PREFIX + "spec.rejected"
DATASET_INGESTED = PREFIX + "dataset.ingested"
DATASET_REJECTED = PREFIX + "dataset.rejected"
FEATURES_MATERIALIZED = PREFIX + "features.materialized"
TRAINING_REQUESTED = PREFIX + "training.requested"
TRAINING_APPROVED = PREFIX + "training.approved"
TRAINING_DEFERRED = PREFIX + "training.deferred"
TRAINING_STARTED = PREFIX + "training.started"
TRAINING_COMPLETED = PREFIX + "training.completed"
TRAINING_FAILED = PREFIX + "training.failed"
MODEL_APPROVED = PREFIX + "model.approved"
MODEL_REJECTED = PREFIX + "model.rejected"
MODEL_APPROVAL_REQUESTED = PREFIX + "model.approval_requested"
ROLLOUT_STARTED = PREFIX + "rollout.started"
ROLLOUT_ADVANCED = PREFIX + "rollout.advanced"
ROLLOUT_DECIDED = PREFIX + "rollout.decided"
ROLLOUT_COMPLETED = PREFIX + "rollout.completed"
INFERENCE_LOGGED = PREFIX + "inference.logged"
WINDOW_CLOSED = PREFIX + "window.closed"
DRIFT_CHECKED = PREFIX + "drift.checked"
DRIFT_DETECTED = PREFIX + "drift.detected"
FEEDBACK_RECEIVED = PREFIX + "feedback.received"
FEEDBACK_JOINED = PREFIX + "feedback.joined"
PERFORMANCE_DEGRADED = PREFIX + "performance.degraded"
TIMER_DUE = PREFIX + "timer.due"
DELIVERY_FAILED = PREFIX + "delivery.failed"

PAYLOADS: MappingProxyType[str, type[Payload]] = MappingProxyType(
    {
        SPEC_REGISTERED: SpecRegistered,
        SPEC_REJECTED: SpecRejected,
        DATASET_INGESTED: DatasetIngested,
        DATASET_REJECTED: DatasetRejected,
        FEATURES_MATERIALIZED: FeaturesMaterialized,
        TRAINING_REQUESTED: TrainingRequested,
        TRAINING_APPROVED: TrainingApproved,
        TRAINING_DEFERRED: TrainingDeferred,
        TRAINING_STARTED: TrainingStarted,
        TRAINING_COMPLETED: TrainingCompleted,
        TRAINING_FAILED: TrainingFailed,
        MODEL_APPROVED: ModelApproved,
        MODEL_REJECTED: ModelRejected,
        MODEL_APPROVAL_REQUESTED: ModelApprovalRequested,
        ROLLOUT_STARTED: RolloutStarted,
        ROLLOUT_ADVANCED: RolloutAdvanced,
        ROLLOUT_DECIDED: RolloutDecided,
        ROLLOUT_COMPLETED: RolloutCompleted,
        INFERENCE_LOGGED: InferenceLogged,
        WINDOW_CLOSED: WindowClosed,
        DRIFT_CHECKED: DriftChecked,
        DRIFT_DETECTED: DriftDetected,
        FEEDBACK_RECEIVED: FeedbackReceived,
        FEEDBACK_JOINED: FeedbackJoined,
        PERFORMANCE_DEGRADED: PerformanceDegraded,
        TIMER_DUE: TimerDue,
        DELIVERY_FAILED: DeliveryFailed,
    }
)


def source_of(function: str) -> str:
    """Return the `source` of events emitted by a function: `/kascade/<function>`."""
    return f"/kascade/{function}"
