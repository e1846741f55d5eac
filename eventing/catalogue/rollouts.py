"""Payloads about how a version gets its traffic."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from eventing.catalogue.base import ModelName, OutsidePayload, Payload, Rows, Sha256, Share, Version
from eventing.catalogue.decisions import DecisionInputs
from eventing.catalogue.gate import LoggedShadow


class RolloutPhase(StrEnum):
    """Where a rollout stands.

    `probation`: the version serves all requests, and the champion before answers copies of them.
    """

    REPLACE = "replace"
    SHADOW = "shadow"
    CANARY = "canary"
    PROBATION = "probation"


class RolloutOutcome(StrEnum):
    """How a rollout ended."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    INCONCLUSIVE = "inconclusive"
    RETIRED = "retired"


def _by_judge(outcome: RolloutOutcome) -> RolloutOutcome:
    if outcome is RolloutOutcome.RETIRED:
        raise ValueError("a model is retired by a person's rollout.requested, not by a verdict")
    return outcome


class RolloutAction(StrEnum):
    """What a person can ask of a model's rollout."""

    PROMOTE = "promote"
    ROLL_BACK = "roll_back"
    PAUSE = "pause"
    RESUME = "resume"
    RETIRE = "retire"


class RolloutRequested(OutsidePayload, type="rollout.requested", subject="<model>", emitted_by=("console",)):
    """A person or another system steps in.

    `promote` and `roll_back` end the rollout under way; without one, `roll_back` gives the traffic back to
    the champion before, and `promote` with a version gives it to that one. `pause` holds the judge's
    verdicts back until `resume`. `retire` takes the model out of service, whatever is under way.
    """

    model: ModelName
    action: RolloutAction
    version: Version | None = None
    requested_by: str = "unknown"
    comment: str = ""


class RolloutStarted(Payload, type="rollout.started", emitted_by=("roll_out_model",)):
    """A revision of `version` is ready, and the first phase of its rollout is set up.

    `phases` are those that it goes through by its model.yaml, and `reason` says why it begins with this one.
    What its version answers to requests of before, in `logged_shadow`, is its first evidence.
    """

    model: ModelName
    version: Version
    champion_version: Version | None = None
    phase: RolloutPhase
    revision: str
    percent: Annotated[int, Field(ge=0, le=100)] = 0
    phases: list[RolloutPhase] = Field(default_factory=list)
    reason: str = ""
    logged_shadow: LoggedShadow | None = None


class RolloutAdvanced(Payload, type="rollout.advanced", emitted_by=("roll_out_model",)):
    """The rollout moved to its next phase."""

    model: ModelName
    version: Version
    champion_version: Version | None = None
    phase: RolloutPhase
    revision: str
    percent: Annotated[int, Field(ge=0, le=100)]


class GuardBreach(Payload):
    """A service guard that the challenger broke."""

    guard: Literal["error-rate", "latency-p99"]
    champion: float
    challenger: float
    champion_requests: Rows
    challenger_requests: Rows
    p_value: float
    alpha: float


class WealthPoint(Payload):
    """What the judge's two bets were worth after so many labels."""

    labels: Rows
    worse: float
    better: float


class RolloutDecided(Payload, type="rollout.decided", emitted_by=("judge_rollout",)):
    """The judge's verdict on one phase, with every number it used.

    `logged` of the requests that were taken in are of before the rollout, answered from the log.

    `promoted` in a phase that another follows lets the rollout enter that one. On probation `promoted` by
    `deadline` or `coverage` says that the version was not shown to be worse, and goes on serving.
    `wealth_history` is how its bets got there.
    """

    model: ModelName
    version: Version
    champion_version: Version
    phase: RolloutPhase
    outcome: Annotated[
        RolloutOutcome, AfterValidator(_by_judge), Field(json_schema_extra={"not": {"const": "retired"}})
    ]
    reason: Literal["evidence", "guard", "coverage", "labels", "deadline"]
    labels: Rows
    wealth_worse: float
    wealth_better: float
    threshold: float
    alpha: float
    margin: float
    difference: float | None = None
    coverage_champion: Share | None = None
    coverage_challenger: Share | None = None
    repeats: Rows = 0
    unpaired: Rows = 0
    logged: Rows = 0
    label_digest: Sha256 | None = None
    block: Annotated[int, Field(ge=1)] = 1
    long_dependence: bool = False
    past_losses: Rows = 0
    labels_depend_on: Literal["champion", "challenger", "agreement"] | None = None
    randomised: Share | None = None
    asked: Rows = 0
    loss_unit: Share = 1.0
    breach: GuardBreach | None = None
    wealth_history: Annotated[list[WealthPoint], Field(max_length=100)] = Field(default_factory=list)
    message: str
    decided_from: DecisionInputs | None = None


class RolloutCompleted(Payload, type="rollout.completed", emitted_by=("roll_out_model",)):
    """The rollout ended; `url` is where the model answers. After `retired` it answers nowhere."""

    model: ModelName
    version: Version
    outcome: RolloutOutcome
    champion_version: Version | None = None
    message: str
    url: str | None = None
