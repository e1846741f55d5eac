"""Compares one window with the reference: detector, missing rates, scores, and the rule that decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from functions.detect_drift.columns import Table, Untested, only, rows_of
from functions.detect_drift.detection import Detection, Guarantee, Options
from functions.detect_drift.detectors import DETECTORS, scipy_ks
from functions.detect_drift.independent import NOTHING_LEFT_OUT, Thinning
from functions.detect_drift.logic import Correction, Inputs, Judged, Policy, Status, decide, is_sufficient
from functions.detect_drift.missing import compare_missing_rates


@dataclass(frozen=True, slots=True)
class NewCategories:
    """Categories of a feature that the reference does not have, and the share of rows that have one."""

    feature: str
    categories: tuple[str, ...]
    share: float


@dataclass(frozen=True, slots=True)
class Checked:
    """A window's verdict with all it rests on.

    Attributes:
        status: the verdict.
        window: its number among those tested since the reference was set, from 1; an insufficient one has
            the number that the next one tested gets.
        rows: of the window.
        reference_rows: of the reference.
        alpha: the whole budget.
        alpha_spent: this window's share of it; 0 when nothing was tested.
        min_effect: the floor that was used.
        correction: the correction within the window.
        guarantee: what is promised about false alarms.
        tests: every test, in the reference's order of columns.
        untested: every column without a test, and why.
        new_categories: what the reference has not seen.
        strong: the scores drifted, or features they depend on.
        rows_tested: those of the window's rows that may be taken for independent.
        thinning: how the others were left out.
    """

    status: Status
    window: int
    rows: int
    reference_rows: int
    alpha: float
    alpha_spent: float
    min_effect: float
    correction: Correction
    guarantee: Guarantee
    tests: tuple[Judged, ...]
    untested: tuple[Untested, ...]
    new_categories: tuple[NewCategories, ...]
    strong: bool = False
    rows_tested: int = 0
    thinning: Thinning = NOTHING_LEFT_OUT

    @property
    def drifted(self) -> tuple[str, ...]:
        """The features that drifted, each once."""
        return tuple(dict.fromkeys(judged.test.feature for judged in self.tests if judged.drifted))


class UnknownDetector(ValueError):
    """No detector has the name that was asked for."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no detector is named {name!r}; there are {', '.join(DETECTORS)}")
        self.name = name


def run_tests(
    reference: Table,
    current: Table,
    *,
    detector: str,
    policy: Policy,
    options: Options | None = None,
    rows: int | None = None,
) -> Detection | None:
    """Make every test of a window; None when one side has too few rows for any.

    The features are the detector's. Scores are held apart, with a test of their own: those of the reference
    are of rows that the model was not fitted to, so they are fewer.

    Args:
        rows: how many the window had before those were left out that depend on others.

    Raises:
        UnknownDetector: there is no such detector.
        MissingExtra: the detector needs a package that is not installed.
    """
    if detector not in DETECTORS:
        raise UnknownDetector(detector)
    if not is_sufficient(policy, rows_of(reference), rows_of(current) if rows is None else rows):
        return None
    return _run_tests(reference, current, detector, options or Options())


def conclude(
    reference: Table,
    current: Table,
    detection: Detection | None,
    *,
    policy: Policy,
    window: int,
    importance: Mapping[str, float] | None = None,
    rows: int | None = None,
    thinning: Thinning | None = None,
) -> tuple[Inputs, Checked]:
    """Decide by the tests that were made; return what that is decided from, and the outcome with its details.

    Raises:
        ValueError: `window` is below 1.
    """
    found = detection or Detection(())
    tests = None if detection is None else detection.tests
    tested = rows_of(current)
    inputs = Inputs(window, tested if rows is None else rows, rows_of(reference), tests, importance or {})
    decision = decide(policy, inputs)
    return inputs, Checked(
        status=decision.status,
        window=window,
        rows=inputs.rows,
        reference_rows=inputs.reference_rows,
        alpha=policy.alpha,
        alpha_spent=decision.alpha_spent,
        min_effect=policy.min_effect,
        correction=policy.correction,
        guarantee=found.guarantee,
        tests=decision.tests,
        untested=found.untested + _out_of_reach(found, decision.alpha_spent),
        new_categories=new_categories(reference, current),
        strong=decision.strong,
        rows_tested=tested,
        thinning=thinning or NOTHING_LEFT_OUT,
    )


def _run_tests(reference: Table, current: Table, detector: str, options: Options) -> Detection:
    ours, theirs = only(reference, "feature"), only(current, "feature")
    found = DETECTORS[detector](ours, theirs, options)
    scores = scipy_ks.detect(only(reference, "score"), only(current, "score"), options)
    return replace(
        found,
        tests=found.tests + scores.tests + compare_missing_rates(ours, theirs),
        untested=found.untested + scores.untested,
    )


def _out_of_reach(detection: Detection, alpha_spent: float) -> tuple[Untested, ...]:
    """Name the tests that no difference could bring below the window's share, once corrected."""
    needed = alpha_spent / max(len(detection.tests), 1)
    return tuple(
        Untested(
            test.feature,
            f"{test.method} gives no p-value below {test.least_p_value:.2g}, here {needed:.2g} is needed",
        )
        for test in detection.tests
        if test.least_p_value > needed
    )


def new_categories(reference: Table, current: Table) -> tuple[NewCategories, ...]:
    """Name the categories of the window that the reference does not have."""
    found = []
    for name, column in reference.items():
        other = current.get(name)
        if column.kind != "category" or other is None or other.kind != "category":
            continue
        known, values = set(column.categories.tolist()), other.categories.tolist()
        unseen = [value for value in values if value not in known]
        if unseen:
            found.append(NewCategories(name, tuple(sorted(set(unseen))), len(unseen) / other.rows))
    return tuple(found)
