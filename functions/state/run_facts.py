"""What is computed from a model's runs alone, given as rows or as values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

DAY = timedelta(days=1)


class JudgedRun(Protocol):
    """A run, as far as its end and its start matter."""

    @property
    def automatic(self) -> bool:
        """Whether no person asked for it."""
        ...

    @property
    def registered(self) -> bool:
        """Whether its model was made elsewhere."""
        ...

    @property
    def approved_at(self) -> datetime:
        """When the governor let it start."""
        ...

    @property
    def verdict(self) -> str | None:
        """`approved` or `rejected` by the offline gate or a person."""
        ...

    @property
    def rollout(self) -> str | None:
        """`promoted`, `rolled_back`, `inconclusive` or `retired`."""
        ...


R = TypeVar("R", bound=JudgedRun)


def refused_in_a_row(runs: Sequence[JudgedRun]) -> int:
    """Count the newest challengers that were rejected or rolled back, up to the last that was not.

    Args:
        runs: oldest first. Those without a challenger count neither way, nor those whose model was made
            elsewhere; a rollout's end outweighs a verdict.
    """
    count = 0
    for run in reversed([each for each in runs if not each.registered]):
        if run.rollout not in (None, "rolled_back"):
            break
        if run.rollout is not None or run.verdict == "rejected":
            count += 1
    return count


def automatic_within_a_day(runs: Sequence[R], now: datetime) -> list[R]:
    """Return the automatic runs that were approved in the last 24 hours, oldest first."""
    recent = [run for run in runs if run.automatic and run.approved_at > now - DAY]
    return sorted(recent, key=lambda run: run.approved_at)
