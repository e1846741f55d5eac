"""Canonical columns, and that a table and the same values as JSON encode alike."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from pipelines.encoding import Encoding, Feature
from pipelines.encoding.categories import OneHot, TargetMean
from pipelines.encoding.columns import Boolean, Number
from pipelines.encoding.times import Datetime
from pipelines.encoding.words import HashedText
from pipelines.errors import StepError
from pipelines.tables import canonical, encode_table, factorise
from pipelines.values.arrays import ARROW_TYPES
from pipelines.values.form import Form


def test_categories_of_any_type_become_the_same_texts() -> None:
    for values, expected in [
        ([1, 2, None, 1], ["1", "2", None, "1"]),
        ([1.0, 2.5, float("nan")], ["1", "2.5", None]),
        ([True, False], ["true", "false"]),
        (["a", None, "a"], ["a", None, "a"]),
    ]:
        for array in (pa.array(values), pa.array(values).dictionary_encode()):
            assert canonical(pa.chunked_array([array]), "category", "c").to_pylist() == expected


def test_times_of_any_form_become_utc() -> None:
    expected = canonical(pa.chunked_array([pa.array(["2024-01-02T00:00:00Z"])]), "datetime", "t")
    assert expected.type == ARROW_TYPES["datetime"]
    day = np.datetime64("2024-01-02")
    forms = [
        pa.array([day.astype(object)]),
        pa.array(np.array([day], dtype="datetime64[ns]")),
        pa.array([1704153600]),
        pa.array(["2024-01-02T01:00:00+01:00"]),
        pa.array(np.array([day], dtype="datetime64[s]")).cast(pa.timestamp("s", tz="Europe/Berlin")),
    ]
    for form in forms:
        assert canonical(pa.chunked_array([form]), "datetime", "t").to_pylist() == expected.to_pylist()


def test_values_that_are_not_of_the_kind_name_the_column() -> None:
    with pytest.raises(StepError, match="column 'n' holds values that are no number"):
        canonical(pa.chunked_array([pa.array(["1", "x"])]), "number", "n")


def test_factorising_merges_labels_that_mean_the_same() -> None:
    found = factorise(pa.chunked_array([pa.array([1.0, None, float("nan")]), pa.array([1.0])]))
    assert [found.labels[code] for code in found.codes] == ["1", None, None, "1"]


def test_a_table_and_the_same_values_as_json_encode_to_the_same_matrix() -> None:
    encoding = Encoding(
        (
            Feature("n", "number", Number()),
            Feature("i", "integer", Number()),
            Feature("b", "boolean", Boolean()),
            Feature("c", "category", OneHot(("x", "y"), missing=True)),
            Feature("m", "category", TargetMean({"1": (0.3,)}, None, (0.5,))),
            Feature("t", "datetime", Datetime(("days", "hour", "year_cos"))),
            Feature("w", "text", HashedText(16)),
        )
    )
    columns = {
        "n": [1.5, None, 1e300],
        "i": [2**60, 3, None],
        "b": [True, None, False],
        "c": ["x", None, "z"],
        "m": [1, 2, None],
        "t": ["2024-05-01T10:30:00+00:00", None, "2020-02-29T00:00:00+00:00"],
        "w": ["a b a", None, ""],
    }
    kinds = {f.name: f.kind for f in encoding.features}
    table = pa.table({k: canonical(pa.chunked_array([pa.array(v)]), kinds[k], k) for k, v in columns.items()})
    through_json = encoding.encode(json.loads(json.dumps(columns)))
    assert np.array_equal(encode_table(encoding, table), through_json, equal_nan=True)


@pytest.mark.case("E", '" x" and "x" are one category')
def test_texts_of_parts_of_earlier_releases_are_trimmed() -> None:
    column = pa.chunked_array([pa.array([" a", "a"]), pa.array(["", "NULL", None])])

    assert canonical(column, "category", "c").to_pylist() == ["a", "a", None, None, None]
    assert canonical(column, "category", "c", Form(missing=("a",))).to_pylist() == [
        None,
        None,
        None,
        "NULL",
        None,
    ]
