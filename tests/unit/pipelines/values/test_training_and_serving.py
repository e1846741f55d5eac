"""A value is one value to training and to serving, whatever it came in: encoded alike, or refused by both."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.data_files.object_keys import DataFile, classify_key
from functions.data_files.spool import spool
from functions.ingest_data.process_file import process_file
from functions.ingest_data.schema import Column, DataSchema
from functions.ingest_data.settings import Settings
from functions.serve_model import v1, v2
from functions.serve_model.errors import BadRequest
from functions.serve_model.model import Model
from pipelines.encoding import Encoding, EncodingError, Feature
from pipelines.encoding.categories import OneHot, TargetMean
from pipelines.encoding.columns import Boolean, CentredNumber, Encoder, Number
from pipelines.encoding.scales import Scale
from pipelines.encoding.times import Datetime
from pipelines.encoding.words import HashedText
from pipelines.spec import Kind, parse_spec
from pipelines.tables import canonical, encode_table
from pipelines.values.form import PLAIN, Form

Block = tuple[float, ...] | None
"""An encoded value; None was refused."""

NAMES = ("a", "x", "1", "12.5", "true", "Self-emp", "é", "日本", "9223372036854775808", "31/01/2026")
MEANS = {name: (float(place),) for place, name in enumerate(NAMES)}
COMMA, GROUPED = Form(decimal=","), Form(decimal=",", grouped=True)
ENCODERS: dict[str, tuple[Kind, Encoder, Form]] = {
    "number": (Kind.NUMBER, Number(), PLAIN),
    "decimal comma": (Kind.NUMBER, Number(), COMMA),
    "thousands": (Kind.NUMBER, Number(), GROUPED),
    "dollars": (Kind.NUMBER, Number(), Form(grouped=True, unit="$")),
    "percent": (Kind.NUMBER, Number(), Form(unit="%")),
    "own words": (Kind.NUMBER, Number(), Form(missing=("unknown",))),
    "centred": (Kind.NUMBER, CentredNumber(Scale(1e6, 64.0)), PLAIN),
    "integer": (Kind.INTEGER, Number(), PLAIN),
    "large integer": (Kind.INTEGER, CentredNumber(Scale(2**60, 1.0)), PLAIN),
    "boolean": (Kind.BOOLEAN, Boolean(), PLAIN),
    "category": (Kind.CATEGORY, OneHot(NAMES, missing=True), PLAIN),
    "category, own words": (Kind.CATEGORY, OneHot(NAMES, missing=True), Form(missing=("NA", "unknown"))),
    "many categories": (Kind.CATEGORY, TargetMean(MEANS, (-1.0,), (-2.0,)), PLAIN),
    "text": (Kind.TEXT, HashedText(32, 3), PLAIN),
    "time": (Kind.DATETIME, Datetime(("days", "hour")), PLAIN),
    "day first": (Kind.DATETIME, Datetime(("days", "hour")), Form(format="%d/%m/%Y")),
    "month in words": (Kind.DATETIME, Datetime(("days", "hour")), Form(format="%d-%b-%Y")),
    "American time": (Kind.DATETIME, Datetime(("days", "hour")), Form(format="%m/%d/%Y %I:%M %p")),
    "short year": (Kind.DATETIME, Datetime(("days", "hour")), Form(format="%d.%m.%y")),
    "unix": (Kind.DATETIME, Datetime(("days", "hour")), Form(format="unix")),
}
TEXTS = st.sampled_from(
    [
        *("", " ", "NA", "nan", "null", "\\N", "#N/A", "<NA>", "NaT", "none", "na", ".", "-", "?", "unknown"),
        *(
            "33.5",
            "88,5",
            "1.250",
            "1,096",
            "1,096.5",
            "1.234,56",
            "1 096,5",
            "1.096.000",
            " 7 ",
            "+3",
            "1e3",
        ),
        *("$5", "-$1,096.50", "0.5%", "inf", "-Infinity", "1e999", "12abc", "0x1A", "1_000", "\u22125", "٣"),
        *("true", " True", "FALSE", "yes", "n", "1", "0", "1.0", "01", "12.50"),
        *("Self-emp", " Self-emp", "self-emp", "é", "e\u0301", "日本", "a\u00a0", "x"),
        *("31/01/2026", "01/02/2026", "31/01/26", "2026-01-31", "2026-01-31T10:00:00+02:00", "20260131"),
        *(
            "31-Jan-2026",
            "5-MAY-2026",
            "31-January-2026",
            "1/31/2026 1:30 PM",
            "1/31/2026 1:30PM",
            "31.01.26",
        ),
        *("9223372036854775807", "9223372036854775808", "1925036343869802844", "99999999999999999999999"),
        *("1767225600", "1767225600.5", "soon"),
    ]
) | st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=5)


@dataclass(frozen=True)
class Case:
    """A feature, and how a file of its values is ingested."""

    feature: Feature
    schema: DataSchema

    @classmethod
    def of(cls, name: str) -> Case:
        kind, encoder, form = ENCODERS[name]
        columns = (Column("v", kind, form=form), Column("y", Kind.INTEGER))
        return cls(Feature("v", kind.value, encoder, form), DataSchema(columns, "y"))

    @property
    def model(self) -> Model:
        encoding = Encoding.from_json(json.loads(json.dumps(Encoding((self.feature,)).to_json())))
        return Model("m", 1, encoding, lambda matrix: pytest.fail("it is not asked"), (), {})


def trained(case: Case, raw: bytes, name: str, folder: Path) -> list[Block]:
    """Ingest a file with the columns v and y, where y is the row's number; encode the rows for training."""
    missing = json.dumps(case.feature.form.missing)
    spec = parse_spec(
        f"{{target: y, ingest: {{tolerated_bad_rows: 1, missing: {missing}}}}}".encode(), model="m"
    )
    kind = classify_key(f"m/{name}")
    assert isinstance(kind, DataFile)
    limits = Settings("unused")
    spooled = spool(io.BytesIO(raw), folder, kind.format, limits, encoding="utf-8")
    now = datetime(2026, 11, 23, tzinfo=UTC)
    done = process_file(spooled, spec, case.schema, now=now, folder=folder, max_columns=limits.max_columns)
    blocks: list[Block] = [None] * done.rows
    if done.part is None:
        return blocks
    table = pq.read_table(done.part.path)
    rows = table.column("y").to_pylist()
    read = canonical(table.column("v"), case.feature.kind, "v", case.feature.form)  # type: ignore[arg-type]
    encoded = encode_table(Encoding((case.feature,)), pa.table({"v": read}))
    for row, block in zip(rows, encoded.tolist(), strict=True):
        blocks[row] = _block(block)
    return blocks


def served(case: Case, ask: Callable[[Model], Any]) -> Block:
    """Encode what a request's body holds, one row of one feature."""
    model = case.model
    try:
        inputs = ask(model)
        encode = model.encoding.encode if isinstance(inputs, dict) else model.encoding.encode_matrix
        return _block(encode(inputs)[0].tolist())
    except (BadRequest, EncodingError):
        return None


def _block(numbers: Sequence[float]) -> Block:
    return tuple(repr(float(number) + 0.0) for number in numbers)  # type: ignore[return-value]


def by_v1(value: Any, *, named: bool) -> Callable[[Model], Any]:
    body = json.dumps({"instances": [{"v": value} if named else [value]]}).encode()
    return lambda model: v1.read(body, model)[0]


def by_v2(value: Any, datatype: str, *, matrix: bool = False) -> Callable[[Model], Any]:
    name, shape = ("all", [1, 1]) if matrix else ("v", [1])
    entry = {"name": name, "datatype": datatype, "shape": shape, "data": [value]}
    body = json.dumps({"inputs": [entry]}).encode()
    return lambda model: v2.read(body, None, model).inputs


def by_binary(value: float, datatype: str) -> Callable[[Model], Any]:
    raw = np.array([value], dtype="<f8" if datatype == "FP64" else "<i8").tobytes()
    parameters = {"binary_data_size": len(raw)}
    entry = {"name": "v", "datatype": datatype, "shape": [1], "parameters": parameters}
    head = json.dumps({"inputs": [entry]}).encode()
    return lambda model: v2.read(head + raw, len(head), model).inputs


def as_csv(values: Sequence[str]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["v", "y"], *([value, row] for row, value in enumerate(values))])
    return out.getvalue().encode()


def as_json_lines(values: Sequence[Any]) -> bytes:
    return "".join(json.dumps({"v": value, "y": row}) + "\n" for row, value in enumerate(values)).encode()


def as_parquet(values: Sequence[Any], type_: pa.DataType) -> bytes:
    out = pa.BufferOutputStream()
    pq.write_table(pa.table({"v": pa.array(values, type_), "y": range(len(values))}), out)
    return bytes(out.getvalue())


@pytest.mark.case("E", "one value read by training and by serving")
@pytest.mark.parametrize("name", ENCODERS)
def test_a_text_is_one_value_everywhere(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    case = Case.of(name)

    @settings(deadline=None, max_examples=12)
    @given(st.lists(TEXTS, min_size=3, max_size=25))
    def check(values: list[str]) -> None:
        folder = tmp_path_factory.mktemp("text")
        expected = [served(case, by_v1(value, named=True)) for value in values]
        # A file settles for itself how its numbers are written; these are of the dataset's form.
        for read, raw, suffix in (
            ("Parquet", as_parquet(values, pa.string()), "parquet"),
            ("JSON", as_json_lines(values), "jsonl"),
            ("CSV", as_csv(values), "csv"),
        ):
            if case.feature.kind in ("number", "integer") and _settles_otherwise(values):
                continue
            (place := folder / read).mkdir()
            assert dict(zip(values, trained(case, raw, f"d.{suffix}", place), strict=False)) == dict(
                zip(values, expected, strict=True)
            ), read
        for value, block in zip(values, expected, strict=True):
            assert served(case, by_v1(value, named=False)) == block
            assert served(case, by_v2(value, "BYTES")) == block
            assert served(case, by_v2(value, "BYTES", matrix=True)) == block

    check()


def _settles_otherwise(values: Sequence[str]) -> bool:
    return any("," in value or value.count(".") > 1 for value in values)


NUMBERS = st.one_of(
    st.sampled_from([0, 1, -1, 2**53, 2**53 + 1, 2**60 + 3, 2**63 - 1, -(2**63), 1_767_225_600]),
    st.integers(-(2**63), 2**63 - 1),
)
FLOATS = st.one_of(
    st.sampled_from([0.0, 1.0, 33.5, 12.5, 1e300, -1e300, 1_767_225_600.5, math.nan, math.inf, -math.inf]),
    st.floats(-1e6, 1e6, width=32),
)
NUMERIC = [name for name, (kind, _, _) in ENCODERS.items() if kind is not Kind.TEXT]


@pytest.mark.case("E", "one number read by training and by serving")
@pytest.mark.parametrize("name", NUMERIC)
def test_a_number_is_one_value_everywhere(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    case = Case.of(name)

    @settings(deadline=None, max_examples=12)
    @given(st.lists(NUMBERS, min_size=3, max_size=25))
    def whole(values: list[int]) -> None:
        folder = tmp_path_factory.mktemp("whole")
        expected = [served(case, by_v1(value, named=True)) for value in values]
        assert trained(case, as_parquet(values, pa.int64()), "d.parquet", folder) == expected
        for value, block in zip(values, expected, strict=True):
            assert served(case, by_v2(value, "INT64")) == block
            assert served(case, by_binary(value, "INT64")) == block

    @settings(deadline=None, max_examples=12)
    @given(st.lists(FLOATS, min_size=3, max_size=25))
    def fractions(values: list[float]) -> None:
        if case.feature.kind == "integer":  # a model takes a measure between whole ones; a dataset does not
            values = [value for value in values if not math.isfinite(value) or value.is_integer()] or [1.0]
            values = [value for value in values if abs(value) < 2**53 or not math.isfinite(value)] or [1.0]
        folder = tmp_path_factory.mktemp("fractions")
        expected = [served(case, by_binary(value, "FP64")) for value in values]
        found = trained(case, as_parquet(values, pa.float64()), "d.parquet", folder)
        assert dict(zip(map(repr, values), found, strict=True)) == dict(
            zip(map(repr, values), expected, strict=True)
        )
        for value, block in zip(values, expected, strict=True):
            if math.isfinite(value):
                assert served(case, by_v1(value, named=False)) == block
                assert served(case, by_v2(value, "FP64")) == block

    whole()
    fractions()
