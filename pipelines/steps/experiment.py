"""Step 4, in parallel: measure one candidate's parameters by cross-validation on the training rows."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.encoding import Encoding
from pipelines.errors import FitError, StepError
from pipelines.estimators import EstimatorSpec, find
from pipelines.estimators.build import predict, train
from pipelines.metrics import METRICS
from pipelines.onnx_graph import UNTRUSTED, Scorer
from pipelines.steps import files
from pipelines.steps.folds import rounds
from pipelines.steps.plan import REGISTERED

MAX_ROWS = 200_000  # experiments compare on a sample of this many rows; the final fit uses all

Result = dict[str, Any]


def experiment(prepared: Path, index: int) -> list[Result]:
    """Run one item of the plan.

    Returns: for each parameter combination `estimator`, `parameters`, `folds` (the metric in each round),
        `mean` (None when undefined), `failed` (why it could not be made, or None), `seconds` and `warnings`.
    Raises: StepError when a parameter's value is refused.
    """
    facts = files.read_json(prepared / files.PREPARED)
    item = facts["plan"][index]
    if item["estimator"] == REGISTERED:
        return [_measure_registered(prepared, facts)]
    estimator = find(item["estimator"], facts["task"])
    if estimator is None:
        raise StepError(f"'{item['estimator']}' is no allowed estimator", "correct train.candidates")
    sample = _sample(prepared, facts["seed"])
    return [_measure(estimator, parameters, sample, facts) for parameters in item["parameters"]]


def _measure_registered(prepared: Path, facts: Mapping[str, Any]) -> Result:
    """Measure a model that was made elsewhere on each fold; it may have been fitted to these very rows."""
    started = time.perf_counter()
    matrix, target, folds = _sample(prepared, facts["seed"])
    scorer = Scorer((prepared / files.ADOPTED).read_bytes(), UNTRUSTED)
    metric, answer = METRICS[facts["metric"]], Encoding.from_json(facts["encoding"]).answer
    values = []
    for fold in np.unique(folds):
        found = scorer.score(matrix[folds == fold])
        values.append(
            metric.compute(target[folds == fold], answer.undo(found) if facts["classes"] is None else found)
        )
    defined = [value for value in values if np.isfinite(value)]
    return {
        "estimator": REGISTERED,
        "parameters": {},
        "folds": defined,
        "mean": float(np.mean(defined)) if defined else None,
        "failed": None,
        "seconds": round(time.perf_counter() - started, 3),
        "warnings": [],
    }


class _Sample(NamedTuple):
    matrix: NDArray[np.float32]
    target: NDArray[Any]
    folds: NDArray[np.int8]


def _sample(prepared: Path, seed: int) -> _Sample:
    matrix = files.read_array(prepared / files.TRAIN_MATRIX)
    target = np.load(prepared / files.TRAIN_TARGET)
    folds = np.load(prepared / files.FOLDS)
    if len(matrix) <= MAX_ROWS:
        return _Sample(matrix, target, folds)
    chosen = np.sort(np.random.default_rng(seed).choice(len(matrix), MAX_ROWS, replace=False))
    return _Sample(matrix[chosen], target[chosen], folds[chosen])


def _measure(
    estimator: EstimatorSpec,
    parameters: Mapping[str, Any],
    sample: _Sample,
    facts: Mapping[str, Any],
) -> Result:
    started = time.perf_counter()
    values: list[float] = []
    failed: str | None = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            values = _values(estimator, parameters, sample, facts)
        except FitError as error:
            failed = error.problem
    defined = [value for value in values if np.isfinite(value)]
    return {
        "estimator": estimator.name,
        "parameters": dict(parameters),
        "folds": defined,
        "mean": float(np.mean(defined)) if defined else None,
        "failed": failed,
        "seconds": round(time.perf_counter() - started, 3),
        "warnings": sorted({f"{w.category.__name__}: {str(w.message).splitlines()[0]}" for w in caught}),
    }


def _values(
    estimator: EstimatorSpec,
    parameters: Mapping[str, Any],
    sample: _Sample,
    facts: Mapping[str, Any],
) -> list[float]:
    """Return the metric in each round that has something to learn and to measure."""
    matrix, target, folds = sample
    metric = METRICS[facts["metric"]]
    classes = None if facts["classes"] is None else len(facts["classes"])
    answer = Encoding.from_json(facts["encoding"]).answer
    values = []
    for rows, valid in rounds(folds, ordered=facts["ordered"]):
        if not valid.any() or (classes is not None and len(np.unique(target[rows])) < 2):
            continue
        pipeline = train(
            estimator,
            parameters,
            matrix[rows],
            answer.apply(target[rows]) if classes is None else target[rows],
            seed=facts["seed"],
            balanced=facts["balanced"],
        )
        found = predict(pipeline, matrix[valid], classes)
        values.append(metric.compute(target[valid], answer.undo(found) if classes is None else found))
    return values
