"""Casting whole columns at once gives what casting cell by cell gives, for any text."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from functions.ingest_data.duplicates import SeenKeys, hash_keys
from functions.ingest_data.parse_values import ARROW_TYPES, MISSING_VALUES, parse_values, plain
from functions.ingest_data.schema import Column
from pipelines.encoding.columns import label_of
from pipelines.spec import Kind

_MISSING = set(MISSING_VALUES.to_pylist())
_CELLS = (
    st.none()
    | st.sampled_from(
        ["", " ", "NA", "nan", "-nan", "inf", "-Infinity", "1", " 2 ", "+3", "-4.5", "1e5", "1e400", "1e0005"]
    )
    | st.sampled_from(
        ["true", "No", "Y", "0.0", "2026-01-01", "2026-13-01", "2026-01-01T10:00:00Z", "3.0", "1_0"]
    )
    | st.sampled_from(
        [
            "9223372036854775807",
            "9223372036854775808",
            "0x10",
            "0X1f",
            "٣",
            "1,5",
            "--1",
            "1.2.3",
            "2026-W01-1",
        ]
    )
    | st.integers().map(str)
    | st.floats().map(str)
    | st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
    | st.text(max_size=6)
)
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_COLUMNS = st.lists(_CELLS, min_size=1, max_size=12)


def read(cells: list[str | None], kind: Kind) -> tuple[list[object], list[bool]]:
    values, bad = parse_values(pa.array(cells, pa.string()), Column("c", kind))
    assert values.type == ARROW_TYPES[kind]
    assert len(values) == len(bad) == len(cells)
    return values.to_pylist(), bad.tolist()


def expected_number(cell: str | None) -> tuple[float | None, bool]:
    text = (cell or "").strip()
    if text in _MISSING:
        return None, False
    if _NUMBER.fullmatch(text):
        return float(text), False
    if re.fullmatch(r"[-+]?(inf|infinity)", text, re.IGNORECASE):
        return math.copysign(math.inf, -1 if text.startswith("-") else 1), False
    return None, True


@settings(deadline=None, max_examples=400)
@given(_COLUMNS)
@example(["+5", "x"])
@example(["1e999", "x"])
@example(["-nan", "x"])
def test_numbers_are_read_as_cell_by_cell(cells: list[str | None]) -> None:
    values, bad = read(cells, Kind.NUMBER)

    assert list(zip(values, bad, strict=True)) == [expected_number(cell) for cell in cells]


@settings(deadline=None, max_examples=400)
@given(_COLUMNS, st.sampled_from(Kind))
def test_one_bad_cell_changes_nothing_about_the_others(cells: list[str | None], kind: Kind) -> None:
    # With a bad cell the whole column takes the careful way, without one the fast way.
    values, bad = read(cells, kind)
    good = [cell for cell, wrong in zip(cells, bad, strict=True) if not wrong]
    alone = read(good, kind)[0] if good else []

    assert [value for value, wrong in zip(values, bad, strict=True) if not wrong] == alone
    assert all(value is None for value, wrong in zip(values, bad, strict=True) if wrong)


@settings(deadline=None, max_examples=200)
@given(_COLUMNS, st.sampled_from(Kind))
@example(["1", "0x1A"], Kind.INTEGER)
@example(["1", "-nan"], Kind.NUMBER)
@example(["0001-01-01T00:00+14:00", "2026-01-01T00:00Z"], Kind.DATETIME)
def test_what_becomes_of_a_cell_does_not_depend_on_the_others(cells: list[str | None], kind: Kind) -> None:
    alone = [read([cell], kind) for cell in cells]

    assert read(cells, kind) == ([values[0] for values, _ in alone], [bad[0] for _, bad in alone])


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.none(), min_size=1))
def test_whole_numbers_are_exact_also_beside_bad_ones(numbers: list[int | None]) -> None:
    cells = [None if number is None else str(number) for number in numbers]

    assert read(cells, Kind.INTEGER) == (numbers, [False] * len(numbers))
    careful, bad = read([*cells, "bad", str(2**63)], Kind.INTEGER)
    assert careful[:-2] == numbers
    assert bad == [False] * len(numbers) + [True, True]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.datetimes(timezones=st.just(UTC) | st.timezones()), min_size=1))
def test_moments_are_read_back(moments: list[datetime]) -> None:
    cells = [moment.isoformat() for moment in moments]
    values, bad = read(cells, Kind.DATETIME)

    for moment, value, wrong in zip(moments, values, bad, strict=True):
        try:
            expected = datetime.fromisoformat(moment.isoformat()).astimezone(UTC)
        except OverflowError:
            assert wrong or value is None
            continue
        assert (value, wrong) == (expected, False)


@pytest.mark.parametrize(
    ("array", "kind", "values", "bad"),
    [
        (pa.array([True, False]), Kind.NUMBER, [1.0, 0.0], [False, False]),
        (pa.array([True, None]), Kind.INTEGER, [1, None], [False, False]),
        (pa.array([1.0, 2.0]), Kind.CATEGORY, ["1", "2"], [False, False]),
        (pa.array([1.5, 2.0]), Kind.CATEGORY, ["1.5", "2"], [False, False]),
        (pa.array([1e20, 1e-7]), Kind.CATEGORY, [label_of(0, 1e20), label_of(0, 1e-7)], [False, False]),
        (pa.array([0.1, math.nan], pa.float32()), Kind.CATEGORY, ["0.1", None], [False, False]),
        (pa.array([1.5, 2.0], pa.float16()), Kind.CATEGORY, ["1.5", "2"], [False, False]),
        (pa.array([1.5, 2.0], pa.float16()), Kind.DATETIME, [None, None], [True, True]),
        (pa.array([1.5, None], pa.float16()), Kind.INTEGER, [None, None], [True, False]),
        (pa.array([True, False]), Kind.CATEGORY, ["true", "false"], [False, False]),
        (pa.array([0, 1, 2]), Kind.BOOLEAN, [False, True, None], [False, False, True]),
        (pa.array([5]), Kind.DATETIME, [None], [True]),
        (pa.array([0], pa.date32()), Kind.NUMBER, [None], [True]),
        (pa.nulls(2), Kind.NUMBER, [None, None], [False, False]),
        (pa.array(["a", "b"]).dictionary_encode(), Kind.CATEGORY, ["a", "b"], [False, False]),
        (pa.array(["1"], pa.large_string()), Kind.INTEGER, [1], [False]),
    ],
)
def test_typed_columns_are_turned_into_any_kind(
    array: pa.Array, kind: Kind, values: list[object], bad: list[bool]
) -> None:
    found, wrong = parse_values(array, Column("c", kind))

    assert (found.to_pylist(), wrong.tolist()) == (values, bad)


def test_only_plain_types_are_taken() -> None:
    assert plain(pa.decimal128(10, 2))
    assert plain(pa.dictionary(pa.int32(), pa.string()))
    assert not plain(pa.list_(pa.int64()))
    assert not plain(pa.struct([("a", pa.int64())]))
    assert not plain(pa.binary())


@settings(deadline=None, max_examples=200)
@given(st.lists(st.lists(st.tuples(st.text(max_size=3), st.integers(0, 3)), max_size=20), max_size=6))
def test_repeated_keys_are_those_a_set_would_find(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[str, int]]]
) -> None:
    seen_keys = SeenKeys(tmp_path_factory.mktemp("keys"))
    seen: set[tuple[str, int]] = set()
    for batch in batches:
        texts = pa.array(["pad", *[text for text, _ in batch]], pa.string()).slice(1)
        found = seen_keys.repeated(hash_keys([texts, pa.array([number for _, number in batch], pa.int64())]))
        expected = []
        for key in batch:
            expected.append(key in seen)
            seen.add(key)
        assert found.tolist() == expected


def test_many_keys_are_kept_on_disk_and_still_found(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("keys")
    seen = SeenKeys(folder)
    count = (1 << 22) + 1000
    keys = hash_keys([pa.array(np.arange(count))])

    assert not seen.repeated(keys).any()
    assert list(folder.glob("keys-*.npy"))
    assert seen.repeated(keys[::1000]).all()
    assert not seen.repeated(hash_keys([pa.array(np.arange(count, count + 10))])).any()
