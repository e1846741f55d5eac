"""Dates that the usual formats do not read: what model.yaml makes of them, and what a refusal says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from pipelines.values.arrays import read_array
from pipelines.values.form import Form
from pipelines.values.reading import read_time

Examine = Callable[..., Any]

SHORT = b"seen,y\n" + b"31.01.26,0\n05.02.26,1\n" * 20


@pytest.mark.case("C", "versions are no dates of the year 3")
@pytest.mark.parametrize("value", ["1.2.3", "1.2.30", "3.11.9"])
def test_a_column_of_versions_is_taken(examine_bytes: Examine, value: str) -> None:
    found = examine_bytes(f"a,y\n{value},0\n2.4.1,1\n".encode() * 1)

    assert found.kinds["a"] == "category"
    assert [row["a"] for row in found.good] == [value, "2.4.1"]


@pytest.mark.case("C", "years of two digits, as model.yaml says")
def test_years_of_two_digits_are_read_where_model_yaml_says_how(examine_bytes: Examine) -> None:
    found = examine_bytes(SHORT, '{target: y, schema: {seen: {type: datetime, format: "%d.%m.%y"}}}')

    assert found.good[0]["seen"] == datetime(2026, 1, 31, tzinfo=UTC)
    assert (found.processed.bad_rows, found.processed.warnings) == (0, ())


def test_a_timestamp_with_years_of_two_digits_is_refused_with_its_format(examine_bytes: Examine) -> None:
    refusal = examine_bytes(SHORT, "{target: y, timestamp: seen}").refusal

    assert 'schema: {seen: {type: datetime, format: "%d.%m.%y"}}' in refusal.problems[0].fix


@pytest.mark.case("E", "a date as training had it")
@pytest.mark.parametrize(
    "format_",
    ["%d-%b-%Y", "%d %B %Y", "%m/%d/%Y %I:%M %p", "%d.%m.%y", "%d/%m/%Y", "%j %Y", "%Y-%m-%d %H:%M:%S UTC"],
)
def test_a_column_and_a_single_value_are_read_alike(format_: str) -> None:
    texts = [
        *("31-Jan-2026", "31-January-2026", "31-jan-2026", "1-JAN-2026", "31 January 2026", "31 Jan 2026"),
        *(
            "1/31/2026 1:30 PM",
            "1/31/2026 1:30PM",
            "1/31/2026  1:30 pm",
            "13/31/2026 1:30 PM",
            "1/31/2026 13:30 PM",
        ),
        *(
            "31.01.26",
            "1.2.3",
            "31.01.2026",
            "31.02.26",
            "31/02/2026",
            "30/01/2026",
            "031 2026",
            "2026-01-31 12:00:00 UTC",
            "2026-01-31 12:00:60 UTC",
        ),
    ]
    form = Form(format=format_)
    read, bad = read_array(pa.array(texts), "datetime", form)
    one_by_one = [_read(text, form) for text in texts]

    assert read.to_pylist() == one_by_one
    assert bad.tolist() == [value is None for value in one_by_one]
    assert any(one_by_one)


def _read(text: str, form: Form) -> datetime | None:
    try:
        return read_time(text, form)
    except ValueError:
        return None
