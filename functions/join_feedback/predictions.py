"""Finds, in the log, the predictions that some labels could belong to; opens as few files as it can."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from eventing.store import Store
from functions.inferences.log import read_log
from functions.join_feedback.matching import Label, Prediction
from functions.state.inferences import InferenceBatch, batches_between
from pipelines.prediction_ids import time_of

_COLUMNS = ("prediction_id", "at", "version", "entity", "predicted", "predicted_number")
# An id has whole milliseconds; a file's span may have been rounded the other way.
_SLACK = timedelta(milliseconds=2)


@dataclass(frozen=True)
class Found:
    """Served predictions, and what each predicted: a class as text, or a number."""

    predictions: list[Prediction]
    predicted: dict[str, str | float | None]


def batches_for(
    session: Session, model: str, labels: Sequence[Label], window: timedelta
) -> list[InferenceBatch]:
    """Return the files of served predictions that could hold what some labels belong to."""
    spans = [span for label in labels if (span := _span(label, window)) is not None]
    if not spans:
        return []
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    starts = sorted(start for start, _ in spans)
    longest = max(end - start for start, end in spans)
    return [
        batch
        for batch in batches_between(session, model, first, last, shadow=False)
        if batch.rows and _overlaps(batch, starts, longest)
    ]


def find(store: Store, batches: Iterable[InferenceBatch], labels: Sequence[Label]) -> Found:
    """Read the predictions that some labels name, by id or entity. Raises: eventing.store.StoreError."""
    ids = {label.prediction_id for label in labels if label.prediction_id is not None}
    entities = {label.entity for label in labels if label.prediction_id is None and label.entity is not None}
    predictions: list[Prediction] = []
    predicted: dict[str, str | float | None] = {}
    for batch in batches:
        for row in read_log(store, [batch.claim], _COLUMNS).to_pylist():
            identity = row["prediction_id"]
            if identity in ids or row["entity"] in entities:
                predictions.append(Prediction(identity, row["at"], row["version"], row["entity"]))
                number = row["predicted_number"]
                predicted[identity] = row["predicted"] if number is None else number
    return Found(predictions, predicted)


def _span(label: Label, window: timedelta) -> tuple[datetime, datetime] | None:
    if label.prediction_id is not None:
        at = time_of(label.prediction_id)
        return None if at is None else (at - _SLACK, at + _SLACK)
    if label.entity is None or label.time is None:
        return None
    return label.time - window, label.time


def _overlaps(batch: InferenceBatch, starts: list[datetime], longest: timedelta) -> bool:
    """Say whether a label's span may overlap a file's: none that does starts outside these bounds."""
    position = bisect_left(starts, batch.first - longest)
    return position < len(starts) and starts[position] <= batch.last
