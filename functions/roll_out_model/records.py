"""Reads what the database says of a model, and writes what was decided and done about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from eventing.catalogue import RolloutOutcome
from eventing.event import Event
from functions.roll_out_model.decide import Decision, first_phase
from functions.roll_out_model.deployer import ServedVersion
from functions.roll_out_model.logic import FUNCTION, Wait
from functions.roll_out_model.platform import Progress
from functions.roll_out_model.rollout_state import ModelState, Phase, RolloutState, Verdict
from functions.roll_out_model.rollout_writer import RolloutWriter
from functions.roll_out_model.settings import Settings
from functions.state.handled import Stale
from functions.state.rollouts import RolloutRow, get_rollout, lock_rollout
from functions.state.runs import get_run
from functions.state.specs import current_spec
from functions.state.stored_event import dump_event, load_event
from functions.state.timers import ring_by
from functions.state.versions import Fact, facts_of, retirement_in, versions_of

_VERDICT = TypeAdapter(Verdict)


def read_state(session: Session, model: str, version: int | None = None) -> ModelState:
    """Read the row, the facts, the registered versions and the spec of a model.

    Args:
        version: the version that is asked about.
    """
    row, facts = get_rollout(session, model), facts_of(session, model)
    retired = retirement_in(facts)
    run = get_run(session, model, version) if version is not None else None
    return ModelState(
        model,
        row.seq if row else 0,
        read_rollout(row) if row else None,
        row.queued_version if row else None,
        current_spec(session, model),
        {
            each.version: ServedVersion(model, each.version, each.candidate_uri, each.candidate_sha256)
            for each in versions_of(session, model)
        },
        tuple((fact.version, Fact(fact.fact)) for fact in facts),
        retired.at if retired else None,
        outdated=run is not None and retired is not None and run.approved_at <= retired.at,
        harmed=run.harmed_version if run is not None else None,
    )


def read_rollout(row: RolloutRow) -> RolloutState | None:
    """Read a row's rollout; None when none is under way."""
    if row.version is None or row.phase is None or row.deadline is None:
        return None
    return RolloutState(
        row.version,
        row.champion_version,
        Phase(row.phase),
        row.deadline,
        row.announced,
        row.started_at is not None,
        row.paused,
        _VERDICT.validate_json(row.held) if row.held else None,
        tuple(row.phases.split(",")) if row.phases else (),
        row.percent or 0,
        row.reason or "",
    )


def write_rollout(row: RolloutRow, rollout: RolloutState) -> None:
    """Write a rollout into its row."""
    row.version, row.champion_version, row.phase = rollout.version, rollout.champion, rollout.phase.value
    row.deadline, row.announced, row.paused = rollout.deadline, rollout.announced, rollout.paused
    row.phases, row.percent, row.reason = ",".join(rollout.phases), rollout.percent, rollout.reason
    row.held = _VERDICT.dump_json(rollout.verdict).decode() if rollout.verdict else None


def check_now(session: Session, model: str, event: Event, now: datetime) -> None:
    """Have a model checked at once: what was done on the platform may be against the facts."""
    if get_rollout(session, model) is not None:
        row = lock_rollout(session, model)
        cause = load_event(row.approval) if row.approval else event
        ring_by(session, FUNCTION, model, now, now=now, cause=cause)


def record(
    session: Session,
    decision: Decision,
    progress: Progress,
    event: Event,
    now: datetime,
    settings: Settings,
) -> list[Event]:
    """Write what was decided and done about a model; return the events that answer.

    Raises: Stale when the state is no longer what the decision was made by.
    """
    row = lock_rollout(session, decision.state.model)
    if row.seq != decision.state.seq:
        raise Stale(f"another event about the rollout of {row.model} was handled meanwhile")
    row.seq += 1
    writer = RolloutWriter(session, row, decision.state, event, now, settings)
    for version, why in decision.declined:
        if version == row.queued_version:
            row.queued_version = row.queued_approval = None
        writer.decline(version, why)
    if decision.queue is not None:
        row.queued_version, row.queued_approval = decision.queue, dump_event(event)
    if decision.rollout is not None:
        if decision.begins:
            row.approval, row.started_at = dump_event(event), None
        rollout = decision.rollout
        if progress.refused:  # it is undone from now on, and ends in the platform's words
            refused = Verdict(RolloutOutcome.ROLLED_BACK, progress.refused, final=True)
            rollout = replace(rollout, paused=False, verdict=refused)
        write_rollout(row, rollout)
        if writer.advance(rollout, progress):
            _end(session, row, writer)
    elif isinstance(progress.last, Wait):
        writer.check_after(settings.watch)
    return writer.events


def _end(session: Session, row: RolloutRow, writer: RolloutWriter) -> None:
    """Take the rollout off its row; the version that waits begins at once, by a timer in its own chain.

    The timer stays where none waits, for a last check of what others did on the platform.
    """
    queued, approval = row.queued_version, row.queued_approval
    row.version = row.phase = row.approval = row.deadline = row.champion_version = None
    row.started_at = row.held = row.phases = row.percent = row.reason = None
    row.announced = row.paused = False
    if queued is None:
        return
    row.queued_version, row.queued_approval, row.approval = None, None, approval
    session.flush()
    deadline = writer.now + writer.settings.ready_deadline
    write_rollout(row, first_phase(read_state(session, row.model, queued), queued, deadline))
    writer.check_after(timedelta(0))
