"""Turns reference data, windows of the log and parts of a dataset into the tables that detectors take.

Numbers and whole numbers are numbers, dates and times are seconds since 1970; categories and booleans are
categories under their canonical text. Free text is not tested.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from functions.detect_drift.columns import Column, Table, Untested, category, number, table
from functions.inferences.log import INPUT
from pipelines.encoding.columns import label_of
from pipelines.encoding.errors import BadCell
from pipelines.layout import SCORE

Features = Mapping[str, str]
"""Kind by name, as on a model's card."""


def chosen(features: Features, names: str | Sequence[str]) -> tuple[dict[str, str], tuple[Untested, ...]]:
    """Return the features to test, and those that cannot be, and why.

    Args:
        names: `all`, or those that the spec lists.
    """
    wanted = list(features) if isinstance(names, str) else list(names)
    untested = [Untested(name, "the model has no such feature") for name in wanted if name not in features]
    untested += [Untested(name, "free text is not tested") for name in wanted if features.get(name) == "text"]
    left_out = {each.feature for each in untested}
    return {name: features[name] for name in wanted if name not in left_out}, tuple(untested)


def reference_table(data: pa.Table, features: Features, *, scored: bool) -> Table:
    """Return a version's reference data as a table; with the scores that there are, if asked for."""
    columns = [_column(name, kind, data, name) for name, kind in features.items()]
    return table([*columns, *_score(data, SCORE, scored)])


def scored_rows(data: pa.Table, features: Features) -> Table:
    """Return those rows of a version's reference data that have a score."""
    there = data.num_rows and SCORE in data.column_names
    return reference_table(
        data.filter(data.column(SCORE).is_valid()) if there else data, features, scored=True
    )


def window_table(log: pa.Table, features: Features) -> Table:
    """Return rows of the log of predictions as a table, with the scores that were given."""
    columns = [_column(name, kind, log, INPUT + name) for name, kind in features.items()]
    return table([*columns, *_score(log, "score", True)])


def _score(data: pa.Table, name: str, wanted: bool) -> list[Column]:
    if not wanted or name not in data.column_names:
        return []
    values = data.column(name).drop_null().to_pylist()
    return [number(SCORE, values, "score")] if values else []


def _column(name: str, kind: str, data: pa.Table, stored: str) -> Column:
    there = stored in data.column_names
    values = data.column(stored).to_pylist() if there else [None] * data.num_rows
    if kind in ("category", "boolean"):
        return category(name, [_text(value) for value in values])
    read: Callable[[Any], float | None] = _seconds if kind == "datetime" else _number
    return number(name, [read(value) for value in values])


def _text(value: Any) -> str | None:
    try:
        return label_of(0, value)
    except BadCell:
        return str(value)


def _number(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _seconds(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
    return _number(value)
