"""Reads what the state says of a model's rollout, and writes what became of it, with the events that tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from eventing import catalogue as kinds
from eventing.event import Event, answer
from functions.roll_out_model.logic import FUNCTION, Rollout, Standing, Wanted
from functions.state.rollouts import RolloutRow, get_rollout
from functions.state.stored_event import dump_event, load_event
from functions.state.timers import cancel_timer, set_timer
from functions.state.versions import Fact, champion_of, facts_of, get_version, record_fact


@dataclass(frozen=True)
class Scene:
    """A model's rollout as the state says, at the row's change number `seq`."""

    model: str
    seq: int
    standing: Standing
    rollout: Rollout | None


@dataclass(frozen=True)
class Moment:
    """What is handled, and when: the event, whose chain the answers continue, and the time."""

    event: Event
    now: datetime


def wanted_of(session: Session, model: str, version: int) -> Wanted | None:
    """Return a registered version as the thing to serve."""
    found = get_version(session, model, version)
    return None if found is None else Wanted(model, version, found.candidate_uri, found.candidate_sha256)


def read_scene(session: Session, model: str) -> Scene:
    """Read the row, the facts, and the version that is rolled out, if one is."""
    row = get_rollout(session, model)
    standing = Standing(
        champion_but(session, model, None), row.version if row else None, row.queued_version if row else None
    )
    rollout = None
    if row is not None and row.version is not None and row.deadline is not None:
        rollout = new_rollout(session, model, row.version, row.deadline)
    return Scene(model, row.seq if row else 0, standing, rollout)


def new_rollout(session: Session, model: str, version: int, deadline: datetime) -> Rollout | None:
    """Build the rollout of a version; None when it is not registered."""
    wanted = wanted_of(session, model, version)
    if wanted is None:
        return None
    champion = champion_but(session, model, version)
    return Rollout(wanted, None if champion is None else wanted_of(session, model, champion), deadline)


def champion_but(session: Session, model: str, version: int | None) -> int | None:
    """Return the champion by the facts, leaving out those about `version`."""
    facts = [(fact.version, Fact(fact.fact)) for fact in facts_of(session, model) if fact.version != version]
    return champion_of(facts)


def begin(row: RolloutRow, version: int, approval: Event, deadline: datetime) -> None:
    """Make a version the one that is rolled out."""
    row.version, row.approval, row.deadline = version, dump_event(approval), deadline
    row.phase, row.announced = kinds.RolloutPhase.REPLACE.value, False


def announce(row: RolloutRow, rollout: Rollout, moment: Moment) -> list[Event]:
    """Say once that the revision exists."""
    if row.announced:
        return []
    row.announced = True
    started = kinds.RolloutStarted(
        model=rollout.wanted.model,
        version=rollout.wanted.version,
        champion_version=rollout.champion.version if rollout.champion else None,
        phase=kinds.RolloutPhase.REPLACE,
        revision=rollout.wanted.revision,
    )
    return [_event(moment, kinds.ROLLOUT_STARTED, rollout.wanted.version, started)]


def look_again(session: Session, row: RolloutRow, after: timedelta, moment: Moment) -> None:
    """Set the timer that takes the rollout on, in the chain of its approval."""
    cause = load_event(row.approval) if row.approval else moment.event
    set_timer(session, FUNCTION, row.model, moment.now + after, cause=cause)


def promoted(session: Session, rollout: Rollout, url: str | None, moment: Moment) -> Event:
    """Record that a version has all traffic, and say so."""
    wanted = rollout.wanted
    for fact in (Fact.DEPLOYED, Fact.PROMOTED):
        record_fact(session, wanted.model, wanted.version, fact, moment.event.id, moment.now)
    completed = kinds.RolloutCompleted(
        model=wanted.model,
        version=wanted.version,
        outcome=kinds.RolloutOutcome.PROMOTED,
        champion_version=wanted.version,
        message=f"{wanted.revision} is ready and has all traffic",
        url=url,
    )
    return _event(moment, kinds.ROLLOUT_COMPLETED, wanted.version, completed)


def rolled_back(session: Session, rollout: Rollout, message: str, url: str | None, moment: Moment) -> Event:
    """Record that a version will not serve, and say why."""
    wanted, champion = rollout.wanted, rollout.champion
    record_fact(session, wanted.model, wanted.version, Fact.ROLLED_BACK, moment.event.id, moment.now)
    completed = kinds.RolloutCompleted(
        model=wanted.model,
        version=wanted.version,
        outcome=kinds.RolloutOutcome.ROLLED_BACK,
        champion_version=champion.version if champion else None,
        message=message + (f"; {champion.revision} keeps the traffic" if champion else ""),
        url=url if champion else None,
    )
    return _event(moment, kinds.ROLLOUT_COMPLETED, wanted.version, completed)


def superseded(session: Session, model: str, version: int, by: int, moment: Moment) -> Event:
    """Record that a version was approved and is not rolled out, since a newer one is, and say so."""
    record_fact(session, model, version, Fact.INCONCLUSIVE, moment.event.id, moment.now)
    completed = kinds.RolloutCompleted(
        model=model,
        version=version,
        outcome=kinds.RolloutOutcome.INCONCLUSIVE,
        champion_version=champion_but(session, model, None),
        message=f"v{version} is not rolled out: v{by} came before its turn",
    )
    return _event(moment, kinds.ROLLOUT_COMPLETED, version, completed)


def end(session: Session, row: RolloutRow, ready_deadline: timedelta, moment: Moment) -> None:
    """End the rollout under way; the version that waits begins at once, by a timer in its own chain."""
    if row.queued_version is None or row.queued_approval is None:
        row.version = row.phase = row.approval = row.deadline = None
        cancel_timer(session, FUNCTION, row.model)
        return
    begin(row, row.queued_version, load_event(row.queued_approval), moment.now + ready_deadline)
    row.queued_version = row.queued_approval = None
    look_again(session, row, timedelta(0), moment)


def _event(moment: Moment, type_: str, version: int, data: kinds.Payload) -> Event:
    model = data.model_dump(include={"model"})["model"]
    source = kinds.source_of(FUNCTION)
    return answer(moment.event, type_, source, f"{model}/v{version}", data, now=moment.now)
