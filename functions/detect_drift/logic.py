"""Checks one window against the reference: detector, missing rates, scores, and the rule that decides."""

from __future__ import annotations

from dataclasses import replace

from functions.detect_drift.columns import Table, Untested, only, rows_of
from functions.detect_drift.detectors import DETECTORS, scipy_ks
from functions.detect_drift.missing import compare_missing_rates
from functions.detect_drift.observed import Observed, Options
from functions.detect_drift.rule import Checked, Policy, Status, decide, is_sufficient, new_categories


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
    """Check a window of data against the reference: observe it, then judge what was observed.

    Args:
        reference: a sample of what the model was made from, and the scores it gave to what it had not seen.
        current: the window, with the same columns.
        detector: a name in DETECTORS.
        policy: what counts as drift.
        window: its number since the reference was set, from 1; of those tested.
        options: seeds, and what detectors on streams need.

    Raises:
        UnknownDetector: there is no such detector.
        MissingExtra: the detector needs a package that is not installed.
        ValueError: `window` is below 1.
    """
    observed = observe(reference, current, detector=detector, policy=policy, options=options)
    return conclude(reference, current, observed, policy=policy, window=window)


def observe(
    reference: Table, current: Table, *, detector: str, policy: Policy, options: Options | None = None
) -> Observed | None:
    """Make every test of a window; None when one side has too few rows for any.

    The features are the detector's. Scores are held apart, with a test of their own: those of the reference
    are of rows that the model was not fitted to, so they are fewer.

    Raises:
        UnknownDetector: there is no such detector.
        MissingExtra: the detector needs a package that is not installed.
    """
    if detector not in DETECTORS:
        raise UnknownDetector(detector)
    if not is_sufficient(policy, reference, current):
        return None
    return _observe(reference, current, detector, options or Options())


def conclude(
    reference: Table, current: Table, observed: Observed | None, *, policy: Policy, window: int
) -> Checked:
    """Judge what was observed, None if nothing was: such a window is insufficient and spends nothing.

    Raises:
        ValueError: `window` is below 1.
    """
    seen = observed or Observed(())
    judged, share = decide(policy, seen, window=window)
    alpha_spent = share if observed is not None else 0.0
    status = Status.STABLE if observed is not None else Status.INSUFFICIENT
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
        guarantee=seen.guarantee,
        tests=judged,
        untested=seen.untested + _deaf(seen, alpha_spent),
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
