"""Step 6: choose how much of the past is learnt from, fit to it, and write both forms: skops and ONNX.

Where rows have an order of time the holdout is the newest of them, and so what is to be learnt most. There
the model is fitted twice: without the holdout, by which it is judged, and then to all, which serves.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.encoding import Encoding
from pipelines.errors import StepError
from pipelines.estimators import find
from pipelines.estimators.build import predict, train
from pipelines.onnx_graph import UNTRUSTED, Scorer, convert
from pipelines.own_code.fitting import Call, CodeRunner
from pipelines.steps import files
from pipelines.steps.plan import REGISTERED, is_own_code
from pipelines.steps.window import Chosen, choose_window


def refit(
    prepared: Path, best: Mapping[str, Any], results: Sequence[Mapping[str, Any]], folder: Path
) -> None:
    """Write `model.skops`, the bare `model.onnx`, and scikit-learn's own predictions of the holdout.

    Where `learns_holdout` that model learnt from the holdout too, and `judged.onnx` is the one without.

    Numbers are predicted as the encoding's `answer` scales them. Of the holdout only what is as new as the
    window is kept. A registered model is taken as it is: there is its `model.onnx` alone. Nor is there a
    `model.skops` of a model that the owner's own code made: it cannot leave their environment.

    Args:
        best: the experiment that is best on all rows.
        results: all of them, of which another may be better in a shorter window.
    """
    import skops.io

    facts = files.read_json(prepared / files.PREPARED)
    window = choose_window(prepared, best, results)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / files.WINDOW_ROWS, window.rows)
    np.save(folder / files.HOLDOUT_KEPT, window.held)
    chosen = window.experiment
    if chosen["estimator"] == REGISTERED:
        _take_registered(prepared, window, folder)
        return
    if is_own_code(chosen["estimator"]):
        _refit_own(prepared, facts, window, folder)
        return
    estimator = find(chosen["estimator"], facts["task"])
    if estimator is None:
        raise StepError(f"'{chosen['estimator']}' is no allowed estimator", "correct train.candidates")
    matrix = files.read_array(prepared / files.TRAIN_MATRIX)
    target = np.load(prepared / files.TRAIN_TARGET)
    if len(window.rows) < len(target):
        matrix, target = matrix[window.rows], target[window.rows]
    classes, answer = facts["classes"], Encoding.from_json(facts["encoding"]).answer

    def fit(matrix: NDArray[Any], target: NDArray[Any]) -> Any:
        return train(
            estimator,
            chosen["parameters"],
            matrix,
            target if classes is not None else answer.apply(target),
            seed=facts["seed"],
            balanced=facts["balanced"],
        )

    def graph(pipeline: Any) -> bytes:
        return convert(pipeline, matrix.shape[1], classifies=classes is not None)

    holdout, learns = _holdout(prepared, window), learns_holdout(facts)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pipeline = fit(matrix, target)
        if learns:
            (folder / files.JUDGED).write_bytes(graph(pipeline))
            held = np.load(prepared / files.HOLDOUT_TARGET)[window.held]
            pipeline = fit(np.concatenate([matrix, holdout]), np.concatenate([target, held]))
    expected = predict(pipeline, holdout, None if classes is None else len(classes))
    np.save(folder / files.EXPECTED, expected)
    skops.io.dump(pipeline, folder / files.SKOPS)
    (folder / files.ONNX).write_bytes(graph(pipeline))
    messages = sorted({f"{w.category.__name__}: {str(w.message).splitlines()[0]}" for w in caught})
    record = {"chosen": dict(chosen), "window": window.about, "warnings": messages, "learnt_held": learns}
    files.write_json(folder / files.REFITTED, record)


def learns_holdout(facts: Mapping[str, Any]) -> bool:
    """Say whether the model that serves learns from the holdout too: where that is the newest rows.

    Elsewhere there is little to gain, and a row that no version learns from lets any two be compared.
    """
    return facts["split"]["by"] in ("time", "arrival")


def _take_registered(prepared: Path, window: Chosen, folder: Path) -> None:
    raw = (prepared / files.ADOPTED).read_bytes()
    np.save(folder / files.EXPECTED, Scorer(raw, UNTRUSTED).score(_holdout(prepared, window)))
    (folder / files.ONNX).write_bytes(raw)
    record: dict[str, Any] = {"chosen": dict(window.experiment), "window": None, "warnings": []}
    files.write_json(folder / files.REFITTED, record)


def _refit_own(prepared: Path, facts: Mapping[str, Any], window: Chosen, folder: Path) -> None:
    target, classes = np.load(prepared / files.TRAIN_TARGET)[window.rows], facts["classes"]
    if classes is None:
        target = Encoding.from_json(facts["encoding"]).answer.apply(target)
    holdout, code = _holdout(prepared, window), CodeRunner(prepared)
    call = Call(window.experiment["parameters"], window.rows, target, classes)
    (made,) = code.make([call], holdout)
    code.score(made, holdout, None if classes is None else len(classes))
    if made.expected is not None:
        np.save(folder / files.EXPECTED, made.expected)
    (folder / files.ONNX).write_bytes(made.onnx)
    record: dict[str, Any] = {
        "chosen": dict(window.experiment),
        "window": window.about,
        "warnings": [],
        "environment": made.environment,
    }
    files.write_json(folder / files.REFITTED, record)


def _holdout(prepared: Path, window: Chosen) -> NDArray[np.float32]:
    return np.ascontiguousarray(files.read_array(prepared / files.HOLDOUT_MATRIX)[window.held])
