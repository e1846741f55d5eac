"""Which share of an arm's matured predictions has a label.

Labels that are missing more often for one arm's errors make that arm look better than it is; with
errors labelled 80 % as often, a challenger that is too bad was promoted in 99 % of simulated rollouts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

Arm = Literal["champion", "challenger"]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Counts of matured predictions, and of those with a label, per arm."""

    champion_matured: int = 0
    champion_labelled: int = 0
    challenger_matured: int = 0
    challenger_labelled: int = 0

    @property
    def champion(self) -> float | None:
        """The champion's labelled share; None when it has no matured prediction."""
        return self.champion_labelled / self.champion_matured if self.champion_matured else None

    @property
    def challenger(self) -> float | None:
        """The challenger's labelled share; None when it has no matured prediction."""
        return self.challenger_labelled / self.challenger_matured if self.challenger_matured else None

    @property
    def gap(self) -> float:
        """The difference between the arms' shares; 0 while one has no matured prediction."""
        if self.champion is None or self.challenger is None:
            return 0.0
        return abs(self.champion - self.challenger)


def count_labels(coverage: Coverage, losses: Mapping[Arm, float | None]) -> Coverage:
    """Count one matured request: each arm in `losses` answered it, None where the label is missing."""
    if "champion" in losses:
        labelled = losses["champion"] is not None
        coverage = replace(
            coverage,
            champion_matured=coverage.champion_matured + 1,
            champion_labelled=coverage.champion_labelled + labelled,
        )
    if "challenger" in losses:
        labelled = losses["challenger"] is not None
        coverage = replace(
            coverage,
            challenger_matured=coverage.challenger_matured + 1,
            challenger_labelled=coverage.challenger_labelled + labelled,
        )
    return coverage


def is_uneven(coverage: Coverage, margin: float) -> bool:
    """Say whether the arms' coverage differs by more than half the margin."""
    return coverage.gap > margin / 2
