"""The judge's two bets over many rollouts at once; a test holds it to functions.judge_rollout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ends:
    """How each rollout ended: 1 promoted, -1 rolled back, 0 neither; and after how many scores."""

    verdict: npt.NDArray[np.int64]
    scores: npt.NDArray[np.int64]

    def share(self, verdict: int) -> float:
        """Return the share of rollouts with this verdict."""
        return float(np.mean(self.verdict == verdict))

    def median(self, verdict: int) -> float:
        """Return the median number of scores of the rollouts with this verdict."""
        return float(np.median(self.scores[self.verdict == verdict]))


class Bets:
    """One bet per rollout against "the mean of X is at most null"."""

    def __init__(self, null: float, rollouts: int) -> None:
        self.null = null
        self.wealth, self.s, self.v = np.ones(rollouts), np.zeros(rollouts), np.zeros(rollouts)
        self.n = 0

    def place(self, x: Floats) -> None:
        """Place one observation of each rollout."""
        edge = (self.s + self.null) / (self.n + 1) - self.null
        variance = (self.v + 0.25) / (self.n + 1)
        stake = np.clip(edge / (variance + edge * edge), 0.0, 0.5 / (self.null + 1.0))
        gain = x - self.null
        self.wealth *= 1.0 + stake * gain
        self.s += x
        self.v += gain * gain
        self.n += 1

    def keep(self, alive: npt.NDArray[np.bool_]) -> None:
        """Go on with some of the rollouts."""
        self.wealth, self.s, self.v = self.wealth[alive], self.s[alive], self.v[alive]


def run(
    differences: Floats,
    *,
    margin: float = 0.01,
    alpha: float = 0.05,
    min_labels: int = 100,
    probation: bool = False,
) -> Ends:
    """Judge every rollout, looking after each score.

    Args:
        differences: loss of the challenger minus the champion's, shape (rollouts, scores).
        probation: the challenger serves, so only what is worse by more than the margin is rolled back.
    """
    rollouts, length = differences.shape
    verdict = np.zeros(rollouts, dtype=np.int64)
    scores = np.full(rollouts, length, dtype=np.int64)
    worse, better = Bets(margin if probation else 0.0, rollouts), Bets(-margin, rollouts)
    left = np.arange(rollouts)
    columns = np.ascontiguousarray(differences.T)
    for n, column in enumerate(columns, start=1):
        x = column[left]
        worse.place(x)
        better.place(-x)
        lost = worse.wealth >= 1 / alpha
        won = ~lost & (better.wealth >= 1 / alpha) & (n >= min_labels)
        ended = lost | won
        if ended.any():
            verdict[left[lost]], verdict[left[won]] = -1, 1
            scores[left[ended]] = n
            left = left[~ended]
            worse.keep(~ended)
            better.keep(~ended)
            if not left.size:
                break
    return Ends(verdict, scores)
