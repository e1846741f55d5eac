"""Kolmogorov-Smirnov on every number, by scipy alone."""

from __future__ import annotations

from functions.detect_drift.columns import Pair, Table
from functions.detect_drift.detection import Detection, Options
from functions.detect_drift.detectors.one_by_one import Found, TestOf, each_column, numbers


def detect(reference: Table, current: Table, options: Options) -> Detection:
    """Make a two-sample Kolmogorov-Smirnov test of every number; categories are untested."""
    return each_column(reference, current, {"number": TEST})


def _ks(pair: Pair) -> Found:
    from scipy.stats import ks_2samp

    result = ks_2samp(*numbers(pair), method="asymp")
    return float(result.statistic), float(result.pvalue)


TEST: TestOf = ("ks", _ks)
