"""Payloads about predictions, drift and labels."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from eventing.catalogue.base import (
    MAX_COUNT,
    Claim,
    Count,
    ModelName,
    ObjectUri,
    OutsidePayload,
    Payload,
    Rows,
    Share,
    Time,
    Version,
)
from eventing.catalogue.decisions import DecisionInputs

Number = Annotated[int, Field(ge=1, le=MAX_COUNT)]
PredictionId = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^\x00]*$")]
Milliseconds = Annotated[int, Field(ge=0, lt=221_845_392_000_000)]
"""Since the epoch, up to the year 9000."""


class InferenceLogged(
    Payload,
    type="inference.logged",
    emitted_by=(
        "log_inferences",
        "serve_model",
    ),
):
    """A batch of predictions of one version, column by column: item i of every list is about row i.

    `shadow`: the answers to copies of another version's requests; no client saw them, and their ids and times
    are those of the requests. A classifier gives `labels` and `probabilities`, a regressor `predictions`.
    `failures` counts the requests that ended with a 5xx since the batch before; they have no rows.
    `inputs` holds features that were looked up as they were used, and the columns that name the entities;
    `looked_up` says by which field of a view, or by which expression, each of them came. `label_asked` says
    whose label is asked for at random, where model.yaml has `labels.randomised`.
    """

    model: ModelName
    version: Version
    shadow: bool = False
    ids: list[PredictionId]
    times_ms: list[Milliseconds]
    inputs: dict[str, list[Any]]
    labels: list[Any] | None = None
    probabilities: list[list[float]] | None = None
    predictions: list[float] | None = None
    entities: list[str | None] | None = None
    label_asked: list[bool] | None = None
    looked_up: dict[str, str] = Field(default_factory=dict)
    latencies_ms: list[float]
    failures: Count = 0


class WindowClosed(Payload, type="window.closed", emitted_by=("log_inferences",)):
    """Enough new predictions to test; `data` is a JSON list of the files of the log that hold them."""

    model: ModelName
    version: Version
    window: Number
    rows: Rows
    data: Claim
    first: Time
    last: Time


class Distribution(Payload):
    """How a feature's values lie in the reference and in the new data, as shares of those that are there.

    Numbers fall into bins of equal width from `low` to `high`, the outer ones take what is beyond. Categories
    are named, the most frequent first; what is left of their shares is of others.
    """

    low: float | None = None
    high: float | None = None
    categories: list[str] = Field(default_factory=list)
    reference: list[Share]
    current: list[Share]


class FeatureDrift(Payload):
    """What a detector observed of one feature. A detector on a stream has a threshold and no p-value."""

    feature: str
    method: str
    statistic: float
    p_value: float | None = None
    p_value_corrected: float | None = None
    threshold: float | None = None
    effect: float
    effect_name: str
    drifted: bool
    distribution: Distribution | None = None


class Untested(Payload):
    """A column that no test was made of, and why."""

    feature: str
    reason: str


class DriftChecked(Payload, type="drift.checked", emitted_by=("detect_drift",)):
    """One check of new data: every number the rule used; `features` are the tests with the clearest drift.

    The first of those come with their distributions, which `drift.detected` leaves out.

    `window` is the check's number among those that tested since the version became the reference: it may
    spend `alpha_spent` of the budget `alpha`. `report` is the whole of it, `page_uri` the same to be read.
    Of `rows`, `repeats` say nothing new and were left out; of the rest only every `every`-th was tested, as
    neighbours depend on each other: `rows_tested` in all. Of `features` the new rows of the feature `view`,
    `<model>/<view>`, are held against those that the version was trained with.
    """

    model: ModelName
    version: Version
    of: Literal["inferences", "dataset", "features"]
    view: str | None = None
    window: Number
    status: Literal["insufficient", "stable", "drifted"]
    detector: str
    rows: Count
    rows_tested: Count | None = None
    repeats: Count = 0
    every: Annotated[int, Field(ge=1)] = 1
    reference_rows: Count
    alpha: float
    alpha_spent: float
    min_effect: float
    correction: str
    guarantee: str
    tests: Count
    features: list[FeatureDrift]
    untested: list[Untested] = Field(default_factory=list)
    report: Claim | None = None
    page_uri: ObjectUri | None = None
    decided_from: DecisionInputs | None = None


class DriftDetected(DriftChecked, type="drift.detected", emitted_by=("detect_drift",)):
    """The budgeted rule fired. `strong`: the model's answers drifted, or features they depend on."""

    strong: bool = False


class FeedbackReceived(OutsidePayload, type="feedback.received", subject="<model>"):
    """A label: by prediction id, or by entity and time."""

    model: ModelName
    label: str | float | int | bool
    prediction_id: str | None = None
    entity: str | None = None
    time: Time | None = None


class VersionFeedback(Payload):
    """One version's predictions: made, mature, labelled among the mature, and the mean loss of those."""

    version: Version
    predictions: Count
    matured: Count
    labelled: Count
    mean_loss: float | None = None


class LabelRefused(Payload):
    """A label that was not joined, and why.

    `label_id`: source and id of its event, with a space between; or `<key>@<etag>#<row>` of its file.
    """

    label_id: str
    fate: Literal["duplicate", "contradictory", "late", "unknown", "impossible"]
    prediction_id: str | None = None


class LabelFileJoined(Payload):
    """What became of the labels of one file `feedback/<key>`."""

    key: str
    joined: Count
    duplicate: Count = 0
    contradictory: Count = 0
    late: Count = 0
    unknown: Count = 0
    impossible: Count = 0


class FeedbackJoined(Payload, type="feedback.joined", subject="<model>", emitted_by=("join_feedback",)):
    """Labels were joined to the predictions they belong to; every label received by `through` is in.

    The counts say what became of the labels since the event before; `labels` lists them one by one. `refused`
    names the first that were not joined, `files` the files that labels came from, at most 20 of each.

    A `late` label came after its prediction's window: it is only trained on. `overtaken`: of those joined,
    the ones that were handled after their predictions had counted as without a label, so they are no
    evidence either. `skewed`: labels whose time lay in the future, or before their prediction.
    """

    model: ModelName
    through: Time
    joined: Count
    duplicate: Count = 0
    contradictory: Count = 0
    late: Count = 0
    unknown: Count = 0
    impossible: Count = 0
    overtaken: Count = 0
    skewed: Count = 0
    labels: Claim | None = None
    versions: list[VersionFeedback] = Field(default_factory=list)
    refused: list[LabelRefused] = Field(default_factory=list)
    files: list[LabelFileJoined] = Field(default_factory=list)


class PerformanceDegraded(Payload, type="performance.degraded", emitted_by=("watch_performance",)):
    """The labelled loss rose beyond the baseline: a sequential test over `labels` labels."""

    model: ModelName
    version: Version
    statistic: float
    threshold: float
    baseline: Share
    mean_loss: Share
    labels: Count
    decided_from: DecisionInputs | None = None
    block: Annotated[int, Field(ge=1)] = 1
    first_window_loss: Share | None = None
