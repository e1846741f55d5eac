"""Step 5: the best experiment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pipelines.errors import StepError
from pipelines.metrics import METRICS


def select(results: Sequence[dict[str, Any]], metric: str) -> dict[str, Any]:
    """Return the result with the best mean; of equals the first in the plan's order.

    Raises: StepError when every experiment failed, or the metric is undefined in those that did not.
    """
    better = METRICS[metric]
    measured = [result for result in results if result["mean"] is not None]
    if not measured:
        failed = failures(results)
        if failed and all(result["failed"] for result in results):
            raise StepError(
                f"every experiment failed: {'; '.join(failed)}",
                "choose other estimators or other parameters in train.candidates, or drop more rows",
            )
        raise StepError(
            f"'{metric}' is undefined in every round of cross-validation: no round holds what it needs",
            "add rows of the rarer classes, or choose another train.metric such as log_loss or rmse",
        )
    best = measured[0]
    for result in measured[1:]:
        gain = better.score(result["mean"]) - better.score(best["mean"])
        if gain > 0 and not math.isclose(gain, 0, abs_tol=1e-12):
            best = result
    return best


def failures(results: Sequence[dict[str, Any]]) -> list[str]:
    """Return why experiments failed, each reason once."""
    return list(dict.fromkeys(result["failed"] for result in results if result.get("failed")))
