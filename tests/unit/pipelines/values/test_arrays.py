"""Reading a whole column at once gives what reading its values one by one gives, for any text."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.encoding.categories import label_of
from pipelines.spec import Kind
from pipelines.values.arrays import ARROW_TYPES, plain, read_array
from pipelines.values.form import PLAIN, Form
from pipelines.values.reading import NotRead, read_value

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
            *("1,5", "1,096", "1.250", "1.234,5", "1,096,000.5", "1 096,5", "1'000", "12,34,567", "\u22125"),
            *("$5", "-$1,096.50", "5 €", "0.5%", "5%%", "\\N", "#N/A", "<na>", "NaT", "nOnE", ".", "--"),
            *("31/01/2026", "31/01/26", "20260131", "1767225600", "2026-01-31T10:00:00.123456789"),
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
_FORMS = st.builds(
    Form,
    decimal=st.sampled_from([".", ","]),
    grouped=st.booleans(),
    unit=st.sampled_from([None, "$", "€", "%"]),
    format=st.sampled_from([None, "%d/%m/%Y", "%Y%m%d", "unix", "unix_ms"]),
    missing=st.sampled_from([None, ("x", "-")]),
)
_COLUMNS = st.lists(_CELLS, min_size=1, max_size=12)


def read(cells: list[str | None], kind: Kind, form: Form = PLAIN) -> tuple[list[object], list[bool]]:
    values, bad = read_array(pa.array(cells, pa.string()), kind, form)
    assert values.type == ARROW_TYPES[kind]
    assert len(values) == len(bad) == len(cells)
    return values.to_pylist(), bad.tolist()


def one(cell: str | None, kind: Kind, form: Form) -> tuple[object, bool]:
    """Read a cell by itself, without Arrow."""
    try:
        value = read_value(cell, kind, form)
    except NotRead:
        return None, True
    if kind is not Kind.NUMBER or value is None:
        return value, False
    try:
        return float(value), False
    except OverflowError:
        return math.copysign(math.inf, value), False


@settings(deadline=None, max_examples=600)
@given(_COLUMNS, st.sampled_from(Kind), _FORMS)
@example(["+5", "x"], Kind.NUMBER, PLAIN)
@example(["1e999", "x"], Kind.NUMBER, PLAIN)
@example(["-nan", "x"], Kind.NUMBER, PLAIN)
@example(["1.8e302", "x"], Kind.DATETIME, replace(PLAIN, format="unix"))
def test_a_column_is_read_as_its_values_one_by_one(cells: list[str | None], kind: Kind, form: Form) -> None:
    values, bad = read(cells, kind, form)

    assert list(zip(values, bad, strict=True)) == [one(cell, kind, form) for cell in cells]


@pytest.mark.parametrize("number", [10**400, -(10**400), 1e308, 1e21])
@pytest.mark.parametrize("format_", [None, "unix", "%Y%m%d"])
def test_a_number_beyond_all_times_is_none(number: float, format_: str | None) -> None:
    with pytest.raises(NotRead):
        read_value(number, Kind.DATETIME, Form(format=format_))


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
        (pa.array([True, None]), Kind.DATETIME, [None, None], [True, False]),
        (pa.array([1.5, None], pa.float16()), Kind.INTEGER, [None, None], [True, False]),
        (pa.array([True, False]), Kind.CATEGORY, ["true", "false"], [False, False]),
        (pa.array([0, 1, 2]), Kind.BOOLEAN, [False, True, None], [False, False, True]),
        (pa.array([86400]), Kind.DATETIME, [datetime(1970, 1, 2, tzinfo=UTC)], [False]),
        (
            pa.array([86400.5]),
            Kind.DATETIME,
            [datetime(1970, 1, 2, microsecond=500_000, tzinfo=UTC)],
            [False],
        ),
        (pa.array([2**63], pa.uint64()), Kind.INTEGER, [None], [True]),
        (pa.array([2**64 - 1], pa.uint64()), Kind.CATEGORY, [str(2**64 - 1)], [False]),
        (pa.array([Decimal("12.50"), Decimal("3.00")]), Kind.CATEGORY, ["12.50", "3"], [False, False]),
        (pa.array([Decimal("12.00"), Decimal("3.50")]), Kind.INTEGER, [12, None], [False, True]),
        (pa.array([0], pa.date32()), Kind.NUMBER, [None], [True]),
        (pa.nulls(2), Kind.NUMBER, [None, None], [False, False]),
        (pa.array(["a", "b"]).dictionary_encode(), Kind.CATEGORY, ["a", "b"], [False, False]),
        (pa.array(["1"], pa.large_string()), Kind.INTEGER, [1], [False]),
    ],
)
def test_typed_columns_are_turned_into_any_kind(
    array: pa.Array, kind: Kind, values: list[object], bad: list[bool]
) -> None:
    found, wrong = read_array(array, kind)

    assert (found.to_pylist(), wrong.tolist()) == (values, bad)


def test_only_plain_types_are_taken() -> None:
    assert plain(pa.decimal128(10, 2))
    assert plain(pa.dictionary(pa.int32(), pa.string()))
    assert not plain(pa.list_(pa.int64()))
    assert not plain(pa.struct([("a", pa.int64())]))
    assert not plain(pa.binary())
