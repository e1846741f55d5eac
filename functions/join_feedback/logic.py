"""When labels are joined: rules of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.join_feedback.matching import Fate, Join, Label

FUNCTION = "join_feedback"
SOON = timedelta(seconds=1)
_TICK = timedelta(microseconds=1)
_LEAST_HOLD, _MOST_HOLD = timedelta(seconds=2), timedelta(minutes=1)


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
    kept_at = join.label.kept_at or join.label.received_at
    if join.fate is Fate.UNKNOWN:
        return kept_at + log_delay(window) > now
    return join.label.prediction_id is None and kept_at + entity_delay(window) > now


@dataclass(frozen=True)
class Lag:
    """How long labels were on their way at most, lately, in seconds, and when that was seen."""

    seconds: float
    seen_at: datetime

    def holds_until(self) -> datetime:
        """Return until when others that took as long are waited for, while none comes."""
        return self.seen_at + min(max(timedelta(seconds=2 * self.seconds), _LEAST_HOLD), _MOST_HOLD)


def lag_after(before: Lag | None, labels: Sequence[Label], read_at: datetime) -> Lag | None:
    """Return the lag with the labels that were read now; None where nothing has to be waited for.

    All but the slowest twentieth count, so that a few that were delivered again after hours hold up nothing.
    """
    if before is not None and before.holds_until() <= read_at:
        before = None
    if not labels:
        return before
    ordered = sorted(label.lag_s for label in labels)
    seen = ordered[-1 - len(ordered) // 20]
    kept_at = max(label.kept_at or label.received_at for label in labels)
    return before if before is not None and before.seconds > seen else Lag(seen, min(kept_at, read_at))


def joined_through(
    read_at: datetime, waiting: Sequence[Join], unread_since: datetime | None, lag: Lag | None
) -> datetime:
    """Return the time by which every label received is joined, as far as one can know.

    Args:
        read_at: when the labels were read, while nobody added any.
        waiting: those read that go on waiting.
        unread_since: when the first that was not read was received; None: all were read.
        lag: how long labels are on their way: so late others may still come.
    """
    bounds = [join.label.reached_at - _TICK for join in waiting]
    if unread_since is not None:
        bounds.append(unread_since - _TICK)
    if lag is not None:
        bounds.append(read_at - timedelta(seconds=lag.seconds))
    return min([read_at, *bounds])


def maturity_check_interval(window: timedelta) -> timedelta:
    """Return how long until predictions that mature without a label are checked again."""
    return min(max(window / 20, SOON), timedelta(hours=1))
