"""When labels are joined: rules of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from functions.join_feedback.matching import Fate, Join

FUNCTION = "join_feedback"
SOON = timedelta(seconds=1)
_TICK = timedelta(microseconds=1)


def join_key(model: str) -> str:
    """Return the key of the timer that joins a model's labels."""
    return f"{model}/join"


def log_delay(window: timedelta) -> timedelta:
    """Return how late the log may have a prediction: a label without one waits so long before it is unknown.

    It is late by a second as a rule, by minutes when something was down.
    """
    return min(max(window / 10, timedelta(seconds=5)), timedelta(minutes=5))


def entity_delay(window: timedelta) -> timedelta:
    """Return how long a label by entity waits for newer predictions about that entity to be logged."""
    return min(log_delay(window), timedelta(seconds=5))


def must_wait(join: Join, window: timedelta, now: datetime) -> bool:
    """Say whether the prediction that a label belongs to may still be logged."""
    label = join.label
    if join.fate is Fate.UNKNOWN:
        return label.received_at + log_delay(window) > now
    return label.prediction_id is None and label.received_at + entity_delay(window) > now


def joined_through(read_at: datetime, waiting: Sequence[Join], unread_since: datetime | None) -> datetime:
    """Return the time by which every label received is joined.

    Args:
        read_at: when the labels were read, while nobody added any.
        waiting: those read that go on waiting.
        unread_since: when the first that was not read was received; None: all were read.
    """
    bounds = [join.label.received_at - _TICK for join in waiting]
    if unread_since is not None:
        bounds.append(unread_since - _TICK)
    return min([read_at, *bounds])


def maturity_check_interval(window: timedelta) -> timedelta:
    """Return how long until predictions that mature without a label are checked again."""
    return min(max(window / 20, SOON), timedelta(hours=1))
