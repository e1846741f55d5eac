"""Lets an adopted model answer some rows first: what it declares is not always what it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.adoption.adopt import Adopted
from pipelines.adoption.graph import Mismatch
from pipelines.adoption.outputs import as_text
from pipelines.card import Class
from pipelines.encoding.categories import Ordinal
from pipelines.encoding.columns import Matrix
from pipelines.errors import StepError
from pipelines.model_file import LABEL, PROBABILITIES
from pipelines.onnx_graph import UNTRUSTED, Scorer

ROWS = 1000
_OFF = 0.01
_AGREEING = 0.99


def try_out(adopted: Adopted, matrix: Matrix, classes: Sequence[Class] | None) -> None:
    """Score some rows of the data, [N, width], and see whether the answers can be right.

    Raises:
        StepError: they are no probabilities or numbers, depend on the other rows, differ from the model's
            own labels, or fail where a category is new.
    """
    matrix = np.ascontiguousarray(matrix[:ROWS])
    scorer = Scorer(adopted.raw, UNTRUSTED)
    scores = scorer.score(matrix)
    expected = (len(matrix),) if classes is None else (len(matrix), len(classes))
    if scores.shape != expected:
        raise Mismatch(f"it answers {len(matrix)} rows with {scores.shape} numbers, not {expected}")
    _check_finite(scores, matrix)
    alone = np.concatenate([scorer.score(matrix[row : row + 1]) for row in range(min(3, len(matrix)))])
    if not np.allclose(alone, scores[: len(alone)], rtol=1e-3, atol=1e-4):
        raise Mismatch(
            "it answers a row in another way when others are asked with it",
            "convert it for inference (`model.eval()` of PyTorch), with a free first dimension",
        )
    _check_new_category(adopted, scorer, matrix)
    if classes is None:
        return
    if scores.min() < -_OFF or np.abs(scores.sum(axis=1) - 1).max() > _OFF:
        raise Mismatch(
            f"its output is no probabilities: a row adds up to {scores.sum(axis=1).max():.3g}, "
            f"the smallest is {scores.min():.3g}",
            "end the graph with a Softmax, or a Sigmoid for two classes; of scikit-learn convert one that "
            "has predict_proba",
        )
    if adopted.probe is not None:
        _check_labels(adopted.probe, matrix, classes, adopted.order)


def _check_finite(scores: NDArray[Any], matrix: Matrix) -> None:
    unknown = ~np.isfinite(scores).reshape(len(scores), -1).all(axis=1)
    if unknown.any():
        missing = int((unknown & np.isnan(matrix).any(axis=1)).sum())
        of_them = f", of which {missing} have missing values" if missing else ""
        raise Mismatch(
            f"it answers {int(unknown.sum())} of {len(scores)} rows with no number{of_them}",
            "convert it together with what fills in missing values, such as SimpleImputer",
        )


def _check_new_category(adopted: Adopted, scorer: Scorer, matrix: Matrix) -> None:
    starts = np.cumsum([0, *(feature.encoder.width for feature in adopted.encoding.features)])
    for feature, place in zip(adopted.encoding.features, starts, strict=False):
        if isinstance(feature.encoder, Ordinal):
            for what, code in (("a missing value", 0), ("a value that it has never seen", 1)):
                row = matrix[:1].copy()
                row[0, place] = len(feature.encoder.values) + code
                try:
                    scorer.score(row)
                except StepError as error:
                    raise Mismatch(
                        f"it has no answer where '{feature.name}' has {what}: {error.problem[:300]}",
                        "convert one that has: OneHotEncoder(handle_unknown='ignore') in scikit-learn",
                    ) from error


def _check_labels(probe: bytes, matrix: Matrix, classes: Sequence[Class], order: Sequence[int]) -> None:
    """Hold the model's own labels against the class that its probabilities stand for."""
    scorer = Scorer(probe, UNTRUSTED)
    labels, probabilities = scorer.outputs([LABEL, PROBABILITIES], matrix)
    ranked = np.sort(probabilities, axis=1)
    clear = ranked[:, -1] - ranked[:, -2] > _OFF
    if not clear.any():
        return
    chosen = probabilities.argmax(axis=1)[clear]
    texts_of_labels = [as_text(each) for each in labels[clear].tolist()]
    texts = [as_text(each) for each in classes]
    positions = [str(order[each]) for each in chosen]
    agreeing = np.mean([text == texts[each] for text, each in zip(texts_of_labels, chosen, strict=True)])
    by_position = np.mean([text == each for text, each in zip(texts_of_labels, positions, strict=True)])
    if agreeing >= _AGREEING or (by_position >= _AGREEING and not set(texts_of_labels) <= set(texts)):
        return
    meant: dict[int, Counter[str]] = {}
    for each, text in zip(chosen, texts_of_labels, strict=True):
        meant.setdefault(order[each], Counter())[text] += 1
    pairs = ", ".join(f"{place + 1} is '{meant[place].most_common(1)[0][0][:40]}'" for place in sorted(meant))
    raise Mismatch(
        f"its probabilities are in another order than the data's classes {', '.join(texts[:20])}: "
        f"by its labels, column {pairs}",
        "name the classes in the order of its probabilities: --classes a,b (`classes` in the event)",
    )
