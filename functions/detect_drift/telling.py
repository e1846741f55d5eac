"""The events that tell of a look at new data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from eventing import catalogue as c
from eventing.catalogue import Claim
from eventing.event import Event, answer
from functions.detect_drift.rule import Checked, Judged, Status

FUNCTION = "detect_drift"
MOST_TOLD = 50
Of = Literal["inferences", "dataset"]


@dataclass(frozen=True)
class Told:
    """What was looked at, and where the report lies."""

    model: str
    version: int
    of: Of
    detector: str
    report: Claim
    page_uri: str
    strong: bool


def events_of(cause: Event, told: Told, checked: Checked, now: datetime) -> list[Event]:
    """Return `drift.checked`, and `drift.detected` when the rule fired."""
    common = {
        "model": told.model,
        "version": told.version,
        "of": told.of,
        "window": checked.window,
        "status": checked.status.value,
        "detector": told.detector,
        "rows": checked.rows,
        "reference_rows": checked.reference_rows,
        "alpha": checked.alpha,
        "alpha_spent": checked.alpha_spent,
        "min_effect": checked.min_effect,
        "correction": checked.correction,
        "guarantee": checked.guarantee.value,
        "tests": len(checked.tests),
        "features": [_feature(each) for each in sorted(checked.tests, key=_conspicuous)[:MOST_TOLD]],
        "untested": [
            c.Untested(feature=each.feature, reason=each.reason) for each in checked.untested[:MOST_TOLD]
        ],
        "report": told.report,
        "page_uri": told.page_uri,
    }
    subject, source = f"{told.model}/v{told.version}", c.source_of(FUNCTION)
    seen = c.DriftChecked.model_validate(common)
    events = [answer(cause, c.DRIFT_CHECKED, source, subject, seen, now=now)]
    if checked.status is Status.DRIFTED:
        found = c.DriftDetected.model_validate({**common, "strong": told.strong})
        events.append(answer(cause, c.DRIFT_DETECTED, source, subject, found, now=now))
    return events


def _feature(judged: Judged) -> c.FeatureDrift:
    test = judged.test
    return c.FeatureDrift(
        feature=test.feature,
        method=test.method,
        statistic=test.statistic,
        p_value=test.p_value,
        p_value_corrected=judged.p_value_corrected,
        threshold=test.threshold,
        effect=test.effect,
        effect_name=test.effect_name,
        drifted=judged.drifted,
    )


def _conspicuous(judged: Judged) -> tuple[bool, float, float]:
    p_value = judged.p_value_corrected
    return (not judged.drifted, 1.0 if p_value is None else p_value, -judged.test.effect)
