"""What is inferred from a file and kept: kinds, formats of dates, the profile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from functions.ingest_data.schema import DataSchema

Examine = Callable[..., Any]


def csv(header: str, *lines: str, good: int = 0, line: str = "") -> bytes:
    return "\n".join([header, *lines, *[line] * good, ""]).encode()


def test_kinds_are_inferred_and_the_good_rows_become_a_part(examine_bytes: Examine) -> None:
    raw = (
        b"id,amount,active,seen,country,note,zip,y\n"
        b"1,1.5,true,2026-01-01,NL,called us about the bill,00123,0\n"
        b"2,-2e3,false,2026-01-02 10:00:00,BE,did not call us back,00124,1\n"
        b"3,,True,2026-01-03T10:00:00+02:00,,wants to leave us soon,01125,0\n"
    )
    found = examine_bytes(raw)

    assert found.kinds == {
        "id": "integer",
        "amount": "number",
        "active": "boolean",
        "seen": "datetime",
        "country": "category",
        "note": "text",
        "zip": "category",
        "y": "integer",
    }
    third = found.good[2]
    assert (third["id"], third["amount"], third["active"], third["country"]) == (3, None, True, None)
    assert third["seen"].isoformat() == "2026-01-03T08:00:00+00:00"
    assert (found.processed.rows, found.processed.bad_rows, found.bad) == (3, 0, [])


def test_later_files_are_read_by_the_kept_schema(examine_bytes: Examine) -> None:
    first = examine_bytes(b"a,b,y\n1,x,0\n2,z,1\n")
    kept = first.part.schema
    line = b"5,w,1\n"
    reordered = examine_bytes(b"y,new,b,a\n1,9,q,7\n", kept=kept)
    headless = examine_bytes(line * 3, kept=kept)
    other_kind = examine_bytes(b"a,b,y\n1.5,x,0\n" + line * 99, kept=kept)
    missing = examine_bytes(b"a,y\n1,0\n", kept=kept)

    assert reordered.good == [{"a": 7, "b": "q", "y": 1}]
    assert reordered.processed.ignored_columns == ("new",)
    assert headless.good == [{"a": 5, "b": "w", "y": 1}] * 3
    assert other_kind.bad == [(2, "a", "1.5", "not a whole number")]
    assert missing.refusal.reason == "missing column: b"
    assert missing.refusal.problems[0].problem == "missing, and the dataset keeps it"


def test_decimals_far_into_the_first_file_make_the_column_a_number(examine_bytes: Examine) -> None:
    whole = b"".join(b"%d,%d,1\n" % (number, number) for number in range(150_000))
    found = examine_bytes(b"a,b,y\n" + whole + b"1.5,7,1\n2,2.5,1\n")

    assert found.kinds == {"a": "number", "b": "number", "y": "integer"}
    assert (found.processed.bad_rows, found.good[-1]["b"]) == (0, 2.5)


def test_a_column_the_spec_says_is_whole_is_not_widened(examine_bytes: Examine) -> None:
    whole = b"1,1\n" * 150_000
    found = examine_bytes(b"a,y\n" + whole + b"1.5,1\n", "{target: y, schema: {a: int}}")

    assert found.bad == [(150_002, "a", "1.5", "not a whole number")]


def test_a_few_bad_cells_do_not_make_numbers_words(examine_bytes: Examine) -> None:
    found = examine_bytes(csv("a,y", "oops,1", good=99, line="1.5,1"))

    assert found.kinds["a"] == "number"
    assert found.bad == [(2, "a", "oops", "not a number")]


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        ("1767225600", "2026-01-01T00:00:00+00:00"),
        ("1767225600000", "2026-01-01T00:00:00+00:00"),
        ("1767225600.5", "2026-01-01T00:00:00.500000+00:00"),
        ("2026/01/31", "2026-01-31T00:00:00+00:00"),
        ("31.01.2026 10:30", "2026-01-31T10:30:00+00:00"),
        ("31/01/2026", "2026-01-31T00:00:00+00:00"),
        ("20260131", "2026-01-31T00:00:00+00:00"),
        ("2026-01-31T10:00:00.1234567Z", "2026-01-31T10:00:00.123456+00:00"),
    ],
)
def test_timestamps_are_read_in_many_forms(examine_bytes: Examine, written: str, iso: str) -> None:
    found = examine_bytes(f"t,y\n{written},1\n{written},1\n".encode(), "{target: y, timestamp: t}")

    assert found.good[0]["t"].isoformat() == iso


def test_a_timestamp_that_can_be_read_in_two_ways_is_refused_until_the_spec_says_how(
    examine_bytes: Examine,
) -> None:
    raw = b"t,y\n01/02/2026,1\n03/04/2026,1\n"
    refusal = examine_bytes(raw, "{target: y, timestamp: t}").refusal
    said = '{target: y, timestamp: t, schema: {t: {type: datetime, format: "%d/%m/%Y"}}}'

    assert refusal.reason == "the timestamp can be read in two ways"
    assert '{t: {type: datetime, format: "%d/%m/%Y"}}' in refusal.problems[0].fix
    assert examine_bytes(raw, said).good[0]["t"].month == 2


def test_a_timestamp_column_of_words_is_refused(examine_bytes: Examine) -> None:
    refusal = examine_bytes(b"t,y\nmonday,1\n", "{target: y, timestamp: t}").refusal

    assert refusal.reason == "the timestamp column holds no dates"


def test_a_constant_target_is_the_trainings_concern(examine_bytes: Examine) -> None:
    assert examine_bytes(b"a,y\n1,1\n2,1\n").good


def test_the_profile_describes_each_column(examine_bytes: Examine) -> None:
    lines = [f"{n},{'NL' if n % 4 else 'BE'},{n % 2 == 0},2026-01-{n % 28 + 1:02}" for n in range(1, 1001)]
    found = examine_bytes(csv("n,c,y,t", *lines, ",,True,"))
    columns = {column.pop("name"): column for column in found.part.profile["columns"]}

    assert found.part.profile["rows"] == 1001
    n = columns["n"]
    assert (n["count"], n["missing"], n["min"], n["max"], n["mean"]) == (1000, 1, 1, 1000, 500.5)
    assert n["std"] == pytest.approx(288.675, abs=0.001)
    assert n["quantiles"]["0.5"] == pytest.approx(500.5, abs=3)
    assert columns["c"]["top"] == [{"value": "NL", "count": 750}, {"value": "BE", "count": 250}]
    assert (columns["c"]["distinct"], columns["c"]["distinct_complete"]) == (2, True)
    assert columns["y"]["top"] == [{"value": "true", "count": 501}, {"value": "false", "count": 500}]
    assert (columns["t"]["min"], columns["t"]["max"]) == (
        "2026-01-01T00:00:00.000000Z",
        "2026-01-28T00:00:00.000000Z",
    )


def test_a_high_tolerance_does_not_make_words_numbers(examine_bytes: Examine) -> None:
    found = examine_bytes(b"a,b,y\nx,1,1\n2,z,1\n", "{target: y, ingest: {tolerated_bad_rows: 1}}")

    assert found.kinds == {"a": "category", "b": "category", "y": "integer"}


def test_yes_and_no_stay_words_unless_the_spec_says_boolean(examine_bytes: Examine) -> None:
    raw = b"a,y\nyes,no\nno,yes\n"

    assert examine_bytes(raw).kinds == {"a": "category", "y": "category"}
    said = examine_bytes(raw, "{target: y, schema: {a: bool}}")
    assert [row["a"] for row in said.good] == [True, False]


def test_bounds_without_a_type_make_a_column_numeric(examine_bytes: Examine) -> None:
    raw = b"a,b,y\n1,1.5,1\noops,oops,1\n-3,2,1\n"
    spec = "{target: y, schema: {a: {min: 0}, b: {max: 9}}, ingest: {tolerated_bad_rows: 0.7}}"
    found = examine_bytes(raw, spec)

    assert found.kinds == {"a": "number", "b": "number", "y": "integer"}
    assert [(row, column, reason) for row, column, _, reason in found.bad] == [
        (3, "a", "not a number"),
        (3, "b", "not a number"),
        (4, "a", "below the minimum 0"),
    ]
    assert examine_bytes(b"a,b,y\n1,2,1\n", spec).kinds["a"] == "integer"


BEFORE = (
    '{"columns":[{"name":"a","kind":"number","nullable":true,"min":0,"max":null,"values":null,"format":null},'
    '{"name":"t","kind":"datetime","nullable":true,"min":null,"max":null,"values":null,"format":"%d/%m/%Y"},'
    '{"name":"y","kind":"category","nullable":false,"min":null,"max":null,"values":["no","yes"],"format":null}],'
    '"target":"y","entity":null,"timestamp":null,"task":null,"classes":["no","yes"]}'
)
"""A schema that a release before forms kept."""


@pytest.mark.case("E", "datasets of earlier releases")
def test_a_dataset_of_an_earlier_release_goes_on(examine_bytes: Examine) -> None:
    kept = DataSchema.from_json(BEFORE)
    spec = "{target: y, schema: {a: {min: 0}, y: {values: ['no', 'yes']}}}"
    found = examine_bytes(b"a,t,y\n1.5,31/01/2026, yes\n2,2026-02-01,no\n", spec, kept=kept)

    assert kept.to_json() == BEFORE
    assert [replace(each, nullable=True) for each in kept.columns] == list(found.part.schema.columns)
    assert [(row["a"], row["t"].month, row["y"]) for row in found.good] == [(1.5, 1, "yes"), (2.0, 2, "no")]
