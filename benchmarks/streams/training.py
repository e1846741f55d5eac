"""One training: the window by the product's choice, the held rows, the baseline, and the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.streams.generating import Stream
from benchmarks.streams.learning import Fitted, Learner
from benchmarks.streams.policies import Way
from functions.evaluate_model import logic as gate
from functions.evaluate_model.bootstrap import paired_interval
from functions.watch_performance import confidence_bounds
from pipelines import windows
from pipelines.metrics import METRICS, default_metric

RESAMPLES = 200
LEAST_HELD = 100

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Version:
    """A model, and how it came to be: fitted to so many rows from `first` on, at a row."""

    number: int
    fitted: Fitted
    baseline: float
    rows: int
    first: int
    at: int


class Trainer:
    """Makes the versions of one stream."""

    def __init__(self, stream: Stream, learner: Learner, way: Way) -> None:
        self.stream, self.learner, self.way = stream, learner, way
        self.held = np.random.default_rng(stream.seed + 7).random(len(stream.target)) < way.hold
        self.count = 0

    def train(self, parts: Sequence[int], row: int) -> Version:
        """Train on a dataset of so many rows in each part."""
        rows = self._used(parts)
        fitted_to = rows[~self.held[rows]]
        if self.way.spec.train.window.auto:
            fitted_to = self._chosen(fitted_to)
        fitted, first = self.learner.fit(fitted_to), int(fitted_to[0])
        self.count += 1
        baseline = self._baseline(fitted.losses[self.judged(parts, first)])
        return Version(self.count, fitted, baseline, len(fitted_to), first, row)

    def judged(self, parts: Sequence[int], first: int) -> Rows:
        """Return the held rows that are as new as a window, and more where those are few."""
        rows = self._used(parts)
        rows = rows[self.held[rows]]
        return rows[-max(int(np.sum(rows >= first)), LEAST_HELD) :]

    def passes(self, parts: Sequence[int], version: Version, champion: Version, *, harm: bool) -> bool:
        """Ask the gate."""
        if self.way.gate == "none":
            return True
        rows = self.judged(parts, version.first)
        metric = METRICS[default_metric(self.stream.family.task, self.stream.classes)]
        truth = self.stream.target[rows]
        ours, theirs = version.fitted.predicted[rows], champion.fitted.predicted[rows]
        found = paired_interval(metric, truth, ours, theirs, resamples=RESAMPLES, seed=version.number)
        if self.way.gate == "lenient" and harm:
            return found is None or found.high > -self.way.spec.gate.margin
        value = _defined(metric.compute(truth, ours))
        other = _defined(metric.compute(truth, theirs))
        low, high = (None, None) if found is None else (found.low, found.high)
        whole = gate.Measurement(value, len(rows), value, other, low, high)
        inputs = gate.Inputs(metric=metric.name, whole=whole, champion=gate.Champion(champion.number))
        return gate.decide(self.way.spec.gate, inputs).outcome is gate.Outcome.APPROVE

    def _used(self, parts: Sequence[int]) -> Rows:
        start = self.way.spec.train.window.start(parts)
        return np.arange(sum(parts[:start]), sum(parts))

    def _chosen(self, rows: Rows) -> Rows:
        """Return the window that the newest of some rows choose, as `pipelines.steps.window` does."""
        target = self.stream.target[rows]
        losses = np.empty(len(rows))
        fold = np.arange(len(rows)) % windows.FOLDS
        for each in range(windows.FOLDS):
            losses[fold == each] = self.learner.fit(rows[fold != each]).losses[rows[fold == each]]
        change = windows.last_change(losses)
        newest = rows[-windows.newest_rows(len(rows), change) :]
        classes = target if self.stream.classes else None
        tried = windows.lengths(len(rows), change=change, classes=classes)
        found = [self.learner.fit(rows[-length : -len(newest)]).losses[newest] for length in tried]
        weights = 1 / np.bincount(target)[target[-len(newest) :]] if self.stream.family.balanced else None
        return rows[-tried[windows.choose(found, weights=weights, clearly=self.way.clearly).index] :]

    def _baseline(self, losses: NDArray[np.float64]) -> float:
        if self.stream.classes is not None:
            return confidence_bounds.clopper_pearson(round(float(losses.sum())), len(losses))
        return confidence_bounds.bound_on_mean(len(losses), float(losses.mean()), float(losses.var()))


def _defined(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
