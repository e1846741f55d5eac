"""CSV as people write it: delimiters, headers, ragged rows, wide files; and what is no CSV."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import pytest

Examine = Callable[..., Any]


def csv(header: str, *lines: str, good: int = 0, line: str = "") -> bytes:
    return "\n".join([header, *lines, *[line] * good, ""]).encode()


def test_row_numbers_are_those_of_the_file_among_ragged_blank_and_quoted_lines(
    examine_bytes: Examine,
) -> None:
    raw = csv(
        "a,b,y",
        "1,x,1",
        "1,x,1,extra",
        "",
        '2,"two\nlines",1',
        "bad,x,1",
        "1",
        "3,x,1",
        "bad,x,1",
        good=200,
        line="4,x,1",
    )
    found = examine_bytes(raw)

    assert [(row, column) for row, column, _, _ in found.bad] == [
        (3, ""),
        (6, "a"),
        (7, ""),
        (9, "a"),
    ]
    assert found.processed.rows == 207
    assert found.good[1]["b"] == "two\nlines"


def test_row_numbers_hold_across_blocks(examine_bytes: Examine) -> None:
    lines = [f"{number},{'x' * 50}" for number in range(2, 100_002)]
    for number in (500, 40_000, 99_000):
        lines[number - 2] = "ragged"
        lines[number - 1] = f"{number + 1}bad,x"
    found = examine_bytes(csv("a,y", *lines))

    assert [row for row, _, _, _ in found.bad] == [500, 501, 40_000, 40_001, 99_000, 99_001]
    assert [row["a"] for row in found.good][497:500] == [499, 502, 503]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"a,y\n", "the file has a header but no rows"),
        (b"a,y\n\n,\n\n", "the file has a header but no rows"),
        (b"\n\n\n", "no header can be read"),
        (b"a,b\n1,2\n", "missing column: y"),
        (b"a,y,a\n1,2,3\n", "a column stands twice in the header"),
        (b"1,2\n3,4\n", "the file has no header"),
        (b"x\n" * 3, "missing column: y"),
        (b"The quick brown fox.\nIt jumps, over the dog.\n", "missing column: y"),
        (b"a,y\n" + b"x\n" * 100, "all 100 rows are bad"),
        (b'a,y\n1,2\n2,"open\n3,4\n5,6\n', "a quote is never closed"),
        (b'a,y\n1,2\n2,"open\n' + b"3,4\n" * 800_000, "a quote is never closed"),
        (b"a,b,y\n" + b"1,2,3\n" * 100 + b'1,"2,3\n' + b"1,2,3\n" * 20_000, "a quote is never closed"),
        (b"a,y\n" + b"1,2,3\n" * 20_000, "the rows do not have the header's number of fields"),
        (b",\n1,2\n", "the file has no header"),
        (b"a" * 300 + b",y\n1,2\n", "a column's name cannot be kept"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_a_reason(
    examine_bytes: Examine, raw: bytes, reason: str
) -> None:
    assert examine_bytes(raw).refusal.reason == reason


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_detected(examine_bytes: Examine, delimiter: str) -> None:
    raw = (
        delimiter.join(["a", '"b, with; all |"', "y"]) + "\n" + delimiter.join(["1", '"x,;|\t"', "2"]) + "\n"
    )
    found = examine_bytes(raw.encode())

    assert [*found.good[0].values()] == [1, "x,;|", 2]


def test_decimal_commas_are_numbers_where_commas_do_not_separate(examine_bytes: Examine) -> None:
    found = examine_bytes(b"a;b;y\n1,5;x,1;1\n2;y,2;0\n-0,25;z;1\n")

    assert found.kinds == {"a": "number", "b": "category", "y": "integer"}
    assert [row["a"] for row in found.good] == [1.5, 2.0, -0.25]


def test_the_spec_can_name_the_delimiter(examine_bytes: Examine) -> None:
    found = examine_bytes(b"a:y\n1:2\n", '{target: y, ingest: {delimiter: ":"}}')

    assert found.good == [{"a": 1, "y": 2}]


def test_a_file_without_header_takes_the_names_that_are_known(examine_bytes: Examine) -> None:
    found = examine_bytes(b"1,x,0\n2,z,1\n", "{target: y, schema: {a: int, b: category, y: int}}")

    assert found.good == [{"a": 1, "b": "x", "y": 0}, {"a": 2, "b": "z", "y": 1}]


def test_columns_without_a_name_are_passed_over(examine_bytes: Examine) -> None:
    found = examine_bytes(b",a,y,\n0,1,2,\n1,3,4,\n")

    assert found.good == [{"a": 1, "y": 2}, {"a": 3, "y": 4}]


def test_ten_thousand_columns_work_and_one_more_is_refused_with_the_limit(examine_bytes: Examine) -> None:
    names = [f"c{place}" for place in range(9_999)]
    row = ",".join(["1.5"] * 9_999) + ",1"
    found = examine_bytes(csv(",".join(names) + ",y", *[row] * 150))
    refusal = examine_bytes(csv(",".join([*names, "more"]) + ",y", row + ",1")).refusal

    assert (found.processed.rows, len(found.kinds)) == (150, 10_000)
    assert refusal.problems[0].problem == "10001 columns, at most 10000 are read (MAX_COLUMNS)"


def test_the_same_rows_give_the_same_part_however_they_are_written(examine_bytes: Examine) -> None:
    plain = "a,b,y\n" + "".join(f"{n},word {n % 7},{n % 2}\n" for n in range(70_000))
    quoted = "y;b;a\n" + "".join(f'{n % 2};"word {n % 7}";{n}\n' for n in range(70_000))
    first = examine_bytes(plain.encode())
    others = [
        examine_bytes(gzip.compress(plain.encode()), name="other.csv.gz"),
        examine_bytes(plain.replace("\n", "\r\n").encode("utf-16")),
        examine_bytes(quoted.encode(), kept=first.part.schema),
    ]

    assert {other.part.sha256 for other in others} == {first.part.sha256}
    assert all(other.part.profile == first.part.profile for other in others)


@pytest.mark.case("F", "delimiters that are not detected")
@pytest.mark.parametrize("sign", ["^", "~", ":", " "])
def test_a_delimiter_that_is_not_detected_is_named_in_the_fix(examine_bytes: Examine, sign: str) -> None:
    raw = sign.join("acy") + "\n" + f"1{sign}x{sign}0\n2{sign}z{sign}1\n"
    fix = f'`ingest: {{delimiter: "{sign}"}}`'
    said = examine_bytes(raw.encode()).refusal.problems[0].fix

    assert fix in said.replace("'", '"').replace("delimiter: ^", 'delimiter: "^"')
    read = examine_bytes(raw.encode(), f'{{target: y, ingest: {{delimiter: "{sign}"}}}}')
    assert [row["c"] for row in read.good] == ["x", "z"]


@pytest.mark.case("F", "delimiters at the end of rows")
def test_a_delimiter_at_the_end_of_each_row_is_named_in_the_fix(examine_bytes: Examine) -> None:
    refusal = examine_bytes(b"a,c,y\n" + b"1,x,0,\n" * 9).refusal

    assert "end no row with one" in refusal.problems[0].fix
    assert len(examine_bytes(b"a,c,y,\n" + b"1,x,0,\n2,z,1,\n" * 5).good) == 10
