"""Pearson's chi-square on every category, by scipy alone."""

from __future__ import annotations

import numpy as np

from functions.detect_drift.columns import Pair, Table
from functions.detect_drift.detection import Detection, Options
from functions.detect_drift.detectors.one_by_one import Found, TestOf, codes, each_column


def detect(reference: Table, current: Table, options: Options) -> Detection:
    """Make a chi-square test of homogeneity of every category; numbers are untested."""
    return each_column(reference, current, {"category": TEST})


def _chi_square(pair: Pair) -> Found:
    from scipy.stats import chi2_contingency

    left, right = codes(pair)
    width = int(max(left.max(), right.max())) + 1
    cells = np.array([np.bincount(side, minlength=width) for side in (left, right)])
    cells = cells[:, cells.sum(axis=0) > 0]
    if cells.shape[1] < 2:
        return 0.0, 1.0
    result = chi2_contingency(cells, correction=False)
    return float(result.statistic), float(result.pvalue)


TEST: TestOf = ("chi-square", _chi_square)
