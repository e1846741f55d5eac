"""Labels meet their predictions, each once, in whatever order and however often they are delivered."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import select
from support.feedback import Feedback, predict
from support.world import MODEL, NOON, World, logged

from eventing import catalogue as c
from eventing.testing import HandlingFailed, build_event, handle
from functions.join_feedback import join
from functions.join_feedback.app import create_app
from functions.join_feedback.metrics import LabelMetrics
from functions.join_feedback.settings import Settings
from functions.state.database import session_factory
from functions.state.labels import JoinedLabel, WaitingLabel
from functions.state.timers import TimerRow


def test_a_label_joins_its_prediction_and_gets_its_loss(feedback: Feedback) -> None:
    batch = predict(feedback, labels=["yes", "no", "no", "no"])
    feedback.label("yes", prediction_id=batch.ids[0])
    feedback.label("yes", prediction_id=batch.ids[1])

    joined = feedback.joined()

    assert (joined.joined, joined.unknown, joined.impossible) == (2, 0, 0)
    assert joined.through == feedback.world.now
    with feedback.world.session() as session:
        rows = session.scalars(select(JoinedLabel).order_by(JoinedLabel.at)).all()
    assert [(row.value, row.loss, row.version) for row in rows] == [("yes", 0.0, 1), ("yes", 1.0, 1)]
    assert feedback.count(WaitingLabel) == 0


def test_what_became_of_each_label_is_in_a_file(feedback: Feedback) -> None:
    batch = predict(feedback)
    feedback.label("yes", prediction_id=batch.ids[0])
    feedback.label("perhaps", prediction_id=batch.ids[1])
    joined = feedback.joined()
    assert joined.labels is not None
    data = feedback.world.store.get(joined.labels.uri, sha256=joined.labels.sha256)
    table = pq.read_table(io.BytesIO(data))
    assert dict(zip(table["prediction_id"].to_pylist(), table["fate"].to_pylist(), strict=True)) == {
        batch.ids[0]: "joined",
        batch.ids[1]: "impossible",
    }


@pytest.mark.case("I", "a label that is not joined is named with its fate")
def test_labels_that_are_not_joined_are_named_single_ones_first_and_files_are_counted(
    feedback: Feedback,
) -> None:
    batch = predict(feedback)
    lines = [f"{batch.ids[1]},no", *(f"{batch.ids[2]},no" for _ in range(30))]
    feedback.file(f"{MODEL}/a@b#1.csv", ("prediction_id,label\n" + "\n".join(lines)).encode())
    feedback.label("perhaps", prediction_id=batch.ids[0])
    joined = feedback.joined()
    assert (joined.refused[0].label_id, joined.refused[0].fate) == ("/tests label-1", "impossible")
    assert len(joined.refused) == 20
    (file,) = joined.files
    assert (file.key, file.joined, file.duplicate) == (f"{MODEL}/a@b#1.csv", 2, 29)


def test_every_event_delivered_twice_changes_nothing(feedback: Feedback) -> None:
    batch = predict(feedback)
    for _ in range(3):
        handle(feedback.app, feedback.label("yes", prediction_id=batch.ids[0]))
    assert feedback.count(WaitingLabel) == 3
    joined = feedback.joined()
    assert (joined.joined, joined.duplicate) == (1, 2)
    assert feedback.count(JoinedLabel) == 1


def test_a_label_redelivered_after_it_was_joined_is_no_second_label(feedback: Feedback) -> None:
    batch = predict(feedback)
    event = feedback.label("yes", prediction_id=batch.ids[0])
    assert feedback.joined().joined == 1
    handle(feedback.app, event)
    feedback.label("yes", prediction_id=batch.ids[1])
    joined = feedback.joined()
    assert (joined.joined, joined.duplicate) == (1, 0)


def test_two_joinings_at_once_count_each_label_once(
    feedback: Feedback, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = predict(feedback)
    # A label that waits holds `joined_through` where it is, so that it cannot tell the two apart.
    feedback.label("yes", prediction_id=logged([NOON], seed="not logged").ids[0])
    assert feedback.ring() == []
    feedback.label("yes", prediction_id=batch.ids[0])
    world = feedback.world
    joiner = join.Joiner(session_factory(world.engine), world.store, world.clock, 100, LabelMetrics())
    match_labels = join.match_labels

    def overtaken(*arguments: Any) -> join.Joined:
        matched = match_labels(*arguments)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(join, "match_labels", match_labels)
            assert joiner.join(build_event(c.TimerDue.type, id_="other"), MODEL, NOON)
        return matched

    monkeypatch.setattr(join, "match_labels", overtaken)
    told = joiner.join(build_event(c.TimerDue.type, id_="one"), MODEL, NOON)
    assert [c.FeedbackJoined.model_validate(each.data).joined for each in told] in ([], [0])
    assert feedback.count(JoinedLabel) == 1


def test_the_first_label_stands_and_a_contradiction_is_counted(feedback: Feedback) -> None:
    batch = predict(feedback)
    feedback.label("yes", prediction_id=batch.ids[0])
    assert feedback.joined().joined == 1
    feedback.label("no", prediction_id=batch.ids[0])
    assert feedback.joined().contradictory == 1


def test_a_label_after_its_window_is_late(feedback: Feedback) -> None:
    batch = predict(feedback)
    feedback.world.now = feedback.world.after(101)
    feedback.label("yes", prediction_id=batch.ids[0])
    assert feedback.joined().late == 1


def test_a_label_that_comes_before_its_prediction_is_logged_waits_for_it(feedback: Feedback) -> None:
    times = [NOON]
    batch = logged(times, seed="late")
    feedback.label("yes", prediction_id=batch.ids[0])
    assert [each.type for each in feedback.ring()] == []
    assert feedback.count(WaitingLabel) == 1
    feedback.world.log(batch)
    joined = feedback.joined()
    assert (joined.joined, feedback.count(WaitingLabel)) == (1, 0)


def test_joining_never_claims_to_be_past_a_label_that_waits(feedback: Feedback) -> None:
    known = predict(feedback)
    feedback.world.now = feedback.world.after(1)
    feedback.label("yes", prediction_id=logged([NOON], seed="not logged").ids[0])
    waits_since = feedback.world.now
    feedback.world.now = feedback.world.after(2)
    feedback.label("yes", prediction_id=known.ids[0])
    joined = feedback.joined()
    assert joined.joined == 1
    assert joined.through < waits_since
    unknown = feedback.joined(feedback.world.after(60))
    assert (unknown.unknown, unknown.through) == (1, feedback.world.now)


@pytest.mark.parametrize(
    "identity",
    ["no-uuid", "2f1b8b7e-7f0e-4f0e-9d3c-1f0a5c9b7a11", "ffffffff-ffff-7fff-bfff-ffffffffffff", "a\0b"],
)
def test_a_label_of_an_unknown_prediction_is_unknown_in_the_end(feedback: Feedback, identity: str) -> None:
    predict(feedback)
    feedback.label("yes", prediction_id=identity)
    assert feedback.joined(feedback.world.after(60)).unknown == 1


@pytest.mark.parametrize(
    "spelling", [str.upper, lambda text: f" {text}\n", lambda text: text.replace("-", "")]
)
def test_an_id_is_known_however_it_is_spelt(feedback: Feedback, spelling: Callable[[str], str]) -> None:
    batch = predict(feedback)
    feedback.label("yes", prediction_id=spelling(batch.ids[0]))
    assert feedback.joined().joined == 1


def test_a_label_by_entity_joins_the_newest_prediction_before_its_time(feedback: Feedback) -> None:
    predict(feedback, 2, entities=["ann", "bob"])
    newer = predict(feedback, 2, second=10, entities=["ann", "bob"])
    predict(feedback, 1, second=30, entities=["ann"])
    feedback.world.now = feedback.world.after(40)
    feedback.label("yes", entity="ann", time=(NOON + timedelta(seconds=20)).isoformat())
    joined = feedback.joined(feedback.world.after(60))
    assert joined.joined == 1
    with feedback.world.session() as session:
        (row,) = session.scalars(select(JoinedLabel))
    assert (row.prediction_id, row.entity) == (newer.ids[0], "ann")


def test_labels_of_a_canarys_versions_are_kept_apart(feedback: Feedback) -> None:
    feedback.world.version(2)
    old, new = predict(feedback, 2), predict(feedback, 2, second=1, version=2, labels=["yes", "yes"])
    for identity in (*old.ids, *new.ids):
        feedback.label("yes", prediction_id=identity)
    joined = feedback.joined(feedback.world.after(150))
    assert [(each.version, each.matured, each.labelled, each.mean_loss) for each in joined.versions] == [
        (1, 2, 2, 1.0),
        (2, 2, 2, 0.0),
    ]


def test_shadow_answers_are_no_predictions_of_their_own(feedback: Feedback) -> None:
    batch = predict(feedback, labels=["yes"] * 4)
    feedback.world.log(batch.model_copy(update={"version": 2, "shadow": True, "labels": ["no"] * 4}))
    feedback.label("yes", prediction_id=batch.ids[0])
    assert feedback.joined().joined == 1
    with feedback.world.session() as session:
        (row,) = session.scalars(select(JoinedLabel))
    assert (row.version, row.loss) == (1, 0.0)


def test_time_moves_on_without_labels_until_everything_has_matured(feedback: Feedback) -> None:
    predict(feedback)
    feedback.label("yes", prediction_id="unknown")
    said = []
    for second in range(2, 200, 3):
        said += feedback.ring(feedback.world.after(second))
    through = [datetime.fromisoformat(each.data["through"]) for each in said]
    assert through == sorted(through)
    assert through[-1] >= NOON + timedelta(seconds=100)
    assert feedback.count(TimerRow) == 0


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


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({}, "a label needs `prediction_id`, or `entity` and `time`"),
        ({"entity": "a", "time": "2026-03-01T12:00:00"}, "has no time zone"),
        ({"entity": "a", "time": "1001-01-01T00:00:00Z"}, "nothing was predicted at 1001"),
        ({"entity": "a", "time": "0001-01-01T00:00:00Z"}, "outside of the years 1000 to 8999"),
    ],
)
def test_a_label_that_names_no_prediction_is_refused(
    feedback: Feedback, names: dict[str, str], said: str
) -> None:
    with pytest.raises(HandlingFailed, match=said):
        feedback.label("yes", **names)


def test_many_labels_are_joined_in_several_goes_and_none_is_forgotten(feedback: Feedback) -> None:
    feedback.app = create_app(
        Settings(feedback.world.url, max_labels=3),
        store=feedback.world.store,
        engine=feedback.world.engine,
        clock=feedback.world.clock,
    )
    batch = predict(feedback, 8)
    for identity in batch.ids:
        feedback.world.now += timedelta(milliseconds=10)
        feedback.label("yes", prediction_id=identity)
    received = feedback.world.now
    first = feedback.joined()
    assert first.joined == 3
    assert first.through < received
    assert [feedback.joined().joined, feedback.joined().joined] == [3, 2]
    assert feedback.count(JoinedLabel) == 8


def test_a_number_is_labelled_with_a_number_and_judged_by_the_scale_of_its_card(database: str) -> None:
    world = World(database)
    world.spec(labels={"window": "100s", "train": False}, task="regression")
    world.version(
        1, classes=None, loss={"rows": 100, "mean": 0.1, "variance": 0.01, "scale": 10.0}, promoted=True
    )
    feedback = Feedback(world)
    batch = predict(feedback, 3, numbers=[1.0, 2.0, 3.0])
    for identity, value in zip(batch.ids, ["3.5", 100, "much"], strict=True):
        feedback.label(value, prediction_id=identity)
    joined = feedback.joined()
    assert (joined.joined, joined.impossible) == (2, 1)
    with world.session() as session:
        assert [row.loss for row in session.scalars(select(JoinedLabel).order_by(JoinedLabel.at))] == [
            0.25,
            1.0,
        ]
    world.engine.dispose()


def test_a_timer_of_another_function_is_refused(feedback: Feedback) -> None:
    payload = {"owner": "govern_training", "key": f"{MODEL}/pending", "due": NOON.isoformat()}
    with pytest.raises(HandlingFailed, match="another function's"):
        handle(feedback.app, build_event(c.TimerDue.type, payload, id_="t"))


def test_a_batch_that_is_logged_late_still_meets_its_labels(feedback: Feedback) -> None:
    batch = logged([NOON + timedelta(seconds=1)], seed="late")
    feedback.label("yes", prediction_id=batch.ids[0])
    feedback.ring()
    feedback.world.log(batch)
    assert feedback.joined().joined == 1
