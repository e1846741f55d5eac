"""How long the harm test runs without harm, and how soon it notices: many simulated streams of labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmarks.simulations.figures import Figure
from functions.watch_performance.confidence_bounds import clopper_pearson
from functions.watch_performance.sequential_test import LAMBDAS, THRESHOLD

Counts = npt.NDArray[np.int64]


def first_alarms(
    error: float, baseline: float, *, streams: int, labels: int, threshold: float, seed: int
) -> Counts:
    """Return the label at which each stream raised its first alarm; `labels + 1` where none did."""
    rng = np.random.default_rng(seed)
    stakes = np.minimum(np.array(LAMBDAS), 1 / baseline)[:, None]
    sums = np.zeros((len(LAMBDAS), streams))
    alarms = np.full(streams, labels + 1)
    alive = np.arange(streams)
    for label in range(1, labels + 1):
        loss = rng.random(streams)[alive] < error
        sums = (sums + 1) * np.maximum(0.0, 1 + stakes * (loss - baseline))
        crossed = sums.mean(axis=0) >= threshold
        if crossed.any():
            alarms[alive[crossed]] = label
            alive, sums = alive[~crossed], sums[:, ~crossed]
            if not alive.size:
                break
    return alarms


def figures(*, seed: int, scale: float) -> list[Figure]:
    """Return the harm test's table; `scale` 1 is 1,000 streams for each row."""
    n = max(int(1_000 * scale), 10)
    rows = []
    # The hardest case: the true error is the baseline itself.
    quiet = first_alarms(0.10, 0.10, streams=n, labels=20_000, threshold=THRESHOLD, seed=seed)
    early = float(np.mean(quiet <= 5_000))
    rows.append(
        Figure(
            "error 0.10 = baseline: labels until a false alarm, mean",
            f"at least {quiet.mean():,.0f}; within 5,000 labels {early:.1%}",
            f"{n:,} streams, cut at 20,000 labels",
        )
    )
    baseline = clopper_pearson(100, 1_000)
    calm = first_alarms(0.10, baseline, streams=n, labels=20_000, threshold=THRESHOLD, seed=seed)
    rows.append(
        Figure(
            f"error 0.10, baseline {baseline:.3f} from 100 errors in 1,000: any alarm",
            f"{np.mean(calm <= 20_000):.1%}",
            f"{n:,} streams of 20,000 labels",
        )
    )
    for error in (0.15, 0.20, 0.30):
        delay = first_alarms(error, baseline, streams=n, labels=20_000, threshold=THRESHOLD, seed=seed)
        rows.append(
            Figure(
                f"error risen from 0.10 to {error:.2f}, baseline {baseline:.3f}: labels until the alarm",
                f"median {np.median(delay):,.0f}, 95 % within {np.quantile(delay, 0.95):,.0f}",
                f"{n:,} streams",
            )
        )
    return rows
