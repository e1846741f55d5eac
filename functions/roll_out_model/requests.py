"""What an event asks for in the scene as it is: what becomes of the rollout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from eventing import catalogue as kinds
from eventing.errors import Rejected
from eventing.event import Event
from functions.roll_out_model.course import Course, Phase, Verdict, decide, resume
from functions.roll_out_model.places import Place, place_of
from functions.roll_out_model.records import Scene

Payload = kinds.ModelApproved | kinds.RolloutDecided | kinds.RolloutRequested | kinds.TimerDue
Begin = Callable[[int, bool], Course]
"""Returns the first course of a registered version; `True`: at once, without phases. Raises: Rejected."""


@dataclass(frozen=True)
class Change:
    """What an event makes of a model's rollout.

    Attributes:
        course: the rollout after it; None when none is under way.
        approval: the event that began it, where it begins now.
        queue: an approved version that has to wait.
        superseded: an approved version that is not rolled out.
    """

    course: Course | None
    approval: Event | None = None
    queue: int | None = None
    superseded: int | None = None


def change_of(
    scene: Scene,
    event: Event,
    payload: Payload,
    begin: Begin,
    before: int | None,
    now: datetime,
    *,
    outdated: bool = False,
) -> Change:
    """Decide what an event asks for.

    Args:
        begin: makes the course of a version that begins.
        before: the version that was champion before the present one.
        outdated: what is approved comes of a run that began before the model was retired.

    Raises:
        Rejected: what is asked for cannot be.
    """
    match payload:
        case kinds.ModelApproved():
            if outdated and payload.verdict is not None:  # a person may still want it
                return Change(scene.course, superseded=payload.version)
            return _approved(scene, event, payload, begin)
        case kinds.RolloutDecided():
            return Change(_decided(scene, payload))
        case kinds.RolloutRequested(action=kinds.RolloutAction.RETIRE):
            return _retired(scene, event, payload, now)
        case kinds.RolloutRequested():
            return _requested(scene, event, payload, begin, before)
        case _:
            return Change(scene.course)


def _approved(scene: Scene, event: Event, payload: kinds.ModelApproved, begin: Begin) -> Change:
    version = payload.version
    course = begin(version, False)
    match place_of(version, scene.standing, by_person=payload.verdict is None):
        case Place.START:
            return Change(course, approval=event)
        case Place.QUEUE:
            return Change(scene.course, queue=version)
        case Place.SUPERSEDED:
            return Change(scene.course, superseded=version)
        case Place.CHAMPION if payload.verdict is None:
            raise _champion_already(scene, version)
        case _:
            return Change(scene.course)


def _decided(scene: Scene, payload: kinds.RolloutDecided) -> Course | None:
    """Take the judge's verdict, unless it is about another version or phase, or one was taken before."""
    course = scene.course
    if course is None or course.version != payload.version or course.phase.value != payload.phase.value:
        return course
    if course.verdict is not None or not course.announced:
        return course
    return decide(course, Verdict(payload.outcome, payload.message))


def _requested(
    scene: Scene, event: Event, payload: kinds.RolloutRequested, begin: Begin, before: int | None
) -> Change:
    course, action = scene.course, payload.action
    if course is None:
        return _without_rollout(scene, event, payload, begin, before)
    if course.phase is Phase.RETIRE:
        raise Rejected(f"{scene.model} is being retired")
    if payload.version not in (None, course.version):
        raise Rejected(f"{scene.model}/v{course.version} is being rolled out, not v{payload.version}")
    match action:
        case kinds.RolloutAction.PAUSE:
            return Change(replace(course, paused=course.verdict is None or course.paused))
        case kinds.RolloutAction.RESUME:
            if not course.paused:
                raise Rejected(f"the rollout of {scene.model}/v{course.version} is not paused")
            return Change(resume(course))
        case kinds.RolloutAction.PROMOTE:
            outcome = kinds.RolloutOutcome.PROMOTED
        case _:
            outcome = kinds.RolloutOutcome.ROLLED_BACK
    return Change(decide(course, Verdict(outcome, _asked_for(payload), final=True)))


def _retired(scene: Scene, event: Event, payload: kinds.RolloutRequested, now: datetime) -> Change:
    """Take the model out of service; a rollout under way ends with that, whatever it has come to."""
    course, champion = scene.course, scene.standing.champion
    if payload.version is not None:
        raise Rejected("a model is retired as a whole: leave the version out")
    if course is not None and course.phase is Phase.RETIRE:
        return Change(course)
    if course is None and scene.retired is not None:
        raise Rejected(f"{scene.model} is retired already")
    going = course.version if course is not None and course.phase is not Phase.ROLLBACK else None
    version = next((v for v in (going, champion, scene.newest) if v is not None), None)
    if version is None:
        raise Rejected(f"no version of {scene.model} is registered: there is nothing to retire")
    verdict = Verdict(kinds.RolloutOutcome.RETIRED, _asked_for(payload), final=True)
    return Change(Course(version, champion, Phase.RETIRE, now, verdict=verdict), approval=event)


def _asked_for(payload: kinds.RolloutRequested) -> str:
    return f"asked for by {payload.requested_by}" + (f": {payload.comment}" if payload.comment else "")


def _without_rollout(
    scene: Scene, event: Event, payload: kinds.RolloutRequested, begin: Begin, before: int | None
) -> Change:
    champion = scene.standing.champion
    match payload.action:
        case kinds.RolloutAction.PROMOTE if payload.version is not None:
            if payload.version == champion:
                raise _champion_already(scene, payload.version)
            return Change(begin(payload.version, True), approval=event)
        case kinds.RolloutAction.PROMOTE:
            raise Rejected(f"no version of {scene.model} is being rolled out: say which one to promote")
        case kinds.RolloutAction.ROLL_BACK:
            if champion is None or before is None:
                raise Rejected(f"there is no version of {scene.model} to go back to")
            if payload.version not in (None, champion):
                raise Rejected(f"v{champion} of {scene.model} serves, not v{payload.version}")
            course = replace(begin(before, True), champion=champion, phase=Phase.ROLLBACK)
            return Change(course, approval=event)
        case _:
            raise Rejected(f"no version of {scene.model} is being rolled out")


def _champion_already(scene: Scene, version: int) -> Rejected:
    return Rejected(f"{scene.model}/v{version} is champion already")
