"""alibi-detect's LSDDDrift: least-squares density difference over all columns. Needs torch."""

from __future__ import annotations

from functions.detect_drift.columns import Table
from functions.detect_drift.detection import Detection, Options
from functions.detect_drift.detectors.alibi import alibi_on_torch
from functions.detect_drift.detectors.on_torch import permuted


def detect(reference: Table, current: Table, options: Options) -> Detection:
    """Make a permutation test of the least-squares density difference of both sides.

    Raises:
        MissingExtra: alibi-detect or torch is not installed.
    """
    return permuted("lsdd", alibi_on_torch("cd", "LSDDDrift"), reference, current, options)
