"""Where a batch of predictions lies, and when it was made."""

from __future__ import annotations

from datetime import UTC, datetime

from eventing.catalogue import InferenceLogged
from pipelines.prediction_ids import uuid7

FUNCTION = "log_inferences"
DEFAULT_WINDOW = 500
"""Rows in a window of a model that has no model.yaml here, such as one that KServe serves."""


def span_of(logged: InferenceLogged, logged_at: datetime) -> tuple[datetime, datetime]:
    """Return when a batch's first and last prediction was made; without any, when the batch was logged."""
    if not logged.times_ms:
        return logged_at, logged_at
    return _at(min(logged.times_ms)), _at(max(logged.times_ms))


def uri_of(logged: InferenceLogged, first: datetime, event: tuple[str, str]) -> str:
    """Return where a batch lies: by date and hour (UTC), under a name that its event alone decides.

    Args:
        first: when its first prediction was made.
        event: source and id.
    """
    name = uuid7(first, "\x1f".join(event))
    return f"s3://inferences/{logged.model}/date={first:%Y-%m-%d}/hour={first:%H}/{name}.parquet"


def window_uri(model: str, version: int, window: int) -> str:
    """Return where the list of a window's files lies."""
    return f"s3://inferences/{model}/windows/v{version}/{window}.json"


def _at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
