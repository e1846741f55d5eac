"""Keeps a `Progress` in the columns of `feedback` that belong to watch_performance."""

from __future__ import annotations

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from functions.state.labels import FeedbackRow, lock_feedback
from functions.watch_performance.logic import Progress
from functions.watch_performance.sequential_test import SequentialTest

_TEST = TypeAdapter(SequentialTest)


def read_progress(session: Session, model: str) -> Progress:
    """Return how far a model's champion has been watched."""
    row = session.get(FeedbackRow, model)
    return Progress() if row is None else _progress(row)


def lock_progress(session: Session, model: str) -> tuple[FeedbackRow, Progress]:
    """Return the same, and the row that keeps it, locked until the transaction ends."""
    row = lock_feedback(session, model)
    return row, _progress(row)


def write_progress(row: FeedbackRow, progress: Progress) -> None:
    """Write how far a model's champion has been watched."""
    row.harm_version = progress.version
    row.harm = _TEST.dump_python(progress.test, mode="json")
    row.harm_at, row.harm_id = progress.at, progress.prediction_id
    row.watched_through = progress.through
    row.alarmed_at, row.alarms = progress.alarmed_at, dict(progress.alarms)


def _progress(row: FeedbackRow) -> Progress:
    return Progress(
        version=row.harm_version,
        test=_TEST.validate_python(row.harm) if row.harm else SequentialTest(),
        at=row.harm_at,
        prediction_id=row.harm_id,
        through=row.watched_through,
        alarmed_at=row.alarmed_at,
        alarms=row.alarms or {},
    )
