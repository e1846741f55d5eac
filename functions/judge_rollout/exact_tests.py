"""Fisher's exact test, for counts of any size."""

from __future__ import annotations

import math


def fisher(hits: int, n: int, other_hits: int, other_n: int) -> float:
    """Return Fisher's exact p-value of so many hits or more in the first arm, were the rates equal."""
    total = hits + other_hits
    whole = _log_choose(n + other_n, total)
    most = min(total, n)
    terms = (_log_choose(n, k) + _log_choose(other_n, total - k) - whole for k in range(hits, most + 1))
    return min(1.0, math.fsum(math.exp(term) for term in terms))


def _log_choose(n: int, k: int) -> float:
    if not 0 <= k <= n:
        return -math.inf
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
