"""alibi-detect's MMDDrift: maximum mean discrepancy over all columns. Needs torch."""

from __future__ import annotations

from functions.detect_drift.columns import Table
from functions.detect_drift.detection import Detection, Options
from functions.detect_drift.detectors.alibi import alibi_on_torch
from functions.detect_drift.detectors.on_torch import permuted


def detect(reference: Table, current: Table, options: Options) -> Detection:
    """Make a permutation test of the maximum mean discrepancy of both sides.

    Raises:
        MissingExtra: alibi-detect or torch is not installed.
    """
    return permuted("mmd", alibi_on_torch("cd", "MMDDrift"), reference, current, options)
