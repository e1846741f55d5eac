"""alibi-detect's CVMDriftOnline: Cramér-von Mises on every number, row by row."""

from __future__ import annotations

import numpy as np

from functions.detect_drift.columns import Column, Floats, Pair, Table
from functions.detect_drift.detection import Detection, Guarantee, Options
from functions.detect_drift.detectors.alibi import alibi, seeded
from functions.detect_drift.detectors.streams import STREAMS_PER_RUN, Read, run_stream, streams

WINDOW_SIZES = (20, 60)
# The thresholds are simulated: the time that takes grows by the square of these rows.
_REFERENCE_ROWS = 200


def detect(reference: Table, current: Table, options: Options) -> Detection:
    """Play every number with few missing values through the detector; other columns are untested.

    Raises:
        MissingExtra: alibi-detect is not installed.
    """
    drift = alibi("cd", "CVMDriftOnline")
    rng = np.random.default_rng(options.seed)
    data = streams(reference, current, kinds=("number",), read=_untied(rng))
    if not data.pairs:
        return Detection((), data.untested, Guarantee.RUN_LENGTH)
    rows = min(_REFERENCE_ROWS, len(data.reference))
    with seeded(options.seed):
        detector = drift(
            data.reference[rng.choice(len(data.reference), rows, replace=False)],
            ert=options.expected_run,
            window_sizes=list(WINDOW_SIZES),
            n_bootstraps=STREAMS_PER_RUN * options.expected_run,
            verbose=False,
        )
        tests = run_stream("cvm-online", detector, data)
    return Detection(tests, data.untested, Guarantee.RUN_LENGTH)


def _untied(rng: np.random.Generator) -> Read:
    """Read numbers so that equal ones are in random order: the thresholds are for continuous values."""

    def read(pair: Pair, column: Column) -> Floats:
        both = np.unique(np.concatenate([pair.reference.numbers, pair.current.numbers]))
        gap = float(np.diff(both).min()) if len(both) > 1 else 1.0
        return column.values.astype(np.float64) + rng.uniform(0, gap, column.rows)

    return read
