"""A whole check for drift, without the store and the state."""

from __future__ import annotations

from functions.detect_drift.columns import Table
from functions.detect_drift.compare import Checked, conclude, run_tests
from functions.detect_drift.detection import Options
from functions.detect_drift.logic import Policy


def check(
    reference: Table,
    current: Table,
    *,
    detector: str,
    policy: Policy,
    window: int,
    options: Options | None = None,
) -> Checked:
    """Compare a window with the reference, and decide."""
    detection = run_tests(reference, current, detector=detector, policy=policy, options=options)
    return conclude(reference, current, detection, policy=policy, window=window)[1]
