"""Runs alibi-detect's detectors that need torch, repeatably."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from functions.detect_drift.columns import Table
from functions.detect_drift.detection import ALL, Detection, Options, Test
from functions.detect_drift.detectors.alibi import seeded
from functions.detect_drift.detectors.matrices import matrices

# The smallest p-value is 1 / (permutations + 1): it must be able to fall below a window's share of the
# budget.
PERMUTATIONS = 1_000
# A permutation costs the square of these: of the reference, and of the window.
ROWS = 500


@contextmanager
def torch_seeded(seed: int) -> Iterator[None]:
    """Make random choices repeatable, and leave torch's and numpy's global state as they were."""
    torch: Any = importlib.import_module("torch")
    with torch.random.fork_rng(devices=[]), seeded(seed):
        torch.manual_seed(seed)
        yield


def permuted(method: str, drift: Any, reference: Table, current: Table, options: Options) -> Detection:
    """Make a permutation test over all columns; its effect is the largest of a single column."""
    both = matrices(reference, current, seed=options.seed, max_rows=ROWS)
    if both is None:
        return Detection(())
    with torch_seeded(options.seed):
        detector = drift(both.reference, backend="pytorch", n_permutations=PERMUTATIONS, device="cpu")
        data = detector.predict(both.current)["data"]
    # Of the permutations and the window itself, so it is never 0.
    p_value = (float(data["p_val"]) * PERMUTATIONS + 1) / (PERMUTATIONS + 1)
    largest = both.largest
    test = Test(ALL, method, float(data["distance"]), p_value, largest.value, largest.name)
    test = replace(test, least_p_value=1 / (PERMUTATIONS + 1))
    return Detection((test,), both.untested)
