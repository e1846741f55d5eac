"""Holds a stream back while the loop is behind: a row's time is as long as the loop needs it to be."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from eventing import catalogue as c

MAX_BEHIND = 500
_ENDS = frozenset(
    {c.TrainingFailed.type, c.ModelRejected.type, c.RolloutStarted.type, c.RolloutCompleted.type}
)


def under_way(events: Sequence[dict[str, Any]]) -> bool:
    """Say whether a training run, its gate, or the start of its rollout is under way."""
    open_versions: set[int] = set()
    for event in events:
        version = (event.get("data") or {}).get("version", 0)
        if event["type"] == c.TrainingApproved.type:
            open_versions.add(version)
        elif event["type"] in _ENDS:
            open_versions.discard(version)
    return bool(open_versions)


def behind(events: Sequence[dict[str, Any]], asked: Sequence[float]) -> int:
    """Return how many of the predictions, given by when they were asked, no joining of labels has reached."""
    joined = next((event for event in reversed(events) if event["type"] == c.FeedbackJoined.type), None)
    if joined is None:
        return len(asked)
    through = datetime.fromisoformat(joined["data"]["through"]).astimezone(UTC).timestamp()
    return len(asked) - bisect_right(asked, through)


def hold(
    events: Sequence[dict[str, Any]], asked: Sequence[float], waited_s: float, *, patience_s: float
) -> bool:
    """Say whether the next row has to wait; after `patience_s` of waiting nothing is waited for any more.

    Args:
        asked: when each prediction was asked for, in seconds since 1970, in order.
        waited_s: how long the row has waited.
    """
    if waited_s > patience_s:
        return False
    return under_way(events) or behind(events, asked) > MAX_BEHIND
