"""Our streaming checks and pandera's, on the same rows with the same rules, find the same rows bad."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pandera.pandas as pandera
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Examine = Callable[..., Any]

SPEC = """
target: y
schema:
  n: {type: float, min: -5, max: 5, nullable: false}
  k: {type: int, min: 0}
  c: {type: category, values: [NL, BE]}
  y: {nullable: false}
ingest: {tolerated_bad_rows: 1}
"""
RULES = pandera.DataFrameSchema(
    {
        "n": pandera.Column(float, [pandera.Check.in_range(-5, 5)], nullable=False),
        "k": pandera.Column("Int64", pandera.Check.ge(0), nullable=True),
        "c": pandera.Column(object, pandera.Check.isin(["NL", "BE"]), nullable=True),
        "y": pandera.Column("Int64", nullable=False),
    }
)
_ROW = st.tuples(
    st.floats(-6, 6) | st.just(math.nan),
    st.integers(-2, 5) | st.none(),
    st.sampled_from(["NL", "BE", "FR"]) | st.none(),
    st.integers(0, 1) | st.none(),
)


def pandera_bad_rows(frame: pd.DataFrame) -> set[int]:
    try:
        RULES.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        return {int(index) for index in errors.failure_cases["index"]}
    return set()


@pytest.mark.filterwarnings("ignore:The behavior of DataFrame concatenation:FutureWarning")
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_ROW, min_size=1, max_size=12))
def test_the_same_rows_are_bad(examine_bytes: Examine, rows: list[tuple[Any, ...]]) -> None:
    # The last row, which is good, keeps a file from being refused whole; `z` keeps rows from being blank.
    frame = pd.DataFrame([*rows, (0.0, 1, "NL", 1)], columns=["n", "k", "c", "y"]).assign(z=1)
    frame = frame.astype({"n": float, "k": "Int64", "c": object, "y": "Int64"})
    found = examine_bytes(frame.to_csv(index=False).encode(), SPEC)

    bad = pandera_bad_rows(frame)
    assert found.processed.bad_rows == len(bad)
    assert found.part.rows == len(frame) - len(bad)
