"""Chooses the labelled predictions of the next file, and keeps account of them.

Which rows a file has is written down before the file is: after a crash the same file is written again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from functions.release_labels.logic import is_alarm_open, is_due
from functions.state.datasets import kept_schema
from functions.state.governor import waits_for_rows
from functions.state.inferences import InferenceBatch, batches_between
from functions.state.labels import FeedbackRow, JoinedLabel, lock_feedback
from functions.state.specs import spec_of
from pipelines.prediction_ids import uuid7
from pipelines.spec import ModelSpec

MOST_ROWS = 50_000


@dataclass(frozen=True)
class Release:
    """The file to write: its labels, the log's files with their inputs, and the columns of the dataset."""

    name: str
    spec: ModelSpec
    columns: tuple[str, ...]
    labels: Sequence[JoinedLabel]
    batches: Sequence[InferenceBatch]

    @property
    def uri(self) -> str:
        """Its address in the store."""
        return f"s3://raw/{self.spec.model}/labelled/{self.name}.parquet"


def begin(session: Session, model: str, now: datetime) -> Release | None:
    """Choose the rows of a file and record them; one that was begun comes first. None: nothing is due."""
    row, spec, kept = lock_feedback(session, model), spec_of(session, model), kept_schema(session, model)
    if spec is None or kept is None:
        return None
    if row.releasing is None:
        if not due(session, row, spec):
            return None
        row.releasing = _choose(session, model, now)
    chosen = select(JoinedLabel).filter_by(model=model, release=row.releasing)
    labels = session.scalars(chosen.order_by(JoinedLabel.at, JoinedLabel.prediction_id)).all()
    columns = tuple(column["name"] for column in json.loads(kept.document)["columns"])
    batches = batches_between(session, model, labels[0].at, labels[-1].at, shadow=False)
    return Release(row.releasing, spec, columns, labels, [batch for batch in batches if batch.rows])


def end(session: Session, release: Release, now: datetime) -> None:
    """Note that the file is written."""
    row = lock_feedback(session, release.spec.model)
    if row.releasing == release.name:
        row.releasing, row.released_at = None, now


def due(session: Session, row: FeedbackRow, spec: ModelSpec) -> bool:
    """Count the labels that no file holds, and say whether they are to be released."""
    if not spec.labels.train:
        return False
    unreleased = select(func.count()).select_from(JoinedLabel).filter_by(model=row.model, release=None)
    alarmed = is_alarm_open(row.alarmed_at, row.released_at) or waits_for_rows(session, row.model)
    return is_due(spec, unreleased=session.scalar(unreleased) or 0, alarmed=alarmed)


def _choose(session: Session, model: str, now: datetime) -> str:
    """Note the newest labels that no file holds as those of one file; return its name."""
    unreleased = select(JoinedLabel.prediction_id).filter_by(model=model, release=None)
    newest = unreleased.order_by(JoinedLabel.at.desc()).limit(MOST_ROWS)
    name = uuid7(now, model)
    chosen = JoinedLabel.prediction_id.in_(newest.scalar_subquery())
    session.execute(update(JoinedLabel).where(JoinedLabel.model == model, chosen).values(release=name))
    return name
