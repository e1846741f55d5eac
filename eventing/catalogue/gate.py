"""Payloads about whether a candidate is good enough."""

from __future__ import annotations

from pydantic import Field

from eventing.catalogue.base import Claim, ModelName, OutsidePayload, Payload, Rows, Time, Version
from eventing.catalogue.decisions import DecisionInputs


class SliceResult(Payload):
    """How one slice of the holdout compares."""

    column: str
    value: str
    rows: Rows
    metric: float
    champion_metric: float | None = None
    passed: bool


class GateVerdict(Payload):
    """The offline gate's comparison of a candidate with the champion on the same holdout.

    Where model.yaml says what errors cost, they are compared by `loss`, and the interval is of that: of the
    best answer that is always the same it is 1.
    """

    model: ModelName
    version: Version
    candidate: Claim
    metric: str
    value: float
    minimum: float | None = None
    champion_version: Version | None = None
    champion_value: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    loss: float | None = None
    champion_loss: float | None = None
    slices: list[SliceResult] = Field(default_factory=list)
    rows: Rows
    rule: str
    message: str


class LoggedShadow(Payload):
    """What a candidate answers to logged requests of the champion that it has not seen: those after `since`.

    `answers` is a file in the form of the log of predictions; its newest request is of `through`.
    """

    answers: Claim
    since: Time
    through: Time
    rows: Rows
    champion_version: Version


class ModelApproved(OutsidePayload, type="model.approved", emitted_by=("console", "evaluate_model")):
    """The candidate may be rolled out. A person sends it with model, version and approved_by alone."""

    model: ModelName
    version: Version
    approved_by: str
    verdict: GateVerdict | None = None
    decided_from: DecisionInputs | None = None
    logged_shadow: LoggedShadow | None = None


class ModelRejected(
    OutsidePayload, type="model.rejected", emitted_by=("console", "evaluate_model", "govern_training")
):
    """The candidate is refused by the gate or a person, or superseded while it waited for one.

    `superseded_by`: the newer version that takes its place, as labels prove harm meanwhile.
    """

    model: ModelName
    version: Version
    rejected_by: str
    message: str = ""
    verdict: GateVerdict | None = None
    decided_from: DecisionInputs | None = None
    superseded_by: Version | None = None


class ModelRecalled(Payload, type="model.recalled", emitted_by=("evaluate_model",)):
    """A former champion is better than the champion on the labels of now: it is to serve again, untrained."""

    model: ModelName
    version: Version
    champion_version: Version
    statistic: float
    threshold: float
    labels: Rows
    margin: float
    message: str
    decided_from: DecisionInputs | None = None


class ModelApprovalRequested(Payload, type="model.approval_requested", emitted_by=("evaluate_model",)):
    """The gate passed and the spec asks for a person; answer with model.approved or model.rejected."""

    model: ModelName
    version: Version
    verdict: GateVerdict
    decided_from: DecisionInputs | None = None
