"""The labels that wait to be joined: what a joining reads of the state, and what it takes off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from eventing.catalogue import Claim
from eventing.clock import Clock
from functions.join_feedback.coverage import Coverage
from functions.join_feedback.fates import Fates
from functions.join_feedback.logic import Lag
from functions.join_feedback.matching import Join, Known, Label
from functions.state.database import lock_name
from functions.state.handled import Stale
from functions.state.labels import FeedbackRow, JoinedLabel, WaitingLabel
from functions.state.specs import labels_window
from functions.state.versions import champion, get_version, versions_of


@dataclass(frozen=True)
class Snapshot:
    """What a joining starts from.

    Attributes:
        read_at: when it was read, while nobody added labels.
        joined_through: every label received by then is joined already.
        window: how long after its prediction a label may come.
        card: of the version that says which labels are possible.
        labels: those that wait, oldest first, at most as many as are joined in one go.
        lag: how long labels were on their way at most, lately, as it was before these.
        fates: what became of the labels of late, before these.
        rows: the number of each label's row, by label id.
        unread_since: when the first label that is not among them was received.
        coverage: each version's counts, as they were last taken.
    """

    model: str
    read_at: datetime
    joined_through: datetime | None
    window: timedelta
    card: Claim | None
    labels: list[Label]
    rows: dict[str, int]
    unread_since: datetime | None
    coverage: Coverage | None
    lag: Lag | None = None
    fates: Fates | None = None


def read_snapshot(session: Session, model: str, clock: Clock, most: int) -> Snapshot:
    """Read the labels that wait, oldest first, and the time, while nobody adds any."""
    lock_name(session, f"labels/{model}")
    now = clock()
    waiting = select(WaitingLabel).filter_by(model=model).order_by(WaitingLabel.received_at, WaitingLabel.seq)
    rows = session.scalars(waiting.limit(most + 1)).all()
    unread_since = rows[most].received_at if len(rows) > most else None
    feedback = session.get(FeedbackRow, model)
    return Snapshot(
        model=model,
        read_at=now,
        joined_through=feedback.joined_through if feedback else None,
        window=labels_window(session, model),
        card=_card(session, model),
        labels=[_label(row) for row in rows[:most]],
        rows={row.label_id: row.seq for row in rows[:most]},
        unread_since=unread_since,
        coverage=Coverage.model_validate(feedback.coverage) if feedback and feedback.coverage else None,
        lag=_lag(feedback),
        fates=Fates.model_validate(feedback.fates) if feedback and feedback.fates else None,
    )


def _label(row: WaitingLabel) -> Label:
    return Label(
        label_id=row.label_id,
        value=row.value,
        received_at=row.received_at,
        prediction_id=row.prediction_id,
        entity=row.entity,
        time=row.time,
        kept_at=row.kept_at,
        ahead=row.ahead,
        lag_s=row.lag_s or 0.0,
    )


def _lag(row: FeedbackRow | None) -> Lag | None:
    if row is None or row.lag_s is None or row.lagged_at is None:
        return None
    return Lag(row.lag_s, row.lagged_at)


def _card(session: Session, model: str) -> Claim | None:
    """Return the card of the champion, else of the newest version."""
    version = champion(session, model)
    if version is None:
        registered = versions_of(session, model)
        return registered[-1].card if registered else None
    row = get_version(session, model, version)
    return row.card if row else None


def known_labels(
    session: Session, model: str, prediction_ids: Sequence[str], matured_by: datetime | None
) -> dict[str, Known]:
    """Return the labels that some predictions have already, by prediction id.

    Args:
        matured_by: by this time predictions count as mature: their labels stay as they are.
    """
    known: dict[str, Known] = {}
    for first in range(0, len(prediction_ids), 500):
        chosen = select(JoinedLabel).where(
            JoinedLabel.model == model, JoinedLabel.prediction_id.in_(prediction_ids[first : first + 500])
        )
        known |= {
            row.prediction_id: Known(
                row.value,
                row.received_at,
                row.label_id,
                open=row.release is None and (matured_by is None or row.at > matured_by),
            )
            for row in session.scalars(chosen)
        }
    return known


def remove(session: Session, snapshot: Snapshot, joins: Sequence[Join]) -> None:
    """Take labels off those that wait. Raises: Stale when another joining took one of them."""
    numbers = [snapshot.rows[each.label.label_id] for each in joins]
    removed = 0
    for first in range(0, len(numbers), 500):
        chosen = delete(WaitingLabel).where(WaitingLabel.seq.in_(numbers[first : first + 500]))
        removed += session.connection().execute(chosen).rowcount
    if removed != len(numbers):
        raise Stale(f"the labels of {snapshot.model} were joined by another")
