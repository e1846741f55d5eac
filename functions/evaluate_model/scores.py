"""What one or two models answer on the rows of a holdout, and how they measure there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from functions.evaluate_model.bootstrap import paired_interval
from functions.evaluate_model.logic import Measurement
from functions.evaluate_model.scoring import StoredModel, Unusable
from pipelines.class_costs import ClassCosts
from pipelines.loss import mean_cost
from pipelines.metrics import METRICS, Metric


@dataclass(frozen=True)
class Scores:
    """Both models on the same rows. `fair` are the rows the champion was not trained on, None without one.

    Where model.yaml says what errors cost, they are compared by that, and else by the metric.
    """

    metric: Metric
    truth: NDArray[Any]
    ours: NDArray[Any]
    theirs: NDArray[Any] | None = None
    fair: NDArray[np.bool_] | None = None
    costs: ClassCosts | None = None

    def rows_at(self, rows: NDArray[np.bool_]) -> Scores:
        """Return the scores of some rows."""
        theirs = None if self.theirs is None else self.theirs[rows]
        fair = None if self.fair is None else self.fair[rows]
        return replace(self, truth=self.truth[rows], ours=self.ours[rows], theirs=theirs, fair=fair)

    def measure(self, resamples: int, seed: int, share: float = 1.0) -> Measurement:
        """Measure both models on these rows; `share` bounds the work spent on the interval."""
        value = _defined(self.metric.compute(self.truth, self.ours))
        if self.theirs is None or self.fair is None:
            return Measurement(value, len(self.truth))
        truth, ours, theirs = self.truth[self.fair], self.ours[self.fair], self.theirs[self.fair]
        found, loss = None, None if self.costs is None else mean_cost(self.costs)
        if len(truth):
            work: dict[str, Any] = {"resamples": resamples, "seed": seed, "share": share}
            by = loss or self.metric
            found = paired_interval(by, truth, ours, theirs, **work, costs=self.costs)
        return Measurement(
            value,
            len(truth),
            _defined(self.metric.compute(truth, ours)),
            _defined(self.metric.compute(truth, theirs)),
            found.low if found else None,
            found.high if found else None,
            _defined(loss.compute(truth, ours)) if loss else None,
            _defined(loss.compute(truth, theirs)) if loss else None,
        )


def own_scores(model: StoredModel, table: pa.Table) -> Scores:
    """Return a candidate's scores on every row. Raises: Unusable: they cannot be measured."""
    metric = METRICS.get(model.metric)
    if metric is None or metric.task != model.task:
        raise Unusable(f"the candidate names the metric {model.metric!r}, which is none of {model.task}")
    if model.target not in table.column_names:
        raise Unusable(f"the holdout has no target {model.target!r}")
    return Scores(metric, model.truth(table), model.predict(table))


def with_known_target(table: pa.Table, scores: Scores) -> tuple[pa.Table, Scores]:
    """Keep the rows whose target is known."""
    truth = scores.truth
    known = np.isfinite(truth) if truth.dtype.kind == "f" else truth >= 0
    return (table, scores) if known.all() else (table.filter(pa.array(known)), scores.rows_at(known))


def _defined(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
