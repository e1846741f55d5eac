"""The rules of releasing labels: when labelled predictions become rows to train on."""

from __future__ import annotations

from datetime import datetime

from pipelines.spec import ModelSpec

FUNCTION = "release_labels"


def is_alarm_open(alarmed_at: datetime | None, released_at: datetime | None) -> bool:
    """Say whether no rows have been released since the champion's last alarm."""
    return alarmed_at is not None and (released_at is None or released_at < alarmed_at)


def is_due(spec: ModelSpec, *, unreleased: int, since_alarm: int | None) -> bool:
    """Say whether enough rows have gathered: as many as the spec says, or once as many as an alarm needs.

    Args:
        spec: the model's.
        unreleased: labelled predictions that no file holds.
        since_alarm: those of them that were labelled since the alarm; None while no alarm is open.
    """
    if unreleased >= spec.labels.min_rows:
        return True
    return since_alarm is not None and since_alarm >= max(1, spec.retrain.harm_min_rows)
