"""What a detector takes and returns; deciding is in logic.py."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from functions.detect_drift.columns import Untested

# The feature of a test of all columns at once.
ALL = "*"


class Guarantee(StrEnum):
    """What is promised about false alarms.

    BUDGET: the chance of any in the whole reference period is at most alpha.
    RUN_LENGTH: the expected number of rows between two of them is at least `expected_run`.
    """

    BUDGET = "budget"
    RUN_LENGTH = "run_length"


@dataclass(frozen=True, slots=True)
class Test:
    """One test of one feature.

    Attributes:
        feature: its name, or ALL.
        method: which test.
        statistic: what the test computed.
        p_value: None for a detector on a stream, which has a threshold instead.
        effect: how much the distributions differ.
        effect_name: in what unit.
        threshold: of the statistic, for a detector on a stream.
        row: the window's row, from 0, at which the statistic first exceeded its threshold.
        least_p_value: the smallest that the test can give; 0 for all but permutation tests.
    """

    __test__ = False

    feature: str
    method: str
    statistic: float
    p_value: float | None
    effect: float
    effect_name: str
    threshold: float | None = None
    row: int | None = None
    least_p_value: float = 0.0


@dataclass(frozen=True, slots=True)
class Detection:
    """Every test that was made, every column that was not tested, and the guarantee in force."""

    tests: tuple[Test, ...]
    untested: tuple[Untested, ...] = ()
    guarantee: Guarantee = Guarantee.BUDGET


@dataclass(frozen=True, slots=True)
class Options:
    """What some detectors take beside the data.

    Attributes:
        seed: of every random choice: permutations, folds, simulated streams.
        expected_run: rows between two false alarms of a detector on a stream, on average.
    """

    seed: int = 0
    expected_run: int = 2_000
