"""What a loop is compared with: never, every k rows, incremental trees, and the best version in hindsight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.streams.clock import DELAY
from benchmarks.streams.generating import FIRST, Stream
from benchmarks.streams.learning import Learner
from benchmarks.streams.training import Version

Losses = NDArray[np.float64]
WINDOWS = (1_000, 4_000, None)
"""Of the periodic retrainings, in rows; None: all."""


def never(learner: Learner) -> Losses:
    """Return the losses of a model of the first rows that stays."""
    return learner.fit(np.arange(FIRST)).losses[FIRST:]


def periodic(learner: Learner, trainings: int, window: int | None) -> Losses:
    """Return the losses of retraining at equal distances on the newest labelled rows, and replacing."""
    rows = len(learner.stream.target)
    losses = learner.fit(np.arange(FIRST)).losses.copy()
    for number in range(1, trainings + 1):
        row = FIRST + (rows - FIRST) * number // (trainings + 1)
        known = max(FIRST, row - DELAY)
        first = 0 if window is None else max(0, known - window)
        losses[row:] = learner.fit(np.arange(first, known)).losses[row:]
    return losses[FIRST:]


def hindsight(versions: Sequence[Version]) -> Losses:
    """Return the losses of that one of the versions which is best over all of the stream."""
    return min((version.fitted.losses[FIRST:] for version in versions), key=np.mean)


def incremental(stream: Stream, name: str, scale: float) -> Losses:
    """Return the losses of river's adaptive forest ("ARF") or tree ("HAT"); labels are `DELAY` rows late."""
    model = _river(name, stream.family.task)
    inputs = [dict(enumerate(map(float, row))) for row in stream.inputs]
    target = stream.target.tolist()
    for row in range(FIRST):
        model.learn_one(inputs[row], target[row])
    learnt = FIRST
    losses = np.empty(len(target) - FIRST)
    for row in range(FIRST, len(target)):
        for each in range(learnt, row - DELAY):
            model.learn_one(inputs[each], target[each])
        learnt = max(learnt, row - DELAY)
        answer = model.predict_one(inputs[row])
        losses[row - FIRST] = _loss(answer, target[row], stream, scale)
    return losses


def _loss(answer: Any, truth: Any, stream: Stream, scale: float) -> float:
    if stream.classes is not None:
        return float(answer != truth)
    return min(abs(float(answer or 0.0) - truth) / scale, 1.0)


def _river(name: str, task: str) -> Any:
    from river import forest, tree

    if name == "ARF":
        made = forest.ARFClassifier if task == "classification" else forest.ARFRegressor
        return made(seed=0)
    if task == "classification":
        return tree.HoeffdingAdaptiveTreeClassifier(seed=0)
    return tree.HoeffdingAdaptiveTreeRegressor(seed=0)
