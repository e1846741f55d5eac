"""Decides whether a window has drifted: a corrected p-value within the budget, and an effect.

The budget is alpha for a model and its reference. The w-th window tested may spend alpha * 6 / (pi^2 w^2),
which sums to alpha over all windows; within a window Holm's correction shares that over every test. A
new champion brings a new reference, and w starts at 1 again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from functions.detect_drift.detection import Test
from functions.detect_drift.importance import IMPORTANT
from pipelines.layout import SCORE
from pipelines.spec import Drift

MIN_ROWS = 500
"""A window that model.yaml makes smaller is enough, as it was asked for."""

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
    min_rows: int = MIN_ROWS
    min_reference_rows: int = 50
    min_effect: float = 0.1
    correction: Correction = "holm"


def policy_of(drift: Drift) -> Policy:
    """Return the policy that the `drift` part of a model.yaml asks for."""
    return Policy(alpha=drift.alpha, min_rows=min(MIN_ROWS, drift.window), min_effect=drift.min_effect)


@dataclass(frozen=True, slots=True)
class Judged:
    """A test, its corrected p-value (None on a stream) and what the rule made of it."""

    test: Test
    p_value_corrected: float | None
    drifted: bool


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a decision is made from.

    Attributes:
        window: its number among those tested since the reference was set, from 1.
        rows: of the window.
        reference_rows: of the reference.
        tests: every test that was made; None: the window or the reference was too small for any.
        importance: how much the model's scores depend on each feature, from 0 to 1.
    """

    window: int
    rows: int
    reference_rows: int
    tests: tuple[Test, ...] | None = None
    importance: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rule makes of a window; `strong`: the scores drifted, or features they depend on."""

    status: Status
    tests: tuple[Judged, ...] = ()
    alpha_spent: float = 0.0
    strong: bool = False


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


def decide(policy: Policy, inputs: Inputs) -> Decision:
    """Judge every test of a window; without tests the window is insufficient and spends nothing.

    Raises:
        ValueError: windows are counted from 1.
    """
    alpha = spend(policy.alpha, inputs.window)
    if inputs.tests is None or not is_sufficient(policy, inputs.reference_rows, inputs.rows):
        return Decision(Status.INSUFFICIENT)
    given = [test.p_value for test in inputs.tests if test.p_value is not None]
    corrected = iter(correct(given, policy.correction))
    judged = []
    for test in inputs.tests:
        p_value = None if test.p_value is None else next(corrected)
        exceeds = p_value <= alpha if p_value is not None else test.row is not None
        judged.append(Judged(test, p_value, exceeds and test.effect >= policy.min_effect))
    drifted = [each.test.feature for each in judged if each.drifted]
    strong = any(name == SCORE or inputs.importance.get(name, 0.0) >= IMPORTANT for name in drifted)
    return Decision(Status.DRIFTED if drifted else Status.STABLE, tuple(judged), alpha, strong)


def is_sufficient(policy: Policy, reference_rows: int, rows: int) -> bool:
    """Say whether both sides have the rows a test needs."""
    return reference_rows >= policy.min_reference_rows and rows >= policy.min_rows
