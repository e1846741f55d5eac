"""Applies an event to the governor's state, by what its payload says; decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from eventing import catalogue as kinds
from eventing.errors import Rejected
from eventing.event import Event
from functions.govern_training import pending
from functions.govern_training.event_context import FUNCTION, EventContext
from functions.govern_training.records import load_chain
from functions.govern_training.registering import register
from functions.govern_training.reopening import reopen, supersede
from functions.govern_training.silent_runs import lose_silent_runs, set_lease
from functions.state import timers, versions
from functions.state.labels import has_labels
from functions.state.runs import RunOutcome, TrainingRun, get_run

GATE = kinds.source_of("evaluate_model")
Reason = kinds.TrainingReason
LABELS_COUNT = timedelta(days=1)
_LATE_LABELS = timedelta(hours=2)
"""How long ago a label may have come so that labels count as there."""


def model_of(payload: kinds.Payload) -> str:
    """Return the name of the model an event is about. Raises Rejected for another function's timer."""
    if not isinstance(payload, kinds.TimerDue):
        return str(payload.model_dump(include={"model"})["model"])
    if payload.owner != FUNCTION:
        raise Rejected(f"this timer belongs to {payload.owner}")
    return payload.key.partition("/")[0]


def apply_event(context: EventContext, payload: kinds.Payload) -> list[Event]:
    """Write what the event says into the state; return the events that answer it besides a decision."""
    return list(APPLY_BY_PAYLOAD[type(payload)](context, payload))


def _dataset(context: EventContext, payload: kinds.DatasetIngested) -> Sequence[Event]:
    row = context.row
    if payload.parts >= row.dataset_parts:  # events may come in another order than the parts
        row.dataset_uri, row.dataset_sha256 = payload.dataset.uri, payload.dataset.sha256
        row.schema_uri, row.schema_sha256 = payload.data_schema.uri, payload.data_schema.sha256
        row.dataset_parts, row.dataset_rows = payload.parts, payload.total_rows
    depth, trained = load_chain(context.session, context.model, context.event)
    pending.merge(row, Reason.DATASET, context.event, context.at, depth=depth, trained=trained)
    return ()


def _requested(context: EventContext, payload: kinds.TrainingRequested) -> Sequence[Event]:
    pending.merge(context.row, Reason.MANUAL, context.event, context.at, force=payload.force)
    return ()


def _drifted(context: EventContext, payload: kinds.DriftDetected) -> Sequence[Event]:
    """Take drift as a precaution where it is strong and no labels would show harm."""
    labelled = context.spec is not None and has_labels(
        context.session, context.model, context.now - max(2 * context.spec.labels.window, LABELS_COUNT)
    )
    precaution = payload.strong and not labelled
    return _alarm(context, Reason.PRECAUTIONARY if precaution else Reason.DRIFT, payload.version)


def _degraded(context: EventContext, payload: kinds.PerformanceDegraded) -> Sequence[Event]:
    return _alarm(context, Reason.PERFORMANCE, payload.version)


def _alarm(context: EventContext, reason: Reason, version: int) -> Sequence[Event]:
    """Pass over an alarm about a version that is champion no more.

    None can come before its version is champion: the function that raises it reads the same facts.
    """
    if versions.champion(context.session, context.model) in (None, version):
        pending.merge(context.row, reason, context.event, context.at, version=version)
    return ()


def _timer(context: EventContext, payload: kinds.TimerDue) -> Sequence[Event]:
    what = payload.key.rpartition("/")[2]
    if what == "age" and context.spec is not None:
        timers.set_timer(context.session, FUNCTION, payload.key, context.now + context.spec.retrain.max_age)
        pending.merge(context.row, Reason.AGE, context.event, context.at)
    return lose_silent_runs(context) if what == "lease" else ()


def _run_of(
    context: EventContext, payload: kinds.TrainingStarted | kinds.TrainingCompleted | kinds.TrainingFailed
) -> TrainingRun | None:
    """Return the run that an event tells of; None for one that was never approved, whoever says it ran."""
    run = get_run(context.session, context.model, payload.version)
    return run if run is not None and run.run_id == payload.run_id else None


def _started(context: EventContext, payload: kinds.TrainingStarted) -> Sequence[Event]:
    run = _run_of(context, payload)
    if run is None:
        return ()
    first = run.started_at is None
    run.started_at = run.started_at or context.at
    if run.ended_at is None and first:
        run.lease_until = context.at + context.settings.run_lease
        set_lease(context)
    return ()


def _progressed(context: EventContext, payload: kinds.TrainingProgressed) -> Sequence[Event]:
    """Extend the lease of a run that reports its progress: until it has been silent for longer than usual."""
    run = get_run(context.session, context.model, payload.version)
    if run is None or run.run_id != payload.run_id or run.ended_at is not None:
        return ()
    run.started_at = run.started_at or context.at
    run.lease_until = context.now + context.settings.run_silence
    set_lease(context)
    return ()


def _completed(context: EventContext, payload: kinds.TrainingCompleted) -> Sequence[Event]:
    run = _run_of(context, payload)
    if run is not None and run.outcome != RunOutcome.COMPLETED:
        _end(context, run, RunOutcome.COMPLETED)
        run.train_rows = payload.train_rows
        _hold(context, run, context.settings.gate_hold)
    return ()


def _failed(context: EventContext, payload: kinds.TrainingFailed) -> Sequence[Event]:
    run = _run_of(context, payload)
    if run is not None and run.outcome is None:
        _end(context, run, RunOutcome.FAILED)
    return ()


def _end(context: EventContext, run: TrainingRun, outcome: RunOutcome) -> None:
    run.outcome, run.ended_at = outcome.value, context.at
    set_lease(context)
    if run.registered:
        return  # it made no model, so it has no age
    if context.spec is not None and Reason.AGE in context.spec.retrain.on:
        aged = context.at + context.spec.retrain.max_age
        timers.set_timer(context.session, FUNCTION, f"{context.model}/age", aged)


def _approved(context: EventContext, payload: kinds.ModelApproved) -> Sequence[Event]:
    return _judge(context, payload.version, "approved")


def _rejected(context: EventContext, payload: kinds.ModelRejected) -> Sequence[Event]:
    return _judge(context, payload.version, "rejected") if payload.superseded_by is None else ()


def _asked(context: EventContext, payload: kinds.ModelApprovalRequested) -> Sequence[Event]:
    return _judge(context, payload.version, "asked")


def _judge(context: EventContext, version: int, verdict: str) -> Sequence[Event]:
    """Note a verdict. The gate's is always the first one, so any that is noted already came after it."""
    run = get_run(context.session, context.model, version)
    if run is None or (run.verdict is not None and context.event.source == GATE):
        return ()
    run.verdict = verdict
    if run.rollout is None and verdict != "asked":
        _hold(context, run, context.settings.rollout_hold)
    reopen(context, run)
    return supersede(context, run) if verdict != "rejected" else ()


def _hold(context: EventContext, run: TrainingRun, time: timedelta) -> None:
    """Keep other runs waiting for some time from the event on, or longer if it was longer already."""
    run.hold_until = max(run.hold_until or context.at, context.at + time)


def _rollout_started(context: EventContext, payload: kinds.RolloutStarted) -> Sequence[Event]:
    run = get_run(context.session, context.model, payload.version)
    if payload.phase is kinds.RolloutPhase.PROBATION:
        # Harm that the champion before did is answered, without a training where a former one serves again.
        _drop_alarms_of_others(context, payload.version, unknown=True)
    if run is not None and run.rollout is None:
        hold = context.settings.rollout_hold
        if payload.phase is kinds.RolloutPhase.PROBATION:
            # It serves: harm that it does need not wait until the one before has watched it long enough.
            run.verdict, run.hold_until = "approved", context.at
            return ()
        if payload.phase is not kinds.RolloutPhase.REPLACE and context.spec is not None:
            # A phase is ended after its deadline, once labels of before have been joined.
            hold += (context.spec.rollout.deadline + _LATE_LABELS) * len(context.spec.rollout.phases)
        run.verdict = "approved"  # only what was let through is rolled out
        _hold(context, run, hold)
    return ()


def _rollout_completed(context: EventContext, payload: kinds.RolloutCompleted) -> Sequence[Event]:
    run = get_run(context.session, context.model, payload.version)
    if run is not None:
        run.rollout = _last_outcome(context, payload)
    promoted = payload.outcome is kinds.RolloutOutcome.PROMOTED
    announced = payload.version if promoted else payload.champion_version
    _drop_alarms_of_others(context, announced, unknown=promoted)
    if run is not None:
        reopen(context, run)
    return ()


def _last_outcome(context: EventContext, payload: kinds.RolloutCompleted) -> str:
    """Return how a version's last rollout ended by the facts, or by the event where there are none."""
    facts = versions.facts_of(context.session, context.model, payload.version)
    ends = [fact.fact for fact in facts if fact.fact in list(kinds.RolloutOutcome)]
    return ends[-1] if ends else payload.outcome.value


def _drop_alarms_of_others(context: EventContext, announced: int | None, *, unknown: bool) -> None:
    """Drop alarms about other versions than the champion; without facts, than the event's champion.

    Args:
        unknown: those too that do not say what they are about.
    """
    champion = versions.champion(context.session, context.model) or announced
    if champion is None:
        return
    others = pending.alarms_about_others(context.row, champion)
    void = [reason for reason, version in others.items() if unknown or version is not None]
    pending.drop(context.row, void)
    if not context.row.pending_reasons:
        timers.cancel_timer(context.session, FUNCTION, f"{context.model}/pending")


APPLY_BY_PAYLOAD: MappingProxyType[type[kinds.Payload], Callable[[EventContext, Any], Sequence[Event]]] = (
    MappingProxyType(
        {
            kinds.DatasetIngested: _dataset,
            kinds.TrainingRequested: _requested,
            kinds.ModelRegistered: register,
            kinds.DriftDetected: _drifted,
            kinds.PerformanceDegraded: _degraded,
            kinds.TimerDue: _timer,
            kinds.TrainingStarted: _started,
            kinds.TrainingProgressed: _progressed,
            kinds.TrainingCompleted: _completed,
            kinds.TrainingFailed: _failed,
            kinds.ModelApproved: _approved,
            kinds.ModelRejected: _rejected,
            kinds.ModelApprovalRequested: _asked,
            kinds.RolloutStarted: _rollout_started,
            kinds.RolloutCompleted: _rollout_completed,
        }
    )
)
