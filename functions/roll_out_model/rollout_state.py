"""What the database says of a model and of its rollout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from eventing.catalogue import RolloutOutcome
from functions.roll_out_model.deployer import ServedVersion
from functions.state.specs import RegisteredSpec
from functions.state.versions import Fact, champion_of
from pipelines.spec.policies import Rollout as Policy


class Phase(StrEnum):
    """What a rollout is at.

    `PROBATION`: the version serves all requests, and the champion before answers copies of them.
    `ROLLBACK`: the champion before takes over again. `RETIRE`: the model is taken out of service.
    """

    REPLACE = "replace"
    SHADOW = "shadow"
    CANARY = "canary"
    PROBATION = "probation"
    ROLLBACK = "rollback"
    RETIRE = "retire"


@dataclass(frozen=True)
class Verdict:
    """How a phase ended, by the judge or a person. `final`: whatever phase would follow is left out."""

    outcome: RolloutOutcome
    message: str
    final: bool = False


@dataclass(frozen=True)
class RolloutState:
    """A rollout under way.

    Attributes:
        version: what is rolled out.
        champion: the version beside it, as it was when the rollout began.
        deadline: until when the version must be ready.
        announced: the phase's event has been sent.
        started: a phase's event has been sent before.
        paused: verdicts are held back.
        verdict: what is carried out, or held back while paused.
        phases: which phases it goes through, as the spec said when it began.
        percent: share of the traffic in the canary, likewise.
        reason: why it begins with its first phase.
    """

    version: int
    champion: int | None
    phase: Phase
    deadline: datetime
    announced: bool = False
    started: bool = False
    paused: bool = False
    verdict: Verdict | None = None
    phases: tuple[str, ...] = ()
    percent: int = 0
    reason: str = ""

    @property
    def in_force(self) -> Verdict | None:
        """The verdict that is carried out; None while it is held back."""
        return None if self.paused else self.verdict


@dataclass(frozen=True)
class ModelState:
    """What the database says of a model, at the change number `seq` of its row.

    Attributes:
        rollout: the rollout under way.
        queued: the approved version that waits for its end.
        spec: the spec in force, which says how the next one goes.
        versions: the registered versions.
        facts: what happened to which version, in order.
        retired_at: since when the model is out of service; None while it is not.
        outdated: the version that is asked about comes of a run that began before that.
        harmed: the version whose harm labels had proven when the version that is asked about was trained.
        former_can_watch: of the platform, see `Deployer`.
    """

    model: str
    seq: int = 0
    rollout: RolloutState | None = None
    queued: int | None = None
    spec: RegisteredSpec | None = None
    versions: Mapping[int, ServedVersion] = field(default_factory=dict)
    facts: tuple[tuple[int, Fact], ...] = ()
    retired_at: datetime | None = None
    outdated: bool = False
    harmed: int | None = None
    former_can_watch: bool = True

    @property
    def policy(self) -> Policy:
        """How a rollout that begins now goes."""
        return self.spec.parse().rollout if self.spec else Policy()

    def champion(self, *, without: int | None = None) -> int | None:
        """Return the champion by the facts, or who it would be without one version."""
        return champion_of([(v, fact) for v, fact in self.facts if v != without or fact is Fact.RETIRED])

    def is_rejected(self, version: int) -> bool:
        """Say whether the last that was decided of a version is that it shall not be rolled out."""
        decided = [fact for v, fact in self.facts if v == version and fact in (Fact.APPROVED, Fact.REJECTED)]
        return decided[-1:] == [Fact.REJECTED]
