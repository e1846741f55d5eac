"""Checks one window against the reference: detector, missing rates, scores, and the rule that decides."""

from __future__ import annotations

from dataclasses import replace

from functions.detect_drift.columns import Table, Untested, only, rows_of
from functions.detect_drift.detectors import DETECTORS, scipy_ks
from functions.detect_drift.missing import compare_missing_rates
from functions.detect_drift.observed import Observed, Options
from functions.detect_drift.rule import Checked, Policy, Status, decide, is_sufficient, new_categories, spend


class UnknownDetector(ValueError):
    """No detector has the name that was asked for."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no detector is named {name!r}; there are {', '.join(DETECTORS)}")
        self.name = name


def check(
    reference: Table,
    current: Table,
    *,
    detector: str,
    policy: Policy,
    window: int,
    options: Options | None = None,
) -> Checked:
    """Check a window of data against the reference.

    The features are the detector's. Scores are held apart, with a test of their own: those of the reference
    are of rows that the model was not fitted to, so they are fewer.

    Args:
        reference: a sample of what the model was made from, and the scores it gave to what it had not seen.
        current: the window, with the same columns.
        detector: a name in DETECTORS.
        policy: what counts as drift.
        window: its number since the reference was set, from 1.
        options: seeds, and what detectors on streams need.

    Raises:
        UnknownDetector: there is no such detector.
        MissingExtra: the detector needs a package that is not installed.
        ValueError: `window` is below 1.
    """
    if detector not in DETECTORS:
        raise UnknownDetector(detector)
    alpha_spent = spend(policy.alpha, window)
    observed = Observed(())
    status = Status.INSUFFICIENT
    if is_sufficient(policy, reference, current):
        observed = _observe(reference, current, detector, options or Options())
        status = Status.STABLE
    judged, _ = decide(policy, observed, window=window)
    if any(each.drifted for each in judged):
        status = Status.DRIFTED
    return Checked(
        status=status,
        window=window,
        rows=rows_of(current),
        reference_rows=rows_of(reference),
        alpha=policy.alpha,
        alpha_spent=alpha_spent,
        min_effect=policy.min_effect,
        correction=policy.correction,
        guarantee=observed.guarantee,
        tests=judged,
        untested=observed.untested + _deaf(observed, alpha_spent),
        new_categories=new_categories(reference, current),
    )


def _observe(reference: Table, current: Table, detector: str, options: Options) -> Observed:
    ours, theirs = only(reference, "feature"), only(current, "feature")
    seen = DETECTORS[detector](ours, theirs, options)
    scores = scipy_ks.detect(only(reference, "score"), only(current, "score"), options)
    return replace(
        seen,
        tests=seen.tests + scores.tests + compare_missing_rates(ours, theirs),
        untested=seen.untested + scores.untested,
    )


def _deaf(observed: Observed, alpha_spent: float) -> tuple[Untested, ...]:
    """Name the tests that no difference could bring below the window's share, once corrected."""
    needed = alpha_spent / max(len(observed.tests), 1)
    return tuple(
        Untested(
            test.feature,
            f"{test.method} gives no p-value below {test.least_p_value:.2g}, here {needed:.2g} is needed",
        )
        for test in observed.tests
        if test.least_p_value > needed
    )
