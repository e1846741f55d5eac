"""Decides whether a window has drifted: a corrected p-value within the budget, and an effect.

The budget is alpha for a model and its reference. The w-th window tested may spend alpha * 6 / (pi^2 w^2),
which sums to alpha over all windows; within a window Holm's correction shares that over every test. A
new champion brings a new reference, and w starts at 1 again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from functions.detect_drift.columns import Table, Untested, rows_of
from functions.detect_drift.observed import Guarantee, Observed, Test

Correction = Literal["holm", "bonferroni"]


class Status(StrEnum):
    """What a window says; `INSUFFICIENT` is not "no drift"."""

    INSUFFICIENT = "insufficient"
    STABLE = "stable"
    DRIFTED = "drifted"


@dataclass(frozen=True, slots=True)
class Policy:
    """The `drift` part of model.yaml, as far as the rule reads it.

    Attributes:
        alpha: chance of any false alarm for a model and its reference.
        min_rows: a smaller window is insufficient.
        min_reference_rows: a smaller reference is insufficient.
        min_effect: smallest effect that counts.
        correction: how a window's share is divided over its tests.
    """

    alpha: float = 0.05
    min_rows: int = 500
    min_reference_rows: int = 50
    min_effect: float = 0.1
    correction: Correction = "holm"


@dataclass(frozen=True, slots=True)
class Judged:
    """A test, its corrected p-value (None on a stream) and what the rule made of it."""

    test: Test
    p_value_corrected: float | None
    drifted: bool


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

    @property
    def drifted(self) -> tuple[str, ...]:
        """The features that drifted, each once."""
        return tuple(dict.fromkeys(judged.test.feature for judged in self.tests if judged.drifted))


def spend(alpha: float, window: int) -> float:
    """Return the share of the budget that window number `window` may spend.

    Raises:
        ValueError: windows are counted from 1.
    """
    if window < 1:
        raise ValueError(f"windows are counted from 1, this is {window}")
    return alpha * 6 / (math.pi**2 * window**2)


def correct(p_values: Sequence[float], correction: Correction) -> tuple[float, ...]:
    """Return each p-value corrected for there being several, at most 1 (Holm, Scand. J. Statist. 6, 1979)."""
    n = len(p_values)
    if correction == "bonferroni":
        return tuple(min(1.0, p * n) for p in p_values)
    corrected, least = [1.0] * n, 0.0
    for rank, place in enumerate(sorted(range(n), key=lambda i: p_values[i])):
        least = max(least, min(1.0, p_values[place] * (n - rank)))
        corrected[place] = least
    return tuple(corrected)


def decide(policy: Policy, observed: Observed, *, window: int) -> tuple[tuple[Judged, ...], float]:
    """Judge every test of a window; return them and the share of the budget that was spent.

    Args:
        window: its number since the reference was set, from 1.
    """
    alpha = spend(policy.alpha, window)
    given = [test.p_value for test in observed.tests if test.p_value is not None]
    corrected = iter(correct(given, policy.correction))
    judged = []
    for test in observed.tests:
        p_value = None if test.p_value is None else next(corrected)
        exceeds = p_value <= alpha if p_value is not None else test.row is not None
        judged.append(Judged(test, p_value, exceeds and test.effect >= policy.min_effect))
    return tuple(judged), alpha


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


def is_sufficient(policy: Policy, reference: Table, current: Table) -> bool:
    """Say whether both sides have the rows a test needs."""
    return rows_of(reference) >= policy.min_reference_rows and rows_of(current) >= policy.min_rows
