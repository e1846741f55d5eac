"""Which blocks of labels the judge bets on, given how losses depend on each other."""

from __future__ import annotations

from functions.judge_rollout.wealth import Blocks
from pipelines.serial_dependence import Series, independent_length

LONGEST = 64
"""Blocks are no longer: dependence that reaches further is met by small stakes."""


def blocks_for(series: Series) -> Blocks:
    """Return the blocks whose means are nearly independent, as far as the series shows."""
    length = independent_length(series)
    return Blocks(LONGEST, long=True) if length > LONGEST else Blocks(length)
