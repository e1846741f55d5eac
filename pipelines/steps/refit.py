"""Step 6: fit the chosen estimator on all training rows, and put it in both its forms: skops and ONNX."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.encoding import Encoding
from pipelines.errors import StepError
from pipelines.estimators import find
from pipelines.estimators.build import predict, train
from pipelines.onnx_graph import UNTRUSTED, Scorer, convert
from pipelines.own_code.fitting import Call, CodeRunner
from pipelines.steps import files
from pipelines.steps.plan import REGISTERED, is_own_code


def refit(prepared: Path, chosen: Mapping[str, Any], folder: Path) -> None:
    """Write `model.skops`, the bare `model.onnx`, and scikit-learn's own predictions of the holdout.

    Numbers are predicted as the encoding's `answer` scales them. A registered model is taken as it is: there
    is its `model.onnx` alone. Nor is there a `model.skops` of a model that the owner's own code made: it
    cannot leave their environment.
    """
    import skops.io

    facts = files.read_json(prepared / files.PREPARED)
    if chosen["estimator"] == REGISTERED:
        _take_registered(prepared, chosen, folder)
        return
    if is_own_code(chosen["estimator"]):
        _refit_own(prepared, facts, chosen, folder)
        return
    estimator = find(chosen["estimator"], facts["task"])
    if estimator is None:
        raise StepError(f"'{chosen['estimator']}' is no allowed estimator", "correct train.candidates")
    matrix = files.read_array(prepared / files.TRAIN_MATRIX)
    target = np.load(prepared / files.TRAIN_TARGET)
    classes, answer = facts["classes"], Encoding.from_json(facts["encoding"]).answer
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pipeline = train(
            estimator,
            chosen["parameters"],
            matrix,
            target if classes is not None else answer.apply(target),
            seed=facts["seed"],
            balanced=facts["balanced"],
        )
    holdout = np.ascontiguousarray(files.read_array(prepared / files.HOLDOUT_MATRIX))
    folder.mkdir(parents=True, exist_ok=True)
    expected = predict(pipeline, holdout, None if classes is None else len(classes))
    np.save(folder / files.EXPECTED, expected)
    skops.io.dump(pipeline, folder / files.SKOPS)
    (folder / files.ONNX).write_bytes(convert(pipeline, matrix.shape[1], classifies=classes is not None))
    messages = sorted({f"{w.category.__name__}: {str(w.message).splitlines()[0]}" for w in caught})
    files.write_json(folder / files.REFITTED, {"chosen": dict(chosen), "warnings": messages})


def _take_registered(prepared: Path, chosen: Mapping[str, Any], folder: Path) -> None:
    raw = (prepared / files.ADOPTED).read_bytes()
    holdout = np.ascontiguousarray(files.read_array(prepared / files.HOLDOUT_MATRIX))
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / files.EXPECTED, Scorer(raw, UNTRUSTED).score(holdout))
    (folder / files.ONNX).write_bytes(raw)
    files.write_json(folder / files.REFITTED, {"chosen": dict(chosen), "warnings": []})


def _refit_own(prepared: Path, facts: Mapping[str, Any], chosen: Mapping[str, Any], folder: Path) -> None:
    target, classes = np.load(prepared / files.TRAIN_TARGET), facts["classes"]
    if classes is None:
        target = Encoding.from_json(facts["encoding"]).answer.apply(target)
    holdout = np.ascontiguousarray(files.read_array(prepared / files.HOLDOUT_MATRIX))
    code = CodeRunner(prepared)
    (made,) = code.make([Call(chosen["parameters"], np.arange(len(target)), target, classes)], holdout)
    code.score(made, holdout, None if classes is None else len(classes))
    folder.mkdir(parents=True, exist_ok=True)
    if made.expected is not None:
        np.save(folder / files.EXPECTED, made.expected)
    (folder / files.ONNX).write_bytes(made.onnx)
    told = {"chosen": dict(chosen), "warnings": [], "environment": made.environment}
    files.write_json(folder / files.REFITTED, told)
