"""Runs that fell silent: they are lost when their lease ends, and the first one is tried once more."""

from __future__ import annotations

from collections.abc import Sequence

from eventing import catalogue as kinds
from eventing.event import CORRELATION, Event, answer
from functions.govern_training import pending
from functions.govern_training.event_context import FUNCTION, SOURCE, EventContext
from functions.govern_training.facts import Run
from functions.govern_training.logic import may_retry
from functions.govern_training.records import load_runs
from functions.state import timers, versions
from functions.state.runs import RunOutcome, TrainingRun, first_to_expire, get_run, runs_before


def lose_silent_runs(context: EventContext) -> list[Event]:
    """Give up the runs whose lease has ended; return what says so."""
    lost: list[Event] = []
    runs = load_runs(context.session, context.model)
    for silent in [run for run in runs if run.ended_at is None and run.lease_until <= context.now]:
        row = get_run(context.session, context.model, silent.version)
        if row is not None and _is_queued(context, row):
            row.lease_until = context.now + context.settings.run_start
        elif row is not None:
            row.outcome, row.ended_at = RunOutcome.LOST.value, silent.lease_until
            lost.append(_lost(context, row, retry=_try_again(context, runs, silent, row)))
    set_lease(context)
    return lost


def _is_queued(context: EventContext, run: TrainingRun) -> bool:
    """Say whether a run has not begun because others may be before it; it is believed for a lease at most."""
    if run.started_at is not None or context.now >= run.approved_at + context.settings.run_lease:
        return False
    return runs_before(context.session, run, context.now) > 0


def _try_again(context: EventContext, runs: Sequence[Run], silent: Run, row: TrainingRun) -> bool:
    again = may_retry(runs, silent) and not row.registered
    if again:
        # It waited for quiet before it was approved: it need not wait again.
        champion = versions.champion(context.session, context.model)
        reasons = {kinds.TrainingReason(row.reason): champion}
        if row.harmed_version is not None:
            reasons[kinds.TrainingReason.PERFORMANCE] = row.harmed_version
        for reason, version in reasons.items():
            pending.merge(context.row, reason, _trigger_of(row), row.approved_at, version=version)
    return again


def _trigger_of(run: TrainingRun) -> Event:
    """Return the event that a run was approved for, as far as its chain needs it."""
    chain = {CORRELATION: run.correlation_id}
    return Event(run.cause_id, SOURCE, kinds.TrainingRequested.type, extensions=chain)


def _lost(context: EventContext, row: TrainingRun, *, retry: bool) -> Event:
    payload = kinds.TrainingFailed(
        model=row.model,
        version=row.version,
        run_id=row.run_id,
        step="lease",
        error=f"no event of the run came until {row.lease_until.isoformat()}",
        fix=_fix(row, retry=retry),
    )
    subject = f"{row.model}/v{row.version}"
    return answer(context.event, kinds.TrainingFailed.type, SOURCE, subject, payload, now=context.now)


def _fix(row: TrainingRun, *, retry: bool) -> str:
    if retry:
        return "it is tried once more"
    again = "register the model again" if row.registered else "send training.requested"
    return f"see why its job ends silently, then {again}"


def set_lease(context: EventContext) -> None:
    """Wake the governor when the first of the runs under way should have ended, in that run's chain."""
    key, run = f"{context.model}/lease", first_to_expire(context.session, context.model)
    if run is None:
        timers.cancel_timer(context.session, FUNCTION, key)
        return
    own = context.event.correlation_id == run.correlation_id
    cause = context.event if own else _trigger_of(run)
    timers.set_timer(context.session, FUNCTION, key, run.lease_until, cause=cause)
