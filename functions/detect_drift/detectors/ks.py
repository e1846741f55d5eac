"""alibi-detect's KSDrift: Kolmogorov-Smirnov on every number."""

from __future__ import annotations

from functions.detect_drift.columns import Pair, Table
from functions.detect_drift.detection import Detection, Options
from functions.detect_drift.detectors.alibi import alibi
from functions.detect_drift.detectors.one_by_one import Found, each_column, numbers


def detect(reference: Table, current: Table, options: Options) -> Detection:
    """Make a two-sample Kolmogorov-Smirnov test of every number; categories are untested.

    Raises:
        MissingExtra: alibi-detect is not installed.
    """
    drift = alibi("cd", "KSDrift")

    def found(pair: Pair) -> Found:
        left, right = numbers(pair)
        data = drift(left[:, None]).predict(right[:, None], drift_type="feature")["data"]
        return float(data["distance"][0]), float(data["p_val"][0])

    return each_column(reference, current, {"number": ("ks", found)})
