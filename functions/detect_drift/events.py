"""The events that announce a check for drift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from eventing import catalogue as c
from eventing.catalogue import Claim
from eventing.event import Event, answer
from functions.detect_drift.compare import Checked
from functions.detect_drift.logic import Judged, Status

FUNCTION = "detect_drift"
MAX_LISTED, MAX_DRAWN = 50, 20
Of = Literal["inferences", "dataset", "features"]


@dataclass(frozen=True)
class Report:
    """What was checked, what it was decided from, and where the whole of it lies."""

    model: str
    version: int
    of: Of
    view: str | None
    detector: str
    file: Claim
    page_uri: str
    decided_from: c.DecisionInputs


def events_of(
    cause: Event, report: Report, checked: Checked, distributions: Mapping[str, c.Distribution], now: datetime
) -> list[Event]:
    """Return `drift.checked`, and `drift.detected` when the rule fired.

    Args:
        distributions: of `drawn_features`, by feature.
    """
    features = [_feature(each) for each in _clearest(checked)[:MAX_LISTED]]
    common = {
        "model": report.model,
        "version": report.version,
        "of": report.of,
        "view": report.view,
        "window": checked.window,
        "status": checked.status.value,
        "detector": report.detector,
        "rows": checked.rows,
        "rows_tested": checked.rows_tested,
        "repeats": checked.thinning.repeats,
        "every": checked.thinning.every,
        "reference_rows": checked.reference_rows,
        "alpha": checked.alpha,
        "alpha_spent": checked.alpha_spent,
        "min_effect": checked.min_effect,
        "correction": checked.correction,
        "guarantee": checked.guarantee.value,
        "tests": len(checked.tests),
        "features": features,
        "untested": [
            c.Untested(feature=each.feature, reason=each.reason) for each in checked.untested[:MAX_LISTED]
        ],
        "report": report.file,
        "page_uri": report.page_uri,
        "decided_from": report.decided_from,
    }
    subject, source = f"{report.model}/v{report.version}", c.source_of(FUNCTION)
    drawn = [
        each.model_copy(update={"distribution": distributions.get(each.feature)})
        for each in features[:MAX_DRAWN]
    ]
    found = c.DriftChecked.model_validate({**common, "features": drawn + features[MAX_DRAWN:]})
    events = [answer(cause, c.DriftChecked.type, source, subject, found, now=now)]
    if checked.status is Status.DRIFTED:
        drifted = c.DriftDetected.model_validate({**common, "strong": checked.strong})
        events.append(answer(cause, c.DriftDetected.type, source, subject, drifted, now=now))
    return events


def drawn_features(checked: Checked) -> list[str]:
    """Return the features with the clearest drift, each once: those whose distributions are sent."""
    return list(dict.fromkeys(each.test.feature for each in _clearest(checked)[:MAX_DRAWN]))


def _clearest(checked: Checked) -> list[Judged]:
    return sorted(checked.tests, key=_most_drifted_first)


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


def _most_drifted_first(judged: Judged) -> tuple[bool, float, float]:
    p_value = judged.p_value_corrected
    return (not judged.drifted, 1.0 if p_value is None else p_value, -judged.test.effect)
