"""Dropped files of labels: each row is a label, and a bad row spoils only itself."""

from __future__ import annotations

import gzip
import io
import json
from datetime import timedelta

import pytest
from support.feedback import Feedback, predict
from support.world import MODEL, NOON

from eventing.testing import HandlingFailed

CSV = "prediction_id,label\n{0},yes\n{1},no\n"


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "jsonl", "parquet"])
def test_a_dropped_file_of_labels_is_joined(feedback: Feedback, kind: str) -> None:
    batch = predict(feedback)
    text = CSV.format(*batch.ids).encode()
    if kind == "csv.gz":
        text = gzip.compress(text)
    elif kind != "csv":
        import pandas as pd

        frame, stream = pd.read_csv(io.BytesIO(text)), io.BytesIO()
        if kind == "parquet":
            frame.to_parquet(stream)
        else:
            frame.to_json(stream, orient="records", lines=True)
        text = stream.getvalue()
    feedback.file(f"{MODEL}/labels.{kind}", text)
    assert feedback.joined().joined == 2


@pytest.mark.parametrize("database_kind", ["sqlite"])  # it is about reading, and long
def test_a_column_that_is_not_of_labels_may_hold_anything(feedback: Feedback) -> None:
    batch = predict(feedback)
    notes = ["1"] * 200_000 + ["not a number any more"]
    ids = [*batch.ids[:2], *["x"] * (len(notes) - 3), batch.ids[2]]
    lines = [f"{note},{identity},yes\n" for note, identity in zip(notes, ids, strict=True)]
    feedback.file(f"{MODEL}/labels.csv", ("note,prediction_id,label\n" + "".join(lines)).encode())
    said = [feedback.ring(feedback.world.after(60 + 2 * n)) for n in range(12)]
    assert sum(each.data.get("joined", 0) for events in said for each in events) == 3


def test_only_the_first_object_says_which_columns_a_file_has(feedback: Feedback) -> None:
    batch = predict(feedback)
    good = json.dumps({"prediction_id": batch.ids[0], "label": "yes"})
    lines = ["no json", good, *['{"note": 1}'] * 3]
    feedback.file(f"{MODEL}/labels.jsonl", "\n".join(lines).encode())
    assert feedback.joined(feedback.world.after(60)).joined == 1
    with pytest.raises(HandlingFailed, match="has the columns note: labels need"):
        feedback.file(f"{MODEL}/other.jsonl", f'no json\n{{"note": 1}}\n{good}'.encode())


def test_a_file_delivered_again_adds_nothing_and_a_new_version_of_it_only_duplicates(
    feedback: Feedback,
) -> None:
    batch = predict(feedback)
    for etag in ("e1", "e1", "e2"):
        feedback.file(f"{MODEL}/labels.csv", CSV.format(*batch.ids).encode(), etag)
    joined = feedback.joined()
    assert (joined.joined, joined.duplicate) == (2, 2)


def test_a_file_by_entity_and_time_is_read_in_every_form_of_time(feedback: Feedback) -> None:
    predict(feedback, 3, entities=["a", "b", "c"])
    at = NOON + timedelta(seconds=5)
    text = f"entity,time,label\na,{at.isoformat()},yes\nb,{at.timestamp()},no\nc,{at:%Y-%m-%d %H:%M:%S},yes\n"
    feedback.file(f"{MODEL}/by-entity.csv", text.encode())
    assert feedback.joined(feedback.world.after(30)).joined == 3


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        (f"{MODEL}/x.csv", b"prediction,label\n1,yes\n", "has the columns prediction, label: labels need"),
        (f"{MODEL}/x.csv", b"", "cannot be read"),
        (f"{MODEL}/x.parquet", b"PAR1 but no more", "cannot be read"),
        (f"{MODEL}/x.csv.gz", b"no gzip", "cannot be read"),
        (f"{MODEL}/x.xlsx", b"", "is of no kind that is read: expected .csv, .jsonl, .ndjson, .parquet"),
        ("x.csv", b"label,prediction_id\n", "lies in no model's folder: drop it as feedback/<model>/x.csv"),
        (f"{MODEL}/x.csv", b"label,prediction_id\n", "has no rows"),
        (f"{MODEL}/x.csv", b"label,label,prediction_id\nyes,no,1\n", "has two columns `label`"),
        (
            f"{MODEL}/x.csv.gz",
            gzip.compress(b"label,prediction_id\n1,2\n" * 9, mtime=0)[:30],
            "cannot be read",
        ),
        (f"{MODEL}/x.csv.gz", gzip.compress(b"label\n", mtime=0)[:10] + b"\xff" * 20, "cannot be read"),
        (f"{MODEL}/x.jsonl", b'{"name": 1}\n', "has the columns name: labels need"),
        ("nobody/x.csv", b"label,prediction_id\n", "there is no model 'nobody'"),
    ],
)
def test_a_file_that_is_none_of_labels_is_refused_with_the_fix(
    feedback: Feedback, name: str, data: bytes, said: str
) -> None:
    with pytest.raises(HandlingFailed, match=said) as failed:
        feedback.file(name, data)
    assert failed.value.status == 422


def test_a_bad_row_spoils_only_itself(feedback: Feedback) -> None:
    batch = predict(feedback)
    text = f"prediction_id,label\n{batch.ids[0]},yes\n{batch.ids[1]},\n,yes\n{batch.ids[2]},maybe\n"
    feedback.file(f"{MODEL}/labels.csv", text.encode())
    joined = feedback.joined(feedback.world.after(60))
    assert (joined.joined, joined.impossible, joined.unknown) == (1, 2, 1)


def test_lines_of_json_may_differ_in_type_and_one_that_is_no_object_spoils_only_itself(
    feedback: Feedback,
) -> None:
    batch = predict(feedback)
    lines = [
        json.dumps({"prediction_id": batch.ids[0], "label": "yes"}),
        json.dumps({"label": 7, "prediction_id": batch.ids[1], "extra": [1]}),
        json.dumps({"label": float("nan"), "prediction_id": batch.ids[2]}),
        "[1, 2]",
        "{no json",
    ]
    feedback.file(f"{MODEL}/labels.jsonl", "\n".join(lines).encode())
    joined = feedback.joined(feedback.world.after(60))
    assert (joined.joined, joined.impossible) == (1, 4)


def test_a_time_that_no_prediction_has_spoils_only_its_row(feedback: Feedback) -> None:
    predict(feedback, 3, entities=["a", "b", "c"])
    at = (NOON + timedelta(seconds=5)).isoformat()
    rows = f"a,{at},yes\nb,0001-01-01,yes\nc,1e300,yes\nc,9999-12-31T23:59:59,yes\n"
    feedback.file(f"{MODEL}/labels.csv", f"entity,time,label\n{rows}".encode())
    joined = feedback.joined(feedback.world.after(60))
    assert (joined.joined, joined.unknown) == (1, 3)
