"""Payloads about predictions, drift and labels."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from eventing.catalogue.base import Claim, ModelName, OutsidePayload, Payload, Version


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
