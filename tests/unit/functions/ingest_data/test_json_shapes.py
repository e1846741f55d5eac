"""JSON as tools write it: arrays, columns, very deep rows, very many keys."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.data_files.json_array import array_elements
from functions.data_files.json_by_columns import MAX_BYTES
from functions.data_files.json_object import MAX_NESTING, TOO_DEEP
from functions.data_files.refusal import FileRefused
from functions.data_files.unpack import CHUNK

Examine = Callable[..., Any]

FRAME = pd.DataFrame(
    {"a": np.arange(50) * 1.5, "c": ["x, {", '"]\\', "é", "z", "q"] * 10, "y": np.arange(50) % 2}
)


@pytest.mark.case("F2", "a JSON array of records")
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.csv"])
def test_an_array_of_records_is_read_whatever_its_name(
    examine_bytes: Examine, name: str, indent: int
) -> None:
    raw = FRAME.to_json(orient="records", indent=indent).encode()

    assert examine_bytes(raw, name=name).good == FRAME.to_dict("records")


@pytest.mark.case("F2", "df.to_json, column by column")
@pytest.mark.parametrize("raw", [FRAME.to_json(), FRAME.to_json(indent=2), json.dumps(FRAME.to_dict("list"))])
def test_json_of_columns_is_read_as_rows(examine_bytes: Examine, raw: str) -> None:
    assert examine_bytes(raw.encode(), name="a.json").good == FRAME.to_dict("records")


@pytest.mark.case("F2", "df.to_json in other shapes")
@pytest.mark.parametrize("orient", ["index", "split", "table"])
def test_json_of_another_shape_is_refused_with_the_fix(examine_bytes: Examine, orient: Any) -> None:
    refusal = examine_bytes(FRAME.to_json(orient=orient).encode(), name="a.json").refusal

    assert refusal.reason == "JSON of columns, not of rows"
    assert 'df.to_json("data.jsonl", orient="records", lines=True)' in refusal.problems[0].fix


@pytest.mark.case("F2", "other shapes of one JSON value")
@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"a": [1, 2], "y": [0]}', "JSON of columns, not of rows"),
        (b'{"a": [[1], [2]], "y": [0, 1]}', "JSON of columns, not of rows"),
        (b'{"a": [], "y": []}', "JSON of columns, not of rows"),
        (b'{"a": {"0": 1, "1": 2}, "y": {"0": 0, "2": 1}}', "JSON of columns, not of rows"),
        (b'{"a": {"x": 1}, "y": {"x": 0}}', "JSON of columns, not of rows"),
        (b'{"a": [1, 2], "y": [0, 1]}' + b" " * MAX_BYTES, "JSON of columns, not of rows"),
        (json.dumps({"a" * 100_000: [1] * 1_000, "y": [0] * 1_000}).encode(), "JSON of columns, not of rows"),
        (b'{\n "a": 1,\n "y": 0\n}\n', "not JSON Lines"),
        (b"[[1, 0], [2, 1]]", "not JSON Lines"),
        (b"[]", "not JSON Lines"),
        (b'[{"a": 1, "y": 0}, {"a": 2, "y": 1', "broken JSON"),
        (b'[{"a": 1, "y": 0}, {"a": 2 "y": 1}]', "broken JSON"),
        (b'[{"a": 1, "y": 0} {"a": 2, "y": 1}]', "broken JSON"),
        (b'[{"a": 1, "y": 0}]\n[{"a": 2, "y": 1}]', "more than one JSON value"),
        (b'{"count": 2, "results": [{"a": 1, "y": 0}]}', "missing column: y"),
        (b"[" + b'{"a":' * 100_000, "broken JSON"),
    ],
)
def test_other_json_is_refused_with_a_reason(examine_bytes: Examine, raw: bytes, reason: str) -> None:
    assert examine_bytes(raw, name="a.json").refusal.reason == reason


def test_a_long_column_of_json_is_refused_with_the_fix(examine_bytes: Examine) -> None:
    raw = json.dumps({"a": dict.fromkeys(range(2_000), 1), "y": {}}).encode()
    refusal = examine_bytes(raw, name="a.json", max_line_bytes=10_000).refusal

    assert refusal.reason == "a line is too long"
    assert "to_json" in refusal.problems[0].fix


def test_bad_elements_of_an_array_are_quarantined_by_their_number(examine_bytes: Examine) -> None:
    raw = b'[{"a": 1, "y": 0},\n\n 7, {"a": NaN, "y": 1}, [1], {"a": "x", "y": 1}]'
    spec = "{target: y, schema: {a: float}, ingest: {tolerated_bad_rows: 0.9}}"
    found = examine_bytes(raw, spec, name="a.json")

    assert found.good == [{"a": 1.0, "y": 0}, {"a": None, "y": 1}]
    assert [(row, column) for row, column, _, _ in found.bad] == [(2, ""), (4, ""), (5, "a")]


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=60)
@given(st.lists(_VALUES, max_size=8), st.sampled_from([None, 1]), st.booleans(), st.integers(0, 40))
def test_the_elements_of_an_array_are_those_that_json_reads(
    tmp_path_factory: pytest.TempPathFactory,
    values: list[Any],
    indent: int | None,
    ascii_: bool,
    padding: int,
) -> None:
    path = tmp_path_factory.mktemp("array") / "a.json"
    # Space before an element puts the end of a piece at any place in what follows.
    text = " " * (CHUNK - padding) + json.dumps(values, indent=indent, ensure_ascii=ascii_)
    path.write_text(text, encoding="utf-8", errors="replace")
    expected = json.loads(path.read_text(encoding="utf-8"))

    assert [json.loads(each) for each in array_elements(path, 1 << 20)] == expected


def test_an_element_without_end_is_refused_before_it_fills_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"a": "' + "x" * (8 << 20))

    with pytest.raises(FileRefused, match="broken JSON") as caught:
        list(array_elements(path, 1 << 20))
    assert "longer than 1048576 characters" in caught.value.problems[0].problem


@pytest.mark.case("F4", "a JSONL row nested 255 to 1,020 deep")
@pytest.mark.parametrize("depth", [MAX_NESTING, 254, 255, 300, 1_020, 1_024, 5_000, 100_000])
@pytest.mark.parametrize("opening", ["[", '{"k":'])
def test_a_row_nested_very_deeply_is_quarantined_alone(
    examine_bytes: Examine, depth: int, opening: str
) -> None:
    deep = opening * depth + ("1" + "}" * depth if opening != "[" else "]" * depth)
    lines = [f'{{"a": {number}, "y": {number % 2}}}' for number in range(600)]
    lines[300] = f'{{"a": {deep}, "y": 1}}'
    found = examine_bytes("\n".join(lines).encode(), name="a.jsonl")

    assert found.part.rows == 599
    assert [(row, reason) for row, _, _, reason in found.bad] == [(301, TOO_DEEP)]


@pytest.mark.case("F4", "in an array")
def test_a_deep_element_of_an_array_is_quarantined_alone(examine_bytes: Examine) -> None:
    records = [f'{{"a": {number}, "y": {number % 2}}}' for number in range(600)]
    records[300] = f'{{"a": {"[" * 300 + "]" * 300}, "y": 1}}'
    found = examine_bytes(f"[{','.join(records)}]".encode(), name="a.json")

    assert [(row, reason) for row, _, _, reason in found.bad] == [(301, TOO_DEEP)]


def test_brackets_in_texts_are_not_nesting(examine_bytes: Examine) -> None:
    found = examine_bytes(json.dumps({"a": "[{" * 500, "y": 1}).encode(), name="a.jsonl")

    assert found.good == [{"a": "[{" * 500, "y": 1}]


def _with_own_keys(rows: int) -> bytes:
    return b"".join(b'{"k%d": 1, "a": %d, "y": %d}\n' % (n, n, n % 2) for n in range(rows))


@pytest.mark.case("F5", "a different key in each row")
def test_keys_that_hardly_any_row_has_are_passed_over_with_a_warning(examine_bytes: Examine) -> None:
    found = examine_bytes(_with_own_keys(4_000), name="a.jsonl")
    ((column, count, message),) = found.warnings

    assert list(found.kinds) == ["a", "y"]
    assert (column, count) == (None, 4_000)
    assert message == (
        "keys that fewer than 1% of the first 4000 rows have are passed over, since there are 4002: "
        "k0, k1, k2, k3, k4, …"
    )


@pytest.mark.case("F5", "the time grows with the file")
def test_rows_with_keys_of_their_own_cost_linear_time(examine_bytes: Examine) -> None:
    def seconds(rows: int) -> float:
        raw = _with_own_keys(rows)
        start = time.process_time()
        assert examine_bytes(raw, name="a.jsonl").part.rows == rows
        return time.process_time() - start

    seconds(1_000)
    assert seconds(20_000) < 4  # 4,000 rows took 7 s when each key was a column


def test_a_key_that_the_spec_names_is_kept_however_rare(examine_bytes: Examine) -> None:
    found = examine_bytes(_with_own_keys(2_000), "{target: y, schema: {k5: int}}", name="a.jsonl")

    assert sorted(found.kinds) == ["a", "k5", "y"]
    assert found.good[5]["k5"] == 1


def test_objects_with_keys_of_their_own_inside_one_column_cost_no_columns(examine_bytes: Examine) -> None:
    raw = b"".join(b'{"m": {"k%d": 1}, "y": %d}\n' % (number, number % 2) for number in range(8_000))
    found = examine_bytes(raw + b'{"a": 3, "y": 1}\n', name="a.jsonl")

    assert list(found.kinds) == ["y", "a"]


def test_a_thousand_columns_in_each_row_are_all_kept(examine_bytes: Examine) -> None:
    row = {f"c{number}": number for number in range(1_500)} | {"y": 1}
    found = examine_bytes("\n".join([json.dumps(row)] * 30).encode(), name="a.jsonl")

    assert len(found.kinds) == 1_501


def test_lines_that_end_with_carriage_returns_alone_are_lines(examine_bytes: Examine) -> None:
    found = examine_bytes(b'{"a": 1, "y": 0}\r{"a": 2, "y": 1}\r', name="a.jsonl")

    assert found.good == [{"a": 1, "y": 0}, {"a": 2, "y": 1}]
