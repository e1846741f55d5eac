"""How often the drift rule raises a false alarm, and what it finds: many simulated series of windows.

Kolmogorov-Smirnov is computed here for all features at once; correction, budget and effect are the
function's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import kolmogorov

from benchmarks.simulations.figures import Figure
from functions.detect_drift.effects import wasserstein
from functions.detect_drift.logic import Policy, correct, spend

Floats = npt.NDArray[np.float64]
Rule = Literal["uncorrected", "per window", "budget", "budget and effect"]


@dataclass(frozen=True, slots=True)
class Series:
    """A model's windows since its reference was set."""

    features: int = 20
    windows: int = 30
    rows: int = 500
    reference_rows: int = 10_000
    shift: float = 0.0


def first_alarm(series: Series, rule: Rule, policy: Policy, rng: np.random.Generator) -> int | None:
    """Return the first window with an alarm; `shift` moves one feature by so many standard deviations."""
    reference = rng.normal(size=(series.reference_rows, series.features))
    ordered = np.sort(reference, axis=0)
    for window in range(1, series.windows + 1):
        current = rng.normal(size=(series.rows, series.features))
        current[:, 0] += series.shift
        p_values = _kolmogorov_smirnov(ordered, np.sort(current, axis=0))
        if _alarms(rule, policy, window, p_values, reference, current):
            return window
    return None


def _alarms(
    rule: Rule, policy: Policy, window: int, p_values: list[float], reference: Floats, current: Floats
) -> bool:
    if rule == "uncorrected":
        return min(p_values) <= policy.alpha
    # Missing rates are tested as well, and nothing is missing here.
    corrected = correct([*p_values, *[1.0] * len(p_values)], policy.correction)[: len(p_values)]
    if rule == "per window":
        return min(corrected) <= policy.alpha
    low = [place for place, p in enumerate(corrected) if p <= spend(policy.alpha, window)]
    if rule == "budget":
        return bool(low)
    return any(wasserstein(reference[:, i], current[:, i]) >= policy.min_effect for i in low)


def _kolmogorov_smirnov(reference: Floats, current: Floats) -> list[float]:
    """Return the p-value of each column; both are sorted."""
    n, m = len(reference), len(current)
    p_values = []
    for left, right in zip(reference.T, current.T, strict=True):
        above = np.arange(1, m + 1) / m - np.searchsorted(left, right, side="left") / n
        below = np.searchsorted(left, right, side="right") / n - np.arange(m) / m
        distance = max(float(above.max()), float(below.max()))
        p_values.append(float(kolmogorov(distance * np.sqrt(n * m / (n + m)))))
    return p_values


def share(series: Series, rule: Rule, *, runs: int, seed: int) -> tuple[float, list[int]]:
    """Return the share of series with an alarm, and the windows they came in."""
    rng = np.random.default_rng(seed)
    found = [first_alarm(series, rule, Policy(), rng) for _ in range(runs)]
    windows = [window for window in found if window is not None]
    return len(windows) / runs, windows


def figures(*, seed: int, scale: float) -> list[Figure]:
    """Return the drift rule's table; `scale` 1 is 600 series for the rule itself."""
    n = max(int(600 * scale), 3)
    few = max(n // 6, 3)
    rules: tuple[Rule, ...] = ("uncorrected", "per window", "budget", "budget and effect")
    named = {
        "uncorrected": "p ≤ 0.05 for any feature",
        "per window": "Holm within each window",
        "budget": "Holm, and the budget over windows",
        "budget and effect": "the rule: budget and effect",
    }
    rows = []
    for rule in rules:
        runs = n if rule.startswith("budget") else few
        alarms, _ = share(Series(), rule, runs=runs, seed=seed)
        rows.append(Figure(f"no drift; {named[rule]}: any alarm", f"{alarms:.1%}", _of(runs)))
    for shift in (0.2, 0.3):
        found, windows = share(Series(shift=shift), "budget and effect", runs=few, seed=seed)
        when = (
            f", in window {np.median(windows):.0f} (median), {max(windows)} at the latest" if windows else ""
        )
        rows.append(Figure(f"one feature shifted by {shift} sd: found", f"{found:.1%}{when}", _of(few)))
    large = Series(features=1, windows=1, rows=100_000, reference_rows=100_000, shift=0.03)
    for rule, name in (("uncorrected", "p ≤ 0.05 alone"), ("budget and effect", "the rule")):
        flagged, _ = share(large, rule, runs=few, seed=seed)  # type: ignore[arg-type]
        rows.append(Figure(f"0.03 sd at 100,000 rows; {name}: flagged", f"{flagged:.1%}", f"{few} windows"))
    return rows


def _of(runs: int) -> str:
    return f"{runs:,} series of 30 windows, 20 features, 500 rows"
