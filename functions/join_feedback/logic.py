"""When what is done about labels: pure rules of time."""

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


def release_key(model: str) -> str:
    """Return the key of the timer that gives labelled rows back."""
    return f"{model}/release"


def patience(window: timedelta) -> timedelta:
    """Return how long a label waits for its prediction to be logged before it is unknown.

    The log may be late: by a second as a rule, by minutes when something was down.
    """
    return min(max(window / 10, timedelta(seconds=5)), timedelta(minutes=5))


def settling(window: timedelta) -> timedelta:
    """Return how long a label by entity waits for newer predictions about that entity to be logged."""
    return min(patience(window), timedelta(seconds=5))


def waits(join: Join, window: timedelta, now: datetime) -> bool:
    """Say whether a label stays where it is: what it belongs to may still come."""
    label = join.label
    if join.fate is Fate.UNKNOWN:
        return label.received_at + patience(window) > now
    return label.prediction_id is None and label.received_at + settling(window) > now


def joined_through(read_at: datetime, waiting: Sequence[Join], left: datetime | None) -> datetime:
    """Return the time by which every label received is joined.

    Args:
        read_at: when the labels were read, with nobody adding any.
        waiting: those read that stay.
        left: when the first that was not read was received; None: all were.
    """
    bounds = [join.label.received_at - _TICK for join in waiting]
    if left is not None:
        bounds.append(left - _TICK)
    return min([read_at, *bounds])


def next_look(window: timedelta) -> timedelta:
    """Return how long until predictions that mature without a label are looked at again."""
    return min(max(window / 20, SOON), timedelta(hours=1))
