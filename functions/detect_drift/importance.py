"""How much a model's answers depend on a feature, as far as its own reference data show it.

Between 0 and 1: the absolute rank correlation (Spearman) of a number with the score, or the correlation ratio
of a category. A rough measure that needs no labels and no model; it decides whether drift may be acted on.
"""

from __future__ import annotations

import numpy as np

from functions.detect_drift.columns import Column, Floats, Table

IMPORTANT = 0.2


def importance(reference: Table, feature: str, score: str) -> float:
    """Return a feature's importance; 0 where there is no score, or nothing varies."""
    column, scores = reference.get(feature), reference.get(score)
    if column is None or scores is None:
        return 0.0
    answers = scores.values.astype(np.float64)
    return _rank_correlation(column, answers) if column.kind == "number" else _ratio(column, answers)


def _rank_correlation(column: Column, answers: Floats) -> float:
    values = column.values.astype(np.float64)
    there = ~np.isnan(values) & ~np.isnan(answers)
    if there.sum() < 3:
        return 0.0
    left, right = _ranks(values[there]), _ranks(answers[there])
    if left.std() == 0 or right.std() == 0:
        return 0.0
    return float(abs(np.corrcoef(left, right)[0, 1]))


def _ratio(column: Column, answers: Floats) -> float:
    known = np.array([value is not None for value in column.values]) & ~np.isnan(answers)
    names, scores = column.values[known], answers[known]
    whole = float(scores.var()) * len(scores)
    if len(scores) < 3 or whole == 0:
        return 0.0
    between = 0.0
    for name in set(names.tolist()):
        part = scores[names == name]
        between += len(part) * float(part.mean() - scores.mean()) ** 2
    return float(np.sqrt(min(between / whole, 1.0)))


def _ranks(values: Floats) -> Floats:
    """Return mean ranks, so that equal values have equal ones."""
    _, positions, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[positions], dtype=np.float64)
