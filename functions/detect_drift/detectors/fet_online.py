"""alibi-detect's FETDriftOnline: Fisher's exact test on every column with two values, row by row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from functions.detect_drift.columns import Column, Floats, Pair, Table
from functions.detect_drift.detection import Detection, Guarantee, Options, Test
from functions.detect_drift.detectors.alibi import alibi, seeded
from functions.detect_drift.detectors.streams import STREAMS_PER_RUN, Streams, run_stream, streams

WINDOW_SIZES = (50,)
_REFERENCE_ROWS = 1_000


def detect(reference: Table, current: Table, options: Options) -> Detection:
    """Play every column that has two values in the reference through two detectors, of a rise and of a fall.

    Each of both is set to twice the expected run. A row with a third value is left out.

    Raises:
        MissingExtra: alibi-detect is not installed.
    """
    drift = alibi("cd", "FETDriftOnline")
    data = streams(
        reference, current, kinds=("number", "category"), read=_bits, reason_untested=_is_not_binary
    )
    if not data.pairs:
        return Detection((), data.untested, Guarantee.RUN_LENGTH)
    rng = np.random.default_rng(options.seed)
    rows = min(_REFERENCE_ROWS, len(data.reference))
    sample = data.reference[rng.choice(len(data.reference), rows, replace=False)]
    directions = []
    with seeded(options.seed):
        for alternative in ("greater", "less"):
            detector = drift(
                sample.astype(bool),
                ert=2 * options.expected_run,
                window_sizes=list(WINDOW_SIZES),
                n_bootstraps=STREAMS_PER_RUN * options.expected_run,
                alternative=alternative,
                verbose=False,
            )
            directions.append(run_stream(f"fet-online-{alternative}", detector, _as_bits(data)))
    tests = tuple(_earlier(rise, fall) for rise, fall in zip(*directions, strict=True))
    return Detection(tests, data.untested, Guarantee.RUN_LENGTH)


def _as_bits(data: Streams) -> Streams:
    return replace(data, current=data.current.astype(bool))


def _earlier(rise: Test, fall: Test) -> Test:
    """Return the side that exceeded first, else the one with the larger statistic."""
    if rise.row is None and fall.row is None:
        return max(rise, fall, key=lambda test: test.statistic)
    return min((test for test in (rise, fall) if test.row is not None), key=lambda test: test.row or 0)


def _two_values(pair: Pair) -> list[object]:
    column = pair.reference
    values = column.numbers if column.kind == "number" else column.categories
    return sorted(set(values.tolist()))


def _is_not_binary(pair: Pair) -> str | None:
    found = len(_two_values(pair))
    return None if found == 2 else f"it has {found} values in the reference, this detector takes 2"


def _bits(pair: Pair, column: Column) -> Floats:
    low, high = _two_values(pair)
    bits = np.full(column.rows, np.nan)
    bits[column.values == low] = 0.0
    bits[column.values == high] = 1.0
    return bits
