"""Kolmogorov-Smirnov on numbers and chi-square on categories, by scipy alone."""

from __future__ import annotations

from functions.detect_drift.columns import Table
from functions.detect_drift.detection import Detection, Options
from functions.detect_drift.detectors import scipy_chi_square, scipy_ks
from functions.detect_drift.detectors.one_by_one import each_column


def detect(reference: Table, current: Table, options: Options) -> Detection:
    """Make the test of its kind of every column."""
    return each_column(reference, current, {"number": scipy_ks.TEST, "category": scipy_chi_square.TEST})
