"""How long until a former champion is called back, wrongly or rightly: many simulated streams of labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmarks.simulations.figures import Figure
from functions.evaluate_model.former import STAKES
from functions.evaluate_model.pool import THRESHOLD

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_BOTH = 0.6
"""Of the rows that the better one gets wrong, so many the other one gets wrong too."""


class Sums:
    """The sums of one former champion in each of many streams."""

    def __init__(self, streams: int, margin: float) -> None:
        self.margin = margin
        self.stakes = np.minimum(np.array(STAKES), 1 / (1 + margin))[:, None]
        self.sums = np.zeros((len(STAKES), streams))

    def take(self, x: Floats) -> None:
        """Take in one label of each stream: the champion's loss minus the former champion's."""
        self.sums = np.minimum((self.sums + 1.0) * (1.0 + self.stakes * (x - self.margin)), 1e300)

    def statistic(self) -> Floats:
        """Return the mean of the sums of each stream."""
        return np.asarray(self.sums.mean(axis=0))


def first_recalls(
    champion: float,
    former: float,
    *,
    formers: int,
    streams: int,
    labels: int,
    seed: int,
    margin: float = 0.01,
    min_labels: int = 100,
) -> Counts:
    """Return the label at which each stream first called one back; `labels` where none was.

    Args:
        champion: its error.
        former: the error of each of `formers` former champions.
    """
    rng = np.random.default_rng(seed)
    sums = [Sums(streams, margin) for _ in range(formers)]
    both = _BOTH * min(champion, former)
    first = np.full(streams, labels, dtype=np.int64)
    for n in range(1, labels + 1):
        wrong = rng.random(streams) < champion
        for each in sums:
            given_wrong = rng.random(streams) < both / champion
            given_right = rng.random(streams) < (former - both) / (1 - champion)
            each.take(wrong.astype(np.float64) - np.where(wrong, given_wrong, given_right))
            if n >= min_labels:
                called = (each.statistic() >= THRESHOLD * formers) & (first == labels)
                first[called] = n
        if (first < labels).all():
            break
    return first


def figures(*, seed: int, scale: float) -> list[Figure]:
    """Return the pool's table; `scale` 1 is 500 streams of each."""
    streams, labels = max(int(500 * scale), 20), int(min(20_000, max(500, 40_000 * scale)))
    rows = []
    for name, error in (("as good as the champion", 0.10), ("better by the margin, 0.01", 0.09)):
        first = first_recalls(0.10, error, formers=3, streams=streams, labels=labels, seed=seed)
        rows.append(
            Figure(
                f"three former champions {name}: labels until one is called back, mean",
                f"at least {first.mean():,.0f}; within 5,000 labels {np.mean(first <= 5_000):.1%}",
                f"{streams:,} streams, cut at {labels:,} labels",
            )
        )
    for champion in (0.15, 0.2, 0.3, 0.5):
        first = first_recalls(champion, 0.10, formers=3, streams=streams, labels=labels, seed=seed)
        rows.append(
            Figure(
                f"champion's error {champion:.2f}, a former one's 0.10: labels until it is called back",
                f"median {np.median(first):,.0f}, 95 % within {np.quantile(first, 0.95):,.0f}",
                f"{streams:,} streams",
            )
        )
    return rows
