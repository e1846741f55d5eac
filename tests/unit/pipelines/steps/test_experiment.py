"""One candidate's experiments: what is measured, and what a candidate that cannot be fitted becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipelines.encoding import Encoding
from pipelines.steps import files
from pipelines.steps.experiment import experiment


def prepare(folder: Path, estimator: str, parameters: list[dict[str, Any]]) -> Path:
    """Write what the features step would, of 30 rows and three classes."""
    folder.mkdir(exist_ok=True)
    target = np.arange(30) % 3
    np.save(folder / files.TRAIN_MATRIX, target.reshape(-1, 1).astype(np.float32))
    np.save(folder / files.TRAIN_TARGET, target)
    np.save(folder / files.FOLDS, (np.arange(30) // 3 % 2).astype(np.int8))
    facts = {
        "task": "classification",
        "metric": "accuracy",
        "classes": ["a", "b", "c"],
        "seed": 0,
        "balanced": False,
        "ordered": False,
        "encoding": Encoding(()).to_json(),
        "plan": [{"estimator": estimator, "parameters": parameters}],
    }
    files.write_json(folder / files.PREPARED, facts)
    return folder


def test_an_experiment_that_cannot_be_fitted_fails_alone_and_says_why(tmp_path: Path) -> None:
    grid = [{"solver": "liblinear"}, {"solver": "lbfgs"}]
    failed, made = experiment(prepare(tmp_path, "logistic_regression", grid), 0)

    assert (failed["mean"], failed["folds"]) == (None, [])
    assert failed["failed"].startswith("logistic_regression: ")
    assert (made["mean"], made["failed"], len(made["folds"])) == (1.0, None, 2)
