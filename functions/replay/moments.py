"""When the governor handled each event: the log has when it was recorded, and when answers were given.

An answer carries the moment of its decision. The event that a deferral names as its cause was handled at
that moment; a run is approved on behalf of the trigger that waited, so the event that decided is the last one
before. All others were handled about when they were recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from eventing.catalogue import SPEC_REGISTERED, TRAINING_APPROVED, TRAINING_DEFERRED, TRAINING_FAILED
from functions.govern_training.observe import SOURCE
from functions.replay.recording import Recorded


def moments(log: Sequence[Recorded], heard: Sequence[Recorded]) -> dict[str, datetime]:
    """Return the moment at which each event of the log was handled, by its id.

    Args:
        log: the whole of it.
        heard: the events that the governor handles, in recorded order.
    """
    found = {
        row.event.id: row.happened if row.event.type == SPEC_REGISTERED else max(row.at, row.happened)
        for row in log
    }
    answered = _answered(log)
    found |= answered
    for row in log:
        if row.event.type == TRAINING_APPROVED and row.event.source == SOURCE:
            decider = _decider(row, heard, answered)
            if decider is not None:
                found[decider.event.id] = row.happened
    return found


def _answered(log: Sequence[Recorded]) -> dict[str, datetime]:
    """Return when the events were handled that the governor answered directly."""
    found: dict[str, datetime] = {}
    for row in log:
        direct = row.event.type in (TRAINING_DEFERRED, TRAINING_FAILED)
        if direct and row.event.source == SOURCE and row.cause is not None:
            found[row.cause] = min(row.happened, found.get(row.cause, row.happened))
    return found


def _decider(approved: Recorded, heard: Sequence[Recorded], answered: dict[str, datetime]) -> Recorded | None:
    before = [
        row
        for row in heard
        if row.model == approved.model
        and row.happened <= approved.happened
        and row.seq < approved.seq
        and row.event.id not in answered
    ]
    return max(before, key=lambda row: (row.happened, row.seq), default=None)
