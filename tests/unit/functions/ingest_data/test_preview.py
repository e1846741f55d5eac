"""A draft of model.yaml is made by the reader that ingests the file."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from functions.data_files.refusal import FileRefused
from functions.ingest_data.preview import preview
from pipelines.spec.draft import UnknownTarget, draft_spec

GERMAN = "id;seen;amount;visits;city;y\n" + "".join(
    f"{row};{row % 28 + 1:02}.01.2026;1.234,{row % 90 + 10};{row};Köln;{row % 2}\n" for row in range(1, 101)
)
PLAIN = b"customer_id,amount,code,active,note,y\n" + b"".join(
    b"%d,1.5,00%d,true,called us about the bill,%d\n" % (row, row, row % 2) for row in range(100)
)
FILES = {
    "german.csv": GERMAN.encode("cp1252"),
    "plain.csv": PLAIN,
    "packed.csv.gz": gzip.compress(PLAIN, mtime=0),
    "words.jsonl": b'{"a": 1, "b": "x", "y": true}\n{"a": 2.5, "b": null, "y": false}\n' * 20,
}


@pytest.mark.case("C5", "spec init and ingest are one reader")
@pytest.mark.parametrize("name", FILES)
def test_the_draft_says_what_ingesting_infers(
    examine_bytes: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    columns, warnings = preview(tmp_path / name, "y")
    draft = draft_spec(columns, target="y")
    enabled = re.sub(r"^#(schema:|  )", r"\1", draft, flags=re.MULTILINE)
    schema = enabled[enabled.index("schema:") : enabled.index("\n\n", enabled.index("schema:"))]
    inferred = examine_bytes(FILES[name], name=name)
    said = examine_bytes(FILES[name], f"target: y\n{schema}\n", name=name)

    assert {column.name: column.kind.value for column in columns} == inferred.kinds == said.kinds
    assert warnings == inferred.processed.warnings
    assert said.good == inferred.good


@pytest.mark.case("C5", "spec init and ingest are one reader")
def test_decimal_commas_and_dates_are_in_the_draft(tmp_path: Path) -> None:
    (tmp_path / "german.csv").write_bytes(FILES["german.csv"])
    draft = draft_spec(preview(tmp_path / "german.csv", "y")[0], target="y")

    assert '#  seen: {type: datetime, format: "%d.%m.%Y", nullable: false}' in draft
    assert '#  amount: {type: number, decimal: ",", nullable: false}' in draft
    assert "#timestamp: seen" in draft
    assert "\nentity: id " in draft


def test_parquet_is_read_too(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"x": [1, None], "y": [True, False], "z": [0.5, float("nan")]}), tmp_path / "a.parquet"
    )

    columns = preview(tmp_path / "a.parquet", "y")[0]
    assert [(each.name, each.kind.value, each.values) for each in columns] == [
        ("x", "integer", [1, None]),
        ("y", "boolean", [True, False]),
        ("z", "number", [0.5, None]),
    ]


@pytest.mark.parametrize(
    ("name", "raw"),
    [("a.csv", b""), ("a.csv", b"y,y\n1,2\n"), ("a.parquet", b"PAR1 but no"), ("notes.docx", b"y\n1\n")],
)
def test_what_ingesting_refuses_is_refused(tmp_path: Path, name: str, raw: bytes) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(FileRefused):
        preview(tmp_path / name, "y")


def test_a_target_that_is_no_column_is_named_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"churned,amount\n1,2\n")
    with pytest.raises(UnknownTarget, match="did you mean 'churned'"):
        preview(tmp_path / "a.csv", "churn")
