"""The judge's bets over one rollout, in plain numbers and so some twenty times as fast.

A test holds every verdict of this to `functions.judge_rollout.logic.add_score`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from functions.judge_rollout.dependence import blocks_for
from functions.judge_rollout.policy import Policy
from functions.judge_rollout.wealth import Blocks
from pipelines.serial_dependence import Scale, Series

Floats = npt.NDArray[np.float64]


class _Bet:
    def __init__(self, null: float, blocks: Blocks) -> None:
        self.null, self.wealth = null, 1.0
        self.start(blocks)

    def start(self, blocks: Blocks) -> None:
        self.s = self.v = 0.0
        self.n = 0
        self.prior, self.cut = 0.25 / blocks.length, blocks.length > 1
        self.most = self.null + 1.0
        self.narrow = self.cut and not blocks.long

    def place(self, x: float) -> None:
        n, null = self.n + 1, self.null
        variance = (self.v + self.prior) / n
        edge = (self.s + null) / n - null
        reach = min(self.most, 4.0 * math.sqrt(variance)) if self.narrow else self.most
        gain = x - null
        if edge > 0.0:
            counted = min(max(gain, -reach), reach) if self.cut else gain
            self.wealth *= 1.0 + min(edge / (variance + edge * edge), 0.5 / reach) * counted
        self.s += x
        self.v += gain * gain
        self.n = n


def judge(differences: Floats, blocks: Blocks | None, policy: Policy) -> tuple[int, int, Blocks]:
    """Return the verdict (1 promoted, -1 rolled back, 0 neither), after how many scores, and the last blocks.

    Args:
        blocks: to begin with; None: single labels, and dependence is not looked at.
    """
    checked, blocks = blocks is not None, blocks or Blocks()
    worse, better = _Bet(0.0, blocks), _Bet(-policy.margin, blocks)
    held, count, length, threshold = 0.0, 0, blocks.length, policy.threshold
    for taken, difference in enumerate(differences.tolist(), start=1):
        held += difference
        count += 1
        if count >= length:
            x = held / count
            worse.place(x)
            better.place(-x)
            held, count = 0.0, 0
        lost = worse.wealth >= threshold
        won = lost or (better.wealth >= threshold and taken >= policy.min_labels)
        if checked and (won or (taken >= 128 and taken & (taken - 1) == 0)):
            needed = blocks_for(series_of(differences[:taken]))
            if not blocks.covers(needed):
                blocks, length, held, count = needed, needed.length, 0.0, 0
                for bet in (worse, better):
                    bet.wealth = min(bet.wealth, 1.0)
                    bet.start(blocks)
                continue
        if won:
            return (-1 if lost else 1), taken, blocks
    return 0, len(differences), blocks


def series_of(values: Floats) -> Series:
    """Return what `pipelines.serial_dependence.series_of` does, in one go."""
    scales, means = [], np.asarray(values, dtype=np.float64)
    while len(means):
        scales.append(
            Scale(
                waiting=float(means[-1]) if len(means) % 2 else None,
                n=len(means),
                total=float(means.sum()),
                squares=float((means * means).sum()),
                products=float((means[1:] * means[:-1]).sum()),
                first=float(means[0]),
                last=float(means[-1]),
            )
        )
        pairs = len(means) // 2
        means = (means[: 2 * pairs : 2] + means[1 : 2 * pairs : 2]) / 2
    return Series(tuple(scales))
