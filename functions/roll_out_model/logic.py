"""Decides the next step on the platform from what is wanted and what the platform shows. Pure.

`next_action` is for a rollout: the new version is deployed beside the champion, and nothing moves before it
is ready. Then it replaces the champion, or answers copies of its requests (shadow), or some of them (canary),
or all of them while the champion answers the copies (probation).
`next_repair` is for a model without a rollout, which is brought back to what the facts say: handling that was
overtaken by another, or died before it was recorded, may have left the platform changed.

Both remember no steps: the same goal and the same observation give the same action, so a step may be repeated
after a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from functions.roll_out_model.deployer import Observed, Readiness, ServedVersion, Status, Traffic

FUNCTION = "roll_out_model"


_MAY_COME_BACK = (Readiness.PENDING, Readiness.CRASHED)


class Stage(StrEnum):
    """What a rollout wants of the platform now."""

    REPLACE = "replace"
    SHADOW = "shadow"
    CANARY = "canary"
    PROBATION = "probation"
    ABANDON = "abandon"


@dataclass(frozen=True)
class Rollout:
    """A rollout under way.

    Attributes:
        version: what is rolled out.
        champion: the version beside it.
        deadline: until when it must be ready.
        stage: what is wanted now; `ABANDON`: it is taken away for the reason in `message`.
        percent: of a canary.
        has_served: it was ready in a phase before, so the deadline no longer counts.
    """

    version: ServedVersion
    champion: ServedVersion | None
    deadline: datetime
    stage: Stage = Stage.REPLACE
    percent: int = 0
    message: str = ""
    has_served: bool = False


@dataclass(frozen=True)
class Desired:
    """What the facts say of a model that has no rollout under way.

    Attributes:
        champion: what serves by right.
        previous: the champion before it, which is kept running.
        ended: versions that were rolled out, taken back, and never champion.
    """

    model: str
    champion: ServedVersion | None
    previous: int | None
    ended: frozenset[int]


@dataclass(frozen=True)
class Retirement:
    """The model is taken out of service. `asked_now`: it is refused if the platform refuses it."""

    model: str
    asked_now: bool = False


Goal = Rollout | Desired | Retirement


@dataclass(frozen=True)
class Deploy:
    """Make the version exist, and keep all traffic on `keep` (None: on what serves now)."""

    version: ServedVersion
    keep: int | None


@dataclass(frozen=True)
class Shift:
    """Send the requests as `traffic` says."""

    traffic: Traffic


@dataclass(frozen=True)
class Mirror:
    """Send copies of what the champion answers to the challenger; None: no more."""

    traffic: Traffic | None


@dataclass(frozen=True)
class Remove:
    """Take a version away, and go on with `fallback`; without one the model is deleted."""

    version: int
    fallback: ServedVersion | None


@dataclass(frozen=True)
class Wait:
    """Check again later; `reason` says for what."""

    reason: str


@dataclass(frozen=True)
class Hold:
    """The phase is as wanted: the judge decides how it ends."""


@dataclass(frozen=True)
class Promote:
    """The version has all traffic: the rollout is complete."""


@dataclass(frozen=True)
class RollBack:
    """The version will not serve: take it away and say why."""

    message: str


Action = Deploy | Shift | Mirror | Wait | Hold | Promote | RollBack
Repair = Deploy | Shift | Mirror | Remove | Wait


def next_action(rollout: Rollout, observed: Observed, now: datetime) -> Action:
    """Return the next step of a rollout.

    A model that was deleted or edited by hand meanwhile is brought back to what the rollout asks for.
    Traffic only ever goes to a version that is ready.
    """
    version = rollout.version
    status = observed.status(version.version)
    if rollout.stage is Stage.ABANDON:
        return RollBack(rollout.message)
    # A version that crashes at its start may lack something that comes in time; one that has served may not.
    gone = status.readiness is Readiness.CRASHED and rollout.has_served
    if status.readiness is Readiness.FAILED or gone:
        verb = "failed" if rollout.has_served else "did not become ready"
        return RollBack(f"{version.name} {verb}: {_reason(status)}")
    if status.readiness is Readiness.READY:
        action = _when_ready(rollout, observed)
        if action is not None:
            return action
    if now >= rollout.deadline and not rollout.has_served:
        return RollBack(f"{version.name} did not become ready in time: {_reason(status)}")
    absent = status.readiness is Readiness.ABSENT
    if observed.latest != version.version and (absent or not rollout.has_served):
        return Deploy(version, rollout.champion.version if rollout.champion else None)
    # A version appears some time after it was deployed; it is never deployed twice.
    return Wait(f"{version.name} has not appeared yet" if absent else _reason(status))


def _when_ready(rollout: Rollout, observed: Observed) -> Action | None:
    """Return the next step once the version is ready; None while the traffic is being moved."""
    champion = rollout.champion
    beside = observed.status(champion.version).readiness if champion else Readiness.ABSENT
    if rollout.stage in (Stage.SHADOW, Stage.CANARY) and beside not in (Readiness.ABSENT, Readiness.READY):
        return None  # the champion is down: the challenger gets no more traffic
    if rollout.stage is Stage.PROBATION and rollout.has_served and beside in _MAY_COME_BACK:
        return None  # the former champion is down: the version serves on
    traffic = wanted_traffic(rollout, observed)
    mirrored = traffic.challenger if rollout.stage in (Stage.SHADOW, Stage.PROBATION) else None
    if observed.mirror is not None and mirrored is None:
        return Mirror(None)
    if not observed.asks_for(traffic):
        return Shift(traffic)
    if not observed.in_force:
        return None
    if observed.mirror != mirrored:
        return Mirror(traffic)
    return Promote() if traffic.challenger is None else Hold()


def wanted_traffic(rollout: Rollout, observed: Observed) -> Traffic:
    """Return the traffic that a stage wants; where no champion is ready, the version gets all."""
    version, champion = rollout.version.version, rollout.champion
    if champion is None or observed.status(champion.version).readiness is not Readiness.READY:
        return Traffic(version)
    match rollout.stage:
        case Stage.SHADOW:
            return Traffic(champion.version, version)
        case Stage.CANARY:
            return Traffic(champion.version, version, rollout.percent)
        case Stage.PROBATION:
            return Traffic(version, champion.version)
        case _:
            return Traffic(version, previous=champion.version)


def next_repair(desired: Desired, observed: Observed) -> Repair | None:
    """Return the next step back to what the facts say; None when nothing differs.

    A version that no fact has ended is left alone: its rollout may just be starting.
    """
    if observed.mirror is not None:
        return Mirror(None)
    champion = desired.champion
    if champion is None:
        latest = observed.latest
        return Remove(latest, None) if latest is not None and latest in desired.ended else None
    readiness = observed.status(champion.version).readiness
    if readiness is Readiness.ABSENT:
        appears = observed.latest == champion.version
        return Wait(f"{champion.name} has not appeared yet") if appears else Deploy(champion, None)
    # The version deployed last exists, or is about to.
    left_over = sorted(
        version for version in desired.ended if version in {*observed.versions, observed.latest}
    )
    requested = observed.requested
    as_wanted = requested is not None and (requested.champion, requested.challenger) == (
        champion.version,
        None,
    )
    if as_wanted and not left_over:
        return None
    if readiness is not Readiness.READY:
        return Wait(f"{champion.name} is to have all traffic, and is not ready")
    if left_over:
        return Remove(left_over[0], champion)
    previous = desired.previous
    ready = previous is not None and observed.status(previous).readiness is Readiness.READY
    return Shift(Traffic(champion.version, previous=previous if ready else None))


def _reason(status: Status) -> str:
    if status.readiness is Readiness.READY:
        return "it is ready, but the traffic was not moved to it"
    return status.reason or f"the platform reports it as {status.readiness}, without a reason"
