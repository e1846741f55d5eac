"""What makes a row bad, and a file refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Examine = Callable[..., Any]


def csv(header: str, *lines: str, good: int = 0, line: str = "") -> bytes:
    return "\n".join([header, *lines, *[line] * good, ""]).encode()


def test_each_bad_cell_is_kept_with_row_column_value_and_reason(examine_bytes: Examine) -> None:
    spec = """
    target: y
    schema:
      {n: {type: float, min: 0, max: 10, nullable: false}, k: int, c: {values: [NL, BE]}, b: bool,
       y: {nullable: false}}
    ingest: {tolerated_bad_rows: 0.95}
    """
    raw = csv(
        "n,k,c,b,y",
        "1,1,NL,true,0",
        "x,1,NL,true,0",
        "-1,1,NL,true,0",
        "11,1,NL,true,0",
        ",1,NL,true,0",
        "inf,1,NL,true,0",
        "1,1.5,NL,true,0",
        "1,1,FR,true,0",
        "1,1,NL,maybe,0",
        "1,1,NL,true,",
        "1,1,NL",
        "nan,two,UK,3,",
    )
    found = examine_bytes(raw, spec)

    assert [row["n"] for row in found.good] == [1.0]
    assert found.bad == [
        (3, "n", "x", "not a number"),
        (4, "n", "-1", "below the minimum 0"),
        (5, "n", "11", "above the maximum 10"),
        (6, "n", None, "missing"),
        (7, "n", "inf", "above the maximum 10"),
        (7, "n", "inf", "not finite"),
        (8, "k", "1.5", "not a whole number"),
        (9, "c", "FR", "not among the allowed values"),
        (10, "b", "maybe", "not true or false"),
        (11, "y", None, "the label is missing"),
        (12, "", "3 fields: 1,1,NL", "the wrong number of fields"),
        (13, "b", "3", "not true or false"),
        (13, "c", "UK", "not among the allowed values"),
        (13, "k", "two", "not a whole number"),
        (13, "n", "nan", "missing"),
        (13, "y", None, "the label is missing"),
    ]
    assert (found.processed.rows, found.processed.bad_rows) == (12, 11)


def test_more_bad_rows_than_tolerated_refuse_the_file_with_the_first_of_each_kind(
    examine_bytes: Examine,
) -> None:
    raw = csv("n,y", *["x,1"] * 6, "1,", good=93, line="1,1")
    refusal = examine_bytes(raw, "{target: y, schema: {n: float, y: {nullable: false}}}").refusal

    assert (
        refusal.reason
        == "7 of 100 rows are bad (7.0%), more than the 5.0% that ingest.tolerated_bad_rows allows"
    )
    assert (refusal.rows, refusal.bad_rows) == (100, 7)
    assert refusal.problems[0].where == "row 2, column n"
    assert refusal.problems[0].problem == "not a number: 'x' (and 5 more)"
    assert refusal.problems[1].where == "row 8, column y"
    assert refusal.problems[1].problem == "the label is missing"


def test_all_rows_bad_is_refused_even_when_all_is_tolerated(examine_bytes: Examine) -> None:
    raw = csv("n,y", "x,1", "z,1")
    spec = "{target: y, schema: {n: float}, ingest: {tolerated_bad_rows: 1}}"

    assert examine_bytes(raw, spec).refusal.reason == "all 2 rows are bad"


def test_missing_columns_are_all_named_with_why_they_are_needed(examine_bytes: Examine) -> None:
    spec = "{target: y, entity: id, timestamp: t, schema: {amount: float, here: int}}"
    refusal = examine_bytes(b"here,other\n1,2\n", spec).refusal

    assert refusal.reason == "missing columns: y, id, t, amount"
    assert [problem.problem for problem in refusal.problems] == [
        "missing, and it is the target in model.yaml",
        "missing, and it is the entity in model.yaml",
        "missing, and it is the timestamp in model.yaml",
        "missing, and schema in model.yaml names it",
    ]
    assert "the file has here, other" in refusal.problems[0].fix


def test_duplicate_entities_are_those_with_the_same_time_or_without_time(examine_bytes: Examine) -> None:
    lines = ["1,2026-01-01,0", "1,2026-01-02,0", "2,2026-01-01,0", "1,2026-01-01T00:00:00Z,1"]
    spec = "{target: y, entity: id, timestamp: t, ingest: {tolerated_bad_rows: 0.5}}"
    with_time = examine_bytes(csv("id,t,y", *lines), spec)
    without = examine_bytes(csv("id,t,y", *lines), spec.replace("timestamp: t, ", ""))

    assert with_time.bad == [(5, "id", "1", "the same id and t as in an earlier row")]
    assert [row for row, *_ in without.bad] == [3, 5]


def test_the_first_good_row_of_an_entity_stays(examine_bytes: Examine) -> None:
    raw = csv("id,n,y", "1,x,0", "1,1,0", "1,2,0", "2,1,0")
    spec = "{target: y, entity: id, schema: {n: float}, ingest: {tolerated_bad_rows: 0.5}}"

    assert [(row["id"], row["n"]) for row in examine_bytes(raw, spec).good] == [(1, 1.0), (2, 1.0)]


def test_timestamps_must_be_sane(examine_bytes: Examine) -> None:
    lines = ["2026-11-24T11:00:00Z,1", "2026-11-24T13:00:00Z,1", "1969-12-31,1", "soon,1", ",1"]
    spec = "{target: y, timestamp: t}"
    found = examine_bytes(csv("t,y", *lines, good=95, line="2026-01-01,1"), spec)

    assert found.bad == [
        (3, "t", "2026-11-24T13:00:00Z", "in the future"),
        (4, "t", "1969-12-31", "before 1970"),
        (5, "t", "soon", "not a date or time"),
        (6, "t", None, "missing"),
    ]


def test_bounds_in_the_spec_replace_the_bounds_of_timestamps(examine_bytes: Examine) -> None:
    spec = "{target: y, timestamp: t, schema: {t: {type: datetime, min: 1900-01-01, max: 2100-01-01}}}"
    found = examine_bytes(b"t,y\n1950-05-05,1\n2050-05-05,1\n", spec)

    assert (found.processed.rows, found.processed.bad_rows) == (2, 0)


def test_whole_numbers_are_compared_exactly_with_their_bounds(examine_bytes: Examine) -> None:
    high = 2**53 + 1
    rule = f"{{type: int, min: -1.5, max: {high}}}"
    spec = f"{{target: y, schema: {{n: {rule}}}, ingest: {{tolerated_bad_rows: 0.9}}}}"
    cells = [-2, -1, high, high + 1, 2**63 - 1]
    found = examine_bytes(csv("n,y", *[f"{cell},1" for cell in cells]), spec)

    assert [row["n"] for row in found.good] == [-1, high]
    assert [(row, reason) for row, _, _, reason in found.bad] == [
        (2, "below the minimum -1.5"),
        (5, f"above the maximum {high}"),
        (6, f"above the maximum {high}"),
    ]


@pytest.mark.parametrize(
    ("rule", "good"),
    [
        ("max: 1e30", 2),
        ("min: -1e30", 2),
        ("min: 9223372036854775808", 0),
        ("max: -1e30", 0),
        ("max: 9223372036854775806", 1),
        ("min: 9223372036854775807", 1),
    ],
)
def test_bounds_beyond_64_bits_hold_for_whole_numbers_too(
    examine_bytes: Examine, rule: str, good: int
) -> None:
    spec = f"{{target: y, schema: {{n: {{type: int, {rule}}}}}, ingest: {{tolerated_bad_rows: 1}}}}"
    found = examine_bytes(csv("n,y", "1,1", f"{2**63 - 1},1"), spec).processed

    assert found.rows - found.bad_rows == good


def test_allowed_numbers_are_those_of_the_spec_also_large_ones(examine_bytes: Examine) -> None:
    spec = """
    target: y
    schema:
      k: {type: int, values: [1.0, 9007199254740993]}
      n: {type: float, values: [1, 1000000000000000000000]}
    ingest: {tolerated_bad_rows: 0.9}
    """
    found = examine_bytes(csv("k,n,y", "1,1,0", "9007199254740993,1e21,0", "9007199254740992,2,0"), spec)

    assert [(row, column) for row, column, *_ in found.bad] == [(4, "k"), (4, "n")]
