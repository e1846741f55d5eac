"""From an object event to a dataset: parts, profiles, manifests, reports, and what is said of them."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eventing.catalogue import DatasetIngested, DatasetRejected
from eventing.testing import HandlingFailed, handle, object_created, object_removed
from kascade.rendering.event_line import event_line

Ingesting = Any

GOOD = "id,amount,country,y\n" + "".join(f"{n},{n}.5,NL,{n % 2}\n" for n in range(100))


@pytest.fixture
def churn(world: Ingesting) -> Ingesting:
    """A world with the model churn."""
    world.drop_one("churn/model.yaml", "target: y\n")
    return world


@pytest.mark.case("C", "warnings of columns whose kind is a guess")
def test_the_event_warns_of_columns_whose_kind_is_a_guess(churn: Ingesting) -> None:
    lines = GOOD.splitlines()
    odd = "\n".join(
        [lines[0] + ",pay", *(f'{line},"{1 + place},096"' for place, line in enumerate(lines[1:]))]
    )
    payload = DatasetIngested.model_validate(churn.drop_one("churn/2026-01.csv", odd).data)
    [warning] = [each for each in payload.warnings if each.column == "pay"]

    assert warning.count == len(lines) - 1
    assert "could be read in two ways" in warning.message
    assert warning.fix == '`schema: {pay: {type: number, decimal: ","}}` if it is a decimal comma'
    printed = event_line({"type": DatasetIngested.type, "data": payload.model_dump()})
    assert "warning: pay: " in printed.splitlines()[1]


def test_a_good_file_becomes_a_part_with_profile_schema_and_manifest(churn: Ingesting) -> None:
    event = churn.drop_one("churn/2026-01.csv", GOOD)
    payload = DatasetIngested.model_validate(event.data)

    assert (event.type, event.subject, event.source) == (
        DatasetIngested.type,
        "churn",
        "/kascade/ingest_data",
    )
    assert (payload.rows, payload.total_rows, payload.parts, payload.quarantined_rows) == (100, 100, 1, 0)
    assert payload.quarantine_uri is None
    assert payload.key == "churn/2026-01.csv"
    assert payload.part.uri == f"s3://datasets/churn/{payload.part.sha256}/data.parquet"
    assert payload.dataset.uri == f"s3://datasets/churn/manifests/{payload.dataset.sha256}.json"
    raw = churn.store.get(payload.part.uri, payload.part.sha256)
    manifest = churn.json(payload.dataset.model_dump())
    schema = churn.json(payload.data_schema.model_dump())
    profile = churn.json(payload.profile.model_dump())

    assert manifest == {
        "model": "churn",
        "parts": [
            {
                "uri": payload.part.uri,
                "sha256": payload.part.sha256,
                "rows": 100,
                "bytes": len(raw),
                "key": "churn/2026-01.csv",
            }
        ],
        "spec_sha256": payload.spec.sha256,
        "schema_sha256": payload.data_schema.sha256,
    }
    assert churn.store.get(payload.spec.uri, payload.spec.sha256) == b"target: y\n"
    assert [(column["name"], column["kind"]) for column in schema["columns"]] == [
        ("id", "integer"),
        ("amount", "number"),
        ("country", "category"),
        ("y", "integer"),
    ]
    assert (schema["target"], schema["entity"], schema["timestamp"], schema["task"]) == (
        "y",
        None,
        None,
        None,
    )
    assert profile["rows"] == 100


def test_later_files_are_appended_in_order(churn: Ingesting) -> None:
    first = churn.drop_one("churn/1.csv", GOOD).data
    second = churn.drop_one("churn/2.jsonl", '{"id": 500, "amount": 1, "country": "BE", "y": 0}\n').data
    parts = churn.json(second["dataset"])["parts"]

    assert [part["sha256"] for part in parts] == [first["part"]["sha256"], second["part"]["sha256"]]
    assert (second["rows"], second["total_rows"], second["parts"]) == (1, 101, 2)
    assert second["data_schema"] == first["data_schema"]


def test_bad_rows_are_quarantined_with_a_report(churn: Ingesting) -> None:
    event = churn.drop_one("churn/1.csv", GOOD + "bad,1,NL,0\n7,x,NL,1\n")
    uri = event.data["quarantine_uri"]
    report = json.loads(churn.store.get(uri))

    assert event.type == DatasetIngested.type
    assert (event.data["rows"], event.data["quarantined_rows"]) == (100, 2)
    assert event.data["problems"][0]["where"].startswith("row ")
    assert uri.startswith("s3://quarantine/churn/")
    assert (report["key"], report["refused"], report["rows"], report["bad_rows"]) == (
        "churn/1.csv",
        None,
        102,
        2,
    )
    assert report["bad_cells"] == [
        {"column": "amount", "reason": "not a number", "cells": 1, "first_row": 103, "example": "x"},
        {"column": "id", "reason": "not a whole number", "cells": 1, "first_row": 102, "example": "bad"},
    ]

    table = pq.read_table(io.BytesIO(churn.store.get(uri.replace("report.json", "rows.parquet"))))
    assert table.to_pylist()[0] == {
        "row": 102,
        "column": "id",
        "value": "bad",
        "reason": "not a whole number",
    }


@pytest.mark.case("F3", "what is said of them")
def test_the_event_warns_of_unlabelled_rows_and_of_what_was_passed_over(churn: Ingesting) -> None:
    sink = io.BytesIO()
    labels = pa.array([None] * 30 + [0, 1] * 35)
    table = pa.table({"__index_level_0__": range(100), "a": range(100), "n": [[1]] * 100, "y": labels})
    pq.write_table(table, sink)
    data = churn.drop_one("churn/country=NL/1.parquet", sink.getvalue()).data
    payload = DatasetIngested.model_validate(data)

    assert (payload.rows, payload.total_rows, payload.unlabelled_rows, payload.quarantined_rows) == (
        70,
        70,
        30,
        0,
    )
    assert [(each.column, each.count) for each in payload.warnings] == [
        ("y", 30),
        ("__index_level_0__", None),
        ("n", None),
        ("country", None),
    ]
    assert all(each.fix for each in payload.warnings)
    assert churn.json(data["dataset"])["parts"][0]["rows"] == 70
    assert pq.read_table(io.BytesIO(churn.store.get(payload.part.uri))).num_rows == 100


@pytest.mark.parametrize(
    ("key", "raw", "reason"),
    [
        ("churn/a.csv", b"", "the file is empty"),
        ("churn/a.csv", b"id,amount,country,y\n", "the file has a header but no rows"),
        ("churn/a.csv", b"\x89PNG\x00\x00", "not a text file"),
        ("churn/a.csv", "имя,y\nИван,1\n".encode("cp1251") * 20, "unknown encoding"),
        ("churn/a.csv", b"amount\n1\n", "missing column: y"),
        ("churn/a.csv", b"id,y\n" + b"1\n" * 10, "all 10 rows are bad"),
        (
            "churn/a.csv",
            b"id,y\n" + b"1,1\n1\n" * 10,
            "10 of 20 rows are bad (50.0%), more than the 5.0%",
        ),
        ("churn/a.parquet", b"PAR1", "not a Parquet file"),
        ("churn/a.json", b"[1]", "not JSON Lines"),
        ("churn/a.xlsx", b"PK\x03\x04", "broken ZIP archive"),
        ("churn/a.ods", b"PK\x03\x04", "the file cannot be taken under this name"),
        ("churn/../a.csv", b"y\n1\n", "the file cannot be taken under this name"),
        ("a.csv", b"y\n1\n", "the file cannot be taken under this name"),
        ("Größe/a.csv", b"y\n1\n", "the file cannot be taken under this name"),
    ],
)
def test_a_file_that_cannot_be_taken_is_rejected_whole_and_kept(
    churn: Ingesting, key: str, raw: bytes, reason: str
) -> None:
    event = churn.drop_one(key, raw)
    payload = DatasetRejected.model_validate(event.data)

    assert event.type == DatasetRejected.type
    assert payload.reason.startswith(reason)
    assert payload.key == key
    assert payload.problems
    assert all(problem.where and problem.problem for problem in payload.problems)
    assert any(problem.fix for problem in payload.problems)
    assert churn.store.get(f"s3://raw/{key}") == raw
    assert not list(churn.store.list("s3://datasets/"))
    if payload.report_uri:
        assert json.loads(churn.store.get(payload.report_uri))["refused"] == payload.reason


def test_the_limits_come_from_the_settings(churn: Ingesting) -> None:
    churn.app = churn.rebuild(max_columns=2, max_line_bytes=1 << 20, max_file_bytes=4 << 20)

    columns = churn.drop_one("churn/a.csv", GOOD).data
    line = churn.drop_one("churn/b.csv", b"y\n" + b"x" * (2 << 20)).data
    size = churn.drop_one("churn/c.csv", b"y\n" + b"1\n" * (3 << 20)).data

    assert columns["problems"][0]["problem"] == "4 columns, at most 2 are read (MAX_COLUMNS)"
    assert line["problems"][0]["problem"] == "it has more than 1048576 bytes (MAX_LINE_BYTES)"
    assert size["problems"][0]["problem"] == "more than 4194304 bytes unpacked (MAX_FILE_BYTES)"


def test_an_event_stays_small_whatever_the_file(churn: Ingesting) -> None:
    header = ",".join(f"column number {place} with a rather long name" for place in range(3000))
    spec = "target: y\nschema: {" + ", ".join(f"missing{place}: int" for place in range(3000)) + "}\n"
    churn.drop_one("churn/model.yaml", spec)
    event = churn.drop_one("churn/a.csv", header + "\n")

    assert len(json.dumps(event.data)) < 60_000
    assert event.data["problems"][-1]["problem"] == "2981 more problems"


def test_unicode_keys_are_taken_as_they_are(churn: Ingesting) -> None:
    event = churn.drop_one("churn/données ✓/été+a&b%20.csv", GOOD)

    assert (event.type, event.data["key"]) == (DatasetIngested.type, "churn/données ✓/été+a&b%20.csv")


def test_hidden_and_unfinished_files_are_passed_over(churn: Ingesting) -> None:
    assert churn.drop("churn/.x.csv", GOOD) == []
    assert churn.drop("churn/x.csv.tmp", GOOD) == []
    assert churn.drop("churn/2026/", "") == []


def test_objects_in_other_buckets_are_passed_over(churn: Ingesting) -> None:
    assert churn.tell(object_created("churn/a.csv", bucket="other")) == []


def test_events_of_other_types_are_refused(churn: Ingesting) -> None:
    with pytest.raises(HandlingFailed) as caught:
        handle(churn.app, object_removed("churn/a.csv"))

    assert caught.value.status == 422


def test_the_function_is_ready_when_its_database_is(world: Ingesting) -> None:
    assert world.app.test_client().get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("place", "error", "where"),
    [
        ("functions.ingest_data.check_rows.read_array", pa.ArrowInvalid("would lose data"), "column id"),
        (
            "functions.ingest_data.infer_types._from_text",
            pa.ArrowNotImplementedError("no kernel"),
            "column id",
        ),
        ("functions.ingest_data.process_file.Profile.add", pa.ArrowInvalid("would lose data"), "the file"),
    ],
)
def test_a_case_that_no_rule_foresees_refuses_the_file_and_is_logged(
    churn: Ingesting,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    place: str,
    error: Exception,
    where: str,
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(place, fail)
    event = churn.drop_one("churn/a.csv", GOOD)
    payload = DatasetRejected.model_validate(event.data)

    assert payload.reason == "the file has values that cannot be read"
    assert (payload.problems[0].where, payload.problems[0].problem) == (where, str(error))
    assert payload.report_uri is not None
    assert f"a file met a case that no rule foresees: {where}" in caplog.text
