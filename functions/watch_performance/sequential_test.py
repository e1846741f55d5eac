"""Detects, label by label, whether the labelled error has risen above its baseline.

A mixture of Shiryaev-Roberts sums (Shin, Ramdas & Rinaldo, "E-detectors", arXiv 2203.03532). While the
mean loss is at most the baseline, the statistic minus the number of labels is a supermartingale; so the
average number of labels before an alarm is at least the threshold, however the losses are distributed
in [0, 1].

Where losses depend on those before, the test takes means of blocks instead, so long that they hardly do
(pipelines/serial_dependence.py). Each counts as so many labels, so the promise stays one in labels. Blocks
are learnt from the holdout, from the champion before, and from the test's own losses each time those have
doubled; not at an alarm, as harm that begins looks like dependence itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pipelines.serial_dependence import Series, independent_length, observe

LAMBDAS = (0.5, 1.0, 2.0, 4.0)
THRESHOLD = 5_000.0
# Sums stay finite doubles however long the harm lasts.
_MOST = 1e300
LONGEST = 64
_FIRST_CHECK = 64
_ERRORS = 3.0
FIRST_WINDOW = 200
"""So many labels after a version becomes champion show how far its holdout was from what it serves."""


@dataclass(frozen=True, slots=True)
class SequentialTest:
    """Four floats of state, and how many labels they were made from.

    Attributes:
        sums: one Shiryaev-Roberts sum for each of LAMBDAS.
        n: labels so far.
        crossed: number of the label that first raised the alarm; None: no alarm.
        block: labels whose mean is taken in together.
        held: sum of the losses in the block that is not full yet.
        held_n: how many there are.
        series: how losses depend on each other.
        first: mean loss of the first window of labels, once it is full.
    """

    sums: tuple[float, ...] = (0.0,) * len(LAMBDAS)
    n: int = 0
    crossed: int | None = None
    block: int = 1
    held: float = 0.0
    held_n: int = 0
    series: Series = field(default_factory=Series)
    first: float | None = None

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
    n, series = state.n + 1, observe(state.series, loss)
    first = series.scales[0].total / n if n == FIRST_WINDOW == series.n else state.first
    state = replace(state, n=n, series=series, first=first, held=state.held + loss, held_n=state.held_n + 1)
    if state.held_n >= state.block:
        state = _take_block(state, baseline)
    if state.crossed is None and state.statistic >= threshold:
        return replace(state, crossed=state.n)
    if series.n >= _FIRST_CHECK and series.n & (series.n - 1) == 0:
        return in_blocks(state, independent_length(series, _ERRORS))
    return state


def in_blocks(state: SequentialTest, block: int) -> SequentialTest:
    """Return the test as it goes on where so many labels are nearly independent; longer blocks start it anew.

    Blocks are twice as long: over thousands of labels, what little dependence is left would tell.
    """
    block = 1 if block == 1 else min(2 * block, LONGEST)
    if block <= state.block:
        return state
    return replace(state, sums=(0.0,) * len(LAMBDAS), block=block, held=0.0, held_n=0)


def _take_block(state: SequentialTest, baseline: float) -> SequentialTest:
    most = 1.0 / baseline if baseline > 0 else LAMBDAS[-1]
    gain = state.held / state.held_n - baseline
    sums = tuple(
        min((sum_ + state.held_n) * max(0.0, 1.0 + min(lambda_, most) * gain), _MOST)
        for sum_, lambda_ in zip(state.sums, LAMBDAS, strict=True)
    )
    return replace(state, sums=sums, held=0.0, held_n=0)


def restart(state: SequentialTest) -> SequentialTest:
    """Return the state after an alarm was raised: the sums start anew, the count of labels goes on.

    What is known of dependence starts anew as well, since harm looks like it.
    """
    return replace(state, sums=(0.0,) * len(LAMBDAS), crossed=None, series=Series())
