"""Step 4, in parallel: measure one candidate's parameters by cross-validation on the training rows."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping
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
from pipelines.own_code.fitting import Call, CodeRunner, Made
from pipelines.steps import files
from pipelines.steps.folds import rounds
from pipelines.steps.plan import REGISTERED, is_own_code

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
    if is_own_code(item["estimator"]):
        return _measure_own(CodeRunner(prepared), item, _sample(prepared, facts["seed"]), facts)
    estimator = find(item["estimator"], facts["task"])
    if estimator is None:
        raise StepError(f"'{item['estimator']}' is no allowed estimator", "correct train.candidates")
    sample = _sample(prepared, facts["seed"])
    return [_measure(estimator, parameters, sample, facts) for parameters in item["parameters"]]


def _measure_registered(prepared: Path, facts: Mapping[str, Any]) -> Result:
    """Measure a model that was made elsewhere on each fold; it may have been fitted to these very rows."""
    started = time.perf_counter()
    _, matrix, target, folds = _sample(prepared, facts["seed"])
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
    """Rows to compare on, and their numbers among all training rows."""

    rows: NDArray[np.int64]
    matrix: NDArray[np.float32]
    target: NDArray[Any]
    folds: NDArray[np.int8]


def _sample(prepared: Path, seed: int) -> _Sample:
    matrix = files.read_array(prepared / files.TRAIN_MATRIX)
    target = np.load(prepared / files.TRAIN_TARGET)
    folds = np.load(prepared / files.FOLDS)
    if len(matrix) <= MAX_ROWS:
        return _Sample(np.arange(len(matrix)), matrix, target, folds)
    chosen = np.sort(np.random.default_rng(seed).choice(len(matrix), MAX_ROWS, replace=False))
    return _Sample(chosen, matrix[chosen], target[chosen], folds[chosen])


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
    matrix, target = sample.matrix, sample.target
    metric = METRICS[facts["metric"]]
    classes = None if facts["classes"] is None else len(facts["classes"])
    answer = Encoding.from_json(facts["encoding"]).answer
    values = []
    for rows, valid in _usable_rounds(sample, facts):
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


def _usable_rounds(
    sample: _Sample, facts: Mapping[str, Any]
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Yield the rounds that have something to learn and to measure."""
    for rows, valid in rounds(sample.folds, ordered=facts["ordered"]):
        if valid.any() and (facts["classes"] is None or len(np.unique(sample.target[rows])) > 1):
            yield rows, valid


def _measure_own(
    code: CodeRunner, item: Mapping[str, Any], sample: _Sample, facts: Mapping[str, Any]
) -> list[Result]:
    """Measure the ONNX graphs that the owner's code gives, in all rounds of all parameters.

    Raises: StepError when it fails.
    """
    started = time.perf_counter()
    used = list(_usable_rounds(sample, facts))
    learnt = [_own_target(facts, sample.target[rows]) for rows, _ in used]
    calls = [
        Call(parameters, sample.rows[rows], target, classes)
        for parameters in item["parameters"]
        for (rows, _), (target, classes, _) in zip(used, learnt, strict=True)
    ]
    made = iter(code.make(calls))
    results = []
    for parameters in item["parameters"]:
        values = [
            _value_own(code, next(made), present, sample.matrix[valid], sample.target[valid], facts)
            for (_, valid), (_, _, present) in zip(used, learnt, strict=True)
        ]
        defined = [value for value in values if np.isfinite(value)]
        results.append(
            {
                "estimator": item["estimator"],
                "parameters": dict(parameters),
                "folds": defined,
                "mean": float(np.mean(defined)) if defined else None,
                "failed": None,
                "seconds": round((time.perf_counter() - started) / len(item["parameters"]), 3),
                "warnings": [],
            }
        )
    return results


def _own_target(
    facts: Mapping[str, Any], target: NDArray[Any]
) -> tuple[NDArray[Any], list[Any] | None, NDArray[np.int64] | None]:
    """Return what code is given as the target, the classes among it, and their positions among all."""
    if facts["classes"] is None:
        return Encoding.from_json(facts["encoding"]).answer.apply(target), None, None
    present, positions = np.unique(target, return_inverse=True)
    return positions, [facts["classes"][index] for index in present], present


def _value_own(
    code: CodeRunner,
    made: Made,
    present: NDArray[np.int64] | None,
    matrix: NDArray[np.float32],
    target: NDArray[Any],
    facts: Mapping[str, Any],
) -> float:
    metric = METRICS[facts["metric"]]
    scores = code.score(made, np.ascontiguousarray(matrix), None if present is None else len(present))
    if present is None:
        return metric.compute(target, Encoding.from_json(facts["encoding"]).answers(scores))
    full = np.zeros((len(matrix), len(facts["classes"])))
    full[:, present] = scores
    return metric.compute(target, full)
