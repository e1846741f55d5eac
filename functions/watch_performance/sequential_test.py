"""Detects, label by label, whether the labelled error has risen above its baseline.

A mixture of Shiryaev-Roberts sums (Shin, Ramdas & Rinaldo, "E-detectors", arXiv 2203.03532). While the
mean loss is at most the baseline, the statistic minus the number of labels is a supermartingale; so the
average number of labels before an alarm is at least the threshold, however the losses are distributed
in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass, replace

LAMBDAS = (0.5, 1.0, 2.0, 4.0)
THRESHOLD = 5_000.0
# Sums stay finite doubles however long the harm lasts.
_MOST = 1e300


@dataclass(frozen=True, slots=True)
class SequentialTest:
    """Four floats of state, and how many labels they were made from.

    Attributes:
        sums: one Shiryaev-Roberts sum for each of LAMBDAS.
        n: labels so far.
        crossed: number of the label that first raised the alarm; None: no alarm.
    """

    sums: tuple[float, ...] = (0.0,) * len(LAMBDAS)
    n: int = 0
    crossed: int | None = None

    @property
    def statistic(self) -> float:
        """The mean of the sums."""
        return sum(sum_ / len(self.sums) for sum_ in self.sums)


def add_loss(
    state: SequentialTest, loss: float, *, baseline: float, threshold: float = THRESHOLD
) -> SequentialTest:
    """Return the state after one more matured label, in the order of the predictions.

    A lambda above 1 / baseline would bet more than there is; it is lowered to 1 / baseline.

    Args:
        loss: in [0, 1].
        baseline: upper bound on the loss without harm, in [0, 1].
        threshold: alarm level, and so the least average number of labels between false alarms.

    Raises:
        ValueError: the loss or the baseline is outside [0, 1].
    """
    if not 0.0 <= loss <= 1.0:
        raise ValueError(f"a loss must lie in [0, 1], this is {loss}")
    if not 0.0 <= baseline <= 1.0:
        raise ValueError(f"the baseline must lie in [0, 1], this is {baseline}")
    most = 1.0 / baseline if baseline > 0 else LAMBDAS[-1]
    sums = tuple(
        min((sum_ + 1.0) * max(0.0, 1.0 + min(lambda_, most) * (loss - baseline)), _MOST)
        for sum_, lambda_ in zip(state.sums, LAMBDAS, strict=True)
    )
    state = replace(state, sums=sums, n=state.n + 1)
    if state.crossed is None and state.statistic >= threshold:
        return replace(state, crossed=state.n)
    return state


def restart(state: SequentialTest) -> SequentialTest:
    """Return the state after an alarm was raised: the sums start anew, the count of labels goes on."""
    return replace(state, sums=(0.0,) * len(LAMBDAS), crossed=None)
