"""alibi-detect's TabularDrift: Kolmogorov-Smirnov on numbers, chi-square on categories. The default."""

from __future__ import annotations

from typing import Any

from functions.detect_drift.columns import Pair, Table
from functions.detect_drift.detection import Detection, Options
from functions.detect_drift.detectors.alibi import alibi
from functions.detect_drift.detectors.one_by_one import Found, codes, each_column, numbers


def detect(reference: Table, current: Table, options: Options) -> Detection:
    """Make the test of its kind of every column.

    Raises:
        MissingExtra: alibi-detect is not installed.
    """
    tabular_drift = alibi("cd", "TabularDrift")

    def found(left: Any, right: Any, categories: dict[int, None]) -> Found:
        detector = tabular_drift(left[:, None], categories_per_feature=categories)
        data = detector.predict(right[:, None], drift_type="feature")["data"]
        return float(data["distance"][0]), float(data["p_val"][0])

    def number(pair: Pair) -> Found:
        return found(*numbers(pair), {})

    def category(pair: Pair) -> Found:
        return found(*codes(pair), {0: None})

    return each_column(reference, current, {"number": ("ks", number), "category": ("chi-square", category)})
