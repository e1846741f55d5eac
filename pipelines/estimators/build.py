"""Building a scikit-learn pipeline from the registry: impute, scale, estimate."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import FitError, StepError
from pipelines.estimators.estimator_spec import EstimatorSpec, Grid

_MANY_ROWS = 10_000  # above this hist_gradient_boosting stops early by itself


def combinations(grid: Grid) -> Iterator[dict[str, Any]]:
    """Yield every combination of a grid's values, in a fixed order; one empty one for an empty grid."""
    keys = sorted(grid)
    for values in product(*(grid[key] for key in keys)):
        yield dict(zip(keys, values, strict=True))


def train(
    estimator: EstimatorSpec,
    parameters: Mapping[str, Any],
    matrix: NDArray[np.float32],
    target: NDArray[Any],
    *,
    seed: int,
    balanced: bool,
) -> Any:
    """Build the pipeline and fit it to a matrix [N, width] and its target [N].

    XGBoost takes no classes with gaps between them: then they are renumbered, and `present_` of the pipeline
    says which they are.

    Args:
        parameters: values for the estimator's tunable parameters.
        seed: of everything random in it.
        balanced: weigh classes by rarity, where the estimator can.

    Raises:
        FitError: the estimator with these parameters does not suit the rows.
        StepError: scikit-learn refuses a parameter or its value.
    """
    from sklearn.pipeline import Pipeline
    from sklearn.utils._param_validation import InvalidParameterError

    try:
        given = _allowed({**estimator.fixed, **parameters}, estimator, target)
        final = _final(estimator, given, seed, balanced)
        pipeline = Pipeline([*_preparation(estimator, matrix), ("estimator", final)])
        if estimator.name == "xgboost" and estimator.task == "classification":
            present, target = np.unique(target, return_inverse=True)
            if present[-1] >= len(present):
                pipeline.present_ = present
        return pipeline.fit(matrix, target, **_weights(estimator, target, balanced))
    except (TypeError, InvalidParameterError) as error:
        raise StepError(
            f"{estimator.name}: {' '.join(str(error).split())}",
            f"correct train.candidates; parameters of {estimator.name} are {', '.join(estimator.tunable)}",
        ) from error
    except ValueError as error:
        raise _unsuited(estimator.name, error) from error
    except Exception as error:
        if type(error).__name__ == "LightGBMError":  # which derives from nothing more
            raise _unsuited(estimator.name, error) from error
        raise


def _unsuited(name: str, error: Exception) -> FitError:
    return FitError(
        f"{name}: {' '.join(str(error).split())}",
        "choose another estimator or other parameters in train.candidates, or drop more rows",
    )


def _allowed(given: dict[str, Any], estimator: EstimatorSpec, target: NDArray[Any]) -> dict[str, Any]:
    """Return the parameters that these rows allow, and warn of what is changed."""
    neighbours = given.get("n_neighbors")
    if isinstance(neighbours, int) and neighbours > len(target):
        warnings.warn(f"{estimator.name}: n_neighbors is {len(target)}, as many as rows", stacklevel=3)
        given = given | {"n_neighbors": len(target)}
    asked = given.get("early_stopping", "auto" if "early_stopping" in estimator.tunable else False)
    stops = asked is True or (asked == "auto" and len(target) > _MANY_ROWS)
    if not stops or _can_stop(estimator, target):
        return given
    warnings.warn(f"{estimator.name} is not stopped early: too few rows, or too few of a class", stacklevel=3)
    return given | {"early_stopping": False}


def _can_stop(estimator: EstimatorSpec, target: NDArray[Any]) -> bool:
    """Whether a stratified tenth of the rows can hold two rows, and one of each class, which keeps one."""
    if estimator.task == "regression":
        return len(target) > 10
    counts = np.unique(target, return_counts=True)[1]
    return bool(counts.min() > 1 and len(target) > 10 * max(1, len(counts) - 1))


def _final(estimator: EstimatorSpec, given: dict[str, Any], seed: int, balanced: bool) -> Any:
    if estimator.seeded:
        given["random_state"] = seed
    if balanced and estimator.balance == "class_weight":
        given["class_weight"] = "balanced"
    module, _, name = estimator.path.rpartition(".")
    return getattr(importlib.import_module(module), name)(**given)


def _preparation(estimator: EstimatorSpec, matrix: NDArray[np.float32]) -> list[tuple[str, Any]]:
    steps: list[tuple[str, Any]] = []
    # A column without any value is more than even the estimators that take missing values can stand.
    if not estimator.imputes or np.isnan(matrix).all(axis=0).any():
        from sklearn.impute import SimpleImputer

        steps.append(("impute", SimpleImputer(strategy="median", keep_empty_features=True)))
    if estimator.scale:
        from sklearn.preprocessing import StandardScaler

        steps.append(("scale", StandardScaler()))
    return steps


def _weights(estimator: EstimatorSpec, target: NDArray[Any], balanced: bool) -> dict[str, Any]:
    if not balanced or estimator.balance != "sample_weight":
        return {}
    counts = np.bincount(target)
    weights = len(target) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return {"estimator__sample_weight": weights[target]}


def predict(pipeline: Any, matrix: NDArray[np.float32], classes: int | None) -> NDArray[np.float64]:
    """Return probabilities [N, classes], or numbers [N] for regression (`classes` None).

    A class that the training rows did not have gets probability 0.

    Raises: FitError when the estimator cannot predict.
    """
    try:
        known = pipeline.predict(matrix) if classes is None else pipeline.predict_proba(matrix)
    except ValueError as error:
        raise _unsuited(type(pipeline[-1]).__name__, error) from error
    if classes is None:
        return np.asarray(known, dtype=np.float64).reshape(-1)
    full = np.zeros((len(matrix), classes), dtype=np.float64)
    full[:, getattr(pipeline, "present_", pipeline.classes_).astype(np.int64)] = known
    return full
