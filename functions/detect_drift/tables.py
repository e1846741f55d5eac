"""Turns reference data, windows of the log and parts of a dataset into the tables that detectors take.

Numbers and whole numbers are numbers, dates and times are seconds since 1970; categories and booleans are
categories under their canonical text. Free text is not tested. Values are read by the model's own encoders:
what is one value to the model is one value here, however it was sent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from functions.detect_drift.columns import Column, Floats, Table, Untested, category, number, table
from functions.inferences.log import INPUT
from pipelines.encoding.columns import Number
from pipelines.encoding.errors import BadCell
from pipelines.encoding.times import to_seconds
from pipelines.layout import SCORE
from pipelines.values.form import PLAIN, Form
from pipelines.values.reading import NotRead, read_boolean, read_label, read_number

Features = Mapping[str, str]
"""Kind by name, as on a model's card."""
FEW_VALUES = 10
_FEW = "few values"


def testable(features: Features, names: str | Sequence[str]) -> tuple[dict[str, str], tuple[Untested, ...]]:
    """Return the features to test, and those that cannot be, and why.

    Args:
        names: `all`, or those that the spec lists.
    """
    wanted = list(features) if isinstance(names, str) else list(names)
    untested = [Untested(name, "the model has no such feature") for name in wanted if name not in features]
    untested += [Untested(name, "free text is not tested") for name in wanted if features.get(name) == "text"]
    left_out = {each.feature for each in untested}
    return {name: features[name] for name in wanted if name not in left_out}, tuple(untested)


def with_few_values(features: Features, reference: pa.Table) -> dict[str, str]:
    """Take whole numbers of few values, such as 0/1 flags, as categories: chi-square sees more of them.

    A test of ranks is made for numbers that seldom repeat: of a shift in flags from 10 % to 16 % it finds
    fewer than half of what a test of counts finds. The reference decides, for both sides alike.
    """
    return {name: _FEW if _is_few(kind, reference, name) else kind for name, kind in features.items()}


def _is_few(kind: str, reference: pa.Table, name: str) -> bool:
    if kind not in ("integer", "number") or reference.schema.get_field_index(name) < 0:
        return False
    values = {value for value in pc.unique(reference.column(name)).to_pylist() if value is not None}
    return 0 < len(values) <= FEW_VALUES and all(float(value).is_integer() for value in values)


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


def window_table(log: pa.Table, features: Features, forms: Mapping[str, Form] | None = None) -> Table:
    """Return rows of the log of predictions as a table, with the scores that were given.

    Args:
        forms: how texts are read; the model's.
    """
    known = forms or {}
    columns = [
        _column(name, kind, log, INPUT + name, known.get(name, PLAIN)) for name, kind in features.items()
    ]
    return table([*columns, *_score(log, "score", True)])


def _score(data: pa.Table, name: str, wanted: bool) -> list[Column]:
    if not wanted or name not in data.column_names:
        return []
    values = data.column(name).drop_null().to_pylist()
    return [number(SCORE, values, "score")] if values else []


def _column(name: str, kind: str, data: pa.Table, stored: str, form: Form = PLAIN) -> Column:
    there = data.schema.get_field_index(stored) >= 0  # column_names makes a list of all of them each time
    values = data.column(stored).to_pylist() if there else [None] * data.num_rows
    if kind == "category":
        return category(name, [_label(value, form) for value in values])
    if kind == _FEW:
        return category(name, [_whole(value) for value in _encoded(values, _numbers, form).tolist()])
    if kind == "boolean":
        flags = {value: _flag(value, form) for value in set(values)}  # 1 and true are one key, and one flag
        return category(name, [flags[value] for value in values])
    read = partial(to_seconds, form=form) if kind == "datetime" else _numbers
    return number(name, _encoded(values, read, form).tolist())


def _whole(value: float) -> str | None:
    return None if math.isnan(value) else read_label(value)


def _label(value: Any, form: Form = PLAIN) -> str | None:
    try:
        return read_label(value, form=form)
    except NotRead:
        return str(value)


def _flag(value: Any, form: Form) -> str | None:
    """Return `true` or `false`, whether it was sent as such or as 1 or 0; what is neither stays its text."""
    try:
        return read_label(read_boolean(value, form))
    except NotRead:
        return _label(value, form)


def _numbers(values: Sequence[Any]) -> Floats:
    return Number().encode(values).ravel().astype(np.float64)


def _encoded(values: Sequence[Any], read: Callable[[Sequence[Any]], Floats], form: Form) -> Floats:
    """Read all values at once, or one by one if the encoder refuses any; refused values count as missing."""
    try:
        return read(values)
    except BadCell:
        return np.array([_one(value, read, form) for value in values], dtype=np.float64)


def _one(value: Any, read: Callable[[Sequence[Any]], Floats], form: Form) -> float:
    for each in (value, _unwritten(value, form)):
        try:
            return float(read([each])[0])
        except BadCell:
            continue
    return float("nan")


def _unwritten(value: Any, form: Form) -> Any:
    """Return the boolean or number in a text: the log writes a column of mixed types as texts."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if text in ("true", "false"):
        return text == "true"
    try:
        return read_number(value, form)
    except NotRead:
        return value
