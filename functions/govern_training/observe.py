"""Writes what each event says into the governor's state; decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from eventing import catalogue as kinds
from eventing.errors import Rejected
from eventing.event import CORRELATION, Event, answer
from functions.govern_training import pending
from functions.govern_training.facts import Run
from functions.govern_training.logic import may_retry
from functions.govern_training.records import SpecInForce, load_chain, load_runs
from functions.govern_training.settings import Settings
from functions.state import timers, versions
from functions.state.governor import GovernorRow
from functions.state.labels import has_labels
from functions.state.runs import RunOutcome, TrainingRun, first_to_expire, get_run
from pipelines.spec import ModelSpec

FUNCTION = "govern_training"
SOURCE = kinds.source_of(FUNCTION)
GATE = kinds.source_of("evaluate_model")
Reason = kinds.TrainingReason
LABELS_COUNT = timedelta(days=1)
_LATE_LABELS = timedelta(hours=2)
"""How long ago a label may have come so that labels count as there."""


@dataclass(frozen=True)
class Scene:
    """One event about one model and all that handling it needs; `at` is when it happened, `now` the clock."""

    session: Session
    settings: Settings
    row: GovernorRow
    in_force: SpecInForce | None
    event: Event
    at: datetime
    now: datetime

    @property
    def spec(self) -> ModelSpec | None:
        """What the model.yaml in force says."""
        return self.in_force.spec if self.in_force is not None else None

    @property
    def model(self) -> str:
        """The model's name."""
        return self.row.model


def model_of(payload: kinds.Payload) -> str:
    """Return the name of the model an event is about. Raises Rejected for another function's timer."""
    if not isinstance(payload, kinds.TimerDue):
        return str(payload.model_dump(include={"model"})["model"])
    if payload.owner != FUNCTION:
        raise Rejected(f"this timer belongs to {payload.owner}")
    return payload.key.partition("/")[0]


def observe(scene: Scene, payload: kinds.Payload) -> list[Event]:
    """Write what the event says into the state; return what must be said about it besides a decision."""
    return list(OBSERVERS[type(payload)](scene, payload))


def _dataset(scene: Scene, payload: kinds.DatasetIngested) -> Sequence[Event]:
    row = scene.row
    if payload.parts >= row.dataset_parts:  # events may come in another order than the parts
        row.dataset_uri, row.dataset_sha256 = payload.dataset.uri, payload.dataset.sha256
        row.schema_uri, row.schema_sha256 = payload.data_schema.uri, payload.data_schema.sha256
        row.dataset_parts, row.dataset_rows = payload.parts, payload.total_rows
    depth, trained = load_chain(scene.session, scene.model, scene.event)
    pending.merge(row, Reason.DATASET, scene.event, scene.at, depth=depth, trained=trained)
    return ()


def _requested(scene: Scene, payload: kinds.TrainingRequested) -> Sequence[Event]:
    pending.merge(scene.row, Reason.MANUAL, scene.event, scene.at)
    return ()


def _drifted(scene: Scene, payload: kinds.DriftDetected) -> Sequence[Event]:
    """Take drift as a precaution where it is strong and no labels would tell of harm."""
    labelled = scene.spec is not None and has_labels(
        scene.session, scene.model, scene.now - max(2 * scene.spec.labels.window, LABELS_COUNT)
    )
    precaution = payload.strong and not labelled
    return _alarm(scene, Reason.PRECAUTIONARY if precaution else Reason.DRIFT, payload.version)


def _degraded(scene: Scene, payload: kinds.PerformanceDegraded) -> Sequence[Event]:
    return _alarm(scene, Reason.PERFORMANCE, payload.version)


def _alarm(scene: Scene, reason: Reason, version: int) -> Sequence[Event]:
    """Pass over an alarm that came after the end of its version's time as champion.

    It cannot come before its beginning: who watches reads the same facts first.
    """
    if versions.champion(scene.session, scene.model) in (None, version):
        pending.merge(scene.row, reason, scene.event, scene.at, version=version)
    return ()


def _timer(scene: Scene, payload: kinds.TimerDue) -> Sequence[Event]:
    what = payload.key.rpartition("/")[2]
    if what == "age" and scene.spec is not None:
        timers.set_timer(scene.session, FUNCTION, payload.key, scene.now + scene.spec.retrain.max_age)
        pending.merge(scene.row, Reason.AGE, scene.event, scene.at)
    return _lose_silent_runs(scene) if what == "lease" else ()


def _started(scene: Scene, payload: kinds.TrainingStarted) -> Sequence[Event]:
    run = get_run(scene.session, scene.model, payload.version)
    if run is None or run.run_id != payload.run_id:
        return ()
    run.started_at = run.started_at or scene.at
    if run.ended_at is None:
        run.lease_until = scene.at + scene.settings.run_lease
        set_lease(scene)
    return ()


def _completed(scene: Scene, payload: kinds.TrainingCompleted) -> Sequence[Event]:
    run = get_run(scene.session, scene.model, payload.version)
    if run is not None and run.outcome != RunOutcome.COMPLETED:
        _end(scene, run, RunOutcome.COMPLETED)
        run.train_rows = payload.train_rows
        _hold(scene, run, scene.settings.gate_hold)
    return ()


def _failed(scene: Scene, payload: kinds.TrainingFailed) -> Sequence[Event]:
    run = get_run(scene.session, scene.model, payload.version)
    if run is not None and run.outcome is None:
        _end(scene, run, RunOutcome.FAILED)
    return ()


def _end(scene: Scene, run: TrainingRun, outcome: RunOutcome) -> None:
    run.outcome, run.ended_at = outcome.value, scene.at
    set_lease(scene)
    if scene.spec is not None and Reason.AGE in scene.spec.retrain.on:
        aged = scene.at + scene.spec.retrain.max_age
        timers.set_timer(scene.session, FUNCTION, f"{scene.model}/age", aged)


def _approved(scene: Scene, payload: kinds.ModelApproved) -> Sequence[Event]:
    _judge(scene, payload.version, "approved")
    return ()


def _rejected(scene: Scene, payload: kinds.ModelRejected) -> Sequence[Event]:
    _judge(scene, payload.version, "rejected")
    return ()


def _judge(scene: Scene, version: int, verdict: str) -> None:
    """Take a verdict; the gate's is a candidate's first, so what is there already came after it."""
    run = get_run(scene.session, scene.model, version)
    if run is None or (run.verdict is not None and scene.event.source == GATE):
        return
    run.verdict = verdict
    if run.rollout is None:
        _hold(scene, run, scene.settings.rollout_hold)


def _hold(scene: Scene, run: TrainingRun, time: timedelta) -> None:
    """Keep other runs waiting for some time from the event on, or longer if it was longer already."""
    run.hold_until = max(run.hold_until or scene.at, scene.at + time)


def _rollout_started(scene: Scene, payload: kinds.RolloutStarted) -> Sequence[Event]:
    run = get_run(scene.session, scene.model, payload.version)
    if run is not None and run.rollout is None:
        hold = scene.settings.rollout_hold
        if payload.phase is not kinds.RolloutPhase.REPLACE and scene.spec is not None:
            # A phase is ended after its deadline, once labels of before have been joined.
            hold += (scene.spec.rollout.deadline + _LATE_LABELS) * len(scene.spec.rollout.phases)
        run.verdict = "approved"  # only what was let through is rolled out
        _hold(scene, run, hold)
    return ()


def _rollout_completed(scene: Scene, payload: kinds.RolloutCompleted) -> Sequence[Event]:
    run = get_run(scene.session, scene.model, payload.version)
    if run is not None:
        run.rollout = _last_outcome(scene, payload)
    _drop_alarms_of_others(scene, payload)
    return ()


def _last_outcome(scene: Scene, payload: kinds.RolloutCompleted) -> str:
    """Return how a version's last rollout ended by the facts, or by the event where there are none."""
    facts = versions.facts_of(scene.session, scene.model, payload.version)
    ends = [fact.fact for fact in facts if fact.fact in list(kinds.RolloutOutcome)]
    return ends[-1] if ends else payload.outcome.value


def _drop_alarms_of_others(scene: Scene, payload: kinds.RolloutCompleted) -> None:
    """Forget what was said of another version than the champion; without facts, than the event's."""
    promoted = payload.outcome is kinds.RolloutOutcome.PROMOTED
    told = payload.version if promoted else payload.champion_version
    champion = versions.champion(scene.session, scene.model) or told
    if champion is None:
        return
    others = pending.alarms_about_others(scene.row, champion)
    void = [reason for reason, version in others.items() if promoted or version is not None]
    pending.drop(scene.row, void)
    if not scene.row.pending_reasons:
        timers.cancel_timer(scene.session, FUNCTION, f"{scene.model}/pending")


def _lose_silent_runs(scene: Scene) -> list[Event]:
    said: list[Event] = []
    runs = load_runs(scene.session, scene.model)
    for silent in [run for run in runs if run.ended_at is None and run.lease_until <= scene.now]:
        row = get_run(scene.session, scene.model, silent.version)
        if row is not None:
            row.outcome, row.ended_at = RunOutcome.LOST.value, silent.lease_until
            said.append(_lost(scene, row, retry=_try_again(scene, runs, silent, row)))
    set_lease(scene)
    return said


def _try_again(scene: Scene, runs: Sequence[Run], silent: Run, row: TrainingRun) -> bool:
    again = may_retry(runs, silent)
    if again:
        # It waited for quiet before it was approved: it need not wait again.
        champion = versions.champion(scene.session, scene.model)
        pending.merge(scene.row, Reason(row.reason), _trigger_of(row), row.approved_at, version=champion)
    return again


def _trigger_of(run: TrainingRun) -> Event:
    """Return the event that a run was approved for, as far as its chain needs it."""
    chain = {CORRELATION: run.correlation_id}
    return Event(run.cause_id, SOURCE, kinds.TrainingRequested.type, extensions=chain)


def _lost(scene: Scene, row: TrainingRun, *, retry: bool) -> Event:
    payload = kinds.TrainingFailed(
        model=row.model,
        version=row.version,
        run_id=row.run_id,
        step="lease",
        error=f"nothing was heard of the run until {row.lease_until.isoformat()}",
        fix="it is tried once more"
        if retry
        else "see why its job ends silently, then send training.requested",
    )
    subject = f"{row.model}/v{row.version}"
    return answer(scene.event, kinds.TrainingFailed.type, SOURCE, subject, payload, now=scene.now)


def set_lease(scene: Scene) -> None:
    """Wake the governor when the first of the runs under way should have ended, in that run's chain."""
    key, run = f"{scene.model}/lease", first_to_expire(scene.session, scene.model)
    if run is None:
        timers.cancel_timer(scene.session, FUNCTION, key)
        return
    own = scene.event.correlation_id == run.correlation_id
    cause = scene.event if own else _trigger_of(run)
    timers.set_timer(scene.session, FUNCTION, key, run.lease_until, cause=cause)


OBSERVERS: MappingProxyType[type[kinds.Payload], Callable[[Scene, Any], Sequence[Event]]] = MappingProxyType(
    {
        kinds.DatasetIngested: _dataset,
        kinds.TrainingRequested: _requested,
        kinds.DriftDetected: _drifted,
        kinds.PerformanceDegraded: _degraded,
        kinds.TimerDue: _timer,
        kinds.TrainingStarted: _started,
        kinds.TrainingCompleted: _completed,
        kinds.TrainingFailed: _failed,
        kinds.ModelApproved: _approved,
        kinds.ModelRejected: _rejected,
        kinds.RolloutStarted: _rollout_started,
        kinds.RolloutCompleted: _rollout_completed,
    }
)
