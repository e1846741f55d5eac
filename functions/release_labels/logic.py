"""The rules of releasing labels: when labelled predictions become rows to train on."""

from __future__ import annotations

from datetime import datetime

from pipelines.spec import ModelSpec

FUNCTION = "release_labels"


def is_alarm_open(alarmed_at: datetime | None, released_at: datetime | None) -> bool:
    """Say whether no rows have been released since the champion's last alarm."""
    return alarmed_at is not None and (released_at is None or released_at < alarmed_at)


def is_due(spec: ModelSpec, *, unreleased: int, alarmed: bool) -> bool:
    """Say whether enough rows have gathered: as many as the spec says, or once as many as an alarm needs.

    Labels that were there before the alarm count: it was raised from them.

    Args:
        spec: the model's.
        unreleased: labelled predictions that no file holds.
        alarmed: whether an alarm is open.
    """
    if alarmed and unreleased >= max(1, spec.retrain.harm_min_rows):
        return True
    return unreleased >= spec.labels.min_rows
