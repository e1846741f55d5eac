"""What to do after an attempt: pure, so that every case can be read in one place."""

from __future__ import annotations

from enum import StrEnum

from pipelines.records import Failure, Fault

SUCCESS, RETRY, BAD_EVENT = 0, 1, 2


class Next(StrEnum):
    """What follows an attempt."""

    NOTHING = "nothing"
    ANNOUNCE = "announce"
    RETRY = "retry"


def after_attempt(
    *, announced: bool, completed: bool, failure: Failure | None, attempts: int, max_attempts: int
) -> Next:
    """Tell what follows an attempt.

    Args:
        announced: the run's exit task has sent its event.
        completed: the version's card is there.
        failure: what the attempt recorded; None when it ended without a word.
        attempts: how many have failed, this one included.
        max_attempts: how many may.
    """
    if announced:
        return Next.NOTHING
    if completed:
        return Next.ANNOUNCE
    transient = failure is None or failure.fault is Fault.SURROUNDINGS
    return Next.RETRY if transient and attempts < max_attempts else Next.ANNOUNCE


NO_CARD = Failure(
    step="pipeline",
    error="the custom pipeline ended without writing card.json under its parameter `output`",
    fix="write the files of a version as functions/run_training/README.md lists them, card.json last",
    fault=Fault.OWNER,
)
