"""Building a scikit-learn pipeline from the registry: impute, scale, estimate."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StepError
from pipelines.estimators.registry import EstimatorSpec, Grid


def combinations(grid: Grid) -> Iterator[dict[str, Any]]:
    """Yield every combination of a grid's values, in a fixed order; one empty one for an empty grid."""
    keys = sorted(grid)
    for values in product(*(grid[key] for key in keys)):
        yield dict(zip(keys, values, strict=True))


def build(estimator: EstimatorSpec, parameters: Mapping[str, Any], *, seed: int, balanced: bool) -> Any:
    """Build the unfitted pipeline.

    Args:
        parameters: values for the estimator's tunable parameters.
        seed: of everything random in it.
        balanced: weigh classes by rarity, where the estimator can.

    Raises: StepError when scikit-learn does not know a parameter.
    """
    from sklearn.pipeline import Pipeline

    given: dict[str, Any] = {**estimator.fixed, **parameters}
    if estimator.seeded:
        given["random_state"] = seed
    if balanced and estimator.balance == "class_weight":
        given["class_weight"] = "balanced"
    module, _, name = estimator.path.rpartition(".")
    try:
        final = getattr(importlib.import_module(module), name)(**given)
    except TypeError as error:
        raise StepError(
            f"{estimator.name}: {error}", f"use parameters out of {', '.join(estimator.tunable)}"
        ) from error
    return Pipeline([*_preparation(estimator), ("estimator", final)])


def _preparation(estimator: EstimatorSpec) -> list[tuple[str, Any]]:
    steps: list[tuple[str, Any]] = []
    if not estimator.imputes:
        from sklearn.impute import SimpleImputer

        steps.append(("impute", SimpleImputer(strategy="median", keep_empty_features=True)))
    if estimator.scale:
        from sklearn.preprocessing import StandardScaler

        steps.append(("scale", StandardScaler()))
    return steps


def fit(
    pipeline: Any,
    estimator: EstimatorSpec,
    matrix: NDArray[np.float32],
    target: NDArray[Any],
    *,
    balanced: bool,
) -> None:
    """Fit the pipeline in place.

    Raises: StepError when scikit-learn refuses a parameter's value.
    """
    from sklearn.utils._param_validation import InvalidParameterError

    extra: dict[str, Any] = {}
    if balanced and estimator.balance == "sample_weight":
        counts = np.bincount(target.astype(np.int64))
        weights = len(target) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        extra["estimator__sample_weight"] = weights[target.astype(np.int64)]
    try:
        pipeline.fit(matrix, target, **extra)
    except InvalidParameterError as error:
        raise StepError(
            f"{estimator.name}: {' '.join(str(error).split())}", "correct the value in train.candidates"
        ) from error


def predict(pipeline: Any, matrix: NDArray[np.float32], classes: int | None) -> NDArray[np.float64]:
    """Return probabilities [N, classes], or numbers [N] for regression (`classes` None).

    A class that the training rows did not have gets probability 0.
    """
    if classes is None:
        return np.asarray(pipeline.predict(matrix), dtype=np.float64).reshape(-1)
    known = pipeline.predict_proba(matrix)
    full = np.zeros((len(matrix), classes), dtype=np.float64)
    full[:, pipeline.classes_.astype(np.int64)] = known
    return full
