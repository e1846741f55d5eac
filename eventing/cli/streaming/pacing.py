"""Holds a stream back while the loop is behind: a row's time is as long as the loop needs it to be."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from eventing import catalogue as c

MAX_LAG_S = 15.0
_ENDS = frozenset({c.TRAINING_FAILED, c.MODEL_REJECTED, c.ROLLOUT_STARTED, c.ROLLOUT_COMPLETED})


def under_way(events: Sequence[dict[str, Any]]) -> bool:
    """Say whether a training run, its gate, or the start of its rollout is under way."""
    open_versions: set[int] = set()
    for event in events:
        version = (event.get("data") or {}).get("version", 0)
        if event["type"] == c.TRAINING_APPROVED:
            open_versions.add(version)
        elif event["type"] in _ENDS:
            open_versions.discard(version)
    return bool(open_versions)


def lag_s(events: Sequence[dict[str, Any]], now: float) -> float:
    """Return how far the joining of labels is behind, in seconds; 0 before the first label."""
    joined = next((event for event in reversed(events) if event["type"] == c.FEEDBACK_JOINED), None)
    if joined is None:
        return 0.0
    through = datetime.fromisoformat(joined["data"]["through"]).astimezone(UTC).timestamp()
    return max(0.0, now - through)


def hold(events: Sequence[dict[str, Any]], waited_s: float, *, patience_s: float) -> bool:
    """Say whether the next row has to wait; after `patience_s` of waiting nothing is waited for any more."""
    if waited_s > patience_s:
        return False
    return under_way(events) or lag_s(events, time.time()) > MAX_LAG_S
