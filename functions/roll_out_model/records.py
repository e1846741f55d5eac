"""Reads what the state says of a model's rollout, and writes what became of it, with the events that tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, TypeAdapter
from sqlalchemy.orm import Session

from eventing import catalogue as kinds
from eventing.event import Event, answer
from functions.roll_out_model.course import Course, Phase, Verdict
from functions.roll_out_model.logic import FUNCTION, Wanted, revision_of
from functions.roll_out_model.places import Standing
from functions.roll_out_model.settle import Settled
from functions.state.rollouts import RolloutRow, get_rollout
from functions.state.runs import get_run
from functions.state.specs import spec_of
from functions.state.stored_event import load_event
from functions.state.timers import ring_by, set_timer
from functions.state.versions import (
    Fact,
    champion_of,
    facts_of,
    get_version,
    record_fact,
    retirement,
    versions_of,
)
from pipelines.spec.policies import Rollout as Policy

_HELD = TypeAdapter(Verdict)
_PHASES: TypeAdapter[tuple[str, ...]] = TypeAdapter(
    Annotated[
        tuple[str, ...],
        BeforeValidator(lambda text: text.split(",") if text else ()),
        PlainSerializer(",".join),
    ]
)
_ENDED = frozenset({Fact.ROLLED_BACK, Fact.INCONCLUSIVE, Fact.RETIRED})


@dataclass(frozen=True)
class Scene:
    """A model's rollout as the state says, at the row's change number `seq`.

    Attributes:
        newest: the newest registered version.
        retired: since when the model is out of service; None while it is not.
    """

    model: str
    seq: int
    standing: Standing
    course: Course | None
    policy: Policy
    newest: int | None = None
    retired: datetime | None = None


@dataclass(frozen=True)
class Moment:
    """What is handled, and when: the event, whose chain the answers continue, and the time."""

    event: Event
    now: datetime


def wanted_of(session: Session, model: str, version: int | None) -> Wanted | None:
    """Return a registered version as the thing to serve."""
    found = None if version is None else get_version(session, model, version)
    if found is None:
        return None
    return Wanted(model, found.version, found.candidate_uri, found.candidate_sha256)


def read_scene(session: Session, model: str) -> Scene:
    """Read the row, the facts, the policy, and the rollout under way, if there is one."""
    row, spec = get_rollout(session, model), spec_of(session, model)
    standing = Standing(
        champion_but(session, model, None), row.version if row else None, row.queued_version if row else None
    )
    course = course_in(row) if row else None
    known, retired = versions_of(session, model), retirement(session, model)
    return Scene(
        model,
        row.seq if row else 0,
        standing,
        course,
        spec.rollout if spec else Policy(),
        known[-1].version if known else None,
        retired.at if retired else None,
    )


def is_outdated(session: Session, scene: Scene, version: int) -> bool:
    """Say whether a version comes of a run that began before the model was retired."""
    run = get_run(session, scene.model, version)
    return scene.retired is not None and run is not None and run.approved_at <= scene.retired


def course_in(row: RolloutRow) -> Course | None:
    """Read a row's rollout; None when none is under way."""
    if row.version is None or row.phase is None or row.deadline is None:
        return None
    return Course(
        row.version,
        row.champion_version,
        Phase(row.phase),
        row.deadline,
        row.announced,
        row.started_at is not None,
        row.paused,
        _HELD.validate_json(row.held) if row.held else None,
        _PHASES.validate_python(row.phases or ""),
        row.percent or 0,
    )


def write_course(row: RolloutRow, course: Course) -> None:
    """Write a rollout into its row."""
    row.version, row.champion_version, row.phase = course.version, course.champion, course.phase.value
    row.deadline, row.announced, row.paused = course.deadline, course.announced, course.paused
    row.phases, row.percent = _PHASES.dump_python(course.phases), course.percent
    row.held = _HELD.dump_json(course.verdict).decode() if course.verdict else None


def champion_but(session: Session, model: str, version: int | None) -> int | None:
    """Return the champion by the facts, leaving out those about `version`; a retirement counts always."""
    told = [(fact.version, Fact(fact.fact)) for fact in facts_of(session, model)]
    return champion_of([(v, fact) for v, fact in told if v != version or fact is Fact.RETIRED])


def settled_by(session: Session, scene: Scene) -> Settled:
    """Return what the facts say of a model that has no rollout under way."""
    model, champion = scene.model, scene.standing.champion
    last: dict[int, Fact] = {}
    promoted: set[int] = set()
    for fact in facts_of(session, model):
        last[fact.version] = Fact(fact.fact)
        if last[fact.version] is Fact.PROMOTED:
            promoted.add(fact.version)
    ended = {version for version, fact in last.items() if fact in _ENDED}
    if scene.retired is not None:
        # Also of who was champion nothing is left to go back to.
        ended |= {version for version, fact in last.items() if fact is Fact.PROMOTED}
        promoted.clear()
    return Settled(
        model,
        wanted_of(session, model, champion),
        wanted_of(session, model, champion_but(session, model, champion)),
        frozenset(revision_of(model, version) for version in ended - promoted),
    )


def first_course(
    session: Session, model: str, version: int, policy: Policy, deadline: datetime, *, at_once: bool = False
) -> Course:
    """Return the course of a version that begins now: its first phase, or a replacement."""
    champion = champion_but(session, model, version)
    judged = champion is not None and policy.phases and not at_once
    return Course(
        version,
        champion,
        Phase(policy.phases[0]) if judged else Phase.REPLACE,
        deadline,
        phases=tuple(policy.phases),
        percent=policy.canary_percent,
    )


def announce(row: RolloutRow, course: Course, wanted: Wanted, moment: Moment) -> list[Event]:
    """Say once that a phase stands, or that a replacement's revision exists."""
    if row.announced or course.phase is Phase.ROLLBACK:
        return []
    first = row.started_at is None
    row.announced, row.started_at = True, row.started_at or moment.now
    told = {
        "model": wanted.model,
        "version": wanted.version,
        "champion_version": course.champion,
        "phase": kinds.RolloutPhase(course.phase.value),
        "revision": wanted.revision,
        "percent": course.percent if course.phase is Phase.CANARY else 0,
    }
    if first:
        started = kinds.RolloutStarted.model_validate(told)
        return [_event(moment, kinds.ROLLOUT_STARTED, wanted.version, started)]
    advanced = kinds.RolloutAdvanced.model_validate(told)
    return [_event(moment, kinds.ROLLOUT_ADVANCED, wanted.version, advanced)]


def look_again(session: Session, row: RolloutRow, after: timedelta, moment: Moment) -> None:
    """Set the timer that takes the rollout on, in the chain of its approval."""
    set_timer(session, FUNCTION, row.model, moment.now + after, cause=_cause(row, moment))


def look_now(session: Session, row: RolloutRow, moment: Moment) -> None:
    """Have the model looked at at once."""
    ring_by(session, FUNCTION, row.model, moment.now, now=moment.now, cause=_cause(row, moment))


def _cause(row: RolloutRow, moment: Moment) -> Event:
    return load_event(row.approval) if row.approval else moment.event


def promoted(session: Session, course: Course, wanted: Wanted, url: str | None, moment: Moment) -> Event:
    """Record that a version has all traffic, and say so."""
    model, version = wanted.model, wanted.version
    if course.phase is Phase.ROLLBACK and course.champion is not None:
        record_fact(session, model, course.champion, Fact.ROLLED_BACK, moment.event.id, moment.now)
        told, outcome = course.champion, kinds.RolloutOutcome.ROLLED_BACK
        message = f"{wanted.revision} has all traffic again"
    else:
        for fact in (Fact.DEPLOYED, Fact.PROMOTED):
            record_fact(session, model, version, fact, moment.event.id, moment.now)
        told, outcome = version, kinds.RolloutOutcome.PROMOTED
        message = f"{wanted.revision} is ready and has all traffic"
    if course.in_force is not None:
        message += f": {course.in_force.message}"
    completed = kinds.RolloutCompleted(
        model=model, version=told, outcome=outcome, champion_version=version, message=message, url=url
    )
    return _event(moment, kinds.ROLLOUT_COMPLETED, told, completed)


def rolled_back(
    session: Session, course: Course, wanted: Wanted, message: str, url: str | None, moment: Moment
) -> Event:
    """Record that a version will not serve, and say why."""
    verdict = course.in_force
    inconclusive = verdict is not None and verdict.outcome is kinds.RolloutOutcome.INCONCLUSIVE
    fact = Fact.INCONCLUSIVE if inconclusive else Fact.ROLLED_BACK
    record_fact(session, wanted.model, wanted.version, fact, moment.event.id, moment.now)
    kept = None if course.champion is None else f"{wanted.model}-v{course.champion}"
    if inconclusive:
        message += f"; a person may still say: kascade promote {wanted.model} {wanted.version}"
    completed = kinds.RolloutCompleted(
        model=wanted.model,
        version=wanted.version,
        outcome=kinds.RolloutOutcome.INCONCLUSIVE if inconclusive else kinds.RolloutOutcome.ROLLED_BACK,
        champion_version=course.champion,
        message=message + (f"; {kept} keeps the traffic" if kept else ""),
        url=url if kept else None,
    )
    return _event(moment, kinds.ROLLOUT_COMPLETED, wanted.version, completed)


def retired(session: Session, model: str, course: Course, moment: Moment) -> list[Event]:
    """Record that a model is out of service, and say so; a challenger's rollout ends without a verdict."""
    said = course.verdict.message if course.verdict else ""
    events: list[Event] = []
    last = course.version if course.champion is None else course.champion
    if last != course.version:
        why = f"v{course.version} is not rolled out: the model is retired, {said}"
        events.append(not_rolled_out(session, model, course.version, why, moment))
    record_fact(session, model, last, Fact.RETIRED, moment.event.id, moment.now)
    completed = kinds.RolloutCompleted(
        model=model,
        version=last,
        outcome=kinds.RolloutOutcome.RETIRED,
        message=f"the model is out of service, {said}; what is approved from now on serves at once",
    )
    return [*events, _event(moment, kinds.ROLLOUT_COMPLETED, last, completed)]


def not_rolled_out(session: Session, model: str, version: int, why: str, moment: Moment) -> Event:
    """Record that a version was approved and is not rolled out, without a verdict on it, and say why."""
    record_fact(session, model, version, Fact.INCONCLUSIVE, moment.event.id, moment.now)
    completed = kinds.RolloutCompleted(
        model=model,
        version=version,
        outcome=kinds.RolloutOutcome.INCONCLUSIVE,
        champion_version=champion_but(session, model, None),
        message=why,
    )
    return _event(moment, kinds.ROLLOUT_COMPLETED, version, completed)


def clear(row: RolloutRow) -> None:
    """Take the rollout under way off its row. Its timer stays, for a last look at what others did."""
    row.version = row.phase = row.approval = row.deadline = row.champion_version = None
    row.started_at = row.held = row.phases = row.percent = None
    row.announced = row.paused = False


def _event(moment: Moment, type_: str, version: int, data: kinds.Payload) -> Event:
    model = data.model_dump(include={"model"})["model"]
    source = kinds.source_of(FUNCTION)
    return answer(moment.event, type_, source, f"{model}/v{version}", data, now=moment.now)
