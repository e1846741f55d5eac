"""When the governor handled each event: the log has when it was recorded, and when answers were given.

An answer carries the moment of its decision. The event that a deferral names as its cause was handled at
that moment; a run is approved on behalf of the trigger that waited, so the event that decided is the last one
before. All others were handled about when they were recorded: of two events that came within the time of a
delivery, the log does not tell which was handled first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from eventing import catalogue as kinds
from functions.govern_training.observe import SOURCE
from kascade.replay.recording import Recorded

DELIVERY = timedelta(seconds=0.1)
_SILENT = frozenset(
    {kinds.DATASET_INGESTED, kinds.DRIFT_DETECTED, kinds.PERFORMANCE_DEGRADED, kinds.TIMER_DUE}
)
"""Triggers get no answer where the same was announced just before: they came after the one that got it."""


def moments(log: Sequence[Recorded], heard: Sequence[Recorded]) -> dict[str, datetime]:
    """Return the moment at which each event of the log was handled, by its id.

    Args:
        log: the whole of it.
        heard: the events that the governor handles, in recorded order.
    """
    found = {row.event.id: _about(row) for row in log}
    answered = _answered(log)
    found |= answered
    for row in log:
        if row.event.type == kinds.TRAINING_APPROVED and row.event.source == SOURCE:
            decider = _decider(row, heard, answered)
            if decider is not None:
                found[decider.event.id] = row.happened
    return found


def _about(row: Recorded) -> datetime:
    """Return when an event was handled that has no answer of its own."""
    if row.event.type == kinds.SPEC_REGISTERED:
        return row.happened
    recorded = max(row.at, row.happened)
    return recorded + DELIVERY if row.event.type in _SILENT else recorded


def _answered(log: Sequence[Recorded]) -> dict[str, datetime]:
    """Return when the events were handled that the governor answered directly."""
    found: dict[str, datetime] = {}
    for row in log:
        direct = row.event.type in (kinds.TRAINING_DEFERRED, kinds.TRAINING_FAILED)
        if direct and row.event.source == SOURCE and row.cause is not None:
            found[row.cause] = min(row.happened, found.get(row.cause, row.happened))
    return found


def _decider(
    approved: Recorded, heard: Sequence[Recorded], answered: Mapping[str, datetime]
) -> Recorded | None:
    """Return the event whose handling started a run; None when that is known by its answer."""
    if approved.happened in answered.values():
        return None  # a lost run that is tried again
    before = [
        row
        for row in heard
        if row.model == approved.model
        and row.happened <= approved.happened
        and row.event.source != SOURCE
        and row.event.id not in answered
    ]
    last = max(before, key=lambda row: (row.happened, row.seq), default=None)
    if last is None:
        return None
    # The run's cause is the newest trigger: of several at one time it was the last.
    ties = [
        row for row in before if row.event.id == approved.cause and last.happened - row.happened <= DELIVERY
    ]
    return ties[0] if ties else last
