"""The course of a rollout: what its row says, and what each event makes of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from eventing.catalogue import RolloutOutcome
from functions.roll_out_model.logic import Rollout, Stage, Wanted


class Phase(StrEnum):
    """What a row's rollout is at.

    `ROLLBACK`: the champion before takes over again. `RETIRE`: the model is taken out of service.
    """

    REPLACE = "replace"
    SHADOW = "shadow"
    CANARY = "canary"
    ROLLBACK = "rollback"
    RETIRE = "retire"


@dataclass(frozen=True)
class Verdict:
    """How a phase ended, by the judge or a person. `final`: whatever phase would follow is left out."""

    outcome: RolloutOutcome
    message: str
    final: bool = False


@dataclass(frozen=True)
class Course:
    """A rollout under way.

    Attributes:
        version: what is rolled out.
        champion: the version beside it, as it was when the rollout began.
        phase: where it is.
        announced: the phase's event has been said.
        started: a phase's event has been said before.
        deadline: until when the revision must be ready.
        paused: verdicts are held back.
        verdict: what is carried out, or held back while paused.
        phases: which phases it goes through, as the spec said when it began.
        percent: share of the traffic in the canary, likewise.
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

    @property
    def in_force(self) -> Verdict | None:
        """The verdict that is carried out; None while it is held back."""
        return None if self.paused else self.verdict


def decide(course: Course, verdict: Verdict) -> Course:
    """Return the course after a verdict: the next phase, or its end. While paused the verdict is held."""
    if course.paused and not verdict.final:
        return replace(course, verdict=verdict)
    onward = verdict.outcome is RolloutOutcome.PROMOTED and not verdict.final
    if onward and course.phase is Phase.SHADOW and Phase.CANARY.value in course.phases:
        return replace(course, phase=Phase.CANARY, announced=False, verdict=None)
    return replace(course, paused=False, verdict=verdict)


def resume(course: Course) -> Course:
    """Return the course with what was held back carried out."""
    going = replace(course, paused=False)
    return decide(replace(going, verdict=None), course.verdict) if course.verdict else going


def rollout_of(course: Course, wanted: Wanted, champion: Wanted | None) -> Rollout:
    """Return what the course wants of the platform."""
    verdict = course.in_force
    if verdict is None:
        stage = Stage.REPLACE if course.phase is Phase.ROLLBACK else Stage(course.phase.value)
    elif verdict.outcome is RolloutOutcome.PROMOTED:
        stage = Stage.REPLACE
    else:
        stage = Stage.ABANDON
    standing = course.started and course.phase is not Phase.REPLACE
    message = verdict.message if verdict else ""
    return Rollout(wanted, champion, course.deadline, stage, course.percent, message, standing)
