"""One training: held rows and window by the product's own choice, the baseline, and the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.streams.generating import FIRST, Stream
from benchmarks.streams.learning import Fitted, Learner
from benchmarks.streams.policies import Way
from functions.evaluate_model import logic as gate
from functions.evaluate_model.bootstrap import paired_interval
from functions.watch_performance import confidence_bounds
from pipelines import windows
from pipelines.class_costs import ClassCosts, class_costs
from pipelines.loss import mean_cost
from pipelines.metrics import METRICS, default_metric
from pipelines.steps.partition import divide

RESAMPLES = 200
LEAST_HELD = 100

Rows = NDArray[np.int64]
Losses = NDArray[np.float64]


@dataclass(frozen=True)
class Version:
    """A model, and how it came to be: fitted to so many rows from `first` on, at a row.

    Attributes:
        fitted: what serves.
        judged: the same without the rows that were held aside, by which it is judged.
        losses: of what serves, on every row, as `rollout.loss` counts errors; rules decide by them.
        judged_losses: the same of `judged`.
        held: those rows.
        by: how they were divided.
        end: no row from here on was learnt from, nor looked at.
    """

    number: int
    fitted: Fitted
    judged: Fitted
    losses: Losses
    judged_losses: Losses
    baseline: float
    rows: int
    first: int
    at: int
    held: Rows
    by: str
    end: int


class Trainer:
    """Makes the versions of one stream."""

    def __init__(self, stream: Stream, learner: Learner, way: Way) -> None:
        self.stream, self.learner, self.way = stream, learner, way
        self.table, self.facts = _as_table(stream)
        self.count = 0
        self.costs = _costs_of(stream, way)
        weights = None if self.costs is None else np.array(self.costs.weights)
        self._cost = np.ones(len(stream.target)) if weights is None else weights[stream.target]

    def train(self, parts: Sequence[int], row: int) -> Version:
        """Train on a dataset of so many rows in each part."""
        spec = self.way.spec
        start, end = sum(parts[: spec.train.window.start(parts)]), sum(parts)
        learnt, held, by = self.divided(start, end)
        rows = self._chosen(learnt) if spec.train.window.auto else learnt
        first = int(rows[0])
        held = self._since(held, first)
        judged = fitted = self.learner.fit(rows)
        if by == "arrival" and self.way.held_learnt:
            fitted = self.learner.fit(np.union1d(rows, held))
        self.count += 1
        losses, judged_losses = fitted.losses * self._cost, judged.losses * self._cost
        baseline = self._baseline(judged_losses[held])
        which = fitted, judged, losses, judged_losses
        return Version(self.count, *which, baseline, len(rows), first, row, held, by, end)

    def divided(self, start: int, end: int) -> tuple[Rows, Rows, str]:
        """Return the rows to learn from, those held aside, and by what they were divided."""
        key = (self.way.spec.train.holdout, start, end)
        if key not in self.learner.divided:
            positions = np.arange(start, end)
            found = divide(self.table.slice(start, end - start), self.way.spec, self.facts, (), positions)
            self.learner.divided[key] = found.train + start, found.holdout + start, found.divided.by
        return self.learner.divided[key]

    def passes(self, version: Version, champion: Version) -> bool:
        """Ask the gate."""
        rows = version.held[self._unseen(version.held, champion)]
        theirs = champion.fitted.predicted
        if len(rows) < gate.MIN_COMPARED_ROWS:
            rows, theirs = version.held[version.held > champion.first], champion.judged.predicted
        metric = METRICS[default_metric(self.stream.family.task, self.stream.classes)]
        truth = self.stream.target[rows]
        ours, theirs = version.judged.predicted[rows], theirs[rows]
        by = metric if self.costs is None else mean_cost(self.costs)
        how = {"resamples": RESAMPLES, "seed": version.number}
        found = paired_interval(by, truth, ours, theirs, **how, costs=self.costs)
        value = _defined(metric.compute(truth, ours))
        other = _defined(metric.compute(truth, theirs))
        low, high = (None, None) if found is None else (found.low, found.high)
        lost = (None, None)
        if self.costs is not None:
            lost = _defined(by.compute(truth, ours)), _defined(by.compute(truth, theirs))
        whole = gate.Measurement(value, len(rows), value, other, low, high, *lost)
        beside = gate.Champion(champion.number)
        said = "zero_one" if self.costs is None else self.costs.said
        inputs = gate.Inputs(metric=metric.name, whole=whole, champion=beside, loss=said, tried_next=True)
        return gate.decide(self.way.spec.gate, inputs).outcome is gate.Outcome.APPROVE

    def _unseen(self, rows: Rows, champion: Version) -> NDArray[np.bool_]:
        """Return which rows the champion was not fitted to."""
        if champion.by == "arrival":
            return rows >= (champion.end if self.way.held_learnt else champion.held[0])
        return (rows >= champion.end) | np.isin(rows, champion.held)

    def _since(self, held: Rows, first: int) -> Rows:
        """Return the held rows that are as new as a window, and more where those are few."""
        return held[-max(int(np.sum(held >= first)), LEAST_HELD) :]

    def _chosen(self, rows: Rows) -> Rows:
        """Return the window that the newest of some rows choose, as `pipelines.steps.window` does."""
        target = self.stream.target[rows]
        losses = np.empty(len(rows))
        fold = np.arange(len(rows)) % windows.FOLDS
        for each in range(windows.FOLDS):
            losses[fold == each] = self.learner.fit(rows[fold != each]).losses[rows[fold == each]]
        change = windows.last_change(losses)
        count = windows.newest_rows(len(rows), change)
        newest = rows[-count:]
        classes = target if self.stream.classes else None
        tried = windows.lengths(len(rows), change=change, classes=classes)
        spans = [windows.fitted_to(len(rows), length, count, change) for length in tried]
        found = [self.learner.fit(rows[span]).losses[newest] for span in spans]
        weights = 1 / np.bincount(target)[target[-count:]] if self.stream.family.balanced else None
        return rows[-tried[windows.choose(found, weights=weights, clearly=self.way.clearly).index] :]

    def _baseline(self, losses: Losses) -> float:
        if self.costs is not None:
            values, rows = np.unique(losses, return_counts=True)
            counts = [(float(value), int(n)) for value, n in zip(values, rows, strict=True)]
            return confidence_bounds.bound_on_costs(len(losses), counts)
        if self.stream.classes is not None:
            return confidence_bounds.clopper_pearson(round(float(losses.sum())), len(losses))
        return confidence_bounds.bound_on_mean(len(losses), float(losses.mean()), float(losses.var()))


def _costs_of(stream: Stream, way: Way) -> ClassCosts | None:
    """Return what errors cost, by the classes' shares of the rows of the first training."""
    if stream.classes is None:
        return None
    rows = np.bincount(stream.target[:FIRST], minlength=stream.classes)
    return class_costs(way.spec.rollout.loss, range(stream.classes), rows)


def _as_table(stream: Stream) -> tuple[pa.Table, dict[str, Any]]:
    """Return a stream as the steps of a training take it, and what they know of it."""
    names = [f"x{place}" for place in range(stream.inputs.shape[1])]
    columns = {name: pa.array(stream.inputs[:, place].astype(float)) for place, name in enumerate(names)}
    classes = None if stream.classes is None else [f"c{each}" for each in range(stream.classes)]
    target = stream.target.astype(float) if classes is None else [classes[each] for each in stream.target]
    facts = {"classes": classes, "features": [[name, "number"] for name in names]}
    return pa.table({**columns, "target": pa.array(target)}), facts


def _defined(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
