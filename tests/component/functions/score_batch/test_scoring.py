"""A dropped file is scored by the champion as serving scores the same rows, and no row is lost."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from eventing.catalogue import BatchCompleted, BatchProgressed
from eventing.errors import RetryLater
from eventing.store import StoreUnavailable
from functions.serve_model.app import create_app
from functions.serve_model.settings import Settings as ServeSettings
from functions.state.database import transaction
from functions.state.versions import Fact, record_fact
from pipelines.prediction_ids import IdSource

from .conftest import NOW, Scoring, parquet

HEADER = "customer,amount,visits,country,active\n"
ROWS: list[dict[str, Any]] = [
    {"customer": "a-1", "amount": 1.5, "visits": 2, "country": "DE", "active": True},
    {"customer": "b", "amount": -7.25, "visits": 1, "country": "FR", "active": False},
    {"customer": "ç☃", "amount": None, "visits": None, "country": None, "active": None},
    {"customer": "d", "amount": 0.1, "visits": -3, "country": "IT", "active": True},
    {"customer": "e", "amount": 1e300, "visits": 2**53, "country": "de", "active": True},
]


def csv_of(rows: list[dict[str, Any]]) -> str:
    def text(value: Any) -> str:
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    return HEADER + "".join(",".join(map(text, row.values())) + "\n" for row in rows)


def served(folder: Path, raw: bytes, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Ask serve_model for the same rows."""
    path = folder / "model.onnx"
    path.write_bytes(raw)
    digest = hashlib.sha256(raw).hexdigest()
    inference = create_app(ServeSettings("churn", 1, path.as_uri(), digest))._inference
    body = json.dumps({"instances": rows}).encode()
    answer = inference.answer(inference.read("v1", body), IdSource(lambda: 1.0, lambda bits: 0))
    found: dict[str, Any] = json.loads(answer.body)
    return found


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "rows.jsonl"])
def test_a_file_is_answered_as_serving_answers_its_rows(scoring: Scoring, tmp_path: Path, name: str) -> None:
    raw = {
        "rows.csv": csv_of(ROWS).encode(),
        "rows.parquet": parquet(pa.Table.from_pylist(ROWS)),
        "rows.jsonl": "\n".join(json.dumps(row) for row in ROWS).encode(),
    }[name]
    done = scoring.completed(f"churn/{name}", raw)
    result = scoring.result(done)
    online = served(tmp_path, scoring.store.get("s3://models/churn/v1/model.onnx"), ROWS)

    assert result["prediction"].to_pylist() == online["predictions"]
    assert result["customer"].to_pylist() == [row["customer"] for row in ROWS]
    for index, class_ in enumerate(("left", "stayed")):
        given = [each[index] for each in online["probabilities"]]
        np.testing.assert_allclose(result[f"probability_{class_}"].to_numpy(), given, rtol=1e-6)
    assert set(result["model_version"].to_pylist()) == {1}
    assert result["problem"].null_count == len(ROWS)
    assert (done.version, done.rows, done.bad_rows, done.report_uri) == (1, len(ROWS), 0, None)


@pytest.mark.parametrize(
    ("key", "result"),
    [
        ("churn/a.csv", "churn/a.predictions.csv"),
        ("churn/2026/ä b.csv", "churn/2026/ä b.predictions.csv"),
        ("churn/a.txt", "churn/a.txt.predictions.csv"),
        ("churn/a.parquet", "churn/a.parquet.predictions.csv"),
    ],
)
def test_the_result_lies_beside_the_file_in_the_form_of_its_content(
    scoring: Scoring, key: str, result: str
) -> None:
    if key.endswith(".parquet"):
        assert scoring.failed(key, csv_of(ROWS)).reason == "not a Parquet file"
        return
    assert scoring.completed(key, csv_of(ROWS)).result.uri == f"s3://batch/{result}"
    again = scoring.put(result, scoring.store.get(f"s3://batch/{result}"))
    assert scoring.run(again) == []


def test_a_bad_row_keeps_its_place_and_says_why(scoring: Scoring) -> None:
    text = HEADER + "a,1,1,DE,true\nb,many,1.5,DE,true\nc,1,1\nd,2,2,FR,maybe\ne,3,3,FR,false\n"
    done = scoring.completed("churn/a.csv", text)
    result = scoring.result(done).to_pylist()

    assert [row["row"] for row in result] == [2, 3, 4, 5, 6]
    assert [row["customer"] for row in result] == ["a", "b", None, "d", "e"]
    assert [row["problem"] for row in result] == [
        None,
        "amount: not a number",
        "the wrong number of fields",
        "active: not true or false",
        None,
    ]
    assert [row["prediction"] is None for row in result] == [False, True, True, True, False]
    assert [row["probability_left"] is None for row in result] == [False, True, True, True, False]
    assert (done.rows, done.bad_rows) == (5, 3)
    assert done.report_uri is not None
    report = json.loads(scoring.store.get(done.report_uri))
    reasons = {(each["column"], each["reason"], each["first_row"]) for each in report["bad_cells"]}
    assert reasons == {
        ("amount", "not a number", 3),
        ("visits", "not a whole number", 3),
        ("active", "not true or false", 5),
        ("", "the wrong number of fields", 4),
    }


def test_unreadable_rows_at_the_end_have_their_place_too(scoring: Scoring) -> None:
    done = scoring.completed("churn/a.jsonl", json.dumps(ROWS[0]) + "\nno json\n\n[1]\n")
    assert scoring.result(done)["row"].to_pylist() == [1, 2, 4]
    assert done.bad_rows == 2


def test_other_columns_are_kept_and_a_missing_one_is_named(scoring: Scoring) -> None:
    done = scoring.completed("churn/a.csv", 'note,country,visits,amount,active\n"x, y",DE,1,1,true\n')
    told = ["prediction", "probability_left", "probability_stayed", "model_version", "problem"]
    assert scoring.result(done).column_names == ["row", "note", *told]
    assert scoring.result(done)["note"].to_pylist() == ["x, y"]
    failed = scoring.failed("churn/b.csv", "customer,amount,active\na,1,true\n")
    assert failed.reason == "missing columns: visits, country"
    assert [each.where for each in failed.problems] == ["column visits", "column country"]
    taken = scoring.failed("churn/c.csv", HEADER.replace("customer", "prediction") + "a,1,1,DE,true\n")
    assert taken.reason == "the file has a column prediction, which the result adds"


@pytest.mark.parametrize(
    ("key", "raw", "reason"),
    [
        ("churn/a.csv", "", "the file is empty"),
        ("churn/a.csv", HEADER, "the file has a header but no rows"),
        ("churn/a.csv", HEADER + "a,x,1,DE,true\n", "all 1 rows are bad"),
        ("churn/model.yaml", "{target: y}", "only files with rows are scored"),
        ("churn/a.pdf", "%PDF", "the file cannot be taken under this name"),
        ("price/a.csv", HEADER, "the model price has no champion"),
    ],
)
def test_what_cannot_be_scored_is_refused_with_a_fix(
    scoring: Scoring, key: str, raw: str, reason: str
) -> None:
    failed = scoring.failed(key, raw)
    assert failed.reason == reason
    assert all(each.fix for each in failed.problems)
    assert failed.problems
    assert [each for each in scoring.objects("batch") if "predictions" in each] == []


def test_a_retired_model_scores_nothing(scoring: Scoring) -> None:
    with transaction(scoring.sessions) as session:
        record_fact(session, "churn", 1, Fact.RETIRED, "retired", NOW)
    assert "taken out of service" in scoring.failed("churn/a.csv", csv_of(ROWS)).problems[0].problem


def test_a_redelivery_says_the_same_again_though_another_version_is_champion(scoring: Scoring) -> None:
    event = scoring.put("churn/a.csv", csv_of(ROWS))
    first = scoring.run(event)
    scoring.serve(2)
    assert scoring.run(event) == first
    assert scoring.completed("churn/b.csv", csv_of(ROWS)).version == 2


def test_a_version_promoted_in_the_middle_scores_the_next_file(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = csv_of(ROWS * 20_000)
    ticks = iter(range(1000))

    def tick() -> float:
        now = next(ticks)
        if now == 3:
            scoring.serve(2)
        return 20.0 * now

    events = scoring.run(scoring.put("churn/a.csv", many), monotonic_s=tick)
    assert [each.type for each in events[:-1]] == [BatchProgressed.type] * (len(events) - 1)
    assert len({each.id for each in events}) == len(events) > 1
    done = BatchCompleted.model_validate(events[-1].data)
    assert done.version == 1
    assert set(scoring.result(done)["model_version"].to_pylist()) == {1}
    assert done.rows == len(ROWS) * 20_000


def test_a_crash_in_the_middle_leaves_nothing_and_the_next_attempt_scores(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = scoring.put("churn/a.csv", csv_of(ROWS))
    put = scoring.store.put

    def away(uri: str, data: Any) -> Any:
        if "predictions" in uri:
            raise StoreUnavailable(uri, "is away")
        return put(uri, data)

    monkeypatch.setattr(scoring.store, "put", away)
    for _ in range(2):
        with pytest.raises((StoreUnavailable, RetryLater)):
            scoring.run(event)
        assert not list(scoring.settings.scratch_dir.iterdir())
    monkeypatch.setattr(scoring.store, "put", put)
    (done,) = scoring.run(event)
    assert done.type == BatchCompleted.type


def test_a_file_that_ends_every_attempt_is_given_up(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = scoring.put("churn/a.csv", csv_of(ROWS))
    monkeypatch.setattr("functions.score_batch.job.load_champion", _killed)
    for _ in range(3):
        with pytest.raises(MemoryError):
            scoring.run(event)
    (failed,) = scoring.run(event)
    assert failed.data["reason"].startswith("it was tried 3 times")
    assert scoring.run(event) == [failed]


def _killed(*_: Any) -> Any:
    raise MemoryError


def test_a_file_that_was_replaced_is_left_to_its_own_event(scoring: Scoring) -> None:
    older = scoring.put("churn/a.csv", csv_of(ROWS))
    newer = scoring.put("churn/a.csv", csv_of(ROWS[:2]))
    (superseded,) = scoring.run(older)
    assert superseded.data["reason"] == "the file was replaced or removed before it was scored"
    (done,) = scoring.run(newer)
    assert done.data["rows"] == 2
    assert NOW - done.time == timedelta(0)
