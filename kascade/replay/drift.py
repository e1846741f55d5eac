"""Decides each look for drift anew from the p-values and effects that the event carries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from eventing import catalogue as kinds
from functions.detect_drift.rule import Status, spend
from kascade.replay.comparison import Compared, undecidable
from kascade.replay.policies import Policies
from kascade.replay.recording import Recorded
from pipelines.spec import Drift


def replay_drift(log: Sequence[Recorded], policies: Policies) -> Iterator[Compared]:
    """Yield the status of every look beside the one that the policies' alpha and min_effect give."""
    for row in log:
        if row.event.type != kinds.DRIFT_CHECKED:
            continue
        checked = kinds.DriftChecked.model_validate(row.data)
        in_force = policies.at(row.model, row.happened)
        if in_force is not None:
            yield decide(row, checked, in_force.spec.drift)


def decide(row: Recorded, checked: kinds.DriftChecked, policy: Drift) -> Compared:
    """Return one look's status beside the one under `policy`.

    A look with too few rows stays insufficient. The event tells the most conspicuous tests: when none of them
    fires, none fires at all, unless the policy asks for less than was asked for then.
    """
    alpha = spend(policy.alpha, checked.window)
    fired = [each for each in checked.features if _fires(each, checked, alpha, policy.min_effect)]
    status = Status(checked.status)
    if status is not Status.INSUFFICIENT:
        status = Status.DRIFTED if fired else Status.STABLE
    made = Compared(
        row.happened,
        row.model,
        "drift",
        row.event.subject or row.model,
        checked.status,
        status.value,
        "alpha" if fired else "none",
        _why(fired, checked, alpha, policy),
    )
    laxer = policy.alpha > checked.alpha or policy.min_effect < checked.min_effect
    if not fired and laxer and len(checked.features) < checked.tests:
        told = f"{len(checked.features)} of {checked.tests} tests are in it, the others in its report"
        return undecidable(made, told)
    resized = checked.of == "inferences" and policy.window > checked.rows
    if resized and status is not Status.INSUFFICIENT:
        return undecidable(made, f"with drift.window {policy.window} the windows would be other ones")
    return made


def _fires(feature: kinds.FeatureDrift, checked: kinds.DriftChecked, alpha: float, min_effect: float) -> bool:
    if feature.effect < min_effect:
        return False
    if feature.p_value_corrected is not None:
        return feature.p_value_corrected <= alpha
    # On a stream only its own flag and its threshold tell whether the detector rang.
    if feature.drifted or feature.effect >= checked.min_effect:
        return feature.drifted
    return feature.threshold is not None and feature.statistic > feature.threshold


def _why(
    fired: Sequence[kinds.FeatureDrift], checked: kinds.DriftChecked, alpha: float, policy: Drift
) -> str:
    budget = f"look {checked.window} may spend {alpha:.4g}, min_effect {policy.min_effect:g}"
    if Status(checked.status) is Status.INSUFFICIENT:
        return f"{checked.rows} rows are too few"
    if not fired:
        return f"no test has both; {budget}"
    most = max(fired, key=lambda each: each.effect)
    p_value = "" if most.p_value_corrected is None else f"p {most.p_value_corrected:.4g}, "
    return f"{most.feature}: {p_value}effect {most.effect:.4g}; {budget}"
