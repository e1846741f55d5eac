"""The types of events, the payload each has, and which of them may come from outside."""

from __future__ import annotations

from types import MappingProxyType

from eventing.catalogue.base import Payload
from eventing.catalogue.data import (
    DatasetIngested,
    DatasetRejected,
    FeaturesMaterialized,
    SpecRegistered,
    SpecRejected,
)
from eventing.catalogue.gate import ModelApprovalRequested, ModelApproved, ModelRejected
from eventing.catalogue.inference import (
    DriftChecked,
    DriftDetected,
    FeedbackJoined,
    FeedbackReceived,
    InferenceLogged,
    PerformanceDegraded,
    WindowClosed,
)
from eventing.catalogue.operations import DeliveryFailed, TimerDue
from eventing.catalogue.rollouts import (
    RolloutAdvanced,
    RolloutCompleted,
    RolloutDecided,
    RolloutRequested,
    RolloutStarted,
)
from eventing.catalogue.training import (
    TrainingApproved,
    TrainingCompleted,
    TrainingDeferred,
    TrainingFailed,
    TrainingRequested,
    TrainingStarted,
)

PREFIX = "dev.kascade."
S3_PREFIX = "com.amazonaws.s3."
S3_CREATED_PREFIX = "com.amazonaws.s3.ObjectCreated"
S3_REMOVED_PREFIX = "com.amazonaws.s3.ObjectRemoved"
PING = "dev.knative.sources.ping"
KSERVE_REQUEST = "org.kubeflow.serving.inference.request"
KSERVE_RESPONSE = "org.kubeflow.serving.inference.response"

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
ROLLOUT_REQUESTED = PREFIX + "rollout.requested"
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

FROM_OUTSIDE = frozenset(
    {TRAINING_REQUESTED, MODEL_APPROVED, MODEL_REJECTED, ROLLOUT_REQUESTED, FEEDBACK_RECEIVED}
)
"""What people and other systems may send. Their payloads are `OutsidePayload`s, read strictly.

S3 object events come from outside too, but in a form that is S3's: `ObjectRecord`, read leniently.
"""

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
        ROLLOUT_REQUESTED: RolloutRequested,
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
