"""Numbers that are written otherwise, words for missing, and numbers of many digits."""

from __future__ import annotations

import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

Examine = Callable[..., Any]


def csv(header: str, *lines: str, times: int = 20) -> bytes:
    return "\n".join([header, *lines * times, ""]).encode()


def parquet(**columns: pa.Array) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def warned(found: Any, column: str) -> str:
    return " ".join(
        f"{each.message} {each.fix}" for each in found.processed.warnings if each.column == column
    )


@pytest.mark.case("C1")
def test_a_point_between_thousands_is_told_by_the_other_columns(
    examine_bytes: Examine,
) -> None:
    found = examine_bytes(csv("a;b;y", "88,5;6;1", "12,25;11;0", "3,5;1.250;1"))

    assert [row["b"] for row in found.good[:3]] == [6, 11, 1250]
    assert [row["a"] for row in found.good[:3]] == [88.5, 12.25, 3.5]
    assert "20 of 60 numbers could be read in two ways" in warned(found, "b")
    assert '`schema: {b: {type: number, decimal: "."}}`' in warned(found, "b")


@pytest.mark.case("C1", "the line of model.yaml settles it")
def test_model_yaml_settles_what_could_be_read_in_two_ways(examine_bytes: Examine) -> None:
    raw = csv("a;b;y", "88,5;6;1", "3,5;1.250;1")
    said = examine_bytes(raw, '{target: y, schema: {b: {type: number, decimal: "."}}}')

    assert ([row["b"] for row in said.good[:2]], warned(said, "b")) == ([6, 1.25], "")


@pytest.mark.case("C1", "no other column tells")
@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (csv("b;y", "6;1", "1.250;0"), [6, 1.25]),
        (csv("b;y", "6;1", "1,096;0"), [6, 1.096]),
        (csv("b\ty", "6\t1", "1,096\t0"), [6, 1096]),
        (csv("b,y", "6,1", '"1,096",0'), [6, 1096]),
    ],
)
def test_without_any_telling_value_there_is_a_warning(
    examine_bytes: Examine, raw: bytes, values: Any
) -> None:
    found = examine_bytes(raw)

    assert [row["b"] for row in found.good[:2]] == values
    assert "could be read in two ways" in warned(found, "b")


@pytest.mark.case("C2")
@pytest.mark.parametrize(
    ("cells", "values", "warning"),
    [
        (('"1,096"', "12", '"1,250,000"'), [1096, 12, 1_250_000], "marks between thousands"),
        (("$137.50", "-$2", '"$1,096.25"'), [137.5, -2.0, 1096.25], "60 of 60 numbers have a $"),
        (("3 €", "€5", "4.5€"), [3.0, 5.0, 4.5], "have a €"),
        (
            ("0.5%", "12 %", "-3%"),
            [0.5, 12.0, -3.0],
            "60 numbers have a %, which is left out: 0.5% as 0.5",
        ),
        (("1 096", "1\u00a0250.5", "7"), [1096.0, 1250.5, 7.0], ""),
        (("1'096.5", "12", "3"), [1096.5, 12.0, 3.0], ""),
        (('"12,34,567"', "12", "3"), [1_234_567, 12, 3], "marks between thousands"),
        (("\u22125", "12", "3"), [-5, 12, 3], ""),
        (
            ('"88,5"', '"3,25"', '"1.234,5"'),
            [88.5, 3.25, 1234.5],
            "comma and marks between thousands",
        ),
        (('"88,5"', "33.5", "2.25"), [88.5, 33.5, 2.25], "20 of 60 numbers have another decimal mark"),
    ],
)
def test_numbers_written_otherwise_are_numbers(
    examine_bytes: Examine, cells: tuple[str, ...], values: list[Any], warning: str
) -> None:
    found = examine_bytes(csv("a,y", *(f"{cell},{place}" for place, cell in enumerate(cells))))

    assert [row["a"] for row in found.good[:3]] == values
    assert warning in warned(found, "a")


@pytest.mark.case("C2", "percentages among numbers without a sign")
def test_percentages_beside_other_numbers_are_not_guessed(examine_bytes: Examine) -> None:
    found = examine_bytes(csv("a,y", "50%,1", "0.5,0"))

    assert found.kinds["a"] == "category"
    assert "20 of 40 values have a % and others have none" in warned(found, "a")


@pytest.mark.case("C3")
@pytest.mark.parametrize(
    "word", ["\\N", "#N/A", "<NA>", "NaT", "none", "na", ".", "-", "?", "NULL", "#NA", "n/a"]
)
def test_a_word_for_missing_leaves_a_column_of_numbers_what_it_is(examine_bytes: Examine, word: str) -> None:
    found = examine_bytes(csv("a,y", "1.5,1", "2.5,0", "3,1", "4,0", f"{word},1"))

    assert (found.kinds["a"], found.processed.bad_rows) == ("number", 0)
    assert [row["a"] for row in found.good[:5]] == [1.5, 2.5, 3.0, 4.0, None]


@pytest.mark.case("C3", "configurable")
def test_model_yaml_says_which_words_mean_missing(examine_bytes: Examine) -> None:
    raw = csv("a,b,y", "1,x,1", "unknown,NA,0", "3,-,1")
    plain = examine_bytes(raw)
    said = examine_bytes(raw, "{target: y, ingest: {missing: [unknown, NA]}}")

    assert plain.kinds["a"] == "category"
    assert "40 of 60 values are numbers, but 'unknown' (20) are not" in warned(plain, "a")
    assert "`ingest: {missing: [unknown]}`" in warned(plain, "a")
    assert "20 of 60 values are 'NA', kept as a category of that name" in warned(plain, "b")
    assert [(row["a"], row["b"]) for row in said.good[:3]] == [(1, "x"), (None, None), (3, "-")]
    assert said.processed.warnings == ()


@pytest.mark.case("C4")
def test_a_target_of_numbers_written_otherwise_is_a_target_of_numbers(examine_bytes: Examine) -> None:
    lines = [f"x{place % 7};1.{place:03},5{place % 9}" for place in range(500)]
    found = examine_bytes(csv("a;y", *lines, times=1))

    assert (found.kinds["y"], found.processed.bad_rows) == ("number", 0)
    assert found.good[1]["y"] == 1001.51


@pytest.mark.case("C4", "a text target of high cardinality")
def test_a_target_of_as_many_texts_as_rows_is_warned_of(examine_bytes: Examine) -> None:
    many = examine_bytes(csv("a,y", *(f"1,about {place}" for place in range(300)), times=1))
    few = examine_bytes(csv("a,y", *(f"1,{name}" for name in "abc")))

    assert "the target has 300 different texts in 300 rows" in warned(many, "y")
    assert few.processed.warnings == ()


@pytest.mark.case("C", "nothing is a category because of a few odd cells without a warning")
@pytest.mark.parametrize(
    ("lines", "warning"),
    [
        (["oops", *map(str, range(9))], "but 'oops' (20) are not: kept as a category"),
        (["007", *map(str, range(9))], "20 of 200 numbers begin with 0, as codes do"),
        (["01/02/2026", "03/04/2026"], "fit %d/%m/%Y and %m/%d/%Y: kept as a category"),
    ],
)
def test_a_column_that_is_nearly_of_another_kind_is_warned_of(
    examine_bytes: Examine, lines: list[str], warning: str
) -> None:
    found = examine_bytes(csv("a,y", *(f"{line},1" for line in lines)))

    assert found.kinds["a"] == "category"
    assert warning in warned(found, "a")


@pytest.mark.case("C1", "a later file in another form")
def test_a_later_file_is_read_in_its_own_form(examine_bytes: Examine) -> None:
    first = examine_bytes(csv("a,y", "1096.5,1", "2.25,0"))
    later = examine_bytes(csv("a;y", "88,5;1", "3,25;0", "1.250;1"), kept=first.part.schema)
    assert [row["a"] for row in later.good[:3]] == [88.5, 3.25, 1250.0]
    assert later.part.schema == first.part.schema


@pytest.mark.case("C1", "a later file that does not tell")
def test_a_later_file_that_could_be_read_in_two_ways_is_not_guessed_at(examine_bytes: Examine) -> None:
    spec = "{target: y, ingest: {tolerated_bad_rows: 0.6}}"
    kept = examine_bytes(csv("a,y", "1096.5,1", "2.25,0")).part.schema
    found = examine_bytes(csv("a;y", "7;1", "1,096;1", times=1), spec, kept=kept)

    assert ([row["a"] for row in found.good], found.bad) == ([7.0], [(3, "a", "1,096", "not a number")])


IDS = [1925036343869802844 + 7 * place for place in range(50)]


@pytest.mark.case("D")
@pytest.mark.parametrize("spec", ["target: y", "{target: y, entity: id}"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_large_integers_are_kept_exactly(examine_bytes: Examine, spec: str, name: str) -> None:
    raw = {
        "a.csv": csv("id,y", *(f"{each},{place % 2}" for place, each in enumerate(IDS)), times=1),
        "a.jsonl": "".join(
            f'{{"id": {each}, "y": {place % 2}}}\n' for place, each in enumerate(IDS)
        ).encode(),
        "a.parquet": parquet(id=pa.array(IDS), y=pa.array([0, 1] * 25)),
    }[name]
    found = examine_bytes(raw, spec, name=name)

    assert (found.kinds["id"], found.processed.bad_rows) == ("integer", 0)
    assert [row["id"] for row in found.good] == IDS


@pytest.mark.case("D", "what does not fit 64 bits")
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("a.csv", [str(10 * each) for each in IDS]),
        ("a.jsonl", [str(10 * each) for each in IDS]),
        ("a.parquet", pa.array([2**63 + each for each in range(50)], pa.uint64())),
        ("a.parquet", pa.array([Decimal(10 * each) for each in IDS], pa.decimal128(25, 0))),
        ("a.parquet", pa.array([Decimal(10 * each) for each in IDS], pa.decimal128(30, 2))),
    ],
)
def test_longer_integers_are_categories_exactly(examine_bytes: Examine, name: str, values: Any) -> None:
    texts = [str(value) for value in (values.to_pylist() if isinstance(values, pa.Array) else values)]
    whole = [text.partition(".")[0] for text in texts]
    raw = {
        "a.csv": lambda: csv("id,y", *(f"{each},1" for each in texts), times=1),
        "a.jsonl": lambda: "".join(f'{{"id": "{each}", "y": 1}}\n' for each in texts).encode(),
        "a.parquet": lambda: parquet(id=values, y=pa.array([1] * 50)),
    }[name]()
    found = examine_bytes(raw, name=name)

    assert found.kinds["id"] == "category"
    assert [row["id"] for row in found.good] == whole
    assert "whole numbers beyond 64 bits are kept exactly" in warned(found, "id")


@pytest.mark.case("D", "exact decimals of Parquet")
def test_exact_decimals_are_whole_numbers_where_they_are(examine_bytes: Examine) -> None:
    whole = pa.array([Decimal(each) for each in IDS], pa.decimal128(38, 2))
    money = pa.array([Decimal("12.50"), Decimal("3.25")] * 25, pa.decimal128(12, 2))
    long = pa.array([Decimal("1234567890123456.78")] * 50, pa.decimal128(20, 2))
    found = examine_bytes(parquet(id=whole, money=money, long=long, y=pa.array([1] * 50)), name="a.parquet")

    assert found.kinds == {"id": "integer", "money": "number", "long": "number", "y": "integer"}
    assert [row["id"] for row in found.good] == IDS
    assert "50 of 50 numbers have more digits than a 64-bit float keeps" in warned(found, "long")
    assert warned(found, "money") == ""


@pytest.mark.case("D", "JSON numbers beyond 64 bits")
def test_json_numbers_beyond_64_bits_are_warned_of(examine_bytes: Examine) -> None:
    raw = "".join(f'{{"id": {10**20 + place}, "y": 1}}\n' for place in range(50)).encode()
    found = examine_bytes(raw, name="a.jsonl")

    assert found.kinds["id"] == "number"
    assert "50 of 50 numbers have more digits than a 64-bit float keeps" in warned(found, "id")


def test_an_infinite_number_has_no_digits_to_lose(examine_bytes: Examine) -> None:
    found = examine_bytes(
        parquet(a=pa.array([1.0, 2.0] * 20 + [float("inf")]), y=pa.array([1] * 41)), name="a.parquet"
    )

    assert (found.bad, found.processed.warnings) == ([(41, "a", "inf", "not finite")], ())


@pytest.mark.case("D", "long ids below the sample")
def test_long_ids_far_into_the_first_file_do_not_lose_digits(examine_bytes: Examine) -> None:
    short = b"".join(b"%d,1\n" % number for number in range(150_000))
    long = b"".join(b"%d,1\n" % (10**20 + number) for number in range(100_000))
    found = examine_bytes(b"id,y\n" + short + long)

    assert found.kinds["id"] == "category"
    assert found.good[-1]["id"] == str(10**20 + 99_999)
    assert len({row["id"] for row in found.good}) == 250_000


@pytest.mark.case("E", '", " separators')
def test_texts_are_trimmed_as_names_and_labels_are(examine_bytes: Examine) -> None:
    found = examine_bytes(csv("work, pay", "Self-emp, <=50K", " Private , >50K", "  , <=50K"), "target: pay")

    assert [row["work"] for row in found.good[:3]] == ["Self-emp", "Private", None]
    assert {row["pay"] for row in found.good} == {"<=50K", ">50K"}


@pytest.mark.case("E", "a date as training had it")
def test_a_dates_form_is_kept_in_the_schema(examine_bytes: Examine) -> None:
    found = examine_bytes(csv("seen,y", "31/01/2026,1", "02/03/2026,0"))
    column = found.part.schema.column("seen")

    assert (column.kind.value, column.form.format) == ("datetime", "%d/%m/%Y")
    later = examine_bytes(csv("seen,y", "05/01/2026,1", "2026-02-01,0", times=1), kept=found.part.schema)
    assert [row["seen"].date().isoformat() for row in later.good] == ["2026-01-05", "2026-02-01"]
