"""What people are told of, how urgent it is, and what makes two events the same problem.

Each occasion is an event's type, and where that says too little, a part of it: `rollout.completed/promoted`.
An event is the first occasion that it fits; one that fits none is told to nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from eventing import catalogue as c

Data = Mapping[str, Any]


class Severity(StrEnum):
    """How urgent it is, from the least."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    def reaches(self, least: Severity) -> bool:
        """Say whether this is at least as urgent."""
        order = list(Severity)
        return order.index(self) >= order.index(least)


@dataclass(frozen=True)
class Occasion:
    """Something that people may want to know.

    Attributes:
        payload: the class of its events.
        severity: how urgent it is, unless a route file says otherwise.
        title: what happened, after the model's name.
        part: what follows the type in its name, where the type says too little.
        fits: whether an event's data is about it.
        same: the fields that, with the model, make two events the same problem.
    """

    payload: type[c.Payload]
    severity: Severity
    title: str
    part: str = ""
    fits: Callable[[Data], bool] = lambda data: True
    same: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The name by which a route file gives it another severity."""
        return self.payload.type.removeprefix(c.PREFIX) + (f"/{self.part}" if self.part else "")


def occasion_of(type_: str, data: Data) -> Occasion | None:
    """Return what an event is about, for people; None when it concerns none of them."""
    return next((each for each in OCCASIONS if each.payload.type == type_ and each.fits(data)), None)


def _ended(outcome: c.RolloutOutcome) -> Callable[[Data], bool]:
    return lambda data: bool(data["outcome"] == outcome)


def _rollout(outcome: c.RolloutOutcome, severity: Severity, title: str) -> Occasion:
    return Occasion(
        c.RolloutCompleted,
        severity,
        title,
        part=outcome.value,
        fits=_ended(outcome),
        same=("version",),
    )


OCCASIONS = (
    _rollout(c.RolloutOutcome.PROMOTED, Severity.INFO, "a version was promoted"),
    _rollout(c.RolloutOutcome.RETIRED, Severity.INFO, "the model was taken out of service"),
    _rollout(c.RolloutOutcome.INCONCLUSIVE, Severity.WARNING, "a rollout ended without a verdict"),
    _rollout(c.RolloutOutcome.ROLLED_BACK, Severity.CRITICAL, "a version was rolled back"),
    Occasion(c.ModelRecalled, Severity.INFO, "a former champion is to serve again", same=("version",)),
    Occasion(c.DriftDetected, Severity.INFO, "the data drifted", same=("version",)),
    Occasion(
        c.DatasetIngested,
        Severity.INFO,
        "rows were quarantined",
        part="quarantined",
        fits=lambda data: data["quarantined_rows"] > 0,
    ),
    Occasion(c.DatasetRejected, Severity.WARNING, "a file was refused", same=("reason",)),
    Occasion(c.SpecRejected, Severity.WARNING, "a model.yaml was refused"),
    Occasion(
        c.TrainingFailed,
        Severity.WARNING,
        "a training failed",
        same=("step",),
    ),
    Occasion(
        c.TrainingDeferred,
        Severity.WARNING,
        "automatic trainings have stopped",
        part="breaker",
        fits=lambda data: bool(data.get("refused")) and data["rule"] == "breaker",
    ),
    Occasion(
        c.ModelRejected, Severity.WARNING, "a version was not let into a rollout", same=("rejected_by",)
    ),
    Occasion(
        c.ModelApprovalRequested,
        Severity.WARNING,
        "a version waits for a person",
        same=("version",),
    ),
    Occasion(
        c.PerformanceDegraded, Severity.CRITICAL, "the champion does worse than promised", same=("version",)
    ),
    Occasion(
        c.DeliveryFailed,
        Severity.CRITICAL,
        "an event was not delivered",
        same=("destination", "event_type"),
    ),
    Occasion(
        c.DeliveriesLost,
        Severity.CRITICAL,
        "deliveries were lost",
        same=("namespace", "trigger"),
    ),
)
