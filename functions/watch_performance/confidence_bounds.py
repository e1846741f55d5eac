"""Upper confidence bounds on an error seen on the holdout: the baseline of the harm test.

A baseline that is too low raises false alarms, so the bound is used and not the observed error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def clopper_pearson(errors: int, n: int, *, alpha: float = 0.05) -> float:
    """Return the exact upper bound on a rate of errors (Clopper & Pearson, Biometrika 26, 1934).

    Args:
        errors: wrong predictions among `n`.
        n: rows of the holdout.
        alpha: chance that the true rate lies above the bound, at most.

    Raises:
        ValueError: the counts are impossible.
    """
    if not 0 <= errors <= n or n < 1:
        raise ValueError(f"{errors} errors in {n} rows is impossible")
    if errors == n:
        return 1.0
    low, high = errors / n, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _binomial_cdf(errors, n, middle) > alpha:
            low = middle
        else:
            high = middle
    return high


def bound_on_mean(rows: int, mean: float, variance: float, *, alpha: float = 0.05) -> float:
    """Return an upper bound on the mean of losses in [0, 1].

    The smaller of Hoeffding's bound and the empirical Bernstein bound of Maurer & Pontil (arXiv 0907.3740,
    theorem 4), each at alpha / 2, so that both hold together with 1 - alpha.

    Args:
        rows: how many losses there are.
        mean: of the losses.
        variance: of the losses, as a population's.
        alpha: chance that the true mean lies above the bound, at most.

    Raises:
        ValueError: there are fewer than two losses.
    """
    if rows < 2:
        raise ValueError(f"a bound needs at least two losses, these are {rows}")
    unbiased = variance * rows / (rows - 1)
    hoeffding = math.sqrt(math.log(2 / alpha) / (2 * rows))
    log_term = math.log(4 / alpha)
    bernstein = math.sqrt(2 * unbiased * log_term / rows) + 7 * log_term / (3 * (rows - 1))
    return min(1.0, mean + min(hoeffding, bernstein))


def bound_on_costs(rows: int, counts: Sequence[tuple[float, int]], *, alpha: float = 0.05) -> float:
    """Return an upper bound on the mean of losses of few values, by the rate of each.

    The bounds on the rates hold together with 1 - alpha (Bonferroni), so a rare class, of which a bound on
    the mean alone would know little, counts by its own errors.

    Args:
        rows: how many losses there are.
        counts: (loss, how many rows lost that); those that lost nothing may be left out.
        alpha: chance that the true mean lies above the bound, at most.
    """
    costs = [(value, n) for value, n in counts if value > 0]
    each = alpha / max(1, len(costs))
    return min(1.0, sum(value * clopper_pearson(min(n, rows), rows, alpha=each) for value, n in costs))


def _binomial_cdf(k: int, n: int, p: float) -> float:
    """Sum the binomial's terms from k down until they no longer count; 0 < p < 1, k at or below the mean."""
    log_p, log_q = math.log(p), math.log1p(-p)
    term = math.exp(
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * log_p + (n - k) * log_q
    )
    total, odds = 0.0, (1 - p) / p
    for i in range(k, -1, -1):
        total += term
        term *= i / (n - i + 1) * odds
        if term < total * 1e-17:
            break
    return total
