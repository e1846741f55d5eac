"""The triggers that wait for a run, merged into the governor's row."""

from __future__ import annotations

from datetime import datetime

from eventing.catalogue import TrainingReason
from eventing.event import CORRELATION, TRACEPARENT, Event
from functions.govern_training.logic import ALARMS, URGENCY
from functions.state.governor import GovernorRow
from functions.state.stored_event import dump_event, load_event


def merge(
    row: GovernorRow,
    reason: TrainingReason,
    cause: Event,
    at: datetime,
    *,
    depth: int = 0,
    trained: int = 0,
    version: int | None = None,
) -> None:
    """Add a trigger to those that wait; the newest of the most urgent is the cause of what follows.

    Args:
        at: when it happened.
        depth: events between its chain's first and it.
        trained: runs of this model among its causes.
        version: what an alarm is about. One about another version makes those before it void.
    """
    about = version if reason in ALARMS else None
    if None not in (about, before := alarmed_version(row)) and about != before:
        drop_alarms(row)
    waiting = _waiting(row)
    if not waiting:
        row.pending_first_at = at
        row.pending_depth, row.pending_trained = depth, trained
    row.pending_last_at = max(row.pending_last_at or at, at) if waiting else at
    row.pending_depth = min(row.pending_depth, depth)
    row.pending_trained = min(row.pending_trained, trained)
    row.pending_reasons = ",".join(sorted(waiting | {reason}))
    if any(URGENCY.index(each) < URGENCY.index(reason) for each in waiting):
        return
    kept = {name: value for name, value in cause.extensions.items() if name in (CORRELATION, TRACEPARENT)}
    data = None if about is None else {"version": about}
    bare = Event(cause.id, cause.source, cause.type, cause.subject, cause.time, data=data, extensions=kept)
    row.pending_cause = dump_event(bare)


def cause_of(row: GovernorRow) -> Event | None:
    """Return the trigger that a run would be approved for; of its data only an alarm's version is left."""
    return load_event(row.pending_cause) if row.pending_cause else None


def alarmed_version(row: GovernorRow) -> int | None:
    """Return the version that the waiting alarms are about; None when none waits or it is not known."""
    cause = cause_of(row)
    if cause is None or not isinstance(cause.data, dict) or not _waiting(row) & ALARMS:
        return None
    version: int | None = cause.data.get("version")
    return version


def drop_alarms(row: GovernorRow) -> None:
    """Forget what was said of a champion."""
    waiting = _waiting(row) - ALARMS
    row.pending_reasons = ",".join(sorted(waiting))
    if not waiting:
        forget(row)


def forget(row: GovernorRow) -> None:
    """Forget all triggers."""
    row.pending_reasons, row.pending_cause = "", None
    row.pending_first_at = row.pending_last_at = None
    row.pending_depth = row.pending_trained = 0


def _waiting(row: GovernorRow) -> set[TrainingReason]:
    return {TrainingReason(name) for name in row.pending_reasons.split(",") if name}
