"""Tests whether values are missing more, or less, often than in the reference."""

from __future__ import annotations

from functions.detect_drift.columns import Pair, Table
from functions.detect_drift.detection import Test
from functions.detect_drift.effects import missing_difference

METHOD = "missing-rate"


def compare_missing_rates(reference: Table, current: Table) -> tuple[Test, ...]:
    """Make Fisher's exact two-sided test of the missing rate of every column that both tables have.

    Both tables have at least one row.
    """
    both = ((column, current.get(name)) for name, column in reference.items())
    return tuple(_test(Pair(column, other)) for column, other in both if other is not None)


def _test(pair: Pair) -> Test:
    from scipy.stats import fisher_exact

    ours, theirs = pair.current, pair.reference
    change = ours.missing / ours.rows - theirs.missing / theirs.rows
    p_value = 1.0
    if ours.missing or theirs.missing:
        cells = [[ours.missing, ours.rows - ours.missing], [theirs.missing, theirs.rows - theirs.missing]]
        p_value = float(fisher_exact(cells).pvalue)
    return Test(pair.name, METHOD, change, min(p_value, 1.0), missing_difference(pair), "jensen-shannon")
