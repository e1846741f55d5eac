"""Step 7: how well does the graph that will serve predict rows that nothing was fitted to?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.class_costs import class_costs
from pipelines.encoding import Encoding
from pipelines.errors import StepError
from pipelines.loss import holdout_loss, loss_scale
from pipelines.metrics import class_scores, measure
from pipelines.onnx_graph import UNTRUSTED, Scorer
from pipelines.steps import files
from pipelines.steps.plan import is_own_code


def evaluate(prepared: Path, refitted: Path, folder: Path) -> dict[str, Any]:
    """Score the holdout by the ONNX model; write metrics and predictions, and return the metrics.

    A model that learnt from the holdout too is measured as it was before that. What the one that serves
    predicts is written as well.

    Raises: StepError when the spec's metric is undefined on the holdout.
    """
    facts = files.read_json(prepared / files.PREPARED)
    kept = np.load(refitted / files.HOLDOUT_KEPT)
    matrix = files.read_array(prepared / files.HOLDOUT_MATRIX)[kept]
    target = np.load(prepared / files.HOLDOUT_TARGET)[kept]
    own = is_own_code(files.read_json(refitted / files.REFITTED)["chosen"]["estimator"])
    bounds = UNTRUSTED if own or (prepared / files.ADOPTED).exists() else None
    answers = Encoding.from_json(facts["encoding"]).answers
    served = answers(Scorer((refitted / files.ONNX).read_bytes(), bounds).score(matrix))
    judged = refitted / files.JUDGED
    predicted = answers(Scorer(judged.read_bytes(), bounds).score(matrix)) if judged.exists() else served
    metrics = measure(facts["task"], target, predicted)
    metric = facts["metric"]
    if metric not in metrics:
        raise StepError(
            f"'{metric}' is undefined on the {len(target)} holdout rows{_held(target, facts['classes'])}",
            "add rows, so that the holdout has some of every class, or choose another train.metric",
        )
    evaluation = {
        "metric": metric,
        "value": metrics[metric],
        "metrics": metrics,
        "rows": len(target),
        "loss": _loss(prepared, facts, target, predicted),
        "per_class": _per_class(target, predicted, facts["classes"]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / files.PREDICTED, predicted)
    np.save(folder / files.SERVED, served)
    files.write_json(folder / files.EVALUATION, evaluation)
    return evaluation


def _loss(
    prepared: Path, facts: dict[str, Any], target: NDArray[Any], predicted: NDArray[Any]
) -> dict[str, Any]:
    """Describe the loss on the holdout; what it counts by is taken from the training rows."""
    training, classes = np.load(prepared / files.TRAIN_TARGET), facts["classes"]
    if classes is None:
        return holdout_loss(target, predicted, scale=loss_scale(training)).model_dump(mode="json")
    rows = np.bincount(training[training >= 0].astype(np.int64), minlength=len(classes))
    costs = class_costs(facts.get("loss", "zero_one"), classes, rows)
    return holdout_loss(target, predicted, scale=None, costs=costs).model_dump(mode="json")


def _held(target: NDArray[Any], classes: list[Any] | None) -> str:
    if classes is None:
        return ""
    return f", which have {len(np.unique(target))} of {len(classes)} classes"


def _per_class(
    target: NDArray[Any], predicted: NDArray[Any], classes: list[Any] | None
) -> list[dict[str, Any]]:
    if classes is None:
        return []
    return [
        {"class": name, "precision": float(p), "recall": float(r), "f1": float(f), "rows": int(n)}
        for name, (p, r, f, n) in zip(classes, class_scores(target, predicted), strict=True)
    ]
