"""Makes every decision of a log again, from the inputs that its event carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from eventing.catalogue import PAYLOADS, TrainingReason, source_of
from eventing.store import StoreError
from kascade.errors import KascadeError
from kascade.replay.comparison import Compared, in_time
from kascade.replay.deciders import DECIDERS, Decider, Get, NotReplayable
from kascade.replay.recording import Recorded
from pipelines.spec import ModelSpec


def replay(
    log: Sequence[Recorded], get: Get, *, tried: ModelSpec | None = None, model: str | None = None
) -> list[Compared]:
    """Return every decision of the log beside the one that is made now.

    Args:
        log: in any order.
        get: reads inputs that were too large for their event.
        tried: a model.yaml to decide by; only its model is replayed. None: as recorded.
        model: only this one.
    """
    only = tried.model if tried is not None else model
    found = []
    for row in log:
        decider = DECIDERS.get(row.event.type)
        if decider is None or row.event.source != source_of(decider.function):
            continue
        if row.data.get("reason") == TrainingReason.REGISTERED:
            continue  # a registered model asks no policy
        if only is None or row.model == only:
            found.append(_compare(row, decider, tried, get))
    return in_time(found)


def _compare(row: Recorded, decider: Decider, tried: ModelSpec | None, get: Get) -> Compared:
    subject = row.event.subject or row.model
    made = Compared(row.happened, row.model, decider.area, subject, "?", "?", "", "", decidable=False)
    try:
        payload: Any = PAYLOADS[row.event.type].model_validate(row.data)
    except ValidationError as error:
        return replace(made, why=f"its payload is not one of this release: {error}")
    then = decider.recorded(row.event.type, payload)
    subject = f"{subject} {payload.phase}" if decider.area == "judge" else subject
    made = replace(made, subject=subject, recorded=then.words, rule=then.rule)
    if payload.decided_from is None:
        return replace(made, why="it was recorded without its inputs, as earlier releases did")
    try:
        now = decider.again(payload.decided_from, payload, tried, get)
    except NotReplayable as error:
        return replace(made, why=str(error))
    except (KascadeError, StoreError, ValueError) as error:
        return replace(made, why=f"its inputs cannot be read: {error}")
    return replace(made, replayed=now.words, rule=now.rule, why=now.why, decidable=True)
