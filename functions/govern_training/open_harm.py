"""Says which runs leave the harm open that they were to answer. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from functions.govern_training.facts import Run
from functions.govern_training.logic import is_judged


def is_refused(run: Run) -> bool:
    """Say whether what a run made came to nothing, or waits for a person; a rollout outweighs a verdict."""
    if run.rollout is not None:
        return run.rollout in ("rolled_back", "inconclusive")
    return run.verdict in ("rejected", "asked")


def leaves_harm_open(runs: Sequence[Run], version: int) -> bool:
    """Say whether the harm that a version was trained for stands unanswered.

    A newer run that answers harm, and of which nothing is decided yet, is its answer.

    Args:
        runs: the model's, oldest first.
    """
    run = next((each for each in runs if each.version == version), None)
    if run is None or not run.answers_harm or not is_refused(run):
        return False
    newer = [each for each in runs if each.version > version and each.answers_harm]
    return not any(each.ended_at is None or (is_judged(each) and not is_refused(each)) for each in newer)
