"""Every estimator on the list, from scikit-learn to ONNX: the same predictions, the same bytes again."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from pipelines.estimators import REGISTRY, EstimatorSpec
from pipelines.estimators.build import combinations, predict, train
from pipelines.onnx_graph import Scorer, convert
from pipelines.parity import compare, require, spread_of

CASES = [
    pytest.param(estimator, classes, id=f"{estimator.name}-{classes or 'regression'}")
    for estimator in REGISTRY.values()
    for classes in ((2, 3) if estimator.task == "classification" else (None,))
]


@pytest.mark.parametrize(("estimator", "classes"), CASES)
def test_onnx_predicts_what_scikit_learn_does(estimator: EstimatorSpec, classes: int | None) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(300, 6)).astype(np.float32)
    matrix[rng.random(matrix.shape) < 0.05] = np.nan
    matrix[:, 5] = np.nan
    filled = np.nan_to_num(matrix)
    score = filled[:, 0] * 2 + filled[:, 1] * filled[:, 2] + rng.normal(0, 0.3, 300)
    target = score if classes is None else np.digitize(score, [0] if classes == 2 else [-1, 1])
    small = {"max_iter": 40, "early_stopping": False} if estimator.name == "mlp" else {}
    parameters = next(combinations(estimator.grid)) | small
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the network is stopped early, which scikit-learn warns of
        model = train(estimator, parameters, matrix[:200], target[:200], seed=0, balanced=classes is not None)
    raw = convert(model, 6, classifies=classes is not None)
    expected, found = predict(model, matrix[200:], classes), Scorer(raw).score(matrix[200:])
    agreement = compare(expected, found, 1.0 if classes else spread_of(expected))
    require(agreement)
    assert agreement.largest < 1e-4
    if (
        estimator.name != "knn"
    ):  # its nodes are numbered on within a process; the pipeline converts once in each
        assert convert(model, 6, classifies=classes is not None) == raw
