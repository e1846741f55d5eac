"""The triggers that wait for a run, merged into the governor's row."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

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
    force: bool = False,
) -> None:
    """Add a trigger to those that wait; of several with one reason the newest is its cause.

    Args:
        at: when it happened.
        depth: events between its chain's first and it.
        trained: runs of this model among its causes.
        version: what an alarm is about.
        force: a person wants a run also on what has been trained on.
    """
    causes = causes_in(row)
    if not row.pending_reasons:
        row.pending_first_at = row.pending_last_at = at
        row.pending_depth, row.pending_trained = depth, trained
    row.pending_last_at = max(row.pending_last_at or at, at)
    row.pending_depth = min(row.pending_depth, depth)
    row.pending_trained = min(row.pending_trained, trained)
    kept = {name: value for name, value in cause.extensions.items() if name in (CORRELATION, TRACEPARENT)}
    data: dict[str, Any] | None = {"force": True} if force else None
    if version is not None and reason in ALARMS:
        data = {"version": version}
    bare = Event(cause.id, cause.source, cause.type, cause.subject, cause.time, data=data, extensions=kept)
    _write(row, waiting_in(row) | {reason}, causes | {reason: bare})


def waiting_in(row: GovernorRow) -> set[TrainingReason]:
    """Return the reasons that wait."""
    return {TrainingReason(name) for name in row.pending_reasons.split(",") if name}


def causes_in(row: GovernorRow) -> dict[TrainingReason, Event]:
    """Return each reason's newest trigger; of its data only an alarm's version and a person's force are left.

    An earlier release kept one event alone: that of the most urgent reason.
    """
    if not row.pending_cause:
        return {}
    kept = json.loads(row.pending_cause)
    if "specversion" in kept:
        return {min(waiting_in(row), key=URGENCY.index): load_event(row.pending_cause)}
    return {TrainingReason(name): load_event(text) for name, text in kept.items()}


def cause_of(row: GovernorRow) -> Event | None:
    """Return the trigger that a run would be approved for: that of the most urgent reason."""
    causes = causes_in(row)
    return causes[min(causes, key=URGENCY.index)] if causes else None


def harmed_version(row: GovernorRow) -> int | None:
    """Return the version whose harm labels have proven, if that is among what waits."""
    cause = causes_in(row).get(TrainingReason.PERFORMANCE)
    return None if cause is None else (cause.data or {}).get("version")


def is_forced(row: GovernorRow) -> bool:
    """Say whether a person wants a run whatever has been trained already."""
    asked = causes_in(row).get(TrainingReason.MANUAL)
    return asked is not None and bool((asked.data or {}).get("force"))


def alarms_about_others(row: GovernorRow, champion: int) -> dict[TrainingReason, int | None]:
    """Return the alarms that wait and are not known to be about the champion, with what they are about."""
    causes = causes_in(row)
    about = {
        reason: (causes[reason].data or {}).get("version") if reason in causes else None
        for reason in waiting_in(row) & ALARMS
    }
    return {reason: version for reason, version in about.items() if version != champion}


def drop(row: GovernorRow, reasons: Collection[TrainingReason]) -> None:
    """Forget some triggers."""
    left = waiting_in(row) - set(reasons)
    _write(row, left, {reason: cause for reason, cause in causes_in(row).items() if reason in left})
    if not left:
        row.pending_first_at = row.pending_last_at = None
        row.pending_depth = row.pending_trained = 0


def _write(
    row: GovernorRow, waiting: Collection[TrainingReason], causes: dict[TrainingReason, Event]
) -> None:
    row.pending_reasons = ",".join(sorted(waiting))
    kept = {reason.value: dump_event(cause) for reason, cause in causes.items()}
    row.pending_cause = json.dumps(kept, sort_keys=True) if kept else None
