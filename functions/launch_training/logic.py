"""What follows a call of the engine: pure, with no HTTP, no database and no clock of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.records import Failure, Fault

FUNCTION = "launch_training"
ATTEMPT = "launch"
"""Names the one attempt that a run is given: whoever submits it again names the same one."""

BUSY = timedelta(minutes=5)
"""How long a submission may take before somebody else tries; more than all of its calls may wait."""

_FIRST_CHECK, _LAST_CHECK = timedelta(seconds=15), timedelta(minutes=10)


@dataclass(frozen=True)
class Schedule:
    """How often an engine is asked.

    Attributes:
        deadline: a run that no engine has taken by then, since its approval, is given up.
    """

    deadline: timedelta

    def next_check(self, approved_at: datetime, now: datetime) -> datetime:
        """Return when to ask again: the longer it has gone on, the later."""
        return now + min(_LAST_CHECK, max(_FIRST_CHECK, (now - approved_at) / 8))

    def given_up(self, approved_at: datetime, now: datetime) -> bool:
        """Whether a run that no engine has taken is to be given up."""
        return now - approved_at >= self.deadline


def never_taken(error: str) -> Failure:
    """Say that no engine took a run."""
    return Failure(
        step="launch",
        error=error,
        fix="see that the training engine is up and takes our token, then ask for a training again",
        fault=Fault.SURROUNDINGS,
    )


def vanished(engine: str) -> Failure:
    """Say that a run is not there any more."""
    return Failure(
        step="unknown",
        error=f"{engine} does not know the run any more: it was deleted there",
        fix="ask for a training again",
        fault=Fault.SURROUNDINGS,
    )
